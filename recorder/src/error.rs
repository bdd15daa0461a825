//! What can go wrong, said so that the reader knows what to do about it.

use std::io;
use std::path::PathBuf;

use wiretape_core::SessionId;

/// A recording that the recorder can no longer keep. The session that it records must end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the recording of session {id} is lost: {reason}")]
pub struct Lost {
    /// The session whose recording it was.
    pub id: SessionId,
    /// What happened, and what the operator can do about it.
    pub reason: String,
}

/// The store of tapes, or its catalogue, could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried: `open`, `create`, ….
        doing: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process records into this data folder.
    #[error("{} is in use by another process: stop it, or set another data_dir", path.display())]
    InUse {
        /// The data folder.
        path: PathBuf,
    },
    /// There is a tape of this session already.
    #[error("a tape of session {id} exists already")]
    Exists {
        /// The session.
        id: SessionId,
    },
    /// There is too little room for another tape.
    #[error("{} has {free_bytes} bytes free, and a session needs {free_bytes_min} to begin: make room there, or move data_dir", path.display())]
    Full {
        /// The folder of the tapes.
        path: PathBuf,
        /// How much is free.
        free_bytes: u64,
        /// How much has to be.
        free_bytes_min: u64,
    },
    /// More sessions are recorded than the store takes.
    #[error("{recordings_max} sessions are being recorded already")]
    TooMany {
        /// How many it takes.
        recordings_max: usize,
    },
    /// Nothing was ever recorded there.
    #[error("nothing is recorded in {}: is it the gateway's data folder? name it with --data-dir or WIRETAPE_DATA_DIR", path.display())]
    NoArchive {
        /// The folder.
        path: PathBuf,
    },
    /// The store was closed.
    #[error("the recorder is closed")]
    Closed,
    /// The catalogue of sessions could not be read or written.
    #[error("the catalogue {} cannot be used: {source} (`wiretape reindex` rebuilds it from the tapes)", path.display())]
    Catalogue {
        /// The catalogue's file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

impl StoreError {
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>, source: impl Into<io::Error>) -> Self {
        Self::Io { doing, path: path.into(), source: source.into() }
    }
}

/// A session could not be found by the start of its name.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// No session has a name that starts so.
    #[error("no session's name starts with {prefix:?}")]
    NotFound {
        /// What was looked for.
        prefix: String,
    },
    /// More than one has.
    #[error("{} sessions have names that start so; give more letters: {}", .0.len(), names(.0))]
    Ambiguous(Vec<SessionId>),
    /// The catalogue could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn names(ids: &[SessionId]) -> String {
    ids.iter().map(SessionId::to_string).collect::<Vec<_>>().join(", ")
}

/// A tape could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    /// The file system refused.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The tape.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file does not start as a tape does.
    #[error("{} is not a tape", path.display())]
    NotATape {
        /// The file.
        path: PathBuf,
    },
    /// The tape was made by a later version.
    #[error("{} is a tape of version {version}; this program reads version 1", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version it names.
        version: u16,
    },
    /// What stands at `offset` is not what the recorder wrote there.
    #[error("the tape is damaged at byte {offset}: {what}")]
    Damaged {
        /// Where in the file, in bytes.
        offset: u64,
        /// What is wrong.
        what: String,
    },
}
