//! Lines for a shell, as far as policies ask about them.

use std::collections::BTreeSet;

/// A line for a POSIX shell. What is not known of it is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// Every word of every command in it.
    pub words: Option<BTreeSet<String>>,
    /// Every program that it starts, as it is written, and the last part of its path too.
    pub programs: Option<BTreeSet<String>>,
    /// Every file that a redirection names.
    pub redirections: Option<BTreeSet<String>>,
}

impl CommandLine {
    /// Reads `line` as a POSIX shell does.
    #[must_use]
    pub fn parse(line: &[u8]) -> Self {
        let _ = line;
        Self::default()
    }

    /// Whether everything of it is known.
    #[must_use]
    pub fn is_understood(&self) -> bool {
        self.words.is_some() && self.programs.is_some() && self.redirections.is_some()
    }
}
