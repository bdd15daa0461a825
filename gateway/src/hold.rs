//! What is held for one side on one lane until it is understood and judged: the last of it in memory, what is more than
//! that in a file without a name. Whoever examines it reads it while it still grows, and where nothing could refuse it, it leaves
//! meanwhile.
//!
//! ```text
//!   Hold ── push ──► ┌────────────────────────────┬───────────┐
//!                    │ read, in order, may leave  │ held back │ ── released ──► all of it leaves
//!   Reader ◄── read ─┴────────────────────────────┴───────────┘ ── dropped ───► nothing more leaves
//!                      └── take ──► Leaving
//! ```

mod content;
mod leaving;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::turn::Turn;
use content::Content;
pub(crate) use content::Reader;
pub(crate) use leaving::{Leaving, Piece, Taken};

/// Bytes of one lane that are held in memory, but for one block; what came before them goes to disk.
const MEMORY_BYTES_MAX: usize = 1024 * 1024;

/// What goes to disk at once, and leaves at once.
const BLOCK_BYTES: usize = 256 * 1024;

/// What stays of everything that came, however much of it was read and may leave: far more than what ends a pack.
const TAIL_BYTES: u64 = 64 * 1024;

/// How much leaves at once, at least, while the rest is held: whoever sends it is woken as seldom.
const AHEAD_BYTES_MIN: u64 = BLOCK_BYTES as u64;

/// What is held, in the order in which it came. Dropping it without a release forgets it: nothing more of it leaves.
pub(crate) struct Hold<M> {
    shared: Arc<Shared<M>>,
}

struct Shared<M> {
    queue: Mutex<Queue<M>>,
    content: Arc<Content>,
}

struct Queue<M> {
    items: VecDeque<Item<M>>,
    /// Up to where the content is covered by which event, block by block.
    covers: VecDeque<Cover>,
    taken_bytes: u64,
    /// Who takes it may do so before it is released.
    ahead: bool,
    /// It may leave, and once which event is kept.
    released: Option<Option<u64>>,
}

enum Item<M> {
    Message(M, Option<u64>),
    /// So many bytes of the content.
    Bytes(u64),
}

/// The event that covers the content up to `end`.
struct Cover {
    end: u64,
    event: u64,
}

impl<M> fmt::Debug for Hold<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Hold")
    }
}

impl<M> Default for Hold<M> {
    fn default() -> Self {
        let queue =
            Queue { items: VecDeque::new(), covers: VecDeque::new(), taken_bytes: 0, ahead: false, released: None };
        Self { shared: Arc::new(Shared { queue: Mutex::new(queue), content: Arc::new(Content::new()) }) }
    }
}

impl<M> Shared<M> {
    fn queue(&self) -> MutexGuard<'_, Queue<M>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M> Hold<M> {
    /// Holds bytes behind what is held; `event` covers them, where they have to wait for one.
    ///
    /// # Errors
    /// The disk does not take them: then something is missing, and nothing of it may go.
    pub(crate) fn push_bytes(&mut self, bytes: &Bytes, event: Option<u64>, folder: &Path) -> io::Result<()> {
        let length = bytes.len() as u64;
        // Nobody takes what is not there yet.
        let end = self.shared.content.push(bytes, folder)?;
        let mut queue = self.shared.queue();
        match queue.items.back_mut() {
            Some(Item::Bytes(run)) => *run += length,
            _ => queue.items.push_back(Item::Bytes(length)),
        }
        if let Some(event) = event {
            queue.cover(end, event);
        }
        drop(queue);
        self.shared.content.wake_due();
        Ok(())
    }

    /// Holds a message without content behind what is held; `last`: no bytes come behind it.
    pub(crate) fn push(&mut self, message: M, event: Option<u64>, last: bool) {
        self.shared.queue().items.push_back(Item::Message(message, event));
        if last {
            self.shared.content.end();
        }
    }

    /// The bytes, for whoever examines them.
    pub(crate) fn reader(&self, turn: Turn) -> Reader {
        Reader::new(&self.shared.content, turn)
    }

    /// Calls `look` with the first message without content, where nothing stands before it.
    pub(crate) fn look_at_first<T>(&self, look: impl FnOnce(Option<&M>) -> T) -> T {
        match self.shared.queue().items.front() {
            Some(Item::Message(message, _)) => look(Some(message)),
            _ => look(None),
        }
    }

    /// What is held may leave while it is examined, as far as the examination lets it.
    pub(crate) fn leave_ahead(&mut self) -> Leaving<M> {
        self.shared.queue().ahead = true;
        Leaving::new(&self.shared)
    }

    /// Nothing more of it leaves. Returns how much of it had left, in bytes.
    pub(crate) fn forget(self) -> u64 {
        self.shared.content.lose();
        self.gone_bytes()
    }

    /// How much of it has left, in bytes.
    pub(crate) fn gone_bytes(&self) -> u64 {
        self.shared.queue().taken_bytes
    }

    /// All of it may leave, once `event` is kept. Returns who takes it, if nobody did so before.
    pub(crate) fn release(self, event: Option<u64>) -> Option<Leaving<M>> {
        let mut queue = self.shared.queue();
        queue.released = Some(event);
        let leaving = (!queue.ahead).then(|| Leaving::new(&self.shared));
        drop(queue);
        self.shared.content.wake();
        leaving
    }
}

impl<M> Drop for Hold<M> {
    fn drop(&mut self) {
        // Whoever took it out to send it reads it still.
        if self.shared.queue().released.is_none() {
            self.shared.content.lose();
        }
    }
}

impl<M> Queue<M> {
    /// `event` covers what came up to `end`. Within what leaves at once, waiting for the last event is enough.
    fn cover(&mut self, end: u64, event: u64) {
        let block = |end: u64| end.saturating_sub(1) / BLOCK_BYTES as u64;
        match self.covers.back_mut() {
            Some(last) if block(last.end) == block(end) => *last = Cover { end, event },
            _ => self.covers.push_back(Cover { end, event }),
        }
    }

    /// The event that covers the content up to `end`.
    fn covered(&mut self, end: u64) -> Option<u64> {
        while self.covers.len() > 1 && self.covers.front().is_some_and(|cover| cover.end < end) {
            self.covers.pop_front();
        }
        self.covers.front().map(|cover| cover.event)
    }
}

#[cfg(test)]
mod tests;
