//! The store: one folder of tapes, written by one process at a time.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use wiretape_core::SessionId;

use crate::catalogue::Catalogue;
use crate::day;
use crate::deck::{Deck, Shut};
use crate::encoder::{Encoder, Scratch};
use crate::error::StoreError;
use crate::format::header::{Header, VERSION};
use crate::ledger::Stand;
use crate::limits::RECORDINGS_OPEN_MAX;
use crate::liveness;
use crate::locked::locked;
use crate::recording::Recording;
use crate::reel::Reel;
use crate::row::Filter;
use crate::settings::{Durability, Settings};
use crate::survey;
use crate::table::{Found, Table};
use crate::{syncer, ticker, writer};

const FOLDER_MODE: u32 = 0o700;
const TAPE_MODE: u32 = 0o600;

/// How far before the newest listed session tapes are looked for that the catalogue does not list.
const UNLISTED_NANOS: u64 = 24 * 3600 * 1_000_000_000;

/// Writes tapes. Cheap to clone; one process at a time has the store of a data folder.
///
/// When the last clone is dropped, the store closes as by [`Store::close`].
#[derive(Clone)]
pub struct Store {
    owner: Arc<Owner>,
}

/// How much of what is limited is in use; see [`Store::gauges`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gauges {
    /// Tapes that are being written.
    pub recordings: usize,
    /// Bytes of events that wait to be written, over all tapes.
    pub queued_bytes: usize,
    /// Compression contexts that tapes hold.
    pub contexts_held: usize,
    /// Compression contexts that lie unused in the pool.
    pub contexts_spare: usize,
}

struct Owner {
    deck: Arc<Deck>,
    tapes: PathBuf,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// The data folder is this process's while the file is open.
    lock: Mutex<Option<File>>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.close();
    }
}

impl Store {
    /// Opens the store in `data_dir`, which is made when missing. Tapes that an earlier process left open are listed
    /// as cut off from now on.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another process has it; else what the file system or the catalogue refused.
    pub fn open(data_dir: &Path, settings: Settings) -> Result<Self, StoreError> {
        make_folder(data_dir)?;
        let data_dir = std::path::absolute(data_dir).map_err(|error| StoreError::io("find", data_dir, error))?;
        let lock = liveness::take(&data_dir)?;
        let tapes = data_dir.join(survey::TAPES);
        make_folder(&tapes)?;
        let table = match Table::open(&data_dir, &tapes)? {
            Found::Table(mut table) => {
                catch_up(&mut table, &tapes)?;
                table
            }
            Found::Empty(mut table) => {
                table.replace(&survey::rows(survey::all(&tapes)?).0)?;
                table
            }
        };
        let no_thread = |error| StoreError::io("start the threads of", &tapes, error);
        let catalogue = Catalogue::start(table).map_err(no_thread)?;
        let deck = Arc::new(Deck::new(settings, catalogue));
        let owner = Owner {
            deck: Arc::clone(&deck),
            tapes: tapes.clone(),
            threads: Mutex::new(Vec::new()),
            lock: Mutex::new(Some(lock)),
        };
        // On an error the owner is dropped, which stops the threads that run already.
        owner.start().map_err(no_thread)?;
        Ok(Self { owner: Arc::new(owner) })
    }

    /// Begins the tape of session `id`, which opened at `opened_unix_nanos` (nanoseconds since 1970-01-01 UTC).
    ///
    /// # Errors
    /// When the tape cannot be created, or the store was closed.
    pub fn begin(
        &self,
        id: SessionId,
        opened_unix_nanos: u64,
        durability: Durability,
    ) -> Result<Recording, StoreError> {
        let deck = &self.owner.deck;
        if deck.is_closed() {
            return Err(StoreError::Closed);
        }
        self.owner.check_room()?;
        let day = self.owner.tapes.join(day::folder(opened_unix_nanos));
        make_folder(&day)?;
        let path = day.join(format!("{id}.{}", survey::ENDING));
        let (header, link) = Header { version: VERSION, id, opened_unix_nanos }.encode();
        let file = create(&path, id, &header)?;
        let encoder = Encoder::new(link, Arc::clone(&deck.contexts), deck.settings.frame_bytes_max);
        let budget = Arc::clone(&deck.budget);
        let reel = Arc::new(Reel::new(id, opened_unix_nanos, durability, path, file, encoder, budget));
        if let Err(shut) = deck.enter(&reel) {
            // The tape is empty, and nobody was told of it.
            let _ = fs::remove_file(&reel.path);
            return Err(match shut {
                Shut::Closed => StoreError::Closed,
                Shut::Exists => StoreError::Exists { id },
                Shut::TooMany => StoreError::TooMany { recordings_max: RECORDINGS_OPEN_MAX },
            });
        }
        deck.catalogue.put(reel.row(&locked(&reel.pen), Stand::Live), None);
        Ok(Recording::new(Arc::clone(deck), reel))
    }

    /// How much of what is limited is in use now.
    #[must_use]
    pub fn gauges(&self) -> Gauges {
        let deck = &self.owner.deck;
        Gauges {
            recordings: deck.recordings(),
            queued_bytes: deck.budget.spent(),
            contexts_held: deck.contexts.held(),
            contexts_spare: deck.contexts.spare(),
        }
    }

    /// Writes and syncs what was appended, and stops the store's threads. Tapes that were not finished stay without a
    /// trailer.
    pub fn close(&self) {
        self.owner.close();
    }
}

impl Owner {
    fn start(&self) -> io::Result<()> {
        let mut threads = locked(&self.threads);
        let mut start = |name: &str, run: Box<dyn FnOnce(&Deck) + Send>| -> io::Result<()> {
            let deck = Arc::clone(&self.deck);
            threads.push(std::thread::Builder::new().name(name.to_owned()).spawn(move || run(&deck))?);
            Ok(())
        };
        for _ in 0..self.deck.settings.writers.max(1) {
            let scratch = Scratch::new().map_err(io::Error::other)?;
            start("tape-writer", Box::new(move |deck| writer::run(deck, scratch)))?;
        }
        for _ in 0..self.deck.settings.syncers.max(1) {
            start("tape-syncer", Box::new(syncer::run))?;
        }
        start("tape-ticker", Box::new(ticker::run))
    }

    /// A session that could record next to nothing is better refused than cut off.
    fn check_room(&self) -> Result<(), StoreError> {
        let free_bytes_min = self.deck.settings.free_bytes_min;
        let room = rustix::fs::statvfs(&self.tapes).map_err(|error| StoreError::io("look at", &self.tapes, error))?;
        let free_bytes = room.f_bavail.saturating_mul(room.f_frsize);
        if free_bytes < free_bytes_min {
            return Err(StoreError::Full { path: self.tapes.clone(), free_bytes, free_bytes_min });
        }
        Ok(())
    }

    fn close(&self) {
        self.deck.close();
        for thread in std::mem::take(&mut *locked(&self.threads)) {
            // A thread that died has nothing more to do.
            let _ = thread.join();
        }
        self.deck.catalogue.close();
        if let Some(file) = locked(&self.lock).take() {
            liveness::drop_lock(&file);
        }
    }
}

/// Lists what happened when the last store ended otherwise than by closing: its live sessions are cut off, and the
/// newest tapes may be missing.
fn catch_up(table: &mut Table, tapes: &Path) -> Result<(), StoreError> {
    let mut stale: Vec<PathBuf> = table
        .rows(&Filter::default())?
        .into_iter()
        .filter(|row| row.closed_unix_nanos.is_none())
        .map(|row| row.tape)
        .collect();
    let newest = table.newest()?.map(|newest| tapes.join(day::folder(newest.saturating_sub(UNLISTED_NANOS))));
    for day in survey::days(tapes)? {
        if newest.as_ref().is_some_and(|newest| day < *newest) {
            continue;
        }
        for (id, tape) in survey::tapes(&day)? {
            if table.starting_with(&id.to_string(), 1)?.is_empty() {
                stale.push(tape);
            }
        }
    }
    let (rows, _) = survey::rows(stale);
    table.put(&rows)
}

fn create(path: &Path, id: SessionId, header: &[u8]) -> Result<File, StoreError> {
    let file = File::options().read(true).write(true).create_new(true).mode(TAPE_MODE).open(path).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            StoreError::Exists { id }
        } else {
            StoreError::io("create", path, error)
        }
    })?;
    let marked = liveness::mark(&file).map_err(io::Error::from).and_then(|()| file.write_all_at(header, 0));
    if let Err(error) = marked {
        // Without a header it is no tape.
        let _ = fs::remove_file(path);
        return Err(StoreError::io("write", path, error));
    }
    Ok(file)
}

/// Makes a folder that only its owner may enter, and sees to it that it is there after a power cut.
fn make_folder(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        return Ok(());
    }
    let wrap = |error| StoreError::io("create", path, error);
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path).map_err(wrap)?;
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent).and_then(|parent| parent.sync_all()).map_err(wrap),
        None => Ok(()),
    }
}
