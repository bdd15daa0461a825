//! What is to be written to a socket.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

/// Runs at least so long are kept as they are; shorter ones are copied together.
const KEPT_BYTES_MIN: usize = 4096;

/// Slices that one vectored write is given.
const SLICES_MAX: usize = 64;

/// Bytes to write, in order: small ones merged, large ones kept as they are.
///
/// It has no limit of its own: who fills it stops while [`Outbox::len`] is more than they want to wait in it.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Goes first.
    runs: VecDeque<Bytes>,
    /// Goes behind them.
    tail: BytesMut,
    length: usize,
}

impl Outbox {
    /// Nothing to write.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether everything was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Bytes that are still to be written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Puts the next slices to write into `into`, at most 64.
    pub fn slices<'a>(&'a self, into: &mut Vec<IoSlice<'a>>) {
        let room = SLICES_MAX.saturating_sub(into.len());
        let tail = Some(&self.tail[..]).filter(|tail| !tail.is_empty());
        into.extend(self.runs.iter().map(|run| &run[..]).chain(tail).take(room).map(IoSlice::new));
    }

    /// The first `n` bytes were written.
    pub fn advance(&mut self, mut n: usize) {
        self.length = self.length.saturating_sub(n);
        while let Some(run) = self.runs.front_mut() {
            if n < run.len() {
                run.advance(n);
                return;
            }
            n -= run.len();
            self.runs.pop_front();
        }
        if n < self.tail.len() {
            self.tail.advance(n);
        } else {
            self.tail.clear();
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.runs.clear();
        self.tail.clear();
        self.length = 0;
    }

    /// Adds a few bytes.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.length += bytes.len();
        self.tail.extend_from_slice(bytes);
    }

    /// Adds a run of content.
    pub(super) fn push(&mut self, bytes: Bytes) {
        if bytes.len() < KEPT_BYTES_MIN {
            return self.put(&bytes);
        }
        self.length += bytes.len();
        if !self.tail.is_empty() {
            self.runs.push_back(self.tail.split().freeze());
        }
        self.runs.push_back(bytes);
    }
}
