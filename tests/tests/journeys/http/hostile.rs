//! Targets that mean no good, or are broken: whoever asked gets an answer of the gateway's or an end, others are served,
//! and the gateway's memory has a bound.

use wiretape_core::limits::HTTP_INFORMATIONAL_MAX;
use wiretape_tests::conversation::{Conversation, Scripted};

use super::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, FULL_AFTER, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS, field,
    frame, kept_field,
};
use super::world::World;

/// What a target says again and again: no more than this, for a gateway that takes it all.
const FLOOD_BYTES_MAX: usize = 64 << 20;

/// Says `bytes` again and again; whether somebody took all of it, without hearing what they answer.
fn flood(peer: &mut Conversation, bytes: &[u8]) -> bool {
    peer.stream().set_write_timeout(Some(FULL_AFTER)).expect("a TCP socket");
    let many = bytes.repeat((64 * 1024 / bytes.len()).max(1));
    (0..FLOOD_BYTES_MAX / many.len()).all(|_| peer.try_say(&many))
}

/// All that is answered to a request that is the last one of its connection.
fn ask_last(world: &World, what: &str, behind: &str) -> String {
    let mut client = Conversation::with(world.gateway.http());
    let asked = format!("{what} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n{behind}");
    client.say(world.let_in(asked.as_bytes()));
    client.hear_all()
}

/// A target of HTTP/1.1 that serves `/served`, and at `/<number>` answers as `answers` says: once the first, and then the
/// second again and again.
fn one(answers: Vec<(String, String)>) -> Scripted {
    Scripted::start(move |_, mut peer| {
        while let Some(head) = peer.try_hear_until("\r\n\r\n") {
            let number = head.split(['/', ' ']).nth(2).and_then(|word| word.parse::<usize>().ok());
            match number.and_then(|number| answers.get(number)) {
                Some((once, again)) => {
                    if peer.try_say(once) && flood(&mut peer, again.as_bytes()) {
                        return format!("all was taken of {again:?}");
                    }
                }
                None => {
                    let _ = peer.try_say("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nserved");
                }
            }
        }
        String::new()
    })
}

#[test]
fn answers_without_end_are_cut_off() {
    let text = |text: &str| text.to_owned();
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answers = vec![
        // Before the answer has begun for the client: the gateway gives one.
        (String::new(), text("x")),
        (text("HTTP/1.1 200 "), text("x")),
        (text("HTTP/1.1 200 OK\r\n"), text("X: y\r\n")),
        (text("HTTP/1.1 200 OK\r\nX: "), text("y")),
        (String::new(), text("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")),
        (String::new(), text("HTTP/1.1 100 Continue\r\n\r\n")),
        // Behind its head: the client sees that it is not whole.
        (format!("{chunked}5;"), text("x")),
        (format!("{chunked}0\r\n"), text("X: y\r\n")),
        (format!("{chunked}0\r\nX: "), text("y")),
        (text(chunked), text("0")),
    ];
    let target = one(answers.clone());
    let world = World::before(target.address());
    for number in 0..answers.len() {
        let said = ask_last(&world, &format!("GET /{number}"), "\r\n");
        let interim = said.matches("HTTP/1.1 1").count();
        assert!(interim <= HTTP_INFORMATIONAL_MAX, "{interim} interim responses");
        let given = said.contains("HTTP/1.1 502 ");
        let cut = said.contains("HTTP/1.1 200 ") && !said.contains("\r\n0\r\n\r\n");
        assert!(if number < 6 { given } else { cut }, "{number}: {said}");
        world.is_well();
    }
    assert!(target.noted().iter().all(String::is_empty), "{:?}", target.noted());
    for exchange in super::exchanges(&world.gateway).into_iter().filter(|exchange| exchange.path != "/served") {
        assert!(exchange.status == 502 || exchange.response.reset.is_some(), "{exchange:?}");
    }
}

/// A target of HTTP/2 in clear text that answers what has no content with `served`, and content that is a letter with
/// what `answers` has for it, once and then again and again, on the stream where it was asked.
fn two(answers: Vec<(Vec<u8>, Vec<u8>)>) -> Scripted {
    Scripted::start(move |_, mut peer| {
        if peer.try_hear_bytes(24).is_none() || !peer.try_say(frame(SETTINGS, 0, 0, &[])) {
            return String::new();
        }
        while let Some(head) = peer.try_hear_bytes(9) {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let Some(payload) = peer.try_hear_bytes(length) else { break };
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            let goes_on = match (head[3], head[4] & 1, payload.first()) {
                (SETTINGS, 0, _) => peer.try_say(frame(SETTINGS, ACK, 0, &[])),
                (PING, 0, _) => peer.try_say(frame(PING, ACK, 0, &payload)),
                (HEADERS, END_STREAM, _) => {
                    let head = [vec![0x88], field("content-length", "6")].concat();
                    let answer =
                        [frame(HEADERS, END_HEADERS, stream, &head), frame(DATA, END_STREAM, stream, b"served")];
                    peer.try_say(answer.concat())
                }
                (DATA, _, Some(letter)) => {
                    let (once, again) = &answers[usize::from(letter - b'a')];
                    let taken = peer.try_say(addressed(once, stream));
                    if !again.is_empty() && flood(&mut peer, &addressed(again, stream)) {
                        return format!("all was taken of {}", char::from(*letter));
                    }
                    taken && again.is_empty()
                }
                _ => true,
            };
            if !goes_on {
                break;
            }
        }
        String::new()
    })
}

/// Frames for stream 1, for `stream`.
fn addressed(frames: &[u8], stream: u32) -> Vec<u8> {
    let (mut changed, mut at) = (frames.to_vec(), 0);
    while at < changed.len() {
        let length = u32::from_be_bytes([0, changed[at], changed[at + 1], changed[at + 2]]) as usize;
        if changed[at + 5..at + 9] == [0, 0, 0, 1] {
            changed[at + 5..at + 9].copy_from_slice(&stream.to_be_bytes());
        }
        at += 9 + length;
    }
    changed
}

#[test]
fn frames_of_a_target_that_break_the_protocol_harm_nobody_else() {
    const PUSH_PROMISE: u8 = 5;
    let head = |fields: &[(&str, &str)]| {
        let fields = fields.iter().flat_map(|(name, value)| field(name, value));
        std::iter::once(0x88).chain(fields).collect::<Vec<u8>>()
    };
    let begun = frame(HEADERS, END_HEADERS, 1, &head(&[]));
    let interim = [field(":status", "103"), field("link", "</x>")].concat();
    let bomb = [vec![0x88], kept_field("x", &"y".repeat(4000)), vec![0xbe; 12_000]].concat();
    let once = |frames: Vec<Vec<u8>>| (frames.concat(), Vec::new());
    let answers = vec![
        // Content before a head.
        once(vec![frame(DATA, END_STREAM, 1, b"early")]),
        // No status, two of them, and one that is none.
        once(vec![frame(HEADERS, END_HEADERS | END_STREAM, 1, &field("x", "y"))]),
        once(vec![frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0x88, 0x8d])]),
        once(vec![frame(HEADERS, END_HEADERS | END_STREAM, 1, &field(":status", "20x"))]),
        // Fields that would be lines of their own in HTTP/1.1.
        once(vec![frame(HEADERS, END_HEADERS | END_STREAM, 1, &head(&[("x", "y\r\nz: a")]))]),
        once(vec![frame(HEADERS, END_HEADERS | END_STREAM, 1, &head(&[("x: y\r\nz", "a")]))]),
        once(vec![frame(HEADERS, END_HEADERS | END_STREAM, 1, &head(&[("transfer-encoding", "chunked")]))]),
        once(vec![
            frame(HEADERS, END_HEADERS, 1, &head(&[("content-length", "3")])),
            frame(DATA, END_STREAM, 1, b"served"),
        ]),
        // Less than was announced.
        once(vec![
            frame(HEADERS, END_HEADERS, 1, &head(&[("content-length", "9")])),
            frame(DATA, END_STREAM, 1, b"served"),
        ]),
        // Promises that nobody asked for.
        once(vec![frame(PUSH_PROMISE, END_HEADERS, 1, &[&[0, 0, 0, 2][..], &[0x82, 0x86, 0x84]].concat())]),
        // A frame that is longer than may be, a table that is not there, a stream that was never opened.
        once(vec![frame(DATA, 0, 1, &[0; 20_000])]),
        once(vec![frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0xff, 0xff, 0xff, 0xff, 0x0f])]),
        once(vec![frame(RST_STREAM, 0, 99, &[0; 4])]),
        once(vec![frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 2])]),
        // Floods.
        (frame(HEADERS, END_HEADERS | END_STREAM, 1, &bomb), Vec::new()),
        (frame(HEADERS, 0, 1, &head(&[])), frame(CONTINUATION, 0, 1, &field("x-more", &"y".repeat(100)))),
        (Vec::new(), frame(HEADERS, END_HEADERS, 1, &interim)),
        (begun.clone(), frame(PING, 0, 0, &[0; 8])),
        (begun.clone(), frame(DATA, 0, 1, &[])),
        (begun, frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff])),
    ];
    let target = two(answers.clone());
    let world = World::speaking(target.address(), "2");
    world.is_well();
    for number in 0..answers.len() {
        let letter = char::from(b'a' + u8::try_from(number).expect("a small number"));
        let said = ask_last(&world, "POST /odd", &format!("Content-Length: 1\r\n\r\n{letter}"));
        let given = said.contains("HTTP/1.1 502 ");
        let cut = said.contains("HTTP/1.1 200 ") && !said.contains("served") && !said.ends_with("\r\n0\r\n\r\n");
        let short = number == 8 && !said.contains("\r\n0\r\n\r\n");
        assert!(given || cut || short || said.is_empty(), "{number}: {said}");
        assert!(!said.contains("\r\nz: a"), "{number}: {said}");
        assert!(said.matches("HTTP/1.1 1").count() <= HTTP_INFORMATIONAL_MAX, "{number}: {said}");
        world.is_well();
    }
    assert!(target.noted().iter().all(String::is_empty), "{:?}", target.noted());
}
