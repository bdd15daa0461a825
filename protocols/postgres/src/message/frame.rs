//! Bytes to messages: a type, a length that counts itself, and the fields.
//!
//! Chunks are kept as they came. Only a message that is cut in two is joined; all others are slices of their chunk, and
//! neighbours leave as one slice again.

use bytes::{Bytes, BytesMut};
use wiretape_core::limits::EVENT_PAYLOAD_BYTES_MAX;
use wiretape_core::{Fault, Side};

use super::parse::is_row;
use super::{HEADER_BYTES, LENGTH_BYTES, letter};
use crate::limits::LONG_START_BYTES;

/// A piece of a chunk that remembers its chunk.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    chunk: Bytes,
    start: usize,
    end: usize,
}

impl Cut {
    fn whole(chunk: Bytes) -> Self {
        let end = chunk.len();
        Self { chunk, start: 0, end }
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> Bytes {
        self.chunk.slice(self.start..self.end)
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    /// Grows by `next` where that stands right behind it in the same chunk.
    pub(crate) fn join(&mut self, next: &Self) -> bool {
        let same = self.chunk.as_ptr() == next.chunk.as_ptr() && self.chunk.len() == next.chunk.len();
        let joins = same && self.end == next.start;
        if joins {
            self.end = next.end;
        }
        joins
    }
}

/// What a side said at a time, as far as it is not taken yet.
#[derive(Debug)]
pub(crate) struct Said {
    chunk: Bytes,
    taken: usize,
}

impl Said {
    pub(crate) fn new(chunk: Bytes) -> Self {
        Self { chunk, taken: 0 }
    }

    fn rest(&self) -> &[u8] {
        self.chunk.get(self.taken..).unwrap_or_default()
    }

    /// Takes the next `bytes` bytes, or what there is of them.
    fn take(&mut self, bytes: usize) -> Cut {
        let start = self.taken;
        self.taken = self.chunk.len().min(start.saturating_add(bytes));
        Cut { chunk: self.chunk.clone(), start, end: self.taken }
    }
}

/// What a framer finds.
#[derive(Debug)]
pub(crate) enum Piece {
    /// A message.
    Message { letter: u8, cut: Cut },
    /// Messages of one type that carry data: rows, or a copy.
    Run { letter: u8, count: u32, cut: Cut },
    /// A piece of a message that is too long to be held.
    Long { letter: u8, first: bool, last: bool, cut: Cut },
}

/// How far a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// Its length is not there yet.
    Unknown,
    /// It is held until all its bytes are there.
    Held(usize),
    /// It passes in pieces.
    Streamed(usize),
}

/// The messages of one side.
#[derive(Debug)]
pub(crate) struct Framer {
    side: Side,
    /// The start of a message whose end is not there yet.
    half: BytesMut,
    /// The type of the long message that passes, and how many bytes of it are to come.
    long: Option<(u8, usize)>,
}

impl Framer {
    pub(crate) fn new(side: Side) -> Self {
        Self { side, half: BytesMut::new(), long: None }
    }

    /// Bytes of the message that is not whole yet.
    pub(crate) fn half_bytes(&self) -> usize {
        self.half.len()
    }

    /// True amid a message that passes in pieces.
    pub(crate) fn is_amid_long(&self) -> bool {
        self.long.is_some()
    }

    /// The next piece of what was said; `None` when the rest is kept until more is said.
    ///
    /// # Errors
    /// A fault when it is no message. What stands before it was found before.
    pub(crate) fn next(&mut self, said: &mut Said) -> Result<Option<Piece>, Fault> {
        if let Some((letter, left)) = self.long {
            return Ok(self.go_on(letter, left, said));
        }
        if self.half.is_empty() {
            return self.start(said);
        }
        self.finish(said)
    }

    /// The next piece of a long message.
    fn go_on(&mut self, letter: u8, left: usize, said: &mut Said) -> Option<Piece> {
        let cut = said.take(left.min(EVENT_PAYLOAD_BYTES_MAX));
        if cut.len() == 0 {
            return None;
        }
        let left = left.saturating_sub(cut.len());
        self.long = (left > 0).then_some((letter, left));
        Some(Piece::Long { letter, first: false, last: left == 0, cut })
    }

    /// A message that starts in what was said.
    fn start(&mut self, said: &mut Said) -> Result<Option<Piece>, Fault> {
        let rest = said.rest();
        let Some(letter) = rest.first().copied() else { return Ok(None) };
        match extent(self.side, rest)? {
            Extent::Held(bytes) if bytes <= rest.len() => {
                let (bytes, count) = match is_run(self.side, letter) {
                    true => self.run(letter, rest)?,
                    false => (bytes, 0),
                };
                Ok(Some(piece(letter, count, said.take(bytes))))
            }
            Extent::Streamed(bytes) if rest.len() >= LONG_START_BYTES => {
                let cut = said.take(EVENT_PAYLOAD_BYTES_MAX);
                Ok(Some(self.long_start(letter, bytes, cut)))
            }
            Extent::Unknown | Extent::Held(_) | Extent::Streamed(_) => {
                let bytes = rest.len();
                self.half.extend_from_slice(rest);
                said.take(bytes);
                Ok(None)
            }
        }
    }

    /// The message that was started before.
    fn finish(&mut self, said: &mut Said) -> Result<Option<Piece>, Fault> {
        loop {
            let extent = extent(self.side, &self.half)?;
            let wanted = match extent {
                Extent::Unknown => HEADER_BYTES,
                Extent::Held(bytes) => bytes,
                Extent::Streamed(_) => LONG_START_BYTES,
            };
            let missing = wanted.saturating_sub(self.half.len()).min(said.rest().len());
            self.half.extend_from_slice(said.rest().get(..missing).unwrap_or_default());
            said.take(missing);
            if self.half.len() < wanted {
                return Ok(None);
            }
            let letter = self.half.first().copied().unwrap_or_default();
            match extent {
                Extent::Unknown => {}
                Extent::Held(_) => {
                    let message = self.half.split().freeze();
                    let count = if is_run(self.side, letter) { self.run(letter, &message)?.1 } else { 0 };
                    return Ok(Some(piece(letter, count, Cut::whole(message))));
                }
                Extent::Streamed(bytes) => {
                    let cut = Cut::whole(self.half.split().freeze());
                    return Ok(Some(self.long_start(letter, bytes, cut)));
                }
            }
        }
    }

    fn long_start(&mut self, letter: u8, bytes: usize, cut: Cut) -> Piece {
        self.long = Some((letter, bytes.saturating_sub(cut.len())));
        Piece::Long { letter, first: true, last: false, cut }
    }

    /// Bytes and number of the messages of type `letter` that `rest` starts with; the first of them is whole.
    fn run(&self, letter: u8, rest: &[u8]) -> Result<(usize, u32), Fault> {
        let (bytes, count) = match letter {
            b'D' => run(letter, rest, is_row),
            _ => run(letter, rest, |_| true),
        };
        match count {
            0 => Err(Fault::new(self.side, "fields that fill their message", "DataRow whose fields do not")),
            _ => Ok((bytes, count)),
        }
    }
}

fn piece(letter: u8, count: u32, cut: Cut) -> Piece {
    match count {
        0 => Piece::Message { letter, cut },
        _ => Piece::Run { letter, count, cut },
    }
}

fn extent(side: Side, message: &[u8]) -> Result<Extent, Fault> {
    let Some(letter) = message.first().copied() else { return Ok(Extent::Unknown) };
    let Some(length) = length(message) else {
        letter::known(side, letter)?;
        return Ok(Extent::Unknown);
    };
    letter::fitting(side, letter, length)?;
    let bytes = length + 1;
    Ok(match bytes <= EVENT_PAYLOAD_BYTES_MAX || letter::is_held_whole(side, letter) {
        true => Extent::Held(bytes),
        false => Extent::Streamed(bytes),
    })
}

/// The length that a message declares. One above `i32::MAX` is negative on the wire; it is too long either way.
fn length(message: &[u8]) -> Option<usize> {
    match message {
        [_, a, b, c, d, ..] => Some(u32::from_be_bytes([*a, *b, *c, *d]) as usize),
        _ => None,
    }
}

/// Messages that come by the thousand and are recorded as runs.
fn is_run(side: Side, letter: u8) -> bool {
    matches!((side, letter), (Side::Upstream, b'D') | (_, b'd'))
}

/// Bytes and number of the whole, short and proper messages of one type at the start of `rest`.
#[inline]
fn run(letter: u8, rest: &[u8], is_proper: impl Fn(&[u8]) -> bool) -> (usize, u32) {
    let (mut bytes, mut count) = (0, 0);
    loop {
        let message = rest.get(bytes..).unwrap_or_default();
        let Some(length) = length(message).filter(|_| message.first() == Some(&letter)) else { break };
        let Some(fields) = message.get(HEADER_BYTES..length.saturating_add(1)) else { break };
        if bytes + HEADER_BYTES + fields.len() > EVENT_PAYLOAD_BYTES_MAX || length < LENGTH_BYTES || !is_proper(fields)
        {
            break;
        }
        bytes += HEADER_BYTES + fields.len();
        count += 1;
    }
    (bytes, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(letter: u8, fields: &[u8]) -> Vec<u8> {
        [&[letter][..], &(fields.len() as u32 + 4).to_be_bytes(), fields].concat()
    }

    /// What a framer finds when it is told `parts` one by one: types, numbers and bytes.
    fn found(side: Side, parts: &[&[u8]]) -> Result<Vec<(u8, u32, usize)>, Fault> {
        let mut framer = Framer::new(side);
        let mut found = Vec::new();
        for part in parts {
            let mut said = Said::new(Bytes::copy_from_slice(part));
            while let Some(piece) = framer.next(&mut said)? {
                found.push(match piece {
                    Piece::Message { letter, cut } => (letter, 1, cut.len()),
                    Piece::Run { letter, count, cut } => (letter, count, cut.len()),
                    Piece::Long { letter, cut, .. } => (letter, 0, cut.len()),
                });
            }
        }
        Ok(found)
    }

    #[test]
    fn rows_are_found_as_a_run() {
        let row = message(b'D', &[0, 2, 0, 0, 0, 1, b'x', 0xff, 0xff, 0xff, 0xff]);
        let said = [message(b'2', b""), row.repeat(3), message(b'C', b"SELECT 3\0")].concat();
        let pieces = found(Side::Upstream, &[&said]).unwrap();
        assert_eq!(pieces, [(b'2', 1, 5), (b'D', 3, 48), (b'C', 1, 14)]);
        // Cut in a row, it is a run before, the row, and a run after.
        let (before, after) = said.split_at(30);
        let pieces = found(Side::Upstream, &[before, after]).unwrap();
        assert_eq!(pieces, [(b'2', 1, 5), (b'D', 1, 16), (b'D', 1, 16), (b'D', 1, 16), (b'C', 1, 14)]);
    }

    #[test]
    fn neighbours_join_and_strangers_do_not() {
        let mut said = Said::new(Bytes::from(message(b'S', b"").repeat(2)));
        let mut framer = Framer::new(Side::Client);
        let mut cuts = Vec::new();
        while let Some(Piece::Message { cut, .. }) = framer.next(&mut said).unwrap() {
            cuts.push(cut);
        }
        let [first, second] = cuts.as_slice() else { panic!("{cuts:?}") };
        let mut joined = first.clone();
        assert!(joined.join(second));
        assert_eq!(joined.bytes(), said.chunk);
        assert!(!joined.join(second));
        assert!(!first.clone().join(&Cut::whole(Bytes::from_static(b"S"))));
    }

    #[test]
    fn rows_that_do_not_add_up_are_faults() {
        for fields in [
            &[][..],
            &[0],
            &[0, 1],
            &[0, 1, 0, 0, 0],
            &[0, 1, 0, 0, 0, 2, b'x'],
            &[0, 1, 0, 0, 0, 1, b'x', b'y'],
            &[0, 0, 0],
            &[0, 1, 0xff, 0xff, 0xff, 0xfe],
        ] {
            found(Side::Upstream, &[&message(b'D', fields)]).unwrap_err();
        }
        found(Side::Upstream, &[&message(b'D', &[0, 0])]).unwrap();
    }

    #[test]
    fn types_and_lengths_are_bounded() {
        for (side, said) in [
            (Side::Client, &b"\x16\x03\x01"[..]),
            (Side::Client, b"Z\0\0\0\x05I"),
            (Side::Client, b"p\0\0\0\x05x"),
            (Side::Upstream, b"R"),
            (Side::Upstream, b"Q\0\0\0\x05"),
            (Side::Client, b"Q\0\0\0\x03"),
            (Side::Client, b"S\0\0\0\x05"),
            (Side::Client, b"B\x40\0\0\0"),
            (Side::Client, b"B\xff\xff\xff\xff"),
            (Side::Client, b"Q\x04\0\0\x01"),
            (Side::Client, b"D\0\x10\0\0"),
            (Side::Upstream, b"K\0\0\0\x0b"),
            (Side::Upstream, b"K\0\0\x01\x09"),
            (Side::Upstream, b"Z\0\0\0\x04"),
        ] {
            found(side, &[said]).unwrap_err();
        }
        found(Side::Client, &[b"B\x3f\xff\xff\xff"]).unwrap();
        found(Side::Client, &[b"Q\x04\0\0\0"]).unwrap();
    }

    #[test]
    fn a_long_message_passes_in_pieces() {
        let long = message(b'd', &vec![7; EVENT_PAYLOAD_BYTES_MAX]);
        let said = [message(b'd', b"x"), long.clone(), message(b'c', b"")].concat();
        let pieces = found(Side::Upstream, &[&said]).unwrap();
        assert_eq!(pieces, [(b'd', 1, 6), (b'd', 0, EVENT_PAYLOAD_BYTES_MAX), (b'd', 0, 5), (b'c', 1, 5)]);
        let (before, after) = said.split_at(8);
        let pieces = found(Side::Upstream, &[before, after]).unwrap();
        let rest = long.len() - LONG_START_BYTES;
        assert_eq!(pieces, [(b'd', 1, 6), (b'd', 0, LONG_START_BYTES), (b'd', 0, rest), (b'c', 1, 5)]);
        // The longest that is not: one event.
        let short = message(b'd', &vec![7; EVENT_PAYLOAD_BYTES_MAX - HEADER_BYTES]);
        assert_eq!(found(Side::Upstream, &[&short]).unwrap(), [(b'd', 1, EVENT_PAYLOAD_BYTES_MAX)]);
    }

    #[test]
    fn a_run_is_cut_at_the_limit_of_an_event() {
        let data = message(b'd', &[7; 59]);
        let pieces = found(Side::Client, &[&data.repeat(20_000)]).unwrap();
        assert_eq!(pieces, [(b'd', 16_384, EVENT_PAYLOAD_BYTES_MAX), (b'd', 3616, 3616 * 64)]);
    }

    #[test]
    fn a_message_that_never_ends_is_kept_as_far_as_it_came() {
        let mut framer = Framer::new(Side::Client);
        let mut said = Said::new(Bytes::from_static(b"Q\0\x0f\xff\xffselect"));
        assert!(framer.next(&mut said).unwrap().is_none());
        assert_eq!(framer.half_bytes(), 11);
    }
}
