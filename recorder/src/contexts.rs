//! The pool of compression contexts.
//!
//! A context takes most of a megabyte, so that tapes may hold only so many of them at once, and only while their
//! sessions are busy. A tape that gets none still compresses: each of its chunks for itself.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer, ResetDirective, zstd_sys};

use crate::limits::CONTEXTS_SPARE_MAX;
use crate::locked::locked;

/// The compression level: the one at which a recorder keeps up with its network.
const LEVEL: i32 = 1;

/// Room in the output beyond zstd's own bound, for a frame's head and the end of a flushed block.
const SLACK_BYTES: usize = 64;

/// What a call of [`Context::pack`] ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// What was put in so far can be unpacked; the frame goes on.
    Flush,
    /// The frame.
    End,
}

/// One compression context.
pub(crate) struct Context(CCtx<'static>);

impl Context {
    pub(crate) fn new() -> Result<Self, &'static str> {
        let mut context = CCtx::try_create().ok_or("no memory for a compression context")?;
        context.set_parameter(CParameter::CompressionLevel(LEVEL)).map_err(zstd_safe::get_error_name)?;
        Ok(Self(context))
    }

    /// Forgets the frame that it is in.
    pub(crate) fn reset(&mut self) -> Result<(), &'static str> {
        self.0.reset(ResetDirective::SessionOnly).map(drop).map_err(zstd_safe::get_error_name)
    }

    /// Appends `pieces`, which have `bytes` in all, packed, to `packed`.
    pub(crate) fn pack<'p>(
        &mut self,
        pieces: impl Iterator<Item = &'p [u8]>,
        bytes: usize,
        packed: &mut Vec<u8>,
        until: Until,
    ) -> Result<(), &'static str> {
        packed.reserve(zstd_safe::compress_bound(bytes) + SLACK_BYTES);
        let mut pieces = pieces.peekable();
        let mut first = true;
        loop {
            let piece = pieces.next().unwrap_or_default();
            let is_last = pieces.peek().is_none();
            if until == Until::End && std::mem::take(&mut first) && !is_last {
                // Told before, as zstd knows it by itself of what comes in one piece: it fits its tables to the length.
                self.0.set_pledged_src_size(Some(bytes as u64)).map_err(zstd_safe::get_error_name)?;
            }
            self.put(piece, packed, is_last.then_some(until))?;
            if is_last {
                return Ok(());
            }
        }
    }

    /// Appends `plain`, packed; as much of it as zstd does not keep for later, unless something ends with it.
    fn put(&mut self, plain: &[u8], packed: &mut Vec<u8>, until: Option<Until>) -> Result<(), &'static str> {
        let start = packed.len();
        let directive = match until {
            None => zstd_sys::ZSTD_EndDirective::ZSTD_e_continue,
            Some(Until::Flush) => zstd_sys::ZSTD_EndDirective::ZSTD_e_flush,
            Some(Until::End) => zstd_sys::ZSTD_EndDirective::ZSTD_e_end,
        };
        let mut output = OutBuffer::around_pos(packed, start);
        let mut input = InBuffer::around(plain);
        loop {
            let before = (input.pos(), output.pos());
            let left =
                self.0.compress_stream2(&mut output, &mut input, directive).map_err(zstd_safe::get_error_name)?;
            if (left == 0 || until.is_none()) && input.pos() == plain.len() {
                return Ok(());
            }
            if (input.pos(), output.pos()) == before {
                return Err("the compressor stands still");
            }
        }
    }
}

/// The contexts that tapes share.
pub(crate) struct Contexts {
    spare: Mutex<Vec<Context>>,
    held: AtomicUsize,
    held_max: usize,
}

impl Contexts {
    pub(crate) fn new(held_max: usize) -> Arc<Self> {
        Arc::new(Self { spare: Mutex::new(Vec::new()), held: AtomicUsize::new(0), held_max })
    }

    /// A context to keep for a frame; `None` when as many are held as may be.
    pub(crate) fn hold(self: &Arc<Self>) -> Result<Option<Held>, &'static str> {
        let taken = self
            .held
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |held| (held < self.held_max).then_some(held + 1));
        if taken.is_err() {
            return Ok(None);
        }
        // From here on dropping `held` gives the place back.
        let mut held = Held { context: None, pool: Arc::clone(self) };
        let spare = locked(&self.spare).pop();
        let mut context = match spare {
            Some(context) => context,
            None => Context::new()?,
        };
        context.reset()?;
        held.context = Some(context);
        Ok(Some(held))
    }

    /// How many contexts lie unused in the pool.
    pub(crate) fn spare(&self) -> usize {
        locked(&self.spare).len()
    }

    /// How many contexts tapes hold now.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Acquire)
    }
}

/// A context that a tape holds until it is dropped.
pub(crate) struct Held {
    context: Option<Context>,
    pool: Arc<Contexts>,
}

impl Held {
    /// See [`Context::pack`].
    pub(crate) fn pack<'p>(
        &mut self,
        pieces: impl Iterator<Item = &'p [u8]>,
        bytes: usize,
        packed: &mut Vec<u8>,
        until: Until,
    ) -> Result<(), &'static str> {
        self.context.as_mut().ok_or("a compression context is missing")?.pack(pieces, bytes, packed, until)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(context) = self.context.take() {
            let mut spare = locked(&self.pool.spare);
            if spare.len() < CONTEXTS_SPARE_MAX {
                spare.push(context);
            }
        }
        self.pool.held.fetch_sub(1, Ordering::AcqRel);
    }
}
