//! Secrets in Vault: a real one, which lets the gateway in by a token or by AppRole, forgets it, and goes away.

use std::time::Duration;

use wiretape_tests::configuration::{Configuration, Target};
use wiretape_tests::database::{Database, Way};
use wiretape_tests::postgres::{DATABASE, LOGIN, Settings};
use wiretape_tests::secrets;
use wiretape_tests::stage::{Folder, Stage, TARGET, wait_until};
use wiretape_tests::token_service::TokenService;
use wiretape_tests::vault::{READER_RULE, Vault};
use wiretape_tests::web::{Road, Web};

/// A source that is the field `password` of the secret `orders`, with `more` settings.
fn orders(more: &str) -> String {
    format!("credential = {{ vault = {{ path = \"secret/data/orders\", field = \"password\"{more} }} }}")
}

/// Lets the gateway in by a token that the file `vault-token` has.
fn by_token(folder: &Folder, vault: &Vault, token: &str, configuration: &mut Configuration) {
    let file = folder.write("vault-token", token);
    configuration.vault =
        vec![vault.lines(), format!("token = {{ password_file = {:?} }}", file.display().to_string())];
}

/// A database whose password is in Vault, where `more` settings of the source and `change` say how it is had.
fn database(more: &str, change: impl FnOnce(&Folder, &Vault, &mut Configuration)) -> (Database, Vault) {
    let mut vault = None;
    let database = Database::with(
        |_| Settings::default(),
        |folder, server, configuration| {
            let started = Vault::start(folder);
            started.keep("orders", "password", server.password());
            change(folder, &started, configuration);
            configuration.target(DATABASE).set(&orders(more));
            vault = Some(started);
        },
    );
    (database, vault.expect("it was started"))
}

fn answer(database: &Database) -> String {
    database.psql(Way::Gateway).args(["-Atc", "SELECT 6 * 7"]).succeed().text()
}

#[test]
fn a_password_in_vault_opens_a_database_and_its_rotation_is_noticed() {
    let mut token = String::new();
    let (database, vault) = database("", |folder, vault, configuration| {
        token = vault.token(&[]);
        by_token(folder, vault, &token, configuration);
    });
    assert_eq!(answer(&database), "42\n");
    // Well within the time for which the old one is kept.
    database.server.tell(&format!("ALTER ROLE {LOGIN} PASSWORD 'rotated-f00d'"));
    vault.keep("orders", "password", "rotated-f00d");
    assert_eq!(answer(&database), "42\n", "what the server refuses is looked for again");
    database.server.tell(&format!("ALTER ROLE {LOGIN} PASSWORD 'rotated-once-more'"));
    let refused = database.psql(Way::Gateway).args(["-Atc", "SELECT 1"]).finish().coded(2);
    assert!(refused.errors().contains("refused the gateway's own login"), "{}", refused.errors());
    let password = database.server.password().to_owned();
    secrets::are_nowhere(&database.gateway, &[&password, "rotated-f00d", &token]);
}

#[test]
fn an_app_role_opens_vault_again_and_again() {
    let mut role = None;
    // Nothing is kept, and logins live shortly.
    let (database, _vault) = database(", cache = 0", |_, vault, configuration| {
        let made = vault.role(&["token_ttl=2s", "token_max_ttl=4s"]);
        configuration.environment.push(("VAULT_ROLE".to_owned(), made.role_id.clone()));
        configuration.environment.push(("VAULT_SECRET".to_owned(), made.secret_id.clone()));
        let login = "role_id = { env = \"VAULT_ROLE\" }\nsecret_id = { env = \"VAULT_SECRET\" }".to_owned();
        configuration.vault = vec![vault.lines(), login];
        role = Some(made);
    });
    let logins = || database.gateway.log().matches("logged in at Vault by AppRole").count();
    wait_until("the gateway logs in at Vault a third time", || {
        assert_eq!(answer(&database), "42\n");
        logins() >= 3
    });
    let role = role.expect("it was made");
    secrets::are_nowhere(&database.gateway, &[&role.secret_id, &role.role_id]);
}

#[test]
fn a_token_lives_as_long_as_the_gateway_renews_it() {
    let mut token = String::new();
    let (database, vault) = database(", cache = 0", |folder, vault, configuration| {
        token = vault.token(&["-period=9s", "-orphan"]);
        by_token(folder, vault, &token, configuration);
    });
    // Nobody asks for anything meanwhile: it is renewed all the same, well behind its first end.
    let created = vault.ask(&["token", "lookup", &token])["data"]["creation_time"].as_u64().expect("a time");
    wait_until("the token was renewed after its end", || {
        std::thread::sleep(Duration::from_millis(500));
        let known = vault.ask(&["token", "lookup", &token]);
        known["data"]["last_renewal_time"].as_u64().is_some_and(|time| time >= created + 11)
    });
    assert_eq!(answer(&database), "42\n");
    // Somebody revokes it: the next one is read from the file.
    vault.tell(&["token", "revoke", &token], "");
    let refused = database.psql(Way::Gateway).args(["-Atc", "SELECT 1"]).finish().coded(2);
    assert!(refused.errors().contains("Vault does not let the gateway read"), "{}", refused.errors());
    let next = vault.token(&[]);
    database.folder.write("vault-token", &next);
    wait_until("the new token is found", || {
        database.psql(Way::Gateway).args(["-Atc", "SELECT 6 * 7"]).finish().text() == "42\n"
    });
    secrets::are_nowhere(&database.gateway, &[&token, &next]);
}

#[test]
fn vault_may_be_away_as_long_as_its_secret_is_kept() {
    let (database, vault) = database(", cache = 12", |folder, vault, configuration| {
        by_token(folder, vault, &vault.token(&[]), configuration);
    });
    assert_eq!(answer(&database), "42\n");
    vault.hold_up();
    assert_eq!(answer(&database), "42\n", "it is kept");
    vault.go_on();
    vault.end();
    let said = std::cell::RefCell::new(String::new());
    wait_until("the secret is kept no more", || {
        let finished = database.psql(Way::Gateway).args(["-Atc", "SELECT 6 * 7"]).finish();
        *said.borrow_mut() = finished.errors();
        finished.code() == 2
    });
    let said = said.into_inner();
    assert!(said.contains("Vault cannot be reached: Connection refused"), "{said}");
    secrets::are_nowhere(&database.gateway, &[database.server.password()]);
}

#[test]
fn a_namespace_has_secrets_of_its_own() {
    let (database, _vault) = database("", |folder, vault, configuration| {
        let password = std::fs::read_to_string(folder.join("password")).expect("the password is there");
        vault.keep("orders", "password", "that of another namespace");
        vault.tell(&["namespace", "create", "team"], "");
        vault.tell(&["secrets", "enable", "-namespace=team", "-path=secret", "kv-v2"], "");
        vault.tell(&["policy", "write", "-namespace=team", "reader", "-"], READER_RULE);
        let value = format!("password={}", password.trim_end());
        wait_until("the new store is ready", || {
            vault.try_tell(&["kv", "put", "-namespace=team", "-mount=secret", "orders", &value])
        });
        by_token(folder, vault, &vault.token(&["-namespace=team"]), configuration);
        configuration.vault.push("namespace = \"team\"".to_owned());
    });
    assert_eq!(answer(&database), "42\n");
}

#[test]
fn a_key_in_vault_opens_an_ssh_server() {
    let mut vault = None;
    let stage = Stage::with(|folder, configuration| {
        let started = Vault::start(folder);
        let key = std::fs::read_to_string(folder.join("credential")).expect("the key is there");
        started.keep("web", "key", &key);
        by_token(folder, &started, &started.token(&[]), configuration);
        let source = "credential = { vault = { path = \"secret/data/web\", field = \"key\", kind = \"key\" } }";
        configuration.target(TARGET).set(source);
        vault = Some(started);
    });
    assert_eq!(stage.ssh().arg("echo in").succeed().text(), "in\n");
    drop(vault);
}

#[test]
fn a_token_in_vault_that_a_server_refuses_is_looked_for_again() {
    let mut started = None;
    let web = Web::with(|folder, _, configuration| {
        let (vault, service) = (Vault::start(folder), TokenService::start(folder, 3600, None));
        vault.keep("api", "token", "no-token-that-was-issued");
        by_token(folder, &vault, &vault.token(&[]), configuration);
        let source = "credential = { vault = { path = \"secret/data/api\", field = \"token\" } }".to_owned();
        for (name, source) in [("api", source), ("issuing", service.google_source(""))] {
            let target = Target::web(name, &service.url()).line(&format!("hosts = [\"{name}.example:80\"]"));
            configuration.targets.push(target.line(&source));
        }
        started = Some((vault, service));
    });
    let (vault, service) = started.expect("they were started");
    let ask = |target: &str| web.curl(Road::Reverse).arg(web.url(Road::Reverse, target) + "/resource").succeed().text();
    assert_eq!(ask("api"), "who are you?\n");
    assert!(ask("issuing").starts_with("opened by access"));
    // All of this within the five minutes for which the first one is kept.
    let token = service.issued(1).remove(0).1;
    vault.keep("api", "token", &token);
    wait_until("the new token is shown", || ask("api").starts_with("opened by access"));
    secrets::are_nowhere(&web.gateway, &[&token, "no-token-that-was-issued"]);
}

#[test]
fn who_gets_no_secret_is_told_what_to_look_at() {
    let cases = [
        ("path = \"secret/data/none\", field = \"password\"", "Vault has nothing at secret/data/none"),
        ("path = \"secret/orders\", field = \"password\"", "secret/orders"),
        ("path = \"secret/data/orders\", field = \"word\"", "has no field \"word\""),
        ("path = \"secret/data/orders\", field = \"password\", version = 7", "Vault has nothing at"),
        ("path = \"sys/mounts\", field = \"password\"", "does not let the gateway read sys/mounts"),
    ];
    let (database, vault) = database("", |folder, vault, configuration| {
        by_token(folder, vault, &vault.token(&[]), configuration);
        let wanted = configuration.target(DATABASE).clone();
        for (place, (source, _)) in cases.iter().enumerate() {
            let target = wanted.clone().named(&format!("case{place}"));
            configuration.targets.push(target.line(&format!("credential = {{ vault = {{ {source} }} }}")));
        }
        configuration.targets.push(wanted.named("first").line(&orders(", version = 1")));
    });
    let psql = |name: &str| database.psql(Way::Gateway).env("PGDATABASE", name).args(["-Atc", "SELECT 6 * 7"]);
    for (place, (source, words)) in cases.iter().enumerate() {
        let refused = psql(&format!("case{place}")).finish().coded(2);
        assert!(refused.errors().contains(words), "{source}: {}", refused.errors());
    }
    // A version stays what it was when there is a newer one.
    vault.keep("orders", "password", "another");
    assert_eq!(psql("first").succeed().text(), "42\n");
    secrets::are_nowhere(&database.gateway, &[database.server.password()]);
}
