//! What came of a recording.

use wiretape_core::SessionId;

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
