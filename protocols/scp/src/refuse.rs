//! What the client is told when the gateway ends a transfer: an error that ends it, in the protocol's own form.

use bytes::Bytes;
use wiretape_core::Reason;

/// Bytes of a reason that fit an error; the rest is cut off.
const TEXT_BYTES_MAX: usize = 1024;

/// The error, which either end of a transfer understands.
#[must_use]
pub fn ended(reason: &Reason) -> Bytes {
    let text = reason.text.get(..reason.text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or_default();
    // A reason is somebody's words: it must not look like a second message.
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Bytes::from(format!("\x02scp: {text}\n"))
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
    }
}
