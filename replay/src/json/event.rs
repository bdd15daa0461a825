//! An event as JSON.

use wiretape_core::event::{
    FileEvent, FileOperation, OpenMode, ProcessEvent, ProcessKind, QuestionAnswered, QuestionAsked, Scope,
    SessionEvent, SessionOpened, StreamEvent, StreamKind, TerminalEvent, TerminalSize,
};
use wiretape_core::{Event, Kind, Verdict};

use super::Object;
use super::git::git;
use super::http::http;
use super::query::Queries;
use crate::legible::hex;
use crate::wallclock;

/// Turns the events of one session into lines of JSON, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    queries: Queries,
}

impl Lines {
    /// Event `number` (counted from 0) of the session, as one line of JSON.
    #[must_use]
    pub fn event(&mut self, number: u64, event: &Event) -> String {
        let mut object = Object::default();
        object.put("number", number);
        object.put("at_ns", event.at.as_nanos());
        object.put("side", event.side.name());
        object.put("lane", event.lane.0);
        object.put("kind", event.kind.name());
        match &event.kind {
            Kind::Session(event) => session(&mut object, event),
            Kind::Terminal(event) => terminal(&mut object, event),
            Kind::Process(event) => process(&mut object, event),
            Kind::Stream(event) => stream(&mut object, event),
            Kind::File(event) => file(&mut object, event),
            Kind::Query(said) => self.queries.put(&mut object, event, said),
            Kind::Http(said) => http(&mut object, said),
            Kind::Git(said) => git(&mut object, said),
        }
        object.finish()
    }
}

fn session(object: &mut Object, event: &SessionEvent) {
    match event {
        SessionEvent::Opened(opened) => session_opened(object, opened),
        SessionEvent::Decision { action, resource, rule, verdict, nanos } => {
            object.put("action", action.as_str());
            object.put("resource", resource.as_str());
            object.put("rule", rule.as_str());
            put_verdict(object, verdict);
            object.put("nanos", *nanos);
        }
        SessionEvent::Asked(asked) => {
            let QuestionAsked { question, action, resource, rule, approvers, expires_unix_nanos } = asked.as_ref();
            object.put("question", question.as_str());
            object.put("action", action.as_str());
            object.put("resource", resource.as_str());
            object.put("rule", rule.as_str());
            let approvers = approvers.iter().map(|its| serde_json::json!({ "group": its.group, "count": its.count }));
            object.put("approvers", approvers.collect::<Vec<_>>());
            object.put("expires", wallclock::exact(*expires_unix_nanos));
        }
        SessionEvent::Answered(answered) => {
            let QuestionAnswered { question, verdict, by, scope, nanos } = answered.as_ref();
            object.put("question", question.as_str());
            put_verdict(object, verdict);
            object.put("by", by.clone());
            match scope {
                Scope::Once => object.put("scope", "once"),
                Scope::Session => object.put("scope", "session"),
                Scope::Until { unix_nanos } => {
                    object.put("scope", "until");
                    object.put("until", wallclock::exact(*unix_nanos));
                }
            }
            object.put("nanos", *nanos);
        }
        SessionEvent::Notice { text } => object.put("text", text.as_str()),
        SessionEvent::Gap { events, bytes, reason } => {
            object.put("events", *events);
            object.put("bytes", *bytes);
            object.put("reason", reason.as_str());
        }
        SessionEvent::Marker { label } | SessionEvent::Labelled { label } => object.put("label", label.as_str()),
        SessionEvent::Fault { by, expected, got } => {
            object.put("by", by.name());
            object.put("expected", expected.as_str());
            object.put("got", got.as_str());
        }
        SessionEvent::Closed { reason } => object.put("reason", reason.as_str()),
    }
}

fn put_verdict(object: &mut Object, verdict: &Verdict) {
    match verdict {
        Verdict::Allow => object.put("verdict", "allow"),
        Verdict::Refuse(reason) => {
            object.put("verdict", "refuse");
            object.put("reason", reason.text.as_str());
        }
    }
}

fn session_opened(object: &mut Object, opened: &SessionOpened) {
    object.put("person", opened.person.as_str());
    object.put("principal_kind", opened.kind.name());
    object.put("issuer", opened.issuer.as_str());
    object.put("subject", opened.subject.as_str());
    object.put("on_behalf_of", opened.on_behalf_of.as_str());
    object.put("groups", opened.groups.clone());
    object.put("proof", opened.proof.as_str());
    object.put("target", opened.target.as_str());
    object.put("target_kind", opened.target_kind.as_str());
    object.put("login", opened.login.as_str());
    object.put("protocol", opened.protocol.as_str());
    object.put("client_address", opened.client_address.as_str());
    object.put("client_program", opened.client_program.as_str());
    object.put("rule", opened.rule.as_str());
    object.put("gateway", opened.gateway.as_str());
    object.put("opened", wallclock::exact(opened.opened_unix_nanos));
}

fn terminal(object: &mut Object, event: &TerminalEvent) {
    match event {
        TerminalEvent::Start { term, size, modes } => {
            object.put("term", term.as_str());
            terminal_size(object, size);
            let modes: Vec<_> = modes.iter().map(|(code, value)| serde_json::json!([code, value])).collect();
            object.put("modes", modes);
        }
        TerminalEvent::Input { bytes } => object.put_payload(bytes),
        TerminalEvent::Echoed { skipped, bytes } => {
            object.put("skipped", *skipped);
            object.put_payload(bytes);
        }
        TerminalEvent::Concealed { count } => object.put("count", *count),
        TerminalEvent::Output { error, bytes } => {
            object.put("error", *error);
            object.put_payload(bytes);
        }
        TerminalEvent::Resize { size } => terminal_size(object, size),
    }
}

fn terminal_size(object: &mut Object, size: &TerminalSize) {
    object.put("columns", size.columns);
    object.put("rows", size.rows);
    object.put("width_px", size.width_px);
    object.put("height_px", size.height_px);
}

fn process(object: &mut Object, event: &ProcessEvent) {
    match event {
        ProcessEvent::Start { kind } => match kind {
            ProcessKind::Shell => object.put("program", "shell"),
            ProcessKind::Exec { command } => {
                object.put("program", "exec");
                object.put_bytes("command", command);
            }
            ProcessKind::Subsystem { name } => {
                object.put("program", "subsystem");
                object.put("name", name.as_str());
            }
        },
        ProcessEvent::Environment { name, value } => {
            object.put("name", name.as_str());
            object.put_bytes("value", value);
        }
        ProcessEvent::Agent => {}
        ProcessEvent::Answer { request, accepted } => {
            object.put("request", request.as_str());
            object.put("accepted", *accepted);
        }
        ProcessEvent::Signal { name } => object.put("signal", name.as_str()),
        ProcessEvent::Exit { status } => object.put("status", *status),
        ProcessEvent::Killed { signal, core_dumped, message } => {
            object.put("signal", signal.as_str());
            object.put("core_dumped", *core_dumped);
            object.put("message", message.as_str());
        }
    }
}

fn stream(object: &mut Object, event: &StreamEvent) {
    match event {
        StreamEvent::Open { kind } => stream_kind(object, kind),
        StreamEvent::Accepted | StreamEvent::Eof | StreamEvent::Close => {}
        StreamEvent::Rejected { reason } => object.put("reason", reason.as_str()),
        StreamEvent::Data { error, bytes } => {
            object.put("error", *error);
            object.put_payload(bytes);
        }
        StreamEvent::Listen { address, port } | StreamEvent::Unlisten { address, port } => {
            object.put("address", address.as_str());
            object.put("port", *port);
        }
        StreamEvent::Listening { address, port, accepted } => {
            object.put("address", address.as_str());
            object.put("port", *port);
            object.put("accepted", *accepted);
        }
        StreamEvent::Opaque { what } => object.put("what", what.as_str()),
    }
}

fn stream_kind(object: &mut Object, kind: &StreamKind) {
    object.put("stream", kind.name());
    match kind {
        StreamKind::Session | StreamKind::Agent => {}
        StreamKind::DirectTcpip { host, port, originator, originator_port }
        | StreamKind::ForwardedTcpip { host, port, originator, originator_port } => {
            object.put("host", host.as_str());
            object.put("port", *port);
            object.put("originator", originator.as_str());
            object.put("originator_port", *originator_port);
        }
        StreamKind::DirectStreamlocal { path } | StreamKind::ForwardedStreamlocal { path } => {
            object.put("path", path.as_str());
        }
        StreamKind::X11 { originator, originator_port } => {
            object.put("originator", originator.as_str());
            object.put("originator_port", *originator_port);
        }
    }
}

fn file(object: &mut Object, event: &FileEvent) {
    match event {
        FileEvent::Asked { request, operation } => {
            object.put("request", *request);
            file_operation(object, operation);
        }
        FileEvent::Answered { request, status, message } => {
            object.put("request", *request);
            object.put("status", *status);
            object.put("message", message.as_str());
        }
        FileEvent::Read { path, offset, length } | FileEvent::Written { path, offset, length } => {
            object.put_bytes("path", path);
            object.put("offset", *offset);
            object.put("length", *length);
        }
        FileEvent::Closed { path, read_bytes, written_bytes, content_sha256 } => {
            object.put_bytes("path", path);
            object.put("read_bytes", *read_bytes);
            object.put("written_bytes", *written_bytes);
            object.put("content_sha256", content_sha256.map(|hash| hex(&hash)));
        }
    }
}

fn file_operation(object: &mut Object, operation: &FileOperation) {
    let name = |object: &mut Object, name: &str| object.put("operation", name);
    match operation {
        FileOperation::Open { path, mode } => {
            name(object, "open");
            object.put_bytes("path", path);
            object.put("mode", open_mode(*mode));
        }
        FileOperation::List { path } => {
            name(object, "list");
            object.put_bytes("path", path);
        }
        FileOperation::Stat { path, follow } => {
            name(object, "stat");
            object.put_bytes("path", path);
            object.put("follow", *follow);
        }
        FileOperation::SetAttributes { path, size, permissions, owner, times } => {
            name(object, "set-attributes");
            object.put_bytes("path", path);
            object.put("size", *size);
            object.put("permissions", permissions.map(|bits| format!("{bits:04o}")));
            object.put("owner", owner.map(|(user, group)| vec![user, group]));
            object.put("times", times.map(|(accessed, modified)| vec![accessed, modified]));
        }
        FileOperation::Rename { from, to, replace } => {
            name(object, "rename");
            object.put_bytes("from", from);
            object.put_bytes("to", to);
            object.put("replace", *replace);
        }
        FileOperation::Remove { path } => {
            name(object, "remove");
            object.put_bytes("path", path);
        }
        FileOperation::MakeDirectory { path } => {
            name(object, "make-directory");
            object.put_bytes("path", path);
        }
        FileOperation::RemoveDirectory { path } => {
            name(object, "remove-directory");
            object.put_bytes("path", path);
        }
        FileOperation::Link { target, path, symbolic } => {
            name(object, "link");
            object.put_bytes("target", target);
            object.put_bytes("path", path);
            object.put("symbolic", *symbolic);
        }
        FileOperation::ReadLink { path } => {
            name(object, "read-link");
            object.put_bytes("path", path);
        }
        FileOperation::RealPath { path } => {
            name(object, "real-path");
            object.put_bytes("path", path);
        }
        FileOperation::Send { path, size, permissions } => {
            name(object, "send");
            object.put_bytes("path", path);
            object.put("size", *size);
            object.put("permissions", format!("{permissions:04o}"));
        }
        FileOperation::Extension { name: extension, path } => {
            name(object, "extension");
            object.put("name", extension.as_str());
            object.put_bytes("path", path);
        }
    }
}

/// The words of an open mode, in a fixed order.
fn open_mode(mode: OpenMode) -> Vec<&'static str> {
    [
        (mode.read, "read"),
        (mode.write, "write"),
        (mode.append, "append"),
        (mode.create, "create"),
        (mode.truncate, "truncate"),
        (mode.exclusive, "exclusive"),
    ]
    .into_iter()
    .filter_map(|(set, word)| set.then_some(word))
    .collect()
}
