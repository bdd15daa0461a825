//! What is recorded of file operations.

use bytes::Bytes;
use wiretape_core::event::{FileEvent, FileOperation, SessionEvent};
use wiretape_core::{Event, Kind, Lane, Moment, Side};

use crate::content::Flow;
use crate::runs::Run;

/// Events of one lane, in order, each at the moment at which it was said.
#[derive(Debug)]
pub(crate) struct Notes {
    lane: Lane,
    now: Moment,
    events: Vec<Event>,
}

impl Notes {
    pub(crate) fn new(lane: Lane) -> Self {
        Self { lane, now: Moment::START, events: Vec::new() }
    }

    /// What follows is said at `now`.
    pub(crate) fn set_now(&mut self, now: Moment) {
        self.now = now;
    }

    /// All that was noted since the last time.
    pub(crate) fn take(&mut self) -> std::vec::Drain<'_, Event> {
        self.events.drain(..)
    }

    /// The client asked for `operation`.
    pub(crate) fn asked(&mut self, request: u32, operation: FileOperation) {
        let event = self.asking(request, operation);
        self.events.push(event);
    }

    /// The event of what the client asks for.
    pub(crate) fn asking(&self, request: u32, operation: FileOperation) -> Event {
        let kind = Kind::File(FileEvent::Asked { request, operation });
        Event { at: self.now, side: Side::Client, lane: self.lane, kind }
    }

    /// The gateway answered in the server's place.
    pub(crate) fn denied(&mut self, request: u32, status: u32, message: String) {
        self.push(Side::Client, Kind::File(FileEvent::Answered { request, status, message }));
    }

    /// The server answered.
    pub(crate) fn answered(&mut self, request: u32, status: u32, message: String) {
        self.push(Side::Upstream, Kind::File(FileEvent::Answered { request, status, message }));
    }

    /// A run of bytes passed. The side that it came from says it.
    pub(crate) fn passed(&mut self, flow: Flow, path: &Bytes, Run { offset, length }: Run) {
        let path = path.clone();
        match flow {
            Flow::Read => self.push(Side::Upstream, Kind::File(FileEvent::Read { path, offset, length })),
            Flow::Written => self.push(Side::Client, Kind::File(FileEvent::Written { path, offset, length })),
        }
    }

    /// A file was closed.
    pub(crate) fn closed(
        &mut self,
        path: Bytes,
        read_bytes: u64,
        written_bytes: u64,
        content_sha256: Option<[u8; 32]>,
    ) {
        self.push(Side::Client, Kind::File(FileEvent::Closed { path, read_bytes, written_bytes, content_sha256 }));
    }

    /// The gateway itself tells the client something.
    pub(crate) fn told(&mut self, text: String) {
        self.push(Side::Client, Kind::Session(SessionEvent::Notice { text }));
    }

    fn push(&mut self, side: Side, kind: Kind) {
        self.events.push(Event { at: self.now, side, lane: self.lane, kind });
    }
}
