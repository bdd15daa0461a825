//! One side of an exchange, whatever version of HTTP it speaks.

pub(crate) mod h1;
pub(crate) mod h2;
mod opaque;
pub(crate) mod reset;
pub(crate) mod translation;

use std::io::Error;
use std::task::{Context, Poll};

use wiretape_http::Part;

use h2::{AskedStream, AskingStream};
pub(crate) use opaque::Opaque;

/// What waits to be sent on a connection before the other side is no longer heard.
const CONNECTION_WAITING_BYTES_MAX: usize = 512 * 1024;

/// And on a stream, of which a connection has many.
const STREAM_WAITING_BYTES_MAX: usize = 128 * 1024;

/// One side of an exchange.
pub(crate) enum Peer {
    /// A client or a target by HTTP/1.1.
    One(Box<h1::Connection>),
    /// A client by HTTP/2.
    Asking(Box<AskingStream>),
    /// A target by HTTP/2.
    Asked(Box<AskedStream>),
    /// A target that is let through untouched.
    Opaque(Box<Opaque>),
}

impl Peer {
    /// The next part of what the side says. Behind an end only a reset can follow, behind a reset nothing.
    pub(crate) fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<Part> {
        match self {
            Self::One(connection) => connection.poll_part(context),
            Self::Asking(stream) => stream.poll_part(context),
            Self::Asked(stream) => stream.poll_part(context),
            Self::Opaque(opaque) => opaque.poll_part(context),
        }
    }

    /// Puts a part of what the side is told behind what waits to be sent.
    pub(crate) fn put(&mut self, part: Part) {
        match self {
            Self::One(connection) => connection.put(part),
            Self::Asking(stream) => stream.put(part),
            Self::Asked(stream) => stream.put(part),
            Self::Opaque(opaque) => opaque.put(part),
        }
    }

    /// Whether the side takes what it is told fast enough for the other one to be heard.
    pub(crate) fn has_room(&self) -> bool {
        match self {
            Self::One(connection) => connection.waiting_bytes() <= CONNECTION_WAITING_BYTES_MAX,
            Self::Asking(stream) => stream.waiting_bytes() <= STREAM_WAITING_BYTES_MAX,
            Self::Asked(stream) => stream.waiting_bytes() <= STREAM_WAITING_BYTES_MAX,
            Self::Opaque(opaque) => opaque.waiting_bytes() <= CONNECTION_WAITING_BYTES_MAX,
        }
    }

    /// Sends what waits; pending while the side does not take it.
    ///
    /// # Errors
    /// The side takes nothing more.
    pub(crate) fn poll_sent(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self {
            Self::One(connection) => connection.poll_sent(context),
            Self::Asking(stream) => stream.poll_sent(context),
            Self::Asked(stream) => stream.poll_sent(context),
            Self::Opaque(opaque) => opaque.poll_sent(context),
        }
    }

    /// Whether it speaks HTTP/2, where a stream is broken off with a word.
    pub(crate) fn is_h2(&self) -> bool {
        matches!(self, Self::Asking(_) | Self::Asked(_))
    }
}
