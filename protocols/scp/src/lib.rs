//! The scp wire: whole files inside an SSH command, as `scp -O` and old clients send them.
//!
//! [`direction`] tells from the command line which way the files go, [`Place`] which names they have at the target.
//! [`ScpWire`] reads them: which were announced, how each was answered, how much of it passed, and a digest of each that
//! arrived. Each file and each folder is judged when it is announced, before the other end hears of it.
//!
//! **What is absent here, on purpose:** the raw bytes as events (the wire that carries this one records them), and any
//! rewriting: what was read is what is sent on. Newer clients speak SFTP instead.
#![warn(clippy::indexing_slicing)]

mod command;
mod event;
mod judged;
mod limits;
mod message;
mod place;
pub mod refuse;
mod state;
mod wire;

pub use command::{Direction, direction};
pub use judged::action;
pub use place::Place;
pub use wire::ScpWire;
