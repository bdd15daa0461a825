//! curl, nghttp and h2load: every version on both sides, every way to the gateway.

use wiretape_core::event::HttpVersion;
use wiretape_tests::configuration::Target;
use wiretape_tests::exchange::{Exchange, recorded};
use wiretape_tests::nginx::Nginx;
use wiretape_tests::program::Program;
use wiretape_tests::random;
use wiretape_tests::web::{OWN_NAMES, ROADS, ROADS_THROUGH, Road, WEB_TARGETS, Web, values};

/// The versions that curl is told to speak, and what it then says that it spoke.
const VERSIONS: [(&str, &str, HttpVersion); 2] =
    [("--http1.1", "1.1", HttpVersion::Http11), ("--http2", "2", HttpVersion::Http2)];

/// The version by which `target` is reached.
fn target_version(target: &str) -> &'static str {
    if ["plain", "secure1"].contains(&target) { "1.1" } else { "2.0" }
}

#[test]
fn every_version_on_one_side_meets_every_version_on_the_other() {
    let web = Web::new();
    let mut count = 0;
    for target in WEB_TARGETS {
        for (option, spoken, version) in VERSIONS {
            for road in ROADS_THROUGH {
                let path = format!("/echo?{target}{spoken}{road:?}");
                let curl =
                    web.curl(road).args([option, "--data-binary", "some content", "--write-out", " %{http_version}"]);
                let said = curl.arg(web.url(road, target) + &path).succeed().text();
                let (json, by) = said.rsplit_once(' ').expect("the version stands last");
                // A proxy is asked for what is in clear text by HTTP/1.1.
                let clear = road == Road::Forward && ["plain", "clear2"].contains(&target);
                let (spoken, version) = if clear { ("1.1", HttpVersion::Http11) } else { (spoken, version) };
                assert_eq!(by, spoken, "{target} {option} {road:?}");
                let heard: serde_json::Value = serde_json::from_str(json).expect("JSON");
                assert_eq!(heard["version"], target_version(target), "{target} {option} {road:?}");
                assert_eq!(heard["path"], path);
                assert_eq!(heard["digest"], random::digest_of(b"some content"));
                count += 1;
                let exchange = last(&web, count);
                assert_eq!((exchange.version, &*exchange.method, exchange.status), (version, "POST", 200));
                assert_eq!(exchange.request.content, b"some content");
                assert_eq!(exchange.response.content, json.as_bytes());
                let complete = exchange.request.complete && exchange.response.complete;
                assert!(complete, "{target} {option} {road:?}: {exchange:?}");
            }
        }
    }
}

/// The newest exchange of so many.
fn last(web: &Web, count: usize) -> Exchange {
    let mut exchanges = super::exchanges(&web.gateway);
    assert_eq!(exchanges.len(), count);
    exchanges.pop().expect("an exchange")
}

#[test]
fn from_this_machine_clear_text_will_do() {
    let web = Web::new();
    for (option, version) in [("--http1.1", "1.1"), ("--http2-prior-knowledge", "2"), ("--http1.0", "1.1")] {
        for target in ["plain", "secure"] {
            let url = format!("http://127.0.0.1:{}/{target}/text", web.gateway.http().port());
            let curl = web.curl(Road::Reverse).args([option, "--range", "0-5", "--write-out", " %{http_version}"]);
            assert_eq!(curl.arg(url).succeed().text(), format!("line 0 {version}"), "{option} {target}");
        }
    }
    let exchanges = super::exchanges(&web.gateway);
    let versions: Vec<_> = exchanges.iter().map(|exchange| exchange.version).collect();
    let both = [HttpVersion::Http11, HttpVersion::Http2, HttpVersion::Http10].map(|version| [version; 2]).concat();
    assert_eq!(versions, both);
    assert!(exchanges.iter().all(|exchange| exchange.scheme == "http"));
}

/// What curl shows of one response: the heads, and the content behind them.
fn shown(web: &Web, road: Road, words: &[&str], url: &str) -> String {
    // What differs by nature: the day, the gateway's own name, and how content is carried.
    let own = ["date:", "via:", "connection:", "keep-alive:", "transfer-encoding:", "http/"];
    let said = web.curl(road).args(["--include", "--suppress-connect-headers"]).args(words).arg(url).finish();
    let said = String::from_utf8_lossy(&said.stdout).replace('\r', "");
    let status = |line: &str| line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut lines: Vec<String> = Vec::new();
    for line in said.split('\n') {
        let lower = line.to_lowercase();
        if lower.starts_with("http/") {
            lines.push(status(line));
        }
        if !own.iter().any(|start| lower.starts_with(start)) {
            // Names are written in either case.
            lines.push(match line.split_once(": ") {
                Some((name, value)) => format!("{}: {value}", name.to_lowercase()),
                None => line.to_owned(),
            });
        }
    }
    // The fields that say how content is carried may move.
    lines.sort_unstable();
    lines.join("\n")
}

#[test]
fn what_curl_shows_is_what_it_shows_without_a_gateway() {
    let web = Web::new();
    let asked: [(&[&str], &str); 14] = [
        (&["--head"], "/text"),
        (&["--range", "5-9"], "/text"),
        (&["--range", "-4"], "/text"),
        (&["--range", "100-10"], "/text"),
        (&[], "/early"),
        (&[], "/status/204"),
        (&[], "/status/304"),
        (&[], "/status/404"),
        (&[], "/trailers"),
        (&["--request", "DELETE"], "/status/200"),
        (&["--request", "REPORT", "--data", "own method"], "/status/207"),
        (&["--upload-file", "-"], "/status/201"),
        (&["--header", "expect: 100-continue", "--data", "asked"], "/digest"),
        (&["--header", "expect: 100-continue", "--header", "x-refuse: yes", "--data", "asked"], "/echo"),
    ];
    for target in ["plain", "secure1", "secure"] {
        // In clear text curl would ask this server to become one of HTTP/2.
        let options = if target == "plain" { &["--http1.1"][..] } else { &["--http1.1", "--http2"] };
        for option in options {
            for (words, path) in asked {
                let [direct, reverse, forward] =
                    ROADS.map(|road| shown(&web, road, &[&[*option], words].concat(), &(web.url(road, target) + path)));
                assert!(!direct.is_empty(), "{words:?} {path}");
                assert_eq!(reverse, direct, "{target} {option} {words:?} {path}");
                assert_eq!(forward, direct, "{target} {option} {words:?} {path}");
            }
        }
    }
    let exchanges = super::exchanges(&web.gateway);
    // What was refused curl asks again, by HTTP/2 more than once.
    let (refused, answered): (Vec<_>, Vec<_>) = exchanges.iter().partition(|exchange| exchange.status == 417);
    assert!(refused.len() >= 5 * 2, "{}", refused.len());
    assert_eq!(answered.len(), 5 * 13 * 2);
    for exchange in answered {
        assert!(exchange.response.complete, "{exchange:?}");
        match (&*exchange.method, &*exchange.path.replace("/plain/", "/"), exchange.status) {
            ("HEAD", ..) => assert_eq!(recorded(&exchange.response_fields, "content-length"), ["25390"]),
            (_, _, 206) => assert!(exchange.response.content.len() < 10),
            (_, "/early", status) => assert_eq!((&exchange.informational[..], status), (&[103][..], 200)),
            (_, _, 204 | 304) => assert!(exchange.response.content.is_empty()),
            _ => {}
        }
    }
}

#[test]
fn a_proxy_over_tls_takes_what_one_in_clear_text_takes() {
    let web = Web::new();
    let proxy = web.proxy().replace("http://", "https://").replace("127.0.0.1", "localhost");
    for target in ["plain", "secure"] {
        for (option, _, _) in VERSIONS {
            let curl = web.folder.program("curl").args(["--silent", "--show-error", option, "--range", "0-5"]);
            let curl = curl.arg("--cacert").arg(web.gateway.authority()).args(["--proxy", &proxy]);
            let curl = curl.arg("--proxy-cacert").arg(web.gateway.certificate());
            assert_eq!(curl.arg(web.server.url(target) + "/text").succeed().text(), "line 0");
        }
    }
    assert_eq!(super::exchanges(&web.gateway).len(), 4);
}

/// curl asks for a tunnel where it would not by itself.
#[test]
fn a_tunnel_to_what_speaks_in_clear_text_is_read_too() {
    let web = Web::new();
    for (target, option) in [("plain", "--http1.1"), ("clear2", "--http2-prior-knowledge")] {
        let curl = web.curl(Road::Forward).args(["--proxytunnel", option, "--range", "0-5"]);
        assert_eq!(curl.arg(web.server.url(target) + "/text").succeed().text(), "line 0", "{target}");
    }
    let exchanges = super::exchanges(&web.gateway);
    assert_eq!(exchanges.len(), 2);
    assert!(exchanges.iter().all(|exchange| exchange.status == 206 && exchange.response.content == b"line 0"));
}

/// A gateway before an nginx: the target `web`.
fn before_nginx() -> (Web, Nginx) {
    let mut nginx = None;
    let web = Web::with(|folder, _, configuration| {
        let authority = wiretape_tests::authority::Authority::of(folder.path(), "authority");
        let started = Nginx::web(folder, "nginx", &authority.issue("nginx", &OWN_NAMES));
        let port = started.addresses()[0].port();
        configuration.targets.push(Target::web("web", &format!("http://localhost:{port}")));
        nginx = Some(started);
    });
    (web, nginx.expect("it was started"))
}

fn h2load(web: &Web, words: &[&str]) -> Program {
    let h2load = web.folder.program("h2load").arg("-H").arg(format!("authorization: Bearer {}", web.token.secret));
    h2load.args(words).arg(format!("http://127.0.0.1:{}/web/short", web.gateway.http().port()))
}

#[test]
fn ten_thousand_exchanges_on_one_connection_are_ten_thousand_on_the_tape() {
    let (web, _nginx) = before_nginx();
    for words in [&["--h1", "-n", "10000", "-c", "1"][..], &["-n", "10000", "-c", "1", "-m", "100"]] {
        let before = web.gateway.record().sessions().len();
        let said = h2load(&web, words).succeed().text();
        assert!(said.contains("10000 succeeded, 0 failed, 0 errored"), "{said}");
        let sessions = super::ended(&web.gateway);
        assert_eq!(sessions.len(), before + 1, "one session for one connection");
        let exchanges = sessions[before].1.exchanges();
        assert_eq!(exchanges.len(), 10_000);
        for exchange in exchanges {
            assert_eq!((exchange.status, exchange.response.content.len()), (200, 128));
            assert!(exchange.request.complete && exchange.response.complete);
        }
    }
}

#[test]
fn many_connections_and_many_streams_on_each_are_all_recorded() {
    let (web, _nginx) = before_nginx();
    for words in [&["--h1", "-n", "4000", "-c", "32"][..], &["-n", "4000", "-c", "32", "-m", "16"]] {
        let said = h2load(&web, words).succeed().text();
        assert!(said.contains("4000 succeeded, 0 failed, 0 errored"), "{said}");
    }
    let sessions = super::ended(&web.gateway);
    assert_eq!(sessions.len(), 64);
    assert_eq!(sessions.iter().map(|(_, events)| events.exchanges().len()).sum::<usize>(), 8000);
}

#[test]
fn nghttp_sends_and_is_answered() {
    let web = Web::new();
    let sent = web.folder.write("sent", random::bytes(300_000));
    let nghttp = web.folder.program("nghttp").arg("-H").arg(format!("authorization: Bearer {}", web.token.secret));
    let nghttp = nghttp.args(["-y", "--trailer", "x-sum: of nghttp", "-d"]).arg(&sent);
    let said = nghttp.arg(web.url(Road::Reverse, "secure") + "/digest").succeed().text();
    let told: serde_json::Value = serde_json::from_str(said.trim()).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!((&told["bytes"], &told["digest"]), (&300_000.into(), &random::digest(&sent).into()));
    assert_eq!(told["trailers"]["x-sum"], "of nghttp");
    assert_eq!(values(&web.server.request(), "authorization"), [""; 0]);
    let exchange = super::exchanges(&web.gateway).remove(0);
    assert_eq!((exchange.version, exchange.request.content.len()), (HttpVersion::Http2, 300_000));
}
