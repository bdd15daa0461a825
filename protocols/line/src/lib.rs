//! The line wire: text lines over bytes, both ways. Each line of the client is judged; lines of the upstream pass.
//!
//! It is the smallest whole wire: the double in tests of what drives wires, and the folder that a new protocol is
//! copied from. `message` turns bytes into messages, `state` moves, `event` says what is recorded, `refuse`
//! speaks to the client in the protocol's own words, `wire` ties them together, and `cases/` shows conversations.
//!
//! **What is absent here, on purpose:** any meaning of a line, and any change to one.
#![warn(clippy::indexing_slicing)]

mod event;
mod message;
mod refuse;
mod state;
mod wire;

pub use wire::LineWire;
