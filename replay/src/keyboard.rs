//! Keys, out of what a terminal sends for them.

/// A key that a player or a list knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A letter, digit or sign.
    Letter(char),
    /// Enter.
    Enter,
    /// Backspace.
    Backspace,
    /// Escape.
    Escape,
    /// Tab.
    Tab,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// Arrow left with Shift.
    ShiftLeft,
    /// Arrow right with Shift.
    ShiftRight,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Ctrl-C.
    Interrupt,
}

/// Sequences that end with a letter or `~` after `ESC [` or `ESC O` (xterm's control sequences, "PC-style function keys").
const SEQUENCES: [(&str, Key); 17] = [
    ("A", Key::Up),
    ("B", Key::Down),
    ("C", Key::Right),
    ("D", Key::Left),
    ("H", Key::Home),
    ("F", Key::End),
    ("1~", Key::Home),
    ("7~", Key::Home),
    ("4~", Key::End),
    ("8~", Key::End),
    ("5~", Key::PageUp),
    ("6~", Key::PageDown),
    ("1;2C", Key::ShiftRight),
    ("1;2D", Key::ShiftLeft),
    ("1;2H", Key::Home),
    ("1;2F", Key::End),
    ("Z", Key::Tab),
];

/// The longest sequence that is waited for.
const SEQUENCE_BYTES_MAX: usize = 32;

/// Collects bytes into keys.
#[derive(Debug, Default)]
pub struct Keyboard {
    pending: Vec<u8>,
}

impl Keyboard {
    /// The keys in what came before and did not end, and in `bytes`.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Key> {
        self.pending.extend_from_slice(bytes);
        let mut keys = Vec::new();
        let mut rest = self.pending.as_slice();
        while let Some((key, length)) = next(rest) {
            keys.extend(key);
            rest = rest.get(length..).unwrap_or_default();
        }
        self.pending = if rest.len() > SEQUENCE_BYTES_MAX { Vec::new() } else { rest.to_vec() };
        keys
    }

    /// Whether something was begun: an escape that may be a key or the start of one.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Nothing more came: an escape that stands alone is the key.
    pub fn settle(&mut self) -> Option<Key> {
        let pending = std::mem::take(&mut self.pending);
        (pending == b"\x1b").then_some(Key::Escape)
    }
}

/// The first key in `bytes`, if it is one that is known, and how long it is; `None` when it is not whole.
fn next(bytes: &[u8]) -> Option<(Option<Key>, usize)> {
    let (&first, rest) = bytes.split_first()?;
    let key = match first {
        0x1b => return escape(rest),
        0x03 => Key::Interrupt,
        b'\r' | b'\n' => Key::Enter,
        b'\t' => Key::Tab,
        0x7f | 0x08 => Key::Backspace,
        0..0x20 => return Some((None, 1)),
        0x20..0x7f => Key::Letter(char::from(first)),
        _ => return letter(bytes),
    };
    Some((Some(key), 1))
}

fn escape(rest: &[u8]) -> Option<(Option<Key>, usize)> {
    match *rest.first()? {
        b'[' | b'O' => {
            let parameters = rest.get(1..)?;
            let end = parameters.iter().position(|byte| (0x40..0x7f).contains(byte))?;
            let sequence = parameters.get(..=end)?;
            let known = SEQUENCES.iter().find(|(text, _)| text.as_bytes() == sequence).map(|(_, key)| *key);
            Some((known, end + 3))
        }
        // Escape, and then another key.
        _ => Some((Some(Key::Escape), 1)),
    }
}

fn letter(bytes: &[u8]) -> Option<(Option<Key>, usize)> {
    let start = bytes.get(..4).unwrap_or(bytes);
    match std::str::from_utf8(start) {
        Ok(text) => text.chars().next().map(|letter| (Some(Key::Letter(letter)), letter.len_utf8())),
        Err(error) if error.valid_up_to() > 0 => {
            let text = std::str::from_utf8(start.get(..error.valid_up_to())?).ok()?;
            text.chars().next().map(|letter| (Some(Key::Letter(letter)), letter.len_utf8()))
        }
        Err(error) => error.error_len().map(|length| (None, length)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{Key, Keyboard};

    #[test]
    fn sequences_and_letters_are_keys() {
        let mut keyboard = Keyboard::default();
        let keys = keyboard.feed("q \x1b[C\x1bOD\x1b[1;2C\x1b[5~\x1b[99~é\x03\r\x7f".as_bytes());
        let expected = [
            Key::Letter('q'),
            Key::Letter(' '),
            Key::Right,
            Key::Left,
            Key::ShiftRight,
            Key::PageUp,
            Key::Letter('é'),
            Key::Interrupt,
            Key::Enter,
            Key::Backspace,
        ];
        assert_eq!(keys, expected);
        assert!(!keyboard.is_waiting());
    }

    #[test]
    fn an_escape_is_a_key_only_when_nothing_follows() {
        let mut keyboard = Keyboard::default();
        assert_eq!(keyboard.feed(b"\x1b"), []);
        assert!(keyboard.is_waiting());
        assert_eq!(keyboard.feed(b"[A"), [Key::Up]);
        assert_eq!(keyboard.feed(b"\x1b"), []);
        assert_eq!(keyboard.settle(), Some(Key::Escape));
        assert_eq!(keyboard.settle(), None);
        assert_eq!(keyboard.feed(b"\x1bq"), [Key::Escape, Key::Letter('q')]);
    }

    proptest! {
        #[test]
        fn no_input_is_kept_for_ever(pieces in any::<Vec<Vec<u8>>>()) {
            let mut keyboard = Keyboard::default();
            for piece in pieces {
                keyboard.feed(&piece);
                assert!(keyboard.pending.len() <= super::SEQUENCE_BYTES_MAX);
            }
        }
    }
}
