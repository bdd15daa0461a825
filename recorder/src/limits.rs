//! The limits of what is written and of what a reader accepts. Units stand last in each name.

/// Plain bytes that wait before a chunk is cut without waiting for the commit interval.
pub const CHUNK_PLAIN_BYTES: usize = 256 * 1024;

/// Plain bytes after which a zstd frame ends, unless set otherwise.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;

/// The longest encoded event that a tape takes.
pub const EVENT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The most plain bytes that one chunk holds: it is cut once it has [`CHUNK_PLAIN_BYTES`], which one more event may
/// exceed.
pub const CHUNK_PLAIN_BYTES_MAX: usize = CHUNK_PLAIN_BYTES + EVENT_BYTES_MAX;

/// The longest payload of a chunk, as it stands on the tape: zstd adds little to what it cannot compress.
pub const CHUNK_PAYLOAD_BYTES_MAX: usize = CHUNK_PLAIN_BYTES_MAX + CHUNK_PLAIN_BYTES_MAX / 128 + 1024;

/// Seek points that one tape's index lists; when it would have more, every second one is left out.
pub const SEEK_POINTS_MAX: usize = 512;

/// Rows that may wait for the catalogue. What does not fit is left to `wiretape reindex`.
pub const CATALOGUE_PENDING_ROWS_MAX: usize = 65_536;

/// Compression contexts that lie in the pool unused.
pub const CONTEXTS_SPARE_MAX: usize = 4;

/// Text of an event that the catalogue copies; longer text is cut there, never on the tape.
pub const CATALOGUE_TEXT_BYTES_MAX: usize = 4096;

/// Sessions that an ambiguous prefix names before the list is cut.
pub const AMBIGUOUS_SESSIONS_MAX: usize = 16;

/// Items of a list inside one event: groups of a person, modes of a terminal.
pub const LIST_ITEMS_MAX: usize = 65_536;

/// Bytes of whole chunks that a writer collects before it writes them.
pub const WRITE_BYTES: usize = 1024 * 1024;

/// Tapes that one store writes at once.
pub const RECORDINGS_OPEN_MAX: usize = 65_536;

/// Written bytes of one tape that are synced without waiting for the next tick.
pub const SYNC_BYTES: u64 = 8 * 1024 * 1024;
