//! How fast messages go through the wire, on one core: `cargo run --release -p wiretape-websocket --example messages`.
#![allow(clippy::panic, reason = "a measurement that fails says so")]

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use wiretape_core::judge::AllowAll;
use wiretape_core::{Effect, Input, Lane, Moment, Session, Side};
use wiretape_websocket::WebSocketWire;

/// What a gateway reads at a time.
const CHUNK_BYTES: usize = 64 * 1024;

fn main() {
    for (side, key) in [(Side::Client, Some([0x37, 0xfa, 0x21, 0x3d])), (Side::Upstream, None)] {
        for payload_bytes in [16, 1024, 60_000, 1 << 20] {
            stream(side, key, payload_bytes);
        }
    }
}

fn frame(key: Option<[u8; 4]>, payload_bytes: usize) -> Vec<u8> {
    let mask = if key.is_some() { 0x80 } else { 0 };
    let mut frame = vec![0x82];
    match payload_bytes {
        0..=125 => frame.push(mask | payload_bytes as u8),
        126..=0xffff => {
            frame.push(mask | 126);
            frame.extend((payload_bytes as u16).to_be_bytes());
        }
        _ => {
            frame.push(mask | 127);
            frame.extend((payload_bytes as u64).to_be_bytes());
        }
    }
    frame.extend(key.into_iter().flatten());
    frame.resize(frame.len() + payload_bytes, b'x');
    frame
}

/// Messages that are all alike, in chunks that cut them anywhere.
fn stream(side: Side, key: Option<[u8; 4]>, payload_bytes: usize) {
    const TOTAL_BYTES: usize = 1 << 29;
    let frame = frame(key, payload_bytes);
    let said = Bytes::from(frame.repeat((4 << 20) / frame.len() + 1));
    let messages = TOTAL_BYTES / frame.len();
    let mut session = Session::new(WebSocketWire::new(Lane(1)), Box::new(AllowAll));
    let (mut passed, started) = (0, Instant::now());
    while passed < TOTAL_BYTES {
        for place in (0..said.len()).step_by(CHUNK_BYTES) {
            let message = said.slice(place..said.len().min(place + CHUNK_BYTES));
            session.handle(Moment::START, Input::Message { side, message });
            while let Some(effect) = session.act() {
                match black_box(effect) {
                    Effect::Send { message, .. } => passed += message.len(),
                    Effect::Append(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let (rate, nanos) = (passed as f64 / seconds / 1e9, seconds * 1e9 / messages as f64);
    println!("{side} messages of {payload_bytes:>8} B: {rate:>6.2} GB/s, {nanos:>9.0} ns a message");
}
