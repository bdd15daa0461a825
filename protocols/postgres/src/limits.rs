//! The limits of this wire, beside those of all wires.

/// Bytes of a long message that are waited for before the first of them passes: a `Bind`'s names stand there.
pub(crate) const LONG_START_BYTES: usize = 1024;

/// The largest name of a statement or portal that is kept; PostgreSQL itself tells names apart by 63 bytes.
pub(crate) const NAME_KEPT_BYTES_MAX: usize = 256;

/// Types of parameters that are kept, of all statements together.
pub(crate) const TYPES_KEPT_MAX: usize = 256 * 1024;

/// The secret of a `BackendKeyData`, in bytes (protocol 3.2; it is 4 bytes before).
pub(crate) const KEY_BYTES: std::ops::RangeInclusive<usize> = 4..=256;

/// Fields of one error or notice; PostgreSQL has 18 kinds of them.
pub(crate) const ERROR_FIELDS_MAX: usize = 64;

/// Options of a login that a target does not know.
pub(crate) const OPTIONS_MAX: usize = 1024;
