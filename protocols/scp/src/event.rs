//! What is recorded of a transfer.

use bytes::Bytes;
use wiretape_core::event::{FileEvent, FileOperation, SessionEvent};
use wiretape_core::{Event, Kind, Lane, Moment, Side};

use crate::command::Direction;
use crate::message::Status;

/// The number under which errors that answer no single entry stand: it is the command's own.
pub(crate) const COMMAND: u32 = 0;

/// `SSH_FX_FAILURE` of SFTP, whose codes the vocabulary borrows.
const FAILURE: u32 = 4;

/// `SSH_FX_PERMISSION_DENIED` of SFTP: what the gateway itself answers.
const DENIED: u32 = 3;

/// Events of one lane, in order, each at the moment at which it was said.
#[derive(Debug)]
pub(crate) struct Notes {
    lane: Lane,
    direction: Direction,
    now: Moment,
    events: Vec<Event>,
}

impl Notes {
    pub(crate) fn new(lane: Lane, direction: Direction) -> Self {
        Self { lane, direction, now: Moment::START, events: Vec::new() }
    }

    /// What follows is said at `now`.
    pub(crate) fn set_now(&mut self, now: Moment) {
        self.now = now;
    }

    /// All that was noted since the last time.
    pub(crate) fn take(&mut self) -> std::vec::Drain<'_, Event> {
        self.events.drain(..)
    }

    /// `side` announced `operation`.
    pub(crate) fn asked(&mut self, side: Side, request: u32, operation: FileOperation) {
        self.push(side, FileEvent::Asked { request, operation });
    }

    /// `side` said how it went.
    pub(crate) fn answered(&mut self, side: Side, request: u32, status: &Status) {
        let (status, message) = match status {
            Status::Well => (0, String::new()),
            Status::Failed(text) => (FAILURE, text.clone()),
        };
        self.push(side, FileEvent::Answered { request, status, message });
    }

    /// The gateway itself answered that it may not be.
    pub(crate) fn denied(&mut self, request: u32, message: &str) {
        let message = message.to_owned();
        self.push(Side::Client, FileEvent::Answered { request, status: DENIED, message });
    }

    /// The contents of a file passed, as far as they did.
    pub(crate) fn passed(&mut self, path: &Bytes, length: u64) {
        let (path, offset) = (path.clone(), 0);
        match self.direction {
            _ if length == 0 => {}
            Direction::Upload => self.push(Side::Client, FileEvent::Written { path, offset, length }),
            Direction::Download => self.push(Side::Upstream, FileEvent::Read { path, offset, length }),
        }
    }

    /// A transfer ended. `side` ended it.
    pub(crate) fn closed(&mut self, side: Side, path: Bytes, length: u64, content_sha256: Option<[u8; 32]>) {
        let (read_bytes, written_bytes) = match self.direction {
            Direction::Upload => (0, length),
            Direction::Download => (length, 0),
        };
        self.push(side, FileEvent::Closed { path, read_bytes, written_bytes, content_sha256 });
    }

    /// The gateway itself tells the client something.
    pub(crate) fn told(&mut self, text: String) {
        let kind = Kind::Session(SessionEvent::Notice { text });
        self.events.push(Event { at: self.now, side: Side::Client, lane: self.lane, kind });
    }

    fn push(&mut self, side: Side, event: FileEvent) {
        self.events.push(Event { at: self.now, side, lane: self.lane, kind: Kind::File(event) });
    }
}
