//! Client libraries, each with a suite of its own: what it sees through the gateway is what it sees without.

use std::ffi::OsStr;

use serde_json::Value;
use wiretape_core::Side;
use wiretape_core::event::{HttpVersion, MessageKind};
use wiretape_tests::configuration::Configuration;
use wiretape_tests::exchange::Exchange;
use wiretape_tests::secrets;
use wiretape_tests::stage::{Folder, client_python};
use wiretape_tests::web::{ROADS_THROUGH, Road, Web, WebServer};

/// Runs the suite `script` on `road` and gives what it saw.
fn suite(web: &Web, road: Road, target: &str, interpreter: &OsStr, script: &str, words: &[&str]) -> Value {
    let finished = web.script(road, target, interpreter, script).args(words).succeed();
    serde_json::from_slice(&finished.stdout).expect("what it saw, as JSON")
}

/// Runs the suite past the gateway and on both ways through it to `targets`, compares what it saw but for the version,
/// and that all that the server got through the gateway, and no more, was recorded. Gives what was recorded.
fn compare(interpreter: impl AsRef<OsStr>, script: &str, words: &[&str], targets: &[&str]) -> Vec<Exchange> {
    compare_on(&Web::new(), interpreter, script, words, targets)
}

/// The same on a stage that is there.
fn compare_on(
    web: &Web,
    interpreter: impl AsRef<OsStr>,
    script: &str,
    words: &[&str],
    targets: &[&str],
) -> Vec<Exchange> {
    let mut passed = 0;
    for target in targets {
        // What speaks HTTP/1.1 reaches the server of HTTP/2 in clear text by way of the gateway alone.
        let reference = if *target == "clear2" && script != "http2_client.js" { "plain" } else { target };
        let direct = suite(web, Road::Direct, reference, interpreter.as_ref(), script, words);
        let before = web.server.requests_count();
        for road in ROADS_THROUGH {
            let mut seen = suite(web, road, target, interpreter.as_ref(), script, words);
            if let Some(version) = direct.get("version") {
                seen["version"] = version.clone();
            }
            for (part, direct) in direct.as_object().expect("parts by name") {
                assert_eq!(&seen[part], direct, "{script} {words:?}, {road:?} to {target}: {part}");
            }
        }
        passed += web.server.requests_count() - before;
    }
    let exchanges = super::exchanges(&web.gateway);
    assert_eq!(exchanges.len(), passed, "what the server got is what was recorded");
    secrets::are_nowhere(&web.gateway, &[&web.token.secret]);
    exchanges
}

/// All that asked for `path` of the server.
fn of<'a>(exchanges: &'a [Exchange], path: &str) -> Vec<&'a Exchange> {
    // What the gateway stands in for begins with the target's name.
    exchanges.iter().filter(|exchange| exchange.path.ends_with(path)).collect()
}

fn is_whole(exchange: &Exchange) -> bool {
    exchange.request.complete && exchange.response.complete
}

#[test]
fn httpx_works_as_it_is_by_http_1_1() {
    let exchanges = compare(client_python(), "httpx_client.py", &["1"], &["plain", "clear2", "secure1"]);
    assert!(exchanges.iter().all(|exchange| exchange.version == HttpVersion::Http11));
    suite_of_httpx(&exchanges, 6);
}

#[test]
fn httpx_works_as_it_is_by_http_2() {
    let exchanges = compare(client_python(), "httpx_client.py", &["2"], &["secure", "secure1", "secure2"]);
    assert!(exchanges.iter().all(|exchange| exchange.version == HttpVersion::Http2));
    suite_of_httpx(&exchanges, 6);
}

/// What the suite of httpx does, as often as it was run.
fn suite_of_httpx(exchanges: &[Exchange], runs: usize) {
    let large = of(exchanges, "/mirror");
    assert_eq!(large.len(), runs);
    for exchange in large {
        assert_eq!(exchange.request.content.len(), 5_000_000);
        assert!(exchange.request.content == exchange.response.content, "what was sent is what came back");
    }
    for exchange in of(exchanges, "/early") {
        assert_eq!((&exchange.informational[..], exchange.status), (&[103][..], 200));
    }
    let trailers = [("x-checksum".to_owned(), "abc123".to_owned())];
    for exchange in of(exchanges, "/trailers") {
        let told: Vec<_> =
            exchange.response.trailers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
        assert_eq!(told, trailers);
    }
    let broken = of(exchanges, "/breaks");
    assert_eq!(broken.len(), runs);
    for exchange in broken {
        assert_eq!(exchange.response.content, b"the beginning of ");
        assert!(exchange.response.reset.is_some() && !exchange.response.complete, "{exchange:?}");
    }
    let whole = exchanges.iter().filter(|exchange| is_whole(exchange)).count();
    assert_eq!(whole, exchanges.len() - runs, "all but what broke is whole");
    let statuses = |status: u16| exchanges.iter().filter(|exchange| exchange.status == status).count();
    for status in [204, 304, 404, 416, 418, 500, 503] {
        assert!(statuses(status) >= runs, "{status}");
    }
}

#[test]
fn aiohttp_works_as_it_is() {
    let exchanges = compare(client_python(), "aiohttp_client.py", &[], &["plain", "clear2", "secure1"]);
    let talk = of(&exchanges, "/mirror");
    assert_eq!(talk.len(), 6);
    for exchange in talk {
        let pieces: String = (0..20).map(|number| format!("piece {number}")).collect();
        assert_eq!(exchange.request.content, pieces.as_bytes());
        assert_eq!(exchange.response.content, pieces.as_bytes());
        // Neither side waited for the other to be done.
        assert!(exchange.response.runs[0].0 < exchange.request.runs.last().expect("runs").0);
    }
    let sockets: Vec<_> = exchanges.iter().filter(|exchange| exchange.upgrade.is_some()).collect();
    assert_eq!(sockets.len(), 6);
    for socket in sockets {
        assert_eq!(socket.upgrade.as_deref(), Some("websocket"));
        let text = (Side::Client, MessageKind::Text, b"a text".to_vec());
        assert_eq!(socket.messages[0], text);
        assert_eq!((socket.messages[1].0, &socket.messages[1].2), (Side::Upstream, &text.2));
        assert_eq!(socket.messages[2].2.len(), 76_800);
    }
}

#[test]
fn fetch_of_node_works_as_it_is() {
    let exchanges = compare("node", "fetch_client.js", &[], &["plain", "clear2", "secure1"]);
    let given_up = of(&exchanges, "/hold/fetch");
    assert_eq!(given_up.len(), 6);
    for exchange in given_up {
        assert!(exchange.request.reset.is_some(), "that the client left is recorded: {exchange:?}");
    }
}

#[test]
fn websockets_for_python_works_as_it_is() {
    let exchanges = compare(client_python(), "websockets_client.py", &[], &["plain", "secure1", "secure"]);
    let refused = of(&exchanges, "/refused");
    assert_eq!(refused.len(), 6);
    assert!(refused.iter().all(|exchange| exchange.status == 403 && exchange.upgrade.is_none()));
    let talks: Vec<_> = exchanges.iter().filter(|exchange| exchange.messages.len() > 1000).collect();
    assert_eq!(talks.len(), 6);
    for talk in talks {
        let by = |side: Side| talk.messages.iter().filter(|(of, ..)| *of == side).collect::<Vec<_>>();
        let (asked, answered) = (by(Side::Client), by(Side::Upstream));
        assert_eq!((asked.len(), answered.len()), (1007, 1005));
        assert_eq!(asked[0].2, "a text: ünïcode".as_bytes());
        assert_eq!(asked[3].2, b"a text in pieces");
        assert_eq!(asked[4].2.len(), 5_000_000);
        for (asked, answered) in asked[..5].iter().zip(&answered) {
            assert!((asked.1, &asked.2) == (answered.1, &answered.2), "an echo is the same");
        }
        assert!(talk.opaque.is_none() && talk.request.content.is_empty() && talk.request.opaque.is_empty());
    }
}

#[test]
fn ws_for_node_works_as_it_is() {
    let exchanges = compare("node", "ws_client.js", &[], &["plain", "secure1"]);
    assert_eq!(exchanges.len(), 8);
    for exchange in exchanges {
        assert_eq!(exchange.upgrade.as_deref(), Some("websocket"));
        let asked_for = wiretape_tests::exchange::recorded(&exchange.fields, "sec-websocket-extensions");
        assert_eq!(asked_for.len(), 1, "what the client offered is recorded");
        let agreed = wiretape_tests::exchange::recorded(&exchange.response_fields, "sec-websocket-extensions");
        assert!(agreed.is_empty(), "frames stay readable: {agreed:?}");
    }
}

#[test]
fn http_2_of_node_works_as_it_is() {
    let exchanges = compare("node", "http2_client.js", &[], &["clear2", "secure", "secure2"]);
    let given_up = of(&exchanges, "/hold/h2");
    assert_eq!(given_up.len(), 6);
    for exchange in given_up {
        assert_eq!(exchange.request.reset.as_ref().map(|(code, _)| *code), Some(8), "CANCEL: {exchange:?}");
    }
    let sockets: Vec<_> = exchanges.iter().filter(|exchange| exchange.protocol.is_some()).collect();
    assert_eq!(sockets.len(), 6);
    for socket in sockets {
        assert_eq!((&*socket.method, socket.upgrade.as_deref()), ("CONNECT", Some("websocket")));
        assert_eq!(socket.messages[0].2, b"over a stream");
        assert_eq!(socket.messages.len(), 5);
    }
    let told = of(&exchanges, "/digest");
    assert!(
        told.iter().all(|exchange| exchange.request.trailers == [("x-sum".to_owned(), "of the client".to_owned())])
    );
}

#[test]
fn http_2_of_node_reaches_a_server_that_speaks_http_1_1_only() {
    let web = Web::new();
    // The client speaks HTTP/2 in both runs; past the gateway with the server that speaks it too.
    let direct = suite(&web, Road::Direct, "secure", OsStr::new("node"), "http2_client.js", &[]);
    for target in ["plain", "secure1"] {
        let seen = suite(&web, Road::Reverse, target, OsStr::new("node"), "http2_client.js", &[]);
        assert_eq!(seen, direct, "{target}");
        assert_eq!(web.server.request()["version"], "1.1");
    }
}

/// Without the target that speaks HTTP/2 in clear text, for which that server has no port.
fn only_http_1(_: &Folder, _: &WebServer, configuration: &mut Configuration) {
    configuration.targets.retain(|target| !target.is("clear2"));
}

#[test]
fn a_server_of_another_house_serves_the_same_clients() {
    let web = Web::before(WebServer::aiohttp, only_http_1);
    let exchanges = compare_on(&web, client_python(), "aiohttp_client.py", &[], &["plain", "secure1"]);
    assert_eq!(of(&exchanges, "/mirror").len(), 4);
    let web = Web::before(WebServer::aiohttp, only_http_1);
    let exchanges = compare_on(&web, client_python(), "websockets_client.py", &[], &["plain", "secure"]);
    assert_eq!(exchanges.iter().filter(|exchange| exchange.messages.len() > 1000).count(), 4);
}
