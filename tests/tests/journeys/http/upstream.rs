//! Trouble at the target: what the client is told, and what is on the record.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use wiretape_tests::authority::Authority;
use wiretape_tests::configuration::Target;
use wiretape_tests::conversation::{Conversation, Scripted};
use wiretape_tests::exchange::Exchange;
use wiretape_tests::program::{Finished, Running};
use wiretape_tests::stage::{client_python, client_script, wait_until};
use wiretape_tests::web::{Road, Web, WebServer};

const OPTIONS: [&str; 2] = ["--http1.1", "--http2"];

/// A gateway before a server that follows a script: the target `odd`.
fn before(script: impl Fn(usize, Conversation) -> String + Send + Sync + 'static) -> (Web, Scripted) {
    let server = Scripted::start(script);
    let url = format!("http://{}", server.address());
    let web = Web::with(|_, _, configuration| configuration.targets.push(Target::web("odd", &url)));
    (web, server)
}

/// What curl by `option` is told by `target`.
fn ask(web: &Web, option: &str, target: &str, words: &[&str]) -> Finished {
    let curl = web.curl(Road::Reverse).args([option, "--write-out", "\n%{http_code}"]).args(words);
    curl.arg(web.url(Road::Reverse, target) + "/x").finish()
}

/// What the gateway says of its own, with `status`.
fn problem(said: &Finished, status: u16) -> String {
    let text = said.text();
    let (json, code) = text.rsplit_once('\n').expect("the status stands last");
    assert_eq!(code, status.to_string(), "{text} {}", said.errors());
    let told: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert!(told["session"].is_string() && told["error"].is_string(), "{told}");
    told["reason"].as_str().expect("a reason").to_owned()
}

#[test]
fn a_target_that_is_down_is_said_to_be_and_comes_back() {
    let (web, server) = before(|_, _| String::new());
    let address = server.address();
    drop(server);
    // The listener is gone with the connection that told it so.
    wait_until("a closed port", || std::net::TcpStream::connect(address).is_err());
    let mut own = web.curl(Road::Reverse);
    for option in OPTIONS {
        let reason = problem(&ask(&web, option, "odd", &[]), 502);
        assert!(reason.contains("odd"), "{reason}");
        own = own.arg(option);
    }
    let exchanges = super::exchanges(&web.gateway);
    assert_eq!(exchanges.len(), 2);
    for exchange in exchanges {
        assert!(exchange.request.complete, "what was asked is recorded: {exchange:?}");
        assert_eq!(exchange.status, 502, "and what was answered");
    }
    // One connection sees both: the target that is down, and another one.
    let url = [web.url(Road::Reverse, "odd") + "/", web.url(Road::Reverse, "plain") + "/text"];
    let said = own.args(["--range", "0-5", "--write-out", "%{num_connects}\n"]).args(url).succeed().text();
    assert!(said.ends_with("line 00\n"), "{said}");
}

#[test]
fn why_there_is_no_tls_with_the_target_is_said() {
    let web = Web::with(|folder, server, configuration| {
        let other = Authority::make(folder.path(), "other");
        let trusts = |authority: &Authority| format!("tls_ca = {:?}", authority.certificate().display().to_string());
        let host = |name: &str| format!("hosts = [\"{name}.example:443\"]");
        let secure = server.url("secure");
        let elsewhere = secure.replace("localhost", "127.0.0.2");
        configuration.targets.push(Target::web("unknown", &secure).line(&trusts(&other)).line(&host("a")));
        let own = Authority::of(folder.path(), "authority");
        let clear = server.url("plain").replace("http:", "https:");
        configuration.targets.push(Target::web("clear", &clear).line(&trusts(&own)).line(&host("b")));
        configuration.targets.push(Target::web("elsewhere", &elsewhere).line(&trusts(&own)).line(&host("c")));
        // The system's own authorities do not know the server's.
        configuration.targets.push(Target::web("system", &secure).line(&host("d")));
        configuration.targets.push(Target::web("late", &server.url("plain")).line("http = \"2\"").line(&host("e")));
    });
    for option in OPTIONS {
        for target in ["unknown", "system"] {
            let reason = problem(&ask(&web, option, target, &[]), 502).to_lowercase();
            assert!(reason.contains("certificate") && reason.contains(target), "{reason}");
        }
        let reason = problem(&ask(&web, option, "clear", &[]), 502);
        assert!(reason.contains("TLS"), "{reason}");
        // On another address than the certificate is for; nothing listens there on some machines.
        let _reason = problem(&ask(&web, option, "elsewhere", &[]), 502);
        // A server of HTTP/1.1 that is asked by HTTP/2.
        let _reason = problem(&ask(&web, option, "late", &[]), 502);
    }
    assert_eq!(web.server.requests().len(), 0);
    for (session, _) in super::ended(&web.gateway) {
        assert_eq!(session.text("person"), "ana");
    }
}

/// The client sees that something is missing, and so does who reads the tape.
fn broken(web: &Web, option: &str, words: &[&str]) -> Exchange {
    let said = ask(web, option, "odd", words);
    assert_ne!(said.code(), 0, "{option}: {}", said.text());
    assert!(said.text().starts_with("the beginning"), "{option}: {}", said.text());
    let exchange = super::exchanges(&web.gateway).pop().expect("an exchange");
    assert_eq!((exchange.status, &exchange.response.content[..]), (200, &b"the beginning"[..]));
    assert!(!exchange.response.complete, "{exchange:?}");
    assert!(exchange.response.reset.is_some(), "{exchange:?}");
    exchange
}

#[test]
fn a_target_that_dies_in_the_middle_is_seen_to() {
    for head in
        ["Content-Length: 1000\r\n\r\nthe beginning", "Transfer-Encoding: chunked\r\n\r\nd\r\nthe beginning\r\n"]
    {
        let (web, _server) = before(move |_, mut peer| {
            let _head = peer.hear_until("\r\n\r\n");
            peer.say(format!("HTTP/1.1 200 OK\r\n{head}"));
            String::new()
        });
        for option in OPTIONS {
            broken(&web, option, &[]);
        }
    }
}

#[test]
fn content_that_breaks_the_protocol_is_as_a_target_that_dies() {
    let (web, _server) = before(|_, mut peer| {
        let _head = peer.hear_until("\r\n\r\n");
        peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nd\r\nthe beginning\r\nnot a length\r\n");
        let _end = peer.hear_all();
        String::new()
    });
    for option in OPTIONS {
        broken(&web, option, &[]);
    }
}

#[test]
fn a_target_that_breaks_the_protocol_or_says_nothing_is_a_bad_one() {
    let answers: [&str; 8] = [
        "",
        "HELLO\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 1\n\nx",
        "HTTP/1.1 99 Low\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nBad Name: 1\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: unasked\r\nConnection: upgrade\r\n\r\n",
    ];
    for answer in answers {
        let (web, _server) = before(move |_, mut peer| {
            let _head = peer.hear_until("\r\n\r\n");
            peer.say(answer);
            String::new()
        });
        for option in OPTIONS {
            let _reason = problem(&ask(&web, option, "odd", &["--data", "x"]), 502);
        }
        assert_eq!(super::exchanges(&web.gateway).len(), 2, "{answer:?}");
    }
}

#[test]
fn a_connection_that_the_target_closed_meanwhile_is_not_the_clients_business() {
    let closed = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&closed);
    let (web, server) = before(move |number, mut peer| {
        let mut heard = 0;
        while let Some(_head) = peer.try_hear_until("\r\n\r\n") {
            heard += 1;
            // The second connection hears a second request and ends without a word.
            if number == 1 && heard == 2 {
                break;
            }
            peer.say(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}"));
            if number == 0 {
                break;
            }
        }
        drop(peer);
        told.store(true, Ordering::SeqCst);
        heard.to_string()
    });
    let mut client = Conversation::with(web.gateway.http());
    let request = format!("GET /odd/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", web.token.secret);
    let mut heard = Vec::new();
    for _ in 0..4 {
        client.say(&request);
        let (head, content) = client.hear_response();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}{content}");
        heard.push(content);
        wait_until("a connection that is closed", || closed.load(Ordering::SeqCst));
    }
    assert_eq!(heard, ["0", "1", "2", "2"]);
    drop(client);
    assert_eq!(server.connections(), 3);
    let exchanges = super::exchanges(&web.gateway);
    assert_eq!(exchanges.len(), 4);
    assert!(exchanges.iter().all(|exchange| exchange.status == 200 && exchange.response.complete));
}

/// What may have been done is not done twice.
#[test]
fn a_request_that_changes_something_is_sent_once() {
    let (web, server) = before(|number, mut peer| {
        let mut heard = 0;
        while let Some(_head) = peer.try_hear_until("\r\n\r\nx") {
            heard += 1;
            if heard == 2 {
                break;
            }
            peer.say(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}"));
        }
        heard.to_string()
    });
    let mut client = Conversation::with(web.gateway.http());
    let own = format!("Host: x\r\nAuthorization: Bearer {}\r\nContent-Length: 1\r\n\r\nx", web.token.secret);
    client.say(format!("POST /odd/ HTTP/1.1\r\n{own}"));
    assert!(client.hear_response().0.starts_with("HTTP/1.1 200 "));
    client.say(format!("POST /odd/ HTTP/1.1\r\n{own}"));
    let (head, content) = client.hear_response();
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}{content}");
    assert_eq!(server.connections(), 1);
    wait_until("what the server heard", || !server.noted().is_empty());
    assert_eq!(server.noted(), ["2"]);
}

/// Starts a server that never takes a connection, and gives where.
fn deaf(web: &Web) -> (Running, String) {
    let server = web.folder.program(client_python()).arg(client_script("deaf_server.py")).start();
    let port = server.line("listen ");
    (server, format!("http://127.0.0.1:{}", port.trim()))
}

#[test]
fn a_target_that_takes_no_connection_is_given_up_and_one_that_thinks_is_not() {
    let mut server = None;
    let aside = Web::new();
    let (running, url) = deaf(&aside);
    server.replace(running);
    let web = Web::with(|_, _, configuration| configuration.targets.push(Target::web("deaf", &url)));
    let slow = web.curl(Road::Reverse).arg(web.url(Road::Reverse, "plain") + "/slow/40000").start();
    let reason = problem(&ask(&web, "--http1.1", "deaf", &[]), 504);
    assert!(reason.contains("deaf"), "{reason}");
    assert_eq!(slow.finish().good().text(), "at last\n");
}

#[test]
fn a_gateway_that_is_asked_to_finish_closes_its_tapes() {
    let web = Web::new();
    let held = OPTIONS.map(|option| {
        let curl = web.curl(Road::Reverse).args([option, "--no-buffer"]);
        let held = curl.arg(web.url(Road::Reverse, "plain") + "/events?count=100000&pause=20").start();
        held.wait_printed("message 2 of");
        held
    });
    web.gateway.finish();
    for held in held {
        assert_ne!(held.finish().code(), 0);
    }
    for (_, events) in super::ended(&web.gateway) {
        let exchange = events.exchange();
        assert!(!exchange.response.complete && exchange.response.content.starts_with(b"id: 1\n"));
    }
}

/// The server of one test is gone before its gateway; the gateway of another test is not told.
#[test]
fn a_server_that_is_ended_and_started_again_is_found_again() {
    let mut web = Web::new();
    web.curl(Road::Reverse).arg(web.url(Road::Reverse, "plain") + "/text").succeed();
    let mut client = Conversation::with(web.gateway.http());
    let request = format!("GET /plain/text HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", web.token.secret);
    client.say(&request);
    assert!(client.hear_response().0.starts_with("HTTP/1.1 200 "));
    web.server.running().signal(rustix::process::Signal::KILL);
    let _ = web.server.running().wait();
    client.say(&request);
    let (head, content) = client.hear_response();
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}{content}");
    let certificate = web.authority.issue("again", &wiretape_tests::web::OWN_NAMES);
    let again = WebServer::start(&web.folder, &certificate, None);
    let url = again.url("plain");
    web.server = again;
    web.gateway.configuration.target("plain").set(&format!("url = {url:?}"));
    web.restart(wiretape_tests::gateway::Gateway::finish);
    web.curl(Road::Reverse).arg(web.url(Road::Reverse, "plain") + "/text").succeed();
}
