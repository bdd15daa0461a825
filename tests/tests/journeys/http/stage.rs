//! The stage itself: servers and proxies work without a gateway.

use std::net::SocketAddr;

use wiretape_tests::authority::Authority;
use wiretape_tests::conversation::{Conversation, Scripted};
use wiretape_tests::haproxy::Haproxy;
use wiretape_tests::nginx::Nginx;
use wiretape_tests::random;
use wiretape_tests::stage::Folder;
use wiretape_tests::web::{OWN_NAMES, WebServer, values};

/// What curl prints of `path` at `address`, with the version of the response behind it.
fn curl(folder: &Folder, scheme: &str, address: SocketAddr, path: &str, words: &[&str]) -> String {
    let curl =
        folder.program("curl").args(["--silent", "--show-error", "--insecure", "--write-out", " by %{http_version}"]);
    curl.args(words).arg(format!("{scheme}://localhost:{}{path}", address.port())).succeed().text()
}

#[test]
fn nginx_and_haproxy_serve() {
    let folder = Folder::new();
    let authority = Authority::make(folder.path(), "authority");
    let certificate = authority.issue("server", &OWN_NAMES);
    let web = Nginx::web(&folder, "web", &certificate);
    let digest = random::file(&web.files().join("bulk"), 3_000_000);
    let [clear, clear2, tls] = web.addresses() else { panic!("three addresses") };
    let short = "0123456789abcdef".repeat(8);
    assert_eq!(curl(&folder, "http", *clear, "/short", &[]), format!("{short} by 1.1"));
    assert_eq!(curl(&folder, "http", *clear2, "/short", &["--http2-prior-knowledge"]), format!("{short} by 2"));
    assert_eq!(curl(&folder, "https", *tls, "/short", &["--http2"]), format!("{short} by 2"));
    assert_eq!(curl(&folder, "https", *tls, "/short", &["--http1.1"]), format!("{short} by 1.1"));
    let haproxy = Haproxy::start(&folder, "haproxy", 1, 1, |addresses| {
        format!("frontend f\n    bind {}\n    default_backend b\nbackend b\n    server s {clear}\n", addresses[0])
    });
    let (sent, back) = (web.files().join("bulk"), folder.join("back"));
    let put = format!("@{}", sent.display());
    let _ = curl(&folder, "http", haproxy.addresses()[0], "/upload/x", &["-X", "PUT", "--data-binary", &put]);
    assert_eq!(random::digest(&web.files().join("upload/x")), digest);
    let words = ["--output", &*back.display().to_string()];
    assert_eq!(curl(&folder, "http", haproxy.addresses()[0], "/bulk", &words), " by 1.1");
    assert_eq!(random::digest(&back), digest);
}

#[test]
fn the_web_server_says_what_it_heard() {
    let folder = Folder::new();
    let authority = Authority::make(folder.path(), "authority");
    let server = WebServer::start(&folder, &authority.issue("server", &OWN_NAMES), None);
    let said = curl(&folder, "https", server.address("secure"), "/echo?x", &["-H", "x-own: 7", "-H", "cookie: a=b"]);
    assert!(said.contains("\"x-own\",\"7\"") && said.ends_with(" by 2"), "{said}");
    assert!(!said.contains("cookie"), "what it answers has no credentials: {said}");
    let request = server.request();
    assert_eq!((&request["path"], &request["method"]), (&"/echo?x".into(), &"GET".into()));
    assert_eq!(values(&request, "Cookie"), ["a=b"]);
}

#[test]
fn what_is_scripted_is_said() {
    let server = Scripted::start(|number, mut peer| {
        let request = peer.hear_until("\r\n\r\n");
        peer.say(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}"));
        request
    });
    for number in 0..3 {
        let mut client = Conversation::with(server.address());
        client.say("GET / HTTP/1.0\r\n\r\n");
        assert_eq!(client.hear_response().1, number.to_string());
        assert_eq!(client.hear_all(), "");
    }
    assert_eq!(server.connections(), 3);
}
