//! The threads that wait for the disk.

use std::fs::File;
use std::num::NonZeroU64;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::fs::{Advice, fadvise};

use crate::deck::Deck;
use crate::reel::Reel;
use crate::writer::refused;

/// Less than this stays cached: small tapes are often looked at soon.
const FORGOTTEN_BYTES_MIN: u64 = 1024 * 1024;

/// Syncs tapes until the deck closes.
pub(crate) fn run(deck: &Deck) {
    while let Some(reel) = deck.syncs.pop() {
        // From here on what is written calls for another sync.
        reel.sync_now.store(false, Ordering::Release);
        let last = reel.last.get();
        let written = reel.written.load(Ordering::Acquire);
        let written_bytes = reel.written_bytes.load(Ordering::Acquire);
        match sync(&reel) {
            Ok(false) => {}
            Ok(true) => {
                let forgotten_bytes = reel.synced_bytes.load(Ordering::Acquire);
                reel.note_synced(written, written_bytes);
                forget(&reel, forgotten_bytes, written_bytes);
                if let Some(last) = last {
                    deck.complete(&reel, last);
                }
            }
            Err(reason) => deck.fail(&reel, reason),
        }
    }
}

/// Lets the kernel take back the memory of what the disk has. A tape is written once and read later, if ever: its pages
/// are better used for the next ones than kept, and everything else that is cached stays.
fn forget(reel: &Reel, from: u64, to: u64) {
    let large = NonZeroU64::new(to.saturating_sub(from)).filter(|length| length.get() >= FORGOTTEN_BYTES_MIN);
    if let (Some(length), Some(file)) = (large, reel.file())
        && let Err(error) = fadvise(&file, from, Some(length), Advice::DontNeed)
    {
        tracing::debug!(session = %reel.id, "the kernel takes no advice: {error}");
    }
}

/// Waits for the disk; false when the tape ended meanwhile.
fn sync(reel: &Arc<Reel>) -> Result<bool, String> {
    let Some(file) = reel.file() else { return Ok(false) };
    let links = file.metadata().map_err(|error| refused("looked at", reel, &error))?.nlink();
    if links == 0 {
        return Err(format!("{} was removed while it was being written", reel.path.display()));
    }
    file.sync_data().map_err(|error| refused("synced", reel, &error))?;
    if !reel.entry_synced.load(Ordering::Acquire) {
        if let Some(folder) = reel.path.parent() {
            File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(|error| refused("synced in its folder", reel, &error))?;
        }
        reel.entry_synced.store(true, Ordering::Release);
    }
    Ok(true)
}
