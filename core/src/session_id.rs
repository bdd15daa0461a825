//! The name of a session.

/// The alphabet of a session's name: Crockford's base32 in lower case, which has no `i`, `l`, `o` or `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 128 random bits that name a session and its tape; written as 26 letters and digits.
///
/// Random from the first letter on, so that a short prefix is nearly always enough to name a session.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// The name made of these 16 random bytes. The caller brings the randomness.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes of the name.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads the 26-letter form; upper case is accepted. `None` when it is anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 26 {
            return None;
        }
        let mut value: u128 = 0;
        for (position, letter) in text.bytes().enumerate() {
            let digit = ALPHABET.iter().position(|&known| known == letter.to_ascii_lowercase())?;
            // 26 letters carry 130 bits: the first may use only its lower three.
            if position == 0 && digit > 7 {
                return None;
            }
            value = (value << 5) | digit as u128;
        }
        Some(Self(value.to_be_bytes()))
    }
}

impl std::fmt::Display for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use std::fmt::Write;
        let value = u128::from_be_bytes(self.0);
        for position in (0..26).rev() {
            let digit = (value >> (5 * position)) & 31;
            let letter = ALPHABET.get(digit as usize).copied().unwrap_or(b'0');
            f.write_char(char::from(letter))?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::SessionId;

    #[test]
    fn name_and_bytes_are_the_same_thing() {
        for bytes in [[0; 16], [255; 16], *b"0123456789abcdef"] {
            let id = SessionId::from_bytes(bytes);
            let text = id.to_string();
            assert_eq!(text.len(), 26);
            assert_eq!(SessionId::parse(&text), Some(id));
            assert_eq!(SessionId::parse(&text.to_uppercase()), Some(id));
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in
            ["", "short", "80000000000000000000000000", "0000000000000000000000000u", "00000000000000000000000000x"]
        {
            assert_eq!(SessionId::parse(text), None, "{text}");
        }
    }
}
