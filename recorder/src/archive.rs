//! Finding tapes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use wiretape_core::SessionId;

use crate::error::{FindError, StoreError};
use crate::limits::AMBIGUOUS_SESSIONS_MAX;
use crate::liveness::is_live;
use crate::locked::locked;
use crate::row::{Filter, Reindexed, SessionRow};
use crate::survey;
use crate::table::{Found, Table};

/// How often a rebuilt catalogue is brought up to date with sessions that go on meanwhile.
const REINDEX_ROUNDS_MAX: usize = 8;

/// Reads a data folder, also while another process records into it.
pub struct Archive {
    data_dir: PathBuf,
    tapes: PathBuf,
    table: Mutex<Table>,
}

impl Archive {
    /// Opens the archive in `data_dir`.
    ///
    /// # Errors
    /// When there is none, or its catalogue cannot be opened.
    pub fn open(data_dir: &Path) -> Result<Self, StoreError> {
        let data_dir = std::path::absolute(data_dir).map_err(|error| StoreError::io("find", data_dir, error))?;
        let tapes = data_dir.join(survey::TAPES);
        let table = match Table::open_to_read(&data_dir, &tapes) {
            Ok(table) => table,
            Err(_) if !data_dir.is_dir() => return Err(StoreError::NoArchive { path: data_dir }),
            // A catalogue that nobody may read is not the same as none.
            Err(_) if !tapes.is_dir() && !Table::is_in(&data_dir) => {
                return Err(StoreError::NoArchive { path: data_dir });
            }
            // Tapes without a catalogue are an archive all the same.
            Err(error) if !tapes.is_dir() => return Err(error),
            Err(_) => {
                let (Found::Table(mut table) | Found::Empty(mut table)) = Table::open(&data_dir, &tapes)?;
                table.replace(&survey::rows(survey::all(&tapes)?).0)?;
                table
            }
        };
        Ok(Self { data_dir, tapes, table: Mutex::new(table) })
    }

    /// The sessions that `filter` lets through, newest first.
    ///
    /// # Errors
    /// When the catalogue cannot be read.
    pub fn sessions(&self, filter: &Filter) -> Result<Vec<SessionRow>, StoreError> {
        let rows = locked(&self.table).rows(filter)?;
        let fits = |row: &SessionRow| filter.state.is_none_or(|state| state == row.state);
        Ok(rows.into_iter().map(refresh).filter(fits).collect())
    }

    /// The one session whose name starts with `prefix`, in upper or lower case.
    ///
    /// # Errors
    /// [`FindError::NotFound`] and [`FindError::Ambiguous`]; or the catalogue cannot be read.
    pub fn find(&self, prefix: &str) -> Result<SessionRow, FindError> {
        let not_found = || FindError::NotFound { prefix: prefix.to_owned() };
        if prefix.is_empty() || !prefix.bytes().all(|letter| letter.is_ascii_alphanumeric()) {
            return Err(not_found());
        }
        let mut rows = locked(&self.table).starting_with(&prefix.to_ascii_lowercase(), AMBIGUOUS_SESSIONS_MAX)?;
        match rows.len() {
            0 => Err(not_found()),
            1 => rows.pop().map(refresh).ok_or_else(not_found),
            _ => Err(FindError::Ambiguous(rows.into_iter().map(|row| row.id).collect())),
        }
    }

    /// Where the tape of session `id` is. A path that does not exist when there is none.
    #[must_use]
    pub fn tape_path(&self, id: &SessionId) -> PathBuf {
        let name = format!("{id}.{}", survey::ENDING);
        let listed = locked(&self.table).starting_with(&id.to_string(), 1).ok().and_then(|mut rows| rows.pop());
        let listed = listed.map(|row| row.tape).filter(|tape| tape.exists());
        let found = || {
            let days = survey::days(&self.tapes).ok()?;
            days.into_iter().rev().map(|day| day.join(&name)).find(|tape| tape.exists())
        };
        listed.or_else(found).unwrap_or_else(|| self.tapes.join(&name))
    }

    /// Rebuilds the catalogue from the tapes, also while another process records.
    ///
    /// # Errors
    /// When the tapes cannot be listed or the catalogue cannot be written.
    pub fn reindex(&self) -> Result<Reindexed, StoreError> {
        let tapes = survey::all(&self.tapes)?;
        let (rows, unreadable) = survey::rows(tapes.iter().cloned());
        let (Found::Table(mut table) | Found::Empty(mut table)) = Table::open(&self.data_dir, &self.tapes)?;
        table.replace(&rows)?;
        let mut sessions = rows.len() as u64;
        let mut known: HashMap<PathBuf, bool> = tapes.into_iter().map(|tape| (tape, false)).collect();
        known.extend(rows.into_iter().map(|row| (row.tape, row.closed_unix_nanos.is_none())));
        // Sessions that opened or ended while the others were read told the catalogue before it was replaced.
        for _ in 0..REINDEX_ROUNDS_MAX {
            let changed: Vec<PathBuf> = survey::all(&self.tapes)?
                .into_iter()
                .filter(|tape| known.get(tape).is_none_or(|&live| live && !is_live(tape)))
                .collect();
            if changed.is_empty() {
                break;
            }
            let (rows, _) = survey::rows(changed.iter().cloned());
            table.put(&rows)?;
            sessions += changed.iter().filter(|tape| !known.contains_key(*tape)).count() as u64;
            // What cannot be read is not tried again.
            known.extend(changed.into_iter().map(|tape| (tape, false)));
            known.extend(rows.into_iter().map(|row| (row.tape, row.closed_unix_nanos.is_none())));
        }
        Ok(Reindexed { sessions, unreadable })
    }
}

/// A row as it is now: one that is listed as live, although nobody writes its tape any more, is read from the tape.
fn refresh(mut row: SessionRow) -> SessionRow {
    if row.closed_unix_nanos.is_some() {
        return row;
    }
    if is_live(&row.tape) {
        // The catalogue hears of a live session now and then only.
        row.tape_bytes = std::fs::metadata(&row.tape).map_or(row.tape_bytes, |tape| tape.len());
        return row;
    }
    survey::row(&row.tape, None).unwrap_or(row)
}
