//! The head of a tape.

use wiretape_core::SessionId;

use crate::format::chain::{LINK_BYTES, Link, header_link};
use crate::format::fields::Fields;

/// The first bytes of every tape. The first is no text, and the line end shows a transfer that changed line ends.
pub(crate) const MAGIC: [u8; 8] = *b"\x89WTAPE\r\n";

/// The version that is written and read.
pub(crate) const VERSION: u16 = 1;

/// The fixed part, which the first link covers.
pub(crate) const FIXED_BYTES: usize = 64;

/// The header with its link.
pub(crate) const HEADER_BYTES: usize = FIXED_BYTES + LINK_BYTES;

/// What stands at the head of a tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The version of the format.
    pub version: u16,
    /// The session.
    pub id: SessionId,
    /// The wall clock at moment 0, in nanoseconds since 1970-01-01 UTC.
    pub opened_unix_nanos: u64,
}

/// Why a header cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderFlaw {
    /// There are fewer bytes than a header has, and those are as a tape starts.
    Cut,
    /// It does not start as a tape does.
    Magic,
    /// Its link does not agree.
    Link,
    /// A later version, whose link agrees.
    Version(u16),
    /// A reserved bit or byte is set.
    Reserved,
}

impl Header {
    /// The header of a new tape, and its link.
    pub(crate) fn encode(&self) -> (Vec<u8>, Link) {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.version.to_le_bytes());
        bytes.extend_from_slice(&[0; 6]);
        bytes.extend_from_slice(self.id.as_bytes());
        bytes.extend_from_slice(&self.opened_unix_nanos.to_le_bytes());
        bytes.resize(FIXED_BYTES, 0);
        let link = header_link(&bytes);
        bytes.extend_from_slice(&link);
        (bytes, link)
    }

    /// Reads the header from the first bytes of a file.
    pub(crate) fn decode(bytes: &[u8]) -> Result<(Self, Link), HeaderFlaw> {
        let known = bytes.len().min(MAGIC.len());
        if bytes.get(..known) != MAGIC.get(..known) {
            return Err(HeaderFlaw::Magic);
        }
        let (fixed, rest) = bytes.split_at_checked(FIXED_BYTES).ok_or(HeaderFlaw::Cut)?;
        let link: Link = *rest.first_chunk().ok_or(HeaderFlaw::Cut)?;
        if header_link(fixed) != link {
            return Err(HeaderFlaw::Link);
        }
        let mut fields = Fields(fixed);
        let header = (|| {
            fields.array::<8>()?;
            let version = fields.u16()?;
            if version != VERSION {
                return Some(Err(HeaderFlaw::Version(version)));
            }
            fields.zeros(6)?;
            let id = SessionId::from_bytes(fields.array()?);
            let opened_unix_nanos = fields.u64()?;
            fields.zeros(24)?;
            Some(Ok(Self { version, id, opened_unix_nanos }))
        })();
        Ok((header.ok_or(HeaderFlaw::Reserved)??, link))
    }
}
