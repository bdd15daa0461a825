//! pkt-lines (gitprotocol-common(5), "pkt-line Format"): bytes to packets, and text to a packet.
//!
//! ```text
//!   pkt-line = 4 hexadecimal digits: the length of all of it, then the payload
//!   0000 flush    0001 delim    0002 response-end    0003 is none    0004…fff0 data
//! ```

use bytes::{Buf, Bytes, BytesMut};

/// The longest pkt-line, with its length (`LARGE_PACKET_MAX`).
pub const PKT_LINE_BYTES_MAX: usize = 65520;

/// Digits of the length.
pub(crate) const LENGTH_BYTES: usize = 4;

/// The pkt-line that ends a message.
pub(crate) const FLUSH: &[u8] = b"0000";

/// What a packet is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// A payload.
    Data(Bytes),
    /// The head of a packet of side band 1, whose payload follows in [`Packet::Run`]s.
    Band,
    /// A part of the payload of a packet of side band 1; never empty.
    Run(Bytes),
    /// `0000`.
    Flush,
    /// `0001`.
    Delim,
    /// `0002`.
    ResponseEnd,
    /// Where a pack may begin without a side band, its signature; all that follows belongs to it.
    Raw(Bytes),
}

impl Packet {
    /// What came, in words, without payload.
    pub(crate) fn told(&self) -> String {
        match self {
            Self::Data(bytes) => format!("a pkt-line of {} bytes", bytes.len().saturating_add(LENGTH_BYTES)),
            Self::Band | Self::Run(_) => "side band 1".to_owned(),
            Self::Flush => "a flush-pkt".to_owned(),
            Self::Delim => "a delim-pkt".to_owned(),
            Self::ResponseEnd => "a response-end-pkt".to_owned(),
            Self::Raw(_) => "a pack".to_owned(),
        }
    }
}

/// What comes next in a direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expecting {
    /// pkt-lines.
    #[default]
    Lines,
    /// pkt-lines with a side band; the payload of band 1 comes in runs.
    Bands,
    /// pkt-lines, or a pack that begins without any.
    LinesOrPack,
    /// Bytes of a pack, to the end.
    Pack,
}

/// No pkt-line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What came, in words.
    pub got: String,
    /// Whether anything came before it.
    pub first: bool,
}

/// Cuts the bytes of one direction into packets, however they come.
#[derive(Debug, Default)]
pub struct Packets {
    /// The beginning of a packet.
    begun: BytesMut,
    /// What is to come of a payload that comes in runs.
    left_bytes: usize,
    /// Whether a packet went by.
    went: bool,
    /// What was expected when the packet began that is put aside.
    expecting: Expecting,
}

impl Packets {
    /// The next packet at the front of `bytes`, with all of its bytes as they stood on the wire; takes them out.
    /// `None` until more comes: then `bytes` is empty.
    ///
    /// # Errors
    /// [`Malformed`] where no pkt-line begins; nothing can be read behind it.
    pub fn next(&mut self, bytes: &mut Bytes, expecting: Expecting) -> Result<Option<(Bytes, Packet)>, Malformed> {
        if bytes.is_empty() {
            return Ok(None);
        }
        if self.left_bytes > 0 {
            let run = bytes.split_to(self.left_bytes.min(bytes.len()));
            self.left_bytes -= run.len();
            return Ok(Some((run.clone(), Packet::Run(run))));
        }
        // What the other side says meanwhile changes nothing for a packet that has begun.
        let expecting = if self.begun.is_empty() { expecting } else { self.expecting };
        self.expecting = expecting;
        if expecting == Expecting::Pack {
            let run = bytes.split_to(bytes.len());
            return Ok(Some((run.clone(), Packet::Run(run))));
        }
        loop {
            let missing_bytes = match self.measure(bytes, expecting)? {
                Measured::Missing(missing_bytes) => missing_bytes,
                Measured::Whole(length, packet) => {
                    self.went = true;
                    return Ok(Some(self.cut(bytes, length, packet)));
                }
            };
            // Only what is missing of one packet is ever put aside.
            let part = bytes.split_to(missing_bytes.min(bytes.len()));
            self.begun.extend_from_slice(&part);
            if bytes.is_empty() && part.len() < missing_bytes {
                return Ok(None);
            }
        }
    }

    /// Takes out the first `length` bytes.
    fn cut(&mut self, bytes: &mut Bytes, length: usize, packet: Shape) -> (Bytes, Packet) {
        let raw = if self.begun.is_empty() { bytes.split_to(length) } else { self.begun.split().freeze() };
        let packet = match packet {
            Shape::Data => Packet::Data(raw.slice(LENGTH_BYTES.min(raw.len())..)),
            Shape::Band(left_bytes) => {
                self.left_bytes = left_bytes;
                Packet::Band
            }
            Shape::Flush => Packet::Flush,
            Shape::Delim => Packet::Delim,
            Shape::ResponseEnd => Packet::ResponseEnd,
            Shape::Raw => Packet::Raw(raw.clone()),
        };
        (raw, packet)
    }

    /// What begins here, or how many bytes more it takes to know. What is put aside is never more than one packet.
    fn measure(&self, bytes: &Bytes, expecting: Expecting) -> Result<Measured, Malformed> {
        let begun = self.begun.len();
        let at = |place: usize| match place.checked_sub(begun) {
            None => self.begun.get(place).copied(),
            Some(place) => bytes.get(place).copied(),
        };
        let whole = |length: usize, shape: Shape| {
            // A packet is either all in what just came, or put aside to its end.
            let there = if begun == 0 { bytes.len() } else { begun };
            if there >= length { Measured::Whole(length, shape) } else { Measured::Missing(length - begun) }
        };
        let mut head = [0; LENGTH_BYTES];
        for (place, byte) in head.iter_mut().enumerate() {
            match at(place) {
                Some(there) => *byte = there,
                None => return Ok(Measured::Missing(LENGTH_BYTES - begun)),
            }
        }
        if expecting == Expecting::LinesOrPack && head == *b"PACK" {
            return Ok(whole(LENGTH_BYTES, Shape::Raw));
        }
        Ok(match self.length(head)? {
            0 => whole(LENGTH_BYTES, Shape::Flush),
            1 => whole(LENGTH_BYTES, Shape::Delim),
            2 => whole(LENGTH_BYTES, Shape::ResponseEnd),
            length if expecting == Expecting::Bands && length > LENGTH_BYTES => match at(LENGTH_BYTES) {
                None => Measured::Missing(LENGTH_BYTES + 1 - begun),
                Some(1) => whole(LENGTH_BYTES + 1, Shape::Band(length - LENGTH_BYTES - 1)),
                Some(_) => whole(length, Shape::Data),
            },
            length => whole(length, Shape::Data),
        })
    }

    fn length(&self, head: [u8; LENGTH_BYTES]) -> Result<usize, Malformed> {
        let first = !self.went;
        let mut length = 0;
        for byte in head {
            let Some(digit) = char::from(byte).to_digit(16) else {
                return Err(Malformed { got: "no length of a pkt-line".to_owned(), first });
            };
            length = length << 4 | digit as usize;
        }
        match length {
            3 => Err(Malformed { got: "the length 3".to_owned(), first: false }),
            length if length > PKT_LINE_BYTES_MAX => {
                Err(Malformed { got: format!("a pkt-line of {length} bytes"), first: false })
            }
            length => Ok(length),
        }
    }

    /// Bytes of a packet that has begun.
    pub fn held_bytes(&self) -> usize {
        self.begun.len()
    }

    /// True unless a part of a packet was given out, and not all of it.
    pub(crate) fn is_between(&self) -> bool {
        self.left_bytes == 0
    }

    /// Takes out the beginning of a packet that will not come whole.
    pub(crate) fn take_begun(&mut self) -> Bytes {
        self.begun.split().freeze()
    }
}

enum Measured {
    /// So many bytes are missing before more can be said.
    Missing(usize),
    /// A packet, of so many bytes.
    Whole(usize, Shape),
}

enum Shape {
    Data,
    Band(usize),
    Flush,
    Delim,
    ResponseEnd,
    Raw,
}

/// A payload without the line feed at its end.
pub(crate) fn text(payload: &Bytes) -> Bytes {
    match payload.as_ref() {
        [.., b'\n'] => payload.slice(..payload.len() - 1),
        _ => payload.clone(),
    }
}

/// Writes a pkt-line with the payload `parts`, cut where it would be too long.
pub(crate) fn write(into: &mut BytesMut, parts: &[&[u8]]) {
    let length = parts.iter().map(|part| part.len()).sum::<usize>().min(PKT_LINE_BYTES_MAX - LENGTH_BYTES);
    into.extend_from_slice(format!("{:04x}", length + LENGTH_BYTES).as_bytes());
    let mut left_bytes = length;
    for part in parts {
        let taken = part.len().min(left_bytes);
        into.extend_from_slice(part.get(..taken).unwrap_or_default());
        left_bytes -= taken;
    }
}

/// Writes `bytes` in packets of a side band.
pub(crate) fn write_band(into: &mut BytesMut, band: u8, mut bytes: &[u8]) {
    while bytes.has_remaining() {
        let taken = bytes.len().min(PKT_LINE_BYTES_MAX - LENGTH_BYTES - 1);
        write(into, &[&[band], bytes.get(..taken).unwrap_or_default()]);
        bytes.advance(taken);
    }
}

#[cfg(test)]
mod tests {
    use super::{Expecting, Malformed, PKT_LINE_BYTES_MAX, Packet, Packets, text, write, write_band};
    use bytes::{Bytes, BytesMut};

    type Said = Vec<(Bytes, Packet)>;

    fn read(said: &[u8], piece_bytes: usize, expecting: Expecting) -> (Said, Option<Malformed>, usize) {
        let mut packets = Packets::default();
        let mut found = Vec::new();
        for piece in said.chunks(piece_bytes) {
            let mut bytes = Bytes::copy_from_slice(piece);
            loop {
                match packets.next(&mut bytes, expecting) {
                    Ok(Some(packet)) => found.push(packet),
                    Ok(None) => break,
                    Err(malformed) => return (found, Some(malformed), packets.held_bytes()),
                }
            }
            assert!(bytes.is_empty());
        }
        (found, None, packets.held_bytes())
    }

    fn packets(said: &Said) -> Vec<Packet> {
        let mut joined: Vec<Packet> = Vec::new();
        for (_, packet) in said {
            match (joined.last_mut(), packet) {
                (Some(Packet::Run(before)), Packet::Run(more)) => *before = [before.as_ref(), more].concat().into(),
                _ => joined.push(packet.clone()),
            }
        }
        joined
    }

    #[test]
    fn packets_are_the_same_however_they_are_cut() {
        let data = |text: &'static str| Packet::Data(Bytes::from_static(text.as_bytes()));
        let said = ["000ahello\n", "0000", "000600", "0001", "0002", "000A\x01world", "0004", "0009\x02left"].concat();
        let said = said.as_bytes();
        for piece_bytes in [1, 2, 3, 4, 5, 7, 11, 1000] {
            let (found, fault, held) = read(said, piece_bytes, Expecting::Lines);
            let expected =
                [data("hello\n"), Packet::Flush, data("00"), Packet::Delim, Packet::ResponseEnd, data("\x01world")];
            assert_eq!(packets(&found).get(..6), Some(expected.as_slice()), "{piece_bytes}");
            assert_eq!(packets(&found).get(6..), Some([data(""), data("\x02left")].as_slice()));
            assert_eq!((fault, held), (None, 0));
            let raw: Vec<u8> = found.iter().flat_map(|(raw, _)| raw.to_vec()).collect();
            assert_eq!(raw, said);
            let (found, ..) = read(said, piece_bytes, Expecting::Bands);
            let run = Packet::Run(Bytes::from_static(b"world"));
            assert_eq!(packets(&found).get(5..7), Some([Packet::Band, run].as_slice()), "{piece_bytes}");
        }
    }

    trait Replace {
        fn replace(&self, what: &[u8], with: &[u8]) -> Vec<u8>;
    }

    impl Replace for [u8] {
        fn replace(&self, what: &[u8], with: &[u8]) -> Vec<u8> {
            let at = self.windows(what.len()).position(|window| window == what).unwrap();
            [&self[..at], with, &self[at + what.len()..]].concat()
        }
    }

    #[test]
    fn a_pack_may_begin_where_a_line_could() {
        for piece_bytes in [1, 3, 100] {
            let (found, ..) = read(b"0008NAK\nPACK....", piece_bytes, Expecting::LinesOrPack);
            let raw = Packet::Raw(Bytes::from_static(b"PACK"));
            assert_eq!(packets(&found).get(1), Some(&raw));
            let (_, fault, _) = read(b"0008NAK\nPACK....", piece_bytes, Expecting::Lines);
            assert_eq!(fault, Some(Malformed { got: "no length of a pkt-line".to_owned(), first: false }));
        }
    }

    #[test]
    fn what_is_no_length_is_malformed() {
        for (said, got, first) in [
            ("0003", "the length 3", false),
            ("fff1", "a pkt-line of 65521 bytes", false),
            ("FFFF", "a pkt-line of 65535 bytes", false),
            ("zzzz", "no length of a pkt-line", true),
            ("<htm", "no length of a pkt-line", true),
            ("0000 000", "no length of a pkt-line", false),
            ("+004", "no length of a pkt-line", true),
        ] {
            for piece_bytes in [1, 100] {
                let (_, fault, _) = read(said.as_bytes(), piece_bytes, Expecting::Lines);
                assert_eq!(fault, Some(Malformed { got: got.to_owned(), first }), "{said}");
            }
        }
    }

    #[test]
    fn no_more_than_one_packet_is_put_aside() {
        let long = [b"FFF0".as_slice(), &vec![b'x'; PKT_LINE_BYTES_MAX - 5]].concat();
        assert_eq!(read(&long, 1, Expecting::Lines).2, PKT_LINE_BYTES_MAX - 1);
        assert_eq!(read(&[&long, b"x".as_slice()].concat(), 1000, Expecting::Lines).0.len(), 1);
        assert_eq!(read(&long.replace(b"FFF0x", b"FFF0\x01"), 1000, Expecting::Bands).2, 0);
    }

    #[test]
    fn what_is_written_is_read() {
        let mut said = BytesMut::new();
        write(&mut said, &[b"ERR ", b"no"]);
        write(&mut said, &[&vec![b'x'; 70_000]]);
        assert_eq!(said.get(..10), Some(b"000aERR no".as_slice()));
        write_band(&mut said, 2, &vec![b'y'; 65_516]);
        let (found, fault, _) = read(&said, 1000, Expecting::Lines);
        let lengths: Vec<_> = found.iter().map(|(raw, _)| raw.len()).collect();
        assert_eq!((lengths, fault), (vec![10, PKT_LINE_BYTES_MAX, PKT_LINE_BYTES_MAX, 6], None));
        assert_eq!(text(&Bytes::from_static(b"a\n")), "a");
        assert_eq!(text(&Bytes::from_static(b"a")), "a");
    }
}
