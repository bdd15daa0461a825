//! A tape as lines of JSON that two readers can be compared by: the header, each event, the verdict.
//!
//! Keys are sorted and nothing stands between the tokens. Bytes are shown as text in which everything but printable
//! ASCII is `\xNN` (and so is `\`); more than 256 of them as their number and their BLAKE3 hash.

mod git;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use bytes::Bytes;
use serde_json::{Value, json};
use wiretape_core::event::{
    Acknowledged, Column, ControlKind, CopyDirection, Field, FileEvent, FileOperation, HeaderField, HttpEvent,
    HttpVersion, MessageKind, Parameter, Prepared, PrincipalKind, ProcessEvent, ProcessKind, QueryEvent, Scope,
    SessionEvent, StreamEvent, StreamKind, TerminalEvent, TerminalSize, TransactionStatus,
};
use wiretape_core::{Event, Kind, Verdict};
use wiretape_recorder::{Report, Tape, verify};

const SHOWN_BYTES_MAX: usize = 256;

/// The listing of the tape at `path`.
pub(crate) fn listing(path: &Path) -> String {
    let mut lines = String::new();
    if let Ok(tape) = Tape::open(path) {
        let header = tape.header();
        let header = object([
            ("version", json!(header.version)),
            ("id", json!(header.id.to_string())),
            ("opened_unix_nanos", json!(header.opened_unix_nanos)),
        ]);
        lines = format!("{}\n", object([("tape", header)]));
        for (number, event) in (0u64..).zip(tape.events().map_while(Result::ok)) {
            let line = object([
                ("number", json!(number)),
                ("at", json!(event.at.as_nanos())),
                ("side", json!(event.side.name())),
                ("lane", json!(event.lane.0)),
                ("event", json!(event.kind.name())),
                ("fields", fields(&event)),
            ]);
            writeln!(lines, "{line}").unwrap();
        }
    }
    writeln!(lines, "{}", verdict(&verify(path).unwrap())).unwrap();
    lines
}

fn verdict(report: &Report) -> Value {
    use wiretape_recorder::Verdict;
    let mut fields = vec![
        ("events", json!(report.events)),
        ("chunks", json!(report.chunks)),
        ("gaps", json!(report.gaps)),
        ("root", json!(hex(&report.root))),
    ];
    match &report.verdict {
        Verdict::Complete | Verdict::CompleteWithGaps(_) => fields.push(("verdict", json!("complete"))),
        Verdict::UnsealedTail { cut_bytes, .. } => {
            fields.extend([("verdict", json!("unsealed tail")), ("cut_bytes", json!(cut_bytes))]);
        }
        Verdict::Tampered { offset, .. } => {
            fields.extend([("verdict", json!("tampered")), ("offset", json!(offset))]);
        }
    }
    object(fields)
}

fn object(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let sorted: BTreeMap<&str, Value> = fields.into_iter().collect();
    Value::Object(sorted.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn shown(bytes: &[u8]) -> Value {
    if bytes.len() > SHOWN_BYTES_MAX {
        return object([("bytes", json!(bytes.len())), ("blake3", json!(blake3::hash(bytes).to_string()))]);
    }
    let mut text = String::new();
    for &byte in bytes {
        match byte {
            b' '..=b'~' if byte != b'\\' => text.push(char::from(byte)),
            _ => write!(text, "\\x{byte:02x}").unwrap(),
        }
    }
    json!(text)
}

fn fields(event: &Event) -> Value {
    match &event.kind {
        Kind::Session(event) => session(event),
        Kind::Terminal(event) => terminal(event),
        Kind::Process(event) => process(event),
        Kind::Stream(event) => stream(event),
        Kind::File(event) => file(event),
        Kind::Query(event) => query(event),
        Kind::Http(event) => http(event),
        Kind::Git(event) => git::git(event),
    }
}

fn session(event: &SessionEvent) -> Value {
    match event {
        SessionEvent::Opened(opened) => {
            let mut fields = vec![
                ("person", json!(opened.person)),
                ("groups", json!(opened.groups)),
                ("proof", json!(opened.proof)),
                ("target", json!(opened.target)),
                ("target_kind", json!(opened.target_kind)),
                ("login", json!(opened.login)),
                ("protocol", json!(opened.protocol)),
                ("client_address", json!(opened.client_address)),
                ("client_program", json!(opened.client_program)),
                ("rule", json!(opened.rule)),
                ("gateway", json!(opened.gateway)),
                ("opened_unix_nanos", json!(opened.opened_unix_nanos)),
            ];
            let words = [&opened.issuer, &opened.subject, &opened.on_behalf_of];
            // A tape says no more of a person for whom nobody vouches.
            if opened.kind != PrincipalKind::Person || words.iter().any(|word| !word.is_empty()) {
                fields.push(("kind", json!(opened.kind.name())));
                fields.push(("issuer", json!(opened.issuer)));
                fields.push(("subject", json!(opened.subject)));
                fields.push(("on_behalf_of", json!(opened.on_behalf_of)));
            }
            object(fields)
        }
        SessionEvent::Decision { action, resource, rule, verdict: said, nanos } => {
            let mut fields = vec![
                ("action", json!(action)),
                ("resource", json!(resource)),
                ("rule", json!(rule)),
                ("verdict", ruling(said)),
            ];
            if *nanos != 0 {
                fields.push(("nanos", json!(nanos)));
            }
            object(fields)
        }
        SessionEvent::Asked(asked) => {
            let approvers =
                asked.approvers.iter().map(|its| object([("group", json!(its.group)), ("count", json!(its.count))]));
            object([
                ("question", json!(asked.question)),
                ("action", json!(asked.action)),
                ("resource", json!(asked.resource)),
                ("rule", json!(asked.rule)),
                ("approvers", approvers.collect()),
                ("expires_unix_nanos", json!(asked.expires_unix_nanos)),
            ])
        }
        SessionEvent::Answered(answered) => {
            let scope = match answered.scope {
                Scope::Once => object([("type", json!("once"))]),
                Scope::Session => object([("type", json!("session"))]),
                Scope::Until { unix_nanos } => object([("type", json!("until")), ("unix_nanos", json!(unix_nanos))]),
            };
            object([
                ("question", json!(answered.question)),
                ("verdict", ruling(&answered.verdict)),
                ("by", json!(answered.by)),
                ("scope", scope),
                ("nanos", json!(answered.nanos)),
            ])
        }
        SessionEvent::Notice { text } => object([("text", json!(text))]),
        SessionEvent::Gap { events, bytes, reason } => {
            object([("events", json!(events)), ("bytes", json!(bytes)), ("reason", json!(reason))])
        }
        SessionEvent::Marker { label } | SessionEvent::Labelled { label } => object([("label", json!(label))]),
        SessionEvent::Fault { by, expected, got } => {
            object([("by", json!(by.name())), ("expected", json!(expected)), ("got", json!(got))])
        }
        SessionEvent::Closed { reason } => object([("reason", json!(reason))]),
    }
}

fn ruling(verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Allow => object([("type", json!("allow"))]),
        Verdict::Refuse(reason) => {
            object([("type", json!("refuse")), ("rule", json!(reason.rule)), ("text", json!(reason.text))])
        }
    }
}

fn size(size: &TerminalSize) -> Value {
    object([
        ("columns", json!(size.columns)),
        ("rows", json!(size.rows)),
        ("width_px", json!(size.width_px)),
        ("height_px", json!(size.height_px)),
    ])
}

fn terminal(event: &TerminalEvent) -> Value {
    match event {
        TerminalEvent::Start { term, size: its, modes } => {
            object([("term", json!(term)), ("size", size(its)), ("modes", json!(modes))])
        }
        TerminalEvent::Input { bytes } => object([("bytes", shown(bytes))]),
        TerminalEvent::Concealed { count } => object([("count", json!(count))]),
        TerminalEvent::Echoed { skipped, bytes } => object([("skipped", json!(skipped)), ("bytes", shown(bytes))]),
        TerminalEvent::Output { error, bytes } => object([("error", json!(error)), ("bytes", shown(bytes))]),
        TerminalEvent::Resize { size: its } => object([("size", size(its))]),
    }
}

fn process(event: &ProcessEvent) -> Value {
    match event {
        ProcessEvent::Start { kind } => {
            let kind = match kind {
                ProcessKind::Shell => object([("type", json!("shell"))]),
                ProcessKind::Exec { command } => object([("type", json!("exec")), ("command", shown(command))]),
                ProcessKind::Subsystem { name } => object([("type", json!("subsystem")), ("name", json!(name))]),
            };
            object([("kind", kind)])
        }
        ProcessEvent::Environment { name, value } => object([("name", json!(name)), ("value", shown(value))]),
        ProcessEvent::Agent => object([]),
        ProcessEvent::Answer { request, accepted } => {
            object([("request", json!(request)), ("accepted", json!(accepted))])
        }
        ProcessEvent::Signal { name } => object([("name", json!(name))]),
        ProcessEvent::Exit { status } => object([("status", json!(status))]),
        ProcessEvent::Killed { signal, core_dumped, message } => {
            object([("signal", json!(signal)), ("core_dumped", json!(core_dumped)), ("message", json!(message))])
        }
    }
}

fn stream(event: &StreamEvent) -> Value {
    match event {
        StreamEvent::Open { kind } => object([("kind", stream_kind(kind))]),
        StreamEvent::Accepted | StreamEvent::Eof | StreamEvent::Close => object([]),
        StreamEvent::Rejected { reason } => object([("reason", json!(reason))]),
        StreamEvent::Data { error, bytes } => object([("error", json!(error)), ("bytes", shown(bytes))]),
        StreamEvent::Listen { address, port } | StreamEvent::Unlisten { address, port } => {
            object([("address", json!(address)), ("port", json!(port))])
        }
        StreamEvent::Listening { address, port, accepted } => {
            object([("address", json!(address)), ("port", json!(port)), ("accepted", json!(accepted))])
        }
        StreamEvent::Opaque { what } => object([("what", json!(what))]),
    }
}

fn stream_kind(kind: &StreamKind) -> Value {
    let mut fields = vec![("type", json!(kind.name()))];
    match kind {
        StreamKind::Session | StreamKind::Agent => {}
        StreamKind::DirectTcpip { host, port, originator, originator_port }
        | StreamKind::ForwardedTcpip { host, port, originator, originator_port } => fields.extend([
            ("host", json!(host)),
            ("port", json!(port)),
            ("originator", json!(originator)),
            ("originator_port", json!(originator_port)),
        ]),
        StreamKind::DirectStreamlocal { path } | StreamKind::ForwardedStreamlocal { path } => {
            fields.push(("path", json!(path)));
        }
        StreamKind::X11 { originator, originator_port } => {
            fields.extend([("originator", json!(originator)), ("originator_port", json!(originator_port))]);
        }
    }
    object(fields)
}

fn file(event: &FileEvent) -> Value {
    match event {
        FileEvent::Asked { request, operation: its } => {
            object([("request", json!(request)), ("operation", operation(its))])
        }
        FileEvent::Answered { request, status, message } => {
            object([("request", json!(request)), ("status", json!(status)), ("message", json!(message))])
        }
        FileEvent::Read { path, offset, length } | FileEvent::Written { path, offset, length } => {
            object([("path", shown(path)), ("offset", json!(offset)), ("length", json!(length))])
        }
        FileEvent::Closed { path, read_bytes, written_bytes, content_sha256 } => object([
            ("path", shown(path)),
            ("read_bytes", json!(read_bytes)),
            ("written_bytes", json!(written_bytes)),
            ("content_sha256", json!(content_sha256.as_ref().map(|digest| hex(digest)))),
        ]),
    }
}

fn operation(operation: &FileOperation) -> Value {
    let typed = |name: &str, fields: &[(&'static str, Value)]| {
        object([("type", json!(name))].into_iter().chain(fields.iter().cloned()))
    };
    match operation {
        FileOperation::Open { path, mode } => typed(
            "open",
            &[
                ("path", shown(path)),
                ("read", json!(mode.read)),
                ("write", json!(mode.write)),
                ("append", json!(mode.append)),
                ("create", json!(mode.create)),
                ("truncate", json!(mode.truncate)),
                ("exclusive", json!(mode.exclusive)),
            ],
        ),
        FileOperation::List { path } => typed("list", &[("path", shown(path))]),
        FileOperation::Stat { path, follow } => typed("stat", &[("path", shown(path)), ("follow", json!(follow))]),
        FileOperation::SetAttributes { path, size, permissions, owner, times } => typed(
            "set attributes",
            &[
                ("path", shown(path)),
                ("size", json!(size)),
                ("permissions", json!(permissions)),
                ("owner", json!(owner)),
                ("times", json!(times)),
            ],
        ),
        FileOperation::Rename { from, to, replace } => {
            typed("rename", &[("from", shown(from)), ("to", shown(to)), ("replace", json!(replace))])
        }
        FileOperation::Remove { path } => typed("remove", &[("path", shown(path))]),
        FileOperation::MakeDirectory { path } => typed("make directory", &[("path", shown(path))]),
        FileOperation::RemoveDirectory { path } => typed("remove directory", &[("path", shown(path))]),
        FileOperation::Link { target, path, symbolic } => {
            typed("link", &[("target", shown(target)), ("path", shown(path)), ("symbolic", json!(symbolic))])
        }
        FileOperation::ReadLink { path } => typed("read link", &[("path", shown(path))]),
        FileOperation::RealPath { path } => typed("real path", &[("path", shown(path))]),
        FileOperation::Send { path, size, permissions } => {
            typed("send", &[("path", shown(path)), ("size", json!(size)), ("permissions", json!(permissions))])
        }
        FileOperation::Extension { name, path } => typed("extension", &[("name", json!(name)), ("path", shown(path))]),
    }
}

fn query(event: &QueryEvent) -> Value {
    match event {
        QueryEvent::Startup { version, parameters } => {
            let pairs: Vec<_> = parameters.iter().map(|(name, value)| json!([shown(name), shown(value)])).collect();
            object([("version", json!(version)), ("parameters", json!(pairs))])
        }
        QueryEvent::Negotiated { version, unrecognised } => {
            let names: Vec<_> = unrecognised.iter().map(|name| shown(name)).collect();
            object([("version", json!(version)), ("unrecognised", json!(names))])
        }
        QueryEvent::Setting { name, value } => object([("name", shown(name)), ("value", shown(value))]),
        QueryEvent::Key { process_id, key_bytes } => {
            object([("process_id", json!(process_id)), ("key_bytes", json!(key_bytes))])
        }
        QueryEvent::Cancel { address } => object([("address", json!(address))]),
        QueryEvent::Simple { text } => object([("text", shown(text))]),
        QueryEvent::Parse { statement, text, types } => {
            object([("statement", shown(statement)), ("text", shown(text)), ("types", json!(types))])
        }
        QueryEvent::Bind { portal, statement, formats, parameters, result_formats } => object([
            ("portal", shown(portal)),
            ("statement", shown(statement)),
            ("formats", json!(formats)),
            ("parameters", json!(parameters.iter().map(parameter).collect::<Vec<_>>())),
            ("result_formats", json!(result_formats)),
        ]),
        QueryEvent::Describe { of, name } | QueryEvent::Close { of, name } => {
            object([("of", json!(prepared(*of))), ("name", shown(name))])
        }
        QueryEvent::Execute { portal, statement, rows_max } => {
            object([("portal", shown(portal)), ("statement", optional(statement)), ("rows_max", json!(rows_max))])
        }
        QueryEvent::Call { function_id, formats, arguments, result_format } => object([
            ("function_id", json!(function_id)),
            ("formats", json!(formats)),
            ("arguments", json!(arguments.iter().map(optional).collect::<Vec<_>>())),
            ("result_format", json!(result_format)),
        ]),
        QueryEvent::Returned { value } => object([("value", optional(value))]),
        QueryEvent::Types { types } => object([("types", json!(types))]),
        QueryEvent::Columns { columns } => object([("columns", json!(columns.iter().map(column).collect::<Vec<_>>()))]),
        QueryEvent::Rows { count, bytes } | QueryEvent::CopyData { count, bytes } => {
            object([("count", json!(count)), ("bytes", shown(bytes))])
        }
        QueryEvent::CopyStart { direction, format, formats } => {
            let direction = match direction {
                CopyDirection::In => "in",
                CopyDirection::Out => "out",
                CopyDirection::Both => "both",
            };
            object([("direction", json!(direction)), ("format", json!(format)), ("formats", json!(formats))])
        }
        QueryEvent::CopyFail { message } => object([("message", shown(message))]),
        QueryEvent::Complete { tag, rows } => object([("tag", shown(tag)), ("rows", json!(rows))]),
        QueryEvent::Acknowledged { what } => {
            let what = match what {
                Acknowledged::Parse => "parse",
                Acknowledged::Bind => "bind",
                Acknowledged::Close => "close",
                Acknowledged::NoData => "no data",
                Acknowledged::EmptyQuery => "empty query",
                Acknowledged::PortalSuspended => "portal suspended",
            };
            object([("what", json!(what))])
        }
        QueryEvent::Error { fields } | QueryEvent::Notice { fields } => {
            object([("fields", json!(fields.iter().map(field).collect::<Vec<_>>()))])
        }
        QueryEvent::Ready { status } => {
            let status = match status {
                TransactionStatus::Idle => "idle",
                TransactionStatus::InTransaction => "in transaction",
                TransactionStatus::Failed => "failed",
            };
            object([("status", json!(status))])
        }
        QueryEvent::Notification { process_id, channel, payload } => {
            object([("process_id", json!(process_id)), ("channel", shown(channel)), ("payload", shown(payload))])
        }
        QueryEvent::Long { letter, bytes, last } => {
            object([("letter", json!(letter)), ("bytes", shown(bytes)), ("last", json!(last))])
        }
        QueryEvent::Flush | QueryEvent::Sync | QueryEvent::CopyDone | QueryEvent::Terminate => object([]),
    }
}

fn http(event: &HttpEvent) -> Value {
    let version = |version: &HttpVersion| match version {
        HttpVersion::Http10 => json!("HTTP/1.0"),
        HttpVersion::Http11 => json!("HTTP/1.1"),
        HttpVersion::Http2 => json!("HTTP/2"),
    };
    match event {
        HttpEvent::Request { version: its, method, scheme, authority, path, protocol, fields } => object([
            ("version", version(its)),
            ("method", shown(method)),
            ("scheme", shown(scheme)),
            ("authority", shown(authority)),
            ("path", shown(path)),
            ("protocol", optional(protocol)),
            ("fields", section(fields)),
        ]),
        HttpEvent::Informational { status, fields } => object([("status", json!(status)), ("fields", section(fields))]),
        HttpEvent::Response { version: its, status, reason, fields } => object([
            ("version", version(its)),
            ("status", json!(status)),
            ("reason", shown(reason)),
            ("fields", section(fields)),
        ]),
        HttpEvent::Body { bytes } => object([("bytes", shown(bytes))]),
        HttpEvent::Trailers { fields } => object([("fields", section(fields))]),
        HttpEvent::End => object([]),
        HttpEvent::Upgrade { protocol } => object([("protocol", shown(protocol))]),
        HttpEvent::Reset { code, reason } => object([("code", json!(code)), ("reason", json!(reason))]),
        HttpEvent::Message { kind, bytes, first, last } => {
            let kind = match kind {
                MessageKind::Text => "text",
                MessageKind::Binary => "binary",
            };
            object([("kind", json!(kind)), ("bytes", shown(bytes)), ("first", json!(first)), ("last", json!(last))])
        }
        HttpEvent::Control { kind, bytes } => {
            let kind = match kind {
                ControlKind::Ping => "ping",
                ControlKind::Pong => "pong",
                ControlKind::Close => "close",
            };
            object([("kind", json!(kind)), ("bytes", shown(bytes))])
        }
    }
}

fn section(fields: &[HeaderField]) -> Value {
    let field = |field: &HeaderField| {
        object([
            ("name", shown(&field.name)),
            ("value", shown(&field.value)),
            ("concealed_bytes", json!(field.concealed_bytes)),
        ])
    };
    json!(fields.iter().map(field).collect::<Vec<_>>())
}

fn optional(value: &Option<Bytes>) -> Value {
    value.as_ref().map_or(Value::Null, |value| shown(value))
}

fn prepared(of: Prepared) -> &'static str {
    match of {
        Prepared::Statement => "statement",
        Prepared::Portal => "portal",
    }
}

fn parameter(parameter: &Parameter) -> Value {
    object([("type_id", json!(parameter.type_id)), ("value", optional(&parameter.value))])
}

fn column(column: &Column) -> Value {
    object([
        ("name", shown(&column.name)),
        ("table_id", json!(column.table_id)),
        ("attribute", json!(column.attribute)),
        ("type_id", json!(column.type_id)),
        ("type_size", json!(column.type_size)),
        ("type_modifier", json!(column.type_modifier)),
        ("format", json!(column.format)),
    ])
}

fn field(field: &Field) -> Value {
    object([("letter", json!(field.letter)), ("text", shown(&field.text))])
}
