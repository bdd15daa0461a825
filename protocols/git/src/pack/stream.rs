//! A pack, read once from its beginning while it comes in.

use sha2::{Digest as _, Sha256};
use wiretape_core::Held;
use wiretape_core::event::ObjectId;
use wiretape_core::limits::GIT_PUSH_BYTES_MAX;

use super::ObjectFormat;
use super::digest::Digest;
use super::inflate::Inflater;
use super::limits::RUN_BYTES_MAX;
use super::problem::Problem;

/// What stands at the end of a pack, and what it should be.
pub(super) struct Sums {
    /// The checksum that the pack ends with.
    pub(super) said: ObjectId,
    /// The checksum of what stands before it.
    pub(super) made: ObjectId,
    /// SHA-256 of all of it.
    pub(super) sha256: [u8; 32],
}

/// Reads on and on, and hashes what it has read.
///
/// It never reads beyond what it was asked for before it has to: there may be nothing behind a pack, and no end either.
pub(super) struct Stream<'h> {
    held: &'h mut dyn Held,
    inflater: Inflater,
    run: Box<[u8]>,
    /// Where `run` begins.
    run_offset: u64,
    /// The part of `run` that was read but not used.
    unused: std::ops::Range<usize>,
    /// The part of `run` before this was hashed.
    hashed: usize,
    began: u64,
    format: ObjectFormat,
    checksum: Digest,
    sha256: Option<Sha256>,
}

impl<'h> Stream<'h> {
    pub(super) fn new(held: &'h mut dyn Held, offset: u64, format: ObjectFormat) -> Self {
        Self {
            held,
            inflater: Inflater::new(),
            run: vec![0; RUN_BYTES_MAX].into(),
            run_offset: offset,
            unused: 0..0,
            hashed: 0,
            began: offset,
            format,
            checksum: Digest::new(format),
            // Where the checksum is SHA-256 too, it is begun with what the checksum is made of.
            sha256: (format == ObjectFormat::Sha1).then(Sha256::new),
        }
    }

    /// Where the next byte stands in what is held.
    pub(super) fn offset(&self) -> u64 {
        self.run_offset + self.unused.start as u64
    }

    /// Hashes what was used and not hashed yet.
    fn hash(&mut self) {
        let used = self.run.get(self.hashed..self.unused.start).unwrap_or_default();
        self.checksum.update(used);
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(used);
        }
        self.hashed = self.unused.start;
    }

    /// What was read and not used: at least one byte.
    fn fill(&mut self) -> Result<(), Problem> {
        if !self.unused.is_empty() {
            return Ok(());
        }
        self.hash();
        self.run_offset += self.unused.start as u64;
        // There is more of the pack to come, so its checksum at least is not all among what was used.
        self.held.let_ahead(self.run_offset);
        let read = self.held.read(self.run_offset, &mut self.run).map_err(|_| Problem::Lost)?;
        self.unused = 0..read.min(self.run.len());
        self.hashed = 0;
        if self.run_offset - self.began > GIT_PUSH_BYTES_MAX {
            return Err(Problem::TooLarge);
        }
        if self.unused.is_empty() { Err(Problem::BreaksOff(self.run_offset - self.began)) } else { Ok(()) }
    }

    pub(super) fn byte(&mut self) -> Result<u8, Problem> {
        self.fill()?;
        let byte = self.run.get(self.unused.start).copied().ok_or(Problem::Lost)?;
        self.unused.start += 1;
        Ok(byte)
    }

    pub(super) fn bytes(&mut self, into: &mut [u8]) -> Result<(), Problem> {
        for byte in into {
            *byte = self.byte()?;
        }
        Ok(())
    }

    /// Unpacks the zlib stream that begins here and is to make `bytes` bytes, through `run`; `take` gets them run by
    /// run. `number` is the object's.
    pub(super) fn inflate_runs(
        &mut self,
        number: u32,
        bytes: u64,
        run: &mut [u8],
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), Problem> {
        self.inflater.begin();
        let mut left = bytes;
        loop {
            self.fill()?;
            let input = self.run.get(self.unused.clone()).unwrap_or_default();
            // One byte more than is still to come: where it is written, the object is longer than it says.
            let mut surplus = [0];
            let room = usize::try_from(left).unwrap_or(usize::MAX).min(run.len());
            let output = if room == 0 { &mut surplus } else { run.get_mut(..room).unwrap_or_default() };
            let progress = self.inflater.go_on(input, output).ok_or(Problem::NotZlib(number))?;
            self.unused.start += progress.used;
            if progress.made as u64 > left {
                return Err(Problem::LongerThanSaid(number, bytes));
            }
            take(output.get(..progress.made).unwrap_or_default());
            left -= progress.made as u64;
            if progress.ended {
                return if left == 0 { Ok(()) } else { Err(Problem::ShorterThanSaid(number, bytes)) };
            }
        }
    }

    /// Unpacks the zlib stream that begins here and is to make `bytes` bytes, in one piece.
    pub(super) fn inflate_piece(&mut self, number: u32, bytes: usize, piece: &mut Vec<u8>) -> Result<(), Problem> {
        piece.clear();
        piece.resize(bytes, 0);
        let mut made = 0;
        self.inflater.begin();
        loop {
            self.fill()?;
            let input = self.run.get(self.unused.clone()).unwrap_or_default();
            let mut surplus = [0];
            let full = made == bytes;
            let output = if full { &mut surplus[..] } else { piece.get_mut(made..).unwrap_or_default() };
            let progress = self.inflater.go_on(input, output).ok_or(Problem::NotZlib(number))?;
            self.unused.start += progress.used;
            if full && progress.made > 0 {
                return Err(Problem::LongerThanSaid(number, bytes as u64));
            }
            made += progress.made;
            if progress.ended {
                let whole = made == bytes;
                return if whole { Ok(()) } else { Err(Problem::ShorterThanSaid(number, bytes as u64)) };
            }
        }
    }

    /// Reads the checksum at the end.
    pub(super) fn finish(&mut self) -> Result<Sums, Problem> {
        self.hash();
        let made = self.checksum.clone().finish();
        let mut said = [0; 32];
        let said = said.get_mut(..self.format.id_bytes()).unwrap_or_default();
        for byte in said.iter_mut() {
            *byte = self.byte()?;
        }
        self.hash();
        let sha256 = match (self.sha256.take(), self.checksum.clone()) {
            (Some(sha256), _) | (None, Digest::Sha256(sha256)) => sha256.finalize().into(),
            (None, Digest::Sha1(_)) => [0; 32],
        };
        let said = ObjectId::from_bytes(said).ok_or(Problem::Lost)?;
        Ok(Sums { said, made, sha256 })
    }
}
