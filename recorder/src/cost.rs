//! What an event costs while it waits.

use wiretape_core::event::{
    FileEvent, FileOperation, ProcessEvent, ProcessKind, SessionEvent, SessionOpened, StreamEvent, StreamKind,
    TerminalEvent,
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
    };
    size_of::<Event>().saturating_add(own)
}

fn session(event: &SessionEvent) -> usize {
    match event {
        SessionEvent::Opened(opened) => self::opened(opened),
        SessionEvent::Decision { action, resource, rule, verdict } => {
            let said = match verdict {
                Verdict::Allow => 0,
                Verdict::Refuse(reason) => reason.rule.len() + reason.text.len(),
            };
            action.len() + resource.len() + rule.len() + said
        }
        SessionEvent::Notice { text } | SessionEvent::Marker { label: text } => text.len(),
        SessionEvent::Gap { reason, .. } | SessionEvent::Closed { reason } => reason.len(),
        SessionEvent::Fault { expected, got, .. } => expected.len() + got.len(),
    }
}

fn opened(opened: &SessionOpened) -> usize {
    let groups: usize = opened.groups.iter().map(|group| group.len() + size_of::<String>()).sum();
    let texts = [
        &opened.person,
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
