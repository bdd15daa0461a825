//! What the wire has to say, in order.

use std::collections::VecDeque;

use bytes::Bytes;
use wiretape_core::event::HttpEvent;
use wiretape_core::{Action, Event, Examiner, Kind, Lane, Moment, Side, Step, Unit};

use crate::event::payloads;
use crate::{Message, Part};

/// The steps that wait to be taken, and the count of units.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    steps: VecDeque<Step<Message>>,
    units: u64,
}

impl Outbox {
    pub(crate) fn next(&mut self) -> Option<Step<Message>> {
        self.steps.pop_front()
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.steps.push_back(Step::Note(event));
    }

    pub(crate) fn note(&mut self, at: Moment, side: Side, lane: Lane, kind: HttpEvent) {
        self.event(Event { at, side, lane, kind: Kind::Http(kind) });
    }

    pub(crate) fn send(&mut self, to: Side, lane: Lane, part: Part) {
        self.steps.push_back(Step::Send { to, message: Message { lane, part } });
    }

    /// Holds `part` for `to`, behind what is held there on `lane`.
    pub(crate) fn hold(&mut self, to: Side, lane: Lane, part: Part) {
        self.steps.push_back(Step::Hold { to, lane, message: Message { lane, part } });
    }

    pub(crate) fn release(&mut self, to: Side, lane: Lane) {
        self.steps.push_back(Step::Release { to, lane });
    }

    pub(crate) fn discard(&mut self, to: Side, lane: Lane) {
        self.steps.push_back(Step::Discard { to, lane });
    }

    /// Has what is held on `lane` examined; the answer comes for the unit that this returns.
    pub(crate) fn examine(&mut self, lane: Lane, examiner: Examiner) -> Unit {
        self.units += 1;
        let unit = Unit { lane, serial: self.units };
        self.steps.push_back(Step::Examine { unit, examiner });
        unit
    }

    /// Nobody wants an answer for `unit` any more.
    pub(crate) fn withdraw(&mut self, unit: Unit) {
        self.steps.push_back(Step::Withdraw { unit });
    }

    /// Notes content that stands on `side`, in as many events as it takes.
    pub(crate) fn note_body(&mut self, at: Moment, side: Side, lane: Lane, bytes: &Bytes) {
        for bytes in payloads(bytes) {
            self.note(at, side, lane, HttpEvent::Body { bytes });
        }
    }

    /// Asks whether `action` may pass; nothing of it passes until the answer comes for the unit that this returns.
    pub(crate) fn judge(&mut self, action: Action, event: Event) -> Unit {
        self.units += 1;
        let unit = Unit { lane: action.lane, serial: self.units };
        self.steps.push_back(Step::Judge { unit, action, event });
        unit
    }
}
