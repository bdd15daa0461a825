//! What is wrong with a configuration: every fault at once, each with its line.

use std::fmt::Write;
use std::ops::Range;

/// The faults found so far.
pub(super) struct Faults<'a> {
    text: &'a str,
    found: Vec<(usize, String)>,
    /// Whether there is a Vault that secrets can be in.
    vault: bool,
}

impl<'a> Faults<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, found: Vec::new(), vault: false }
    }

    /// Notes that there is a Vault.
    pub(super) fn has_vault(&mut self) {
        self.vault = true;
    }

    /// Whether there is a Vault.
    pub(super) fn vault(&self) -> bool {
        self.vault
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
