//! One side is faster than the other: what is in between stays small, and nothing is lost.

use std::cell::Cell;

use rustix::process::Signal;
use wiretape_core::event::QueryEvent;
use wiretape_tests::database::{Database, Way};
use wiretape_tests::stage::wait_until;
use wiretape_tests::{processes, random};

/// What the gateway may hold, in KiB, when one side does not read: far less than what the other one has to say.
const HELD_KIB_MAX: u64 = 120 * 1024;

/// Waits until the server's session that runs `query` waits for its client in the way that `event` names, and goes on
/// waiting.
fn waits_for_client(database: &Database, query: &str, event: &str) {
    let still = Cell::new(0);
    wait_until(&format!("a server that waits: {event}"), || {
        let condition = format!("query LIKE '{query}%' AND wait_event = '{event}'");
        let waits = database.server.tell(&format!("SELECT count(*) FROM pg_stat_activity WHERE {condition}")) == "1";
        still.set(if waits { still.get() + 1 } else { 0 });
        still.get() > 20
    });
}

#[test]
fn a_client_that_stops_reading_holds_the_server_back() {
    let database = Database::new();
    let query = "SELECT n, repeat(md5(n::text), 30) FROM generate_series(1, 400000) n";
    let file = database.folder.join("seen");
    let client = database.psql(Way::Gateway).args(["-At", "-c", query]).output_file(&file).start();
    wait_until("the query at the server", || {
        database.server.tell("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT n, repeat%'") == "1"
    });
    client.signal(Signal::STOP);
    waits_for_client(&database, "SELECT n, repeat", "ClientWrite");
    let held = processes::resident_peak_kib(database.gateway.number());
    assert!(held < HELD_KIB_MAX, "{held} KiB");
    // Others are served meanwhile.
    assert_eq!(database.psql(Way::Gateway).args(["-Atc", "SELECT 6 * 7"]).succeed().text(), "42\n");
    client.signal(Signal::CONT);
    client.finish().good();
    let direct = database.folder.join("direct");
    database.psql(Way::Direct).args(["-At", "-c", query]).output_file(&direct).succeed();
    assert_eq!(random::digest(&file), random::digest(&direct));
    let peak = processes::resident_peak_kib(database.gateway.number());
    assert!(peak < HELD_KIB_MAX, "{peak} KiB for 400 MB");
    let sessions = database.gateway.record().ended(2);
    assert_eq!(sessions[1].rows(), 400_000);
}

#[test]
fn a_server_that_stops_reading_holds_the_client_back() {
    let database = Database::new();
    database.server.tell("CREATE UNLOGGED TABLE bulk (line text)");
    let sent = database.folder.join("sent");
    let digest = super::drivers::bulk_file(&sent);
    let copy = format!("\\copy bulk FROM '{}'\n", sent.display());
    let client = database.psql(Way::Gateway).args(["-v", "ON_ERROR_STOP=1"]).input(copy).start();
    let copying = "FROM pg_stat_activity WHERE query LIKE 'COPY  bulk FROM%' AND state = 'active'";
    wait_until("the copy at the server", || database.server.tell(&format!("SELECT count(*) {copying}")) == "1");
    let server: i32 = database.server.tell(&format!("SELECT pid {copying}")).parse().expect("a number");
    processes::signal(server, Signal::STOP);
    // The client can send no more: it stands in a write or waits for the socket.
    let seen = Cell::new((0, 0.0));
    wait_until("a client that is held back", || {
        let spent = processes::processor_seconds(client.number());
        let (times, before) = seen.get();
        seen.set(if (spent - before).abs() < f64::EPSILON { (times + 1, before) } else { (0, spent) });
        times > 50
    });
    let held = processes::resident_peak_kib(database.gateway.number());
    assert!(held < HELD_KIB_MAX, "{held} KiB");
    processes::signal(server, Signal::CONT);
    client.finish().good();
    let session = database.gateway.record().one();
    assert_eq!(session.copied().of(wiretape_core::Side::Client).1, digest);
    assert_eq!(database.server.tell("SELECT count(*) FROM bulk"), "200000");
}

#[test]
fn forty_thousand_short_queries_are_forty_thousand_on_the_tapes() {
    let database = Database::new();
    database.client(Way::Direct, "pgbench").args(["-i", "-q", "-s", "1"]).succeed();
    database
        .client(Way::Gateway, "pgbench")
        .args(["-S", "-n", "-M", "simple", "-c", "8", "-j", "2", "-t", "5000"])
        .succeed();
    let mut asked = 0;
    let mut answered = 0;
    for session in database.gateway.record().all_ended() {
        let events = session.events();
        let count = |wanted: fn(&QueryEvent) -> bool| events.query().filter(|event| wanted(event)).count();
        let here = count(|event| matches!(event, QueryEvent::Simple { text } if text.starts_with(b"SELECT abalance")));
        if here > 0 {
            asked += here;
            answered += count(|event| matches!(event, QueryEvent::Rows { count: 1, .. }));
        }
        session.verified().coded(0);
    }
    assert_eq!((asked, answered), (40_000, 40_000));
}
