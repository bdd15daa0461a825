//! Targets that are created, changed and removed while the gateway serves, and reached by real clients.

use serde_json::{Value, json};
use wiretape_tests::configuration::Configuration;
use wiretape_tests::database::{Database, Way};
use wiretape_tests::postgres::{Postgres, Settings};
use wiretape_tests::secrets::Token;
use wiretape_tests::stage::{Folder, Stage, user_name, wait_until};
use wiretape_tests::web::{Road, Web};

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
    // A credential of the configuration goes where it goes there, and as whom.
    for (setting, value) in [
        ("login", json!("somebody")),
        ("logins", json!(["somebody"])),
        ("host_key", Value::Null),
        ("address", json!("127.0.0.1:9")),
    ] {
        let mut table = table(&stage, "web9");
        match value {
            Value::Null => drop(table.as_object_mut().expect("a table").remove(setting)),
            value => table[setting] = value,
        }
        let said = by(&people.root, &table);
        assert_eq!(said.status, 422, "{setting}: {said:?}");
    }
    let shell = json!({ "name": "shell", "kind": "command", "command": ["sh"] });
    assert_eq!(by(&people.root, &shell).status, 400);
    let listed = ask(&stage.folder, &stage.gateway, Some(&people.root), "GET", "/v1/targets", None).body;
    assert_eq!(listed["targets"].as_array().map(Vec::len), Some(1), "{listed}");
}

#[test]
fn an_approval_about_a_target_is_good_for_nothing_when_that_leads_elsewhere() {
    let Hall { stage, people } = Hall::new();
    let ask = |token: &Token, method: &str, path: &str, body: Option<&Value>| {
        ask(&stage.folder, &stage.gateway, Some(token), method, path, body)
    };
    let mut target = table(&stage, "web9");
    assert_eq!(ask(&people.root, "POST", "/v1/targets", Some(&target)).status, 201);
    let touch = |name: &str| stage.ssh_as("web9").arg(format!("touch {}", stage.folder.join(name).display())).start();
    let open = || ask(&people.bea, "GET", "/v1/approvals", None).body["approvals"][0]["id"].clone();
    let answer = |verb: &str, body: Value| {
        wait_until("a question waits", || open().is_string());
        let path = format!("/v1/approvals/{}/{verb}", open().as_str().expect("a name"));
        assert_eq!(ask(&people.bea, "POST", &path, Some(&body)).status, 200);
    };
    let ssh = touch("one");
    answer("approve", json!({ "scope": { "minutes": 30 } }));
    ssh.finish().good();
    // What else is created changes nothing.
    assert_eq!(ask(&people.root, "POST", "/v1/targets", Some(&table(&stage, "web8"))).status, 201);
    touch("two").finish().good();

    target["labels"] = json!({ "env": "production" });
    assert_eq!(ask(&people.root, "PUT", "/v1/targets/web9", Some(&target)).status, 200);
    let ssh = touch("three");
    answer("refuse", json!({}));
    assert_eq!(ssh.finish().code(), 126);
    assert!(stage.folder.join("two").exists() && !stage.folder.join("three").exists());
}

#[test]
fn a_target_at_run_time_takes_no_host_from_one_of_the_configuration() {
    let people = People { root: Token::make("root"), bea: Token::make("bea"), ana: Token::make("ana") };
    let web = Web::with(|folder, _, configuration| people.enter(folder, configuration));
    // By its name it would come first.
    for (turn, hosts) in [["one.example:443"], ["*.example:443"]].into_iter().enumerate() {
        let table = json!({ "name": format!("a{turn}"), "kind": "tunnel", "hosts": hosts });
        let said = ask(&web.folder, &web.gateway, Some(&people.root), "POST", "/v1/targets", Some(&table));
        assert_eq!(said.status, 201, "{said:?}");
        let url = format!("{}/text", web.url(Road::Forward, "secure1"));
        web.curl(Road::Forward).args(["--fail", "--output", "/dev/null"]).arg(url).succeed();
        assert_eq!(web.server.request()["path"], "/text");
    }
    // The two requests, and the record of the two targets that were created.
    let sessions = web.gateway.record().ended(4);
    let reached: Vec<&str> =
        sessions.iter().filter(|session| session.text("protocol") == "http").map(|it| it.text("target")).collect();
    assert_eq!(reached, ["secure1", "secure1"]);
}

#[test]
fn a_target_that_could_not_be_put_in_force_is_not_kept_for_later() {
    let Hall { stage, people } = Hall::new();
    let ask = |method: &str, path: &str, body: Option<&Value>| {
        ask(&stage.folder, &stage.gateway, Some(&people.root), method, path, body)
    };
    let policy = stage.folder.join("policies/policy.cedar");
    let good = std::fs::read_to_string(&policy).expect("the policy");
    std::fs::write(&policy, format!("{good}\nnothing that means anything")).expect("a file can be written");
    wait_until("the fault is told", || stage.gateway.log().contains("the new one is faulty"));
    let said = ask("POST", "/v1/targets", Some(&table(&stage, "web9")));
    assert_eq!(said.status, 500, "{said:?}");
    assert!(!said.body.to_string().contains("policy.cedar"), "what is wrong is told to the log: {said:?}");
    std::fs::write(&policy, good).expect("a file can be written");
    wait_until("it is well again", || stage.gateway.log().contains("the configuration was read again"));
    assert_eq!(ask("GET", "/v1/targets/web9", None).status, 404);
    assert_eq!(ask("POST", "/v1/targets", Some(&table(&stage, "web9"))).status, 201);
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
