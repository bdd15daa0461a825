//! Content codings (RFC 9110 section 8.4.1), undone for reading: gzip, deflate, br and zstd.
//!
//! Whatever is fed, no more than a limit comes out; what is damaged is shown up to the damage.

use std::io::{self, Write};

use brotli_decompressor::DecompressorWriter;
use bytes::Bytes;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use wiretape_core::event::HeaderField;
use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

use super::head;
use crate::limits::{CODINGS_MAX, UNPACK_HISTORY_BYTES_MAX, UNPACK_RATIO_MAX};

/// The largest window of zstd as a content coding, 8 MiB, as a power of two (RFC 9659).
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Bytes that are unpacked at a time.
const STEP_BYTES: usize = 32 * 1024;

/// Bytes that come out of little: the ratio is not looked at before.
const RATIO_FREE_BYTES: usize = 1024 * 1024;

/// A coding that can be undone here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950; and RFC 1951 alone, as some send it.
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            "br" => Some(Self::Brotli),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// The codings of content, in the order in which they were applied; the name of one that is not known here.
///
/// # Errors
/// The name of a coding that cannot be undone; `…` when there are more than anybody means.
pub fn codings(fields: &[HeaderField]) -> Result<Vec<Coding>, String> {
    let names = head::items(fields, "content-encoding");
    if names.len() > CODINGS_MAX {
        return Err("…".to_owned());
    }
    let known = names.into_iter().filter(|name| name != "identity");
    known.map(|name| Coding::parse(&name).ok_or(name)).collect()
}

/// Why unpacking stopped early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The bytes are not what the coding says.
    Damaged,
    /// The bytes end before what is packed in them does.
    CutOff,
    /// More would come out than is read here.
    Limit,
}

/// Undoes codings as content comes in.
///
/// A clone goes on where the other stands: it unpacks again what was fed so far, which is kept for that.
pub struct Unpacker {
    codings: Vec<Coding>,
    room: usize,
    /// What was fed, while it is kept.
    history: Vec<Bytes>,
    fed_bytes: usize,
    stages: Option<Vec<Stage>>,
    stop: Option<Stop>,
}

impl Clone for Unpacker {
    fn clone(&self) -> Self {
        Self {
            codings: self.codings.clone(),
            room: self.room,
            history: self.history.clone(),
            fed_bytes: self.fed_bytes,
            stages: None,
            stop: self.stop,
        }
    }
}

impl Unpacker {
    /// Undoes `codings`, which were applied in this order; at most `bytes_max` come out.
    #[must_use]
    pub fn new(codings: Vec<Coding>, bytes_max: usize) -> Self {
        Self { codings, room: bytes_max, history: Vec::new(), fed_bytes: 0, stages: None, stop: None }
    }

    /// Why nothing more comes out, when that is so.
    #[must_use]
    pub fn stop(&self) -> Option<Stop> {
        self.stop
    }

    /// Takes in the next bytes; what can be read because of them.
    #[must_use]
    pub fn feed(&mut self, bytes: &Bytes) -> Vec<u8> {
        if self.codings.is_empty() {
            return bytes.to_vec();
        }
        if self.stop.is_some() {
            return Vec::new();
        }
        if self.stages.is_none() {
            let mut stages: Vec<Stage> = self.codings.iter().rev().map(|coding| Stage::new(*coding)).collect();
            for bytes in &self.history {
                // What stops it would have stopped it before.
                let _ = run(&mut stages, bytes, usize::MAX);
            }
            self.stages = Some(stages);
        }
        self.fed_bytes = self.fed_bytes.saturating_add(bytes.len());
        let allowed = RATIO_FREE_BYTES.saturating_add(self.fed_bytes.saturating_mul(UNPACK_RATIO_MAX));
        let (plain, stop) = match &mut self.stages {
            Some(stages) => run(stages, bytes, self.room.min(allowed)),
            None => (Vec::new(), None),
        };
        self.room = self.room.saturating_sub(plain.len());
        self.stop = stop;
        self.history.push(Bytes::copy_from_slice(bytes));
        if self.fed_bytes > UNPACK_HISTORY_BYTES_MAX || self.stop.is_some() {
            self.stop = self.stop.or(Some(Stop::Limit));
            self.history.clear();
            self.stages = None;
        }
        plain
    }
}

/// Undoes `codings` of a whole content, or of its start: what can be read, at most `bytes_max`, and why that is not all.
#[must_use]
pub fn unpack(codings: &[Coding], packed: &[u8], bytes_max: usize) -> (Vec<u8>, Option<Stop>) {
    let allowed = RATIO_FREE_BYTES.saturating_add(packed.len().saturating_mul(UNPACK_RATIO_MAX));
    let mut stages: Vec<Stage> = codings.iter().rev().map(|coding| Stage::new(*coding)).collect();
    let (plain, stop) = run(&mut stages, packed, bytes_max.min(allowed));
    let whole = packed.is_empty() || stages.iter_mut().all(Stage::is_whole);
    (plain, stop.or_else(|| (!whole).then_some(Stop::CutOff)))
}

fn run(stages: &mut [Stage], bytes: &[u8], bytes_max: usize) -> (Vec<u8>, Option<Stop>) {
    let mut plain = bytes.to_vec();
    let mut stop = None;
    for stage in stages {
        let (next, stopped) = stage.feed(&plain, bytes_max);
        plain = next;
        stop = stop.or(stopped);
    }
    if plain.len() > bytes_max {
        plain.truncate(bytes_max);
        stop = stop.or(Some(Stop::Limit));
    }
    (plain, stop)
}

/// What comes out of one coding, no more than there is room for.
#[derive(Default)]
struct Sink {
    bytes: Vec<u8>,
    room: usize,
    full: bool,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.room.saturating_sub(self.bytes.len()));
        self.bytes.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        if taken < bytes.len() {
            self.full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The undoing of one coding.
enum Stage {
    /// Which of the two it is, the first two bytes tell.
    Deflate(Vec<u8>),
    Gzip(Box<MultiGzDecoder<Sink>>),
    Zlib(Box<ZlibDecoder<Sink>>),
    Raw(Box<DeflateDecoder<Sink>>),
    Brotli(Box<DecompressorWriter<Sink>>),
    Zstd(Box<Zstd>),
    /// It stopped.
    Over,
}

impl Stage {
    fn new(coding: Coding) -> Self {
        match coding {
            Coding::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(Sink::default()))),
            Coding::Deflate => Self::Deflate(Vec::new()),
            Coding::Brotli => Self::Brotli(Box::new(DecompressorWriter::new(Sink::default(), STEP_BYTES))),
            Coding::Zstd => Self::Zstd(Box::default()),
        }
    }

    /// Whether all that was packed came out.
    fn is_whole(&mut self) -> bool {
        match self {
            Self::Deflate(_) | Self::Over => false,
            Self::Gzip(decoder) => decoder.try_finish().is_ok(),
            Self::Zlib(decoder) => decoder.try_finish().is_ok(),
            Self::Raw(decoder) => decoder.try_finish().is_ok(),
            Self::Brotli(decoder) => decoder.close().is_ok(),
            Self::Zstd(decoder) => decoder.frame_ended,
        }
    }

    fn feed(&mut self, bytes: &[u8], bytes_max: usize) -> (Vec<u8>, Option<Stop>) {
        let mut head = Vec::new();
        if let Self::Deflate(start) = self {
            start.extend_from_slice(bytes);
            let &[first, second, ..] = start.as_slice() else { return (Vec::new(), None) };
            let zlib = first & 0x0f == 8 && (u16::from(first) << 8 | u16::from(second)) % 31 == 0;
            head = std::mem::take(start);
            *self = match zlib {
                true => Self::Zlib(Box::new(ZlibDecoder::new(Sink::default()))),
                false => Self::Raw(Box::new(DeflateDecoder::new(Sink::default()))),
            };
        }
        let bytes = if head.is_empty() { bytes } else { &head };
        let (outcome, sink) = match self {
            Self::Deflate(_) | Self::Over => return (Vec::new(), None),
            Self::Gzip(decoder) => {
                decoder.get_mut().room = bytes_max;
                (push(decoder.as_mut(), bytes), decoder.get_mut())
            }
            Self::Zlib(decoder) => {
                decoder.get_mut().room = bytes_max;
                (push(decoder.as_mut(), bytes), decoder.get_mut())
            }
            Self::Raw(decoder) => {
                decoder.get_mut().room = bytes_max;
                (push(decoder.as_mut(), bytes), decoder.get_mut())
            }
            Self::Brotli(decoder) => {
                decoder.get_mut().room = bytes_max;
                (push(decoder.as_mut(), bytes), decoder.get_mut())
            }
            Self::Zstd(decoder) => {
                decoder.sink.room = bytes_max;
                (decoder.push(bytes), &mut decoder.sink)
            }
        };
        let plain = std::mem::take(&mut sink.bytes);
        let stop = match (outcome, sink.full) {
            (_, true) => Some(Stop::Limit),
            (Err(_), false) => Some(Stop::Damaged),
            (Ok(()), false) => None,
        };
        if stop.is_some() {
            *self = Self::Over;
        }
        (plain, stop)
    }
}

/// Writes all of `bytes` that belong to what is packed; what stands behind its end is left out.
fn push(decoder: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let taken = decoder.write(rest)?;
        if taken == 0 {
            return Ok(());
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    decoder.flush()
}

struct Zstd {
    context: DCtx<'static>,
    sink: Sink,
    frame_ended: bool,
}

impl Default for Zstd {
    fn default() -> Self {
        let mut context = DCtx::create();
        // A context that does not take the limit has one of its own, of 128 MiB.
        let _ = context.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX));
        Self { context, sink: Sink::default(), frame_ended: false }
    }
}

impl Zstd {
    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut step = vec![0; STEP_BYTES];
        let mut input = InBuffer::around(bytes);
        loop {
            let mut output = OutBuffer::around(step.as_mut_slice());
            let before = input.pos();
            let outcome = self.context.decompress_stream(&mut output, &mut input);
            let hint = outcome.map_err(|code| io::Error::other(zstd_safe::get_error_name(code)))?;
            // Nothing more is wanted once a frame has ended.
            self.frame_ended = hint == 0;
            let (full, made) = (output.pos() == STEP_BYTES, output.pos());
            self.sink.write_all(output.as_slice())?;
            if !full && (input.pos() == bytes.len() || (input.pos() == before && made == 0)) {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests;
