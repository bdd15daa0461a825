//! Connections that become something else: protocols that nothing here reads, and WebSockets as no library speaks them.
//! Libraries' own are among the clients.

use wiretape_core::Side;
use wiretape_core::event::{ControlKind, MessageKind};
use wiretape_tests::conversation::Conversation;
use wiretape_tests::exchange::recorded;
use wiretape_tests::stage::PERSON;
use wiretape_tests::web::{Web, values};

/// Asks the gateway in clear text to make the connection another one, at `path` of the target `plain`.
fn ask(web: &Web, path: &str, fields: &str) -> Conversation {
    let mut client = Conversation::with(web.gateway.http());
    client.say(format!(
        "GET /plain{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nConnection: Upgrade\r\n{fields}\r\n",
        web.token.secret
    ));
    client
}

const WEBSOCKET: &str =
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

#[test]
fn a_protocol_that_nothing_here_reads_passes_and_is_recorded_as_it_is() {
    let web = Web::new();
    let mut client = ask(&web, "/anything", "Upgrade: echo/1\r\n");
    let head = client.hear_until("\r\n\r\n").to_lowercase();
    assert!(head.starts_with("http/1.1 101 ") && head.contains("upgrade: echo/1"), "{head}");
    assert_eq!(client.hear_until("\n"), "welcome\n");
    for number in 0..100 {
        client.say(format!("line {number}\n"));
        assert_eq!(client.hear_until("\n"), format!("line {number}\n"));
    }
    client.say_no_more();
    assert_eq!(client.hear_all(), "");
    let exchange = super::exchanges(&web.gateway).remove(0);
    assert_eq!((exchange.status, exchange.upgrade.as_deref()), (101, Some("echo/1")));
    assert!(exchange.opaque.is_some(), "that it could not be read is said");
    let lines: String = (0..100).map(|number| format!("line {number}\n")).collect();
    assert_eq!(exchange.request.opaque, lines.as_bytes());
    assert_eq!(exchange.response.opaque, format!("welcome\n{lines}").as_bytes());
}

#[test]
fn a_proxy_is_asked_for_a_tunnel_in_which_a_connection_becomes_another() {
    let web = Web::new();
    let host = format!("localhost:{}", web.server.address("plain").port());
    let credentials = wiretape_tests::program::Program::new("openssl").args(["base64", "-A"]);
    let credentials = credentials.input(format!("{PERSON}:{}", web.token.secret)).succeed().text();
    let mut client = Conversation::with(web.gateway.proxy());
    client.say(format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\nProxy-Authorization: Basic {credentials}\r\n\r\n"));
    assert!(client.hear_until("\r\n\r\n").starts_with("HTTP/1.1 200 "));
    client.say(format!("GET /x HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\n\r\n"));
    assert!(client.hear_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
    client.say("through a tunnel\n");
    assert_eq!(client.hear_until("tunnel\n"), "welcome\nthrough a tunnel\n");
    drop(client);
    let exchange = super::exchanges(&web.gateway).remove(0);
    assert_eq!(exchange.request.opaque, b"through a tunnel\n");
}

#[test]
fn what_is_sent_before_the_answer_is_not_lost() {
    let web = Web::new();
    let mut client = ask(&web, "/socket", WEBSOCKET);
    // A frame right behind the request: text, masked with zeros.
    client.say(b"\x81\x85\0\0\0\0early");
    let head = client.hear_until("\r\n\r\n").to_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
    assert_eq!(client.hear_bytes(7), b"\x81\x05early");
    // One byte at a time, and a message in two frames with a ping between them.
    for byte in b"\x01\x83\0\0\0\0one\x89\x81\0\0\0\0p\x80\x83\0\0\0\0two" {
        client.say([*byte]);
    }
    assert_eq!(client.hear_bytes(3 + 8), b"\x8a\x01p\x81\x06onetwo");
    client.say(b"\x88\x82\0\0\0\0\x03\xe8");
    assert_eq!(client.hear_bytes(4), b"\x88\x02\x03\xe8");
    assert_eq!(client.hear_all(), "");
    drop(client);
    let exchange = super::exchanges(&web.gateway).remove(0);
    let messages =
        [(Side::Client, "early"), (Side::Upstream, "early"), (Side::Client, "onetwo"), (Side::Upstream, "onetwo")];
    let messages = messages.map(|(side, text)| (side, MessageKind::Text, text.as_bytes().to_vec()));
    assert_eq!(exchange.messages, messages);
    let controls: Vec<_> = exchange.controls.iter().map(|(side, kind, bytes)| (*side, *kind, &bytes[..])).collect();
    assert_eq!(
        controls,
        [
            (Side::Client, ControlKind::Ping, &b"p"[..]),
            (Side::Upstream, ControlKind::Pong, b"p"),
            (Side::Client, ControlKind::Close, b"\x03\xe8"),
            (Side::Upstream, ControlKind::Close, b"\x03\xe8"),
        ]
    );
    assert_eq!(recorded(&exchange.fields, "sec-websocket-version"), ["13"]);
}

#[test]
fn a_frame_that_cannot_be_ends_the_socket_on_the_record() {
    let web = Web::new();
    // Not masked; with bits that nobody agreed on; a control frame that is too long.
    let frames: [&[u8]; 3] = [b"\x81\x05hello", b"\xf1\x85\0\0\0\0hello", b"\x89\xfe\x01\x00\0\0\0\0"];
    for frame in frames {
        let mut client = ask(&web, "/socket", WEBSOCKET);
        assert!(client.hear_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
        client.say(b"\x81\x82\0\0\0\0ok");
        assert_eq!(client.hear_bytes(4), b"\x81\x02ok");
        client.try_say(frame);
        let _ = client.hear_all();
        drop(client);
        let exchange = super::exchanges(&web.gateway).pop().expect("an exchange");
        assert_eq!(exchange.messages.len(), 2, "{frame:?}");
        let broken = exchange.request.reset.or(exchange.response.reset);
        assert!(broken.is_some_and(|(_, reason)| !reason.is_empty()), "{frame:?}");
    }
    let requests = web.server.requests();
    assert!(requests.iter().all(|request| values(request, "upgrade") == ["websocket"]));
}

#[test]
fn an_upgrade_that_the_target_declines_is_answered_as_any_request() {
    let web = Web::new();
    let mut client = ask(&web, "/refused", WEBSOCKET);
    let (head, content) = client.hear_response();
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    assert_eq!(content, "no.\n");
    drop(client);
    let exchange = super::exchanges(&web.gateway).remove(0);
    assert_eq!((exchange.status, exchange.upgrade, &*exchange.response.content), (403, None, &b"no.\n"[..]));
}
