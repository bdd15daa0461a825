//! Attempts at smuggling, and the law that cutting the stream elsewhere changes nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "failing is how a test speaks")]

mod attempts;

use std::path::Path;

use bytes::{Bytes, BytesMut};
use wiretape_core::event::HttpVersion;
use wiretape_core::limits::HTTP_HEAD_BYTES_MAX;
use wiretape_http::h1::{Decoded, Decoder, Malformed};
use wiretape_http::{Content, RequestHead};

use attempts::{Attempt, Turn, read};

fn attempts() -> Vec<Attempt> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/smuggling");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files.iter().flat_map(|file| read(&std::fs::read_to_string(file).unwrap())).collect()
}

fn decoder(attempt: &Attempt) -> Decoder {
    let Some((method, protocol)) = &attempt.answers else { return Decoder::requests("https") };
    let mut decoder = Decoder::responses();
    decoder.expect(&RequestHead {
        version: HttpVersion::Http11,
        method: method.clone().into(),
        scheme: "https".into(),
        authority: "a.example".into(),
        path: "/".into(),
        protocol: protocol.clone().map(Bytes::from),
        fields: vec![],
        content: Content::Empty,
    });
    decoder
}

fn content(content: Content) -> String {
    match content {
        Content::Empty => "empty".to_owned(),
        Content::Length(length) => format!("length {length}"),
        Content::Streamed => "streamed".to_owned(),
        Content::Tunnel => "tunnel".to_owned(),
    }
}

fn words(decoded: &Decoded) -> String {
    let text = |bytes: &Bytes| bytes.escape_ascii().to_string();
    match decoded {
        Decoded::Request(head) => {
            let asked = [&head.method, &head.scheme, &head.authority, &head.path].map(text).join(" ");
            let protocol = head.protocol.as_ref().map(|protocol| format!(" for {}", text(protocol)));
            format!("request {asked} {}{}", content(head.content), protocol.unwrap_or_default())
        }
        Decoded::Informational(head) => format!("interim {}", head.status),
        Decoded::Response(head) => format!("response {} {}", head.status, content(head.content)),
        Decoded::Body(bytes) => text(bytes),
        Decoded::Trailers(fields) => {
            let fields = fields.iter().map(|field| format!("{}={}", text(&field.name), text(&field.value)));
            format!("trailers {}", fields.collect::<Vec<_>>().join(" "))
        }
        Decoded::End => "end".to_owned(),
    }
}

/// What comes out of a decoder, in words; runs of content are one.
#[derive(Default)]
struct Heard {
    said: Vec<String>,
    body: String,
    refused: bool,
}

impl Heard {
    /// Takes in what was decoded; whether there may be more.
    fn take(&mut self, decoded: Result<Option<Decoded>, Malformed>) -> bool {
        let word = match &decoded {
            Ok(None) => return false,
            Ok(Some(Decoded::Body(bytes))) => {
                assert!(!bytes.is_empty());
                self.body.push_str(&bytes.escape_ascii().to_string());
                return true;
            }
            Ok(Some(decoded)) => words(decoded),
            Err(malformed) => format!("refused {}", malformed.status),
        };
        self.finish_body();
        self.said.push(word);
        self.refused = decoded.is_err();
        !self.refused
    }

    fn finish_body(&mut self) {
        if !self.body.is_empty() {
            self.said.push(format!("body {}", std::mem::take(&mut self.body)));
        }
    }
}

/// What comes out when every run of bytes comes in pieces of `lengths`, again and again.
fn run(attempt: &Attempt, lengths: &[usize]) -> Vec<String> {
    let (mut decoder, mut input, mut heard) = (decoder(attempt), BytesMut::new(), Heard::default());
    let mut lengths = lengths.iter().copied().cycle();
    for turn in &attempt.script {
        let mut rest = &b""[..];
        match turn {
            Turn::Bytes(bytes) => rest = bytes,
            Turn::Switch => decoder.switch(),
            Turn::Decline => decoder.decline(),
            Turn::Close => {
                heard.take(decoder.end());
            }
        }
        loop {
            while !heard.refused && heard.take(decoder.decode(&mut input)) {}
            if heard.refused {
                // Nothing can be decoded behind it.
                assert!(decoder.decode(&mut input).is_err() && !decoder.persists());
                return heard.said;
            }
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at(lengths.next().unwrap().clamp(1, rest.len()));
            assert!(input.len() < HTTP_HEAD_BYTES_MAX, "{} makes it hold too much", attempt.name);
            input.extend_from_slice(piece);
            rest = behind;
        }
    }
    heard.finish_body();
    if !decoder.persists() {
        heard.said.push("closes".to_owned());
    }
    heard.said
}

#[test]
fn every_attempt_comes_to_what_its_case_says() {
    let attempts = attempts();
    assert!(attempts.len() > 100, "{} attempts are few", attempts.len());
    let mut wrong = Vec::new();
    for attempt in &attempts {
        let said = run(attempt, &[usize::MAX]);
        if said != attempt.expected {
            wrong.push(format!("{}\n  expected {:?}\n  got      {said:?}", attempt.name, attempt.expected));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_attempt_has_a_name_of_its_own() {
    let mut names = std::collections::BTreeSet::new();
    for attempt in attempts() {
        assert!(names.insert(attempt.name.clone()), "there are two of {:?}", attempt.name);
    }
}

#[test]
fn cutting_an_attempt_elsewhere_changes_nothing() {
    for attempt in attempts() {
        let length = |turn: &Turn| if let Turn::Bytes(bytes) = turn { bytes.len() } else { 0 };
        let longest = attempt.script.iter().map(length).max().unwrap_or(0);
        // Long ones are long because of one byte that is repeated.
        let cuts = (1..=longest.min(600)).chain((longest.max(620) - 20)..longest.max(620));
        for cut in cuts {
            assert_eq!(run(&attempt, &[cut, usize::MAX]), attempt.expected, "{} cut at {cut}", attempt.name);
        }
        for lengths in [&[1][..], &[2], &[3], &[1, 7]] {
            assert_eq!(run(&attempt, lengths), attempt.expected, "{} in pieces of {lengths:?}", attempt.name);
        }
    }
}
