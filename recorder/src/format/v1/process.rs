//! Events of a program at the target, as version 1 writes them.

use bincode::{BorrowDecode, Encode};
use wiretape_core as words;

use super::Plain;

#[derive(Encode, BorrowDecode)]
pub(super) enum Program<'a> {
    Shell,
    Exec { command: &'a [u8] },
    Subsystem { name: &'a str },
}

#[derive(Encode, BorrowDecode)]
pub(super) enum Process<'a> {
    Start { kind: Program<'a> },
    Environment { name: &'a str, value: &'a [u8] },
    Agent,
    Answer { request: &'a str, accepted: bool },
    Signal { name: &'a str },
    Exit { status: u32 },
    Killed { signal: &'a str, core_dumped: bool, message: &'a str },
}

impl<'a> From<&'a words::event::ProcessEvent> for Process<'a> {
    fn from(event: &'a words::event::ProcessEvent) -> Self {
        use words::event::ProcessEvent as Core;
        use words::event::ProcessKind;
        match event {
            Core::Start { kind } => Self::Start {
                kind: match kind {
                    ProcessKind::Shell => Program::Shell,
                    ProcessKind::Exec { command } => Program::Exec { command },
                    ProcessKind::Subsystem { name } => Program::Subsystem { name },
                },
            },
            Core::Environment { name, value } => Self::Environment { name, value },
            Core::Agent => Self::Agent,
            Core::Answer { request, accepted } => Self::Answer { request, accepted: *accepted },
            Core::Signal { name } => Self::Signal { name },
            Core::Exit { status } => Self::Exit { status: *status },
            Core::Killed { signal, core_dumped, message } => {
                Self::Killed { signal, core_dumped: *core_dumped, message }
            }
        }
    }
}

impl Process<'_> {
    pub(super) fn into_core(self, plain: &Plain<'_>) -> words::event::ProcessEvent {
        use words::event::ProcessEvent as Core;
        use words::event::ProcessKind;
        match self {
            Self::Start { kind } => Core::Start {
                kind: match kind {
                    Program::Shell => ProcessKind::Shell,
                    Program::Exec { command } => ProcessKind::Exec { command: plain.kept(command) },
                    Program::Subsystem { name } => ProcessKind::Subsystem { name: name.to_owned() },
                },
            },
            Self::Environment { name, value } => Core::Environment { name: name.to_owned(), value: plain.kept(value) },
            Self::Agent => Core::Agent,
            Self::Answer { request, accepted } => Core::Answer { request: request.to_owned(), accepted },
            Self::Signal { name } => Core::Signal { name: name.to_owned() },
            Self::Exit { status } => Core::Exit { status },
            Self::Killed { signal, core_dumped, message } => {
                Core::Killed { signal: signal.to_owned(), core_dumped, message: message.to_owned() }
            }
        }
    }
}
