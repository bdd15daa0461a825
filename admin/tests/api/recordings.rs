//! Sessions and their events over HTTP.

use reqwest::{Method, Response};
use serde_json::{Value, json};
use wiretape_core::SessionId;

use crate::desk::{Desk, output};

#[tokio::test]
async fn sessions_are_listed_page_by_page_each_once() {
    let desk = Desk::open().await;
    // Two sessions open at each moment: their order is by name then.
    for number in 1..=11 {
        desk.recorded(number, if number % 2 == 0 { "ana" } else { "ben" }, "web1").await;
    }
    let _live = desk.live(30, "ana", "orders").await;
    let mut seen: Vec<String> = Vec::new();
    let mut path = "/v1/sessions?limit=2".to_owned();
    for page in 0.. {
        assert!(page < 10, "the pages end");
        let answer = desk.get("ada", &path).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let sessions = answer.body["sessions"].as_array().unwrap();
        assert!(sessions.len() <= 2);
        seen.extend(sessions.iter().map(|session| session["id"].as_str().unwrap().to_owned()));
        match answer.body["next"].as_str() {
            Some(next) => path = format!("/v1/sessions?limit=2&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 12, "{seen:?}");
    assert_eq!(seen[0], SessionId::from_bytes([30; 16]).to_string(), "the newest first");
    let mut each = seen.clone();
    each.sort();
    each.dedup();
    assert_eq!(each.len(), 12);
    for (query, count) in [
        ("person=ana", 6),
        ("person=ana&target=web1", 5),
        ("state=live", 1),
        ("state=closed&protocol=ssh", 11),
        ("protocol=postgres", 0),
        ("kind=person", 12),
        ("kind=agent", 0),
        ("since=2027-01-15T08:00:00.000000005Z", 3),
        ("until=2027-01-15T08:00:00.000000001Z", 1),
    ] {
        let answer = desk.get("ada", &format!("/v1/sessions?{query}")).await;
        assert_eq!(answer.body["sessions"].as_array().map(Vec::len), Some(count), "{query}: {}", answer.body);
    }
    for wrong in ["limit=0", "limit=501", "after=x", "since=2h", "since=yesterday", "state=dead", "limit=1&limit=2"] {
        assert_eq!(desk.get("ada", &format!("/v1/sessions?{wrong}")).await.status, 400, "{wrong}");
    }
    assert_eq!(desk.get("ada", &format!("/v1/sessions?after={}", "0".repeat(26))).await.status, 404);
}

#[tokio::test]
async fn whoever_may_list_one_target_sees_its_sessions_alone() {
    let desk = Desk::open().await;
    desk.recorded(2, "ana", "web1").await;
    desk.recorded(4, "ben", "orders").await;
    let known = wiretape_admin::office::Known { name: "web1".to_owned(), at_run_time: true, table: json!({}) };
    desk.office.state().targets.insert("web1".to_owned(), known);
    let list = desk.get("ana", "/v1/sessions").await.body;
    assert_eq!(list["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(list["sessions"][0]["target"], "web1");
    assert_eq!(desk.get("ana", &format!("/v1/sessions/{}", SessionId::from_bytes([4; 16]))).await.status, 403);
    // Whether there are others she is not told: by none of them, and by no beginning that several have.
    for others in ["7".repeat(26), "0".to_owned(), "7".to_owned(), String::from("..%2Ftargets")] {
        for path in [format!("/v1/sessions/{others}"), format!("/v1/sessions/{others}/events")] {
            assert_eq!(desk.get("ana", &path).await.status, 403, "{path}");
        }
        let end = format!("/v1/sessions/{others}/end");
        assert_eq!(desk.post("ana", &end, json!({})).await.status, 403, "{end}");
    }
}

#[tokio::test]
async fn the_events_of_a_session_are_lines_and_reading_them_is_recorded_first() {
    let desk = Desk::open().await;
    let id = desk.recorded(2, "ana", "web1").await;
    let path = format!("/v1/sessions/{id}/events");
    let answer = desk.request("ada", Method::GET, &path).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    let text = answer.text().await.unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<_> = lines.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["session.opened", "terminal.output", "session.closed"]);
    assert_eq!((&lines[1]["number"], &lines[1]["text"]), (&json!(1), &json!("hello\r\n")));
    assert_eq!(desk.office.state().reads, [format!("ada {id} events")]);
    let rest = desk.request("ada", Method::GET, &format!("{path}?after=1")).send().await.unwrap().text().await.unwrap();
    assert_eq!(rest.lines().collect::<Vec<_>>(), [text.lines().nth(2).unwrap()]);
    assert_eq!(desk.get("ben", &path).await.status, 403);
    assert_eq!(desk.get("ada", &format!("/v1/sessions/{}/events", "7".repeat(26))).await.status, 404);
    assert_eq!(desk.office.state().reads.len(), 2, "who reads nothing is not recorded");
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_read() {
    let desk = Desk::open().await;
    let id = desk.recorded(2, "ana", "web1").await;
    desk.office.state().record_is_full = true;
    let answer = desk.get("ada", &format!("/v1/sessions/{id}/events")).await;
    assert_eq!(answer.status, 500);
    assert!(!answer.body.to_string().contains("disk"), "{}", answer.body);
    assert!(!answer.body.to_string().contains("hello"));
}

/// The next lines of an answer until one of them holds `word`.
async fn until(answer: &mut Response, text: &mut String, word: &str) {
    while !text.contains(word) {
        let piece = answer.chunk().await.unwrap().unwrap_or_else(|| panic!("it ended before {word}: {text}"));
        text.push_str(std::str::from_utf8(&piece).unwrap());
    }
}

#[tokio::test]
async fn a_live_session_is_followed_to_its_end() {
    let desk = Desk::open().await;
    let recording = desk.live(2, "ana", "web1").await;
    let id = SessionId::from_bytes([2; 16]);
    let one = desk.get("ada", &format!("/v1/sessions/{id}")).await.body;
    assert_eq!((&one["state"], &one["closed"]), (&json!("live"), &Value::Null));
    let path = format!("/v1/sessions/{id}/events?follow=true");
    let mut answer = desk.request("ada", Method::GET, &path).send().await.unwrap();
    let mut text = String::new();
    until(&mut answer, &mut text, "session.opened").await;
    for word in ["first", "second", "third"] {
        output(&recording, word).await;
        until(&mut answer, &mut text, word).await;
    }
    // Without following it ends where the recording does for now.
    let now = desk.request("ada", Method::GET, &format!("/v1/sessions/{id}/events")).send().await.unwrap();
    assert_eq!(now.text().await.unwrap().lines().count(), 4);
    output(&recording, "last").await;
    recording.finish().await.unwrap();
    until(&mut answer, &mut text, "last").await;
    while let Some(piece) = answer.chunk().await.unwrap() {
        text.push_str(std::str::from_utf8(&piece).unwrap());
    }
    let numbers: Vec<_> =
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["number"].clone()).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4].map(Value::from), "each event once, in order");
    assert_eq!(desk.office.state().reads[0], format!("ada {id} events, followed"));
}

#[tokio::test]
async fn whoever_may_not_read_any_more_is_cut_off_while_they_follow() {
    let desk = Desk::open().await;
    let recording = desk.live(2, "ana", "web1").await;
    let path = format!("/v1/sessions/{}/events?follow=true", SessionId::from_bytes([2; 16]));
    let mut follow = desk.request("ada", Method::GET, &path).send().await.unwrap();
    let mut text = String::new();
    output(&recording, "before").await;
    until(&mut follow, &mut text, "before").await;
    desk.office.state().gone.push("ada".to_owned());
    let cut = loop {
        // An empty line may be on its way still.
        match follow.chunk().await {
            Ok(Some(piece)) => assert_eq!(piece, "\n"),
            other => break other,
        }
    };
    assert!(cut.is_err(), "the answer has no end");
    output(&recording, "after").await;
}

#[tokio::test]
async fn a_damaged_recording_is_cut_off_and_not_ended_in_good_order() {
    let desk = Desk::open().await;
    let id = desk.recorded(2, "ana", "web1").await;
    let archive = wiretape_admin::office::Office::archive(desk.office.as_ref());
    let tape = archive.tape_path(&id);
    let mut bytes = std::fs::read(&tape).unwrap();
    let place = bytes.windows(5).position(|run| run == b"hello").unwrap_or(bytes.len() / 3);
    bytes[place] ^= 1;
    std::fs::write(&tape, bytes).unwrap();
    let answer = desk.request("ada", Method::GET, &format!("/v1/sessions/{id}/events")).send().await.unwrap();
    assert!(answer.text().await.is_err(), "the answer has no end");
}

#[tokio::test]
async fn more_readers_than_there_are_places_are_sent_away() {
    let desk = Desk::open().await;
    let _recording = desk.live(2, "ana", "web1").await;
    let path = format!("/v1/sessions/{}/events?follow=true", SessionId::from_bytes([2; 16]));
    let mut readers = Vec::new();
    for _ in 0..wiretape_admin::limits::READERS_MAX {
        let answer = desk.request("ada", Method::GET, &path).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        readers.push(answer);
    }
    let answer = desk.request("ada", Method::GET, &path).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (503, "5"));
    drop(readers);
    // Whoever left gives the place up, at the latest when there is something to send.
    for _ in 0..200 {
        if desk.request("ada", Method::GET, &path).send().await.unwrap().status() == 200 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the places of those who left stay taken");
}

#[tokio::test]
async fn a_live_session_is_ended_and_another_is_not() {
    let desk = Desk::open().await;
    let gone = desk.recorded(4, "ana", "web1").await;
    let _recording = desk.live(2, "ana", "web1").await;
    let id = SessionId::from_bytes([2; 16]);
    let answer = desk.post("ada", &format!("/v1/sessions/{id}/end"), json!({ "why": "too late\n" })).await;
    assert_eq!(answer.status, 202);
    assert_eq!(desk.office.state().ended, [format!("ada {id} too late␊")]);
    assert_eq!(desk.post("ada", &format!("/v1/sessions/{gone}/end"), json!({})).await.status, 409);
}
