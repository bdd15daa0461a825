//! The catalogue's rows, drawn from the tapes.

use std::fs;
use std::path::{Path, PathBuf};

use wiretape_core::SessionId;

use crate::error::{StoreError, TapeError};
use crate::ledger::{Ledger, Stand};
use crate::liveness::is_live;
use crate::row::SessionRow;
use crate::tape::{Ending, Tape};

/// The folder of the tapes in a data folder.
pub(crate) const TAPES: &str = "tapes";

/// The ending of a tape's file name.
pub(crate) const ENDING: &str = "tape";

/// The row of the tape at `path`, which stands as `unsealed` when it has no trailer; else as its lock says.
pub(crate) fn row(path: &Path, unsealed: Option<Stand>) -> Result<SessionRow, TapeError> {
    // Looked at first: a tape that ends meanwhile is read as it ended.
    let unsealed = unsealed.unwrap_or_else(|| if is_live(path) { Stand::Live } else { Stand::CutOff });
    let tape = Tape::open(path)?;
    let tape_bytes = fs::metadata(path).map_err(|source| TapeError::Io { path: path.to_owned(), source })?.len();
    let mut ledger = Ledger::default();
    let mut damage = None;
    for event in tape.events() {
        match event {
            Ok(event) => {
                ledger.note(&event);
            }
            Err(error) => damage = Some(error.to_string()),
        }
    }
    let stand = match tape.ending() {
        Ending::Sealed(_) => Stand::Sealed,
        Ending::UnsealedTail { .. } => unsealed,
    };
    let header = tape.header();
    let mut row = ledger.row(header.id, header.opened_unix_nanos, stand, tape_bytes, path.to_owned());
    if let Some(damage) = damage {
        row.reason = damage;
    }
    Ok(row)
}

/// The folders of days, by name, oldest first.
pub(crate) fn days(tapes: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut days: Vec<PathBuf> = entries(tapes)?.into_iter().filter(|path| path.is_dir()).collect();
    days.sort();
    Ok(days)
}

/// The tapes of one day, with the sessions that their names say.
pub(crate) fn tapes(day: &Path) -> Result<Vec<(SessionId, PathBuf)>, StoreError> {
    let named = |path: PathBuf| {
        let is_tape = path.extension().is_some_and(|ending| ending == ENDING);
        let id = SessionId::parse(path.file_stem()?.to_str()?)?;
        is_tape.then_some((id, path))
    };
    Ok(entries(day)?.into_iter().filter_map(named).collect())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let wrap = |error| StoreError::io("list", folder, error);
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path()).map_err(wrap)).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(wrap(error)),
    }
}

/// The rows of all `tapes`, and how many of them could not be read.
pub(crate) fn rows(tapes: impl IntoIterator<Item = PathBuf>) -> (Vec<SessionRow>, u64) {
    let mut unreadable = 0;
    let mut rows = Vec::new();
    for path in tapes {
        match row(&path, None) {
            Ok(row) => rows.push(row),
            Err(error) => {
                tracing::warn!(tape = %path.display(), %error, "a tape cannot be read and is not listed");
                unreadable += 1;
            }
        }
    }
    (rows, unreadable)
}

/// Every tape of the folder.
pub(crate) fn all(tapes_folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut all = Vec::new();
    for day in days(tapes_folder)? {
        all.extend(tapes(&day)?.into_iter().map(|(_, path)| path));
    }
    Ok(all)
}
