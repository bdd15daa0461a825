//! The WebSocket wire: the messages of an upgraded connection, both ways (RFC 6455).
//!
//! **What is absent here, on purpose:** the handshake, extensions (the exchange that agreed to the upgrade keeps them
//! off, so that payloads can be read), judgement of messages, UTF-8 validation: what a peer makes of a text is its own.
//!
//! Start with [`message`] (bytes to frames), then `state` (one direction), then [`wire`] (both).
#![warn(clippy::indexing_slicing)]

mod limits;
mod mask;
pub mod message;
mod refuse;
mod state;
pub mod wire;

pub use wire::WebSocketWire;
