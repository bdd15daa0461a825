//! How fast bytes go through the wire, on one core: `cargo run --release -p wiretape-postgres --example throughput`.
#![allow(clippy::expect_used, clippy::panic, reason = "a measurement that fails says so")]

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use wiretape_core::judge::AllowAll;
use wiretape_core::{Effect, Input, Lane, Moment, Session, Side};
use wiretape_postgres::PostgresWire;

/// What a gateway reads at a time.
const CHUNK_BYTES: usize = 64 * 1024;

fn main() {
    bulk("rows of 3 short columns", &row(&[b"1234567", b"a name", b"12.50"]));
    bulk("rows of 10 columns", &row(&[b"some value of a column".as_slice(); 10]));
    bulk("rows of 1 KiB", &row(&[&[b'x'; 1024]]));
    bulk("rows of 2 MiB", &row(&[&[b'x'; 2 << 20]]));
    bulk("copied lines of 80 bytes", &message(b'd', &[b'x'; 80]));
    exchanges();
}

fn message(letter: u8, fields: &[u8]) -> Vec<u8> {
    let length = u32::try_from(fields.len() + 4).expect("a length");
    [&[letter][..], &length.to_be_bytes(), fields].concat()
}

fn row(values: &[&[u8]]) -> Vec<u8> {
    let mut fields = u16::try_from(values.len()).expect("a count").to_be_bytes().to_vec();
    for value in values {
        fields.extend(u32::try_from(value.len()).expect("a length").to_be_bytes());
        fields.extend_from_slice(value);
    }
    message(b'D', &fields)
}

fn session() -> Session<PostgresWire> {
    let mut session = Session::new(PostgresWire::new(Lane(1)), Box::new(AllowAll));
    said(&mut session, Side::Upstream, message(b'Z', b"I").into());
    session
}

/// Sends and events that come of what a side says.
fn said(session: &mut Session<PostgresWire>, side: Side, message: Bytes) -> (u64, u64) {
    session.handle(Moment::START, Input::Message { side, message });
    let (mut sends, mut events) = (0, 0);
    while let Some(effect) = session.act() {
        match black_box(effect) {
            Effect::Send { .. } => sends += 1,
            Effect::Append(_) => events += 1,
            other => panic!("{other:?}"),
        }
    }
    (sends, events)
}

/// A long answer of messages that are all alike, in chunks that cut them anywhere.
fn bulk(what: &str, message: &[u8]) {
    const TOTAL_BYTES: usize = 1 << 30;
    let said_bytes = message.len() * (8 * CHUNK_BYTES).div_ceil(message.len());
    let cycle = Bytes::from(message.repeat(said_bytes / message.len()));
    let mut session = session();
    said(&mut session, Side::Client, self::message(b'Q', b"copy t to stdout\0").into());
    if message.first() == Some(&b'd') {
        said(&mut session, Side::Upstream, self::message(b'H', &[0, 0, 0]).into());
    }
    let (mut bytes, mut sends, mut events) = (0, 0, 0);
    let begun = Instant::now();
    while bytes < TOTAL_BYTES {
        let mut rest = cycle.clone();
        while !rest.is_empty() {
            let chunk = rest.split_to(CHUNK_BYTES.min(rest.len()));
            bytes += chunk.len();
            let (more_sends, more_events) = said(&mut session, Side::Upstream, chunk);
            sends += more_sends;
            events += more_events;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let (rate, each) = (bytes as f64 / seconds / 1e6, seconds * 1e9 / (bytes / message.len()) as f64);
    let chunks = bytes / CHUNK_BYTES;
    println!("{what:28} {rate:8.0} MB/s  {each:8.1} ns each  {sends} sends and {events} events of {chunks} chunks");
}

/// Queries as pgbench sends them, prepared, one at a time.
fn exchanges() {
    const EXCHANGES: u32 = 500_000;
    let request = Bytes::from(
        [
            message(b'B', b"\0P0_1\0\0\0\0\x01\0\0\0\x0512345\0\x01\0\0"),
            message(b'D', b"P\0"),
            message(b'E', b"\0\0\0\0\0"),
            message(b'S', b""),
        ]
        .concat(),
    );
    let column = b"abalance\0\0\0\x40\0\0\x03\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0";
    let answer = Bytes::from(
        [
            message(b'2', b""),
            message(b'T', &[&b"\0\x01"[..], column].concat()),
            row(&[b"-1234"]),
            message(b'C', b"SELECT 1\0"),
            message(b'Z', b"I"),
        ]
        .concat(),
    );
    let mut session = session();
    let parse =
        [message(b'P', b"P0_1\0select abalance from accounts where aid = $1\0\0\0"), message(b'S', b"")].concat();
    said(&mut session, Side::Client, parse.into());
    said(&mut session, Side::Upstream, [message(b'1', b""), message(b'Z', b"I")].concat().into());
    let begun = Instant::now();
    for _ in 0..EXCHANGES {
        said(&mut session, Side::Client, request.clone());
        said(&mut session, Side::Upstream, answer.clone());
    }
    let each = begun.elapsed().as_secs_f64() * 1e6 / f64::from(EXCHANGES);
    println!("prepared queries             {each:8.2} µs each, request and answer");
}
