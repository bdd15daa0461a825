//! Lines for a shell, as far as policies ask about them.
//!
//! Only as much of a shell is understood as the lines have that people and programs send: words, quotes, lists,
//! pipelines, groups, redirections, substitutions, and programs that start other programs. All else is not understood,
//! and neither is a line whose programs depend on what stands in a variable, in a file or in a pipe.

mod builtins;
mod lexer;
mod programs;

use std::collections::BTreeSet;

use self::lexer::Reader;

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
        let mut known = Known::default();
        match known.read(line, 0) {
            Some(()) => known.line(),
            None => Self::default(),
        }
    }

    /// Whether everything of it is known.
    #[must_use]
    pub fn is_understood(&self) -> bool {
        self.words.is_some() && self.programs.is_some() && self.redirections.is_some()
    }
}

/// What is known of a line so far.
#[derive(Debug, Default)]
struct Known {
    words: BTreeSet<String>,
    programs: BTreeSet<String>,
    redirections: BTreeSet<String>,
    words_vague: bool,
    programs_vague: bool,
    redirections_vague: bool,
    /// Words read, each time that they stand there.
    count: usize,
}

impl Known {
    fn line(self) -> CommandLine {
        CommandLine {
            words: (!self.words_vague).then_some(self.words),
            programs: (!self.programs_vague).then_some(self.programs),
            redirections: (!self.redirections_vague).then_some(self.redirections),
        }
    }

    /// Reads one more line; `None` when not even its commands can be told apart.
    fn read(&mut self, line: &[u8], depth: usize) -> Option<()> {
        let commands = Reader::commands(line, depth, &mut self.count)?;
        for command in commands {
            for inner in &command.substitutions {
                self.read(inner, depth + 1)?;
            }
            for word in command.words.iter().chain(&command.redirections) {
                match &word.text {
                    Some(text) => drop(self.words.insert(text.clone())),
                    None => self.words_vague = true,
                }
            }
            for file in &command.redirections {
                match &file.text {
                    Some(text) => drop(self.redirections.insert(text.clone())),
                    None => self.redirections_vague = true,
                }
            }
            self.programs_vague |= command.assigns;
            programs::of(self, &command.words, depth, &programs::Fed::default())?;
        }
        Some(())
    }

    /// Notes a program.
    fn start(&mut self, program: &str) {
        self.programs.insert(program.to_owned());
        if let Some((_, name)) = program.rsplit_once('/') {
            self.programs.insert(name.to_owned());
        }
    }
}
