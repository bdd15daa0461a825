//! What was typed, taken apart into text and keys.

use std::ops::Range;

/// Bytes of a control sequence that are waited for; what is longer is no key.
const SEQUENCE_BYTES_MAX: usize = 32;

/// A part of what was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Printable text, possibly cut inside of a character.
    Text,
    /// A key that ends a line: Enter, or Ctrl-J.
    Enter,
    /// A key that gives up a line or ends input: Ctrl-C, Ctrl-D, Ctrl-\, Ctrl-Z.
    Stop,
    /// A pasted text begins (bracketed paste).
    PasteStart,
    /// A pasted text ends.
    PasteEnd,
    /// Any other key.
    Key,
}

/// Where the last message left off.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    /// A control sequence that the end of a message has cut: what of it came so far, without `ESC`.
    sequence: Option<Vec<u8>>,
}

impl Keys {
    /// The next part of `bytes` from `start` on, or `None` at their end.
    ///
    /// `strict` takes nothing for a part of a key that might be text: a lone `ESC` is a key, and so is a control
    /// sequence that is whole, but `ESC` and a letter are a key and text.
    pub(super) fn next(&mut self, bytes: &[u8], start: usize, strict: bool) -> Option<(Part, Range<usize>)> {
        let rest = bytes.get(start..)?;
        let first = *rest.first()?;
        if let Some(begun) = self.sequence.take()
            && !strict
            && let Some((part, length)) = self.sequence_from(begun, rest, strict)
        {
            return Some((part, start..start + length));
        }
        if is_text(first) {
            let length = rest.iter().take_while(|byte| is_text(**byte)).count();
            return Some((Part::Text, start..start + length));
        }
        if first == 0x1b {
            return Some(self.escape(rest, start, strict));
        }
        let part = match first {
            b'\r' | b'\n' => Part::Enter,
            0x03 | 0x04 | 0x1a | 0x1c => Part::Stop,
            _ => Part::Key,
        };
        Some((part, start..start + 1))
    }

    fn escape(&mut self, rest: &[u8], start: usize, strict: bool) -> (Part, Range<usize>) {
        match rest.get(1) {
            Some(b'[') => {
                let after = rest.get(1..).unwrap_or_default();
                match self.sequence_from(Vec::new(), after, strict) {
                    Some((part, length)) => (part, start..start + 1 + length),
                    None => (Part::Key, start..start + 1),
                }
            }
            Some(b'O') if rest.len() > 2 => (Part::Key, start..start + 3),
            // Alt and a letter; a whole character when it is not ASCII would be text, so that one stays concealed.
            Some(letter) if !strict && letter.is_ascii_graphic() => (Part::Key, start..start + 2),
            _ => (Part::Key, start..start + 1),
        }
    }

    /// A control sequence (ECMA-48 section 5.4) of which `begun` came before: the part, and how much of `rest` is in
    /// it. `None` when it is no control sequence after all: then it is looked at again, as text.
    fn sequence_from(&mut self, begun: Vec<u8>, rest: &[u8], strict: bool) -> Option<(Part, usize)> {
        let mut sequence = begun;
        for (position, &byte) in rest.iter().enumerate() {
            let introduced = !sequence.is_empty();
            if introduced && (0x40..=0x7e).contains(&byte) {
                sequence.push(byte);
                let part = match sequence.as_slice() {
                    b"[200~" => Part::PasteStart,
                    b"[201~" => Part::PasteEnd,
                    _ => Part::Key,
                };
                return Some((part, position + 1));
            }
            if introduced && !(0x20..=0x3f).contains(&byte) || sequence.len() >= SEQUENCE_BYTES_MAX {
                return None;
            }
            sequence.push(byte);
        }
        if strict {
            return None;
        }
        self.sequence = Some(sequence);
        Some((Part::Key, rest.len()))
    }
}

fn is_text(byte: u8) -> bool {
    byte >= 0x20 && byte != 0x7f
}

#[cfg(test)]
mod tests {
    use super::{Keys, Part};

    fn parts(messages: &[&[u8]], strict: bool) -> Vec<(Part, Vec<u8>)> {
        let mut keys = Keys::default();
        let mut parts = Vec::new();
        for message in messages {
            let mut start = 0;
            while let Some((part, range)) = keys.next(message, start, strict) {
                assert!(range.end > start, "no progress in {message:?}");
                start = range.end;
                parts.push((part, message[range].to_vec()));
            }
        }
        parts
    }

    #[test]
    fn text_and_keys_are_told_apart() {
        type Case<'a> = (&'a [u8], &'a [(Part, &'a [u8])]);
        let cases: [Case<'_>; 7] = [
            (b"ls\r", &[(Part::Text, b"ls"), (Part::Enter, b"\r")]),
            (b"\x1b[A\x1b[1;5Cx", &[(Part::Key, b"\x1b[A"), (Part::Key, b"\x1b[1;5C"), (Part::Text, b"x")]),
            (b"\x1bOPq", &[(Part::Key, b"\x1bOP"), (Part::Text, b"q")]),
            (b"\x1bb\x1b", &[(Part::Key, b"\x1bb"), (Part::Key, b"\x1b")]),
            (b"\x7f\t\x03", &[(Part::Key, b"\x7f"), (Part::Key, b"\t"), (Part::Stop, b"\x03")]),
            ("ü".as_bytes(), &[(Part::Text, "ü".as_bytes())]),
            (
                b"\x1b[200~a\x1b[201~",
                &[(Part::PasteStart, b"\x1b[200~"), (Part::Text, b"a"), (Part::PasteEnd, b"\x1b[201~")],
            ),
        ];
        for (typed, expected) in cases {
            let found = parts(&[typed], false);
            let found: Vec<(Part, &[u8])> = found.iter().map(|(part, bytes)| (*part, bytes.as_slice())).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_key_cut_by_a_message_is_still_a_key() {
        assert_eq!(
            parts(&[b"\x1b[20", b"0~x"], false),
            [(Part::Key, b"\x1b[20".to_vec()), (Part::PasteStart, b"0~".to_vec()), (Part::Text, b"x".to_vec())]
        );
    }

    #[test]
    fn nothing_swallows_text_for_long() {
        let long = [b"\x1b[".as_slice(), &[b'1'; 100]].concat();
        let text: usize =
            parts(&[&long], false).iter().filter(|(part, _)| *part == Part::Text).map(|(_, b)| b.len()).sum();
        assert!(text >= 100, "{text}");
        // An escape and text, as when somebody leaves a mode and types a secret next.
        assert_eq!(parts(&[b"\x1bhunter"], true), [(Part::Key, b"\x1b".to_vec()), (Part::Text, b"hunter".to_vec())]);
        assert_eq!(parts(&[b"\x1b", b"[hunter"], false)[1].0, Part::Text);
        assert_eq!(parts(&[b"\x1b]52;c;secret"], true)[1], (Part::Text, b"]52;c;secret".to_vec()));
    }
}
