//! The last chunk of a tape that was closed in good order.

use wiretape_core::Moment;

use crate::format::chain::{LINK_BYTES, Link};
use crate::format::chunk::HEAD_BYTES;
use crate::format::fields::Fields;

/// The last bytes of the payload.
const MAGIC: [u8; 8] = *b"WTAPEEND";

/// The length of the payload.
pub(crate) const PAYLOAD_BYTES: usize = 64;

/// The length of the whole chunk: the tail of a sealed tape is found by it.
pub(crate) const CHUNK_BYTES: usize = HEAD_BYTES + PAYLOAD_BYTES + LINK_BYTES;

/// What stands at the end of a tape that was closed in good order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// Events on the tape.
    pub events: u64,
    /// Chunks on the tape, the trailer's own included.
    pub chunks: u64,
    /// Payload bytes that the client sent.
    pub client_bytes: u64,
    /// Payload bytes that the target sent.
    pub upstream_bytes: u64,
    /// Gaps that were declared.
    pub gaps: u64,
    /// The moment of the last event.
    pub last: Moment,
    /// The last hash of the chain: it stands for the whole tape.
    pub root: Link,
    /// Where the index starts in the file, in bytes.
    pub(crate) index_offset: u64,
}

impl Trailer {
    /// The payload of the trailer's chunk; the root is the chunk's own link.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(PAYLOAD_BYTES);
        for field in [
            self.index_offset,
            self.events,
            self.chunks,
            self.client_bytes,
            self.upstream_bytes,
            self.last.as_nanos(),
            self.gaps,
        ] {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
        bytes.extend_from_slice(&MAGIC);
        bytes
    }

    /// Reads the payload of a trailer whose link is `root`; `None` when it is none.
    pub(crate) fn decode(payload: &[u8], root: Link) -> Option<Self> {
        let mut fields = Fields(payload);
        let trailer = Self {
            index_offset: fields.u64()?,
            events: fields.u64()?,
            chunks: fields.u64()?,
            client_bytes: fields.u64()?,
            upstream_bytes: fields.u64()?,
            last: Moment::from_nanos(fields.u64()?),
            gaps: fields.u64()?,
            root,
        };
        (fields.0 == MAGIC).then_some(trailer)
    }
}
