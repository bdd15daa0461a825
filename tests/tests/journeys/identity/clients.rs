//! psql, git and curl with a token of the issuer for a password.

use serde_json::json;
use wiretape_tests::database::{Database, Way};
use wiretape_tests::gateway::programs;
use wiretape_tests::git::Git;
use wiretape_tests::issuer::Issuer;
use wiretape_tests::postgres::{DATABASE, Settings};
use wiretape_tests::stage::{Folder, wait_until};
use wiretape_tests::web::{self, Web};
use wiretape_tests::workshop::{FORGE, Road, Workshop};

use super::stage::{opened, trust};

fn database() -> (Database, Issuer) {
    let mut issuer = None;
    let database =
        Database::with(|_| Settings::default(), |folder, _, configuration| issuer = Some(trust(folder, configuration)));
    (database, issuer.expect("it was started"))
}

/// A token of Bob, as long as those that name many groups are.
fn token(issuer: &Issuer, claims: serde_json::Value) -> String {
    let mut claims = claims;
    claims["groups"] = (0..200).map(|number| format!("group-{number:03}")).collect();
    issuer.mint(&json!({"claims": claims}))
}

#[test]
fn psql_takes_a_token_for_a_password() {
    let (database, issuer) = database();
    let token = token(&issuer, json!({"sub": "17", "preferred_username": "bob"}));
    let psql = || database.psql(Way::Gateway).env("PGUSER", "bob");
    let finished = psql().env("PGPASSWORD", &token).args(["-Atc", "SELECT 6 * 7"]).succeed();
    assert_eq!(finished.text(), "42\n");
    let session = database.gateway.record().one();
    assert_eq!((session.text("person"), session.text("kind")), ("bob", "person"));
    assert_eq!(opened(&session).subject, "17");

    for (why, bad) in [
        ("expired", json!({"claims": {"sub": "bob", "exp": super::now() - 100}})),
        ("another audience", json!({"claims": {"sub": "bob", "aud": "shop"}})),
        ("forged", json!({"claims": {"sub": "bob"}, "key": "other"})),
        ("unsigned", json!({"claims": {"sub": "bob"}, "key": "none", "header": {"alg": "none"}})),
    ] {
        let finished = psql().env("PGPASSWORD", issuer.mint(&bad)).args(["-Atc", "SELECT 1"]).finish();
        assert_eq!(finished.code(), 2, "{why}: {}", finished.text());
        assert!(finished.text().is_empty(), "{why}");
    }
    // libpq tries again without TLS what it was refused over TLS.
    let refused = || database.gateway.record().sessions().iter().filter(|each| each.state() == "refused").count();
    wait_until("every refusal is on the record", || refused() >= 4);
    wiretape_tests::secrets::are_nowhere(&database.gateway, &[&token]);
}

/// Issuers that name people by their addresses of mail are common.
#[test]
fn psql_takes_somebody_who_is_called_as_an_address_of_mail() {
    let (database, issuer) = database();
    let token = issuer.mint(&json!({"claims": {"sub": "17", "preferred_username": "bob@example.com"}}));
    let psql = |user: &str| {
        let psql = database.psql(Way::Gateway).env("PGUSER", user).env("PGPASSWORD", &token);
        psql.args(["-Atc", "SELECT 6 * 7"]).finish()
    };
    assert_eq!(psql("bob@example.com").good().text(), "42\n");
    let with_target = format!("bob@example.com@{DATABASE}");
    assert_eq!(psql(&with_target).good().text(), "42\n");
    for other in ["bob", "bob@example.org", "bob@example.com.au", "eve@example.com"] {
        assert_eq!(psql(other).code(), 2, "{other}");
    }
}

#[test]
fn an_agent_on_somebodys_behalf_is_told_from_the_person() {
    let (database, issuer) = database();
    let person = issuer.mint(&json!({"claims": {"sub": "bob", "preferred_username": "bob", "azp": "wiretape"}}));
    let agent = issuer.mint(&json!({"claims": {"sub": "bob", "preferred_username": "bob", "azp": "coding-agent"}}));
    let acting = issuer.mint(&json!({"claims": {"sub": "bob", "act": {"sub": "planner"}}}));
    for (user, token) in [("bob", person), ("coding-agent", agent), ("planner", acting)] {
        let psql = database.psql(Way::Gateway).env("PGUSER", user).env("PGPASSWORD", token);
        psql.args(["-Atc", "SELECT 1"]).succeed();
    }
    let mut seen: Vec<(String, String, String)> = database
        .gateway
        .record()
        .ended(3)
        .iter()
        .map(|session| {
            let whom = opened(session).on_behalf_of;
            (session.text("person").to_owned(), session.text("kind").to_owned(), whom)
        })
        .collect();
    seen.sort();
    let expected = [("bob", "person", ""), ("coding-agent", "agent", "bob"), ("planner", "agent", "bob")];
    assert_eq!(seen, expected.map(|(name, kind, whom)| (name.to_owned(), kind.to_owned(), whom.to_owned())));
}

#[test]
fn curl_takes_a_token_as_a_bearer_and_as_a_password() {
    let mut issuer = None;
    let web = Web::with(|folder, _, configuration| issuer = Some(trust(folder, configuration)));
    let issuer = issuer.expect("it was started");
    let token = token(&issuer, json!({"sub": "bob"}));
    let url = format!("{}/echo", web.url(web::Road::Reverse, "plain"));
    let curl = || {
        let trusted = web.trusted(web::Road::Reverse);
        web.folder.program("curl").args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert"]).arg(trusted)
    };
    let bearer = format!("Authorization: Bearer {token}");
    assert_eq!(curl().args(["-H", &bearer]).arg(&url).succeed().text(), "200");
    assert_eq!(curl().args(["-u", &format!("bob:{token}")]).arg(&url).succeed().text(), "200");
    let forged = format!("Authorization: Bearer {}", issuer.mint(&json!({"key": "other"})));
    assert_eq!(curl().args(["-H", &forged]).arg(&url).succeed().text(), "401");
}

#[test]
fn git_has_the_token_from_its_helper_and_nobody_else_has() {
    for git in Git::all() {
        let own = Folder::new();
        let issuer = Issuer::start(&own);
        let workshop = Workshop::staged(&git, false, |_, configuration| {
            configuration.issuers.push(("corp".to_owned(), issuer.lines()));
            configuration.admin = true;
        });
        let wiretape = |words: &[&str]| {
            let program = workshop.folder.program(programs().join("wiretape")).args(words);
            program.env("WIRETAPE_GATEWAY", format!("http://{}", workshop.gateway.admin()))
        };
        let helped = wiretape(&["git-credential", "get"]).input("protocol=https\nhost=localhost\n\n").finish();
        assert!(helped.errors().contains("wiretape login"), "nobody is logged in: {}", helped.errors());
        let running = wiretape(&["login", "--device"]).start();
        issuer.person(running.error_line("To log in, open ").trim(), "bob");
        running.finish().good();

        let bare = workshop.bare("project.git");
        let place = format!("localhost:{}", workshop.gateway.http().port());
        let wiretape_program = programs().join("wiretape").display().to_string();
        let helper = format!("credential.helper=!{wiretape_program} git-credential --host {place}");
        let work = workshop.tree("work", "sha1");
        work.sh("echo one > file && git add . && git commit -qm One");
        let program = git.program(&workshop.folder).args(["-c", &helper]);
        let program = program.env("WIRETAPE_GATEWAY", format!("http://{}", workshop.gateway.admin()));
        let program = program.args(["-c", &format!("http.sslCAInfo={}", workshop.gateway.certificate().display())]);
        let url = workshop.url(Road::Reverse, "project.git");
        program.folder(&work.path).args(["push", "--quiet", &url, "HEAD:refs/heads/main"]).succeed();
        assert_eq!(bare.id("refs/heads/main"), work.id("HEAD"), "{}", git.version());
        let seen = || {
            let sessions = workshop.gateway.record().sessions();
            sessions.iter().any(|session| session.text("target") == FORGE && session.text("person") == "bob")
        };
        wait_until("the push is on the record, as Bob's", seen);

        // A server that is not the gateway is told nothing.
        let question = "protocol=https\nhost=forge.example.com\n\n";
        let told = wiretape(&["git-credential", "--host", &place, "get"]).input(question).succeed();
        assert_eq!(told.text(), "");
    }
}
