//! What a fetch costs in the wire, on one core: `cargo run --release -p wiretape-git --example passing`.
#![allow(clippy::expect_used, reason = "a measurement that fails says so")]

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use wiretape_core::judge::AllowAll;
use wiretape_core::{Carrier, Effect, Input, Lane, Moment, Session, Side};
use wiretape_git::{GitWire, Options, Packs, conversation};

const FETCH_BYTES: usize = 300_000_000;

fn main() {
    for packs in [Packs::Whole, Packs::Listed] {
        for read_bytes in [16 * 1024, 64 * 1024] {
            fetch(packs, read_bytes, true);
        }
        fetch(packs, 32 * 1024, false);
    }
}

/// A pack in a side band or bare, as a target says it.
fn said(banded: bool) -> Bytes {
    let mut said = b"0008NAK\n".to_vec();
    let mut payload = b"PACK\0\0\0\x02\0\0\0\x01".to_vec();
    payload.extend((0..65_503_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8));
    while said.len() < FETCH_BYTES {
        if banded {
            said.extend(format!("{:04x}\x01", payload.len() + 5).as_bytes());
        }
        said.extend(&payload);
    }
    if banded {
        said.extend(b"0000");
    }
    said.into()
}

fn fetch(packs: Packs, read_bytes: usize, banded: bool) {
    let carrier = Carrier::Exec { command: Bytes::from_static(b"git-upload-pack '/x.git'") };
    let wire = GitWire::new(Lane(1), conversation(&carrier).expect("a conversation"), Options { packs });
    let mut session = Session::new(wire, Box::new(AllowAll));
    let mut say = |side: Side, message: Bytes| {
        session.handle(Moment::from_nanos(0), Input::Message { side, message });
        let (mut events, mut sent_bytes) = (0, 0);
        while let Some(effect) = session.act() {
            match black_box(effect) {
                Effect::Append(_) => events += 1,
                Effect::Send { message, .. } => sent_bytes += message.len(),
                _ => {}
            }
        }
        (events, sent_bytes)
    };
    say(Side::Upstream, Bytes::from_static(b"0037aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa HEAD\0a b c0000"));
    let wants: &'static [u8] = match banded {
        true => b"0040want aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa side-band-64k\n00000009done\n",
        false => b"0032want aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n00000009done\n",
    };
    say(Side::Client, Bytes::from_static(wants));
    let mut answer = said(banded);
    let (answer_bytes, mut events, mut sent_bytes) = (answer.len(), 0, 0);
    let begun = Instant::now();
    while !answer.is_empty() {
        let (more_events, more_bytes) = say(Side::Upstream, answer.split_to(read_bytes.min(answer.len())));
        events += more_events;
        sent_bytes += more_bytes;
    }
    let seconds = begun.elapsed().as_secs_f64();
    assert_eq!(sent_bytes, answer_bytes, "not all of it passed");
    let band = if banded { "in a side band" } else { "bare" };
    println!(
        "{packs:?}, {band}, read by {read_bytes}: {:.0} MB/s, {seconds:.2} s, {events} events",
        answer_bytes as f64 / seconds / 1e6
    );
}
