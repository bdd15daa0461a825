//! The table of wires: a new protocol is one new folder and one row.
#![warn(clippy::indexing_slicing)]

use wiretape_core::{ByteWire, Carrier, Lane, NestedWires};
use wiretape_sftp::SftpWire;

/// One row of the table: a protocol over plain bytes, and what carries it.
#[derive(Clone, Copy)]
pub struct Row {
    /// The protocol's name.
    pub name: &'static str,
    /// The wire for what a carrier carries; `None` when that is another protocol.
    pub wire: fn(Lane, &Carrier) -> Option<ByteWire>,
}

/// Every protocol that a lane can carry.
pub const ROWS: &[Row] = &[Row { name: "sftp", wire: sftp }];

/// The table, as the wires that carry others see it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Table;

impl NestedWires for Table {
    fn wire(&self, lane: Lane, carrier: &Carrier) -> Option<ByteWire> {
        ROWS.iter().find_map(|row| (row.wire)(lane, carrier))
    }
}

fn sftp(lane: Lane, carrier: &Carrier) -> Option<ByteWire> {
    let carried = match carrier {
        Carrier::Subsystem { name } => name == "sftp",
        Carrier::Exec { .. } | Carrier::Forward { .. } => false,
    };
    carried.then(|| Box::new(SftpWire::new(lane)) as ByteWire)
}
