//! The handle by which one session is recorded.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use wiretape_core::{Event, SessionId};

use crate::deck::Deck;
use crate::error::Lost;
use crate::reel::{End, Reel};
use crate::settings::Durability;
use crate::summary::Summary;

/// One session's tape while it is being written. Cheap to clone.
///
/// A recording that is dropped, with all its clones, before [`Recording::finish`] was called leaves a tape without a
/// trailer: the session counts as cut off.
#[derive(Clone)]
pub struct Recording {
    handle: Arc<Handle>,
}

struct Handle {
    deck: Arc<Deck>,
    reel: Arc<Reel>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.deck.follow(&self.reel, self.reel.end(End::Abandon));
    }
}

impl Recording {
    pub(crate) fn new(deck: Arc<Deck>, reel: Arc<Reel>) -> Self {
        Self { handle: Arc::new(Handle { deck, reel }) }
    }

    fn reel(&self) -> &Arc<Reel> {
        &self.handle.reel
    }

    fn deck(&self) -> &Deck {
        &self.handle.deck
    }

    /// The session that is recorded.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.reel().id
    }

    /// Appends an event and returns its number, counted from 0. Never waits, and copies no payload.
    ///
    /// The queue's budget is for the caller to keep, by waiting for [`Self::room`] before it reads more: an event that
    /// is there already is always taken.
    ///
    /// # Errors
    /// [`Lost`] when the recording is, or was finished.
    pub fn append(&self, event: Event) -> Result<u64, Lost> {
        let (number, then) = self.reel().append(event)?;
        self.deck().follow(self.reel(), then);
        Ok(number)
    }

    /// Waits until the queue is below its budget, and all queues together are below theirs.
    ///
    /// # Errors
    /// [`Lost`] when the recording is.
    pub async fn room(&self) -> Result<(), Lost> {
        let reel = self.reel();
        loop {
            let mut changed = pin!(reel.changed.notified());
            let mut room = pin!(self.deck().budget.room.notified());
            changed.as_mut().enable();
            room.as_mut().enable();
            if let Some(lost) = reel.lost.get() {
                return Err(lost.clone());
            }
            if self.has_room() {
                return Ok(());
            }
            poll_fn(|context| {
                if changed.as_mut().poll(context).is_ready() || room.as_mut().poll(context).is_ready() {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
        }
    }

    /// Whether [`Self::room`] would return at once.
    #[must_use]
    pub fn has_room(&self) -> bool {
        let (reel, settings) = (self.reel(), &self.deck().settings);
        reel.lost.get().is_some()
            || (reel.queued_bytes() < settings.queue_bytes_max
                && reel.unsynced_bytes() < settings.unsynced_bytes_max
                && self.deck().budget.has_room())
    }

    /// Waits until event `number` is as durable as this recording was asked to be.
    ///
    /// Nobody waits for the commit interval here: a writer takes the tape up at once, and everything that was appended
    /// meanwhile goes to the disk with it.
    ///
    /// # Errors
    /// [`Lost`] when the recording was lost before the event was that durable.
    pub async fn passed(&self, number: u64) -> Result<(), Lost> {
        let reel = self.reel();
        let count = match reel.durability {
            Durability::Queued => return reel.lost.get().map_or(Ok(()), |lost| Err(lost.clone())),
            Durability::Written => &reel.written,
            Durability::Synced => &reel.synced,
        };
        loop {
            let mut changed = pin!(reel.changed.notified());
            changed.as_mut().enable();
            if count.load(Ordering::Acquire) > number {
                return Ok(());
            }
            if let Some(lost) = reel.lost.get() {
                return Err(lost.clone());
            }
            if reel.written.load(Ordering::Acquire) > number {
                self.deck().sync(reel, true);
            } else {
                self.deck().follow(reel, reel.hurry());
            }
            changed.await;
        }
    }

    /// Waits until the recording is lost; forever when it never is.
    pub async fn lost(&self) -> Lost {
        let reel = self.reel();
        loop {
            let mut changed = pin!(reel.changed.notified());
            changed.as_mut().enable();
            if let Some(lost) = reel.lost.get() {
                return lost.clone();
            }
            changed.await;
        }
    }

    /// Ends the tape: writes index and trailer, and waits for the disk and the catalogue.
    ///
    /// # Errors
    /// [`Lost`] when the recording was lost before that.
    pub async fn finish(&self) -> Result<Summary, Lost> {
        let reel = self.reel();
        self.deck().follow(reel, reel.end(End::Finish));
        loop {
            let mut changed = pin!(reel.changed.notified());
            changed.as_mut().enable();
            if let Some(summary) = reel.summary.get() {
                return Ok(*summary);
            }
            if let Some(lost) = reel.lost.get() {
                return Err(lost.clone());
            }
            changed.await;
        }
    }
}
