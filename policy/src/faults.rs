//! What is wrong with policies.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub file: String,
    /// The line in it, from 1; 0 where it is about all of the file.
    pub line: usize,
    /// What is wrong.
    pub text: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(formatter, "{}: {}", self.file, self.text)?,
            line => write!(formatter, "{}:{line}: {}", self.file, self.text)?,
        }
        if self.remedy.is_empty() { Ok(()) } else { write!(formatter, " ({})", self.remedy) }
    }
}

/// Everything that is wrong, one thing a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// True when nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn add(&mut self, file: &str, line: usize, text: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Fault { file: file.to_owned(), line, text: text.into(), remedy: remedy.into() });
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.0.iter().enumerate() {
            if number > 0 {
                writeln!(formatter)?;
            }
            write!(formatter, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
