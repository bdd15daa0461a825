//! What was appended is what is read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod scene;

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};
use scene::vocabulary::any_event;
use scene::{Scene, block_on, closed, data, feed, log_lines, noise, opened, output, read};
use wiretape_core::{Moment, Side};
use wiretape_recorder::{Durability, Ending, Settings, Tape, Verdict, verify};

#[test]
fn a_short_session_is_read_as_it_was() {
    let scene = Scene::new();
    let events = vec![opened("ana", "web1"), output(5, "hello\r\n"), closed(9, "client left")];
    let (path, summary) = scene.tape(&events);
    assert_eq!(read(&path), events);
    assert_eq!((summary.events, summary.upstream_bytes, summary.client_bytes), (3, 7, 0));
    let report = verify(&path).unwrap();
    assert_eq!(report.verdict, Verdict::Complete);
    assert_eq!((report.events, report.root, report.tape_bytes), (3, summary.root, summary.tape_bytes));
}

#[test]
fn a_session_without_events_is_a_whole_tape() {
    let scene = Scene::new();
    let (path, summary) = scene.tape(&[]);
    assert_eq!(read(&path), []);
    assert_eq!(summary.events, 0);
    assert_eq!(verify(&path).unwrap().verdict, Verdict::Complete);
}

#[test]
fn bulk_of_every_sort_is_read_as_it_was_and_can_be_sought() {
    let scene = Scene::new();
    let store = scene.store();
    let recording = store.begin(scene::id(), scene::OPENED, Durability::Queued).unwrap();
    let mut events = vec![opened("ana", "web1")];
    for number in 1..=400 {
        let bytes = match number / 50 % 3 {
            0 => log_lines(number, 32 * 1024),
            1 => noise(number, 32 * 1024),
            _ => noise(number, 100),
        };
        let side = if number % 2 == 0 { Side::Client } else { Side::Upstream };
        events.push(data(number * 1000, side, bytes));
    }
    block_on(async {
        for event in &events {
            feed(&recording, event.clone()).await;
        }
        recording.finish().await.unwrap();
    });
    let path = scene.archive().tape_path(&recording.id());
    assert_eq!(read(&path), events);
    assert_eq!(verify(&path).unwrap().verdict, Verdict::Complete);
    let tape = Tape::open(&path).unwrap();
    assert!(matches!(tape.ending(), Ending::Sealed(trailer) if trailer.events == events.len() as u64));
    let mut skipped = Vec::new();
    for at in [0, 1, 1000, 123_456, 250_000, 400_000, u64::MAX] {
        let at = Moment::from_nanos(at);
        let found: Vec<_> = tape.events_from(at).map(Result::unwrap).collect();
        let start = events.len() - found.len();
        assert_eq!(found, events[start..]);
        assert!(events[..start].iter().all(|event| event.at < at), "{at:?}");
        skipped.push(start);
    }
    assert!(skipped.is_sorted() && skipped[5] > 200, "{skipped:?}");
}

#[test]
fn chunks_that_shrink_and_chunks_that_do_not_take_turns() {
    let scene = Scene::new();
    let store = scene.store();
    let recording = store.begin(scene::id(), scene::OPENED, Durability::Written).unwrap();
    let mut events = Vec::new();
    for number in 0..60 {
        let bytes = match number % 7 {
            0 | 1 => noise(number, 40_000),
            2 | 5 => log_lines(number, 100),
            3 => noise(number, 100),
            _ => log_lines(number, 40_000),
        };
        events.push(data(number, Side::Upstream, bytes));
    }
    block_on(async {
        for event in &events {
            let number = recording.append(event.clone()).unwrap();
            recording.passed(number).await.unwrap();
        }
        recording.finish().await.unwrap();
    });
    let path = scene.archive().tape_path(&recording.id());
    assert_eq!(read(&path), events);
    assert_eq!(verify(&path).unwrap().verdict, Verdict::Complete);
    for (start, event) in events.iter().enumerate() {
        let found: Vec<_> = Tape::open(&path).unwrap().events_from(event.at).map(Result::unwrap).collect();
        assert!(found.len() >= events.len() - start && events.ends_with(&found));
    }
}

#[test]
fn a_tape_of_more_frames_than_its_index_lists_is_sought_by_frames() {
    let scene = Scene::new();
    let settings = Settings { frame_bytes_max: 1, sync: false, ..Settings::default() };
    let store = scene.store_with(settings);
    let recording = store.begin(scene::id(), scene::OPENED, Durability::Written).unwrap();
    let events: Vec<_> = (0..1500).map(|number| output(number * 10, log_lines(number, 40))).collect();
    block_on(async {
        for event in &events {
            let number = recording.append(event.clone()).unwrap();
            recording.passed(number).await.unwrap();
        }
        recording.finish().await.unwrap();
    });
    let path = scene.archive().tape_path(&recording.id());
    let whole = std::fs::read(&path).unwrap();
    let listed = verify(&path).unwrap();
    assert_eq!((listed.verdict, listed.events), (Verdict::Complete, 1500));
    // With its index, and without.
    for bytes in [&whole[..], &whole[..whole.len() - 128]] {
        std::fs::write(&path, bytes).unwrap();
        let tape = Tape::open(&path).unwrap();
        for number in (0..1500).step_by(97) {
            let found = tape.events_from(Moment::from_nanos(number * 10 + 5)).next().unwrap().unwrap();
            assert_eq!(found, events[usize::try_from(number).unwrap()]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_event_is_read_as_it_was(events in vec(any_event(), 0..60)) {
        let scene = Scene::new();
        let (path, summary) = scene.tape(&events);
        prop_assert_eq!(read(&path), &events[..]);
        prop_assert_eq!(summary.events, events.len() as u64);
        let gaps = events.iter().filter(|event| event.kind.name() == "session.gap").count() as u64;
        let whole = if gaps == 0 { Verdict::Complete } else { Verdict::CompleteWithGaps(gaps) };
        prop_assert_eq!(verify(&path).unwrap().verdict, whole);
    }
}
