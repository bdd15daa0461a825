use std::io::IoSlice;

use bytes::{Bytes, BytesMut};
use wiretape_core::event::HttpVersion;

use super::Encoder;
use crate::h1::{Decoded, Decoder, Outbox};
use crate::{Content, Field, RequestHead, ResponseHead};

fn fields(fields: &[(&'static str, &'static str)]) -> Vec<Field> {
    fields.iter().map(|&(name, value)| Field { name: name.into(), value: value.into() }).collect()
}

fn request(method: &'static str, path: &'static str, said: &[(&'static str, &'static str)]) -> RequestHead {
    RequestHead {
        version: HttpVersion::Http2,
        method: method.into(),
        scheme: "https".into(),
        authority: "a.example".into(),
        path: path.into(),
        protocol: None,
        fields: fields(said),
        content: Content::Empty,
    }
}

fn response(status: u16, said: &[(&'static str, &'static str)], content: Content) -> ResponseHead {
    ResponseHead { version: HttpVersion::Http2, status, reason: Bytes::new(), fields: fields(said), content }
}

fn written(out: &mut Outbox) -> String {
    let mut slices: Vec<IoSlice<'_>> = Vec::new();
    out.slices(&mut slices);
    let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
    assert_eq!(bytes.len(), out.len());
    out.clear();
    assert!(out.is_empty());
    String::from_utf8(bytes).unwrap()
}

/// A request without content as it is written.
fn asked(head: &RequestHead) -> String {
    let (mut encoder, mut out) = (Encoder::new(), Outbox::new());
    encoder.request(head, &mut out);
    encoder.end(&mut out).unwrap();
    written(&mut out)
}

/// A response without content as it is written.
fn answered(head: &ResponseHead, to: &RequestHead, close: bool) -> String {
    let (mut encoder, mut out) = (Encoder::new(), Outbox::new());
    encoder.response(head, to, close, &mut out);
    encoder.end(&mut out).unwrap();
    written(&mut out)
}

#[test]
fn requests_frame_themselves() {
    let said = [("accept", "*/*"), ("connection", "close"), ("Transfer-Encoding", "chunked"), ("host", "b.example")];
    assert_eq!(asked(&request("GET", "/x", &said)), "GET /x HTTP/1.1\r\nHost: a.example\r\naccept: */*\r\n\r\n");
    // These are expected to say that there is nothing.
    for method in ["POST", "PUT", "PATCH"] {
        let expected = format!("{method} / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(asked(&request(method, "/", &[("content-length", "5")])), expected);
    }
    assert_eq!(
        asked(&request("GET", "/", &[("te", "trailers")])),
        "GET / HTTP/1.1\r\nHost: a.example\r\nTE: trailers\r\nConnection: TE\r\n\r\n"
    );
    let connect = RequestHead { authority: "a.example:443".into(), ..request("CONNECT", "", &[]) };
    assert_eq!(asked(&connect), "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n");
}

#[test]
fn a_websocket_of_http2_becomes_an_upgrade_and_back() {
    let said = [("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="), ("sec-websocket-version", "13")];
    let head = RequestHead { protocol: Some("websocket".into()), ..request("CONNECT", "/chat", &said) };
    let (mut encoder, mut out) = (Encoder::new(), Outbox::new());
    encoder.request(&head, &mut out);
    assert!(!encoder.persists());
    let text = written(&mut out);
    assert_eq!(
        text,
        "GET /chat HTTP/1.1\r\nHost: a.example\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         sec-websocket-version: 13\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    );
    // What follows is the other protocol's.
    encoder.body("\u{1}\u{2}".into(), &mut out);
    assert_eq!(written(&mut out), "\u{1}\u{2}");
    encoder.end(&mut out).unwrap();
    // The other way: a client of HTTP/1.1 asked that, and a target of HTTP/2 agreed.
    let mut decoder = Decoder::requests("https");
    let Ok(Some(Decoded::Request(to))) = decoder.decode(&mut BytesMut::from(text.as_bytes())) else {
        panic!("it is a request")
    };
    let agreed = response(200, &[("sec-websocket-protocol", "chat")], Content::Tunnel);
    let expected = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                    sec-websocket-protocol: chat\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    assert_eq!(answered(&agreed, &to, false), expected);
    // A target that said it by itself is not corrected.
    let agreed = response(101, &[("Sec-WebSocket-Accept", "x")], Content::Tunnel);
    assert_eq!(answered(&agreed, &to, false).matches("Accept").count(), 1);
    let mut reader = Decoder::responses();
    reader.expect(&to);
    let decoded = reader.decode(&mut BytesMut::from(expected)).unwrap();
    assert!(matches!(decoded, Some(Decoded::Response(head)) if head.content == Content::Tunnel));
}

#[test]
fn responses_frame_themselves_as_the_client_understands() {
    let get = RequestHead { version: HttpVersion::Http11, ..request("GET", "/", &[]) };
    let old = RequestHead { version: HttpVersion::Http10, ..get.clone() };
    let head = RequestHead { method: "HEAD".into(), ..get.clone() };
    let connect = RequestHead { method: "CONNECT".into(), ..get.clone() };
    let length = [("content-length", "5")];
    for (answer, to, close, expected) in [
        (response(200, &[], Content::Empty), &get, false, "200 OK\r\nContent-Length: 0\r\n\r\n"),
        (response(200, &[], Content::Empty), &get, true, "200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
        (response(200, &[], Content::Streamed), &get, false, "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (response(200, &[], Content::Streamed), &old, false, "200 OK\r\nConnection: close\r\n\r\n"),
        (response(200, &length, Content::Empty), &head, false, "200 OK\r\ncontent-length: 5\r\n\r\n"),
        (response(200, &length, Content::Length(5)), &head, false, "200 OK\r\ncontent-length: 5\r\n\r\n"),
        (response(304, &length, Content::Empty), &get, false, "304 Not Modified\r\ncontent-length: 5\r\n\r\n"),
        (response(204, &length, Content::Empty), &get, false, "204 No Content\r\n\r\n"),
        (response(299, &[], Content::Empty), &get, false, "299 \r\nContent-Length: 0\r\n\r\n"),
        (response(200, &length, Content::Tunnel), &connect, false, "200 OK\r\n\r\n"),
    ] {
        assert_eq!(answered(&answer, to, close), format!("HTTP/1.1 {expected}"), "{answer:?}");
    }
    let (mut encoder, mut out) = (Encoder::new(), Outbox::new());
    encoder.informational(&response(103, &[("link", "</x>")], Content::Empty), &mut out);
    assert_eq!(written(&mut out), "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n");
}

#[test]
fn large_runs_are_kept_and_small_ones_put_together() {
    let (mut encoder, mut out) = (Encoder::new(), Outbox::new());
    let to = RequestHead { version: HttpVersion::Http11, ..request("GET", "/", &[]) };
    encoder.response(&response(200, &[], Content::Streamed), &to, false, &mut out);
    let large = Bytes::from(vec![b'x'; 100_000]);
    for run in [large.clone(), "small".into(), "small".into(), large.clone()] {
        encoder.body(run, &mut out);
    }
    encoder.end(&mut out).unwrap();
    let mut slices: Vec<IoSlice<'_>> = Vec::new();
    out.slices(&mut slices);
    let same = slices.iter().filter(|slice| slice.as_ptr() == large.as_ptr()).count();
    assert_eq!((slices.len(), same), (5, 2), "the large ones are not copied");
    // However many there are, one write gets no more than it can take.
    for _ in 0..100 {
        out.push(large.clone());
    }
    let mut slices: Vec<IoSlice<'_>> = Vec::new();
    out.slices(&mut slices);
    assert_eq!(slices.len(), 64);
}
