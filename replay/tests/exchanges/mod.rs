//! HTTP exchanges, as the wire tells them.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use flate2::Crc;
use wiretape_core::event::{
    ControlKind, HeaderField, HttpEvent, HttpVersion, MessageKind, SessionEvent, SessionOpened, StreamEvent,
};
use wiretape_core::{Event, Kind, Reason, Side, Verdict};

use crate::archive::{OPENED_UNIX_NANOS, closed, event};

pub const UP: Side = Side::Client;
pub const DOWN: Side = Side::Upstream;

/// A field; what stands behind `^` in its value is a number of concealed bytes.
pub fn field(line: &str) -> HeaderField {
    let (name, value) = line.split_once(": ").unwrap();
    let (value, concealed) = value.split_once('^').unwrap_or((value, "0"));
    HeaderField {
        name: Bytes::copy_from_slice(name.as_bytes()),
        value: Bytes::copy_from_slice(value.as_bytes()),
        concealed_bytes: concealed.parse().unwrap(),
    }
}

pub fn fields(lines: &[&str]) -> Vec<HeaderField> {
    lines.iter().map(|line| field(line)).collect()
}

/// RFC 1952, in one block that is stored (RFC 1951 section 3.2.4): of a compressor the size would be its own.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    let mut sum = Crc::new();
    sum.update(bytes);
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    packed.extend(length.to_le_bytes());
    packed.extend((!length).to_le_bytes());
    packed.extend(bytes);
    packed.extend(sum.sum().to_le_bytes());
    packed.extend(sum.amount().to_le_bytes());
    packed
}

/// A message of gRPC in its frame.
pub fn framed(message: &[u8]) -> Vec<u8> {
    [&[0], &u32::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
}

/// A conversation over HTTP, in the making. Times are milliseconds.
pub struct Talk {
    pub events: Vec<Event>,
    pub version: HttpVersion,
}

impl Talk {
    pub fn begun(version: HttpVersion) -> Self {
        let opened = SessionOpened {
            person: "ana".into(),
            groups: vec!["dev".into()],
            proof: "token".into(),
            target: "api".into(),
            target_kind: "http".into(),
            protocol: "http".into(),
            client_address: "127.0.0.1:4711".into(),
            client_program: "curl/8.5.0".into(),
            rule: "target api".into(),
            gateway: "0.1.0".into(),
            opened_unix_nanos: OPENED_UNIX_NANOS,
            ..SessionOpened::default()
        };
        let opened = event(0, UP, 0, Kind::Session(SessionEvent::Opened(Box::new(opened))));
        Self { events: vec![opened], version }
    }

    pub fn ended(mut self, at: u64) -> Vec<Event> {
        self.events.push(closed(at));
        self.events.sort_by_key(|event| event.at);
        self.events
    }

    pub fn say(&mut self, at: u64, side: Side, lane: u32, said: HttpEvent) -> &mut Self {
        self.events.push(event(at, side, lane, Kind::Http(said)));
        self
    }

    pub fn session(&mut self, at: u64, lane: u32, said: SessionEvent) -> &mut Self {
        self.events.push(event(at, UP, lane, Kind::Session(said)));
        self
    }

    pub fn stream(&mut self, at: u64, side: Side, lane: u32, said: StreamEvent) -> &mut Self {
        self.events.push(event(at, side, lane, Kind::Stream(said)));
        self
    }

    /// A request for `https://localhost:8443<path>`.
    pub fn ask(&mut self, at: u64, lane: u32, method: &str, path: &str, lines: &[&str]) -> &mut Self {
        self.ask_of(at, lane, method, "localhost:8443", path, None, lines)
    }

    #[allow(clippy::too_many_arguments, reason = "a request has that many parts")]
    pub fn ask_of(
        &mut self,
        at: u64,
        lane: u32,
        method: &str,
        authority: &str,
        path: &str,
        protocol: Option<&str>,
        lines: &[&str],
    ) -> &mut Self {
        let text = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        let said = HttpEvent::Request {
            version: self.version,
            method: text(method),
            scheme: text("https"),
            authority: text(authority),
            path: text(path),
            protocol: protocol.map(text),
            fields: fields(lines),
        };
        self.say(at, UP, lane, said)
    }

    pub fn answer(&mut self, at: u64, lane: u32, status: u16, lines: &[&str]) -> &mut Self {
        self.answer_as(at, DOWN, lane, status, lines)
    }

    pub fn answer_as(&mut self, at: u64, side: Side, lane: u32, status: u16, lines: &[&str]) -> &mut Self {
        let reason = Bytes::new();
        self.say(at, side, lane, HttpEvent::Response { version: self.version, status, reason, fields: fields(lines) })
    }

    pub fn body(&mut self, at: u64, side: Side, lane: u32, bytes: impl Into<Bytes>) -> &mut Self {
        self.say(at, side, lane, HttpEvent::Body { bytes: bytes.into() })
    }

    pub fn end(&mut self, at: u64, side: Side, lane: u32) -> &mut Self {
        self.say(at, side, lane, HttpEvent::End)
    }

    /// A whole exchange without a request body.
    pub fn get(&mut self, at: u64, lane: u32, path: &str, lines: &[&str], body: impl Into<Bytes>) -> &mut Self {
        self.ask(at, lane, "GET", path, &["accept: */*"]).end(at, UP, lane).answer(at + 40, lane, 200, lines);
        self.body(at + 41, DOWN, lane, body).end(at + 42, DOWN, lane)
    }
}

/// Plain exchanges over HTTP/1.1, one after the other: JSON, forms, text, packed, binary, errors, refusals.
pub fn plain() -> Vec<Event> {
    let mut talk = Talk::begun(HttpVersion::Http11);
    talk.session(1, 0, SessionEvent::Labelled { label: "run-42\x1b[2J".into() });
    let json = r#"{"orders":[{"id":17,"name":"Grüße \u001b[31m","total":12.50},{"id":18,"name":"x","total":1e3}],"next":"/v1/orders?limit=2&after=18","more":true,"note":"short things stay on one line"}"#;
    talk.ask(10, 1, "GET", "/v1/orders?limit=2&key=***", &["Accept: application/json", "Authorization: Bearer ^43"]);
    talk.end(10, UP, 1).answer(50, 1, 200, &["Content-Type: application/json", "Content-Length: 176"]);
    talk.body(51, DOWN, 1, json).end(52, DOWN, 1);
    talk.ask(100, 2, "POST", "/login", &["content-type: application/x-www-form-urlencoded", "content-length: 32"]);
    talk.body(101, UP, 2, "name=gr%C3%BC%C3%9Fe&city=a+b").end(101, UP, 2);
    talk.answer(130, 2, 303, &["Location: /home\x1b[2J", "Set-Cookie: sid=^32"]).end(130, DOWN, 2);
    talk.ask(200, 3, "PUT", "/v1/orders/17", &["content-type: application/json", "transfer-encoding: chunked"]);
    talk.say(201, DOWN, 3, HttpEvent::Informational { status: 100, fields: Vec::new() });
    talk.body(202, UP, 3, r#"{"id""#).body(203, UP, 3, r#": 17}"#).end(204, UP, 3);
    talk.answer(250, 3, 409, &["content-type: text/plain; charset=utf-8"]);
    talk.body(250, DOWN, 3, "the order\r\n\twas shipped \x1b]0;title\x07\n").end(251, DOWN, 3);
    let page = "<html>\n".to_owned() + &"<p>hello</p>\n".repeat(100);
    let typed = ["content-type: text/html", "content-encoding: gzip"];
    talk.get(300, 4, "/page", &typed, gzip(page.as_bytes()));
    talk.get(
        400,
        5,
        "/icon.png",
        &["content-type: image/png"],
        &b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\x06"[..],
    );
    talk.get(500, 6, "/strange", &["content-type: text/plain", "content-encoding: lzma"], "??");
    talk.get(
        600,
        7,
        "/torn",
        &["content-type: text/plain", "content-encoding: gzip"],
        gzip(b"half of it")[..18].to_vec(),
    );
    talk.ask(700, 8, "HEAD", "/v1/orders", &[]).end(700, UP, 8);
    talk.answer(720, 8, 200, &["content-type: application/json", "content-length: 176"]).end(720, DOWN, 8);
    let refused = SessionEvent::Decision {
        action: "http.request".into(),
        resource: "DELETE https://localhost:8443/v1/orders".into(),
        rule: "no-delete".into(),
        verdict: Verdict::Refuse(Reason::new("no-delete", "nobody deletes all orders")),
        nanos: 0,
    };
    talk.ask(800, 9, "DELETE", "/v1/orders", &["content-length: 4"]).session(800, 9, refused);
    talk.answer_as(800, UP, 9, 403, &["content-type: application/json"]);
    talk.body(800, UP, 9, r#"{"error":"refused","reason":"nobody deletes all orders","session":"0abc"}"#)
        .end(800, UP, 9);
    let slow = "slow ".repeat(400) + "\n";
    talk.ask(900, 10, "GET", "/slow", &[]).end(900, UP, 10);
    talk.answer(950, 10, 200, &["content-type: text/plain", "content-length: 6003"]);
    talk.body(1_000, DOWN, 10, slow.clone()).body(2_500, DOWN, 10, slow.clone()).body(4_000, DOWN, 10, slow);
    talk.end(4_001, DOWN, 10);
    talk.ask(5_000, 11, "GET", "/never", &[]).end(5_000, UP, 11);
    talk.ended(6_000)
}

/// Exchanges of HTTP/2 side by side: an event stream, gRPC, a reset, an upload, trailers, an early hint.
pub fn streams() -> Vec<Event> {
    let mut talk = Talk::begun(HttpVersion::Http2);
    let typed = ["content-type: application/json"];
    talk.ask(10, 1, "POST", "/v1/messages", &["content-type: application/json", "content-length: 32"]);
    talk.body(10, UP, 1, r#"{"stream": true, "prompt": "hi"}"#).end(10, UP, 1);
    talk.answer(400, 1, 200, &["content-type: text/event-stream; charset=utf-8"]);
    talk.body(401, DOWN, 1, "event: start\ndata: {\"id\":1}\n\nevent: del");
    talk.body(600, DOWN, 1, "ta\ndata: {\"text\":\"Hel\"}\n\n: ping\n\n");
    talk.body(800, DOWN, 1, "event: delta\ndata: {\"text\":\"lo \x1b[1m\"}\n\nretry: 500\ndata: one\ndata: two\n\n");
    talk.body(900, DOWN, 1, "data: half").end(901, DOWN, 1);
    talk.ask_of(450, 3, "POST", "grpc.example:443", "/shop.Orders/List", None, &["content-type: application/grpc"]);
    talk.body(451, UP, 3, framed(b"\x0a\x03ana\x10\x02")).end(451, UP, 3);
    talk.answer(470, 3, 200, &["content-type: application/grpc"]);
    let two = [framed(b"\x08\x11\x12\x05hello"), framed(b"\x08\x12\x1a\x02\x08\x01")].concat();
    talk.body(480, DOWN, 3, two[..9].to_vec()).body(650, DOWN, 3, two[9..].to_vec());
    talk.say(
        700,
        DOWN,
        3,
        HttpEvent::Trailers { fields: fields(&["grpc-status: 5", "grpc-message: no%20such%20order"]) },
    );
    talk.end(700, DOWN, 3);
    talk.ask(500, 5, "GET", "/v1/orders", &[]).end(500, UP, 5);
    let hint = HttpEvent::Informational { status: 103, fields: fields(&["link: </a.css>; rel=preload"]) };
    talk.say(510, DOWN, 5, hint).answer(520, 5, 200, &typed).body(521, DOWN, 5, "[]");
    talk.say(522, DOWN, 5, HttpEvent::Trailers { fields: fields(&["x-sum: 1"]) }).end(522, DOWN, 5);
    talk.ask(530, 7, "GET", "/cancelled", &[]).end(530, UP, 7).answer(540, 7, 200, &["content-type: text/plain"]);
    talk.body(550, DOWN, 7, "the start");
    talk.say(560, UP, 7, HttpEvent::Reset { code: 8, reason: "the client cancelled".into() });
    talk.ask(1_000, 9, "POST", "/upload", &["content-type: application/octet-stream"]);
    talk.body(1_100, UP, 9, vec![0; 1_000_000]).body(1_200, UP, 9, vec![0; 500_000]).end(1_300, UP, 9);
    talk.answer(1_310, 9, 204, &[]).end(1_310, DOWN, 9);
    let broken = || HttpEvent::Reset { code: 1, reason: "the target broke the protocol: a second head".into() };
    talk.ask(1_400, 11, "GET", "/broken", &[]).end(1_400, UP, 11).answer(1_410, 11, 200, &[]);
    talk.say(1_420, UP, 11, broken()).say(1_420, DOWN, 11, broken());
    talk.ask(1_500, 13, "GET", "/gone", &[]).end(1_500, UP, 13).answer_as(1_550, UP, 13, 502, &typed);
    talk.body(1_550, UP, 13, r#"{"error":"target_unreachable","reason":"connection refused","session":"0abc"}"#);
    talk.end(1_550, UP, 13);
    talk.ended(2_000)
}

/// What is behind upgrades: WebSocket, a tunnel, an upgrade that was declined.
pub fn upgrades() -> Vec<Event> {
    let mut talk = Talk::begun(HttpVersion::Http11);
    let message = |kind, bytes: &[u8], first, last| HttpEvent::Message {
        kind,
        bytes: Bytes::copy_from_slice(bytes),
        first,
        last,
    };
    let upgrade = ["connection: upgrade", "upgrade: websocket", "sec-websocket-version: 13"];
    talk.ask_of(10, 1, "GET", "localhost:8443", "/chat", Some("websocket"), &upgrade);
    talk.answer(20, 1, 101, &["upgrade: websocket"]).say(
        20,
        DOWN,
        1,
        HttpEvent::Upgrade { protocol: "websocket".into() },
    );
    talk.say(100, UP, 1, message(MessageKind::Text, "{\"say\":\"grüße \x1b[2J\"}".as_bytes(), true, true));
    talk.say(200, DOWN, 1, message(MessageKind::Text, b"in ", true, false));
    talk.say(210, DOWN, 1, HttpEvent::Control { kind: ControlKind::Ping, bytes: "42".into() });
    talk.say(211, UP, 1, HttpEvent::Control { kind: ControlKind::Pong, bytes: "42".into() });
    talk.say(220, DOWN, 1, message(MessageKind::Text, b"pieces", false, true));
    talk.say(300, UP, 1, message(MessageKind::Binary, &[0xab; 100], true, true));
    talk.say(400, DOWN, 1, message(MessageKind::Text, "long ".repeat(100).as_bytes(), true, true));
    talk.say(900, UP, 1, HttpEvent::Control { kind: ControlKind::Close, bytes: (&b"\x03\xe8bye"[..]).into() });
    talk.say(901, DOWN, 1, HttpEvent::Control { kind: ControlKind::Close, bytes: (&b"\x03\xe8"[..]).into() });
    talk.end(901, UP, 1).end(902, DOWN, 1);
    talk.ask_of(1_000, 2, "CONNECT", "push.example.com:443", "", None, &[]).answer(1_010, 2, 200, &[]);
    talk.say(1_010, DOWN, 2, HttpEvent::Upgrade { protocol: "CONNECT".into() });
    talk.stream(1_010, DOWN, 2, StreamEvent::Opaque { what: "CONNECT".into() });
    talk.stream(1_100, UP, 2, StreamEvent::Data { error: false, bytes: vec![22, 3, 1, 0].into() });
    talk.stream(1_200, DOWN, 2, StreamEvent::Data { error: false, bytes: vec![22; 4_000].into() });
    talk.stream(3_000, UP, 2, StreamEvent::Eof).stream(3_001, DOWN, 2, StreamEvent::Eof);
    talk.ask_of(4_000, 3, "GET", "localhost:8443", "/chat", Some("websocket"), &upgrade).answer(4_010, 3, 426, &[]);
    talk.end(4_010, DOWN, 3).end(4_010, UP, 3);
    talk.ask_of(5_000, 4, "GET", "localhost:8443", "/chat", Some("websocket"), &upgrade).answer(5_010, 4, 101, &[]);
    talk.say(5_010, DOWN, 4, HttpEvent::Upgrade { protocol: "websocket".into() });
    talk.say(5_100, UP, 4, message(MessageKind::Text, b"left open", true, true));
    talk.ended(6_000)
}
