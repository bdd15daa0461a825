//! One event in one line of words: the readable form of the whole vocabulary.
//!
//! Nothing here remembers anything: what joins several events is the business of [`crate::timeline`].

mod file;
mod git;
mod http;
mod keys;
mod query;
mod session;

use wiretape_core::event::{ProcessEvent, ProcessKind, StreamEvent, StreamKind, TerminalEvent};
use wiretape_core::{Event, Kind, Lane, Side};

pub use file::{closed, operation, status};
pub(crate) use git::conversation;
pub(crate) use http::{control, reset, status_line};
pub use keys::{DOT, keys};
pub(crate) use session::{answered, asked};
pub use session::{opened, principal};

use crate::legible::{count, excerpt, excerpt_bytes, is_text, legible, legible_bytes, size, spoken};
use crate::limits::LABEL_LETTERS_MAX;
use crate::timecode;

/// Letters of payload that one line quotes.
const QUOTE_LETTERS: usize = 120;

/// What happened, in one line; without time, side and lane.
#[must_use]
pub fn describe(event: &Event) -> String {
    match &event.kind {
        Kind::Session(event) => session::session(event),
        Kind::Terminal(event) => terminal(event),
        Kind::Process(event) => process(event),
        Kind::Stream(StreamEvent::Data { error, bytes }) => {
            let name = match (event.side, error) {
                (Side::Client, false) => "stdin",
                (Side::Upstream, false) => "stdout",
                (_, true) => "stderr",
            };
            format!("{name} {}", quote(bytes))
        }
        Kind::Stream(StreamEvent::Eof) => format!("{} sends no more", peer(event.side)),
        Kind::Stream(StreamEvent::Close) => format!("{} closes", peer(event.side)),
        Kind::Stream(event) => stream(event),
        Kind::File(event) => file::file(event),
        Kind::Query(event) => query::query(event),
        Kind::Http(said) => http::http(event, said),
        Kind::Git(said) => git::git(said),
    }
}

/// Event `number` of a tape as a line of a list: number, time, lane, side, what happened.
#[must_use]
pub fn row(number: u64, event: &Event) -> String {
    let lane = if event.lane == Lane::CONNECTION { String::new() } else { format!("#{}", event.lane) };
    let time = timecode::precise(event.at);
    format!("{number:>6}  {time} {lane:>4}  {:<8}  {}", event.side.name(), describe(event))
}

/// What a stream is, in words: `forward to 127.0.0.1:5432`.
#[must_use]
pub fn stream_kind(kind: &StreamKind) -> String {
    match kind {
        StreamKind::Session => "session".to_owned(),
        StreamKind::DirectTcpip { host, port, .. } => format!("forward to {}:{port}", label(host)),
        StreamKind::ForwardedTcpip { host, port, originator, originator_port } => {
            format!("forward from {}:{port}, for {}:{originator_port}", label(host), label(originator))
        }
        StreamKind::DirectStreamlocal { path } => format!("forward to {}", label(path)),
        StreamKind::ForwardedStreamlocal { path } => format!("forward from {}", label(path)),
        StreamKind::Agent => "the client's agent".to_owned(),
        StreamKind::X11 { originator, originator_port } => format!("x11 for {}:{originator_port}", label(originator)),
    }
}

/// What a program is, in words: ``exec `make test` ``.
#[must_use]
pub fn program(kind: &ProcessKind) -> String {
    match kind {
        ProcessKind::Shell => "shell".to_owned(),
        ProcessKind::Exec { command } => format!("exec `{}`", excerpt_bytes(command, LABEL_LETTERS_MAX)),
        ProcessKind::Subsystem { name } => format!("subsystem {}", label(name)),
    }
}

/// A short text of a peer's, fit for one line.
#[must_use]
pub fn label(text: &str) -> String {
    excerpt(text, LABEL_LETTERS_MAX)
}

fn terminal(event: &TerminalEvent) -> String {
    match event {
        TerminalEvent::Start { term, size, .. } => format!("terminal {}×{} {}", size.columns, size.rows, label(term)),
        TerminalEvent::Input { bytes } => format!("typed {}", excerpt(&keys(bytes), QUOTE_LETTERS)),
        TerminalEvent::Concealed { count: bytes } => format!("typed {}, concealed", count(u64::from(*bytes), "byte")),
        TerminalEvent::Echoed { skipped, bytes } => match skipped {
            0 => format!("echoed {}", excerpt(&keys(bytes), QUOTE_LETTERS)),
            _ => format!(
                "echoed {}, after {} that {} concealed",
                excerpt(&keys(bytes), QUOTE_LETTERS),
                count(*skipped, "byte"),
                if *skipped == 1 { "stays" } else { "stay" }
            ),
        },
        TerminalEvent::Output { error, bytes } => {
            let word = if *error { "showed as stderr" } else { "showed" };
            let text = spoken(&String::from_utf8_lossy(bytes));
            match text.trim() {
                "" => format!("{word} {} of control sequences", size(bytes.len() as u64)),
                text => format!("{word} “{}” ({})", excerpt(text, QUOTE_LETTERS), size(bytes.len() as u64)),
            }
        }
        TerminalEvent::Resize { size } => format!("terminal is now {}×{}", size.columns, size.rows),
    }
}

fn process(event: &ProcessEvent) -> String {
    match event {
        ProcessEvent::Start { kind } => program(kind),
        ProcessEvent::Environment { name, value } => {
            format!("environment {}={}", label(name), excerpt_bytes(value, LABEL_LETTERS_MAX))
        }
        ProcessEvent::Agent => "lends its agent".to_owned(),
        ProcessEvent::Answer { request, accepted } => {
            format!("{} {}", label(request), if *accepted { "granted" } else { "not granted" })
        }
        ProcessEvent::Signal { name } => format!("signal {}", label(name)),
        ProcessEvent::Exit { status } => format!("exit {status}"),
        ProcessEvent::Killed { signal, core_dumped, message } => {
            let core = if *core_dumped { ", core dumped" } else { "" };
            let message = if message.is_empty() { String::new() } else { format!(": {}", label(message)) };
            format!("killed by {}{core}{message}", label(signal))
        }
    }
}

fn stream(event: &StreamEvent) -> String {
    match event {
        StreamEvent::Open { kind } => format!("open {}", stream_kind(kind)),
        StreamEvent::Accepted => "accepted".to_owned(),
        StreamEvent::Rejected { reason } => format!("rejected: {}", label(reason)),
        StreamEvent::Data { bytes, .. } => quote(bytes),
        StreamEvent::Eof => "sends no more".to_owned(),
        StreamEvent::Close => "closes".to_owned(),
        StreamEvent::Listen { address, port } => format!("listen on {}", endpoint(address, *port)),
        StreamEvent::Listening { address, port, accepted: true } => {
            format!("the target listens on {}", endpoint(address, *port))
        }
        StreamEvent::Listening { address, port, accepted: false } => {
            format!("the target does not listen on {}", endpoint(address, *port))
        }
        StreamEvent::Unlisten { address, port } => format!("listen no more on {}", endpoint(address, *port)),
        StreamEvent::Opaque { what } => format!("not read here: {}", label(what)),
    }
}

fn endpoint(address: &str, port: Option<u32>) -> String {
    match port {
        Some(port) if address.is_empty() => format!("*:{port}"),
        Some(port) => format!("{}:{port}", label(address)),
        None => label(address),
    }
}

fn peer(side: Side) -> &'static str {
    match side {
        Side::Client => "the client",
        Side::Upstream => "the target",
    }
}

fn quote(bytes: &[u8]) -> String {
    let length = size(bytes.len() as u64);
    if is_text(bytes) {
        // More than is shown, so that an excerpt says that it is one.
        let start = bytes.get(..QUOTE_LETTERS * 8).unwrap_or(bytes);
        format!("“{}” ({length})", excerpt(spoken(&String::from_utf8_lossy(start)).trim_end(), QUOTE_LETTERS))
    } else {
        format!("{length} that are no text")
    }
}

/// A path, legible.
#[must_use]
pub fn path(bytes: &[u8]) -> String {
    if bytes.len() > LABEL_LETTERS_MAX { excerpt_bytes(bytes, LABEL_LETTERS_MAX) } else { legible_bytes(bytes) }
}

/// A whole line of a peer's, legible.
#[must_use]
pub fn line(text: &str) -> String {
    legible(text).into_owned()
}
