//! The wire: two directions that have nothing to do with each other but for the leave.

use std::collections::VecDeque;

use bytes::Bytes;
use wiretape_core::event::{ControlKind, HttpEvent};
use wiretape_core::{Fault, Lane, Moment, Reason, Side, Step, Unit, Verdict, Wire};

use crate::refuse::{Status, close, frame};
use crate::state::{Direction, Tape};

/// A WebSocket connection behind its handshake. Its bytes pass as they came; its messages are not judged.
pub struct WebSocketWire {
    lane: Lane,
    client: Direction,
    upstream: Direction,
    steps: VecDeque<Step<Bytes>>,
    faulty: bool,
    left: bool,
}

impl WebSocketWire {
    /// The wire of a connection that was just upgraded, on `lane`.
    #[must_use]
    pub fn new(lane: Lane) -> Self {
        Self {
            lane,
            client: Direction::new(Side::Client),
            upstream: Direction::new(Side::Upstream),
            steps: VecDeque::new(),
            faulty: false,
            left: false,
        }
    }
}

impl Wire for WebSocketWire {
    type Message = Bytes;

    fn feed(&mut self, side: Side, at: Moment, message: Bytes) -> Result<(), Fault> {
        if self.faulty || self.left {
            return Ok(());
        }
        let mut tape = Tape { at, lane: self.lane, steps: &mut self.steps };
        let outcome = match side {
            Side::Client => self.client.feed(message, &mut tape),
            Side::Upstream => self.upstream.feed(message, &mut tape),
        };
        self.faulty = outcome.is_err();
        outcome
    }

    fn step(&mut self) -> Option<Step<Bytes>> {
        self.steps.pop_front()
    }

    fn rule(&mut self, _at: Moment, _unit: Unit, _verdict: Verdict) {}

    fn end(&mut self, side: Side, _at: Moment) -> Result<(), Fault> {
        if self.faulty || self.left {
            return Ok(());
        }
        let outcome = match side {
            Side::Client => self.client.end(),
            Side::Upstream => self.upstream.end(),
        };
        self.faulty = outcome.is_err();
        outcome
    }

    /// A close frame to the client, unless the target has said one or is in the middle of another frame.
    fn farewell(&mut self, at: Moment, reason: &Reason) {
        if self.left || self.upstream.is_closed() || self.upstream.is_amid_frame() {
            return;
        }
        self.left = true;
        let status = if self.faulty { Status::ProtocolError } else { Status::GoingAway };
        let bytes = close(status, &reason.text);
        let mut tape = Tape { at, lane: self.lane, steps: &mut self.steps };
        let frame = frame(&bytes);
        tape.note(Side::Client, HttpEvent::Control { kind: ControlKind::Close, bytes });
        tape.send(Side::Client, frame);
    }

    fn held_bytes(&self) -> usize {
        self.client.held_bytes() + self.upstream.held_bytes()
    }
}
