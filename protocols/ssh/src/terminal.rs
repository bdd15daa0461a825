//! The main stream of a lane with a terminal: what was typed, what was shown.

use bytes::Bytes;
use wiretape_core::event::{TerminalEvent, TerminalSize};
use wiretape_core::{Concealment, Kind, Lane, Moment, Side};

use crate::event::payloads;
use crate::outbox::Outbox;

/// A terminal between a person and a program.
#[derive(Debug)]
pub(crate) struct Terminal {
    concealment: Option<Concealment>,
}

impl Terminal {
    /// A terminal; what is typed without echo is concealed if `conceal` says so.
    pub(crate) fn new(size: TerminalSize, conceal: bool) -> Self {
        Self { concealment: conceal.then(|| Concealment::new(size.columns)) }
    }

    pub(crate) fn resize(&mut self, size: TerminalSize) {
        if let Some(concealment) = &mut self.concealment {
            concealment.resize(size.columns);
        }
    }

    /// Notes what `side` typed or showed, before it is sent on.
    pub(crate) fn note(&mut self, at: Moment, side: Side, lane: Lane, error: bool, bytes: &Bytes, outbox: &mut Outbox) {
        for part in payloads(bytes) {
            // What is echoed was typed by the client, but it is the target that says so.
            for event in self.concealed(side, &part) {
                outbox.note(at, side, lane, Kind::Terminal(event));
            }
        }
        if side == Side::Upstream || self.concealment.is_none() {
            for bytes in payloads(bytes) {
                let event = match side {
                    Side::Client => TerminalEvent::Input { bytes },
                    Side::Upstream => TerminalEvent::Output { error, bytes },
                };
                outbox.note(at, side, lane, Kind::Terminal(event));
            }
        }
    }

    fn concealed(&mut self, side: Side, bytes: &Bytes) -> Vec<TerminalEvent> {
        match (side, &mut self.concealment) {
            (Side::Client, Some(concealment)) => concealment.typed(bytes),
            (Side::Upstream, Some(concealment)) => concealment.shown(bytes),
            (_, None) => Vec::new(),
        }
    }
}
