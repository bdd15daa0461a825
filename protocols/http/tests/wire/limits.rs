//! What a peer can make grow, and what happens where it may grow no more.

use std::sync::Arc;

use bytes::Bytes;
use wiretape_core::event::{HttpEvent, HttpVersion};
use wiretape_core::limits::{EVENT_PAYLOAD_BYTES_MAX, HELD_BYTES_MAX, HTTP_INFORMATIONAL_MAX, LANES_OPEN_MAX};
use wiretape_core::{Kind, Side, Verdict};
use wiretape_http::{Content, Part, RequestHead, ResponseHead, Route};

use crate::noise::wary;
use crate::stage::{Effects, Rules, Stage, Turn, events, sent};

fn request(path: &'static str, content: Content) -> Part {
    let head = RequestHead {
        version: HttpVersion::Http2,
        method: "POST".into(),
        scheme: "https".into(),
        authority: "api.example".into(),
        path: path.into(),
        protocol: None,
        fields: Vec::new(),
        content,
    };
    Part::Request(Box::new(head), Arc::new(Route::default()))
}

fn response(status: u16, content: Content) -> Box<ResponseHead> {
    let (version, reason, fields) = (HttpVersion::Http2, Bytes::new(), Vec::new());
    Box::new(ResponseHead { version, status, reason, fields, content })
}

fn status(effects: &Effects) -> Option<u16> {
    sent(effects, Side::Client).find_map(|message| match &message.part {
        Part::Response(head) => Some(head.status),
        _ => None,
    })
}

fn resets(effects: &Effects, to: Side) -> usize {
    sent(effects, to).filter(|message| matches!(message.part, Part::Reset { .. })).count()
}

#[test]
fn what_waits_on_a_lane_is_bounded_and_the_lane_is_refused_then() {
    let mut stage = Stage::new(wary());
    stage.say(Side::Client, 1, request("/risky", Content::Streamed));
    let piece = Bytes::from(vec![b'x'; 1024 * 1024]);
    for _ in 0..3 {
        assert!(stage.body(Side::Client, 1, piece.clone()).is_empty());
    }
    assert!(stage.held_bytes() > 3 * 1024 * 1024);
    let effects = stage.body(Side::Client, 1, piece.clone());
    assert_eq!(status(&effects), Some(413));
    assert_eq!(stage.held_bytes(), 0);
    // What still comes is dropped, and the late answer moves nothing.
    assert!(stage.body(Side::Client, 1, piece).is_empty());
    assert_eq!(sent(&stage.play(Turn::Answer(Verdict::Allow)), Side::Upstream).count(), 0);
    assert!(stage.say(Side::Client, 1, Part::End).is_empty());
    assert!(!stage.is_closed());
}

#[test]
fn what_waits_on_all_lanes_is_bounded_without_ending_the_session() {
    let mut stage = Stage::new(wary());
    let piece = Bytes::from(vec![b'x'; 1024 * 1024]);
    let mut refused = Vec::new();
    for lane in 1..=4 {
        stage.say(Side::Client, lane, request("/risky", Content::Streamed));
        for _ in 0..3 {
            let effects = stage.body(Side::Client, lane, piece.clone());
            refused.extend(status(&effects).map(|status| (lane, status)));
            assert!(stage.held_bytes() <= 2 * HELD_BYTES_MAX);
        }
    }
    // Seven pieces fit; the lane that brings the eighth is let go.
    assert_eq!(refused, [(3, 413), (4, 413)]);
    assert!(!stage.is_closed());
}

#[test]
fn small_parts_count_what_they_cost() {
    let mut stage = Stage::new(wary());
    stage.say(Side::Client, 1, request("/risky", Content::Streamed));
    let refused = (0..1_000_000).find(|_| !stage.body(Side::Client, 1, "x").is_empty());
    assert!(refused.is_some_and(|parts| parts < 40_000), "{refused:?} parts of one byte were held");
}

#[test]
fn what_comes_before_an_upgrade_is_bounded() {
    let mut stage = Stage::new(Rules::default());
    let Part::Request(mut head, route) = request("/socket", Content::Empty) else { return };
    head.protocol = Some("websocket".into());
    stage.say(Side::Client, 1, Part::Request(head, route));
    let piece = Bytes::from(vec![b'x'; 1024 * 1024]);
    let effects: Vec<Effects> = (0..4).map(|_| stage.body(Side::Client, 1, piece.clone())).collect();
    assert!(effects[..3].iter().all(Vec::is_empty));
    assert_eq!((resets(&effects[3], Side::Client), resets(&effects[3], Side::Upstream)), (1, 1));
    assert_eq!(stage.held_bytes(), 0);
}

#[test]
fn more_requests_than_lanes_are_answered_by_the_gateway() {
    let mut stage = Stage::new(Rules::default());
    for lane in 1..=LANES_OPEN_MAX as u32 {
        let effects = stage.say(Side::Client, lane, request("/", Content::Streamed));
        assert_eq!(sent(&effects, Side::Upstream).count(), 1);
    }
    let effects = stage.say(Side::Client, LANES_OPEN_MAX as u32 + 1, request("/", Content::Streamed));
    assert_eq!((status(&effects), sent(&effects, Side::Upstream).count()), (Some(503), 0));
    assert_eq!(events(&effects).next().map(|event| event.kind.name()), Some("http.request"));
    // What belongs to it is dropped.
    assert!(stage.body(Side::Client, LANES_OPEN_MAX as u32 + 1, "x").is_empty());
    assert!(!stage.is_closed());
}

#[test]
fn a_lane_that_is_over_is_forgotten() {
    let mut stage = Stage::new(wary());
    for lane in 1..=8 * LANES_OPEN_MAX as u32 {
        let path = ["/plain", "/forbidden", "/plain", "/forbidden"][lane as usize % 4];
        let first = stage.say(Side::Client, lane, request(path, Content::Empty));
        assert_ne!(status(&first), Some(503), "lane {lane}");
        match lane % 4 {
            0 => {
                stage.say(Side::Client, lane, Part::End);
                stage.say(Side::Upstream, lane, Part::Response(response(204, Content::Empty)));
                stage.say(Side::Upstream, lane, Part::End);
            }
            1 => drop(stage.say(Side::Client, lane, Part::End)),
            // The rest of a refused request is not waited for any longer.
            3 => {
                let reset = Part::Reset { code: 0, reason: "nothing more is wanted".to_owned() };
                assert!(stage.say(Side::Upstream, lane, reset).is_empty());
            }
            _ => drop(stage.say(Side::Upstream, lane, Part::Reset { code: 7, reason: "no".to_owned() })),
        }
        assert!(stage.say(Side::Client, lane, Part::End).is_empty(), "it is late");
        assert!(stage.body(Side::Upstream, lane, "x").is_empty(), "it is late");
    }
    assert!(!stage.is_closed());
}

#[test]
fn interim_responses_are_bounded() {
    let mut stage = Stage::new(Rules::default());
    stage.say(Side::Client, 1, request("/", Content::Empty));
    for _ in 0..HTTP_INFORMATIONAL_MAX {
        let effects = stage.say(Side::Upstream, 1, Part::Informational(response(103, Content::Empty)));
        assert_eq!(sent(&effects, Side::Client).count(), 1);
    }
    let effects = stage.say(Side::Upstream, 1, Part::Informational(response(103, Content::Empty)));
    assert_eq!((status(&effects), resets(&effects, Side::Upstream)), (Some(502), 1));
}

#[test]
fn content_is_several_events_and_one_message_that_nobody_copied() {
    let mut stage = Stage::new(Rules::default());
    stage.say(Side::Client, 1, request("/", Content::Streamed));
    let long = Bytes::from(vec![b'x'; 2 * EVENT_PAYLOAD_BYTES_MAX + 7]);
    let effects = stage.body(Side::Client, 1, long.clone());
    let places: Vec<(usize, *const u8)> = events(&effects)
        .map(|event| match &event.kind {
            Kind::Http(HttpEvent::Body { bytes }) => (bytes.len(), bytes.as_ptr()),
            other => panic!("{other:?}"),
        })
        .collect();
    let at = |place: usize| long[place..].as_ptr();
    assert_eq!(
        places,
        [
            (EVENT_PAYLOAD_BYTES_MAX, at(0)),
            (EVENT_PAYLOAD_BYTES_MAX, at(EVENT_PAYLOAD_BYTES_MAX)),
            (7, at(2 * EVENT_PAYLOAD_BYTES_MAX))
        ]
    );
    let passed: Vec<_> = sent(&effects, Side::Upstream).map(|message| message.part.clone()).collect();
    let [Part::Body(bytes)] = passed.as_slice() else { panic!("{passed:?}") };
    assert_eq!((bytes.len(), bytes.as_ptr()), (long.len(), long.as_ptr()));
}
