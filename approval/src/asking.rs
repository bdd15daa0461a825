//! What people are asked.

use thiserror::Error;
use wiretape_core::{Approvers, SessionId, Unit};

use crate::Principal;

/// What people are asked: bound to one unit of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asking {
    /// The session that waits.
    pub session: SessionId,
    /// The unit of it that waits.
    pub unit: Unit,
    /// Who asked.
    pub requester: Principal,
    /// The target's name.
    pub target: String,
    /// The action, by its policy name.
    pub action: String,
    /// What it is done to, short: one line.
    pub resource: String,
    /// All of what was asked: the whole statement or command, every ref update with its object ids.
    pub detail: String,
    /// The rules that want it asked, by their names, separated by `, `.
    pub rule: String,
    /// Who may answer. All of these have to approve; nobody may when it is empty.
    pub approvers: Vec<Approvers>,
    /// Why it is asked, in the rules' words; may be empty.
    pub text: String,
    /// When the question dies, in nanoseconds since 1970-01-01 UTC.
    pub expires_unix_nanos: u64,
}

/// Why a question was not put to people.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TooMany {
    /// The requester has enough open already.
    #[error("{max} questions of yours are open already")]
    OfPerson {
        /// How many it may have.
        max: usize,
    },
    /// There are enough open in all.
    #[error("{max} questions are open already")]
    InAll {
        /// How many there may be.
        max: usize,
    },
    /// The text is too long to be read and approved.
    #[error("what would be asked has {bytes} bytes, and people are asked about {bytes_max} at most")]
    Bytes {
        /// How long it is.
        bytes: usize,
        /// How long it may be, at this moment.
        bytes_max: usize,
    },
}
