//! The table of wires: a new protocol is one new folder and one row.
//!
//! A row says what carries its protocol, and makes the wire for it. Wires that carry others ask the [`Table`]; they never
//! know each other. `tests/` holds every row to the six laws.
#![warn(clippy::indexing_slicing)]

use wiretape_core::event::FileOperation;
use wiretape_core::judge::ActionKind;
use wiretape_core::{ByteWire, Carrier, Lane, NestedWires};
use wiretape_git::{GitWire, LfsWire};
pub use wiretape_git::{Options as GitOptions, Packs};
use wiretape_line::LineWire;
use wiretape_postgres::PostgresWire;
use wiretape_scp::{Place, ScpWire};
use wiretape_sftp::SftpWire;
use wiretape_websocket::WebSocketWire;

/// One row of the table: a protocol over plain bytes, and what carries it.
#[derive(Clone, Copy)]
pub struct Row {
    /// The protocol's name.
    pub name: &'static str,
    /// The wire for what a carrier carries; `None` when that is another protocol.
    pub wire: fn(&Table, Lane, &Carrier) -> Option<ByteWire>,
}

/// Every protocol that a lane can carry.
pub const ROWS: &[Row] = &[
    Row { name: "postgres", wire: postgres },
    Row { name: "sftp", wire: sftp },
    Row { name: "scp", wire: scp },
    Row { name: "git", wire: git },
    Row { name: "lfs", wire: lfs },
    Row { name: "line", wire: line },
    Row { name: "websocket", wire: websocket },
];

/// The table, as the wires that carry others see it, with what a target's settings say of its rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Table {
    /// How git is recorded.
    pub git: GitOptions,
}

impl NestedWires for Table {
    fn wire(&self, lane: Lane, carrier: &Carrier) -> Option<ByteWire> {
        ROWS.iter().find_map(|row| (row.wire)(self, lane, carrier))
    }

    fn reads_content(&self, method: &[u8], path: &[u8], content_type: &[u8]) -> bool {
        wiretape_git::may_read(method, path, content_type) || wiretape_git::lfs::may_read(method, path)
    }
}

/// A database session, from the end of its login on.
fn postgres(_table: &Table, lane: Lane, carrier: &Carrier) -> Option<ByteWire> {
    match carrier {
        Carrier::Connection { protocol: "postgres" } => Some(Box::new(PostgresWire::new(lane))),
        Carrier::Subsystem { .. }
        | Carrier::Exec { .. }
        | Carrier::Forward { .. }
        | Carrier::Connection { .. }
        | Carrier::Content(_)
        | Carrier::Upgrade { .. } => None,
    }
}

/// The subsystem `sftp`, or the server for it as a command (`sftp -s /usr/lib/openssh/sftp-server`).
fn sftp(_table: &Table, lane: Lane, carrier: &Carrier) -> Option<ByteWire> {
    let carried = match carrier {
        Carrier::Subsystem { name } => name == "sftp",
        Carrier::Exec { command } => wiretape_sftp::is_server(command),
        Carrier::Forward { .. } | Carrier::Connection { .. } | Carrier::Content(_) | Carrier::Upgrade { .. } => false,
    };
    carried.then(|| Box::new(SftpWire::new(lane)) as ByteWire)
}

/// The commands `scp -t` and `scp -f`.
fn scp(_table: &Table, lane: Lane, carrier: &Carrier) -> Option<ByteWire> {
    let Carrier::Exec { command } = carrier else { return None };
    let direction = wiretape_scp::direction(command)?;
    Some(Box::new(ScpWire::new(lane, direction, Place::of(command, direction))))
}

/// Whether `command` runs an scp that is read.
#[must_use]
pub fn is_scp(command: &[u8]) -> bool {
    wiretape_scp::direction(command).is_some()
}

/// As what a file or a folder is judged that scp announces as `operation`, where `command` runs it; `None` where the
/// command is no scp that is read, and for what is not judged for itself.
#[must_use]
pub fn transfer(command: &[u8], operation: &FileOperation) -> Option<ActionKind> {
    let direction = wiretape_scp::direction(command)?;
    wiretape_scp::action(operation, direction, &Place::of(command, direction))
}

/// A command or an exchange of git: fetches, pushes, archives.
fn git(table: &Table, lane: Lane, carrier: &Carrier) -> Option<ByteWire> {
    let conversation = wiretape_git::conversation(carrier)?;
    Some(Box::new(GitWire::new(lane, conversation, table.git)))
}

/// An exchange of Git LFS: what is to be transferred, or one object.
fn lfs(_table: &Table, lane: Lane, carrier: &Carrier) -> Option<ByteWire> {
    let exchange = wiretape_git::lfs::exchange(carrier)?;
    Some(Box::new(LfsWire::new(lane, exchange)))
}

/// The subsystem `line@wiretape`, which only a target made for trying things out has.
fn line(_table: &Table, lane: Lane, carrier: &Carrier) -> Option<ByteWire> {
    match carrier {
        Carrier::Subsystem { name } if name == "line@wiretape" => Some(Box::new(LineWire::new(lane))),
        Carrier::Subsystem { .. }
        | Carrier::Exec { .. }
        | Carrier::Forward { .. }
        | Carrier::Connection { .. }
        | Carrier::Content(_)
        | Carrier::Upgrade { .. } => None,
    }
}

/// What an exchange was upgraded to (RFC 6455, RFC 8441).
fn websocket(_table: &Table, lane: Lane, carrier: &Carrier) -> Option<ByteWire> {
    match carrier {
        Carrier::Upgrade { protocol } if protocol.eq_ignore_ascii_case(b"websocket") => {
            Some(Box::new(WebSocketWire::new(lane)))
        }
        Carrier::Subsystem { .. }
        | Carrier::Exec { .. }
        | Carrier::Forward { .. }
        | Carrier::Connection { .. }
        | Carrier::Content(_)
        | Carrier::Upgrade { .. } => None,
    }
}
