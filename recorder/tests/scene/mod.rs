//! What the tests of the recorder start from: a store in a folder of its own, and events for it.
#![allow(dead_code, reason = "each test uses its part")]

pub(crate) mod child;
pub(crate) mod example;
pub(crate) mod forge;
pub(crate) mod listing;
pub(crate) mod vocabulary;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use wiretape_core::event::{SessionEvent, SessionOpened, StreamEvent, TerminalEvent};
use wiretape_core::{Event, Kind, Lane, Moment, SessionId, Side};
use wiretape_recorder::{Archive, Durability, Recording, Settings, Store, Summary, Tape};

/// 2026-11-22 00:00 UTC.
pub(crate) const OPENED: u64 = 1_795_305_600_000_000_000;

/// A data folder that goes away with the test.
pub(crate) struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn store(&self) -> Store {
        self.store_with(Settings { commit_interval: Duration::from_millis(10), ..Settings::default() })
    }

    pub(crate) fn store_with(&self, settings: Settings) -> Store {
        Store::open(&self.data_dir(), settings).unwrap()
    }

    pub(crate) fn archive(&self) -> Archive {
        Archive::open(&self.data_dir()).unwrap()
    }

    /// Writes a whole tape of `events`, and says where it is.
    pub(crate) fn tape(&self, events: &[Event]) -> (PathBuf, Summary) {
        let store = self.store();
        let recording = store.begin(id(), OPENED, Durability::Queued).unwrap();
        for event in events {
            recording.append(event.clone()).unwrap();
        }
        let summary = block_on(recording.finish()).unwrap();
        store.close();
        (self.archive().tape_path(&summary.id), summary)
    }
}

/// A name that no other session of the test has.
pub(crate) fn id() -> SessionId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut bytes = [0x5a; 16];
    bytes[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    SessionId::from_bytes(bytes)
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

pub(crate) fn event(at: u64, side: Side, kind: Kind) -> Event {
    Event { at: Moment::from_nanos(at), side, lane: Lane(1), kind }
}

pub(crate) fn opened(person: &str, target: &str) -> Event {
    let opened = SessionOpened {
        person: person.to_owned(),
        groups: vec!["dev".to_owned(), "ops".to_owned()],
        proof: "publickey SHA256:abc".to_owned(),
        target: target.to_owned(),
        target_kind: "ssh".to_owned(),
        login: "deploy".to_owned(),
        protocol: "ssh".to_owned(),
        client_address: "192.0.2.7:50022".to_owned(),
        client_program: "SSH-2.0-OpenSSH_9.2".to_owned(),
        rule: "dev may".to_owned(),
        gateway: "0.1.0".to_owned(),
        opened_unix_nanos: OPENED,
        ..SessionOpened::default()
    };
    event(0, Side::Client, Kind::Session(SessionEvent::Opened(Box::new(opened))))
}

pub(crate) fn closed(at: u64, reason: &str) -> Event {
    event(at, Side::Client, Kind::Session(SessionEvent::Closed { reason: reason.to_owned() }))
}

pub(crate) fn output(at: u64, bytes: impl Into<Bytes>) -> Event {
    event(at, Side::Upstream, Kind::Terminal(TerminalEvent::Output { error: false, bytes: bytes.into() }))
}

pub(crate) fn data(at: u64, side: Side, bytes: impl Into<Bytes>) -> Event {
    event(at, side, Kind::Stream(StreamEvent::Data { error: false, bytes: bytes.into() }))
}

/// Bytes that no compressor shrinks; the same for the same seed.
pub(crate) fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut noise = Vec::with_capacity(bytes + 8);
    while noise.len() < bytes {
        // splitmix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        noise.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    noise.truncate(bytes);
    noise
}

/// Lines as a server logs them.
pub(crate) fn log_lines(seed: u64, bytes: usize) -> Vec<u8> {
    let words = ["GET", "POST", "/api/v1/orders", "/healthz", "/login", "200", "404", "curl/8.5", "Mozilla/5.0"];
    let mut lines = Vec::with_capacity(bytes + 200);
    let mut number = 0;
    while lines.len() < bytes {
        let random = noise(seed.wrapping_add(number), 8);
        let pick = |place: usize| words[usize::from(random[place]) % words.len()];
        let line = format!(
            "2026-11-22T{:02}:{:02}:{:02}.{:03}Z 10.0.{}.{} {} {} {} {}us\n",
            number / 3600 % 24,
            number / 60 % 60,
            number % 60,
            u16::from(random[0]) * 3,
            random[1],
            random[2],
            pick(3),
            pick(4),
            pick(5),
            u32::from(random[6]) * 37 + u32::from(random[7]),
        );
        lines.extend_from_slice(line.as_bytes());
        number += 1;
    }
    lines.truncate(bytes);
    lines
}

/// All events of the tape at `path`.
pub(crate) fn read(path: &Path) -> Vec<Event> {
    Tape::open(path).unwrap().events().map(Result::unwrap).collect()
}

/// Appends, and waits for room as a session does.
pub(crate) async fn feed(recording: &Recording, event: Event) -> u64 {
    recording.room().await.unwrap();
    recording.append(event).unwrap()
}
