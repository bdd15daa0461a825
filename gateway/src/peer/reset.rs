//! How an exchange is broken off: error codes of RFC 9113 section 7, and what happened in words.

use std::io::{Error, ErrorKind};

use wiretape_http::Part;

/// Nothing went wrong; nothing more is wanted (RFC 9113 section 7).
pub(crate) const NO_ERROR: u32 = 0;

/// A peer broke the protocol.
pub(crate) const PROTOCOL_ERROR: u32 = 1;

/// Something went wrong where it should not have.
pub(crate) const INTERNAL_ERROR: u32 = 2;

/// Nobody is interested in the stream any more.
pub(crate) const CANCEL: u32 = 8;

/// The word of RFC 9113 section 7 for an error of a stream or its connection, and what happened; `left` is the word
/// for a connection that is simply gone.
pub(crate) fn reset_of(error: &h2::Error, left: u32) -> Part {
    let code = match error.get_io() {
        Some(_) => left,
        None => error.reason().map_or(INTERNAL_ERROR, u32::from),
    };
    Part::Reset { code, reason: words(error) }
}

/// What happened to a connection, without what libraries say of themselves.
pub(crate) fn broken(error: &Error) -> String {
    match error.kind() {
        ErrorKind::UnexpectedEof => "the connection was cut".to_owned(),
        kind => format!("the connection broke: {kind}"),
    }
}

/// What went wrong, in words; the library's own where it is about the protocol.
pub(crate) fn words(error: &h2::Error) -> String {
    match error.reason() {
        Some(reason) if error.is_remote() => format!("the peer gave up: {}", reason.description()),
        Some(reason) => reason.description().to_owned(),
        None => error.get_io().map_or_else(|| error.to_string(), broken),
    }
}
