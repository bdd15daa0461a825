//! Another wire inside a lane: its main stream goes through that wire, both ways.

use std::collections::{BTreeMap, VecDeque};

use bytes::{Buf, Bytes};
use wiretape_core::{
    ByteWire, Carrier, Event, Fault, Finding, Lane, Moment, Reason, Side, Step, Unit, Verdict, limits,
};

use crate::Message;
use crate::outbox::Outbox;
use crate::pair::Pair;

/// What became of held data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It went.
    Released,
    /// It never goes.
    Discarded,
}

/// A nested wire, and what it was fed and has not sent on.
pub(crate) struct Nested {
    lane: Lane,
    protocol: String,
    wire: ByteWire,
    /// From the units of this session to those of the nested wire.
    units: BTreeMap<Unit, Unit>,
    /// The same of what is examined.
    examined: BTreeMap<Unit, Unit>,
    kept: Pair<Kept>,
    /// Nothing is kept any more.
    altered: bool,
    /// For whom something is held that may still go.
    holding: Pair<bool>,
    /// What became of what was held for them, where nobody has asked yet.
    settled: Pair<Option<Settled>>,
    /// Who hears nothing more.
    deaf: Pair<bool>,
    /// Something was sent to the client.
    told: bool,
}

impl Nested {
    pub(crate) fn new(lane: Lane, carrier: &Carrier, wire: ByteWire) -> Self {
        let protocol = protocol(carrier);
        // Of a wire that is the record nothing is made up for what it did not send.
        let altered = wire.is_record();
        Self {
            lane,
            protocol,
            wire,
            units: BTreeMap::new(),
            examined: BTreeMap::new(),
            kept: Pair::default(),
            altered,
            holding: Pair::default(),
            settled: Pair::default(),
            deaf: Pair::default(),
            told: false,
        }
    }

    pub(crate) fn protocol(&self) -> &str {
        &self.protocol
    }

    /// Feeds what `side` said, and says what follows from it.
    pub(crate) fn feed(&mut self, side: Side, at: Moment, bytes: Bytes, outbox: &mut Outbox) -> Result<(), Fault> {
        if !self.altered {
            self.kept.of_mut(side).push(bytes.clone());
        }
        let outcome = self.wire.feed(side, at, bytes);
        self.drain(at, outbox);
        outcome?;
        if self.held_bytes() > limits::HELD_BYTES_MAX {
            return Err(Fault::new(
                side,
                "at most 4 MiB that cannot be decided yet",
                format!("{} B", self.held_bytes()),
            ));
        }
        Ok(())
    }

    /// `side` will say nothing more.
    pub(crate) fn end(&mut self, side: Side, at: Moment, outbox: &mut Outbox) -> Result<(), Fault> {
        let outcome = self.wire.end(side, at);
        self.drain(at, outbox);
        outcome
    }

    /// Whether the end of `side` stays behind what the wire has not sent on yet.
    pub(crate) fn holds_end(&self, side: Side) -> bool {
        self.wire.holds_end(side) && !*self.deaf.of(side.other())
    }

    /// `side` closed the lane, or is told that it is closed: nothing is sent to it any more.
    pub(crate) fn deafen(&mut self, side: Side) {
        *self.deaf.of_mut(side) = true;
    }

    /// Passes on an answer, where it is for a unit of this wire.
    pub(crate) fn rule(&mut self, at: Moment, unit: Unit, verdict: Verdict, outbox: &mut Outbox) -> Result<(), Fault> {
        let Some(inner) = self.units.remove(&unit) else { return Ok(()) };
        self.wire.rule(at, inner, verdict);
        self.go_on(at, outbox)
    }

    /// Says what follows from what the wire was told.
    fn go_on(&mut self, at: Moment, outbox: &mut Outbox) -> Result<(), Fault> {
        self.drain(at, outbox);
        self.wire.fault().map_or(Ok(()), Err)
    }

    /// Tells the wire that people are asked about one of its units. `None` when it is none of this wire's; otherwise
    /// whether the wire had words for its client.
    pub(crate) fn waiting(
        &mut self,
        at: Moment,
        unit: Unit,
        text: &str,
        outbox: &mut Outbox,
    ) -> Option<Result<bool, Fault>> {
        let inner = *self.units.get(&unit)?;
        self.wire.waiting(at, inner, text);
        let told = std::mem::take(&mut self.told);
        let outcome = self.go_on(at, outbox);
        let said = std::mem::replace(&mut self.told, told);
        Some(outcome.map(|()| said))
    }

    /// Nobody wants an answer for what this wire asked any more.
    pub(crate) fn withdraw(&mut self, outbox: &mut Outbox) {
        for outer in std::mem::take(&mut self.units).into_keys() {
            outbox.withdraw(outer);
        }
    }

    /// Passes on what an examination found, where it was one of this wire.
    pub(crate) fn found(&mut self, at: Moment, unit: Unit, finding: Finding, outbox: &mut Outbox) -> Result<(), Fault> {
        let Some(inner) = self.examined.remove(&unit) else { return Ok(()) };
        self.wire.found(at, inner, finding);
        self.go_on(at, outbox)
    }

    /// The wire takes its leave; what it would ask now is not asked any more, and what is held never goes.
    pub(crate) fn farewell(&mut self, at: Moment, reason: &Reason, outbox: &mut Outbox) {
        self.wire.farewell(at, reason);
        self.discard(outbox);
        while let Some(step) = self.wire.step() {
            match step {
                Step::Judge { event, .. } | Step::Note(event) => self.note(event, outbox),
                Step::Send { to, .. } if *self.deaf.of(to) => {}
                Step::Send { to, message } => self.send(at, to, message, outbox),
                Step::Hold { .. }
                | Step::Release { .. }
                | Step::Discard { .. }
                | Step::Examine { .. }
                | Step::Withdraw { .. } => {}
            }
        }
    }

    /// Drops what is held for anybody.
    pub(crate) fn discard(&mut self, outbox: &mut Outbox) {
        for to in [Side::Client, Side::Upstream] {
            if std::mem::take(self.holding.of_mut(to)) {
                outbox.discard(to, self.lane);
            }
        }
    }

    /// True while something is held for `to`: whatever else goes there has to stand behind it.
    pub(crate) fn is_holding(&self, to: Side) -> bool {
        *self.holding.of(to)
    }

    /// What became of what was held for `to`; told once.
    pub(crate) fn take_settled(&mut self, to: Side) -> Option<Settled> {
        self.settled.of_mut(to).take()
    }

    /// True while an answer is waited for.
    pub(crate) fn is_asking(&self) -> bool {
        !self.units.is_empty()
    }

    /// True when what was sent on is not what was said, or nobody but the wire records it: then nothing passes but what
    /// the wire sends.
    pub(crate) fn is_alone(&self) -> bool {
        self.altered
    }

    /// What `side` said and was not sent on.
    pub(crate) fn into_kept(self) -> [(Side, VecDeque<Bytes>); 2] {
        let mut kept = self.kept;
        [Side::Upstream, Side::Client].map(|side| (side, std::mem::take(&mut kept.of_mut(side).parts)))
    }

    pub(crate) fn held_bytes(&self) -> usize {
        let kept = self.kept.of(Side::Client).bytes.saturating_add(self.kept.of(Side::Upstream).bytes);
        self.wire.held_bytes().max(kept)
    }

    fn drain(&mut self, at: Moment, outbox: &mut Outbox) {
        while let Some(step) = self.wire.step() {
            match step {
                Step::Note(event) => self.note(event, outbox),
                Step::Judge { unit, mut action, mut event } => {
                    action.lane = self.lane;
                    event.lane = self.lane;
                    let outer = outbox.judge(action, event);
                    self.units.insert(outer, unit);
                }
                Step::Send { to, .. } | Step::Hold { to, .. } if *self.deaf.of(to) => {}
                Step::Send { to, message } => {
                    self.let_go(to, &message);
                    self.send(at, to, message, outbox);
                }
                Step::Hold { to, message, .. } => {
                    self.let_go(to, &message);
                    *self.holding.of_mut(to) = true;
                    if !self.wire.is_record() {
                        outbox.note_data(at, to.other(), self.lane, false, &message);
                    }
                    let message = Message::Data { lane: self.lane, error: false, bytes: message };
                    outbox.hold(to, self.lane, message);
                }
                Step::Release { to, .. } => {
                    if std::mem::take(self.holding.of_mut(to)) {
                        self.settled.of_mut(to).get_or_insert(Settled::Released);
                        outbox.release(to, self.lane);
                    }
                }
                Step::Discard { to, .. } => {
                    if std::mem::take(self.holding.of_mut(to)) {
                        self.settled.of_mut(to).get_or_insert(Settled::Discarded);
                        outbox.discard(to, self.lane);
                    }
                }
                Step::Examine { unit, examiner } => {
                    let outer = outbox.examine(self.lane, examiner);
                    self.examined.insert(outer, unit);
                }
                Step::Withdraw { unit } => {
                    let outer = self.units.iter().find(|(_, inner)| **inner == unit).map(|(outer, _)| *outer);
                    if let Some(outer) = outer {
                        self.units.remove(&outer);
                        outbox.withdraw(outer);
                    }
                }
            }
        }
    }

    /// `message` leaves the wire for `to`: it counts as held by it no more.
    fn let_go(&mut self, to: Side, message: &Bytes) {
        if !self.altered && !self.kept.of_mut(to.other()).release(message) {
            self.altered = true;
            self.kept = Pair::default();
        }
    }

    fn send(&mut self, at: Moment, to: Side, message: Bytes, outbox: &mut Outbox) {
        self.told |= to == Side::Client;
        if self.wire.is_record() {
            outbox.send(to, Message::Data { lane: self.lane, error: false, bytes: message });
        } else {
            outbox.pass_data(at, to.other(), self.lane, false, message);
        }
    }

    fn note(&self, mut event: Event, outbox: &mut Outbox) {
        event.lane = self.lane;
        outbox.event(event);
    }
}

/// Bytes that went into a wire and have not come out.
#[derive(Debug, Default)]
struct Kept {
    parts: VecDeque<Bytes>,
    bytes: usize,
}

impl Kept {
    fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.bytes = self.bytes.saturating_add(bytes.len());
            self.parts.push_back(bytes);
        }
    }

    /// Lets go of `sent`; false when those are not the oldest bytes.
    fn release(&mut self, mut sent: &[u8]) -> bool {
        while !sent.is_empty() {
            let Some(front) = self.parts.front_mut() else { return false };
            let length = front.len().min(sent.len());
            let (head, tail) = sent.split_at(length);
            // The same place in memory holds the same bytes: the usual case costs no look at them.
            let same = std::ptr::eq(front.as_ptr(), head.as_ptr()) || front.get(..length) == Some(head);
            if !same {
                return false;
            }
            front.advance(length);
            self.bytes = self.bytes.saturating_sub(length);
            if front.is_empty() {
                self.parts.pop_front();
            }
            sent = tail;
        }
        true
    }
}

/// What to call the protocol that a carrier carries.
fn protocol(carrier: &Carrier) -> String {
    match carrier {
        Carrier::Subsystem { name } => name.clone(),
        Carrier::Exec { command } => {
            let word = command.split(|byte| byte.is_ascii_whitespace()).find(|word| !word.is_empty());
            let name = word.and_then(|word| word.rsplit(|byte| *byte == b'/').next()).unwrap_or_default();
            String::from_utf8_lossy(name).into_owned()
        }
        Carrier::Forward { port, .. } => format!("port {port}"),
        Carrier::Connection { protocol } => (*protocol).to_owned(),
        Carrier::Content(content) => String::from_utf8_lossy(&content.media_type).into_owned(),
        Carrier::Upgrade { protocol } => String::from_utf8_lossy(protocol).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::Kept;

    #[test]
    fn what_is_released_is_what_was_kept_however_it_is_cut() {
        let mut kept = Kept::default();
        for part in ["ab", "", "cde", "f"] {
            kept.push(Bytes::from_static(part.as_bytes()));
        }
        assert!(kept.release(b"abc"));
        assert!(kept.release(b""));
        assert_eq!(kept.bytes, 3);
        assert!(kept.release(b"d"));
        assert!(!kept.release(b"x"));
        assert!(kept.release(b"ef"));
        assert!(!kept.release(b"g"));
        assert_eq!((kept.bytes, kept.parts.len()), (0, 0));
    }
}
