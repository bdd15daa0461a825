//! When the session of somebody ends whose login does: by its own end, or because it was taken back before that.

use serde_json::json;
use wiretape_core::event::{Kind, SessionEvent};
use wiretape_tests::configuration::{Configuration, User};
use wiretape_tests::database::{Database, Way};
use wiretape_tests::issuer::Issuer;
use wiretape_tests::postgres::Settings;
use wiretape_tests::program::{Program, Running};
use wiretape_tests::record::Session;
use wiretape_tests::secrets::Token;
use wiretape_tests::stage::wait_until;

use super::now;
use super::stage::trust;

/// Seconds for which a token is good: longer than it takes to take it back.
const SECONDS: u64 = 45;

/// A database behind a gateway that trusts an issuer.
struct Scene {
    database: Database,
    issuer: Issuer,
    root: Token,
}

/// Bob's session, which began with a token that ends at `ends` (seconds since 1970).
struct Visit {
    psql: Running,
    ends: u64,
}

impl Scene {
    fn new(login: &[&str]) -> Self {
        Self::with(login, |_| {})
    }

    fn with(login: &[&str], change: impl FnOnce(&mut Configuration)) -> Self {
        let (mut issuer, root) = (None, Token::make("root"));
        let database = Database::with(
            |_| Settings::default(),
            |folder, _, configuration| {
                issuer = Some(trust(folder, configuration));
                configuration.users.push(User::named("root").line(&root.line).line("groups = [\"admins\"]"));
                configuration.login = login.iter().map(|&line| line.to_owned()).collect();
                change(configuration);
            },
        );
        Self { database, issuer: issuer.expect("it was started"), root }
    }

    /// A psql of `user` by `token`, which has been answered once.
    fn psql(&self, user: &str, token: &str) -> Running {
        let psql = self.database.psql(Way::Gateway).env("PGUSER", user).env("PGPASSWORD", token);
        let mut psql = psql.args(["-At", "-v", "ON_ERROR_STOP=1"]).input_held().start();
        answered(&mut psql, 1);
        psql
    }

    fn bob(&self) -> Visit {
        let ends = now() + SECONDS;
        let token = self.issuer.mint(&json!({"claims": {"preferred_username": "bob", "exp": ends}}));
        Visit { psql: self.psql("bob", &token), ends }
    }

    fn revoke(&self, name: &str) {
        let curl = Program::new("curl").args(["-sS", "--fail-with-body", "--json"]);
        let curl = curl.arg(json!({"kind": "person", "name": name}).to_string());
        let bearer = format!("Authorization: Bearer {}", self.root.secret);
        let api = format!("http://{}/v1/revocations", self.database.gateway.admin());
        curl.args(["-H", &bearer]).arg(api).succeed();
    }

    /// The session with the database of `person`, once it is over, and when it ended, in nanoseconds since 1970.
    fn over(&self, person: &str) -> (Session, u64) {
        let ended = || {
            let sessions = self.database.gateway.record().sessions().into_iter();
            let mut theirs = sessions.filter(|session| session.text("person") == person && session.state() != "live");
            theirs.find(|session| session.text("protocol") == "postgres")
        };
        wait_until("the session is over", || ended().is_some());
        let session = ended().expect("it is over");
        let events = session.events();
        let opened = events.session().find_map(|event| match event {
            SessionEvent::Opened(opened) => Some(opened.opened_unix_nanos),
            _ => None,
        });
        let closed = events.0.iter().find(|event| matches!(event.kind, Kind::Session(SessionEvent::Closed { .. })));
        let at = closed.expect("it was closed").at.as_nanos() + opened.expect("it was opened");
        (session, at)
    }
}

/// Has `psql` say `number` to the server and hear it.
fn answered(psql: &mut Running, number: u32) {
    psql.say(format!("SELECT 'heard ' || {number};\n").as_bytes()).expect("psql reads");
    psql.wait_printed(&format!("heard {number}\n"));
}

/// The connection of `psql` is ended from the other side: it finds that out when it says something.
fn ended(mut psql: Running) -> String {
    // It may have found out by itself.
    let _ = psql.say(b"SELECT 'too late';\n");
    let finished = psql.finish();
    assert!(!finished.status.success() && !finished.text().contains("too late"), "{}", finished.text());
    finished.errors()
}

#[test]
fn who_is_revoked_goes_on_to_the_end_of_the_token_where_that_is_set() {
    let scene = Scene::new(&["removed = \"at-expiry\""]);
    let mut bob = scene.bob();
    scene.revoke("bob");
    // Nobody comes in any more; who is in is heard.
    let other = scene.issuer.mint(&json!({"claims": {"preferred_username": "bob"}}));
    let again = scene.database.psql(Way::Gateway).env("PGUSER", "bob").env("PGPASSWORD", other);
    assert!(!again.args(["-c", "SELECT 1"]).finish().status.success());
    answered(&mut bob.psql, 2);
    let (session, at) = scene.over("bob");
    assert!(at >= bob.ends * 1_000_000_000, "{at} is before {}", bob.ends);
    assert!(session.reason().contains("this login was revoked"), "{}", session.reason());
    let told = ended(bob.psql);
    assert!(told.contains("this login was revoked"), "{told}");
}

#[test]
fn who_is_revoked_is_out_at_once_where_nothing_is_set() {
    let scene = Scene::new(&[]);
    let bob = scene.bob();
    scene.revoke("bob");
    let (session, at) = scene.over("bob");
    assert!(at < bob.ends * 1_000_000_000, "{at} is not before {}", bob.ends);
    assert!(session.reason().contains("this login was revoked"), "{}", session.reason());
    assert!(ended(bob.psql).contains("this login was revoked"));
}

#[test]
fn who_is_removed_from_the_configuration_is_out_and_others_go_on() {
    // A token of the configuration has no end that could be waited for.
    for login in [&[][..], &["removed = \"at-expiry\""]] {
        let scene = Scene::new(login);
        let ana = scene.psql("ana", &scene.database.token.secret);
        let mut root = scene.psql("root", &scene.root.secret);
        let file = scene.database.gateway.file();
        let mut configuration = scene.database.gateway.configuration.clone();
        configuration.users.remove(0);
        std::fs::write(file, configuration.text()).expect("a file can be written");
        let (session, _) = scene.over("ana");
        assert!(session.reason().contains("this user was removed"), "{}", session.reason());
        assert!(ended(ana).contains("this user was removed"));
        answered(&mut root, 2);
        root.finish().good();
    }
}

#[test]
fn whom_an_issuer_made_a_user_is_out_when_the_users_table_names_it_no_longer() {
    let user = |line: &str| User::named("bob").line("groups = [\"keepers\"]").line(line);
    let scene = Scene::with(&[], |configuration| configuration.users.push(user("issuer = \"corp\"")));
    let bob = scene.bob();
    let mut configuration = scene.database.gateway.configuration.clone();
    let _ = configuration.users.pop();
    configuration.users.push(user("kind = \"person\""));
    std::fs::write(scene.database.gateway.file(), configuration.text()).expect("a file can be written");
    let (session, _) = scene.over("bob");
    assert!(session.reason().contains("this user was removed"), "{}", session.reason());
    assert!(ended(bob.psql).contains("this user was removed"));
}

#[test]
fn a_session_outlives_its_token_unless_it_is_to_end_with_it() {
    let (stays, ends) = (Scene::new(&[]), Scene::new(&["expired = \"ends\""]));
    let (mut staying, ending) = (stays.bob(), ends.bob());
    let (session, at) = ends.over("bob");
    assert!(at >= ending.ends * 1_000_000_000, "{at} is before {}", ending.ends);
    assert!(session.reason().contains("this login has expired"), "{}", session.reason());
    assert!(ended(ending.psql).contains("this login has expired"));
    // The other gateway, too, has looked at its sessions since.
    let ago = || now() >= staying.ends + 3;
    wait_until("the other token has ended", ago);
    answered(&mut staying.psql, 2);
    staying.psql.finish().good();
    let (session, at) = stays.over("bob");
    assert!(at > staying.ends * 1_000_000_000);
    assert!(session.reason().contains("client left"), "{}", session.reason());
}
