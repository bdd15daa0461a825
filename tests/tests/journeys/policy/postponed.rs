//! Requests with content, by curl, of somebody who would rather come again than wait: an approval is for that content alone.

use serde_json::Value;
use sha2::{Digest, Sha256};
use wiretape_tests::program::Program;
use wiretape_tests::random::hex;
use wiretape_tests::stage::wait_until;
use wiretape_tests::web::Web;

use super::council::{Council, asked, decisions};
use super::web::{ROAD, RULES};

/// More than the gateway reads for a question.
const LARGE_BYTES: usize = 300 * 1024;

struct Shop {
    web: Web,
    council: Council,
}

impl Shop {
    fn new() -> Self {
        let mut council = None;
        let web = Web::with(|_, _, configuration| council = Some(Council::convene(configuration, RULES)));
        let council = council.expect("it was convened").with_ana(&web.token);
        Self { web, council }
    }

    /// A request about orders that brings `content`; `words` say how.
    fn remove(&self, words: &[&str], content: &[u8]) -> Program {
        let curl = self.web.curl(ROAD).args(["--include", "--request", "DELETE", "--header", "Prefer: respond-async"]);
        let curl = curl.args(["--header", "Content-Type: application/json", "--data-binary", "@-"]).args(words);
        curl.input(content).arg(format!("{}/echo?orders", self.web.url(ROAD, "plain")))
    }

    /// What is said to it: the status, and the last line.
    fn said(&self, words: &[&str], content: &[u8]) -> (u32, String) {
        let text = self.remove(words, content).succeed().text();
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, text.lines().last().unwrap_or_default().to_owned())
    }
}

#[test]
fn an_approval_of_content_is_good_for_that_content_once() {
    let shop = Shop::new();
    let content = br#"{"orders":[7,9]}"#;
    for (turn, words) in [&["--http1.1"][..], &["--http2"], &["--http1.1", "--header", "Transfer-Encoding: chunked"]]
        .into_iter()
        .enumerate()
    {
        assert_eq!(shop.said(words, content).0, 202, "{words:?}");
        let (id, detail) = shop.council.question(&shop.web.gateway, "orders");
        let digest = hex(&Sha256::digest(content));
        let lines: Vec<&str> = detail.lines().collect();
        assert_eq!(lines.len(), 2, "{detail}");
        assert!(lines[0].starts_with("DELETE ") && lines[0].ends_with("/echo?orders"), "{detail}");
        assert_eq!(lines[1], format!("content of 16 bytes, sha256:{digest}"));
        // Whoever asks again before that is told of the same question.
        let (status, told) = shop.said(words, content);
        assert!(status == 202 && told.contains(&id), "{told}");
        assert_eq!(shop.council.open(&shop.web.gateway).len(), 1);
        shop.council.approve(&shop.web.gateway, "orders");
        // Something else in its place is another question, which is refused; what was approved still is.
        assert_eq!(shop.said(words, br#"{"orders":"*"}"#).0, 202);
        assert_eq!(shop.said(words, b"").0, 202, "nothing is not the same either");
        for bytes in ["content of 14 bytes", "echo?orders"] {
            shop.council.refuse(&shop.web.gateway, bytes);
        }
        let (status, echo) = shop.said(words, content);
        assert_eq!(status, 200, "{echo}");
        let echo: Value = serde_json::from_str(&echo).expect("JSON");
        assert_eq!((echo["digest"].as_str(), &echo["method"]), (Some(digest.as_str()), &Value::from("DELETE")));
        // Once.
        assert_eq!(shop.said(words, content).0, 202, "{words:?}");
        shop.council.refuse(&shop.web.gateway, "content of 16 bytes");
        wait_until("the server's word of one request a turn", || shop.web.server.requests().len() == turn + 1);
    }
}

#[test]
fn of_more_content_than_is_read_for_a_question_the_answer_is_waited_for() {
    let shop = Shop::new();
    for words in [&["--http1.1", "--header", "Expect:"][..], &["--http2"]] {
        let content = vec![b'x'; LARGE_BYTES];
        let running = shop.remove(words, &content).start();
        let (_, detail) = shop.council.question(&shop.web.gateway, "orders");
        assert!(!detail.contains("sha256"), "{detail}");
        assert!(running.runs(), "it waits");
        shop.council.approve(&shop.web.gateway, "orders");
        let text = running.finish().good().text();
        assert!(text.contains(&hex(&Sha256::digest(&content))), "{words:?}: {text}");
    }
}

#[test]
fn who_leaves_before_the_content_is_there_asked_nothing() {
    let shop = Shop::new();
    let curl = shop.web.curl(ROAD).args(["--http1.1", "--request", "DELETE", "--header", "Prefer: respond-async"]);
    let curl = curl.args(["--upload-file", "-"]).arg(format!("{}/echo?orders", shop.web.url(ROAD, "plain")));
    let mut curl = curl.input_held().start();
    curl.say(b"the beginning").expect("curl reads");
    wait_until("the request is on the record", || !shop.web.gateway.record().sessions().is_empty());
    drop(curl);
    assert!(shop.council.open(&shop.web.gateway).is_empty());
    let session = shop.web.gateway.record().one();
    session.verified().coded(0);
    assert!(asked(&session.events()).is_empty());
    assert!(!decisions(&session.events(), "http.request").iter().any(|(_, allowed, _)| *allowed));
    assert!(shop.web.server.requests().is_empty());
}
