//! The name of a question: eight letters and digits that can be read out.

/// Crockford's base32 in lower case, as in the names of sessions: without `i`, `l`, `o` and `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Letters of a name.
const LETTERS: u32 = 8;

/// The number of names.
const NAMES: u64 = 1 << (5 * LETTERS);

/// The name that `random` chooses; `turn` names the next one when it is taken.
pub(crate) fn written(random: [u8; 8], turn: u64) -> String {
    let number = (u64::from_le_bytes(random) % NAMES).wrapping_add(turn) % NAMES;
    (0..LETTERS)
        .rev()
        .map(|position| {
            let digit = (number >> (5 * position)) & 31;
            char::from(ALPHABET.get(digit as usize).copied().unwrap_or(b'0'))
        })
        .collect()
}

/// The name as it is kept: in lower case, with the letters that stand for digits read as those.
pub(crate) fn read(text: &str) -> String {
    let letter = |letter: char| match letter.to_ascii_lowercase() {
        'o' => '0',
        'i' | 'l' => '1',
        other => other,
    };
    text.chars().take(LETTERS as usize + 1).map(letter).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::{read, written};

    proptest! {
        #[test]
        fn a_name_is_eight_letters_that_are_told_apart(random in any::<[u8; 8]>(), turn in 0u64..1000) {
            let name = written(random, turn);
            prop_assert_eq!(name.len(), 8);
            prop_assert!(name.bytes().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit()), "{}", name);
            prop_assert!(!name.contains(['i', 'l', 'o', 'u']), "{}", name);
            prop_assert_eq!(read(&name.to_uppercase()), name);
            prop_assert!(turn == 0 || written(random, 0) != written(random, turn));
        }
    }

    #[test]
    fn letters_that_look_like_digits_are_read_as_digits() {
        assert_eq!(read("OIL0abcd"), "0110abcd");
        assert_eq!(read("0110abcdef").len(), 9, "what is too long is no name, and not kept whole");
    }
}
