//! Packs on their way from a tape to a reader: in files that nobody else sees and that go away by themselves.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes that were put one behind the other. A copy may go on by itself as long as it puts the same.
#[derive(Clone)]
pub(crate) struct Spool {
    file: Arc<File>,
    bytes: u64,
    bytes_max: u64,
}

impl Spool {
    /// An empty one, for at most `bytes_max`.
    pub(crate) fn new(bytes_max: u64) -> io::Result<Self> {
        Ok(Self { file: Arc::new(tempfile::tempfile()?), bytes: 0, bytes_max })
    }

    /// Puts `run` behind what is there.
    pub(crate) fn put(&mut self, run: &[u8]) -> io::Result<()> {
        let end = self.bytes.saturating_add(run.len() as u64);
        if end > self.bytes_max {
            return Err(Self::full());
        }
        self.file.write_all_at(run, self.bytes)?;
        self.bytes = end;
        Ok(())
    }

    /// What is said when there is no more room.
    pub(crate) fn full() -> io::Error {
        io::Error::new(io::ErrorKind::FileTooLarge, "the packs of the session are too large to be read")
    }

    /// How many bytes there are.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A part of them, as far as it is there.
    pub(crate) fn part(&self, start: u64, end: u64) -> Part {
        Part { file: Arc::clone(&self.file), at: start, end: end.min(self.bytes) }
    }
}

/// A part of what was put, on its way to be read.
#[derive(Clone)]
pub(crate) struct Part {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Part {
    /// How many bytes are still to be read.
    pub(crate) fn left(&self) -> u64 {
        self.end.saturating_sub(self.at)
    }

    /// The same from `offset` on.
    pub(crate) fn from(&self, offset: u64) -> Self {
        Self { file: Arc::clone(&self.file), at: self.at.saturating_add(offset), end: self.end }
    }

    /// The same, without its last bytes.
    pub(crate) fn without_last(&self, bytes: u64) -> Self {
        Self { file: Arc::clone(&self.file), at: self.at, end: self.end.saturating_sub(bytes) }
    }
}

impl Read for Part {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left()).unwrap_or(usize::MAX).min(into.len());
        let taken = self.file.read_at(into.get_mut(..most).unwrap_or_default(), self.at)?;
        self.at = self.at.saturating_add(taken as u64);
        Ok(taken)
    }
}
