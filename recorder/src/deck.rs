//! What the threads of a store share: the lines of work between sessions, writers and the disk.
//!
//! ```text
//!   append ──► Waiting ──tick──► ready ──► writer ──► syncs ──► syncer ──► those who wait
//!                 └──enough waits──┘          └─► tick ─┘
//! ```

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use wiretape_core::SessionId;

use crate::budget::Budget;
use crate::catalogue::Catalogue;
use crate::clock::Stopwatch;
use crate::contexts::Contexts;
use crate::error::Lost;
use crate::ledger::Stand;
use crate::line::Line;
use crate::locked::locked;
use crate::reel::{End, Last, Reel, Then};
use crate::settings::Settings;

pub(crate) struct Deck {
    pub(crate) settings: Settings,
    pub(crate) contexts: Arc<Contexts>,
    pub(crate) catalogue: Catalogue,
    pub(crate) budget: Arc<Budget>,
    /// Tapes with something to write.
    pub(crate) ready: Line<Arc<Reel>>,
    /// Tapes to be synced.
    pub(crate) syncs: Line<Arc<Reel>>,
    pub(crate) due: Mutex<Due>,
    pub(crate) due_came: Condvar,
    reels: Mutex<Reels>,
    reels_gone: Condvar,
    started: Stopwatch,
}

/// What the next tick looks at. No tape stands twice on any of these lists.
#[derive(Default)]
pub(crate) struct Due {
    /// Tapes with something to write.
    pub(crate) waiting: Vec<Arc<Reel>>,
    /// Tapes with something to sync.
    pub(crate) written: Vec<Arc<Reel>>,
    /// Tapes that hold a compression context.
    pub(crate) framed: Vec<Arc<Reel>>,
    pub(crate) closed: bool,
}

#[derive(Default)]
struct Reels {
    open: HashMap<SessionId, Arc<Reel>>,
    closed: bool,
}

/// Why a tape was not let in.
pub(crate) enum Shut {
    Closed,
    Exists,
    TooMany,
}

impl Deck {
    pub(crate) fn new(settings: Settings, catalogue: Catalogue) -> Self {
        Self {
            contexts: Contexts::new(settings.contexts_max),
            budget: Budget::new(settings.queue_bytes_total_max),
            settings,
            catalogue,
            ready: Line::new(),
            syncs: Line::new(),
            due: Mutex::new(Due::default()),
            due_came: Condvar::new(),
            reels: Mutex::new(Reels::default()),
            reels_gone: Condvar::new(),
            started: Stopwatch::start(),
        }
    }

    /// Milliseconds since the deck started.
    pub(crate) fn millis(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether nothing was written to the tape for so long that it gives its compression context back.
    pub(crate) fn is_idle(&self, reel: &Reel) -> bool {
        let busy = Duration::from_millis(reel.busy_millis.load(Ordering::Acquire));
        self.started.elapsed().saturating_sub(busy) >= self.settings.idle
    }

    /// Lets a tape in.
    pub(crate) fn enter(&self, reel: &Arc<Reel>) -> Result<(), Shut> {
        let mut reels = locked(&self.reels);
        if reels.closed {
            return Err(Shut::Closed);
        }
        if reels.open.len() >= crate::limits::RECORDINGS_OPEN_MAX {
            return Err(Shut::TooMany);
        }
        if reels.open.contains_key(&reel.id) {
            return Err(Shut::Exists);
        }
        reels.open.insert(reel.id, Arc::clone(reel));
        Ok(())
    }

    /// Whether tapes are still let in.
    pub(crate) fn is_closed(&self) -> bool {
        locked(&self.reels).closed
    }

    /// How many tapes are being written.
    pub(crate) fn recordings(&self) -> usize {
        locked(&self.reels).open.len()
    }

    fn leave(&self, reel: &Reel) {
        locked(&self.reels).open.remove(&reel.id);
        self.reels_gone.notify_all();
    }

    /// Does what a change of the reel's queue calls for.
    pub(crate) fn follow(&self, reel: &Arc<Reel>, then: Then) {
        match then {
            Then::Nothing => {}
            Then::Write => self.ready.push(Arc::clone(reel)),
            Then::Remember => {
                locked(&self.due).waiting.push(Arc::clone(reel));
                self.due_came.notify_one();
            }
        }
    }

    /// What was written is to be synced: now, or with the next tick.
    pub(crate) fn sync(&self, reel: &Arc<Reel>, now: bool) {
        if now {
            if !reel.sync_now.swap(true, Ordering::AcqRel) {
                self.syncs.push(Arc::clone(reel));
            }
        } else if !reel.sync_later.swap(true, Ordering::AcqRel) {
            locked(&self.due).written.push(Arc::clone(reel));
            self.due_came.notify_one();
        }
    }

    /// The tape holds a compression context from now on.
    pub(crate) fn framed(&self, reel: &Arc<Reel>) {
        if !reel.framed.swap(true, Ordering::AcqRel) {
            locked(&self.due).framed.push(Arc::clone(reel));
            self.due_came.notify_one();
        }
    }

    /// The recording cannot go on.
    pub(crate) fn fail(&self, reel: &Arc<Reel>, reason: String) {
        tracing::error!(session = %reel.id, tape = %reel.path.display(), %reason, "a recording is lost");
        self.drop_out(reel, reason, false);
    }

    /// Ends a tape as it stands. `whole` says that everything that was taken in is on it.
    fn drop_out(&self, reel: &Arc<Reel>, reason: String, whole: bool) {
        let lost = Lost { id: reel.id, reason };
        if reel.lost.set(lost).is_err() {
            return;
        }
        reel.shut();
        let row = {
            let mut pen = locked(&reel.pen);
            pen.encoder.end_frame();
            reel.row(&pen, Stand::CutOff)
        };
        reel.put_down();
        if whole {
            self.catalogue.put(row, None);
        } else {
            self.catalogue.put_cut_off(row);
        }
        reel.changed.notify_waiters();
        self.leave(reel);
    }

    /// The tape's last bytes are on disk, or as near to it as was asked.
    pub(crate) fn complete(&self, reel: &Arc<Reel>, last: &Last) {
        reel.put_down();
        match last {
            Last::Abandoned => {
                self.drop_out(reel, "the recording ended before the session did".to_owned(), true);
            }
            Last::Sealed(summary, row) => {
                let (told, summary) = (Arc::clone(reel), *summary);
                // Who waits for the end of the tape finds it in the catalogue.
                let tell = Box::new(move || {
                    if told.summary.set(summary).is_ok() {
                        told.changed.notify_waiters();
                    }
                });
                self.catalogue.put(row.as_ref().clone(), Some(tell));
                self.leave(reel);
            }
        }
    }

    /// Writes and syncs everything; no tape is open afterwards.
    pub(crate) fn close(&self) {
        let open: Vec<Arc<Reel>> = {
            let mut reels = locked(&self.reels);
            reels.closed = true;
            reels.open.values().cloned().collect()
        };
        for reel in open {
            self.follow(&reel, reel.end(End::Abandon));
        }
        let mut reels = locked(&self.reels);
        while !reels.open.is_empty() {
            reels = self.reels_gone.wait(reels).unwrap_or_else(PoisonError::into_inner);
        }
        drop(reels);
        self.ready.close();
        self.syncs.close();
        locked(&self.due).closed = true;
        self.due_came.notify_all();
    }
}
