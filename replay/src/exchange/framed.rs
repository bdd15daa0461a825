//! Messages in frames of five bytes and more: gRPC (`grpc/grpc`, PROTOCOL-HTTP2.md), gRPC-Web and Connect streams.
//!
//! A frame is a byte of flags, a length of four bytes (big-endian) and a message of that length.

use std::mem;

/// Bytes before each message.
const HEAD_BYTES: usize = 5;

/// The message is packed as `grpc-encoding` says.
const PACKED: u8 = 0x01;

/// The message is the end of a Connect stream, as JSON.
const END_OF_STREAM: u8 = 0x02;

/// The message is the trailers of gRPC-Web, as lines of HTTP/1.
const TRAILERS: u8 = 0x80;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A message of the service.
    Message,
    /// The trailers, or the end of the stream, in a frame: text.
    End,
}

/// A message in its frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Framed {
    /// What it is.
    pub sort: Sort,
    /// Whether it is packed.
    pub packed: bool,
    /// Its length, as its frame says.
    pub bytes: u32,
    /// Its start, as much as is kept.
    pub start: Vec<u8>,
}

/// Whether content of this media type is messages in frames.
#[must_use]
pub fn is_framed(media_type: &str) -> bool {
    let rest = media_type.strip_prefix("application/grpc-web").or_else(|| media_type.strip_prefix("application/grpc"));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('+')) || media_type.starts_with("application/connect+")
}

/// Takes messages out of their frames, cut anywhere.
#[derive(Clone, Debug)]
pub struct Frames {
    bytes_max: usize,
    head: Vec<u8>,
    current: Option<Framed>,
    left: u32,
}

impl Frames {
    /// Of each message at most `bytes_max` are kept.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, head: Vec::new(), current: None, left: 0 }
    }

    /// Takes in the next bytes; the messages that they complete.
    #[must_use]
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Framed> {
        let mut whole = Vec::new();
        let mut rest = bytes;
        loop {
            if let Some(current) = &mut self.current {
                let taken = rest.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
                let (part, behind) = rest.split_at_checked(taken).unwrap_or_default();
                let room = self.bytes_max.saturating_sub(current.start.len());
                current.start.extend_from_slice(part.get(..room).unwrap_or(part));
                self.left -= u32::try_from(taken).unwrap_or(self.left);
                rest = behind;
                if self.left > 0 {
                    return whole;
                }
                whole.extend(self.current.take());
            }
            let missing = HEAD_BYTES - self.head.len();
            let (part, behind) = rest.split_at_checked(missing).unwrap_or((rest, &[]));
            self.head.extend_from_slice(part);
            rest = behind;
            let Some(&[flags, length @ ..]) = self.head.first_chunk::<HEAD_BYTES>() else { return whole };
            self.head.clear();
            self.left = u32::from_be_bytes(length);
            self.current = Some(Framed {
                sort: if flags & (TRAILERS | END_OF_STREAM) == 0 { Sort::Message } else { Sort::End },
                packed: flags & PACKED != 0,
                bytes: self.left,
                start: Vec::new(),
            });
        }
    }

    /// The message that did not end before the content did, and how many bytes of it are missing.
    #[must_use]
    pub fn unfinished(&mut self) -> Option<(Framed, u32)> {
        self.head.clear();
        self.current.take().map(|framed| (framed, mem::take(&mut self.left)))
    }
}

/// What a code of `grpc-status` is called.
#[must_use]
pub fn status_name(code: &str) -> &'static str {
    match code {
        "0" => "OK",
        "1" => "CANCELLED",
        "2" => "UNKNOWN",
        "3" => "INVALID_ARGUMENT",
        "4" => "DEADLINE_EXCEEDED",
        "5" => "NOT_FOUND",
        "6" => "ALREADY_EXISTS",
        "7" => "PERMISSION_DENIED",
        "8" => "RESOURCE_EXHAUSTED",
        "9" => "FAILED_PRECONDITION",
        "10" => "ABORTED",
        "11" => "OUT_OF_RANGE",
        "12" => "UNIMPLEMENTED",
        "13" => "INTERNAL",
        "14" => "UNAVAILABLE",
        "15" => "DATA_LOSS",
        "16" => "UNAUTHENTICATED",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::{Framed, Frames, Sort, is_framed};

    fn frame(flags: u8, message: &[u8]) -> Vec<u8> {
        [&[flags], &u32::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
    }

    fn framed(sort: Sort, packed: bool, bytes: u32, start: &[u8]) -> Framed {
        Framed { sort, packed, bytes, start: start.to_vec() }
    }

    #[test]
    fn messages_are_found_wherever_they_are_cut() {
        let stream =
            [frame(0, b"one"), frame(1, b""), frame(0, &[7; 100]), frame(0x80, b"grpc-status: 0\r\n")].concat();
        let expected = [
            framed(Sort::Message, false, 3, b"one"),
            framed(Sort::Message, true, 0, b""),
            framed(Sort::Message, false, 100, &[7; 20]),
            framed(Sort::End, false, 16, b"grpc-status: 0\r\n"),
        ];
        for size in 1..stream.len() {
            let mut frames = Frames::new(20);
            let found: Vec<_> = stream.chunks(size).flat_map(|piece| frames.feed(piece)).collect();
            assert_eq!((&found[..], frames.unfinished()), (&expected[..], None), "in pieces of {size}");
        }
    }

    #[test]
    fn a_message_that_does_not_end_is_told() {
        let mut frames = Frames::new(20);
        assert_eq!(frames.feed(&[&[0, 0xff, 0xff, 0xff, 0xff][..], b"half"].concat()), []);
        assert_eq!(frames.unfinished(), Some((framed(Sort::Message, false, u32::MAX, b"half"), u32::MAX - 4)));
        assert_eq!(frames.unfinished(), None);
    }

    #[test]
    fn media_types_tell_frames() {
        for framed in
            ["application/grpc", "application/grpc+proto", "application/grpc-web", "application/grpc-web+json"]
        {
            assert!(is_framed(framed), "{framed}");
        }
        for other in ["application/grpc-web-text", "application/json", "application/grpcfoo", ""] {
            assert!(!is_framed(other), "{other}");
        }
    }
}
