//! Who a person is, what the gateway holds for the target, and that neither secret is found anywhere.

use wiretape_tests::configuration::{Configuration, Target, User};
use wiretape_tests::keys::Key;
use wiretape_tests::program::{Program, Running};
use wiretape_tests::random::{self, hex};
use wiretape_tests::secrets::{self, Token};
use wiretape_tests::stage::{Folder, PERSON, Stage, client_python, client_script};

/// A new token of `person`, and the line that the configuration needs.
fn token(person: &str) -> (String, String) {
    let token = Token::make(person);
    (token.secret, token.line)
}

/// `ssh` that proves who it is by typing `secret`, by `method`, as people's own programs do.
fn ssh_by(stage: &Stage, method: &str, secret: &str) -> Program {
    let answer = stage.folder.write("askpass", format!("#!/bin/sh\necho '{secret}'\n"));
    let mut mode = std::fs::metadata(&answer).expect("it was written").permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o700);
    std::fs::set_permissions(&answer, mode).expect("permissions can be set");
    stage
        .client("ssh")
        .args(["-o", "BatchMode=no", "-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=1"])
        .args(["-o", &format!("PreferredAuthentications={method}")])
        .env("SSH_ASKPASS", answer)
        .env("SSH_ASKPASS_REQUIRE", "force")
}

#[test]
fn a_token_is_taken_as_a_password_in_both_ways_of_asking() {
    let (token, line) = token("bob");
    let stage = Stage::with(|_, configuration| configuration.users.push(User::named("bob").line(&line)));
    for method in ["password", "keyboard-interactive"] {
        let finished = ssh_by(&stage, method, &token).args(["web@gateway", "echo in; exit 4"]).finish().coded(4);
        assert_eq!(finished.text(), "in\n", "{method}");
    }
    for session in stage.gateway.record().ended(2) {
        assert_eq!(session.text("person"), "bob");
        assert!(!session.events().everything().contains(&token));
    }
    nowhere(&stage, &[&token]);
}

#[test]
fn a_wrong_token_is_refused_and_recorded() {
    let (_, line) = token("bob");
    let (wrong, _) = token("bob");
    let stage = Stage::with(|_, configuration| configuration.users.push(User::named("bob").line(&line)));
    for (count, method) in ["password", "keyboard-interactive"].into_iter().enumerate() {
        let finished = ssh_by(&stage, method, &wrong).args(["web@gateway", "true"]).finish().coded(255);
        assert!(finished.errors().contains("Permission denied"), "{}", finished.errors());
        let session = stage.gateway.record().ended(count + 1).remove(0);
        assert_eq!(session.state(), "refused");
        assert_eq!(session.text("person"), "");
    }
    nowhere(&stage, &[&wrong]);
}

/// A server that wants a password, and a target that leads to it.
fn password_server(folder: &Folder, password: &str, method: &str) -> (Running, Target) {
    let key = Key::make(folder.path(), "password_server_key");
    let file = folder.write("password", format!("{password}\n"));
    let server = folder
        .program(client_python())
        .arg(client_script("password_server.py"))
        .arg("deploy")
        .arg(file)
        .arg(&key.file)
        .arg(method)
        .start();
    let port = server.line("listen ");
    let target = Target::of("ssh", "old")
        .line(&format!("address = \"127.0.0.1:{}\"", port.trim()))
        .line("login = \"deploy\"")
        .line(&format!("host_key = {:?}", key.public));
    (server, target)
}

/// Connects by a password that the gateway has from `credential`.
fn by_password(method: &str, credential: impl FnOnce(&Folder, &mut Configuration, &str) -> String) {
    let password = format!("pw-{}", hex(&random::bytes(12)));
    let mut server = None;
    let stage = Stage::with(|folder, configuration| {
        let (running, target) = password_server(folder, &password, method);
        server = Some(running);
        let credential = credential(folder, configuration, &password);
        configuration.targets.push(target.line(&format!("credential = {credential}")));
    });
    let finished = stage.ssh_as("old").arg("cat; echo in; exit 6").input("typed ").finish().coded(6);
    assert_eq!(finished.text(), "typed in\n");
    let session = stage.gateway.record().one();
    assert_eq!((session.text("person"), session.text("login")), (PERSON, "deploy"));
    assert!(!session.events().everything().contains(&password));
    nowhere(&stage, &[&password]);
}

#[test]
fn a_password_from_a_file_opens_a_target() {
    by_password("password", |folder, _, _| {
        format!("{{ password_file = {:?} }}", folder.join("password").display().to_string())
    });
}

#[test]
fn a_password_from_the_environment_opens_a_target() {
    by_password("password", |_, configuration, password| {
        configuration.environment.push(("OLD_PASSWORD".to_owned(), password.to_owned()));
        "{ env = \"OLD_PASSWORD\" }".to_owned()
    });
}

#[test]
fn a_password_from_a_program_opens_a_target_that_asks_for_it() {
    by_password("keyboard-interactive", |folder, _, _| {
        format!("{{ command = [\"cat\", {:?}] }}", folder.join("password").display().to_string())
    });
}

#[test]
fn a_secret_in_the_environment_of_the_gateway_reaches_no_program_it_runs() {
    let password = format!("pw-{}", hex(&random::bytes(12)));
    let mut server = None;
    let stage = Stage::with(|folder, configuration| {
        let (running, target) = password_server(folder, &password, "password");
        server = Some(running);
        configuration.environment.push(("OLD_PASSWORD".to_owned(), password.clone()));
        configuration.targets.push(target.line("credential = { env = \"OLD_PASSWORD\" }"));
        configuration.targets.push(Target::command("shell", &["env"]));
    });
    let finished = stage.client("ssh").args(["-tt", "shell@gateway"]).finish();
    assert!(finished.text().contains("PATH="), "the environment is printed: {}", finished.text());
    assert!(!finished.text().contains("OLD_PASSWORD"), "{}", finished.text());
    assert!(!finished.text().contains(&password), "{}", finished.text());
    stage.ssh_as("old").arg("true").succeed();
    let _ = stage.gateway.record().ended(2);
    nowhere(&stage, &[&password]);
}

#[test]
fn the_private_key_for_the_target_is_found_nowhere() {
    let stage = Stage::new();
    stage.ssh().arg("env; id").succeed();
    let session = stage.gateway.record().one();
    let private = std::fs::read_to_string(&stage.credential.file).expect("the key is there");
    let lines: Vec<&str> = private.lines().filter(|line| line.len() > 40 && !line.starts_with('-')).collect();
    assert!(lines.len() > 3);
    let everything = session.events().everything();
    // The first lines hold the public half.
    for line in &lines[2..] {
        assert!(!everything.contains(line));
    }
    nowhere(&stage, &lines[2..]);
}

fn nowhere(stage: &Stage, found: &[&str]) {
    secrets::are_nowhere(&stage.gateway, found);
}
