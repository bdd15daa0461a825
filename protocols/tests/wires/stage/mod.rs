//! Where wires perform: a session over any byte wire, and everything it did.
//!
//! The fuzz targets (`fuzz/`) perform on the same stage.

mod examination;
mod frames;
mod guard;
mod performance;
mod seed;

pub(crate) use frames::{Frames, frame, payloads};
pub(crate) use guard::{Rule, Rules};
pub(crate) use performance::{Performance, Turn, perform, told, without_keys};
pub(crate) use seed::turns;
