//! The bytes that are held, and how far they may leave.
//!
//! ```text
//!   ├──────── in the file ────────┼── whole blocks, in memory ──┼─ the block that fills ─┤
//! ```

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use bytes::Bytes;
use wiretape_core::{Held, Lost};

use super::{BLOCK_BYTES, MEMORY_BYTES_MAX, TAIL_BYTES};
use crate::turn::Turn;

/// The bytes that are held.
pub(super) struct Content {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    file: Option<Arc<File>>,
    file_bytes: u64,
    /// What came last: whole blocks, and the one that fills.
    blocks: VecDeque<Bytes>,
    filling: Vec<u8>,
    /// Nothing more comes.
    ended: bool,
    /// Nobody holds it any more.
    lost: bool,
    /// An examination waits for more.
    examiner_waits: bool,
    /// Up to where it was found in order, and may leave before the rest.
    in_order_bytes: u64,
    /// Whoever takes it waits until so much may leave.
    taker: Option<(u64, Waker)>,
}

impl State {
    fn bytes(&self) -> u64 {
        self.file_bytes + (self.blocks.len() * BLOCK_BYTES + self.filling.len()) as u64
    }

    /// Up to where it may leave before it is released.
    fn ahead_bytes(&self) -> u64 {
        self.in_order_bytes.min(self.bytes().saturating_sub(TAIL_BYTES))
    }

    /// Who takes it, if that has reason to look again.
    fn taker_due(&mut self) -> Option<Waker> {
        let due = self.lost || self.taker.as_ref().is_some_and(|(wanted, _)| self.ahead_bytes() >= *wanted);
        if due { self.taker.take().map(|(_, waker)| waker) } else { None }
    }

    /// What is in memory from `offset` on, as far as it is in one piece.
    fn in_memory(&self, offset: u64) -> Option<&[u8]> {
        let at = usize::try_from(offset.checked_sub(self.file_bytes)?).ok()?;
        match self.blocks.get(at / BLOCK_BYTES) {
            Some(block) => block.get(at % BLOCK_BYTES..),
            None => self.filling.get(at - self.blocks.len() * BLOCK_BYTES..),
        }
    }
}

impl Content {
    pub(super) fn new() -> Self {
        Self { state: Mutex::default(), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes bytes in, and returns how many there are now. Only one may do so at a time, and has whoever takes it look
    /// again ([`Content::wake_due`]).
    pub(super) fn push(&self, mut bytes: &[u8], folder: &Path) -> io::Result<u64> {
        let mut state = self.state();
        while !bytes.is_empty() {
            let room = BLOCK_BYTES - state.filling.len();
            let (kept, rest) = bytes.split_at(bytes.len().min(room));
            state.filling.extend_from_slice(kept);
            bytes = rest;
            if state.filling.len() == BLOCK_BYTES {
                let block = std::mem::replace(&mut state.filling, Vec::with_capacity(BLOCK_BYTES));
                state.blocks.push_back(Bytes::from(block));
                state = self.spool(state, folder)?;
            }
        }
        let end = state.bytes();
        let examiner_waits = std::mem::take(&mut state.examiner_waits);
        drop(state);
        if examiner_waits {
            self.changed.notify_all();
        }
        Ok(end)
    }

    /// Puts what came first to disk, where there is too much in memory.
    fn spool<'c>(&'c self, mut state: MutexGuard<'c, State>, folder: &Path) -> io::Result<MutexGuard<'c, State>> {
        while state.blocks.len() * BLOCK_BYTES > MEMORY_BYTES_MAX {
            let Some(block) = state.blocks.front().cloned() else { break };
            let file = match &state.file {
                Some(file) => Arc::clone(file),
                None => Arc::clone(state.file.insert(Arc::new(tempfile::tempfile_in(folder)?))),
            };
            let at = state.file_bytes;
            // It is read from memory meanwhile.
            drop(state);
            file.write_all_at(&block, at)?;
            state = self.state();
            state.blocks.pop_front();
            state.file_bytes += block.len() as u64;
        }
        Ok(state)
    }

    /// Nothing more comes.
    pub(super) fn end(&self) {
        self.state().ended = true;
        self.changed.notify_all();
    }

    /// Nobody holds it any more: it is neither examined nor sent.
    pub(super) fn lose(&self) {
        self.state().lost = true;
        self.changed.notify_all();
        self.wake();
    }

    /// Up to where it may leave before it is released; none: it never will. The taker is woken when that is `wanted` or
    /// more.
    pub(super) fn ahead_bytes(&self, wanted: u64, context: &Context<'_>) -> Option<u64> {
        let mut state = self.state();
        if state.lost {
            return None;
        }
        state.taker = Some((wanted, context.waker().clone()));
        Some(state.ahead_bytes())
    }

    /// Whoever takes it looks again.
    pub(super) fn wake(&self) {
        let taker = self.state().taker.take();
        if let Some((_, taker)) = taker {
            taker.wake();
        }
    }

    /// Whoever takes it looks again, where there is as much for it as it waits for.
    pub(super) fn wake_due(&self) {
        let taker = self.state().taker_due();
        if let Some(taker) = taker {
            taker.wake();
        }
    }

    /// Reads what is there from `offset` on. Nothing: nothing is there yet.
    fn read(&self, state: MutexGuard<'_, State>, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        if let Some(kept) = state.in_memory(offset) {
            let length = kept.len().min(into.len());
            if let (Some(into), Some(kept)) = (into.get_mut(..length), kept.get(..length)) {
                into.copy_from_slice(kept);
            }
            return Ok(length);
        }
        let there = usize::try_from(state.file_bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = there.min(into.len());
        let (Some(file), Some(into)) = (state.file.clone(), into.get_mut(..length)) else { return Ok(0) };
        // What was written stays as it is: reading needs no lock.
        drop(state);
        file.read_exact_at(into, offset)?;
        Ok(length)
    }

    /// The `length` bytes at `offset`, all of which have come and stand in one block.
    pub(super) fn piece(&self, offset: u64, length: usize) -> io::Result<Bytes> {
        let state = self.state();
        let at = offset.checked_sub(state.file_bytes).and_then(|at| usize::try_from(at).ok());
        if let Some(at) = at
            && let Some(block) = state.blocks.get(at / BLOCK_BYTES)
        {
            let begin = at % BLOCK_BYTES;
            let end = begin.saturating_add(length);
            return if end <= BLOCK_BYTES {
                Ok(block.slice(begin..end))
            } else {
                Err(io::ErrorKind::InvalidInput.into())
            };
        }
        let mut bytes = vec![0; length];
        if self.read(state, offset, &mut bytes)? < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Bytes::from(bytes))
    }
}

/// Reads what is held, and waits for what has not come yet.
pub(crate) struct Reader {
    content: Arc<Content>,
    turn: Turn,
}

impl Reader {
    pub(super) fn new(content: &Arc<Content>, turn: Turn) -> Self {
        Self { content: Arc::clone(content), turn }
    }
}

impl Held for Reader {
    fn read(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, Lost> {
        if into.is_empty() {
            return Ok(0);
        }
        let mut state = self.content.state();
        loop {
            if state.lost {
                return Err(Lost);
            }
            if offset < state.bytes() {
                break;
            }
            if state.ended {
                return Ok(0);
            }
            // Whoever waits for a slow client keeps nobody else from being examined.
            self.turn.pause();
            state.examiner_waits = true;
            state = self.content.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if self.turn.is_paused() {
            drop(state);
            self.turn.resume();
            state = self.content.state();
        }
        self.content.read(state, offset, into).map_err(|error| {
            tracing::error!("what is held cannot be read back: {error}");
            Lost
        })
    }

    fn let_ahead(&mut self, offset: u64) {
        let mut state = self.content.state();
        state.in_order_bytes = state.in_order_bytes.max(offset);
        drop(state);
        self.content.wake_due();
    }
}
