//! Reading a tape.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wiretape_core::{Event, Moment};

use crate::chunks::{Chunks, Place, Stop, chunk_end, link_before, read_head};
use crate::error::TapeError;
use crate::format::chain::Link;
use crate::format::chunk::Kind;
use crate::format::header::{HEADER_BYTES, Header, HeaderFlaw};
use crate::format::index::{SeekPoint, SeekPoints};
use crate::format::trailer::{self, Trailer};
use crate::unpack::{ChunkEvents, Unpacker};

/// How many chunks at the end of an unsealed tape are looked at one by one, from the last back.
const TAIL_CHUNKS: usize = 64;

/// How a tape ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With its trailer.
    Sealed(Trailer),
    /// Without: the session is live, or its recorder died.
    UnsealedTail {
        /// Bytes after the last whole chunk, which are not read.
        cut_bytes: u64,
    },
}

/// A tape, open for reading.
///
/// What is read is the tape as it was when it was opened; to follow a live one, open it again.
pub struct Tape {
    file: Arc<File>,
    path: PathBuf,
    header: Header,
    start: Link,
    end: u64,
    ending: Ending,
    points: SeekPoints,
}

impl Tape {
    /// Opens the tape at `path`.
    ///
    /// # Errors
    /// When it cannot be read, or is no tape of a known version.
    pub fn open(path: &Path) -> Result<Self, TapeError> {
        let file = Arc::new(File::open(path).map_err(|source| io_error(path, source))?);
        let bytes = file.metadata().map_err(|source| io_error(path, source))?.len();
        let (header, start) = read_header(&file, path)?;
        let survey = survey(&file, bytes, start).map_err(|source| io_error(path, source))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            header,
            start,
            end: survey.end,
            ending: survey.ending,
            points: survey.points,
        })
    }

    /// What stands at its head.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// All events, from the first.
    #[must_use]
    pub fn events(&self) -> Events {
        self.events_at(Place { offset: HEADER_BYTES as u64, link: self.start, next_event: 0 })
    }

    /// The events from the last seek point at or before `at`; some may be earlier than `at`.
    #[must_use]
    pub fn events_from(&self, at: Moment) -> Events {
        self.seek(at).map_or_else(|| self.events(), |place| self.events_at(place))
    }

    /// How it ends.
    #[must_use]
    pub fn ending(&self) -> Ending {
        self.ending
    }

    /// The place of the last frame that starts at or before `at`; `None` when it is the first, or when the index
    /// leads nowhere: then the reading from the start says what is wrong.
    fn seek(&self, at: Moment) -> Option<Place> {
        let SeekPoint { mut offset, first_event, .. } = self.points.before(at)?;
        let mut found = (offset, first_event);
        // The index of a long tape leaves frames out: look on from its point.
        while let Ok(Some((_, Ok(head)))) = read_head(&self.file, offset, self.end) {
            if head.kind == Kind::TRAILER || (head.kind.is_events() && head.first_moment > at) {
                break;
            }
            if head.frame_start {
                found = (offset, head.first_event);
            }
            offset = chunk_end(offset, &head);
        }
        let (offset, next_event) = found;
        (offset >= HEADER_BYTES as u64).then_some(())?;
        Some(Place { offset, link: link_before(&self.file, offset).ok()?, next_event })
    }

    fn events_at(&self, place: Place) -> Events {
        Events {
            path: self.path.clone(),
            chunks: Some(Chunks::new(Arc::clone(&self.file), place, self.end)),
            grows: None,
            unpacker: None,
            chunk: None,
        }
    }
}

/// The events of a tape, in order. After an error there are no more.
pub struct Events {
    path: PathBuf,
    /// `None` after the last event or an error.
    chunks: Option<Chunks>,
    /// After the last event: where more may come, when the tape had no trailer yet.
    grows: Option<Chunks>,
    unpacker: Option<Unpacker>,
    /// The chunk that is being read, and where it starts in the file.
    chunk: Option<(ChunkEvents, u64)>,
}

impl Iterator for Events {
    type Item = Result<Event, TapeError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((events, offset)) = &mut self.chunk {
                let offset = *offset;
                match events.next() {
                    Some(Ok(event)) => return Some(Ok(event)),
                    Some(Err(what)) => return self.stop(offset, what),
                    None => self.chunk = None,
                }
            }
            let chunks = self.chunks.as_mut()?;
            let offset = chunks.place().offset;
            match chunks.next() {
                Ok(Some(chunk)) if chunk.head.kind.is_events() => {
                    if self.unpacker.is_none() {
                        self.unpacker = Unpacker::new();
                    }
                    let Some(unpacker) = &mut self.unpacker else {
                        return self.stop(offset, "no memory to unpack it");
                    };
                    match unpacker.unpack(chunk) {
                        Ok(events) => self.chunk = Some((events, offset)),
                        Err(what) => return self.stop(offset, what),
                    }
                }
                Ok(Some(chunk)) if chunk.head.kind == Kind::TRAILER => self.chunks = None,
                Ok(Some(_)) => {}
                Ok(None) => self.grows = self.chunks.take(),
                Err(Stop::Cut) => return self.stop(offset, "a chunk is cut off"),
                Err(Stop::Wrong(what)) => return self.stop(offset, what),
                Err(Stop::Io(source)) => {
                    self.chunks = None;
                    return Some(Err(io_error(&self.path, source)));
                }
            }
        }
    }
}

impl Events {
    /// Reads on, after the last event, in a tape that grows: true when there is more by now. False for good once the
    /// trailer was read or an error came ([`Events::is_over`]).
    ///
    /// # Errors
    /// When the tape cannot be read; then nothing more comes.
    pub fn go_on(&mut self) -> Result<bool, TapeError> {
        let Some(mut chunks) = self.grows.take() else { return Ok(false) };
        let found = chunks.grow().map_err(|source| io_error(&self.path, source))?;
        if found {
            self.chunks = Some(chunks);
        } else {
            self.grows = Some(chunks);
        }
        Ok(found)
    }

    /// Whether nothing more can come: the trailer was read, or an error came.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.chunks.is_none() && self.grows.is_none() && self.chunk.is_none()
    }

    fn stop(&mut self, offset: u64, what: &str) -> Option<Result<Event, TapeError>> {
        self.chunks = None;
        self.chunk = None;
        Some(Err(TapeError::Damaged { offset, what: what.to_owned() }))
    }
}

pub(crate) fn io_error(path: &Path, source: io::Error) -> TapeError {
    TapeError::Io { path: path.to_owned(), source }
}

/// Reads as much of the header as there is.
pub(crate) fn read_header_bytes(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; HEADER_BYTES];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn read_header(file: &File, path: &Path) -> Result<(Header, Link), TapeError> {
    let bytes = read_header_bytes(file).map_err(|source| io_error(path, source))?;
    let damaged = |what: &str| TapeError::Damaged { offset: 0, what: what.to_owned() };
    Header::decode(&bytes).map_err(|flaw| match flaw {
        HeaderFlaw::Magic => TapeError::NotATape { path: path.to_owned() },
        HeaderFlaw::Version(version) => TapeError::Version { path: path.to_owned(), version },
        HeaderFlaw::Cut => damaged("the header is cut off"),
        HeaderFlaw::Link => damaged("the hash of the header does not agree"),
        HeaderFlaw::Reserved => damaged("a reserved byte of the header is set"),
    })
}

/// Where a tape ends, how, and where reading can start.
struct Survey {
    end: u64,
    ending: Ending,
    points: SeekPoints,
}

fn survey(file: &Arc<File>, bytes: u64, start: Link) -> io::Result<Survey> {
    if let Some(survey) = survey_sealed(file, bytes)? {
        return Ok(survey);
    }
    let first = HEADER_BYTES as u64;
    let mut points = SeekPoints::new();
    let mut tail = VecDeque::with_capacity(TAIL_CHUNKS);
    let mut offset = first;
    loop {
        match read_head(file, offset, bytes) {
            Ok(Some((_, Ok(head)))) if chunk_end(offset, &head) <= bytes => {
                if head.frame_start {
                    points.push(SeekPoint { offset, first_event: head.first_event, first_moment: head.first_moment });
                }
                if tail.len() == TAIL_CHUNKS {
                    tail.pop_front();
                }
                tail.push_back((offset, head.first_event));
                offset = chunk_end(offset, &head);
            }
            Ok(_) | Err(Stop::Cut | Stop::Wrong(_)) => break,
            Err(Stop::Io(error)) => return Err(error),
        }
    }
    let end = whole_end(file, start, offset, &tail)?;
    Ok(Survey { end, ending: Ending::UnsealedTail { cut_bytes: bytes.saturating_sub(end) }, points })
}

/// The end of the last chunk whose link agrees. `tail` has the offsets of the last chunks before `end`, and the
/// numbers of their first events.
fn whole_end(file: &Arc<File>, start: Link, end: u64, tail: &VecDeque<(u64, u64)>) -> io::Result<u64> {
    let mut end = end;
    for &(offset, next_event) in tail.iter().rev() {
        let link = match link_before(file, offset) {
            Ok(link) => link,
            Err(Stop::Io(error)) => return Err(error),
            Err(_) => break,
        };
        match Chunks::new(Arc::clone(file), Place { offset, link, next_event }, end).next() {
            Ok(Some(_)) => return Ok(end),
            Ok(None) | Err(Stop::Cut | Stop::Wrong(_)) => end = offset,
            Err(Stop::Io(error)) => return Err(error),
        }
    }
    // Nothing near the end holds: read from the start.
    let first = HEADER_BYTES as u64;
    let mut chunks = Chunks::new(Arc::clone(file), Place { offset: first, link: start, next_event: 0 }, end);
    loop {
        match chunks.next() {
            Ok(Some(_)) => {}
            Ok(None) | Err(Stop::Cut | Stop::Wrong(_)) => return Ok(chunks.place().offset),
            Err(Stop::Io(error)) => return Err(error),
        }
    }
}

/// The survey of a tape whose last bytes are a trailer; `None` when they are not, or it leads to no index.
fn survey_sealed(file: &Arc<File>, bytes: u64) -> io::Result<Option<Survey>> {
    let Some(offset) = bytes.checked_sub(trailer::CHUNK_BYTES as u64) else { return Ok(None) };
    let Some(chunk) = lone_chunk(file, offset, bytes, Kind::TRAILER)? else { return Ok(None) };
    let Some(trailer) = Trailer::decode(&chunk.0, chunk.1) else { return Ok(None) };
    let Some((payload, _)) = lone_chunk(file, trailer.index_offset, offset, Kind::INDEX)? else { return Ok(None) };
    let Some(points) = SeekPoints::decode(&payload) else { return Ok(None) };
    Ok(Some(Survey { end: bytes, ending: Ending::Sealed(trailer), points }))
}

/// The payload and link of the chunk of `kind` at `offset`, when there is one whose link agrees.
fn lone_chunk(file: &Arc<File>, offset: u64, end: u64, kind: Kind) -> io::Result<Option<(Vec<u8>, Link)>> {
    let step = || -> Result<Option<(Vec<u8>, Link)>, Stop> {
        let Some((_, Ok(head))) = read_head(file, offset, end)? else { return Ok(None) };
        if head.kind != kind {
            return Ok(None);
        }
        let place = Place { offset, link: link_before(file, offset)?, next_event: head.first_event };
        let chunk = Chunks::new(Arc::clone(file), place, end).next()?;
        Ok(chunk.map(|chunk| (chunk.payload, chunk.link)))
    };
    match step() {
        Ok(found) => Ok(found),
        Err(Stop::Cut | Stop::Wrong(_)) => Ok(None),
        Err(Stop::Io(error)) => Err(error),
    }
}
