//! Events as version 1 of the tape writes them.
//!
//! These types exist only to fix the order of fields and variants on the tape: what stands here never changes. A
//! change of the vocabulary that does not append variants to an enum's end is a new version of the format.

mod file;
mod git;
mod http;
mod process;
mod query;
mod session;
mod stream;
mod terminal;

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::{BorrowDecode, Decode, Encode};
use bytes::Bytes;
use wiretape_core as words;

use super::encoded::{Appended, Encoded};
use crate::limits::{EVENT_BYTES_MAX, LIST_ITEMS_MAX};

/// What a decoder may claim for one event: its bytes, and its lists, whose items take more room in memory.
const DECODE_BYTES_MAX: usize = EVENT_BYTES_MAX + LIST_ITEMS_MAX * git::LIST_ITEM_BYTES_MAX;

type Config = Configuration<LittleEndian, Varint, Limit<DECODE_BYTES_MAX>>;

const CONFIG: Config = bincode::config::standard().with_limit::<DECODE_BYTES_MAX>();

/// Payloads from this length on share the memory of their chunk when they are read; shorter ones are copied, so that
/// a few of them do not keep a whole chunk alive.
const SHARED_BYTES_MIN: usize = 4096;

/// One event of a chunk.
#[derive(Encode, BorrowDecode)]
struct Record<'a> {
    /// Nanoseconds after the event before it in the chunk, or after the chunk's first moment; wrapping, so that an
    /// event may also be earlier.
    after: i64,
    side: Side,
    lane: u32,
    kind: Kind<'a>,
}

#[derive(Clone, Copy, Encode, Decode)]
enum Side {
    Client,
    Upstream,
}

#[derive(Encode, BorrowDecode)]
enum Kind<'a> {
    Session(session::Session<'a>),
    Terminal(terminal::Terminal<'a>),
    Process(process::Process<'a>),
    Stream(stream::Stream<'a>),
    File(file::File<'a>),
    Query(query::Query<'a>),
    Http(http::Http<'a>),
    Git(git::Git<'a>),
}

impl From<words::Side> for Side {
    fn from(side: words::Side) -> Self {
        match side {
            words::Side::Client => Self::Client,
            words::Side::Upstream => Self::Upstream,
        }
    }
}

impl From<Side> for words::Side {
    fn from(side: Side) -> Self {
        match side {
            Side::Client => Self::Client,
            Side::Upstream => Self::Upstream,
        }
    }
}

impl<'a> From<&'a words::Kind> for Kind<'a> {
    fn from(kind: &'a words::Kind) -> Self {
        match kind {
            words::Kind::Session(event) => Self::Session(event.into()),
            words::Kind::Terminal(event) => Self::Terminal(event.into()),
            words::Kind::Process(event) => Self::Process(event.into()),
            words::Kind::Stream(event) => Self::Stream(event.into()),
            words::Kind::File(event) => Self::File(event.into()),
            words::Kind::Query(event) => Self::Query(event.into()),
            words::Kind::Http(event) => Self::Http(event.into()),
            words::Kind::Git(event) => Self::Git(event.into()),
        }
    }
}

/// The memory that a chunk was unpacked into.
pub(crate) struct Plain<'a>(&'a Bytes);

impl Plain<'_> {
    fn kept(&self, slice: &[u8]) -> Bytes {
        if slice.len() < SHARED_BYTES_MIN { Bytes::copy_from_slice(slice) } else { self.0.slice_ref(slice) }
    }
}

impl Kind<'_> {
    fn into_core(self, plain: &Plain<'_>) -> words::Kind {
        match self {
            Self::Session(event) => words::Kind::Session(event.into()),
            Self::Terminal(event) => words::Kind::Terminal(event.into_core(plain)),
            Self::Process(event) => words::Kind::Process(event.into_core(plain)),
            Self::Stream(event) => words::Kind::Stream(event.into_core(plain)),
            Self::File(event) => words::Kind::File(event.into_core(plain)),
            Self::Query(event) => words::Kind::Query(event.into_core(plain)),
            Self::Http(event) => words::Kind::Http(event.into_core(plain)),
            Self::Git(event) => words::Kind::Git(event.into_core(plain)),
        }
    }
}

/// An event that no tape takes, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Oversized {
    #[error("an event `{name}` of {bytes} bytes is longer than the {EVENT_BYTES_MAX} bytes that a tape takes")]
    Event { name: &'static str, bytes: usize },
    #[error("an event `{name}` has a list of {items} items, more than the {LIST_ITEMS_MAX} that a tape takes")]
    List { name: &'static str, items: usize },
}

/// Appends `event`, which follows an event at `before`, to `plain`. On error `plain` is as it was.
pub(crate) fn encode(plain: &mut Encoded, before: words::Moment, event: &words::Event) -> Result<(), Oversized> {
    let items = list_items(&event.kind);
    if items > LIST_ITEMS_MAX {
        return Err(Oversized::List { name: event.kind.name(), items });
    }
    let record = Record {
        after: event.at.as_nanos().wrapping_sub(before.as_nanos()).cast_signed(),
        side: event.side.into(),
        lane: event.lane.0,
        kind: (&event.kind).into(),
    };
    let (start, mark) = (plain.len(), plain.mark());
    let appended = Appended { encoded: plain, payload: payload(&event.kind) };
    let outcome = bincode::encode_into_writer(record, appended, CONFIG);
    let bytes = plain.len() - start;
    if outcome.is_err() || bytes > EVENT_BYTES_MAX {
        plain.go_back(mark);
        return Err(Oversized::Event { name: event.kind.name(), bytes });
    }
    Ok(())
}

/// The field of an event that can be long.
fn payload(kind: &words::Kind) -> Option<&Bytes> {
    use words::event::{GitEvent, HttpEvent, QueryEvent, StreamEvent, TerminalEvent};
    match kind {
        words::Kind::Terminal(TerminalEvent::Output { bytes, .. })
        | words::Kind::Stream(StreamEvent::Data { bytes, .. })
        | words::Kind::Query(
            QueryEvent::Rows { bytes, .. } | QueryEvent::CopyData { bytes, .. } | QueryEvent::Long { bytes, .. },
        )
        | words::Kind::Http(HttpEvent::Body { bytes } | HttpEvent::Message { bytes, .. })
        | words::Kind::Git(GitEvent::Data { bytes }) => Some(bytes),
        _ => None,
    }
}

fn list_items(kind: &words::Kind) -> usize {
    match kind {
        words::Kind::Session(event) => session::list_items(event),
        words::Kind::Terminal(words::event::TerminalEvent::Start { modes, .. }) => modes.len(),
        words::Kind::Query(event) => query::list_items(event),
        words::Kind::Http(event) => http::list_items(event),
        words::Kind::Git(event) => git::list_items(event),
        _ => 0,
    }
}

/// Reads the event at `offset` of `plain`, which follows an event at `before`, and says how many bytes it took.
pub(crate) fn decode(plain: &Bytes, offset: usize, before: words::Moment) -> Option<(words::Event, usize)> {
    let (record, taken) = bincode::borrow_decode_from_slice::<Record<'_>, _>(plain.get(offset..)?, CONFIG).ok()?;
    if taken > EVENT_BYTES_MAX {
        return None;
    }
    let event = words::Event {
        at: words::Moment::from_nanos(before.as_nanos().wrapping_add(record.after.cast_unsigned())),
        side: record.side.into(),
        lane: words::Lane(record.lane),
        kind: record.kind.into_core(&Plain(plain)),
    };
    Some((event, taken))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use wiretape_core::event::{
        FileChange, FileStatus, GitEvent, HeaderField, HttpEvent, MessageKind, ObjectId, QueryEvent, StreamEvent,
        TerminalEvent, TreeFile,
    };
    use wiretape_core::{Event, Kind, Lane, Moment, Side};

    use super::{decode, encode};
    use crate::format::encoded::Encoded;
    use crate::limits::LIST_ITEMS_MAX;

    #[test]
    fn the_longest_list_that_is_taken_is_read_back() {
        let name = Bytes::from(vec![b'x'; 58]);
        let field = HeaderField { name, value: Bytes::new(), concealed_bytes: 0 };
        let commit = ObjectId::Sha1([7; 20]);
        let file = FileChange {
            path: Bytes::from(vec![b'x'; 32]),
            status: FileStatus::Written,
            old: None,
            new: Some(TreeFile { mode: 0o100_644, id: commit }),
            lines: None,
            binary: false,
        };
        let files = vec![file; LIST_ITEMS_MAX];
        let kinds = [
            Kind::Http(HttpEvent::Trailers { fields: vec![field; LIST_ITEMS_MAX] }),
            Kind::Git(GitEvent::Files { commit, parent: None, files, complete: true }),
        ];
        for kind in kinds {
            let event = Event { at: Moment::START, side: Side::Client, lane: Lane(1), kind };
            let mut encoded = Encoded::default();
            encode(&mut encoded, Moment::START, &event).unwrap();
            let plain = Bytes::from(encoded.pieces().collect::<Vec<_>>().concat());
            assert_eq!(decode(&plain, 0, Moment::START), Some((event, plain.len())));
        }
    }

    #[test]
    fn long_payloads_are_encoded_without_being_copied_and_decoded_as_they_were() {
        let bytes = Bytes::from(vec![7; 100_000]);
        let payload = || bytes.clone();
        let kinds = [
            Kind::Terminal(TerminalEvent::Output { error: true, bytes: payload() }),
            Kind::Stream(StreamEvent::Data { error: false, bytes: payload() }),
            Kind::Query(QueryEvent::Rows { count: 3, bytes: payload() }),
            Kind::Query(QueryEvent::CopyData { count: 3, bytes: payload() }),
            Kind::Query(QueryEvent::Long { letter: b'Q', bytes: payload(), last: true }),
            Kind::Http(HttpEvent::Body { bytes: payload() }),
            Kind::Http(HttpEvent::Message { kind: MessageKind::Text, bytes: payload(), first: true, last: false }),
            Kind::Git(GitEvent::Data { bytes: payload() }),
        ];
        for kind in kinds {
            let event = Event { at: Moment::from_nanos(9), side: Side::Upstream, lane: Lane(7), kind };
            let mut encoded = Encoded::default();
            encode(&mut encoded, Moment::START, &event).unwrap();
            assert!(encoded.pieces().any(|piece| std::ptr::eq(piece, &*bytes)), "{}", event.kind.name());
            let plain = Bytes::from(encoded.pieces().collect::<Vec<_>>().concat());
            assert_eq!(decode(&plain, 0, Moment::START), Some((event, plain.len())));
        }
    }
}
