//! What the two ends of an SSH connection say to each other once the transport is taken off (RFC 4254).

use bytes::Bytes;
use wiretape_core::Lane;
use wiretape_core::event::{StreamKind, TerminalSize};

/// One message of the connection protocol, on the way through the gateway.
///
/// Window adjustments are absent: each side of the gateway has its own windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// `SSH_MSG_CHANNEL_OPEN`. The terminating side numbers the lane.
    Open {
        /// The new lane.
        lane: Lane,
        /// What it is opened as.
        kind: StreamKind,
    },
    /// `SSH_MSG_CHANNEL_OPEN_CONFIRMATION`.
    Opened {
        /// The lane.
        lane: Lane,
    },
    /// `SSH_MSG_CHANNEL_OPEN_FAILURE`.
    Rejected {
        /// The lane, which is free again.
        lane: Lane,
        /// Why (RFC 4254 section 5.1).
        reason: OpenFailure,
        /// In words.
        text: String,
    },
    /// `SSH_MSG_CHANNEL_DATA`, or extended data of type 1.
    Data {
        /// The lane.
        lane: Lane,
        /// True for extended data of type 1: the standard error.
        error: bool,
        /// The bytes.
        bytes: Bytes,
    },
    /// `SSH_MSG_CHANNEL_EOF`.
    Eof {
        /// The lane.
        lane: Lane,
    },
    /// `SSH_MSG_CHANNEL_CLOSE`.
    Close {
        /// The lane.
        lane: Lane,
    },
    /// `SSH_MSG_CHANNEL_REQUEST`.
    Request {
        /// The lane.
        lane: Lane,
        /// What is requested.
        request: Request,
        /// Whether an answer is wanted; the wire expects one [`Message::Answer`] for each that is.
        want_reply: bool,
    },
    /// `SSH_MSG_CHANNEL_SUCCESS` or `SSH_MSG_CHANNEL_FAILURE`, to the oldest request without an answer.
    Answer {
        /// The lane.
        lane: Lane,
        /// Success or failure.
        accepted: bool,
    },
    /// `tcpip-forward` or `streamlocal-forward@openssh.com`, and their opposites.
    Listen {
        /// Start to listen, or stop.
        listen: bool,
        /// The address, or the path of a socket.
        address: String,
        /// The port, 0 for any; `None` for a socket path.
        port: Option<u32>,
    },
    /// The answer to the oldest [`Message::Listen`] without one.
    Listening {
        /// Granted or not.
        accepted: bool,
        /// The port that was chosen when 0 was asked for.
        port: Option<u32>,
    },
}

/// Why a channel was not opened (RFC 4254 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenFailure {
    /// `SSH_OPEN_ADMINISTRATIVELY_PROHIBITED`
    AdministrativelyProhibited,
    /// `SSH_OPEN_CONNECT_FAILED`
    ConnectFailed,
    /// `SSH_OPEN_UNKNOWN_CHANNEL_TYPE`
    UnknownChannelType,
    /// `SSH_OPEN_RESOURCE_SHORTAGE`
    ResourceShortage,
}

/// A request on a channel (RFC 4254 section 6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// `pty-req`
    Pty {
        /// `TERM`.
        term: String,
        /// The size.
        size: TerminalSize,
        /// Modes, opcode and value, without `TTY_OP_END`.
        modes: Vec<(u8, u32)>,
    },
    /// `window-change`
    WindowChange {
        /// The new size.
        size: TerminalSize,
    },
    /// `env`
    Env {
        /// Name.
        name: String,
        /// Value.
        value: Bytes,
    },
    /// `shell`
    Shell,
    /// `exec`
    Exec {
        /// The command line.
        command: Bytes,
    },
    /// `subsystem`
    Subsystem {
        /// Its name.
        name: String,
    },
    /// `signal`
    Signal {
        /// The name without `SIG`.
        name: String,
    },
    /// `auth-agent-req@openssh.com`
    Agent,
    /// `exit-status`
    ExitStatus {
        /// The status.
        status: u32,
    },
    /// `exit-signal`
    ExitSignal {
        /// The name without `SIG`.
        name: String,
        /// Whether a core was dumped.
        core_dumped: bool,
        /// What the target says of it.
        message: String,
    },
}

impl Request {
    /// The request's name on the wire.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pty { .. } => "pty-req",
            Self::WindowChange { .. } => "window-change",
            Self::Env { .. } => "env",
            Self::Shell => "shell",
            Self::Exec { .. } => "exec",
            Self::Subsystem { .. } => "subsystem",
            Self::Signal { .. } => "signal",
            Self::Agent => "auth-agent-req@openssh.com",
            Self::ExitStatus { .. } => "exit-status",
            Self::ExitSignal { .. } => "exit-signal",
        }
    }
}

impl Message {
    /// The lane that the message is on; lane 0 for requests of the connection.
    #[must_use]
    pub fn lane(&self) -> Lane {
        match self {
            Self::Open { lane, .. }
            | Self::Opened { lane }
            | Self::Rejected { lane, .. }
            | Self::Data { lane, .. }
            | Self::Eof { lane }
            | Self::Close { lane }
            | Self::Request { lane, .. }
            | Self::Answer { lane, .. } => *lane,
            Self::Listen { .. } | Self::Listening { .. } => Lane::CONNECTION,
        }
    }
}
