//! Renderings of whole sessions, beside what they looked like when somebody last read them.
//!
//! `WIRETAPE_CASES=write cargo test -p wiretape-replay --test cases` writes them anew: read the difference before you
//! keep it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod archive;
mod conversations;
mod exchanges;
mod queries;

use std::path::Path;

use archive::{closed, event, opened, output, shell};
use bytes::Bytes;
use wiretape_core::event::{
    FileEvent, FileOperation, NAMES, OpenMode, PrincipalKind, ProcessEvent, ProcessKind, QuestionAnswered,
    QuestionAsked, Scope, SessionEvent, SessionOpened, StreamEvent, StreamKind, TerminalEvent, TerminalSize,
};
use wiretape_core::{Approvers, Event, Kind, Reason, Side, Verdict};
use wiretape_recorder::Tape;
use wiretape_replay::script::Script;
use wiretape_replay::timeline::Timeline;
use wiretape_replay::{describe, json, svg};

const UP: Side = Side::Client;
const DOWN: Side = Side::Upstream;

fn stream(at: u64, side: Side, lane: u32, said: StreamEvent) -> Event {
    event(at, side, lane, Kind::Stream(said))
}

fn data(at: u64, side: Side, lane: u32, error: bool, bytes: impl Into<Bytes>) -> Event {
    stream(at, side, lane, StreamEvent::Data { error, bytes: bytes.into() })
}

fn process(at: u64, side: Side, lane: u32, said: ProcessEvent) -> Event {
    event(at, side, lane, Kind::Process(said))
}

fn file(at: u64, side: Side, lane: u32, said: FileEvent) -> Event {
    event(at, side, lane, Kind::File(said))
}

fn session(at: u64, said: SessionEvent) -> Event {
    event(at, UP, 0, Kind::Session(said))
}

fn open(at: u64, lane: u32, kind: StreamKind) -> [Event; 2] {
    [stream(at, UP, lane, StreamEvent::Open { kind }), stream(at + 1, DOWN, lane, StreamEvent::Accepted)]
}

fn close(at: u64, lane: u32) -> [Event; 3] {
    [
        stream(at, DOWN, lane, StreamEvent::Eof),
        stream(at, DOWN, lane, StreamEvent::Close),
        stream(at + 1, UP, lane, StreamEvent::Close),
    ]
}

/// Two commands at once, one of which fails, one of which is killed; text in pieces, text that is none.
fn exec() -> Vec<Event> {
    let start = |command: &'static str| ProcessKind::Exec { command: Bytes::from_static(command.as_bytes()) };
    let mut events = vec![opened(), session(1, SessionEvent::Notice { text: "this session is recorded\n".into() })];
    events.extend(open(10, 1, StreamKind::Session));
    events.push(process(12, UP, 1, ProcessEvent::Environment { name: "LANG".into(), value: "C.UTF-8".into() }));
    events.push(process(13, UP, 1, ProcessEvent::Start { kind: start("make test 2>&1 | tee \x1b[2J log") }));
    events.push(process(14, DOWN, 1, ProcessEvent::Answer { request: "exec".into(), accepted: true }));
    events.extend(open(20, 2, StreamKind::Session));
    events.push(process(21, UP, 2, ProcessEvent::Start { kind: start("cat disk.img") }));
    events.push(data(30, DOWN, 1, false, "compiling on\x1b[1"));
    events.push(data(31, DOWN, 1, false, b"me\x1b[0m\ncompiling gr\xc3".to_vec()));
    events.push(data(40, DOWN, 2, false, vec![0xfe; 1_500]));
    events.push(data(41, DOWN, 2, false, vec![0xff; 1_000]));
    events.push(data(45, DOWN, 1, true, "warning: unused\r\n"));
    events.push(data(50, DOWN, 1, false, b"\xbcn\nContinue? ".to_vec()));
    events.push(data(900, UP, 1, false, "yes\n"));
    events.push(process(950, UP, 2, ProcessEvent::Signal { name: "TERM".into() }));
    let killed = ProcessEvent::Killed { signal: "TERM".into(), core_dumped: false, message: "Terminated".into() };
    events.push(process(960, DOWN, 2, killed));
    events.extend(close(961, 2));
    events.push(session(1_000, SessionEvent::Marker { label: "the build broke here".into() }));
    events.push(data(1_100, DOWN, 1, true, "error: 2 tests failed"));
    events.push(process(1_200, DOWN, 1, ProcessEvent::Exit { status: 7 }));
    events.extend(close(1_201, 1));
    events.push(session(1_300, SessionEvent::Gap { events: 3, bytes: 4_500, reason: "the disk was full".into() }));
    events.push(closed(1_400));
    events
}

/// SFTP: a listing, a download, an upload that is cut, what is refused, what is never answered.
fn files() -> Vec<Event> {
    let mut events = vec![opened()];
    events.extend(open(10, 1, StreamKind::Session));
    events.push(process(11, UP, 1, ProcessEvent::Start { kind: ProcessKind::Subsystem { name: "sftp".into() } }));
    let path = |text: &'static str| Bytes::from_static(text.as_bytes());
    let read = OpenMode { read: true, ..OpenMode::default() };
    let write = OpenMode { write: true, create: true, truncate: true, ..OpenMode::default() };
    let operations = [
        (FileOperation::RealPath { path: path(".") }, 0, "/home/deploy"),
        (FileOperation::List { path: path("/home/deploy") }, 1, ""),
        (FileOperation::Stat { path: path("/etc/hosts"), follow: true }, 0, ""),
        (FileOperation::Open { path: path("/etc/hosts"), mode: read }, 0, ""),
        (FileOperation::Open { path: path("/etc/shadow"), mode: read }, 3, "Permission denied"),
        (FileOperation::Open { path: path("/srv/app.tar"), mode: write }, 0, ""),
        (FileOperation::Rename { from: path("/srv/a"), to: path("/srv/b"), replace: true }, 0, ""),
        (FileOperation::Remove { path: Bytes::from_static(b"/srv/\xff\x1b[2J") }, 2, "No such file"),
        (FileOperation::MakeDirectory { path: path("/srv/new") }, 4, "the disk is full"),
        (FileOperation::RemoveDirectory { path: path("/srv/old") }, 0, ""),
        (FileOperation::Link { target: path("app-2"), path: path("/srv/app"), symbolic: true }, 0, ""),
        (FileOperation::ReadLink { path: path("/srv/app") }, 0, "app-2"),
        (
            FileOperation::SetAttributes {
                path: path("/srv/app.tar"),
                size: None,
                permissions: Some(0o640),
                owner: Some((1000, 33)),
                times: Some((0, 1_795_314_485)),
            },
            0,
            "",
        ),
        (FileOperation::Send { path: path("scp.bin"), size: 1_048_576, permissions: 0o755 }, 0, ""),
        (FileOperation::Extension { name: "statvfs@openssh.com".into(), path: path("/srv") }, 8, ""),
    ];
    let mut at = 20;
    for (request, (operation, status, message)) in (1..).zip(operations) {
        events.push(file(at, UP, 1, FileEvent::Asked { request, operation }));
        events.push(file(at + 1, DOWN, 1, FileEvent::Answered { request, status, message: message.into() }));
        at += 10;
    }
    events.push(file(500, DOWN, 1, FileEvent::Read { path: path("/etc/hosts"), offset: 0, length: 221 }));
    events.push(file(510, UP, 1, FileEvent::Written { path: path("/srv/app.tar"), offset: 0, length: 64_000_000 }));
    let content_sha256 = Some([0xab; 32]);
    let closed_file = FileEvent::Closed { path: path("/etc/hosts"), read_bytes: 221, written_bytes: 0, content_sha256 };
    events.push(file(520, UP, 1, closed_file));
    let unanswered = FileOperation::Stat { path: path("/slow"), follow: false };
    events.push(file(530, UP, 1, FileEvent::Asked { request: 99, operation: unanswered }));
    events.push(closed(900));
    events
}

/// Forwards each way, by port and by socket, the agent, what is refused, and a connection that cannot be read.
fn forwards() -> Vec<Event> {
    let mut events = vec![opened()];
    let tcp = |host: &str, port| StreamKind::DirectTcpip {
        host: host.into(),
        port,
        originator: "127.0.0.1".into(),
        originator_port: 50_000,
    };
    events.extend(open(10, 1, tcp("127.0.0.1", 5432)));
    events.push(data(20, UP, 1, false, vec![0xfd; 1_200]));
    events.push(data(25, DOWN, 1, false, vec![0xfc; 3_400]));
    events.extend(open(30, 2, tcp("10.0.0.9", 22)));
    events.push(stream(31, UP, 2, StreamEvent::Opaque { what: "ssh".into() }));
    events.push(data(32, UP, 2, false, "SSH-2.0-OpenSSH_9.2\r\n"));
    events.push(stream(40, UP, 3, StreamEvent::Open { kind: tcp("10.0.0.1", 80) }));
    events.push(stream(41, DOWN, 3, StreamEvent::Rejected { reason: "connection refused".into() }));
    let address = || "0.0.0.0".to_owned();
    events.push(stream(50, UP, 0, StreamEvent::Listen { address: address(), port: Some(0) }));
    events.push(stream(51, DOWN, 0, StreamEvent::Listening { address: address(), port: Some(34_567), accepted: true }));
    let forwarded = StreamKind::ForwardedTcpip {
        host: address(),
        port: 34_567,
        originator: "10.0.0.77".into(),
        originator_port: 1_234,
    };
    events.push(stream(60, DOWN, 4, StreamEvent::Open { kind: forwarded }));
    events.push(stream(70, UP, 0, StreamEvent::Unlisten { address: address(), port: Some(34_567) }));
    let refused = StreamEvent::Listening { address: "/run/x.sock".into(), port: None, accepted: false };
    events.push(stream(80, UP, 0, StreamEvent::Listen { address: "/run/x.sock".into(), port: None }));
    events.push(stream(81, DOWN, 0, refused));
    events.extend(open(90, 5, StreamKind::DirectStreamlocal { path: "/run/docker.sock".into() }));
    events.extend(close(95, 5));
    events.push(stream(96, DOWN, 6, StreamEvent::Open { kind: StreamKind::Agent }));
    events.push(data(97, DOWN, 6, false, vec![0; 5]));
    events.push(stream(
        98,
        DOWN,
        7,
        StreamEvent::Open { kind: StreamKind::ForwardedStreamlocal { path: "/s".into() } },
    ));
    let x11 = StreamKind::X11 { originator: "127.0.0.1".into(), originator_port: 6_010 };
    events.push(stream(99, DOWN, 8, StreamEvent::Open { kind: x11 }));
    events.extend(close(2_500, 1));
    events.push(closed(3_000));
    events
}

/// A shell beside other things, in a timeline: what was typed, what was shown, a resize, the agent lent.
fn terminal() -> Vec<Event> {
    let mut events = vec![opened()];
    events.extend(shell(10, 1, 80, 24));
    events.push(process(11, UP, 1, ProcessEvent::Agent));
    events.push(output(100, 1, "$ "));
    for (number, letter) in "echo hi".chars().enumerate() {
        events.extend(archive::echoed(200 + number as u64 * 250, 1, letter));
    }
    events.push(event(2_000, UP, 1, Kind::Terminal(TerminalEvent::Input { bytes: "\r".into() })));
    events.push(output(2_001, 1, "\r\n\x1b[1mhi\x1b[0m\r\n$ "));
    let size = TerminalSize { columns: 132, rows: 43, width_px: 1_056, height_px: 688 };
    events.push(event(2_100, UP, 1, Kind::Terminal(TerminalEvent::Resize { size })));
    events.push(event(2_200, UP, 1, Kind::Terminal(TerminalEvent::Concealed { count: 6 })));
    let echoed = TerminalEvent::Echoed { skipped: 5, bytes: "x".into() };
    events.push(event(2_210, UP, 1, Kind::Terminal(echoed)));
    events.push(event(2_220, UP, 1, Kind::Terminal(TerminalEvent::Input { bytes: "\x1b[A\x03".into() })));
    events.push(output(2_500, 1, "^C\r\n"));
    events.push(event(2_600, DOWN, 1, Kind::Terminal(TerminalEvent::Output { error: true, bytes: "err\r\n".into() })));
    events.push(process(2_700, DOWN, 1, ProcessEvent::Exit { status: 0 }));
    events.push(closed(2_800));
    events
}

/// What was not let in, and a peer that broke its protocol.
fn refused() -> Vec<Event> {
    let verdict = Verdict::Refuse(Reason::new("nobody's target", "there is no target `prod\x1b[2J`"));
    let decision = |verdict| SessionEvent::Decision {
        action: "connect".into(),
        resource: "prod\x1b[2J".into(),
        rule: "nobody's target".into(),
        verdict,
        nanos: 0,
    };
    let fault = SessionEvent::Fault { by: DOWN, expected: "a channel".into(), got: "lane 99".into() };
    vec![
        opened(),
        session(1, decision(verdict)),
        session(2, decision(Verdict::Allow)),
        session(3, fault),
        session(4, SessionEvent::Closed { reason: "refused: there is no target".into() }),
    ]
}

/// What rules let through, what people were asked, and what they answered.
fn held() -> Vec<Event> {
    let agent = SessionOpened {
        person: "coder".into(),
        kind: PrincipalKind::Agent,
        issuer: "https://id.example.com".into(),
        subject: "8f14e45f".into(),
        on_behalf_of: "ana".into(),
        groups: vec!["agents".into()],
        target: "orders".into(),
        protocol: "ssh".into(),
        client_address: "192.0.2.7:50022".into(),
        opened_unix_nanos: archive::OPENED_UNIX_NANOS,
        ..SessionOpened::default()
    };
    let decision = |action: &str, verdict| SessionEvent::Decision {
        action: action.into(),
        resource: "make deploy".into(),
        rule: "deploys, production".into(),
        verdict,
        nanos: 21_400,
    };
    let asked = |question: &str, approvers: &[(&str, u32)]| {
        let approvers = approvers.iter().map(|(group, count)| Approvers { group: (*group).into(), count: *count });
        SessionEvent::Asked(Box::new(QuestionAsked {
            question: question.into(),
            action: "ssh.exec".into(),
            resource: "make deploy\x1b[2J".into(),
            rule: "production".into(),
            approvers: approvers.collect(),
            expires_unix_nanos: archive::OPENED_UNIX_NANOS + 900_000_000_000,
        }))
    };
    let answered = |question: &str, verdict, by: &[&str], scope, nanos| {
        let (question, by) = (question.into(), by.iter().map(|name| (*name).into()).collect());
        SessionEvent::Answered(Box::new(QuestionAnswered { question, verdict, by, scope, nanos }))
    };
    let refuse = |text: &str| Verdict::Refuse(Reason::new("approval", text));
    let until = Scope::Until { unix_nanos: archive::OPENED_UNIX_NANOS + 3_600_000_000_000 };
    let mut events = vec![event(0, UP, 0, Kind::Session(SessionEvent::Opened(Box::new(agent))))];
    events.extend((1..=3).map(|at| session(at, decision("ssh.exec", Verdict::Allow))));
    events.extend([
        session(10, asked("kexi-mawo", &[("leads", 2), ("security", 1)])),
        session(11, SessionEvent::Notice { text: "waiting for leads (kexi-mawo)".into() }),
        session(5_000, answered("kexi-mawo", Verdict::Allow, &["bea", "cyd"], Scope::Once, 4_990_000_000)),
        session(5_001, decision("ssh.exec", Verdict::Allow)),
        session(6_000, asked("pila-suro", &[("leads", 1)])),
        session(7_000, answered("pila-suro", Verdict::Allow, &["bea"], until, 1_000_000_000)),
        session(7_100, answered("tevo-zuna", Verdict::Allow, &["bea"], Scope::Session, 250)),
        session(8_000, asked("rika-yolo", &[])),
        session(9_000, answered("rika-yolo", refuse("not on a\x1b[2J Friday"), &["bea"], Scope::Once, 1_000_000_000)),
        session(9_001, decision("ssh.exec", refuse("not on a Friday"))),
        session(9_100, answered("lumo-vexa", refuse("nobody answered in time"), &[], Scope::Once, 900_000_000_000)),
        closed(9_200),
    ]);
    events
}

fn all() -> Vec<(&'static str, Vec<Event>)> {
    vec![
        ("exec", exec()),
        ("files", files()),
        ("forwards", forwards()),
        ("terminal", terminal()),
        ("refused", refused()),
        ("held", held()),
        ("psql", queries::psql()),
        ("driver", queries::driver()),
        ("long", queries::long()),
        ("plain", exchanges::plain()),
        ("streams", exchanges::streams()),
        ("upgrades", exchanges::upgrades()),
        ("git-http", conversations::by_http()),
        ("git-ssh", conversations::by_ssh()),
    ]
}

fn timeline(events: &[Event]) -> String {
    timeline_of(Timeline::new(None), events)
}

fn timeline_of(timeline: Timeline, events: &[Event]) -> String {
    let timeline = Box::new(timeline);
    let mut script = Script::Timeline { timeline, styled: false, line_end: "\n" };
    let mut cues: Vec<_> = events.iter().flat_map(|event| script.feed(event)).collect();
    cues.extend(script.finish());
    let shown = cues.into_iter().filter_map(|cue| match cue {
        wiretape_replay::script::Cue::Show(bytes) => Some(String::from_utf8(bytes.to_vec()).unwrap()),
        _ => None,
    });
    shown.collect()
}

fn numbered(events: &[Event], mut line: impl FnMut(u64, &Event) -> String) -> String {
    (0..).zip(events).map(|(number, event)| line(number, event) + "\n").collect()
}

fn lines_of_json(events: &[Event]) -> String {
    let mut lines = json::Lines::default();
    numbered(events, |number, event| lines.event(number, event))
}

/// Compares `rendering` with the file of the case.
fn check(file: &str, rendering: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases").join(file);
    if std::env::var_os("WIRETAPE_CASES").is_some_and(|what| what == "write") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, rendering).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    for (number, (new, old)) in rendering.lines().zip(kept.lines()).enumerate() {
        assert_eq!(new, old, "line {} of cases/{file}", number + 1);
    }
    assert_eq!(rendering, kept, "cases/{file}");
}

#[test]
fn timelines_read_as_they_did() {
    for (name, events) in all() {
        check(&format!("{name}.timeline"), &timeline(&events));
    }
}

#[test]
fn a_session_that_was_recorded_long_ago_reads_as_it_did() {
    let tape = Path::new(env!("CARGO_MANIFEST_DIR")).join("../recorder/golden/v1-git.tape");
    let events: Vec<Event> = Tape::open(&tape).unwrap().events().map(Result::unwrap).collect();
    check("golden-git.timeline", &timeline_of(Timeline::new(None).with_patches(true), &events));
}

#[test]
fn lists_of_events_read_as_they_did() {
    for (name, events) in all() {
        check(&format!("{name}.events"), &numbered(&events, describe::row));
    }
}

#[test]
fn json_is_as_it_was() {
    // Payload stands in JSON as it is: of long messages nobody would read it.
    for (name, events) in all().into_iter().filter(|(name, _)| *name != "long") {
        check(&format!("{name}.jsonl"), &lines_of_json(&events));
    }
}

#[test]
fn archives_of_http_are_as_they_were() {
    for (name, events) in
        all().into_iter().filter(|(name, _)| ["plain", "streams", "upgrades", "git-http"].contains(name))
    {
        let mut har = Vec::new();
        wiretape_replay::export::har::write("0abc", &events, &mut har).unwrap();
        check(&format!("{name}.har"), &String::from_utf8(har).unwrap());
    }
}

#[test]
fn the_cases_hold_the_whole_vocabulary() {
    let cases = all();
    for name in NAMES {
        assert!(cases.iter().any(|(_, events)| events.iter().any(|event| event.kind.name() == *name)), "{name}");
    }
}

#[test]
fn no_rendering_holds_a_control_character() {
    for (name, events) in all() {
        for text in [timeline(&events), numbered(&events, describe::row), lines_of_json(&events)] {
            assert!(!text.chars().any(|letter| letter.is_control() && letter != '\n'), "{name}: {text:?}");
        }
    }
}

#[test]
fn a_picture_is_drawn_as_it_was() {
    let picture = svg::draw(&terminal(), wiretape_core::Lane(1), None).unwrap();
    check("terminal.svg", &picture);
}
