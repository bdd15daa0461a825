//! HTTP in words.

use wiretape_core::event::{ControlKind, HeaderField, HttpEvent, MessageKind};
use wiretape_core::{Event, Side};

use super::{QUOTE_LETTERS, label, quote};
use crate::exchange::head::{self, error_name, status_name};
use crate::exchange::url;
use crate::legible::{excerpt, excerpt_bytes};
use crate::limits::LABEL_LETTERS_MAX;

/// Fields that one line names.
const FIELDS_NAMED_MAX: usize = 32;

/// An event of the family `http` in one line.
pub(super) fn http(event: &Event, said: &HttpEvent) -> String {
    match said {
        HttpEvent::Request { version, method, scheme, authority, path, protocol, fields } => {
            let asked = excerpt(&url::address(scheme, authority, path), LABEL_LETTERS_MAX);
            let protocol = protocol.as_ref().map(|name| format!(" to become {}", text(name))).unwrap_or_default();
            format!("{} {asked} {}{protocol}{}", text(method), head::version(*version), named(fields))
        }
        HttpEvent::Informational { status, fields } => format!("{}{}", status_line(*status, b""), named(fields)),
        HttpEvent::Response { version, status, reason, fields } => {
            let own = if event.side == Side::Client { ", by the gateway" } else { "" };
            format!("{} {}{own}{}", head::version(*version), status_line(*status, reason), named(fields))
        }
        HttpEvent::Body { bytes } => format!("content {}", quote(bytes)),
        HttpEvent::Trailers { fields } => format!("trailers{}", named(fields)),
        HttpEvent::End => match event.side {
            Side::Client => "the client's message ends".to_owned(),
            Side::Upstream => "the target's message ends".to_owned(),
        },
        HttpEvent::Upgrade { protocol } if protocol.as_ref() == b"CONNECT" => "a tunnel from here on".to_owned(),
        HttpEvent::Upgrade { protocol } => format!("{} from here on", text(protocol)),
        HttpEvent::Reset { code, reason } => reset(event.side, *code, reason),
        HttpEvent::Message { kind, bytes, first, last } => {
            let kind = match kind {
                MessageKind::Text => "text",
                MessageKind::Binary => "binary",
            };
            let part = match (first, last) {
                (true, true) => "",
                (true, false) => ", the start of a message",
                (false, true) => ", the end of a message",
                (false, false) => ", within a message",
            };
            format!("websocket {kind} {}{part}", quote(bytes))
        }
        HttpEvent::Control { kind, bytes } => format!("websocket {}", control(*kind, bytes)),
    }
}

/// A status with its name: that which came with it, or else the usual one.
pub(crate) fn status_line(status: u16, reason: &[u8]) -> String {
    let name = if reason.is_empty() { status_name(status).to_owned() } else { text(reason) };
    format!("{status} {name}").trim_end().to_owned()
}

/// An exchange was broken off: by the peer at that side, or by the gateway, which told it so.
pub(crate) fn reset(side: Side, code: u32, reason: &str) -> String {
    let code = error_name(code).map_or_else(|| format!("error {code:#x}"), str::to_owned);
    let reason = if reason.is_empty() { String::new() } else { format!(": {}", label(reason)) };
    format!("RESET at {}: {code}{reason}", super::peer(side))
}

/// A control frame of WebSocket (RFC 6455 section 5.5).
pub(crate) fn control(kind: ControlKind, bytes: &[u8]) -> String {
    match kind {
        ControlKind::Ping if bytes.is_empty() => "ping".to_owned(),
        ControlKind::Pong if bytes.is_empty() => "pong".to_owned(),
        ControlKind::Ping => format!("ping {}", quote(bytes)),
        ControlKind::Pong => format!("pong {}", quote(bytes)),
        ControlKind::Close => match bytes {
            [high, low, reason @ ..] => {
                let code = u16::from_be_bytes([*high, *low]);
                let reason = if reason.is_empty() { String::new() } else { format!(": {}", text(reason)) };
                format!("close {code}{}{reason}", close_name(code))
            }
            _ => "close".to_owned(),
        },
    }
}

/// What a code of a close frame is called (RFC 6455 section 7.4.1), in brackets.
fn close_name(code: u16) -> &'static str {
    match code {
        1000 => " (done)",
        1001 => " (going away)",
        1002 => " (protocol error)",
        1003 => " (unfit data)",
        1007 => " (invalid payload)",
        1008 => " (policy)",
        1009 => " (too big)",
        1010 => " (extension missing)",
        1011 => " (internal error)",
        _ => "",
    }
}

/// The fields of a section, one behind the other.
fn named(fields: &[HeaderField]) -> String {
    let mut line = String::new();
    for field in fields.iter().take(FIELDS_NAMED_MAX) {
        let value = excerpt(&head::value(field), QUOTE_LETTERS);
        line.push_str(&format!("; {}: {value}", excerpt_bytes(&field.name, QUOTE_LETTERS)));
    }
    let left_out = fields.len().saturating_sub(FIELDS_NAMED_MAX);
    if left_out > 0 {
        line.push_str(&format!(" and {left_out} more"));
    }
    line
}

fn text(bytes: &[u8]) -> String {
    excerpt_bytes(bytes, LABEL_LETTERS_MAX)
}
