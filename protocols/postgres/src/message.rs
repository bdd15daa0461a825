//! Bytes to messages, messages to events, and events back to messages.

mod build;
mod fields;
mod frame;
#[cfg(test)]
mod laws;
mod letter;
mod parse;

pub use build::{backend_key_data, message_of};
pub(crate) use frame::{Cut, Framer, Piece, Said};
pub(crate) use letter::{SHORTER_TEXT, name};
pub(crate) use parse::bind_names;
pub use parse::{Malformed, parse};

/// Bytes before the fields of a message: its type and its length.
const HEADER_BYTES: usize = 5;

/// Bytes of a length, which counts itself.
const LENGTH_BYTES: usize = 4;
