//! How a lane ends: closed, left, or because what it carries is not understood.

use wiretape_core::event::{StreamEvent, StreamKind};
use wiretape_core::{Fault, Kind, Reason, Side};

use super::{LaneState, Question, Surroundings};
use crate::nested::Nested;
use crate::options::NestedFault;
use crate::pair::Pair;
use crate::state::Phase;
use crate::{Message, OpenFailure, refuse};

impl LaneState {
    /// Closes the lane towards each side that has it and was not told yet.
    pub(super) fn close_both(&mut self, around: &mut Surroundings<'_>) {
        self.drop_held(around);
        self.drop_nested(around);
        self.ending = Pair::default();
        self.terminal = None;
        // The close of one side was sent on to the other already; the other's is what that side still waits for.
        if !self.standing.closed_by(Side::Upstream) {
            self.close_towards(Side::Client, around);
        }
        if !self.standing.closed_by(Side::Client) {
            self.close_towards(Side::Upstream, around);
        }
        self.standing.end();
    }

    fn close_towards(&mut self, side: Side, around: &mut Surroundings<'_>) {
        let lane = self.lane;
        if !self.standing.closed_by(side) {
            if side == Side::Client && !self.standing.eof_by(Side::Upstream) {
                around.outbox.send(side, Message::Eof { lane });
            }
            around.outbox.note(around.at, side, lane, Kind::Stream(StreamEvent::Close));
        }
        around.outbox.send(side, Message::Close { lane });
    }

    /// `side` left the connection: its part of what the lane carries is complete.
    pub(crate) fn side_ended(&mut self, side: Side, around: &mut Surroundings<'_>) {
        let given_up =
            |nested: &Nested| nested.is_holding(side.other()) || (side == Side::Client && nested.is_asking());
        let gives_up = self.nested.as_ref().is_some_and(given_up);
        if side == Side::Client {
            self.drop_held(around);
        }
        if gives_up {
            // Who left before what it said could go has given it up.
            self.drop_nested(around);
        } else if self.standing.phase() == Phase::Open && !self.standing.eof_by(side) && !self.standing.closed_by(side)
        {
            self.end_nested(side, around);
        }
    }

    /// The gateway ends the session: the client is told on each lane where it listens.
    pub(crate) fn farewell(&mut self, reason: &Reason, around: &mut Surroundings<'_>) {
        let session = self.kind == StreamKind::Session;
        match self.standing.phase() {
            Phase::Ended | Phase::Over => {}
            Phase::Asked | Phase::Opening if session => {
                // Accepted only to be told why: the words of a rejection are lost in some clients.
                around.outbox.note(around.at, Side::Client, self.lane, Kind::Stream(StreamEvent::Accepted));
                around.outbox.send(Side::Client, Message::Opened { lane: self.lane });
                refuse::explain(around.at, self.lane, &reason.text, refuse::EXIT_FAREWELL, false, around.outbox);
                self.close_towards(Side::Client, around);
                self.standing.end();
            }
            Phase::Asked | Phase::Opening => {
                let opener = self.standing.opener();
                self.standing.reject();
                let failed = OpenFailure::ConnectFailed;
                refuse::reject(around.at, opener, self.lane, failed, &reason.text, around.outbox);
            }
            Phase::Open => {
                if let Some(nested) = &mut self.nested {
                    nested.farewell(around.at, reason, around.outbox);
                }
                let listens = !self.standing.closed_by(Side::Client) && !self.standing.closed_by(Side::Upstream);
                if session && listens && !self.exit_told {
                    self.answer_held(around);
                    let terminal = self.terminal.is_some();
                    refuse::explain(around.at, self.lane, &reason.text, refuse::EXIT_FAREWELL, terminal, around.outbox);
                }
                self.close_both(around);
            }
        }
        self.drop_held(around);
    }

    /// Grants every request that still waits, so that the client goes on to listen.
    fn answer_held(&mut self, around: &mut Surroundings<'_>) {
        self.answer_all(around);
        if let Some((_, Question::Request { request, want_reply: true, granted: false })) = self.question.take() {
            self.grant(request.name(), around);
        }
        for message in std::mem::take(&mut self.held) {
            if let Message::Request { request, want_reply: true, .. } = message {
                self.grant(request.name(), around);
            }
        }
    }

    pub(super) fn end_nested(&mut self, side: Side, around: &mut Surroundings<'_>) {
        if let Some(nested) = &mut self.nested {
            let outcome = nested.end(side, around.at, around.outbox);
            self.settle_nested(outcome, around);
        }
    }

    /// `side` closes the lane; what the nested wire still held of it passes before that, if it may.
    pub(super) fn close_nested(&mut self, side: Side, around: &mut Surroundings<'_>) {
        // The answer to a question that stands would come too late; who closes while something is held gives it up.
        let goes_on = |nested: &mut Nested| !nested.is_asking() && !nested.is_holding(side.other());
        let Some(mut nested) = self.nested.take_if(|nested| side == Side::Upstream || goes_on(nested)) else {
            return self.drop_nested(around);
        };
        nested.discard(around.outbox);
        nested.deafen(side);
        let ended = self.standing.eof_by(side).then_some(Ok(()));
        match ended.unwrap_or_else(|| nested.end(side, around.at, around.outbox)) {
            Ok(()) => {
                // What it holds since it heard of the end is given up likewise.
                nested.discard(around.outbox);
                // The close follows: the other side hears nothing behind it.
                nested.deafen(side.other());
                if nested.is_asking() {
                    nested.withdraw(around.outbox);
                } else {
                    self.nested = Some(nested);
                }
            }
            Err(fault) => {
                self.note_not_understood(&nested, &fault, around);
                let passes_on = passes_on(&nested, around);
                nested.withdraw(around.outbox);
                nested.discard(around.outbox);
                if passes_on {
                    self.pass_kept(nested, around);
                }
            }
        }
    }

    fn note_not_understood(&self, nested: &Nested, fault: &Fault, around: &mut Surroundings<'_>) -> String {
        let what = format!("{} not understood: {fault}", nested.protocol());
        around.outbox.note(around.at, fault.side, self.lane, Kind::Stream(StreamEvent::Opaque { what: what.clone() }));
        what
    }

    fn pass_kept(&self, nested: Nested, around: &mut Surroundings<'_>) {
        for (side, parts) in nested.into_kept() {
            if !self.standing.closed_by(side.other()) {
                for bytes in parts {
                    around.outbox.pass_data(around.at, side, self.lane, false, bytes);
                }
            }
        }
    }

    /// What becomes of a lane whose nested wire does not understand what it carries.
    pub(super) fn settle_nested(&mut self, outcome: Result<(), Fault>, around: &mut Surroundings<'_>) {
        let Err(fault) = outcome else {
            self.settle_behind(around);
            return self.pass_endings(around);
        };
        let Some(mut nested) = self.nested.take() else { return };
        let passes_on = passes_on(&nested, around);
        nested.withdraw(around.outbox);
        nested.discard(around.outbox);
        self.forget_behind();
        let what = self.note_not_understood(&nested, &fault, around);
        if !passes_on {
            if self.kind == StreamKind::Session && !self.exit_told {
                refuse::explain(around.at, self.lane, &what, refuse::EXIT_FAREWELL, false, around.outbox);
            }
            return self.close_both(around);
        }
        self.pass_kept(nested, around);
        self.pass_endings(around);
    }
}

/// Passing on what a policy was still deciding on, or had changed, would be a way around it.
fn passes_on(nested: &Nested, around: &Surroundings<'_>) -> bool {
    around.nested_fault == NestedFault::PassOn
        && !nested.is_asking()
        && !nested.is_alone()
        && !nested.is_holding(Side::Upstream)
}
