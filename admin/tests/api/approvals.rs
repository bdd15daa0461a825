//! Questions and answers over HTTP.

use serde_json::{Value, json};

use crate::desk::Desk;

#[tokio::test]
async fn a_question_is_listed_to_whom_it_concerns_and_approved_by_whom_it_asks() {
    let desk = Desk::open().await;
    let id = desk.office.ask("delete from orders\n where true", 2);
    for (who, seen, yours) in [("ana", 1, false), ("ben", 1, true), ("ada", 1, false), ("fox", 1, true)] {
        let list = desk.get(who, "/v1/approvals").await.body;
        let questions = list["approvals"].as_array().unwrap();
        assert_eq!(questions.len(), seen, "{who}");
        assert_eq!(questions[0]["yours"], yours, "{who}");
        assert_eq!(questions[0]["detail"], "delete from orders\n where true");
    }
    let path = format!("/v1/approvals/{id}/approve");
    for (who, status) in [("ana", 403), ("ada", 403), ("fox", 403), ("ben", 200), ("ben", 409)] {
        let answer = desk.post(who, &path, json!({ "why": "go" })).await;
        assert_eq!(answer.status, status, "{who}: {}", answer.body);
    }
    let question = desk.get("ana", &format!("/v1/approvals/{}", id.to_uppercase())).await.body;
    assert_eq!((&question["state"], &question["missing"][0]["count"]), (&json!("open"), &json!(1)));
    let question = desk.post("kim", &path, json!({ "scope": "session" })).await.body;
    assert_eq!((&question["state"], &question["scope"]), (&json!("approved"), &json!("once")));
    assert_eq!(question["answers"][0]["by"]["name"], "ben");
    assert_eq!(question["answers"][0]["why"], "go");
    assert_eq!(desk.get("ana", "/v1/approvals").await.body["approvals"], json!([]));
    let ended = desk.get("ana", "/v1/approvals?ended=true").await.body;
    assert_eq!(ended["approvals"][0]["id"], id.as_str());
}

#[tokio::test]
async fn whoever_has_nothing_to_do_with_a_question_does_not_learn_of_it() {
    let desk = Desk::open().await;
    let id = desk.office.ask("drop table orders", 1);
    let path = format!("/v1/approvals/{id}");
    for (who, status) in [("ana", 200), ("ada", 200), ("ben", 200), ("eve", 404)] {
        assert_eq!(desk.get(who, &path).await.status, status, "{who}");
    }
    assert_eq!(desk.get("eve", "/v1/approvals").await.body["approvals"], json!([]));
    for verb in ["approve", "refuse"] {
        let answer = desk.post("eve", &format!("{path}/{verb}"), json!({})).await;
        assert_eq!(answer.body, desk.post("eve", &format!("/v1/approvals/zzzzzzzz/{verb}"), json!({})).await.body);
        assert_eq!(answer.status, 404, "as if there were none");
    }
}

#[tokio::test]
async fn a_refusal_ends_it_and_its_reason_is_harmless() {
    let desk = Desk::open().await;
    let id = desk.office.ask("delete from orders", 2);
    let why = json!({ "why": "not \u{1b}[31mtoday\r\n\u{202e}" });
    let question = desk.post("ben", &format!("/v1/approvals/{id}/refuse"), why).await;
    assert_eq!((question.status, &question.body["state"]), (200, &json!("refused")));
    assert_eq!(question.body["answers"][0]["why"], "not ␛[31mtoday␍␊\\u{202e}");
    let again = desk.post("kim", &format!("/v1/approvals/{id}/approve"), json!({})).await;
    assert_eq!(again.status, 409);
}

#[tokio::test]
async fn what_was_granted_for_a_while_is_taken_back() {
    let desk = Desk::open().await;
    let id = desk.office.ask("delete from orders", 1);
    let path = format!("/v1/approvals/{id}/approve");
    let question = desk.post("ben", &path, json!({ "scope": { "minutes": 30 } })).await.body;
    let until = wiretape_replay::wallclock::exact(crate::office::NOW + 30 * 60_000_000_000);
    assert_eq!(question["scope"], Value::from(until));
    assert_eq!(desk.office.state().approvals.grants(crate::office::NOW).count(), 1);
    let grant = format!("/v1/approvals/{id}/grant");
    assert_eq!(desk.delete("fox", &grant).await.status, 403);
    assert_eq!(desk.delete("kim", &grant).await.status, 204);
    assert_eq!(desk.office.state().approvals.grants(crate::office::NOW).count(), 0);
    assert_eq!(desk.delete("kim", &grant).await.status, 409);
}
