//! What is exported as a HAR, opened in the developer tools of a browser, whose network panel has to show it all.

use serde_json::{Value, json};
use wiretape_tests::random;
use wiretape_tests::record::Session;
use wiretape_tests::web::{Road, Web};

/// What is sent as JSON.
const SENT: &str = "{\"name\":\"a value\",\"list\":[1,2]}";

/// What is sent and comes back that is no text.
const BINARY: [u8; 6] = [0x00, 0xff, 0x17, 0xfe, 0x80, 0x2a];

/// What the visit asks for: the method, the path, the status that answers it, and what the panel calls its kind.
const VISIT: [(&str, &str, &str, &str); 8] = [
    ("GET", "/packed/gzip", "200", "text/plain"),
    ("POST", "/echo?q=1", "200", "fetch"),
    ("POST", "/mirror", "200", "octet-stream"),
    ("GET", "/status/404", "404", ""),
    ("DELETE", "/text", "200", "text/plain"),
    ("GET", "/moved/relative", "302", "text/plain"),
    ("GET", "/events?count=3&pause=30", "200", "eventsource"),
    ("HEAD", "/text", "200", "text/plain"),
];

/// The session of a visit to `target` on one connection, as the gateway's `count`th.
fn visit(web: &Web, target: &str, count: usize) -> Session {
    let binary = format!("@{}", web.folder.write("binary", BINARY).display());
    let token = format!("authorization: Bearer {}", web.token.secret);
    let mut words = Vec::new();
    for (method, path, ..) in VISIT {
        let url = web.url(Road::Reverse, target) + path;
        words.extend(["--header", &token, "--output", "/dev/null"].map(str::to_owned));
        words.push(if target == "secure2" { "--http2" } else { "--http1.1" }.to_owned());
        match (method, path) {
            ("HEAD", _) => words.push("--head".to_owned()),
            ("POST", "/mirror") => words.extend(["--data-binary".to_owned(), binary.clone()]),
            ("POST", _) => words.extend(["--json", SENT].map(str::to_owned)),
            _ => words.extend(["--request", method].map(str::to_owned)),
        }
        words.extend([url, "--next".to_owned()]);
    }
    words.pop();
    // Options of the first request alone: every other one says them again.
    let curl = web.folder.program("curl").env("CURL_CA_BUNDLE", web.trusted(Road::Reverse));
    curl.args(["--silent", "--show-error"]).args(&words).succeed();
    web.gateway.record().ended(count).remove(0)
}

/// A look at the tab of the request in `row`, as soon as it shows the texts `until`.
fn look(row: usize, tab: &str, until: &[&str]) -> Value {
    json!({ "row": row, "tab": tab, "until": until })
}

/// What the developer tools show of the HAR of each session, in the panel and wherever else is looked.
fn shown(web: &Web, sessions: &[(&Session, Value)]) -> Vec<Value> {
    let opened = sessions.iter().enumerate().map(|(number, (session, looks))| {
        let har = session.program("export", &["--har"]).succeed().stdout;
        json!({ "file": web.folder.write(&format!("{number}.har"), har), "looks": looks })
    });
    let opened = Value::from(opened.collect::<Vec<_>>()).to_string();
    let finished = web.script(Road::Direct, "plain", "node", "devtools_client.js").input(opened).succeed();
    serde_json::from_slice(&finished.stdout).expect("what is shown, as JSON")
}

/// The texts that a look found.
fn texts(shown: &Value, number: usize) -> Vec<&str> {
    let texts = shown["looks"][number].as_array().expect("a look");
    texts.iter().map(|text| text.as_str().expect("a text")).collect()
}

#[test]
fn exchanges_stand_in_the_network_panel_of_a_browser() {
    let web = Web::new();
    let sessions = [("secure1", "http/1.1"), ("secure2", "http/2")]
        .into_iter()
        .zip(1..)
        .map(|((target, protocol), count)| (target, protocol, visit(&web, target, count)))
        .collect::<Vec<_>>();
    let last = "line 499 of a text that is served whole or in part";
    let looks = json!([
        look(0, "Headers", &["200 OK", "content-encoding", "concealed]"]),
        look(0, "Response", &["line 0 of a text that is served whole or in part"]),
        { "row": 0, "tab": "Response", "until": [last], "keys": "Control+End" },
        look(1, "Payload", &["a value"]),
        look(1, "Response", &["digest"]),
        look(2, "Response", &["FE"]),
        look(6, "EventStream", &["message 3 of 3"]),
    ]);
    let opened = sessions.iter().map(|(.., session)| (session, looks.clone())).collect::<Vec<_>>();
    for ((target, protocol, _), shown) in sessions.iter().zip(shown(&web, &opened)) {
        let requests = shown["requests"].as_array().expect("requests");
        assert_eq!(requests.len(), VISIT.len());
        for ((method, path, status, kind), request) in VISIT.iter().zip(requests) {
            let url = web.url(Road::Reverse, target) + path;
            let expected = json!({
                "url": url, "method": method, "status": status, "protocol": protocol, "type": kind,
                // How large and how long it was is said in words of the panel's own.
                "size": request["size"], "time": request["time"],
            });
            assert_eq!(request, &expected);
            assert!(request["time"].as_str().is_some_and(|time| time.ends_with('s')), "a time: {request}");
        }
        let size = requests[4]["size"].as_str().expect("a size");
        assert!(size.starts_with("25.4") && size.ends_with("kB"), "a text of 25390 bytes: {size}");
        let headers = texts(&shown, 0).join("\n");
        let url = web.url(Road::Reverse, target) + "/packed/gzip";
        for said in [&*format!("{url}\n"), "\nGET\n", "\n200 OK\n", "\ncontent-encoding\ngzip\n", "concealed]"] {
            assert!(headers.contains(said), "{said:?} is not in\n{headers}");
        }
        assert!(texts(&shown, 2).contains(&last));
        let sent = texts(&shown, 3).join("\n");
        assert!(sent.contains("{name: \"a value\", list: [1, 2]}"), "{sent}");
        let answered = texts(&shown, 4).join("\n");
        assert!(answered.contains(&format!("\"digest\": \"{}\"", random::digest_of(SENT.as_bytes()))), "{answered}");
        let bytes = texts(&shown, 5);
        assert!(bytes.windows(6).any(|bytes| bytes == ["00", "FF", "17", "FE", "80", "2A"]), "{bytes:?}");
        let events = texts(&shown, 6).join("\n");
        assert!((1..=3).all(|number| events.contains(&format!("message {number} of 3"))), "{events}");
        assert!(!shown.to_string().contains(&web.token.secret));
    }
}

#[test]
fn a_socket_stands_in_the_network_panel_of_a_browser() {
    let web = Web::new();
    web.script(Road::Reverse, "plain", "node", "ws_client.js").succeed();
    let sessions = super::ended(&web.gateway);
    let looks = json!([look(0, "Headers", &["101 Switching Protocols"]), look(0, "Messages", &["ping me"])]);
    let shown = shown(&web, &[(&sessions[0].0, looks)]).remove(0);
    let request = &shown["requests"][0];
    let url = web.url(Road::Reverse, "plain").replace("https:", "wss:") + "/socket";
    let expected = json!({
        "url": url, "method": "GET", "status": "101", "protocol": "http/1.1", "type": "websocket",
        "size": request["size"], "time": request["time"],
    });
    assert_eq!(request, &expected);
    let messages = texts(&shown, 1);
    let count = |text: &str| messages.iter().filter(|message| **message == text).count();
    assert_eq!([count("text"), count("part by part"), count("Binary message"), count("ping me")], [2, 2, 4, 1]);
}

#[test]
fn a_connection_with_many_requests_stands_in_the_network_panel_of_a_browser() {
    let web = Web::new();
    web.script(Road::Reverse, "secure2", "node", "http2_client.js").succeed();
    let (session, events) = super::ended(&web.gateway).remove(0);
    let mut asked: Vec<[String; 4]> = Vec::new();
    for exchange in events.exchanges() {
        let scheme = if exchange.path.ends_with("/socket") { "wss" } else { "https" };
        let url = format!("{scheme}://{}{}", exchange.authority, exchange.path);
        asked.push([exchange.method, url, exchange.status.to_string(), "http/2".to_owned()]);
    }
    assert!(asked.len() > 100, "{asked:?}");
    // The last one is the socket.
    let looks = json!([look(asked.len() - 1, "Messages", &["over a stream", "close"])]);
    let shown = shown(&web, &[(&session, looks)]).remove(0);
    let requests = shown["requests"].as_array().expect("requests").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let mut stand: Vec<[String; 4]> =
        requests.map(|request| ["method", "url", "status", "protocol"].map(|column| text(&request[column]))).collect();
    // Those of one millisecond stand in an order of the panel's own.
    asked.sort();
    stand.sort();
    assert_eq!(stand, asked);
    let messages = texts(&shown, 0);
    assert_eq!(messages.iter().filter(|message| **message == "over a stream").count(), 2, "{messages:?}");
}
