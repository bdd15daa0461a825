//! The stage itself: servers work without a gateway, in each way of letting their login in.

use wiretape_tests::authority::Authority;
use wiretape_tests::pgbouncer::Pgbouncer;
use wiretape_tests::postgres::{DATABASE, LOGIN, Method, Postgres, Settings, Version, packaged};
use wiretape_tests::program::Program;
use wiretape_tests::stage::Folder;
use wiretape_tests::tap::Tap;

/// `psql` to a server, with nothing but what is given here.
fn psql(folder: &Folder, port: u16, more: &str) -> Program {
    let words = format!("host=localhost hostaddr=127.0.0.1 port={port} user={LOGIN} dbname={DATABASE} {more}");
    folder.dressed(Program::new(packaged().join("psql"))).args(["--no-psqlrc", "-Atc", "SELECT 6 * 7"]).arg(words)
}

#[test]
fn a_server_lets_its_login_in_as_it_was_told() {
    let folder = Folder::new();
    for method in [Method::Trust, Method::Password, Method::Md5, Method::Scram] {
        let server = Postgres::start(&folder, &format!("{method:?}"), Settings::by(method));
        let password = format!("password={}", server.password());
        assert_eq!(psql(&folder, server.address().port(), &password).succeed().text(), "42\n", "{method:?}");
        let wrong = psql(&folder, server.address().port(), "password=wrong").finish();
        assert_eq!(wrong.status.success(), method == Method::Trust, "{method:?}");
    }
}

#[test]
fn a_server_speaks_tls_and_knows_certificates() {
    let folder = Folder::new();
    let authority = Authority::make(folder.path(), "authority");
    let certificate = authority.issue("server", &["DNS:localhost", "IP:127.0.0.1"]);
    let client = authority.issue(LOGIN, &[]);
    let settings = Settings {
        client_authority: Some(authority.certificate()),
        ..Settings::over_tls(Method::Certificate, &certificate)
    };
    let server = Postgres::start(&folder, "server", settings);
    let port = server.address().port();
    let verified = format!("sslmode=verify-full sslrootcert={}", authority.certificate().display());
    let shown = format!("{verified} sslcert={} sslkey={}", client.certificate.display(), client.key.display());
    assert_eq!(psql(&folder, port, &shown).succeed().text(), "42\n");
    assert!(!psql(&folder, port, &verified).finish().status.success());
    assert!(!psql(&folder, port, "sslmode=disable").finish().status.success());
}

#[test]
fn a_newer_server_crashes_and_comes_back_and_a_tap_hears_it() {
    let folder = Folder::new();
    let settings = Settings { version: Version::Newer, ..Settings::default() };
    let mut server = Postgres::start(&folder, "server", settings);
    assert_ne!(server.tell("SHOW server_version_num").get(..2), Some("15"));
    server.crash();
    server.start_again(&folder);
    let tap = Tap::start(server.address());
    let password = format!("password={} sslmode=disable", server.password());
    assert_eq!(psql(&folder, tap.address().port(), &password).succeed().text(), "42\n");
    let passed = &tap.passed()[0];
    assert!(passed.client.windows(12).any(|window| window == b"SELECT 6 * 7"));
    assert!(passed.server.windows(2).any(|window| window == b"42"));
}

#[test]
fn pgbouncer_stands_before_a_server_with_tls_on_both_sides() {
    let folder = Folder::new();
    let authority = Authority::make(folder.path(), "authority");
    let certificate = authority.issue("server", &["DNS:localhost", "IP:127.0.0.1"]);
    let server = Postgres::start(&folder, "server", Settings::over_tls(Method::Scram, &certificate));
    let bouncer = Pgbouncer::start(&folder, &server, &authority, &certificate);
    let words =
        format!("password={} sslmode=verify-full sslrootcert={}", server.password(), authority.certificate().display());
    assert_eq!(psql(&folder, bouncer.address().port(), &words).succeed().text(), "42\n");
    assert!(!psql(&folder, bouncer.address().port(), "sslmode=disable").finish().status.success());
}
