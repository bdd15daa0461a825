//! Where the conversation stands. Only this file moves it.
//!
//! ```text
//!                  a line of the client               Allow: the line is sent
//!    ┌─► Flowing ───────────────────────► Asking ──┬─ Refuse: the client is told ─┐
//!    │      │                               │      └──────────────────────────────┤
//!    └──────┼───────────────────────────────┼─────────────────────────────────────┘
//!           └──────────── farewell ─────────┴──► Leaving ── all is said ──► Left
//! ```
//!
//! While it is `Asking`, the whole lane waits: no line of either side passes.

use bytes::Bytes;
use wiretape_core::{Lane, Reason, Unit};

/// Where the conversation stands.
#[derive(Debug)]
pub(crate) enum State {
    /// Lines pass.
    Flowing,
    /// `line` waits for the answer to `unit`.
    Asking { unit: Unit, line: Bytes },
    /// The gateway ends the session: what waits is recorded, and the client is told why.
    Leaving(Reason),
    /// Nothing more is said.
    Left,
}

/// The state, and the count of units that names the next one.
#[derive(Debug)]
pub(crate) struct Conversation {
    lane: Lane,
    serial: u64,
    state: State,
}

impl Conversation {
    /// A conversation on `lane`, flowing.
    pub(crate) fn new(lane: Lane) -> Self {
        Self { lane, serial: 0, state: State::Flowing }
    }

    /// Where it stands.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// The name of the next unit.
    pub(crate) fn next_unit(&mut self) -> Unit {
        self.serial += 1;
        Unit { lane: self.lane, serial: self.serial }
    }

    /// `line` waits for the answer to `unit`.
    pub(crate) fn ask(&mut self, unit: Unit, line: Bytes) {
        self.state = State::Asking { unit, line };
    }

    /// True while `unit` waits for its answer.
    pub(crate) fn asks(&self, unit: Unit) -> bool {
        matches!(&self.state, State::Asking { unit: waiting, .. } if *waiting == unit)
    }

    /// The line that waited for the answer to `unit`; `None`, and nothing moves, when none did.
    pub(crate) fn answered(&mut self, unit: Unit) -> Option<Bytes> {
        match std::mem::replace(&mut self.state, State::Flowing) {
            State::Asking { unit: waiting, line } if waiting == unit => Some(line),
            other => {
                self.state = other;
                None
            }
        }
    }

    /// The session ends; a line that waited does not pass.
    pub(crate) fn leave(&mut self, reason: Reason) {
        if !matches!(self.state, State::Left) {
            self.state = State::Leaving(reason);
        }
    }

    /// All is said: the reason that the client is to be told, once.
    pub(crate) fn take_leave(&mut self) -> Option<Reason> {
        match std::mem::replace(&mut self.state, State::Left) {
            State::Leaving(reason) => Some(reason),
            other => {
                self.state = other;
                None
            }
        }
    }

    /// Bytes of the line that waits for an answer.
    pub(crate) fn held_bytes(&self) -> usize {
        match &self.state {
            State::Asking { line, .. } => line.len(),
            State::Flowing | State::Leaving(_) | State::Left => 0,
        }
    }
}
