//! What a lane carries once both sides agreed: another wire, or bytes that nobody here reads.

use bytes::Bytes;
use wiretape_core::event::{HttpEvent, StreamEvent};
use wiretape_core::limits::HELD_BYTES_MAX;
use wiretape_core::{
    ByteWire, Carrier, Event, Fault, Finding, Kind, Lane, Moment, NestedWires, Reason, Side, Step, Unit, Verdict,
};

use crate::Part;
use crate::event::payloads;
use crate::outbox::Outbox;

/// A lane behind an upgrade.
pub(crate) struct Tunnel {
    lane: Lane,
    /// `None`: the bytes are recorded as they are.
    wire: Option<ByteWire>,
    /// Units of the session, and those of the nested wire that they stand for.
    units: Vec<(Unit, Unit)>,
    /// The same of what is examined.
    examined: Vec<(Unit, Unit)>,
    /// Whether something is held for the target.
    holding: bool,
    /// The end of what the client says is held behind that.
    end_held: bool,
    /// Who was told that nothing more comes; once both were, the lane is over.
    deaf: Option<Side>,
}

impl Tunnel {
    /// What `protocol` is carried by, where a wire knows it; `None` stands for a plain tunnel.
    pub(crate) fn new(lane: Lane, protocol: Option<&Bytes>, nested: &dyn NestedWires) -> Self {
        let carrier = protocol.map(|protocol| Carrier::Upgrade { protocol: protocol.to_ascii_lowercase().into() });
        let wire = carrier.and_then(|carrier| nested.wire(lane, &carrier));
        Self { lane, wire, units: Vec::new(), examined: Vec::new(), holding: false, end_held: false, deaf: None }
    }

    /// True when nobody here reads the bytes.
    pub(crate) fn is_opaque(&self) -> bool {
        self.wire.is_none()
    }

    /// True while an answer is waited for.
    pub(crate) fn is_asking(&self) -> bool {
        !self.units.is_empty()
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.wire.as_ref().map_or(0, |wire| wire.held_bytes())
    }

    /// What `side` said.
    pub(crate) fn feed(&mut self, side: Side, at: Moment, bytes: Bytes, outbox: &mut Outbox) -> Result<(), Fault> {
        let Some(wire) = &mut self.wire else {
            for bytes in payloads(&bytes) {
                let kind = Kind::Stream(StreamEvent::Data { error: false, bytes });
                outbox.event(Event { at, side, lane: self.lane, kind });
            }
            outbox.send(side.other(), self.lane, Part::Body(bytes));
            return Ok(());
        };
        let outcome = wire.feed(side, at, bytes);
        self.drain(outbox);
        outcome?;
        if self.held_bytes() > HELD_BYTES_MAX {
            let got = format!("{} B", self.held_bytes());
            return Err(Fault::new(side, "at most 4 MiB that cannot be decided yet", got));
        }
        Ok(())
    }

    /// `side` will say nothing more.
    pub(crate) fn end(&mut self, side: Side, at: Moment, outbox: &mut Outbox) -> Result<(), Fault> {
        if let Some(wire) = &mut self.wire {
            let outcome = wire.end(side, at);
            self.drain(outbox);
            outcome?;
        }
        self.send_end(side.other(), side, at, outbox);
        Ok(())
    }

    /// Tells `to` that nothing more comes; it stands on `side`.
    fn send_end(&mut self, to: Side, side: Side, at: Moment, outbox: &mut Outbox) {
        let kind = if self.is_opaque() { Kind::Stream(StreamEvent::Eof) } else { Kind::Http(HttpEvent::End) };
        outbox.event(Event { at, side, lane: self.lane, kind });
        if to == Side::Upstream && self.holding {
            outbox.hold(to, self.lane, Part::End);
            self.end_held = true;
        } else {
            outbox.send(to, self.lane, Part::End);
            self.deaf = Some(to);
        }
    }

    /// Passes on an answer, where it is for a unit of the nested wire.
    pub(crate) fn rule(&mut self, at: Moment, unit: Unit, verdict: Verdict, outbox: &mut Outbox) -> Result<(), Fault> {
        let Some(place) = self.units.iter().position(|(outer, _)| *outer == unit) else { return Ok(()) };
        let (_, inner) = self.units.swap_remove(place);
        if let Some(wire) = &mut self.wire {
            wire.rule(at, inner, verdict);
        }
        self.go_on(outbox)
    }

    /// Says what follows from what the nested wire was told.
    fn go_on(&mut self, outbox: &mut Outbox) -> Result<(), Fault> {
        self.drain(outbox);
        self.wire.as_mut().and_then(|wire| wire.fault()).map_or(Ok(()), Err)
    }

    /// Tells the nested wire that people are asked about one of its units.
    pub(crate) fn waiting(&mut self, at: Moment, unit: Unit, text: &str, outbox: &mut Outbox) -> Result<(), Fault> {
        let Some((_, inner)) = self.units.iter().find(|(outer, _)| *outer == unit) else { return Ok(()) };
        if let Some(wire) = &mut self.wire {
            wire.waiting(at, *inner, text);
        }
        self.go_on(outbox)
    }

    /// Nobody wants an answer for what the nested wire asked any more.
    pub(crate) fn withdraw(&mut self, outbox: &mut Outbox) {
        for (outer, _) in std::mem::take(&mut self.units) {
            outbox.withdraw(outer);
        }
    }

    /// Passes on what an examination found, where it is one of the nested wire's.
    pub(crate) fn found(&mut self, at: Moment, unit: Unit, finding: Finding, outbox: &mut Outbox) -> Result<(), Fault> {
        let Some(place) = self.examined.iter().position(|(outer, _)| *outer == unit) else { return Ok(()) };
        let (_, inner) = self.examined.swap_remove(place);
        if let Some(wire) = &mut self.wire {
            wire.found(at, inner, finding);
        }
        self.go_on(outbox)
    }

    /// Drops what is held for the target.
    pub(crate) fn discard(&mut self, outbox: &mut Outbox) {
        if std::mem::take(&mut self.holding) {
            outbox.discard(Side::Upstream, self.lane);
        }
    }

    /// The nested wire takes its leave; true when it said something to the client, to which nothing more is said then.
    pub(crate) fn farewell(&mut self, at: Moment, reason: &Reason, outbox: &mut Outbox) -> bool {
        let Some(wire) = self.wire.as_mut().filter(|_| self.deaf != Some(Side::Client)) else { return false };
        wire.farewell(at, reason);
        if std::mem::take(&mut self.holding) {
            outbox.discard(Side::Upstream, self.lane);
        }
        let mut told = false;
        while let Some(step) = wire.step() {
            match step {
                // What it would ask now is not asked any more.
                Step::Judge { event, .. } | Step::Note(event) => outbox.event(Event { lane: self.lane, ..event }),
                Step::Send { to, .. } if self.deaf == Some(to) => {}
                Step::Send { to, message } => {
                    told |= to == Side::Client;
                    outbox.send(to, self.lane, Part::Body(message));
                }
                Step::Hold { .. }
                | Step::Release { .. }
                | Step::Discard { .. }
                | Step::Examine { .. }
                | Step::Withdraw { .. } => {}
            }
        }
        if told {
            self.send_end(Side::Client, Side::Client, at, outbox);
        }
        told
    }

    fn drain(&mut self, outbox: &mut Outbox) {
        let Some(wire) = &mut self.wire else { return };
        while let Some(step) = wire.step() {
            match step {
                Step::Note(event) => outbox.event(Event { lane: self.lane, ..event }),
                Step::Judge { unit, mut action, event } => {
                    action.lane = self.lane;
                    let outer = outbox.judge(action, Event { lane: self.lane, ..event });
                    self.units.push((outer, unit));
                }
                Step::Send { to, .. } | Step::Hold { to, .. } if self.deaf == Some(to) => {}
                Step::Send { to, message } => outbox.send(to, self.lane, Part::Body(message)),
                Step::Hold { to: Side::Upstream, message, .. } => {
                    self.holding = true;
                    outbox.hold(Side::Upstream, self.lane, Part::Body(message));
                }
                Step::Release { to: Side::Upstream, .. } => {
                    if std::mem::take(&mut self.holding) {
                        outbox.release(Side::Upstream, self.lane);
                        if std::mem::take(&mut self.end_held) {
                            self.deaf = Some(Side::Upstream);
                        }
                    }
                }
                Step::Discard { to: Side::Upstream, .. } => {
                    if std::mem::take(&mut self.holding) {
                        outbox.discard(Side::Upstream, self.lane);
                    }
                }
                // Nothing is held for the client: it is told at once.
                Step::Hold { to: Side::Client, message, .. } => {
                    outbox.send(Side::Client, self.lane, Part::Body(message));
                }
                Step::Release { to: Side::Client, .. } | Step::Discard { to: Side::Client, .. } => {}
                Step::Examine { unit, examiner } => {
                    let outer = outbox.examine(self.lane, examiner);
                    self.examined.push((outer, unit));
                }
                Step::Withdraw { unit } => {
                    if let Some(place) = self.units.iter().position(|(_, inner)| *inner == unit) {
                        outbox.withdraw(self.units.swap_remove(place).0);
                    }
                }
            }
        }
        if self.end_held && !self.holding {
            self.end_held = false;
            outbox.send(Side::Upstream, self.lane, Part::End);
            self.deaf = Some(Side::Upstream);
        }
    }
}
