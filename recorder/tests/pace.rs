//! Queues have budgets, idle sessions hold nothing, and durability is what it says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod scene;

use std::time::Duration;

use scene::{Scene, block_on, closed, data, log_lines, noise, opened, output, read};
use wiretape_core::{Event, Side};
use wiretape_recorder::{Durability, Recording, Settings, Store, Verdict, verify};

/// So long that nothing is written unless somebody asks for it.
const NEVER: Duration = Duration::from_secs(100_000);

#[test]
fn what_passed_is_in_the_file() {
    let scene = Scene::new();
    let store = scene.store_with(Settings { commit_interval: NEVER, ..Settings::default() });
    for durability in [Durability::Written, Durability::Synced] {
        let recording = store.begin(scene::id(), scene::OPENED, durability).unwrap();
        let path = scene.archive().tape_path(&recording.id());
        block_on(async {
            for number in 0..20 {
                let number = recording.append(output(number, "x")).unwrap();
                recording.passed(number).await.unwrap();
                assert_eq!(read(&path).len() as u64, number + 1);
            }
        });
    }
    let queued = store.begin(scene::id(), scene::OPENED, Durability::Queued).unwrap();
    let number = queued.append(output(1, "x")).unwrap();
    block_on(queued.passed(number)).unwrap();
    assert_eq!(read(&scene.archive().tape_path(&queued.id())).len(), 0, "nobody waited for it");
}

#[test]
fn the_tick_writes_and_syncs_what_nobody_waits_for() {
    let scene = Scene::new();
    let store = scene.store();
    let recording = store.begin(scene::id(), scene::OPENED, Durability::Queued).unwrap();
    recording.append(output(1, "x")).unwrap();
    let path = scene.archive().tape_path(&recording.id());
    while read(&path).is_empty() {
        std::thread::yield_now();
    }
}

#[test]
fn enough_bytes_are_written_before_the_tick() {
    let scene = Scene::new();
    let store = scene.store_with(Settings { commit_interval: NEVER, ..Settings::default() });
    let recording = store.begin(scene::id(), scene::OPENED, Durability::Queued).unwrap();
    let path = scene.archive().tape_path(&recording.id());
    for number in 0..9 {
        recording.append(output(number, log_lines(number, 32 * 1024))).unwrap();
    }
    while read(&path).len() < 8 {
        std::thread::yield_now();
    }
}

#[test]
fn a_queue_that_is_full_has_no_room_until_it_is_written() {
    let scene = Scene::new();
    let store = scene.store_with(Settings {
        commit_interval: NEVER,
        queue_bytes_max: 10_000,
        queue_bytes_total_max: 15_000,
        ..Settings::default()
    });
    let recording = |durability| store.begin(scene::id(), scene::OPENED, durability).unwrap();
    let (one, other) = (recording(Durability::Written), recording(Durability::Written));
    block_on(async {
        one.room().await.unwrap();
        let number = one.append(output(1, vec![b'x'; 11_000])).unwrap();
        assert!(!one.has_room() && other.has_room());
        let theirs = other.append(output(1, vec![b'x'; 9_000])).unwrap();
        assert!(!other.has_room(), "all queues together are over their budget");
        assert!(store.gauges().queued_bytes > 20_000);
        // An event that is there already is always taken.
        let last = one.append(output(2, "x")).unwrap();
        let waiting = one.clone();
        let wait = async { waiting.room().await.unwrap() };
        let write = async { tokio::try_join!(one.passed(number), one.passed(last)).unwrap() };
        tokio::join!(wait, write);
        assert!(one.has_room() && other.has_room());
        other.passed(theirs).await.unwrap();
    });
    assert_eq!(store.gauges().queued_bytes, 0);
}

#[test]
fn a_fast_session_waits_for_the_disk() {
    let scene = Scene::new();
    let store = scene.store_with(Settings { unsynced_bytes_max: 200_000, ..Settings::default() });
    let recording = store.begin(scene::id(), scene::OPENED, Durability::Queued).unwrap();
    let events: Vec<Event> = (0..100).map(|number| data(number, Side::Client, noise(number, 30_000))).collect();
    block_on(async {
        for event in &events {
            scene::feed(&recording, event.clone()).await;
        }
        recording.finish().await.unwrap();
    });
    assert_eq!(read(&scene.archive().tape_path(&recording.id())), events);
}

/// The limit on open files, raised as far as it may be.
fn open_files_max() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    limit.maximum.unwrap_or(u64::MAX)
}

#[test]
fn ten_thousand_idle_sessions_hold_no_contexts() {
    let scene = Scene::new();
    let settings = Settings {
        commit_interval: Duration::from_millis(20),
        idle: Duration::from_millis(50),
        contexts_max: 8,
        sync: false,
        ..Settings::default()
    };
    let contexts_max = settings.contexts_max;
    let store = scene.store_with(settings);
    let count = (open_files_max() - 200).min(10_000);
    println!("{count} sessions");
    let mut recordings = Vec::new();
    let mut held = 0;
    block_on(async {
        for number in 0..count {
            let recording = store.begin(scene::id(), scene::OPENED, Durability::Written).unwrap();
            recording.append(opened("ana", "web1")).unwrap();
            // Most only show a prompt; some are busy for a moment.
            for chunk in 0..if number % 20 == 0 { 6 } else { 1 } {
                let number = recording.append(output(chunk, "$ ")).unwrap();
                recording.passed(number).await.unwrap();
            }
            held = held.max(store.gauges().contexts_held);
            recordings.push(recording);
        }
    });
    assert!((1..=contexts_max).contains(&held), "{held}");
    assert_eq!(store.gauges().recordings as u64, count);
    settled(&store);
    assert!(store.gauges().contexts_spare <= wiretape_recorder::limits::CONTEXTS_SPARE_MAX);
    // They wake up again where they were.
    for recording in recordings.iter().step_by(1000) {
        recording.append(closed(9, "client left")).unwrap();
    }
    settled(&store);
    for recording in recordings.iter().step_by(1000) {
        let path = scene.data_dir().join(format!("tapes/2026-11-22/{}.tape", recording.id()));
        assert_eq!(read(&path).last(), Some(&closed(9, "client left")));
        assert!(matches!(verify(&path).unwrap().verdict, Verdict::UnsealedTail { cut_bytes: 0, .. }));
    }
    store.close();
}

/// Waits until everything is written and every context is back in the pool.
fn settled(store: &Store) {
    while store.gauges().queued_bytes > 0 || store.gauges().contexts_held > 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_busy_session_keeps_its_frame_and_shrinks_better() {
    let lines = log_lines(1, 40_000);
    let taped = |contexts_max| {
        let scene = Scene::new();
        let store = scene.store_with(Settings { contexts_max, ..Settings::default() });
        let recording = store.begin(scene::id(), scene::OPENED, Durability::Written).unwrap();
        block_on(write_by_lines(&recording, &lines)).tape_bytes
    };
    let (held, alone) = (taped(8), taped(0));
    assert!(held * 10 < alone * 9, "{held} bytes in frames, {alone} in chunks for themselves");
}

async fn write_by_lines(recording: &Recording, lines: &[u8]) -> wiretape_recorder::Summary {
    for (number, line) in (0..).zip(lines.chunks(400)) {
        let number = recording.append(output(number, line.to_vec())).unwrap();
        recording.passed(number).await.unwrap();
    }
    recording.finish().await.unwrap()
}

#[test]
fn what_does_not_shrink_is_stored_as_it_is() {
    let scene = Scene::new();
    let events: Vec<Event> = (0..64).map(|number| data(number, Side::Client, noise(number, 32 * 1024))).collect();
    let (path, summary) = scene.tape(&events);
    assert!(summary.tape_bytes < 64 * 32 * 1024 + 64 * 100, "{}", summary.tape_bytes);
    assert_eq!(read(&path), events);
}
