//! What is recorded of a message.

use bytes::Bytes;
use wiretape_core::event::{ProcessEvent, ProcessKind, TerminalEvent};
use wiretape_core::{Kind, limits};

use crate::Request;

/// The event of a request; none for what only the answer to it tells.
pub(crate) fn request_event(request: &Request) -> Kind {
    match request {
        Request::Pty { term, size, modes } => {
            Kind::Terminal(TerminalEvent::Start { term: term.clone(), size: *size, modes: modes.clone() })
        }
        Request::WindowChange { size } => Kind::Terminal(TerminalEvent::Resize { size: *size }),
        Request::Env { name, value } => {
            Kind::Process(ProcessEvent::Environment { name: name.clone(), value: value.clone() })
        }
        Request::Shell => Kind::Process(ProcessEvent::Start { kind: ProcessKind::Shell }),
        Request::Exec { command } => {
            Kind::Process(ProcessEvent::Start { kind: ProcessKind::Exec { command: command.clone() } })
        }
        Request::Subsystem { name } => {
            Kind::Process(ProcessEvent::Start { kind: ProcessKind::Subsystem { name: name.clone() } })
        }
        Request::Signal { name } => Kind::Process(ProcessEvent::Signal { name: name.clone() }),
        Request::Agent => Kind::Process(ProcessEvent::Agent),
        Request::ExitStatus { status } => Kind::Process(ProcessEvent::Exit { status: *status }),
        Request::ExitSignal { name, core_dumped, message } => Kind::Process(ProcessEvent::Killed {
            signal: name.clone(),
            core_dumped: *core_dumped,
            message: message.clone(),
        }),
    }
}

/// The event of an answer to a request.
pub(crate) fn answer_event(request: &str, accepted: bool) -> Kind {
    Kind::Process(ProcessEvent::Answer { request: request.to_owned(), accepted })
}

/// `bytes` in parts that one event can carry; at least one.
pub(crate) fn payloads(bytes: &Bytes) -> impl Iterator<Item = Bytes> + use<> {
    let mut rest = Some(bytes.clone());
    std::iter::from_fn(move || {
        let mut part = rest.take()?;
        if part.len() > limits::EVENT_PAYLOAD_BYTES_MAX {
            rest = Some(part.split_off(limits::EVENT_PAYLOAD_BYTES_MAX));
        }
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use wiretape_core::limits::EVENT_PAYLOAD_BYTES_MAX;

    use super::payloads;

    #[test]
    fn a_long_payload_is_several_events() {
        let long = Bytes::from(vec![7; EVENT_PAYLOAD_BYTES_MAX * 2 + 1]);
        let lengths: Vec<usize> = payloads(&long).map(|part| part.len()).collect();
        assert_eq!(lengths, [EVENT_PAYLOAD_BYTES_MAX, EVENT_PAYLOAD_BYTES_MAX, 1]);
        assert_eq!(payloads(&Bytes::new()).count(), 1);
    }
}
