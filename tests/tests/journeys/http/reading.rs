//! What recorded exchanges are for: to be read, and to be looked at with other people's tools.

use serde_json::Value;
use wiretape_tests::configuration::Target;
use wiretape_tests::conversation::Scripted;
use wiretape_tests::record::Session;
use wiretape_tests::stage::client_python;
use wiretape_tests::web::{Road, Web};

/// What the server's text ends with, however it was packed.
const LAST_LINE: &str = "line 499 of a text that is served whole or in part";

/// One connection on which much is asked: the session of it.
fn visit(web: &Web, option: &str) -> Session {
    let url = web.url(Road::Reverse, "secure");
    let mut words: Vec<String> = Vec::new();
    let mut ask = |more: &[&str], path: &str| {
        let own = format!("authorization: Bearer {}", web.token.secret);
        words.extend(["--header".to_owned(), own, option.to_owned()]);
        words.extend(more.iter().map(|word| (*word).to_owned()));
        words.extend([url.clone() + path, "--next".to_owned()]);
    };
    ask(&[], "/packed/gzip");
    ask(&[], "/packed/br");
    ask(&[], "/packed/deflate");
    ask(
        &["--data", "{\"name\":\"a value\",\"list\":[1,2]}", "--header", "content-type: application/json"],
        "/echo?q=1",
    );
    ask(&["--data", "name=a+form&other=%C3%A9"], "/echo");
    ask(&[], "/status/404");
    ask(&[], "/moved/relative");
    ask(&[], "/events?count=3&pause=30");
    ask(&["--head"], "/text");
    ask(&[], "/cookies");
    ask(&["--data-binary", "@/dev/null"], "/bytes/3");
    words.pop();
    let curl = web.folder.program("curl").args(["--silent", "--show-error", "--output", "/dev/null"]);
    // Options of the first request alone: every other one says them again.
    let trusted = web.trusted(Road::Reverse);
    let curl = curl.arg("--cacert").arg(&trusted).env("CURL_CA_BUNDLE", &trusted);
    curl.args(&words).succeed();
    web.gateway.record().one()
}

#[test]
fn a_session_reads_as_a_timeline() {
    let web = Web::new();
    let session = visit(&web, "--http2");
    let read = session.program("replay", &[]).succeed().text();
    for word in ["GET", "POST", "HEAD", "/secure/packed/gzip", "/secure/echo?q=1", "200", "404", "302"] {
        assert!(read.contains(word), "{word} is not in\n{read}");
    }
    assert_eq!(read.matches("│ line 7 of a text").count(), 3, "what was packed is read: {read}");
    assert!(read.contains("message 3 of 3"), "{read}");
    assert!(read.contains("\"name\": \"a value\""), "JSON is laid out: {read}");
    assert!(!read.contains(&web.token.secret) && !read.contains("s3cret-of-the-target"), "{read}");
    let listed = web.gateway.record().sessions().remove(0);
    assert!(listed.text("what").contains("/secure/packed/gzip"), "the list says what it began with");
}

/// The HAR of `session`, judged by a validator.
fn har(web: &Web, session: &Session) -> Value {
    let exported = session.program("export", &["--har"]).succeed();
    assert!(!exported.text().contains(&web.token.secret));
    let check = web.script(Road::Direct, "plain", "node", "har_check.js").input(exported.stdout).succeed();
    serde_json::from_slice(&check.stdout).expect("what it holds, as JSON")
}

#[test]
fn a_har_is_valid_and_says_what_passed() {
    let web = Web::new();
    let session = visit(&web, "--http1.1");
    let har = har(&web, &session);
    assert_eq!((&har["version"], &har["creator"]), (&"1.2".into(), &"wiretape".into()));
    let entries = har["entries"].as_array().expect("entries");
    let of = |field: &str| entries.iter().map(|entry| entry[field].clone()).collect::<Vec<_>>();
    let statuses = [200, 200, 200, 200, 200, 404, 302, 200, 200, 200, 200];
    assert_eq!(of("status"), statuses);
    let methods = ["GET", "GET", "GET", "POST", "POST", "GET", "GET", "GET", "HEAD", "GET", "POST"];
    assert_eq!(of("method"), methods);
    for entry in &entries[..3] {
        let text = entry["text"].as_str().unwrap_or_default();
        assert!(text.trim_end().ends_with(LAST_LINE), "{entry}");
    }
    assert_eq!(entries[3]["sent"], "{\"name\":\"a value\",\"list\":[1,2]}");
    assert_eq!(entries[4]["sent"], "name=a+form&other=%C3%A9");
    assert!(entries[7]["text"].as_str().expect("text").contains("message 3 of 3"));
    assert!(entries[7]["time"].as_f64().expect("milliseconds") >= 60.0, "an event stream lasts as long as it did");
    let url = entries[3]["url"].as_str().expect("a URL");
    assert!(url.starts_with("https://localhost:") && url.ends_with("/secure/echo?q=1"), "{url}");
}

#[test]
fn what_is_packed_by_zstd_is_read() {
    let web = Web::new();
    let script =
        "import sys, zstandard; sys.stdout.buffer.write(zstandard.compress(b'a text that zstd packed\\n' * 100))";
    let packed = web.folder.program(client_python()).args(["-c", script]).succeed().stdout;
    let server = Scripted::start(move |_, mut peer| {
        let _head = peer.hear_until("\r\n\r\n");
        let length = packed.len();
        peer.say(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: zstd\r\nContent-Length: {length}\r\n\r\n"
        ));
        peer.say(&packed);
        peer.hear_all()
    });
    let web = Web::with(|_, _, configuration| {
        configuration.targets.push(Target::web("packs", &format!("http://{}", server.address())));
    });
    web.curl(Road::Reverse).args(["--output", "/dev/null"]).arg(web.url(Road::Reverse, "packs") + "/").succeed();
    let session = web.gateway.record().one();
    let read = session.program("replay", &[]).succeed().text();
    assert!(read.contains("a text that zstd packed"), "{read}");
    let har = har(&web, &session);
    assert_eq!(har["entries"][0]["text"], "a text that zstd packed\n".repeat(100));
}

#[test]
fn a_conversation_on_a_socket_reads_as_one() {
    let web = Web::new();
    web.script(Road::Reverse, "plain", "node", "ws_client.js").succeed();
    let sessions = super::ended(&web.gateway);
    let (session, _) = &sessions[0];
    let read = session.program("replay", &[]).succeed().text();
    for word in ["part by part", "are you there", "4001", "as you wish"] {
        assert!(read.contains(word), "{word} is not in\n{read}");
    }
    let _valid = har(&web, session);
}
