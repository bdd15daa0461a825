//! What takes too long for a step: reading all that is held back, and asking the target about it.
//!
//! A wire that has to understand something large before it can ask for a judgement holds it ([`Step::Hold`]) and hands
//! out an [`Examination`] ([`Step::Examine`]). The owner of the session runs that beside the session, on a thread that
//! may wait, while more is still being held, and brings back what it found ([`Input::Found`]).
//!
//! Where no rule could make use of what is found ([`Guard::looks_into`]), what is held may leave while it is examined, as
//! far as the examination lets it ([`Held::let_ahead`]): never so much of it that the other side could act on it.
//!
//! [`Step::Hold`]: crate::Step::Hold
//! [`Step::Examine`]: crate::Step::Examine
//! [`Input::Found`]: crate::Input::Found
//! [`Guard::looks_into`]: crate::Guard::looks_into

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;

use crate::Carrier;

/// The lane is over, or what was held of it could not be kept: an examination has nothing more to look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Error)]
#[error("what was held is gone")]
pub struct Lost;

/// The target gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Unanswered(pub String);

/// What is held for the target on one lane: the bytes of every [`Step::Hold`](crate::Step::Hold), one behind the other.
pub trait Held {
    /// Reads from the byte at `offset` on, at least one byte unless `into` is empty; waits where that byte has not come
    /// yet. Zero: nothing more will be held, and `offset` is at or behind the end.
    ///
    /// # Errors
    /// [`Lost`].
    fn read(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, Lost>;

    /// Says that all before `offset` may go ahead of the judgement, where anything may: it is in order as far as it can
    /// be, and whoever gets no more than that can only wait for the rest. What is said once stays said.
    fn let_ahead(&mut self, offset: u64) {
        let _ = offset;
    }
}

/// One question for the target: a conversation of the gateway's own, on a carrier beside the one that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// What to open at the target: [`Carrier::Exec`] or [`Carrier::Content`], as what carries the lane.
    pub carrier: Carrier,
    /// The version of the protocol that is asked for (`GIT_PROTOCOL`, or the field `Git-Protocol`), if any.
    pub protocol: Option<&'static str>,
    /// What to say.
    pub request: Bytes,
}

/// Asks the target.
pub trait Asking {
    /// Says the request, and passes on what the target answers, run by run, until `hear` returns false or the answer is
    /// complete.
    ///
    /// # Errors
    /// [`Unanswered`] when the target cannot be asked, refuses, or breaks off.
    fn ask(&mut self, inquiry: &Inquiry, hear: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Unanswered>;
}

/// Work on what is held. It may wait, and is called once.
pub trait Examination: Send + Sync {
    /// The name of the action that is judged by what this finds ([`ActionKind::name`](crate::judge::ActionKind::name)).
    fn action(&self) -> &'static str;

    /// Looks at what is held and asks what it has to ask. When `held` is lost, what it returns is not looked at.
    fn examine(&self, held: &mut dyn Held, target: &mut dyn Asking) -> Finding;
}

/// An examination, on its way to whom will run it.
#[derive(Clone)]
pub struct Examiner(pub Arc<dyn Examination>);

impl fmt::Debug for Examiner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Examiner")
    }
}

impl PartialEq for Examiner {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Examiner {}

/// What an examination found: only the wire that asked for it knows what it is.
#[derive(Clone)]
pub struct Finding(pub Arc<dyn Any + Send + Sync>);

impl fmt::Debug for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Finding")
    }
}

impl PartialEq for Finding {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Finding {}
