//! Values as text: what PostgreSQL writes when it is asked for text.
//!
//! A value that was sent as text is that text. One that was sent in binary is decoded, when its type is one that every
//! server has; any other is shown in hexadecimal, as `\x…`. Times with a zone are written in UTC: what zone the session
//! would have seen is not in the value.

mod array;
mod network;
mod number;
mod time;

use super::types::{Named, id, named};
use crate::legible::hex;

/// How values are sent.
pub const BINARY: u16 = 1;

/// How deep arrays of ranges of … are followed.
const DEPTH_MAX: u8 = 4;

/// A value for reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Its text.
    Text(String),
    /// Its bytes, which are no text or of a type that is not known, in hexadecimal.
    Hex(String),
}

impl Shown {
    /// The text either way; bytes begin with `\x`.
    #[must_use]
    pub fn into_text(self) -> String {
        match self {
            Self::Text(text) | Self::Hex(text) => text,
        }
    }
}

/// The value for reading. What takes more than `bytes_max` bytes as text is shown in hexadecimal.
#[must_use]
pub fn shown(type_id: u32, format: u16, value: &[u8], bytes_max: usize) -> Shown {
    let text = match format {
        BINARY => decoded(type_id, value, bytes_max),
        _ => std::str::from_utf8(value).ok().map(str::to_owned),
    };
    text.map_or_else(|| Shown::Hex(format!("\\x{}", hex(value))), Shown::Text)
}

/// The text of a value that was sent in binary; `None` when its type is not known, or the value is none of that type,
/// or its text would take more than `bytes_max` bytes.
#[must_use]
pub fn decoded(type_id: u32, value: &[u8], bytes_max: usize) -> Option<String> {
    let mut text = Text { text: String::new(), bytes_max };
    write(&mut text, type_id, value, DEPTH_MAX)?;
    Some(text.text)
}

/// Text that may grow to a limit.
struct Text {
    text: String,
    bytes_max: usize,
}

impl Text {
    fn push(&mut self, text: &str) -> Option<()> {
        if text.len() > self.bytes_max.saturating_sub(self.text.len()) {
            return None;
        }
        self.text.push_str(text);
        Some(())
    }

    fn push_utf8(&mut self, bytes: &[u8]) -> Option<()> {
        self.push(std::str::from_utf8(bytes).ok()?)
    }
}

fn write(text: &mut Text, type_id: u32, value: &[u8], depth: u8) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    let Named::Plain(known) = named(type_id)? else { return array::array(text, value, depth) };
    match known.id {
        id::BOOL => text.push(match value {
            [0] => "f",
            [1] => "t",
            _ => return None,
        }),
        id::BYTEA => {
            let room = text.bytes_max.saturating_sub(text.text.len());
            if value.len() > room / 2 {
                return None;
            }
            text.push("\\x")?;
            text.push(&hex(value))
        }
        id::CHAR => match value {
            [0] => Some(()),
            [letter @ 1..=0x7f] => text.push(&char::from(*letter).to_string()),
            [byte] => text.push(&format!("\\{byte:03o}")),
            _ => None,
        },
        19 | 25 | 114 | 142 | id::UNKNOWN | 1042 | 1043 | 1790 | 2275 => text.push_utf8(value),
        id::INT2 => text.push(&i16::from_be_bytes(value.try_into().ok()?).to_string()),
        id::INT4 => text.push(&i32::from_be_bytes(value.try_into().ok()?).to_string()),
        id::INT8 => text.push(&i64::from_be_bytes(value.try_into().ok()?).to_string()),
        // Names of procedures, tables and the like are sent as their object identifiers.
        id::OID | id::XID | id::CID | 24 | 2202..=2206 | 3734 | 4089 => {
            text.push(&u32::from_be_bytes(value.try_into().ok()?).to_string())
        }
        id::XID8 => text.push(&u64::from_be_bytes(value.try_into().ok()?).to_string()),
        27 => {
            let (block, offset) = value.split_first_chunk::<4>()?;
            let offset = u16::from_be_bytes(offset.try_into().ok()?);
            text.push(&format!("({},{offset})", u32::from_be_bytes(*block)))
        }
        22 | 30 => array::vector(text, value, depth),
        id::FLOAT4 => text.push(&number::float4(f32::from_be_bytes(value.try_into().ok()?))),
        id::FLOAT8 => text.push(&number::float8(f64::from_be_bytes(value.try_into().ok()?))),
        id::NUMERIC => text.push(&number::numeric(value)?),
        650 => text.push(&network::address(value, true)?),
        869 => text.push(&network::address(value, false)?),
        774 | 829 => text.push(&network::hardware(value)?),
        1082 => text.push(&time::date(i32::from_be_bytes(value.try_into().ok()?))),
        1083 => text.push(&time::time(i64::from_be_bytes(value.try_into().ok()?))?),
        1114 => text.push(&time::timestamp(i64::from_be_bytes(value.try_into().ok()?), "")),
        1184 => text.push(&time::timestamp(i64::from_be_bytes(value.try_into().ok()?), "+00")),
        1186 => text.push(&time::interval(value)?),
        1266 => text.push(&time::time_with_zone(value)?),
        1560 | 1562 => bits(text, value),
        2278 => value.is_empty().then_some(()),
        2950 => text.push(&uuid(value)?),
        3220 => {
            let place = u64::from_be_bytes(value.try_into().ok()?);
            text.push(&format!("{:X}/{:X}", place >> 32, place & 0xffff_ffff))
        }
        // A version stands before the text.
        3802 | 4072 => text.push_utf8(value.strip_prefix(&[1])?),
        3904 => array::range(text, id::INT4, value, depth),
        3906 => array::range(text, id::NUMERIC, value, depth),
        3908 => array::range(text, 1114, value, depth),
        3910 => array::range(text, 1184, value, depth),
        3912 => array::range(text, 1082, value, depth),
        3926 => array::range(text, id::INT8, value, depth),
        _ => None,
    }
}

fn bits(text: &mut Text, value: &[u8]) -> Option<()> {
    let (count, bytes) = value.split_first_chunk::<4>()?;
    let count = usize::try_from(i32::from_be_bytes(*count)).ok()?;
    if count.div_ceil(8) != bytes.len() || count > text.bytes_max.saturating_sub(text.text.len()) {
        return None;
    }
    let bit = |place: usize| bytes.get(place / 8).is_some_and(|byte| byte >> (7 - place % 8) & 1 == 1);
    text.text.extend((0..count).map(|place| if bit(place) { '1' } else { '0' }));
    Some(())
}

fn uuid(value: &[u8]) -> Option<String> {
    let digits = hex(<&[u8; 16]>::try_from(value).ok()?);
    let part = |range| digits.get(range);
    Some([part(0..8)?, part(8..12)?, part(12..16)?, part(16..20)?, part(20..32)?].join("-"))
}

#[cfg(test)]
mod tests;
