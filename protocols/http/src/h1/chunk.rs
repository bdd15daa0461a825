//! The lines of chunked content (RFC 9112 section 7.1).

use wiretape_core::limits::HTTP_CHUNK_LINE_BYTES_MAX;

use super::Malformed;
use crate::check;

/// Digits of a size that fit 64 bits.
const SIZE_DIGITS_MAX: usize = 16;

/// What the lines before chunks may be longer than the content that they announce, in bytes.
const EXCESS_BYTES_MAX: usize = 16 * 1024;

/// What a line may have without being in excess: the size, its CRLF and that of the chunk, a short extension.
const USUAL_LINE_BYTES: usize = 32;

/// How much more was said around content than in it: extensions that stand before a byte each wear out who reads them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Excess(usize);

impl Excess {
    /// A line of `length` bytes announced `size` bytes.
    pub(super) fn add(&mut self, length: usize, size: u64) -> Result<(), Malformed> {
        let allowed = usize::try_from(size).unwrap_or(usize::MAX).saturating_add(USUAL_LINE_BYTES);
        self.0 = (self.0 + length).saturating_sub(allowed);
        if self.0 > EXCESS_BYTES_MAX {
            return Err(Malformed::new(400, "chunk extensions without content"));
        }
        Ok(())
    }
}

/// The line before a chunk: its size, extensions that mean nothing to anyone here, CRLF.
#[derive(Clone, Debug, Default)]
pub(super) struct ChunkLine {
    /// Everything before was looked at.
    at: usize,
    size: u64,
    digits: usize,
    /// In the extensions.
    extended: bool,
}

impl ChunkLine {
    /// Reads on in `input`, which begins with the line and only ever grows until the line is whole.
    ///
    /// Gives the length of the line with its CRLF, and the size of the chunk.
    pub(super) fn read(&mut self, input: &[u8]) -> Result<Option<(usize, u64)>, Malformed> {
        let window = input.get(..HTTP_CHUNK_LINE_BYTES_MAX).unwrap_or(input);
        let found = self.find(window)?;
        if found.is_none() && window.len() == HTTP_CHUNK_LINE_BYTES_MAX {
            return Err(Malformed::new(400, "the line before a chunk is too long"));
        }
        Ok(found)
    }

    fn find(&mut self, window: &[u8]) -> Result<Option<(usize, u64)>, Malformed> {
        if !self.extended {
            while let Some(digit) = window.get(self.at).and_then(|&octet| char::from(octet).to_digit(16)) {
                if self.digits == SIZE_DIGITS_MAX {
                    return Err(Malformed::new(400, "the size of a chunk is too large"));
                }
                self.size = self.size << 4 | u64::from(digit);
                self.digits += 1;
                self.at += 1;
            }
            match window.get(self.at) {
                None => return Ok(None),
                Some(b'\r' | b';') if self.digits > 0 => self.extended = true,
                Some(b'\n') => return Err(Malformed::new(400, "a bare LF in the line before a chunk")),
                Some(_) => return Err(Malformed::new(400, "the size of a chunk is no hexadecimal number")),
            }
        }
        self.at += check::value_length(window.get(self.at..).unwrap_or_default());
        match (window.get(self.at), window.get(self.at + 1)) {
            (None, _) | (Some(b'\r'), None) => Ok(None),
            (Some(b'\r'), Some(b'\n')) => Ok(Some((self.at + 2, self.size))),
            (Some(b'\r'), Some(_)) => Err(Malformed::new(400, "a bare CR in the line before a chunk")),
            (Some(b'\n'), _) => Err(Malformed::new(400, "a bare LF in the line before a chunk")),
            (Some(_), _) => Err(Malformed::new(400, "a control character in the line before a chunk")),
        }
    }
}
