//! What the fuzz target of exchanges starts from: short conversations, in the bytes of noise.

use std::collections::BTreeSet;
use std::path::Path;

use crate::noise::hold;

/// A conversation, and the event that it leads to.
const SEEDS: &[(&str, &str, &[u8])] = &[
    // A request and its end; the head, content, trailers and end of the response.
    ("exchange", "http.trailers", b"\0\0\0\0\x50\0\x90\0\x40\0\xa0\x02hi\0\xc8\0\xd0\0"),
    // Content of three bytes, and an interim response.
    ("upload", "http.informational", b"\0\x02\0\xa3\x8a\0\x20\x03abc\0\x50\0\x90\0\xa0\0\xd0\0"),
    ("question", "session.decision", b"\0\x02\x01\x40\x20\x03abc\0\x50\0\x72\x90\0\0\0\xd0\0"),
    ("refusal", "http.response", b"\0\x02\x02\x40\x20\x03abc\0\x50\0"),
    ("too-much", "http.response", b"\0\x02\x01\x40\x7f\0\x7f\0\x7f\0\x7f\0\x50\0"),
    ("reset", "http.reset", b"\0\0\0\0\x50\0\x90\0\x40\0\xe8\0"),
    ("failed", "http.response", b"\0\0\0\0\x50\0\xee\0"),
    (
        "websocket",
        "http.message",
        b"\0\x06\0\x90\x02\x80\0\x20\x0b\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\0\x50\0\xd0\0",
    ),
    ("websocket-fault", "http.control", b"\0\x06\0\x90\x02\x80\0\x20\x02\x81\x01\0"),
    ("lines", "stream.data", b"\0\x07\0\x90\x02\x80\0\x20\x06risky\n\0\x72\x50\0\xa0\x02a\n\0\xd0\0"),
    ("opaque", "stream.opaque", b"\0\x15\0\x20\x01a\0\x90\0\x80\0\xa0\x01b\0\x50\0\xd0\0"),
    // A parcel that is held, examined and released; answered.
    ("parcels", "git.data", b"\0\x02\x08\x40\x20\x04xhhe\0\x50\0\x7e\0\x90\0\x40\0\xa0\x02ok\0\xd0\0"),
    // One that is discarded by what an examination found, one by a judgement, one by the guard's own word.
    ("parcels-refused", "git.data", b"\0\x02\x08\x40\x20\x02he\0\x50\0\x7e\x01\0\x02\x08\x40\x20\x02ha\0\x7b\x50\0"),
    ("parcels-asked", "git.progress", b"\0\x00\x09\0\x50\0\x72\x90\0\xa4\xa0\x04okok\0\xd0\0"),
    ("parcels-broken", "stream.opaque", b"\0\x02\x08\x40\x20\x03hb.\0\0\x02\x0a\xa5\x20\x05xxxxb\0"),
    ("parcels-watched", "http.body", b"\0\x02\x0b\xa3\x20\x03abc\0\x50\0\x90\0\xa2\xa0\x02ok\0\xd0\0"),
    ("three", "http.end", b"\0\0\0\0\0\x02\0\x40\0\x04\0\0\x90\0\x40\x01\x90\0\x40\0\x90\0\0\x02\xd0\x01\xd0\0\x7d"),
];

#[test]
fn seeds_lead_where_they_say() {
    let write = std::env::var_os("WIRETAPE_CASES").is_some_and(|value| value == "write");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/exchange");
    for (name, event, seed) in SEEDS {
        assert!(hold(seed).contains(event), "{name} does not lead to {event}");
        let path = folder.join(name);
        if write {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, seed).unwrap();
        }
        assert!(std::fs::read(&path).is_ok_and(|kept| kept == *seed), "{} is not its seed", path.display());
    }
}

#[test]
fn noise_among_seeds_does_no_harm() {
    let mut said = BTreeSet::new();
    // A linear congruential generator (Knuth, MMIX).
    let mut state: u64 = 1;
    let mut roll = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    for _ in 0..4000 {
        let mut noise = Vec::new();
        for _ in 0..3 {
            let (_, _, seed) = SEEDS[roll() % SEEDS.len()];
            noise.extend_from_slice(&seed[..roll() % (seed.len() + 1)]);
            let place = roll() % (noise.len() + 1);
            noise.insert(place, roll() as u8);
        }
        said.extend(hold(&noise));
    }
    let ours = wiretape_core::event::NAMES.iter().filter(|name| name.starts_with("http."));
    let never: Vec<_> = ours.filter(|name| !said.contains(**name)).collect();
    assert!(never.is_empty(), "this shows nothing of {never:?}");
}
