//! HTTP/1.1 framing: cutting the stream elsewhere changes nothing, and what was read, written and read again is the same.

use std::io::IoSlice;

use bytes::{Bytes, BytesMut};
use wiretape_core::event::HttpVersion;
use wiretape_core::limits::HTTP_HEAD_BYTES_MAX;
use wiretape_http::h1::{Decoded, Decoder, Encoder, Malformed, Outbox};
use wiretape_http::{Content, Field, RequestHead};

/// What the first byte says.
#[derive(Clone, Copy)]
struct Kind(u8);

impl Kind {
    fn responses(self) -> bool {
        self.0 & 1 != 0
    }

    fn switches(self) -> bool {
        self.0 & 2 != 0
    }

    /// The request that every response answers.
    fn asked(self) -> RequestHead {
        let (method, protocol) = match self.0 >> 2 & 3 {
            0 => ("GET", None),
            1 => ("HEAD", None),
            2 => ("CONNECT", None),
            _ => ("GET", Some(Bytes::from_static(b"websocket"))),
        };
        RequestHead {
            version: HttpVersion::Http11,
            method: method.into(),
            scheme: "https".into(),
            authority: "a:1".into(),
            path: if method == "CONNECT" { Bytes::new() } else { "/".into() },
            protocol,
            fields: vec![],
            content: Content::Empty,
        }
    }
}

/// What came of a stream: its parts, runs of content as one, and how it ended.
#[derive(Debug, PartialEq)]
struct Outcome {
    parts: Vec<Decoded>,
    end: Result<Option<Decoded>, Malformed>,
}

/// The codec of HTTP/1.1; the first byte says which direction it is, the second how the stream is cut.
pub fn http1(input: &[u8]) {
    let [kind, cut, bytes @ ..] = input else { return };
    let kind = Kind(*kind);
    let whole = outcome(kind, bytes, usize::MAX);
    assert_eq!(outcome(kind, bytes, usize::from(*cut) + 1), whole, "cut each {} bytes", usize::from(*cut) + 1);
    assert_eq!(outcome(kind, bytes, 1), whole, "cut everywhere");
    if !kind.responses() {
        again(&whole.parts);
    }
}

fn outcome(kind: Kind, bytes: &[u8], cut: usize) -> Outcome {
    let mut decoder = if kind.responses() { Decoder::responses() } else { Decoder::requests("https") };
    decoder.expect(&kind.asked());
    let (mut input, mut parts) = (BytesMut::new(), Vec::new());
    let mut pieces = bytes.chunks(cut);
    loop {
        let before = input.len();
        match decoder.decode(&mut input) {
            Ok(Some(Decoded::Body(bytes))) => {
                assert!(!bytes.is_empty() && input.len() + bytes.len() <= before);
                match parts.last_mut() {
                    Some(Decoded::Body(run)) => *run = [&run[..], &bytes].concat().into(),
                    _ => parts.push(Decoded::Body(bytes)),
                }
            }
            Ok(Some(part)) => {
                match &part {
                    Decoded::Request(head) if head.protocol.is_some() || head.method == "CONNECT" => {
                        assert_eq!(decoder.decode(&mut input), Ok(None), "nothing is read before it is agreed on");
                        if kind.switches() { decoder.switch() } else { decoder.decline() }
                    }
                    Decoded::End => decoder.expect(&kind.asked()),
                    _ => {}
                }
                parts.push(part);
            }
            Ok(None) => {
                assert!(input.len() < HTTP_HEAD_BYTES_MAX, "what is held has a limit");
                match pieces.next() {
                    Some(piece) => input.extend_from_slice(piece),
                    None => return Outcome { parts, end: decoder.end() },
                }
            }
            Err(malformed) => {
                assert!(!decoder.persists() && decoder.decode(&mut input).is_err());
                assert_eq!(malformed.status == 502, kind.responses());
                return Outcome { parts, end: Err(malformed) };
            }
        }
    }
}

/// Writes whole requests, and reads what was written: the same, but for fields that frame.
fn again(parts: &[Decoded]) {
    let last = parts.iter().rposition(|part| *part == Decoded::End).map_or(0, |place| place + 1);
    for message in parts[..last].split_inclusive(|part| *part == Decoded::End) {
        let [Decoded::Request(head), rest @ ..] = message else { return };
        if head.protocol.is_some() || head.method == "CONNECT" || head.authority.is_empty() {
            return;
        }
        let (mut encoder, mut out) = (Encoder::new(), Outbox::new());
        encoder.request(head, &mut out);
        for part in rest {
            match part {
                Decoded::Body(bytes) => encoder.body(bytes.clone(), &mut out),
                Decoded::Trailers(fields) => encoder.trailers(fields, &mut out),
                Decoded::End => encoder.end(&mut out).expect("as much as was announced"),
                other => panic!("{other:?} within a request"),
            }
        }
        let mut bytes = Vec::new();
        while !out.is_empty() {
            let mut slices: Vec<IoSlice<'_>> = Vec::new();
            out.slices(&mut slices);
            let before = bytes.len();
            bytes.extend(slices.iter().flat_map(|slice| slice.iter().copied()));
            let count = bytes.len() - before;
            out.advance(count);
        }
        let second = outcome(Kind(0), &bytes, usize::MAX);
        let [Decoded::Request(read), behind @ ..] = &second.parts[..] else { panic!("{second:?} of {message:?}") };
        assert_eq!((&read.method, &read.authority, &read.path), (&head.method, &head.authority, &head.path));
        assert_eq!(own(&read.fields), own(&head.fields));
        assert_eq!(trailers_apart(behind), trailers_apart(rest));
        assert_eq!(second.end, Ok(None));
    }
}

/// Fields that the encoder does not write itself.
fn own(fields: &[Field]) -> Vec<&Field> {
    const FRAMING: [&[u8]; 7] =
        [b"connection", b"content-length", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade"];
    fields.iter().filter(|field| !FRAMING.iter().any(|name| field.name.eq_ignore_ascii_case(name))).collect()
}

/// The parts, and of trailers those fields that are written.
fn trailers_apart(parts: &[Decoded]) -> (Vec<&Decoded>, Vec<&Field>) {
    let trailers =
        parts.iter().filter_map(|part| if let Decoded::Trailers(fields) = part { Some(own(fields)) } else { None });
    let fields = trailers.flatten().collect();
    (parts.iter().filter(|part| !matches!(part, Decoded::Trailers(_))).collect(), fields)
}
