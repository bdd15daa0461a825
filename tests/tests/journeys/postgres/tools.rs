//! PostgreSQL's own programs beside psql: pgbench, pg_dump, large objects, and the replication clients.

use wiretape_core::event::{CopyDirection, QueryEvent};
use wiretape_tests::database::{Database, WAYS, Way};

use wiretape_tests::random;
use wiretape_tests::stage::wait_until;

#[test]
fn pgbench_in_each_of_its_protocols() {
    let database = Database::new();
    database.client(Way::Gateway, "pgbench").args(["-i", "-s", "2", "-q"]).succeed();
    for protocol in ["simple", "extended", "prepared"] {
        let ran =
            database.client(Way::Gateway, "pgbench").args(["-n", "-c", "8", "-j", "2", "-t", "100", "-M", protocol]);
        let text = ran.succeed().text();
        assert!(text.contains("number of transactions actually processed: 800/800"), "{protocol}: {text}");
        assert!(text.contains("number of failed transactions: 0"), "{protocol}: {text}");
    }
    assert_eq!(database.server.tell("SELECT count(*) FROM pgbench_history"), "2400");
    // A pipeline: all that is asked leaves before the first answer is there.
    let script = database.folder.write(
        "pipeline.sql",
        "\\startpipeline\n".to_owned()
            + &"SELECT abalance FROM pgbench_accounts WHERE aid = 7;\n".repeat(50)
            + "\\endpipeline\n",
    );
    let piped = database.client(Way::Gateway, "pgbench").args(["-n", "-c", "4", "-t", "50", "-M", "prepared", "-f"]);
    let text = piped.arg(script).succeed().text();
    assert!(text.contains("number of transactions actually processed: 200/200"), "{text}");

    let mut executed = 0;
    for session in database.gateway.record().all_ended() {
        assert_eq!(session.state(), "closed", "{}", session.reason());
        let events = session.events();
        executed += events.query().filter(|event| matches!(event, QueryEvent::Execute { .. })).count();
    }
    // Seven statements a transaction in two of the protocols, and the pipelines.
    assert!(executed >= 2 * 800 * 7 + 200 * 50, "{executed} statements were executed by name");
}

#[test]
fn a_dump_restores_to_the_same_dump() {
    let database = Database::new();
    database.server.tell(include_str!("../../../clients/dumped.sql"));
    database.server.tell("CREATE DATABASE copy");
    let dump = |way: Way, name: &str| {
        let dump = database.client(way, "pg_dump").args(["--no-owner", "--restrict-key=same", name]).succeed();
        assert!(dump.stdout.len() > 1_000_000, "{}", dump.errors());
        dump.stdout
    };
    let [direct, through] = WAYS.map(|way| dump(way, "orders"));
    assert!(through == direct, "the dumps differ");
    // `orders/copy` is another database of the same target.
    let restore = database.client(Way::Gateway, "psql").args(["-q", "-v", "ON_ERROR_STOP=1", "-d", "orders/copy"]);
    restore.input(through).succeed();
    assert!(dump(Way::Direct, "copy") == direct, "the restored database differs");
    let copied = dump(Way::Gateway, "orders/copy");
    assert!(copied == direct, "its dump through the gateway differs");
    // The binary format, and a dump by several sessions at once.
    let whole = database.folder.join("dump");
    database.client(Way::Gateway, "pg_dump").args(["-Fd", "-j", "3", "-f"]).arg(&whole).arg("orders").succeed();
    database.server.tell("DROP DATABASE copy");
    database.server.tell("CREATE DATABASE copy");
    let parallel = database.client(Way::Gateway, "pg_restore").args(["--no-owner", "-j", "3", "-d", "orders/copy"]);
    parallel.arg(&whole).succeed();
    assert!(dump(Way::Direct, "copy") == direct, "the database restored in parallel differs");
    for session in database.gateway.record().all_ended() {
        assert_eq!(session.state(), "closed", "{}", session.reason());
        session.verified().coded(0);
    }
}

#[test]
fn large_objects_come_back_as_they_went() {
    let database = Database::new();
    let sent = database.folder.join("sent");
    let digest = random::file(&sent, 5_000_000);
    let back = database.folder.join("back");
    let script = format!(
        "\\lo_import '{}' 'words about it'\n\\lo_list\n\\lo_export :LASTOID '{}'\n\\lo_unlink :LASTOID\n\\lo_list\n",
        sent.display(),
        back.display()
    );
    let said = database.psql(Way::Gateway).args(["-v", "ON_ERROR_STOP=1"]).input(script).succeed().text();
    assert!(said.contains("words about it"), "{said}");
    assert_eq!(random::digest(&back), digest);
    // What libpq does is function calls: the bytes are the arguments and results of them.
    let events = database.gateway.record().one().events();
    let mut written = Vec::new();
    let mut read = Vec::new();
    for event in events.query() {
        match event {
            QueryEvent::Call { arguments, .. } => {
                written.extend(arguments.iter().flatten().filter(|value| value.len() > 1000).flat_map(|v| v.to_vec()));
            }
            QueryEvent::Returned { value: Some(value) } if value.len() > 1000 => read.extend_from_slice(value),
            _ => {}
        }
    }
    assert_eq!(random::digest_of(&written), digest, "what was written, on the tape");
    assert_eq!(random::digest_of(&read), digest, "what was read, on the tape");
}

#[test]
fn a_logical_replication_client_follows_the_changes() {
    let database = Database::new();
    database.server.tell("CREATE TABLE changed (n int PRIMARY KEY, t text)");
    let follow = |words: &[&str]| {
        database.client(Way::Gateway, "pg_recvlogical").args(["-S", "follower", "-d", "orders"]).args(words)
    };
    follow(&["--create-slot", "-P", "test_decoding"]).succeed();
    let file = database.folder.join("changes");
    let follower = follow(&["--start", "-o", "include-xids=off", "-F", "1", "-f"]).arg(&file).start();
    database.server.tell("INSERT INTO changed SELECT n, repeat('t', n) FROM generate_series(1, 1000) n");
    database.server.tell("UPDATE changed SET t = 'changed' WHERE n = 500; DELETE FROM changed WHERE n > 990");
    let changes = || std::fs::read_to_string(&file).unwrap_or_default();
    wait_until("the last change at the follower", || {
        changes().contains("table public.changed: DELETE: n[integer]:1000\nCOMMIT")
    });
    assert!(follower.runs(), "{}", follower.complained());
    follower.signal(rustix::process::Signal::INT);
    follower.finish().good();
    let changes = changes();
    assert_eq!(changes.matches(": INSERT: ").count(), 1000);
    assert_eq!(changes.matches(": DELETE: ").count(), 10);
    // The server has to have heard, too, that the follower is gone.
    wait_until("the slot is free", || database.server.tell("SELECT active FROM pg_replication_slots") == "f");
    follow(&["--drop-slot"]).succeed();

    let sessions = database.gateway.record().ended(3);
    let events = sessions[1].events();
    let both = |event: &QueryEvent| matches!(event, QueryEvent::CopyStart { direction: CopyDirection::Both, .. });
    assert!(events.query().any(both), "{:?}", events.names());
    let copied = |side: wiretape_core::Side| {
        let mut all = Vec::new();
        for event in events.0.iter().filter(|event| event.side == side) {
            if let wiretape_core::event::Kind::Query(QueryEvent::CopyData { bytes, .. }) = &event.kind {
                all.extend_from_slice(bytes);
            }
        }
        String::from_utf8_lossy(&all).into_owned()
    };
    assert_eq!(copied(wiretape_core::Side::Upstream).matches(": INSERT: ").count(), 1000);
    assert!(!copied(wiretape_core::Side::Client).is_empty(), "the follower's word on how far it is");
}

#[test]
fn a_base_backup_and_the_log_after_it() {
    // This client calls the database `replication` by itself: the target stands behind the person.
    let database = Database::new();
    database.server.tell("CREATE TABLE kept AS SELECT n FROM generate_series(1, 1000) n");
    let backup = database.folder.join("backup");
    database
        .client(Way::Gateway, "pg_basebackup")
        .args(["--username=ana@orders", "-X", "stream", "-c", "fast", "--no-sync", "-D"])
        .arg(&backup)
        .succeed();
    database.client(Way::Direct, "pg_verifybackup").arg("-q").arg(&backup).succeed();
    for session in database.gateway.record().ended(2) {
        assert_eq!(session.state(), "closed", "{}", session.reason());
        session.verified().coded(0);
    }
}
