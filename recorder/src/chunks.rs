//! Chunks off a file, one after the other, each held against the chain.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::format::chain::{ChunkLinks, LINK_BYTES, Link};
use crate::format::chunk::{HEAD_BYTES, Head};

/// A chunk whose link agrees.
pub(crate) struct Chunk {
    /// Where it starts in the file, in bytes.
    pub(crate) offset: u64,
    pub(crate) head: Head,
    pub(crate) payload: Vec<u8>,
    pub(crate) link: Link,
}

/// Why there is no next chunk.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The file system refused.
    Io(io::Error),
    /// The file ends before the chunk does.
    Cut,
    /// It is not what a recorder wrote there.
    Wrong(&'static str),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        // A file that became shorter while it was read ends there.
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Cut } else { Self::Io(error) }
    }
}

/// A place between two chunks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Where the next chunk starts in the file, in bytes.
    pub(crate) offset: u64,
    /// The link of the chunk before.
    pub(crate) link: Link,
    /// The number of the next event.
    pub(crate) next_event: u64,
}

/// The chunks from a place to an end.
pub(crate) struct Chunks {
    file: Arc<File>,
    place: Place,
    end: u64,
    links: ChunkLinks,
}

impl Chunks {
    pub(crate) fn new(file: Arc<File>, place: Place, end: u64) -> Self {
        Self { file, place, end, links: ChunkLinks::new() }
    }

    /// Moves the end behind the chunks that stand whole in the file by now; false when there are no more.
    pub(crate) fn grow(&mut self) -> io::Result<bool> {
        let bytes = self.file.metadata()?.len();
        let before = self.end;
        loop {
            match read_head(&self.file, self.end, bytes) {
                Ok(Some((_, Ok(head)))) if chunk_end(self.end, &head) <= bytes => self.end = chunk_end(self.end, &head),
                // What is no head is found so when it is read.
                Ok(Some((_, Err(_)))) => {
                    self.end = bytes;
                    return Ok(true);
                }
                Ok(_) | Err(Stop::Cut | Stop::Wrong(_)) => return Ok(self.end > before),
                Err(Stop::Io(error)) => return Err(error),
            }
        }
    }

    /// Where the next chunk would start.
    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// The next chunk; `None` at the end. After an error the place is still before the chunk that is in error.
    pub(crate) fn next(&mut self) -> Result<Option<Chunk>, Stop> {
        let offset = self.place.offset;
        if offset >= self.end {
            return Ok(None);
        }
        let Some((head_bytes, head)) = read_head(&self.file, offset, self.end)? else { return Err(Stop::Cut) };
        let head = head.map_err(Stop::Wrong)?;
        if head.first_event != self.place.next_event {
            return Err(Stop::Wrong("the events of a chunk do not follow those before it"));
        }
        let end = chunk_end(offset, &head);
        if end > self.end {
            return Err(Stop::Cut);
        }
        let mut payload = vec![0; head.payload_bytes as usize + LINK_BYTES];
        self.file.read_exact_at(&mut payload, offset + HEAD_BYTES as u64)?;
        let link: Link = *payload.last_chunk().ok_or(Stop::Cut)?;
        payload.truncate(head.payload_bytes as usize);
        if self.links.link(&self.place.link, &head_bytes, &payload) != link {
            return Err(Stop::Wrong("the hash of a chunk does not agree"));
        }
        self.place = Place { offset: end, link, next_event: head.first_event.saturating_add(u64::from(head.events)) };
        Ok(Some(Chunk { offset, head, payload, link }))
    }
}

/// A head as it stands on the tape, and what it says.
pub(crate) type ReadHead = ([u8; HEAD_BYTES], Result<Head, &'static str>);

/// Reads the head at `offset`; `None` when the file ends before it does.
pub(crate) fn read_head(file: &File, offset: u64, end: u64) -> Result<Option<ReadHead>, Stop> {
    if end.saturating_sub(offset) < HEAD_BYTES as u64 {
        return Ok(None);
    }
    let mut bytes = [0; HEAD_BYTES];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(Some((bytes, Head::decode(&bytes))))
}

/// Where a chunk that starts at `offset` ends.
pub(crate) fn chunk_end(offset: u64, head: &Head) -> u64 {
    offset.saturating_add((HEAD_BYTES + LINK_BYTES) as u64 + u64::from(head.payload_bytes))
}

/// The link that ends at `offset`.
pub(crate) fn link_before(file: &File, offset: u64) -> Result<Link, Stop> {
    let mut link = [0; LINK_BYTES];
    let start = offset.checked_sub(LINK_BYTES as u64).ok_or(Stop::Wrong("a chunk starts inside the header"))?;
    file.read_exact_at(&mut link, start)?;
    Ok(link)
}
