//! From what happened to the text of a case.

use wiretape_core::event::{GitEvent, HeaderField, HttpEvent, HttpVersion, SessionEvent, StreamEvent};
use wiretape_core::{Effect, Event, Kind, Verdict};
use wiretape_http::{Content, Field, Message, Part, RequestHead, ResponseHead};

use crate::stage::Turn;

/// Bytes of a text that are written out; of longer ones, so much of the start.
const SHOWN_BYTES_MAX: usize = 120;

/// An effect of `turn`, in a line.
pub(crate) fn told(turn: &Turn, effect: &Effect<Message>) -> String {
    match effect {
        Effect::Append(event) => format!("note {} {} {}", event.lane, event.side, noted(event)).trim_end().to_owned(),
        Effect::Send { to, message } => match turn {
            Turn::Say(side, said) if side.other() == *to && said == message => format!("send {to} as said"),
            _ => format!("send {to} {}", part(message)),
        },
        Effect::Ask { question, .. } => {
            let action = &question.action;
            format!(
                "ask {} {} {} {:?}",
                question.approvers[0].group,
                action.lane,
                action.kind.name(),
                action.kind.resource()
            )
        }
        Effect::Hold { to, message, .. } => match turn {
            Turn::Say(side, said) if side.other() == *to && said == message => format!("hold {to} as said"),
            _ => format!("hold {to} {}", part(message)),
        },
        Effect::Release { to, lane } => format!("release {to} {lane}"),
        Effect::Discard { to, lane } => format!("discard {to} {lane}"),
        Effect::Examine { unit, .. } => format!("examine {}", unit.lane),
        Effect::Withdraw { unit } => format!("withdraw {}", unit.lane),
        Effect::Close(reason) => format!("over {:?}", reason.text),
    }
}

fn noted(event: &Event) -> String {
    let said = match &event.kind {
        Kind::Http(event) => http(event),
        Kind::Stream(StreamEvent::Data { bytes, .. }) => text(bytes),
        Kind::Stream(StreamEvent::Opaque { what }) => format!("{what:?}"),
        Kind::Session(SessionEvent::Decision { action, resource, rule, verdict, nanos: 0 }) => match verdict {
            Verdict::Allow => format!("{action} {resource:?} by {rule}: allow"),
            Verdict::Refuse(reason) => format!("{action} {resource:?} by {rule}: refuse {:?}", reason.text),
        },
        Kind::Session(SessionEvent::Notice { text }) => format!("{text:?}"),
        Kind::Session(SessionEvent::Fault { expected, got, .. }) => format!("expected {expected}, got {got}"),
        Kind::Stream(StreamEvent::Eof) => String::new(),
        Kind::Git(GitEvent::Data { bytes }) => text(bytes),
        other => format!("{other:?}"),
    };
    format!("{} {said}", event.kind.name())
}

fn http(event: &HttpEvent) -> String {
    match event {
        HttpEvent::Request { version: number, method, scheme, authority, path, protocol, fields } => {
            let parts = [scheme, &b"://"[..], authority, path].concat();
            let protocol = protocol.as_ref().map(|protocol| format!(" protocol {}", text(protocol)));
            let (method, url) = (String::from_utf8_lossy(method), text(&parts));
            format!("{} {method} {url}{}{}", version(*number), protocol.unwrap_or_default(), recorded(fields))
        }
        HttpEvent::Informational { status, fields } => format!("{status}{}", recorded(fields)),
        HttpEvent::Response { version: number, status, fields, .. } => {
            format!("{} {status}{}", version(*number), recorded(fields))
        }
        HttpEvent::Body { bytes } => text(bytes),
        HttpEvent::Trailers { fields } => recorded(fields).trim_start().to_owned(),
        HttpEvent::End => String::new(),
        HttpEvent::Upgrade { protocol } => text(protocol),
        HttpEvent::Reset { code, reason } => format!("{code} {reason:?}"),
        HttpEvent::Message { kind, bytes, first, last } => {
            let ends = (if *first { " first" } else { "" }, if *last { " last" } else { "" });
            format!("{kind:?}{}{} {}", ends.0, ends.1, text(bytes)).to_lowercase()
        }
        HttpEvent::Control { kind, bytes } => format!("{kind:?} {}", text(bytes)).to_lowercase(),
    }
}

fn part(message: &Message) -> String {
    let lane = message.lane;
    match &message.part {
        Part::Request(head, _) => format!("request {lane} {}", request(head)),
        Part::Informational(head) => format!("informational {lane} {}", response(head)),
        Part::Response(head) => format!("response {lane} {}", response(head)),
        Part::Body(bytes) => format!("body {lane} {}", text(bytes)),
        Part::Trailers(fields) => format!("trailers {lane}{}", said(fields)),
        Part::End => format!("end {lane}"),
        Part::Reset { code, reason } => format!("reset {lane} {code} {reason:?}"),
        Part::Failed(problem) => format!("failed {lane} {problem:?}"),
    }
}

fn request(head: &RequestHead) -> String {
    let parts = [&head.scheme, &b"://"[..], &head.authority, &head.path].concat();
    let protocol = head.protocol.as_ref().map(|protocol| format!(" protocol {}", text(protocol)));
    let (method, url) = (String::from_utf8_lossy(&head.method), text(&parts));
    let content = content(head.content);
    format!("{} {method} {url}{content}{}{}", version(head.version), protocol.unwrap_or_default(), said(&head.fields))
}

fn response(head: &ResponseHead) -> String {
    format!("{} {}{}{}", version(head.version), head.status, content(head.content), said(&head.fields))
}

fn content(content: Content) -> String {
    match content {
        Content::Empty => String::new(),
        Content::Length(bytes) => format!(" length {bytes}"),
        Content::Streamed => " streamed".to_owned(),
        Content::Tunnel => " tunnel".to_owned(),
    }
}

fn version(version: HttpVersion) -> &'static str {
    match version {
        HttpVersion::Http10 => "1.0",
        HttpVersion::Http11 => "1.1",
        HttpVersion::Http2 => "2",
    }
}

fn said(fields: &[Field]) -> String {
    fields.iter().map(|Field { name, value }| format!(" {}", text(&[name, &b": "[..], value].concat()))).collect()
}

/// What is concealed of a field is told by its length.
fn recorded(fields: &[HeaderField]) -> String {
    let told = |HeaderField { name, value, concealed_bytes }: &HeaderField| {
        let concealed = if *concealed_bytes == 0 { String::new() } else { format!(" +{concealed_bytes}") };
        format!(" {}{concealed}", text(&[name, &b": "[..], value].concat()))
    };
    fields.iter().map(told).collect()
}

fn text(bytes: &[u8]) -> String {
    // A JSON text is read more easily as it is.
    let escaped = |bytes: &[u8]| bytes.escape_ascii().to_string().replace("\\'", "'");
    match bytes.get(..SHOWN_BYTES_MAX) {
        Some(start) if bytes.len() > SHOWN_BYTES_MAX => {
            format!("\"{}\"… of {} bytes", escaped(&start[..40]), bytes.len())
        }
        _ => format!("\"{}\"", escaped(bytes)),
    }
}
