//! An archive of recorded sessions, made by the real recorder.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use bytes::Bytes;
use tempfile::TempDir;
use wiretape_core::event::{
    ProcessEvent, ProcessKind, SessionEvent, SessionOpened, StreamEvent, StreamKind, TerminalEvent, TerminalSize,
};
use wiretape_core::{Event, Kind, Lane, Moment, SessionId, Side};
use wiretape_recorder::{Durability, Settings, Store};

pub const OPENED_UNIX_NANOS: u64 = 1_795_314_485_000_000_000;

/// A data folder with a session in it for each list of events.
pub fn archive(sessions: &[(SessionId, Vec<Event>)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path(), sessions);
    folder
}

/// Records sessions into `data_dir`.
pub fn record(data_dir: &Path, sessions: &[(SessionId, Vec<Event>)]) {
    let store = Store::open(data_dir, Settings::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for (number, (id, events)) in sessions.iter().enumerate() {
        let opened = OPENED_UNIX_NANOS + number as u64 * 60_000_000_000;
        let recording = store.begin(*id, opened, Durability::Queued).unwrap();
        for event in events {
            runtime.block_on(recording.room()).unwrap();
            recording.append(event.clone()).unwrap();
        }
        runtime.block_on(recording.finish()).unwrap();
    }
    store.close();
}

pub fn id(first: u8) -> SessionId {
    let mut bytes = [7; 16];
    bytes[0] = first;
    SessionId::from_bytes(bytes)
}

pub fn event(millis: u64, side: Side, lane: u32, kind: Kind) -> Event {
    Event { at: Moment::from_nanos(millis * 1_000_000), side, lane: Lane(lane), kind }
}

pub fn opened() -> Event {
    let opened = SessionOpened {
        person: "ana".into(),
        groups: vec!["dev".into()],
        proof: "publickey SHA256:abc".into(),
        target: "web1".into(),
        target_kind: "ssh".into(),
        login: "deploy".into(),
        protocol: "ssh".into(),
        client_address: "127.0.0.1:4711".into(),
        client_program: "SSH-2.0-OpenSSH_9.2".into(),
        rule: "target web1".into(),
        gateway: "0.1.0".into(),
        opened_unix_nanos: OPENED_UNIX_NANOS,
        ..SessionOpened::default()
    };
    event(0, Side::Client, 0, Kind::Session(SessionEvent::Opened(Box::new(opened))))
}

pub fn closed(millis: u64) -> Event {
    event(millis, Side::Client, 0, Kind::Session(SessionEvent::Closed { reason: "client left".into() }))
}

/// The opening of a shell on a terminal.
pub fn shell(millis: u64, lane: u32, columns: u32, rows: u32) -> Vec<Event> {
    let size = TerminalSize { columns, rows, width_px: 0, height_px: 0 };
    vec![
        event(millis, Side::Client, lane, Kind::Stream(StreamEvent::Open { kind: StreamKind::Session })),
        event(
            millis,
            Side::Client,
            lane,
            Kind::Terminal(TerminalEvent::Start { term: "xterm".into(), size, modes: Vec::new() }),
        ),
        event(millis, Side::Client, lane, Kind::Process(ProcessEvent::Start { kind: ProcessKind::Shell })),
    ]
}

pub fn output(millis: u64, lane: u32, text: impl Into<Bytes>) -> Event {
    event(millis, Side::Upstream, lane, Kind::Terminal(TerminalEvent::Output { error: false, bytes: text.into() }))
}

/// What was typed without being stored, and then seen.
pub fn echoed(millis: u64, lane: u32, letter: char) -> [Event; 3] {
    let bytes = Bytes::from(letter.to_string());
    let input = |event| Kind::Terminal(event);
    [
        event(millis, Side::Client, lane, input(TerminalEvent::Concealed { count: bytes.len() as u32 })),
        event(millis + 2, Side::Client, lane, input(TerminalEvent::Echoed { skipped: 0, bytes: bytes.clone() })),
        output(millis + 2, lane, bytes),
    ]
}

/// A person at a shell: a command with a long coloured output, a marker, and a password at a prompt. 16 seconds.
pub fn shell_session() -> Vec<Event> {
    let typed = |event| Kind::Terminal(event);
    let mut events = vec![opened()];
    events.extend(shell(10, 1, 80, 24));
    events.push(output(300, 1, "deploy@web1:~$ "));
    let mut at = 800;
    for letter in "ls --color /etc".chars() {
        events.extend(echoed(at, 1, letter));
        at += 110;
    }
    let enter = TerminalEvent::Input { bytes: Bytes::from_static(b"\r") };
    events.push(event(at, Side::Client, 1, typed(enter)));
    events.push(output(at + 3, 1, "\r\n"));
    for number in 0..60 {
        at += 40;
        events.push(output(at, 1, format!("\x1b[1;34mfolder {number}\x1b[0m  \x1b[32mfile {number} für\x1b[0m\r\n")));
    }
    let marker = SessionEvent::Marker { label: "deploy begins".into() };
    events.push(event(at, Side::Client, 0, Kind::Session(marker)));
    at += 4_000;
    events.push(output(at, 1, "deploy@web1:~$ \x1b]0;evil title\x07\x1b[6n"));
    for letter in "sudo restart app".chars() {
        at += 80;
        events.push(output(at, 1, letter.to_string()));
    }
    at += 2_500;
    events.push(output(at, 1, "\r\n[sudo] password for deploy: "));
    for number in 0..8 {
        let concealed = TerminalEvent::Concealed { count: 1 };
        events.push(event(at + 300 + number * 90, Side::Client, 1, typed(concealed)));
    }
    at += 2_500;
    events.push(output(at, 1, "\r\n\x1b[31merror\x1b[0m: unit app not found\r\ndeploy@web1:~$ "));
    events.push(closed(at + 1_000));
    events
}
