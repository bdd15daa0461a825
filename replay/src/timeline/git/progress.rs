//! What the person at the client was shown: lines as they stood in the end.

use super::Told;
use crate::describe::line;
use crate::legible::spoken;
use crate::limits::PROGRESS_LINE_BYTES_MAX;
use crate::timeline::Mark;

/// A line whose end has not come.
#[derive(Clone, Default)]
pub(super) struct Progress {
    /// The last state of the line, and the one that is coming.
    shown: Vec<u8>,
    coming: Vec<u8>,
}

impl Progress {
    pub(super) fn feed(&mut self, bytes: &[u8], told: &mut Told<'_>) {
        for byte in bytes {
            match byte {
                b'\n' => self.flush(told),
                b'\r' if self.coming.is_empty() => {}
                b'\r' => self.shown = std::mem::take(&mut self.coming),
                byte if self.coming.len() < PROGRESS_LINE_BYTES_MAX => self.coming.push(*byte),
                _ => {}
            }
        }
    }

    /// Tells the line as it stands.
    pub(super) fn flush(&mut self, told: &mut Told<'_>) {
        let (shown, coming) = (std::mem::take(&mut self.shown), std::mem::take(&mut self.coming));
        let bytes = if coming.is_empty() { shown } else { coming };
        let text = spoken(&String::from_utf8_lossy(&bytes));
        if !text.trim().is_empty() {
            told.put(Mark::Out, format!("remote: {}", line(&text.replace('\t', "    "))).trim_end().to_owned());
        }
    }
}
