//! What is written is what is read, garbage does no harm, and cutting the stream elsewhere changes nothing.

use std::io::IoSlice;

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use proptest::sample::select;
use wiretape_core::event::HttpVersion;
use wiretape_core::limits::{HTTP_CHUNK_LINE_BYTES_MAX, HTTP_HEAD_BYTES_MAX};

use super::{Decoded, Decoder, Encoder, Outbox};
use crate::{Content, Field, RequestHead, ResponseHead};

fn field() -> impl Strategy<Value = Field> {
    let value = prop_oneof!["[!-~]([ -~\u{80}-\u{ff}\t]{0,12}[!-~])?", Just(String::new())];
    ("x-[a-zA-Z0-9!#$%&'*+.^_`|~-]{0,12}", value)
        .prop_map(|(name, value)| Field { name: name.into(), value: value.into() })
}

fn content() -> impl Strategy<Value = Vec<Bytes>> {
    vec(prop_oneof![vec(any::<u8>(), 1..40), vec(any::<u8>(), 4090..4100)].prop_map(Bytes::from), 0..5)
}

/// A message as it is to be framed: its content in pieces, and whether its length is known.
#[derive(Clone, Debug)]
struct Body {
    pieces: Vec<Bytes>,
    known: bool,
    trailers: Option<Vec<Field>>,
}

impl Body {
    fn content(&self) -> Content {
        if self.known { Content::Length(self.bytes().len() as u64) } else { Content::Streamed }
    }

    fn bytes(&self) -> Vec<u8> {
        self.pieces.concat()
    }

    fn write(&self, encoder: &mut Encoder, out: &mut Outbox) {
        for piece in &self.pieces {
            encoder.body(piece.clone(), out);
        }
        if let Some(trailers) = &self.trailers {
            encoder.trailers(trailers, out);
        }
        encoder.end(out).unwrap();
    }
}

fn body() -> impl Strategy<Value = Body> {
    (content(), any::<bool>(), option::of(vec(field(), 1..4))).prop_map(|(pieces, known, trailers)| Body {
        pieces,
        known,
        trailers: trailers.filter(|_| !known),
    })
}

fn request() -> impl Strategy<Value = (RequestHead, Body)> {
    let head = (
        "[A-Z]{1,8}".prop_filter("a method of its own", |method| method != "CONNECT"),
        "[a-z][a-z0-9.-]{0,12}(:[1-9][0-9]{0,3})?",
        "/[!-\"$-~\u{80}-\u{ff}]{0,20}",
        vec(field(), 0..8),
    );
    (head, body()).prop_map(|((method, authority, path, fields), body)| {
        let head = RequestHead {
            version: HttpVersion::Http11,
            method: method.into(),
            scheme: "https".into(),
            authority: authority.into(),
            path: path.into(),
            protocol: None,
            fields,
            content: body.content(),
        };
        (head, body)
    })
}

fn response() -> impl Strategy<Value = (ResponseHead, Body)> {
    let status = (200..600u16).prop_filter("one with content", |status| !matches!(status, 204 | 304));
    (status, "[!-~][ -~\t]{0,12}", vec(field(), 0..8), body()).prop_map(|(status, reason, fields, body)| {
        let content = body.content();
        (ResponseHead { version: HttpVersion::Http11, status, reason: reason.into(), fields, content }, body)
    })
}

/// Everything that waits, taken out in writes of `most` bytes.
fn written(out: &mut Outbox, most: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !out.is_empty() {
        let mut slices: Vec<IoSlice<'_>> = Vec::new();
        out.slices(&mut slices);
        let (run, before) = (slices.iter().flat_map(|slice| slice.iter().copied()), bytes.len());
        bytes.extend(run.take(most));
        let count = bytes.len() - before;
        assert!(count > 0, "what waits can be written");
        out.advance(count);
    }
    assert_eq!(out.len(), 0);
    bytes
}

/// What comes out, runs of content as one.
fn decoded(decoder: &mut Decoder, bytes: &[u8], cuts: &[usize]) -> Vec<Decoded> {
    let (mut input, mut all) = (BytesMut::new(), Vec::new());
    let mut cuts = cuts.iter().copied().cycle();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(cuts.next().unwrap_or(usize::MAX).clamp(1, rest.len()));
        rest = behind;
        input.extend_from_slice(piece);
        while let Some(part) = decoder.decode(&mut input).unwrap() {
            match (all.last_mut(), part) {
                (Some(Decoded::Body(before)), Decoded::Body(next)) => *before = [&before[..], &next].concat().into(),
                (_, part) => all.push(part),
            }
        }
    }
    assert!(input.is_empty());
    all
}

/// The parts that a body is decoded to.
fn parts(body: &Body) -> Vec<Decoded> {
    let bytes = body.bytes();
    let content = (!bytes.is_empty()).then(|| Decoded::Body(bytes.into()));
    content.into_iter().chain(body.trailers.clone().map(Decoded::Trailers)).chain([Decoded::End]).collect()
}

/// Fields without those that frame the message.
fn without_framing(mut fields: Vec<Field>) -> Vec<Field> {
    fields.retain(|field| {
        !field.name.eq_ignore_ascii_case(b"content-length") && !field.name.eq_ignore_ascii_case(b"transfer-encoding")
    });
    fields
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn requests_that_are_written_are_read(
        messages in vec(request(), 1..4),
        cuts in vec(1..200usize, 1..8),
        most in 1..9000usize,
    ) {
        let (mut encoder, mut out) = (Encoder::new(), Outbox::new());
        for (head, body) in &messages {
            encoder.request(head, &mut out);
            body.write(&mut encoder, &mut out);
            assert!(encoder.persists());
        }
        let bytes = written(&mut out, most);
        let mut decoder = Decoder::requests("https");
        let mut all = decoded(&mut decoder, &bytes, &cuts);
        for part in &mut all {
            if let Decoded::Request(head) = part {
                head.fields = without_framing(std::mem::take(&mut head.fields));
            }
        }
        let expected: Vec<Decoded> = messages
            .iter()
            .flat_map(|(head, body)| [Decoded::Request(Box::new(head.clone()))].into_iter().chain(parts(body)))
            .collect();
        assert_eq!(all, expected);
        assert!(decoder.is_idle() && decoder.persists());
    }

    #[test]
    fn responses_that_are_written_are_read(
        (head, body) in response(),
        interim in vec(vec(field(), 0..3), 0..3),
        (old, close) in (any::<bool>(), any::<bool>()),
        cuts in vec(1..200usize, 1..8),
        most in 1..9000usize,
    ) {
        let to = RequestHead {
            version: if old { HttpVersion::Http10 } else { HttpVersion::Http11 },
            method: "GET".into(),
            scheme: "https".into(),
            authority: "a.example".into(),
            path: "/".into(),
            protocol: None,
            fields: vec![],
            content: Content::Empty,
        };
        let (mut encoder, mut out) = (Encoder::new(), Outbox::new());
        let early = |fields: &Vec<Field>| ResponseHead {
            version: HttpVersion::Http11,
            status: 103,
            reason: "Early Hints".into(),
            fields: fields.clone(),
            content: Content::Empty,
        };
        for fields in &interim {
            encoder.informational(&early(fields), &mut out);
        }
        encoder.response(&head, &to, close, &mut out);
        body.write(&mut encoder, &mut out);
        assert_eq!(encoder.persists(), !close && !old);
        let bytes = written(&mut out, most);
        let mut decoder = Decoder::responses();
        decoder.expect(&to);
        let mut all = decoded(&mut decoder, &bytes, &cuts);
        assert_eq!(decoder.persists(), encoder.persists());
        let mut body = body;
        if old && !body.known {
            // The connection ends the content, and there is no place for trailers.
            body.trailers = None;
            assert_eq!(decoder.end(), Ok(Some(Decoded::End)));
            all.push(Decoded::End);
        }
        let without = |mut fields: Vec<Field>| {
            fields.retain(|field| !field.name.eq_ignore_ascii_case(b"connection"));
            without_framing(fields)
        };
        for part in &mut all {
            if let Decoded::Response(head) = part {
                head.fields = without(std::mem::take(&mut head.fields));
            }
        }
        let expected: Vec<Decoded> = interim
            .iter()
            .map(|fields| Decoded::Informational(Box::new(early(fields))))
            .chain([Decoded::Response(Box::new(head))])
            .chain(parts(&body))
            .collect();
        assert_eq!(all, expected);
    }

    #[test]
    fn garbage_does_no_harm_however_it_is_cut(
        bytes in vec(
            prop_oneof![
                select(vec![
                    &b"GET / HTTP/1.1\r\n"[..], b"Host: a\r\n", b"\r\n", b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n",
                    b"0\r\n", b"Content-Length: 3\r\n", b"HTTP/1.1 200 OK\r\n", b"Connection: Upgrade\r\n",
                    b"Upgrade: websocket\r\n", b"CONNECT a:1 HTTP/1.1\r\n", b"X: y\r\n", b"\r", b"\n", b":", b" ",
                ]).prop_map(<[u8]>::to_vec),
                vec(any::<u8>(), 0..6),
            ],
            0..24,
        ),
        cuts in vec(1..40usize, 1..8),
        responses in any::<bool>(),
    ) {
        let bytes = bytes.concat();
        let whole = outcome(&bytes, &[usize::MAX], responses);
        assert_eq!(outcome(&bytes, &cuts, responses), whole);
        assert_eq!(outcome(&bytes, &[1], responses), whole);
    }
}

/// What comes of any bytes: what was decoded, and how it ended.
fn outcome(bytes: &[u8], cuts: &[usize], responses: bool) -> Vec<String> {
    let mut decoder = if responses { Decoder::responses() } else { Decoder::requests("http") };
    let (mut input, mut all, mut body) = (BytesMut::new(), Vec::new(), Vec::new());
    let mut cuts = cuts.iter().copied().cycle();
    let mut rest = bytes;
    let expect = |decoder: &mut Decoder| {
        if responses {
            let mut client = Decoder::requests("http");
            let asked = &b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"[..];
            if let Ok(Some(Decoded::Request(head))) = client.decode(&mut BytesMut::from(asked)) {
                decoder.expect(&head);
            }
        }
    };
    expect(&mut decoder);
    loop {
        let before = input.len();
        let part = decoder.decode(&mut input);
        match part {
            Ok(Some(Decoded::Body(bytes))) => {
                assert!(!bytes.is_empty() && input.len() < before);
                body.extend_from_slice(&bytes);
            }
            Ok(Some(part)) => {
                all.push(format!("{} {part:?}", std::mem::take(&mut body).escape_ascii()));
                if part == Decoded::End {
                    expect(&mut decoder);
                }
            }
            Ok(None) if rest.is_empty() => {
                let end = decoder.end();
                all.push(format!("{} {end:?}", body.escape_ascii()));
                return all;
            }
            Ok(None) => {
                let (piece, behind) = rest.split_at(cuts.next().unwrap_or(usize::MAX).clamp(1, rest.len()));
                rest = behind;
                input.extend_from_slice(piece);
            }
            Err(malformed) => {
                all.push(format!("{} {malformed:?}", body.escape_ascii()));
                assert!(decoder.decode(&mut input).is_err() && decoder.end().is_err());
                return all;
            }
        }
    }
}

#[test]
fn what_waits_is_never_more_than_a_limit() {
    let endless: [(&[u8], &[u8], usize); 5] = [
        (b"", b"a", HTTP_HEAD_BYTES_MAX),
        (b"GET / HTTP/1.1\r\n", b"X: y\r\n", HTTP_HEAD_BYTES_MAX),
        (b"GET / HTTP/1.1\r\nX: ", b"y", HTTP_HEAD_BYTES_MAX),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;", b"x", HTTP_CHUNK_LINE_BYTES_MAX),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"y", HTTP_HEAD_BYTES_MAX),
    ];
    for (front, more, limit) in endless {
        let mut decoder = Decoder::requests("http");
        let mut input = BytesMut::from(front);
        let refused = (0..2 * limit).any(|_| {
            while let Ok(Some(_)) = decoder.decode(&mut input) {}
            assert!(input.len() <= limit);
            input.extend_from_slice(more);
            decoder.decode(&mut input).is_err()
        });
        assert!(refused, "{:?} without end", more.escape_ascii());
    }
}

#[test]
fn content_of_another_length_than_announced_breaks_the_connection() {
    let head = |length| ResponseHead {
        version: HttpVersion::Http11,
        status: 200,
        reason: Bytes::new(),
        fields: vec![],
        content: Content::Length(length),
    };
    let to = RequestHead {
        version: HttpVersion::Http11,
        method: "GET".into(),
        scheme: "http".into(),
        authority: "a".into(),
        path: "/".into(),
        protocol: None,
        fields: vec![],
        content: Content::Empty,
    };
    for (length, sent, right) in [(5, "hello", true), (5, "hell", false), (5, "hello!", false), (0, "x", false)] {
        let (mut encoder, mut out) = (Encoder::new(), Outbox::new());
        encoder.response(&head(length), &to, false, &mut out);
        encoder.body(sent.into(), &mut out);
        assert_eq!(encoder.end(&mut out).is_ok(), right, "{sent} as {length}");
        assert_eq!(encoder.persists(), right);
        let bytes = written(&mut out, usize::MAX);
        let behind = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        assert!(bytes.len() - behind <= length as usize, "nothing that would be read as another response is written");
    }
    // A response to HEAD has no content, whatever it announces.
    let (mut encoder, mut out) = (Encoder::new(), Outbox::new());
    let head = ResponseHead { fields: vec![Field { name: "Content-Length".into(), value: "5".into() }], ..head(5) };
    encoder.response(&head, &RequestHead { method: "HEAD".into(), ..to }, false, &mut out);
    encoder.end(&mut out).unwrap();
    assert_eq!(written(&mut out, 7), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
}
