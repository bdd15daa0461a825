//! What an exchange needs of the wire that it belongs to.

use wiretape_core::{Moment, NestedWires};

use crate::outbox::Outbox;

/// What an exchange needs of the wire that it belongs to.
pub(crate) struct Surroundings<'a> {
    pub(crate) at: Moment,
    pub(crate) outbox: &'a mut Outbox,
    pub(crate) nested: &'a dyn NestedWires,
    /// The session, for who is told of a problem.
    pub(crate) session: &'a str,
    /// What all lanes hold back, this one among them.
    pub(crate) held_bytes: usize,
}
