//! A recorder that cannot write says so, and lets nobody believe otherwise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod scene;

use std::fs;

use scene::child::{self, Wrap};
use scene::{Scene, block_on, closed, data, noise, opened, output, read};
use wiretape_core::Side;
use wiretape_recorder::{
    Archive, Durability, Filter, Recording, SessionState, Settings, Store, StoreError, Verdict, verify,
};

/// Appends noise until the recording is lost: how many bytes went in, and why it was.
async fn fill(recording: &Recording) -> (usize, String) {
    recording.append(opened("ana", "web1")).unwrap();
    let mut bytes = 0;
    for number in 1.. {
        if let Err(lost) = recording.room().await {
            return (bytes, lost.to_string());
        }
        match recording.append(data(number, Side::Client, noise(number, 100_000))) {
            Ok(_) => bytes += 100_000,
            Err(lost) => return (bytes, lost.to_string()),
        }
    }
    unreachable!("the loop ends by returning")
}

#[test]
#[ignore = "played by a child process of the tests below, on a file system of six megabytes"]
fn a_recorder_on_a_small_disk() {
    let Some(folder) = child::folder() else { return };
    let store = Store::open(&folder.join("data"), Settings::default()).unwrap();
    let quiet = store.begin(scene::id(), scene::OPENED, Durability::Queued).unwrap();
    quiet.append(opened("ben", "web2")).unwrap();
    let bulk = store.begin(scene::id(), scene::OPENED, Durability::Synced).unwrap();
    let (id, quiet_id) = (bulk.id(), quiet.id());
    block_on(async {
        let watching = bulk.clone();
        let watch = async { watching.lost().await.to_string() };
        let fill = async {
            let (bytes, reason) = fill(&bulk).await;
            assert!(bytes > 2_000_000, "{bytes}");
            assert!(reason.contains("No space left on device") && reason.contains("make room"), "{reason}");
            assert!(bulk.append(output(1, "more")).is_err());
            assert!(bulk.passed(1_000_000).await.is_err());
            assert!(bulk.finish().await.is_err());
        };
        let (reason, ()) = tokio::join!(watch, fill);
        assert!(reason.contains("No space left on device"), "{reason}");
        // What the lost tape could not use is left to the others.
        quiet.append(output(2, "still here")).unwrap();
        quiet.append(closed(3, "client left")).unwrap();
        quiet.finish().await.unwrap();
    });
    // Too little is left for another session.
    let refused = store.begin(scene::id(), scene::OPENED, Durability::Queued);
    assert!(matches!(refused, Err(StoreError::Full { .. })), "{:?}", refused.err());
    store.close();
    let archive = Archive::open(&folder.join("data")).unwrap();
    let row = archive.find(&id.to_string()).unwrap();
    assert_eq!(row.state, SessionState::CutOff);
    assert_eq!(read(&row.tape).len() as u64, row.events);
    assert!(row.events > 2);
    assert_eq!(verify(&row.tape).unwrap().verdict, Verdict::UnsealedTail { cut_bytes: 0, gaps: 0 });
    let row = archive.find(&quiet_id.to_string()).unwrap();
    assert_eq!((row.state, row.events), (SessionState::Closed, 3));
    assert_eq!(verify(&row.tape).unwrap().verdict, Verdict::Complete);
    child::say("done", "");
}

#[test]
fn a_full_disk_loses_the_recording_and_says_so() {
    let scene = Scene::new();
    let script = format!("mount -t tmpfs -o size=6m wiretape '{}'", scene.folder().display());
    let wrap = Wrap { program: &["unshare", "--map-root-user", "--mount", "sh", "-e"], script };
    let mut child = child::start("a_recorder_on_a_small_disk", scene.folder(), Some(wrap));
    assert!(child.hears("done").is_some());
    assert!(child.succeeds());
}

#[test]
#[ignore = "played by a child process of the test below, with a limit on the size of files"]
fn a_recorder_with_a_limit_on_files() {
    let Some(folder) = child::folder() else { return };
    let store = Store::open(&folder.join("data"), Settings::default()).unwrap();
    let small = store.begin(scene::id(), scene::OPENED, Durability::Written).unwrap();
    small.append(opened("ben", "web2")).unwrap();
    let bulk = store.begin(scene::id(), scene::OPENED, Durability::Queued).unwrap();
    let (_, reason) = block_on(fill(&bulk));
    assert!(reason.contains("RLIMIT_FSIZE"), "{reason}");
    block_on(async {
        small.append(closed(3, "client left")).unwrap();
        small.finish().await.unwrap();
    });
    store.close();
    child::say("done", "");
}

#[test]
fn one_tape_that_cannot_grow_leaves_the_others_alone() {
    let scene = Scene::new();
    let script = "trap '' XFSZ; ulimit -f 4096".to_owned();
    let wrap = Wrap { program: &["sh", "-e"], script };
    let mut child = child::start("a_recorder_with_a_limit_on_files", scene.folder(), Some(wrap));
    assert!(child.hears("done").is_some());
    assert!(child.succeeds());
    let archive = scene.archive();
    let rows = archive.sessions(&Filter::default()).unwrap();
    let states: Vec<SessionState> = rows.iter().map(|row| row.state).collect();
    assert!(states.contains(&SessionState::CutOff) && states.contains(&SessionState::Closed), "{states:?}");
    archive.reindex().unwrap();
    assert_eq!(archive.sessions(&Filter::default()).unwrap(), rows);
}

#[test]
fn a_tape_that_is_removed_is_lost() {
    let scene = Scene::new();
    let store = scene.store();
    let recording = store.begin(scene::id(), scene::OPENED, Durability::Synced).unwrap();
    let other = store.begin(scene::id(), scene::OPENED, Durability::Synced).unwrap();
    block_on(async {
        let first = recording.append(opened("ana", "web1")).unwrap();
        recording.passed(first).await.unwrap();
        fs::remove_file(scene.archive().tape_path(&recording.id())).unwrap();
        let second = recording.append(output(2, "unseen")).unwrap();
        let lost = recording.passed(second).await.unwrap_err();
        assert!(lost.to_string().contains("was removed"), "{lost}");
        assert_eq!(recording.lost().await, lost);
        let number = other.append(opened("ben", "web2")).unwrap();
        other.passed(number).await.unwrap();
        other.finish().await.unwrap();
    });
}

#[test]
fn an_event_that_no_tape_takes_loses_the_recording() {
    let scene = Scene::new();
    let store = scene.store();
    let recording = store.begin(scene::id(), scene::OPENED, Durability::Written).unwrap();
    block_on(async {
        recording.append(opened("ana", "web1")).unwrap();
        let number = recording.append(output(1, vec![b'x'; 5_000_000])).unwrap();
        let lost = recording.passed(number).await.unwrap_err();
        assert!(lost.to_string().contains("terminal.output"), "{lost}");
    });
    store.close();
    let row = scene.archive().find(&recording.id().to_string()).unwrap();
    assert_eq!(verify(&row.tape).unwrap().verdict, Verdict::UnsealedTail { cut_bytes: 0, gaps: 0 });
}

#[test]
fn a_session_does_not_begin_where_no_tape_can_be_made() {
    let scene = Scene::new();
    let store = scene.store();
    let id = scene::id();
    let recording = store.begin(id, scene::OPENED, Durability::Queued).unwrap();
    assert!(matches!(store.begin(id, scene::OPENED, Durability::Queued), Err(StoreError::Exists { .. })));
    block_on(recording.finish()).unwrap();
    assert!(matches!(store.begin(id, scene::OPENED, Durability::Queued), Err(StoreError::Exists { .. })));
    // A file where the folder of the day should be.
    fs::write(scene.data_dir().join("tapes/1970-01-01"), "").unwrap();
    assert!(matches!(store.begin(scene::id(), 0, Durability::Queued), Err(StoreError::Io { .. })));
}

#[test]
fn a_finished_recording_takes_nothing_more() {
    let scene = Scene::new();
    let store = scene.store();
    let recording = store.begin(scene::id(), scene::OPENED, Durability::Queued).unwrap();
    let summary = block_on(recording.finish()).unwrap();
    assert!(recording.append(output(1, "late")).is_err());
    assert_eq!(block_on(recording.finish()).unwrap(), summary);
}
