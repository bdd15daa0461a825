//! HTTP sessions, in a timeline and as an HTTP archive.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod archive;
mod exchanges;

use std::io::{self, Write};

use archive::{event, shell_session};
use bytes::Bytes;
use exchanges::{DOWN, Talk, UP, framed, gzip, plain, streams, upgrades};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use serde_json::Value;
use wiretape_core::event::{HttpEvent, HttpVersion, MessageKind, SessionEvent, StreamEvent};
use wiretape_core::{Event, Kind, Moment};
use wiretape_replay::export::har;
use wiretape_replay::limits::{HAR_BODIES_BYTES_MAX, HAR_BODY_BYTES_MAX, LANES_KEPT_MAX};
use wiretape_replay::source::{EventStream, Source};
use wiretape_replay::timeline::{Bodies, Entry, Timeline};

fn archived(events: &[Event]) -> Value {
    let mut har = Vec::new();
    har::write("0abc", &events.to_vec(), &mut har).unwrap();
    serde_json::from_slice(&har).unwrap()
}

fn told(timeline: Timeline, events: &[Event]) -> Vec<Entry> {
    let mut timeline = timeline;
    let mut entries: Vec<Entry> = events.iter().flat_map(|event| timeline.feed(event)).collect();
    entries.extend(timeline.finish());
    entries
}

fn texts(events: &[Event]) -> Vec<String> {
    told(Timeline::new(None), events).into_iter().map(|entry| entry.text).collect()
}

#[test]
fn times_of_an_archive_are_those_of_the_record() {
    let har = archived(&plain());
    let entry = &har["log"]["entries"][2];
    assert_eq!(entry["request"]["method"], "PUT");
    assert_eq!(entry["startedDateTime"], "2026-11-22T02:28:05.200000000Z");
    let timings = &entry["timings"];
    assert_eq!((&timings["blocked"], &timings["dns"], &timings["connect"]), (&(-1).into(), &(-1).into(), &(-1).into()));
    assert_eq!((&timings["send"], &timings["wait"], &timings["receive"]), (&4.0.into(), &46.0.into(), &1.0.into()));
    for har in [har, archived(&streams()), archived(&upgrades())] {
        for entry in har["log"]["entries"].as_array().unwrap() {
            let span = |name: &str| entry["timings"][name].as_f64().unwrap();
            assert!(span("send") >= 0.0 && span("wait") >= 0.0 && span("receive") >= 0.0, "{entry}");
            assert!((span("send") + span("wait") + span("receive") - entry["time"].as_f64().unwrap()).abs() < 1e-6);
        }
    }
}

#[test]
fn entries_stand_in_the_order_in_which_they_were_asked_for() {
    let har = archived(&streams());
    let lanes: Vec<_> = har["log"]["entries"].as_array().unwrap().iter().map(|entry| &entry["_lane"]).collect();
    assert_eq!(lanes, [1, 3, 5, 7, 9, 11, 13]);
}

#[test]
fn packed_bodies_are_unpacked_and_credentials_stay_concealed() {
    let har = archived(&plain());
    let entries = &har["log"]["entries"];
    let page = &entries[3]["response"];
    assert!(page["content"]["text"].as_str().unwrap().starts_with("<html>\n"));
    let (size, packed) = (page["content"]["size"].as_i64().unwrap(), page["bodySize"].as_i64().unwrap());
    assert_eq!((size, page["content"]["compression"].as_i64()), (1_307, Some(size - packed)));
    assert_eq!(entries[0]["request"]["headers"][2]["value"], "Bearer [43 B concealed]");
    assert_eq!(entries[4]["response"]["content"]["encoding"], "base64");
    assert_eq!(entries[8]["comment"], "answered by the gateway");
    assert_eq!(entries[10]["response"]["_error"], "no answer");
}

#[test]
fn messages_of_a_websocket_are_in_the_archive() {
    let har = archived(&upgrades());
    let entry = &har["log"]["entries"][0];
    assert_eq!(
        (&entry["_resourceType"], &entry["request"]["url"]),
        (&"websocket".into(), &"wss://localhost:8443/chat".into())
    );
    let messages = entry["_webSocketMessages"].as_array().unwrap();
    assert_eq!(messages.len(), 4);
    assert_eq!(
        (&messages[1]["type"], &messages[1]["data"], &messages[1]["opcode"]),
        (&"receive".into(), &"in pieces".into(), &1.into())
    );
    assert_eq!((&messages[2]["type"], &messages[2]["opcode"]), (&"send".into(), &2.into()));
    assert_eq!(messages[0]["time"], 1_795_314_485.1);
}

#[test]
fn gaps_of_the_record_are_in_the_archive() {
    let mut talk = Talk::begun(HttpVersion::Http11);
    let gap = SessionEvent::Gap { events: 3, bytes: 4_500, reason: "the disk was full".into() };
    talk.get(1, 1, "/x", &[], "y").session(90, 0, gap);
    let har = archived(&talk.ended(100));
    assert_eq!(har["log"]["_gaps"][0], "GAP: 3 events and 4.5 kB are missing: the disk was full");
    assert!(archived(&plain())["log"].get("_gaps").is_none());
}

#[test]
fn a_session_without_exchanges_has_no_archive() {
    let error = har::write("0abc", &shell_session(), &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("no HTTP exchanges"), "{error}");
}

/// Exchanges at once, each of which carries a large body down.
struct Bulk {
    lanes: u32,
    pieces: u32,
}

impl Source for Bulk {
    fn events_from(&self, _at: Moment) -> anyhow::Result<EventStream> {
        let (lanes, pieces) = (self.lanes, self.pieces);
        let mut talk = Talk::begun(HttpVersion::Http2);
        for lane in 1..=lanes {
            talk.ask(1, lane, "GET", "/large", &[]).end(1, UP, lane).answer(2, lane, 200, &[]);
        }
        let piece = Bytes::from(vec![0; 1024 * 1024]);
        let bodies = (0..pieces).flat_map(move |_| {
            let piece = piece.clone();
            (1..=lanes).map(move |lane| event(3, DOWN, lane, Kind::Http(HttpEvent::Body { bytes: piece.clone() })))
        });
        let ends = (1..=lanes).map(|lane| event(4, DOWN, lane, Kind::Http(HttpEvent::End)));
        Ok(Box::new(talk.events.into_iter().chain(bodies).chain(ends).map(Ok)))
    }
}

/// Counts what is written.
struct Count(usize);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The most memory that the process had, in bytes.
fn peak_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[test]
fn an_archive_of_large_bodies_is_bounded() {
    let before = peak_bytes();
    let mut one = Vec::new();
    har::write("0abc", &Bulk { lanes: 1, pieces: 1024 }, &mut one).unwrap();
    assert!(one.len() < HAR_BODY_BYTES_MAX / 3 * 4 + 10_000, "{}", one.len());
    let har: Value = serde_json::from_slice(&one).unwrap();
    let response = &har["log"]["entries"][0]["response"];
    assert_eq!(response["bodySize"], 1_u64 << 30);
    assert_eq!(response["content"]["comment"], "cut off: 1.0 GB of 1.0 GB are not in here");
    let used = peak_bytes() - before;
    assert!(used < 12 * HAR_BODY_BYTES_MAX, "{used} bytes of memory for one body of 1 GiB");
    let mut count = Count(0);
    har::write("0abc", &Bulk { lanes: 18, pieces: 15 }, &mut count).unwrap();
    let most = HAR_BODIES_BYTES_MAX / 3 * 4;
    assert!((most..most + 100_000).contains(&count.0), "{}", count.0);
}

#[test]
fn what_a_stream_says_is_told_when_it_said_it() {
    let mut timeline = Timeline::new(None);
    for event in streams() {
        let streamed = event.lane.0 == 1 && matches!(event.kind, Kind::Http(HttpEvent::Body { .. }));
        for entry in timeline.feed(&event).iter().filter(|entry| streamed && entry.lane == event.lane) {
            assert_eq!(entry.at, event.at, "{entry:?}");
        }
    }
}

#[test]
fn exchanges_without_end_leave_no_room_taken() {
    let mut talk = Talk::begun(HttpVersion::Http2);
    let many = u32::try_from(LANES_KEPT_MAX).unwrap() + 10;
    for lane in 1..=many {
        // A refused upload that is not heard to its end; one that is broken off; one that is never answered.
        talk.ask(u64::from(lane), lane, "PUT", "/x", &[]);
        match lane % 3 {
            0 => talk.answer_as(u64::from(lane), UP, lane, 403, &[]).end(u64::from(lane), UP, lane),
            1 => talk.say(u64::from(lane), UP, lane, HttpEvent::Reset { code: 8, reason: String::new() }),
            _ => &mut talk,
        };
    }
    talk.get(5_000, many + 1, "/last", &[], "done");
    let lines = texts(&talk.ended(6_000));
    assert_eq!(lines.iter().filter(|line| line.starts_with("403 Forbidden, by the gateway")).count() as u32, many / 3);
    assert_eq!(lines.iter().filter(|line| line.starts_with("no answer")).count() as u32, (many + 1) / 3);
    assert!(lines.iter().any(|line| line == "GET /last"), "{:?}", lines.last());
}

#[test]
fn of_more_lanes_than_are_kept_the_oldest_is_told_as_it_stands() {
    let mut talk = Talk::begun(HttpVersion::Http2);
    let many = u32::try_from(LANES_KEPT_MAX).unwrap();
    for lane in 1..=many + 1 {
        talk.ask(u64::from(lane), lane, "GET", "/wait", &[]);
    }
    let mut timeline = Timeline::new(None);
    let lines: Vec<_> = talk.events.iter().flat_map(|event| timeline.feed(event)).collect();
    let told: Vec<_> =
        lines.iter().filter(|entry| entry.text.starts_with("no answer")).map(|entry| entry.lane.0).collect();
    assert_eq!(told, [1]);
    assert!(lines.last().unwrap().lane.0 == many + 1);
}

#[test]
fn bodies_are_shown_as_much_as_is_asked_for() {
    let events = plain();
    let bodies = |bodies| told(Timeline::new(None).with_exchanges(bodies, false), &events);
    let (none, start, all) = (bodies(Bodies::None), bodies(Bodies::Start), bodies(Bodies::All));
    let hello = |entries: &[Entry]| entries.iter().filter(|entry| entry.text == "<p>hello</p>").count();
    assert_eq!((hello(&none), hello(&start), hello(&all)), (0, 19, 100));
    assert!(none.iter().any(|entry| entry.text.starts_with("200 OK · application/json, 185 B")));
    let fields = told(Timeline::new(None).with_exchanges(Bodies::None, true), &events);
    assert!(fields.iter().any(|entry| entry.text == "Authorization: Bearer [43 B concealed]"));
    assert!(fields.iter().any(|entry| entry.text == "Set-Cookie: sid=[32 B concealed]"));
}

#[test]
fn a_packed_event_stream_is_read_as_it_comes() {
    let mut packed = Vec::new();
    let mut encoder = flate2::write::GzEncoder::new(&mut packed, flate2::Compression::fast());
    let mut ends = Vec::new();
    for number in 0..3 {
        write!(encoder, "data: {number}\n\n").unwrap();
        encoder.flush().unwrap();
        ends.push(encoder.get_ref().len());
    }
    drop(encoder);
    let mut talk = Talk::begun(HttpVersion::Http11);
    talk.ask(1, 1, "GET", "/stream", &[]).end(1, UP, 1);
    talk.answer(2, 1, 200, &["content-type: text/event-stream", "content-encoding: gzip"]);
    let mut from = 0;
    for (at, end) in (100..).step_by(100).zip(ends) {
        talk.body(at, DOWN, 1, packed[from..end].to_vec());
        from = end;
    }
    // Taken up anew before each event, as a player does that jumps.
    let mut timeline = Timeline::new(None);
    let mut told = Vec::new();
    for event in &talk.events {
        timeline = timeline.clone();
        told.extend(timeline.feed(event).into_iter().map(|entry| (entry.at.as_nanos() / 1_000_000, entry.text)));
    }
    let streamed = [(100, "0".to_owned()), (200, "1".to_owned()), (300, "2".to_owned())];
    assert_eq!(told[told.len() - 3..], streamed, "{told:?}");
}

#[test]
fn a_tunnel_that_was_let_through_is_summed_up() {
    let mut talk = Talk::begun(HttpVersion::Http11);
    talk.ask_of(1, 1, "CONNECT", "127.0.0.1:5000", "", None, &[]).answer_as(2, UP, 1, 200, &[]);
    talk.say(2, UP, 1, HttpEvent::Upgrade { protocol: "CONNECT".into() });
    talk.stream(2, UP, 1, StreamEvent::Opaque { what: "CONNECT".into() });
    talk.stream(3, UP, 1, StreamEvent::Data { error: false, bytes: vec![0; 10].into() });
    talk.stream(4, DOWN, 1, StreamEvent::Data { error: false, bytes: vec![0; 20].into() });
    talk.stream(5, UP, 1, StreamEvent::Eof).stream(6, DOWN, 1, StreamEvent::Eof);
    let lines = texts(&talk.ended(7));
    assert!(lines.contains(&"200 OK, by the gateway · 1.0 ms".to_owned()), "{lines:?}");
    assert!(lines.contains(&"tunnel: 10 B up, 20 B down, 0.0 s".to_owned()), "{lines:?}");
}

/// What any peer might say, in any order.
fn anything() -> impl Strategy<Value = Vec<Event>> {
    let payload = prop_oneof![
        Just(Bytes::new()),
        Just(Bytes::from_static(b"{\"a\": [1, {\"b\": \"\x1b[2J\"")),
        Just(Bytes::from_static(b"data: \x1b]0;x\x07\n\nevent: e\ndata")),
        Just(Bytes::from(gzip(b"data: packed\n\n{\"a\": 1}"))),
        Just(Bytes::from(framed(b"\x08\x11\x12\x05hello"))),
        vec(any::<u8>(), 0..40).prop_map(Bytes::from),
    ];
    let head = prop_oneof![
        Just(""),
        Just("content-type: application/json"),
        Just("content-type: text/event-stream"),
        Just("content-type: application/grpc"),
        Just("content-type: application/x-www-form-urlencoded"),
        Just("content-encoding: gzip"),
        Just("content-encoding: br, deflate"),
        Just("content-length: 99999999999999999999"),
        Just("grpc-status: \x1b"),
    ];
    let heads = vec(head, 0..4)
        .prop_map(|heads| heads.into_iter().filter(|head| !head.is_empty()).map(exchanges::field).collect::<Vec<_>>());
    let said = (0..12_u32, payload, heads, any::<[bool; 2]>(), any::<u16>()).prop_map(
        |(which, bytes, fields, [one, other], number)| {
            let (version, kind) = (HttpVersion::Http2, if one { MessageKind::Text } else { MessageKind::Binary });
            match which {
                0 | 1 => HttpEvent::Request {
                    version,
                    method: bytes.clone(),
                    scheme: "https".into(),
                    authority: bytes.clone(),
                    path: if one { bytes.clone() } else { Bytes::new() },
                    protocol: other.then_some(bytes),
                    fields,
                },
                2 => HttpEvent::Informational { status: number, fields },
                3 | 4 => HttpEvent::Response { version, status: number % 600, reason: bytes, fields },
                5..8 => HttpEvent::Body { bytes },
                8 => HttpEvent::Trailers { fields },
                9 => HttpEvent::End,
                10 => HttpEvent::Upgrade { protocol: bytes },
                _ if other => HttpEvent::Reset { code: number.into(), reason: "\x1b[2J".into() },
                _ => HttpEvent::Message { kind, bytes, first: one, last: other },
            }
        },
    );
    vec((0..600_u64, 1..4_u32, any::<bool>(), said), 0..60).prop_map(|events| {
        let mut at = 0;
        let said = events.into_iter().map(|(pause, lane, up, said)| {
            at += pause;
            event(at, if up { UP } else { DOWN }, lane, Kind::Http(said))
        });
        said.collect()
    })
}

proptest! {
    #[test]
    fn whatever_is_said_is_shown_without_harm(events in anything(), bodies in 0..3_usize) {
        let bodies = [Bodies::None, Bodies::Start, Bodies::All][bodies];
        let mut timeline = Timeline::new(None).with_exchanges(bodies, true);
        let mut entries = Vec::new();
        for event in &events {
            // One that is taken up anywhere goes on as the other does.
            let mut other = timeline.clone();
            let told = timeline.feed(event);
            assert_eq!(other.feed(event), told);
            entries.extend(told);
        }
        entries.extend(timeline.finish());
        for entry in entries {
            assert!(!entry.print(false).chars().any(char::is_control), "{entry:?}");
        }
        let asked = events.iter().filter(|event| matches!(event.kind, Kind::Http(HttpEvent::Request { .. }))).count();
        let mut har = Vec::new();
        match har::write("0abc", &events, &mut har) {
            Ok(()) => {
                let har: Value = serde_json::from_slice(&har).unwrap();
                assert_eq!(har["log"]["entries"].as_array().unwrap().len(), asked);
            }
            Err(_) => assert_eq!(asked, 0),
        }
    }
}
