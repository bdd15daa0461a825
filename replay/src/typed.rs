//! What was typed at a terminal, as far as it may be shown.

use std::collections::VecDeque;

use crate::describe::{DOT, keys};
use crate::limits::KEYS_KEPT_MAX;

/// The last keys of one terminal, with dots for what stays concealed.
///
/// All concealed bytes of a lane stand in one row; echoes walk along it (see `terminal.echoed` in the vocabulary).
#[derive(Clone, Debug, Default)]
pub struct Typed {
    keys: VecDeque<Key>,
    concealed: u64,
    cursor: u64,
}

#[derive(Clone, Copy, Debug)]
enum Key {
    Known(u8),
    /// The byte of this number in the row of concealed bytes.
    Concealed(u64),
}

impl Typed {
    /// Keys that were stored as they were typed.
    pub fn input(&mut self, bytes: &[u8]) {
        let start = bytes.len().saturating_sub(KEYS_KEPT_MAX);
        for byte in bytes.get(start..).unwrap_or_default() {
            self.push(Key::Known(*byte));
        }
    }

    /// `count` bytes were typed and not stored.
    pub fn concealed(&mut self, count: u32) {
        let end = self.concealed.saturating_add(u64::from(count));
        for number in self.concealed.max(end.saturating_sub(KEYS_KEPT_MAX as u64))..end {
            self.push(Key::Concealed(number));
        }
        self.concealed = end;
    }

    /// Concealed bytes became known: those after the next `skipped`.
    pub fn echoed(&mut self, skipped: u64, bytes: &[u8]) {
        let start = self.cursor.saturating_add(skipped);
        for key in &mut self.keys {
            if let Key::Concealed(number) = *key {
                let position = number.checked_sub(start).and_then(|offset| usize::try_from(offset).ok());
                if let Some(byte) = position.and_then(|position| bytes.get(position)) {
                    *key = Key::Known(*byte);
                }
            }
        }
        self.cursor = start.saturating_add(bytes.len() as u64);
    }

    /// Forgets the keys; the row of concealed bytes goes on.
    pub fn clear(&mut self) {
        self.keys.clear();
    }

    /// Whether no key is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether the last key ended a line: Enter, or Ctrl-C, Ctrl-D, Ctrl-Z.
    #[must_use]
    pub fn ends_a_line(&self) -> bool {
        matches!(self.keys.back(), Some(Key::Known(b'\r' | b'\n' | 0x03 | 0x04 | 0x1a)))
    }

    /// The keys in signs.
    #[must_use]
    pub fn signs(&self) -> String {
        let mut signs = String::new();
        let mut known = Vec::new();
        for key in &self.keys {
            match *key {
                Key::Known(byte) => known.push(byte),
                Key::Concealed(_) => {
                    signs.push_str(&keys(&known));
                    known.clear();
                    signs.push(DOT);
                }
            }
        }
        signs.push_str(&keys(&known));
        signs
    }

    fn push(&mut self, key: Key) {
        if self.keys.len() == KEYS_KEPT_MAX {
            self.keys.pop_front();
        }
        self.keys.push_back(key);
    }
}

#[cfg(test)]
mod tests {
    use super::Typed;
    use crate::limits::KEYS_KEPT_MAX;

    #[test]
    fn an_echo_reveals_the_bytes_that_it_stands_for_and_no_others() {
        let mut typed = Typed::default();
        typed.concealed(4);
        typed.input(b"\r");
        assert_eq!(typed.signs(), "••••⏎");
        typed.echoed(0, b"ls");
        assert_eq!(typed.signs(), "ls••⏎");
        typed.concealed(3);
        typed.echoed(2, b"pwd");
        assert_eq!(typed.signs(), "ls••⏎pwd", "the password in between stays concealed");
        typed.echoed(5, b"more than was typed");
        assert_eq!(typed.signs(), "ls••⏎pwd");
    }

    #[test]
    fn it_remembers_no_more_than_its_limit() {
        let mut typed = Typed::default();
        typed.concealed(u32::MAX);
        assert_eq!(typed.signs().chars().count(), KEYS_KEPT_MAX);
        typed.echoed(u64::from(u32::MAX) - 1, b"x");
        assert!(typed.signs().ends_with("•x"));
        typed.input(&vec![b'y'; 10_000]);
        assert_eq!(typed.signs(), "y".repeat(KEYS_KEPT_MAX));
        typed.echoed(u64::MAX, b"z");
        typed.echoed(u64::MAX, b"z");
    }
}
