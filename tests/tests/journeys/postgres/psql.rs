//! psql, as people use it: scripts, a terminal, two sessions that talk to each other, many sessions, a long pause.

use std::time::Duration;

use wiretape_core::event::{QueryEvent, TransactionStatus};
use wiretape_tests::database::{Database, WAYS, Way};
use wiretape_tests::program::Running;
use wiretape_tests::stage::client_script;
use wiretape_tests::terminal::Terminal;

/// `text` with the numbers of server processes blotted out: they differ from session to session.
fn without_processes(text: &str) -> String {
    let mut parts = text.split("server process with PID ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| {
        all + "server process with PID " + part.trim_start_matches(|c: char| c.is_ascii_digit())
    })
}

#[test]
fn a_script_says_the_same_through_the_gateway() {
    let database = Database::new();
    let [direct, through] = WAYS.map(|way| {
        let finished = database.psql(way).arg("-a").arg("-f").arg(client_script("psql_tour.sql")).succeed();
        (without_processes(&finished.text()), without_processes(&finished.errors()))
    });
    assert!(direct.0.lines().count() > 3000 && direct.1.contains("division by zero"), "{}", direct.1);
    assert_eq!(through.1, direct.1);
    assert_eq!(through.0, direct.0);

    let session = database.gateway.record().one();
    assert_eq!((session.text("person"), session.text("target"), session.state()), ("ana", "orders", "closed"));
    session.verified().coded(0);
    let events = session.events();
    let texts: Vec<String> = events
        .query()
        .filter_map(|event| match event {
            QueryEvent::Simple { text } => Some(String::from_utf8_lossy(text).into_owned()),
            _ => None,
        })
        .collect();
    assert!(texts.iter().any(|text| text == "SELECT 1 AS reached; SELECT 1 / 0; SELECT 2 AS never;"), "{texts:#?}");
    let mut states = events.query().filter_map(|event| match event {
        QueryEvent::Ready { status } => Some(*status),
        _ => None,
    });
    assert!(states.any(|status| status == TransactionStatus::Failed), "a transaction that failed");
    let rows: u32 = events
        .query()
        .map(|event| match event {
            QueryEvent::Rows { count, .. } => *count,
            _ => 0,
        })
        .sum();
    assert!(rows > 3000, "{rows}");
    for name in ["query.startup", "query.setting", "query.key", "query.columns", "query.complete", "query.error"] {
        assert!(events.has(name), "{name}");
    }
    for name in ["query.notice", "query.notification", "query.copy-start", "query.copy-data", "query.terminate"] {
        assert!(events.has(name), "{name}");
    }
}

/// The line of a shell that starts psql in a terminal, through the gateway.
fn psql_line(database: &Database) -> String {
    let file = database.folder.write("pgpass", format!("*:*:*:*:{}\n", database.token.secret));
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("permissions");
    let address = database.gateway.postgres();
    // Ctrl-C reaches the shell around it too, which is to go on and say how psql ended.
    format!(
        "trap : INT; PGPASSFILE={} PSQLRC=/dev/null PAGER= {}/psql 'host=127.0.0.1 port={} user=ana dbname=orders'",
        file.display(),
        wiretape_tests::postgres::packaged().display(),
        address.port(),
    )
}

#[test]
fn a_person_at_a_terminal() {
    let database = Database::new();
    let terminal = Terminal::start(&database.folder, 120, 40, &psql_line(&database));
    terminal.wait("SSL connection");
    terminal.wait("orders=#");
    terminal.enter("CREATE TABLE seen (id int, word text);");
    terminal.wait("CREATE TABLE");
    // A statement over several lines: the prompt says so.
    terminal.enter("INSERT INTO seen");
    terminal.wait("orders-#");
    terminal.enter("VALUES (1, 'one");
    terminal.wait("orders'#");
    terminal.enter("and a half');");
    terminal.wait("INSERT 0 1");
    terminal.enter("\\d seen");
    terminal.wait("Table \"public.seen\"");
    terminal.enter("SELECT nothing;");
    terminal.wait("ERROR:  column \"nothing\" does not exist");
    terminal.enter("BEGIN;");
    terminal.wait("orders=*#");
    terminal.enter("SELECT broken;");
    terminal.wait("orders=!#");
    terminal.enter("ROLLBACK;");
    terminal.wait("ROLLBACK");
    terminal.enter("\\copy seen TO 'copied'");
    terminal.wait("COPY 1");
    assert_eq!(std::fs::read_to_string(database.folder.join("copied")).expect("a copy"), "1\tone\\nand a half\n");
    // Tab asks the server for names.
    terminal.type_text("SELECT word FROM see");
    terminal.press("Tab");
    terminal.wait("SELECT word FROM seen");
    terminal.enter(";");
    terminal.wait("and a half");
    terminal.enter("\\q");
    assert_eq!(terminal.exit(), 0);
    let session = database.gateway.record().one();
    assert_eq!(session.state(), "closed");
    let texts = session.events().everything();
    assert!(texts.contains("INSERT INTO seen\\nVALUES (1, 'one\\nand a half');"), "the statement as it was sent");
}

#[test]
fn control_c_cancels_what_runs_and_the_session_goes_on() {
    let database = Database::new();
    let terminal = Terminal::start(&database.folder, 100, 30, &psql_line(&database));
    terminal.wait("orders=#");
    for round in 1..=3 {
        terminal.enter("SELECT pg_sleep(240);");
        let running =
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(240);'";
        wiretape_tests::stage::wait_until("the query at the server", || database.server.tell(running) == "1");
        terminal.press("C-c");
        terminal.wait_for("the query's end", |screen| {
            screen.iter().filter(|line| line.contains("canceling statement due to user request")).count() == round
        });
    }
    terminal.enter("SELECT 'alive ' || 6 * 7 AS state;");
    terminal.wait("alive 42");
    terminal.enter("\\q");
    assert_eq!(terminal.exit(), 0);
    let session = database.gateway.record().one();
    let cancels = session.events().query().filter(|event| matches!(event, QueryEvent::Cancel { .. })).count();
    assert_eq!(cancels, 3, "each request to cancel is on the session's tape");
}

/// psql that reads what it is told, line by line.
fn held(database: &Database) -> Running {
    database.psql(Way::Gateway).args(["-A", "-t"]).input_held().start()
}

#[test]
fn one_session_hears_what_another_notifies() {
    let database = Database::new();
    let mut listener = held(&database);
    listener.say(b"LISTEN news;\nSELECT 'listens';\n").expect("it reads");
    listener.wait_printed("listens");
    database.psql(Way::Gateway).args(["-c", "NOTIFY news, 'what happened'"]).succeed();
    listener.say(b"SELECT 'asked again';\n").expect("it reads");
    listener.wait_printed("Asynchronous notification \"news\" with payload \"what happened\" received");
    listener.finish().good();
    let heard = database.gateway.record().ended(2).iter().any(|session| {
        session
            .events()
            .query()
            .any(|event| matches!(event, QueryEvent::Notification { payload, .. } if &payload[..] == b"what happened"))
    });
    assert!(heard, "the notification is on the listener's tape");
}

#[test]
fn a_notification_comes_without_a_question() {
    let database = Database::new();
    // psql looks only after a query, so the query is there before: it ends after the notification was sent.
    let mut listener = held(&database);
    listener.say(b"LISTEN news;\n\\echo listens\n").expect("it reads");
    listener.wait_printed("listens");
    database.server.tell("NOTIFY news, 'unasked'");
    // It is on the tape before anybody asks again.
    wiretape_tests::stage::wait_until("the notification on the tape", || {
        let sessions = database.gateway.record().sessions();
        sessions.iter().any(|session| session.events().has("query.notification"))
    });
    listener.finish().good();
}

#[test]
fn a_session_goes_on_after_a_pause() {
    let database = Database::new();
    let mut session = held(&database);
    session.say(b"CREATE TEMP TABLE kept (n int); INSERT INTO kept VALUES (7);\n\\echo before\n").expect("it reads");
    session.wait_printed("before");
    // Longer than what is kept for busy sessions is kept.
    std::thread::sleep(Duration::from_secs(6));
    session.say(b"SELECT 'after ' || n FROM kept;\n").expect("it reads");
    session.wait_printed("after 7");
    session.finish().good();
    assert_eq!(database.gateway.record().one().state(), "closed");
}

#[test]
fn fifty_sessions_at_once() {
    let database = Database::new();
    let mut sessions: Vec<Running> = (0..50).map(|_| held(&database)).collect();
    for (number, session) in sessions.iter_mut().enumerate() {
        let words = format!("CREATE TEMP TABLE own (n int); INSERT INTO own VALUES ({number});\n\\echo ready\n");
        session.say(words.as_bytes()).expect("it reads");
    }
    for session in &sessions {
        session.wait_printed("ready");
    }
    for session in &mut sessions {
        session
            .say(b"SELECT n * 2, md5(string_agg(g::text, '')) FROM own, generate_series(1, 20000) g GROUP BY n;\n")
            .expect("it reads");
    }
    for (number, session) in sessions.into_iter().enumerate() {
        let text = session.finish().good().text();
        assert!(text.contains(&format!("{}|", number * 2)), "{text}");
    }
    let recorded = database.gateway.record().ended(50);
    let mut numbers: Vec<usize> = recorded
        .iter()
        .map(|session| {
            session.verified().coded(0);
            own_number(&session.events().everything())
        })
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..50).collect::<Vec<_>>(), "each session has a tape with its own");
}

/// The number in the statement that only one of the sessions sent.
fn own_number(text: &str) -> usize {
    let (_, rest) = text.split_once("INSERT INTO own VALUES (").expect("the statement is on the tape");
    rest.split(')').next().and_then(|number| number.parse().ok()).expect("a number")
}

#[test]
fn two_hundred_megabytes_by_psql() {
    super::drivers::bulk(|database, sent, back| {
        let copies = format!("\\copy bulk FROM '{}'\n\\copy bulk TO '{}'\n", sent.display(), back.display());
        database.psql(Way::Gateway).args(["-v", "ON_ERROR_STOP=1"]).input(copies).succeed();
    });
}

#[test]
fn a_result_of_two_hundred_megabytes_is_the_same_and_on_the_tape() {
    let database = Database::new();
    let query = "SELECT n, repeat(md5(n::text), 30) FROM generate_series(1, 200000) n";
    let [direct, through] = WAYS.map(|way| {
        let file = database.folder.join(&format!("{way:?}"));
        database.psql(way).args(["-At", "-c", query]).output_file(&file).succeed();
        wiretape_tests::random::digest(&file)
    });
    assert_eq!(through, direct);
    let session = database.gateway.record().one();
    let counted = session.rows();
    assert_eq!(counted, 200_000);
    assert!(session.number("upstream_bytes") > 190_000_000, "{}", session.number("upstream_bytes"));
    session.verified().coded(0);
}

#[test]
fn the_target_behind_the_person_leaves_databases_their_own_names() {
    let database = Database::new();
    let script = "SELECT current_database();\n\\c template1\nSELECT current_database();\n\\c orders\nSELECT 1;\n";
    let file = database.folder.write("script.sql", script);
    let finished = database
        .psql(Way::Gateway)
        .args(["-At", "-v", "ON_ERROR_STOP=1"])
        .env("PGUSER", "ana@orders")
        .arg("-f")
        .arg(file);
    assert_eq!(finished.succeed().text(), "orders\ntemplate1\n1\n");
    for session in database.gateway.record().ended(3) {
        assert_eq!((session.text("person"), session.text("target")), ("ana", "orders"));
    }
}
