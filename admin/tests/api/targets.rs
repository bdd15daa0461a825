//! Targets, policies, revocations, figures and certificates over HTTP.

use serde_json::json;

use crate::desk::Desk;

#[tokio::test]
async fn a_target_is_created_changed_and_removed_and_shows_no_secret() {
    let desk = Desk::open().await;
    let table =
        json!({ "name": "web2", "kind": "ssh", "address": "10.0.0.9:22", "credential": { "vault": "ssh/web2" } });
    let created = desk.post("ada", "/v1/targets", table.clone()).await;
    assert_eq!((created.status, &created.body["at_run_time"], &created.body["table"]), (201, &json!(true), &table));
    assert_eq!(desk.post("ada", "/v1/targets", table.clone()).await.status, 409);
    let moved = json!({ "name": "web2", "kind": "ssh", "address": "10.0.0.10:22" });
    assert_eq!(desk.put("ada", "/v1/targets/web2", moved.clone()).await.status, 200);
    assert_eq!(desk.get("ada", "/v1/targets/web2").await.body["table"], moved);
    assert_eq!(desk.put("ada", "/v1/targets/web3", moved.clone()).await.status, 422, "a target keeps its name");
    let faulty = json!({ "name": "web2", "kind": "ssh" });
    assert_eq!(desk.put("ada", "/v1/targets/web2", faulty).await.body["detail"], "address is missing");
    let list = desk.get("ada", "/v1/targets").await.body;
    let names: Vec<_> = list["targets"].as_array().unwrap().iter().map(|target| target["name"].clone()).collect();
    assert_eq!(names, ["orders", "web2"]);
    assert!(!list.to_string().contains("hunter2"), "{list}");
    assert_eq!(desk.delete("ada", "/v1/targets/web2").await.status, 204);
    assert_eq!(desk.delete("ada", "/v1/targets/web2").await.status, 404);
    assert_eq!(desk.get("ada", "/v1/targets/web2").await.status, 404);
    for method in [desk.delete("ada", "/v1/targets/orders").await, {
        let table = json!({ "name": "orders", "kind": "postgres", "address": "10.6.6.6:5432" });
        desk.put("ada", "/v1/targets/orders", table).await
    }] {
        assert_eq!(method.status, 409, "what the configuration says is changed there");
    }
}

#[tokio::test]
async fn a_target_at_run_time_runs_no_program_on_the_gateway() {
    let desk = Desk::open().await;
    for (table, status) in [
        (json!({ "name": "x", "kind": "command", "command": ["sh"] }), 400),
        (json!({ "name": "x", "kind": "ssh", "address": "h:22", "command": ["sh"] }), 422),
        (json!({ "name": "x", "kind": "ssh", "address": "h:22", "exec": ["sh", "-c"] }), 422),
        (json!({ "name": "x", "kind": "ssh", "address": "h:22", "credential": { "command": ["sh"] } }), 422),
    ] {
        assert_eq!(desk.post("ada", "/v1/targets", table.clone()).await.status, status, "{table}");
    }
    assert_eq!(desk.get("ada", "/v1/targets/x").await.status, 404);
}

#[tokio::test]
async fn a_policy_says_what_it_would_decide() {
    let desk = Desk::open().await;
    let check = |action: serde_json::Value| {
        let subject = json!({ "name": "ana", "kind": "agent", "groups": ["dev"], "claims": { "team": ["a"] } });
        json!({ "subject": subject, "target": "orders", "action": action, "client_address": "192.0.2.7" })
    };
    let decided =
        desk.post("ada", "/v1/policy/check", check(json!({ "name": "pg.query", "text": "delete from x" }))).await;
    assert_eq!((decided.status, &decided.body["verdict"]), (200, &json!("ask")));
    assert_eq!(decided.body["approvers"], json!([{ "group": "leads", "count": 1 }]));
    let decided = desk.post("ada", "/v1/policy/check", check(json!({ "name": "ssh.shell" }))).await;
    assert_eq!(decided.body["verdict"], "refuse");
    let decided = desk.post("ada", "/v1/policy/check", check(serde_json::Value::Null)).await;
    assert_eq!(decided.body["rules"], json!(["default"]));
    for wrong in [json!({ "name": "ssh.shell", "command": "x" }), json!({ "name": "connect" }), json!({})] {
        assert_eq!(desk.post("ada", "/v1/policy/check", check(wrong.clone())).await.status, 400, "{wrong}");
    }
    let mut listed = check(serde_json::Value::Null);
    listed["subject"] = json!(["ana"]);
    assert_eq!(desk.post("ada", "/v1/policy/check", listed).await.status, 400, "fields have names");
    assert_eq!(desk.post("ada", "/v1/policy/check", check(json!(["ssh.exec", "id"]))).await.status, 400);
    let nowhere = json!({ "subject": { "name": "ana" }, "target": "nowhere" });
    assert_eq!(desk.post("ada", "/v1/policy/check", nowhere).await.status, 404);
}

#[tokio::test]
async fn people_and_tokens_are_revoked_and_reinstated() {
    let desk = Desk::open().await;
    let eve = json!({ "kind": "person", "name": "eve/../ \u{fc}" });
    let revoked = desk.post("ada", "/v1/revocations", eve.clone()).await;
    assert_eq!((revoked.status, &revoked.body["name"]), (201, &eve["name"]));
    assert_eq!(desk.get("ada", "/v1/revocations").await.body["revocations"].as_array().unwrap().len(), 1);
    let path = "/v1/revocations/person/eve%2F..%2F%20%C3%BC";
    assert_eq!(desk.delete("ada", "/v1/revocations/token/eve%2F..%2F%20%C3%BC").await.status, 404);
    assert_eq!(desk.delete("ada", path).await.status, 204);
    assert_eq!(desk.delete("ada", path).await.status, 404);
    assert_eq!(desk.delete("ada", "/v1/revocations/group/x").await.status, 404);
    assert_eq!(desk.post("ben", "/v1/revocations", eve).await.status, 403);
}

#[tokio::test]
async fn figures_are_for_prometheus() {
    let desk = Desk::open().await;
    desk.get("ada", "/v1/targets").await;
    let answer = desk.request("ada", reqwest::Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text().await.unwrap();
    assert!(text.contains("\nwiretape_sessions_live 1\n"), "{text}");
    assert!(text.contains("\nwiretape_admin_answers_total{status=\"2xx\"} 1\n"), "{text}");
}

#[tokio::test]
async fn certificates_are_for_keys() {
    let desk = Desk::open().await;
    let answer = desk.post("ana", "/v1/certificates", json!({ "public_key": "ssh-ed25519 AAAA" })).await;
    assert_eq!((answer.status, &answer.body["name"]), (200, &json!("ana")));
    assert_eq!(desk.post("ana", "/v1/certificates", json!({ "public_key": "what" })).await.status, 422);
}
