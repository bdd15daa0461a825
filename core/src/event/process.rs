//! Events of a program at the target.

use bytes::Bytes;

/// What is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessKind {
    /// The login's shell.
    Shell,
    /// A command line.
    Exec {
        /// As the client sent it; not always UTF-8.
        command: Bytes,
    },
    /// A named subsystem.
    Subsystem {
        /// Its name.
        name: String,
    },
}

/// Events of the family `process`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessEvent {
    /// A program was asked for.
    Start {
        /// Which.
        kind: ProcessKind,
    },
    /// An environment variable was set for it.
    Environment {
        /// Its name.
        name: String,
        /// Its value.
        value: Bytes,
    },
    /// The client lends it its agent (`auth-agent-req@openssh.com`).
    Agent,
    /// The target's answer to a request of this lane.
    Answer {
        /// The request, by its RFC 4254 name (`pty-req`, `shell`, …).
        request: String,
        /// Whether the target granted it.
        accepted: bool,
    },
    /// A signal was sent to it, by its name without `SIG`.
    Signal {
        /// Such as `INT`.
        name: String,
    },
    /// It ended by itself.
    Exit {
        /// Its exit status.
        status: u32,
    },
    /// It was ended by a signal.
    Killed {
        /// The signal's name without `SIG`.
        signal: String,
        /// Whether a core was dumped.
        core_dumped: bool,
        /// What the target says of it.
        message: String,
    },
}

impl ProcessEvent {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Start { .. } => "process.start",
            Self::Environment { .. } => "process.environment",
            Self::Agent => "process.agent",
            Self::Answer { .. } => "process.answer",
            Self::Signal { .. } => "process.signal",
            Self::Exit { .. } => "process.exit",
            Self::Killed { .. } => "process.killed",
        }
    }
}
