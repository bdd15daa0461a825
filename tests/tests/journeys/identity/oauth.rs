//! Logins of PostgreSQL clients by OAuth: psql of PostgreSQL 18, which goes to the issuer by itself, a program that has a
//! token and gives it to its libpq, clients that know nothing of it, and whatever else comes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use serde_json::json;
use wiretape_core::event::QueryEvent;
use wiretape_tests::database::{Database, Way};
use wiretape_tests::issuer::Issuer;
use wiretape_tests::postgres::Settings;
use wiretape_tests::program::{Finished, Program};
use wiretape_tests::secrets;
use wiretape_tests::stage::{client_python, wait_until};

use super::stage::{opened, trust};

/// By what a client says that it logs in by OAuth.
const OPTIONS: &str = "-c wiretape.login=oauth";

fn database() -> (Database, Issuer) {
    let mut issuer = None;
    let database =
        Database::with(|_| Settings::default(), |folder, _, configuration| issuer = Some(trust(folder, configuration)));
    (database, issuer.expect("it was started"))
}

/// A psql that knows logins by OAuth.
fn newer_psql() -> PathBuf {
    let program = std::env::var_os("WIRETAPE_PSQL_OAUTH").map(PathBuf::from).filter(|program| program.is_file());
    program.expect("`cargo xtask test` fetches a psql that knows logins by OAuth, and names it")
}

/// `program` as `user`, with nothing to show but what it gets from the issuer.
fn dressed(database: &Database, program: Program, user: &str) -> Program {
    let program = database.shown(Way::Gateway, program).env("PGUSER", user).env("PGPASSWORD", "");
    // The issuer of the tests is reached without TLS, which libpq does for tests alone.
    program.env("PGSSLMODE", "require").env("PGREQUIREAUTH", "oauth").env("PGOAUTHDEBUG", "UNSAFE")
}

fn place(issuer: &Issuer, options: &str) -> String {
    format!("oauth_issuer={} oauth_client_id=psql options='{options}'", issuer.url())
}

/// Has psql say `words`, while `login` logs in where it sends its user.
fn by_device(database: &Database, issuer: &Issuer, options: &str, login: &str, words: &[&str]) -> Finished {
    let program = Program::new(newer_psql()).arg("--quiet").arg(place(issuer, options)).arg("-At");
    let running = dressed(database, program, "bob").args(words).start();
    let shown = running.error_line("Visit ");
    let (address, code) = shown.trim().split_once(" and enter the code: ").unwrap_or_else(|| panic!("{shown}"));
    issuer.person(&format!("{address}?user_code={code}"), login);
    running.finish()
}

/// The access token that libpq got from the issuer, which it shows where it is told to show everything.
fn token_of(finished: &Finished) -> String {
    let errors = finished.errors();
    let behind = errors.split("\"access_token\":\"").nth(1).unwrap_or_else(|| panic!("{errors}"));
    behind.split('"').next().expect("a token").to_owned()
}

#[test]
fn psql_sends_its_user_to_the_issuer_and_comes_back_with_a_token() {
    let (database, issuer) = database();
    let options = format!("{OPTIONS} -c work_mem=5MB");
    let words = ["-c", "SELECT 6 * 7", "-c", "SHOW work_mem", "-c", "SHOW wiretape.login"];
    let finished = by_device(&database, &issuer, &options, "bob", &words);
    // What is for the gateway never came to the server; what is for the server did.
    assert_eq!((finished.code(), finished.text().trim()), (1, "42\n5MB"), "{}", finished.errors());
    assert!(finished.errors().contains("unrecognized configuration parameter"), "{}", finished.errors());

    // That psql had to ask first is no session, and nobody's failure.
    let session = database.gateway.record().one();
    let opened = opened(&session);
    assert_eq!((opened.person.as_str(), opened.kind.name(), opened.subject.as_str()), ("bob", "person", "bob"));
    assert_eq!((opened.issuer.as_str(), opened.client_program.as_str()), (issuer.url(), "psql"));
    assert_eq!(opened.groups, ["leads", "dev"].map(str::to_owned), "those that the token names");
    assert!(opened.proof.starts_with("token "), "{}", opened.proof);
    let statements = session.events();
    let statements = statements.query().filter(|event| matches!(event, QueryEvent::Simple { .. })).count();
    assert_eq!(statements, 3);
    session.verified().coded(0);
    secrets::are_nowhere(&database.gateway, &[&token_of(&finished)]);
}

#[test]
fn who_logs_in_at_the_issuer_as_somebody_else_is_told_so() {
    let (database, issuer) = database();
    let finished = by_device(&database, &issuer, &format!("{OPTIONS}:corp"), "eve", &["-c", "SELECT 1"]);
    assert_eq!(finished.code(), 2, "{}", finished.text());
    assert!(finished.errors().contains("the token is not that of \"bob\""), "{}", finished.errors());
    let session = database.gateway.record().one();
    assert_eq!((session.state(), session.text("target")), ("refused", "orders"));
    assert!(session.reason().contains("it called itself \"bob\""), "{}", session.reason());
    secrets::are_nowhere(&database.gateway, &[&token_of(&finished)]);
}

/// psycopg, with `token` to give.
fn giving(database: &Database, issuer: &Issuer, user: &str, options: &str, token: &str) -> Program {
    let file = database.folder.write("given", token);
    let script = wiretape_tests::stage::client_script("psycopg_oauth.py");
    let program = Program::new(client_python()).arg(script).arg(place(issuer, options)).arg(file);
    dressed(database, program, user).arg("SELECT 6 * 7")
}

#[test]
fn a_program_gives_its_libpq_a_token() {
    let (database, issuer) = database();
    let acting = json!({"claims": {"sub": "bob", "act": {"sub": "planner"}}});
    let token = issuer.mint(&acting);
    let finished = giving(&database, &issuer, "planner", OPTIONS, &token).succeed();
    let told = format!("{}/.well-known/openid-configuration openid profile email", issuer.url());
    assert_eq!(finished.text(), format!("{told}\n42\n"));
    let session = database.gateway.record().one();
    let opened = opened(&session);
    assert_eq!((opened.person.as_str(), opened.kind.name(), opened.on_behalf_of.as_str()), ("planner", "agent", "bob"));
    secrets::are_nowhere(&database.gateway, &[&token]);
}

#[test]
fn a_token_that_is_not_good_is_refused_in_words() {
    let (database, issuer) = database();
    let mut tokens = Vec::new();
    for (bad, words) in [
        (json!({"claims": {"sub": "bob", "exp": super::now() - 100}}), "ended 100 seconds ago"),
        (json!({"claims": {"sub": "bob", "aud": "shop"}}), "the token is for \"shop\", not for this gateway"),
        (json!({"claims": {"sub": "bob"}, "key": "other"}), "the token's signature is wrong"),
        (json!({"claims": {"sub": "bob"}, "key": "none", "header": {"alg": "none"}}), "signed by \"none\""),
        (json!({"claims": {"sub": "eve"}}), "the token is not that of \"bob\""),
    ] {
        let token = issuer.mint(&bad);
        let finished = giving(&database, &issuer, "bob", OPTIONS, &token).finish();
        assert_eq!(finished.code(), 1, "{words}: {}", finished.text());
        let errors = finished.errors();
        // A second more may have gone by.
        let words = words.trim_start_matches("ended 100");
        assert!(errors.contains(words) && errors.contains("HINT:  the token is one of an issuer"), "{words}: {errors}");
        tokens.push(token);
    }
    let sessions = database.gateway.record().ended(5);
    assert!(sessions.iter().all(|session| session.state() == "refused"));
    secrets::are_nowhere(&database.gateway, &tokens.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn who_says_nothing_logs_in_by_password_and_who_cannot_says_so_itself() {
    let (database, issuer) = database();
    let token = issuer.mint(&json!({"claims": {"sub": "bob"}}));
    let options = |psql: Program, options: &str| {
        psql.env("PGUSER", "bob").env("PGPASSWORD", &token).env("PGOPTIONS", options).args(["-Atc", "SELECT 6 * 7"])
    };
    let newer = || database.shown(Way::Gateway, Program::new(newer_psql()));
    for psql in [database.psql(Way::Gateway), newer()] {
        assert_eq!(options(psql, "").succeed().text(), "42\n");
    }
    assert_eq!(options(newer(), "-c wiretape.login=password").succeed().text(), "42\n");
    let told = options(database.psql(Way::Gateway), OPTIONS).finish();
    assert_eq!(told.code(), 2);
    assert!(
        told.errors().contains("none of the server's SASL authentication mechanisms are supported"),
        "{}",
        told.errors()
    );
    for (wrong, words) in [
        ("-c wiretape.login=kerberos", "wiretape.login is password, oauth, or oauth:<name of an issuer>"),
        ("-c wiretape.logon=oauth", "the gateway knows no such setting"),
        ("-c wiretape.login=oauth:nobody", "is none at which one can log in"),
    ] {
        let told = options(database.psql(Way::Gateway), wrong).finish();
        assert_eq!(told.code(), 2);
        assert!(told.errors().contains(words), "{wrong}: {}", told.errors());
    }
}

/// A client that says what it likes, after a startup packet that asks for a login by OAuth.
struct Raw(TcpStream);

impl Raw {
    fn new(database: &Database) -> Self {
        let socket = TcpStream::connect(database.gateway.postgres()).expect("the gateway listens");
        socket.set_read_timeout(Some(Duration::from_secs(100))).expect("a timeout");
        let settings = format!("user\0bob\0database\0orders\0options\0{OPTIONS}\0\0");
        let body = [&[0, 3, 0, 0], settings.as_bytes()].concat();
        let mut raw = Self(socket);
        raw.say(&[&u32::try_from(body.len() + 4).expect("short").to_be_bytes()[..], &body].concat());
        assert_eq!(raw.hear(), (b'R', b"\0\0\0\x0aOAUTHBEARER\0\0".to_vec()));
        raw
    }

    fn say(&mut self, bytes: &[u8]) {
        // Whoever was refused already is not read any more.
        let _closed = self.0.write_all(bytes);
    }

    fn answer(&mut self, body: &[u8]) {
        self.say(&[&b"p"[..], &u32::try_from(body.len() + 4).expect("short").to_be_bytes(), body].concat());
    }

    fn initial(&mut self, response: &[u8]) {
        let length = u32::try_from(response.len()).expect("short").to_be_bytes();
        self.answer(&[b"OAUTHBEARER\0", &length[..], response].concat());
    }

    /// The next message: its letter and its body.
    fn hear(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 5];
        self.0.read_exact(&mut head).expect("a message");
        let [letter, length @ ..] = head;
        let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
        self.0.read_exact(&mut body).expect("the rest of it");
        (letter, body)
    }

    /// The error that ends it: its SQLSTATE and text.
    fn refused(&mut self) -> (String, String) {
        let (letter, body) = self.hear();
        assert_eq!(letter, b'E', "{}", String::from_utf8_lossy(&body));
        let fields: Vec<&[u8]> = body.split(|byte| *byte == 0).collect();
        let field = |letter: u8| {
            let found = fields.iter().find_map(|field| field.strip_prefix(&[letter])).expect("the field is there");
            String::from_utf8(found.to_vec()).expect("text")
        };
        let mut rest = Vec::new();
        let _reset = self.0.read_to_end(&mut rest);
        assert!(rest.is_empty(), "an error is the last word");
        (field(b'C'), field(b'M'))
    }

    /// What it is told in place of a login.
    fn directions(&mut self) -> serde_json::Value {
        let (letter, body) = self.hear();
        assert_eq!((letter, &body[..4]), (b'R', &[0, 0, 0, 11][..]));
        serde_json::from_slice(&body[4..]).expect("JSON")
    }
}

#[test]
fn asking_where_to_log_in_is_no_failure_however_often() {
    let (database, issuer) = database();
    for _ in 0..40 {
        let mut raw = Raw::new(&database);
        raw.initial(b"n,,\x01auth=\x01\x01");
        let document = format!("{}/.well-known/openid-configuration", issuer.url());
        let expected = json!({
            "status": "invalid_token", "openid-configuration": document, "scope": "openid profile email",
        });
        assert_eq!(raw.directions(), expected);
        raw.answer(b"\x01");
        assert_eq!(raw.refused().0, "28000");
    }
    assert!(database.gateway.record().sessions().is_empty(), "nobody was refused");
    // One without a first response is asked for it, and may be let in.
    let token = issuer.mint(&json!({"claims": {"sub": "bob"}}));
    let mut raw = Raw::new(&database);
    raw.answer(b"OAUTHBEARER\0\xff\xff\xff\xff");
    assert_eq!(raw.hear(), (b'R', vec![0, 0, 0, 11]));
    raw.answer(format!("n,,\x01auth=Bearer {token}\x01\x01").as_bytes());
    assert_eq!(raw.hear(), (b'R', vec![0, 0, 0, 0]), "AuthenticationOk");
}

#[test]
fn garbage_in_a_login_is_bounded_and_on_the_record() {
    let (database, _issuer) = database();
    let refused = |say: &dyn Fn(&mut Raw)| {
        let mut raw = Raw::new(&database);
        say(&mut raw);
        raw.refused()
    };
    let longest = [&b"n,,\x01auth=Bearer "[..], &vec![b'a'; 60_000], b"\x01\x01"].concat();
    for (bad, words) in [
        (b"\0\0".to_vec(), "a SASL mechanism that was not offered"),
        (b"SCRAM-SHA-256\0\0\0\0\x03n,,".to_vec(), "a SASL mechanism that was not offered"),
        (b"OAUTHBEARER\0\x7f\xff\xff\xffn,,".to_vec(), "another length than it says"),
        (b"a password\0".to_vec(), "a SASL mechanism that was not offered"),
    ] {
        let (code, text) = refused(&|raw| raw.answer(&bad));
        assert_eq!(code, "08P01");
        assert!(text.contains(words), "{text}");
    }
    for (bad, words) in [
        (&b"p=tls-exporter,,\x01auth=Bearer a\x01\x01"[..], "not bound to a channel"),
        (b"n,a=root,\x01auth=Bearer a\x01\x01", "as somebody else"),
        (b"n,,\x01host=gateway\x01\x01", "says auth"),
        (b"\x01\x01\x01", "begins with n,,"),
    ] {
        let (code, text) = refused(&|raw| raw.initial(bad));
        assert_eq!(code, "08P01");
        assert!(text.contains(words), "{text}");
    }
    // Messages that are none of a login, or longer than any.
    for bad in [&b"Q\0\0\0\x0dSELECT 1\0"[..], b"p\x7f\xff\xff\xff", b"p\0\0\0\x04", b"p\0\x01\0\x05"] {
        let (code, text) = refused(&|raw| raw.say(bad));
        assert_eq!((code.as_str(), text.as_str()), ("08P01", "a SASL exchange was expected"));
    }
    // A long token is looked at, and is nobody's; who hangs up before it is told is on the record all the same.
    let mut raw = Raw::new(&database);
    raw.initial(&longest);
    assert_eq!(raw.directions()["status"], "invalid_token");
    drop(raw);
    // Who asks where to log in and goes on otherwise was not asking.
    let mut raw = Raw::new(&database);
    raw.initial(b"n,,\x01auth=\x01\x01");
    let _place = raw.directions();
    raw.answer(b"n,,\x01auth=Bearer a\x01\x01");
    assert!(raw.refused().1.starts_with("no token was given: log in at http"));
    let refused = || database.gateway.record().sessions().iter().filter(|each| each.state() == "refused").count();
    wait_until("all of them are on the record", || refused() == 14);
}

#[test]
fn guesses_at_tokens_are_counted_as_guesses_at_passwords_are() {
    let (database, issuer) = database();
    let token = issuer.mint(&json!({"claims": {"sub": "bob"}}));
    let guess = || {
        let mut raw = Raw::new(&database);
        raw.initial(b"n,,\x01auth=Bearer wt_guess\x01\x01");
        let _place = raw.directions();
        raw.answer(b"\x01");
        raw.refused()
    };
    thread::scope(|scope| {
        // As many as an address may be wrong at once, and those that it gets back meanwhile.
        let guesses: Vec<_> = (0..30).map(|_| scope.spawn(guess)).collect();
        let told: Vec<_> = guesses.into_iter().map(|guess| guess.join().expect("no panic")).collect();
        assert!(told.iter().all(|(code, _)| code == "28000"), "{told:?}");
    });
    // A good token is not looked at either. An address gets a guess back now and then: it may be this one's.
    wait_until("a good token is held off", || {
        wait_until("guesses are held off", || guess().1.starts_with("too many wrong logins: try again in "));
        let finished = giving(&database, &issuer, "bob", OPTIONS, &token).finish();
        finished.errors().contains("too many wrong logins")
    });
}
