//! The bytes that are held, and how far they may leave.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use bytes::Bytes;
use wiretape_core::{Held, Lost};

use super::{MEMORY_BYTES_MAX, TAIL_BYTES};
use crate::turn::Turn;

/// The bytes that are held.
pub(super) struct Content {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    memory: Vec<u8>,
    file: Option<Arc<File>>,
    file_bytes: u64,
    /// Nothing more comes.
    ended: bool,
    /// Nobody holds it any more.
    lost: bool,
    /// Up to where it was found in order, and may leave before the rest.
    in_order_bytes: u64,
    /// Whoever takes it waits for more.
    taker: Option<Waker>,
}

impl State {
    fn bytes(&self) -> u64 {
        self.memory.len() as u64 + self.file_bytes
    }
}

impl Content {
    pub(super) fn new() -> Self {
        Self { state: Mutex::default(), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes bytes in, and returns how many there are now.
    pub(super) fn push(&self, bytes: &[u8], folder: &Path) -> io::Result<u64> {
        let mut state = self.state();
        let room = MEMORY_BYTES_MAX - state.memory.len();
        let (kept, spooled) = bytes.split_at(bytes.len().min(room));
        state.memory.extend_from_slice(kept);
        if !spooled.is_empty() {
            let file = match &state.file {
                Some(file) => Arc::clone(file),
                None => Arc::clone(state.file.insert(Arc::new(tempfile::tempfile_in(folder)?))),
            };
            file.write_all_at(spooled, state.file_bytes)?;
            state.file_bytes += spooled.len() as u64;
        }
        let end = state.bytes();
        drop(state);
        self.changed.notify_all();
        Ok(end)
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

    /// Up to where it may leave before it is released, as whoever takes it sees it; none: it never will. The taker is
    /// woken when that changes.
    pub(super) fn ahead_bytes(&self, context: &Context<'_>) -> Option<u64> {
        let mut state = self.state();
        if state.lost {
            return None;
        }
        if !state.taker.as_ref().is_some_and(|taker| taker.will_wake(context.waker())) {
            state.taker = Some(context.waker().clone());
        }
        Some(state.in_order_bytes.min(state.bytes().saturating_sub(TAIL_BYTES)))
    }

    /// Whoever takes it looks again.
    pub(super) fn wake(&self) {
        let taker = self.state().taker.take();
        if let Some(taker) = taker {
            taker.wake();
        }
    }

    /// Reads what is there from `offset` on. Nothing: nothing is there yet.
    fn read(&self, state: MutexGuard<'_, State>, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let in_memory = usize::try_from(offset).ok().and_then(|at| state.memory.get(at..)).unwrap_or_default();
        if !in_memory.is_empty() {
            let length = in_memory.len().min(into.len());
            for (into, byte) in into.iter_mut().zip(in_memory) {
                *into = *byte;
            }
            return Ok(length);
        }
        let at = offset - state.memory.len() as u64;
        let there = usize::try_from(state.file_bytes.saturating_sub(at)).unwrap_or(usize::MAX);
        let length = there.min(into.len());
        let (Some(file), Some(into)) = (state.file.clone(), into.get_mut(..length)) else { return Ok(0) };
        // What was written stays as it is: reading needs no lock.
        drop(state);
        file.read_exact_at(into, at)?;
        Ok(length)
    }

    pub(super) fn read_exact(&self, mut offset: u64, length: usize) -> io::Result<Bytes> {
        let mut bytes = vec![0; length];
        let mut rest = bytes.as_mut_slice();
        while !rest.is_empty() {
            let read = self.read(self.state(), offset, rest)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            offset += read as u64;
            rest = rest.get_mut(read..).unwrap_or_default();
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
        if offset > state.in_order_bytes {
            state.in_order_bytes = offset;
            drop(state);
            self.content.wake();
        }
    }
}
