//! HTTP between a client and a target: exchanges as events, whatever version each of the two speaks.
//!
//! **What is absent here, on purpose:** sockets, TLS, HTTP/2 framing, flow control, who may come in.
//!
//! Start with [`message`]: what is said on a lane.
#![warn(clippy::indexing_slicing)]

pub mod message;

pub use message::{Content, Field, Message, Part, Problem, RequestHead, ResponseHead, Route};
