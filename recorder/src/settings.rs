//! What an operator can set.

use std::time::Duration;

use crate::limits;

/// The settings of a [`crate::Store`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// How often what was appended is written and synced together.
    pub commit_interval: Duration,
    /// Bytes that one tape may have waiting; its session is held back above it.
    pub queue_bytes_max: usize,
    /// Bytes that all tapes together may have waiting; all sessions are held back above it.
    pub queue_bytes_total_max: usize,
    /// Bytes of one tape that may be written and not yet on the disk; its session is held back above it.
    pub unsynced_bytes_max: u64,
    /// Bytes that must be free in the data folder for a session to begin.
    pub free_bytes_min: u64,
    /// Plain bytes after which a zstd frame ends: the distance between two seek points.
    pub frame_bytes_max: usize,
    /// How long a session is silent before its compression context goes back to the pool.
    pub idle: Duration,
    /// Compression contexts that tapes may hold at once; tapes beyond it compress each chunk for itself.
    pub contexts_max: usize,
    /// Threads that compress and write.
    pub writers: usize,
    /// Threads that wait for the disk.
    pub syncers: usize,
    /// Whether the disk is waited for at all. Without it a power cut loses more than the last commit interval, and
    /// [`Durability::Synced`] means no more than [`Durability::Written`].
    pub sync: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            commit_interval: Duration::from_millis(100),
            queue_bytes_max: 4 * 1024 * 1024,
            queue_bytes_total_max: 256 * 1024 * 1024,
            unsynced_bytes_max: 64 * 1024 * 1024,
            free_bytes_min: 4 * 1024 * 1024,
            frame_bytes_max: limits::FRAME_BYTES_MAX,
            idle: Duration::from_secs(1),
            contexts_max: 32,
            writers: std::thread::available_parallelism().map_or(2, |count| count.get().clamp(2, 8)),
            syncers: 8,
            sync: true,
        }
    }
}

/// What has to be true of an event before the bytes that it records may pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// It stands in the recorder's queue; a crash loses at most the last commit interval.
    #[default]
    Queued,
    /// It was written to the tape's file: it survives the end of the process.
    Written,
    /// The disk has it: it survives a power cut.
    Synced,
}
