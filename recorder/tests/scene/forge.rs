//! Tapes made and changed from outside, by `docs/TAPE.md` alone.

use std::ops::Range;

/// The length of a header with its link.
pub(crate) const HEADER: usize = 96;
/// The length of a chunk's head.
pub(crate) const HEAD: usize = 32;
/// The length of a link.
pub(crate) const LINK: usize = 32;

/// Where each chunk of `tape` is.
pub(crate) fn chunks(tape: &[u8]) -> Vec<Range<usize>> {
    let mut chunks = Vec::new();
    let mut start = HEADER;
    while start < tape.len() {
        let payload = u32::from_le_bytes(tape[start..start + 4].try_into().unwrap()) as usize;
        let end = start + HEAD + payload + LINK;
        chunks.push(start..end);
        start = end;
    }
    chunks
}

/// A header as a recorder writes it.
pub(crate) fn header(version: u16) -> Vec<u8> {
    let mut header = b"\x89WTAPE\r\n".to_vec();
    header.extend_from_slice(&version.to_le_bytes());
    header.resize(64, 0);
    let link = blake3::derive_key("wiretape tape v1 header", &header);
    header.extend_from_slice(&link);
    header
}

/// A head that says what it is told to.
pub(crate) fn head(kind: u8, flags: u8, first_event: u64, events: u32, plain: u32, payload: usize) -> Vec<u8> {
    let mut head = u32::try_from(payload).unwrap().to_le_bytes().to_vec();
    head.extend_from_slice(&[kind, flags, 0, 0]);
    head.extend_from_slice(&first_event.to_le_bytes());
    head.extend_from_slice(&[0; 8]);
    head.extend_from_slice(&events.to_le_bytes());
    head.extend_from_slice(&plain.to_le_bytes());
    head
}

/// Puts a chunk behind what `tape` has, with a link that agrees.
pub(crate) fn push(tape: &mut Vec<u8>, head: &[u8], payload: &[u8]) {
    let linked = [&tape[tape.len() - LINK..], head, payload].concat();
    let link = blake3::derive_key("wiretape tape v1 chunk", &linked);
    tape.extend_from_slice(head);
    tape.extend_from_slice(payload);
    tape.extend_from_slice(&link);
}

/// Makes the links of all chunks anew, as far as their lengths lead.
pub(crate) fn relink(tape: &[u8]) -> Vec<u8> {
    let mut linked = tape[..64].to_vec();
    linked.extend_from_slice(&blake3::derive_key("wiretape tape v1 header", &tape[..64]));
    let mut start = HEADER;
    while let Some(length) = tape.get(start..start + 4) {
        let payload = u32::from_le_bytes(length.try_into().unwrap()) as usize;
        let Some(chunk) = tape.get(start..start.saturating_add(HEAD + payload + LINK)) else { break };
        push(&mut linked, &chunk[..HEAD], &chunk[HEAD..HEAD + payload]);
        start += chunk.len();
    }
    linked.extend_from_slice(tape.get(start..).unwrap_or_default());
    linked
}
