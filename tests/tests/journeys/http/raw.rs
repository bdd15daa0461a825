//! HTTP/1 as bytes: what clients do that no library does, and what every client may do.

use wiretape_core::event::HttpVersion;
use wiretape_tests::configuration::Target;
use wiretape_tests::conversation::{Conversation, Scripted};
use wiretape_tests::random;
use wiretape_tests::web::Web;

/// A connection in clear text, and the field that says who asks.
fn connect(web: &Web) -> (Conversation, String) {
    let own = format!("Host: localhost\r\nAuthorization: Bearer {}\r\n", web.token.secret);
    (Conversation::with(web.gateway.http()), own)
}

#[test]
fn requests_in_a_pipeline_are_answered_in_order() {
    let web = Web::new();
    for target in ["plain", "secure"] {
        let (mut client, own) = connect(&web);
        let mut all = String::new();
        for number in 0..40 {
            // The first ones take the longest.
            all += &format!("GET /{target}/slow/{} HTTP/1.1\r\n{own}\r\n", 80 - 2 * number);
            all += &format!("POST /{target}/echo HTTP/1.1\r\n{own}Content-Length: 2\r\n\r\n{number:02}");
        }
        client.say(all);
        for number in 0..40 {
            assert_eq!(client.hear_response().1, "at last\n");
            let (head, content) = client.hear_response();
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            assert!(content.contains(&random::digest_of(format!("{number:02}").as_bytes())), "{number}: {content}");
        }
    }
    let exchanges = super::exchanges(&web.gateway);
    assert_eq!(exchanges.len(), 160);
    assert!(exchanges.iter().all(|exchange| exchange.response.complete && exchange.status == 200));
}

#[test]
fn a_client_of_the_first_version_is_answered_in_its_own() {
    let web = Web::new();
    for (path, end) in
        [("/events?count=2&pause=10", "message 2 of 2\n\n"), ("/trailers", "behind it\n"), ("/early", "a hint\n")]
    {
        let (mut client, own) = connect(&web);
        client.say(format!("GET /plain{path} HTTP/1.0\r\n{own}\r\n"));
        let said = client.hear_all();
        let (head, content) = said.split_once("\r\n\r\n").expect("a head");
        assert!(head.contains(" 200 ") && !head.to_lowercase().contains("transfer-encoding"), "{head}");
        assert!(!head.contains("103"), "{head}");
        assert!(content.ends_with(end) && !content.contains("\r\n0\r\n"), "{content:?}");
    }
    let exchanges = super::exchanges(&web.gateway);
    assert!(exchanges.iter().all(|exchange| exchange.version == HttpVersion::Http10 && exchange.response.complete));
    assert_eq!(web.server.request()["version"], "1.1");
}

#[test]
fn a_request_that_comes_byte_by_byte_is_one_request() {
    let web = Web::new();
    let (mut client, own) = connect(&web);
    let request = format!(
        "POST /plain/digest HTTP/1.1\r\n{own}Transfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n\
         5;note=\"first\"\r\nhello\r\nA\r\n, chunks! \r\n0\r\nX-Sum: of the client\r\n\r\n"
    );
    for byte in request.bytes() {
        client.say([byte]);
    }
    let (head, content) = client.hear_response();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(content.contains(&random::digest_of(b"hello, chunks! ")) && content.contains("of the client"), "{content}");
    // The connection carries another one.
    client.say(format!("GET /plain/text HTTP/1.1\r\n{own}Range: bytes=0-5\r\nConnection: close\r\n\r\n"));
    assert!(client.hear_all().ends_with("line 0"));
    let exchanges = super::exchanges(&web.gateway);
    assert_eq!(exchanges.len(), 2);
    assert_eq!(exchanges[0].request.content, b"hello, chunks! ");
}

#[test]
fn who_asks_first_whether_to_send_is_told_by_the_target() {
    let web = Web::new();
    for target in ["plain", "secure"] {
        let (mut client, own) = connect(&web);
        client.say(format!("PUT /{target}/echo HTTP/1.1\r\n{own}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
        assert!(client.hear_until("\r\n\r\n").starts_with("HTTP/1.1 100 "));
        client.say("hello");
        assert!(client.hear_response().1.contains(&random::digest_of(b"hello")));
        let (mut client, own) = connect(&web);
        client.say(format!(
            "PUT /{target}/echo HTTP/1.1\r\n{own}X-Refuse: 1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        ));
        let (head, content) = client.hear_response();
        assert!(head.starts_with("HTTP/1.1 417 ") && content == "not this\n", "{head}");
    }
    let exchanges = super::exchanges(&web.gateway);
    let told: Vec<_> = exchanges.iter().map(|exchange| (&exchange.informational[..], exchange.status)).collect();
    assert_eq!(told, [(&[100][..], 200), (&[], 417), (&[100], 200), (&[], 417)]);
}

/// As with other proxies: nothing tells a half from a whole end of a connection.
#[test]
fn a_client_that_ends_its_connection_has_left() {
    let web = Web::new();
    let (mut client, own) = connect(&web);
    client.say(format!("GET /plain/hold/left HTTP/1.1\r\n{own}\r\n"));
    assert!(client.hear_until("\r\n\r\n").starts_with("HTTP/1.1 200 "));
    client.say_no_more();
    let _rest = client.hear_all();
    let exchange = super::exchanges(&web.gateway).remove(0);
    assert!(exchange.request.reset.is_some() && !exchange.response.complete, "{exchange:?}");
}

/// The target answers before it was told everything, and does not want the rest.
#[test]
fn an_answer_may_come_before_the_request_is_whole() {
    let server = Scripted::start(|_, mut peer| {
        let _head = peer.hear_until("\r\n\r\n");
        peer.say("HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo much\n");
        String::new()
    });
    let web = Web::with(|_, _, configuration| {
        configuration.targets.push(Target::web("small", &format!("http://{}", server.address())));
    });
    for option in ["--http1.1", "--http2"] {
        let sent = web.folder.join("sent");
        let _digest = random::file(&sent, 50_000_000);
        let curl =
            web.curl(wiretape_tests::web::Road::Reverse).args([option, "-H", "expect:", "--upload-file"]).arg(sent);
        let curl = curl.args(["--write-out", "%{http_code}"]);
        let said = curl.arg(web.url(wiretape_tests::web::Road::Reverse, "small") + "/").finish().text();
        assert_eq!(said, "too much\n413", "{option}");
    }
    let statuses: Vec<_> = super::exchanges(&web.gateway).iter().map(|exchange| exchange.status).collect();
    assert_eq!(statuses, [413, 413]);
}

#[test]
fn interim_responses_pass_one_by_one() {
    let server = Scripted::start(|_, mut peer| {
        let _head = peer.hear_until("\r\n\r\n");
        for number in 0..5 {
            peer.say(format!("HTTP/1.1 103 Early Hints\r\nLink: </{number}>\r\n\r\n"));
        }
        peer.say("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 Fine By Me\r\nX-Twice: 1\r\nX-Twice: 2\r\nContent-Length: 2\r\n\r\nok");
        let _end = peer.hear_all();
        String::new()
    });
    let web = Web::with(|_, _, configuration| {
        configuration.targets.push(Target::web("hints", &format!("http://{}", server.address())));
    });
    let (mut client, own) = connect(&web);
    client.say(format!("GET /hints/ HTTP/1.1\r\n{own}\r\n"));
    for number in 0..5 {
        let hint = client.hear_until("\r\n\r\n");
        assert!(hint.starts_with("HTTP/1.1 103 ") && hint.contains(&format!("</{number}>")), "{hint}");
    }
    assert!(client.hear_until("\r\n\r\n").starts_with("HTTP/1.1 102 "));
    let (head, content) = client.hear_response();
    assert!(head.starts_with("HTTP/1.1 200 Fine By Me\r\n"), "{head}");
    assert!(head.contains("X-Twice: 1\r\n") && head.contains("X-Twice: 2\r\n"), "{head}");
    assert_eq!(content, "ok");
    drop(client);
    let exchange = super::exchanges(&web.gateway).remove(0);
    assert_eq!(exchange.informational, [103, 103, 103, 103, 103, 102]);
}
