//! Bytes to lines: a line is whatever stands before a line feed.

use bytes::{Bytes, BytesMut};
use wiretape_core::limits::LINE_BYTES_MAX;

/// A line that is longer than any may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// What one line costs beside its bytes, from its event to its place in a queue.
const LINE_COST_BYTES: usize = 256;

/// What one side said and nobody took yet: whole lines, then perhaps the start of one.
///
/// The bytes are copied once, so that a line which waits for an answer keeps no more memory than its own length.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    bytes: BytesMut,
    whole_bytes: usize,
    whole_lines: usize,
}

impl Lines {
    /// Takes in `said`.
    ///
    /// # Errors
    /// [`TooLong`] when a line passes the limit, its line feed included. The lines before it were taken in.
    pub(crate) fn push(&mut self, said: &[u8]) -> Result<(), TooLong> {
        for part in said.split_inclusive(|byte| *byte == b'\n') {
            if self.half_bytes() + part.len() > LINE_BYTES_MAX {
                return Err(TooLong);
            }
            self.bytes.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.whole_bytes = self.bytes.len();
                self.whole_lines += 1;
            }
        }
        Ok(())
    }

    /// The oldest whole line, its line feed included.
    pub(crate) fn take_line(&mut self) -> Option<Bytes> {
        let length = self.bytes.iter().take(self.whole_bytes).position(|byte| *byte == b'\n')? + 1;
        self.whole_bytes -= length;
        self.whole_lines -= 1;
        Some(self.bytes.split_to(length).freeze())
    }

    /// As many whole lines as fit in `bytes_max`, as one run; a line that is longer by itself comes alone.
    pub(crate) fn take_run(&mut self, bytes_max: usize) -> Option<Bytes> {
        let fitting = self.bytes.get(..self.whole_bytes.min(bytes_max))?;
        let Some(end) = fitting.iter().rposition(|byte| *byte == b'\n') else { return self.take_line() };
        let run = self.bytes.split_to(end + 1).freeze();
        self.whole_bytes -= run.len();
        self.whole_lines -= run.iter().filter(|byte| **byte == b'\n').count();
        Some(run)
    }

    /// Bytes of the line that has no line feed yet.
    pub(crate) fn half_bytes(&self) -> usize {
        self.bytes.len() - self.whole_bytes
    }

    /// What is kept, with what the lines will cost once they are let go: a flood of empty lines is a flood.
    pub(crate) fn held_bytes(&self) -> usize {
        self.bytes.len() + self.whole_lines * LINE_COST_BYTES
    }
}

/// The text of a line: without its line feed, and without the carriage return before it.
pub(crate) fn text(line: &Bytes) -> Bytes {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    line.slice_ref(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_as_they_went_in() {
        let mut lines = Lines::default();
        for part in ["o", "ne\ntwo\r", "\n", "\nhalf"] {
            lines.push(part.as_bytes()).unwrap();
        }
        assert_eq!(lines.half_bytes(), 4);
        assert_eq!(lines.take_line().unwrap(), "one\n");
        assert_eq!(lines.take_run(usize::MAX).unwrap(), "two\r\n\n");
        assert_eq!(lines.take_line(), None);
        assert_eq!(lines.take_run(usize::MAX), None);
        assert_eq!(lines.held_bytes(), 4);
    }

    #[test]
    fn a_run_is_cut_at_its_limit() {
        let mut lines = Lines::default();
        lines.push(b"one\ntwo\na long one\nlast\n").unwrap();
        assert_eq!(lines.take_run(10).unwrap(), "one\ntwo\n");
        assert_eq!(lines.take_run(10).unwrap(), "a long one\n");
        assert_eq!(lines.take_run(10).unwrap(), "last\n");
        assert_eq!(lines.take_run(10), None);
        assert_eq!(lines.held_bytes(), 0);
    }

    #[test]
    fn the_longest_line_passes_and_one_byte_more_does_not() {
        let mut longest = vec![b'x'; LINE_BYTES_MAX - 1];
        longest.push(b'\n');
        let mut lines = Lines::default();
        lines.push(b"before\n").unwrap();
        lines.push(&longest).unwrap();
        longest.insert(0, b'x');
        assert_eq!(lines.push(&longest), Err(TooLong));
        assert_eq!(lines.take_line().unwrap(), "before\n");
        assert_eq!(lines.take_line().unwrap().len(), LINE_BYTES_MAX);
        assert_eq!(lines.take_line(), None);
    }

    #[test]
    fn a_line_that_never_ends_is_not_kept_beyond_its_limit() {
        let mut lines = Lines::default();
        let outcome = (0..LINE_BYTES_MAX * 2).try_for_each(|_| lines.push(b"x"));
        assert_eq!(outcome, Err(TooLong));
        assert_eq!(lines.held_bytes(), LINE_BYTES_MAX);
    }

    #[test]
    fn empty_lines_are_not_free() {
        let mut lines = Lines::default();
        lines.push(&[b'\n'; 1000]).unwrap();
        assert_eq!(lines.held_bytes(), 1000 * (1 + LINE_COST_BYTES));
        lines.take_line();
        assert_eq!(lines.held_bytes(), 999 * (1 + LINE_COST_BYTES));
        lines.take_run(usize::MAX);
        assert_eq!(lines.held_bytes(), 0);
    }

    #[test]
    fn the_text_of_a_line_has_no_end() {
        for (line, expected) in [("a\n", "a"), ("a\r\n", "a"), ("\n", ""), ("\r\n", ""), ("a\rb\n", "a\rb")] {
            assert_eq!(text(&Bytes::from(line)), expected);
        }
    }
}
