//! The lines of a head or a trailer section (RFC 9112 sections 2.1 and 5), as they arrive.
//!
//! One pass: what was looked at is not looked at again, however many pieces the section comes in. Whatever is wrong is
//! found at the same byte, however the bytes were cut.

use std::ops::Range;

use wiretape_core::limits::{HTTP_FIELDS_MAX, HTTP_HEAD_BYTES_MAX};

use super::Malformed;
use crate::check;

/// Where the name and the value of a field stand in the section.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: Range<usize>,
    pub(super) value: Range<usize>,
}

/// How far a section was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Section {
    /// Field lines that are whole.
    pub(super) lines: Vec<Line>,
    /// How long the start line is, without its CRLF, once it is whole.
    pub(super) start: usize,
    /// Where the line that is being read begins.
    line: usize,
    /// Everything before was looked at.
    at: usize,
    /// Where the colon of the line stands, once it was seen; never at 0.
    colon: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// In the request line or status line.
    #[default]
    Start,
    /// In a field line, or where one may begin.
    Fields,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// There are bytes missing.
    Nothing,
    /// The start line is whole: it wants to be read before the fields are.
    Start,
    /// The section is whole, with the empty line behind it; so many bytes.
    Whole(usize),
}

impl Section {
    /// Begins with a head: a start line, then fields.
    pub(super) fn reset(&mut self) {
        self.lines.clear();
        (self.start, self.line, self.at, self.colon, self.state) = (0, 0, 0, 0, State::Start);
    }

    /// Begins with a trailer section: fields alone.
    pub(super) fn reset_to_fields(&mut self) {
        self.reset();
        self.state = State::Fields;
    }

    /// Whether a part of the section was seen.
    pub(super) fn is_begun(&self) -> bool {
        self.at > 0
    }

    /// Reads on in `input`, which begins with the section and only ever grows until the section is whole.
    pub(super) fn read(&mut self, input: &[u8]) -> Result<Found, Malformed> {
        let window = input.get(..HTTP_HEAD_BYTES_MAX).unwrap_or(input);
        let found = match self.state {
            State::Start => self.read_start(window)?,
            State::Fields => self.read_fields(window)?,
        };
        if found == Found::Nothing && window.len() == HTTP_HEAD_BYTES_MAX {
            return Err(match self.state {
                State::Start => Malformed::new(414, "the request line is too long"),
                State::Fields => Malformed::new(431, "the fields are too long"),
            });
        }
        Ok(found)
    }

    fn read_start(&mut self, window: &[u8]) -> Result<Found, Malformed> {
        let Some(end) = self.line_end(window)? else { return Ok(Found::Nothing) };
        self.start = end;
        (self.line, self.at, self.state) = (end + 2, end + 2, State::Fields);
        Ok(Found::Start)
    }

    fn read_fields(&mut self, window: &[u8]) -> Result<Found, Malformed> {
        loop {
            if self.colon == 0 {
                self.at += check::token_length(window.get(self.at..).unwrap_or_default());
                match window.get(self.at) {
                    None => return Ok(Found::Nothing),
                    Some(b':') if self.at > self.line => self.colon = self.at,
                    Some(b':') => return Err(Malformed::new(400, "a field without a name")),
                    Some(b'\r') if self.at == self.line => {
                        return match window.get(self.at + 1) {
                            None => Ok(Found::Nothing),
                            Some(b'\n') => Ok(Found::Whole(self.at + 2)),
                            Some(_) => Err(Malformed::new(400, "a bare CR")),
                        };
                    }
                    Some(b'\n') => return Err(Malformed::new(400, "a bare LF")),
                    Some(b' ' | b'\t') if self.at == self.line => {
                        return Err(Malformed::new(400, "a folded line, or white space before the first field"));
                    }
                    Some(b' ' | b'\t') => return Err(Malformed::new(400, "white space in the name of a field")),
                    Some(b'\r') => return Err(Malformed::new(400, "a line without a colon")),
                    Some(_) => return Err(Malformed::new(400, "a character that no name of a field has")),
                }
                self.at += 1;
                if self.lines.len() == HTTP_FIELDS_MAX {
                    return Err(Malformed::new(431, "too many fields"));
                }
            }
            let Some(end) = self.line_end(window)? else { return Ok(Found::Nothing) };
            let value = trimmed(window, self.colon + 1..end);
            self.lines.push(Line { name: self.line..self.colon, value });
            (self.line, self.at, self.colon) = (end + 2, end + 2, 0);
        }
    }

    /// Where the line ends whose octets from `at` on are those of a value; `None` when its CRLF is not there yet.
    fn line_end(&mut self, window: &[u8]) -> Result<Option<usize>, Malformed> {
        self.at += check::value_length(window.get(self.at..).unwrap_or_default());
        match (window.get(self.at), window.get(self.at + 1)) {
            (None, _) | (Some(b'\r'), None) => Ok(None),
            (Some(b'\r'), Some(b'\n')) => Ok(Some(self.at)),
            (Some(b'\r'), Some(_)) => Err(Malformed::new(400, "a bare CR")),
            (Some(b'\n'), _) => Err(Malformed::new(400, "a bare LF")),
            (Some(_), _) => Err(Malformed::new(400, "a control character")),
        }
    }
}

/// `range` of `window` without the white space around it.
fn trimmed(window: &[u8], range: Range<usize>) -> Range<usize> {
    let text = window.get(range.clone()).unwrap_or_default();
    let front = text.iter().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
    let behind = text.iter().skip(front).rev().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
    range.start + front..range.end - behind
}
