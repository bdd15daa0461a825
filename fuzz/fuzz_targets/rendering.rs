//! Everything that is shown of a tape: whatever events it holds, they are rendered without harm.
//!
//! - Timelines, lists and JSON hold no control character, and JSON is JSON.
//! - A script of SQL holds nothing that psql would take for a command of its own.
//! - Of a pack that says anything no patch shows more than the recording holds; a bundle names what it holds line by line.
//! - An archive of HTTP is JSON of the shape that HAR has, with times that add up, and no larger than what may be in it.
//! - What a painter writes makes another terminal show what the recorded one showed.
//! - A screen that is frozen goes on as if it had not been.
//! - A stage that went somewhere else and back shows what it showed before.
//! - A picture stays below its limit.
#![no_main]

#[path = "rendering/git.rs"]
mod git;

use std::sync::Arc;

use bytes::Bytes;
use wiretape_core::event::{
    Acknowledged, Column, ControlKind, CopyDirection, Field, FileEvent, FileOperation, HeaderField, HttpEvent,
    HttpVersion, MessageKind, OpenMode, Parameter, Prepared, ProcessEvent, ProcessKind, QueryEvent, QuestionAnswered,
    QuestionAsked, Scope, SessionEvent, StreamEvent, StreamKind, TerminalEvent, TerminalSize, TransactionStatus,
};
use wiretape_core::{Approvers, Event, Kind, Lane, Moment, Reason, Side, Verdict};
use wiretape_replay::export::{bundle, har, sql};
use wiretape_replay::limits::{SVG_BYTES_MAX, UNPACKED_BYTES_MAX};
use wiretape_replay::painter::Painter;
use wiretape_replay::screen::{Screen, emulated_size};
use wiretape_replay::script::Script;
use wiretape_replay::stage::{Goal, Stage};
use wiretape_replay::timeline::{Bodies, Timeline};
use wiretape_replay::{describe, json, svg};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let events = events(input);
    texts(&events);
    scripts(&events);
    archives(&events);
    bundles(&events);
    screens(&events);
    stages(&events);
    let drawing = svg::draw(&events, Lane(1), None).expect("events in memory can be read");
    assert!(drawing.len() <= SVG_BYTES_MAX.max(events.len() * 64), "a picture of {} bytes", drawing.len());
});

/// Each event: one byte that says which, one for lane, side and time, one for the length, and the bytes.
fn events(input: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    let mut at = 0;
    let mut rest = input;
    while let [which, place, length, after @ ..] = rest {
        let (bytes, next) = after.split_at(usize::from(*length).min(after.len()));
        rest = next;
        at += u64::from(place >> 4) * 30_000_000;
        events.push(Event {
            at: Moment::from_nanos(at),
            side: if place & 1 == 0 { Side::Client } else { Side::Upstream },
            lane: Lane(u32::from(place >> 1) & 3),
            kind: kind(*which, bytes),
        });
    }
    events
}

fn kind(which: u8, bytes: &[u8]) -> Kind {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let payload = Bytes::copy_from_slice(bytes);
    let number = bytes.iter().fold(0_u32, |number, byte| number.wrapping_mul(256) + u32::from(*byte));
    let size = TerminalSize { columns: number >> 8 & 0x7f, rows: number & 0x1f, width_px: 0, height_px: 0 };
    if which >= 128 {
        return Kind::Query(query(which, number, payload));
    }
    if which >= 64 {
        return Kind::Http(http(which, number, payload));
    }
    if which >= 32 {
        return Kind::Git(git::git(which, number, payload));
    }
    match which {
        0..12 => Kind::Terminal(TerminalEvent::Output { error: which == 1, bytes: payload }),
        12 => Kind::Terminal(TerminalEvent::Start { term: text, size, modes: Vec::new() }),
        13 => Kind::Terminal(TerminalEvent::Resize { size }),
        14 => Kind::Terminal(TerminalEvent::Input { bytes: payload }),
        15 => Kind::Terminal(TerminalEvent::Concealed { count: number }),
        16 => Kind::Terminal(TerminalEvent::Echoed { skipped: u64::from(number) << 32, bytes: payload }),
        17 => Kind::Process(ProcessEvent::Start { kind: ProcessKind::Exec { command: payload } }),
        18 => Kind::Process(ProcessEvent::Start { kind: ProcessKind::Subsystem { name: text } }),
        19 => Kind::Process(ProcessEvent::Exit { status: number }),
        20 => Kind::Stream(StreamEvent::Open { kind: StreamKind::DirectStreamlocal { path: text } }),
        21 => Kind::Stream(StreamEvent::Rejected { reason: text }),
        22 => Kind::Stream(StreamEvent::Close),
        23 => Kind::Stream(StreamEvent::Opaque { what: text }),
        24 => Kind::Session(SessionEvent::Marker { label: text }),
        25 => Kind::Session(SessionEvent::Closed { reason: text }),
        26 => Kind::File(FileEvent::Asked {
            request: number & 3,
            operation: FileOperation::Open { path: payload, mode: OpenMode::default() },
        }),
        27 => Kind::File(FileEvent::Answered { request: number & 3, status: number & 7, message: text }),
        28 => Kind::File(FileEvent::Written { path: payload, offset: u64::MAX, length: u64::MAX }),
        29 => Kind::Session(SessionEvent::Notice { text }),
        30 => Kind::Session(match number % 4 {
            1 => SessionEvent::Labelled { label: text },
            2 => SessionEvent::Asked(Box::new(QuestionAsked {
                question: text.clone(),
                action: text.clone(),
                resource: text.clone(),
                rule: text.clone(),
                approvers: vec![Approvers { group: text, count: number }; number as usize >> 2 & 3],
                expires_unix_nanos: u64::from(number) << 32,
            })),
            3 => SessionEvent::Answered(Box::new(QuestionAnswered {
                question: text.clone(),
                verdict: if number & 4 == 0 { Verdict::Allow } else { Verdict::Refuse(Reason::new("", text.clone())) },
                by: vec![text; number as usize >> 3 & 3],
                scope: if number & 32 == 0 { Scope::Session } else { Scope::Until { unix_nanos: u64::MAX } },
                nanos: u64::from(number) << 32,
            })),
            _ => SessionEvent::Decision {
                action: text.clone(),
                resource: text.clone(),
                rule: text.clone(),
                verdict: if number & 4 == 0 { Verdict::Allow } else { Verdict::Refuse(Reason::new("", text)) },
                nanos: u64::from(number),
            },
        }),
        _ => Kind::Stream(StreamEvent::Data { error: which == 31, bytes: payload }),
    }
}

/// What is said in HTTP: heads of few kinds, so that bodies are read in every way.
fn http(which: u8, number: u32, payload: Bytes) -> HttpEvent {
    let named =
        |name: &'static str, value: Bytes| HeaderField { name: name.into(), value, concealed_bytes: number & 1 };
    let of = |list: &[&'static str], place: u32| Bytes::from_static(list[place as usize % list.len()].as_bytes());
    let fields = |payload: Bytes| {
        vec![
            named("content-type", of(MEDIA_TYPES, number >> 1)),
            named("content-encoding", of(CODINGS, number >> 5)),
            named("grpc-encoding", of(CODINGS, number >> 8)),
            named("grpc-status", payload.clone()),
            named("location", payload.clone()),
            HeaderField { name: payload.clone(), value: payload, concealed_bytes: 0 },
        ]
    };
    let version = [HttpVersion::Http10, HttpVersion::Http11, HttpVersion::Http2][number as usize % 3];
    let kind = if number & 1 == 0 { MessageKind::Text } else { MessageKind::Binary };
    match which % 32 {
        0..4 => HttpEvent::Request {
            version,
            method: of(&["GET", "POST", "CONNECT", "\x1b[2J"], number),
            scheme: of(&["https", "http", ""], number >> 2),
            authority: of(&["a.example", "\x1b:443", ""], number >> 4),
            path: payload.clone(),
            protocol: (number & 64 != 0).then(|| payload.clone()),
            fields: fields(payload),
        },
        4 => HttpEvent::Informational { status: number as u16, fields: fields(payload) },
        5..9 => HttpEvent::Response {
            version,
            status: [101, 200, 204, 304, 404, 599][number as usize % 6],
            reason: if number & 2 == 0 { Bytes::new() } else { payload.clone() },
            fields: fields(payload),
        },
        9..18 => HttpEvent::Body { bytes: payload },
        18 => HttpEvent::Trailers { fields: fields(payload) },
        19..22 => HttpEvent::End,
        22 => HttpEvent::Upgrade { protocol: of(&["websocket", "CONNECT", "\x1b"], number) },
        23 => HttpEvent::Reset { code: number, reason: String::from_utf8_lossy(&payload).into_owned() },
        24..29 => HttpEvent::Message { kind, bytes: payload, first: which & 1 == 0, last: which & 2 == 0 },
        29 => HttpEvent::Control { kind: ControlKind::Close, bytes: payload },
        30 => HttpEvent::Control { kind: ControlKind::Ping, bytes: payload },
        _ => HttpEvent::Control { kind: ControlKind::Pong, bytes: payload },
    }
}

const MEDIA_TYPES: &[&str] = &[
    "application/json",
    "text/event-stream",
    "application/grpc+proto",
    "application/x-www-form-urlencoded",
    "text/plain; charset=iso-8859-1",
    "application/connect+json",
    "image/png",
    "",
];
const CODINGS: &[&str] = &["", "gzip", "deflate", "br", "zstd", "br, gzip", "identity", "x\x1b"];

/// What a database session says, of few names so that they meet again.
fn query(which: u8, number: u32, payload: Bytes) -> QueryEvent {
    let name = Bytes::from_static(if number & 1 == 0 { b"" } else { b"a" });
    let type_id = TYPES[number as usize % TYPES.len()];
    let format = u16::from(number & 2 != 0);
    let of = if number & 4 == 0 { Prepared::Statement } else { Prepared::Portal };
    let column = |name| Column { name, table_id: 0, attribute: 0, type_id, type_size: 0, type_modifier: 0, format };
    let fields = |payload: Bytes| {
        let letters = [b'S', b'C', b'M', b'D', b'P', b'q', b'p', b'W'];
        let parts = payload.chunks(8).zip(letters);
        parts.map(|(text, letter)| Field { letter, text: Bytes::copy_from_slice(text) }).collect()
    };
    match which % 32 {
        0 => QueryEvent::Startup { version: number, parameters: vec![(name, payload)] },
        1 => QueryEvent::Setting { name: payload, value: name },
        2 => QueryEvent::Setting { name: Bytes::from_static(SETTINGS[number as usize % 2]), value: payload },
        3 => QueryEvent::Cancel { address: String::from_utf8_lossy(&payload).into_owned() },
        4..8 => QueryEvent::Simple { text: payload },
        8 => QueryEvent::Parse { statement: name, text: payload, types: vec![type_id] },
        9 => QueryEvent::Bind {
            portal: name.clone(),
            statement: name,
            formats: vec![format],
            parameters: vec![Parameter { type_id, value: Some(payload) }, Parameter { type_id, value: None }],
            result_formats: vec![format],
        },
        10 => QueryEvent::Describe { of, name },
        11 => QueryEvent::Execute { portal: name, statement: None, rows_max: number & 3 },
        12 => QueryEvent::Close { of, name },
        13 => QueryEvent::Sync,
        14 => QueryEvent::Call {
            function_id: 950 + number % 16,
            formats: vec![format],
            arguments: vec![Some(payload)],
            result_format: format,
        },
        15 => QueryEvent::Returned { value: Some(payload) },
        16 => QueryEvent::Columns { columns: vec![column(payload), column(name)] },
        17 => QueryEvent::Rows { count: 1, bytes: row(&payload) },
        18 => QueryEvent::Rows { count: number, bytes: payload },
        19 => QueryEvent::CopyStart {
            direction: [CopyDirection::In, CopyDirection::Out, CopyDirection::Both][number as usize % 3],
            format: u8::from(number & 8 != 0),
            formats: Vec::new(),
        },
        20 => QueryEvent::CopyData { count: 1, bytes: message(b'd', &payload) },
        21 => QueryEvent::CopyDone,
        22 => QueryEvent::CopyFail { message: payload },
        23 => QueryEvent::Complete { tag: payload, rows: None },
        24 => QueryEvent::Complete { tag: Bytes::from_static(TAGS[number as usize % TAGS.len()]), rows: None },
        25 => QueryEvent::Acknowledged {
            what: [
                Acknowledged::Parse,
                Acknowledged::Bind,
                Acknowledged::Close,
                Acknowledged::NoData,
                Acknowledged::EmptyQuery,
                Acknowledged::PortalSuspended,
            ][number as usize % 6],
        },
        26 => QueryEvent::Error { fields: fields(payload) },
        27 => QueryEvent::Notice { fields: fields(payload) },
        28 => QueryEvent::Ready {
            status: [TransactionStatus::Idle, TransactionStatus::InTransaction, TransactionStatus::Failed]
                [number as usize % 3],
        },
        29 => QueryEvent::Notification { process_id: number, channel: name, payload },
        30 => QueryEvent::Terminate,
        _ => QueryEvent::Long {
            letter: *b"QPBFDdETAV".get(number as usize % 10).unwrap_or(&b'Q'),
            bytes: payload,
            last: number & 16 != 0,
        },
    }
}

const TYPES: [u32; 20] =
    [0, 16, 17, 20, 23, 25, 700, 701, 869, 1007, 1082, 1114, 1186, 1231, 1266, 1560, 1700, 2950, 3802, 3904];
const SETTINGS: [&[u8]; 2] = [b"standard_conforming_strings", b"client_encoding"];
const TAGS: [&[u8]; 4] = [b"ROLLBACK", b"COMMIT", b"BEGIN", b"INSERT 0 1"];

fn message(letter: u8, content: &[u8]) -> Bytes {
    let length = u32::try_from(content.len() + 4).expect("short content").to_be_bytes();
    [&[letter], &length[..], content].concat().into()
}

/// A row of two values.
fn row(value: &[u8]) -> Bytes {
    let length = u32::try_from(value.len()).expect("a short value").to_be_bytes();
    message(b'D', &[&[0, 2], &length[..], value, &[0xff; 4]].concat())
}

/// Outside of quotes, comments and the data of copies no backslash stands in a script but in the lines that open and
/// close it, and between statements.
fn scripts(events: &[Event]) {
    let mut script = Vec::new();
    let settings = sql::Settings { failed: sql::Failed::Comment, key: "key" };
    if sql::write("id", &events.to_vec(), &settings, &mut script).is_err() {
        return;
    }
    let copies = events
        .iter()
        .any(|event| matches!(event.kind, Kind::Query(QueryEvent::CopyStart { direction: CopyDirection::In, .. })));
    if copies {
        return;
    }
    let mut at = 0;
    while let Some(byte) = script.get(at) {
        let rest = &script[at..];
        let word_before =
            at > 0 && (script[at - 1].is_ascii_alphanumeric() || matches!(script[at - 1], b'_' | b'$' | 0x80..));
        at += match byte {
            b'-' if rest.starts_with(b"--") => until(rest, |left| matches!(left[0], b'\n' | b'\r')),
            b'/' if rest.starts_with(b"/*") => comment(rest),
            b'\'' => {
                let begins = |letters: &[u8], behind: usize| {
                    at >= behind
                        && letters.contains(&script[at - behind])
                        && (at < behind + 1
                            || !(script[at - behind - 1].is_ascii_alphanumeric()
                                || matches!(script[at - behind - 1], b'_' | b'$' | 0x80..)))
                };
                if begins(b"eE", 1) {
                    escaped(rest)
                } else {
                    let end = 1 + until(&rest[1..], |left| left[0] == b'\'');
                    let raw = begins(b"xXbB", 1) || (at > 0 && script[at - 1] == b'&' && begins(b"uU", 2));
                    // Where a backslash stands in any other quotes, what it means would be a matter of settings.
                    assert!(raw || !rest[..end].contains(&b'\\'), "{}", String::from_utf8_lossy(rest));
                    end + 1
                }
            }
            b'"' => 2 + until(&rest[1..], |left| left[0] == b'"'),
            b'$' if !word_before => dollar(rest),
            b'\\' => {
                let line = &rest[..until(rest, |left| left[0] == b'\n')];
                let own = [&b"\\restrict key"[..], b"\\unrestrict key", b"\\set ON_ERROR_STOP on"].contains(&line);
                assert!(own || rest.starts_with(b"\\;"), "{}", String::from_utf8_lossy(rest));
                2
            }
            _ => 1,
        };
    }
}

fn archives(events: &[Event]) {
    let mut archive = Vec::new();
    if har::write("id", &events.to_vec(), &mut archive).is_err() {
        return;
    }
    // Little goes in: what comes out is what was unpacked.
    assert!(archive.len() <= 4 * UNPACKED_BYTES_MAX, "{} bytes", archive.len());
    let archive: serde_json::Value = serde_json::from_slice(&archive).expect("it is JSON");
    let asked = events.iter().filter(|event| matches!(event.kind, Kind::Http(HttpEvent::Request { .. }))).count();
    let entries = archive["log"]["entries"].as_array().expect("a list of entries");
    assert_eq!(entries.len(), asked);
    for entry in entries {
        let span = |name: &str| entry["timings"][name].as_f64().expect("a span");
        let (send, wait, receive) = (span("send"), span("wait"), span("receive"));
        assert!(send >= 0.0 && wait >= 0.0 && receive >= 0.0, "{entry}");
        let total = entry["time"].as_f64().expect("a span");
        assert!((send + wait + receive - total).abs() < 1e-3, "{entry}");
        let url = entry["request"]["url"].as_str().expect("an address");
        assert!(url.bytes().all(|byte| byte.is_ascii_graphic()), "{url:?}");
    }
}

/// Every line of the head of a bundle is one that git reads, and as many bytes of packs are in it as were said.
fn bundles(events: &[Event]) {
    for refused in [false, true] {
        let mut written = Vec::new();
        let settings = bundle::Settings { refused, lane: None };
        if bundle::write(&events.to_vec(), &settings, &mut written).is_err() {
            continue;
        }
        let end = written.windows(2).position(|pair| pair == b"\n\n").expect("a head ends");
        let head = std::str::from_utf8(&written[..end]).expect("a head is text");
        for line in head.lines() {
            let is_id = |word: &str| matches!(word.len(), 40 | 64) && word.bytes().all(|byte| byte.is_ascii_hexdigit());
            let fits = match line.split_once(' ') {
                _ if line.starts_with('@') || line.starts_with("# v") => true,
                Some((id, "")) => id.strip_prefix('-').is_some_and(is_id),
                Some((id, name)) => is_id(id) && !name.contains(' '),
                None => false,
            };
            assert!(fits && !line.chars().any(char::is_control), "{line:?}");
        }
        assert!(written[end + 2..].starts_with(b"PACK\0\0\0\x02"));
    }
}

fn until(bytes: &[u8], mut there: impl FnMut(&[u8]) -> bool) -> usize {
    (0..bytes.len()).find(|at| there(&bytes[*at..])).unwrap_or(bytes.len())
}

/// The bytes of a literal, from its quote on, in which a backslash escapes; and of what goes on with it on other lines.
fn escaped(bytes: &[u8]) -> usize {
    let mut at = 1;
    loop {
        match &bytes[at.min(bytes.len())..] {
            [] => return bytes.len(),
            [b'\\', _, ..] | [b'\'', b'\'', ..] => at += 2,
            [b'\'', behind @ ..] => match continued(behind) {
                Some(skipped) => at += skipped + 2,
                None => return at + 1,
            },
            _ => at += 1,
        }
    }
}

/// How many bytes stand before a quote on another line.
fn continued(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut new_line) = (0, false);
    loop {
        match &bytes[at..] {
            [b'\n' | b'\r', ..] => (at, new_line) = (at + 1, true),
            [b' ' | b'\t' | 0x0b | 0x0c, ..] => at += 1,
            [b'-', b'-', ..] => at += until(&bytes[at..], |left| matches!(left[0], b'\n' | b'\r')),
            [b'\'', ..] if new_line => return Some(at),
            _ => return None,
        }
    }
}

fn comment(bytes: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn dollar(bytes: &[u8]) -> usize {
    let is_tag = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
    let tag = bytes[1..].iter().take_while(|byte| is_tag(byte)).count();
    let begins = !bytes.get(1).is_some_and(u8::is_ascii_digit) && bytes.get(tag + 1) == Some(&b'$');
    if !begins {
        return 1;
    }
    let mark = &bytes[..tag + 2];
    mark.len() + until(&bytes[mark.len()..], |left| left.starts_with(mark)) + mark.len()
}

fn texts(events: &[Event]) {
    let legible = |text: &str| assert!(!text.chars().any(char::is_control), "{text:?}");
    for (bodies, fields) in [(Bodies::Start, false), (Bodies::All, true)] {
        let timeline = Timeline::new(None).with_exchanges(bodies, fields).with_patches(fields);
        let (mut timeline, mut other) = (timeline, None);
        let mut entries = Vec::new();
        for (number, event) in events.iter().enumerate() {
            // One that is taken up in the middle goes on as the other does.
            if number == events.len() / 2 {
                other = Some(timeline.clone());
            }
            let told = timeline.feed(event);
            if let Some(other) = &mut other {
                assert_eq!(other.feed(event), told);
            }
            entries.extend(told);
        }
        entries.extend(timeline.finish());
        let letters: usize = entries.iter().map(|entry| entry.text.len()).sum();
        assert!(letters <= 4 * UNPACKED_BYTES_MAX, "{letters} letters");
        for entry in entries {
            legible(&entry.print(false));
        }
    }
    let mut lines = json::Lines::default();
    for (number, event) in (0..).zip(events) {
        legible(&describe::row(number, event));
        let json = lines.event(number, event);
        legible(&json);
        serde_json::from_str::<serde_json::Value>(&json).expect("it is JSON");
    }
}

fn screens(events: &[Event]) {
    let (mut recorded, mut viewer) = (Screen::new(40, 12), Screen::new(40, 12));
    let mut painter = Painter::default();
    for event in events {
        match &event.kind {
            Kind::Terminal(TerminalEvent::Output { bytes, .. }) => recorded.feed(bytes),
            Kind::Terminal(TerminalEvent::Resize { size } | TerminalEvent::Start { size, .. }) => {
                let (columns, rows) = emulated_size(size);
                recorded.resize(columns, rows);
                viewer = Screen::new(columns, rows);
                painter.forget();
            }
            _ => continue,
        }
        let view = recorded.view();
        viewer.feed(&painter.paint(&view));
        painter.painted(view.clone());
        assert_eq!(viewer.view(), view);
        if let Some(frozen) = recorded.freeze() {
            assert_eq!(frozen.thaw().view(), view);
        }
    }
}

fn stages(events: &[Event]) {
    let script = Script::Terminal { lane: Lane(1), input: true };
    let mut stage = Stage::new(Arc::new(events.to_vec()), script, None).expect("events in memory can be read");
    let mut cues = 0;
    while stage.advance(&mut |_| false).is_some() {
        cues += 1;
    }
    assert_eq!(stage.progress().cues, cues);
    let (view, signs) = (stage.screen().view(), stage.typed().signs());
    for goal in [Goal::Cues(cues / 2), Goal::Time(Moment::from_nanos(u64::MAX))] {
        assert!(stage.seek(goal, &mut |_| false).expect("events in memory can be read"));
    }
    assert_eq!((stage.screen().view(), stage.typed().signs()), (view, signs));
}
