//! Events of a stream of bytes, as version 1 writes them.

use bincode::{BorrowDecode, Encode};
use wiretape_core as words;

use super::Plain;

#[derive(Encode, BorrowDecode)]
pub(super) enum Opening<'a> {
    Session,
    DirectTcpip { host: &'a str, port: u32, originator: &'a str, originator_port: u32 },
    ForwardedTcpip { host: &'a str, port: u32, originator: &'a str, originator_port: u32 },
    DirectStreamlocal { path: &'a str },
    ForwardedStreamlocal { path: &'a str },
    Agent,
    X11 { originator: &'a str, originator_port: u32 },
}

#[derive(Encode, BorrowDecode)]
pub(super) enum Stream<'a> {
    Open { kind: Opening<'a> },
    Accepted,
    Rejected { reason: &'a str },
    Data { error: bool, bytes: &'a [u8] },
    Eof,
    Close,
    Listen { address: &'a str, port: Option<u32> },
    Listening { address: &'a str, port: Option<u32>, accepted: bool },
    Unlisten { address: &'a str, port: Option<u32> },
    Opaque { what: &'a str },
}

impl<'a> From<&'a words::event::StreamEvent> for Stream<'a> {
    fn from(event: &'a words::event::StreamEvent) -> Self {
        use words::event::StreamEvent as Core;
        match event {
            Core::Open { kind } => Self::Open { kind: kind.into() },
            Core::Accepted => Self::Accepted,
            Core::Rejected { reason } => Self::Rejected { reason },
            Core::Data { error, bytes } => Self::Data { error: *error, bytes },
            Core::Eof => Self::Eof,
            Core::Close => Self::Close,
            Core::Listen { address, port } => Self::Listen { address, port: *port },
            Core::Listening { address, port, accepted } => {
                Self::Listening { address, port: *port, accepted: *accepted }
            }
            Core::Unlisten { address, port } => Self::Unlisten { address, port: *port },
            Core::Opaque { what } => Self::Opaque { what },
        }
    }
}

impl Stream<'_> {
    pub(super) fn into_core(self, plain: &Plain<'_>) -> words::event::StreamEvent {
        use words::event::StreamEvent as Core;
        match self {
            Self::Open { kind } => Core::Open { kind: kind.into() },
            Self::Accepted => Core::Accepted,
            Self::Rejected { reason } => Core::Rejected { reason: reason.to_owned() },
            Self::Data { error, bytes } => Core::Data { error, bytes: plain.kept(bytes) },
            Self::Eof => Core::Eof,
            Self::Close => Core::Close,
            Self::Listen { address, port } => Core::Listen { address: address.to_owned(), port },
            Self::Listening { address, port, accepted } => {
                Core::Listening { address: address.to_owned(), port, accepted }
            }
            Self::Unlisten { address, port } => Core::Unlisten { address: address.to_owned(), port },
            Self::Opaque { what } => Core::Opaque { what: what.to_owned() },
        }
    }
}

impl<'a> From<&'a words::event::StreamKind> for Opening<'a> {
    fn from(kind: &'a words::event::StreamKind) -> Self {
        use words::event::StreamKind as Core;
        match kind {
            Core::Session => Self::Session,
            Core::DirectTcpip { host, port, originator, originator_port } => {
                Self::DirectTcpip { host, port: *port, originator, originator_port: *originator_port }
            }
            Core::ForwardedTcpip { host, port, originator, originator_port } => {
                Self::ForwardedTcpip { host, port: *port, originator, originator_port: *originator_port }
            }
            Core::DirectStreamlocal { path } => Self::DirectStreamlocal { path },
            Core::ForwardedStreamlocal { path } => Self::ForwardedStreamlocal { path },
            Core::Agent => Self::Agent,
            Core::X11 { originator, originator_port } => Self::X11 { originator, originator_port: *originator_port },
        }
    }
}

impl From<Opening<'_>> for words::event::StreamKind {
    fn from(kind: Opening<'_>) -> Self {
        match kind {
            Opening::Session => Self::Session,
            Opening::DirectTcpip { host, port, originator, originator_port } => {
                Self::DirectTcpip { host: host.to_owned(), port, originator: originator.to_owned(), originator_port }
            }
            Opening::ForwardedTcpip { host, port, originator, originator_port } => {
                Self::ForwardedTcpip { host: host.to_owned(), port, originator: originator.to_owned(), originator_port }
            }
            Opening::DirectStreamlocal { path } => Self::DirectStreamlocal { path: path.to_owned() },
            Opening::ForwardedStreamlocal { path } => Self::ForwardedStreamlocal { path: path.to_owned() },
            Opening::Agent => Self::Agent,
            Opening::X11 { originator, originator_port } => {
                Self::X11 { originator: originator.to_owned(), originator_port }
            }
        }
    }
}
