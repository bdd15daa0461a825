//! Wires inside wires: a lane may carry another protocol.

use bytes::Bytes;

use crate::{Lane, Wire};

/// A wire over plain bytes, fit to be carried by a lane of another wire.
pub type ByteWire = Box<dyn Wire<Message = Bytes> + Send>;

/// What a lane carries, as far as its opening tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// An SSH subsystem, by name.
    Subsystem {
        /// Its name, such as `sftp`.
        name: String,
    },
    /// A command, without a terminal.
    Exec {
        /// The command line.
        command: Bytes,
    },
    /// A forwarded TCP connection.
    Forward {
        /// The host that is connected to.
        host: String,
        /// Its port.
        port: u32,
    },
    /// A whole connection, both of whose peers the gateway has already logged in.
    Connection {
        /// The protocol that is spoken on it, such as `postgres`.
        protocol: &'static str,
    },
    /// The content of an HTTP exchange, both ways: the client's side is the content of the request, the target's that of
    /// the response. The head of the request is held until the wire holds or sends something for the target, or ends.
    Content(Box<Content>),
    /// What follows an HTTP request once the target agreed to change protocols.
    Upgrade {
        /// The protocol that was agreed on, in lower case, such as `websocket`.
        protocol: Bytes,
    },
}

/// An exchange of HTTP whose content another protocol may understand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// The method.
    pub method: Bytes,
    /// Path and query as the target of the gateway is asked for them: without what names the target in the client's.
    pub path: Bytes,
    /// The media type of the request's content (`Content-Type`), in lower case and without parameters; empty without.
    pub media_type: Bytes,
    /// The URL that the target is known by to itself, and the one that leads to it through the gateway, where they are
    /// not the same; both without a `/` at the end.
    pub renamed: Option<(Bytes, Bytes)>,
}

/// Hands out the wire that understands what a lane carries.
///
/// The table of wires implements it, so that wires never know each other.
pub trait NestedWires: Send {
    /// The wire for `carrier` on `lane`, or `None` when nothing here understands it.
    fn wire(&self, lane: Lane, carrier: &Carrier) -> Option<ByteWire>;

    /// Whether a [`Carrier::Content`] of this method, this path and a `Content-Type` of this value is worth making: every
    /// request of HTTP is looked at so.
    fn reads_content(&self, method: &[u8], path: &[u8], content_type: &[u8]) -> bool {
        let _ = (method, path, content_type);
        true
    }
}

/// A table that knows no wires.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoNestedWires;

impl NestedWires for NoNestedWires {
    fn wire(&self, _lane: Lane, _carrier: &Carrier) -> Option<ByteWire> {
        None
    }

    fn reads_content(&self, _method: &[u8], _path: &[u8], _content_type: &[u8]) -> bool {
        false
    }
}
