//! TLS on both sides, each way of logging in to a server, and secrets that are found nowhere.

use std::cell::OnceCell;

use wiretape_tests::authority::Authority;
use wiretape_tests::database::{Database, Way};
use wiretape_tests::postgres::{LOGIN, Method, Settings};
use wiretape_tests::program::Finished;
use wiretape_tests::secrets;
use wiretape_tests::stage::{Folder, client_python};

/// `psql` through the gateway with these settings of libpq besides.
fn psql(database: &Database, settings: &str) -> Finished {
    database.psql(Way::Gateway).args(["-Atc", "SELECT 6 * 7"]).arg(settings).finish()
}

/// Neither the person's token nor the server's password stands in what the gateway keeps and says.
fn nowhere(database: &Database) {
    let secrets = [database.token.secret.as_str(), database.server.password()];
    secrets::are_nowhere(&database.gateway, &secrets);
}

#[test]
fn clients_check_the_certificate_that_the_gateway_made() {
    let database = Database::new();
    let certificate = database.gateway_certificate();
    let authority = Authority::make(database.folder.path(), "another");
    let verified = format!("sslmode=verify-full sslrootcert={} dbname=orders", certificate.display());
    for host in ["host=localhost", "host=127.0.0.1"] {
        assert_eq!(psql(&database, &format!("{host} {verified}")).good().text(), "42\n", "{host}");
    }
    assert_eq!(psql(&database, "sslmode=require dbname=orders").good().text(), "42\n");
    assert_eq!(psql(&database, "sslmode=disable dbname=orders").good().text(), "42\n");
    let wrong = format!("sslmode=verify-full sslrootcert={} dbname=orders", authority.certificate().display());
    let refused = psql(&database, &wrong).coded(2);
    assert!(refused.errors().contains("certificate verify failed"), "{}", refused.errors());
    // Another name that leads to the same address: the certificate is not for it.
    let other = format!("host=gateway.example hostaddr=127.0.0.1 {verified}");
    assert!(psql(&database, &other).coded(2).errors().contains("does not match host name"));
    nowhere(&database);
}

#[test]
fn the_operators_own_certificate_is_shown() {
    let database = Database::with(
        |_| Settings::default(),
        |folder, _, configuration| {
            let authority = Authority::make(folder.path(), "house");
            let certificate = authority.issue("gateway", &["DNS:gateway.example"]);
            configuration.tls.push(format!("certificate = {:?}", certificate.certificate.display().to_string()));
            configuration.tls.push(format!("key = {:?}", certificate.key.display().to_string()));
        },
    );
    let authority = database.folder.join("house.crt");
    assert!(authority.exists(), "the stage's authority writes its certificate there");
    let settings = format!(
        "host=gateway.example hostaddr=127.0.0.1 sslmode=verify-full sslrootcert={} dbname=orders",
        authority.display()
    );
    assert_eq!(psql(&database, &settings).good().text(), "42\n");
}

#[test]
fn clear_text_is_refused_where_tls_is_required() {
    let database = Database::with(
        |_| Settings::default(),
        |_, _, configuration| configuration.tls.push("required = \"always\"".to_owned()),
    );
    let refused = psql(&database, "sslmode=disable dbname=orders").coded(2);
    assert!(refused.errors().contains("FATAL:  this gateway takes no clear text"), "{}", refused.errors());
    assert!(refused.errors().contains("sslmode=require"), "{}", refused.errors());
    assert_eq!(psql(&database, "sslmode=require dbname=orders").good().text(), "42\n");
    let sessions = database.gateway.record().ended(2);
    assert!(sessions.iter().any(|session| session.state() == "refused"));
    nowhere(&database);
}

#[test]
fn newer_clients_begin_with_tls_and_speak_the_newer_protocol() {
    let database = Database::new();
    for version in ["3.0", "3.2", "latest"] {
        let script = "import os, sys, psycopg\n\
            assert psycopg.pq.version() >= 180000, psycopg.pq.version()\n\
            with psycopg.connect(sslmode='require', sslnegotiation='direct', max_protocol_version=sys.argv[1]) as c:\n\
            \x20   print(c.execute('SELECT 6 * 7').fetchone()[0], c.info.parameter_status('server_version') is not None)\n";
        let python = database.shown(Way::Gateway, wiretape_tests::program::Program::new(client_python()));
        let finished = python.args(["-c", script, version]).succeed();
        assert_eq!(finished.text(), "42 True\n", "{version}");
    }
}

#[test]
fn each_way_of_logging_in_opens_a_server() {
    for method in [Method::Trust, Method::Password, Method::Md5, Method::Scram] {
        let database = Database::with(|_| Settings::by(method), |_, _, _| {});
        assert_eq!(psql(&database, "dbname=orders").good().text(), "42\n", "{method:?}");
        nowhere(&database);
    }
}

/// A server that lets its login in by `method` over TLS alone, and a target with these settings besides.
fn over_tls(method: Method, names: &[&str], settings: impl Fn(&Folder, &Authority) -> Vec<String>) -> Database {
    let made = OnceCell::new();
    Database::with(
        |folder| {
            let authority = made.get_or_init(|| Authority::make(folder.path(), "authority"));
            let certificate = authority.issue("server", names);
            Settings {
                client_authority: (method == Method::Certificate).then(|| authority.certificate()),
                ..Settings::over_tls(method, &certificate)
            }
        },
        |folder, _, configuration| {
            let authority = made.get().expect("the server was started before");
            for line in settings(folder, authority) {
                configuration.target("orders").set(&line);
            }
        },
    )
}

fn ca(authority: &Authority) -> String {
    format!("tls_ca = {:?}", authority.certificate().display().to_string())
}

#[test]
fn scram_is_bound_to_the_tls_connection() {
    let names = ["DNS:localhost", "IP:127.0.0.1"];
    let database =
        over_tls(Method::Scram, &names, |_, authority| vec!["tls = \"verify-full\"".to_owned(), ca(authority)]);
    assert_eq!(psql(&database, "dbname=orders").good().text(), "42\n");
    // What the server itself says of the gateway's connection.
    let asked = database
        .psql(Way::Gateway)
        .args(["-Atc", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"])
        .succeed();
    assert_eq!(asked.text(), "t\n");
    nowhere(&database);
}

#[test]
fn a_certificate_of_the_gateways_own_opens_a_server() {
    let names = ["IP:127.0.0.1"];
    let database = over_tls(Method::Certificate, &names, |_, authority| {
        let own = authority.issue(LOGIN, &[]);
        vec![
            "tls = \"verify-full\"".to_owned(),
            ca(authority),
            format!("tls_certificate = {:?}", own.certificate.display().to_string()),
            format!("tls_key = {:?}", own.key.display().to_string()),
        ]
    });
    assert_eq!(psql(&database, "dbname=orders").good().text(), "42\n");
}

#[test]
fn a_server_that_is_not_who_it_should_be_gets_no_password() {
    // Signed by somebody else; and signed by the right one, for another name.
    let cases: [(&[&str], &str, bool, bool); 5] = [
        (&["IP:127.0.0.1"], "verify-full", false, false),
        (&["IP:127.0.0.1"], "verify-ca", false, false),
        (&["DNS:elsewhere.example"], "verify-full", true, false),
        (&["DNS:elsewhere.example"], "verify-ca", true, true),
        (&["DNS:elsewhere.example"], "require", false, true),
    ];
    for (names, mode, ours, enters) in cases {
        let database = over_tls(Method::Password, names, |folder, authority| {
            let other = Authority::make(folder.path(), "other");
            let ca = if ours { ca(authority) } else { ca(&other) };
            vec![format!("tls = {mode:?}"), ca]
        });
        let finished = psql(&database, "dbname=orders");
        assert_eq!(finished.status.success(), enters, "{mode} {names:?}: {}", finished.errors());
        if !enters {
            assert!(finished.errors().contains("cannot reach the target orders: no TLS with"), "{}", finished.errors());
            assert!(!database.server.log().contains("connection authorized"), "{}", database.server.log());
        }
        nowhere(&database);
    }
}

#[test]
fn a_server_without_tls_is_not_spoken_to_in_clear_text() {
    let database = Database::with(
        |_| Settings::default(),
        |_, _, configuration| configuration.target("orders").set("tls = \"require\""),
    );
    let refused = psql(&database, "dbname=orders").coded(2);
    assert!(refused.errors().contains("the server speaks no TLS"), "{}", refused.errors());
}
