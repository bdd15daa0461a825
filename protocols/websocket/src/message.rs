//! The headers of frames (RFC 6455 section 5.2).

use wiretape_core::Side;
use wiretape_core::event::{ControlKind, MessageKind};
use wiretape_core::limits::WEBSOCKET_CONTROL_BYTES_MAX;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// It goes on with the message that began before it.
    Continuation,
    /// It begins a message.
    Message(MessageKind),
    /// It stands for itself, and may stand between the frames of a message.
    Control(ControlKind),
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the frame is.
    pub opcode: Opcode,
    /// Whether its message ends with it.
    pub last: bool,
    /// The masking key; a client's frames have one, a server's none.
    pub key: Option<[u8; 4]>,
    /// The length of the payload, in bytes; below 2^63.
    pub payload_bytes: u64,
}

/// What is wrong with a header: what should stand there, and what does.
pub type Malformed = (&'static str, String);

/// Reads the header that `bytes` begin with, sent by `side`. `Ok(Err(bytes))`: so many bytes are needed to tell more.
///
/// # Errors
/// What is wrong with it, as soon as its first two bytes, or its length, are there.
pub fn read(side: Side, bytes: &[u8]) -> Result<Result<Header, usize>, Malformed> {
    let [first, second, rest @ ..] = bytes else { return Ok(Err(2)) };
    let opcode = opcode(*first)?;
    let masked = second & 0x80 != 0;
    match side {
        Side::Client if !masked => return Err(("frames with a mask", "a frame without one".to_owned())),
        Side::Upstream if masked => return Err(("frames without a mask", "a frame with one".to_owned())),
        Side::Client | Side::Upstream => {}
    }
    let (last, short) = (first & 0x80 != 0, second & 0x7f);
    if let Opcode::Control(_) = opcode {
        if !last {
            return Err(("control frames that are whole", "a fragment of one".to_owned()));
        }
        if usize::from(short) > WEBSOCKET_CONTROL_BYTES_MAX {
            return Err(("control frames of at most 125 bytes", "a longer one".to_owned()));
        }
    }
    let (length_bytes, key_bytes) = (length_bytes(short), if masked { 4 } else { 0 });
    if rest.len() < length_bytes + key_bytes {
        return Ok(Err(2 + length_bytes + key_bytes));
    }
    let (length, rest) = rest.split_at(length_bytes);
    let payload_bytes = match length {
        [] => u64::from(short),
        length => length.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)),
    };
    let shortest = match payload_bytes {
        0..=125 => 0,
        126..=0xffff => 2,
        0x1_0000..=0x7fff_ffff_ffff_ffff => 8,
        _ => return Err(("a length below 2^63", format!("{payload_bytes}"))),
    };
    if shortest != length_bytes {
        return Err(("a length in as few bytes as it takes", format!("{payload_bytes} in {length_bytes} bytes")));
    }
    let key = rest.first_chunk::<4>().filter(|_| masked).copied();
    Ok(Ok(Header { opcode, last, key, payload_bytes }))
}

/// Bytes of the length behind the second byte, whose lower seven bits are `short`.
fn length_bytes(short: u8) -> usize {
    match short {
        126 => 2,
        127 => 8,
        _ => 0,
    }
}

fn opcode(first: u8) -> Result<Opcode, Malformed> {
    if first & 0x70 != 0 {
        return Err(("no extension, as none was agreed on", "a frame with a reserved bit set".to_owned()));
    }
    Ok(match first & 0x0f {
        0 => Opcode::Continuation,
        1 => Opcode::Message(MessageKind::Text),
        2 => Opcode::Message(MessageKind::Binary),
        8 => Opcode::Control(ControlKind::Close),
        9 => Opcode::Control(ControlKind::Ping),
        10 => Opcode::Control(ControlKind::Pong),
        other => return Err(("an opcode of RFC 6455", format!("opcode {other}"))),
    })
}

#[cfg(test)]
mod tests {
    use wiretape_core::Side;
    use wiretape_core::event::{ControlKind, MessageKind};

    use super::{Header, Opcode, read};

    #[test]
    fn headers_are_read_as_soon_as_they_are_there() {
        let text = Opcode::Message(MessageKind::Text);
        let cases: &[(Side, &[u8], Opcode, bool, u64)] = &[
            (Side::Upstream, &[0x81, 5], text, true, 5),
            (Side::Upstream, &[0x01, 125], text, false, 125),
            (Side::Client, &[0x81, 0x85, 1, 2, 3, 4], text, true, 5),
            (Side::Upstream, &[0x82, 126, 0, 126], Opcode::Message(MessageKind::Binary), true, 126),
            (Side::Client, &[0x80, 0xfe, 255, 255, 1, 2, 3, 4], Opcode::Continuation, true, 65535),
            (Side::Upstream, &[0x00, 127, 0, 0, 0, 0, 0, 1, 0, 0], Opcode::Continuation, false, 65536),
            (Side::Client, &[0x89, 0x80, 1, 2, 3, 4], Opcode::Control(ControlKind::Ping), true, 0),
        ];
        for (side, bytes, opcode, last, payload_bytes) in cases {
            let key = (*side == Side::Client).then_some([1, 2, 3, 4]);
            let header = Header { opcode: *opcode, last: *last, key, payload_bytes: *payload_bytes };
            assert_eq!(read(*side, bytes), Ok(Ok(header)));
            for cut in 0..bytes.len() {
                assert!(matches!(read(*side, &bytes[..cut]), Ok(Err(needed)) if needed > cut), "{bytes:?} to {cut}");
            }
        }
    }

    #[test]
    fn headers_that_no_peer_may_send_are_not_read() {
        let cases: &[(Side, &[u8])] = &[
            (Side::Client, &[0x81, 5]),
            (Side::Upstream, &[0x81, 0x85]),
            (Side::Upstream, &[0xc1, 5]),
            (Side::Upstream, &[0xa1, 5]),
            (Side::Upstream, &[0x91, 5]),
            (Side::Upstream, &[0x83, 5]),
            (Side::Upstream, &[0x8b, 0]),
            (Side::Upstream, &[0x8f, 0]),
            (Side::Upstream, &[0x09, 5]),
            (Side::Upstream, &[0x88, 126]),
            (Side::Upstream, &[0x8a, 127]),
            (Side::Upstream, &[0x82, 126, 0, 125]),
            (Side::Upstream, &[0x82, 127, 0, 0, 0, 0, 0, 0, 255, 255]),
            (Side::Upstream, &[0x82, 127, 128, 0, 0, 0, 0, 0, 0, 0]),
        ];
        for (side, bytes) in cases {
            assert!(read(*side, bytes).is_err(), "{bytes:?}");
        }
    }
}
