//! What was held, on its way out: all of it once it is released, before that as much as may go ahead.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::{AHEAD_BYTES_MIN, BLOCK_BYTES, Item, Queue, Shared};

/// The end of a hold that is taken from, by one who sends it on.
pub(crate) struct Leaving<M> {
    shared: Arc<Shared<M>>,
}

/// A piece of what was held.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<M> {
    Message(M),
    Bytes(Bytes),
}

/// What comes out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken<M> {
    /// The next piece, and the event that has to be kept before it leaves.
    Piece(Piece<M>, Option<u64>),
    /// That was all: it was released.
    All,
    /// The rest was forgotten and never comes; so many bytes were taken before.
    Cut { gone_bytes: u64 },
}

impl<M> Leaving<M> {
    pub(super) fn new(shared: &Arc<Shared<M>>) -> Self {
        Self { shared: Arc::clone(shared) }
    }

    /// Takes out what comes next; pending while that may not leave.
    ///
    /// # Errors
    /// The disk does not give it back.
    pub(crate) fn poll_take(&mut self, context: &Context<'_>) -> Poll<io::Result<Taken<M>>> {
        let mut queue = self.shared.queue();
        let ahead_bytes = match queue.released {
            Some(_) => u64::MAX,
            None => match self.shared.content.ahead_bytes(queue.taken_bytes + AHEAD_BYTES_MIN, context) {
                Some(bytes) => bytes,
                None => return Poll::Ready(Ok(Taken::Cut { gone_bytes: queue.taken_bytes })),
            },
        };
        let released = queue.released;
        if released.is_none() && !queue.goes_ahead(ahead_bytes) {
            return Poll::Pending;
        }
        match queue.items.pop_front() {
            None => Poll::Ready(Ok(Taken::All)),
            Some(Item::Message(message, event)) => {
                Poll::Ready(Ok(Taken::Piece(Piece::Message(message), released.flatten().or(event))))
            }
            Some(Item::Bytes(run)) => {
                let begin = queue.taken_bytes;
                let block_end = (begin / BLOCK_BYTES as u64 + 1) * BLOCK_BYTES as u64;
                let length = run.min(block_end - begin).min(ahead_bytes.saturating_sub(begin));
                if run > length {
                    queue.items.push_front(Item::Bytes(run - length));
                }
                queue.taken_bytes += length;
                let event = queue.covered(begin + length);
                drop(queue);
                let bytes = self.shared.content.piece(begin, usize::try_from(length).unwrap_or(0));
                Poll::Ready(bytes.map(|bytes| Taken::Piece(Piece::Bytes(bytes), released.flatten().or(event))))
            }
        }
    }
}

impl<M> Queue<M> {
    /// Whether something may leave that is not released, of the first `ahead_bytes` of the content. What stands before
    /// the content goes with it, what stands behind any of it waits.
    fn goes_ahead(&self, ahead_bytes: u64) -> bool {
        let begun = self.taken_bytes > 0;
        match self.items.front() {
            Some(Item::Message(..)) if begun => false,
            Some(_) => self.ahead && ahead_bytes.saturating_sub(self.taken_bytes) >= AHEAD_BYTES_MIN,
            None => false,
        }
    }
}
