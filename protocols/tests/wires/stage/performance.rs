//! One session over a byte wire, from the first turn to the last.

use std::collections::VecDeque;

use bytes::Bytes;
use wiretape_core::event::{GitEvent, HttpEvent, QueryEvent, SessionEvent, StreamEvent};
use wiretape_core::{ByteWire, Effect, Event, Guard, Input, Kind, Moment, Reason, Session, Side, Unit, Verdict, Wire};
use wiretape_postgres::message_of;

use super::examination::Examining;

/// What happens to a session.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Turn {
    /// A side says something.
    Say(Side, Bytes),
    /// A side says nothing more.
    End(Side),
    /// The oldest question that waits is answered; nothing happens when none does.
    Answer(Verdict),
    /// People are asked about the oldest question that waits, which its client is to be told; nothing happens when none
    /// does.
    Waiting(String),
    /// The gateway ends the session.
    Close(Reason),
}

/// All that a session did.
#[derive(Debug, Default)]
pub(crate) struct Performance {
    /// In order, with the turn that it followed.
    pub(crate) effects: Vec<(usize, Effect<Bytes>)>,
    /// The most that was held back after any turn.
    pub(crate) held_bytes_max: usize,
    /// Above how much the session ends.
    pub(crate) held_bytes_limit: usize,
    /// Messages to each side that were sent while a question stood.
    pub(crate) sent_during_questions: Vec<Side>,
}

/// Runs a session; the n-th turn happens at n microseconds.
pub(crate) fn perform(wire: ByteWire, guard: Box<dyn Guard>, turns: &[Turn]) -> Performance {
    let mut performance = Performance { held_bytes_limit: wire.held_bytes_max(), ..Performance::default() };
    let mut session = Session::new(wire, guard);
    let mut questions: VecDeque<Unit> = VecDeque::new();
    let mut examining = Examining::default();
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
            Turn::Waiting(text) => match questions.front() {
                Some(unit) => Input::Waiting { unit: *unit, text },
                None => continue,
            },
        };
        if let Turn::End(Side::Client) = turn {
            examining.end();
        }
        session.handle(at, input);
        loop {
            while let Some(effect) = session.act() {
                match &effect {
                    Effect::Ask { unit, .. } => questions.push_back(*unit),
                    Effect::Withdraw { unit } => questions.retain(|asked| asked != unit),
                    Effect::Send { to, .. } | Effect::Release { to, .. }
                        if !questions.is_empty() && !session.is_closed() =>
                    {
                        performance.sent_during_questions.push(*to);
                    }
                    _ => {}
                }
                examining.take(&effect);
                performance.effects.push((number, effect));
            }
            performance.held_bytes_max = performance.held_bytes_max.max(session.held_bytes());
            // What can be found out by now is found out by now.
            let Some((unit, finding)) = examining.found() else { break };
            session.handle(at, Input::Found { unit, finding });
        }
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
        let (mut sent, mut held): (Vec<&[u8]>, Vec<&[u8]>) = Default::default();
        for (_, effect) in &self.effects {
            match effect {
                Effect::Send { to, message } if *to == side => sent.push(message),
                Effect::Hold { to, message, .. } if *to == side => held.push(message),
                Effect::Release { to, .. } if *to == side => sent.append(&mut held),
                Effect::Discard { to, .. } if *to == side => held.clear(),
                _ => {}
            }
        }
        sent.concat()
    }

    /// All that the tape says was said to a side: by the other, or in its place by the gateway.
    pub(crate) fn recorded_to(&self, side: Side) -> Vec<u8> {
        let mut events = self.events().peekable();
        let mut said = Vec::new();
        while let Some(event) = events.next() {
            // An error to what the gateway said of its own: the client is told of the refusal in its place, at once.
            let is_replaced = is_error(event, Side::Upstream) && events.peek().is_some_and(|next| is_refusal(next));
            if let (false, Some((_, bytes))) = (is_replaced, told(event).filter(|(to, _)| *to == side)) {
                said.extend_from_slice(&bytes);
            }
        }
        said
    }

    /// What was recorded, apart from when: runs of data that stand side by side are one.
    pub(crate) fn story(&self) -> Vec<(Side, Kind)> {
        let mut runs: Vec<(Side, Kind, Vec<Bytes>)> = Vec::new();
        for event in self.events() {
            let joined = match runs.last_mut() {
                Some((side, before, parts)) if *side == event.side => match join(before, &event.kind) {
                    Some(more) => {
                        parts.push(more);
                        true
                    }
                    None => false,
                },
                _ => false,
            };
            if !joined {
                runs.push((event.side, event.kind.clone(), Vec::new()));
            }
        }
        let whole = |(side, mut kind, parts): (Side, Kind, Vec<Bytes>)| {
            if let Some(bytes) = data_of(&mut kind) {
                *bytes = Bytes::from([std::slice::from_ref(bytes), parts.as_slice()].concat().concat());
            }
            (side, kind)
        };
        runs.into_iter().map(whole).collect()
    }

    /// Why the session ended, if it did.
    pub(crate) fn closed(&self) -> Option<&Reason> {
        self.effects.iter().find_map(|(_, effect)| match effect {
            Effect::Close(reason) => Some(reason),
            _ => None,
        })
    }

    /// Whether something was examined that did not pass in the end, or not without trouble.
    pub(crate) fn examined_in_vain(&self) -> bool {
        let any = |like: fn(&Effect<Bytes>) -> bool| self.effects.iter().any(|(_, effect)| like(effect));
        any(|effect| matches!(effect, Effect::Examine { .. }))
            && any(|effect| matches!(effect, Effect::Discard { .. } | Effect::Close(_)))
    }

    /// The fault on the tape, if there is one.
    pub(crate) fn fault(&self) -> Option<String> {
        self.events().find_map(|event| match &event.kind {
            Kind::Session(SessionEvent::Fault { by, expected, got }) => Some(format!("{by}: {expected}; {got}")),
            _ => None,
        })
    }
}

/// The bytes that an event says were said, and to whom; `None` of what is no speech.
pub(crate) fn told(event: &Event) -> Option<(Side, Bytes)> {
    let to = event.side.other();
    match &event.kind {
        Kind::Stream(StreamEvent::Data { bytes, .. }) | Kind::Git(GitEvent::Data { bytes }) => {
            Some((to, bytes.clone()))
        }
        Kind::Query(said) => {
            // What the gateway says of its own stands on the side that it is told to.
            let own = match event.side {
                Side::Client => {
                    matches!(said, QueryEvent::Error { .. } | QueryEvent::Notice { .. } | QueryEvent::Ready { .. })
                }
                Side::Upstream => {
                    matches!(said, QueryEvent::Flush | QueryEvent::Parse { .. } | QueryEvent::Simple { .. })
                }
            };
            Some((if own { event.side } else { to }, message_of(said)))
        }
        Kind::Http(HttpEvent::Message { bytes, .. } | HttpEvent::Control { bytes, .. }) => Some((to, bytes.clone())),
        _ => None,
    }
}

fn is_error(event: &Event, side: Side) -> bool {
    event.side == side && matches!(event.kind, Kind::Query(QueryEvent::Error { .. }))
}

/// Whether the client is told that something was refused.
fn is_refusal(event: &Event) -> bool {
    let Kind::Query(QueryEvent::Error { fields }) = &event.kind else { return false };
    event.side == Side::Client && fields.iter().any(|field| field.letter == b'C' && field.text == "42501")
}

/// What a target of PostgreSQL said, as far as events have it: with zeros in the place of keys.
pub(crate) fn without_keys(said: &[u8]) -> Vec<u8> {
    let mut masked = said.to_vec();
    let mut at = 0;
    while let Some([letter, a, b, c, d]) = said.get(at..at + 5) {
        let end = at + 1 + u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        if *letter == b'K' && end >= at + 9 && end <= said.len() {
            masked[at + 9..end].fill(0);
        }
        at = end;
    }
    masked
}

/// The data of a kind whose neighbours may be one run.
fn data_of(kind: &mut Kind) -> Option<&mut Bytes> {
    match kind {
        Kind::Stream(StreamEvent::Data { bytes, .. })
        | Kind::Git(GitEvent::Data { bytes })
        | Kind::Http(HttpEvent::Message { bytes, .. })
        | Kind::Query(
            QueryEvent::Rows { bytes, .. } | QueryEvent::CopyData { bytes, .. } | QueryEvent::Long { bytes, .. },
        ) => Some(bytes),
        _ => None,
    }
}

/// The data of `next`, where it goes on with the run that `before` is.
fn join(before: &mut Kind, next: &Kind) -> Option<Bytes> {
    match (before, next) {
        (
            Kind::Stream(StreamEvent::Data { error: before, .. }),
            Kind::Stream(StreamEvent::Data { bytes: more, error }),
        ) if before == error => Some(more.clone()),
        (Kind::Git(GitEvent::Data { .. }), Kind::Git(GitEvent::Data { bytes: more })) => Some(more.clone()),
        (Kind::Git(GitEvent::Omitted { bytes }), Kind::Git(GitEvent::Omitted { bytes: more })) => {
            *bytes += more;
            Some(Bytes::new())
        }
        (Kind::Query(QueryEvent::Rows { count, .. }), Kind::Query(QueryEvent::Rows { count: next, bytes: more }))
        | (
            Kind::Query(QueryEvent::CopyData { count, .. }),
            Kind::Query(QueryEvent::CopyData { count: next, bytes: more }),
        ) => {
            *count += next;
            Some(more.clone())
        }
        (
            Kind::Query(QueryEvent::Long { last: ended, .. }),
            Kind::Query(QueryEvent::Long { bytes: more, last, .. }),
        ) if !*ended => {
            *ended = *last;
            Some(more.clone())
        }
        (
            Kind::Http(HttpEvent::Message { last: ended, .. }),
            Kind::Http(HttpEvent::Message { bytes: more, first: false, last, .. }),
        ) if !*ended => {
            *ended = *last;
            Some(more.clone())
        }
        _ => None,
    }
}
