//! What is held for one side on one lane until it is understood and judged: in memory up to a budget, then in a file
//! without a name. Whoever examines it reads it while it still grows.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use wiretape_core::{Held, Lost};

use crate::turn::Turn;

/// Bytes of one lane that are held in memory; what comes behind them goes to disk.
const MEMORY_BYTES_MAX: usize = 1024 * 1024;

/// How much is read back at once.
const READ_BACK_BYTES: u64 = 256 * 1024;

/// What is held, in the order in which it came.
pub(crate) struct Hold<M> {
    items: VecDeque<Item<M>>,
    content: Arc<Content>,
    taken_bytes: u64,
}

enum Item<M> {
    Message(M),
    /// So many bytes of the content.
    Bytes(u64),
}

/// A piece of what was held, on its way out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<M> {
    Message(M),
    Bytes(Bytes),
}

/// The bytes that are held.
struct Content {
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
}

impl<M> fmt::Debug for Hold<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Hold")
    }
}

impl<M> Hold<M> {
    pub(crate) fn new() -> Self {
        let content = Content { state: Mutex::default(), changed: Condvar::new() };
        Self { items: VecDeque::new(), content: Arc::new(content), taken_bytes: 0 }
    }

    /// Holds bytes behind what is held.
    ///
    /// # Errors
    /// The disk does not take them: then something is missing, and nothing of it may go.
    pub(crate) fn push_bytes(&mut self, bytes: &Bytes, folder: &Path) -> io::Result<()> {
        let length = bytes.len() as u64;
        match self.items.back_mut() {
            Some(Item::Bytes(run)) => *run += length,
            _ => self.items.push_back(Item::Bytes(length)),
        }
        self.content.push(bytes, folder)
    }

    /// Holds a message without content behind what is held; `last`: no bytes come behind it.
    pub(crate) fn push(&mut self, message: M, last: bool) {
        self.items.push_back(Item::Message(message));
        if last {
            self.content.state().ended = true;
            self.content.changed.notify_all();
        }
    }

    /// The bytes, for whoever examines them.
    pub(crate) fn reader(&self, turn: Turn) -> Reader {
        Reader { content: Arc::clone(&self.content), turn }
    }

    /// The first message without content, where nothing stands before it.
    pub(crate) fn first(&self) -> Option<&M> {
        match self.items.front() {
            Some(Item::Message(message)) => Some(message),
            _ => None,
        }
    }

    /// Takes out what came first.
    ///
    /// # Errors
    /// The disk does not give it back.
    pub(crate) fn take(&mut self) -> io::Result<Option<Piece<M>>> {
        match self.items.pop_front() {
            None => Ok(None),
            Some(Item::Message(message)) => Ok(Some(Piece::Message(message))),
            Some(Item::Bytes(run)) => {
                let length = run.min(READ_BACK_BYTES);
                if run > length {
                    self.items.push_front(Item::Bytes(run - length));
                }
                let bytes = self.content.read_exact(self.taken_bytes, usize::try_from(length).unwrap_or(0))?;
                self.taken_bytes += length;
                Ok(Some(Piece::Bytes(bytes)))
            }
        }
    }
}

impl<M> Drop for Hold<M> {
    fn drop(&mut self) {
        self.content.state().lost = true;
        self.content.changed.notify_all();
    }
}

impl Content {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, bytes: &[u8], folder: &Path) -> io::Result<()> {
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
        drop(state);
        self.changed.notify_all();
        Ok(())
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

    fn read_exact(&self, mut offset: u64, length: usize) -> io::Result<Bytes> {
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
            if offset < state.memory.len() as u64 + state.file_bytes {
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
}

#[cfg(test)]
mod tests {
    use std::thread;

    use bytes::Bytes;
    use wiretape_core::{Held, Lost};

    use super::{Hold, MEMORY_BYTES_MAX, Piece};
    use crate::turn::Turn;

    #[test]
    fn what_is_held_comes_out_as_it_came_and_is_read_while_it_grows() {
        let folder = tempfile::tempdir().unwrap();
        let mut hold = Hold::new();
        let mut reader = hold.reader(Turn::free());
        let all: Vec<u8> = (0..3 * MEMORY_BYTES_MAX + 77).map(|at| (at * 7 / 5) as u8).collect();
        let examined = thread::spawn(move || {
            let mut seen = Vec::new();
            let mut some = vec![0; 100_000];
            loop {
                match reader.read(seen.len() as u64, &mut some).unwrap() {
                    0 => return seen,
                    length => seen.extend_from_slice(&some[..length]),
                }
            }
        });
        hold.push("head", false);
        for run in all.chunks(70_001) {
            hold.push_bytes(&Bytes::copy_from_slice(run), folder.path()).unwrap();
        }
        hold.push("end", true);
        assert!(examined.join().unwrap() == all);
        assert_eq!(hold.first(), Some(&"head"));
        assert_eq!(hold.take().unwrap(), Some(Piece::Message("head")));
        let mut taken = Vec::new();
        let last = loop {
            match hold.take().unwrap() {
                Some(Piece::Bytes(bytes)) => taken.extend_from_slice(&bytes),
                other => break other,
            }
        };
        assert!(taken == all);
        assert_eq!(last, Some(Piece::Message("end")));
        assert_eq!(hold.take().unwrap(), None);
    }

    #[test]
    fn whoever_waits_for_more_hears_that_there_is_none() {
        let hold = Hold::<()>::new();
        let mut reader = hold.reader(Turn::free());
        let waits = thread::spawn(move || reader.read(0, &mut [0; 8]));
        drop(hold);
        assert_eq!(waits.join().unwrap(), Err(Lost));
    }

    #[test]
    fn a_disk_that_takes_nothing_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        let mut hold = Hold::<()>::new();
        hold.push_bytes(&Bytes::from(vec![1; MEMORY_BYTES_MAX]), &gone).unwrap();
        assert!(hold.push_bytes(&Bytes::from_static(b"x"), &gone).is_err());
    }
}
