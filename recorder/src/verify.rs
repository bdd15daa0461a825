//! Is a tape what the recorder wrote?
//!
//! The chain alone finds every accident and every change by somebody who does not make the whole chain anew. Against
//! one who does, the root has to be known from elsewhere.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use wiretape_core::{Moment, SessionId};

use crate::chunks::{Chunk, Chunks, Place, Stop};
use crate::error::TapeError;
use crate::format::chain::Link;
use crate::format::chunk::Kind;
use crate::format::header::{HEADER_BYTES, Header, HeaderFlaw};
use crate::format::index::{SeekPoint, SeekPoints};
use crate::format::trailer::Trailer;
use crate::ledger::Ledger;
use crate::tape::{io_error, read_header_bytes};
use crate::torn::is_torn;
use crate::unpack::Unpacker;

/// What a tape turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Whole, from its header to its trailer.
    Complete,
    /// Whole, and it says itself that something is missing in this many places.
    CompleteWithGaps(u64),
    /// Whole as far as it goes, but it was never closed.
    UnsealedTail {
        /// Bytes after the last whole chunk, which count for nothing.
        cut_bytes: u64,
        /// Gaps that were declared before.
        gaps: u64,
    },
    /// Not what the recorder wrote.
    Tampered {
        /// Where the first wrong chunk starts in the file, in bytes.
        offset: u64,
        /// Its number, from 0; `None` when the header is wrong.
        chunk: Option<u64>,
        /// What is wrong.
        what: String,
    },
}

/// What [`verify`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The verdict.
    pub verdict: Verdict,
    /// The session, when the header could be read.
    pub id: Option<SessionId>,
    /// Events in the part that holds.
    pub events: u64,
    /// Chunks in the part that holds.
    pub chunks: u64,
    /// The size of the file.
    pub tape_bytes: u64,
    /// The last hash that holds.
    pub root: [u8; 32],
    /// Gaps that were declared.
    pub gaps: u64,
    /// The moment of the last event that holds.
    pub last: Moment,
}

/// Verifies the tape at `path`: every hash, every count, every event.
///
/// # Errors
/// Only when the file cannot be read, or names a later version of the format. A changed tape is no error: it is
/// [`Verdict::Tampered`].
pub fn verify(path: &Path) -> Result<Report, TapeError> {
    let file = Arc::new(File::open(path).map_err(|source| io_error(path, source))?);
    let tape_bytes = file.metadata().map_err(|source| io_error(path, source))?.len();
    let header = read_header_bytes(&file).map_err(|source| io_error(path, source))?;
    let (header, link) = match Header::decode(&header) {
        Ok(header) => header,
        Err(flaw) => return headless(path, flaw, tape_bytes),
    };
    let mut audit = Audit::new();
    let place = Place { offset: HEADER_BYTES as u64, link, next_event: 0 };
    let mut chunks = Chunks::new(Arc::clone(&file), place, tape_bytes);
    let verdict = loop {
        let place = chunks.place();
        let tampered =
            |what: &str| Verdict::Tampered { offset: place.offset, chunk: Some(audit.chunks), what: what.to_owned() };
        match chunks.next() {
            Ok(None) => break audit.end(),
            Ok(Some(_)) | Err(Stop::Cut | Stop::Wrong(_)) if audit.sealed => {
                break tampered("something follows the trailer");
            }
            Ok(Some(chunk)) => {
                let verdict = audit.chunk(chunk);
                if let Err(what) = verdict {
                    break Verdict::Tampered { offset: place.offset, chunk: Some(audit.chunks), what: what.to_owned() };
                }
            }
            Err(Stop::Io(source)) => return Err(io_error(path, source)),
            Err(stop) => {
                let what = match stop {
                    Stop::Wrong(what) => what,
                    _ => "a chunk is cut off, and others follow it",
                };
                let torn = is_torn(&file, place, tape_bytes, matches!(stop, Stop::Cut))
                    .map_err(|source| io_error(path, source))?;
                break if torn {
                    Verdict::UnsealedTail { cut_bytes: tape_bytes - place.offset, gaps: audit.ledger.gaps }
                } else {
                    tampered(what)
                };
            }
        }
    };
    Ok(audit.report(verdict, Some(header.id), tape_bytes, link))
}

/// The report on a file whose header does not hold.
fn headless(path: &Path, flaw: HeaderFlaw, tape_bytes: u64) -> Result<Report, TapeError> {
    let what = match flaw {
        HeaderFlaw::Version(version) => return Err(TapeError::Version { path: path.to_owned(), version }),
        HeaderFlaw::Cut => None,
        HeaderFlaw::Magic => Some("the file does not start as a tape does"),
        HeaderFlaw::Link => Some("the hash of the header does not agree"),
        HeaderFlaw::Reserved => Some("a reserved byte of the header is set"),
    };
    let verdict = match what {
        None => Verdict::UnsealedTail { cut_bytes: tape_bytes, gaps: 0 },
        Some(what) => Verdict::Tampered { offset: 0, chunk: None, what: what.to_owned() },
    };
    Ok(Audit::new().report(verdict, None, tape_bytes, [0; 32]))
}

/// What was read so far, done again as the writer did it.
struct Audit {
    unpacker: Option<Unpacker>,
    points: SeekPoints,
    ledger: Ledger,
    chunks: u64,
    root: Option<Link>,
    index_offset: Option<u64>,
    sealed: bool,
}

impl Audit {
    fn new() -> Self {
        Self {
            unpacker: Unpacker::new(),
            points: SeekPoints::new(),
            ledger: Ledger::default(),
            chunks: 0,
            root: None,
            index_offset: None,
            sealed: false,
        }
    }

    /// Takes in a chunk whose link agrees.
    fn chunk(&mut self, chunk: Chunk) -> Result<(), &'static str> {
        let (link, head) = (chunk.link, chunk.head);
        if self.index_offset.is_some() && head.kind != Kind::TRAILER {
            return Err("something stands between the index and the trailer");
        }
        if head.kind.is_events() {
            if head.frame_start {
                let (offset, first_event, first_moment) = (chunk.offset, head.first_event, head.first_moment);
                self.points.push(SeekPoint { offset, first_event, first_moment });
            }
            let mut events = self.unpacker.as_mut().ok_or("no memory to unpack it")?.unpack(chunk)?;
            // What a broken chunk yields before it breaks does not count.
            let mut ledger = self.ledger.clone();
            while let Some(event) = events.next() {
                ledger.note(&event?);
            }
            self.ledger = ledger;
        } else if head.first_moment != self.ledger.last && head.kind.0 < Kind::OPTIONAL_FROM {
            return Err("a chunk names another last moment than the events have");
        } else if head.kind == Kind::INDEX {
            if chunk.payload != self.points.encode() {
                return Err("the index does not list the frames of the tape");
            }
            self.index_offset = Some(chunk.offset);
        } else if head.kind == Kind::TRAILER {
            self.trailer(&chunk)?;
        }
        self.root = Some(link);
        self.chunks += 1;
        Ok(())
    }

    fn trailer(&mut self, chunk: &Chunk) -> Result<(), &'static str> {
        let trailer = Trailer::decode(&chunk.payload, chunk.link).ok_or("the trailer cannot be read")?;
        let expected = Trailer {
            events: self.ledger.events,
            chunks: self.chunks + 1,
            client_bytes: self.ledger.client_bytes,
            upstream_bytes: self.ledger.upstream_bytes,
            gaps: self.ledger.gaps,
            last: self.ledger.last,
            root: chunk.link,
            index_offset: self.index_offset.ok_or("a trailer without an index")?,
        };
        if trailer != expected {
            return Err("the trailer does not sum up the tape");
        }
        self.sealed = true;
        Ok(())
    }

    /// The verdict on a tape that was read to its end.
    fn end(&self) -> Verdict {
        match (self.sealed, self.ledger.gaps) {
            (true, 0) => Verdict::Complete,
            (true, gaps) => Verdict::CompleteWithGaps(gaps),
            (false, gaps) => Verdict::UnsealedTail { cut_bytes: 0, gaps },
        }
    }

    fn report(&self, verdict: Verdict, id: Option<SessionId>, tape_bytes: u64, header_link: Link) -> Report {
        Report {
            verdict,
            id,
            events: self.ledger.events,
            chunks: self.chunks,
            tape_bytes,
            root: self.root.unwrap_or(header_link),
            gaps: self.ledger.gaps,
            last: self.ledger.last,
        }
    }
}
