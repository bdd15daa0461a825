//! Why a secret cannot be had.

/// Why a secret cannot be had and what to do, in words of this crate alone: no part of a secret or of an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

impl Failure {
    /// A failure that says `text`, which must not hold anything that was read or received.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}
