//! Statements by psql.

use wiretape_core::event::QueryEvent;
use wiretape_tests::database::{Database, Way};
use wiretape_tests::postgres::{DATABASE, Settings};
use wiretape_tests::program::Running;
use wiretape_tests::record::Events;

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
    let mut council = None;
    let database = Database::with(
        |_| Settings::default(),
        |_, server, configuration| {
            server.tell("CREATE TABLE orders (id int)");
            server.tell("INSERT INTO orders VALUES (1), (2), (3)");
            configuration.target(DATABASE).set("labels = { env = \"production\" }");
            council = Some(Council::convene(configuration, RULES));
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
