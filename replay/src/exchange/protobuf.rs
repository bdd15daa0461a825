//! Messages of Protocol Buffers without their schema, as far as they tell: numbers of fields with their values.
//!
//! Encoding: <https://protobuf.dev/programming-guides/encoding/>. Without a schema a run of bytes may be text, a message
//! or neither: it is taken for text when it reads as text, else for a message when all of it is one.

use std::fmt::Write;

use crate::legible::hex;

/// Messages inside of messages.
const DEPTH_MAX: usize = 16;

/// Letters that are written; the rest is left out.
const LETTERS_MAX: usize = 2000;

/// Bytes of a value that are written in hexadecimal.
const HEX_BYTES_MAX: usize = 32;

/// A message in one line, such as `{1: "ana", 2: {1: 42}}`; `None` when it is none. One that is `cut` may end anywhere.
#[must_use]
pub fn shown(message: &[u8], cut: bool) -> Option<String> {
    let mut text = String::new();
    let whole = fields(message, 0, &mut text)?;
    if whole || cut { Some(text) } else { None }
}

/// Writes the fields of a message; false when it ends inside of one, `None` when it cannot be a message.
fn fields(message: &[u8], depth: usize, text: &mut String) -> Option<bool> {
    let mut rest = message;
    text.push('{');
    let mut lead = "";
    while !rest.is_empty() {
        if text.len() > LETTERS_MAX {
            text.push('…');
            break;
        }
        let Some((key, behind)) = varint(rest) else { return Some(false) };
        let (number, wire_type) = (key >> 3, key & 7);
        if number == 0 || number > 0x1fff_ffff {
            return None;
        }
        rest = behind;
        // Writing to a string cannot fail.
        let _ = write!(text, "{lead}{number}: ");
        lead = ", ";
        match wire_type {
            0 => {
                let Some((value, behind)) = varint(rest) else { return Some(false) };
                rest = behind;
                let _ = write!(text, "{value}");
            }
            1 => {
                let Some((value, behind)) = rest.split_first_chunk::<8>() else { return Some(false) };
                rest = behind;
                let _ = write!(text, "{}", fixed(f64::from_le_bytes(*value), u64::from_le_bytes(*value)));
            }
            5 => {
                let Some((value, behind)) = rest.split_first_chunk::<4>() else { return Some(false) };
                rest = behind;
                let number = f64::from(f32::from_le_bytes(*value));
                let _ = write!(text, "{}", fixed(number, u64::from(u32::from_le_bytes(*value))));
            }
            2 => {
                let Some((length, behind)) = varint(rest) else { return Some(false) };
                let length = usize::try_from(length).ok()?;
                let whole = length <= behind.len();
                let (value, behind) = behind.split_at_checked(length).unwrap_or((behind, &[]));
                rest = behind;
                run(value, depth, text);
                if !whole {
                    text.push_str("…}");
                    return Some(false);
                }
            }
            _ => return None,
        }
    }
    text.push('}');
    Some(true)
}

fn run(value: &[u8], depth: usize, text: &mut String) {
    let printable = |letter: char| !letter.is_control() || matches!(letter, '\n' | '\r' | '\t');
    match std::str::from_utf8(value) {
        Ok(words) if words.chars().all(printable) => {
            let start = words.get(..words.floor_char_boundary(LETTERS_MAX)).unwrap_or_default();
            let _ = write!(text, "{start:?}");
        }
        _ => {
            let mut inner = String::new();
            if depth < DEPTH_MAX && fields(value, depth + 1, &mut inner) == Some(true) {
                text.push_str(&inner);
            } else {
                let more = if value.len() > HEX_BYTES_MAX { "…" } else { "" };
                let _ = write!(text, "0x{}{more}", hex(value.get(..HEX_BYTES_MAX).unwrap_or(value)));
            }
        }
    }
}

/// A number of four or eight bytes: a fraction when it looks like one that people use, else the integer.
fn fixed(fraction: f64, integer: u64) -> String {
    let usual = fraction.is_finite() && (1e-6..1e15).contains(&fraction.abs());
    if usual { fraction.to_string() } else { integer.to_string() }
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (place, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(7 * u32::try_from(place).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(place + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::shown;

    #[test]
    fn messages_are_read_without_their_schema() {
        // {1: 150, 2: "testing", 3: {1: 150}, 4: 1.5 (fixed64), 5: 7 (fixed32), 6: bytes}
        let message =
            b"\x08\x96\x01\x12\x07testing\x1a\x03\x08\x96\x01\x21\0\0\0\0\0\0\xf8\x3f\x2d\x07\0\0\0\x32\x02\xff\x00";
        assert_eq!(
            shown(message, false).as_deref(),
            Some("{1: 150, 2: \"testing\", 3: {1: 150}, 4: 1.5, 5: 7, 6: 0xff00}")
        );
        assert_eq!(shown(b"", false).as_deref(), Some("{}"));
    }

    #[test]
    fn what_is_no_message_is_not_shown_as_one() {
        assert_eq!(shown(b"\x07", false), None);
        assert_eq!(shown(b"\x12\x20short", false), None);
        assert_eq!(shown(b"\x12\x20short", true).as_deref(), Some("{2: \"short\"…}"));
        assert_eq!(shown(&[0xff; 30], false), None);
    }

    #[test]
    fn nesting_ends_somewhere() {
        let mut message = vec![0x08, 0x00];
        for _ in 0..40 {
            message = [&[0x0a, u8::try_from(message.len()).unwrap()], &message[..]].concat();
        }
        assert!(shown(&message, false).unwrap().contains("0x"));
    }

    proptest! {
        #[test]
        fn anything_is_shown_in_few_letters(message in any::<Vec<u8>>()) {
            if let Some(text) = shown(&message, true) {
                assert!(text.len() < 12_000, "{}", text.len());
            }
        }
    }
}
