//! Events of a stream of bytes.

use bytes::Bytes;

/// What a stream was opened as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// An SSH session channel: a program will be started on it.
    Session,
    /// A TCP connection onward from the target (`ssh -L`, `-D`, `-J`).
    DirectTcpip {
        /// The host to connect to.
        host: String,
        /// Its port.
        port: u32,
        /// Where the client got the connection from.
        originator: String,
        /// That end's port.
        originator_port: u32,
    },
    /// A TCP connection that came in at a listener on the target (`ssh -R`).
    ForwardedTcpip {
        /// The address that was connected to.
        host: String,
        /// Its port.
        port: u32,
        /// Where the connection came from.
        originator: String,
        /// That end's port.
        originator_port: u32,
    },
    /// A connection to a Unix socket at the target.
    DirectStreamlocal {
        /// The socket's path.
        path: String,
    },
    /// A connection that came in at a Unix socket on the target.
    ForwardedStreamlocal {
        /// The socket's path.
        path: String,
    },
    /// The target speaks with the client's agent.
    Agent,
    /// The target speaks with the client's X server.
    X11 {
        /// Where the connection came from.
        originator: String,
        /// That end's port.
        originator_port: u32,
    },
}

impl StreamKind {
    /// The name of the kind: the SSH channel type (RFC 4254 section 5.1 and OpenSSH's PROTOCOL).
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::DirectTcpip { .. } => "direct-tcpip",
            Self::ForwardedTcpip { .. } => "forwarded-tcpip",
            Self::DirectStreamlocal { .. } => "direct-streamlocal@openssh.com",
            Self::ForwardedStreamlocal { .. } => "forwarded-streamlocal@openssh.com",
            Self::Agent => "auth-agent@openssh.com",
            Self::X11 { .. } => "x11",
        }
    }
}

/// Events of the family `stream`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamEvent {
    /// A side asked for a stream.
    Open {
        /// As what.
        kind: StreamKind,
    },
    /// The other side accepted it.
    Accepted,
    /// The other side, or the gateway, did not.
    Rejected {
        /// Why.
        reason: String,
    },
    /// Bytes of a stream that is no terminal.
    Data {
        /// True for extended data of type 1: the standard error.
        error: bool,
        /// Verbatim.
        bytes: Bytes,
    },
    /// The side will send nothing more on this stream.
    Eof,
    /// The side closed the stream.
    Close,
    /// The client wants the target to listen for it (`ssh -R`).
    Listen {
        /// The address to listen on, or the path of a socket.
        address: String,
        /// The port, 0 for any; `None` for a socket path.
        port: Option<u32>,
    },
    /// The target's answer to a `stream.listen`.
    Listening {
        /// The address that was asked for, or the path of a socket.
        address: String,
        /// The port that is listened on; `None` for a socket path.
        port: Option<u32>,
        /// Whether the target listens.
        accepted: bool,
    },
    /// The client wants the target to listen no more.
    Unlisten {
        /// The address, or the path of a socket.
        address: String,
        /// The port; `None` for a socket path.
        port: Option<u32>,
    },
    /// The bytes of this stream cannot be read here, and why.
    Opaque {
        /// What it looks like, such as `ssh`: encrypted from end to end.
        what: String,
    },
}

impl StreamEvent {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Open { .. } => "stream.open",
            Self::Accepted => "stream.accepted",
            Self::Rejected { .. } => "stream.rejected",
            Self::Data { .. } => "stream.data",
            Self::Eof => "stream.eof",
            Self::Close => "stream.close",
            Self::Listen { .. } => "stream.listen",
            Self::Listening { .. } => "stream.listening",
            Self::Unlisten { .. } => "stream.unlisten",
            Self::Opaque { .. } => "stream.opaque",
        }
    }
}
