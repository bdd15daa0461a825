//! What was typed, in signs.

use std::fmt::Write;

/// Stands for one byte that was typed and is not shown.
pub const DOT: char = '•';

/// Keys that send a sequence, by the end of the sequence (xterm's "PC-style" and editing keys).
const SEQUENCES: [(&[u8], &str); 20] = [
    (b"\x1b[A", "↑"),
    (b"\x1b[B", "↓"),
    (b"\x1b[C", "→"),
    (b"\x1b[D", "←"),
    (b"\x1bOA", "↑"),
    (b"\x1bOB", "↓"),
    (b"\x1bOC", "→"),
    (b"\x1bOD", "←"),
    (b"\x1b[H", "⇱"),
    (b"\x1b[F", "⇲"),
    (b"\x1b[1~", "⇱"),
    (b"\x1b[4~", "⇲"),
    (b"\x1b[2~", "⎀"),
    (b"\x1b[3~", "⌦"),
    (b"\x1b[5~", "⇞"),
    (b"\x1b[6~", "⇟"),
    (b"\x1b[Z", "⇤"),
    (b"\x1b[200~", "⟦"),
    (b"\x1b[201~", "⟧"),
    (b"\x1b[I", ""),
];

/// Typed bytes as signs: text as it is, `⏎` `⇥` `⌫` `⎋`, arrows, `^C` for control keys. What it returns is legible.
#[must_use]
pub fn keys(bytes: &[u8]) -> String {
    let mut signs = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        let known = SEQUENCES.iter().find(|(sequence, _)| rest.starts_with(sequence));
        if let Some((sequence, sign)) = known {
            signs.push_str(sign);
            rest = rest.get(sequence.len()..).unwrap_or_default();
            continue;
        }
        match first {
            b'\r' | b'\n' => signs.push('⏎'),
            b'\t' => signs.push('⇥'),
            0x7f | 0x08 => signs.push('⌫'),
            0x1b => signs.push('⎋'),
            0..0x20 => {
                signs.push('^');
                signs.push(char::from(first | 0x40));
            }
            _ => {
                let end = rest.iter().position(|byte| *byte < 0x20 || *byte == 0x7f).unwrap_or(rest.len());
                let (text, next) = rest.split_at_checked(end).unwrap_or((rest, &[]));
                // Writing to a string cannot fail.
                let _ = write!(signs, "{}", crate::legible::legible(&String::from_utf8_lossy(text)));
                rest = next;
                continue;
            }
        }
        rest = after;
    }
    signs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::keys;

    #[test]
    fn keys_are_signs_and_text_is_text() {
        assert_eq!(keys(b"ls -la\r"), "ls -la⏎");
        assert_eq!(keys(b"\x03\x1b[A\x1bOB\x1b[3~\t\x7f\x1bq"), "^C↑↓⌦⇥⌫⎋q");
        assert_eq!(keys("grüße\u{9b}31m".as_bytes()), "grüße\\u{9b}31m");
    }

    proptest! {
        #[test]
        fn no_key_reaches_a_terminal_as_a_control_character(bytes in any::<Vec<u8>>()) {
            assert!(!keys(&bytes).chars().any(char::is_control));
        }
    }
}
