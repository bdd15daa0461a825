//! Two ends that speak a protocol with each other, at random but properly, and know what they said.

mod dice;
mod git;
mod lfs;
mod line;
pub(crate) mod postgres;
mod scp;
mod sftp;
mod websocket;

use sha2::{Digest, Sha256};
use wiretape_core::limits::{
    EVENT_PAYLOAD_BYTES_MAX, GIT_REQUEST_BYTES_MAX, HELD_BYTES_MAX, LINE_BYTES_MAX, POSTGRES_TEXT_BYTES_MAX,
    SCP_LINE_BYTES_MAX, SFTP_PACKET_BYTES_MAX, WEBSOCKET_CONTROL_BYTES_MAX,
};
use wiretape_core::{ByteWire, Lane, Side};

use crate::stage::Turn;

pub(crate) use dice::Dice;

/// The lane on which all conversations play.
pub(crate) const LANE: Lane = Lane(1);

/// Who speaks a row of the table.
pub(crate) struct Speaker {
    /// The row's name.
    pub(crate) row: &'static str,
    /// How the wire records what is said.
    pub(crate) record: Record,
    /// The most that the wire holds back while no question stands.
    pub(crate) held_bytes_max: usize,
    /// Makes up a conversation.
    pub(crate) converse: fn(&mut Dice) -> Conversation,
}

/// How a wire records what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// As a stream of bytes. A question holds both sides.
    Stream,
    /// As the messages that it is made of. A question holds the client: what the upstream says goes on.
    Messages,
    /// As the payloads that its frames carry, without their masks. Nothing is asked.
    Payloads,
    /// As what it does; the wire that carries it records the stream.
    Facts,
}

/// One for each row of the table.
pub(crate) const SPEAKERS: &[Speaker] = &[
    // Half a line of each side.
    Speaker { row: "line", record: Record::Stream, held_bytes_max: 2 * LINE_BYTES_MAX, converse: line::converse },
    // A text to be judged, and half a message of the other side.
    Speaker {
        row: "postgres",
        record: Record::Messages,
        held_bytes_max: POSTGRES_TEXT_BYTES_MAX + EVENT_PAYLOAD_BYTES_MAX,
        converse: postgres::converse,
    },
    // Nothing of an object.
    Speaker { row: "lfs", record: Record::Facts, held_bytes_max: 0, converse: lfs::converse },
    // A part of a request, and half a packet of each side.
    Speaker {
        row: "git",
        record: Record::Stream,
        held_bytes_max: GIT_REQUEST_BYTES_MAX / 2 + 2 * wiretape_git::pkt_line::PKT_LINE_BYTES_MAX,
        converse: git::converse,
    },
    // What a source says before its turn, and half a status.
    Speaker {
        row: "scp",
        record: Record::Facts,
        held_bytes_max: HELD_BYTES_MAX + SCP_LINE_BYTES_MAX,
        converse: scp::converse,
    },
    // Half a packet of each side.
    Speaker {
        row: "sftp",
        record: Record::Facts,
        held_bytes_max: 2 * (4 + SFTP_PACKET_BYTES_MAX),
        converse: sftp::converse,
    },
    // A control frame of each side, but for its last byte.
    Speaker {
        row: "websocket",
        record: Record::Payloads,
        held_bytes_max: 2 * (14 + WEBSOCKET_CONTROL_BYTES_MAX),
        converse: websocket::converse,
    },
];

/// What was said, and what there is to be known of it.
pub(crate) struct Conversation {
    pub(crate) wire: fn() -> ByteWire,
    pub(crate) turns: Vec<Turn>,
    pub(crate) facts: Facts,
}

/// What a record has to say of a conversation.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// For each operation that is asked, in order: who says so, and where in all that it says the message begins.
    pub(crate) asked: Vec<(Side, usize)>,
    /// The same of each answer.
    pub(crate) answered: Vec<(Side, usize)>,
    /// Each file that is closed, in order.
    pub(crate) closed: Vec<Transferred>,
}

/// What passed of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transferred {
    pub(crate) path: Vec<u8>,
    pub(crate) read_bytes: u64,
    pub(crate) written_bytes: u64,
    pub(crate) content_sha256: Option<[u8; 32]>,
}

impl Conversation {
    /// All that a side says.
    pub(crate) fn said(&self, side: Side) -> Vec<u8> {
        said(&self.turns, side)
    }
}

/// All that a side says in `turns`.
pub(crate) fn said(turns: &[Turn], side: Side) -> Vec<u8> {
    let bytes = turns.iter().filter_map(|turn| match turn {
        Turn::Say(speaker, bytes) if *speaker == side => Some(bytes.as_ref()),
        _ => None,
    });
    bytes.collect::<Vec<_>>().concat()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
