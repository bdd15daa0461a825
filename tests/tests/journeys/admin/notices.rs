//! Notices of questions to a receiver over TLS that only the operator's own authority vouches for; and where clients are
//! told that the gateway is.

use serde_json::Value;
use wiretape_tests::authority::Authority;
use wiretape_tests::configuration::Configuration;
use wiretape_tests::stage::{Folder, wait_until};
use wiretape_tests::web::{OWN_NAMES, WebServer};

use super::hall::{Hall, ask, wiretape};

/// Has `configuration` tell a new receiver of questions, which is trusted where `trusted`.
fn tell(folder: &Folder, configuration: &mut Configuration, trusted: bool) -> WebServer {
    let authority = Authority::make(folder.path(), "hooks");
    let receiver = WebServer::start(folder, &authority.issue("receiver", &OWN_NAMES), None);
    let secret = folder.write("webhook.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").display().to_string();
    let mut settings = vec![
        format!("url = \"{}/note\"", receiver.url("secure1")),
        format!("secret = {{ password_file = {secret:?} }}"),
        "office_url = \"https://gateway.example:8443/wiretape/\"".to_owned(),
    ];
    if trusted {
        settings.push(format!("ca = {:?}", authority.certificate().display().to_string()));
    }
    configuration.approval = vec![format!("webhook = {{ {} }}", settings.join(", "))];
    receiver
}

#[test]
fn a_notice_goes_to_whom_the_operators_authority_vouches_for_and_links_to_the_question() {
    let mut receiver = None;
    let hall = Hall::with(|folder, configuration| receiver = Some(tell(folder, configuration, true)));
    let receiver = receiver.expect("it was started");
    let (folder, gateway) = hall.parts();
    let ssh = hall.stage.ssh().arg(format!("touch {}", folder.join("made").display())).start();
    let request = receiver.request();
    assert_eq!(request["method"], "POST");
    let bea = Some(&hall.people.bea);
    let question = ask(folder, gateway, bea, "GET", "/v1/approvals", None).body["approvals"][0].clone();
    let id = question["id"].as_str().expect("a name");
    let told: Value = serde_json::from_str(&receiver.running().line("content ")).expect("JSON");
    assert_eq!(told["data"]["id"], id);
    let link = told["data"]["link"].as_str().expect("a link");
    let path = link.strip_prefix("https://gateway.example:8443/wiretape").expect("it begins with the office's address");
    // What stands behind the address is the question.
    let found = ask(folder, gateway, bea, "GET", path, None);
    assert_eq!((found.status, found.body["id"].as_str()), (200, Some(id)));
    wiretape(folder, gateway, &hall.people.bea, &["approve", id]).succeed();
    ssh.finish().good();
    let figures = || {
        let curl = super::hall::curl(folder, gateway, Some(&hall.people.root), "/metrics");
        curl.succeed().text()
    };
    wait_until("it is counted", || figures().contains("wiretape_webhook_notices_total{outcome=\"delivered\"} 1\n"));
}

#[test]
fn a_receiver_that_nobody_vouches_for_is_told_nothing() {
    let mut receiver = None;
    let hall = Hall::with(|folder, configuration| receiver = Some(tell(folder, configuration, false)));
    let receiver = receiver.expect("it was started");
    let (folder, gateway) = hall.parts();
    let ssh = hall.stage.ssh().arg(format!("touch {}", folder.join("made").display())).start();
    wait_until("the gateway says so", || gateway.log().contains("the webhook was not told"));
    assert!(receiver.requests().is_empty());
    drop(ssh);
}

#[test]
fn who_asks_where_to_log_in_is_told_the_ports_that_are_open() {
    let hall = Hall::with(|_, configuration| {
        configuration.postgres = true;
        configuration.http = true;
    });
    let (folder, gateway) = hall.parts();
    let said = ask(folder, gateway, None, "GET", "/v1/login", None);
    assert_eq!(said.status, 200, "it is public");
    for (name, address) in [("ssh", gateway.address()), ("postgres", gateway.postgres()), ("http", gateway.http())] {
        assert_eq!(said.body[name], address.to_string(), "{name}");
        assert_ne!(address.port(), 0);
    }
}
