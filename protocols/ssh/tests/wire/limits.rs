//! What a peer can make grow has an end, and the end is told.

use bytes::Bytes;
use wiretape_core::event::StreamKind;
use wiretape_core::limits::{
    ENVIRONMENT_VARIABLES_MAX, EVENT_PAYLOAD_BYTES_MAX, HELD_BYTES_MAX, LANES_OPEN_MAX, REQUESTS_PENDING_MAX,
    TEXT_BYTES_MAX,
};
use wiretape_core::{Effect, Lane, Side};
use wiretape_ssh::{Message, OpenFailure, Options, Request};

use crate::stage::{Rule, Rules, Stage, Turn, events};

const LANE: Lane = Lane(1);

/// A session with one lane open; what is `risky` is asked about.
fn stage() -> Stage {
    let rule = Rule::Ask { word: "risky".to_owned(), rule: "risk".to_owned(), group: "elders".to_owned() };
    let mut stage = Stage::new(Options::default(), Rules(vec![rule]));
    client(&mut stage, Message::Open { lane: LANE, kind: StreamKind::Session });
    stage.play(Turn::Say(Side::Upstream, Message::Opened { lane: LANE }));
    stage
}

fn client(stage: &mut Stage, message: Message) -> Vec<Effect<Message>> {
    stage.play(Turn::Say(Side::Client, message))
}

fn request(request: Request, want_reply: bool) -> Message {
    Message::Request { lane: LANE, request, want_reply }
}

fn data(bytes: usize) -> Message {
    Message::Data { lane: LANE, error: false, bytes: Bytes::from(vec![b'x'; bytes]) }
}

#[test]
fn what_is_held_behind_a_question_ends_the_session_at_its_limit() {
    for piece_bytes in [0, 1, 1000, 32 * 1024] {
        let mut stage = stage();
        client(&mut stage, request(Request::Exec { command: Bytes::from_static(b"risky") }, true));
        let mut said = 0;
        while !stage.is_closed() {
            assert!(stage.held_bytes() <= HELD_BYTES_MAX, "{piece_bytes}: {} bytes held", stage.held_bytes());
            client(&mut stage, data(piece_bytes));
            said += 1;
            assert!(said <= HELD_BYTES_MAX / piece_bytes.max(64) + 1, "{piece_bytes}: {said} messages held");
        }
        assert!(said * (piece_bytes + 1024) > HELD_BYTES_MAX, "{piece_bytes}: the session ended after {said} messages");
    }
}

#[test]
fn one_lane_more_than_there_may_be_is_rejected_and_harms_nobody() {
    let mut stage = stage();
    for number in 2..=LANES_OPEN_MAX as u32 {
        let effects = client(&mut stage, Message::Open { lane: Lane(number), kind: StreamKind::Session });
        assert!(matches!(effects.last(), Some(Effect::Send { to: Side::Upstream, .. })));
    }
    let lane = Lane(LANES_OPEN_MAX as u32 + 1);
    let effects = client(&mut stage, Message::Open { lane, kind: StreamKind::Session });
    assert!(matches!(
        effects.last(),
        Some(Effect::Send {
            to: Side::Client,
            message: Message::Rejected { reason: OpenFailure::ResourceShortage, .. }
        })
    ));
    // A lane that ended makes room again.
    client(&mut stage, Message::Close { lane: LANE });
    stage.play(Turn::Say(Side::Upstream, Message::Close { lane: LANE }));
    let effects = client(&mut stage, Message::Open { lane: Lane(lane.0 + 1), kind: StreamKind::Session });
    assert!(matches!(effects.last(), Some(Effect::Send { to: Side::Upstream, .. })));
}

#[test]
fn requests_that_wait_for_an_answer_are_counted() {
    let signal = || request(Request::Signal { name: "INT".to_owned() }, true);
    let mut stage = stage();
    for _ in 0..REQUESTS_PENDING_MAX {
        client(&mut stage, signal());
    }
    assert!(!stage.is_closed());
    client(&mut stage, signal());
    assert!(stage.is_closed());
}

#[test]
fn environment_variables_over_the_limit_are_denied() {
    let mut stage = stage();
    let mut passed = 0;
    for number in 0..ENVIRONMENT_VARIABLES_MAX + 10 {
        let variable = Request::Env { name: format!("V{number}"), value: Bytes::new() };
        let effects = client(&mut stage, request(variable, false));
        passed += effects.iter().filter(|effect| matches!(effect, Effect::Send { to: Side::Upstream, .. })).count();
        assert_eq!(events(&effects).next().map(|event| event.kind.name()), Some("process.environment"));
    }
    assert_eq!(passed, ENVIRONMENT_VARIABLES_MAX);
}

#[test]
fn texts_over_the_limit_end_the_session() {
    for (bytes, over) in [(TEXT_BYTES_MAX, false), (TEXT_BYTES_MAX + 1, true)] {
        let text = "x".repeat(bytes);
        let requests = [
            Request::Exec { command: Bytes::from(text.clone()) },
            Request::Subsystem { name: text.clone() },
            Request::Env { name: String::new(), value: Bytes::from(text.clone()) },
            Request::Signal { name: text.clone() },
        ];
        for asked in requests {
            let mut stage = stage();
            client(&mut stage, request(asked, true));
            assert_eq!(stage.is_closed(), over);
        }
    }
    for (bytes, over) in [(4096, false), (4097, true)] {
        let path = "x".repeat(bytes);
        let mut opening = stage();
        let kind = StreamKind::DirectStreamlocal { path: path.clone() };
        client(&mut opening, Message::Open { lane: Lane(2), kind });
        assert_eq!(opening.is_closed(), over);
        let mut listening = stage();
        client(&mut listening, Message::Listen { listen: true, address: path, port: None });
        assert_eq!(listening.is_closed(), over);
    }
}

#[test]
fn what_is_held_counts_whatever_it_is() {
    let texts = [
        Request::Signal { name: "x".repeat(TEXT_BYTES_MAX) },
        Request::Subsystem { name: "x".repeat(TEXT_BYTES_MAX) },
        Request::Env { name: "x".repeat(TEXT_BYTES_MAX), value: Bytes::new() },
    ];
    for text in texts {
        let mut stage = stage();
        client(&mut stage, request(Request::Exec { command: Bytes::from_static(b"risky") }, true));
        let mut said = 0;
        while !stage.is_closed() {
            client(&mut stage, request(text.clone(), false));
            said += 1;
            assert!(said <= HELD_BYTES_MAX / TEXT_BYTES_MAX + 1);
        }
    }
}

#[test]
fn held_data_does_not_count_as_requests() {
    let mut stage = stage();
    client(&mut stage, request(Request::Exec { command: Bytes::from_static(b"risky") }, true));
    for _ in 0..REQUESTS_PENDING_MAX * 2 {
        client(&mut stage, data(10));
    }
    client(&mut stage, request(Request::Signal { name: "INT".to_owned() }, true));
    assert!(!stage.is_closed());
}

#[test]
fn lane_numbers_are_not_left_out_without_end() {
    let mut stage = stage();
    client(&mut stage, Message::Open { lane: Lane(1000), kind: StreamKind::Session });
    assert!(!stage.is_closed());
    client(&mut stage, Message::Open { lane: Lane(500), kind: StreamKind::Session });
    assert!(!stage.is_closed());
    client(&mut stage, Message::Open { lane: Lane(u32::MAX), kind: StreamKind::Session });
    assert!(stage.is_closed());
}

#[test]
fn a_large_message_is_recorded_in_parts_and_passes_whole() {
    let mut stage = stage();
    client(&mut stage, request(Request::Shell, false));
    let effects = client(&mut stage, data(EVENT_PAYLOAD_BYTES_MAX * 2 + 1));
    let parts: Vec<usize> = events(&effects).map(|event| event.kind.payload_bytes()).collect();
    assert_eq!(parts, [EVENT_PAYLOAD_BYTES_MAX, EVENT_PAYLOAD_BYTES_MAX, 1]);
    assert!(
        matches!(effects.last(), Some(Effect::Send { message: Message::Data { bytes, .. }, .. }) if bytes.len() == EVENT_PAYLOAD_BYTES_MAX * 2 + 1)
    );
}

#[test]
fn listeners_have_a_limit() {
    let mut stage = stage();
    let mut granted = 0;
    for port in 1..2000 {
        let effects = client(&mut stage, Message::Listen { listen: true, address: String::new(), port: Some(port) });
        if !effects.iter().any(|effect| matches!(effect, Effect::Send { to: Side::Upstream, .. })) {
            break;
        }
        granted += 1;
        stage.play(Turn::Say(Side::Upstream, Message::Listening { accepted: true, port: None }));
    }
    assert_eq!(granted, 256);
    assert!(!stage.is_closed());
}

#[test]
fn typed_bytes_at_a_terminal_are_split_like_any_others() {
    let mut stage = stage();
    let size = wiretape_core::event::TerminalSize::default();
    client(&mut stage, request(Request::Pty { term: "xterm".to_owned(), size, modes: Vec::new() }, false));
    let keys = Message::Data { lane: LANE, error: false, bytes: Bytes::from(vec![1; EVENT_PAYLOAD_BYTES_MAX + 1]) };
    let effects = client(&mut stage, keys);
    assert!(events(&effects).all(|event| event.kind.payload_bytes() <= EVENT_PAYLOAD_BYTES_MAX));
}
