//! Sessions and their events by the API: listed, read, followed, ended; and that reading is on the record.

use serde_json::{Value, json};
use wiretape_core::event::SessionEvent;
use wiretape_tests::configuration::User;
use wiretape_tests::program::Running;
use wiretape_tests::secrets::Token;
use wiretape_tests::stage::wait_until;

use super::hall::{Hall, Said, ask, curl};

impl Hall {
    fn get(&self, path: &str) -> Said {
        ask(&self.stage.folder, &self.stage.gateway, Some(&self.people.root), "GET", path, None)
    }

    /// The sessions by SSH.
    fn sessions(&self) -> Vec<Value> {
        let said = self.get("/v1/sessions?protocol=ssh");
        assert_eq!(said.status, 200, "{said:?}");
        said.body["sessions"].as_array().expect("a list").clone()
    }
}

#[test]
fn sessions_are_listed_and_read_and_whoever_reads_is_on_the_record() {
    let hall = Hall::new();
    let (folder, gateway) = hall.parts();
    hall.stage.ssh().arg("echo seen-by-auditors").succeed();
    wait_until("the session ended", || hall.sessions().iter().any(|session| session["state"] == "closed"));
    let session = hall.sessions().remove(0);
    assert_eq!((&session["person"], &session["target"]), (&json!("ana"), &json!("web")));
    let id = session["id"].as_str().expect("a name");
    let one = hall.get(&format!("/v1/sessions/{}", &id[..10]));
    assert_eq!((one.status, &one.body["id"]), (200, &json!(id)));

    let path = format!("/v1/sessions/{id}/events");
    for (token, status) in [(None, 401), (Some(&hall.people.ana), 403), (Some(&hall.people.bea), 403)] {
        let said = ask(folder, gateway, token, "GET", &path, None);
        assert_eq!(said.status, status, "{said:?}");
        assert_eq!(said.body["status"], status);
        assert!(!said.body.to_string().contains("seen-by-auditors"));
    }
    let text = curl(folder, gateway, Some(&hall.people.root), &path).succeed().text();
    let shown = gateway.record().program(&["show", id, "--json"]).succeed().text();
    assert_eq!(text, shown, "what the API reads is what `wiretape show` reads");
    assert!(text.contains("seen-by-auditors"));

    // That was recorded, and nothing else was: whoever was turned away read nothing.
    let record = gateway.record();
    let reads: Vec<_> = record.sessions().into_iter().filter(|session| session.text("protocol") == "admin").collect();
    let events: Vec<_> = reads.iter().map(|session| (session.text("person").to_owned(), session.events())).collect();
    let decisions = events.iter().flat_map(|(person, events)| {
        events.session().filter_map(move |event| match event {
            SessionEvent::Decision { action, resource, .. } if action == "session.read" => {
                Some((person.clone(), resource.clone()))
            }
            _ => None,
        })
    });
    let decisions: Vec<_> = decisions.collect();
    assert_eq!(decisions, [("root".to_owned(), format!("{id} events"))]);
}

/// A live session in which something was said, and its name.
fn spoken(hall: &Hall) -> (Running, String) {
    let mut ssh = hall.stage.ssh().arg("cat").input_held().start();
    ssh.say(b"first words\n").expect("it listens");
    ssh.wait_printed("first words");
    wait_until("the session is live", || hall.sessions().iter().any(|session| session["state"] == "live"));
    let id = hall.sessions().remove(0)["id"].as_str().expect("a name").to_owned();
    (ssh, id)
}

#[test]
fn a_live_session_is_followed_and_ended() {
    let hall = Hall::new();
    let (folder, gateway) = hall.parts();
    let (mut ssh, id) = spoken(&hall);
    let path = format!("/v1/sessions/{id}/events?follow=true");
    let follower = curl(folder, gateway, Some(&hall.people.root), &path).arg("-N").start();
    follower.wait_printed("first words");
    ssh.say(b"later words\n").expect("it listens");
    follower.wait_printed("later words");

    let end = format!("/v1/sessions/{id}/end");
    let body = json!({ "why": "it is late" });
    let said = ask(folder, gateway, Some(&hall.people.bea), "POST", &end, Some(&body));
    assert_eq!(said.status, 403, "{said:?}");
    let said = ask(folder, gateway, Some(&hall.people.root), "POST", &end, Some(&body));
    assert_eq!(said.status, 202, "{said:?}");
    assert_ne!(ssh.finish().code(), 0, "the client is told that it is over");
    let text = follower.finish().good().text();
    let last: Value = serde_json::from_str(text.lines().last().expect("lines")).expect("JSON");
    assert_eq!(last["kind"], "session.closed");
    assert!(last["reason"].as_str().is_some_and(|reason| reason.contains("ended by root: it is late")), "{last}");
    for (number, line) in text.lines().filter(|line| !line.is_empty()).enumerate() {
        let event: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(event["number"], number, "each event once, in order");
    }
    // Its tape may still be on the way to the disk when its last event is read.
    let again = || ask(folder, gateway, Some(&hall.people.root), "POST", &end, Some(&body)).status;
    wait_until("what is over cannot be ended", || again() == 409);
}

#[test]
fn whoever_is_revoked_or_may_not_read_any_more_follows_no_further() {
    let max = Token::make("max");
    let hall = Hall::with(|_, configuration| {
        configuration.users.push(User::named("max").line(&max.line).line("groups = [\"admins\"]"));
    });
    let (folder, gateway) = hall.parts();
    let (mut ssh, id) = spoken(&hall);
    let path = format!("/v1/sessions/{id}/events?follow=true");
    let follow = |token| curl(folder, gateway, Some(token), &path).arg("-N").start();
    let (revoked, forbidden) = (follow(&max), follow(&hall.people.root));
    for follower in [&revoked, &forbidden] {
        follower.wait_printed("first words");
    }
    let body = json!({ "kind": "person", "name": "max" });
    assert_eq!(ask(folder, gateway, Some(&hall.people.root), "POST", "/v1/revocations", Some(&body)).status, 201);
    // curl's word for an answer without its end.
    let finished = revoked.finish().coded(18);
    ssh.say(b"later words\n").expect("it listens");
    forbidden.wait_printed("later words");
    assert!(!finished.text().contains("later words"));

    let policy = folder.join("policies/policy.cedar");
    let text = std::fs::read_to_string(&policy).expect("the policy");
    let more = "\nforbid (principal, action == Action::\"session.read\", resource == Target::\"web\");\n";
    std::fs::write(&policy, text + more).expect("it is written");
    forbidden.finish().coded(18);
    assert_eq!(ask(folder, gateway, Some(&hall.people.root), "GET", &path, None).status, 403);
    ssh.say(b"and on\n").expect("the session itself goes on");
    ssh.wait_printed("and on");
    ssh.say_no_more();
    ssh.finish().good();
}

#[test]
fn the_figures_and_the_health_of_the_gateway_are_there_for_whom_they_are_for() {
    let hall = Hall::new();
    let (folder, gateway) = hall.parts();
    for path in ["/healthz", "/readyz"] {
        let said = ask(folder, gateway, None, "GET", path, None);
        assert_eq!((said.status, said.body), (200, json!({ "status": "ok" })));
    }
    assert_eq!(ask(folder, gateway, None, "GET", "/metrics", None).status, 401);
    assert_eq!(ask(folder, gateway, Some(&hall.people.ana), "GET", "/metrics", None).status, 403);
    let mut ssh = hall.stage.ssh().arg("cat").input_held().start();
    ssh.say(b"here\n").expect("it listens");
    ssh.wait_printed("here");
    let figures = || curl(folder, gateway, Some(&hall.people.root), "/metrics").succeed().text();
    wait_until("a session is counted", || figures().lines().any(|line| line == "wiretape_sessions_live 1"));
    ssh.say_no_more();
    ssh.finish().good();
    for line in figures().lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        assert!(name.starts_with("wiretape_") && value.parse::<f64>().is_ok(), "{line}");
    }
    let served = ask(folder, gateway, None, "GET", "/v1/openapi.json", None).body;
    let kept = include_str!("../../../../docs/openapi.json");
    assert_eq!(served, serde_json::from_str::<Value>(kept).expect("JSON"));
}
