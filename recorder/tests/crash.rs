//! What is left when the process dies.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod scene;

use scene::{Scene, block_on, child, closed, data, noise, opened, output, read};
use wiretape_core::{SessionId, Side};
use wiretape_recorder::{Archive, Durability, Filter, SessionState, Settings, Store, StoreError, Verdict, verify};

/// How many events the parent waits for before it kills the child.
const EVENTS: u64 = 40;

#[test]
#[ignore = "played by a child process of the tests below"]
fn a_recorder_that_says_what_passed() {
    let Some(folder) = child::folder() else { return };
    let durability = match folder.file_name().and_then(|name| name.to_str()) {
        Some("synced") => Durability::Synced,
        Some("written") => Durability::Written,
        _ => Durability::Queued,
    };
    let store = Store::open(&folder, Settings::default()).unwrap();
    let id = scene::id();
    let recording = store.begin(id, scene::OPENED, durability).unwrap();
    child::say("id", id);
    block_on(async {
        recording.append(opened("ana", "web1")).unwrap();
        for number in 1.. {
            let size = if number % 8 == 0 { 200_000 } else { 60 };
            let number = recording.append(data(number * 1000, Side::Upstream, noise(number, size))).unwrap();
            recording.passed(number).await.unwrap();
            child::say("passed", number);
        }
    });
}

/// Kills a recorder in the middle of its work: what it said last, and the data folder.
fn killed(durability: &str) -> (Scene, std::path::PathBuf, SessionId, u64) {
    let scene = Scene::new();
    let data_dir = scene.folder().join(durability);
    let mut child = child::start("a_recorder_that_says_what_passed", &data_dir, None);
    let id = SessionId::parse(&child.hears("id").unwrap()).unwrap();
    let mut passed = 0;
    while passed < EVENTS {
        passed = child.hears("passed").unwrap().parse().unwrap();
    }
    child.kill();
    while let Some(number) = child.hears("passed") {
        passed = number.parse().unwrap();
    }
    (scene, data_dir, id, passed)
}

#[test]
fn what_passed_is_on_the_tape_after_a_kill() {
    for durability in ["synced", "written"] {
        let (_scene, data_dir, id, passed) = killed(durability);
        let path = Archive::open(&data_dir).unwrap().tape_path(&id);
        let report = verify(&path).unwrap();
        assert!(matches!(report.verdict, Verdict::UnsealedTail { .. }), "{durability}: {report:?}");
        let events = read(&path);
        assert!(events.len() as u64 > passed, "{durability}: {} events, {passed} passed", events.len());
        for (number, event) in (0..).zip(&events).skip(1) {
            let size = if number % 8 == 0 { 200_000 } else { 60 };
            assert_eq!(*event, data(number * 1000, Side::Upstream, noise(number, size)), "{durability}");
        }
    }
}

#[test]
fn what_was_queued_is_whole_up_to_its_end_after_a_kill() {
    let (_scene, data_dir, id, _) = killed("queued");
    let path = Archive::open(&data_dir).unwrap().tape_path(&id);
    assert!(matches!(verify(&path).unwrap().verdict, Verdict::UnsealedTail { .. }));
    for (number, event) in (0..).zip(read(&path)).skip(1) {
        assert_eq!(event.at.as_nanos(), number * 1000);
    }
}

#[test]
fn the_next_store_lists_the_session_as_cut_off() {
    let (_scene, data_dir, id, passed) = killed("synced");
    let listed = |archive: &Archive| archive.sessions(&Filter::default()).unwrap().remove(0);
    // Nobody writes the tape any more: that shows before a store is opened again.
    let before = listed(&Archive::open(&data_dir).unwrap());
    assert_eq!((before.id, before.state), (id, SessionState::CutOff));
    let store = Store::open(&data_dir, Settings::default()).unwrap();
    let row = listed(&Archive::open(&data_dir).unwrap());
    assert_eq!(row, before);
    let events = read(&row.tape);
    assert!(row.events > passed);
    assert_eq!(row.events, events.len() as u64);
    assert_eq!(row.person, "ana");
    assert_eq!(row.closed_unix_nanos, Some(scene::OPENED + events.last().unwrap().at.as_nanos()));
    assert_eq!(row.upstream_bytes, events.iter().map(|event| event.kind.payload_bytes() as u64).sum::<u64>());
    let archive = Archive::open(&data_dir).unwrap();
    archive.reindex().unwrap();
    assert_eq!(listed(&archive), row);
    store.close();
}

#[test]
fn tapes_that_the_catalogue_never_heard_of_are_listed_by_the_next_store() {
    let (_scene, data_dir, id, _) = killed("synced");
    for file in ["catalogue.sqlite", "catalogue.sqlite-wal", "catalogue.sqlite-shm"] {
        let _ = std::fs::remove_file(data_dir.join(file));
    }
    let store = Store::open(&data_dir, Settings::default()).unwrap();
    let rows = Archive::open(&data_dir).unwrap().sessions(&Filter::default()).unwrap();
    assert_eq!(rows.iter().map(|row| (row.id, row.state)).collect::<Vec<_>>(), [(id, SessionState::CutOff)]);
    store.close();
    // Also when the catalogue is there, and only that one row was lost.
    let scene = Scene::new();
    scene.tape(&[opened("ben", "web2"), closed(5, "client left")]);
    let day = data_dir.join("tapes/2026-11-22");
    let copy = scene.data_dir().join("tapes/2026-11-22").join(format!("{id}.tape"));
    std::fs::copy(day.join(format!("{id}.tape")), copy).unwrap();
    let store = scene.store();
    let states: Vec<SessionState> =
        scene.archive().sessions(&Filter::default()).unwrap().iter().map(|row| row.state).collect();
    assert_eq!(states.len(), 2);
    assert!(states.contains(&SessionState::CutOff) && states.contains(&SessionState::Closed));
    store.close();
}

#[test]
fn a_store_that_closes_cuts_off_what_was_not_finished() {
    let scene = Scene::new();
    let store = scene.store();
    let recording = store.begin(scene::id(), scene::OPENED, Durability::Queued).unwrap();
    recording.append(opened("ana", "web1")).unwrap();
    recording.append(output(7, "half a")).unwrap();
    assert!(matches!(Store::open(&scene.data_dir(), Settings::default()), Err(StoreError::InUse { .. })));
    store.close();
    assert!(recording.append(output(8, " word")).is_err());
    assert!(block_on(recording.finish()).is_err());
    assert!(matches!(store.begin(scene::id(), scene::OPENED, Durability::Queued), Err(StoreError::Closed)));
    let row = scene.archive().find(&recording.id().to_string()).unwrap();
    assert_eq!((row.state, row.events, row.upstream_bytes), (SessionState::CutOff, 2, 6));
    assert_eq!(verify(&row.tape).unwrap().verdict, Verdict::UnsealedTail { cut_bytes: 0, gaps: 0 });
    // And the folder is free again.
    scene.store().close();
}

#[test]
fn a_recording_that_is_dropped_is_cut_off() {
    let scene = Scene::new();
    let store = scene.store();
    let recording = store.begin(scene::id(), scene::OPENED, Durability::Queued).unwrap();
    recording.append(opened("ana", "web1")).unwrap();
    let id = recording.id();
    drop(recording.clone());
    recording.append(output(7, "on")).unwrap();
    drop(recording);
    // Closing waits for what was under way.
    store.close();
    let row = scene.archive().find(&id.to_string()).unwrap();
    assert_eq!((row.state, row.events), (SessionState::CutOff, 2));
}
