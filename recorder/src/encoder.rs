//! Events in, bytes of the tape out.
//!
//! ```text
//!   push ──► plain ──► cut ──┬─ in a frame ──► zstd, flushed ──► head · payload · link ──► out
//!                            └─ hardly shrinks ──────────────► head · payload · link ──► out
//! ```

use std::sync::Arc;

use wiretape_core::{Event, Moment};

use crate::contexts::{Context, Contexts, Held, Until};
use crate::format::chain::{ChunkLinks, Link};
use crate::format::chunk::{HEAD_BYTES, Head, Kind};
use crate::format::encoded::Encoded;
use crate::format::index::{SeekPoint, SeekPoints};
use crate::format::trailer::Trailer;
use crate::format::{header, v1};
use crate::ledger::Ledger;
use crate::limits::CHUNK_PLAIN_BYTES;

/// Chunks from this length on are looked at for whether compressing them gains anything.
const PROBE_BYTES_MIN: usize = 16 * 1024;

/// How much of a chunk is compressed on trial while a stream does not shrink.
const PROBE_BYTES: usize = 8 * 1024;

/// How many chunks follow one another closely before the next ones share a frame. Until then each stands for itself:
/// a login with its prompt, and a keystroke now and then, take no compression context.
const CLOSE_CHUNKS_MIN: u8 = 3;

/// The most that a scratch buffer keeps from one batch to the next.
const SCRATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// True when `packed` bytes hardly save anything against `plain` ones: less than one in 32.
fn hardly_shrank(packed: usize, plain: usize) -> bool {
    packed > plain - plain / 32
}

/// The buffers of one writing thread, which every tape that it writes uses in turn.
pub(crate) struct Scratch {
    plain: Encoded,
    trial: Vec<u8>,
    context: Context,
    links: ChunkLinks,
    /// Whole chunks, to be written.
    pub(crate) out: Vec<u8>,
}

impl Scratch {
    pub(crate) fn new() -> Result<Self, &'static str> {
        Ok(Self {
            plain: Encoded::default(),
            trial: Vec::new(),
            context: Context::new()?,
            links: ChunkLinks::new(),
            out: Vec::new(),
        })
    }

    /// Empties the buffers, and lets go of what an outsized event made them grow to.
    pub(crate) fn clear(&mut self) {
        self.plain.clear(SCRATCH_BYTES_MAX);
        self.out.clear();
        self.out.shrink_to(SCRATCH_BYTES_MAX);
    }
}

/// A frame that more chunks can be added to.
struct Frame {
    context: Held,
    plain_bytes: usize,
}

/// The state of one tape between two batches: small, because ten thousand of them may lie idle.
pub(crate) struct Encoder {
    contexts: Arc<Contexts>,
    frame_bytes_max: usize,
    link: Link,
    offset: u64,
    chunks: u64,
    /// Events that lie in chunks; those in the scratch buffer come on top.
    events: u64,
    first: Option<Moment>,
    pending: u32,
    last: Moment,
    frame: Option<Frame>,
    /// Chunks that followed one another closely, up to [`CLOSE_CHUNKS_MIN`].
    close: u8,
    incompressible: bool,
    points: SeekPoints,
    ledger: Ledger,
}

/// Why a tape cannot take any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EncodeFault {
    #[error(transparent)]
    Oversized(#[from] v1::Oversized),
    #[error("zstd failed: {0}")]
    Zstd(&'static str),
}

impl Encoder {
    /// The encoder of a tape whose header has the link `link`.
    pub(crate) fn new(link: Link, contexts: Arc<Contexts>, frame_bytes_max: usize) -> Self {
        Self {
            contexts,
            frame_bytes_max,
            link,
            offset: header::HEADER_BYTES as u64,
            chunks: 0,
            events: 0,
            first: None,
            pending: 0,
            last: Moment::START,
            frame: None,
            close: 0,
            incompressible: false,
            points: SeekPoints::new(),
            ledger: Ledger::default(),
        }
    }

    /// The account of what was pushed.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Where the next chunk starts in the file, in bytes: the tape's size once `out` is written.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// How many events lie in chunks.
    pub(crate) fn events_cut(&self) -> u64 {
        self.events
    }

    /// Whether a context is held.
    pub(crate) fn in_frame(&self) -> bool {
        self.frame.is_some()
    }

    /// Takes an event; cuts a chunk when enough are pending. True when the catalogue should hear of the event.
    pub(crate) fn push(&mut self, scratch: &mut Scratch, event: &Event) -> Result<bool, EncodeFault> {
        let before = if self.first.is_some() { self.last } else { event.at };
        v1::encode(&mut scratch.plain, before, event)?;
        self.first.get_or_insert(event.at);
        self.last = event.at;
        self.pending += 1;
        let heard = self.ledger.note(event);
        if scratch.plain.len() >= CHUNK_PLAIN_BYTES {
            self.cut(scratch)?;
        }
        Ok(heard)
    }

    /// Makes a chunk of the pending events, if there are any.
    pub(crate) fn cut(&mut self, scratch: &mut Scratch) -> Result<(), EncodeFault> {
        let Some(first_moment) = self.first.take() else { return Ok(()) };
        let start = scratch.out.len();
        scratch.out.resize(start + HEAD_BYTES, 0);
        let packed = self.pack(scratch).map_err(EncodeFault::Zstd)?;
        let head = Head {
            payload_bytes: length(scratch.out.len() - start - HEAD_BYTES),
            kind: if packed.stored { Kind::EVENTS_STORED } else { Kind::EVENTS_ZSTD },
            frame_start: packed.frame_start,
            first_event: self.events,
            first_moment,
            events: self.pending,
            plain_bytes: length(scratch.plain.len()),
        };
        if head.frame_start {
            self.points.push(SeekPoint { offset: self.offset, first_event: self.events, first_moment });
        }
        self.events += u64::from(self.pending);
        self.pending = 0;
        self.close = CLOSE_CHUNKS_MIN.min(self.close + 1);
        scratch.plain.clear(SCRATCH_BYTES_MAX);
        self.seal(scratch, start, &head);
        Ok(())
    }

    /// The session fell idle: ends the frame, so that its context goes back to the pool.
    pub(crate) fn end_frame(&mut self) {
        self.frame = None;
        self.close = 0;
    }

    /// Ends the tape: the index and the trailer.
    pub(crate) fn end(&mut self, scratch: &mut Scratch) -> Trailer {
        self.end_frame();
        let index_offset = self.offset;
        let index = self.points.encode();
        self.put(scratch, Kind::INDEX, &index);
        let ledger = &self.ledger;
        let mut trailer = Trailer {
            events: self.events,
            chunks: self.chunks + 1,
            client_bytes: ledger.client_bytes,
            upstream_bytes: ledger.upstream_bytes,
            gaps: ledger.gaps,
            last: self.last,
            root: self.link,
            index_offset,
        };
        self.put(scratch, Kind::TRAILER, &trailer.encode());
        trailer.root = self.link;
        trailer
    }

    /// Adds a chunk without events.
    fn put(&mut self, scratch: &mut Scratch, kind: Kind, payload: &[u8]) {
        let start = scratch.out.len();
        scratch.out.resize(start + HEAD_BYTES, 0);
        scratch.out.extend_from_slice(payload);
        let head = Head {
            payload_bytes: length(payload.len()),
            kind,
            frame_start: false,
            first_event: self.events,
            first_moment: self.last,
            events: 0,
            plain_bytes: 0,
        };
        self.seal(scratch, start, &head);
    }

    /// Writes the head into its place at `start` of the output, and the link behind the payload.
    fn seal(&mut self, scratch: &mut Scratch, start: usize, head: &Head) {
        let bytes = head.encode();
        if let Some((place, payload)) =
            scratch.out.get_mut(start..).and_then(|chunk| chunk.split_at_mut_checked(HEAD_BYTES))
        {
            place.copy_from_slice(&bytes);
            self.link = scratch.links.link(&self.link, &bytes, payload);
        }
        scratch.out.extend_from_slice(&self.link);
        self.offset += (scratch.out.len() - start) as u64;
        self.chunks += 1;
    }

    /// Appends the pending events to the output, compressed where that gains anything.
    fn pack(&mut self, scratch: &mut Scratch) -> Result<Packed, &'static str> {
        let Scratch { plain, trial, context, out, .. } = scratch;
        let large = plain.len() >= PROBE_BYTES_MIN;
        if large && self.incompressible {
            let sample = plain.sample(PROBE_BYTES);
            trial.clear();
            context.reset()?;
            context.pack(std::iter::once(sample), sample.len(), trial, Until::End)?;
            self.incompressible = hardly_shrank(trial.len(), sample.len());
        }
        if large && self.incompressible {
            self.frame = None;
            plain.pieces().for_each(|piece| out.extend_from_slice(piece));
            return Ok(Packed { stored: true, frame_start: true });
        }
        let start = out.len();
        let mut frame_start = self.frame.is_none();
        if frame_start && self.close >= CLOSE_CHUNKS_MIN {
            self.frame = self.contexts.hold()?.map(|context| Frame { context, plain_bytes: 0 });
        }
        match &mut self.frame {
            Some(frame) => {
                frame.context.pack(plain.pieces(), plain.len(), out, Until::Flush)?;
                frame.plain_bytes += plain.len();
                if frame.plain_bytes >= self.frame_bytes_max {
                    self.frame = None;
                }
            }
            None => {
                context.reset()?;
                context.pack(plain.pieces(), plain.len(), out, Until::End)?;
            }
        }
        let mut stored = false;
        if large && hardly_shrank(out.len() - start, plain.len()) {
            self.incompressible = true;
            self.frame = None;
            out.truncate(start);
            plain.pieces().for_each(|piece| out.extend_from_slice(piece));
            (stored, frame_start) = (true, true);
        }
        Ok(Packed { stored, frame_start })
    }
}

struct Packed {
    stored: bool,
    frame_start: bool,
}

/// A length that the limits keep far below four gigabytes.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
