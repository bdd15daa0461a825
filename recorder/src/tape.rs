//! Reading a tape.

use std::path::Path;

use wiretape_core::{Event, Moment, SessionId};

use crate::error::TapeError;

/// What stands at the head of a tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The version of the format.
    pub version: u16,
    /// The session.
    pub id: SessionId,
    /// The wall clock at moment 0, in nanoseconds since 1970-01-01 UTC.
    pub opened_unix_nanos: u64,
}

/// What stands at the end of a tape that was closed in good order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// Events on the tape.
    pub events: u64,
    /// Chunks on the tape, the trailer's own included.
    pub chunks: u64,
    /// Payload bytes that the client sent.
    pub client_bytes: u64,
    /// Payload bytes that the target sent.
    pub upstream_bytes: u64,
    /// Gaps that were declared.
    pub gaps: u64,
    /// The moment of the last event.
    pub last: Moment,
    /// The last hash of the chain: it stands for the whole tape.
    pub root: [u8; 32],
}

/// How a tape ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With its trailer.
    Sealed(Trailer),
    /// Without: the session is live, or its recorder died.
    UnsealedTail {
        /// Bytes after the last whole chunk, which are not read.
        cut_bytes: u64,
    },
}

/// A tape, open for reading.
pub struct Tape {
    header: Header,
}

impl Tape {
    /// Opens the tape at `path`.
    ///
    /// # Errors
    /// When it cannot be read, or is no tape of a known version.
    pub fn open(path: &Path) -> Result<Self, TapeError> {
        Err(TapeError::NotATape { path: path.to_owned() })
    }

    /// What stands at its head.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// All events, from the first.
    #[must_use]
    pub fn events(&self) -> Events {
        Events {}
    }

    /// The events from the last seek point at or before `at`; some may be earlier than `at`.
    #[must_use]
    pub fn events_from(&self, _at: Moment) -> Events {
        Events {}
    }

    /// How it ends.
    #[must_use]
    pub fn ending(&self) -> Ending {
        Ending::UnsealedTail { cut_bytes: 0 }
    }
}

/// The events of a tape, in order. After an error there are no more.
pub struct Events {}

impl Iterator for Events {
    type Item = Result<Event, TapeError>;

    fn next(&mut self) -> Option<Self::Item> {
        None
    }
}
