//! The handle by which one session is recorded.

use wiretape_core::{Event, SessionId};

use crate::error::Lost;

/// One session's tape while it is being written. Cheap to clone.
#[derive(Clone)]
pub struct Recording {
    id: SessionId,
}

/// What a finished tape holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The session.
    pub id: SessionId,
    /// Events on the tape.
    pub events: u64,
    /// Payload bytes that the client sent.
    pub client_bytes: u64,
    /// Payload bytes that the target sent.
    pub upstream_bytes: u64,
    /// The size of the tape.
    pub tape_bytes: u64,
    /// The last hash of the chain: it stands for the whole tape.
    pub root: [u8; 32],
}

impl Recording {
    /// The session that is recorded.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.id
    }

    fn missing(&self) -> Lost {
        Lost { id: self.id, reason: "nothing writes yet".to_owned() }
    }

    /// Appends an event and returns its number, counted from 0. Never waits.
    ///
    /// # Errors
    /// [`Lost`] when the recording is.
    pub fn append(&self, _event: Event) -> Result<u64, Lost> {
        Err(self.missing())
    }

    /// Waits until the queue is below its budget.
    ///
    /// # Errors
    /// [`Lost`] when the recording is.
    pub async fn room(&self) -> Result<(), Lost> {
        Err(self.missing())
    }

    /// Whether [`Self::room`] would return at once.
    #[must_use]
    pub fn has_room(&self) -> bool {
        false
    }

    /// Waits until event `number` is as durable as this recording was asked to be.
    ///
    /// # Errors
    /// [`Lost`] when the recording is.
    pub async fn passed(&self, _number: u64) -> Result<(), Lost> {
        Err(self.missing())
    }

    /// Waits until the recording is lost; forever when it never is.
    pub async fn lost(&self) -> Lost {
        self.missing()
    }

    /// Ends the tape: writes index and trailer, and waits for the disk.
    ///
    /// # Errors
    /// [`Lost`] when the recording is.
    pub async fn finish(&self) -> Result<Summary, Lost> {
        Err(self.missing())
    }
}
