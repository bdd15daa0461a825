//! What a peer is told when something of a transfer may not be, or the gateway ends it: an error, in the protocol's own
//! form.

use bytes::Bytes;
use wiretape_core::Reason;

/// Bytes of a reason that fit an error; the rest is cut off.
const TEXT_BYTES_MAX: usize = 1024;

/// The error, which either end of a transfer understands.
#[must_use]
pub fn ended(reason: &Reason) -> Bytes {
    error(2, cut(&reason.text))
}

/// The answer to a file or directory that may not be, where the sink gives it: the transfer goes on with the next.
pub(crate) fn denied(reason: &Reason) -> Bytes {
    error(1, cut(&reason.text))
}

/// The same to a client, which knows it as `path`.
pub(crate) fn denied_by_name(path: &[u8], reason: &Reason) -> Bytes {
    let path = String::from_utf8_lossy(path);
    error(1, &format!("{}: {}", cut(&path), cut(&reason.text)))
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or_default()
}

fn error(kind: u8, text: &str) -> Bytes {
    // A reason is somebody's words, and so is a path: they must not look like a second message.
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Bytes::from(format!("{}scp: {text}\n", char::from(kind)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Status, status};

    #[test]
    fn an_error_is_one_message() {
        let error = ended(&Reason::new("r", "time\nis up"));
        assert_eq!(status(&error), Some(Status::Failed("scp: time is up".to_owned())));
        let long = ended(&Reason::new("r", "é".repeat(TEXT_BYTES_MAX)));
        assert_eq!(long.len(), TEXT_BYTES_MAX + 7);
        let denied = denied_by_name(b"a\n\x02b", &Reason::new("r", "no\nsuch"));
        assert_eq!(denied, "\x01scp: a  b: no such\n");
    }
}
