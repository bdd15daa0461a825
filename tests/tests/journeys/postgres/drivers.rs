//! Client libraries, each with a suite of its own: what it sees through the gateway is what it sees without.

use std::ffi::OsStr;
use std::path::Path;

use serde_json::Value;
use wiretape_core::Side;
use wiretape_core::event::{Acknowledged, CopyDirection, QueryEvent};
use wiretape_tests::database::{Database, WAYS, Way};
use wiretape_tests::postgres::{Settings, Version};
use wiretape_tests::random;
use wiretape_tests::record::Events;
use wiretape_tests::stage::client_python;

/// Lines of 1,001 bytes each of which 200 MB are.
const BULK_LINES: usize = 200_000;

/// Runs the suite `script` on both ways, compares what it saw, and gives that and what was recorded of it.
fn suite(database: &Database, interpreter: impl AsRef<OsStr>, script: &str, words: &[&str]) -> (Value, Vec<Events>) {
    let seen = WAYS.map(|way| {
        let before = database.gateway.record().sessions().len();
        let finished = database.script(way, &interpreter, script).args(words).succeed();
        assert_eq!(finished.errors().lines().filter(|line| line.contains("Error")).count(), 0, "{}", finished.errors());
        let seen: Value = serde_json::from_slice(&finished.stdout).expect("what it saw, as JSON");
        (seen, before)
    });
    let [(direct, _), (through, before)] = seen;
    let parts = direct.as_object().expect("parts by name");
    assert!(parts.len() >= 5, "{direct}");
    for (part, direct) in parts {
        assert_eq!(&through[part], direct, "{script}: {part}");
    }
    assert_eq!(before, 0, "what went past the gateway is not recorded");
    let sessions = database.gateway.record().all_ended();
    assert!(sessions.len() >= parts.len(), "a session for each connection: {}", sessions.len());
    let events = sessions.iter().map(|session| {
        assert_eq!(session.state(), "closed", "{}", session.reason());
        session.verified().coded(0);
        session.events()
    });
    (direct, events.collect())
}

/// Whether any session has an event that `wanted` wants.
fn any(sessions: &[Events], wanted: impl Fn(&QueryEvent) -> bool) -> bool {
    sessions.iter().any(|events| events.query().any(&wanted))
}

/// What every suite does, and so must be on the tapes of its sessions.
fn recorded_in_full(sessions: &[Events]) {
    let asked = any(sessions, |event| match event {
        QueryEvent::Simple { text } | QueryEvent::Parse { text, .. } => text.ends_with(b"pg_sleep(120)"),
        _ => false,
    });
    assert!(asked, "the text of a query");
    let code = |wanted: &'static [u8]| {
        any(sessions, |event| match event {
            QueryEvent::Error { fields } => {
                fields.iter().any(|field| field.letter == b'C' && &field.text[..] == wanted)
            }
            _ => false,
        })
    };
    assert!(code(b"57014"), "the query that was cancelled");
    assert!(code(b"22012"), "the division by zero");
    assert!(any(sessions, |event| matches!(event, QueryEvent::Cancel { .. })), "the request to cancel it");
    assert!(any(sessions, |event| matches!(event, QueryEvent::Bind { parameters, .. } if !parameters.is_empty())));
    assert!(any(
        sessions,
        |event| matches!(event, QueryEvent::Notification { channel, .. } if &channel[..] == b"news")
    ));
    assert!(any(sessions, |event| matches!(event, QueryEvent::Notice { .. })));
    for wanted in [CopyDirection::In, CopyDirection::Out] {
        let copied =
            |event: &QueryEvent| matches!(event, QueryEvent::CopyStart { direction, .. } if *direction == wanted);
        assert!(any(sessions, copied), "a copy {wanted:?}");
    }
    assert!(any(sessions, |event| matches!(event, QueryEvent::Rows { .. })));
    assert!(any(sessions, |event| matches!(event, QueryEvent::Terminate)));
}

#[test]
fn psycopg_works_as_it_is() {
    let database = Database::new();
    let (_, sessions) = suite(&database, client_python(), "psycopg_client.py", &["sslmode=disable"]);
    recorded_in_full(&sessions);
    assert!(any(&sessions, |event| matches!(event, QueryEvent::CopyFail { .. })), "a copy that the client broke off");
    // Twenty megabytes in one parameter are on the tape in pieces.
    assert!(any(&sessions, |event| matches!(event, QueryEvent::Long { .. })));
}

#[test]
fn psycopg_works_by_protocol_3_2_with_a_server_that_speaks_it() {
    let newer = Settings { version: Version::Newer, ..Settings::default() };
    let database = Database::with(|_| newer, |_, _, _| {});
    let words = ["sslmode=disable max_protocol_version=3.2"];
    let (_, sessions) = suite(&database, client_python(), "psycopg_client.py", &words);
    recorded_in_full(&sessions);
    let asked = any(&sessions, |event| matches!(event, QueryEvent::Startup { version: 0x3_0002, .. }));
    assert!(asked, "the client asked for 3.2");
}

#[test]
fn psycopg_works_by_protocol_3_2_with_a_server_that_is_older() {
    let database = Database::new();
    suite(&database, client_python(), "psycopg_client.py", &["sslmode=disable max_protocol_version=3.2"]);
}

#[test]
fn asyncpg_works_as_it_is() {
    let database = Database::new();
    let (_, sessions) = suite(&database, client_python(), "asyncpg_client.py", &[]);
    recorded_in_full(&sessions);
    let paused = |event: &QueryEvent| matches!(event, QueryEvent::Acknowledged { what: Acknowledged::PortalSuspended });
    assert!(any(&sessions, paused), "a portal of which a part was executed");
    assert!(any(&sessions, |event| matches!(event, QueryEvent::Execute { rows_max: 7.., statement: Some(_), .. })));
}

#[test]
fn pg_for_node_works_as_it_is() {
    let database = Database::new();
    let (_, sessions) = suite(&database, "node", "pg_client.js", &[]);
    recorded_in_full(&sessions);
    let named = |event: &QueryEvent| matches!(event, QueryEvent::Parse { statement, .. } if &statement[..] == b"plus");
    assert!(any(&sessions, named), "a statement with a name");
}

/// Writes lines of random text that are 200 MB in all.
pub(super) fn bulk_file(path: &Path) -> String {
    let mut text = Vec::with_capacity(BULK_LINES * 1001);
    for _ in 0..BULK_LINES {
        text.extend_from_slice(random::hex(&random::bytes(500)).as_bytes());
        text.push(b'\n');
    }
    std::fs::write(path, &text).expect("a file can be written");
    random::digest_of(&text)
}

/// Copies 200 MB there and back by what `copy` runs, through the gateway, and compares every digest there is.
pub(super) fn bulk(copy: impl FnOnce(&Database, &Path, &Path)) {
    let database = Database::new();
    database.server.tell("CREATE UNLOGGED TABLE bulk (line text)");
    let (sent, back) = (database.folder.join("sent"), database.folder.join("back"));
    let digest = bulk_file(&sent);
    copy(&database, &sent, &back);
    assert_eq!(random::digest(&back), digest);
    let session = database.gateway.record().one();
    let copied = session.copied();
    let count = (BULK_LINES * 1001) as u64;
    assert_eq!(copied.of(Side::Client), (count, &*digest), "what the client sent, on the tape");
    assert_eq!(copied.of(Side::Upstream), (count, &*digest), "what the server sent, on the tape");
    session.verified().coded(0);
}

#[test]
fn two_hundred_megabytes_by_psycopg() {
    bulk(|database, sent, back| by_script(database, &client_python(), "psycopg_bulk.py", sent, back));
}

#[test]
fn two_hundred_megabytes_by_asyncpg() {
    bulk(|database, sent, back| by_script(database, &client_python(), "asyncpg_bulk.py", sent, back));
}

#[test]
fn two_hundred_megabytes_by_pg_for_node() {
    bulk(|database, sent, back| by_script(database, Path::new("node"), "pg_bulk.js", sent, back));
}

fn by_script(database: &Database, interpreter: &Path, script: &str, sent: &Path, back: &Path) {
    database.script(Way::Gateway, interpreter, script).arg(sent).arg(back).succeed();
}
