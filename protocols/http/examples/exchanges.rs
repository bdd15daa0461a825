//! What an exchange costs in the wire, on one core: `cargo run --release -p wiretape-http --example exchanges`.
#![allow(clippy::expect_used, clippy::panic, reason = "a measurement that fails says so")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use wiretape_core::event::HttpVersion;
use wiretape_core::judge::AllowAll;
use wiretape_core::nest::NoNestedWires;
use wiretape_core::{Effect, Input, Lane, Moment, Session, Side};
use wiretape_http::{Content, Field, HttpWire, Message, Part, RequestHead, ResponseHead, Route};

const EXCHANGES: u32 = 1_000_000;

fn main() {
    exchanges("a small GET", &request(&PLAIN), 1, 1024);
    exchanges("a GET with credentials", &request(&[&PLAIN[..], &SECRETS].concat()), 1, 1024);
    exchanges("64 KiB in 4 runs", &request(&PLAIN), 4, 16 * 1024);
}

const PLAIN: [(&str, &str); 6] = [
    ("user-agent", "curl/8.5.0"),
    ("accept", "application/json"),
    ("accept-encoding", "gzip, br"),
    ("accept-language", "en-GB,en;q=0.9"),
    ("cache-control", "no-cache"),
    ("x-request-id", "5f6a9a30-2c9f-4a0c-8f0e-3a3f0e1a2b3c"),
];

const SECRETS: [(&str, &str); 2] =
    [("authorization", "Bearer c2VjcmV0c2VjcmV0c2VjcmV0"), ("cookie", "session=0123456789abcdef; theme=dark")];

fn fields(said: &[(&'static str, &'static str)]) -> Vec<Field> {
    said.iter().map(|(name, value)| Field { name: (*name).into(), value: (*value).into() }).collect()
}

fn request(said: &[(&'static str, &'static str)]) -> RequestHead {
    RequestHead {
        version: HttpVersion::Http11,
        method: "GET".into(),
        scheme: "https".into(),
        authority: "api.example".into(),
        path: "/v1/orders/7?expand=lines&page=2".into(),
        protocol: None,
        fields: fields(said),
        content: Content::Empty,
    }
}

/// The same exchange again and again, each on a lane of its own.
fn exchanges(what: &str, request: &RequestHead, runs: usize, run_bytes: usize) {
    let wire = HttpWire::new("session".to_owned(), Box::new(NoNestedWires));
    let mut session = Session::new(wire, Box::new(AllowAll));
    let route = Arc::new(Route { pseudonym: "wiretape".to_owned(), ..Route::default() });
    let response = ResponseHead {
        version: HttpVersion::Http11,
        status: 200,
        reason: "OK".into(),
        fields: fields(&[
            ("server", "nginx"),
            ("date", "Sun, 22 Nov 2026 09:00:00 GMT"),
            ("content-type", "application/json"),
            ("content-length", "1024"),
            ("etag", "\"5f6a9a30\""),
        ]),
        content: Content::Streamed,
    };
    let content = Bytes::from(vec![b'x'; run_bytes]);
    let started = Instant::now();
    for lane in (1..=EXCHANGES).map(Lane) {
        let mut say = |side, part| {
            session.handle(Moment::START, Input::Message { side, message: Message { lane, part } });
            while let Some(effect) = session.act() {
                assert!(!matches!(black_box(effect), Effect::Close(_)), "the session ended");
            }
        };
        say(Side::Client, Part::Request(Box::new(request.clone()), Arc::clone(&route)));
        say(Side::Client, Part::End);
        say(Side::Upstream, Part::Response(Box::new(response.clone())));
        (0..runs).for_each(|_| say(Side::Upstream, Part::Body(content.clone())));
        say(Side::Upstream, Part::End);
    }
    let nanos = started.elapsed().as_nanos() / u128::from(EXCHANGES);
    println!("{what:<24} {nanos:>6} ns an exchange");
}
