//! Finding tapes.

use std::path::{Path, PathBuf};

use wiretape_core::SessionId;

use crate::error::{FindError, StoreError};
use crate::row::{Filter, Reindexed, SessionRow};

/// Reads a data folder, also while another process records into it.
pub struct Archive {
    data_dir: PathBuf,
}

impl Archive {
    /// Opens the archive in `data_dir`.
    ///
    /// # Errors
    /// When there is none, or its catalogue cannot be opened.
    pub fn open(data_dir: &Path) -> Result<Self, StoreError> {
        Ok(Self { data_dir: data_dir.to_owned() })
    }

    /// The sessions that `filter` lets through, newest first.
    ///
    /// # Errors
    /// When the catalogue cannot be read.
    pub fn sessions(&self, _filter: &Filter) -> Result<Vec<SessionRow>, StoreError> {
        Ok(Vec::new())
    }

    /// The one session whose name starts with `prefix`.
    ///
    /// # Errors
    /// [`FindError::NotFound`] and [`FindError::Ambiguous`]; or the catalogue cannot be read.
    pub fn find(&self, prefix: &str) -> Result<SessionRow, FindError> {
        Err(FindError::NotFound { prefix: prefix.to_owned() })
    }

    /// Where the tape of session `id` is, or would be.
    #[must_use]
    pub fn tape_path(&self, id: &SessionId) -> PathBuf {
        self.data_dir.join(id.to_string())
    }

    /// Rebuilds the catalogue from the tapes.
    ///
    /// # Errors
    /// When the tapes cannot be listed or the catalogue cannot be written.
    pub fn reindex(&self) -> Result<Reindexed, StoreError> {
        Ok(Reindexed::default())
    }
}
