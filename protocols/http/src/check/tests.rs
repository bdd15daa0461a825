use bytes::Bytes;
use wiretape_core::event::HttpVersion;
use wiretape_core::limits::{HTTP_FIELDS_MAX, HTTP_HEAD_BYTES_MAX};

use super::{VALUE, agrees, authority, fields, is, request, value_length};
use crate::{Content, Field, RequestHead};

fn head() -> RequestHead {
    RequestHead {
        version: HttpVersion::Http2,
        method: "GET".into(),
        scheme: "https".into(),
        authority: "a.example".into(),
        path: "/x?y=z".into(),
        protocol: None,
        fields: vec![Field { name: "accept".into(), value: "*/*".into() }],
        content: Content::Empty,
    }
}

fn with(name: &'static str, value: &'static str) -> RequestHead {
    let mut head = head();
    head.fields.push(Field { name: name.into(), value: value.into() });
    head
}

#[test]
fn heads_that_keep_everything_pass() {
    assert_eq!(request(&head()), Ok(()));
    assert_eq!(request(&with("te", "trailers")), Ok(()));
    assert_eq!(request(&with("x", "a\tb \u{20ac}")), Ok(()));
    assert_eq!(request(&RequestHead { method: "OPTIONS".into(), path: "*".into(), ..head() }), Ok(()));
    let connect = RequestHead { method: "CONNECT".into(), authority: "a.example:443".into(), ..head() };
    assert_eq!(request(&RequestHead { path: Bytes::new(), ..connect.clone() }), Ok(()));
    assert_eq!(request(&RequestHead { protocol: Some("websocket".into()), ..connect }), Ok(()));
    let old = RequestHead { version: HttpVersion::Http10, authority: Bytes::new(), ..head() };
    assert_eq!(request(&old), Ok(()));
}

#[test]
fn heads_that_break_something_do_not() {
    let connect = RequestHead { method: "CONNECT".into(), authority: "a.example:443".into(), ..head() };
    let broken = [
        RequestHead { method: Bytes::new(), ..head() },
        RequestHead { method: "GE T".into(), ..head() },
        RequestHead { method: "GET\r\nX: y".into(), ..head() },
        RequestHead { scheme: "ftp".into(), ..head() },
        RequestHead { authority: Bytes::new(), ..head() },
        RequestHead { authority: "user@a.example".into(), ..head() },
        RequestHead { authority: "a.example\r\nX: y".into(), ..head() },
        RequestHead { authority: "a.example:http".into(), ..head() },
        RequestHead { path: Bytes::new(), ..head() },
        RequestHead { path: "x".into(), ..head() },
        RequestHead { path: "*".into(), ..head() },
        RequestHead { path: "/x y".into(), ..head() },
        RequestHead { path: "/x\r\n\r\nGET /smuggled HTTP/1.1".into(), ..head() },
        RequestHead { path: "/x\0".into(), ..head() },
        RequestHead { path: "/x#y".into(), ..head() },
        RequestHead { path: "https://a.example/".into(), ..head() },
        RequestHead { protocol: Some("websocket".into()), ..head() },
        RequestHead { protocol: Some("web socket".into()), ..connect.clone() },
        // A path belongs to a CONNECT for a protocol only, and a port to any other.
        connect.clone(),
        RequestHead { path: Bytes::new(), authority: "a.example".into(), ..connect.clone() },
        RequestHead { path: Bytes::new(), protocol: Some("websocket".into()), ..connect },
        with("connection", "close"),
        with("keep-alive", "1"),
        with("Proxy-Connection", "keep-alive"),
        with("transfer-encoding", "chunked"),
        with("upgrade", "websocket"),
        with("te", "gzip"),
        with("te", "trailers, gzip"),
        with("host", "b.example"),
        with("", "y"),
        with(":path", "/y"),
        with("x y", "z"),
        with("x:y", "z"),
        with("x", "y\r\nz: a"),
        with("x", "y\nz"),
        with("x", "y\rz"),
        with("x", "y\0z"),
        with("x", "\u{7f}"),
    ];
    for head in broken {
        assert_eq!(request(&head).unwrap_err().status, 400, "{head:?}");
    }
}

#[test]
fn connection_fields_are_allowed_where_there_is_a_connection() {
    let head = RequestHead { version: HttpVersion::Http11, ..with("connection", "close") };
    assert_eq!(request(&head), Ok(()));
}

#[test]
fn fields_have_limits() {
    let field = |length| Field { name: "x".into(), value: vec![b'y'; length].into() };
    assert_eq!(fields(&vec![field(1); HTTP_FIELDS_MAX]), Ok(()));
    assert_eq!(fields(&vec![field(1); HTTP_FIELDS_MAX + 1]).unwrap_err().status, 431);
    assert_eq!(fields(&[field(HTTP_HEAD_BYTES_MAX - 33)]), Ok(()));
    assert_eq!(fields(&[field(HTTP_HEAD_BYTES_MAX - 32)]).unwrap_err().status, 431);
}

#[test]
fn authorities_are_hosts_and_ports() {
    for (text, host, port) in [
        ("a", "a", None),
        ("a.example:443", "a.example", Some(443)),
        ("10.0.0.1:0", "10.0.0.1", Some(0)),
        ("[::1]", "[::1]", None),
        ("[::ffff:10.0.0.1]:65535", "[::ffff:10.0.0.1]", Some(65535)),
        ("my_host", "my_host", None),
    ] {
        let read = authority(text.as_bytes()).unwrap();
        assert_eq!((read.host, read.port), (host.as_bytes(), port), "{text}");
    }
    for text in [
        "",
        ":80",
        "a:",
        "a:b",
        "a:65536",
        "a:080000",
        "a:-1",
        "a:+1",
        "a b",
        "a/b",
        "a?b",
        "a#b",
        "u@a",
        "a,b",
        "a%41",
        "[]",
        "[::1",
        "[::1]80",
        "[::1]:",
        "[fe80::1%25eth0]",
        "[a:b:z]",
        "a:80:80",
        "\u{e4}.example",
        "a\0",
    ] {
        assert!(authority(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn hosts_agree_without_regard_to_case_and_usual_ports() {
    for (one, other, scheme) in
        [("A.example", "a.EXAMPLE", "http"), ("a:80", "a", "http"), ("a", "a:443", "https"), ("a:1", "a:1", "http")]
    {
        assert!(agrees(one.as_bytes(), other.as_bytes(), scheme.as_bytes()), "{one} {other}");
    }
    for (one, other, scheme) in
        [("a", "b", "http"), ("a:443", "a", "http"), ("a:80", "a", "https"), ("", "", "http"), ("a", "a.", "http")]
    {
        assert!(!agrees(one.as_bytes(), other.as_bytes(), scheme.as_bytes()), "{one} {other}");
    }
}

#[test]
fn every_octet_is_judged_alike_wherever_it_stands() {
    for octet in 0..=255u8 {
        for (before, behind) in (0..20).flat_map(|before| (0..20).map(move |behind| (before, behind))) {
            let bytes = [&b"\xff".repeat(before)[..], &[octet], &b"~".repeat(behind)].concat();
            let expected = if is(VALUE)(&octet) { bytes.len() } else { before };
            assert_eq!(value_length(&bytes), expected, "{octet} behind {before}");
            let bytes = [&b"\t".repeat(before)[..], &[octet], &b" ".repeat(behind)].concat();
            assert_eq!(value_length(&bytes), expected, "{octet} behind {before} tabs");
        }
    }
}
