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
    /// What follows an HTTP request once the target agreed to change protocols.
    Upgrade {
        /// The protocol that was agreed on, in lower case, such as `websocket`.
        protocol: Bytes,
    },
}

/// Hands out the wire that understands what a lane carries.
///
/// The table of wires implements it, so that wires never know each other.
pub trait NestedWires: Send {
    /// The wire for `carrier` on `lane`, or `None` when nothing here understands it.
    fn wire(&self, lane: Lane, carrier: &Carrier) -> Option<ByteWire>;
}

/// A table that knows no wires.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoNestedWires;

impl NestedWires for NoNestedWires {
    fn wire(&self, _lane: Lane, _carrier: &Carrier) -> Option<ByteWire> {
        None
    }
}
