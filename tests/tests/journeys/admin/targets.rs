//! Targets that are created, changed and removed while the gateway serves, and reached by real clients.

use serde_json::{Value, json};
use wiretape_tests::configuration::Configuration;
use wiretape_tests::database::{Database, Way};
use wiretape_tests::postgres::{Postgres, Settings};
use wiretape_tests::secrets::Token;
use wiretape_tests::stage::{Folder, Stage, user_name};

use super::hall::{Hall, People, Said, ask};

/// The table of the target that the stage of SSH has, under another name.
fn table(stage: &Stage, name: &str) -> Value {
    json!({
        "name": name,
        "kind": "ssh",
        "address": stage.sshd.address().to_string(),
        "login": user_name(),
        "credential": { "key_file": stage.credential.file.display().to_string() },
        "host_key": stage.sshd.host_key(),
    })
}

#[test]
fn a_target_is_created_reached_changed_kept_and_removed() {
    let Hall { mut stage, people } = Hall::new();
    let ask = |stage: &Stage, method: &str, path: &str, body: Option<&Value>| -> Said {
        ask(&stage.folder, &stage.gateway, Some(&people.root), method, path, body)
    };
    assert_ne!(stage.ssh_as("web9").arg("true").finish().code(), 0, "there is no such target yet");
    let created = ask(&stage, "POST", "/v1/targets", Some(&table(&stage, "web9")));
    assert_eq!(created.status, 201, "{created:?}");
    assert_eq!(stage.ssh_as("web9").arg("echo reached").succeed().text(), "reached\n");
    assert_eq!(ask(&stage, "POST", "/v1/targets", Some(&table(&stage, "web9"))).status, 409);

    // It outlives a restart.
    stage.restart(|gateway| gateway.finish());
    assert_eq!(stage.ssh_as("web9").arg("echo reached").succeed().text(), "reached\n");

    let mut changed = table(&stage, "web9");
    changed["groups"] = json!(["nobody"]);
    assert_eq!(ask(&stage, "PUT", "/v1/targets/web9", Some(&changed)).status, 200);
    assert_ne!(stage.ssh_as("web9").arg("true").finish().code(), 0, "it is for others now");
    let known = ask(&stage, "GET", "/v1/targets/web9", None).body;
    assert_eq!((&known["at_run_time"], &known["table"]["groups"]), (&json!(true), &json!(["nobody"])));

    assert_eq!(ask(&stage, "DELETE", "/v1/targets/web9", None).status, 204);
    assert_eq!(ask(&stage, "GET", "/v1/targets/web9", None).status, 404);
    assert_ne!(stage.ssh_as("web9").arg("true").finish().code(), 0, "it is gone");
    assert_eq!(ask(&stage, "DELETE", "/v1/targets/web", None).status, 409, "the configuration has it");
    assert_eq!(stage.ssh().arg("echo still").succeed().text(), "still\n");
}

#[test]
fn whoever_may_write_targets_gets_no_file_variable_or_program_of_the_gateway_by_one() {
    let Hall { stage, people } = Hall::new();
    let by = |token, table: &Value| ask(&stage.folder, &stage.gateway, Some(token), "POST", "/v1/targets", Some(table));
    assert_eq!(by(&people.ana, &table(&stage, "web9")).status, 403);
    for credential in [
        json!({ "password_file": "/etc/passwd" }),
        json!({ "key_file": "/etc/ssh/ssh_host_ed25519_key" }),
        json!({ "env": "PATH" }),
        json!({ "command": ["cat", "/etc/passwd"] }),
        json!({ "password": "in clear" }),
    ] {
        let mut table = table(&stage, "web9");
        table["credential"] = credential.clone();
        let said = by(&people.root, &table);
        assert_eq!(said.status, 422, "{credential}: {said:?}");
    }
    let shell = json!({ "name": "shell", "kind": "command", "command": ["sh"] });
    assert_eq!(by(&people.root, &shell).status, 400);
    let listed = ask(&stage.folder, &stage.gateway, Some(&people.root), "GET", "/v1/targets", None).body;
    assert_eq!(listed["targets"].as_array().map(Vec::len), Some(1), "{listed}");
}

#[test]
fn a_database_is_reached_by_psql_as_soon_as_it_is_created() {
    let people = People { root: Token::make("root"), bea: Token::make("bea"), ana: Token::make("ana") };
    let enter = |folder: &Folder, _: &Postgres, configuration: &mut Configuration| people.enter(folder, configuration);
    let stage = Database::with(|_| Settings::default(), enter);
    let ask = |method: &str, path: &str, body: Option<&Value>| {
        ask(&stage.folder, &stage.gateway, Some(&people.root), method, path, body)
    };
    let known = ask("GET", "/v1/targets", None).body["targets"][0].clone();
    let mut table = known["table"].clone();
    table["name"] = json!("archive");
    let said = ask("POST", "/v1/targets", Some(&table));
    assert_eq!(said.status, 201, "{said:?}");
    let psql = stage.psql(Way::Gateway).env("PGDATABASE", "archive").args(["-Atc", "select 6 * 7"]);
    assert_eq!(psql.succeed().text(), "42\n");
    assert_eq!(ask("DELETE", "/v1/targets/archive", None).status, 204);
    let psql = stage.psql(Way::Gateway).env("PGDATABASE", "archive").args(["-Atc", "select 6 * 7"]);
    assert_ne!(psql.finish().code(), 0);
}
