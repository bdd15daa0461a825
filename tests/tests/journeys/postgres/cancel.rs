//! A key to cancel by opens the session that it was given to, and no other.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use wiretape_core::event::QueryEvent;
use wiretape_tests::database::{Database, Way};
use wiretape_tests::program::Running;
use wiretape_tests::stage::wait_until;
use wiretape_tests::tap::{Passed, Tap};

/// The code of a `CancelRequest`.
const CANCEL_CODE: u32 = 80_877_102;

/// The process and the key that a session was given, as its client heard them.
fn given(passed: &Passed) -> Option<(u32, Vec<u8>)> {
    let mut rest = &passed.server[..];
    while rest.len() >= 5 {
        let length = 1 + u32::from_be_bytes(rest[1..5].try_into().expect("four bytes")) as usize;
        let message = rest.get(..length)?;
        if message[0] == b'K' {
            return Some((u32::from_be_bytes(message[5..9].try_into().expect("four bytes")), message[9..].to_vec()));
        }
        rest = &rest[length..];
    }
    None
}

/// Asks the gateway to cancel, and waits until it closes the connection; it never says a word.
fn ask(database: &Database, process: u32, key: &[u8]) {
    let mut socket = TcpStream::connect(database.gateway.postgres()).expect("the gateway listens");
    let length = u32::try_from(12 + key.len()).expect("a short key");
    let mut packet = [length, CANCEL_CODE, process].map(u32::to_be_bytes).concat();
    packet.extend_from_slice(key);
    socket.write_all(&packet).expect("it listens");
    socket.set_read_timeout(Some(Duration::from_secs(100))).expect("a timeout");
    let mut answer = Vec::new();
    let _closed = socket.read_to_end(&mut answer);
    assert!(answer.is_empty(), "{answer:?}");
}

/// psql by way of a tap, which sleeps as soon as it is there.
fn sleeper(database: &Database, tap: &Tap, word: &str) -> Running {
    let psql = database.psql(Way::Gateway).env("PGPORT", tap.address().port().to_string()).env("PGSSLMODE", "disable");
    psql.args([
        "-At",
        "-v",
        "VERBOSITY=sqlstate",
        "-c",
        &format!("SELECT '{word}', pg_sleep(600)"),
        "-c",
        "SELECT 'alive'",
    ])
    .start()
}

fn sleeps(database: &Database, word: &str) -> bool {
    let running = format!("state = 'active' AND query LIKE 'SELECT ''{word}'', pg_sleep%'");
    database.server.tell(&format!("SELECT count(*) FROM pg_stat_activity WHERE {running}")) == "1"
}

#[test]
fn a_key_cancels_its_own_session_only() {
    let database = Database::new();
    let taps = [(); 2].map(|()| Tap::start(database.gateway.postgres()));
    let sessions = [sleeper(&database, &taps[0], "one"), sleeper(&database, &taps[1], "two")];
    wait_until("both sleep", || sleeps(&database, "one") && sleeps(&database, "two"));
    let [one, two] = taps.map(|tap| given(&tap.passed()[0]).expect("a key was given"));
    assert_ne!(one, two);
    assert!(one.1.len() == 4 && two.1.len() == 4, "keys of protocol 3.0");

    // One's process with the other's key, the key with something behind it, and a part of it.
    ask(&database, one.0, &two.1);
    ask(&database, two.0, &one.1);
    ask(&database, one.0, &[&one.1[..], &[0]].concat());
    ask(&database, one.0, &[&one.1[..], &one.1[..]].concat());
    // The server's own numbers, which anybody can see in a query.
    let pids = database.server.tell("SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)'");
    for pid in pids.lines() {
        ask(&database, pid.parse().expect("a number"), &one.1);
    }
    assert!(sleeps(&database, "one") && sleeps(&database, "two"));

    ask(&database, one.0, &one.1);
    let [first, second] = sessions;
    let finished = first.finish();
    assert!(finished.errors().contains("57014"), "{}", finished.errors());
    assert!(finished.text().contains("alive"), "only what ran was cancelled: {}", finished.text());
    assert!(sleeps(&database, "two"));
    // The key of a session that is over is no key any more.
    let live = || database.gateway.record().sessions().iter().filter(|session| session.state() == "live").count();
    wait_until("the first session is over", || live() == 1);
    ask(&database, one.0, &one.1);
    assert!(sleeps(&database, "two"));
    ask(&database, two.0, &two.1);
    assert!(second.finish().errors().contains("57014"));
    for session in database.gateway.record().ended(2) {
        let cancels = session.events().query().filter(|event| matches!(event, QueryEvent::Cancel { .. })).count();
        assert_eq!(cancels, 1, "each tape has the request that was for it");
    }
}
