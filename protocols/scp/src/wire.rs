//! The wire: what the source and the sink say is read, judged where it announces a file or a folder, noted, and sent on as
//! it came.
//!
//! What waits to be judged holds both sides: nothing of a file goes before it, and no answer overtakes it.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use wiretape_core::event::{FileEvent, FileOperation};
use wiretape_core::{Action, Event, Fault, Kind, Lane, Moment, Reason, Side, Step, Unit, Verdict, Wire};

use crate::command::Direction;
use crate::event::Notes;
use crate::limits::HELD_BYTES_MAX;
use crate::place::Place;
use crate::state::Transfer;
use crate::{judged, refuse};

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

/// An announcement that waits to be judged.
struct Asked {
    unit: Unit,
    path: Bytes,
    /// The whole line.
    line: Bytes,
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
    lane: Lane,
    place: Place,
    serial: u64,
    asked: Option<Asked>,
    /// What was wrong with what waited.
    fault: Option<Fault>,
    /// Something was refused that could not be taken back, or the gateway took its leave: nothing passes any more.
    over: bool,
    steps: VecDeque<Step<Bytes>>,
}

impl ScpWire {
    /// The wire of an scp command that was started on `lane` and takes place at `place`; see [`crate::direction`].
    #[must_use]
    pub fn new(lane: Lane, direction: Direction, place: Place) -> Self {
        Self {
            notes: Notes::new(lane, direction),
            direction,
            transfer: Transfer::new(direction),
            client: BytesMut::new(),
            upstream: BytesMut::new(),
            ended: Vec::new(),
            lane,
            place,
            serial: 0,
            asked: None,
            fault: None,
            over: false,
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
        if self.asked.is_some() || self.over {
            return Ok(());
        }
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
            if self.asked.is_some() {
                return Ok(());
            }
            if self.ended.contains(&source) {
                self.check_end(source)?;
            }
        }
    }

    fn hear_source<R: Rest>(&mut self, rest: &mut R) -> Result<(), Fault> {
        let mut heard_bytes = 0;
        let outcome = loop {
            let bytes = rest.bytes().get(heard_bytes..).unwrap_or_default();
            if self.transfer.is_between() && matches!(bytes.first(), Some(b'C' | b'D')) {
                let heard = rest.take(std::mem::take(&mut heard_bytes));
                self.send(self.transfer.source(), heard);
                let line_bytes = self.transfer.hear_source(rest.bytes(), &mut self.notes)?;
                if line_bytes > 0 {
                    let line = rest.take(line_bytes);
                    self.judge(line);
                }
                return Ok(());
            }
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

    /// The file or folder that `line` announces, which was noted, is judged before the sink hears of it.
    fn judge(&mut self, line: Bytes) {
        let mut before: Vec<Event> = self.notes.take().collect();
        // Times that were announced for it stand before it; what an early status answered, behind.
        let is_announced = |event: &Event| {
            let Kind::File(FileEvent::Asked { operation, .. }) = &event.kind else { return false };
            matches!(operation, FileOperation::Send { .. } | FileOperation::MakeDirectory { .. })
        };
        let behind = before.iter().rposition(is_announced).map(|place| before.split_off(place)).unwrap_or_default();
        self.steps.extend(before.into_iter().map(Step::Note));
        let mut behind = behind.into_iter();
        if let Some(event) = behind.next()
            && let Kind::File(FileEvent::Asked { operation, .. }) = &event.kind
            && let Some(kind) = judged::action(operation, self.direction, &self.place)
        {
            self.serial += 1;
            let (lane, path) = (self.lane, operation.path().clone());
            let unit = Unit { lane, serial: self.serial };
            self.steps.push_back(Step::Judge { unit, action: Action { lane, kind }, event });
            self.asked = Some(Asked { unit, path, line });
        }
        self.steps.extend(behind.map(Step::Note));
    }

    /// What was announced may not be: the source hears it as from the sink, and the sink, where that is the client, as from
    /// the source.
    fn refuse(&mut self, path: &[u8], reason: &Reason) {
        if self.transfer.refuse(&reason.text, &mut self.notes) {
            if self.direction == Direction::Download {
                self.send(Side::Client, refuse::denied(reason));
            }
            self.send(Side::Upstream, refuse::denied_by_name(path, reason));
        } else {
            self.over = true;
            (self.client, self.upstream) = (BytesMut::new(), BytesMut::new());
            self.send(Side::Upstream, refuse::ended(reason));
        }
    }

    /// What both sides said meanwhile takes its turn, up to the next announcement.
    fn go_on(&mut self) -> Result<(), Fault> {
        let source = self.transfer.source();
        for side in [source, source.other(), source] {
            self.take_in(side, Bytes::new())?;
        }
        for side in self.ended.clone() {
            self.check_end(side)?;
        }
        if self.both_ended() && self.asked.is_none() {
            self.transfer.finish(&mut self.notes);
        }
        Ok(())
    }

    fn both_ended(&self) -> bool {
        [Side::Client, Side::Upstream].iter().all(|side| self.ended.contains(side))
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
        if self.asked.is_some() || self.over {
            // What waits is read once it was judged.
            return Ok(());
        }
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
            Direction::Download => self.asked.is_some() || self.transfer.is_between(),
        }
    }
}

impl Wire for ScpWire {
    type Message = Bytes;

    fn feed(&mut self, side: Side, at: Moment, message: Bytes) -> Result<(), Fault> {
        if self.over {
            return Ok(());
        }
        self.notes.set_now(at);
        let outcome = self.take_in(side, message);
        self.flush_notes();
        outcome
    }

    fn step(&mut self) -> Option<Step<Bytes>> {
        self.steps.pop_front()
    }

    /// A file that may not be has its answer from the gateway.
    fn rule(&mut self, at: Moment, unit: Unit, verdict: Verdict) {
        let Some(asked) = self.asked.take_if(|asked| asked.unit == unit) else { return };
        self.notes.set_now(at);
        match verdict {
            Verdict::Allow => self.send(self.transfer.source(), asked.line),
            Verdict::Refuse(reason) => self.refuse(&asked.path, &reason),
        }
        self.fault = self.go_on().err();
        self.flush_notes();
    }

    fn fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    fn end(&mut self, side: Side, at: Moment) -> Result<(), Fault> {
        self.notes.set_now(at);
        self.ended.push(side);
        let outcome = self.check_end(side);
        if outcome.is_err() || (self.both_ended() && self.asked.is_none()) {
            self.transfer.finish(&mut self.notes);
            self.flush_notes();
        }
        outcome
    }

    /// What a source says before it has the status that it should wait for is read when that comes.
    fn holds_end(&self, side: Side) -> bool {
        let held = if side == Side::Client { &self.client } else { &self.upstream };
        let comes = self.transfer.wants_status() && !self.ended.contains(&side.other());
        comes && !self.over && !held.is_empty() && side == self.transfer.source()
    }

    fn farewell(&mut self, at: Moment, reason: &Reason) {
        self.notes.set_now(at);
        let heard = !std::mem::replace(&mut self.over, true) && self.hears_errors();
        self.asked = None;
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
        let asked = self.asked.as_ref().map_or(0, |asked| asked.line.len() + asked.path.len());
        self.client.len() + self.upstream.len() + asked
    }
}
