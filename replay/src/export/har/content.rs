//! The body of a message as a HAR holds it: unpacked, as text where it is text, else in base64.

use data_encoding::BASE64;
use wiretape_core::event::HeaderField;

use crate::exchange::coding::{Stop, codings, unpack};
use crate::legible::{is_text, size};
use crate::limits::UNPACKED_BYTES_MAX;

/// A body.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// Text, or base64.
    pub(super) text: String,
    /// Whether it is base64.
    pub(super) base64: bool,
    /// Its length, unpacked; of what is not there in full, as much as is.
    pub(super) bytes: u64,
    /// What is missing of it or wrong with it.
    pub(super) comment: Option<String>,
}

/// The body of a message with these fields, of which `kept` was kept of `all_bytes`.
pub(super) fn content(fields: &[HeaderField], kept: &[u8], all_bytes: u64) -> Content {
    let mut comment = None;
    let missing = all_bytes.saturating_sub(kept.len() as u64);
    let (plain, stop) = match codings(fields) {
        Ok(codings) if codings.is_empty() => (kept.to_vec(), None),
        Ok(codings) => unpack(&codings, kept, UNPACKED_BYTES_MAX),
        Err(coding) => {
            comment = Some(format!("packed as {}, which is not unpacked here", crate::describe::label(&coding)));
            (kept.to_vec(), None)
        }
    };
    match stop {
        Some(Stop::Damaged | Stop::CutOff) if missing == 0 => {
            comment = Some("damaged: it could not be unpacked to its end".to_owned())
        }
        Some(Stop::Limit) => {
            comment = Some(format!("cut off: of the unpacked body only the first {}", size(plain.len() as u64)))
        }
        _ if missing > 0 => {
            comment = Some(format!("cut off: {} of {} are not in here", size(missing), size(all_bytes)))
        }
        _ => {}
    }
    let bytes = if comment.is_none() { plain.len() as u64 } else { (plain.len() as u64).max(all_bytes) };
    let (text, base64) = text(&plain, comment.is_some());
    Content { text, base64, bytes, comment }
}

/// Bytes as text, or as base64 when they are none. What is cut off may end inside of a letter.
fn text(bytes: &[u8], cut: bool) -> (String, bool) {
    match std::str::from_utf8(bytes) {
        Ok(text) if is_text(bytes) => (text.to_owned(), false),
        Err(error) if cut && error.error_len().is_none() && is_text(bytes) => {
            let whole = bytes.get(..error.valid_up_to()).unwrap_or_default();
            (String::from_utf8_lossy(whole).into_owned(), false)
        }
        _ => (BASE64.encode(bytes), true),
    }
}

#[cfg(test)]
mod tests {
    use wiretape_core::event::HeaderField;

    use super::content;

    #[test]
    fn text_is_text_and_anything_else_is_base64() {
        let whole = content(&[], "grüße\n".as_bytes(), 8);
        assert_eq!((whole.text.as_str(), whole.base64, whole.bytes, whole.comment), ("grüße\n", false, 8, None));
        let bytes = content(&[], &[0, 0xff], 2);
        assert_eq!((bytes.text.as_str(), bytes.base64), ("AP8=", true));
        let cut = content(&[], &"grü".as_bytes()[..3], 10);
        assert_eq!((cut.text.as_str(), cut.base64, cut.bytes), ("gr", false, 10));
        assert_eq!(cut.comment.as_deref(), Some("cut off: 7 B of 10 B are not in here"));
    }

    #[test]
    fn what_cannot_be_unpacked_is_said() {
        let fields = |coding: &'static str| {
            vec![HeaderField { name: "content-encoding".into(), value: coding.into(), concealed_bytes: 0 }]
        };
        let unknown = content(&fields("lzma"), b"??", 2);
        assert_eq!(unknown.comment.as_deref(), Some("packed as lzma, which is not unpacked here"));
        let damaged = content(&fields("gzip"), b"no gzip at all", 14);
        assert_eq!(damaged.comment.as_deref(), Some("damaged: it could not be unpacked to its end"));
    }
}
