//! What a timeline remembers of one lane.

use std::collections::BTreeMap;

use wiretape_core::event::{FileEvent, GitEvent, ProcessEvent, ProcessKind, StreamEvent, StreamKind, TerminalEvent};
use wiretape_core::{Event, Kind, Lane, Moment, Side};

use super::exchange::{Detail, ExchangeLine, Told};
use super::git::GitLine;
use super::query::QueryLine;
use super::run::Run;
use super::{Entry, Mark};
use crate::describe::{self, describe, label};
use crate::legible::size;
use crate::limits::{FILE_REQUESTS_KEPT_MAX, FILE_TRANSFERS_KEPT_MAX};
use crate::repository::library::Library;
use crate::timecode;
use crate::typed::Typed;

#[derive(Clone, Default)]
pub(super) struct LaneLine {
    opened: Moment,
    /// Set for anything but a session channel: what is summed up at the end.
    carried: Option<String>,
    /// A lane whose bytes are told by events of another family, or are nobody's to read.
    counted_only: bool,
    terminal: bool,
    up_bytes: u64,
    down_bytes: u64,
    input: Run,
    output: Run,
    error: Run,
    typed: Typed,
    asked: BTreeMap<u32, String>,
    transfers: BTreeMap<String, (u64, u64)>,
    query: Option<Box<QueryLine>>,
    exchange: Option<Box<ExchangeLine>>,
    git: Option<Box<GitLine>>,
    closed: [bool; 2],
}

impl LaneLine {
    pub(super) fn new(opened: Moment) -> Self {
        Self { opened, ..Self::default() }
    }

    /// Whether what is said of a database is joined here.
    pub(super) fn has_dialogue(&self) -> bool {
        self.query.is_some()
    }

    /// Joins from now on what is said of a database, and draws at most `rows_max` rows of each result.
    pub(super) fn begin_dialogue(&mut self, rows_max: usize) {
        self.query = Some(Box::new(QueryLine::new(rows_max)));
    }

    /// Joins from now on what is said of an HTTP exchange, and shows so much of it.
    pub(super) fn begin_exchange(&mut self, detail: Detail) {
        self.exchange = Some(Box::new(ExchangeLine::new(self.opened, detail)));
    }

    /// Joins from now on what is said in a conversation of Git, with the patches of its commits, from the packs of a
    /// library, or without.
    pub(super) fn begin_git(&mut self, lane: Lane, patches: Option<&Library>) {
        self.git = Some(Box::new(GitLine::new(lane, patches)));
    }

    /// Whether a conversation of Git is joined here.
    pub(super) fn has_git(&self) -> bool {
        self.git.is_some()
    }

    /// Whether an HTTP exchange is joined here.
    pub(super) fn has_exchange(&self) -> bool {
        self.exchange.is_some()
    }

    /// Both sides closed it: nothing more will come.
    pub(super) fn is_over(&self) -> bool {
        self.closed == [true, true] || self.exchange.as_ref().is_some_and(|exchange| exchange.is_over())
    }

    pub(super) fn feed(&mut self, event: &Event, told: &mut Told, entries: &mut Vec<Entry>) {
        match (&event.kind, &mut self.git) {
            (Kind::Git(said), Some(git)) => {
                if let (Some(exchange), Some(bytes)) = (&mut self.exchange, carried(said)) {
                    exchange.carried(event.side, bytes);
                }
                return git.feed(event, said, entries);
            }
            (_, Some(git)) => git.flush(entries),
            (_, None) => {}
        }
        match (&event.kind, &mut self.exchange) {
            (Kind::Http(said), Some(exchange)) => return exchange.feed(event, said, told, entries),
            (Kind::Stream(said), Some(exchange)) => return exchange.stream(event, said, entries),
            _ => {}
        }
        match &event.kind {
            Kind::Session(_) => {}
            Kind::Terminal(said) => self.terminal(event, said, entries),
            Kind::Process(said) => self.process(event, said, entries),
            Kind::Stream(said) => self.stream(event, said, entries),
            Kind::File(said) => self.file(event, said, entries),
            Kind::Query(said) => match &mut self.query {
                Some(query) => query.feed(event, said, entries),
                None => entries.push(Entry::of(event, Mark::Lane, describe(event))),
            },
            Kind::Http(_) | Kind::Git(_) => entries.push(Entry::of(event, Mark::Lane, describe(event))),
        }
    }

    /// Lets go of half lines that have waited long enough.
    pub(super) fn settle(&mut self, lane: Lane, now: Moment, told: &mut Told, entries: &mut Vec<Entry>) {
        if let Some(git) = &mut self.git {
            git.settle(now, entries);
        }
        if let Some(exchange) = &mut self.exchange {
            return exchange.settle(lane, now, told, entries);
        }
        // At a terminal a prompt and what is typed after it are one line, however long somebody thinks.
        if self.terminal {
            return;
        }
        self.input.settle(lane, Mark::In, now, entries);
        self.output.settle(lane, Mark::Out, now, entries);
        self.error.settle(lane, Mark::Error, now, entries);
    }

    /// Says what is left to say: half lines, unanswered requests, unclosed files, the sums of a forward.
    pub(super) fn end(&mut self, lane: Lane, at: Moment, told: &mut Told, entries: &mut Vec<Entry>) {
        self.flush(lane, at, entries);
        if let Some(mut git) = self.git.take() {
            git.flush(entries);
        }
        if let Some(mut exchange) = self.exchange.take() {
            exchange.end(lane, at, told, entries);
        }
        if let Some(mut query) = self.query.take() {
            query.end(lane, at, entries);
        }
        let entry = |mark, text| Entry { at, lane, mark, text };
        for operation in std::mem::take(&mut self.asked).into_values() {
            entries.push(entry(Mark::File, format!("{operation}: no answer")));
        }
        for (path, (read, written)) in std::mem::take(&mut self.transfers) {
            let text = describe::closed(path.as_bytes(), read, written, None);
            entries.push(entry(Mark::File, format!("{text}, never closed")));
        }
        if let Some(what) = self.carried.take() {
            let text = format!(
                "{what}: {} up, {} down, {}",
                size(self.up_bytes),
                size(self.down_bytes),
                timecode::span(at.since(self.opened))
            );
            entries.push(entry(Mark::Lane, text));
        }
    }

    fn flush(&mut self, lane: Lane, at: Moment, entries: &mut Vec<Entry>) {
        self.flush_typed(lane, at, entries);
        self.input.flush(lane, Mark::In, entries);
        self.output.flush(lane, Mark::Out, entries);
        self.error.flush(lane, Mark::Error, entries);
    }

    fn flush_typed(&mut self, lane: Lane, at: Moment, entries: &mut Vec<Entry>) {
        if !self.typed.is_empty() {
            entries.push(Entry { at, lane, mark: Mark::Typed, text: self.typed.signs() });
            self.typed.clear();
        }
    }

    fn terminal(&mut self, event: &Event, said: &TerminalEvent, entries: &mut Vec<Entry>) {
        self.terminal = true;
        match said {
            TerminalEvent::Start { .. } | TerminalEvent::Resize { .. } => {
                self.flush(event.lane, event.at, entries);
                entries.push(Entry::of(event, Mark::Lane, describe(event)));
            }
            TerminalEvent::Input { bytes } => self.typed.input(bytes),
            TerminalEvent::Concealed { count } => self.typed.concealed(*count),
            TerminalEvent::Echoed { skipped, bytes } => self.typed.echoed(*skipped, bytes),
            TerminalEvent::Output { error, bytes } => {
                // The echo of a line comes after its last key: only now is it known what may be shown of it.
                if self.typed.ends_a_line() {
                    self.flush_typed(event.lane, event.at, entries);
                }
                let (run, mark) = if *error { (&mut self.error, Mark::Error) } else { (&mut self.output, Mark::Out) };
                run.feed(event.lane, mark, event.at, bytes, entries);
            }
        }
    }

    fn process(&mut self, event: &Event, said: &ProcessEvent, entries: &mut Vec<Entry>) {
        match said {
            // That a request was granted goes without saying.
            ProcessEvent::Answer { accepted: true, .. } => return,
            ProcessEvent::Exit { .. } | ProcessEvent::Killed { .. } | ProcessEvent::Signal { .. } => {
                self.flush(event.lane, event.at, entries);
            }
            ProcessEvent::Start { kind: ProcessKind::Subsystem { name } } if name == "sftp" => self.counted_only = true,
            ProcessEvent::Start { .. }
            | ProcessEvent::Environment { .. }
            | ProcessEvent::Agent
            | ProcessEvent::Answer { .. } => {}
        }
        let mark = match said {
            ProcessEvent::Exit { status: 1.. } | ProcessEvent::Killed { .. } | ProcessEvent::Answer { .. } => {
                Mark::Warning
            }
            _ => Mark::Lane,
        };
        entries.push(Entry::of(event, mark, describe(event)));
    }

    fn stream(&mut self, event: &Event, said: &StreamEvent, entries: &mut Vec<Entry>) {
        match said {
            StreamEvent::Open { kind: StreamKind::Session } | StreamEvent::Accepted | StreamEvent::Eof => {}
            StreamEvent::Open { kind } => {
                let what = describe::stream_kind(kind);
                entries.push(Entry::of(event, Mark::Lane, format!("open {what}")));
                self.carried = Some(what);
            }
            StreamEvent::Rejected { reason } => {
                let what = self.carried.take().unwrap_or_else(|| "the lane".to_owned());
                entries.push(Entry::of(event, Mark::Warning, format!("{what} was rejected: {}", label(reason))));
                self.closed = [true, true];
            }
            StreamEvent::Data { error, bytes } => self.data(event, *error, bytes, entries),
            StreamEvent::Close => {
                let [client, upstream] = &mut self.closed;
                match event.side {
                    Side::Client => *client = true,
                    Side::Upstream => *upstream = true,
                }
                if self.is_over() {
                    self.end(event.lane, event.at, &mut Told::default(), entries);
                }
            }
            StreamEvent::Opaque { .. } => {
                self.counted_only = true;
                entries.push(Entry::of(event, Mark::Lane, describe(event)));
            }
            StreamEvent::Listen { .. } | StreamEvent::Listening { .. } | StreamEvent::Unlisten { .. } => {
                entries.push(Entry::of(event, Mark::Lane, describe(event)));
            }
        }
    }

    fn data(&mut self, event: &Event, error: bool, bytes: &[u8], entries: &mut Vec<Entry>) {
        let length = bytes.len() as u64;
        match event.side {
            Side::Client => self.up_bytes += length,
            Side::Upstream => self.down_bytes += length,
        }
        if self.counted_only || self.carried.is_some() {
            return;
        }
        let (lane, at) = (event.lane, event.at);
        // A half line ends where the other side begins to speak.
        match (event.side, error) {
            (Side::Client, _) => {
                self.output.flush(lane, Mark::Out, entries);
                self.error.flush(lane, Mark::Error, entries);
                self.input.feed(lane, Mark::In, at, bytes, entries);
            }
            (Side::Upstream, false) => {
                self.input.flush(lane, Mark::In, entries);
                self.output.feed(lane, Mark::Out, at, bytes, entries);
            }
            (Side::Upstream, true) => {
                self.input.flush(lane, Mark::In, entries);
                self.error.feed(lane, Mark::Error, at, bytes, entries);
            }
        }
    }

    fn file(&mut self, event: &Event, said: &FileEvent, entries: &mut Vec<Entry>) {
        match said {
            FileEvent::Asked { request, operation } => {
                let text = describe::operation(operation);
                // One that nobody may answer any more is told at once.
                if self.asked.len() >= FILE_REQUESTS_KEPT_MAX {
                    entries.push(Entry::of(event, Mark::File, text));
                } else if let Some(unanswered) = self.asked.insert(*request, text) {
                    entries.push(Entry::of(event, Mark::File, format!("{unanswered}: no answer")));
                }
            }
            FileEvent::Answered { request, status, message } => {
                let operation = self.asked.remove(request).unwrap_or_else(|| format!("request #{request}"));
                let (mark, text) = match (*status, message.as_str()) {
                    (0, "") => (Mark::File, operation),
                    (0, message) => (Mark::File, format!("{operation} → {}", label(message))),
                    // `SSH_FX_EOF`: a read or a listing came to its end.
                    (1, _) => (Mark::File, operation),
                    (code, message) => {
                        let words = describe::status(code);
                        let more = message.eq_ignore_ascii_case(&words) || message.is_empty();
                        let message = if more { String::new() } else { format!(" ({})", label(message)) };
                        (Mark::Warning, format!("{operation}: {words}{message}"))
                    }
                };
                entries.push(Entry::of(event, mark, text));
            }
            FileEvent::Read { path, length, .. } => self.transfer(path, *length, 0),
            FileEvent::Written { path, length, .. } => self.transfer(path, 0, *length),
            FileEvent::Closed { path, read_bytes, written_bytes, content_sha256 } => {
                self.transfers.remove(&describe::path(path));
                let text = describe::closed(path, *read_bytes, *written_bytes, content_sha256.as_ref());
                entries.push(Entry::of(event, Mark::File, text));
            }
        }
    }

    fn transfer(&mut self, path: &[u8], read: u64, written: u64) {
        let path = describe::path(path);
        if self.transfers.len() < FILE_TRANSFERS_KEPT_MAX || self.transfers.contains_key(&path) {
            let (read_bytes, written_bytes) = self.transfers.entry(path).or_default();
            *read_bytes = read_bytes.saturating_add(read);
            *written_bytes = written_bytes.saturating_add(written);
        }
    }
}

/// How many bytes of a message `said` is.
fn carried(said: &GitEvent) -> Option<u64> {
    match said {
        GitEvent::Data { bytes } => Some(bytes.len() as u64),
        GitEvent::Omitted { bytes } => Some(*bytes),
        _ => None,
    }
}
