//! One session over a byte wire, from the first turn to the last.

use std::collections::VecDeque;

use bytes::Bytes;
use wiretape_core::event::{SessionEvent, StreamEvent};
use wiretape_core::{
    ByteWire, Effect, Event, Fault, Guard, Input, Kind, Moment, Reason, Session, Side, Step, Unit, Verdict, Wire,
};

/// What happens to a session.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Turn {
    /// A side says something.
    Say(Side, Bytes),
    /// A side says nothing more.
    End(Side),
    /// The oldest question that waits is answered; nothing happens when none does.
    Answer(Verdict),
    /// The gateway ends the session.
    Close(Reason),
}

/// A byte wire as the table hands it out.
struct Carried(ByteWire);

impl Wire for Carried {
    type Message = Bytes;

    fn feed(&mut self, side: Side, at: Moment, message: Bytes) -> Result<(), Fault> {
        self.0.feed(side, at, message)
    }

    fn step(&mut self) -> Option<Step<Bytes>> {
        self.0.step()
    }

    fn rule(&mut self, at: Moment, unit: Unit, verdict: Verdict) {
        self.0.rule(at, unit, verdict);
    }

    fn end(&mut self, side: Side, at: Moment) -> Result<(), Fault> {
        self.0.end(side, at)
    }

    fn farewell(&mut self, at: Moment, reason: &Reason) {
        self.0.farewell(at, reason);
    }

    fn held_bytes(&self) -> usize {
        self.0.held_bytes()
    }
}

/// All that a session did.
#[derive(Debug, Default)]
pub(crate) struct Performance {
    /// In order, with the turn that it followed.
    pub(crate) effects: Vec<(usize, Effect<Bytes>)>,
    /// The most that was held back after any turn.
    pub(crate) held_bytes_max: usize,
    /// Turns after which a question stood, with what was sent after them and before the answer.
    pub(crate) sent_during_questions: usize,
}

/// Runs a session; the n-th turn happens at n microseconds.
pub(crate) fn perform(wire: ByteWire, guard: Box<dyn Guard>, turns: &[Turn]) -> Performance {
    let mut session = Session::new(Carried(wire), guard);
    let mut performance = Performance::default();
    let mut questions: VecDeque<Unit> = VecDeque::new();
    for (number, turn) in turns.iter().enumerate() {
        let at = Moment::from_nanos(1000 * number as u64);
        let input = match turn.clone() {
            Turn::Say(side, message) => Input::Message { side, message },
            Turn::End(side) => Input::End { side },
            Turn::Close(reason) => Input::Close { reason },
            Turn::Answer(verdict) => match questions.pop_front() {
                Some(unit) => Input::Answer { unit, verdict },
                None => continue,
            },
        };
        session.handle(at, input);
        while let Some(effect) = session.act() {
            match &effect {
                Effect::Ask { unit, .. } => questions.push_back(*unit),
                Effect::Send { .. } if !questions.is_empty() && !session.is_closed() => {
                    performance.sent_during_questions += 1;
                }
                _ => {}
            }
            performance.effects.push((number, effect));
        }
        performance.held_bytes_max = performance.held_bytes_max.max(session.held_bytes());
    }
    performance
}

impl Performance {
    /// Everything that was put on the tape.
    pub(crate) fn events(&self) -> impl Iterator<Item = &Event> {
        self.effects.iter().filter_map(|(_, effect)| match effect {
            Effect::Append(event) => Some(event),
            _ => None,
        })
    }

    /// All that was sent to a side.
    pub(crate) fn sent(&self, side: Side) -> Vec<u8> {
        let messages = self.effects.iter().filter_map(|(_, effect)| match effect {
            Effect::Send { to, message } if *to == side => Some(message.as_ref()),
            _ => None,
        });
        messages.collect::<Vec<_>>().concat()
    }

    /// All that the tape says a side said.
    pub(crate) fn recorded(&self, side: Side) -> Vec<u8> {
        let data = self.events().filter(|event| event.side == side).filter_map(|event| match &event.kind {
            Kind::Stream(StreamEvent::Data { bytes, .. }) => Some(bytes.as_ref()),
            _ => None,
        });
        data.collect::<Vec<_>>().concat()
    }

    /// What was recorded, apart from when: runs of data that stand side by side are one.
    pub(crate) fn story(&self) -> Vec<(Side, Kind)> {
        let mut story: Vec<(Side, Kind)> = Vec::new();
        for event in self.events() {
            match (story.last_mut(), &event.kind) {
                (
                    Some((side, Kind::Stream(StreamEvent::Data { bytes, error: before }))),
                    Kind::Stream(StreamEvent::Data { bytes: more, error }),
                ) if *side == event.side && before == error => *bytes = Bytes::from([bytes.as_ref(), more].concat()),
                _ => story.push((event.side, event.kind.clone())),
            }
        }
        story
    }

    /// Why the session ended, if it did.
    pub(crate) fn closed(&self) -> Option<&Reason> {
        self.effects.iter().find_map(|(_, effect)| match effect {
            Effect::Close(reason) => Some(reason),
            _ => None,
        })
    }

    /// The fault on the tape, if there is one.
    pub(crate) fn fault(&self) -> Option<String> {
        self.events().find_map(|event| match &event.kind {
            Kind::Session(SessionEvent::Fault { by, expected, got }) => Some(format!("{by}: {expected}; {got}")),
            _ => None,
        })
    }
}
