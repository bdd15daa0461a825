//! Attempts at smuggling through real sockets: `protocols/http/cases/smuggling`, against the gateway with a server and
//! against its client with a target.

#[path = "../../../../protocols/http/tests/smuggling/attempts.rs"]
#[allow(unreachable_pub, reason = "the codec reads them too")]
mod attempts;

use std::path::Path;
use std::sync::{Arc, Mutex};

use attempts::{Attempt, Turn};
use wiretape_tests::conversation::{Conversation, Scripted};

use super::frames::{DATA, END_HEADERS, END_STREAM, HEADERS, Http2, field, frame};
use super::world::{NAME, World};

fn attempts() -> Vec<Attempt> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocols/http/cases/smuggling");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path()).collect();
    files.sort();
    files.iter().flat_map(|file| attempts::read(&std::fs::read_to_string(file).expect("a text"))).collect()
}

/// What is sent by clients of HTTP/1.1: what begins as TLS or as HTTP/2 is read as that.
fn requests() -> Vec<Attempt> {
    let other = |attempt: &Attempt| attempt.name.starts_with("tls ") || attempt.name.starts_with("the preface ");
    attempts().into_iter().filter(|attempt| attempt.answers.is_none() && !other(attempt)).collect()
}

/// A server that notes the request lines it reads and answers every request.
fn server(lines: &Arc<Mutex<Vec<String>>>) -> Scripted {
    let lines = Arc::clone(lines);
    Scripted::start(move |_, mut peer| {
        while let Some(head) = peer.try_hear_until("\r\n\r\n") {
            let lower = head.to_ascii_lowercase();
            lines.lock().expect("no panic under this lock").push(head.lines().next().unwrap_or_default().to_owned());
            if lower.contains("\r\ntransfer-encoding: chunked\r\n") {
                // No attempt has a chunk in whose content this stands.
                let Some(last) = peer.try_hear_until("0\r\n") else { break };
                assert!(!last.is_empty());
                while peer.try_hear_until("\r\n").is_some_and(|line| line != "\r\n") {}
            } else if let Some(length) = lower.split("\r\ncontent-length: ").nth(1) {
                let length: usize = length.split("\r\n").next().and_then(|text| text.parse().ok()).expect("a length");
                if peer.try_hear_bytes(length).is_none() {
                    break;
                }
            }
            if !peer.try_say("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nserved") {
                break;
            }
        }
        String::new()
    })
}

/// The status of the next response; `None` when the peer ends instead.
fn next_status(client: &mut Conversation) -> Option<u16> {
    let head = client.try_hear_until("\r\n\r\n")?;
    let lower = head.to_ascii_lowercase();
    let length = lower.split("\r\ncontent-length: ").nth(1).and_then(|text| text.split("\r\n").next()?.parse().ok());
    let _ = client.hear_bytes(length.unwrap_or(0));
    Some(head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status: {head}")))
}

/// What is refused as a whole, by its status.
fn refused(attempt: &Attempt) -> Option<u16> {
    attempt.expected.last()?.strip_prefix("refused ")?.parse().ok()
}

#[test]
fn requests_that_two_readers_could_read_differently_reach_no_server() {
    let lines = Arc::default();
    let server = server(&lines);
    let world = World::before(server.address());
    let mut asked = 0;
    for attempt in requests() {
        // With a token in it, what is as long as may be is longer.
        let longest = ["the longest head", "as many fields as may be"].contains(&attempt.name.as_str());
        if longest || attempt.script.contains(&Turn::Switch) {
            continue;
        }
        let mut client = Conversation::with(world.gateway.http());
        for turn in &attempt.script {
            match turn {
                // Some are refused before all of it was said.
                Turn::Bytes(bytes) => drop(client.try_say(world.let_in(bytes))),
                Turn::Close => client.say_no_more(),
                Turn::Switch | Turn::Decline => {}
            }
        }
        let requests = || attempt.expected.iter().filter(|line| line.starts_with("request "));
        let known = requests().filter(|line| line.contains(" https a.example /")).count();
        // Who says that nothing more will come may be taken at their word, and not be answered.
        let hurried = attempt.script.contains(&Turn::Close);
        let ends = attempt.expected.iter().filter(|line| *line == "end").count();
        // What asks for a tunnel is answered too.
        let whole = if refused(&attempt).is_some() { ends } else { requests().count() };
        for _ in 0..whole {
            let status = next_status(&mut client);
            assert!(status == Some(200) || known < whole || hurried, "{}: {status:?}", attempt.name);
            assert!(status.is_some() || hurried, "{} is answered", attempt.name);
        }
        if let Some(status) = refused(&attempt) {
            let said = next_status(&mut client);
            // Behind its head a request is malformed in one way only.
            let behind = attempt.expected.len() > 1 && said == Some(400);
            assert!(said == Some(status) || behind || (hurried && said.is_none()), "{}: {said:?}", attempt.name);
            assert_eq!(client.hear_all(), "", "{}: nothing more is said, and the connection closed", attempt.name);
        } else if attempt.expected.last().is_some_and(|line| line == "closes") {
            assert_eq!(client.hear_all(), "", "{}: nothing more is said, and the connection closed", attempt.name);
        }
        asked += requests().count();
    }
    assert!(world.gateway.runs());
    let lines = lines.lock().expect("no panic under this lock").clone();
    assert!(lines.len() <= asked, "{asked} requests were made, the server read {lines:?}");
    let smuggled: Vec<_> = lines.iter().filter(|line| line.contains("smuggled")).collect();
    assert!(smuggled.is_empty(), "the server read {smuggled:?}");
    for (session, events) in super::ended(&world.gateway) {
        for exchange in events.exchanges() {
            assert!(!exchange.path.contains("smuggled"), "{}: {exchange:?}", session.id());
            let answered = exchange.status == 200 && exchange.request.complete;
            let broken =
                exchange.request.reset.is_some() || exchange.response.reset.is_some() || exchange.status >= 400;
            assert!(answered || broken, "what became of it is on the record: {exchange:?}");
        }
    }
}

#[test]
fn requests_that_are_malformed_from_the_start_are_refused_at_the_proxy_too() {
    let lines = Arc::default();
    let server = server(&lines);
    let world = World::before(server.address());
    for attempt in requests().iter().filter(|attempt| attempt.expected.len() == 1) {
        let Some(status) = refused(attempt) else { continue };
        let mut client = Conversation::with(world.gateway.proxy());
        for turn in &attempt.script {
            if let Turn::Bytes(bytes) = turn {
                let _ = client.try_say(bytes);
            }
        }
        client.say_no_more();
        let said = next_status(&mut client);
        // An unfinished request is left alone by some: it is the connection's end that matters.
        let unfinished = attempt.script.contains(&Turn::Close) && said.is_none();
        assert!(said == Some(status) || unfinished, "{}: {said:?}", attempt.name);
        assert_eq!(client.hear_all(), "", "{}", attempt.name);
    }
    assert!(lines.lock().expect("no panic under this lock").is_empty());
}

#[test]
fn responses_that_two_readers_could_read_differently_are_the_clients_own_or_none() {
    let spoken: Vec<Attempt> = attempts()
        .into_iter()
        .filter(|attempt| matches!(&attempt.answers, Some((method, None)) if method != "CONNECT"))
        .collect();
    let answers: Vec<(Vec<u8>, bool)> = spoken
        .iter()
        .map(|attempt| {
            let bytes = attempt.script.iter().filter_map(|turn| match turn {
                Turn::Bytes(bytes) => Some(&bytes[..]),
                _ => None,
            });
            (bytes.collect::<Vec<_>>().concat(), attempt.script.contains(&Turn::Close))
        })
        .collect();
    let target = Scripted::start(move |_, mut peer| {
        while let Some(head) = peer.try_hear_until("\r\n\r\n") {
            let number = head.split('/').nth(1).and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok());
            let (answer, closes) = &answers[number.expect("the number of an attempt")];
            let _ = peer.try_say(answer);
            if *closes {
                break;
            }
        }
        String::new()
    });
    let world = World::before(target.address());
    for (number, attempt) in spoken.iter().enumerate() {
        let (method, _) = attempt.answers.as_ref().expect("a response");
        let mut client = Conversation::with(world.gateway.http());
        let length = if method == "POST" { "Content-Length: 0\r\n" } else { "" };
        let asked = format!("{method} /{number} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n{length}\r\n");
        client.say(world.let_in(asked.as_bytes()));
        let said = client.hear_all();
        let (mut heads, mut body) = (Vec::new(), &said[..]);
        while let Some((head, rest)) = body.split_once("\r\n\r\n").filter(|(head, _)| head.starts_with("HTTP/1.1 ")) {
            heads.push(head[9..12].to_owned());
            body = rest;
            if !head[9..12].starts_with('1') {
                break;
            }
        }
        let begun = attempt.expected.iter().any(|line| line.starts_with("response "));
        let mut statuses: Vec<String> = Vec::new();
        for line in &attempt.expected {
            let word = line.split(' ').nth(1).unwrap_or_default();
            let head = line.starts_with("interim ") || line.starts_with("response ");
            if head || (line.starts_with("refused ") && !begun) {
                statuses.push(word.to_owned());
            }
        }
        // A target that says nothing at all gives no answer.
        let silent = statuses.is_empty();
        if silent {
            statuses.push("502".to_owned());
        }
        assert_eq!(heads, statuses, "{}: {said:?}", attempt.name);
        // Whatever the target said besides is not the client's.
        let content = attempt.expected.iter().find_map(|line| line.strip_prefix("body ")).unwrap_or_default();
        if refused(attempt).is_none() && !silent {
            let plain = body.replace("\r\n", "");
            assert!(plain.contains(content) && plain.len() <= content.len() + 80, "{}: {said:?}", attempt.name);
        }
        assert!(!body.contains("HTTP/1.1 "), "{}: {said:?}", attempt.name);
    }
    assert!(world.gateway.runs());
}

/// `:status: 200` as the static table has it (RFC 7541 appendix A).
const OK_INDEXED: u8 = 0x88;

#[test]
fn requests_of_http2_that_would_be_others_in_http1_reach_no_server() {
    const SMUGGLED: &str = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.gateway.example\r\n\r\n";
    let behind = |text: &str| format!("{text} HTTP/1.1\r\nHost: x\r\n\r\nGET /smuggled");
    let usual = [(":method", "POST"), (":scheme", "http"), (":authority", NAME), (":path", "/first")];
    let instead = |name: &'static str, value: &str| {
        usual.map(|(own, said)| (own.to_owned(), if own == name { value.to_owned() } else { said.to_owned() })).to_vec()
    };
    let with = |more: &[(&str, &str)]| {
        usual.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
    };
    let without = |name: &str| {
        let mut fields = with(&[]);
        fields.retain(|(own, _)| own != name);
        fields
    };
    let heads = [
        with(&[("x", &behind("y"))]),
        with(&[("x", "y\nz: a")]),
        with(&[("x", "y\rz: a")]),
        with(&[("x", "y\0z")]),
        with(&[("x: y\r\nz", "a")]),
        with(&[("x y", "a")]),
        with(&[("X-Large", "a")]),
        with(&[("", "a")]),
        with(&[("transfer-encoding", "chunked")]),
        with(&[("transfer-encoding", "identity")]),
        with(&[("content-length", "0")]),
        with(&[("content-length", "5")]),
        with(&[("content-length", "+62")]),
        with(&[("content-length", "62, 62")]),
        with(&[("content-length", "5"), ("content-length", "62")]),
        with(&[("content-length", "18446744073709551678")]),
        with(&[("connection", "close")]),
        with(&[("connection", "content-length")]),
        with(&[("keep-alive", "timeout=5")]),
        with(&[("proxy-connection", "keep-alive")]),
        with(&[("upgrade", "websocket")]),
        with(&[("te", "chunked")]),
        with(&[("host", "b.gateway.example")]),
        with(&[("host", NAME), ("host", "b.gateway.example")]),
        with(&[(":path", "/second")]),
        with(&[(":unknown", "a")]),
        instead(":path", &behind("/first")),
        instead(":path", "/first second"),
        instead(":path", "first"),
        instead(":path", "*"),
        instead(":path", ""),
        instead(":method", &behind("GET /first")),
        instead(":method", "GET /smuggled"),
        instead(":method", ""),
        instead(":method", "CONNECT"),
        instead(":authority", &behind(NAME)),
        instead(":authority", &format!("user@{NAME}")),
        instead(":authority", &format!("{NAME}/smuggled?")),
        instead(":authority", &format!("{NAME}:8o")),
        instead(":authority", ""),
        instead(":scheme", "http://b.example/smuggled?"),
        instead(":scheme", "ftp"),
        without(":method"),
        without(":scheme"),
        without(":path"),
        without(":authority"),
    ];
    let lines = Arc::default();
    let server = server(&lines);
    let world = World::before(server.address());
    for head in &heads {
        let mut client = Http2::to(&world);
        client.agree();
        let own = ("authorization".to_owned(), format!("Bearer {}", world.token.secret));
        let block = head.iter().chain([&own]).flat_map(|(name, value)| field(name, value)).collect::<Vec<_>>();
        let _ = client.say(&frame(HEADERS, END_HEADERS, 1, &block));
        let _ = client.say(&frame(DATA, END_STREAM, 1, SMUGGLED.as_bytes()));
        let answer = client.hear_until(|frame| (frame.kind == HEADERS && frame.stream == 1) || frame.code().is_some());
        let refused = answer.is_none_or(|frame| frame.kind != HEADERS || frame.payload.first() != Some(&OK_INDEXED));
        assert!(refused, "{head:?}");
    }
    world.is_well();
    let lines = lines.lock().expect("no panic under this lock").clone();
    assert!(lines.iter().all(|line| line == "GET /served HTTP/1.1" || line == "POST /first HTTP/1.1"), "{lines:?}");
    // And what is as it should be is served, whatever its content looks like.
    let mut client = Http2::to(&world);
    client.agree();
    let length = SMUGGLED.len().to_string();
    let head = with(&[("content-length", &length), ("authorization", &format!("Bearer {}", world.token.secret))]);
    let block = head.iter().flat_map(|(name, value)| field(name, value)).collect::<Vec<_>>();
    let content = frame(DATA, END_STREAM, 1, SMUGGLED.as_bytes());
    assert!(client.say(&[frame(HEADERS, END_HEADERS, 1, &block), content].concat()));
    let answer = client.hear_until(|frame| frame.kind == HEADERS && frame.stream == 1).expect("an answer");
    assert_eq!(answer.payload.first(), Some(&OK_INDEXED));
}
