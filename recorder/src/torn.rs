//! A tape that stops in the middle of a chunk: did its recorder die, or did somebody change it?
//!
//! A recorder that dies leaves the start of a chunk, or, when the machine went down with it, zeros that the file
//! system put where nothing had been written. Neither has whole chunks behind it. Because each chunk carries the link
//! that the next one starts from, a chunk can be known as whole without reading those before it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::chunks::{Chunks, Place, Stop, chunk_end};
use crate::format::chain::LINK_BYTES;
use crate::format::chunk::{HEAD_BYTES, Head, Kind};

/// What is read in one go while looking for a chunk.
const WINDOW_BYTES: usize = 1024 * 1024;

/// How often the rest of the tape may be hashed before the search gives up: a tape that was made to look full of
/// chunks is no torn one.
const HASH_ROUNDS_MAX: u64 = 4;

/// Hashed bytes that are always granted.
const HASH_BYTES_MIN: u64 = 64 * 1024 * 1024;

/// Whether what stands at `place`, where the chain stops, is what a recorder leaves when it dies. `cut` says that the
/// chunk there would be longer than the file.
pub(crate) fn is_torn(file: &Arc<File>, place: Place, end: u64, cut: bool) -> io::Result<bool> {
    if !cut && !ends_in_zeros(file, place.offset, end)? {
        return Ok(false);
    }
    Ok(!goes_on(file, place, end)?)
}

/// Whether the file ends in zeros, where a link should stand.
fn ends_in_zeros(file: &File, from: u64, end: u64) -> io::Result<bool> {
    let start = from.max(end.saturating_sub(LINK_BYTES as u64));
    let mut tail = vec![0; usize::try_from(end.saturating_sub(start)).unwrap_or(0)];
    file.read_exact_at(&mut tail, start)?;
    Ok(tail.iter().all(|&byte| byte == 0))
}

/// Whether whole chunks follow somewhere behind `place` and go on to the end of the file.
fn goes_on(file: &Arc<File>, place: Place, end: u64) -> io::Result<bool> {
    let mut hashes = (end - place.offset).saturating_mul(HASH_ROUNDS_MAX).max(HASH_BYTES_MIN);
    // A chunk behind the place has a head and a link before it at the least.
    let mut start = place.offset + 1;
    let mut window = vec![0; WINDOW_BYTES + HEAD_BYTES];
    while start < end {
        let count = usize::try_from(end - start).unwrap_or(usize::MAX).min(window.len());
        let Some(filled) = window.get_mut(..count) else { break };
        file.read_exact_at(filled, start)?;
        for (offset, bytes) in (start..).zip(filled.windows(HEAD_BYTES)).take(WINDOW_BYTES) {
            let Some(head) = plausible(bytes, &place, offset, end) else { continue };
            let cost = chunk_end(offset, &head) - offset;
            let Some(left) = hashes.checked_sub(cost) else { return Ok(true) };
            hashes = left;
            if reaches_end(file, offset, &head, end, &mut hashes)? {
                return Ok(true);
            }
        }
        start += WINDOW_BYTES as u64;
    }
    Ok(false)
}

/// A head that could be one of this tape's behind `place`.
fn plausible(bytes: &[u8], place: &Place, offset: u64, end: u64) -> Option<Head> {
    let head = Head::decode(bytes.first_chunk()?).ok()?;
    let known = head.kind.is_events() || head.kind == Kind::INDEX || head.kind == Kind::TRAILER;
    (known && head.first_event >= place.next_event && chunk_end(offset, &head) <= end).then_some(head)
}

/// Whether the chunks from `offset` on are whole, up to the end of the file or to a chunk that is cut off there.
fn reaches_end(file: &Arc<File>, offset: u64, head: &Head, end: u64, hashes: &mut u64) -> io::Result<bool> {
    let mut link = [0; LINK_BYTES];
    file.read_exact_at(&mut link, offset - LINK_BYTES as u64)?;
    let mut chunks = Chunks::new(Arc::clone(file), Place { offset, link, next_event: head.first_event }, end);
    let mut whole = false;
    loop {
        match chunks.next() {
            Ok(Some(chunk)) => {
                whole = true;
                let Some(left) = hashes.checked_sub(chunk.payload.len() as u64) else { return Ok(true) };
                *hashes = left;
            }
            Ok(None) | Err(Stop::Cut) => return Ok(whole),
            Err(Stop::Wrong(_)) => return Ok(false),
            Err(Stop::Io(error)) => return Err(error),
        }
    }
}
