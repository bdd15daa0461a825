//! The types of messages, by the letter that each begins with, and how long each may be.

use std::ops::RangeInclusive;

use wiretape_core::limits::{EVENT_PAYLOAD_BYTES_MAX, POSTGRES_MESSAGE_BYTES_MAX, POSTGRES_TEXT_BYTES_MAX};
use wiretape_core::{Fault, Side};

use super::LENGTH_BYTES;
use crate::limits::KEY_BYTES;

/// What is expected of a text that is too long to be judged.
pub(crate) const SHORTER_TEXT: &str = "a text that is short enough to be judged";

/// A type of message.
struct Letter {
    name: &'static str,
    /// The lengths that it may declare.
    lengths: RangeInclusive<usize>,
}

const fn exactly(name: &'static str, body_bytes: usize) -> Letter {
    Letter { name, lengths: LENGTH_BYTES + body_bytes..=LENGTH_BYTES + body_bytes }
}

const fn up_to(name: &'static str, length_max: usize) -> Letter {
    Letter { name, lengths: LENGTH_BYTES..=length_max }
}

/// So long that a message is still one event.
const SHORT: usize = EVENT_PAYLOAD_BYTES_MAX - 1;

/// The documentation's section "Message Formats", as far as messages can come after the login.
fn letter(side: Side, letter: u8) -> Option<Letter> {
    Some(match (side, letter) {
        (Side::Client, b'Q') => up_to("Query", POSTGRES_TEXT_BYTES_MAX),
        (Side::Client, b'P') => up_to("Parse", POSTGRES_TEXT_BYTES_MAX),
        (Side::Client, b'F') => up_to("FunctionCall", POSTGRES_TEXT_BYTES_MAX),
        (Side::Client, b'B') => up_to("Bind", POSTGRES_MESSAGE_BYTES_MAX),
        (Side::Client, b'D') => up_to("Describe", SHORT),
        (Side::Client, b'E') => up_to("Execute", SHORT),
        (Side::Client, b'C') => up_to("Close", SHORT),
        (Side::Client, b'f') => up_to("CopyFail", SHORT),
        (Side::Client, b'H') => exactly("Flush", 0),
        (Side::Client, b'S') => exactly("Sync", 0),
        (Side::Client, b'X') => exactly("Terminate", 0),
        (_, b'd') => up_to("CopyData", POSTGRES_MESSAGE_BYTES_MAX),
        (_, b'c') => exactly("CopyDone", 0),
        (Side::Upstream, b'1') => exactly("ParseComplete", 0),
        (Side::Upstream, b'2') => exactly("BindComplete", 0),
        (Side::Upstream, b'3') => exactly("CloseComplete", 0),
        (Side::Upstream, b'n') => exactly("NoData", 0),
        (Side::Upstream, b'I') => exactly("EmptyQueryResponse", 0),
        (Side::Upstream, b's') => exactly("PortalSuspended", 0),
        (Side::Upstream, b'Z') => exactly("ReadyForQuery", 1),
        (Side::Upstream, b'K') => Letter {
            name: "BackendKeyData",
            lengths: LENGTH_BYTES + 4 + KEY_BYTES.start()..=LENGTH_BYTES + 4 + KEY_BYTES.end(),
        },
        (Side::Upstream, b'v') => up_to("NegotiateProtocolVersion", SHORT),
        (Side::Upstream, b'A') => up_to("NotificationResponse", POSTGRES_MESSAGE_BYTES_MAX),
        (Side::Upstream, b'C') => up_to("CommandComplete", POSTGRES_MESSAGE_BYTES_MAX),
        (Side::Upstream, b'D') => up_to("DataRow", POSTGRES_MESSAGE_BYTES_MAX),
        (Side::Upstream, b'E') => up_to("ErrorResponse", POSTGRES_MESSAGE_BYTES_MAX),
        (Side::Upstream, b'G') => up_to("CopyInResponse", SHORT),
        (Side::Upstream, b'H') => up_to("CopyOutResponse", SHORT),
        (Side::Upstream, b'W') => up_to("CopyBothResponse", SHORT),
        (Side::Upstream, b'N') => up_to("NoticeResponse", POSTGRES_MESSAGE_BYTES_MAX),
        (Side::Upstream, b'S') => up_to("ParameterStatus", POSTGRES_MESSAGE_BYTES_MAX),
        (Side::Upstream, b'T') => up_to("RowDescription", POSTGRES_MESSAGE_BYTES_MAX),
        (Side::Upstream, b't') => up_to("ParameterDescription", SHORT),
        (Side::Upstream, b'V') => up_to("FunctionCallResponse", POSTGRES_MESSAGE_BYTES_MAX),
        _ => return None,
    })
}

/// The name of a message, as the documentation has it.
pub(crate) fn name(side: Side, letter: u8) -> &'static str {
    self::letter(side, letter).map_or("no message", |letter| letter.name)
}

/// Whether a side has messages of this type.
///
/// # Errors
/// A fault of that side when it has not.
pub(crate) fn known(side: Side, letter: u8) -> Result<(), Fault> {
    self::letter(side, letter).map(drop).ok_or_else(|| unknown(side, letter))
}

/// Whether a message of this type may declare this length.
///
/// # Errors
/// A fault of its side when it may not.
pub(crate) fn fitting(side: Side, letter: u8, length: usize) -> Result<(), Fault> {
    let Letter { name, lengths } = self::letter(side, letter).ok_or_else(|| unknown(side, letter))?;
    if lengths.contains(&length) {
        return Ok(());
    }
    let judged = *lengths.end() == POSTGRES_TEXT_BYTES_MAX && length > *lengths.end();
    let expected = if judged { SHORTER_TEXT } else { "a length within the bounds of its message" };
    Err(Fault::new(side, expected, format!("{name} of {length} bytes")))
}

fn unknown(side: Side, letter: u8) -> Fault {
    let expected = match side {
        Side::Client => "the type of a client's message",
        Side::Upstream => "the type of a server's message",
    };
    Fault::new(side, expected, format!("a byte of {letter:#04x}"))
}

/// Whether a message has to be there as a whole, however long it is: it is judged.
pub(crate) fn is_held_whole(side: Side, letter: u8) -> bool {
    side == Side::Client && matches!(letter, b'Q' | b'P' | b'F')
}
