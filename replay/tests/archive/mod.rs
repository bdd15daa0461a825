//! An archive of recorded sessions, made by the real recorder.

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
