//! Statements by psql.

use serde_json::{Value, json};
use wiretape_core::Side;
use wiretape_core::event::QueryEvent;
use wiretape_tests::database::{Database, Way};
use wiretape_tests::postgres::{DATABASE, Settings};
use wiretape_tests::program::Running;
use wiretape_tests::record::Events;
use wiretape_tests::stage::client_python;

use super::council::{Council, approved, decisions, not_approved};

/// On what is labelled as production nothing is dropped, and a `DELETE` without `WHERE` is asked.
pub(super) const RULES: &str = r#"
@id("reads")
permit (principal, action == Action::"pg.query", resource);
@id("no-drop")
@reason("nothing is dropped on production")
forbid (principal, action == Action::"pg.query", resource in Label::"env=production")
when { context.kind == "drop" };
@id("no-unread")
@reason("what cannot be read does not pass")
forbid (principal, action == Action::"pg.query", resource in Label::"env=production")
when { !context.parsed };
@id("delete-all")
@approval("leads")
permit (principal, action == Action::"pg.query", resource in Label::"env=production")
when { context.kind == "delete" && !context.where };
"#;

fn stage() -> (Database, Council) {
    stage_of(RULES)
}

fn stage_of(rules: &str) -> (Database, Council) {
    let mut council = None;
    let database = Database::with(
        |_| Settings::default(),
        |_, server, configuration| {
            server.tell("CREATE TABLE orders (id int)");
            server.tell("INSERT INTO orders VALUES (1), (2), (3)");
            configuration.target(DATABASE).set("labels = { env = \"production\" }");
            council = Some(Council::convene(configuration, rules));
        },
    );
    let council = council.expect("it was convened").with_ana(&database.token);
    (database, council)
}

fn psql(database: &Database, script: &str) -> Running {
    database.psql(Way::Gateway).args(["-v", "VERBOSITY=verbose", "-At"]).input(script).start()
}

fn record(database: &Database) -> Events {
    let session = database.gateway.record().one();
    session.verified().coded(0);
    session.events()
}

fn left(database: &Database) -> String {
    database.server.tell("SELECT count(*) FROM orders").trim().to_owned()
}

#[test]
fn a_statement_that_is_forbidden_is_an_error_and_the_transaction_goes_on() {
    let (database, _council) = stage();
    let script = "BEGIN;\nINSERT INTO orders VALUES (4);\nDROP TABLE orders;\nSELECT count(*) FROM orders;\nCOMMIT;\n";
    let finished = psql(&database, script).finish().good();
    assert_eq!(finished.text(), "4\n");
    let told = finished.errors();
    assert!(told.contains("42501") && told.contains("nothing is dropped on production"), "{told}");
    assert_eq!(left(&database), "4");
    let decided = decisions(&record(&database), "pg.query");
    let refused: Vec<_> = decided.iter().filter(|(_, allowed, _)| !allowed).collect();
    assert!(refused.len() == 1 && refused[0].0.contains("no-drop"), "{decided:?}");
    assert_eq!(decided.len(), 5, "every decision is on the record: {decided:?}");
}

#[test]
fn what_a_pipeline_did_before_a_forbidden_statement_is_undone_as_by_an_error() {
    let (database, _council) = stage();
    let pipeline = |way: Way, statement: &str| -> Value {
        database.server.tell("TRUNCATE orders");
        let text = database.script(way, client_python(), "psycopg_pipeline.py").arg(statement).succeed().text();
        serde_json::from_str(&text).expect("JSON")
    };
    let failed = pipeline(Way::Direct, "DROP TABLE missing");
    let refused = pipeline(Way::Gateway, "DROP TABLE orders");
    for round in ["alone", "first", "committed"] {
        assert_eq!(refused[round], json!([["42501", "nothing is dropped on production"], "IDLE"]), "{round}");
        assert_eq!(failed[round], json!([["42P01", "table \"missing\" does not exist"], "IDLE"]), "{round}");
    }
    // Nothing of what a server would have undone is there, and all else is.
    assert_eq!(refused["rows"], json!([20, 21, 40]));
    assert_eq!(refused["rows"], failed["rows"]);
    assert_eq!(refused["again"], json!([null, "IDLE"]));
    // A transaction of the client's own goes on.
    for round in ["own", "begun"] {
        assert_eq!(refused[round][1], "INTRANS", "{round}");
        assert_eq!(failed[round][1], "INERROR", "{round}");
    }
    assert_eq!(refused["rows of transactions"], json!([20, 21, 40, 50, 60]));

    let session = database.gateway.record().one();
    session.verified().coded(0);
    let events = session.events();
    let refusals = decisions(&events, "pg.query").iter().filter(|(_, allowed, _)| !allowed).count();
    assert_eq!(refusals, 5);
    // What the gateway said to the target, and what it said to that, is on the record; the client heard one error each.
    let said = |side: Side| events.0.iter().filter(move |event| event.side == side);
    let errors = |side| said(side).filter(|event| event.kind.name() == "query.error").count();
    assert_eq!((errors(Side::Upstream), errors(Side::Client)), (2, 5));
    assert_eq!(said(Side::Upstream).filter(|event| event.kind.name() == "query.parse").count(), 2);
    let shown = session.program("show", &[]).succeed().text();
    assert_eq!(shown.matches("nothing is dropped on production").count(), 10, "{shown}");
    // The script of the session does what was done.
    let script = session.program("export", &["--sql"]).succeed().text();
    database.server.tell("TRUNCATE orders");
    let file = database.folder.write("session.sql", script);
    database.psql(Way::Direct).arg("-f").arg(file).succeed();
    assert_eq!(left(&database), "5");
}

#[test]
fn a_statement_that_cannot_be_read_is_refused_where_rules_look_at_it() {
    let (database, _council) = stage();
    let finished = psql(&database, "FROBNICATE orders;\nSELECT 6 * 7;\n").finish().good();
    assert_eq!(finished.text(), "42\n");
    assert!(finished.errors().contains("42501"), "{}", finished.errors());
    let decided = decisions(&record(&database), "pg.query");
    assert!(!decided[0].1 && decided[1].1, "{decided:?}");
}

#[test]
fn a_delete_without_where_on_production_is_held_until_somebody_approves() {
    let (database, council) = stage();
    let running =
        psql(&database, "DELETE FROM orders WHERE id = 3;\nDELETE FROM orders;\nSELECT count(*) FROM orders;\n");
    let (id, detail) = council.question(&database.gateway, "DELETE FROM orders");
    assert_eq!(detail, "DELETE FROM orders;");
    let told = running.complaint(&[id.as_str()]);
    assert!(told.contains("NOTICE") && told.contains(&id), "{told}");
    assert_eq!(left(&database), "2", "what came before has passed, and this has not");
    council.approve(&database.gateway, "DELETE FROM orders");
    assert_eq!(running.finish().good().text(), "0\n");
    assert_eq!(left(&database), "0");
    let events = record(&database);
    approved(&events, "delete-all");
    let notices = events.query().filter(|event| matches!(event, QueryEvent::Notice { .. }));
    assert!(notices.count() >= 1, "what the client was told is on the record");
}

#[test]
fn a_delete_that_is_not_approved_is_an_error_and_psql_goes_on() {
    let (database, council) = stage();
    let running = psql(&database, "DELETE FROM orders;\nSELECT count(*) FROM orders;\n");
    council.refuse(&database.gateway, "DELETE FROM orders");
    let finished = running.finish().good();
    assert_eq!(finished.text(), "3\n");
    let told = finished.errors();
    assert!(told.contains("42501") && told.contains("not on a Friday"), "{told}");
    assert!(not_approved(&record(&database), "delete-all", true).contains("not on a Friday"));
}

#[test]
fn who_leaves_takes_the_question_along() {
    let (database, council) = stage();
    let running = psql(&database, "DELETE FROM orders;\n");
    council.question(&database.gateway, "DELETE FROM orders");
    drop(running);
    council.silence(&database.gateway);
    not_approved(&record(&database), "delete-all", false);
    assert_eq!(left(&database), "3");
}

#[test]
fn who_interrupts_psql_withdraws_the_statement() {
    let (database, council) = stage();
    let running = psql(&database, "DELETE FROM orders;\nSELECT 6 * 7;\n");
    council.question(&database.gateway, "DELETE FROM orders");
    running.signal(rustix::process::Signal::INT);
    council.silence(&database.gateway);
    drop(running);
    not_approved(&record(&database), "delete-all", false);
    assert_eq!(left(&database), "3");
}

/// Who one is at the database stays, nothing is deleted, and no file of the server's is read.
const GUARDED: &str = r#"
@id("all")
permit (principal, action == Action::"pg.query", resource);
@id("no-role")
forbid (principal, action == Action::"pg.query", resource)
when { context.kind == "set" && context.object == "role" };
@id("no-delete")
forbid (principal, action == Action::"pg.query", resource)
when { context.kind == "delete" };
@id("no-files")
forbid (principal, action == Action::"pg.query", resource)
when { context.functions.contains("pg_read_file") };
"#;

#[test]
fn what_is_forbidden_is_forbidden_however_it_is_written() {
    let (database, _council) = stage_of(GUARDED);
    for (statement, rule) in [
        ("PREPARE transaction AS DELETE FROM orders", "no-delete"),
        ("EXPLAIN (\"analyze\") DELETE FROM orders", "no-delete"),
        ("SET \"Role\" TO postgres", "no-role"),
        ("SELECT f.pg_read_file FROM unnest(ARRAY['/etc/passwd']) f", "no-files"),
        ("SELECT ('/etc/passwd'::text).pg_read_file", "no-files"),
        ("CREATE TABLE x (a text DEFAULT pg_read_file('/etc/passwd'))", "no-files"),
    ] {
        let finished = psql(&database, &format!("{statement};\nSELECT count(*) FROM orders;\n")).finish();
        let told = finished.errors();
        assert!(told.contains("42501") && told.contains(rule), "{statement}: {told}");
        assert_eq!(finished.text(), "3\n", "{statement}");
    }
}

#[test]
fn a_setting_that_comes_with_the_login_is_judged_as_set_is() {
    let (database, _council) = stage_of(GUARDED);
    for options in ["-c role=postgres", "--ROLE=postgres", "-ec role=postgres"] {
        let program = database.psql(Way::Gateway).args(["-At"]).env("PGOPTIONS", options).input("SELECT 1;\n");
        let finished = program.finish();
        assert_eq!(finished.text(), "", "{options}");
        assert!(finished.errors().contains("is refused"), "{options}: {}", finished.errors());
    }
    for options in ["", "-c work_mem=1MB -c DateStyle=ISO"] {
        let program = database.psql(Way::Gateway).args(["-At"]).env("PGOPTIONS", options).input("SELECT 1;\n");
        assert_eq!(program.finish().good().text(), "1\n", "{options}");
    }
}
