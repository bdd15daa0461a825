//! HTTP between a client and a target: exchanges as events, whatever version each of the two speaks.
//!
//! **What is absent here, on purpose:** sockets, TLS, HTTP/2 framing, flow control, who may come in.
//!
//! Start with [`message`] (what is said on a lane), then [`wire`] (how an exchange passes), then [`h1`] (how HTTP/1.1
//! frames it).
#![warn(clippy::indexing_slicing)]

mod carried;
pub mod check;
mod coding;
mod concealment;
pub mod duties;
mod event;
mod exchange;
pub mod h1;
mod limits;
pub mod message;
mod nested;
mod outbox;
mod overrides;
pub mod refuse;
mod state;
mod surroundings;
pub mod wire;

pub use message::{Content, Field, Message, Part, Problem, RequestHead, ResponseHead, Route};
pub use wire::HttpWire;
