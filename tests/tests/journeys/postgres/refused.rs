//! Who is not let in, what is no PostgreSQL, servers that are not there: a clear word with its SQLSTATE, a record, and a
//! gateway that goes on.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use wiretape_core::event::QueryEvent;
use wiretape_tests::configuration::{Target, User};
use wiretape_tests::database::{Database, Way};
use wiretape_tests::postgres::{Method, Settings};
use wiretape_tests::program::{Finished, Program};
use wiretape_tests::secrets::{self, Token};
use wiretape_tests::stage::{client_python, wait_until};

/// `psql` through the gateway with these variables of libpq changed.
fn psql(database: &Database, variables: &[(&str, &str)]) -> Finished {
    let mut psql = database.psql(Way::Gateway).args(["-v", "VERBOSITY=verbose", "-Atc", "SELECT 6 * 7"]);
    for (name, value) in variables {
        psql = psql.env(name, value);
    }
    psql.finish()
}

fn works(database: &Database) {
    assert_eq!(psql(database, &[]).good().text(), "42\n");
}

/// The SQLSTATE and the text of the error that ends a session before it began, as a driver sees them.
fn error(database: &Database, variables: &[(&str, &str)]) -> (String, String) {
    let script = "import psycopg, sys\n\
        try:\n\
        \x20   psycopg.connect(connect_timeout=50)\n\
        except psycopg.OperationalError as e:\n\
        \x20   r = e.pgconn.error_message.decode() if e.pgconn else str(e)\n\
        \x20   print(r)\n\
        else:\n\
        \x20   sys.exit('it was let in')\n";
    let mut python =
        database.shown(Way::Gateway, Program::new(client_python())).args(["-c", script]).env("PGSSLMODE", "require");
    for (name, value) in variables {
        python = python.env(name, value);
    }
    let text = python.succeed().text();
    let raw = raw_error(database, variables);
    (raw, text)
}

/// The SQLSTATE of the `ErrorResponse`, read from the socket.
fn raw_error(database: &Database, variables: &[(&str, &str)]) -> String {
    let value = |name: &str, default: &str| {
        variables.iter().find(|(known, _)| *known == name).map_or(default, |(_, value)| value).to_owned()
    };
    let (user, token) = database.login(Way::Gateway);
    let mut socket = connect(database.gateway.postgres());
    socket.write_all(&startup(&value("PGUSER", user), &value("PGDATABASE", "orders"))).expect("it listens");
    let mut head = [0; 9];
    socket.read_exact(&mut head).expect("it asks for a password");
    assert_eq!(head, [b'R', 0, 0, 0, 8, 0, 0, 0, 3]);
    let password = value("PGPASSWORD", token);
    let mut message = vec![b'p'];
    message.extend(u32::try_from(password.len() + 5).expect("short").to_be_bytes());
    message.extend(password.as_bytes());
    message.push(0);
    socket.write_all(&message).expect("it listens");
    code_of(&rest(&mut socket))
}

fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).expect("the gateway listens");
    socket.set_read_timeout(Some(Duration::from_secs(100))).expect("a timeout");
    socket
}

fn startup(user: &str, database: &str) -> Vec<u8> {
    let body = [&[0, 3, 0, 0], format!("user\0{user}\0database\0{database}\0\0").as_bytes()].concat();
    [&u32::try_from(body.len() + 4).expect("short").to_be_bytes()[..], &body].concat()
}

/// Everything up to the end of the connection.
fn rest(socket: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    match socket.read_to_end(&mut bytes) {
        Ok(_) => {}
        // What we sent and nobody read makes the system say so at the end.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the connection does not end: {error}"),
    }
    bytes
}

/// The SQLSTATE in the first message, which must be an `ErrorResponse` of severity FATAL.
fn code_of(bytes: &[u8]) -> String {
    assert_eq!(bytes.first(), Some(&b'E'), "{:?}", String::from_utf8_lossy(bytes));
    let fields: Vec<&[u8]> = bytes[5..].split(|byte| *byte == 0).collect();
    assert!(fields.contains(&&b"SFATAL"[..]), "{fields:?}");
    let code = fields.iter().find_map(|field| field.strip_prefix(b"C")).expect("a code");
    String::from_utf8(code.to_vec()).expect("a code is text")
}

#[test]
fn who_is_not_known_hears_no_more_than_that() {
    let database = Database::new();
    let other = Token::make("ana");
    for variables in [[("PGPASSWORD", other.secret.as_str())], [("PGPASSWORD", "guess")], [("PGUSER", "eve")]] {
        let (code, text) = error(&database, &variables);
        assert_eq!(code, "28P01", "{variables:?}");
        assert!(text.contains("the token is not that of"), "{text}");
        assert!(text.contains("HINT:  the password is your token for this gateway"), "{text}");
    }
    let sessions = database.gateway.record().ended(6);
    for session in &sessions {
        assert_eq!((session.state(), session.text("person"), session.text("target")), ("refused", "", "orders"));
        assert!(session.reason().contains("it called itself"), "{}", session.reason());
    }
    works(&database);
    secrets::are_nowhere(&database.gateway, &[&other.secret, &database.token.secret, database.server.password()]);
}

#[test]
fn a_target_that_is_not_there_or_not_for_one_is_the_same() {
    let bob = Token::make("bob");
    let database = Database::with(
        |_| Settings::default(),
        |folder, server, configuration| {
            let file = folder.join("password");
            configuration.users.push(User::named("bob").line(&bob.line).line("groups = [\"few\"]"));
            let target = Target::database("few", server.address(), &file).line("groups = [\"few\"]");
            configuration.targets.push(target);
            configuration.targets.push(Target::command("shell", &["sh"]));
        },
    );
    for (name, hint) in [("few", "yours are: orders"), ("nothing", "yours are: orders"), ("nothing/orders", "orders")] {
        let (code, text) = error(&database, &[("PGDATABASE", name)]);
        assert_eq!(code, "3D000", "{name}");
        let told = name.split('/').next().expect("a name");
        assert!(text.contains(&format!("there is no target \"{told}\" for you here")), "{text}");
        assert!(text.contains(hint), "{text}");
    }
    let (code, text) = error(&database, &[("PGDATABASE", "shell")]);
    assert_eq!(code, "3D000");
    assert!(text.contains("the target shell is no database: it is of kind command"), "{text}");
    let bobs = [("PGUSER", "bob"), ("PGPASSWORD", bob.secret.as_str())];
    psql(&database, &[bobs[0], bobs[1], ("PGDATABASE", "few")]).good();
    // Another database at the same server; and one that is not there, in the server's own words.
    psql(&database, &[("PGDATABASE", "orders/postgres")]).good();
    let (code, text) = error(&database, &[("PGDATABASE", "orders/nowhere")]);
    assert_eq!(code, "3D000");
    assert!(text.contains("database \"nowhere\" does not exist"), "{text}");
}

#[test]
fn a_server_that_is_down_comes_back_and_breaks_is_told_apart() {
    let mut database = Database::new();
    works(&database);
    database.server.stop();
    let (code, text) = error(&database, &[]);
    assert_eq!(code, "08001");
    assert!(text.contains("cannot reach the target orders: no connection to"), "{text}");
    database.server.start_again(&database.folder);
    works(&database);

    // In the middle of a query: once with a word of the server's own, once without any.
    for crash in [false, true] {
        let session = database.psql(Way::Gateway).args(["-c", "SELECT 'begun'", "-c", "SELECT pg_sleep(600)"]).start();
        let begun = || database.server.tell("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)'");
        wait_until("it sleeps", || begun() == "1");
        if crash {
            let sleeper = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600)'";
            let pid = database.server.tell(sleeper);
            Program::new("kill").args(["-9", &pid]).succeed();
        } else {
            database.server.stop();
            database.server.start_again(&database.folder);
        }
        let finished = session.finish();
        assert!(!finished.status.success());
        let expected = match crash {
            false => "FATAL:  terminating connection due to administrator command",
            true => "the target closed the connection",
        };
        assert!(finished.errors().contains(expected), "{}", finished.errors());
        wait_until("the server is well again", || psql(&database, &[]).status.success());
    }
}

#[test]
fn a_server_that_refuses_the_gateways_own_login_is_said_so() {
    let database = Database::with(
        |_| Settings::by(Method::Scram),
        |folder, _, configuration| {
            let file = folder.write("wrong", "not-the-password\n");
            let line = format!("credential = {{ password_file = {:?} }}", file.display().to_string());
            configuration.target("orders").set(&line);
        },
    );
    let (code, text) = error(&database, &[]);
    assert_eq!(code, "28000");
    assert!(text.contains("the target orders refused the gateway's own login \"app\""), "{text}");
    secrets::are_nowhere(&database.gateway, &["not-the-password", &database.token.secret]);
    for session in database.gateway.record().ended(2) {
        assert_eq!(session.text("person"), "ana");
        assert!(session.events().query().any(|event| matches!(event, QueryEvent::Error { .. })));
    }

    let database = Database::with(
        |_| Settings::by(Method::Scram),
        |_, _, configuration| configuration.target("orders").unset("credential"),
    );
    let (code, text) = error(&database, &[]);
    assert_eq!(code, "08001");
    assert!(text.contains("add a credential to the target"), "{text}");
}

#[test]
fn what_is_no_postgresql_is_told_so_and_recorded() {
    let database = Database::new();
    let address = database.gateway.postgres();
    let cases: &[(&str, &[u8], &str)] = &[
        ("an HTTP request", b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n", "08P01"),
        ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n", "08P01"),
        ("zeros", &[0; 64], "08P01"),
        ("a length of seven", &[0, 0, 0, 7, 0, 3, 0, 0], "08P01"),
        ("an oversized packet", &[0, 0, 0x27, 0x11, 0, 3, 0, 0], "08P01"),
        ("protocol 2.0", &[0, 0, 0, 8, 0, 2, 0, 0], "0A000"),
        ("a version of nobody's", &[0, 0, 0, 8, 9, 9, 9, 9], "08P01"),
        ("settings without an end", b"\x00\x00\x00\x0c\x00\x03\x00\x00user", "08P01"),
        ("no user", b"\x00\x00\x00\x09\x00\x03\x00\x00\x00", "28000"),
        ("a cancel request without a key", &[0, 0, 0, 12, 4, 210, 22, 46, 0, 0, 0, 1], "08P01"),
    ];
    for (what, bytes, code) in cases {
        let mut socket = connect(address);
        socket.write_all(bytes).expect("it listens");
        assert_eq!(code_of(&rest(&mut socket)), *code, "{what}");
    }
    let sessions = database.gateway.record().ended(cases.len());
    assert!(sessions.iter().all(|session| session.state() == "refused"));

    // Where a password is expected: another message, one that is too long, one that says it is shorter than nothing.
    let passwords: [&[u8]; 3] = [b"Q\0\0\0\x09hell\0", b"p\x7f\xff\xff\xff", b"p\0\0\0\x03"];
    for bytes in passwords {
        let mut socket = connect(address);
        socket.write_all(&startup("ana", "orders")).expect("it listens");
        let mut asked = [0; 9];
        socket.read_exact(&mut asked).expect("it asks for a password");
        socket.write_all(bytes).expect("it listens");
        assert_eq!(code_of(&rest(&mut socket)), "08P01", "{bytes:?}");
    }
    // A client that breaks off leaves no record, whatever it was about to say.
    for length in 0..8 {
        drop(connect(address).write_all(&startup("ana", "orders")[..length]));
    }
    let mut socket = connect(address);
    socket.write_all(&[0x16, 3, 1, 0, 4, 9, 9, 9, 9]).expect("it listens");
    let _alert = rest(&mut socket);
    works(&database);
    assert_eq!(database.gateway.record().ended(cases.len() + 4).len(), cases.len() + 4);
}

#[test]
fn clear_text_behind_an_offer_of_tls_is_not_taken_for_what_was_encrypted() {
    let database = Database::new();
    let mut socket = connect(database.gateway.postgres());
    let offer = [0, 0, 0, 8, 4, 210, 22, 47];
    socket.write_all(&[&offer[..], &startup("ana", "orders")].concat()).expect("it listens");
    let answer = rest(&mut socket);
    assert_eq!(answer.first(), Some(&b'S'));
    assert!(!answer.windows(9).any(|window| window == [b'R', 0, 0, 0, 8, 0, 0, 0, 3]), "it asked for a password");
    works(&database);
}

#[test]
fn a_crowd_that_only_stands_there_keeps_nobody_out() {
    let database = Database::new();
    let address = database.gateway.postgres();
    let before = resident(database.gateway.number());
    let mut crowd = Vec::new();
    for number in 0..10_000 {
        match TcpStream::connect(address) {
            Ok(mut socket) => {
                // Some say nothing, some half a packet, some all but the password.
                let said = startup("ana", "orders");
                let _left = socket.write_all(&said[..[0, 5, said.len()][number % 3]]);
                crowd.push(socket);
            }
            // This test's own limit of open files.
            Err(error) => {
                assert!(number > 500, "only {number} connections: {error}");
                break;
            }
        }
    }
    works(&database);
    let grown = resident(database.gateway.number()).saturating_sub(before);
    assert!(grown < 256 << 10, "{} connections cost {grown} KiB", crowd.len());
    drop(crowd);
    works(&database);
}

/// The memory of a process that is in use, in KiB.
fn resident(number: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{number}/status")).expect("the gateway runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn who_does_not_log_in_in_time_has_to_leave() {
    let database = Database::new();
    let mut socket = connect(database.gateway.postgres());
    socket.write_all(&startup("ana", "orders")).expect("it listens");
    let mut asked = [0; 9];
    socket.read_exact(&mut asked).expect("it asks for a password");
    assert_eq!(code_of(&rest(&mut socket)), "57014");
    let session = database.gateway.record().one();
    assert_eq!((session.state(), session.text("target")), ("refused", "orders"));
    assert!(session.reason().contains("no login within"), "{}", session.reason());
}

#[test]
fn nobody_cancels_a_session_that_is_not_his() {
    let database = Database::new();
    let session = database.psql(Way::Gateway).args(["-Atc", "SELECT pg_sleep(20), 'slept'"]).start();
    let sleeps = || database.server.tell("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%slept%'");
    wait_until("it sleeps", || sleeps() != "1");
    // The server's own process number, which a person can see, and every short guess of a key.
    let sleeper = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(20)%'";
    let pid: u32 = database.server.tell(sleeper).parse().expect("a number");
    for key in [0_u32, 1, u32::MAX, pid] {
        let mut socket = connect(database.gateway.postgres());
        let packet = [16, 80_877_102, pid, key].map(u32::to_be_bytes).concat();
        socket.write_all(&packet).expect("it listens");
        assert!(rest(&mut socket).is_empty(), "a cancel request has no answer");
    }
    assert_eq!(session.finish().good().text(), "|slept\n");
    let recorded = database.gateway.record().one();
    assert!(!recorded.events().has("query.cancel"));
}
