//! The bytes that all tapes together may have waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

pub(crate) struct Budget {
    bytes: AtomicUsize,
    bytes_max: usize,
    /// Told when there is room again.
    pub(crate) room: Notify,
}

impl Budget {
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { bytes: AtomicUsize::new(0), bytes_max, room: Notify::new() })
    }

    pub(crate) fn spend(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        let before = self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        if before >= self.bytes_max && before.saturating_sub(bytes) < self.bytes_max {
            self.room.notify_waiters();
        }
    }

    pub(crate) fn spent(&self) -> usize {
        self.bytes.load(Ordering::Acquire)
    }

    pub(crate) fn has_room(&self) -> bool {
        self.bytes.load(Ordering::Acquire) < self.bytes_max
    }
}
