//! What the gateway says of its own, in the protocol's words.

use bytes::Bytes;
use wiretape_core::event::{ProcessEvent, SessionEvent, StreamEvent};
use wiretape_core::{Kind, Lane, Moment, Side};

use crate::outbox::Outbox;
use crate::{Message, OpenFailure, Request};

/// The exit status of a program that policy did not let start: "found, but cannot be executed" to a shell.
pub(crate) const EXIT_REFUSED: u32 = 126;

/// The exit status when the gateway ended the session: what OpenSSH gives for its own errors.
pub(crate) const EXIT_FAREWELL: u32 = 255;

/// What the client reads: every line of the gateway's own starts with its name, and no control sequence stands in it. On a
/// terminal lines end with `\r\n`.
#[must_use]
pub fn words(text: &str, terminal: bool) -> Bytes {
    let end = if terminal { "\r\n" } else { "\n" };
    let mut words = String::new();
    for line in text.lines() {
        words.push_str(&line_of(line));
        words.push_str(end);
    }
    Bytes::from(words)
}

/// One line of the gateway's own. A reason may quote what a peer said: no control sequence reaches a terminal.
fn line_of(text: &str) -> String {
    let plain = text.chars().map(|letter| if letter.is_control() { '?' } else { letter });
    "wiretape: ".chars().chain(plain).collect()
}

/// Rejects a lane that `opener` asked for.
pub(crate) fn reject(at: Moment, opener: Side, lane: Lane, reason: OpenFailure, text: &str, outbox: &mut Outbox) {
    outbox.note(at, opener, lane, Kind::Stream(StreamEvent::Rejected { reason: text.to_owned() }));
    outbox.send(opener, Message::Rejected { lane, reason, text: line_of(text) });
}

/// Says something on the client's standard error.
pub(crate) fn say(at: Moment, lane: Lane, text: &str, terminal: bool, outbox: &mut Outbox) {
    outbox.note(at, Side::Client, lane, Kind::Session(SessionEvent::Notice { text: text.to_owned() }));
    outbox.send(Side::Client, Message::Data { lane, error: true, bytes: words(text, terminal) });
}

/// Tells the client why there is no program, and gives it an exit status.
pub(crate) fn explain(at: Moment, lane: Lane, text: &str, status: u32, terminal: bool, outbox: &mut Outbox) {
    say(at, lane, text, terminal, outbox);
    outbox.note(at, Side::Client, lane, Kind::Process(ProcessEvent::Exit { status }));
    let request = Request::ExitStatus { status };
    outbox.send(Side::Client, Message::Request { lane, request, want_reply: false });
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn every_line_carries_the_name_and_no_control_sequence() {
        assert_eq!(words("not allowed", false), "wiretape: not allowed\n");
        assert_eq!(words("a\nb\x1b[2J", true), "wiretape: a\r\nwiretape: b?[2J\r\n");
    }
}
