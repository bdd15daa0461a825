//! What both ends will say, and when each part of it may be said.

use bytes::Bytes;
use wiretape_core::{Side, Verdict};

use super::super::Dice;
use super::messages::message;
use crate::stage::Turn;

/// What comes of a conversation.
pub(crate) struct Expected {
    /// All that the client is told.
    pub(crate) told: Vec<u8>,
    /// All that the target gets.
    pub(crate) passed: Vec<u8>,
}

/// A turn of one end, and how many of the other's have to be over before it.
struct Line {
    turn: Turn,
    after: usize,
}

/// The lines of both ends, each in order.
pub(super) struct Script {
    /// Whether some of it is refused.
    pub(super) refuses: bool,
    client: Vec<Line>,
    upstream: Vec<Line>,
    /// What the client says next, all at once.
    batch: Vec<u8>,
    /// What somebody answers to what is asked of the batch.
    verdicts: Vec<Verdict>,
    /// What the target answers to the batch.
    answers: Vec<Vec<u8>>,
    /// Lines of the target that the client waits for.
    client_after: usize,
    /// Where the session stands, as the target said last.
    pub(super) status: u8,
    /// What the portal without a name was made of is known.
    pub(super) portal_known: bool,
    /// A statement was prepared under the name that portals are made of.
    pub(super) statement_known: bool,
    told: Vec<u8>,
    passed: Vec<u8>,
}

impl Script {
    pub(super) fn new(refuses: bool) -> Self {
        Self {
            refuses,
            client: Vec::new(),
            upstream: Vec::new(),
            batch: Vec::new(),
            verdicts: Vec::new(),
            answers: Vec::new(),
            client_after: 0,
            status: b'I',
            portal_known: false,
            statement_known: false,
            told: Vec::new(),
            passed: Vec::new(),
        }
    }

    /// The client says something, and somebody may be asked about it.
    pub(super) fn ask(&mut self, said: &[u8], verdict: Option<Verdict>, passes: bool) {
        self.batch.extend_from_slice(said);
        self.verdicts.extend(verdict);
        if passes {
            self.passed.extend_from_slice(said);
        }
    }

    /// The client says something that is dropped.
    pub(super) fn drop_said(&mut self, said: &[u8]) {
        self.batch.extend_from_slice(said);
    }

    /// The target gets something that nobody said.
    pub(super) fn make_up(&mut self, told: &[u8]) {
        self.passed.extend_from_slice(told);
    }

    /// The target answers.
    pub(super) fn answer(&mut self, answer: &[u8]) {
        self.answers.push(answer.to_vec());
        self.told.extend_from_slice(answer);
    }

    /// The target answers what the gateway said of its own: the client hears nothing of it.
    pub(super) fn answer_unheard(&mut self, answer: &[u8]) {
        self.answers.push(answer.to_vec());
    }

    pub(super) fn ready(&mut self, status: u8) {
        self.status = status;
        self.answer(&message(b'Z', &[status]));
        self.pause();
    }

    /// The gateway answers in the target's place.
    pub(super) fn say_in_place(&mut self, told: &[u8]) {
        self.told.extend_from_slice(told);
    }

    pub(super) fn ready_in_place(&mut self) {
        let ready = message(b'Z', &[self.status]);
        self.told.extend(ready);
    }

    /// What was said so far is sent; what follows comes separately.
    pub(super) fn pause(&mut self) {
        if !self.batch.is_empty() {
            let said = Bytes::from(std::mem::take(&mut self.batch));
            self.client.push(Line { turn: Turn::Say(Side::Client, said), after: self.client_after });
        }
        let verdicts = std::mem::take(&mut self.verdicts).into_iter();
        self.client.extend(verdicts.map(|verdict| Line { turn: Turn::Answer(verdict), after: 0 }));
        let after = self.client.len();
        for answer in std::mem::take(&mut self.answers) {
            if !answer.is_empty() {
                self.upstream.push(Line { turn: Turn::Say(Side::Upstream, answer.into()), after });
            }
        }
    }

    /// The client goes on when it has heard everything.
    pub(super) fn client_waits(&mut self) {
        self.pause();
        self.client_after = self.upstream.len();
    }

    /// The client leaves, politely or not.
    pub(super) fn end(&mut self, dice: &mut Dice) {
        self.client_waits();
        if dice.once_in(2) {
            self.ask(&message(b'X', b""), None, true);
            self.pause();
        }
        self.client.push(Line { turn: Turn::End(Side::Client), after: self.upstream.len() });
        self.upstream.push(Line { turn: Turn::End(Side::Upstream), after: self.client.len() });
    }

    pub(super) fn expected(&self) -> Expected {
        Expected { told: self.told.clone(), passed: self.passed.clone() }
    }

    /// The lines of both ends in some order that is possible; neighbours may be said at once.
    pub(super) fn schedule(self, dice: &mut Dice) -> Vec<Turn> {
        let (mut client, mut upstream) = (self.client.into_iter().peekable(), self.upstream.into_iter().peekable());
        let (mut clients, mut upstreams) = (0, 0);
        let mut turns: Vec<Turn> = Vec::new();
        loop {
            let may = |line: Option<&Line>, over: usize| line.is_some_and(|line| line.after <= over);
            let (client_may, upstream_may) = (may(client.peek(), upstreams), may(upstream.peek(), clients));
            let line = match (client_may, upstream_may) {
                (true, upstream_may) if !upstream_may || dice.once_in(2) => {
                    clients += 1;
                    client.next()
                }
                (_, true) => {
                    upstreams += 1;
                    upstream.next()
                }
                _ => break,
            };
            let Some(Line { turn, .. }) = line else { break };
            match (turns.last_mut(), turn) {
                (Some(Turn::Say(before, said)), Turn::Say(side, more)) if *before == side && dice.once_in(2) => {
                    *said = Bytes::from([said.as_ref(), &more].concat());
                }
                (_, turn) => turns.push(turn),
            }
        }
        assert!(client.next().is_none() && upstream.next().is_none(), "the ends wait for each other");
        turns
    }
}
