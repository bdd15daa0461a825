//! Events of every sort: one of each for the golden tape, and any of them for the property tests.

mod git;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof};
use wiretape_core::event::{
    Acknowledged, Column, ControlKind, CopyDirection, Field, FileEvent, FileOperation, HeaderField, HttpEvent,
    HttpVersion, MessageKind, OpenMode, Parameter, Prepared, PrincipalKind, ProcessEvent, ProcessKind, QueryEvent,
    QuestionAnswered, QuestionAsked, Scope, SessionEvent, SessionOpened, StreamEvent, StreamKind, TerminalEvent,
    TerminalSize, TransactionStatus,
};
use wiretape_core::{Approvers, Event, Kind, Lane, Moment, Reason, Side, Verdict};

fn text() -> BoxedStrategy<String> {
    prop_oneof![Just(String::new()), ".{0,12}", "[a-z]{260}"].boxed()
}

fn bytes() -> BoxedStrategy<Bytes> {
    prop_oneof![vec(any::<u8>(), 0..20), vec(any::<u8>(), 4090..4100), vec(Just(b'x'), 70_000)]
        .prop_map(Bytes::from)
        .boxed()
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Client), Just(Side::Upstream)]
}

fn size() -> impl Strategy<Value = TerminalSize> {
    any::<[u32; 4]>().prop_map(|[columns, rows, width_px, height_px]| TerminalSize {
        columns,
        rows,
        width_px,
        height_px,
    })
}

fn session() -> BoxedStrategy<SessionEvent> {
    let verdict = prop_oneof![
        Just(Verdict::Allow),
        (text(), text()).prop_map(|(rule, text)| Verdict::Refuse(Reason { rule, text })),
    ];
    let kind = prop_oneof![Just(PrincipalKind::Person), Just(PrincipalKind::Agent), Just(PrincipalKind::Service)];
    let vouched = option::of((kind, vec(text(), 3)));
    let opened = (vec(text(), 11), vec(text(), 0..4), any::<u64>(), vouched).prop_map(
        |(texts, groups, opened_unix_nanos, vouched)| {
            let (kind, vouched) = vouched.unwrap_or_else(|| (PrincipalKind::Person, vec![String::new(); 3]));
            SessionOpened {
                kind,
                issuer: vouched[0].clone(),
                subject: vouched[1].clone(),
                on_behalf_of: vouched[2].clone(),
                person: texts[0].clone(),
                groups,
                proof: texts[1].clone(),
                target: texts[2].clone(),
                target_kind: texts[3].clone(),
                login: texts[4].clone(),
                protocol: texts[5].clone(),
                client_address: texts[6].clone(),
                client_program: texts[7].clone(),
                rule: texts[8].clone(),
                gateway: texts[9].clone(),
                opened_unix_nanos,
            }
        },
    );
    let nanos = prop_oneof![Just(0), any::<u64>()];
    let asked = (vec(text(), 4), vec((text(), any::<u32>()), 0..3), any::<u64>());
    let asked = asked.prop_map(|(texts, approvers, expires_unix_nanos)| QuestionAsked {
        question: texts[0].clone(),
        action: texts[1].clone(),
        resource: texts[2].clone(),
        rule: texts[3].clone(),
        approvers: approvers.into_iter().map(|(group, count)| Approvers { group, count }).collect(),
        expires_unix_nanos,
    });
    let scope = prop_oneof![
        Just(Scope::Once),
        Just(Scope::Session),
        any::<u64>().prop_map(|unix_nanos| Scope::Until { unix_nanos }),
    ];
    let answered = (text(), verdict.clone(), vec(text(), 0..3), scope, any::<u64>());
    let answered = answered.prop_map(|(question, verdict, by, scope, nanos)| QuestionAnswered {
        question,
        verdict,
        by,
        scope,
        nanos,
    });
    prop_oneof![
        asked.prop_map(|asked| SessionEvent::Asked(Box::new(asked))),
        answered.prop_map(|answered| SessionEvent::Answered(Box::new(answered))),
        opened.prop_map(|opened| SessionEvent::Opened(Box::new(opened))),
        (text(), text(), text(), verdict, nanos).prop_map(|(action, resource, rule, verdict, nanos)| {
            SessionEvent::Decision { action, resource, rule, verdict, nanos }
        }),
        text().prop_map(|text| SessionEvent::Notice { text }),
        (any::<u64>(), any::<u64>(), text()).prop_map(|(events, bytes, reason)| SessionEvent::Gap {
            events,
            bytes,
            reason
        }),
        text().prop_map(|label| SessionEvent::Marker { label }),
        (side(), text(), text()).prop_map(|(by, expected, got)| SessionEvent::Fault { by, expected, got }),
        text().prop_map(|reason| SessionEvent::Closed { reason }),
        text().prop_map(|label| SessionEvent::Labelled { label }),
    ]
    .boxed()
}

fn terminal() -> BoxedStrategy<TerminalEvent> {
    prop_oneof![
        (text(), size(), vec(any::<(u8, u32)>(), 0..5)).prop_map(|(term, size, modes)| TerminalEvent::Start {
            term,
            size,
            modes
        }),
        bytes().prop_map(|bytes| TerminalEvent::Input { bytes }),
        any::<u32>().prop_map(|count| TerminalEvent::Concealed { count }),
        (any::<u64>(), bytes()).prop_map(|(skipped, bytes)| TerminalEvent::Echoed { skipped, bytes }),
        (any::<bool>(), bytes()).prop_map(|(error, bytes)| TerminalEvent::Output { error, bytes }),
        size().prop_map(|size| TerminalEvent::Resize { size }),
    ]
    .boxed()
}

fn process() -> BoxedStrategy<ProcessEvent> {
    let kind = prop_oneof![
        Just(ProcessKind::Shell),
        bytes().prop_map(|command| ProcessKind::Exec { command }),
        text().prop_map(|name| ProcessKind::Subsystem { name }),
    ];
    prop_oneof![
        kind.prop_map(|kind| ProcessEvent::Start { kind }),
        (text(), bytes()).prop_map(|(name, value)| ProcessEvent::Environment { name, value }),
        Just(ProcessEvent::Agent),
        (text(), any::<bool>()).prop_map(|(request, accepted)| ProcessEvent::Answer { request, accepted }),
        text().prop_map(|name| ProcessEvent::Signal { name }),
        any::<u32>().prop_map(|status| ProcessEvent::Exit { status }),
        (text(), any::<bool>(), text()).prop_map(|(signal, core_dumped, message)| ProcessEvent::Killed {
            signal,
            core_dumped,
            message
        }),
    ]
    .boxed()
}

fn stream() -> BoxedStrategy<StreamEvent> {
    let ends = || (text(), any::<u32>(), text(), any::<u32>());
    let kind = prop_oneof![
        Just(StreamKind::Session),
        ends().prop_map(|(host, port, originator, originator_port)| StreamKind::DirectTcpip {
            host,
            port,
            originator,
            originator_port
        }),
        ends().prop_map(|(host, port, originator, originator_port)| StreamKind::ForwardedTcpip {
            host,
            port,
            originator,
            originator_port
        }),
        text().prop_map(|path| StreamKind::DirectStreamlocal { path }),
        text().prop_map(|path| StreamKind::ForwardedStreamlocal { path }),
        Just(StreamKind::Agent),
        (text(), any::<u32>())
            .prop_map(|(originator, originator_port)| StreamKind::X11 { originator, originator_port }),
    ];
    let port = || option::of(any::<u32>());
    prop_oneof![
        kind.prop_map(|kind| StreamEvent::Open { kind }),
        Just(StreamEvent::Accepted),
        text().prop_map(|reason| StreamEvent::Rejected { reason }),
        (any::<bool>(), bytes()).prop_map(|(error, bytes)| StreamEvent::Data { error, bytes }),
        Just(StreamEvent::Eof),
        Just(StreamEvent::Close),
        (text(), port()).prop_map(|(address, port)| StreamEvent::Listen { address, port }),
        (text(), port(), any::<bool>()).prop_map(|(address, port, accepted)| StreamEvent::Listening {
            address,
            port,
            accepted
        }),
        (text(), port()).prop_map(|(address, port)| StreamEvent::Unlisten { address, port }),
        text().prop_map(|what| StreamEvent::Opaque { what }),
    ]
    .boxed()
}

fn operation() -> BoxedStrategy<FileOperation> {
    let mode = any::<[bool; 6]>().prop_map(|[read, write, append, create, truncate, exclusive]| OpenMode {
        read,
        write,
        append,
        create,
        truncate,
        exclusive,
    });
    let attributes = (
        bytes(),
        option::of(any::<u64>()),
        option::of(any::<u32>()),
        option::of(any::<(u32, u32)>()),
        option::of(any::<(u64, u64)>()),
    );
    prop_oneof![
        (bytes(), mode).prop_map(|(path, mode)| FileOperation::Open { path, mode }),
        bytes().prop_map(|path| FileOperation::List { path }),
        (bytes(), any::<bool>()).prop_map(|(path, follow)| FileOperation::Stat { path, follow }),
        attributes.prop_map(|(path, size, permissions, owner, times)| FileOperation::SetAttributes {
            path,
            size,
            permissions,
            owner,
            times
        }),
        (bytes(), bytes(), any::<bool>()).prop_map(|(from, to, replace)| FileOperation::Rename { from, to, replace }),
        bytes().prop_map(|path| FileOperation::Remove { path }),
        bytes().prop_map(|path| FileOperation::MakeDirectory { path }),
        bytes().prop_map(|path| FileOperation::RemoveDirectory { path }),
        (bytes(), bytes(), any::<bool>()).prop_map(|(target, path, symbolic)| FileOperation::Link {
            target,
            path,
            symbolic
        }),
        bytes().prop_map(|path| FileOperation::ReadLink { path }),
        bytes().prop_map(|path| FileOperation::RealPath { path }),
        (bytes(), any::<u64>(), any::<u32>()).prop_map(|(path, size, permissions)| FileOperation::Send {
            path,
            size,
            permissions
        }),
        (text(), bytes()).prop_map(|(name, path)| FileOperation::Extension { name, path }),
    ]
    .boxed()
}

fn file() -> BoxedStrategy<FileEvent> {
    let run = || (bytes(), any::<u64>(), any::<u64>());
    prop_oneof![
        (any::<u32>(), operation()).prop_map(|(request, operation)| FileEvent::Asked { request, operation }),
        (any::<u32>(), any::<u32>(), text()).prop_map(|(request, status, message)| FileEvent::Answered {
            request,
            status,
            message
        }),
        run().prop_map(|(path, offset, length)| FileEvent::Read { path, offset, length }),
        run().prop_map(|(path, offset, length)| FileEvent::Written { path, offset, length }),
        (run(), option::of(any::<[u8; 32]>())).prop_map(|((path, read_bytes, written_bytes), content_sha256)| {
            FileEvent::Closed { path, read_bytes, written_bytes, content_sha256 }
        }),
    ]
    .boxed()
}

fn parameter() -> impl Strategy<Value = Parameter> {
    (any::<u32>(), option::of(bytes())).prop_map(|(type_id, value)| Parameter { type_id, value })
}

fn column() -> impl Strategy<Value = Column> {
    (bytes(), any::<(u32, i16, u32, i16, i32, u16)>()).prop_map(
        |(name, (table_id, attribute, type_id, type_size, type_modifier, format))| Column {
            name,
            table_id,
            attribute,
            type_id,
            type_size,
            type_modifier,
            format,
        },
    )
}

fn fields() -> impl Strategy<Value = Vec<Field>> {
    vec((any::<u8>(), bytes()).prop_map(|(letter, text)| Field { letter, text }), 0..4)
}

/// What a client says.
fn asked() -> BoxedStrategy<QueryEvent> {
    let of = || prop_oneof![Just(Prepared::Statement), Just(Prepared::Portal)];
    let formats = || vec(any::<u16>(), 0..4);
    prop_oneof![
        (any::<u32>(), vec((bytes(), bytes()), 0..4))
            .prop_map(|(version, parameters)| QueryEvent::Startup { version, parameters }),
        text().prop_map(|address| QueryEvent::Cancel { address }),
        bytes().prop_map(|text| QueryEvent::Simple { text }),
        (bytes(), bytes(), vec(any::<u32>(), 0..4)).prop_map(|(statement, text, types)| QueryEvent::Parse {
            statement,
            text,
            types
        }),
        (bytes(), bytes(), formats(), vec(parameter(), 0..4), formats()).prop_map(
            |(portal, statement, formats, parameters, result_formats)| QueryEvent::Bind {
                portal,
                statement,
                formats,
                parameters,
                result_formats
            }
        ),
        (of(), bytes()).prop_map(|(of, name)| QueryEvent::Describe { of, name }),
        (bytes(), option::of(bytes()), any::<u32>()).prop_map(|(portal, statement, rows_max)| QueryEvent::Execute {
            portal,
            statement,
            rows_max
        }),
        (of(), bytes()).prop_map(|(of, name)| QueryEvent::Close { of, name }),
        Just(QueryEvent::Flush),
        Just(QueryEvent::Sync),
        (any::<u32>(), formats(), vec(option::of(bytes()), 0..4), any::<u16>()).prop_map(
            |(function_id, formats, arguments, result_format)| QueryEvent::Call {
                function_id,
                formats,
                arguments,
                result_format
            }
        ),
        bytes().prop_map(|message| QueryEvent::CopyFail { message }),
        Just(QueryEvent::Terminate),
    ]
    .boxed()
}

/// What a target says.
fn answered() -> BoxedStrategy<QueryEvent> {
    let what = prop_oneof![
        Just(Acknowledged::Parse),
        Just(Acknowledged::Bind),
        Just(Acknowledged::Close),
        Just(Acknowledged::NoData),
        Just(Acknowledged::EmptyQuery),
        Just(Acknowledged::PortalSuspended),
    ];
    let direction = prop_oneof![Just(CopyDirection::In), Just(CopyDirection::Out), Just(CopyDirection::Both)];
    let status = prop_oneof![
        Just(TransactionStatus::Idle),
        Just(TransactionStatus::InTransaction),
        Just(TransactionStatus::Failed),
    ];
    prop_oneof![
        (any::<u32>(), vec(bytes(), 0..4))
            .prop_map(|(version, unrecognised)| QueryEvent::Negotiated { version, unrecognised }),
        (bytes(), bytes()).prop_map(|(name, value)| QueryEvent::Setting { name, value }),
        any::<(u32, u32)>().prop_map(|(process_id, key_bytes)| QueryEvent::Key { process_id, key_bytes }),
        option::of(bytes()).prop_map(|value| QueryEvent::Returned { value }),
        vec(any::<u32>(), 0..4).prop_map(|types| QueryEvent::Types { types }),
        vec(column(), 0..4).prop_map(|columns| QueryEvent::Columns { columns }),
        (any::<u32>(), bytes()).prop_map(|(count, bytes)| QueryEvent::Rows { count, bytes }),
        (direction, any::<u8>(), vec(any::<u16>(), 0..4))
            .prop_map(|(direction, format, formats)| QueryEvent::CopyStart { direction, format, formats }),
        (any::<u32>(), bytes()).prop_map(|(count, bytes)| QueryEvent::CopyData { count, bytes }),
        Just(QueryEvent::CopyDone),
        (bytes(), option::of(any::<u64>())).prop_map(|(tag, rows)| QueryEvent::Complete { tag, rows }),
        what.prop_map(|what| QueryEvent::Acknowledged { what }),
        fields().prop_map(|fields| QueryEvent::Error { fields }),
        fields().prop_map(|fields| QueryEvent::Notice { fields }),
        status.prop_map(|status| QueryEvent::Ready { status }),
        (any::<u32>(), bytes(), bytes()).prop_map(|(process_id, channel, payload)| QueryEvent::Notification {
            process_id,
            channel,
            payload
        }),
        (any::<u8>(), bytes(), any::<bool>()).prop_map(|(letter, bytes, last)| QueryEvent::Long {
            letter,
            bytes,
            last
        }),
    ]
    .boxed()
}

fn section() -> impl Strategy<Value = Vec<HeaderField>> {
    let field = (bytes(), bytes(), any::<u32>());
    vec(field.prop_map(|(name, value, concealed_bytes)| HeaderField { name, value, concealed_bytes }), 0..4)
}

fn http() -> BoxedStrategy<HttpEvent> {
    let version = || prop_oneof![Just(HttpVersion::Http10), Just(HttpVersion::Http11), Just(HttpVersion::Http2)];
    let message = prop_oneof![Just(MessageKind::Text), Just(MessageKind::Binary)];
    let control = prop_oneof![Just(ControlKind::Ping), Just(ControlKind::Pong), Just(ControlKind::Close)];
    let asked = (version(), bytes(), bytes(), bytes(), bytes(), option::of(bytes()), section());
    prop_oneof![
        asked.prop_map(|(version, method, scheme, authority, path, protocol, fields)| HttpEvent::Request {
            version,
            method,
            scheme,
            authority,
            path,
            protocol,
            fields
        }),
        (any::<u16>(), section()).prop_map(|(status, fields)| HttpEvent::Informational { status, fields }),
        (version(), any::<u16>(), bytes(), section())
            .prop_map(|(version, status, reason, fields)| { HttpEvent::Response { version, status, reason, fields } }),
        bytes().prop_map(|bytes| HttpEvent::Body { bytes }),
        section().prop_map(|fields| HttpEvent::Trailers { fields }),
        Just(HttpEvent::End),
        bytes().prop_map(|protocol| HttpEvent::Upgrade { protocol }),
        (any::<u32>(), text()).prop_map(|(code, reason)| HttpEvent::Reset { code, reason }),
        (message, bytes(), any::<[bool; 2]>()).prop_map(|(kind, bytes, [first, last])| HttpEvent::Message {
            kind,
            bytes,
            first,
            last
        }),
        (control, bytes()).prop_map(|(kind, bytes)| HttpEvent::Control { kind, bytes }),
    ]
    .boxed()
}

/// Any event, at any moment: also at one before that of the event before it.
pub(crate) fn any_event() -> impl Strategy<Value = Event> {
    let at = prop_oneof![any::<u64>(), 0..5u64, 1_000_000_000..1_000_000_100u64].prop_map(Moment::from_nanos);
    let kind = prop_oneof![
        session().prop_map(Kind::Session),
        terminal().prop_map(Kind::Terminal),
        process().prop_map(Kind::Process),
        stream().prop_map(Kind::Stream),
        file().prop_map(Kind::File),
        asked().prop_map(Kind::Query),
        answered().prop_map(Kind::Query),
        http().prop_map(Kind::Http),
        git::said().prop_map(Kind::Git),
        git::pushed().prop_map(Kind::Git),
    ];
    (at, side(), any::<u32>().prop_map(Lane), kind).prop_map(|(at, side, lane, kind)| Event { at, side, lane, kind })
}
