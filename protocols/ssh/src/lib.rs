//! The SSH wire: the channels of a connection, as terminals, programs and streams (RFC 4254 and OpenSSH's `PROTOCOL`).
//!
//! **What is absent here, on purpose:** the transport, keys, windows, sockets and time. The gateway terminates SSH on
//! both of its sides and feeds the wire one [`Message`] after the other; the wire keeps the state of each lane, says
//! what to record, what to judge and what to send on, and speaks the protocol's own words when something is refused.
//!
//! Start with [`message`] (what the peers say), then `state` (what they may say when), then [`wire`] (how it passes).
#![warn(clippy::indexing_slicing)]

mod connection;
mod event;
mod lane;
mod limits;
pub mod message;
mod nested;
mod opaque;
mod options;
mod outbox;
mod pair;
mod pending;
mod refuse;
mod state;
mod terminal;
pub mod wire;

pub use message::{Message, OpenFailure, Request};
pub use options::{NestedFault, Options};
pub use refuse::words;
pub use wire::SshWire;
