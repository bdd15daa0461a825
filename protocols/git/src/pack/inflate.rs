//! Unpacking zlib streams, piece by piece.

use flate2::{Decompress, FlushDecompress, Status};

/// What one call did.
pub(super) struct Progress {
    /// Bytes of the input that were used.
    pub(super) used: usize,
    /// Bytes of the output that were written.
    pub(super) made: usize,
    /// Whether the stream ended, its checksum being right.
    pub(super) ended: bool,
}

/// Unpacks one stream after another.
pub(super) struct Inflater(Decompress);

impl Inflater {
    pub(super) fn new() -> Self {
        Self(Decompress::new(true))
    }

    /// Begins a new stream.
    pub(super) fn begin(&mut self) {
        self.0.reset(true);
    }

    /// Goes on with the stream; `None`: it is broken. Neither side may be empty.
    pub(super) fn go_on(&mut self, input: &[u8], output: &mut [u8]) -> Option<Progress> {
        let (used_before, made_before) = (self.0.total_in(), self.0.total_out());
        let status = self.0.decompress(input, output, FlushDecompress::None).ok()?;
        let used = usize::try_from(self.0.total_in() - used_before).ok()?;
        let made = usize::try_from(self.0.total_out() - made_before).ok()?;
        let ended = status == Status::StreamEnd;
        (ended || used > 0 || made > 0).then_some(Progress { used, made, ended })
    }
}
