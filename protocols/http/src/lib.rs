//! HTTP between a client and a target: exchanges as events, whatever version each of the two speaks.
//!
//! **What is absent here, on purpose:** sockets, TLS, HTTP/2 framing, flow control, who may come in.
//!
//! Start with [`message`]: what is said on a lane.
#![warn(clippy::indexing_slicing)]

pub mod check;
pub mod duties;
pub mod h1;
mod concealment;
mod event;
mod exchange;
mod limits;
pub mod message;
mod nested;
mod outbox;
pub mod refuse;
mod state;
pub mod wire;
pub mod refuse;

pub use message::{Content, Field, Message, Part, Problem, RequestHead, ResponseHead, Route};
pub use wire::HttpWire;
