//! What a recorded database session is for: to be read, and to be run again.

use wiretape_tests::database::{Database, Way};
use wiretape_tests::program::Program;
use wiretape_tests::record::Session;
use wiretape_tests::stage::client_python;

/// What a person and a program do: rows by text and by binary parameters, a copy, what fails and what is undone.
const PSQL: &str = r"CREATE TABLE people (id serial PRIMARY KEY, name text, born date);
INSERT INTO people (name, born) VALUES ('Ana', '1990-01-02'), (E'two\nlines', NULL);
SELECT id, name, born FROM people ORDER BY id;
BEGIN;
INSERT INTO people (name) VALUES ('undone');
SELECT nothing;
ROLLBACK;
COPY people (name) FROM STDIN;
copied
a \\ and a \t tab
\.
";

const PYTHON: &str = r"
import psycopg, datetime
with psycopg.connect(autocommit=True) as c:
    c.execute('INSERT INTO people (name, born) VALUES (%s, %s)', ('by text', '2000-02-03'))
    c.execute('INSERT INTO people (name, born) VALUES (%b, %b)', ('by binary', datetime.date(2001, 3, 4)))
    c.execute('INSERT INTO people (name) VALUES (%s)', ('\\! touch planted\n\\! touch planted',))
    with c.cursor().copy('COPY people (name) FROM STDIN') as copy:
        copy.write_row(['from a program\n\\! touch planted'])
";

fn people(database: &Database, name: &str) -> String {
    let psql = database.psql(Way::Direct).env("PGDATABASE", name);
    psql.args(["-Atc", "SELECT name, born FROM people ORDER BY name, born"]).succeed().text()
}

#[test]
fn a_session_reads_as_psql_showed_it() {
    let database = Database::new();
    let file = database.folder.write("script.sql", PSQL);
    let shown = database.psql(Way::Gateway).arg("-f").arg(file).succeed();
    let session = database.gateway.record().one();
    let read = session.program("replay", &[]).succeed().text();
    let shown = shown.text();
    let table: Vec<&str> = shown.lines().filter(|line| !line.is_empty()).collect();
    assert!(table.len() > 5, "{table:?}");
    let lines: Vec<&str> =
        read.lines().filter_map(|line| line.split_once("│ ")).map(|(_, shown)| shown.trim_end()).collect();
    for line in table {
        assert!(lines.contains(&line.trim_end()), "{line:?} is not in\n{read}");
    }
    assert!(read.contains("ERROR:  column \"nothing\" does not exist"), "{read}");
    assert!(read.contains("orders=!# ROLLBACK;"), "{read}");
    let one = session.program("replay", &["--rows", "1"]).succeed().text();
    assert!(one.contains("Ana") && one.len() < read.len(), "{one}");
}

#[test]
fn an_exported_session_runs_again() {
    let database = Database::new();
    let file = database.folder.write("script.sql", PSQL);
    database.psql(Way::Gateway).arg("-f").arg(file).succeed();
    let program = database.shown(Way::Gateway, Program::new(client_python()));
    program.args(["-c", PYTHON]).succeed();
    database.server.tell("CREATE DATABASE again");
    for session in order(database.gateway.record().ended(2)) {
        let script = session.program("export", &["--sql"]).succeed();
        let file = database.folder.write("again.sql", script.stdout);
        database.psql(Way::Direct).env("PGDATABASE", "again").arg("-X").arg("-f").arg(file).succeed();
    }
    let expected = people(&database, "orders");
    assert_eq!(expected.lines().count(), 11, "{expected}");
    assert_eq!(people(&database, "again"), expected);
    assert!(!database.folder.join("planted").exists(), "what was said is no command of psql");
}

/// The session that made the table first.
fn order(sessions: Vec<Session>) -> Vec<Session> {
    let (first, rest): (Vec<_>, Vec<_>) =
        sessions.into_iter().partition(|session| session.events().everything().contains("CREATE TABLE people"));
    first.into_iter().chain(rest).collect()
}
