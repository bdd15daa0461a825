//! The PostgreSQL wire: the frontend/backend protocol, version 3 (PostgreSQL's documentation, chapter
//! "Frontend/Backend Protocol"). Its sessions begin with the end of the login.
//!
//! [`startup`] reads and writes the packets before a session, [`sasl`] the messages of a login by OAuth. `message`
//! turns bytes into messages and back, `state` pairs answers with requests, `names` joins portals with statements and
//! parameters with types, `block` knows a transaction by its words, `client` keeps what waits, `event` says what is
//! recorded, `refuse` speaks to the client in the protocol's own words, `wire` ties them together, and `cases/` shows
//! conversations.
//!
//! **What is absent here, on purpose:** the login itself and what its secrets are worth, TLS, the cancelling of queries
//! (all of them are done by who makes a session), SQL, and any change to a message that passes.
#![warn(clippy::indexing_slicing)]

mod block;
mod client;
mod event;
mod limits;
mod message;
mod names;
mod refuse;
pub mod sasl;
pub mod startup;
mod state;
mod wire;

pub use message::{Malformed, backend_key_data, message_of, parse};
pub use wire::PostgresWire;
