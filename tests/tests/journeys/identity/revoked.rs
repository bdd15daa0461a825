//! What is taken back ends what it opened.

use serde_json::Value;
use sha2::{Digest, Sha256};
use wiretape_tests::random::hex;

use super::stage::Court;

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

#[test]
fn with_a_token_goes_the_certificate_that_was_given_for_it() {
    let court = Court::new();
    court.log_in("--device", "bob");
    court.ssh().arg("true").succeed();
    let token = court.wiretape(&["token"]).succeed().text();
    // An ID token of this issuer has no name: it is called by its hash.
    let id = format!("sha256:{}", hex(&Sha256::digest(token.trim())));
    court.ask("POST", "/v1/revocations", &format!(r#"{{"kind":"token","name":{id:?}}}"#));
    let _ = court.ssh().arg("true").finish().coded(255);
}
