//! What is refused: a clear message, an exit code, and a record of the attempt.

use wiretape_tests::configuration::{Target, User};
use wiretape_tests::keys::Key;
use wiretape_tests::ports::CLOSED;
use wiretape_tests::program::Program;
use wiretape_tests::record::Session;
use wiretape_tests::relay::Relay;
use wiretape_tests::sshd::Sshd;
use wiretape_tests::stage::{PERSON, Stage};

/// Runs `ssh`, which must be told `wiretape: …` and end with 255; gives the message and the recorded attempt.
fn refused(stage: &Stage, ssh: Program) -> (String, Session) {
    let before = stage.gateway.record().sessions().len();
    let finished = ssh.finish().coded(255);
    let message = finished.errors();
    assert!(message.starts_with("wiretape: "), "{message}");
    assert!(finished.stdout.is_empty(), "{}", finished.text());
    let session = stage.gateway.record().ended(before + 1).remove(0);
    assert_eq!(session.text("person"), PERSON);
    assert!(!session.reason().is_empty(), "the record says why");
    session.verified().coded(0);
    (message, session)
}

#[test]
fn an_unknown_target() {
    let stage = Stage::new();
    let (message, session) = refused(&stage, stage.ssh_as("nowhere").arg("true"));
    assert!(message.contains("nowhere"), "{message}");
    assert_eq!(session.state(), "refused");
    assert_eq!(session.text("target"), "nowhere");
}

#[test]
fn an_unknown_target_says_so_on_a_terminal_and_to_sftp_too() {
    let stage = Stage::new();
    let terminal = stage.client("ssh").args(["-tt", "nowhere@gateway"]).finish().coded(255);
    let told = terminal.text() + &terminal.errors();
    assert!(told.contains("wiretape: "), "{told}");
    let sftp = stage.client("sftp").args(["-b", "/dev/null", "nowhere@gateway"]).finish().coded(255);
    assert!(sftp.errors().contains("wiretape: "), "{}", sftp.errors());
    for session in stage.gateway.record().ended(2) {
        assert_eq!(session.state(), "refused");
    }
}

#[test]
fn a_login_that_is_not_permitted() {
    let stage = Stage::new();
    let (message, session) = refused(&stage, stage.ssh_as("postgres@web").arg("true"));
    assert!(message.contains("postgres"), "{message}");
    assert_eq!(session.state(), "refused");
    assert_eq!(session.text("target"), "web");
}

#[test]
fn a_target_of_another_group() {
    let stage = Stage::with(|_, configuration| configuration.target("web").set("groups = [\"ops\"]"));
    let (_, session) = refused(&stage, stage.ssh().arg("true"));
    assert_eq!(session.state(), "refused");
    assert_eq!(session.text("target"), "web");
}

#[test]
fn a_group_that_is_permitted_gets_in() {
    let stage = Stage::with(|_, configuration| {
        let user = configuration.users.remove(0).line("groups = [\"dev\", \"ops\"]");
        configuration.users.push(user);
        configuration.target("web").set("groups = [\"ops\"]");
    });
    stage.ssh().arg("true").succeed();
    assert_eq!(stage.gateway.record().one().state(), "closed");
}

#[test]
fn a_target_that_is_down() {
    let stage = Stage::with(|_, configuration| configuration.target("web").set(&format!("address = \"{CLOSED}\"")));
    let (message, session) = refused(&stage, stage.ssh().arg("true"));
    assert!(message.contains("web"), "{message}");
    assert!(["refused", "closed"].contains(&session.state()), "{}", session.state());
}

#[test]
fn a_target_with_another_host_key() {
    let stage = Stage::with(|folder, configuration| {
        let other = Key::make(folder.path(), "other");
        configuration.target("web").set(&format!("host_key = {:?}", other.public));
    });
    let (message, session) = refused(&stage, stage.ssh().arg("echo got in"));
    assert!(message.contains("host key"), "{message}");
    assert!(["refused", "closed"].contains(&session.state()), "{}", session.state());
}

#[test]
fn a_host_key_is_learned_once_and_then_held_on_to() {
    let relay = Relay::start(CLOSED, std::time::Duration::ZERO);
    let mut stage = Stage::with(|_, configuration| {
        let target = configuration.target("web");
        target.unset("host_key");
        target.set(&format!("address = \"{}\"", relay.address()));
    });
    relay.lead_to(stage.sshd.address());
    stage.ssh().arg("true").succeed();
    stage.ssh().arg("true").succeed();
    // The same address, another machine.
    let other = Sshd::start(&stage.folder, "other", &stage.credential, &[]);
    relay.lead_to(other.address());
    let (message, _) = refused(&stage, stage.ssh().arg("echo got in"));
    assert!(message.contains("host key"), "{message}");
    // What was learned outlives the gateway.
    stage.restart(wiretape_tests::gateway::Gateway::finish);
    let (message, _) = refused(&stage, stage.ssh().arg("echo got in"));
    assert!(message.contains("host key"), "{message}");
    relay.lead_to(stage.sshd.address());
    stage.ssh().arg("true").succeed();
}

#[test]
fn a_credential_that_the_target_does_not_take() {
    let stage = Stage::with(|folder, configuration| {
        let other = Key::make(folder.path(), "other");
        configuration
            .target("web")
            .set(&format!("credential = {{ key_file = {:?} }}", other.file.display().to_string()));
    });
    let (message, _) = refused(&stage, stage.ssh().arg("true"));
    assert!(message.contains("web"), "{message}");
}

#[test]
fn an_unknown_key() {
    let stage = Stage::new();
    let stranger = Key::make(stage.folder.path(), "stranger");
    // The first identity on the command line is the only one: the configuration's is not for this host.
    let port = stage.gateway.address().port().to_string();
    let finished = stage
        .client("ssh")
        .args(["-p", &port, "-i"])
        .arg(&stranger.file)
        .args(["web@127.0.0.1", "true"])
        .finish()
        .coded(255);
    assert!(finished.errors().contains("Permission denied"), "{}", finished.errors());
    let session = stage.gateway.record().one();
    assert_eq!(session.state(), "refused");
    assert_eq!(session.text("person"), "");
    assert_eq!(session.text("target"), "web");
    assert!(!session.reason().is_empty());
}

#[test]
fn one_person_does_not_get_in_by_the_key_of_another() {
    let stage = Stage::with(|folder, configuration| {
        let other = Key::make(folder.path(), "eve_key");
        configuration.users.push(User::with_key("eve", &other).line("groups = [\"guests\"]"));
        configuration.target("web").set("groups = [\"dev\"]");
        configuration.targets.push(Target::command("shell", &["sh"]).line("groups = [\"dev\"]"));
    });
    let port = stage.gateway.address().port().to_string();
    let finished = stage
        .client("ssh")
        .args(["-p", &port, "-i"])
        .arg(stage.folder.join("eve_key"))
        .args(["web@127.0.0.1", "true"])
        .finish()
        .coded(255);
    assert!(finished.errors().starts_with("wiretape: "), "{}", finished.errors());
    assert_eq!(stage.gateway.record().one().text("person"), "eve");
}
