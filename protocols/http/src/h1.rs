//! HTTP/1.1 on the wire (RFC 9112): bytes to parts and back.
//!
//! `section` reads the lines of a head or a trailer section as they arrive, `start` a request or status line, `names`
//! knows the usual names, `framing` finds out how much content follows a head, `chunk` reads the lines of chunked content,
//! `decoder` goes from one to the next; `outbox` keeps what is to be written, `encoder` writes it. What is doubtful is
//! refused, since what two readers take for different things is how requests are smuggled.

mod chunk;
mod decoder;
mod encoder;
mod framing;
#[cfg(test)]
mod laws;
mod names;
mod outbox;
mod section;
mod start;
mod websocket;

pub use decoder::{Decoded, Decoder};
pub use encoder::Encoder;
pub use outbox::Outbox;
pub use websocket::websocket_accept;

/// Bytes that are no message of HTTP/1.1, or none that a gateway passes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Malformed {
    /// The status to answer with: 400, 414, 431, 501 or 505 for a request, 502 for a response.
    pub status: u16,
    /// What is wrong, in words, without payload.
    pub reason: String,
}

impl Malformed {
    /// A message that is to be answered with `status`, for `reason`.
    #[must_use]
    pub fn new(status: u16, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into() }
    }
}
