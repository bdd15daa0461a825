//! Notices of new questions, taken by a server that fails at first.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wiretape_admin::webhook::{Settings, Webhook};

use crate::desk::Desk;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Takes one request, answers `status` and returns its head and body.
async fn take(listener: &TcpListener, status: &str) -> (String, String) {
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let count = socket.read(&mut piece).await.unwrap();
        assert!(count > 0, "the request is cut off");
        bytes.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length: usize = field(head, "content-length").parse().unwrap();
        if body.len() >= length {
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            socket.write_all(answer.as_bytes()).await.unwrap();
            return (head.to_owned(), body.to_owned());
        }
    }
}

fn field(head: &str, name: &str) -> String {
    let line =
        head.lines().find_map(|line| line.split_once(": ").filter(|(known, _)| known.eq_ignore_ascii_case(name)));
    line.unwrap_or_else(|| panic!("no {name} in {head}")).1.to_owned()
}

fn settings(listener: &TcpListener) -> Settings {
    let url = format!("http://{}/hook?key=in-the-address", listener.local_addr().unwrap());
    let settings = Settings::new(url, SecretString::from(SECRET));
    Settings { patience: Duration::from_millis(10), office_url: Some("https://gw.example.com/".to_owned()), ..settings }
}

/// How many notices came to `outcome`, once it is `count`.
async fn counted(webhook: &Webhook, outcome: &str, count: f64) -> bool {
    for _ in 0..500 {
        let figures = webhook.figures();
        let sample = figures.samples.iter().find(|sample| sample.labels[0].1 == outcome).unwrap();
        if sample.value == count {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[tokio::test]
async fn a_notice_is_signed_and_tried_again_under_the_same_name() {
    let desk = Desk::open().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let webhook = Webhook::start(settings(&listener)).unwrap();
    let detail = format!("delete from orders -- {}", "x".repeat(5000));
    let id = desk.office.ask(&detail, 2);
    // The office in memory lives in another year: this question would be dead.
    let mut petition = desk.office.state().approvals.get(&id).unwrap().clone();
    petition.asking.expires_unix_nanos = u64::MAX;
    webhook.tell(&petition);
    let (first, first_body) = take(&listener, "503 Service Unavailable").await;
    let (second, body) = take(&listener, "200 OK").await;
    assert!(counted(&webhook, "delivered", 1.0).await);
    assert_eq!(first_body, body);
    assert_eq!(field(&first, "webhook-id"), format!("asked-{id}"));
    assert_eq!(field(&first, "webhook-id"), field(&second, "webhook-id"));
    for head in [&first, &second] {
        let signed = format!("{}.{}.{body}", field(head, "webhook-id"), field(head, "webhook-timestamp"));
        assert_eq!(field(head, "webhook-signature"), format!("v1,{}", expected(&signed)));
    }
    let notice: Value = serde_json::from_str(&body).unwrap();
    let data = &notice["data"];
    assert_eq!(notice["type"], "approval.asked");
    assert_eq!((&data["who"]["name"], &data["target"]), (&Value::from("ana"), &Value::from("orders")));
    assert_eq!(data["link"], format!("https://gw.example.com/v1/approvals/{id}"));
    assert_eq!(data["approvers"][0]["count"], 2);
    assert!(data["what"].as_str().unwrap().starts_with("delete from orders"));
    assert!(data["what"].as_str().unwrap().len() <= 2000 && data["what_is_cut"] == true);
}

/// HMAC-SHA256 by Python's standard library: another hand than the one that signs.
fn expected(signed: &str) -> String {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let program = "import sys,hmac,hashlib,base64;k=base64.b64decode(sys.argv[1]);\
                   print(base64.b64encode(hmac.new(k,sys.stdin.buffer.read(),hashlib.sha256).digest()).decode())";
    let key = SECRET.strip_prefix("whsec_").unwrap();
    let mut python = Command::new("python3")
        .args(["-c", program, key])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is there");
    python.stdin.take().unwrap().write_all(signed.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn whoever_wants_no_notices_gets_none_again_and_a_full_queue_drops_them() {
    let desk = Desk::open().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let webhook = Webhook::start(settings(&listener)).unwrap();
    let id = desk.office.ask("delete from orders", 1);
    let petition = desk.office.state().approvals.get(&id).unwrap().clone();
    webhook.tell(&petition);
    take(&listener, "410 Gone").await;
    assert!(counted(&webhook, "failed", 1.0).await);
    // Nobody accepts any more: a few are on their way, the queue takes its number, the rest is dropped.
    for _ in 0..2000 {
        webhook.tell(&petition);
    }
    let dropped = webhook.figures().samples[2].value;
    assert!((1700.0..=1750.0).contains(&dropped), "{dropped}");
}

#[tokio::test]
async fn notices_that_are_not_tried_again_keep_no_others_waiting() {
    let desk = Desk::open().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // Before the second try every question is dead.
    let webhook = Webhook::start(Settings { patience: Duration::MAX, ..settings(&listener) }).unwrap();
    let id = desk.office.ask("delete from orders", 1);
    let mut petition = desk.office.state().approvals.get(&id).unwrap().clone();
    petition.asking.expires_unix_nanos = u64::MAX;
    let at_once = wiretape_admin::limits::NOTICES_AT_ONCE_MAX;
    for _ in 0..at_once {
        webhook.tell(&petition);
        take(&listener, "503 Service Unavailable").await;
    }
    assert!(counted(&webhook, "failed", at_once as f64).await);
    webhook.tell(&petition);
    take(&listener, "200 OK").await;
    assert!(counted(&webhook, "delivered", 1.0).await);
}

#[tokio::test]
async fn settings_that_would_give_the_secret_away_are_refused() {
    for url in ["http://hooks.example.com/", "ftp://localhost/", "hooks.example.com", ""] {
        assert!(Webhook::start(Settings::new(url.to_owned(), SecretString::from(SECRET))).is_err(), "{url}");
    }
    let short = Settings::new("https://hooks.example.com/".to_owned(), SecretString::from("short"));
    assert!(Webhook::start(short).is_err());
}
