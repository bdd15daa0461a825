//! Several tokens on one connection, or under one label: nobody comes into the session of another one by it.

use serde_json::json;
use wiretape_tests::configuration::User;
use wiretape_tests::conversation::Conversation;
use wiretape_tests::issuer::Issuer;
use wiretape_tests::program::Program;
use wiretape_tests::secrets::Token;
use wiretape_tests::web::{Road, Web};

use super::stage::{opened, trust};

/// A web server behind a gateway that trusts an issuer.
struct Scene {
    web: Web,
    issuer: Issuer,
    root: Token,
}

impl Scene {
    fn new() -> Self {
        let (mut issuer, root) = (None, Token::make("root"));
        let web = Web::with(|folder, _, configuration| {
            issuer = Some(trust(folder, configuration));
            configuration.users.push(User::named("root").line(&root.line).line("groups = [\"admins\"]"));
            configuration.http_settings.push("label_linger = 1".to_owned());
        });
        Self { web, issuer: issuer.expect("it was started"), root }
    }

    /// An agent's token, on behalf of `person`.
    fn agent(&self, person: &str) -> String {
        self.issuer.mint(&json!({"claims": {"sub": person, "preferred_username": person, "azp": "coding-agent"}}))
    }

    fn revoke(&self, token: &str) {
        let curl = Program::new("curl").args(["-sS", "--fail-with-body", "--json"]);
        let curl = curl.arg(json!({"kind": "token", "name": token}).to_string());
        let bearer = format!("Authorization: Bearer {}", self.root.secret);
        curl.args(["-H", &bearer]).arg(format!("http://{}/v1/revocations", self.web.gateway.admin())).succeed();
    }
}

/// A session is judged by who began it: an agent that acts for Bob is not in one of the same agent that acts for Eve.
#[test]
fn an_agent_for_one_person_does_not_come_into_the_session_of_one_for_another() {
    for label in ["X-Label: none", "Wiretape-Label: run-1"] {
        let scene = Scene::new();
        let url = scene.web.url(Road::Reverse, "plain") + "/text";
        let mut curl = scene.web.folder.program("curl");
        for person in ["bob", "eve", "bob"] {
            let bearer = format!("Authorization: Bearer {}", scene.agent(person));
            let words = ["-sS", "--fail", "-o", "/dev/null", "-H", label, "-H", &bearer, "--cacert"];
            curl = curl.args(words).arg(scene.web.gateway.certificate()).arg(&url).arg("--next");
        }
        // What begins with the last `--next` asks for something too.
        curl.args(["-sS", "--fail", "-o", "/dev/null"]).arg(scene.web.server.url("plain") + "/text").succeed();
        let mut seen: Vec<_> = scene
            .web
            .gateway
            .record()
            .ended(2)
            .iter()
            .map(|session| {
                let opened = opened(session);
                (opened.on_behalf_of, opened.person, session.events().exchanges().len())
            })
            .collect();
        seen.sort();
        let expected = [("bob", "coding-agent", 2), ("eve", "coding-agent", 1)];
        assert_eq!(seen, expected.map(|(whom, name, count)| (whom.to_owned(), name.to_owned(), count)), "{label}");
    }
}

#[test]
fn a_token_that_is_revoked_opens_nothing_where_another_one_of_the_same_person_did() {
    let scene = Scene::new();
    let mint = |id: &str| scene.issuer.mint(&json!({"claims": {"preferred_username": "bob", "jti": id}}));
    let (first, second) = (mint("first"), mint("second"));
    let mut connection = Conversation::with(scene.web.gateway.http());
    let mut status = |token: &str| {
        let bearer = format!("Authorization: Bearer {token}\r\n");
        connection.say(format!("GET /plain/text HTTP/1.1\r\nHost: gateway\r\nRange: bytes=0-5\r\n{bearer}\r\n"));
        let (head, _content) = connection.hear_response();
        head.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    for token in [&first, &second, &second] {
        assert_eq!(status(token), "206");
    }
    scene.revoke("second");
    assert_eq!(status(&second), "401");
}
