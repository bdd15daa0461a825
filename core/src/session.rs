//! The session line: what comes in is fed to the wire, what the wire says is judged, recorded, and then sent.
//!
//! ```text
//!   Input ──► feed ──► step ──┬─ Note ──────────────► Append
//!                             ├─ Judge ─► Guard ─┬──► Append, rule ──► step …
//!                             │                  └──► Append, Ask ··· Answer ──► rule ──► step …
//!                             └─ Send ──────────────► Send
//! ```
//!
//! Effects are values in order. An [`Effect::Append`] stands before the [`Effect::Send`] that it covers: that what is
//! recorded comes first is the shape of the queue, not a habit of its owner.

use std::collections::{BTreeMap, VecDeque};

use crate::event::SessionEvent;
use crate::limits::ALLOWED_RESOURCE_BYTES_MAX;
use crate::{
    Action, Event, Examiner, Fault, Finding, Guard, Judgement, Kind, Lane, Moment, Question, Reason, Side, Step, Unit,
    Verdict, Wire,
};

/// What comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input<M> {
    /// A side said something.
    Message {
        /// Who.
        side: Side,
        /// What.
        message: M,
    },
    /// A side will say nothing more.
    End {
        /// Who.
        side: Side,
    },
    /// Somebody answered a question.
    Answer {
        /// The unit that waits.
        unit: Unit,
        /// The answer.
        verdict: Verdict,
    },
    /// People are being asked about a unit: its client is to be told.
    Waiting {
        /// The unit that waits.
        unit: Unit,
        /// What to tell, in one line.
        text: String,
    },
    /// An examination is over.
    Found {
        /// The unit that waits.
        unit: Unit,
        /// What it found.
        finding: Finding,
    },
    /// The gateway ends the session.
    Close {
        /// Why; the client is told.
        reason: Reason,
    },
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect<M> {
    /// Put it on the tape.
    Append(Event),
    /// Send it on.
    Send {
        /// To whom.
        to: Side,
        /// What.
        message: M,
    },
    /// Keep it for later ([`Step::Hold`]).
    Hold {
        /// For whom.
        to: Side,
        /// The lane.
        lane: Lane,
        /// What.
        message: M,
    },
    /// Send what is kept, before whatever is sent on the lane later.
    Release {
        /// To whom.
        to: Side,
        /// The lane.
        lane: Lane,
    },
    /// Forget what is kept.
    Discard {
        /// To whom it does not go.
        to: Side,
        /// The lane.
        lane: Lane,
    },
    /// Run it beside the session; [`Input::Found`] takes the answer.
    Examine {
        /// The unit that waits.
        unit: Unit,
        /// Who looks.
        examiner: Examiner,
        /// Whether what is kept may go ahead of the judgement, as far as the examination lets it
        /// ([`Held::let_ahead`](crate::Held::let_ahead)): no rule could make use of what it finds. All that is recorded
        /// of what goes stands before this, or before the [`Effect::Hold`] that it came by.
        ahead: bool,
    },
    /// Ask somebody; the lane waits for [`Input::Answer`].
    Ask {
        /// The unit that waits.
        unit: Unit,
        /// What to ask.
        question: Question,
    },
    /// Nobody needs the answer to this question any more.
    Withdraw {
        /// The unit that does not wait any more.
        unit: Unit,
    },
    /// The session is over; nothing follows, and no question needs an answer any more.
    Close(Reason),
}

/// One session: a wire, its guard, and what they want done.
pub struct Session<W: Wire> {
    wire: W,
    guard: Box<dyn Guard>,
    effects: VecDeque<Effect<W::Message>>,
    asked: BTreeMap<Unit, Question>,
    closed: bool,
}

impl<W: Wire> Session<W> {
    /// A session over `wire`, guarded by `guard`.
    pub fn new(wire: W, guard: Box<dyn Guard>) -> Self {
        Self { wire, guard, effects: VecDeque::new(), asked: BTreeMap::new(), closed: false }
    }

    /// Takes in what happened at `at`. After the session closed, input is ignored.
    pub fn handle(&mut self, at: Moment, input: Input<W::Message>) {
        if self.closed {
            return;
        }
        let outcome = match input {
            Input::Message { side, message } => self.wire.feed(side, at, message),
            Input::End { side } => self.wire.end(side, at),
            Input::Answer { unit, verdict } => {
                self.answer(at, unit, verdict);
                Ok(())
            }
            Input::Waiting { unit, text } => {
                if self.asked.contains_key(&unit) {
                    self.wire.waiting(at, unit, &text);
                }
                Ok(())
            }
            Input::Found { unit, finding } => {
                self.wire.found(at, unit, finding);
                Ok(())
            }
            Input::Close { reason } => {
                self.close(at, reason);
                return;
            }
        };
        self.drain(at);
        // What is wrong with what was said stands before what is wrong with what was read behind an answer.
        match outcome.and_then(|()| self.wire.fault().map_or(Ok(()), Err)) {
            Err(fault) => self.fault(at, fault),
            Ok(()) if self.wire.held_bytes() > self.wire.held_bytes_max() => {
                let reason = Reason::new("limits", "more is held back on this connection than the gateway keeps");
                self.close(at, reason);
            }
            Ok(()) => {}
        }
    }

    /// The next effect, or `None` until more comes in.
    pub fn act(&mut self) -> Option<Effect<W::Message>> {
        self.effects.pop_front()
    }

    /// True once the session is over; the effects that remain still count.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Bytes that the wire holds back.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.wire.held_bytes()
    }

    /// Units that wait for an answer.
    #[must_use]
    pub fn questions(&self) -> usize {
        self.asked.len()
    }

    fn drain(&mut self, at: Moment) {
        while let Some(step) = self.wire.step() {
            match step {
                Step::Judge { unit, action, event } => {
                    self.effects.push_back(Effect::Append(event));
                    self.judge(at, unit, action);
                }
                Step::Note(event) => self.effects.push_back(Effect::Append(event)),
                Step::Send { to, message } => self.effects.push_back(Effect::Send { to, message }),
                Step::Hold { to, lane, message } => self.effects.push_back(Effect::Hold { to, lane, message }),
                Step::Release { to, lane } => self.effects.push_back(Effect::Release { to, lane }),
                Step::Discard { to, lane } => self.effects.push_back(Effect::Discard { to, lane }),
                Step::Examine { unit, examiner } => {
                    let ahead = !self.guard.looks_into(at, examiner.0.action());
                    self.effects.push_back(Effect::Examine { unit, examiner, ahead });
                }
                Step::Withdraw { unit } => {
                    if self.asked.remove(&unit).is_some() {
                        self.effects.push_back(Effect::Withdraw { unit });
                    }
                }
            }
        }
    }

    fn judge(&mut self, at: Moment, unit: Unit, action: Action) {
        match self.guard.judge(at, unit, &action) {
            Judgement::Ruled(Verdict::Allow) => self.wire.rule(at, unit, Verdict::Allow),
            Judgement::Ruled(Verdict::Refuse(reason)) => {
                self.decide(at, &action, &reason.rule, Verdict::Refuse(reason.clone()), 0);
                self.wire.rule(at, unit, Verdict::Refuse(reason));
            }
            Judgement::Decided { verdict, rule, nanos } => {
                self.decide(at, &action, &rule, verdict.clone(), nanos);
                self.wire.rule(at, unit, verdict);
            }
            Judgement::Ask(question) => {
                self.effects.push_back(Effect::Ask { unit, question: question.clone() });
                self.asked.insert(unit, question);
            }
        }
    }

    fn answer(&mut self, at: Moment, unit: Unit, verdict: Verdict) {
        // An answer that nobody asked for, or that comes twice, decides nothing.
        if let Some(question) = self.asked.remove(&unit) {
            self.decide(at, &question.action, &question.rule, verdict.clone(), 0);
            self.wire.rule(at, unit, verdict);
        }
    }

    fn decide(&mut self, at: Moment, action: &Action, rule: &str, verdict: Verdict, nanos: u64) {
        let decision = SessionEvent::Decision {
            action: action.kind.name().to_owned(),
            // What was allowed stands beside it in full; what was not may stand nowhere else.
            resource: match verdict {
                Verdict::Allow => action.kind.resource_within(ALLOWED_RESOURCE_BYTES_MAX),
                Verdict::Refuse(_) => action.kind.resource(),
            },
            rule: rule.to_owned(),
            verdict,
            nanos,
        };
        self.effects.push_back(Effect::Append(Event {
            at,
            side: Side::Client,
            lane: action.lane,
            kind: Kind::Session(decision),
        }));
    }

    fn fault(&mut self, at: Moment, fault: Fault) {
        let reason = Reason::new("protocol", fault.to_string());
        let kind = SessionEvent::Fault { by: fault.side, expected: fault.expected.to_owned(), got: fault.got };
        self.effects.push_back(Effect::Append(Event {
            at,
            side: fault.side,
            lane: Lane::CONNECTION,
            kind: Kind::Session(kind),
        }));
        self.close(at, reason);
    }

    fn close(&mut self, at: Moment, reason: Reason) {
        self.wire.farewell(at, &reason);
        self.asked.clear();
        // A wire that takes its leave asks nothing more: what it would have judged does not pass.
        while let Some(step) = self.wire.step() {
            match step {
                Step::Judge { event, .. } | Step::Note(event) => self.effects.push_back(Effect::Append(event)),
                Step::Send { to, message } => self.effects.push_back(Effect::Send { to, message }),
                Step::Hold { to, lane, message } => self.effects.push_back(Effect::Hold { to, lane, message }),
                Step::Release { to, lane } => self.effects.push_back(Effect::Release { to, lane }),
                Step::Discard { to, lane } => self.effects.push_back(Effect::Discard { to, lane }),
                Step::Examine { .. } | Step::Withdraw { .. } => {}
            }
        }
        self.effects.push_back(Effect::Close(reason));
        self.closed = true;
    }
}
