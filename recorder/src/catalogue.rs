//! The catalogue's own thread: rows in, SQLite out, and nobody waits for it.
//!
//! Everything in the catalogue follows from the tapes. A row that cannot be written is named in the log and found
//! again by `wiretape reindex`; the tape is not touched by it.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use wiretape_core::SessionId;

use crate::ledger::Stand;
use crate::limits::CATALOGUE_PENDING_ROWS_MAX;
use crate::locked::locked;
use crate::row::SessionRow;
use crate::survey;
use crate::table::Table;

/// Called once the row is in the catalogue, or could not be put there.
pub(crate) type Tell = Box<dyn FnOnce() + Send>;

/// Takes rows for the catalogue.
pub(crate) struct Catalogue {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    pending: Mutex<Pending>,
    came: Condvar,
}

#[derive(Default)]
struct Pending {
    /// The newest row of each session that waits: an older one says nothing more.
    rows: HashMap<SessionId, Entry>,
    tell: Vec<Tell>,
    closed: bool,
}

/// A row that waits.
enum Entry {
    Row(SessionRow),
    /// The row of a tape that ended before everything that it counts was written: the tape knows better.
    Survey(SessionRow),
}

impl Entry {
    fn row(self) -> SessionRow {
        match self {
            Self::Row(row) => row,
            Self::Survey(row) => survey::row(&row.tape, Some(Stand::CutOff)).unwrap_or(row),
        }
    }
}

impl Catalogue {
    /// Starts the thread that writes to `table`.
    pub(crate) fn start(table: Table) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { pending: Mutex::new(Pending::default()), came: Condvar::new() });
        let theirs = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("tape-catalogue".to_owned()).spawn(move || run(&theirs, table))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Puts a row into the catalogue, soon.
    pub(crate) fn put(&self, row: SessionRow, tell: Option<Tell>) {
        self.push(row.id, Entry::Row(row), tell);
    }

    /// Puts the row of a tape that was cut off into the catalogue: drawn from the tape, or `row` when it is gone.
    pub(crate) fn put_cut_off(&self, row: SessionRow) {
        self.push(row.id, Entry::Survey(row), None);
    }

    fn push(&self, id: SessionId, entry: Entry, tell: Option<Tell>) {
        let mut pending = locked(&self.shared.pending);
        let full = pending.rows.len() >= CATALOGUE_PENDING_ROWS_MAX && !pending.rows.contains_key(&id);
        if full || pending.closed {
            drop(pending);
            tracing::error!(session = %id, "the catalogue did not take a session: run `wiretape reindex`");
            if let Some(tell) = tell {
                tell();
            }
            return;
        }
        pending.rows.insert(id, entry);
        pending.tell.extend(tell);
        drop(pending);
        self.shared.came.notify_one();
    }

    /// Writes what waits and stops the thread.
    pub(crate) fn close(&self) {
        locked(&self.shared.pending).closed = true;
        self.shared.came.notify_one();
        if let Some(thread) = locked(&self.thread).take() {
            // A thread that died has written what it could.
            let _ = thread.join();
        }
    }
}

fn run(shared: &Shared, mut table: Table) {
    loop {
        let pending = locked(&shared.pending);
        let mut pending = shared
            .came
            .wait_while(pending, |pending| !pending.closed && pending.rows.is_empty() && pending.tell.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        let closed = pending.closed;
        let entries = std::mem::take(&mut pending.rows);
        let tell = std::mem::take(&mut pending.tell);
        drop(pending);
        let rows: Vec<SessionRow> = entries.into_values().map(Entry::row).collect();
        if let Err(error) = table.put(&rows) {
            let sessions = rows.len();
            tracing::error!(%error, sessions, "the catalogue was not written: run `wiretape reindex`");
        }
        for tell in tell {
            tell();
        }
        if closed {
            return;
        }
    }
}
