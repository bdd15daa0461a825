//! What is taken back ends what it opened.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use wiretape_tests::configuration::User;
use wiretape_tests::random::hex;
use wiretape_tests::stage::wait_until;

use super::stage::{Court, opened};

#[test]
fn a_person_who_is_revoked_is_out_at_once_and_stays_out() {
    let court = Court::new();
    court.log_in("--device", "bob");
    let running = court.ssh().arg("echo in; sleep 600").input_held().start();
    running.wait_printed("in\n");
    court.ask("POST", "/v1/revocations", r#"{"kind":"person","name":"bob"}"#);
    let finished = running.finish();
    assert_eq!(finished.code(), 255, "{}", finished.errors());
    let session = court.session();
    assert_eq!(session.text("person"), "bob");
    assert!(session.reason().contains("revoked"), "{}", session.reason());

    let _ = court.ssh().arg("true").finish().coded(255);
    let listed: Value = serde_json::from_str(&court.ask("GET", "/v1/revocations", "")).expect("JSON");
    assert_eq!(listed["revocations"][0]["name"], "bob");
    court.ask("DELETE", "/v1/revocations/person/bob", "");
    court.ssh().arg("true").succeed();
}

#[test]
fn whom_an_issuer_vouched_for_goes_with_the_issuer() {
    let court = Court::new();
    court.log_in("--device", "bob");
    court.ssh().arg("true").succeed();
    let running = court.ssh().arg("echo in; sleep 600").input_held().start();
    running.wait_printed("in\n");
    let later = court.ssh().arg("true");
    let file = court.stage.gateway.file();
    let text = std::fs::read_to_string(file).expect("it was written");
    let (before, rest) = text.split_once("[[issuer]]").expect("there is one");
    let (_issuer, behind) = rest.split_once("[[user]]").expect("users stand behind it");
    std::fs::write(file, format!("{before}[[user]]{behind}")).expect("it is written");
    let finished = running.finish();
    assert_eq!(finished.code(), 255, "{}", finished.errors());
    let session = court.session();
    assert!(session.reason().contains("issuer"), "{}", session.reason());
    // The certificate was given on a word that nobody takes any more.
    let _ = later.finish().coded(255);
}

/// What the configuration gives it can take: a certificate that was given before holds none of it.
#[test]
fn a_group_of_the_configuration_is_no_part_of_a_certificate() {
    let court = Court::with(|configuration| {
        configuration.users.push(User::named("bob").line("issuer = \"corp\"").line("groups = [\"keepers\"]"));
    });
    court.log_in("--device", "bob");
    let key = court.stranger();
    let answer = court.ask("POST", "/v1/certificates", &json!({"public_key": key.public}).to_string());
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    let certificate = answer["certificate"].as_str().expect("a certificate").to_owned() + "\n";
    std::fs::write(key.file.with_file_name("stranger-cert.pub"), certificate).expect("it is written");
    let port = court.stage.gateway.address().port().to_string();
    // A session is listed a moment after it began: the newest of `count`.
    let newest = |count: usize| {
        let ended = || {
            let sessions = court.stage.gateway.record().sessions().into_iter();
            let ended = sessions.filter(|session| session.text("target") == "web" && session.state() != "live");
            ended.collect::<Vec<_>>()
        };
        wait_until("the session is over", || ended().len() == count);
        opened(ended().first().expect("there are some")).groups
    };
    let root = |count: usize| {
        let ssh = court.stage.folder.program("ssh").args(["-F", "none", "-o", "BatchMode=yes"]);
        let ssh = ssh.args(["-o", "StrictHostKeyChecking=no", "-o", "IdentitiesOnly=yes", "-p", &port, "-i"]);
        ssh.arg(&key.file).args(["web@127.0.0.1", "true"]).succeed();
        newest(count)
    };
    let bob = |count: usize| {
        court.ssh().arg("true").succeed();
        newest(count)
    };
    assert_eq!(root(1), ["admins"]);
    assert_eq!(bob(2), ["dev", "keepers", "leads"]);
    let file = court.stage.gateway.file();
    let text = std::fs::read_to_string(file).expect("it was written");
    std::fs::write(file, text.replace("admins", "guests").replace("keepers", "guests")).expect("it is written");
    let status = || {
        let curl = court.stage.folder.program("curl").args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H"]);
        let curl = curl.arg(format!("Authorization: Bearer {}", court.root.secret));
        curl.arg(format!("{}/v1/revocations", court.api())).succeed().text()
    };
    wait_until("the other configuration is in force", || status() == "403");
    assert_eq!(root(3), ["guests"]);
    assert_eq!(bob(4), ["dev", "guests", "leads"]);
}

#[test]
fn with_a_token_goes_the_certificate_that_was_given_for_it() {
    let court = Court::new();
    court.log_in("--device", "bob");
    court.ssh().arg("true").succeed();
    let token = court.wiretape(&["token"]).succeed().text();
    // An ID token of this issuer has no name: it is called by the hash of what is signed of it.
    let (signed, _signature) = token.rsplit_once('.').expect("a token has dots");
    let id = format!("sha256:{}", hex(&Sha256::digest(signed)));
    court.ask("POST", "/v1/revocations", &format!(r#"{{"kind":"token","name":{id:?}}}"#));
    let _ = court.ssh().arg("true").finish().coded(255);
}
