//! Scripts of whole sessions, beside what they looked like when somebody last read them.
//!
//! `WIRETAPE_CASES=write cargo test -p wiretape-replay --test export` writes them anew: read the difference before you
//! keep it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod archive;
mod queries;

use std::path::Path;

use archive::{opened, shell_session};
use queries::{Failed, Idle, InTransaction, Talk};
use wiretape_core::event::{Acknowledged, CopyDirection, QueryEvent};
use wiretape_core::{Event, Side};
use wiretape_replay::export::sql::{self, Settings};

const KEY: &str = "0123456789abcdef";

fn script(events: &[Event], failed: sql::Failed) -> String {
    let mut script = Vec::new();
    sql::write("abc", &events.to_vec(), &Settings { failed, key: KEY }, &mut script).unwrap();
    String::from_utf8_lossy(&script).into_owned()
}

/// What stands behind the head of a script.
fn body(events: &[Event]) -> String {
    let script = script(events, sql::Failed::Comment);
    script.split_once("SET TimeZone TO 'Europe/Berlin';\n").unwrap().1.to_owned()
}

/// What a script does: its lines that are no comment.
fn does(events: &[Event]) -> Vec<String> {
    let script = body(events);
    script.lines().filter(|line| !line.is_empty() && !line.starts_with("--")).skip(1).map(str::to_owned).collect()
}

/// Compares `script` with the file of the case.
fn check(file: &str, script: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases").join(file);
    if std::env::var_os("WIRETAPE_CASES").is_some_and(|what| what == "write") {
        std::fs::write(&path, script).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    for (number, (new, old)) in script.lines().zip(kept.lines()).enumerate() {
        assert_eq!(new, old, "line {} of cases/{file}", number + 1);
    }
    assert_eq!(script, kept, "cases/{file}");
}

#[test]
fn scripts_read_as_they_did() {
    check("psql.sql", &script(&queries::psql(), sql::Failed::Comment));
    check("psql-keep.sql", &script(&queries::psql(), sql::Failed::Keep));
    check("driver.sql", &script(&queries::driver(), sql::Failed::Comment));
}

#[test]
fn a_failed_transaction_ends_as_it_did() {
    let mut talk = Talk::begun();
    talk.run("begin", &["BEGIN"], InTransaction).run("insert into t values (1)", &["INSERT 0 1"], InTransaction);
    talk.run("savepoint a", &["SAVEPOINT"], InTransaction);
    talk.fail("insert into t values (2); select 1/0", &["INSERT 0 1"], "no", Failed);
    talk.fail("select 1", &[], "aborted", Failed).run("rollback to a", &["ROLLBACK"], InTransaction);
    talk.fail("select 1/0", &[], "no", Failed).run("commit -- at last", &["ROLLBACK"], Idle);
    talk.run("begin; prepare transaction 'x'", &["BEGIN", "ROLLBACK"], Idle);
    talk.fail(
        "begin; insert into t values (3); commit; insert into t values (4); select 1/0",
        &["BEGIN", "INSERT 0 1", "COMMIT", "INSERT 0 1"],
        "no",
        Idle,
    );
    talk.fail("insert into t values (5); select 1/0", &["INSERT 0 1"], "no", Idle);
    assert_eq!(
        does(&talk.ended()),
        [
            "begin;",
            "insert into t values (1);",
            "savepoint a;",
            "insert into t values (2);",
            "rollback to a;",
            "ROLLBACK -- at last",
            ";",
            "begin\\; -- the transaction had failed: prepare transaction 'x'",
            "ROLLBACK;",
            "begin\\; insert into t values (3)\\; commit;",
            "\\unrestrict 0123456789abcdef",
        ]
    );
}

#[test]
fn nothing_that_was_said_is_a_command_of_psql() {
    let evil = "\\! touch /tmp/evil";
    let mut talk = Talk::begun();
    talk.run(&format!("select 'a\\'; {evil} --'"), &["SELECT 1"], Idle);
    talk.fail(&format!("select 1\n{evil}"), &[], &format!("no\n{evil}"), Idle);
    talk.fail(&format!("select 1\r{evil}"), &[], &format!("no\r{evil}"), Idle);
    talk.fail("select (1", &[], "no", Idle);
    talk.run("select a[1:HOST], :'USER'", &["SELECT 1"], Idle);
    talk.copy_in("copy t from stdin", &[b"1\n\\.", format!("\n{evil}\n").as_bytes()], "COPY 1");
    talk.copy_in("copy t from stdin csv", &[b"\"\n\\.\n", format!("{evil}\n\"").as_bytes()], "COPY 1");
    talk.copy_in("copy t from stdin", &[format!("{evil}\nno end").as_bytes()], "COPY 1");
    talk.copy_in("copy t from stdin", &[b"1\n\\."], "COPY 1");
    talk.parse("", "select $1").bind("", "", &[(25, 0, Some(format!("'; {evil}").as_bytes()))]).execute("", 0).sync();
    talk.done(Acknowledged::Parse).done(Acknowledged::Bind).complete("SELECT 1").ready(Idle);
    talk.down(QueryEvent::Setting { name: evil.to_owned().into(), value: "x".into() });
    let copied = "copy t from stdin;";
    let inlined = format!("select E'''; \\{evil}'::text;");
    assert_eq!(
        does(&talk.ended()),
        [
            "select a[1: HOST], : 'USER';",
            copied,
            "1",
            "\\.",
            copied,
            evil,
            "no end",
            "\\.",
            copied,
            "1",
            "\\.",
            &inlined,
            "\\unrestrict 0123456789abcdef",
        ]
    );
}

#[test]
fn what_a_script_cannot_hold_is_said() {
    let mut talk = Talk::begun();
    talk.simple("copy t from stdin (format binary)").copy_start(CopyDirection::In, 1);
    talk.data(Side::Client, &[b"PGCOPY\n\xff\r\n\0"]).up(QueryEvent::CopyDone).complete("COPY 1").ready(Idle);
    talk.parse("", "select $1").bind("", "", &[(70_000, 1, Some(b"x"))]).execute("", 0).sync();
    talk.done(Acknowledged::Parse).done(Acknowledged::Bind).complete("SELECT 1").ready(Idle);
    talk.execute("unseen", 0).sync().complete("SELECT 1").ready(Idle);
    talk.up(QueryEvent::Simple { text: b"select '\xff'"[..].into() }).complete("SELECT 1").ready(Idle);
    talk.down(QueryEvent::Setting { name: "client_encoding".into(), value: "SJIS".into() });
    talk.up(QueryEvent::Simple { text: b"select '\x83\x5c'"[..].into() }).complete("SELECT 1").ready(Idle);
    talk.simple("select 'lost'");
    let body = body(&talk.events);
    for said in [
        "its 11 B of data are binary, which a script cannot hold\n-- copy t from stdin (format binary)\n",
        "not for psql: a value is of a type that has no text here\n-- select $1\n",
        "portal \"unseen\" was run, which is not known\n",
        "-- This is not valid UTF8; its bytes are as they were sent.\nselect '\u{fffd}';\n",
        "a script cannot be read safely in SJIS\n-- select '\u{fffd}\\'\n",
        "no answer is recorded\n-- select 'lost'\n",
        "-- The recording ends here, and the session did not.\n",
    ] {
        assert!(body.contains(said), "{said:?} is missing:\n{body}");
    }
}

#[test]
fn a_long_text_and_a_long_value_stand_in_full() {
    let mut talk = Talk::begun();
    let query = format!("insert into t values ('{}')", "x".repeat(2_500_000));
    talk.long(Side::Client, b'Q', format!("{query}\0").as_bytes()).complete("INSERT 0 1").ready(Idle);
    let value = "y".repeat(1_500_000);
    let mut bind = b"\0\0\0\0\0\x01".to_vec();
    bind.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
    bind.extend(value.as_bytes());
    bind.extend(b"\0\0");
    talk.parse("", "insert into t values ($1)").long(Side::Client, b'B', &bind).execute("", 0).sync();
    talk.done(Acknowledged::Parse).done(Acknowledged::Bind).complete("INSERT 0 1").ready(Idle);
    talk.simple("copy t from stdin").copy_start(CopyDirection::In, 0);
    let data = "z".repeat(1_200_000);
    talk.long(Side::Client, b'd', format!("{data}\n").as_bytes())
        .up(QueryEvent::CopyDone)
        .complete("COPY 1")
        .ready(Idle);
    assert_eq!(
        does(&talk.ended()),
        [
            format!("{query};"),
            format!("insert into t values ('{value}');"),
            "copy t from stdin;".to_owned(),
            data,
            "\\.".to_owned(),
            "\\unrestrict 0123456789abcdef".to_owned(),
        ]
    );
}

#[test]
fn what_is_left_open_is_rolled_back() {
    let mut talk = Talk::begun();
    talk.run("begin", &["BEGIN"], InTransaction).run("insert into t values (1)", &["INSERT 0 1"], InTransaction);
    assert_eq!(does(&talk.ended())[2], "ROLLBACK;");
}

#[test]
fn commands_of_replication_are_comments() {
    let mut talk = Talk::default();
    talk.events.push(opened());
    let pair = |name: &'static str, value: &'static str| (name.into(), value.into());
    talk.up(QueryEvent::Startup {
        version: 3 << 16,
        parameters: vec![pair("user", "ana"), pair("replication", "database")],
    });
    talk.ready(Idle).run("IDENTIFY_SYSTEM", &["IDENTIFY_SYSTEM"], Idle);
    let script = script(&talk.ended(), sql::Failed::Comment);
    assert!(script.contains("a command of replication is no SQL\n-- IDENTIFY_SYSTEM\n"), "{script}");
}

#[test]
fn a_session_without_a_database_has_no_script() {
    let events = shell_session();
    let settings = Settings { failed: sql::Failed::Comment, key: KEY };
    let error = sql::write("abc", &events, &settings, &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("no SQL"), "{error}");
}
