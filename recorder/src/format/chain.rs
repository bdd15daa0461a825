//! The chain of hashes that runs through a tape.
//!
//! Each link covers the link before it, so that no chunk can be changed, moved, doubled or taken out without the next
//! link saying so. Header and chunks are hashed under different names: neither can be taken for the other.

use blake3::Hasher;

/// A link of the chain: a BLAKE3 hash.
pub(crate) type Link = [u8; 32];

/// The length of a link, in bytes.
pub(crate) const LINK_BYTES: usize = 32;

const HEADER_CONTEXT: &str = "wiretape tape v1 header";
const CHUNK_CONTEXT: &str = "wiretape tape v1 chunk";

/// The first link, over the fixed part of the header.
pub(crate) fn header_link(header: &[u8]) -> Link {
    *Hasher::new_derive_key(HEADER_CONTEXT).update(header).finalize().as_bytes()
}

/// Makes the links of chunks; made once, because the name is hashed at its making.
pub(crate) struct ChunkLinks {
    start: Hasher,
}

impl ChunkLinks {
    pub(crate) fn new() -> Self {
        Self { start: Hasher::new_derive_key(CHUNK_CONTEXT) }
    }

    /// The link of the chunk made of `head` and `payload`, which follows the link `before`.
    pub(crate) fn link(&self, before: &Link, head: &[u8], payload: &[u8]) -> Link {
        *self.start.clone().update(before).update(head).update(payload).finalize().as_bytes()
    }
}
