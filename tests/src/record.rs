//! What was recorded: sessions as `wiretape sessions --json` lists them, events as they stand on the tape.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest, Sha256};
use wiretape_core::event::{
    FileEvent, Kind, ProcessEvent, QueryEvent, SessionEvent, StreamEvent, StreamKind, TerminalEvent,
};
use wiretape_core::{Event, Lane, Side};
use wiretape_recorder::{Archive, Tape};

use crate::gateway::programs;
use crate::program::{Finished, PATIENCE, Program};
use crate::random::hex;

/// How long the number of tapes stays as it is before a test believes it.
const SETTLING: Duration = Duration::from_millis(50);

/// The data folder of a gateway.
#[derive(Clone)]
pub struct Record {
    data_dir: PathBuf,
}

/// A session as the catalogue lists it.
pub struct Session {
    data_dir: PathBuf,
    row: Value,
}

impl Record {
    /// The record in `data_dir`.
    #[must_use]
    pub fn of(data_dir: &Path) -> Self {
        Self { data_dir: data_dir.to_path_buf() }
    }

    /// The program `wiretape` with `words`, about this record.
    #[must_use]
    pub fn program(&self, words: &[&str]) -> Program {
        let (first, rest) = words.split_first().expect("a command");
        Program::new(programs().join("wiretape")).arg(first).arg("--data-dir").arg(&self.data_dir).args(rest)
    }

    /// All sessions, newest first.
    #[must_use]
    pub fn sessions(&self) -> Vec<Session> {
        let output = self.program(&["sessions", "--json", "--limit", "100000"]).succeed();
        let rows: Vec<Value> = serde_json::from_slice(&output.stdout).expect("an array of sessions");
        rows.into_iter().map(|row| Session { data_dir: self.data_dir.clone(), row }).collect()
    }

    /// Waits until `count` sessions are listed and none of them is live.
    #[must_use]
    pub fn ended(&self, count: usize) -> Vec<Session> {
        let until = Instant::now() + PATIENCE;
        loop {
            let sessions = self.sessions();
            if sessions.len() >= count && sessions.iter().all(|session| session.state() != "live") {
                assert_eq!(
                    sessions.len(),
                    count,
                    "sessions: {:#?}",
                    sessions.iter().map(|s| &s.row).collect::<Vec<_>>()
                );
                return sessions;
            }
            assert!(
                Instant::now() < until,
                "{count} ended sessions never came: {:#?}",
                sessions.iter().map(|session| &session.row).collect::<Vec<_>>()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until every session there is is listed and none of them is live. A session is listed a moment after it
    /// began, but its tape is there before anybody is answered.
    #[must_use]
    pub fn all_ended(&self) -> Vec<Session> {
        let until = Instant::now() + PATIENCE;
        let mut before = 0;
        loop {
            let tapes = self.tapes();
            let sessions = self.sessions();
            let is_over = sessions.iter().all(|session| session.state() != "live");
            if tapes > 0 && tapes == before && sessions.len() >= tapes && is_over {
                return sessions;
            }
            let rows = || sessions.iter().map(|session| &session.row).collect::<Vec<_>>();
            assert!(Instant::now() < until, "{tapes} tapes, and sessions that never ended: {:#?}", rows());
            before = tapes;
            std::thread::sleep(SETTLING);
        }
    }

    /// How many tapes there are.
    fn tapes(&self) -> usize {
        let entries =
            |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let days = entries(&self.data_dir.join("tapes"));
        days.flat_map(|day| entries(&day))
            .filter(|path| path.extension().is_some_and(|ending| ending == "tape"))
            .count()
    }

    /// Waits until the one session there is has ended.
    #[must_use]
    pub fn one(&self) -> Session {
        self.ended(1).remove(0)
    }
}

impl Session {
    /// A field of the row that is text.
    #[must_use]
    pub fn text(&self, field: &str) -> &str {
        self.row[field].as_str().unwrap_or_else(|| panic!("{field} is no text in {:#}", self.row))
    }

    /// A field of the row that is a number.
    #[must_use]
    pub fn number(&self, field: &str) -> u64 {
        self.row[field].as_u64().unwrap_or_else(|| panic!("{field} is no number in {:#}", self.row))
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> &str {
        self.text("id")
    }

    /// How it stands.
    #[must_use]
    pub fn state(&self) -> &str {
        self.text("state")
    }

    /// Why it ended.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.text("reason")
    }

    /// The file of its tape.
    #[must_use]
    pub fn tape(&self) -> PathBuf {
        Archive::open(&self.data_dir).expect("an archive").find(self.id()).expect("the session is found").tape
    }

    /// The program `wiretape` with `word` and this session's name, and `rest`.
    #[must_use]
    pub fn program(&self, word: &str, rest: &[&str]) -> Program {
        Record::of(&self.data_dir).program(&[word, self.id()]).args(rest)
    }

    /// What `wiretape verify` says of it.
    #[must_use]
    pub fn verified(&self) -> Finished {
        self.program("verify", &[]).finish()
    }

    /// Its events.
    #[must_use]
    pub fn events(&self) -> Events {
        let tape = Tape::open(&self.tape()).expect("the tape is there");
        let events: Result<Vec<Event>, _> = tape.events().collect();
        Events(events.expect("the tape can be read"))
    }

    /// What was carried in streams, by side and lane, without holding it all.
    #[must_use]
    pub fn carried(&self) -> Carried {
        let tape = Tape::open(&self.tape()).expect("the tape is there");
        let mut streams: BTreeMap<(bool, Lane, bool), (u64, Sha256)> = BTreeMap::new();
        for event in tape.events() {
            let event = event.expect("the tape can be read");
            if let Kind::Stream(StreamEvent::Data { error, bytes }) = event.kind {
                let stream = streams.entry((event.side == Side::Client, event.lane, error)).or_default();
                stream.0 += bytes.len() as u64;
                stream.1.update(&bytes);
            }
        }
        Carried::of_streams(streams.into_iter().map(|(key, (count, hash))| (key, (count, hex(&hash.finalize())))))
    }
}

impl Session {
    /// How many rows of results a database session has, without holding them all.
    #[must_use]
    pub fn rows(&self) -> u64 {
        let tape = Tape::open(&self.tape()).expect("the tape is there");
        let rows = tape.events().map(|event| match event.expect("the tape can be read").kind {
            Kind::Query(QueryEvent::Rows { count, .. }) => u64::from(count),
            _ => 0,
        });
        rows.sum()
    }

    /// What was copied in a database session, by side, without holding it all.
    #[must_use]
    pub fn copied(&self) -> Copied {
        let tape = Tape::open(&self.tape()).expect("the tape is there");
        let mut sides = [(0, Sha256::new()), (0, Sha256::new())];
        for event in tape.events() {
            let event = event.expect("the tape can be read");
            if let Kind::Query(QueryEvent::CopyData { count, bytes }) = event.kind {
                let (sum, hash) = &mut sides[usize::from(event.side == Side::Upstream)];
                let mut rest = &bytes[..];
                for _ in 0..count {
                    let data = copy_data(rest);
                    *sum += data.len() as u64;
                    hash.update(data);
                    rest = &rest[5 + data.len()..];
                }
                assert!(rest.is_empty(), "a run of {count} messages has {} bytes more", rest.len());
            }
        }
        Copied(sides.map(|(sum, hash)| (sum, hex(&hash.finalize()))))
    }
}

/// What the first message of `messages`, which is a `CopyData`, carries.
fn copy_data(messages: &[u8]) -> &[u8] {
    assert_eq!(messages[0], b'd', "a run of copied data");
    let length = u32::from_be_bytes(messages[1..5].try_into().expect("four bytes")) as usize;
    &messages[5..=length]
}

/// The length and the digest of what each side copied.
pub struct Copied([(u64, String); 2]);

impl Copied {
    /// How many bytes `side` sent, and their SHA-256.
    #[must_use]
    pub fn of(&self, side: Side) -> (u64, &str) {
        let (sum, digest) = &self.0[usize::from(side == Side::Upstream)];
        (*sum, digest)
    }
}

/// The length and the digest of each stream of a session.
pub struct Carried(BTreeMap<(bool, Lane, bool), (u64, String)>);

impl Carried {
    pub(crate) fn of_streams(streams: impl Iterator<Item = ((bool, Lane, bool), (u64, String))>) -> Self {
        Self(streams.collect())
    }

    /// How many bytes `side` sent on `lane`, and their SHA-256.
    #[must_use]
    pub fn of(&self, side: Side, lane: Lane) -> (u64, &str) {
        self.0.get(&(side == Side::Client, lane, false)).map_or((0, ""), |(count, digest)| (*count, digest.as_str()))
    }

    /// The lengths and digests of all streams of `side`, the standard error apart from the output.
    #[must_use]
    pub fn by(&self, side: Side) -> Vec<String> {
        let of_side = self.0.iter().filter(|((client, ..), _)| *client == (side == Side::Client));
        of_side.map(|(_, (count, digest))| format!("{count} {digest}")).collect()
    }
}

/// The events of a session.
pub struct Events(pub Vec<Event>);

impl Events {
    /// Their names, in order.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|event| event.kind.name()).collect()
    }

    /// Whether one is called `name`.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|event| event.kind.name() == name)
    }

    /// Events of the family `session`.
    pub fn session(&self) -> impl Iterator<Item = &SessionEvent> {
        self.0.iter().filter_map(|event| match &event.kind {
            Kind::Session(kind) => Some(kind),
            _ => None,
        })
    }

    /// Events of the family `terminal`.
    pub fn terminal(&self) -> impl Iterator<Item = &TerminalEvent> {
        self.0.iter().filter_map(|event| match &event.kind {
            Kind::Terminal(kind) => Some(kind),
            _ => None,
        })
    }

    /// Events of the family `process`.
    pub fn process(&self) -> impl Iterator<Item = &ProcessEvent> {
        self.0.iter().filter_map(|event| match &event.kind {
            Kind::Process(kind) => Some(kind),
            _ => None,
        })
    }

    /// Events of the family `file`.
    pub fn file(&self) -> impl Iterator<Item = &FileEvent> {
        self.0.iter().filter_map(|event| match &event.kind {
            Kind::File(kind) => Some(kind),
            _ => None,
        })
    }

    /// Events of the family `query`.
    pub fn query(&self) -> impl Iterator<Item = &QueryEvent> {
        self.0.iter().filter_map(|event| match &event.kind {
            Kind::Query(kind) => Some(kind),
            _ => None,
        })
    }

    /// The lanes that were opened, and as what.
    #[must_use]
    pub fn opened(&self) -> Vec<(Lane, &StreamKind)> {
        let opened = self.0.iter().filter_map(|event| match &event.kind {
            Kind::Stream(StreamEvent::Open { kind }) => Some((event.lane, kind)),
            _ => None,
        });
        opened.collect()
    }

    /// The lanes that carried a channel of the type `name`.
    #[must_use]
    pub fn lanes(&self, name: &str) -> Vec<Lane> {
        self.opened().into_iter().filter(|(_, kind)| kind.name() == name).map(|(lane, _)| lane).collect()
    }

    /// The bytes that `side` sent on `lane`; `error` chooses the standard error.
    #[must_use]
    pub fn stream(&self, side: Side, lane: Lane, error: bool) -> Vec<u8> {
        let mut all = Vec::new();
        for event in self.0.iter().filter(|event| event.side == side && event.lane == lane) {
            if let Kind::Stream(StreamEvent::Data { error: kind, bytes }) = &event.kind
                && *kind == error
            {
                all.extend_from_slice(bytes);
            }
        }
        all
    }

    /// What the terminal showed, on any lane.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut all = Vec::new();
        for event in self.terminal() {
            if let TerminalEvent::Output { bytes, .. } = event {
                all.extend_from_slice(bytes);
            }
        }
        String::from_utf8_lossy(&all).into_owned()
    }

    /// The exit statuses, in order.
    #[must_use]
    pub fn exits(&self) -> Vec<u32> {
        let exits = self.process().filter_map(|event| match event {
            ProcessEvent::Exit { status } => Some(*status),
            _ => None,
        });
        exits.collect()
    }

    /// Everything on the tape in one run of text, to be searched for what must not be there.
    #[must_use]
    pub fn everything(&self) -> String {
        let mut all = String::new();
        for event in &self.0 {
            use std::fmt::Write;
            let _ = writeln!(all, "{:?}", event.kind);
        }
        all
    }
}
