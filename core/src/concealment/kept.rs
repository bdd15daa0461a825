//! Typed text whose echo is still looked for.

use std::collections::VecDeque;

use bytes::Bytes;

use super::screen::Place;
use crate::limits::CONCEALED_BYTES_MAX;

/// Runs of typed text that are kept apart; the oldest is given up for one more.
const RUNS_MAX: usize = 64;

/// Text that was typed in one go, as far as the screen could tell.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// Where its first byte stands in the row of all concealed bytes of the terminal.
    pub(super) start: u64,
    /// Bytes that are kept of it.
    pub(super) length: usize,
    /// The line that it was typed on, counted by the keys that ended lines.
    pub(super) line: u64,
    /// Where the cursor stood, and so where its echo begins; `None` when that was not to be known.
    pub(super) place: Option<Place>,
    /// Typed before the end of the line before it was shown.
    pub(super) ahead: bool,
    /// Something else was shown since, and then more was typed.
    pub(super) missed: bool,
    /// Characters that had been printed when it was typed: an echo is younger.
    pub(super) printed: u64,
    /// Characters that had been printed, and bytes shown, when it was last added to or its echo went on.
    pub(super) fresh: (u64, u64),
}

/// The runs, oldest first, and their bytes.
///
/// The bytes are overwritten as soon as they are let go of. The buffer never moves, so that no copy stays behind.
#[derive(Debug, Default)]
pub(super) struct Kept {
    runs: VecDeque<Run>,
    bytes: Vec<u8>,
}

impl Kept {
    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub(super) fn runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter()
    }

    pub(super) fn run(&self, number: usize) -> Option<&Run> {
        self.runs.get(number)
    }

    pub(super) fn last_mut(&mut self) -> Option<&mut Run> {
        self.runs.back_mut()
    }

    /// Lets go of the oldest runs that `stale` picks.
    pub(super) fn drop_stale(&mut self, stale: impl Fn(&Run) -> bool) {
        self.drop_runs(self.runs.iter().take_while(|run| stale(run)).count());
    }

    pub(super) fn miss_all(&mut self) {
        for run in &mut self.runs {
            run.missed = true;
        }
    }

    /// Bytes that still fit.
    pub(super) fn room(&self) -> usize {
        CONCEALED_BYTES_MAX.saturating_sub(self.bytes.len())
    }

    /// Keeps a run of its own for `text`, which fits (see [`Self::room`]).
    pub(super) fn push(&mut self, run: Run, text: &[u8]) {
        if self.runs.len() >= RUNS_MAX {
            self.drop_runs(1);
        }
        self.runs.push_back(Run { length: text.len(), ..run });
        self.append(text);
    }

    /// Adds `text`, which fits, to the newest run.
    pub(super) fn extend(&mut self, text: &[u8]) {
        if let Some(run) = self.runs.back_mut() {
            run.length += text.len();
            self.append(text);
        }
    }

    fn append(&mut self, text: &[u8]) {
        if self.bytes.capacity() < CONCEALED_BYTES_MAX {
            self.bytes.reserve_exact(CONCEALED_BYTES_MAX);
        }
        self.bytes.extend_from_slice(text);
    }

    /// The bytes of run `number` and of those behind it that follow on the same line without a gap.
    pub(super) fn text_from(&self, number: usize) -> &[u8] {
        let start: usize = self.runs.iter().take(number).map(|run| run.length).sum();
        let mut end = start;
        let mut next = self.runs.get(number).map(|run| (run.start, run.line));
        for run in self.runs.iter().skip(number) {
            if next != Some((run.start, run.line)) {
                break;
            }
            end += run.length;
            next = Some((run.start + run.length as u64, run.line));
        }
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Lets go of the oldest `count` runs.
    pub(super) fn drop_runs(&mut self, count: usize) {
        let runs = self.runs.drain(..count.min(self.runs.len()));
        let length = runs.map(|run| run.length).sum();
        self.forget(0, length);
    }

    /// Lets go of the runs that `unwanted` picks.
    pub(super) fn drop_where(&mut self, unwanted: impl Fn(&Run) -> bool) {
        let mut position = 0;
        let mut number = 0;
        while let Some(run) = self.runs.get(number) {
            let length = run.length;
            if unwanted(run) {
                self.runs.remove(number);
                self.forget(position, length);
            } else {
                number += 1;
                position += length;
            }
        }
    }

    /// Takes the oldest `length` bytes out: they are known to have been shown. What follows them on the line without a
    /// gap is one run now, whose echo begins at `place`.
    pub(super) fn take(&mut self, length: usize, place: Place, now: (u64, u64)) -> Bytes {
        let (line, start) = self.runs.front().map_or((None, 0), |run| (Some(run.line), run.start));
        let taken = Bytes::copy_from_slice(self.bytes.get(..length).unwrap_or_default());
        let mut rest = length;
        while rest > 0
            && let Some(run) = self.runs.front_mut()
        {
            let part = run.length.min(rest);
            run.start += part as u64;
            run.length -= part;
            rest -= part;
            if run.length == 0 {
                self.runs.pop_front();
            }
        }
        self.forget(0, length);
        self.join(line, start + length as u64, place, now);
        taken
    }

    fn join(&mut self, line: Option<u64>, start: u64, place: Place, now: (u64, u64)) {
        let Some(mut joined) = self.runs.pop_front_if(|run| Some(run.line) == line && run.start == start) else {
            return;
        };
        (joined.place, joined.missed, joined.fresh) = (Some(place), false, now);
        while let Some(next) =
            self.runs.pop_front_if(|run| (run.line, run.start) == (joined.line, joined.start + joined.length as u64))
        {
            joined.length += next.length;
        }
        self.runs.push_front(joined);
    }

    fn forget(&mut self, start: usize, length: usize) {
        let end = (start + length).min(self.bytes.len());
        if start >= end {
            return;
        }
        self.bytes.copy_within(end.., start);
        let left = self.bytes.len() - (end - start);
        if let Some(rest) = self.bytes.get_mut(left..) {
            erase(rest);
        }
        self.bytes.truncate(left);
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        erase(&mut self.bytes);
    }
}

/// Overwrites a secret. `black_box` keeps the compiler from leaving out what nobody seems to read.
fn erase(bytes: &mut [u8]) {
    bytes.fill(0);
    std::hint::black_box(bytes);
}

#[cfg(test)]
mod tests {
    use super::{Kept, Run};

    fn run(start: u64, line: u64) -> Run {
        Run { start, length: 0, line, place: None, ahead: false, missed: false, printed: 0, fresh: (0, 0) }
    }

    fn kept() -> Kept {
        let mut kept = Kept::default();
        kept.push(run(0, 0), b"abc");
        kept.extend(b"d");
        kept.push(run(4, 0), b"ef");
        kept.push(run(9, 0), b"gh");
        kept.push(run(11, 1), b"ij");
        kept
    }

    #[test]
    fn runs_join_only_on_one_line_and_without_a_gap() {
        let kept = kept();
        assert_eq!(kept.text_from(0), b"abcdef");
        assert_eq!(kept.text_from(1), b"ef");
        assert_eq!(kept.text_from(2), b"gh");
        assert_eq!(kept.text_from(3), b"ij");
        assert_eq!(kept.text_from(4), b"");
    }

    #[test]
    fn what_is_let_go_of_leaves_the_rest_in_place() {
        let mut kept = kept();
        let buffer = kept.bytes.as_ptr();
        kept.drop_where(|run| run.start == 4);
        assert_eq!(kept.bytes, b"abcdghij");
        kept.drop_runs(1);
        assert_eq!(kept.bytes, b"ghij");
        kept.drop_where(|_| true);
        assert!(kept.is_empty());
        // No byte was copied elsewhere by a buffer that grew.
        assert_eq!(kept.bytes.as_ptr(), buffer);
    }
}
