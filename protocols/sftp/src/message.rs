//! Bytes to packets: the length that stands before each (draft-ietf-secsh-filexfer-02 section 3).

use crate::limits::PACKET_BYTES_MAX;

/// Bytes of the length field.
pub(crate) const LENGTH_BYTES: usize = 4;

/// Why a length cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadLength(pub(crate) u32);

/// The size of the packet that starts `bytes`, its length field included; `None` until the length field is whole.
///
/// # Errors
/// [`BadLength`] when it is empty or longer than any packet may be.
pub(crate) fn packet_bytes(bytes: &[u8]) -> Result<Option<usize>, BadLength> {
    let Some(field) = bytes.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    let length = u32::from_be_bytes(*field);
    match usize::try_from(length) {
        Ok(body) if (1..=PACKET_BYTES_MAX).contains(&body) => Ok(Some(LENGTH_BYTES + body)),
        _ => Err(BadLength(length)),
    }
}
