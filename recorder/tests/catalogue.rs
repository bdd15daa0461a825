//! The catalogue lists what the tapes say, and can be made from them again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod scene;

use std::fs;

use scene::{Scene, block_on, closed, data, event, opened, output};
use wiretape_core::event::{
    GitEvent, GitService, HttpEvent, HttpVersion, ObjectId, PrincipalKind, RefChange, RefUpdate, SessionEvent,
    SessionOpened,
};
use wiretape_core::{Event, Kind, Lane, Reason, SessionId, Side, Verdict};
use wiretape_recorder::{Archive, Durability, Filter, FindError, SessionRow, SessionState, Store};

const DAY: u64 = 86_400 * 1_000_000_000;

fn refusal(at: u64, action: &str) -> Event {
    let verdict = Verdict::Refuse(Reason::new("nobody", "you may not go there"));
    let (action, resource, rule) = (action.to_owned(), "web1".to_owned(), "nobody".to_owned());
    event(at, Side::Client, Kind::Session(SessionEvent::Decision { action, resource, rule, verdict, nanos: 0 }))
}

fn record(store: &Store, id: SessionId, opened_at: u64, events: &[Event]) {
    let recording = store.begin(id, opened_at, Durability::Queued).unwrap();
    for event in events {
        recording.append(event.clone()).unwrap();
    }
    block_on(recording.finish()).unwrap();
}

/// Five sessions: one that is whole, one refused at the door, one refused a command, one cut off, one later.
fn sessions(scene: &Scene) -> [SessionId; 5] {
    let store = scene.store();
    let ids: [SessionId; 5] = std::array::from_fn(|_| scene::id());
    let at = |place: u64| scene::OPENED + place;
    let whole = [
        opened("ana", "web1"),
        data(3, Side::Client, "ls\n"),
        output(5, "file\n"),
        closed(2_000_000_000, "client left"),
    ];
    record(&store, ids[0], at(0), &whole);
    record(&store, ids[1], at(1), &[opened("ben", "web1"), refusal(2, "connect"), closed(3, "refused")]);
    record(&store, ids[2], at(2), &[opened("ana", "web2"), refusal(2, "ssh.exec"), closed(3, "target closed")]);
    let cut = store.begin(ids[3], at(3), Durability::Queued).unwrap();
    cut.append(opened("cleo", "web1")).unwrap();
    cut.append(output(40, "half")).unwrap();
    drop(cut);
    record(&store, ids[4], at(DAY), &[opened("ben", "web2"), closed(1, "client left")]);
    store.close();
    ids
}

fn all(archive: &Archive) -> Vec<SessionRow> {
    archive.sessions(&Filter::default()).unwrap()
}

#[test]
fn rows_say_what_the_tapes_say() {
    let scene = Scene::new();
    let ids = sessions(&scene);
    let rows = all(&scene.archive());
    // Newest first.
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [ids[4], ids[3], ids[2], ids[1], ids[0]]);
    let tape = scene.data_dir().join(format!("tapes/2026-11-22/{}.tape", ids[0]));
    assert_eq!(
        rows[4],
        SessionRow {
            id: ids[0],
            person: "ana".to_owned(),
            kind: PrincipalKind::Person,
            on_behalf_of: String::new(),
            target: "web1".to_owned(),
            target_kind: "ssh".to_owned(),
            login: "deploy".to_owned(),
            protocol: "ssh".to_owned(),
            client_address: "192.0.2.7:50022".to_owned(),
            label: String::new(),
            what: String::new(),
            opened_unix_nanos: scene::OPENED,
            closed_unix_nanos: Some(scene::OPENED + 2_000_000_000),
            state: SessionState::Closed,
            reason: "client left".to_owned(),
            events: 4,
            client_bytes: 3,
            upstream_bytes: 5,
            tape_bytes: fs::metadata(&tape).unwrap().len(),
            tape,
        }
    );
    assert_eq!((rows[3].state, rows[3].reason.as_str()), (SessionState::Refused, "you may not go there"));
    assert_eq!((rows[2].state, rows[2].reason.as_str()), (SessionState::Closed, "target closed"));
    assert_eq!((rows[1].state, rows[1].events), (SessionState::CutOff, 2));
    assert!(rows[0].tape.ends_with(format!("tapes/2026-11-23/{}.tape", ids[4])));
}

#[test]
fn persons_and_agents_are_told_apart() {
    let scene = Scene::new();
    let store = scene.store();
    let by = |name: &str, kind, on_behalf_of: &str| {
        let opened = SessionOpened {
            person: name.to_owned(),
            kind,
            on_behalf_of: on_behalf_of.to_owned(),
            ..SessionOpened::default()
        };
        let id = scene::id();
        let opened = event(0, Side::Client, Kind::Session(SessionEvent::Opened(Box::new(opened))));
        record(&store, id, scene::OPENED, &[opened, closed(1, "client left")]);
        id
    };
    let ana = by("ana", PrincipalKind::Person, "");
    let agent = by("coder", PrincipalKind::Agent, "ana");
    let service = by("deploy", PrincipalKind::Service, "");
    store.close();
    let archive = scene.archive();
    let found =
        |filter: &Filter| -> Vec<SessionId> { archive.sessions(filter).unwrap().iter().map(|row| row.id).collect() };
    for (kind, id) in [(PrincipalKind::Person, ana), (PrincipalKind::Agent, agent), (PrincipalKind::Service, service)] {
        assert_eq!(found(&Filter { kind: Some(kind), ..Filter::default() }), [id]);
    }
    assert_eq!(found(&Filter { on_behalf_of: Some("ana".to_owned()), ..Filter::default() }), [agent]);
    let row = archive.find(&agent.to_string()).unwrap();
    assert_eq!((row.kind, row.on_behalf_of.as_str()), (PrincipalKind::Agent, "ana"));
    archive.reindex().unwrap();
    assert_eq!(archive.find(&agent.to_string()).unwrap(), row);
}

#[test]
fn a_target_that_was_chosen_from_the_menu_is_listed() {
    let scene = Scene::new();
    let store = scene.store();
    let chosen = |verdict| {
        let (action, resource, rule) = ("connect".to_owned(), "web7".to_owned(), "menu".to_owned());
        event(2, Side::Client, Kind::Session(SessionEvent::Decision { action, resource, rule, verdict, nanos: 0 }))
    };
    let refused = Verdict::Refuse(Reason::new("menu", "not you"));
    let listed = |events: &[Event]| {
        let id = scene::id();
        record(&store, id, scene::OPENED, events);
        let row = scene.archive().find(&id.to_string()).unwrap();
        (row.target, row.state, row.reason)
    };
    let end = closed(3, "client left");
    let row = |target: &str, state, reason: &str| (target.to_owned(), state, reason.to_owned());
    assert_eq!(
        listed(&[opened("ana", ""), chosen(Verdict::Allow), end.clone()]),
        row("web7", SessionState::Closed, "client left")
    );
    assert_eq!(
        listed(&[opened("ana", ""), chosen(refused.clone()), end.clone()]),
        row("web7", SessionState::Refused, "not you")
    );
    assert_eq!(
        listed(&[opened("ana", ""), chosen(refused), chosen(Verdict::Allow), end]),
        row("web7", SessionState::Closed, "client left")
    );
    assert_eq!(
        listed(&[opened("ana", "web1"), closed(3, "refused: the target is down")]),
        row("web1", SessionState::Refused, "the target is down")
    );
}

#[test]
fn a_label_and_the_first_request_are_listed() {
    let scene = Scene::new();
    let store = scene.store();
    let session = |said| event(1, Side::Client, Kind::Session(said));
    let labelled = |label: &str| session(SessionEvent::Labelled { label: label.to_owned() });
    let request = |method: &'static str, path: &'static str| {
        let request = HttpEvent::Request {
            version: HttpVersion::Http2,
            method: method.into(),
            scheme: "https".into(),
            authority: "api.example.com:443".into(),
            path: path.into(),
            protocol: None,
            fields: Vec::new(),
        };
        event(2, Side::Client, Kind::Http(request))
    };
    let listed = |events: &[Event]| {
        let id = scene::id();
        record(&store, id, scene::OPENED, events);
        let row = scene.archive().find(&id.to_string()).unwrap();
        (row.label, row.what)
    };
    let row = |label: &str, what: &str| (label.to_owned(), what.to_owned());
    let start = || opened("ana", "api");
    assert_eq!(
        listed(&[start(), labelled("run-7"), labelled("run-8"), request("GET", "/a?b"), request("PUT", "/c")]),
        row("run-7", "GET /a?b +1")
    );
    assert_eq!(listed(&[start(), request("CONNECT", "")]), row("", "CONNECT api.example.com:443"));
    assert_eq!(listed(&[start()]), row("", ""));
    let archive = scene.archive();
    let labels =
        |label: &str| archive.sessions(&Filter { label: Some(label.to_owned()), ..Filter::default() }).unwrap().len();
    assert_eq!((labels("run-7"), labels("run-8"), labels("run")), (1, 0, 0));
}

#[test]
fn what_is_done_with_repositories_is_listed() {
    let scene = Scene::new();
    let store = scene.store();
    let lane = |lane: u32, said| Event { lane: Lane(lane), ..event(2, Side::Client, Kind::Git(said)) };
    let service = |number, service, repository: &'static str| {
        lane(number, GitEvent::Service { service, repository: repository.into() })
    };
    let update = |number, name: &'static str, change| {
        let id = |byte| ObjectId::Sha1([byte; 20]);
        lane(number, GitEvent::Update(RefUpdate { name: name.into(), old: id(1), new: id(2), change }))
    };
    let listed = |events: &[Event]| {
        let id = scene::id();
        record(&store, id, scene::OPENED, events);
        scene.archive().find(&id.to_string()).unwrap().what
    };
    let fetch = |number, repository| service(number, GitService::UploadPack, repository);
    let push = |number, repository| service(number, GitService::ReceivePack, repository);
    // A fetch over HTTP is three exchanges, and one fetch.
    assert_eq!(listed(&[fetch(1, "/a.git"), fetch(2, "/a.git"), fetch(3, "/a.git")]), "fetch /a.git");
    assert_eq!(listed(&[fetch(1, "/a.git"), fetch(2, "/b.git"), push(3, "/b.git")]), "fetch /a.git +2");
    assert_eq!(listed(&[service(1, GitService::UploadArchive, "a")]), "archive a");
    let main = update(3, "refs/heads/main", RefChange::Forced);
    assert_eq!(
        listed(&[fetch(1, "/a.git"), push(2, "/a.git"), push(3, "/b.git"), main.clone()]),
        "push refs/heads/main (forced) to /b.git"
    );
    assert_eq!(
        listed(&[push(3, "/b.git"), main.clone(), update(3, "refs/tags/v1", RefChange::Created)]),
        "push refs/heads/main (forced) to /b.git +1"
    );
    assert_eq!(listed(std::slice::from_ref(&main)), "push refs/heads/main (forced)");
    let on = |lane: u32, refusal: Event| Event { lane: Lane(lane), ..refusal };
    let refused = "push refs/heads/main (forced, refused) to /b.git";
    assert_eq!(listed(&[push(3, "/b.git"), main.clone(), on(3, refusal(4, "git.push"))]), refused);
    let other = on(4, refusal(4, "git.push"));
    assert_eq!(listed(&[push(3, "/b.git"), main, other]), "push refs/heads/main (forced) to /b.git");
}

#[test]
fn a_catalogue_of_another_version_is_made_from_the_tapes() {
    let scene = Scene::new();
    sessions(&scene);
    let before = all(&scene.archive());
    let file = scene.data_dir().join("catalogue.sqlite");
    for open_by_a_store in [false, true] {
        let connection = rusqlite::Connection::open(&file).unwrap();
        let old = "DROP TABLE session; CREATE TABLE session (id TEXT PRIMARY KEY, person TEXT NOT NULL) WITHOUT ROWID;";
        connection.execute_batch(old).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        drop(connection);
        if open_by_a_store {
            scene.store().close();
        }
        assert_eq!(all(&scene.archive()), before);
    }
}

#[test]
fn filters_let_through_what_they_name() {
    let scene = Scene::new();
    let ids = sessions(&scene);
    let archive = scene.archive();
    let found = |filter: Filter| -> Vec<SessionId> {
        archive.sessions(&filter).unwrap().into_iter().map(|row| row.id).collect()
    };
    let none = Filter::default;
    assert_eq!(found(Filter { person: Some("ana".to_owned()), ..none() }), [ids[2], ids[0]]);
    assert_eq!(found(Filter { target: Some("web2".to_owned()), ..none() }), [ids[4], ids[2]]);
    assert_eq!(found(Filter { state: Some(SessionState::CutOff), ..none() }), [ids[3]]);
    assert_eq!(found(Filter { since_unix_nanos: Some(scene::OPENED + 2), ..none() }), [ids[4], ids[3], ids[2]]);
    assert_eq!(found(Filter { until_unix_nanos: Some(scene::OPENED + 2), ..none() }), [ids[1], ids[0]]);
    assert_eq!(found(Filter { limit: Some(2), ..none() }), [ids[4], ids[3]]);
    let both = Filter { person: Some("ben".to_owned()), target: Some("web1".to_owned()), limit: Some(9), ..none() };
    assert_eq!(found(both), [ids[1]]);
    assert_eq!(found(Filter { person: Some("'; DROP TABLE session; --".to_owned()), ..none() }), []);
}

#[test]
fn a_session_is_found_by_the_start_of_its_name() {
    let scene = Scene::new();
    let store = scene.store();
    let named = |last: u8| {
        let mut bytes = [7; 16];
        bytes[15] = last;
        SessionId::from_bytes(bytes)
    };
    for id in [named(1), named(2), SessionId::from_bytes([9; 16])] {
        record(&store, id, scene::OPENED, &[opened("ana", "web1")]);
    }
    store.close();
    let archive = scene.archive();
    let name = named(2).to_string();
    assert_eq!(archive.find(&name).unwrap().id, named(2));
    assert_eq!(archive.find(&name.to_uppercase()).unwrap().id, named(2));
    let other = SessionId::from_bytes([9; 16]);
    assert_eq!(archive.find(&other.to_string()[..2]).unwrap().id, other);
    match archive.find(&name[..20]) {
        Err(FindError::Ambiguous(mut ids)) => {
            ids.sort();
            assert_eq!(ids, [named(1), named(2)]);
        }
        found => panic!("{found:?}"),
    }
    for nobody in ["", "zzz", "%", "_", "'", "0*", "ä"] {
        assert!(matches!(archive.find(nobody), Err(FindError::NotFound { .. })), "{nobody:?}");
    }
    assert_eq!(archive.tape_path(&other), archive.find(&other.to_string()).unwrap().tape);
    assert!(!archive.tape_path(&scene::id()).exists());
}

#[test]
fn a_catalogue_made_again_is_equal() {
    let scene = Scene::new();
    let ids = sessions(&scene);
    let archive = scene.archive();
    let before = all(&archive);
    fs::write(scene.data_dir().join("tapes/2026-11-22").join(format!("{}.tape", scene::id())), "no tape").unwrap();
    let done = archive.reindex().unwrap();
    assert_eq!((done.sessions, done.unreadable), (5, 1));
    assert_eq!(all(&archive), before);
    // A tape that is gone is listed no more.
    fs::remove_file(archive.tape_path(&ids[2])).unwrap();
    assert_eq!(archive.reindex().unwrap().sessions, 4);
    assert_eq!(all(&archive).len(), 4);
}

#[test]
fn a_catalogue_that_is_missing_or_damaged_is_made_from_the_tapes() {
    let scene = Scene::new();
    sessions(&scene);
    let before = all(&scene.archive());
    let file = scene.data_dir().join("catalogue.sqlite");
    let remove = || {
        for ending in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(scene.data_dir().join(format!("catalogue.sqlite{ending}")));
        }
    };
    remove();
    assert_eq!(all(&scene.archive()), before, "by an archive");
    remove();
    scene.store().close();
    assert_eq!(all(&scene.archive()), before, "by a store");
    remove();
    fs::write(&file, [0x55; 8192]).unwrap();
    scene.store().close();
    assert_eq!(all(&scene.archive()), before, "after it was overwritten");
    assert!(scene.data_dir().join("catalogue.sqlite.damaged").exists());
}

/// The row of session `id` once it tells who it is: the catalogue hears of it on a thread of its own.
async fn heard(archive: &Archive, id: &str, person: &str) -> SessionRow {
    loop {
        match archive.find(id) {
            Ok(row) if row.person == person => return row,
            Ok(_) | Err(FindError::NotFound { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_session_that_was_refused_is_live_until_its_tape_is_whole() {
    let scene = Scene::new();
    let store = scene.store();
    let archive = scene.archive();
    let recording = store.begin(scene::id(), scene::OPENED, Durability::Synced).unwrap();
    let id = recording.id().to_string();
    block_on(async {
        recording.append(opened("ben", "web1")).unwrap();
        let number = recording.append(refusal(2, "connect")).unwrap();
        recording.passed(number).await.unwrap();
        let row = heard(&archive, &id, "ben").await;
        assert_eq!((row.state, row.closed_unix_nanos), (SessionState::Live, None));
        archive.reindex().unwrap();
        assert_eq!(archive.find(&id).unwrap().state, SessionState::Live);
        recording.append(closed(9, "refused")).unwrap();
        recording.finish().await.unwrap();
        assert_eq!(archive.find(&id).unwrap().state, SessionState::Refused);
    });
}

#[test]
fn an_archive_reads_while_a_store_writes() {
    let scene = Scene::new();
    let store = scene.store();
    let archive = scene.archive();
    let recording = store.begin(scene::id(), scene::OPENED, Durability::Synced).unwrap();
    let id = recording.id().to_string();
    block_on(async {
        recording.append(opened("ana", "web1")).unwrap();
        let number = recording.append(output(5, "hello")).unwrap();
        recording.passed(number).await.unwrap();
        let row = heard(&archive, &id, "ana").await;
        assert_eq!((row.state, row.closed_unix_nanos), (SessionState::Live, None));
        assert_eq!(scene::read(&row.tape).len(), 2);
        assert_eq!(archive.reindex().unwrap().sessions, 1);
        let live = archive.find(&id).unwrap();
        assert_eq!((live.state, live.events, live.upstream_bytes), (SessionState::Live, 2, 5));
        recording.append(closed(9, "client left")).unwrap();
        recording.finish().await.unwrap();
        // Whoever finished a session finds it in the catalogue.
        let row = archive.find(&id).unwrap();
        assert_eq!((row.state, row.events), (SessionState::Closed, 3));
    });
}

#[test]
fn a_catalogue_that_cannot_be_written_loses_no_tape() {
    let scene = Scene::new();
    let store = scene.store();
    let file = scene.data_dir().join("catalogue.sqlite");
    rusqlite::Connection::open(&file).unwrap().execute_batch("DROP TABLE session").unwrap();
    let id = scene::id();
    record(&store, id, scene::OPENED, &[opened("ana", "web1"), closed(4, "client left")]);
    let archive = scene.archive();
    assert!(archive.find(&id.to_string()).is_err());
    assert_eq!(scene::read(&archive.tape_path(&id)).len(), 2);
    store.close();
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection.pragma_update(None, "user_version", 0).unwrap();
    drop(connection);
    assert_eq!(archive.reindex().unwrap().sessions, 1);
    assert_eq!(archive.find(&id.to_string()).unwrap().reason, "client left");
}

#[test]
fn only_the_owner_can_look_into_the_folder() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::new();
    let ids = sessions(&scene);
    let mode = |path: std::path::PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(scene.data_dir()), 0o700);
    assert_eq!(mode(scene.data_dir().join("tapes")), 0o700);
    assert_eq!(mode(scene.data_dir().join("tapes/2026-11-22")), 0o700);
    assert_eq!(mode(scene.archive().tape_path(&ids[0])), 0o600);
}
