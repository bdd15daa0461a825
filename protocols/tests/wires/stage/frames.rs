//! What WebSocket frames carry, read with no more than RFC 6455 section 5.2 says of lengths and masks.

/// A direction of a connection, as far as it was read.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    header: Vec<u8>,
    key: [u8; 4],
    left_bytes: u64,
    place: usize,
}

impl Frames {
    /// The payload among the next bytes, without its mask.
    pub(crate) fn read(&mut self, said: &[u8]) -> Vec<u8> {
        let mut payload = Vec::new();
        for byte in said {
            if self.left_bytes > 0 {
                payload.push(byte ^ self.key[self.place % 4]);
                self.place += 1;
                self.left_bytes -= 1;
                continue;
            }
            self.header.push(*byte);
            self.begin();
        }
        payload
    }

    fn begin(&mut self) {
        let [_, second, rest @ ..] = self.header.as_slice() else { return };
        let (length_bytes, short) = match second & 0x7f {
            126 => (2, 0),
            127 => (8, 0),
            short => (0, u64::from(short)),
        };
        let key_bytes = if second & 0x80 == 0 { 0 } else { 4 };
        if rest.len() < length_bytes + key_bytes {
            return;
        }
        let (length, key) = rest.split_at(length_bytes);
        self.left_bytes = length.iter().fold(short, |length, byte| length << 8 | u64::from(*byte));
        self.key = key.try_into().unwrap_or_default();
        self.place = 0;
        self.header.clear();
    }
}

/// The payloads of all frames that `said` consists of.
pub(crate) fn payloads(said: &[u8]) -> Vec<u8> {
    Frames::default().read(said)
}

/// A frame with the first byte `first` (RFC 6455 section 5.2), masked where there is a key.
pub(crate) fn frame(first: u8, key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let mask = if key.is_some() { 0x80 } else { 0 };
    let length = payload.len() as u64;
    let mut frame = vec![first];
    match length {
        0..=125 => frame.push(mask | length as u8),
        126..=0xffff => {
            frame.push(mask | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        _ => {
            frame.push(mask | 127);
            frame.extend(length.to_be_bytes());
        }
    }
    frame.extend(key.into_iter().flatten());
    let key = key.unwrap_or_default();
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}
