//! A run of bytes in one direction, as lines.

use std::time::Duration;

use wiretape_core::{Lane, Moment};

use super::{Entry, Mark};
use crate::describe::line;
use crate::legible::{is_text, size, spoken_part};
use crate::limits::LINE_LETTERS_MAX;
use crate::utf8::Utf8;

/// How long the start of a line waits for its end, and bytes that are no text for more of them.
const PATIENCE: Duration = Duration::from_secs(1);

/// The longest start of a control sequence that is kept for its end.
const SEQUENCE_BYTES_MAX: usize = 256;

/// What has come in one direction of a lane and is not yet a line.
#[derive(Clone, Default)]
pub(super) struct Run {
    since: Moment,
    utf8: Utf8,
    /// The start of a control sequence whose end has not come.
    sequence: String,
    text: String,
    letters: usize,
    other_bytes: u64,
}

impl Run {
    /// Takes in `bytes`; whole lines go to `entries`.
    pub(super) fn feed(&mut self, lane: Lane, mark: Mark, at: Moment, bytes: &[u8], entries: &mut Vec<Entry>) {
        if !is_text(bytes) {
            self.flush_text(lane, mark, entries);
            if self.other_bytes == 0 {
                self.since = at;
            }
            self.other_bytes += bytes.len() as u64;
            return;
        }
        self.flush_bytes(lane, mark, entries);
        let mut text = std::mem::take(&mut self.sequence);
        text.push_str(&self.utf8.decode(bytes));
        let (shown, whole) = spoken_part(&text);
        // A sequence that never ends is not waited for.
        let rest = text.get(whole..).filter(|rest| rest.len() <= SEQUENCE_BYTES_MAX);
        self.sequence = rest.unwrap_or_default().to_owned();
        for letter in shown.chars() {
            if self.text.is_empty() {
                self.since = at;
            }
            if letter == '\n' {
                self.line(lane, mark, at, entries);
            } else {
                self.text.push(letter);
                self.letters += 1;
                if self.letters == LINE_LETTERS_MAX {
                    self.line(lane, mark, at, entries);
                }
            }
        }
    }

    /// Lets go of what has waited long enough.
    pub(super) fn settle(&mut self, lane: Lane, mark: Mark, now: Moment, entries: &mut Vec<Entry>) {
        if now.since(self.since) >= PATIENCE {
            self.flush(lane, mark, entries);
        }
    }

    /// Lets go of everything.
    pub(super) fn flush(&mut self, lane: Lane, mark: Mark, entries: &mut Vec<Entry>) {
        self.flush_text(lane, mark, entries);
        self.flush_bytes(lane, mark, entries);
    }

    fn flush_text(&mut self, lane: Lane, mark: Mark, entries: &mut Vec<Entry>) {
        if !self.text.is_empty() {
            self.line(lane, mark, self.since, entries);
        }
    }

    fn flush_bytes(&mut self, lane: Lane, mark: Mark, entries: &mut Vec<Entry>) {
        if self.other_bytes > 0 {
            let text = format!("{} that are no text", size(self.other_bytes));
            entries.push(Entry { at: self.since, lane, mark, text });
            self.other_bytes = 0;
        }
    }

    fn line(&mut self, lane: Lane, mark: Mark, at: Moment, entries: &mut Vec<Entry>) {
        let text = std::mem::take(&mut self.text);
        self.letters = 0;
        entries.push(Entry { at, lane, mark, text: line(&text.replace('\t', "    ")) });
    }
}
