//! The wire: what comes in, lane by lane, and what is to be done about it.

use std::collections::{BTreeMap, BTreeSet};

use wiretape_core::event::{StreamEvent, StreamKind};
use wiretape_core::{Fault, Finding, Kind, Lane, Moment, Reason, Side, Step, Unit, Verdict, Wire, limits as shared};

use crate::connection::{Connection, destination};
use crate::lane::{LaneState, Surroundings};
use crate::options::Options;
use crate::outbox::Outbox;
use crate::state::{check_kind, fault};
use crate::{Message, OpenFailure, limits, refuse};

/// One SSH connection, seen from between its peers.
pub struct SshWire {
    options: Options,
    lanes: BTreeMap<Lane, LaneState>,
    numbers: LaneNumbers,
    connection: Connection,
    outbox: Outbox,
    agent_lent: bool,
    held_bytes: usize,
    ended: Option<Reason>,
}

impl SshWire {
    /// The wire of a connection that was just authenticated.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            lanes: BTreeMap::new(),
            numbers: LaneNumbers::default(),
            connection: Connection::default(),
            outbox: Outbox::default(),
            agent_lent: false,
            held_bytes: 0,
            ended: None,
        }
    }

    fn open(&mut self, side: Side, at: Moment, lane: Lane, kind: StreamKind) -> Result<(), Fault> {
        check_kind(side, &kind)?;
        self.numbers.take(side, lane)?;
        let refusal = match &self.ended {
            Some(reason) => Some((OpenFailure::ConnectFailed, reason.text.clone())),
            None => self.objection(side, &kind).map(|(failure, text)| (failure, text.to_owned())),
        };
        if let Some((failure, text)) = refusal {
            self.outbox.note(at, side, lane, Kind::Stream(StreamEvent::Open { kind }));
            refuse::reject(at, side, lane, failure, &text, &mut self.outbox);
            return Ok(());
        }
        let mut state = LaneState::new(lane, side, kind.clone());
        let mut around = surroundings(&self.options, &mut self.outbox, at);
        match &kind {
            StreamKind::DirectTcpip { host, port, .. } => state.ask_open(destination(host, *port), &mut around),
            StreamKind::DirectStreamlocal { path } => state.ask_open(path.clone(), &mut around),
            _ => state.open(&mut around),
        }
        self.lanes.insert(lane, state);
        Ok(())
    }

    /// Why the gateway itself does not pass on an opening: nothing is opened that nobody asked for.
    fn objection(&self, side: Side, kind: &StreamKind) -> Option<(OpenFailure, &'static str)> {
        let prohibited = OpenFailure::AdministrativelyProhibited;
        match (side, kind) {
            _ if self.lanes.len() >= shared::LANES_OPEN_MAX => {
                Some((OpenFailure::ResourceShortage, "too many channels are open on this connection"))
            }
            // Some targets read an address up to the zero byte, and connect to another one than was judged.
            (
                Side::Client,
                StreamKind::DirectTcpip { host: address, .. } | StreamKind::DirectStreamlocal { path: address },
            ) if address.contains('\0') => Some((prohibited, "an address has no zero byte")),
            (
                Side::Client,
                StreamKind::Session | StreamKind::DirectTcpip { .. } | StreamKind::DirectStreamlocal { .. },
            ) => None,
            (Side::Upstream, StreamKind::ForwardedTcpip { .. } | StreamKind::ForwardedStreamlocal { .. }) => {
                (!self.connection.expects(kind)).then_some((prohibited, "nobody asked to listen there"))
            }
            (Side::Upstream, StreamKind::Agent) => {
                (!self.agent_lent).then_some((prohibited, "no agent was lent on this connection"))
            }
            (Side::Upstream, StreamKind::X11 { .. }) => Some((prohibited, "no X11 forwarding was asked for")),
            _ => Some((OpenFailure::UnknownChannelType, "this side does not open such channels")),
        }
    }

    fn on_lane<T>(
        &mut self,
        lane: Lane,
        at: Moment,
        act: impl FnOnce(&mut LaneState, &mut Surroundings<'_>) -> T,
    ) -> Option<T> {
        let state = self.lanes.get_mut(&lane)?;
        let before = state.held_bytes();
        let outcome = act(state, &mut surroundings(&self.options, &mut self.outbox, at));
        let (after, over) = (state.held_bytes(), state.is_over());
        self.held_bytes = self.held_bytes.saturating_sub(before);
        if over {
            self.lanes.remove(&lane);
        } else {
            self.held_bytes = self.held_bytes.saturating_add(after);
        }
        Some(outcome)
    }
}

fn surroundings<'a>(options: &'a Options, outbox: &'a mut Outbox, at: Moment) -> Surroundings<'a> {
    Surroundings {
        at,
        outbox,
        nested: options.nested.as_ref(),
        nested_fault: options.nested_fault,
        conceal: options.conceal,
    }
}

impl Wire for SshWire {
    type Message = Message;

    fn feed(&mut self, side: Side, at: Moment, message: Message) -> Result<(), Fault> {
        if let Message::Open { lane, kind } = message {
            return self.open(side, at, lane, kind);
        }
        if self.ended.is_some() {
            return Ok(());
        }
        let lane = message.lane();
        if lane == Lane::CONNECTION {
            return self.connection.take(side, at, message, &mut self.outbox);
        }
        if !self.lanes.contains_key(&lane) {
            // What crosses the last close of a lane is nobody's fault.
            let known = self.numbers.was_taken(lane);
            return if known { Ok(()) } else { Err(fault(side, "a lane that was opened", &message)) };
        }
        self.on_lane(lane, at, |state, around| state.take(side, message, around)).unwrap_or(Ok(()))
    }

    fn step(&mut self) -> Option<Step<Message>> {
        self.outbox.next()
    }

    fn rule(&mut self, at: Moment, unit: Unit, verdict: Verdict) {
        if unit.lane == Lane::CONNECTION {
            self.connection.rule(at, unit, &verdict, &mut self.outbox);
            return;
        }
        let lent = self.on_lane(unit.lane, at, |state, around| {
            let lends = verdict == Verdict::Allow && state.asks_agent(unit);
            state.rule(unit, verdict, around);
            lends
        });
        self.agent_lent |= lent == Some(true);
    }

    fn waiting(&mut self, at: Moment, unit: Unit, text: &str) {
        // Of requests of the connection there is nobody to tell: OpenSSH shows no SSH_MSG_DEBUG.
        self.on_lane(unit.lane, at, |state, around| state.waiting(unit, text, around));
    }

    fn found(&mut self, at: Moment, unit: Unit, finding: Finding) {
        self.on_lane(unit.lane, at, |state, around| state.found(unit, finding, around));
    }

    fn end(&mut self, side: Side, at: Moment) -> Result<(), Fault> {
        let lanes: Vec<Lane> = self.lanes.keys().copied().collect();
        for lane in lanes {
            self.on_lane(lane, at, |state, around| state.side_ended(side, around));
        }
        if side == Side::Client {
            self.connection.withdraw(&mut self.outbox);
        }
        Ok(())
    }

    fn farewell(&mut self, at: Moment, reason: &Reason) {
        let lanes: Vec<Lane> = self.lanes.keys().copied().collect();
        for lane in lanes {
            self.on_lane(lane, at, |state, around| state.farewell(reason, around));
        }
        self.connection.farewell(at, &mut self.outbox);
        self.ended = Some(reason.clone());
    }

    fn held_bytes(&self) -> usize {
        self.held_bytes
    }
}

/// Which lane numbers were used: each one once (see [`Lane`]).
#[derive(Debug, Default)]
struct LaneNumbers {
    highest: u32,
    /// Left out below the highest: two sides may number lanes at the same time and be heard in another order.
    skipped: BTreeSet<u32>,
}

impl LaneNumbers {
    fn take(&mut self, side: Side, lane: Lane) -> Result<(), Fault> {
        let Lane(number) = lane;
        if number > self.highest {
            let skipped = number - self.highest - 1;
            if skipped as usize + self.skipped.len() > limits::LANE_NUMBERS_SKIPPED_MAX {
                return Err(Fault::new(side, "the next lane", format!("lane {number}")));
            }
            self.skipped.extend(self.highest + 1..number);
            self.highest = number;
            return Ok(());
        }
        if self.skipped.remove(&number) {
            return Ok(());
        }
        Err(Fault::new(side, "a lane that was not opened before", format!("lane {number}")))
    }

    fn was_taken(&self, lane: Lane) -> bool {
        lane.0 >= 1 && lane.0 <= self.highest && !self.skipped.contains(&lane.0)
    }
}

#[cfg(test)]
mod tests {
    use wiretape_core::{Lane, Side};

    use super::{LaneNumbers, Options, SshWire};

    #[test]
    fn a_wire_can_be_moved_to_another_thread() {
        fn check<T: Send>(_: T) {}
        check(SshWire::new(Options::default()));
    }

    #[test]
    fn a_lane_number_is_used_once_in_any_order() {
        let mut numbers = LaneNumbers::default();
        for lane in [1, 4, 3, 2, 5] {
            assert!(!numbers.was_taken(Lane(lane)));
            assert!(numbers.take(Side::Client, Lane(lane)).is_ok(), "{lane}");
            assert!(numbers.was_taken(Lane(lane)));
        }
        for lane in [0, 1, 3, 5] {
            assert!(numbers.take(Side::Client, Lane(lane)).is_err(), "{lane}");
        }
    }
}
