//! Who holds what: the lock of the data folder, and the locks of the tapes that are being written.
//!
//! The system drops a process's locks when it dies, however it dies, so that a lock says what no note in a file can.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::error::StoreError;

/// The file that the one store of a data folder holds locked.
const LOCK_FILE: &str = "recorder.lock";

/// Takes the data folder for this process, for as long as the file is open.
pub(crate) fn take(data_dir: &Path) -> Result<File, StoreError> {
    let path = data_dir.join(LOCK_FILE);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| StoreError::io("open", &path, error))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(StoreError::InUse { path: data_dir.to_owned() }),
        Err(error) => Err(StoreError::io("lock", path, error)),
    }
}

/// Gives up what `file` holds. Closing it alone would leave the lock to a child process that is just being started, and
/// has every open file of this one until its program runs.
pub(crate) fn drop_lock(file: &File) {
    // Where that cannot be done, the lock goes with the last copy.
    let _ = flock(file, FlockOperation::Unlock);
}

/// Marks a tape as being written, for as long as the file is open.
pub(crate) fn mark(tape: &File) -> rustix::io::Result<()> {
    // Whoever looks whether a tape is live holds it for a moment only.
    flock(tape, FlockOperation::LockExclusive)
}

/// Whether somebody writes the tape at `path`.
pub(crate) fn is_live(path: &Path) -> bool {
    File::open(path).is_ok_and(|tape| flock(&tape, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK))
}
