//! Everything that is shown of a tape: whatever events it holds, they are rendered without harm.
//!
//! - Timelines, lists and JSON hold no control character, and JSON is JSON.
//! - What a painter writes makes another terminal show what the recorded one showed.
//! - A screen that is frozen goes on as if it had not been.
//! - A stage that went somewhere else and back shows what it showed before.
//! - A picture stays below its limit.
#![no_main]

use std::sync::Arc;

use bytes::Bytes;
use wiretape_core::event::{
    FileEvent, FileOperation, OpenMode, ProcessEvent, ProcessKind, SessionEvent, StreamEvent, StreamKind,
    TerminalEvent, TerminalSize,
};
use wiretape_core::{Event, Kind, Lane, Moment, Side};
use wiretape_replay::limits::SVG_BYTES_MAX;
use wiretape_replay::painter::Painter;
use wiretape_replay::screen::{Screen, emulated_size};
use wiretape_replay::script::Script;
use wiretape_replay::stage::{Goal, Stage};
use wiretape_replay::timeline::Timeline;
use wiretape_replay::{describe, json, svg};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let events = events(input);
    texts(&events);
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
    match which % 32 {
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
        _ => Kind::Stream(StreamEvent::Data { error: which == 31, bytes: payload }),
    }
}

fn texts(events: &[Event]) {
    let legible = |text: &str| assert!(!text.chars().any(char::is_control), "{text:?}");
    let mut timeline = Timeline::new(None);
    let mut entries: Vec<_> = events.iter().flat_map(|event| timeline.feed(event)).collect();
    entries.extend(timeline.finish());
    for entry in entries {
        legible(&entry.print(false));
    }
    for (number, event) in (0..).zip(events) {
        legible(&describe::row(number, event));
        let json = json::event(number, event);
        // DEL and the C1 controls need no escape in JSON; all others have one.
        assert!(!json.bytes().any(|byte| byte < 0x20), "{json:?}");
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
