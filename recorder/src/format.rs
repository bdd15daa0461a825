//! The file, byte by byte, as `docs/TAPE.md` specifies it. Nothing here opens a file.

pub(crate) mod chain;
pub(crate) mod chunk;
pub(crate) mod encoded;
pub(crate) mod fields;
pub(crate) mod header;
pub(crate) mod index;
pub(crate) mod trailer;
pub(crate) mod v1;
