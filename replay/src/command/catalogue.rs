//! Finding sessions for a command.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail, ensure};
use wiretape_core::SessionId;
use wiretape_recorder::{Archive, FindError, SessionRow, Tape};

use crate::legible::excerpt;
use crate::table;

/// The shortest prefix of an id that is shown.
const PREFIX_LETTERS_MIN: usize = 5;

/// Opens the archive in `data_dir`.
pub(super) fn open(data_dir: &Path) -> anyhow::Result<Archive> {
    ensure!(
        data_dir.is_dir(),
        "there is no data folder at {}: name the gateway's with --data-dir or WIRETAPE_DATA_DIR",
        data_dir.display()
    );
    Ok(Archive::open(data_dir)?)
}

/// The session whose id starts with `prefix`; several are an error that lists them.
pub(super) fn find(archive: &Archive, prefix: &str) -> anyhow::Result<SessionRow> {
    match archive.find(&prefix.to_ascii_lowercase()) {
        Ok(row) => Ok(row),
        Err(FindError::NotFound { .. }) => {
            bail!("no session's id starts with `{}`: `replay` alone lists the recent ones", excerpt(prefix, 40))
        }
        Err(FindError::Ambiguous(ids)) => {
            let rows: Vec<_> = ids.iter().filter_map(|id| archive.find(&id.to_string()).ok()).collect();
            let rows: Vec<_> = rows.iter().map(|row| (row, row.id.to_string())).collect();
            let lines = table::sessions(&rows).join("\n");
            Err(anyhow!("`{}` is the start of {} ids; write more of it:\n{lines}", excerpt(prefix, 40), ids.len()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Opens the tape of a session.
pub(super) fn tape(row: &SessionRow) -> anyhow::Result<Arc<Tape>> {
    let tape = Tape::open(&row.tape).with_context(|| format!("the tape of session {} cannot be read", row.id))?;
    Ok(Arc::new(tape))
}

/// As much of an id as names one session only.
pub(super) fn short_id(archive: &Archive, id: &SessionId) -> String {
    let whole = id.to_string();
    let unique = (PREFIX_LETTERS_MIN..whole.len())
        .filter_map(|length| whole.get(..length))
        .find(|prefix| archive.find(prefix).is_ok());
    unique.unwrap_or(&whole).to_owned()
}
