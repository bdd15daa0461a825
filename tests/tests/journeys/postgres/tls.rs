//! TLS between clients and the gateway.

use wiretape_tests::authority::Authority;
use wiretape_tests::database::Database;
use wiretape_tests::postgres::{DATABASE, Settings, packaged};
use wiretape_tests::program::{Finished, Program};
use wiretape_tests::stage::{PERSON, client_python, client_script};

/// `psql` to the gateway with `words` in its connection string.
fn psql(database: &Database, words: &str) -> Finished {
    let port = database.gateway.postgres().port();
    let words = format!("host=localhost hostaddr=127.0.0.1 port={port} user={PERSON} dbname={DATABASE} {words}");
    let program = database.folder.dressed(Program::new(packaged().join("psql")));
    program.env("PGPASSWORD", &database.token.secret).args(["--no-psqlrc", "-Atc", "SELECT 6 * 7"]).arg(words).finish()
}

#[test]
fn each_of_libpqs_modes_with_the_certificate_that_the_gateway_made() {
    let database = Database::new();
    let own = format!("sslrootcert={}", database.gateway_certificate().display());
    for mode in ["disable", "allow", "prefer", "require"] {
        assert_eq!(psql(&database, &format!("sslmode={mode}")).good().text(), "42\n", "{mode}");
    }
    for mode in ["verify-ca", "verify-full"] {
        assert_eq!(psql(&database, &format!("sslmode={mode} {own}")).good().text(), "42\n", "{mode}");
    }
    for version in ["TLSv1.2", "TLSv1.3"] {
        let words =
            format!("sslmode=verify-full {own} ssl_min_protocol_version={version} ssl_max_protocol_version={version}");
        assert_eq!(psql(&database, &words).good().text(), "42\n", "{version}");
    }
    // Without a name in the handshake.
    assert_eq!(psql(&database, &format!("sslmode=verify-full {own} sslsni=0")).good().text(), "42\n");
    assert_eq!(database.gateway.record().ended(9).len(), 9);
}

#[test]
fn a_client_does_not_take_the_certificate_of_another() {
    let database = Database::new();
    let stranger = Authority::make(database.folder.path(), "stranger");
    let wrong = psql(&database, &format!("sslmode=verify-full sslrootcert={}", stranger.certificate().display()));
    assert!(!wrong.status.success() && wrong.errors().contains("certificate verify failed"), "{}", wrong.errors());
    let own = format!("sslmode=verify-full sslrootcert={}", database.gateway_certificate().display());
    // Another name that leads to the same address.
    let other = psql(&database, &format!("{own} host=gateway.example")).coded(2);
    assert!(other.errors().contains("does not match host name"), "{}", other.errors());
    assert_eq!(psql(&database, &own).good().text(), "42\n", "the gateway serves on");
    // Nobody came in before, and nobody said who they were: only the last one is a session.
    assert_eq!(database.gateway.record().one().state(), "closed");
}

#[test]
fn the_operators_own_certificate_is_shown() {
    let mut authority = None;
    let database = Database::with(
        |_| Settings::default(),
        |folder, _, configuration| {
            let made = Authority::make(folder.path(), "authority");
            let certificate = made.issue("gateway", &["DNS:localhost"]);
            configuration.tls.push(format!("certificate = {:?}", certificate.certificate.display().to_string()));
            configuration.tls.push(format!("key = {:?}", certificate.key.display().to_string()));
            authority = Some(made);
        },
    );
    let authority = authority.expect("it was made");
    let words = format!("sslmode=verify-full sslrootcert={}", authority.certificate().display());
    assert_eq!(psql(&database, &words).good().text(), "42\n");
    assert!(!database.gateway_certificate().exists(), "none is made where one is given");
}

#[test]
fn clear_text_is_refused_where_tls_is_required() {
    let database = Database::with(
        |_| Settings::default(),
        |_, _, configuration| configuration.tls.push("required = \"always\"".to_owned()),
    );
    let refused = psql(&database, "sslmode=disable").coded(2);
    assert!(refused.errors().contains("FATAL:  this gateway takes no clear text"), "{}", refused.errors());
    assert!(refused.errors().contains("HINT:  connect with sslmode=require"), "{}", refused.errors());
    let session = database.gateway.record().one();
    assert_eq!(session.state(), "refused");
    assert_eq!(psql(&database, "sslmode=require").good().text(), "42\n");
    // It was refused before it was asked for its token.
    wiretape_tests::secrets::are_nowhere(&database.gateway, &[&database.token.secret]);
}

#[test]
fn a_newer_libpq_begins_with_tls_and_the_name_of_the_protocol() {
    let database = Database::new();
    let query = |words: &str, query: &str| {
        let port = database.gateway.postgres().port();
        let words = format!("host=localhost hostaddr=127.0.0.1 port={port} user={PERSON} dbname={DATABASE} {words}");
        database
            .folder
            .program(client_python())
            .env("PGPASSWORD", &database.token.secret)
            .arg(client_script("psycopg_query.py"))
            .args([&words, query])
            .finish()
    };
    let own = format!("sslrootcert={}", database.gateway_certificate().display());
    let direct = query(&format!("sslmode=verify-full sslnegotiation=direct {own}"), "SELECT 6 * 7");
    assert_eq!(direct.good().text(), "42\n");
    let newest = format!("sslmode=verify-full sslnegotiation=direct max_protocol_version=3.2 {own}");
    assert_eq!(query(&newest, "SELECT 6 * 7").good().text(), "42\n");
    assert_eq!(database.gateway.record().ended(2).len(), 2);
}
