//! Who may do what, and what is said to others.

use reqwest::Method;
use serde_json::json;

use crate::desk::Desk;

/// Every request that is for people who are known.
const GUARDED: [(&str, &str); 19] = [
    ("GET", "/metrics"),
    ("POST", "/v1/certificates"),
    ("GET", "/v1/sessions"),
    ("GET", "/v1/sessions/0"),
    ("POST", "/v1/sessions/0/end"),
    ("GET", "/v1/sessions/0/events"),
    ("GET", "/v1/approvals"),
    ("GET", "/v1/approvals/00000000"),
    ("POST", "/v1/approvals/00000000/approve"),
    ("POST", "/v1/approvals/00000000/refuse"),
    ("DELETE", "/v1/approvals/00000000/grant"),
    ("GET", "/v1/targets"),
    ("POST", "/v1/targets"),
    ("GET", "/v1/targets/orders"),
    ("PUT", "/v1/targets/orders"),
    ("DELETE", "/v1/targets/orders"),
    ("POST", "/v1/policy/check"),
    ("GET", "/v1/revocations"),
    ("DELETE", "/v1/revocations/person/eve"),
];

#[tokio::test]
async fn whoever_is_not_known_is_answered_nothing_else() {
    let desk = Desk::open().await;
    for (method, path) in GUARDED {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        for who in ["", "nobody"] {
            let answer = desk.request(who, method.clone(), path).json(&json!({})).send().await.unwrap();
            assert_eq!(answer.status(), 401, "{method} {path} by {who:?}");
            let schemes = answer.headers().get_all("www-authenticate").iter().count();
            assert_eq!(schemes, 2, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn whoever_guesses_too_often_is_told_when_to_come_back() {
    let desk = Desk::open().await;
    let answer = desk.request("guess", Method::GET, "/v1/sessions").send().await.unwrap();
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], "30");
}

#[tokio::test]
async fn a_token_may_be_a_password_and_nothing_else_is_taken() {
    let desk = Desk::open().await;
    let by = |field: &str| desk.request("", Method::GET, "/v1/targets").header("authorization", field).send();
    for good in ["Basic YWRhOmFkYQ==", "basic YWRhOmFkYQ==", "bearer ada", "Bearer  ada"] {
        assert_eq!(by(good).await.unwrap().status(), 200, "{good}");
    }
    for wrong in ["Basic YWRhOmJlbg==", "Basic !!!", "Basic", "Bearer", "Bearer ", "Digest ada", "ada", ""] {
        assert_eq!(by(wrong).await.unwrap().status(), 401, "{wrong}");
    }
    let twice = desk.request("ada", Method::GET, "/v1/targets").header("authorization", "Bearer ada");
    assert_eq!(twice.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn what_the_policy_does_not_permit_is_forbidden_and_the_rules_are_named() {
    let desk = Desk::open().await;
    desk.recorded(1, "ana", "orders").await;
    let session = format!("/v1/sessions/{}", wiretape_core::SessionId::from_bytes([1; 16]));
    for path in ["/metrics", "/v1/targets", "/v1/targets/orders", "/v1/revocations", "/v1/sessions", &session] {
        let answer = desk.get("ben", path).await;
        assert_eq!((answer.status, answer.body["detail"].as_str()), (403, Some("nothing permits it")), "{path}");
    }
    let answer = desk.get("fox", "/metrics").await;
    assert_eq!((answer.status, &answer.body["rules"]), (403, &json!(["banned"])));
    let check = json!({ "subject": { "name": "ana" }, "target": "orders" });
    assert_eq!(desk.post("ben", "/v1/policy/check", check).await.status, 403);
    assert_eq!(desk.post("ben", "/v1/targets", json!({ "name": "x", "kind": "ssh" })).await.status, 403);
    let ended = desk.post("ben", &format!("{session}/end"), json!({})).await;
    assert_eq!(ended.status, 403);
}

#[tokio::test]
async fn what_is_public_is_answered_to_anybody() {
    let desk = Desk::open().await;
    assert_eq!(desk.get("", "/healthz").await.body, json!({ "status": "ok" }));
    assert_eq!(desk.get("", "/readyz").await.body, json!({ "status": "ok" }));
    assert_eq!(desk.get("", "/v1/login").await.body["issuers"][0]["name"], "corp");
    assert_eq!(desk.get("", "/v1/openapi.json").await.body["openapi"], "3.1.0");
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_done_so_are_problems_too() {
    let desk = Desk::open().await;
    assert_eq!(desk.get("ada", "/").await.status, 404);
    assert_eq!(desk.get("ada", "/v1/approvals/").await.status, 404);
    let answer = desk.request("ada", Method::PATCH, "/v1/targets/orders").send().await.unwrap();
    assert_eq!(answer.status(), 405);
    let allow = answer.headers()["allow"].to_str().unwrap();
    assert!(allow.contains("GET") && allow.contains("PUT") && allow.contains("DELETE"), "{allow}");
}

#[tokio::test]
async fn what_is_sent_has_to_be_json_of_its_shape_and_of_no_great_size() {
    let desk = Desk::open().await;
    let id = desk.office.ask("delete from orders", 1);
    let path = format!("/v1/approvals/{id}/approve");
    let send = |kind: &'static str, body: String| {
        desk.request("ben", Method::POST, &path).header("content-type", kind).body(body).send()
    };
    for (kind, body, status) in [
        // A page of another site could send these behind somebody's back.
        ("", String::new(), 415),
        ("text/plain", "{}".to_owned(), 415),
        ("application/x-www-form-urlencoded", "scope=once".to_owned(), 415),
        ("application/json", String::new(), 400),
        ("application/json", "{".to_owned(), 400),
        ("application/json", "[]".to_owned(), 400),
        ("application/json", r#"{"scope":"forever"}"#.to_owned(), 400),
        ("application/json", r#"{"scope":{"minutes":0}}"#.to_owned(), 400),
        ("application/json", r#"{"scope":{"minutes":1441}}"#.to_owned(), 400),
        ("application/json", r#"{"why":"a","why":"b"}"#.to_owned(), 400),
        ("application/json", r#"{"reason":"a word that is not known"}"#.to_owned(), 400),
        ("application/json", format!(r#"{{"why":"{}"}}"#, "x".repeat(251)), 400),
        ("application/json", format!(r#"{{"why":"{}"}}"#, "x".repeat(300_000)), 413),
    ] {
        let answer = send(kind, body.clone()).await.unwrap();
        assert_eq!(answer.status(), status, "{kind:?} {}", &body[..body.len().min(60)]);
    }
    assert_eq!(desk.get("ana", &format!("/v1/approvals/{id}")).await.body["answers"], json!([]));
    let answer = send("application/json; charset=utf-8", "{}".to_owned()).await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer = desk.get("ada", "/v1/sessions?persn=ana").await;
    assert_eq!(answer.status, 400, "a word of a query that is not known");
}

#[tokio::test]
async fn a_connection_is_a_strangers_until_somebody_is_recognised_on_it() {
    let desk = Desk::open().await;
    let recognised = || desk.recognised.load(std::sync::atomic::Ordering::Relaxed);
    for (who, path) in [("", "/healthz"), ("", "/v1/sessions"), ("nobody", "/v1/sessions"), ("guess", "/metrics")] {
        desk.get(who, path).await;
        assert_eq!(recognised(), 0, "{who:?} {path}");
    }
    // Who may do nothing is no stranger.
    assert_eq!(desk.get("ben", "/v1/sessions").await.status, 403);
    assert_eq!(recognised(), 1);
}

#[tokio::test]
async fn a_rule_that_forbids_one_target_holds_for_lists_too() {
    let desk = Desk::open().await;
    desk.recorded(2, "ana", "web1").await;
    desk.recorded(4, "ben", "orders").await;
    desk.office.ask("delete from orders", 1);
    let web1 = wiretape_admin::office::Known { name: "web1".to_owned(), at_run_time: true, table: json!({}) };
    desk.office.state().targets.insert("web1".to_owned(), web1);
    for (who, sessions, targets, questions) in
        [("ada", vec!["orders", "web1"], vec!["orders", "web1"], 1), ("max", vec!["web1"], vec!["web1"], 0)]
    {
        let list = |body: &serde_json::Value, of: &str, field: &str| {
            let all = body[of].as_array().unwrap().iter();
            all.map(|one| one[field].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(list(&desk.get(who, "/v1/sessions").await.body, "sessions", "target"), sessions, "{who}");
        assert_eq!(list(&desk.get(who, "/v1/targets").await.body, "targets", "name"), targets, "{who}");
        let approvals = desk.get(who, "/v1/approvals?ended=true").await.body;
        assert_eq!(approvals["approvals"].as_array().unwrap().len(), questions, "{who}");
    }
}
