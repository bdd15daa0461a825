//! The reader and the verifier of tapes.
//!
//! The first byte says what the rest is: a file as it stands; or the chunks of a tape, each of which gets a link that
//! agrees, so that what lies behind the chain is reached too.
#![no_main]
#![allow(clippy::panic, clippy::expect_used, reason = "failing is how a fuzz target speaks")]

use std::cell::OnceCell;
use std::fs;
use std::path::PathBuf;

use wiretape_core::Moment;
use wiretape_recorder::{Ending, Tape, TapeError, Verdict, verify};

const HEAD_BYTES: usize = 32;
const LINK_BYTES: usize = 32;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((&first, rest)) = input.split_first() else { return };
    check(&if first & 1 == 0 { rest.to_vec() } else { linked(rest) });
});

/// A tape of the chunks that `script` describes: kind, flags, count of events, two bytes of plain length, two bytes of
/// payload length, payload.
fn linked(script: &[u8]) -> Vec<u8> {
    let mut tape = b"\x89WTAPE\r\n\x01\x00".to_vec();
    tape.resize(64, 0);
    let mut link = blake3::derive_key("wiretape tape v1 header", &tape);
    tape.extend_from_slice(&link);
    let mut rest = script;
    let mut next_event = 0u64;
    while let Some((&[kind, flags, events, plain_low, plain_high, low, high], behind)) = rest.split_first_chunk::<7>() {
        let length = usize::from(u16::from_le_bytes([low, high])).min(behind.len());
        let (payload, behind) = behind.split_at(length);
        let plain = if kind == 2 { length } else { usize::from(u16::from_le_bytes([plain_low, plain_high])) };
        let mut head = Vec::with_capacity(HEAD_BYTES);
        head.extend_from_slice(&u32::try_from(length).expect("a short payload").to_le_bytes());
        head.extend_from_slice(&[kind, flags, 0, 0]);
        head.extend_from_slice(&next_event.to_le_bytes());
        head.extend_from_slice(&[0; 8]);
        head.extend_from_slice(&u32::from(events).to_le_bytes());
        head.extend_from_slice(&u32::try_from(plain).expect("a short chunk").to_le_bytes());
        link = blake3::derive_key("wiretape tape v1 chunk", &[&link[..], &head, payload].concat());
        for part in [&head[..], payload, &link] {
            tape.extend_from_slice(part);
        }
        next_event += u64::from(events);
        rest = behind;
    }
    tape.extend_from_slice(rest);
    tape
}

fn check(bytes: &[u8]) {
    let path = place();
    fs::write(&path, bytes).expect("room for a tape");
    let report = match verify(&path) {
        Ok(report) => report,
        Err(TapeError::Version { .. }) => return,
        Err(error) => panic!("{error}"),
    };
    assert_eq!(report.tape_bytes, bytes.len() as u64);
    let Ok(tape) = Tape::open(&path) else {
        assert_eq!(report.events, 0);
        return;
    };
    let read: Vec<_> = tape.events().collect();
    let good = read.iter().take_while(|event| event.is_ok()).count() as u64;
    assert!(good >= report.events, "the verifier saw {} events, the reader {good}", report.events);
    let whole = read.len() as u64 == good;
    match report.verdict {
        Verdict::Complete | Verdict::CompleteWithGaps(_) => {
            assert!(whole && good == report.events);
            assert!(matches!(tape.ending(), Ending::Sealed(trailer) if trailer.root == report.root));
        }
        Verdict::UnsealedTail { .. } => assert!(whole && good == report.events),
        Verdict::Tampered { offset, .. } => assert!(offset <= report.tape_bytes),
    }
    for at in [Moment::START, Moment::from_nanos(u64::MAX / 2), Moment::from_nanos(u64::MAX)] {
        let sought = tape.events_from(at).count();
        // Behind a chunk that cannot be read there may be others that can.
        assert!(sought <= read.len() || !whole);
    }
    // Nothing is smaller than a head and a link, so that nothing makes a reader take more than its file holds.
    assert!(report.chunks <= (bytes.len() / (HEAD_BYTES + LINK_BYTES)) as u64);
}

/// A file of this process's own.
fn place() -> PathBuf {
    thread_local!(static PLACE: OnceCell<PathBuf> = const { OnceCell::new() });
    let memory = std::path::Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    let name = format!("wiretape-fuzz-{}.tape", std::process::id());
    PLACE.with(|place| place.get_or_init(|| folder.join(name)).clone())
}
