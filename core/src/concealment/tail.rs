//! The last bytes that were shown.

use super::screen::Screen;

/// Bytes that are kept: a prompt with all its colours, or a line of a few rows.
const TAIL_BYTES: usize = 1024;

/// The last bytes that were shown, from which the current line can be told when somebody types.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail {
    bytes: Vec<u8>,
    /// Something before the tail was let go of.
    cut: bool,
}

impl Tail {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let new = bytes.get(bytes.len().saturating_sub(TAIL_BYTES)..).unwrap_or_default();
        self.cut |= new.len() < bytes.len();
        if self.bytes.len() + new.len() > 2 * TAIL_BYTES {
            let keep = TAIL_BYTES.saturating_sub(new.len()).min(self.bytes.len());
            self.bytes.drain(..self.bytes.len() - keep);
            self.cut = true;
        }
        if self.bytes.capacity() == 0 {
            self.bytes.reserve_exact(2 * TAIL_BYTES);
        }
        self.bytes.extend_from_slice(new);
    }

    /// The screen as it must be now.
    pub(super) fn screen(&self, columns: u32) -> Screen {
        let end_of_line = self.bytes.iter().rposition(|byte| *byte == b'\n');
        let start = end_of_line.map_or(0, |position| position + 1);
        let known = match end_of_line {
            // A bare line feed leaves the cursor in its column, wherever that is.
            Some(position) => {
                let before = self.bytes.get(..position).unwrap_or_default();
                before.iter().rev().find(|byte| **byte != b'\n') == Some(&b'\r')
            }
            None => !self.cut,
        };
        let mut screen = Screen::new(columns, !known);
        for &byte in self.bytes.get(start..).unwrap_or_default() {
            let deed = screen.read(byte);
            screen.act(deed);
        }
        screen
    }
}
