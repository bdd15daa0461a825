//! The wire: what comes in, exchange by exchange, and what is to be done about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use wiretape_core::limits::LANES_OPEN_MAX;
use wiretape_core::{Fault, Finding, Lane, Moment, NestedWires, Reason, Side, Step, Unit, Verdict, Wire};

use crate::exchange::{Exchange, answer};
use crate::outbox::Outbox;
use crate::surroundings::Surroundings;
use crate::{Message, Part, Problem, RequestHead, Route, event};

/// The exchanges of one client with one target, seen from between them.
///
/// Each exchange is a lane, which [`Part::Request`] opens with a number higher than any before. Lanes may be fed in any
/// interleaving, each of them in its own order. A lane is forgotten once both of its messages are complete or it was
/// broken off; what still comes on it then is dropped.
pub struct HttpWire {
    session: String,
    nested: Box<dyn NestedWires>,
    exchanges: BTreeMap<Lane, Exchange>,
    highest: Lane,
    outbox: Outbox,
    held_bytes: usize,
    ended: bool,
}

impl HttpWire {
    /// A wire on which nothing was said; `session` is named in the gateway's own answers, `nested` knows the protocols
    /// that a lane can be upgraded to.
    #[must_use]
    pub fn new(session: String, nested: Box<dyn NestedWires>) -> Self {
        Self {
            session,
            nested,
            exchanges: BTreeMap::new(),
            highest: Lane::CONNECTION,
            outbox: Outbox::default(),
            held_bytes: 0,
            ended: false,
        }
    }

    fn open(
        &mut self,
        side: Side,
        at: Moment,
        lane: Lane,
        head: Box<RequestHead>,
        route: Arc<Route>,
    ) -> Result<(), Fault> {
        if side != Side::Client {
            return Err(Fault::new(side, "requests of the client alone", format!("a request on lane {lane}")));
        }
        if lane <= self.highest {
            return Err(Fault::new(side, "a lane that was not opened before", format!("lane {lane}")));
        }
        self.highest = lane;
        let full = self.exchanges.len() >= LANES_OPEN_MAX;
        let mut around = Surroundings {
            at,
            outbox: &mut self.outbox,
            nested: self.nested.as_ref(),
            session: &self.session,
            held_bytes: self.held_bytes,
        };
        if full {
            let (event, _) = event::request(lane, &head, &route);
            around.outbox.note(at, side, lane, event);
            let reason = "too many requests are open on this connection".to_owned();
            let problem = Problem { status: 503, error: "too_many_requests_open", reason, place: None };
            answer(lane, &problem, head.is_head(), &mut around);
            return Ok(());
        }
        self.exchanges.insert(lane, Exchange::ask(lane, head, route, &mut around));
        Ok(())
    }

    fn on_lane<T>(
        &mut self,
        lane: Lane,
        at: Moment,
        act: impl FnOnce(&mut Exchange, &mut Surroundings<'_>) -> T,
    ) -> Option<T> {
        let exchange = self.exchanges.get_mut(&lane)?;
        let before = exchange.held_bytes();
        let mut around = Surroundings {
            at,
            outbox: &mut self.outbox,
            nested: self.nested.as_ref(),
            session: &self.session,
            held_bytes: self.held_bytes,
        };
        let outcome = act(exchange, &mut around);
        self.held_bytes = self.held_bytes.saturating_sub(before);
        if exchange.is_over() {
            self.exchanges.remove(&lane);
        } else {
            self.held_bytes = self.held_bytes.saturating_add(exchange.held_bytes());
        }
        Some(outcome)
    }

    fn lanes(&self) -> Vec<Lane> {
        self.exchanges.keys().copied().collect()
    }
}

impl Wire for HttpWire {
    type Message = Message;

    fn feed(&mut self, side: Side, at: Moment, message: Message) -> Result<(), Fault> {
        if self.ended {
            return Ok(());
        }
        let Message { lane, part } = message;
        if let Part::Request(head, route) = part {
            return self.open(side, at, lane, head, route);
        }
        if lane > self.highest || lane == Lane::CONNECTION {
            return Err(Fault::new(side, "a lane that was opened", format!("lane {lane}")));
        }
        // What crosses the end of a lane is nobody's fault.
        self.on_lane(lane, at, |exchange, around| exchange.take(side, part, around)).unwrap_or(Ok(()))
    }

    fn step(&mut self) -> Option<Step<Message>> {
        self.outbox.next()
    }

    fn rule(&mut self, at: Moment, unit: Unit, verdict: Verdict) {
        self.on_lane(unit.lane, at, |exchange, around| exchange.rule(unit, verdict, around));
    }

    fn waiting(&mut self, at: Moment, unit: Unit, text: &str) {
        self.on_lane(unit.lane, at, |exchange, around| exchange.waiting(unit, text, around));
    }

    fn found(&mut self, at: Moment, unit: Unit, finding: Finding) {
        self.on_lane(unit.lane, at, |exchange, around| exchange.found(unit, finding, around));
    }

    fn end(&mut self, side: Side, at: Moment) -> Result<(), Fault> {
        for lane in self.lanes() {
            self.on_lane(lane, at, |exchange, around| exchange.side_ended(side, around));
        }
        Ok(())
    }

    fn farewell(&mut self, at: Moment, reason: &Reason) {
        for lane in self.lanes() {
            self.on_lane(lane, at, |exchange, around| exchange.farewell(reason, around));
        }
        self.ended = true;
    }

    fn held_bytes(&self) -> usize {
        self.held_bytes
    }
}

#[cfg(test)]
mod tests {
    use wiretape_core::nest::NoNestedWires;

    use super::HttpWire;

    #[test]
    fn a_wire_can_be_moved_to_another_thread() {
        fn check<T: Send>(_: T) {}
        check(HttpWire::new(String::new(), Box::new(NoNestedWires)));
    }
}
