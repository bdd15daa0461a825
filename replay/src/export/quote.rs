//! Values as literals, and text as comments.

use crate::database::types;
use crate::database::value::{BINARY, decoded};
use crate::legible::{legible, size};

/// Bytes of a text that a comment quotes.
const COMMENT_BYTES_MAX: usize = 64 * 1024;

/// Text that a binary value may become, in bytes.
const VALUE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A literal of `text`: correct whatever `standard_conforming_strings` says.
pub(super) fn literal(text: &[u8]) -> Vec<u8> {
    let mut literal = Vec::with_capacity(text.len() + 8);
    if text.contains(&b'\\') {
        literal.push(b'E');
    }
    literal.push(b'\'');
    for byte in text {
        if matches!(byte, b'\'' | b'\\') {
            literal.push(*byte);
        }
        literal.push(*byte);
    }
    literal.push(b'\'');
    literal
}

/// A value of a parameter as a literal with its type, when that is one that every server has; `None` when its bytes
/// have no text here.
pub(super) fn value(type_id: u32, format: u16, value: Option<&[u8]>) -> Option<Vec<u8>> {
    let cast = types::name(type_id).filter(|_| type_id != types::id::UNKNOWN);
    let mut written = match value {
        None => b"NULL".to_vec(),
        Some(value) if format == BINARY => literal(decoded(type_id, value, VALUE_BYTES_MAX)?.as_bytes()),
        Some(value) if value.contains(&0) => return None,
        Some(value) => literal(value),
    };
    if let Some(cast) = cast {
        written.extend_from_slice(b"::");
        written.extend_from_slice(cast.as_bytes());
    }
    Some(written)
}

/// Lines of a comment.
pub(super) fn comment(text: &[u8]) -> String {
    let shown = text.get(..COMMENT_BYTES_MAX).unwrap_or(text);
    let shown = String::from_utf8_lossy(shown);
    let mut comment = String::new();
    for line in shown.split('\n') {
        let line = line.trim_end_matches('\r').replace('\t', "    ");
        comment.push_str(format!("-- {}", legible(&line)).trim_end());
        comment.push('\n');
    }
    if let Some(hidden) = text.len().checked_sub(COMMENT_BYTES_MAX).filter(|hidden| *hidden > 0) {
        comment.push_str(&format!("-- … and {} more\n", size(hidden as u64)));
    }
    comment
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{comment, literal, value};

    fn text(bytes: Option<Vec<u8>>) -> String {
        String::from_utf8(bytes.unwrap()).unwrap()
    }

    #[test]
    fn values_are_quoted_and_say_their_type() {
        assert_eq!(text(value(23, 0, Some(b"42"))), "'42'::int4");
        assert_eq!(text(value(23, 1, Some(&[0, 0, 0, 42]))), "'42'::int4");
        assert_eq!(text(value(25, 0, Some(b"it's"))), "'it''s'::text");
        assert_eq!(text(value(17, 1, Some(&[0, 0xff]))), "E'\\\\x00ff'::bytea");
        assert_eq!(text(value(1007, 0, Some(b"{1,2}"))), "'{1,2}'::int4[]");
        assert_eq!(text(value(18, 0, None)), "NULL::\"char\"");
        assert_eq!(text(value(0, 0, Some(b"x"))), "'x'");
        assert_eq!(text(value(70_000, 0, None)), "NULL");
        assert_eq!(value(70_000, 1, Some(b"x")), None);
        assert_eq!(value(25, 0, Some(b"\0")), None);
    }

    #[test]
    fn no_line_of_a_comment_is_anything_else() {
        assert_eq!(comment(b"a\r\n\\! rm\rb\n\tc\x1b[2J \xff"), "-- a\n-- \\! rm␍b\n--     c␛[2J �\n");
    }

    proptest! {
        #[test]
        fn whatever_is_said_a_comment_is_one(said in any::<Vec<u8>>()) {
            for line in comment(&said).split(['\n', '\r']) {
                assert!(line.is_empty() || line.starts_with("--"), "{line:?}");
            }
        }

        #[test]
        fn a_literal_ends_where_it_should(said in "[a'\\\\]{0,12}") {
            let literal = String::from_utf8(literal(said.as_bytes())).unwrap();
            let inside = literal.trim_start_matches('E').strip_prefix('\'').unwrap().strip_suffix('\'').unwrap();
            assert_eq!(inside.replace("''", "'").replace("\\\\", "\\"), said);
        }
    }
}
