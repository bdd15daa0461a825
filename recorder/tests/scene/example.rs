//! A session in which everything happens: at least one event of each sort.

mod git;

use bytes::Bytes;
use wiretape_core::event::{
    Acknowledged, Column, ControlKind, CopyDirection, Field, FileEvent, FileOperation, HeaderField, HttpEvent,
    HttpVersion, MessageKind, OpenMode, Parameter, Prepared, PrincipalKind, ProcessEvent, ProcessKind, QueryEvent,
    QuestionAnswered, QuestionAsked, Scope, SessionEvent, SessionOpened, StreamEvent, StreamKind, TerminalEvent,
    TerminalSize, TransactionStatus,
};
use wiretape_core::{Approvers, Event, Kind, Lane, Moment, Reason, Side, Verdict};

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
        part(1, login()),
        part(1, asked()),
        part(1, answered()),
        part(1, copied()),
        part(2, requested()),
        part(2, responded()),
        part(3, upgraded()),
        part(4, git::fetched()),
        part(5, git::pushed()),
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
        ..SessionOpened::default()
    };
    let vouched = SessionOpened {
        kind: PrincipalKind::Agent,
        issuer: text("https://id.example.com"),
        subject: text("8f14e45f"),
        on_behalf_of: text("ana"),
        person: text("coder"),
        ..opened.clone()
    };
    let service = SessionOpened { kind: PrincipalKind::Service, ..opened.clone() };
    let refused = Verdict::Refuse(Reason::new("no-agents", "agents stay at home"));
    let decision = |action: &str, verdict| SessionEvent::Decision {
        action: text(action),
        resource: text("web1"),
        rule: text("no-agents"),
        verdict,
        nanos: 0,
    };
    let measured = |nanos, verdict| SessionEvent::Decision {
        action: text("git.push"),
        resource: text("/org/shop.git"),
        rule: text("main, forced"),
        verdict,
        nanos,
    };
    let asked = |approvers: &[(&str, u32)]| {
        let approvers = approvers.iter().map(|(group, count)| Approvers { group: text(group), count: *count });
        SessionEvent::Asked(Box::new(QuestionAsked {
            question: text("kexi-mawo"),
            action: text("pg.query"),
            resource: text("DELETE FROM \"orders\"\n"),
            rule: text("production"),
            approvers: approvers.collect(),
            expires_unix_nanos: super::OPENED + 900_000_000_000,
        }))
    };
    let answered = |verdict, by: &[&str], scope, nanos| {
        let by = by.iter().map(|name| text(name)).collect();
        SessionEvent::Answered(Box::new(QuestionAnswered { question: text("kexi-mawo"), verdict, by, scope, nanos }))
    };
    let until = Scope::Until { unix_nanos: super::OPENED + 3_600_000_000_000 };
    let late = Verdict::Refuse(Reason::new("approval", "nobody answered in time"));
    [
        SessionEvent::Opened(Box::new(opened)),
        decision("ssh.shell", Verdict::Allow),
        decision("ssh.agent", refused),
        SessionEvent::Notice { text: text("This session is recorded.\r\n") },
        SessionEvent::Gap { events: 3, bytes: 70_000, reason: text("best effort") },
        SessionEvent::Marker { label: text("deploy \"42\"\t\u{1b}") },
        SessionEvent::Fault { by: Side::Upstream, expected: text("a channel"), got: text("none") },
        SessionEvent::Labelled { label: text("run 42 ✓ \\ \u{7f}") },
        SessionEvent::Opened(Box::new(vouched)),
        SessionEvent::Opened(Box::new(service)),
        measured(1, Verdict::Allow),
        measured(70_000, late.clone()),
        asked(&[("leads", 2), ("security", 1)]),
        asked(&[]),
        answered(Verdict::Allow, &["bea", "cyd"], Scope::Once, 12_345_678_901),
        answered(Verdict::Allow, &["bea"], Scope::Session, 250),
        answered(Verdict::Allow, &["bea"], until, 251),
        answered(late, &[], Scope::Once, 900_000_000_000),
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

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn queries(side: Side, events: impl IntoIterator<Item = QueryEvent>) -> Vec<(Side, Kind)> {
    events.into_iter().map(|event| (side, Kind::Query(event))).collect()
}

/// A message: its letter, its length, what is in it.
fn message(letter: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 4).unwrap();
    [&[letter], &length.to_be_bytes()[..], content].concat()
}

/// The start of a database session.
fn login() -> Vec<(Side, Kind)> {
    let pair = |name, value| (bytes(name), bytes(value));
    let startup = QueryEvent::Startup {
        version: 0x0003_0002,
        parameters: vec![pair("user", "ana"), pair("database", "orders"), pair("options", "")],
    };
    let answers = [
        QueryEvent::Negotiated { version: 0x0003_0000, unrecognised: vec![bytes("_pq_.trace"), Bytes::new()] },
        QueryEvent::Setting { name: bytes("server_version"), value: bytes("15.18 (Debian)") },
        QueryEvent::Setting { name: bytes("application_name"), value: Bytes::from_static(b"caf\xe9 \\ \0") },
        QueryEvent::Key { process_id: u32::MAX, key_bytes: 32 },
        QueryEvent::Ready { status: TransactionStatus::Idle },
    ];
    [queries(Side::Client, [startup]), queries(Side::Upstream, answers)].concat()
}

/// What a client says.
fn asked() -> Vec<(Side, Kind)> {
    let parameters = vec![
        Parameter { type_id: 23, value: Some(Bytes::from_static(&[0, 0, 0, 42])) },
        Parameter { type_id: 0, value: Some(bytes("zwölf")) },
        Parameter { type_id: 70_000, value: None },
        Parameter { type_id: 17, value: Some(noise(14, 300).into()) },
    ];
    let events = [
        QueryEvent::Simple { text: Bytes::from_static(b"select 'caf\xe9'; -- \\ \0") },
        QueryEvent::Simple { text: log_lines(15, 5_000).into() },
        QueryEvent::Parse { statement: bytes("S_1"), text: bytes("select $1"), types: vec![23, 0, 70_000, u32::MAX] },
        QueryEvent::Parse { statement: Bytes::new(), text: bytes("begin"), types: Vec::new() },
        QueryEvent::Bind {
            portal: bytes("C_1"),
            statement: bytes("S_1"),
            formats: vec![1, 0, 0, 1],
            parameters,
            result_formats: vec![1],
        },
        QueryEvent::Bind {
            portal: Bytes::new(),
            statement: Bytes::new(),
            formats: Vec::new(),
            parameters: Vec::new(),
            result_formats: vec![0, 65_535],
        },
        QueryEvent::Describe { of: Prepared::Statement, name: bytes("S_1") },
        QueryEvent::Describe { of: Prepared::Portal, name: Bytes::new() },
        QueryEvent::Execute { portal: bytes("C_1"), statement: Some(bytes("S_1")), rows_max: 100_000 },
        QueryEvent::Execute { portal: bytes("of sql"), statement: None, rows_max: 0 },
        QueryEvent::Close { of: Prepared::Statement, name: bytes("S_1") },
        QueryEvent::Close { of: Prepared::Portal, name: bytes("C_1") },
        QueryEvent::Flush,
        QueryEvent::Sync,
        QueryEvent::Call {
            function_id: 955,
            formats: vec![1],
            arguments: vec![Some(Bytes::from_static(&[0; 4])), None, Some(noise(16, 260).into())],
            result_format: 1,
        },
        QueryEvent::Cancel { address: text("192.0.2.7:50023") },
        QueryEvent::Long { letter: b'Q', bytes: noise(17, 10_000).into(), last: false },
        QueryEvent::Long { letter: b'Q', bytes: Bytes::from_static(b"\0"), last: true },
    ];
    queries(Side::Client, events)
}

/// What a target says.
fn answered() -> Vec<(Side, Kind)> {
    let column = |name, type_id, type_size, type_modifier, format| Column {
        name: bytes(name),
        table_id: 16_384,
        attribute: -1,
        type_id,
        type_size,
        type_modifier,
        format,
    };
    let columns = vec![
        column("id", 23, 4, -1, 0),
        column("name", 1043, -1, 259, 1),
        Column { table_id: 0, attribute: i16::MIN, ..column("?column?", u32::MAX, i16::MAX, i32::MIN, u16::MAX) },
    ];
    let row = message(b'D', b"\0\x02\0\0\0\x017\xff\xff\xff\xff");
    let field = |letter, text| Field { letter, text: bytes(text) };
    let fields = vec![field(b'S', "ERROR"), field(b'C', "42P01"), field(b'M', "relation \"tür\" does not exist")];
    let acknowledged = [
        Acknowledged::Parse,
        Acknowledged::Bind,
        Acknowledged::Close,
        Acknowledged::NoData,
        Acknowledged::EmptyQuery,
        Acknowledged::PortalSuspended,
    ];
    let events = [
        QueryEvent::Types { types: vec![23, 25, 1231] },
        QueryEvent::Types { types: Vec::new() },
        QueryEvent::Columns { columns },
        QueryEvent::Columns { columns: Vec::new() },
        QueryEvent::Rows { count: 2, bytes: row.repeat(2).into() },
        QueryEvent::Rows { count: 500, bytes: row.repeat(500).into() },
        QueryEvent::Returned { value: None },
        QueryEvent::Returned { value: Some(Bytes::from_static(&[0, 0, 1, 0])) },
        QueryEvent::Complete { tag: bytes("INSERT 0 70000"), rows: Some(70_000) },
        QueryEvent::Complete { tag: bytes("BEGIN"), rows: None },
        QueryEvent::Error { fields },
        QueryEvent::Error { fields: Vec::new() },
        QueryEvent::Notice { fields: vec![field(b'S', "NOTICE"), field(0xff, "")] },
        QueryEvent::Notification { process_id: 4_711, channel: bytes("jobs"), payload: bytes("42") },
        QueryEvent::Ready { status: TransactionStatus::InTransaction },
        QueryEvent::Ready { status: TransactionStatus::Failed },
    ];
    let acknowledged = acknowledged.map(|what| QueryEvent::Acknowledged { what });
    queries(Side::Upstream, events.into_iter().chain(acknowledged))
}

/// Copies each way.
fn copied() -> Vec<(Side, Kind)> {
    let start = |direction, format, formats| QueryEvent::CopyStart { direction, format, formats };
    let data = |content: &[u8]| QueryEvent::CopyData { count: 1, bytes: message(b'd', content).into() };
    [
        queries(Side::Upstream, [start(CopyDirection::In, 0, vec![0, 0])]),
        queries(Side::Client, [data(b"1\tone\n"), QueryEvent::CopyDone]),
        queries(Side::Upstream, [start(CopyDirection::Out, 1, vec![1, 1])]),
        queries(Side::Upstream, [data(&noise(18, 5_000)), QueryEvent::CopyDone]),
        queries(Side::Upstream, [start(CopyDirection::Both, 0, Vec::new())]),
        queries(Side::Client, [QueryEvent::CopyFail { message: bytes("enough") }, QueryEvent::Terminate]),
    ]
    .concat()
}

fn exchange(side: Side, events: impl IntoIterator<Item = HttpEvent>) -> Vec<(Side, Kind)> {
    events.into_iter().map(|event| (side, Kind::Http(event))).collect()
}

fn line(name: &'static str, value: &'static [u8], concealed_bytes: u32) -> HeaderField {
    HeaderField { name: bytes(name), value: Bytes::from_static(value), concealed_bytes }
}

/// Requests of every version.
fn requested() -> Vec<(Side, Kind)> {
    let request = |version, method, path, fields| HttpEvent::Request {
        version,
        method: bytes(method),
        scheme: bytes("https"),
        authority: bytes("api.example.com:8443"),
        path: bytes(path),
        protocol: None,
        fields,
    };
    let fields = vec![
        line("Accept", b"*/*", 0),
        line("Authorization", b"Bearer ", 43),
        line("X-Odd", b"caf\xe9 \\ \t", 0),
        line("Cookie", b"", 70_000),
    ];
    let tunnel = HttpEvent::Request {
        version: HttpVersion::Http10,
        method: bytes("CONNECT"),
        scheme: Bytes::new(),
        authority: bytes("[2001:db8::1]:443"),
        path: Bytes::new(),
        protocol: None,
        fields: Vec::new(),
    };
    let events = [
        request(HttpVersion::Http11, "GET", "/v1/orders?limit=2&key=***", fields),
        HttpEvent::End,
        request(HttpVersion::Http2, "POST", "/v1/orders", vec![line("content-type", b"application/json", 0)]),
        HttpEvent::Body { bytes: log_lines(19, 5_000).into() },
        HttpEvent::Body { bytes: noise(20, 300).into() },
        HttpEvent::Body { bytes: Bytes::new() },
        HttpEvent::Trailers { fields: vec![line("x-sum", b"1", 0)] },
        HttpEvent::End,
        HttpEvent::Reset { code: 8, reason: text("the client cancelled: tür") },
        tunnel,
    ];
    exchange(Side::Client, events)
}

/// Responses of every version.
fn responded() -> Vec<(Side, Kind)> {
    let response = |version, status, reason, fields| HttpEvent::Response {
        version,
        status,
        reason: Bytes::from_static(reason),
        fields,
    };
    let events = [
        HttpEvent::Informational { status: 100, fields: Vec::new() },
        HttpEvent::Informational { status: 103, fields: vec![line("Link", b"</style.css>; rel=preload", 0)] },
        response(HttpVersion::Http11, 200, b"OK", vec![line("Set-Cookie", b"sid=", 251)]),
        HttpEvent::Body { bytes: noise(21, 20_000).into() },
        HttpEvent::Trailers { fields: Vec::new() },
        HttpEvent::End,
        response(HttpVersion::Http2, 599, b"", Vec::new()),
        HttpEvent::Reset { code: u32::MAX, reason: String::new() },
    ];
    let own = [response(HttpVersion::Http10, 403, b"Verboten \xfc", Vec::new()), HttpEvent::End];
    [exchange(Side::Upstream, events), exchange(Side::Client, own)].concat()
}

/// Another protocol on the lane of an exchange.
fn upgraded() -> Vec<(Side, Kind)> {
    let request = HttpEvent::Request {
        version: HttpVersion::Http2,
        method: bytes("CONNECT"),
        scheme: bytes("http"),
        authority: bytes("localhost"),
        path: bytes("/chat"),
        protocol: Some(bytes("websocket")),
        fields: Vec::new(),
    };
    let message = |kind, bytes: Vec<u8>, first, last| HttpEvent::Message { kind, bytes: bytes.into(), first, last };
    let control = |kind, bytes: &'static [u8]| HttpEvent::Control { kind, bytes: Bytes::from_static(bytes) };
    let down = [
        HttpEvent::Upgrade { protocol: bytes("websocket") },
        message(MessageKind::Text, "hällo \\".into(), true, true),
        message(MessageKind::Binary, noise(22, 400), true, false),
        message(MessageKind::Binary, noise(23, 5), false, false),
        message(MessageKind::Binary, Vec::new(), false, true),
        control(ControlKind::Ping, b"\x00\xff"),
    ];
    let up = [control(ControlKind::Pong, b""), control(ControlKind::Close, b"\x03\xe8bye")];
    [exchange(Side::Client, [request]), exchange(Side::Upstream, down), exchange(Side::Client, up)].concat()
}
