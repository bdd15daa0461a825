//! What a client is told that may not do what it asked for, in git's own words.

use bytes::{Bytes, BytesMut};
use wiretape_core::event::{GitEvent, RefReport, RefUpdate};

use crate::event::Gathered;
use crate::limits::REASON_BYTES_MAX;
use crate::pkt_line::{FLUSH, write, write_band};
use crate::push::Chosen;

/// What is said to the client, and what is recorded of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) events: Vec<GitEvent>,
    pub(crate) message: Bytes,
}

/// One line of text, of a length that fits wherever it is said.
fn line(text: &str) -> String {
    let mut line: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    let end = (0..=line.len().min(REASON_BYTES_MAX)).rev().find(|end| line.is_char_boundary(*end));
    line.truncate(end.unwrap_or_default());
    line
}

/// `ERR`, which ends the conversation; `preface`: what stands before it.
pub(crate) fn error(preface: &[u8], text: &str) -> Said {
    let text = format!("wiretape: {}", line(text));
    let mut message = BytesMut::from(preface);
    write(&mut message, &[b"ERR ", text.as_bytes()]);
    Said { events: vec![GitEvent::Error { message: text.into() }], message: message.freeze() }
}

/// Side band 3, which ends the conversation.
pub(crate) fn band_error(text: &str) -> Said {
    let text = format!("wiretape: {}", line(text));
    let mut message = BytesMut::new();
    write_band(&mut message, 3, format!("{text}\n").as_bytes());
    message.extend_from_slice(FLUSH);
    Said { events: vec![GitEvent::Error { message: text.into() }], message: message.freeze() }
}

/// What stands before everything in an advertisement over HTTP.
pub(crate) fn preface(service: &str) -> Bytes {
    let mut preface = BytesMut::new();
    write(&mut preface, &[b"# service=", service.as_bytes(), b"\n"]);
    preface.extend_from_slice(FLUSH);
    preface.freeze()
}

/// An empty packet of side band 1: what receive-pack sends so that nobody gives up (git's `builtin/receive-pack.c`).
pub(crate) const KEEPALIVE: &[u8] = b"0005\x01";

/// A line of side band 2, which the client shows behind `remote: `.
pub(crate) fn progress(text: &str) -> Said {
    let text = format!("wiretape: {}\n", line(text));
    let mut message = BytesMut::new();
    write_band(&mut message, 2, text.as_bytes());
    Said { events: vec![GitEvent::Progress { bytes: text.into() }], message: message.freeze() }
}

/// Why a push is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why<'a> {
    /// A rule says so.
    Ruled(&'a str),
    /// What was pushed cannot be passed on.
    Unreadable(&'a str),
}

/// A report that no ref was updated.
pub(crate) fn report(chosen: Chosen, updates: &[RefUpdate], why: Why<'_>) -> Said {
    let (unpack, each, text) = match why {
        Why::Ruled(text) => ("ok".to_owned(), line(text), line(text)),
        Why::Unreadable(text) => (line(text), "unpacker error".to_owned(), line(text)),
    };
    let progress = format!("wiretape: {text}\n");
    if !chosen.reports {
        // A client that does not ask what became of its push takes silence for success.
        return if chosen.banded { band_error(&text) } else { error(b"", &text) };
    }
    let mut bare = BytesMut::new();
    write(&mut bare, &[b"unpack ", unpack.as_bytes(), b"\n"]);
    for update in updates {
        write(&mut bare, &[b"ng ", &update.name, b" ", each.as_bytes(), b"\n"]);
    }
    bare.extend_from_slice(FLUSH);
    let mut events = Vec::new();
    if let Why::Unreadable(_) = why {
        events.push(GitEvent::Error { message: format!("wiretape: {text}").into() });
    }
    let message = if chosen.banded {
        events.push(GitEvent::Progress { bytes: progress.clone().into() });
        let mut banded = BytesMut::new();
        write_band(&mut banded, 2, progress.as_bytes());
        write_band(&mut banded, 1, &bare);
        banded.extend_from_slice(FLUSH);
        banded
    } else {
        bare
    };
    let told = |refs| GitEvent::Report { unpack: unpack.clone().into(), refs };
    let mut gathered = Gathered::default();
    for update in updates {
        let (name, error) = (update.name.clone(), Some(each.clone().into()));
        let text_bytes = name.len().saturating_add(each.len());
        events.extend(gathered.push(RefReport { name, error, options: Vec::new() }, text_bytes).map(told));
    }
    events.push(told(gathered.take().unwrap_or_default()));
    Said { events, message: message.freeze() }
}
