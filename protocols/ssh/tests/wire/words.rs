//! Messages, events and effects as cases write them.

use bytes::Bytes;
use wiretape_core::event::{
    FileEvent, FileOperation, GitEvent, ProcessEvent, ProcessKind, SessionEvent, StreamEvent, StreamKind, TerminalEvent,
};
use wiretape_core::{Effect, Event, Kind, Verdict};
use wiretape_ssh::{Message, Request};

use crate::stage::Turn;

/// What happened, in the words of a case.
pub(crate) fn told(turn: &Turn, effect: &Effect<Message>) -> String {
    match effect {
        Effect::Append(event) => format!("note {}", event_words(event)),
        Effect::Send { to, message } => match turn {
            Turn::Say(_, said) if said == message => format!("send {to} as said"),
            _ => format!("send {to} {}", message_words(message)),
        },
        Effect::Ask { question, .. } => {
            let action = &question.action;
            format!(
                "ask {} {} {}",
                question.approvers[0].group,
                action.kind.name(),
                quoted(action.kind.resource().as_bytes())
            )
        }
        Effect::Hold { to, message, .. } => match turn {
            Turn::Say(_, said) if said == message => format!("hold {to} as said"),
            _ => format!("hold {to} {}", message_words(message)),
        },
        Effect::Release { to, lane } => format!("release {to} {lane}"),
        Effect::Discard { to, lane } => format!("discard {to} {lane}"),
        Effect::Examine { unit, .. } => format!("examine {}", unit.lane),
        Effect::Withdraw { unit } => format!("withdraw {}", unit.lane),
        Effect::Close(reason) => format!("over {}", quoted(reason.text.as_bytes())),
    }
}

pub(crate) fn quoted(bytes: &[u8]) -> String {
    let mut words = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\r' => words += "\\r",
                '\n' => words += "\\n",
                '\x1b' => words += "\\e",
                '"' => words += "\\\"",
                '\\' => words += "\\\\",
                '\0'..' ' | '\x7f' => words += &format!("\\x{:02x}", u32::from(letter)),
                letter => words.push(letter),
            }
        }
        for byte in chunk.invalid() {
            words += &format!("\\x{byte:02x}");
        }
    }
    words + "\""
}

fn yes(accepted: bool) -> &'static str {
    if accepted { "yes" } else { "no" }
}

fn address_words(address: &str, port: Option<u32>) -> String {
    match port {
        Some(port) => format!("{} {port}", quoted(address.as_bytes())),
        None => quoted(address.as_bytes()),
    }
}

fn message_words(message: &Message) -> String {
    match message {
        Message::Open { lane, kind } => format!("open {lane} {}", kind_words(kind)),
        Message::Opened { lane } => format!("opened {lane}"),
        Message::Rejected { lane, reason, text } => format!("rejected {lane} {reason:?} {}", quoted(text.as_bytes())),
        Message::Data { lane, error: false, bytes } => format!("data {lane} {}", quoted(bytes)),
        Message::Data { lane, error: true, bytes } => format!("error {lane} {}", quoted(bytes)),
        Message::Eof { lane } => format!("eof {lane}"),
        Message::Close { lane } => format!("close {lane}"),
        Message::Request { lane, request, want_reply } => {
            let reply = if *want_reply { " reply" } else { "" };
            format!("request {lane} {}{reply}", request_words(request))
        }
        Message::Answer { lane, accepted } => format!("answered {lane} {}", yes(*accepted)),
        Message::Listen { listen, address, port } => {
            let word = if *listen { "listen" } else { "unlisten" };
            format!("{word} {}", address_words(address, *port))
        }
        Message::Listening { accepted, port } => {
            let port = port.map_or(String::new(), |port| format!(" {port}"));
            format!("listening {}{port}", yes(*accepted))
        }
    }
}

pub(crate) fn request_words(request: &Request) -> String {
    let name = request.name();
    match request {
        Request::Pty { term, size, .. } => {
            format!("{name} {} {}x{}", quoted(term.as_bytes()), size.columns, size.rows)
        }
        Request::WindowChange { size } => format!("{name} {}x{}", size.columns, size.rows),
        Request::Env { name: variable, value } => {
            format!("{name} {} {}", quoted(variable.as_bytes()), quoted(value))
        }
        Request::Exec { command } => format!("{name} {}", quoted(command)),
        Request::Subsystem { name: text } | Request::Signal { name: text } | Request::ExitSignal { name: text, .. } => {
            format!("{name} {}", quoted(text.as_bytes()))
        }
        Request::ExitStatus { status } => format!("{name} {status}"),
        Request::Shell | Request::Agent => name.to_owned(),
    }
}

fn kind_words(kind: &StreamKind) -> String {
    let name = kind.name();
    match kind {
        StreamKind::DirectTcpip { host, port, .. } | StreamKind::ForwardedTcpip { host, port, .. } => {
            format!("{name} {} {port}", quoted(host.as_bytes()))
        }
        StreamKind::DirectStreamlocal { path } | StreamKind::ForwardedStreamlocal { path } => {
            format!("{name} {}", quoted(path.as_bytes()))
        }
        StreamKind::Session | StreamKind::Agent | StreamKind::X11 { .. } => name.to_owned(),
    }
}

fn event_words(event: &Event) -> String {
    let words = match &event.kind {
        Kind::Session(event) => session_words(event),
        Kind::Terminal(event) => terminal_words(event),
        Kind::Process(event) => process_words(event),
        Kind::Stream(event) => stream_words(event),
        Kind::File(event) => file_words(event),
        // No channel of the test carries a database session.
        Kind::Query(event) => format!("{event:?}"),
        Kind::Http(event) => format!("{event:?}"),
        Kind::Git(GitEvent::Data { bytes }) => quoted(bytes),
        Kind::Git(event) => format!("{event:?}"),
    };
    let Event { lane, side, .. } = event;
    format!("{lane} {side} {} {words}", event.kind.name()).trim_end().to_owned()
}

fn session_words(event: &SessionEvent) -> String {
    match event {
        SessionEvent::Decision { action, resource, rule, verdict, nanos: 0 } => {
            let verdict = match verdict {
                Verdict::Allow => "allow".to_owned(),
                Verdict::Refuse(reason) => format!("refuse {}", quoted(reason.text.as_bytes())),
            };
            format!("{action} {} by {rule}: {verdict}", quoted(resource.as_bytes()))
        }
        SessionEvent::Notice { text } => quoted(text.as_bytes()),
        SessionEvent::Fault { by, expected, got } => {
            format!("{by}: expected {}, got {}", quoted(expected.as_bytes()), quoted(got.as_bytes()))
        }
        other => format!("{other:?}"),
    }
}

fn terminal_words(event: &TerminalEvent) -> String {
    match event {
        TerminalEvent::Start { term, size, modes } => {
            format!("{} {}x{} {modes:?}", quoted(term.as_bytes()), size.columns, size.rows)
        }
        TerminalEvent::Input { bytes } | TerminalEvent::Output { error: false, bytes } => quoted(bytes),
        TerminalEvent::Output { error: true, bytes } => format!("error {}", quoted(bytes)),
        TerminalEvent::Concealed { count } => count.to_string(),
        TerminalEvent::Echoed { skipped: 0, bytes } => quoted(bytes),
        TerminalEvent::Echoed { skipped, bytes } => format!("after {skipped} {}", quoted(bytes)),
        TerminalEvent::Resize { size } => format!("{}x{}", size.columns, size.rows),
    }
}

fn process_words(event: &ProcessEvent) -> String {
    match event {
        ProcessEvent::Start { kind: ProcessKind::Shell } => "shell".to_owned(),
        ProcessEvent::Start { kind: ProcessKind::Exec { command } } => format!("exec {}", quoted(command)),
        ProcessEvent::Start { kind: ProcessKind::Subsystem { name } } => {
            format!("subsystem {}", quoted(name.as_bytes()))
        }
        ProcessEvent::Environment { name, value } => format!("{} {}", quoted(name.as_bytes()), quoted(value)),
        ProcessEvent::Agent => String::new(),
        ProcessEvent::Answer { request, accepted } => format!("{request} {}", yes(*accepted)),
        ProcessEvent::Signal { name } => name.clone(),
        ProcessEvent::Exit { status } => status.to_string(),
        ProcessEvent::Killed { signal, .. } => signal.clone(),
    }
}

fn stream_words(event: &StreamEvent) -> String {
    match event {
        StreamEvent::Open { kind } => kind_words(kind),
        StreamEvent::Accepted | StreamEvent::Eof | StreamEvent::Close => String::new(),
        StreamEvent::Rejected { reason } => quoted(reason.as_bytes()),
        StreamEvent::Data { error: false, bytes } => quoted(bytes),
        StreamEvent::Data { error: true, bytes } => format!("error {}", quoted(bytes)),
        StreamEvent::Listen { address, port } | StreamEvent::Unlisten { address, port } => {
            address_words(address, *port)
        }
        StreamEvent::Listening { address, port, accepted } => {
            format!("{} {}", address_words(address, *port), yes(*accepted))
        }
        StreamEvent::Opaque { what } => quoted(what.as_bytes()),
    }
}

fn file_words(event: &FileEvent) -> String {
    let text = |bytes: &Bytes| quoted(bytes);
    match event {
        FileEvent::Asked { request, operation: FileOperation::Open { path, .. } } => {
            format!("{request} open {}", text(path))
        }
        FileEvent::Asked { request, operation: FileOperation::Remove { path } } => {
            format!("{request} remove {}", text(path))
        }
        FileEvent::Answered { request, status, message } => {
            format!("{request} {status} {}", quoted(message.as_bytes()))
        }
        FileEvent::Closed { path, .. } => text(path),
        other => format!("{other:?}"),
    }
}
