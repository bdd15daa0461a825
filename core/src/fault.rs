//! What broke a wire, and whose fault it was.

use crate::Side;

/// A peer that broke its protocol. A fault closes the session, on the record.
///
/// Not for the gateway's own failures: those are errors of the floor that they happen on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {side} broke the protocol: expected {expected}, got {got}")]
pub struct Fault {
    /// Whose fault it was.
    pub side: Side,
    /// What the state of the wire called for.
    pub expected: &'static str,
    /// What came instead, in words, without payload.
    pub got: String,
}

impl Fault {
    /// A fault of `side`, which should have said `expected` and said `got`.
    #[must_use]
    pub fn new(side: Side, expected: &'static str, got: impl Into<String>) -> Self {
        Self { side, expected, got: got.into() }
    }
}
