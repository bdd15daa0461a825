//! The limits of this wire alone; those that all wires share are in `wiretape_core::limits`.

/// What a held part counts beside its payload, in bytes: its own size, roughly.
pub(crate) const HELD_PART_BYTES: usize = 128;

/// The longest name of a field, and of a parameter of a URL, that is known to carry a credential.
pub(crate) const CREDENTIAL_NAME_BYTES_MAX: usize = 64;
