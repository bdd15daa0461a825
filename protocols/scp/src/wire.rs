//! The wire: what the source and the sink say is read, noted, and sent on as it came.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use wiretape_core::{Fault, Lane, Moment, Reason, Side, Step, Unit, Verdict, Wire};

use crate::command::Direction;
use crate::event::Notes;
use crate::limits::HELD_BYTES_MAX;
use crate::refuse;
use crate::state::Transfer;

/// Bytes from the start of which whole messages are taken, without a copy.
trait Rest {
    fn bytes(&self) -> &[u8];
    fn take(&mut self, length: usize) -> Bytes;
}

impl Rest for Bytes {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn take(&mut self, length: usize) -> Bytes {
        self.split_to(length)
    }
}

impl Rest for BytesMut {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn take(&mut self, length: usize) -> Bytes {
        self.split_to(length).freeze()
    }
}

/// The protocol of `scp -O` between a client and an upstream, inside one lane.
///
/// Its events are what was done to files; the bytes themselves are recorded by the wire that carries it.
pub struct ScpWire {
    notes: Notes,
    direction: Direction,
    transfer: Transfer,
    /// What each side said and was not read yet: half a message, or what a source said too early.
    client: BytesMut,
    upstream: BytesMut,
    ended: Vec<Side>,
    steps: VecDeque<Step<Bytes>>,
}

impl ScpWire {
    /// The wire of an scp command that was started on `lane`; see [`crate::direction`].
    #[must_use]
    pub fn new(lane: Lane, direction: Direction) -> Self {
        Self {
            notes: Notes::new(lane, direction),
            direction,
            transfer: Transfer::new(direction),
            client: BytesMut::new(),
            upstream: BytesMut::new(),
            ended: Vec::new(),
            steps: VecDeque::new(),
        }
    }

    fn held(&mut self, side: Side) -> &mut BytesMut {
        match side {
            Side::Client => &mut self.client,
            Side::Upstream => &mut self.upstream,
        }
    }

    /// Takes in what `side` said now, behind what it said before and was not read yet.
    fn take_in(&mut self, side: Side, said: Bytes) -> Result<(), Fault> {
        let outcome = if self.held(side).is_empty() {
            let mut rest = said;
            let outcome = self.hear(side, &mut rest);
            self.held(side).extend_from_slice(&rest);
            outcome
        } else {
            let mut rest = std::mem::take(self.held(side));
            rest.extend_from_slice(&said);
            let outcome = self.hear(side, &mut rest);
            *self.held(side) = rest;
            outcome
        };
        outcome?;
        if self.held(side).len() > HELD_BYTES_MAX {
            let got = format!("more than {HELD_BYTES_MAX} bytes");
            return Err(Fault::new(side, "to wait for the other end", got));
        }
        Ok(())
    }

    /// Reads what can be read from the start of `rest`, and sends it on.
    fn hear<R: Rest>(&mut self, side: Side, rest: &mut R) -> Result<(), Fault> {
        if side == self.transfer.source() {
            return self.hear_source(rest);
        }
        loop {
            let heard_bytes = self.transfer.hear_sink(rest.bytes(), &mut self.notes)?;
            if heard_bytes == 0 {
                return Ok(());
            }
            self.send(side, rest.take(heard_bytes));
            // The status may be what the source should have waited for.
            let source = self.transfer.source();
            self.take_in(source, Bytes::new())?;
            if self.ended.contains(&source) {
                self.check_end(source)?;
            }
        }
    }

    fn hear_source<R: Rest>(&mut self, rest: &mut R) -> Result<(), Fault> {
        let mut heard_bytes = 0;
        let outcome = loop {
            let bytes = rest.bytes().get(heard_bytes..).unwrap_or_default();
            match self.transfer.hear_source(bytes, &mut self.notes) {
                Ok(0) => break Ok(()),
                Ok(bytes) => heard_bytes += bytes,
                Err(fault) => break Err(fault),
            }
        };
        let heard = rest.take(heard_bytes);
        self.send(self.transfer.source(), heard);
        outcome
    }

    /// Sends on what `side` said, behind all that was noted of it.
    fn send(&mut self, side: Side, message: Bytes) {
        self.flush_notes();
        if !message.is_empty() {
            self.steps.push_back(Step::Send { to: side.other(), message });
        }
    }

    fn flush_notes(&mut self) {
        self.steps.extend(self.notes.take().map(Step::Note));
    }

    /// Faults a side that stopped in the middle.
    fn check_end(&mut self, side: Side) -> Result<(), Fault> {
        let half = self.held(side).len();
        let is_source = side == self.transfer.source();
        if is_source && self.transfer.is_waiting() {
            // What a source said early is read when the status comes.
            return Ok(());
        }
        let missing = if is_source { self.transfer.missing_bytes() } else { 0 };
        match (missing, half) {
            (0, 0) => Ok(()),
            (0, _) => Err(Fault::new(side, "the rest of an scp message", format!("the end after {half} bytes of it"))),
            (_, _) => Err(Fault::new(side, "the rest of a file", format!("the end {missing} bytes before its own"))),
        }
    }

    /// True when the client would read an error of ours as one.
    fn hears_errors(&self) -> bool {
        match self.direction {
            Direction::Upload => true,
            Direction::Download => self.transfer.is_between(),
        }
    }
}

impl Wire for ScpWire {
    type Message = Bytes;

    fn feed(&mut self, side: Side, at: Moment, message: Bytes) -> Result<(), Fault> {
        self.notes.set_now(at);
        let outcome = self.take_in(side, message);
        self.flush_notes();
        outcome
    }

    fn step(&mut self) -> Option<Step<Bytes>> {
        self.steps.pop_front()
    }

    /// Nothing here asks yet.
    fn rule(&mut self, _at: Moment, _unit: Unit, _verdict: Verdict) {}

    fn end(&mut self, side: Side, at: Moment) -> Result<(), Fault> {
        self.notes.set_now(at);
        self.ended.push(side);
        let both = self.ended.contains(&side.other());
        let outcome = self.check_end(side);
        if both || outcome.is_err() {
            self.transfer.finish(&mut self.notes);
            self.flush_notes();
        }
        outcome
    }

    fn farewell(&mut self, at: Moment, reason: &Reason) {
        self.notes.set_now(at);
        let heard = self.hears_errors();
        self.transfer.finish(&mut self.notes);
        if heard {
            self.notes.told(reason.text.clone());
        }
        self.flush_notes();
        if heard {
            self.steps.push_back(Step::Send { to: Side::Client, message: refuse::ended(reason) });
        }
    }

    fn held_bytes(&self) -> usize {
        self.client.len() + self.upstream.len()
    }
}
