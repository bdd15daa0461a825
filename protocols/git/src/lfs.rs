//! Git LFS over HTTP (the batch API and the basic transfer, docs/api of git-lfs): what is transferred, and whether it is
//! what its name says.

mod batch;
mod json;
mod limits;

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};
use wiretape_core::event::{GitEvent, StreamEvent};
use wiretape_core::limits::{EVENT_PAYLOAD_BYTES_MAX, LFS_MESSAGE_BYTES_MAX};
use wiretape_core::{Carrier, Event, Fault, Kind, Lane, Moment, Reason, Side, Step, Unit, Verdict, Wire};

/// The media type of the API's messages.
const MEDIA_TYPE: &[u8] = b"application/vnd.git-lfs+json";

/// How the path of the batch API ends.
const BATCH: &[u8] = b"/info/lfs/objects/batch";

/// An exchange of Git LFS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LfsExchange {
    kind: Exchange,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Exchange {
    /// The client asks where objects are, or may go.
    Batch { renamed: Option<(Bytes, Bytes)> },
    /// An object goes by, on the side of who has it.
    Object { from: Side, id: [u8; 32] },
}

/// Whether a request of this method and path may be one of Git LFS.
#[must_use]
pub fn may_read(method: &[u8], path: &[u8]) -> bool {
    let path = without_query(path);
    match method {
        b"POST" => path.ends_with(BATCH),
        b"GET" | b"PUT" => object_id(path).is_some(),
        _ => false,
    }
}

/// The exchange of Git LFS that `carrier` carries, if it does.
#[must_use]
pub fn exchange(carrier: &Carrier) -> Option<LfsExchange> {
    let Carrier::Content(content) = carrier else { return None };
    let path = without_query(&content.path);
    let kind = match &content.method[..] {
        b"POST" if path.ends_with(BATCH) && content.media_type == MEDIA_TYPE => {
            Exchange::Batch { renamed: content.renamed.clone() }
        }
        b"GET" => Exchange::Object { from: Side::Upstream, id: object_id(path)? },
        b"PUT" => Exchange::Object { from: Side::Client, id: object_id(path)? },
        _ => return None,
    };
    Some(LfsExchange { kind })
}

fn without_query(path: &[u8]) -> &[u8] {
    path.split(|octet| *octet == b'?').next().unwrap_or_default()
}

/// The name of an object that a path ends with: a segment of 64 hexadecimal digits.
fn object_id(path: &[u8]) -> Option<[u8; 32]> {
    let digits = path.get(path.len().checked_sub(65)?..)?.strip_prefix(b"/")?;
    let mut id = [0; 32];
    for (byte, pair) in id.iter_mut().zip(digits.as_chunks::<2>().0) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        *byte = u8::try_from(high? << 4 | low?).ok()?;
    }
    Some(id)
}

/// One exchange of Git LFS, seen from between its sides. It judges nothing: the request was judged as one of HTTP.
pub struct LfsWire {
    lane: Lane,
    reading: Reading,
    steps: VecDeque<Step<Bytes>>,
}

enum Reading {
    Batch { client: Message, upstream: Message, renamed: Option<(Bytes, Bytes)> },
    Object { from: Side, id: [u8; 32], digest: Box<Sha256>, bytes: u64 },
}

/// A message that is collected, to be read as a whole.
enum Message {
    Collected(BytesMut),
    /// It is longer than is read: it passes as it comes.
    Long,
}

impl LfsWire {
    /// The wire of `exchange` on `lane`.
    #[must_use]
    pub fn new(lane: Lane, exchange: LfsExchange) -> Self {
        let reading = match exchange.kind {
            Exchange::Batch { renamed } => Reading::Batch {
                client: Message::Collected(BytesMut::new()),
                upstream: Message::Collected(BytesMut::new()),
                renamed,
            },
            Exchange::Object { from, id } => Reading::Object { from, id, digest: Box::default(), bytes: 0 },
        };
        Self { lane, reading, steps: VecDeque::new() }
    }

    fn feed_batch(&mut self, side: Side, at: Moment, bytes: Bytes) {
        let Reading::Batch { client, upstream, .. } = &mut self.reading else { return };
        let message = if side == Side::Client { client } else { upstream };
        if let Message::Collected(collected) = message {
            collected.extend_from_slice(&bytes);
            if collected.len() <= LFS_MESSAGE_BYTES_MAX {
                return;
            }
            let collected = collected.split().freeze();
            *message = Message::Long;
            let what = "a message of Git LFS that is longer than is read".to_owned();
            self.note(side, at, Kind::Stream(StreamEvent::Opaque { what }));
            return self.pass_unread(side, at, collected);
        }
        self.pass_unread(side, at, bytes);
    }

    /// Passes on what is not read. What the target says may be credentials: it is only counted.
    fn pass_unread(&mut self, side: Side, at: Moment, bytes: Bytes) {
        match side {
            Side::Client => self.note_data(side, at, bytes.clone()),
            Side::Upstream => {
                self.note(side, at, Kind::Git(GitEvent::Omitted { bytes: bytes.len() as u64 }));
            }
        }
        self.send(side.other(), bytes);
    }

    fn end_batch(&mut self, side: Side, at: Moment) {
        let Reading::Batch { client, upstream, renamed } = &mut self.reading else { return };
        let message = if side == Side::Client { client } else { upstream };
        let Message::Collected(collected) = message else { return };
        let text = collected.split().freeze();
        if text.is_empty() {
            return;
        }
        let understood = match side {
            Side::Client => batch::request(&text).map(|events| (text.clone(), text.clone(), events)),
            Side::Upstream => {
                batch::response(&text, renamed.as_ref()).map(|response| (response.told, response.recorded, Vec::new()))
            }
        };
        match understood {
            Some((told, recorded, events)) => {
                self.note_data(side, at, recorded);
                events.into_iter().for_each(|event| self.note(side, at, Kind::Git(event)));
                self.send(side.other(), told);
            }
            None => {
                let what = "a message of Git LFS that is not understood".to_owned();
                self.note(side, at, Kind::Stream(StreamEvent::Opaque { what }));
                self.pass_unread(side, at, text);
            }
        }
    }

    fn note_data(&mut self, side: Side, at: Moment, mut bytes: Bytes) {
        while !bytes.is_empty() {
            let part = bytes.split_to(bytes.len().min(EVENT_PAYLOAD_BYTES_MAX));
            self.note(side, at, Kind::Git(GitEvent::Data { bytes: part }));
        }
    }

    fn note(&mut self, side: Side, at: Moment, kind: Kind) {
        self.steps.push_back(Step::Note(Event { at, side, lane: self.lane, kind }));
    }

    fn send(&mut self, to: Side, message: Bytes) {
        self.steps.push_back(Step::Send { to, message });
    }
}

impl Wire for LfsWire {
    type Message = Bytes;

    fn feed(&mut self, side: Side, at: Moment, message: Bytes) -> Result<(), Fault> {
        match &mut self.reading {
            Reading::Batch { .. } => self.feed_batch(side, at, message),
            Reading::Object { from, digest, bytes, .. } => {
                if *from == side {
                    digest.update(&message);
                    *bytes += message.len() as u64;
                }
                self.send(side.other(), message);
            }
        }
        Ok(())
    }

    fn step(&mut self) -> Option<Step<Bytes>> {
        self.steps.pop_front()
    }

    fn rule(&mut self, _at: Moment, _unit: Unit, _verdict: Verdict) {}

    fn end(&mut self, side: Side, at: Moment) -> Result<(), Fault> {
        match &mut self.reading {
            Reading::Batch { .. } => self.end_batch(side, at),
            Reading::Object { from, id, digest, bytes } => {
                let (id, bytes) = (*id, *bytes);
                if *from == side && digest.finalize_reset()[..] == id {
                    self.note(side, at, Kind::Git(GitEvent::LfsObject { id, bytes }));
                }
            }
        }
        Ok(())
    }

    fn farewell(&mut self, _at: Moment, _reason: &Reason) {}

    fn held_bytes(&self) -> usize {
        match &self.reading {
            Reading::Batch { client, upstream, .. } => [client, upstream]
                .into_iter()
                .map(|message| match message {
                    Message::Collected(collected) => collected.len(),
                    Message::Long => 0,
                })
                .sum(),
            Reading::Object { .. } => 0,
        }
    }

    /// A batch is changed on its way, and recorded without its credentials; an object is not.
    fn is_record(&self) -> bool {
        matches!(self.reading, Reading::Batch { .. })
    }
}
