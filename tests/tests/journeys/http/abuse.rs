//! Clients that wear the gateway down, each test named by how. Others are served all the same, and the gateway's memory
//! has a bound.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wiretape_tests::conversation::{Conversation, Scripted};
use wiretape_tests::random;
use wiretape_tests::stage::wait_until;

use super::frames::{
    CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, GOAWAY, HEADERS, Http2,
    PING, REFUSED_STREAM, RST_STREAM, SETTINGS, WINDOW_UPDATE, field, frame, kept_field,
};
use super::world::{NAME, World};

/// A target that serves `/served`, says without end what `/endless` asks for and counts it, and never answers
/// `/stalled`, of which it reads no more than the head.
fn target(said: &Arc<AtomicU64>) -> Scripted {
    let said = Arc::clone(said);
    Scripted::start(move |_, mut peer| {
        let mut heads = String::new();
        while let Some(head) = peer.try_hear_until("\r\n\r\n") {
            heads += head.lines().next().unwrap_or_default();
            heads += "\n";
            if head.contains(" /endless ") {
                peer.say("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n");
                let run = [b'x'; 64 * 1024];
                while peer.try_say(run) {
                    said.fetch_add(run.len() as u64, Ordering::SeqCst);
                }
            } else if head.contains(" /stalled ") {
                // Until the gateway gives up on it.
                let mut socket = peer.stream();
                let _ = socket.set_read_timeout(None);
                std::thread::sleep(Duration::from_millis(200));
                let _ = socket.read(&mut [0; 1]);
                while socket.read(&mut [0; 1]).is_ok_and(|count| count > 0) {
                    std::thread::sleep(Duration::from_millis(200));
                }
            } else if !peer.try_say("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nserved") {
                break;
            }
        }
        heads
    })
}

fn world() -> (World, Scripted, Arc<AtomicU64>) {
    let said = Arc::default();
    let target = target(&said);
    (World::before(target.address()), target, said)
}

/// The gateway ends the connection, and says why; the reason may be lost with what was still on the way to it.
fn is_sent_away(client: &Http2) {
    let why = client.hear_why();
    assert!(why.is_none_or(|code| code == ENHANCE_YOUR_CALM), "{why:?}");
}

#[test]
fn rapid_reset() {
    let (world, _target, _) = world();
    let mut client = Http2::to(&world);
    client.agree();
    let head = client.head("GET", "/stalled");
    let mut said = 0;
    while said < 50_000 {
        let batch = (said..said + 100).flat_map(|number| {
            let stream = 2 * number + 1;
            let asked = frame(HEADERS, END_HEADERS | END_STREAM, stream, &head);
            [asked, frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes())].concat()
        });
        if !client.say(&batch.collect::<Vec<u8>>()) {
            break;
        }
        said += 100;
    }
    is_sent_away(&client);
    world.is_well();
}

#[test]
fn resets_of_requests_that_had_begun() {
    let (world, _target, _) = world();
    let mut client = Http2::to(&world);
    client.agree();
    let head = client.head("GET", "/stalled");
    for number in 0..1000 {
        let stream = 2 * number + 1;
        assert!(client.say(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &head)));
        // Not before it was taken in.
        assert!(client.say(&frame(PING, 0, 0, &[7; 8])));
        let answer = client.hear_until(|frame| frame.kind == PING);
        assert!(answer.is_some(), "the connection goes on: who changes their mind is no enemy");
        assert!(client.say(&frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes())));
    }
    world.is_well();
    drop(client);
    let broken_off = |exchange: &wiretape_tests::exchange::Exchange| exchange.request.reset.is_some();
    let exchanges = super::exchanges(&world.gateway);
    let stalled: Vec<_> = exchanges.iter().filter(|exchange| exchange.path == "/stalled").collect();
    assert_eq!(stalled.len(), 1000);
    assert!(stalled.into_iter().all(broken_off), "each of them is on the record, and how it ended");
}

#[test]
fn continuation_flood() {
    let (world, target, _) = world();
    let mut client = Http2::to(&world);
    client.agree();
    let head = client.head("GET", "/stalled");
    assert!(client.say(&frame(HEADERS, END_STREAM, 1, &head)));
    // Each adds a field, and none is the last one.
    let more = frame(CONTINUATION, 0, 1, &field("x-more", &"y".repeat(100)));
    let taken = client.flood(&more, 64 << 20);
    assert!(taken < 64 << 20, "it is cut off");
    is_sent_away(&client);
    let mut client = Http2::to(&world);
    client.agree();
    let head = client.head("GET", "/stalled");
    assert!(client.say(&frame(HEADERS, END_STREAM, 1, &head)));
    let taken = client.flood(&frame(CONTINUATION, 0, 1, &[]), 64 << 20);
    assert!(taken < 64 << 20, "it is cut off, also where nothing is in it");
    world.is_well();
    assert!(!target.noted().concat().contains("/stalled"));
}

#[test]
fn header_bomb() {
    let (world, target, _) = world();
    let mut client = Http2::to(&world);
    client.agree();
    // Sixteen thousand bytes that stand for sixty-four million.
    let bomb = [client.head("GET", "/stalled"), kept_field("x", &"y".repeat(4000)), vec![0xbe; 12_000]].concat();
    for stream in [1, 3, 5, 7] {
        if !client.say(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &bomb)) {
            break;
        }
    }
    let answered = client.hear_until(|frame| (frame.kind == HEADERS && frame.stream == 1) || frame.code().is_some());
    assert!(answered.is_some_and(|frame| frame.code() != Some(0)), "it is refused, in one way or another");
    world.is_well();
    drop(client);
    assert!(!target.noted().concat().contains("/stalled"));
}

#[test]
fn slow_heads() {
    let (world, target, _) = world();
    let mut clients: Vec<Conversation> = (0..300).map(|_| Conversation::with(world.gateway.http())).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.say("GET /stalled HTTP/1.1\r\n");
        client.say(format!("X-{number}: "));
    }
    // Every one of them is about to say more, and does, byte by byte.
    let mut given_up = 0;
    while given_up < clients.len() {
        world.is_well();
        given_up = clients.iter_mut().filter_map(|client| (!client.try_say("y")).then_some(())).count();
        std::thread::sleep(Duration::from_millis(500));
    }
    for client in &mut clients {
        let said = client.hear_all();
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408 "), "{said}");
    }
    assert!(!target.noted().concat().contains("/stalled"));
}

/// Waits until `said` stays as it is.
fn settled(said: &AtomicU64) -> u64 {
    let mut before = u64::MAX;
    loop {
        let now = said.load(Ordering::SeqCst);
        if now == before && now > 0 {
            return now;
        }
        before = now;
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn slow_readers() {
    // The kernel's own buffers, on both sides of the gateway.
    const KERNEL_BYTES_MAX: u64 = 48 << 20;
    let (world, _target, said) = world();
    let first = world.ask("/endless");
    let bytes = settled(&said);
    assert!(bytes < KERNEL_BYTES_MAX, "the target is held back: it said {bytes} bytes");
    world.is_well();
    let mut second = Http2::deaf(&world, world.gateway.http());
    let head = second.head("GET", "/endless");
    assert!(second.say(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &head)));
    while said.load(Ordering::SeqCst) == bytes {
        std::thread::sleep(Duration::from_millis(10));
    }
    let more = settled(&said) - bytes;
    assert!(more < KERNEL_BYTES_MAX, "the target is held back: it said {more} bytes");
    world.is_well();
    drop((first, second));
    let recorded: u64 = super::ended(&world.gateway)
        .iter()
        .flat_map(|(_, events)| events.exchanges())
        .map(|exchange| exchange.response.content.len() as u64)
        .sum();
    assert!(recorded < KERNEL_BYTES_MAX, "what was not sent was not recorded: {recorded} bytes");
}

#[test]
fn settings_and_ping_flood() {
    let (world, _target, _) = world();
    for flood in
        [frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff]), frame(SETTINGS, 0, 0, &[]), frame(PING, 0, 0, &[0; 8])]
    {
        // Whoever does not read the answers is not listened to for ever.
        let mut client = Http2::deaf(&world, world.gateway.http());
        let taken = client.flood(&flood, 256 << 20);
        assert!(taken < 256 << 20, "the gateway goes on taking what it cannot answer");
        world.is_well();
        // Whoever reads them harms only themselves.
        let mut client = Http2::to(&world);
        let _ = client.flood(&flood, 2 << 20);
        world.is_well();
    }
}

#[test]
fn window_overflow() {
    let (world, _target, _) = world();
    let most = 0x7fff_ffff_u32.to_be_bytes();
    let mut client = Http2::to(&world);
    client.agree();
    let _ = client.say(&frame(WINDOW_UPDATE, 0, 0, &most));
    assert_eq!(client.hear_why(), Some(FLOW_CONTROL_ERROR));
    let mut client = Http2::to(&world);
    client.agree();
    let head = client.head("GET", "/stalled");
    let _ = client.say(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &head));
    let _ = client.say(&frame(WINDOW_UPDATE, 0, 1, &most));
    let told = client.hear_until(|frame| frame.code().is_some()).expect("the stream or the connection is broken off");
    assert_eq!(told.code(), Some(FLOW_CONTROL_ERROR));
    // Nothing to add is a mistake too.
    let mut client = Http2::to(&world);
    client.agree();
    let _ = client.say(&frame(WINDOW_UPDATE, 0, 0, &[0; 4]));
    assert!(client.hear_why().is_some_and(|code| code != 0));
    world.is_well();
}

#[test]
fn empty_content_flood() {
    let (world, _target, _) = world();
    let mut client = Http2::to(&world);
    client.agree();
    let head = client.head("POST", "/stalled");
    assert!(client.say(&frame(HEADERS, END_HEADERS, 1, &head)));
    let _ = client.flood(&frame(DATA, 0, 1, &[]), 32 << 20);
    is_sent_away(&client);
    world.is_well();
    // Padding alone takes from the window, and is nothing all the same.
    let mut client = Http2::to(&world);
    client.agree();
    let head = client.head("POST", "/stalled");
    assert!(client.say(&frame(HEADERS, END_HEADERS, 1, &head)));
    let padded = frame(DATA, 8, 1, &[&[255][..], &[0; 255]].concat());
    let _ = client.flood(&padded, 32 << 20);
    is_sent_away(&client);
    world.is_well();
}

#[test]
fn too_many_streams() {
    const STREAMS_MAX: usize = wiretape_core::limits::HTTP_EXCHANGES_MAX;
    let (world, _target, _) = world();
    let mut client = Http2::to(&world);
    client.agree();
    let head = client.head("GET", "/stalled");
    let many = (0..STREAMS_MAX + 50).map(|number| {
        let stream = u32::try_from(2 * number + 1).expect("a small number");
        frame(HEADERS, END_HEADERS | END_STREAM, stream, &head)
    });
    assert!(client.say(&many.collect::<Vec<_>>().concat()));
    for _ in 0..50 {
        let refused = client.hear_until(|frame| frame.code().is_some()).expect("the connection goes on");
        assert_eq!((refused.kind, refused.code()), (RST_STREAM, Some(REFUSED_STREAM)));
        assert!(refused.stream as usize > 2 * STREAMS_MAX, "the first ones go on");
    }
    world.is_well();
    drop(client);
    // They were the person's own, and are on the record.
    wait_until("both sessions are listed", || world.gateway.record().sessions().len() >= 2);
}

#[test]
fn ten_thousand_half_open_connections() {
    let (world, _target, _) = world();
    let mut open = Vec::new();
    for number in 0..10_000 {
        let address = if number % 2 == 0 { world.gateway.http() } else { world.gateway.proxy() };
        let Ok(mut stream) = TcpStream::connect(address) else { break };
        let begun: &[u8] = match number % 5 {
            0 => b"",
            1 => b"G",
            2 => b"GET / HTTP/1.1\r\nHost: a",
            3 => b"PRI * HTTP/2.0\r\n",
            _ => b"\x16\x03\x01\x02\x00\x01",
        };
        // Whoever came first may have been sent away.
        let _ = stream.write_all(begun);
        open.push(stream);
    }
    assert_eq!(open.len(), 10_000, "every one of them gets in somehow");
    world.is_well();
    drop(open);
    world.is_well();
}

#[test]
fn garbage() {
    let (world, target, _) = world();
    for address in [world.gateway.http(), world.gateway.proxy()] {
        for round in 0..200 {
            let mut bytes = random::bytes(1 + 37 * round);
            match round % 4 {
                1 => bytes.splice(0..0, *b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").for_each(drop),
                2 => bytes.splice(0..0, *b"\x16\x03\x01").for_each(drop),
                3 => bytes.splice(0..0, *b"POST / HTTP/1.1\r\nHost: a.gateway.example\r\n").for_each(drop),
                _ => {}
            }
            let mut client = Conversation::with(address);
            let _ = client.try_say(&bytes);
            client.say_no_more();
            let said = client.hear_all();
            assert!(!said.contains("HTTP/1.1 2"), "{said}");
        }
    }
    world.is_well();
    drop(world);
    assert_eq!(target.noted().concat().matches("GET").count(), target.noted().concat().matches("/served").count());
}

/// What the proxy answers to a CONNECT of a person who is let in.
fn connect(world: &World, authority: &str) -> (Conversation, String) {
    let mut client = Conversation::with(world.gateway.proxy());
    client.say(format!(
        "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nProxy-Authorization: Bearer {}\r\n\r\n",
        world.token.secret
    ));
    let head = client.hear_until("\r\n\r\n");
    (client, head)
}

#[test]
fn connect_abuse() {
    let (world, target, _) = world();
    let own = |address: SocketAddr| SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())).to_string();
    let elsewhere = [
        own(world.gateway.http()),
        own(world.gateway.proxy()),
        own(world.gateway.address()),
        "127.0.0.1:22".to_owned(),
        "127.0.0.1:0".to_owned(),
        "169.254.169.254:80".to_owned(),
        "[::1]:80".to_owned(),
        "0.0.0.0:80".to_owned(),
        "localhost:5432".to_owned(),
        format!("{NAME}:443"),
        "a:443".to_owned(),
    ];
    for authority in &elsewhere {
        let (mut client, head) = connect(&world, authority);
        assert!(head.starts_with("HTTP/1.1 4") && !head.contains(" 407 "), "{authority}: {head}");
        // What was meant for the tunnel is not a request to the proxy.
        let _ = client.try_say("GET / HTTP/1.1\r\nHost: a.gateway.example\r\n\r\n");
        assert!(!client.hear_all().contains("HTTP/1.1 "), "{authority}");
    }
    let mut stranger = Conversation::with(world.gateway.proxy());
    stranger.say(format!("CONNECT {} HTTP/1.1\r\nHost: {0}\r\n\r\n", target.address()));
    assert!(stranger.hear_until("\r\n\r\n").starts_with("HTTP/1.1 407 "));
    // Inside of a tunnel there is no other one, and nothing but the target.
    for inside in ["CONNECT 127.0.0.1:22", "CONNECT 169.254.169.254:80", "GET http://169.254.169.254/"] {
        let (mut client, head) = connect(&world, &target.address().to_string());
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let host = inside.split(' ').nth(1).unwrap_or_default().trim_start_matches("http://").trim_end_matches('/');
        client.say(format!("{inside} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        let said = client.hear_until("\r\n\r\n");
        assert!(said.starts_with("HTTP/1.1 4"), "{inside}: {said}");
    }
    // Nor do tunnels in which nothing is said keep anybody out.
    let idle: Vec<_> = (0..300).map(|_| connect(&world, &target.address().to_string())).collect();
    assert!(idle.iter().all(|(_, head)| head.starts_with("HTTP/1.1 200 ")));
    for (number, (mut client, _)) in idle.into_iter().enumerate().take(100) {
        let _ = client.try_say(random::bytes(1 + number));
        client.say_no_more();
        assert!(!client.hear_all().contains("HTTP/1.1 2"));
    }
    world.is_well();
}

#[test]
fn goaway_of_a_client_ends_nothing_but_its_own() {
    let (world, _target, _) = world();
    let mut client = Http2::to(&world);
    client.agree();
    let head = client.head("GET", "/served");
    let asked = frame(HEADERS, END_HEADERS | END_STREAM, 1, &head);
    assert!(client.say(&[asked, frame(GOAWAY, 0, 0, &[0; 8])].concat()));
    let answered = client.hear_until(|frame| frame.stream == 1 && frame.flags & END_STREAM != 0);
    assert!(answered.is_some_and(|frame| frame.code().is_none()), "what was asked before is answered");
    let _ = client.hear_why();
    world.is_well();
}

#[test]
fn pipelines_whose_answers_nobody_reads() {
    let (world, _target, _) = world();
    let asked = world.let_in(b"GET /served HTTP/1.1\r\nHost: a.example\r\n\r\n").repeat(400);
    let mut client = TcpStream::connect(world.gateway.http()).expect("the gateway listens");
    client.set_write_timeout(Some(Duration::from_millis(500))).expect("a TCP socket");
    let mut taken = 0;
    while taken < 256 << 20 {
        match client.write(&asked[taken % asked.len()..]) {
            Ok(count) => taken += count,
            Err(_) => break,
        }
    }
    assert!(taken < 256 << 20, "the gateway goes on taking what it cannot answer");
    world.is_well();
}
