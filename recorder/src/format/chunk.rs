//! The head of a chunk.

use wiretape_core::Moment;

use crate::format::fields::Fields;
use crate::limits::{CHUNK_PAYLOAD_BYTES_MAX, CHUNK_PLAIN_BYTES_MAX};

/// The length of a chunk's head, in bytes. The payload follows it, then the link.
pub(crate) const HEAD_BYTES: usize = 32;

/// The bit of the flags that says: the payload starts a frame, so that reading can start here.
const FLAG_FRAME_START: u8 = 1;

/// What a chunk holds.
///
/// Kinds from [`Kind::OPTIONAL_FROM`] may be passed over by a reader that does not know them; the others may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind(pub(crate) u8);

impl Kind {
    /// Events, as part of a zstd frame that is flushed at the chunk's end.
    pub(crate) const EVENTS_ZSTD: Self = Self(0x01);
    /// Events, as they are.
    pub(crate) const EVENTS_STORED: Self = Self(0x02);
    /// The seek points.
    pub(crate) const INDEX: Self = Self(0x10);
    /// The last chunk of a tape.
    pub(crate) const TRAILER: Self = Self(0x11);
    /// From here on a kind may be passed over.
    pub(crate) const OPTIONAL_FROM: u8 = 0x80;

    /// Whether it holds events.
    pub(crate) fn is_events(self) -> bool {
        self == Self::EVENTS_ZSTD || self == Self::EVENTS_STORED
    }

    /// Whether this version reads it, or may pass over it.
    pub(crate) fn is_readable(self) -> bool {
        self.is_events() || self == Self::INDEX || self == Self::TRAILER || self.0 >= Self::OPTIONAL_FROM
    }
}

/// The head of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The length of the payload as it stands on the tape.
    pub(crate) payload_bytes: u32,
    /// What it holds.
    pub(crate) kind: Kind,
    /// Whether a frame starts with it.
    pub(crate) frame_start: bool,
    /// The number of its first event; of the next event when it has none.
    pub(crate) first_event: u64,
    /// The moment of its first event; of the event before it when it has none.
    pub(crate) first_moment: Moment,
    /// How many events it has.
    pub(crate) events: u32,
    /// The length of the payload when it is unpacked.
    pub(crate) plain_bytes: u32,
}

impl Head {
    pub(crate) fn encode(&self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        let flags = if self.frame_start { FLAG_FRAME_START } else { 0 };
        let fields = self
            .payload_bytes
            .to_le_bytes()
            .into_iter()
            .chain([self.kind.0, flags, 0, 0])
            .chain(self.first_event.to_le_bytes())
            .chain(self.first_moment.as_nanos().to_le_bytes())
            .chain(self.events.to_le_bytes())
            .chain(self.plain_bytes.to_le_bytes());
        for (place, byte) in bytes.iter_mut().zip(fields) {
            *place = byte;
        }
        bytes
    }

    /// Reads a head; an error says what no recorder would have written.
    pub(crate) fn decode(bytes: &[u8; HEAD_BYTES]) -> Result<Self, &'static str> {
        let mut fields = Fields(bytes);
        let (head, flags, reserved) = (|| {
            let payload_bytes = fields.u32()?;
            let kind = Kind(fields.u8()?);
            let flags = fields.u8()?;
            let reserved = fields.u16()?;
            let head = Self {
                payload_bytes,
                kind,
                frame_start: flags & FLAG_FRAME_START != 0,
                first_event: fields.u64()?,
                first_moment: Moment::from_nanos(fields.u64()?),
                events: fields.u32()?,
                plain_bytes: fields.u32()?,
            };
            Some((head, flags, reserved))
        })()
        .ok_or("the head of a chunk is too short")?;
        if flags & !FLAG_FRAME_START != 0 || reserved != 0 {
            return Err("a reserved bit of a chunk's head is set");
        }
        if !head.kind.is_readable() {
            return Err("a chunk of a kind that this version does not know");
        }
        if head.payload_bytes as usize > CHUNK_PAYLOAD_BYTES_MAX {
            return Err("a chunk is longer than the limit");
        }
        if head.plain_bytes as usize > CHUNK_PLAIN_BYTES_MAX {
            return Err("a chunk unpacks to more than the limit");
        }
        if head.kind.is_events() {
            // The shortest event takes four bytes, so that a count cannot make a reader loop for long.
            if head.events == 0 || u64::from(head.events) * 4 > u64::from(head.plain_bytes) {
                return Err("a chunk's count of events and its length do not agree");
            }
        } else if head.events != 0 || head.plain_bytes != 0 || head.frame_start {
            return Err("a chunk without events says that it has some");
        }
        if head.kind == Kind::EVENTS_STORED && (head.payload_bytes != head.plain_bytes || !head.frame_start) {
            return Err("a stored chunk's lengths do not agree");
        }
        Ok(head)
    }
}
