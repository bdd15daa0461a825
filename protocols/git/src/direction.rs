//! One side, as it speaks: its packets, and what of them is not recorded and sent on yet.

use bytes::{Bytes, BytesMut};
use wiretape_core::limits::EVENT_PAYLOAD_BYTES_MAX;

use crate::pkt_line::Packets;

/// A run of what was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// As it was said.
    pub(crate) bytes: Bytes,
    /// It belongs to a pack whose bytes the record does not keep.
    pub(crate) omitted: bool,
    /// What is sent in its place.
    pub(crate) changed: Option<Bytes>,
}

/// One side, as it speaks.
#[derive(Debug, Default)]
pub(crate) struct Direction {
    pub(crate) packets: Packets,
    /// It does not speak git: what it says is recorded and passes as it is.
    pub(crate) opaque: bool,
    waiting: Vec<Piece>,
    waiting_bytes: usize,
}

impl Direction {
    /// One more piece to record and to send on.
    pub(crate) fn push(&mut self, piece: Piece) {
        if !piece.bytes.is_empty() {
            self.waiting_bytes = self.waiting_bytes.saturating_add(piece.bytes.len());
            self.waiting.push(piece);
        }
    }

    /// Takes out what waits. Many small pieces are one.
    pub(crate) fn take(&mut self) -> Vec<Piece> {
        let waiting_bytes = std::mem::take(&mut self.waiting_bytes);
        let waiting = std::mem::take(&mut self.waiting);
        let plain = waiting.iter().all(|piece| !piece.omitted && piece.changed.is_none());
        if waiting.len() < 2 || !plain || waiting_bytes > EVENT_PAYLOAD_BYTES_MAX {
            return waiting;
        }
        let mut joined = BytesMut::with_capacity(waiting_bytes);
        waiting.iter().for_each(|piece| joined.extend_from_slice(&piece.bytes));
        vec![Piece { bytes: joined.freeze(), omitted: false, changed: None }]
    }

    /// Bytes that wait.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// Bytes that wait, and those of a packet that has begun.
    pub(crate) fn held_bytes(&self) -> usize {
        self.waiting_bytes.saturating_add(self.packets.held_bytes())
    }
}

/// What was said at once, while it is cut into packets: those that stand side by side are one piece.
pub(crate) struct Run<'a> {
    said: &'a Bytes,
    /// Where it began, and whether it is omitted.
    begun: Option<(usize, bool)>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(said: &'a Bytes) -> Self {
        Self { said, begun: None }
    }

    /// The bytes from `start` to `end` were a packet, `raw`, and perhaps something else is sent in their place.
    pub(crate) fn take(&mut self, start: usize, end: usize, piece: Piece, into: &mut Direction) {
        // A packet that began earlier is longer than what came of it now.
        let whole = piece.bytes.len() == end - start && piece.changed.is_none();
        if self.begun.is_some_and(|(_, omitted)| omitted != piece.omitted || !whole) {
            self.close(start, into);
        }
        if whole {
            self.begun.get_or_insert((start, piece.omitted));
        } else {
            into.push(piece);
        }
    }

    /// The run ends here.
    pub(crate) fn close(&mut self, end: usize, into: &mut Direction) {
        if let Some((start, omitted)) = self.begun.take() {
            into.push(Piece { bytes: self.said.slice(start..end), omitted, changed: None });
        }
    }
}
