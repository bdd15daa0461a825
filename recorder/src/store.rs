//! The store: one folder of tapes, written by one process at a time.

use std::path::Path;

use wiretape_core::SessionId;

use crate::error::StoreError;
use crate::recording::Recording;
use crate::settings::{Durability, Settings};

/// Writes tapes. Cheap to clone; one process at a time has the store of a data folder.
#[derive(Clone)]
pub struct Store {}

impl Store {
    /// Opens the store in `data_dir`, which is made when missing. Tapes that an earlier process left open are listed
    /// as cut off from now on.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another process has it; else what the file system or the catalogue refused.
    pub fn open(_data_dir: &Path, _settings: Settings) -> Result<Self, StoreError> {
        Err(StoreError::Closed)
    }

    /// Begins the tape of session `id`, which opened at `opened_unix_nanos` (nanoseconds since 1970-01-01 UTC).
    ///
    /// # Errors
    /// When the tape cannot be created, or the store was closed.
    pub fn begin(
        &self,
        _id: SessionId,
        _opened_unix_nanos: u64,
        _durability: Durability,
    ) -> Result<Recording, StoreError> {
        Err(StoreError::Closed)
    }

    /// Writes and syncs what was appended, and stops the store's threads. Tapes that were not finished stay without a
    /// trailer.
    pub fn close(&self) {}
}
