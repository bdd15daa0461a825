//! What an event costs while it waits.

use bytes::Bytes;
use wiretape_core::event::{
    FileEvent, FileOperation, GitEvent, HeaderField, HttpEvent, Ident, ProcessEvent, ProcessKind, QueryEvent,
    QuestionAnswered, QuestionAsked, RefReport, SessionEvent, SessionOpened, StreamEvent, StreamKind, TerminalEvent,
};
use wiretape_core::{Event, Kind, Verdict};

/// Bytes of memory that `event` keeps busy.
pub(crate) fn bytes(event: &Event) -> usize {
    let own = match &event.kind {
        Kind::Session(event) => session(event),
        Kind::Terminal(event) => terminal(event),
        Kind::Process(event) => process(event),
        Kind::Stream(event) => stream(event),
        Kind::File(event) => file(event),
        Kind::Query(event) => query(event),
        Kind::Http(event) => http(event),
        Kind::Git(event) => git(event),
    };
    size_of::<Event>().saturating_add(own)
}

fn session(event: &SessionEvent) -> usize {
    match event {
        SessionEvent::Opened(opened) => self::opened(opened),
        SessionEvent::Decision { action, resource, rule, verdict, nanos: _ } => {
            action.len() + resource.len() + rule.len() + said(verdict)
        }
        SessionEvent::Asked(asked) => {
            let QuestionAsked { question, action, resource, rule, approvers, expires_unix_nanos: _ } = asked.as_ref();
            let groups: usize = approvers.iter().map(|its| its.group.len()).sum();
            let texts = question.len() + action.len() + resource.len() + rule.len();
            size_of::<QuestionAsked>() + texts + groups + list(approvers)
        }
        SessionEvent::Answered(answered) => {
            let QuestionAnswered { question, verdict, by, scope: _, nanos: _ } = answered.as_ref();
            let names: usize = by.iter().map(String::len).sum();
            size_of::<QuestionAnswered>() + question.len() + said(verdict) + names + list(by)
        }
        SessionEvent::Notice { text }
        | SessionEvent::Marker { label: text }
        | SessionEvent::Labelled { label: text } => text.len(),
        SessionEvent::Gap { reason, .. } | SessionEvent::Closed { reason } => reason.len(),
        SessionEvent::Fault { expected, got, .. } => expected.len() + got.len(),
    }
}

fn said(verdict: &Verdict) -> usize {
    match verdict {
        Verdict::Allow => 0,
        Verdict::Refuse(reason) => reason.rule.len() + reason.text.len(),
    }
}

fn opened(opened: &SessionOpened) -> usize {
    let groups: usize = opened.groups.iter().map(|group| group.len() + size_of::<String>()).sum();
    let texts = [
        &opened.person,
        &opened.issuer,
        &opened.subject,
        &opened.on_behalf_of,
        &opened.proof,
        &opened.target,
        &opened.target_kind,
        &opened.login,
        &opened.protocol,
        &opened.client_address,
        &opened.client_program,
        &opened.rule,
        &opened.gateway,
    ];
    size_of::<SessionOpened>() + groups + texts.iter().map(|text| text.len()).sum::<usize>()
}

fn terminal(event: &TerminalEvent) -> usize {
    match event {
        TerminalEvent::Start { term, modes, .. } => term.len() + modes.len() * size_of::<(u8, u32)>(),
        TerminalEvent::Input { bytes } | TerminalEvent::Echoed { bytes, .. } | TerminalEvent::Output { bytes, .. } => {
            bytes.len()
        }
        TerminalEvent::Concealed { .. } | TerminalEvent::Resize { .. } => 0,
    }
}

fn process(event: &ProcessEvent) -> usize {
    match event {
        ProcessEvent::Start { kind: ProcessKind::Exec { command } } => command.len(),
        ProcessEvent::Start { kind: ProcessKind::Subsystem { name } } => name.len(),
        ProcessEvent::Environment { name, value } => name.len() + value.len(),
        ProcessEvent::Answer { request: name, .. } | ProcessEvent::Signal { name } => name.len(),
        ProcessEvent::Killed { signal, message, .. } => signal.len() + message.len(),
        ProcessEvent::Start { kind: ProcessKind::Shell } | ProcessEvent::Agent | ProcessEvent::Exit { .. } => 0,
    }
}

fn stream(event: &StreamEvent) -> usize {
    match event {
        StreamEvent::Data { bytes, .. } => bytes.len(),
        StreamEvent::Open { kind } => match kind {
            StreamKind::DirectTcpip { host, originator, .. } | StreamKind::ForwardedTcpip { host, originator, .. } => {
                host.len() + originator.len()
            }
            StreamKind::DirectStreamlocal { path } | StreamKind::ForwardedStreamlocal { path } => path.len(),
            StreamKind::X11 { originator, .. } => originator.len(),
            StreamKind::Session | StreamKind::Agent => 0,
        },
        StreamEvent::Rejected { reason: text }
        | StreamEvent::Listen { address: text, .. }
        | StreamEvent::Listening { address: text, .. }
        | StreamEvent::Unlisten { address: text, .. }
        | StreamEvent::Opaque { what: text } => text.len(),
        StreamEvent::Accepted | StreamEvent::Eof | StreamEvent::Close => 0,
    }
}

fn file(event: &FileEvent) -> usize {
    match event {
        FileEvent::Asked { operation, .. } => match operation {
            FileOperation::Open { path, .. }
            | FileOperation::List { path }
            | FileOperation::Stat { path, .. }
            | FileOperation::SetAttributes { path, .. }
            | FileOperation::Remove { path }
            | FileOperation::MakeDirectory { path }
            | FileOperation::RemoveDirectory { path }
            | FileOperation::ReadLink { path }
            | FileOperation::RealPath { path }
            | FileOperation::Send { path, .. } => path.len(),
            FileOperation::Rename { from, to, .. } => from.len() + to.len(),
            FileOperation::Link { target, path, .. } => target.len() + path.len(),
            FileOperation::Extension { name, path } => name.len() + path.len(),
        },
        FileEvent::Answered { message, .. } => message.len(),
        FileEvent::Read { path, .. } | FileEvent::Written { path, .. } | FileEvent::Closed { path, .. } => path.len(),
    }
}

fn query(event: &QueryEvent) -> usize {
    match event {
        QueryEvent::Startup { parameters, .. } => {
            let texts: usize = parameters.iter().map(|(name, value)| name.len() + value.len()).sum();
            texts + list(parameters)
        }
        QueryEvent::Negotiated { unrecognised, .. } => {
            unrecognised.iter().map(Bytes::len).sum::<usize>() + list(unrecognised)
        }
        QueryEvent::Setting { name, value } => name.len() + value.len(),
        QueryEvent::Cancel { address } => address.len(),
        QueryEvent::Parse { statement, text, types } => statement.len() + text.len() + list(types),
        QueryEvent::Bind { portal, statement, formats, parameters, result_formats } => {
            let values: usize = parameters.iter().map(|parameter| optional(&parameter.value)).sum();
            let lists = list(formats) + list(result_formats) + list(parameters);
            portal.len() + statement.len() + values + lists
        }
        QueryEvent::Describe { name: text, .. }
        | QueryEvent::Close { name: text, .. }
        | QueryEvent::Simple { text }
        | QueryEvent::CopyFail { message: text }
        | QueryEvent::Complete { tag: text, .. } => text.len(),
        QueryEvent::Execute { portal, statement, .. } => portal.len() + optional(statement),
        QueryEvent::Call { formats, arguments, .. } => {
            arguments.iter().map(optional).sum::<usize>() + list(formats) + list(arguments)
        }
        QueryEvent::Returned { value } => optional(value),
        QueryEvent::Types { types } => list(types),
        QueryEvent::Columns { columns } => {
            columns.iter().map(|column| column.name.len()).sum::<usize>() + list(columns)
        }
        QueryEvent::Rows { bytes, .. } | QueryEvent::CopyData { bytes, .. } | QueryEvent::Long { bytes, .. } => {
            bytes.len()
        }
        QueryEvent::CopyStart { formats, .. } => list(formats),
        QueryEvent::Error { fields } | QueryEvent::Notice { fields } => {
            fields.iter().map(|field| field.text.len()).sum::<usize>() + list(fields)
        }
        QueryEvent::Notification { channel, payload, .. } => channel.len() + payload.len(),
        QueryEvent::Key { .. }
        | QueryEvent::Flush
        | QueryEvent::Sync
        | QueryEvent::CopyDone
        | QueryEvent::Acknowledged { .. }
        | QueryEvent::Ready { .. }
        | QueryEvent::Terminate => 0,
    }
}

fn http(event: &HttpEvent) -> usize {
    match event {
        HttpEvent::Request { version: _, method, scheme, authority, path, protocol, fields } => {
            let texts = method.len() + scheme.len() + authority.len() + path.len();
            texts + optional(protocol) + section(fields)
        }
        HttpEvent::Response { reason, fields, .. } => reason.len() + section(fields),
        HttpEvent::Informational { fields, .. } | HttpEvent::Trailers { fields } => section(fields),
        HttpEvent::Body { bytes }
        | HttpEvent::Message { bytes, .. }
        | HttpEvent::Control { bytes, .. }
        | HttpEvent::Upgrade { protocol: bytes } => bytes.len(),
        HttpEvent::Reset { reason, .. } => reason.len(),
        HttpEvent::End => 0,
    }
}

fn git(event: &GitEvent) -> usize {
    match event {
        GitEvent::Data { bytes }
        | GitEvent::Progress { bytes }
        | GitEvent::Service { repository: bytes, .. }
        | GitEvent::Certificate { text: bytes, .. }
        | GitEvent::Error { message: bytes } => bytes.len(),
        GitEvent::Advertised { capabilities: lines, .. }
        | GitEvent::Acknowledged { lines }
        | GitEvent::Options { options: lines } => texts(lines),
        GitEvent::Refs { refs } => {
            refs.iter().map(|its| its.name.len() + optional(&its.symref_target)).sum::<usize>() + list(refs)
        }
        GitEvent::Command { name, capabilities, arguments } => name.len() + texts(capabilities) + texts(arguments),
        GitEvent::Wanted { ids, refs, capabilities, shallow, deepen, filter } => {
            let named = texts(refs) + texts(capabilities) + texts(deepen) + optional(filter);
            named + list(ids) + list(shallow)
        }
        GitEvent::Haves { ids, .. } => list(ids),
        GitEvent::Update(update) => update.name.len(),
        GitEvent::Contents { cut, .. } => cut.len(),
        GitEvent::Objects { objects } => list(objects),
        GitEvent::Commit { parents, author, committer, message, .. } => {
            list(parents) + ident(author) + ident(committer) + message.len()
        }
        GitEvent::Files { files, .. } => files.iter().map(|file| file.path.len()).sum::<usize>() + list(files),
        GitEvent::Tag { name, tagger, message, .. } => name.len() + tagger.as_deref().map_or(0, ident) + message.len(),
        GitEvent::Report { unpack, refs } => {
            let said = |report: &RefReport| report.name.len() + optional(&report.error) + texts(&report.options);
            unpack.len() + refs.iter().map(said).sum::<usize>() + list(refs)
        }
        GitEvent::LfsBatch { operation, objects, reference } => {
            let names: usize = objects.iter().map(|(name, _)| name.len()).sum();
            operation.len() + optional(reference) + names + list(objects)
        }
        GitEvent::Omitted { .. } | GitEvent::Pack { .. } | GitEvent::LfsObject { .. } => 0,
    }
}

fn ident(ident: &Ident) -> usize {
    ident.name.len() + ident.email.len()
}

fn texts(texts: &[Bytes]) -> usize {
    texts.iter().map(Bytes::len).sum::<usize>() + list(texts)
}

/// A header or trailer section.
fn section(fields: &[HeaderField]) -> usize {
    fields.iter().map(|field| field.name.len() + field.value.len()).sum::<usize>() + list(fields)
}

fn optional(value: &Option<Bytes>) -> usize {
    value.as_ref().map_or(0, Bytes::len)
}

fn list<T>(items: &[T]) -> usize {
    size_of_val(items)
}
