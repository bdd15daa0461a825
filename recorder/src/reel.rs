//! One tape while it is being written: its queue, its file, and how far it got.
//!
//! ```text
//!              append                 tick, or enough waits
//!   Clean ───────────────► Waiting ─────────────────────────► Ready ──► Writing ──┐
//!     ▲                       ▲                                  ▲                │
//!     └── nothing came ───────┴────── something came ────────────┴────────────────┘
//! ```
//!
//! A reel is in at most one writer's hands, because only the step into `Ready` puts it on the writers' line.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::Notify;
use wiretape_core::{Event, SessionId};

use crate::budget::Budget;
use crate::cost;
use crate::encoder::Encoder;
use crate::error::Lost;
use crate::ledger::Stand;
use crate::limits::CHUNK_PLAIN_BYTES;
use crate::liveness;
use crate::locked::locked;
use crate::row::SessionRow;
use crate::settings::Durability;
use crate::summary::Summary;

/// Where a reel stands between its session and its writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing waits.
    Clean,
    /// Something waits for the next tick.
    Waiting,
    /// It is on the writers' line.
    Ready,
    /// A writer has it.
    Writing,
}

/// How a tape is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With its trailer.
    Finish,
    /// As it stands: its session went away without finishing it, or the store closes.
    Abandon,
}

/// What the owner of the lines has to do after a change of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Nothing.
    Nothing,
    /// Remember it for the next tick.
    Remember,
    /// Put it on the writers' line.
    Write,
}

struct Queue {
    events: Vec<Event>,
    waiting_bytes: usize,
    appended: u64,
    state: State,
    /// Whether it is on the list for the next tick.
    remembered: bool,
    /// Whether what is written next is to be synced at once, not with the next tick.
    hurried: bool,
    end: Option<End>,
    shut: bool,
}

/// What a writer takes in one go.
pub(crate) struct Batch {
    pub(crate) events: Vec<Event>,
    pub(crate) hurried: bool,
    pub(crate) end: Option<End>,
}

/// The writer's side of a reel.
pub(crate) struct Pen {
    pub(crate) encoder: Encoder,
    /// Where the file is good up to, in bytes.
    pub(crate) written_bytes: u64,
}

/// The last words about a tape, which wait for the disk.
#[derive(Clone, Debug)]
pub(crate) enum Last {
    /// It has its trailer.
    Sealed(Summary, Box<SessionRow>),
    /// It ended as it stood.
    Abandoned,
}

pub(crate) struct Reel {
    pub(crate) id: SessionId,
    pub(crate) opened_unix_nanos: u64,
    pub(crate) durability: Durability,
    pub(crate) path: PathBuf,
    queue: Mutex<Queue>,
    budget: Arc<Budget>,
    queued_bytes: AtomicUsize,
    /// Events that are written, and events that the disk has.
    pub(crate) written: AtomicU64,
    pub(crate) synced: AtomicU64,
    /// The size of the file that is written, and the size that the disk has.
    pub(crate) written_bytes: AtomicU64,
    pub(crate) synced_bytes: AtomicU64,
    /// Told of every change that somebody may wait for.
    pub(crate) changed: Notify,
    pub(crate) lost: OnceLock<Lost>,
    pub(crate) last: OnceLock<Last>,
    pub(crate) summary: OnceLock<Summary>,
    pub(crate) pen: Mutex<Pen>,
    pub(crate) file: Mutex<Option<Arc<File>>>,
    /// Milliseconds after the deck's start at which something was written.
    pub(crate) busy_millis: AtomicU64,
    /// Whether it is on the list of tapes that the next tick syncs.
    pub(crate) sync_later: AtomicBool,
    /// Whether it is on the syncers' line.
    pub(crate) sync_now: AtomicBool,
    /// Whether the folder's entry of the file is on disk.
    pub(crate) entry_synced: AtomicBool,
    /// Whether it is on the list of tapes that hold a context.
    pub(crate) framed: AtomicBool,
}

impl Reel {
    pub(crate) fn new(
        id: SessionId,
        opened_unix_nanos: u64,
        durability: Durability,
        path: PathBuf,
        file: File,
        encoder: Encoder,
        budget: Arc<Budget>,
    ) -> Self {
        let written_bytes = encoder.offset();
        Self {
            id,
            opened_unix_nanos,
            durability,
            path,
            queue: Mutex::new(Queue {
                events: Vec::new(),
                waiting_bytes: 0,
                appended: 0,
                state: State::Clean,
                remembered: false,
                hurried: false,
                end: None,
                shut: false,
            }),
            budget,
            queued_bytes: AtomicUsize::new(0),
            written: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            written_bytes: AtomicU64::new(0),
            synced_bytes: AtomicU64::new(0),
            changed: Notify::new(),
            lost: OnceLock::new(),
            last: OnceLock::new(),
            summary: OnceLock::new(),
            pen: Mutex::new(Pen { encoder, written_bytes }),
            file: Mutex::new(Some(Arc::new(file))),
            busy_millis: AtomicU64::new(0),
            sync_later: AtomicBool::new(false),
            sync_now: AtomicBool::new(false),
            entry_synced: AtomicBool::new(false),
            framed: AtomicBool::new(false),
        }
    }

    /// Puts `event` into the queue: its number, and what to do next.
    pub(crate) fn append(&self, event: Event) -> Result<(u64, Then), Lost> {
        let cost = cost::bytes(&event);
        let mut queue = locked(&self.queue);
        if queue.shut {
            drop(queue);
            return Err(self.lost_or("the recording was finished already"));
        }
        let number = queue.appended;
        queue.events.push(event);
        queue.appended += 1;
        queue.waiting_bytes += cost;
        // Counted before a writer can take it, so that what is released was counted.
        self.queued_bytes.fetch_add(cost, Ordering::AcqRel);
        self.budget.spend(cost);
        Ok((number, queue.next()))
    }

    /// Sees to it that what was appended is written and synced before the next tick.
    pub(crate) fn hurry(&self) -> Then {
        let mut queue = locked(&self.queue);
        match queue.state {
            State::Clean => Then::Nothing,
            State::Waiting => {
                queue.hurried = true;
                queue.state = State::Ready;
                Then::Write
            }
            State::Ready | State::Writing => {
                queue.hurried = true;
                Then::Nothing
            }
        }
    }

    /// The tick has come.
    pub(crate) fn tick(&self) -> Then {
        let mut queue = locked(&self.queue);
        queue.remembered = false;
        if queue.state == State::Waiting {
            queue.state = State::Ready;
            queue.hurried = true;
            Then::Write
        } else {
            Then::Nothing
        }
    }

    /// Takes no more events, and ends the tape once those that wait are written.
    pub(crate) fn end(&self, end: End) -> Then {
        let mut queue = locked(&self.queue);
        if queue.shut {
            return Then::Nothing;
        }
        queue.shut = true;
        queue.end = Some(end);
        queue.hurried = true;
        match queue.state {
            State::Clean | State::Waiting => {
                queue.state = State::Ready;
                Then::Write
            }
            State::Ready | State::Writing => Then::Nothing,
        }
    }

    /// A writer takes what waits.
    pub(crate) fn take(&self) -> Batch {
        let mut queue = locked(&self.queue);
        queue.state = State::Writing;
        queue.waiting_bytes = 0;
        Batch {
            events: std::mem::take(&mut queue.events),
            hurried: std::mem::take(&mut queue.hurried),
            end: queue.end.take(),
        }
    }

    /// A writer gives it back.
    pub(crate) fn give_back(&self) -> Then {
        let mut queue = locked(&self.queue);
        queue.state = State::Clean;
        if queue.end.is_some() || (queue.hurried && !queue.events.is_empty()) {
            queue.state = State::Ready;
            return Then::Write;
        }
        queue.hurried = false;
        if queue.events.is_empty() { Then::Nothing } else { queue.next() }
    }

    /// `cost` bytes of events were written or dropped.
    pub(crate) fn release(&self, cost: usize) {
        self.queued_bytes.fetch_sub(cost, Ordering::AcqRel);
        self.budget.give_back(cost);
        self.changed.notify_waiters();
    }

    /// Bytes that wait or are being written.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.queued_bytes.load(Ordering::Acquire)
    }

    /// Drops what waits and takes nothing any more.
    pub(crate) fn shut(&self) {
        let mut queue = locked(&self.queue);
        queue.shut = true;
        queue.end = None;
        let dropped = std::mem::take(&mut queue.events);
        let cost = std::mem::take(&mut queue.waiting_bytes);
        drop(queue);
        drop(dropped);
        self.release(cost);
    }

    /// Bytes that are written and not on the disk yet.
    pub(crate) fn unsynced_bytes(&self) -> u64 {
        let synced = self.synced_bytes.load(Ordering::Acquire);
        self.written_bytes.load(Ordering::Acquire).saturating_sub(synced)
    }

    /// The disk has the first `events` events and `bytes` bytes.
    pub(crate) fn note_synced(&self, events: u64, bytes: u64) {
        self.synced.fetch_max(events, Ordering::AcqRel);
        self.synced_bytes.fetch_max(bytes, Ordering::AcqRel);
        self.changed.notify_waiters();
    }

    /// The file, until the tape ended or was lost.
    pub(crate) fn file(&self) -> Option<Arc<File>> {
        locked(&self.file).clone()
    }

    /// Nothing more is written: whoever looks sees that the tape is not live.
    pub(crate) fn put_down(&self) {
        if let Some(file) = locked(&self.file).take() {
            liveness::drop_lock(&file);
        }
    }

    /// The row of the session, with what was written so far.
    pub(crate) fn row(&self, pen: &Pen, stand: Stand) -> SessionRow {
        pen.encoder.ledger().row(self.id, self.opened_unix_nanos, stand, pen.written_bytes, self.path.clone())
    }

    /// Why nothing more can be recorded.
    pub(crate) fn lost_or(&self, reason: &str) -> Lost {
        self.lost.get().cloned().unwrap_or_else(|| Lost { id: self.id, reason: reason.to_owned() })
    }
}

impl Queue {
    /// What an addition to the queue calls for.
    fn next(&mut self) -> Then {
        match self.state {
            State::Clean | State::Waiting if self.waiting_bytes >= CHUNK_PLAIN_BYTES => {
                self.state = State::Ready;
                Then::Write
            }
            State::Clean => {
                self.state = State::Waiting;
                if std::mem::replace(&mut self.remembered, true) { Then::Nothing } else { Then::Remember }
            }
            State::Waiting | State::Ready | State::Writing => Then::Nothing,
        }
    }
}
