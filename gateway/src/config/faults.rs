//! What is wrong with a configuration: every fault at once, each with its line.

use std::fmt::Write;
use std::ops::Range;

/// The faults found so far.
pub(super) struct Faults<'a> {
    text: &'a str,
    found: Vec<(usize, String)>,
}

impl<'a> Faults<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, found: Vec::new() }
    }

    pub(super) fn add(&mut self, span: &Range<usize>, fault: impl Into<String>) {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
        self.found.push((line, fault.into()));
    }

    pub(super) fn into_text(mut self) -> Option<String> {
        if self.found.is_empty() {
            return None;
        }
        self.found.sort();
        let mut text = String::new();
        for (line, fault) in self.found {
            let _ = write!(text, "\n  line {line}: {fault}");
        }
        Some(text)
    }
}
