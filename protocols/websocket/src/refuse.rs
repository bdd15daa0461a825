//! What the gateway says of its own, in the protocol's words.

use bytes::{BufMut, Bytes, BytesMut};

use crate::limits::CLOSE_REASON_BYTES_MAX;

/// The status codes that the gateway uses (RFC 6455 section 7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// The endpoint goes away.
    GoingAway = 1001,
    /// A peer broke the protocol.
    ProtocolError = 1002,
}

/// The payload of a close frame: the status, and as much of `reason` as fits, in whole characters.
pub(crate) fn close(status: Status, reason: &str) -> Bytes {
    let end = reason.floor_char_boundary(CLOSE_REASON_BYTES_MAX);
    let mut payload = BytesMut::with_capacity(2 + end);
    payload.put_u16(status as u16);
    payload.put_slice(reason.get(..end).unwrap_or_default().as_bytes());
    payload.freeze()
}

/// The close frame of a server that carries `payload`.
pub(crate) fn frame(payload: &Bytes) -> Bytes {
    let mut frame = BytesMut::with_capacity(2 + payload.len());
    frame.put_u8(0x88);
    // At most 125: `close` sees to it.
    frame.put_u8(payload.len() as u8);
    frame.put_slice(payload);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::{Status, close, frame};

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        assert_eq!(close(Status::GoingAway, "bye"), b"\x03\xe9bye".as_slice());
        let payload = close(Status::ProtocolError, &"ä".repeat(100));
        assert_eq!(payload.len(), 124);
        assert!(std::str::from_utf8(&payload[2..]).is_ok());
        assert_eq!(frame(&payload)[..4], [0x88, 124, 0x03, 0xea]);
    }
}
