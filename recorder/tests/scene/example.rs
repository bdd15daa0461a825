//! A session in which everything happens: at least one event of each sort.

use bytes::Bytes;
use wiretape_core::event::{
    FileEvent, FileOperation, OpenMode, ProcessEvent, ProcessKind, SessionEvent, SessionOpened, StreamEvent,
    StreamKind, TerminalEvent, TerminalSize,
};
use wiretape_core::{Event, Kind, Lane, Moment, Reason, Side, Verdict};

use super::{log_lines, noise};

/// The events in the parts in which they are appended, each part in a chunk of its own.
pub(crate) fn parts() -> Vec<Vec<Event>> {
    let (mut clock, mut step) = (0, 0);
    let mut part = |lane: u32, kinds: Vec<(Side, Kind)>| -> Vec<Event> {
        let event = |(side, kind)| {
            let at = Moment::from_nanos(clock);
            // Steps of every width that a number has on the tape.
            step += 1;
            clock += [7, 90, 1_000, 70_000, 12_345_678, 5_000_000_000][step % 6];
            Event { at, side, lane: Lane(lane), kind }
        };
        kinds.into_iter().map(event).collect()
    };
    let mut parts = vec![
        part(0, session()),
        part(1, terminal()),
        part(2, process()),
        part(300, stream()),
        part(70_000, file()),
        part(7, vec![data(Side::Client, noise(11, 20_000)), data(Side::Upstream, noise(12, 300))]),
        part(8, vec![data(Side::Upstream, log_lines(13, 30_000))]),
    ];
    // An event that is earlier than the one before it.
    let mut late = part(0, vec![session_kind(SessionEvent::Notice { text: "späť ✓".to_owned() })]);
    late.extend(part(0, vec![session_kind(SessionEvent::Marker { label: "before".to_owned() })]));
    late[1].at = Moment::from_nanos(5);
    parts.push(late);
    parts.push(part(0, vec![session_kind(SessionEvent::Closed { reason: "client left".to_owned() })]));
    parts
}

fn session_kind(event: SessionEvent) -> (Side, Kind) {
    (Side::Client, Kind::Session(event))
}

fn data(side: Side, bytes: Vec<u8>) -> (Side, Kind) {
    (side, Kind::Stream(StreamEvent::Data { error: false, bytes: bytes.into() }))
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn session() -> Vec<(Side, Kind)> {
    let opened = SessionOpened {
        person: text("ana"),
        groups: vec![text("dev"), text("ops")],
        proof: text("publickey SHA256:2nR8x0"),
        target: text("web1"),
        target_kind: text("ssh"),
        login: text("deploy"),
        protocol: text("ssh"),
        client_address: text("192.0.2.7:50022"),
        client_program: text("SSH-2.0-OpenSSH_9.2"),
        rule: text("dev may"),
        gateway: text("0.1.0"),
        opened_unix_nanos: super::OPENED,
    };
    let refused = Verdict::Refuse(Reason::new("no-agents", "agents stay at home"));
    let decision = |action: &str, verdict| SessionEvent::Decision {
        action: text(action),
        resource: text("web1"),
        rule: text("no-agents"),
        verdict,
    };
    [
        SessionEvent::Opened(Box::new(opened)),
        decision("ssh.shell", Verdict::Allow),
        decision("ssh.agent", refused),
        SessionEvent::Notice { text: text("This session is recorded.\r\n") },
        SessionEvent::Gap { events: 3, bytes: 70_000, reason: text("best effort") },
        SessionEvent::Marker { label: text("deploy \"42\"\t\u{1b}") },
        SessionEvent::Fault { by: Side::Upstream, expected: text("a channel"), got: text("none") },
    ]
    .map(session_kind)
    .into()
}

fn terminal() -> Vec<(Side, Kind)> {
    let size = TerminalSize { columns: 132, rows: 43, width_px: 1056, height_px: 250 };
    let wide = TerminalSize { columns: 251, rows: 65_535, width_px: 65_536, height_px: u32::MAX };
    let modes = vec![(1, 3), (53, 1), (128, 38_400), (255, u32::MAX)];
    let bytes = |bytes: &'static [u8]| Bytes::from_static(bytes);
    [
        (Side::Client, TerminalEvent::Start { term: text("xterm-256color"), size, modes }),
        (Side::Client, TerminalEvent::Input { bytes: bytes(b"\x03") }),
        (Side::Client, TerminalEvent::Concealed { count: 12 }),
        (Side::Client, TerminalEvent::Echoed { skipped: 4, bytes: bytes(b"ls -la") }),
        (Side::Upstream, TerminalEvent::Output { error: false, bytes: bytes(b"total 0\r\n\xff\\\x1b[0m") }),
        (Side::Upstream, TerminalEvent::Output { error: true, bytes: Bytes::from(vec![b'e'; 251]) }),
        (Side::Upstream, TerminalEvent::Output { error: false, bytes: Bytes::new() }),
        (Side::Client, TerminalEvent::Resize { size: wide }),
    ]
    .map(|(side, event)| (side, Kind::Terminal(event)))
    .into()
}

fn process() -> Vec<(Side, Kind)> {
    let exec = ProcessKind::Exec { command: Bytes::from_static(b"cat \xe4.txt") };
    [
        ProcessEvent::Start { kind: ProcessKind::Shell },
        ProcessEvent::Start { kind: exec },
        ProcessEvent::Start { kind: ProcessKind::Subsystem { name: text("sftp") } },
        ProcessEvent::Environment { name: text("LANG"), value: Bytes::from_static(b"C.UTF-8") },
        ProcessEvent::Agent,
        ProcessEvent::Answer { request: text("shell"), accepted: true },
        ProcessEvent::Signal { name: text("INT") },
        ProcessEvent::Exit { status: 255 },
        ProcessEvent::Killed { signal: text("TERM"), core_dumped: true, message: text("gone") },
    ]
    .map(|event| (Side::Client, Kind::Process(event)))
    .into()
}

fn stream() -> Vec<(Side, Kind)> {
    let ends = (text("db.internal"), 5432, text("127.0.0.1"), 50_022);
    let (host, port, originator, originator_port) = ends.clone();
    let direct = StreamKind::DirectTcpip { host, port, originator, originator_port };
    let (host, port, originator, originator_port) = ends;
    let forwarded = StreamKind::ForwardedTcpip { host, port, originator, originator_port };
    let opened = [
        StreamKind::Session,
        direct,
        forwarded,
        StreamKind::DirectStreamlocal { path: text("/run/docker.sock") },
        StreamKind::ForwardedStreamlocal { path: text("/tmp/back") },
        StreamKind::Agent,
        StreamKind::X11 { originator: text("127.0.0.1"), originator_port: 6010 },
    ];
    let rest = [
        StreamEvent::Accepted,
        StreamEvent::Rejected { reason: text("administratively prohibited") },
        StreamEvent::Data { error: true, bytes: Bytes::from_static(b"warning\n") },
        StreamEvent::Eof,
        StreamEvent::Close,
        StreamEvent::Listen { address: text("0.0.0.0"), port: Some(0) },
        StreamEvent::Listen { address: text("/tmp/socket"), port: None },
        StreamEvent::Listening { address: text("0.0.0.0"), port: Some(40_001), accepted: true },
        StreamEvent::Unlisten { address: text("0.0.0.0"), port: Some(40_001) },
        StreamEvent::Opaque { what: text("ssh") },
    ];
    let opened = opened.map(|kind| StreamEvent::Open { kind });
    opened.into_iter().chain(rest).map(|event| (Side::Upstream, Kind::Stream(event))).collect()
}

fn file() -> Vec<(Side, Kind)> {
    let path = || Bytes::from_static(b"/srv/\xe4\xb8\xad/report.txt");
    let mode = OpenMode { read: true, create: true, exclusive: true, ..OpenMode::default() };
    let attributes = |size, permissions, owner, times| FileOperation::SetAttributes {
        path: path(),
        size,
        permissions,
        owner,
        times,
    };
    let operations = [
        FileOperation::Open { path: path(), mode },
        FileOperation::List { path: path() },
        FileOperation::Stat { path: path(), follow: true },
        attributes(None, None, None, None),
        attributes(Some(1 << 40), Some(0o644), Some((1000, 100)), Some((1_795_305_600, 1_795_305_601))),
        FileOperation::Rename { from: path(), to: Bytes::from_static(b"/srv/new"), replace: true },
        FileOperation::Remove { path: path() },
        FileOperation::MakeDirectory { path: path() },
        FileOperation::RemoveDirectory { path: path() },
        FileOperation::Link { target: Bytes::from_static(b"../x"), path: path(), symbolic: true },
        FileOperation::ReadLink { path: path() },
        FileOperation::RealPath { path: path() },
        FileOperation::Send { path: path(), size: 251, permissions: 0o600 },
        FileOperation::Extension { name: text("statvfs@openssh.com"), path: path() },
    ];
    let asked = (1..).zip(operations).map(|(request, operation)| FileEvent::Asked { request, operation });
    let rest = [
        FileEvent::Answered { request: 1, status: 3, message: text("Permission denied") },
        FileEvent::Read { path: path(), offset: 0, length: 65_536 },
        FileEvent::Written { path: path(), offset: u64::from(u32::MAX) + 1, length: u64::MAX },
        FileEvent::Closed { path: path(), read_bytes: 65_536, written_bytes: 0, content_sha256: Some([0xa5; 32]) },
        FileEvent::Closed { path: path(), read_bytes: 250, written_bytes: 251, content_sha256: None },
    ];
    asked.chain(rest).map(|event| (Side::Client, Kind::File(event))).collect()
}
