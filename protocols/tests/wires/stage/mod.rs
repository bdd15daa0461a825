//! Where wires perform: a session over any byte wire, and everything it did.

mod guard;
mod performance;

pub(crate) use guard::{Rule, Rules};
pub(crate) use performance::{Performance, Turn, perform};
