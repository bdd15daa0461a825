//! A message to its event. What an event cannot say again byte for byte is malformed.

use bytes::Bytes;
use wiretape_core::Side;
use wiretape_core::event::{
    Acknowledged, Column, CopyDirection, Field, Parameter, Prepared, QueryEvent, TransactionStatus,
};

use super::HEADER_BYTES;
use super::fields::Fields;
pub use super::fields::Malformed;
use crate::limits::{ERROR_FIELDS_MAX, OPTIONS_MAX};

/// The event of one whole message of `side`, with its type and its length. Types of parameters and the statement of a
/// portal are not in the message: they are left open.
///
/// # Errors
/// [`Malformed`] when it is no message that this side may send after the login.
pub fn parse(side: Side, message: &Bytes) -> Result<QueryEvent, Malformed> {
    let Some((&[letter, a, b, c, d], _)) = message.split_first_chunk() else { return Err(Malformed) };
    if u32::from_be_bytes([a, b, c, d]) as usize + 1 != message.len() {
        return Err(Malformed);
    }
    match (side, letter) {
        (_, b'd') => return Ok(QueryEvent::CopyData { count: 1, bytes: message.clone() }),
        (Side::Upstream, b'D') if is_row(message.get(HEADER_BYTES..).unwrap_or_default()) => {
            return Ok(QueryEvent::Rows { count: 1, bytes: message.clone() });
        }
        _ => {}
    }
    let mut fields = Fields::new(message, HEADER_BYTES);
    let event = match side {
        Side::Client => client(letter, &mut fields)?,
        Side::Upstream => upstream(letter, &mut fields)?,
    };
    fields.end()?;
    Ok(event)
}

/// Whether the values of a `DataRow` fill it.
#[inline]
pub(super) fn is_row(fields: &[u8]) -> bool {
    let Some((count, mut rest)) = fields.split_first_chunk() else { return false };
    for _ in 0..u16::from_be_bytes(*count) {
        let Some((length, after)) = rest.split_first_chunk() else { return false };
        rest = match i32::from_be_bytes(*length) {
            -1 => after,
            length => match usize::try_from(length).ok().and_then(|length| after.get(length..)) {
                Some(after) => after,
                None => return false,
            },
        };
    }
    rest.is_empty()
}

fn client(letter: u8, fields: &mut Fields<'_>) -> Result<QueryEvent, Malformed> {
    Ok(match letter {
        b'Q' => QueryEvent::Simple { text: fields.string()? },
        b'P' => QueryEvent::Parse {
            statement: fields.string()?,
            text: fields.string()?,
            types: fields.list(4, Fields::u32)?,
        },
        b'B' => QueryEvent::Bind {
            portal: fields.string()?,
            statement: fields.string()?,
            formats: fields.list(2, Fields::u16)?,
            parameters: fields.list(4, |fields| Ok(Parameter { type_id: 0, value: fields.value()? }))?,
            result_formats: fields.list(2, Fields::u16)?,
        },
        b'D' => QueryEvent::Describe { of: prepared(fields)?, name: fields.string()? },
        b'E' => QueryEvent::Execute { portal: fields.string()?, statement: None, rows_max: fields.u32()? },
        b'C' => QueryEvent::Close { of: prepared(fields)?, name: fields.string()? },
        b'F' => QueryEvent::Call {
            function_id: fields.u32()?,
            formats: fields.list(2, Fields::u16)?,
            arguments: fields.list(4, Fields::value)?,
            result_format: fields.u16()?,
        },
        b'H' => QueryEvent::Flush,
        b'S' => QueryEvent::Sync,
        b'X' => QueryEvent::Terminate,
        b'c' => QueryEvent::CopyDone,
        b'f' => QueryEvent::CopyFail { message: fields.string()? },
        _ => return Err(Malformed),
    })
}

fn upstream(letter: u8, fields: &mut Fields<'_>) -> Result<QueryEvent, Malformed> {
    Ok(match letter {
        b'1' => acknowledged(Acknowledged::Parse),
        b'2' => acknowledged(Acknowledged::Bind),
        b'3' => acknowledged(Acknowledged::Close),
        b'n' => acknowledged(Acknowledged::NoData),
        b'I' => acknowledged(Acknowledged::EmptyQuery),
        b's' => acknowledged(Acknowledged::PortalSuspended),
        b'A' => {
            QueryEvent::Notification { process_id: fields.u32()?, channel: fields.string()?, payload: fields.string()? }
        }
        b'C' => {
            let tag = fields.string()?;
            QueryEvent::Complete { rows: rows(&tag), tag }
        }
        b'E' => QueryEvent::Error { fields: lettered(fields)? },
        b'G' => copy_start(CopyDirection::In, fields)?,
        b'H' => copy_start(CopyDirection::Out, fields)?,
        b'W' => copy_start(CopyDirection::Both, fields)?,
        b'K' => key(fields)?,
        b'N' => QueryEvent::Notice { fields: lettered(fields)? },
        b'S' => QueryEvent::Setting { name: fields.string()?, value: fields.string()? },
        b'T' => QueryEvent::Columns { columns: fields.list(19, column)? },
        b'V' => QueryEvent::Returned { value: fields.value()? },
        b'Z' => QueryEvent::Ready { status: status(fields.u8()?)? },
        b'c' => QueryEvent::CopyDone,
        b't' => QueryEvent::Types { types: fields.list(4, Fields::u32)? },
        b'v' => negotiated(fields)?,
        _ => return Err(Malformed),
    })
}

/// The portal and the statement that a `Bind` names, as far as its start tells.
pub(crate) fn bind_names(start: &Bytes) -> Option<(Bytes, Bytes)> {
    let mut fields = Fields::new(start, HEADER_BYTES);
    Some((fields.string().ok()?, fields.string().ok()?))
}

fn acknowledged(what: Acknowledged) -> QueryEvent {
    QueryEvent::Acknowledged { what }
}

fn prepared(fields: &mut Fields<'_>) -> Result<Prepared, Malformed> {
    match fields.u8()? {
        b'S' => Ok(Prepared::Statement),
        b'P' => Ok(Prepared::Portal),
        _ => Err(Malformed),
    }
}

fn status(letter: u8) -> Result<TransactionStatus, Malformed> {
    match letter {
        b'I' => Ok(TransactionStatus::Idle),
        b'T' => Ok(TransactionStatus::InTransaction),
        b'E' => Ok(TransactionStatus::Failed),
        _ => Err(Malformed),
    }
}

fn column(fields: &mut Fields<'_>) -> Result<Column, Malformed> {
    Ok(Column {
        name: fields.string()?,
        table_id: fields.u32()?,
        attribute: fields.i16()?,
        type_id: fields.u32()?,
        type_size: fields.i16()?,
        type_modifier: fields.i32()?,
        format: fields.u16()?,
    })
}

fn copy_start(direction: CopyDirection, fields: &mut Fields<'_>) -> Result<QueryEvent, Malformed> {
    Ok(QueryEvent::CopyStart { direction, format: fields.u8()?, formats: fields.list(2, Fields::u16)? })
}

/// The fields of an error or a notice: a letter and a text each, up to a zero byte.
fn lettered(fields: &mut Fields<'_>) -> Result<Vec<Field>, Malformed> {
    let mut list = Vec::new();
    loop {
        match fields.u8()? {
            0 => return Ok(list),
            _ if list.len() == ERROR_FIELDS_MAX => return Err(Malformed),
            letter => list.push(Field { letter, text: fields.string()? }),
        }
    }
}

/// A key by its length: its bytes are a secret.
fn key(fields: &mut Fields<'_>) -> Result<QueryEvent, Malformed> {
    let process_id = fields.u32()?;
    let key_bytes = fields.skip_rest();
    Ok(QueryEvent::Key { process_id, key_bytes: u32::try_from(key_bytes).map_err(|_| Malformed)? })
}

fn negotiated(fields: &mut Fields<'_>) -> Result<QueryEvent, Malformed> {
    let version = fields.u32()?;
    let count = fields.u32()?;
    let mut unrecognised = Vec::new();
    while fields.has_more() {
        if unrecognised.len() == OPTIONS_MAX {
            return Err(Malformed);
        }
        unrecognised.push(fields.string()?);
    }
    match usize::try_from(count) {
        Ok(count) if count == unrecognised.len() => Ok(QueryEvent::Negotiated { version, unrecognised }),
        _ => Err(Malformed),
    }
}

/// The number of rows that the tag of a completed command names, in its last word.
fn rows(tag: &[u8]) -> Option<u64> {
    let tag = str::from_utf8(tag).ok()?;
    let (_, last) = tag.rsplit_once(' ')?;
    last.bytes().all(|byte| byte.is_ascii_digit()).then(|| last.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_tell_their_rows() {
        for (tag, expected) in [
            ("SELECT 5", Some(5)),
            ("INSERT 0 12", Some(12)),
            ("COPY 18446744073709551615", Some(u64::MAX)),
            ("COPY 18446744073709551616", None),
            ("SELECT +5", None),
            ("SELECT ", None),
            ("CREATE TABLE", None),
            ("BEGIN", None),
            ("7", None),
            ("", None),
        ] {
            assert_eq!(rows(tag.as_bytes()), expected, "{tag}");
        }
    }

    #[test]
    fn a_bind_is_known_by_its_start() {
        let names = |start: &'static [u8]| bind_names(&Bytes::from_static(start));
        assert_eq!(names(b"B\0\0\xff\xffp\0s\0\0"), Some((Bytes::from("p"), Bytes::from("s"))));
        assert_eq!(names(b"B\0\0\xff\xff\0\0\0\0"), Some((Bytes::new(), Bytes::new())));
        assert_eq!(names(b"B\0\0\xff\xffp\0s"), None);
        assert_eq!(names(b"B"), None);
    }
}
