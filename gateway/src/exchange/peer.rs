//! One side of an exchange, whatever version of HTTP it speaks.

use std::io::{Error, ErrorKind};
use std::task::{Context, Poll};

use wiretape_http::Part;

use super::h2::{AskedStream, AskingStream};
use super::opaque::Opaque;
use super::{h1, h2};

/// Nothing went wrong; nothing more is wanted (RFC 9113 section 7).
pub(crate) const NO_ERROR: u32 = 0;

/// A peer broke the protocol.
pub(crate) const PROTOCOL_ERROR: u32 = 1;

/// Something went wrong where it should not have.
pub(crate) const INTERNAL_ERROR: u32 = 2;

/// Nobody is interested in the stream any more.
pub(crate) const CANCEL: u32 = 8;

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

/// The word of RFC 9113 section 7 for an error of a stream or its connection, and what happened; `left` is the word
/// for a connection that is simply gone.
pub(crate) fn reset_of(error: &::h2::Error, left: u32) -> Part {
    let code = match error.get_io() {
        Some(_) => left,
        None => error.reason().map_or(INTERNAL_ERROR, u32::from),
    };
    Part::Reset { code, reason: h2::words(error) }
}

/// What happened to a connection, without what libraries say of themselves.
pub(crate) fn broken(error: &Error) -> String {
    match error.kind() {
        ErrorKind::UnexpectedEof => "the connection was cut".to_owned(),
        kind => format!("the connection broke: {kind}"),
    }
}
