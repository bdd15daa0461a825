//! The SSH wire: the channels of a connection, as terminals, programs and streams.

pub mod message;

pub use message::{Message, OpenFailure, Request};
