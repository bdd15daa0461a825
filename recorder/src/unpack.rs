//! Events out of chunks.

use bytes::Bytes;
use wiretape_core::{Event, Moment};
use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, ResetDirective};

use crate::chunks::Chunk;
use crate::format::chunk::Kind;
use crate::format::v1;

/// The largest window that a frame may ask for, as a power of two: a megabyte.
const WINDOW_LOG_MAX: u32 = 20;

/// Unpacks the chunks of a tape in their order.
pub(crate) struct Unpacker {
    context: DCtx<'static>,
    in_frame: bool,
}

impl Unpacker {
    /// `None` when there is no memory for it.
    pub(crate) fn new() -> Option<Self> {
        let mut context = DCtx::try_create()?;
        context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX)).ok()?;
        Some(Self { context, in_frame: false })
    }

    /// The events of `chunk`, which must have some. An error says what no recorder would have written.
    pub(crate) fn unpack(&mut self, chunk: Chunk) -> Result<ChunkEvents, &'static str> {
        let head = chunk.head;
        let plain = if head.kind == Kind::EVENTS_STORED {
            self.in_frame = false;
            chunk.payload
        } else {
            self.inflate(&chunk)?
        };
        Ok(ChunkEvents {
            plain: Bytes::from(plain),
            offset: 0,
            left: head.events,
            before: head.first_moment,
            first: true,
        })
    }

    fn inflate(&mut self, chunk: &Chunk) -> Result<Vec<u8>, &'static str> {
        if chunk.head.frame_start {
            self.context.reset(ResetDirective::SessionOnly).map_err(zstd_safe::get_error_name)?;
            self.in_frame = true;
        } else if !self.in_frame {
            return Err("a chunk goes on with a frame that did not start");
        }
        let plain_bytes = chunk.head.plain_bytes as usize;
        // One byte more than there should be shows when there is more.
        let mut plain = Vec::with_capacity(plain_bytes + 1);
        let mut input = InBuffer::around(&chunk.payload);
        let mut output = OutBuffer::around(&mut plain);
        loop {
            let before = (input.pos(), output.pos());
            let left = self.context.decompress_stream(&mut output, &mut input).map_err(zstd_safe::get_error_name)?;
            let done = input.pos() == chunk.payload.len();
            if left == 0 {
                self.in_frame = false;
                if !done {
                    return Err("something follows the end of a frame");
                }
                break;
            }
            if done && output.pos() >= plain_bytes {
                break;
            }
            if (input.pos(), output.pos()) == before {
                return Err("a chunk unpacks to less than it says");
            }
        }
        if plain.len() != plain_bytes {
            return Err("a chunk unpacks to another length than it says");
        }
        Ok(plain)
    }
}

/// The events of one chunk. After an error there are no more.
pub(crate) struct ChunkEvents {
    plain: Bytes,
    offset: usize,
    left: u32,
    before: Moment,
    first: bool,
}

impl ChunkEvents {
    /// The next event; `None` after the last.
    pub(crate) fn next(&mut self) -> Option<Result<Event, &'static str>> {
        if self.left == 0 {
            let rest = self.plain.len() - self.offset;
            self.offset = self.plain.len();
            return (rest > 0).then_some(Err("something follows the last event of a chunk"));
        }
        let decoded = v1::decode(&self.plain, self.offset, self.before);
        let Some((event, taken)) = decoded else { return self.stop("an event cannot be read") };
        if std::mem::take(&mut self.first) && event.at != self.before {
            return self.stop("the first event of a chunk is not at the moment that the chunk says");
        }
        self.left -= 1;
        self.offset += taken;
        self.before = event.at;
        Some(Ok(event))
    }

    fn stop(&mut self, what: &'static str) -> Option<Result<Event, &'static str>> {
        self.left = 0;
        self.offset = self.plain.len();
        Some(Err(what))
    }
}
