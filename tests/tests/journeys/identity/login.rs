//! `wiretape login`, and what unchanged clients do with it.

use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;
use wiretape_tests::configuration::User;
use wiretape_tests::keys::Key;
use wiretape_tests::secrets;
use wiretape_tests::stage::{Stage, client_python, client_script, wait_until};

use super::stage::{Court, opened};

#[test]
fn a_login_by_device_opens_ssh_with_a_certificate() {
    let court = Court::new();
    court.log_in("--device", "bob");
    let finished = court.ssh().arg("echo in; exit 4").finish().coded(4);
    assert_eq!(finished.text(), "in\n");
    let session = court.session();
    assert_eq!((session.text("person"), session.text("kind")), ("bob", "person"));
    let opened = opened(&session);
    assert_eq!((opened.issuer.as_str(), opened.subject.as_str()), (court.issuer.url(), "bob"));
    assert_eq!(opened.groups, ["leads", "dev"]);
    assert!(opened.proof.starts_with("certificate "), "{}", opened.proof);

    let token = court.wiretape(&["token"]).succeed().text();
    let folder = court.stage.folder.home().join(".config/wiretape");
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).expect("logins are kept there") {
        let mode = entry.expect("an entry").metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o077, 0);
        files += 1;
    }
    assert!(files >= 4, "{files} files");
    secrets::are_nowhere(&court.stage.gateway, &[token.trim()]);
    let _ = court.wiretape(&["logout"]).succeed();
    let finished = court.wiretape(&["token"]).finish();
    assert!(finished.errors().contains("wiretape login"), "{}", finished.errors());
    assert_eq!(finished.code(), 1);
}

/// Else an issuer that is away when somebody comes has left no keys, or old ones.
#[test]
fn the_keys_of_an_issuer_are_there_before_anybody_logs_in() {
    let court = Court::new();
    wait_until("the keys are fetched", || court.issuer.asked("/jwks") > 0);
}

#[test]
fn a_login_by_browser_comes_back_to_this_machine() {
    let court = Court::new();
    court.log_in("--browser", "ana2");
    let token = court.wiretape(&["token"]).succeed().text();
    assert_eq!(token.split('.').count(), 3);
    court.ssh().arg("true").succeed();
    assert_eq!(court.session().text("person"), "ana2");
}

#[test]
fn a_login_that_bears_a_users_name_is_no_login_of_hers() {
    // Ana is a user of the configuration, and the issuer has an Ana of its own.
    let court = Court::new();
    let running = court.wiretape(&["login", "--device"]).start();
    court.visit(&running, "ana");
    let finished = running.finish();
    assert_ne!(finished.code(), 0);
    assert!(finished.errors().contains("user of the configuration"), "{}", finished.errors());
}

#[test]
fn an_agent_logs_in_by_its_own_secret_and_is_told_from_a_person() {
    let court = Court::new();
    let secret = court.stage.folder.write("secret", court.issuer.secret("coding-agent") + "\n");
    let secret = secret.display().to_string();
    court.wiretape(&["login", "--client-id", "coding-agent", "--client-secret-file", &secret]).succeed();
    court.ssh().arg("true").succeed();
    let session = court.session();
    assert_eq!((session.text("person"), session.text("kind")), ("coding-agent", "agent"));
    let kept = std::fs::read_dir(court.stage.folder.home().join(".config/wiretape")).expect("logins are kept there");
    for entry in kept {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("a text");
        assert!(!text.contains(&court.issuer.secret("coding-agent")), "the secret stays in its file");
    }
}

#[test]
fn a_token_in_a_file_is_read_each_time() {
    let court = Court::new();
    let claims = serde_json::json!({"claims": {"sub": "system:serviceaccount:ci:builder",
        "kubernetes.io": {"namespace": "ci", "serviceaccount": {"name": "builder"}}}});
    let file = court.stage.folder.write("token", court.issuer.mint(&claims));
    court.wiretape(&["login", "--token-file", &file.display().to_string()]).succeed();
    court.ssh().arg("true").succeed();
    let session = court.session();
    assert_eq!((session.text("person"), session.text("kind")), ("system:serviceaccount:ci:builder", "service"));
    court.stage.folder.write("token", "another");
    assert_eq!(court.wiretape(&["token"]).succeed().text(), "another\n");
}

#[test]
fn ssh_with_nothing_installed_shows_an_address_and_waits() {
    let court = Court::new();
    let ssh = court.stage.client("ssh").args(["-o", "BatchMode=no", "-o", "PubkeyAuthentication=no"]);
    let ssh = ssh.args(["-o", "PreferredAuthentications=keyboard-interactive", "-o", "NumberOfPasswordPrompts=1"]);
    let ssh = ssh.args(["-o", "LogLevel=INFO"]);
    let running = ssh.args(["web@gateway", "echo in; exit 5"]).start();
    let told = running.complaint(&["/device?user_code="]);
    let address = told.split_whitespace().find(|word| word.contains("/device?user_code=")).unwrap_or_else(|| {
        panic!("no address is shown: {told}");
    });
    court.issuer.person(address, "bob");
    let finished = running.finish().coded(5);
    assert_eq!(finished.text(), "in\n");
    let session = court.session();
    assert_eq!((session.text("person"), session.text("kind")), ("bob", "person"));
    assert!(opened(&session).proof.starts_with("token "));
}

/// A login that nobody waits for any more is not asked after: else whoever begins many keeps the issuer busy.
#[test]
fn who_leaves_before_the_browser_has_come_back_is_waited_for_no_longer() {
    let court = Court::new();
    let begun = || court.issuer.asked("/device/auth");
    let ssh = || {
        let ssh = court.stage.client("ssh").args(["-o", "BatchMode=no", "-o", "PubkeyAuthentication=no"]);
        let ssh = ssh.args(["-o", "PreferredAuthentications=keyboard-interactive", "-o", "LogLevel=INFO"]);
        ssh.args(["-o", "NumberOfPasswordPrompts=1", "web@gateway", "true"]).start()
    };
    let running = ssh();
    let _ = running.complaint(&["/device?user_code="]);
    running.signal(Signal::TERM);
    let _ = running.finish();
    let session = court.session();
    assert_eq!(session.state(), "refused");
    assert!(session.reason().contains("the client left before"), "{}", session.reason());

    // Logins that come to nothing are limited like guesses: the terminal is asked for a token then.
    for _ in begun()..100 {
        let running = ssh();
        let told = running.complaint(&["/device?user_code=", "type your token"]);
        running.signal(Signal::TERM);
        let _ = running.finish();
        if told.contains("type your token") {
            break;
        }
    }
    assert!(begun() < 100, "{}", begun());
}

/// Nor is there one that leaves no record, however early whoever began it left.
#[test]
fn who_leaves_at_the_sight_of_the_address_is_on_record_too() {
    let court = Court::new();
    let port = court.stage.gateway.address().port().to_string();
    let client = court.stage.folder.program(client_python()).arg(client_script("paramiko_leaver.py"));
    let shown = client.args([&port, "web"]).succeed().text();
    assert!(shown.contains("/device?user_code="), "{shown}");
    let session = court.session();
    assert_eq!(session.state(), "refused");
    assert!(session.reason().contains("login by the browser: the client left before"), "{}", session.reason());
}

#[test]
fn an_rsa_key_does_not_sign_over_sha_1() {
    let mut key = None;
    let stage = Stage::with(|folder, configuration| {
        let own = Key::make_of(folder.path(), "rita", "rsa");
        configuration.users.push(User::with_key("rita", &own));
        key = Some(own);
    });
    let key = key.expect("it was made");
    let port = stage.gateway.address().port().to_string();
    let ssh = |algorithm: &str| {
        let ssh = stage.folder.program("ssh").args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]);
        let ssh = ssh.args(["-o", &format!("PubkeyAcceptedAlgorithms={algorithm}"), "-o", "StrictHostKeyChecking=no"]);
        ssh.args(["-p", &port, "-i"]).arg(&key.file).args(["web@127.0.0.1", "true"]).finish()
    };
    let _ = ssh("rsa-sha2-256").coded(0);
    let finished = ssh("ssh-rsa").coded(255);
    assert!(finished.errors().contains("Permission denied"), "{}", finished.errors());
}

#[test]
fn a_key_with_a_certificate_of_somebody_elses_authority_is_refused() {
    let court = Court::new();
    let (key, authority) = (court.stranger(), wiretape_tests::keys::Key::make(court.stage.folder.path(), "own_ca"));
    let sign = court.stage.folder.program("ssh-keygen").args(["-q", "-I", "bob", "-n", "bob", "-V", "+1h", "-s"]);
    sign.arg(&authority.file).arg(format!("{}.pub", key.file.display())).succeed();
    let port = court.stage.gateway.address().port().to_string();
    let ssh = court.stage.folder.program("ssh").args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]);
    let ssh = ssh.args(["-o", "StrictHostKeyChecking=no", "-p", &port, "-i"]).arg(&key.file);
    let finished = ssh.args(["web@127.0.0.1", "true"]).finish().coded(255);
    assert!(finished.errors().contains("Permission denied"), "{}", finished.errors());
    assert_eq!(court.session().state(), "refused");
}
