//! From what happened to the text of a case.

use bytes::Bytes;
use wiretape_core::event::{FileEvent, FileOperation, HttpEvent, OpenMode, SessionEvent, StreamEvent};
use wiretape_core::{Effect, Event, Kind, Verdict};

use super::{database, git};
use crate::stage::Turn;

/// Bytes of a text that are written out; of longer ones, so much of the start.
const SHOWN_BYTES_MAX: usize = 48;

/// An effect of `turn`, in a line.
pub(crate) fn told(turn: &Turn, effect: &Effect<Bytes>) -> String {
    match effect {
        Effect::Append(event) => format!("note {}", noted(event)),
        Effect::Send { to, message } => match turn {
            Turn::Say(side, said) if side.other() == *to && said == message => format!("send {to} as said"),
            _ => format!("send {to} {}", text(message)),
        },
        Effect::Ask { question, .. } => {
            let action = &question.action.kind;
            format!("ask {} {} {:?}", question.approvers[0].group, action.name(), action.resource())
        }
        Effect::Hold { to, message, .. } => match turn {
            Turn::Say(side, said) if side.other() == *to && said == message => format!("hold {to} as said"),
            _ => format!("hold {to} {}", text(message)),
        },
        Effect::Release { to, .. } => format!("release {to}"),
        Effect::Discard { to, .. } => format!("discard {to}"),
        Effect::Examine { ahead: false, .. } => "examine".to_owned(),
        Effect::Examine { ahead: true, .. } => "examine ahead".to_owned(),
        Effect::Withdraw { .. } => "withdraw".to_owned(),
        Effect::Close(reason) => format!("close {} {:?}", reason.rule, reason.text),
    }
}

fn noted(event: &Event) -> String {
    let said = match &event.kind {
        Kind::Session(event) => session(event),
        Kind::Stream(StreamEvent::Data { bytes, .. }) => text(bytes),
        Kind::Stream(StreamEvent::Opaque { what }) => format!("{what:?}"),
        Kind::File(event) => file(event),
        Kind::Query(event) => database::told(event),
        Kind::Http(event) => websocket(event),
        Kind::Git(event) => git::told(event),
        other => format!("{other:?}"),
    };
    format!("{} {} {said}", event.side, event.kind.name()).trim_end().to_owned()
}

fn session(event: &SessionEvent) -> String {
    match event {
        SessionEvent::Decision { action, resource, rule, verdict, nanos: 0 } => {
            let verdict = match verdict {
                Verdict::Allow => "allow".to_owned(),
                Verdict::Refuse(reason) => format!("refuse {:?}", reason.text),
            };
            format!("{action} {resource:?} by {rule}: {verdict}")
        }
        SessionEvent::Notice { text } => format!("{text:?}"),
        SessionEvent::Fault { expected, got, .. } => format!("expected {expected}, got {got}"),
        other => format!("{other:?}"),
    }
}

fn websocket(event: &HttpEvent) -> String {
    match event {
        HttpEvent::Message { kind, bytes, first, last } => {
            let piece = match (first, last) {
                (true, true) => "whole",
                (true, false) => "begins",
                (false, false) => "goes on",
                (false, true) => "ends",
            };
            format!("{kind:?} {piece} {}", text(bytes)).to_lowercase()
        }
        HttpEvent::Control { kind, bytes } => format!("{kind:?} {}", text(bytes)).to_lowercase(),
        other => format!("{other:?}"),
    }
}

fn file(event: &FileEvent) -> String {
    match event {
        FileEvent::Asked { request, operation: asked } => format!("{request} {}", operation(asked)),
        FileEvent::Answered { request, status, message } => format!("{request} status {status} {message:?}"),
        FileEvent::Read { path, offset, length } | FileEvent::Written { path, offset, length } => {
            format!("{} {length} bytes at {offset}", text(path))
        }
        FileEvent::Closed { path, read_bytes, written_bytes, content_sha256 } => {
            let digest = match content_sha256 {
                // As many digits as tell them apart; the laws compare whole digests.
                Some(digest) => digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect(),
                None => "unknown".to_owned(),
            };
            format!("{} read {read_bytes} written {written_bytes} sha256 {digest}", text(path))
        }
    }
}

fn operation(asked: &FileOperation) -> String {
    match asked {
        FileOperation::Open { path, mode } => format!("open {} for {}", text(path), mode_words(*mode)),
        FileOperation::List { path } => format!("list {}", text(path)),
        FileOperation::Stat { path, follow: true } => format!("stat {}", text(path)),
        FileOperation::Stat { path, follow: false } => format!("stat {} itself", text(path)),
        FileOperation::SetAttributes { path, size, permissions, owner, times } => {
            let given = [
                size.map(|size| format!(" size {size}")),
                permissions.map(|mode| format!(" mode {mode:o}")),
                owner.map(|(user, group)| format!(" owner {user}:{group}")),
                times.map(|(accessed, modified)| format!(" accessed {accessed} modified {modified}")),
            ];
            format!("set {}{}", text(path), given.into_iter().flatten().collect::<String>())
        }
        FileOperation::Rename { from, to, replace } => {
            format!("rename {} to {}{}", text(from), text(to), if *replace { " over it" } else { "" })
        }
        FileOperation::Remove { path } => format!("remove {}", text(path)),
        FileOperation::MakeDirectory { path } => format!("mkdir {}", text(path)),
        FileOperation::RemoveDirectory { path } => format!("rmdir {}", text(path)),
        FileOperation::Link { target, path, symbolic } => {
            format!("{} {} to {}", if *symbolic { "symlink" } else { "link" }, text(path), text(target))
        }
        FileOperation::ReadLink { path } => format!("readlink {}", text(path)),
        FileOperation::RealPath { path } => format!("realpath {}", text(path)),
        FileOperation::Send { path, size, permissions } => {
            format!("send {} of {size} bytes, mode {permissions:o}", text(path))
        }
        FileOperation::Extension { name, path } => format!("extension {name:?} {}", text(path)),
    }
}

fn mode_words(mode: OpenMode) -> String {
    let words = [
        (mode.read, "read"),
        (mode.write, "write"),
        (mode.append, "append"),
        (mode.create, "create"),
        (mode.truncate, "truncate"),
        (mode.exclusive, "exclusive"),
    ];
    words.iter().filter(|(set, _)| *set).map(|(_, word)| *word).collect::<Vec<_>>().join("+")
}

pub(super) fn text(bytes: &[u8]) -> String {
    match bytes.get(..SHOWN_BYTES_MAX) {
        Some(start) if bytes.len() > SHOWN_BYTES_MAX => {
            format!("\"{}\"… of {} bytes", start.escape_ascii(), bytes.len())
        }
        _ => format!("\"{}\"", bytes.escape_ascii()),
    }
}
