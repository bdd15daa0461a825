//! Differences between two contents, line by line, as `git diff` prints them.

use std::ops::Range;

use imara_diff::{Algorithm, Diff, Hunk, InternedInput};

/// Lines that stand around a change.
const CONTEXT_LINES: u32 = 3;

/// Bytes of the line behind a head of a part.
const HEADING_BYTES_MAX: usize = 80;

/// Bytes of a content that are looked at to tell whether it is text.
const TEXT_LOOKED_AT_BYTES: usize = 8000;

/// A line of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Where the next lines stand in both contents.
    Head,
    Same,
    Added,
    Removed,
    /// What git says about a last line without an end.
    Remark,
}

/// Whether git would show a content as text.
pub(crate) fn is_text(content: &[u8]) -> bool {
    !content.get(..TEXT_LOOKED_AT_BYTES).unwrap_or(content).contains(&0)
}

/// The lines of the difference between two texts; `None` when one of them has more than `lines_max` lines.
pub(crate) fn unified(old: &[u8], new: &[u8], lines_max: usize) -> Option<Vec<(Sort, Vec<u8>)>> {
    let is_long = |text: &[u8]| text.iter().filter(|byte| **byte == b'\n').count() >= lines_max;
    if is_long(old) || is_long(new) {
        return None;
    }
    let input = InternedInput::new(old, new);
    let mut diff = Diff::compute(Algorithm::Myers, &input);
    diff.postprocess_lines(&input);
    let hunks: Vec<Hunk> = diff.hunks().collect();
    let mut texts = Texts { input: &input, searched: 0, heading: Vec::new() };
    let mut lines = Vec::new();
    for part in parts(&hunks) {
        texts.part(part, &mut lines);
    }
    Some(lines)
}

/// Changes that stand so close that their context meets are one part.
fn parts(hunks: &[Hunk]) -> impl Iterator<Item = &[Hunk]> {
    hunks.chunk_by(|one, next| next.before.start.saturating_sub(one.before.end) <= 2 * CONTEXT_LINES)
}

struct Texts<'i> {
    input: &'i InternedInput<&'i [u8]>,
    /// How many lines of the old text were searched for the heading.
    searched: u32,
    heading: Vec<u8>,
}

impl Texts<'_> {
    fn old_line(&self, place: u32) -> &[u8] {
        let token = self.input.before.get(place as usize);
        token.map(|token| self.input.interner[*token]).unwrap_or_default()
    }

    fn new_line(&self, place: u32) -> &[u8] {
        let token = self.input.after.get(place as usize);
        token.map(|token| self.input.interner[*token]).unwrap_or_default()
    }

    fn part(&mut self, hunks: &[Hunk], lines: &mut Vec<(Sort, Vec<u8>)>) {
        let (Some(first), Some(last)) = (hunks.first(), hunks.last()) else { return };
        let (old_lines, new_lines) = (self.input.before.len() as u32, self.input.after.len() as u32);
        let before = CONTEXT_LINES.min(first.before.start).min(first.after.start);
        let behind =
            CONTEXT_LINES.min(old_lines.saturating_sub(last.before.end)).min(new_lines.saturating_sub(last.after.end));
        let old = first.before.start - before..last.before.end + behind;
        let new = first.after.start - before..last.after.end + behind;
        self.find_heading(old.start);
        let head = format!("@@ -{} +{} @@", span(&old), span(&new));
        lines.push((Sort::Head, [head.as_bytes(), &self.heading].concat()));
        let mut at = old.start;
        for hunk in hunks {
            self.same(at..hunk.before.start, lines);
            for place in hunk.before.clone() {
                put(Sort::Removed, self.old_line(place), lines);
            }
            for place in hunk.after.clone() {
                put(Sort::Added, self.new_line(place), lines);
            }
            at = hunk.before.end;
        }
        self.same(at..old.end, lines);
    }

    fn same(&self, places: Range<u32>, lines: &mut Vec<(Sort, Vec<u8>)>) {
        for place in places {
            put(Sort::Same, self.old_line(place), lines);
        }
    }

    /// The last line before `start` that begins with a letter, mostly that of a function, is the heading from there on.
    fn find_heading(&mut self, start: u32) {
        let begins = |line: &[u8]| line.first().is_some_and(|byte| byte.is_ascii_alphabetic() || b"_$".contains(byte));
        let found = (self.searched..start).rev().map(|place| self.old_line(place)).find(|line| begins(line));
        let heading = found.map(|line| [b" ", line.get(..HEADING_BYTES_MAX).unwrap_or(line).trim_ascii_end()].concat());
        self.heading = heading.unwrap_or_else(|| std::mem::take(&mut self.heading));
        self.searched = self.searched.max(start);
    }
}

fn put(sort: Sort, line: &[u8], lines: &mut Vec<(Sort, Vec<u8>)>) {
    let sign: &[u8] = match sort {
        Sort::Added => b"+",
        Sort::Removed => b"-",
        Sort::Head | Sort::Same | Sort::Remark => b" ",
    };
    let text = line.strip_suffix(b"\n");
    lines.push((sort, [sign, text.unwrap_or(line)].concat()));
    if text.is_none() {
        lines.push((Sort::Remark, b"\\ No newline at end of file".to_vec()));
    }
}

/// Where lines stand, counted from 1, and how many they are; of none, behind which line they would be.
fn span(lines: &Range<u32>) -> String {
    match lines.end - lines.start {
        0 => format!("{},0", lines.start),
        1 => (lines.start + 1).to_string(),
        count => format!("{},{count}", lines.start + 1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{Sort, unified};

    /// What the new text must be, from the old one and the difference.
    fn patched(old: &[u8], lines: &[(Sort, Vec<u8>)]) -> Vec<u8> {
        let mut rest: Vec<&[u8]> = old.split_inclusive(|byte| *byte == b'\n').collect();
        let (mut new, mut taken) = (Vec::new(), 0);
        for (number, (sort, line)) in lines.iter().enumerate() {
            let ends = !matches!(lines.get(number + 1), Some((Sort::Remark, _)));
            let text = [&line[1..], if ends { &b"\n"[..] } else { b"" }].concat();
            match sort {
                Sort::Head => {
                    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
                    let word = String::from_utf8(words[1][1..].to_vec()).unwrap();
                    let (start, count) = word.split_once(',').unwrap_or((&word, "1"));
                    let start: usize = start.parse().unwrap();
                    let start = if count == "0" { start } else { start - 1 };
                    new.extend(rest.drain(..start - taken).flatten().copied());
                    taken = start;
                }
                Sort::Same | Sort::Removed => {
                    assert_eq!(rest.remove(0), text);
                    taken += 1;
                    if *sort == Sort::Same {
                        new.extend(text);
                    }
                }
                Sort::Added => new.extend(text),
                Sort::Remark => {}
            }
        }
        new.extend(rest.into_iter().flatten());
        new
    }

    #[test]
    fn texts_of_more_lines_than_are_compared_are_not() {
        assert!(unified(&b"\n".repeat(10), b"", 10).is_none());
        assert!(unified(b"", &b"\n".repeat(9), 10).is_some());
    }

    proptest! {
        #[test]
        fn a_difference_makes_one_text_of_the_other(old in "[ab\n]{0,60}", new in "[ab\n]{0,60}") {
            let lines = unified(old.as_bytes(), new.as_bytes(), 1000).unwrap();
            assert_eq!(patched(old.as_bytes(), &lines), new.as_bytes());
            assert_eq!(lines.is_empty(), old == new);
        }

        #[test]
        fn no_content_does_harm(old in any::<Vec<u8>>(), new in any::<Vec<u8>>()) {
            assert!(unified(&old, &new, 1000).is_some());
        }
    }
}
