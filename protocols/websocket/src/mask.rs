//! What a client masks is read without its mask (RFC 6455 section 5.3).

use bytes::Bytes;

/// A masking key, turned to the place in the payload that was reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Key([u8; 4]);

impl Key {
    pub(crate) fn new(key: [u8; 4]) -> Self {
        Self(key)
    }

    /// The next bytes of the payload, without the mask; eight at a time.
    pub(crate) fn unmask(&mut self, masked: &[u8]) -> Bytes {
        let [a, b, c, d] = self.0;
        let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
        let mut plain = masked.to_vec();
        let (words, rest) = plain.as_chunks_mut::<8>();
        for bytes in words {
            *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
        }
        for (byte, key) in rest.iter_mut().zip([a, b, c, d].into_iter().cycle()) {
            *byte ^= key;
        }
        self.0.rotate_left(masked.len() % 4);
        Bytes::from(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn a_payload_is_unmasked_however_it_is_cut() {
        // The example of RFC 6455 section 5.7.
        let hello = Key::new([0x37, 0xfa, 0x21, 0x3d]).unmask(&[0x7f, 0x9f, 0x4d, 0x51, 0x58]);
        assert_eq!(hello, "Hello");
        let plain: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let masked = Key::new([1, 20, 95, 255]).unmask(&plain);
        for size in 1..40 {
            let mut key = Key::new([1, 20, 95, 255]);
            let pieces: Vec<u8> = masked.chunks(size).flat_map(|piece| key.unmask(piece)).collect();
            assert_eq!(pieces, plain, "in pieces of {size}");
        }
    }
}
