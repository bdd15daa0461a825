//! How the gateway logs in at the target: each of its ways, over TLS and not, and that the secret is found nowhere.

use wiretape_tests::authority::{Authority, Certificate};
use wiretape_tests::configuration::Configuration;
use wiretape_tests::database::{Database, Way};
use wiretape_tests::postgres::{DATABASE, LOGIN, Method, Settings, Version};
use wiretape_tests::program::Running;
use wiretape_tests::secrets;
use wiretape_tests::stage::{Folder, client_python, client_script};

/// What a query that came through says of itself.
const QUERY: &str = "SELECT 'in as ' || current_user || CASE WHEN ssl THEN ' over ' || version ELSE '' END \
                     FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

/// Runs a query through the gateway, which must succeed, and gives what it said; no secret is found anywhere.
fn succeeds(database: &Database) -> String {
    let finished = database.psql(Way::Gateway).args(["-Atc", QUERY]).succeed();
    let session = database.gateway.record().one();
    assert_eq!((session.state(), session.text("login")), ("closed", LOGIN));
    session.verified().coded(0);
    secrets::are_nowhere(&database.gateway, &[database.server.password(), &database.token.secret]);
    finished.text().trim_end().to_owned()
}

/// The same where it must fail; gives what the client was told.
fn fails(database: &Database) -> String {
    // Else libpq tries again without TLS.
    let psql = database.psql(Way::Gateway).env("PGSSLMODE", "require").args(["-Atc", QUERY]);
    let finished = psql.finish().coded(2);
    assert!(finished.stdout.is_empty(), "{}", finished.text());
    let told = finished.errors();
    assert!(told.contains("FATAL: "), "{told}");
    let session = database.gateway.record().one();
    assert!(["refused", "closed"].contains(&session.state()), "{}", session.state());
    assert!(session.reason().contains(DATABASE), "the record says why: {}", session.reason());
    session.verified().coded(0);
    let secrets = [database.server.password(), &database.token.secret];
    secrets::are_nowhere(&database.gateway, &secrets);
    secrets::are_not_in(told.as_bytes(), "what the client is told", &secrets);
    told
}

#[test]
fn every_way_to_log_in_without_tls() {
    for method in [Method::Trust, Method::Password, Method::Md5, Method::Scram] {
        let database = Database::with(|_| Settings::by(method), |_, _, _| {});
        assert_eq!(succeeds(&database), "in as app", "{method:?}");
    }
}

/// An authority and the server's settings with a certificate of it.
fn with_authority(folder: &Folder, method: Method) -> Settings {
    let authority = Authority::make(folder.path(), "authority");
    let certificate = authority.issue("server", &["DNS:localhost", "IP:127.0.0.1"]);
    let settings = Settings::over_tls(method, &certificate).line("log_connections = on");
    Settings { client_authority: Some(authority.certificate()), ..settings }
}

/// Tells the gateway to go to its target over TLS.
fn over_tls(folder: &Folder, configuration: &mut Configuration, mode: &str, authority: &str) {
    let target = configuration.target(DATABASE);
    target.set(&format!("tls = {mode:?}"));
    target.set(&format!("tls_ca = {:?}", folder.join(authority).display().to_string()));
}

#[test]
fn every_way_to_log_in_over_tls() {
    for method in [Method::Trust, Method::Password, Method::Md5, Method::Scram] {
        let database = Database::with(
            |folder| with_authority(folder, method),
            |folder, _, configuration| over_tls(folder, configuration, "verify-full", "authority.crt"),
        );
        assert_eq!(succeeds(&database), "in as app over TLSv1.3", "{method:?}");
    }
}

#[test]
fn a_newer_server_lets_the_gateway_in_as_well() {
    let database = Database::with(
        |folder| Settings { version: Version::Newer, ..with_authority(folder, Method::Scram) },
        |folder, _, configuration| over_tls(folder, configuration, "verify-full", "authority.crt"),
    );
    assert_eq!(succeeds(&database), "in as app over TLSv1.3");
}

#[test]
fn a_certificate_of_the_gateways_own_opens_the_target() {
    let database = Database::with(
        |folder| with_authority(folder, Method::Certificate),
        |folder, _, configuration| {
            let authority = Authority::of(folder.path(), "authority");
            let own = authority.issue(LOGIN, &[]);
            over_tls(folder, configuration, "verify-full", "authority.crt");
            let target = configuration.target(DATABASE);
            target.unset("credential");
            target.set(&format!("tls_certificate = {:?}", own.certificate.display().to_string()));
            target.set(&format!("tls_key = {:?}", own.key.display().to_string()));
        },
    );
    assert_eq!(succeeds(&database), "in as app over TLSv1.3");
}

#[test]
fn a_server_of_another_authority_is_none() {
    let database = Database::with(
        |folder| with_authority(folder, Method::Scram),
        |folder, _, configuration| {
            let _other = Authority::make(folder.path(), "other");
            over_tls(folder, configuration, "verify-full", "other.crt");
        },
    );
    let told = fails(&database);
    assert!(told.contains(DATABASE) && told.to_lowercase().contains("certificate"), "{told}");
    nobody_came_in(&database);
}

/// By its own word, the server let nobody in over the network.
fn nobody_came_in(database: &Database) {
    let log = database.server.log();
    let came = |line: &&str| line.contains("connection authorized") && line.contains("SSL enabled");
    assert!(log.contains("connection received: host=127.0.0.1"), "somebody knocked: {log}");
    assert_eq!(log.lines().filter(came).count(), 0, "{log}");
}

/// A server whose certificate is for another host.
fn elsewhere(folder: &Folder) -> Settings {
    let authority = Authority::make(folder.path(), "authority");
    let certificate = authority.issue("server", &["DNS:elsewhere.example"]);
    Settings::over_tls(Method::Password, &certificate).line("log_connections = on")
}

#[test]
fn a_certificate_for_another_host_is_refused_where_the_host_counts() {
    let refusing = Database::with(elsewhere, |folder, _, configuration| {
        over_tls(folder, configuration, "verify-full", "authority.crt");
    });
    let told = fails(&refusing);
    assert!(told.contains(DATABASE) && told.to_lowercase().contains("certificate"), "{told}");
    nobody_came_in(&refusing);
    for mode in ["verify-ca", "require"] {
        let database = Database::with(elsewhere, |folder, _, configuration| {
            over_tls(folder, configuration, mode, "authority.crt");
        });
        assert_eq!(succeeds(&database), "in as app over TLSv1.3", "{mode}");
    }
}

#[test]
fn tls_is_wanted_and_the_server_speaks_none() {
    let database = Database::with(
        |_| Settings::default(),
        |folder, _, configuration| {
            let _authority = Authority::make(folder.path(), "authority");
            over_tls(folder, configuration, "require", "authority.crt");
        },
    );
    let told = fails(&database);
    assert!(told.contains(DATABASE) && told.contains("TLS"), "{told}");
}

#[test]
fn the_server_takes_only_tls_and_the_gateway_speaks_none() {
    let database = Database::with(
        |folder| with_authority(folder, Method::Scram),
        |_, _, configuration| configuration.target(DATABASE).set("tls = \"disable\""),
    );
    let told = fails(&database);
    assert!(told.contains(DATABASE), "{told}");
}

#[test]
fn a_password_that_the_server_does_not_take() {
    for method in [Method::Password, Method::Md5, Method::Scram] {
        let wrong = "not-the-password-of-it";
        let database = Database::with(
            |_| Settings::by(method),
            |folder, _, _| {
                folder.write("password", format!("{wrong}\n"));
            },
        );
        let told = fails(&database);
        assert!(told.contains(DATABASE) && told.contains(LOGIN), "{method:?}: {told}");
        // The person's own password is their token, and that was right.
        assert!(!told.contains("for user \"ana\""), "{method:?}: {told}");
        secrets::are_nowhere(&database.gateway, &[wrong]);
    }
}

#[test]
fn a_password_is_wanted_and_none_is_configured() {
    let database = Database::with(
        |_| Settings::default(),
        |_, _, configuration| configuration.target(DATABASE).unset("credential"),
    );
    let told = fails(&database);
    assert!(told.contains(DATABASE), "{told}");
}

/// Starts somebody between the gateway and the server.
fn between(folder: &Folder, server: u16, authority: &Authority) -> (Running, u16) {
    let certificate = authority.issue("between", &["DNS:localhost", "IP:127.0.0.1"]);
    let running = folder
        .program(client_python())
        .arg(client_script("tls_between.py"))
        .arg(server.to_string())
        .arg(&certificate.certificate)
        .arg(&certificate.key)
        .start();
    let port = running.line("listen ").trim().parse().expect("a port");
    (running, port)
}

/// A target behind somebody who has a certificate of the same authority.
fn tapped(method: Method) -> (Database, Running) {
    let mut between_them = None;
    let database = Database::with(
        |folder| with_authority(folder, method),
        |folder, server, configuration| {
            let authority = Authority::of(folder.path(), "authority");
            let (running, port) = between(folder, server.address().port(), &authority);
            between_them = Some(running);
            over_tls(folder, configuration, "verify-full", "authority.crt");
            configuration.target(DATABASE).set(&format!("address = \"localhost:{port}\""));
        },
    );
    (database, between_them.expect("it was started"))
}

#[test]
fn a_login_by_scram_is_bound_to_the_tls_connection() {
    // Somebody between them who has a certificate that is trusted: a password passes, …
    let (database, _between) = tapped(Method::Md5);
    assert_eq!(succeeds(&database), "in as app over TLSv1.3");
    // … and a login that is bound to the server's own certificate does not.
    let (database, _between) = tapped(Method::Scram);
    let told = fails(&database);
    assert!(told.contains(DATABASE), "{told}");
}

#[test]
fn a_secret_from_the_environment_and_from_a_program() {
    let from_environment = Database::with(
        |_| Settings::default(),
        |_, server, configuration| {
            configuration.environment.push(("ORDERS_PASSWORD".to_owned(), server.password().to_owned()));
            configuration.target(DATABASE).set("credential = { env = \"ORDERS_PASSWORD\" }");
        },
    );
    assert_eq!(succeeds(&from_environment), "in as app");
    let from_program = Database::with(
        |_| Settings::default(),
        |folder, _, configuration| {
            let file = folder.join("password").display().to_string();
            configuration.target(DATABASE).set(&format!("credential = {{ command = [\"cat\", {file:?}] }}"));
        },
    );
    assert_eq!(succeeds(&from_program), "in as app");
}

#[test]
fn a_certificate_that_a_server_signed_itself_is_known_when_it_is_configured() {
    // As `openssl req -x509` makes them: it says of itself that it is an authority.
    let itself = |folder: &Folder| {
        let authority = Authority::make(folder.path(), "itself");
        let certificate = Certificate { certificate: authority.certificate(), key: folder.join("itself.key") };
        Settings::over_tls(Method::Scram, &certificate).line("log_connections = on")
    };
    let known =
        Database::with(itself, |folder, _, configuration| over_tls(folder, configuration, "verify-ca", "itself.crt"));
    assert!(succeeds(&known).contains("in as app over TLS"));
    let unknown = Database::with(itself, |folder, _, configuration| {
        let _another = Authority::make(folder.path(), "another");
        over_tls(folder, configuration, "verify-ca", "another.crt");
    });
    assert!(fails(&unknown).contains("no TLS with"), "another one that signed itself");
    nobody_came_in(&unknown);
}
