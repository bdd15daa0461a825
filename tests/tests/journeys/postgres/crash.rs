//! The gateway dies, is stopped, or can no longer record, in the middle of a database session.

use std::path::Path;

use wiretape_core::event::QueryEvent;
use wiretape_tests::configuration::Configuration;
use wiretape_tests::database::{Database, Way};
use wiretape_tests::gateway::Gateway;
use wiretape_tests::postgres::{DATABASE, Settings};
use wiretape_tests::program::Program;
use wiretape_tests::record::{Record, Session};
use wiretape_tests::stage::wait_until;

/// The rows of a session as its tape has them: the texts of one column, a line each.
fn rows(session: &Session) -> String {
    let mut text = Vec::new();
    for event in session.events().query() {
        let QueryEvent::Rows { count, bytes } = event else { continue };
        let mut rest = &bytes[..];
        for _ in 0..*count {
            // Type, length, one column, its length.
            let length = u32::from_be_bytes(rest[1..5].try_into().expect("four bytes")) as usize;
            text.extend_from_slice(&rest[11..=length]);
            text.push(b'\n');
            rest = &rest[1 + length..];
        }
    }
    String::from_utf8(text).expect("the rows are text")
}

#[test]
fn what_the_client_saw_is_on_the_tape_after_kill_9() {
    for record in ["written", "synced"] {
        let mut database = Database::with(
            |_| Settings::default(),
            |_, _, configuration| configuration.target(DATABASE).set(&format!("record = {record:?}")),
        );
        // One query after another: psql prints what it has when it is left alone.
        let queries: String = (0..20_000).map(|n| format!("SELECT 'row {n}';\n")).collect();
        let client = database.psql(Way::Gateway).args(["-At"]).input(queries).start();
        let tapes = database.gateway.record();
        wait_until("some rows on the tape", || {
            tapes.sessions().first().is_some_and(|session| rows(session).lines().count() > 500)
        });
        database.gateway.kill();
        let finished = client.finish();
        assert!(!finished.status.success());
        let seen = finished.text();
        assert!(seen.starts_with("row 0\nrow 1\n"), "{seen}");
        let cut = database.gateway.record().sessions().remove(0);
        let taped = rows(&cut);
        assert!(taped.starts_with(&seen), "{record}: {} bytes were seen, {} are on the tape", seen.len(), taped.len());
        let verified = cut.verified().coded(2);
        assert!(verified.text().contains("unsealed tail"), "{}", verified.text());
        database.restart(|_| {});
        assert_eq!(database.gateway.record().sessions()[0].state(), "cut off");
        assert_eq!(database.psql(Way::Gateway).args(["-Atc", "SELECT 6 * 7"]).succeed().text(), "42\n");
    }
}

#[test]
fn a_gateway_that_is_asked_to_finish_says_so_and_closes_its_tapes() {
    let database = Database::new();
    let mut idle = database.psql(Way::Gateway).args(["-At"]).input_held().start();
    idle.say(b"SELECT 'idle';\n\\echo ready\n").expect("it reads");
    idle.wait_printed("ready");
    let busy = database.psql(Way::Gateway).args(["-Atc", "SELECT pg_sleep(600)"]).start();
    let running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(600)'";
    wait_until("it sleeps", || database.server.tell(running) == "1");
    database.gateway.finish();
    let told = busy.finish().coded(2).errors();
    assert!(told.contains("FATAL:  ") && told.contains("the gateway is being stopped"), "{told}");
    idle.say(b"SELECT 'again';\n").expect("it reads");
    let told = idle.finish().coded(2).errors();
    assert!(told.contains("FATAL:  ") && told.contains("the gateway is being stopped"), "{told}");
    for session in database.gateway.record().ended(2) {
        assert_eq!(session.state(), "closed");
        assert!(session.events().has("query.error"), "what the clients were told");
        session.verified().coded(0);
    }
    // What runs goes on to its end, as it does when a client goes; what waits for a client is gone.
    wait_until("the server without the idle session", || {
        database.server.tell("SELECT count(*) FROM pg_stat_activity WHERE client_port > 0 AND state = 'idle'") == "0"
    });
}

/// How large the gateway's disk is where it is soon full.
const SMALL: &str = "6m";

#[test]
fn a_full_disk_ends_the_session_with_a_message_and_lets_nobody_in_unrecorded() {
    for record in ["queued", "written"] {
        let mut database = Database::new();
        database.server.tell("CREATE TABLE lines (line text)");
        database.gateway.finish();
        let mut configuration =
            Configuration { data_dir: database.folder.make("small"), ..database.gateway.configuration.clone() };
        configuration.target(DATABASE).set(&format!("record = {record:?}"));
        let data_dir = configuration.data_dir.display().to_string();
        let script = "mount -t tmpfs -o size=\"$1\" wiretape \"$2\" && shift 2 && exec \"$@\"";
        database.gateway = Gateway::start_by(&database.folder, configuration, |program: &Path| {
            let unshare = Program::new("unshare").args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]);
            unshare.args([SMALL, &data_dir]).arg(program)
        });
        // As it is seen from outside of the gateway's mount namespace.
        let inside = Path::new("/proc").join(database.gateway.number().to_string()).join("root");
        let tapes = Record::of(&inside.join(data_dir.trim_start_matches('/')));

        let random = "SELECT encode(sha512((n || random()::text)::bytea), 'hex') FROM generate_series(1, 400000) n";
        let finished = database.psql(Way::Gateway).args(["-Atc", random]).finish();
        assert_eq!(finished.code(), 2, "{record}: {}", finished.errors());
        assert!(finished.errors().contains("can no longer be recorded"), "{record}: {}", finished.errors());
        wait_until("the session is over", || tapes.sessions()[0].state() != "live");
        let refused = database.psql(Way::Gateway).args(["-c", "INSERT INTO lines VALUES ('unrecorded')"]).finish();
        assert_eq!(refused.code(), 2, "{record}: {}", refused.errors());
        assert!(refused.errors().contains("FATAL:  "), "{}", refused.errors());
        assert_eq!(database.server.tell("SELECT count(*) FROM lines"), "0");
        assert!(database.gateway.runs());
    }
}
