//! The limits of this wire alone; those that all wires share are in `wiretape_core::limits`.

/// What a held part counts beside its payload, in bytes: its own size, roughly.
pub(crate) const HELD_PART_BYTES: usize = 128;

/// The longest name of a field, and of a parameter of a URL, that is known to carry a credential.
pub(crate) const CREDENTIAL_NAME_BYTES_MAX: usize = 64;

/// Coded content that is decoded at once: it comes to at most a thousand times as much.
pub(crate) const GUNZIP_PIECE_BYTES: usize = 1024;

/// How many times as much coded content may come to, beside [`GUNZIP_SLACK_BYTES`].
pub(crate) const GUNZIP_RATIO_MAX: u64 = 64;

/// What coded content may come to in any case.
pub(crate) const GUNZIP_SLACK_BYTES: u64 = 1024 * 1024;

/// Decoded content of a request that is collected, to tell the target its length.
pub(crate) const COLLECTED_BYTES_MAX: usize = wiretape_core::limits::GIT_REQUEST_BYTES_MAX;
