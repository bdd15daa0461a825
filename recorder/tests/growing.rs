//! Reading on in a tape that grows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "failing is how a test speaks")]

mod scene;

use std::io::Write;

use scene::{Scene, block_on, data, log_lines, noise};
use wiretape_core::{Event, Side};
use wiretape_recorder::{Durability, Tape};

/// The events of a session, and its tape.
fn recorded() -> (Vec<Event>, Vec<u8>) {
    let scene = Scene::new();
    let store = scene.store();
    let recording = store.begin(scene::id(), scene::OPENED, Durability::Written).unwrap();
    // Not in the order of their moments: what reads on goes by place.
    let events: Vec<_> = (0..40)
        .map(|number| {
            let bytes = if number % 3 == 0 { noise(number, 300) } else { log_lines(number, 200) };
            data(1000 - number / 2, Side::Upstream, bytes)
        })
        .collect();
    block_on(async {
        for event in &events {
            let number = recording.append(event.clone()).unwrap();
            recording.passed(number).await.unwrap();
        }
        recording.finish().await.unwrap();
    });
    let bytes = std::fs::read(scene.archive().tape_path(&recording.id())).unwrap();
    (events, bytes)
}

#[test]
fn wherever_a_growing_tape_is_cut_reading_on_finds_every_event_once() {
    let (events, bytes) = recorded();
    let folder = tempfile::tempdir().unwrap();
    for step in [1, 7, 97, 1000, bytes.len()] {
        let path = folder.path().join(format!("{step}.tape"));
        let start = 256.min(bytes.len());
        std::fs::write(&path, &bytes[..start]).unwrap();
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        let mut reading = Tape::open(&path).unwrap().events();
        let mut found: Vec<Event> = reading.by_ref().map(Result::unwrap).collect();
        for piece in bytes[start..].chunks(step) {
            assert!(!reading.is_over());
            file.write_all(piece).unwrap();
            let before = found.len();
            let more = reading.go_on().unwrap();
            found.extend(reading.by_ref().map(Result::unwrap));
            assert!(more || found.len() == before);
        }
        assert_eq!(found, events, "in steps of {step}");
        assert!(reading.is_over(), "the trailer was read");
        assert!(!reading.go_on().unwrap());
    }
}

#[test]
fn what_no_recorder_wrote_behind_a_tape_ends_the_reading_with_an_error() {
    let (events, bytes) = recorded();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grown.tape");
    let half = bytes.len() / 2;
    std::fs::write(&path, &bytes[..half]).unwrap();
    let mut reading = Tape::open(&path).unwrap().events();
    let count = reading.by_ref().map(Result::unwrap).count();
    assert!(count > 0 && count < events.len());
    let mut changed = bytes;
    let last = changed.len() - 1;
    for byte in &mut changed[half..=last] {
        *byte ^= 0x55;
    }
    std::fs::write(&path, &changed).unwrap();
    assert!(reading.go_on().unwrap());
    assert!(reading.next().unwrap().is_err());
    assert!(reading.next().is_none() && reading.is_over() && !reading.go_on().unwrap());
}
