//! The limits of this wire alone; those that all wires share are in `wiretape_core::limits`.

/// What a held message counts beside its payload, in bytes: its own size, roughly.
pub(crate) const HELD_MESSAGE_BYTES: usize = 128;

/// Messages of the connection (`ssh -R`) that may wait for an answer.
pub(crate) const LISTENS_PENDING_MAX: usize = 128;

/// Addresses that the target may listen on for one client.
pub(crate) const LISTENERS_MAX: usize = 256;

/// A host, an address or the path of a socket. Each open lane keeps its own.
pub(crate) const ADDRESS_BYTES_MAX: usize = 4096;

/// Lane numbers that may be left out before a higher one is opened.
pub(crate) const LANE_NUMBERS_SKIPPED_MAX: usize = 1024;

/// First bytes of a forwarded stream that are looked at to tell what it is.
pub(crate) const SIGNATURE_BYTES: usize = 9;
