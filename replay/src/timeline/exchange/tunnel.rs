//! What an exchange carries behind an upgrade: messages of WebSocket, or bytes that are counted.

use bytes::Bytes;
use wiretape_core::event::{ControlKind, MessageKind};
use wiretape_core::{Moment, Side};

use super::message::{letters_max, one_line};
use super::teller::{Bodies, Teller};
use crate::describe;
use crate::legible::{count, excerpt_bytes, size};
use crate::limits::LABEL_LETTERS_MAX;
use crate::timecode;
use crate::timeline::Mark;

/// What one side said.
#[derive(Clone, Default)]
struct Sum {
    messages: u64,
    bytes: u64,
    /// The message that is coming in pieces.
    start: Vec<u8>,
    message_bytes: u64,
}

/// A lane behind an upgrade.
#[derive(Clone)]
pub(super) struct Tunnel {
    protocol: String,
    since: Moment,
    bodies: Bodies,
    up: Sum,
    down: Sum,
}

impl Tunnel {
    pub(super) fn new(protocol: &[u8], since: Moment, bodies: Bodies) -> Self {
        let protocol = match protocol {
            b"" | b"CONNECT" => "tunnel".to_owned(),
            name => excerpt_bytes(name, LABEL_LETTERS_MAX),
        };
        Self { protocol, since, bodies, up: Sum::default(), down: Sum::default() }
    }

    /// Takes in bytes that nobody here reads.
    pub(super) fn data(&mut self, side: Side, bytes: usize) {
        let sum = self.sum(side);
        sum.bytes = sum.bytes.saturating_add(bytes as u64);
    }

    /// Takes in a message of WebSocket, or a piece of one.
    pub(super) fn message(
        &mut self,
        side: Side,
        kind: MessageKind,
        bytes: &Bytes,
        first: bool,
        last: bool,
        teller: &mut Teller<'_>,
    ) {
        let most = letters_max(self.bodies);
        let sum = self.sum(side);
        if first {
            sum.start.clear();
            sum.message_bytes = 0;
        }
        sum.bytes = sum.bytes.saturating_add(bytes.len() as u64);
        sum.message_bytes = sum.message_bytes.saturating_add(bytes.len() as u64);
        // A letter more than is shown, so that what is cut says so.
        let room = (most * 4 + 4).saturating_sub(sum.start.len());
        sum.start.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        if !last {
            return;
        }
        sum.messages += 1;
        let (start, bytes) = (std::mem::take(&mut sum.start), std::mem::take(&mut sum.message_bytes));
        let text = match kind {
            _ if most == 0 => String::new(),
            MessageKind::Text => excerpt_bytes(&start, most) + " ",
            MessageKind::Binary => one_line(&start, most) + " ",
        };
        let cut = kind == MessageKind::Text && (start.len() as u64) == bytes && text.chars().count() <= most;
        // Of a text that is there in full everybody sees how long it is.
        let amount = if cut && most > 0 { String::new() } else { format!("({})", size(bytes)) };
        teller.tell(direction(side), format!("{text}{amount}").trim_end().to_owned());
    }

    /// It is over: what it carried is summed up.
    pub(super) fn end(&self, teller: &mut Teller<'_>) {
        let told = |sum: &Sum| match sum.messages {
            0 => size(sum.bytes),
            messages => format!("{} of {}", count(messages, "message"), size(sum.bytes)),
        };
        let lasted = timecode::span(teller.at.since(self.since));
        let text = format!("{}: {} up, {} down, {lasted}", self.protocol, told(&self.up), told(&self.down));
        teller.tell(Mark::Lane, text);
    }

    fn sum(&mut self, side: Side) -> &mut Sum {
        match side {
            Side::Client => &mut self.up,
            Side::Upstream => &mut self.down,
        }
    }
}

/// Tells a control frame.
pub(super) fn control(side: Side, kind: ControlKind, bytes: &[u8], teller: &mut Teller<'_>) {
    teller.tell(direction(side), describe::control(kind, bytes));
}

fn direction(side: Side) -> Mark {
    match side {
        Side::Client => Mark::MessageUp,
        Side::Upstream => Mark::MessageDown,
    }
}
