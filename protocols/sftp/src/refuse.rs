//! What the client is told when a request does not reach the server: an `SSH_FXP_STATUS` in its place
//! (draft-ietf-secsh-filexfer-02 section 7).

use bytes::{BufMut, Bytes, BytesMut};
use wiretape_core::Reason;

use crate::message::{LENGTH_BYTES, STATUS, STATUS_FAILURE, STATUS_PERMISSION_DENIED};

/// Bytes of a reason that fit a status; the rest is cut off.
const TEXT_BYTES_MAX: usize = 1024;

/// The answer to `request`, which may not pass.
#[must_use]
pub fn denied(request: u32, reason: &Reason) -> Bytes {
    status(request, STATUS_PERMISSION_DENIED, &reason.text)
}

/// The answer to `request`, which the end of the session overtook.
#[must_use]
pub fn overtaken(request: u32, reason: &Reason) -> Bytes {
    status(request, STATUS_FAILURE, &reason.text)
}

fn status(request: u32, code: u32, text: &str) -> Bytes {
    let text = text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or_default();
    let language = "en";
    let body = 1 + 4 + 4 + 4 + text.len() + 4 + language.len();
    let mut packet = BytesMut::with_capacity(LENGTH_BYTES + body);
    // Far below `u32::MAX`: the text was cut.
    packet.put_u32(body as u32);
    packet.put_u8(STATUS);
    packet.put_u32(request);
    packet.put_u32(code);
    for string in [text, language] {
        packet.put_u32(string.len() as u32);
        packet.put_slice(string.as_bytes());
    }
    packet.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Response, packet_bytes, response};

    #[test]
    fn a_refusal_is_a_whole_status_with_the_reason() {
        let packet = denied(7, &Reason::new("policy", "no writes on Fridays"));
        assert_eq!(packet_bytes(&packet), Ok(Some(packet.len())));
        let status = Response::Status { code: 3, message: b"no writes on Fridays" };
        assert_eq!(response(&packet[LENGTH_BYTES..]), Ok((7, status)));
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let packet = overtaken(7, &Reason::new("policy", "é".repeat(TEXT_BYTES_MAX)));
        let Ok((7, Response::Status { code: 4, message })) = response(&packet[LENGTH_BYTES..]) else {
            panic!("{packet:?}");
        };
        assert_eq!(message, "é".repeat(TEXT_BYTES_MAX / 2).as_bytes());
    }
}
