//! One direction of a connection: what may come next, and what is held back until it can be told.

use std::collections::VecDeque;

use bytes::Bytes;
use wiretape_core::event::{ControlKind, HttpEvent, MessageKind};
use wiretape_core::limits::EVENT_PAYLOAD_BYTES_MAX;
use wiretape_core::{Event, Fault, Kind, Lane, Moment, Side, Step};

use crate::limits::HELD_FRAME_BYTES_MAX;
use crate::mask::Key;
use crate::message::{Header, Opcode, read};

/// What one peer says.
///
/// ```text
///               ┌──────── control frames, at any place between frames ───────┐
///               ▼                                                            │
///   ● ──────► between messages ── text or binary ──► inside a message ───────┤
///               ▲                                      │   ▲  │              │
///               │                                      └───┘  │              │
///               │                              continuations  │              │
///               └───────────────── the last frame ────────────┘     close ───┘
/// ```
///
/// The header of a frame passes with the first byte of its payload, a control frame as a whole: nothing passes that is
/// not on the record. The rest streams.
#[derive(Debug)]
pub(crate) struct Direction {
    side: Side,
    /// The beginning of a frame that did not pass.
    held: [u8; HELD_FRAME_BYTES_MAX],
    held_bytes: usize,
    payload: Option<Payload>,
    message: Option<Message>,
    closed: bool,
}

/// A message that has begun.
#[derive(Clone, Copy, Debug)]
struct Message {
    kind: MessageKind,
    /// Whether something of it is on the record.
    told: bool,
}

/// The payload of a frame of a message.
#[derive(Clone, Copy, Debug)]
struct Payload {
    left_bytes: u64,
    key: Option<Key>,
    last: bool,
}

/// Where a direction puts what it has to say.
pub(crate) struct Tape<'a> {
    pub(crate) at: Moment,
    pub(crate) lane: Lane,
    pub(crate) steps: &'a mut VecDeque<Step<Bytes>>,
}

impl Tape<'_> {
    pub(crate) fn note(&mut self, side: Side, kind: HttpEvent) {
        self.steps.push_back(Step::Note(Event { at: self.at, side, lane: self.lane, kind: Kind::Http(kind) }));
    }

    pub(crate) fn send(&mut self, to: Side, message: Bytes) {
        if !message.is_empty() {
            self.steps.push_back(Step::Send { to, message });
        }
    }
}

impl Direction {
    pub(crate) fn new(side: Side) -> Self {
        Self { side, held: [0; HELD_FRAME_BYTES_MAX], held_bytes: 0, payload: None, message: None, closed: false }
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// True once a close frame has passed.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// True when a frame has passed in part: nothing can be put in here.
    pub(crate) fn is_amid_frame(&self) -> bool {
        self.payload.is_some() && self.held_bytes == 0
    }

    /// Takes in what the peer said.
    pub(crate) fn feed(&mut self, said: Bytes, tape: &mut Tape<'_>) -> Result<(), Fault> {
        let earlier = Bytes::copy_from_slice(self.held.get(..self.held_bytes).unwrap_or_default());
        let (mut taken, mut passed) = (0, 0);
        let outcome = loop {
            match self.take(said.slice(taken..), tape) {
                Ok(Taken { bytes: 0, .. }) => break Ok(()),
                Ok(Taken { bytes, passes }) => {
                    taken += bytes;
                    if passes {
                        passed = taken;
                    }
                }
                Err(fault) => break Err(fault),
            }
        };
        if passed > 0 {
            tape.send(self.side.other(), earlier);
            tape.send(self.side.other(), said.slice(..passed));
        }
        outcome
    }

    /// Takes the next piece of `said`: of a header, of a payload, or a control frame.
    fn take(&mut self, said: Bytes, tape: &mut Tape<'_>) -> Result<Taken, Fault> {
        if said.is_empty() {
            return Ok(Taken { bytes: 0, passes: false });
        }
        if self.payload.is_some() {
            return Ok(self.take_payload(&said, tape));
        }
        let mut bytes = 0;
        loop {
            let held = self.held.get(..self.held_bytes).unwrap_or_default();
            let header = read(self.side, held).map_err(|(expected, got)| Fault::new(self.side, expected, got))?;
            let needed = match header {
                Err(needed) => needed,
                Ok(header) => match self.begin(&header, tape)? {
                    Begun::Control { needed } => needed,
                    Begun::Whole => {
                        self.held_bytes = 0;
                        return Ok(Taken { bytes, passes: true });
                    }
                    Begun::Data => return Ok(Taken { bytes, passes: false }),
                },
            };
            let more = said.get(bytes..).unwrap_or_default();
            let more = more.get(..needed.saturating_sub(self.held_bytes)).unwrap_or(more);
            let Some(place) = self.held.get_mut(self.held_bytes..self.held_bytes + more.len()) else {
                return Ok(Taken { bytes, passes: false });
            };
            place.copy_from_slice(more);
            self.held_bytes += more.len();
            bytes += more.len();
            if more.is_empty() {
                return Ok(Taken { bytes, passes: false });
            }
        }
    }

    /// A header is there. A frame without payload, and a control frame that is there too, are whole.
    fn begin(&mut self, header: &Header, tape: &mut Tape<'_>) -> Result<Begun, Fault> {
        let header_bytes = 2 + header.key.map_or(0, |key| key.len());
        let mut key = header.key.map(Key::new);
        let message = match (header.opcode, self.message) {
            (Opcode::Control(kind), _) => {
                // A control frame's length stands in the second byte.
                let needed = header_bytes + header.payload_bytes as usize;
                let Some(payload) = self.held.get(header_bytes..needed).filter(|_| needed <= self.held_bytes) else {
                    return Ok(Begun::Control { needed });
                };
                let bytes = match &mut key {
                    Some(key) => key.unmask(payload),
                    None => Bytes::copy_from_slice(payload),
                };
                self.closed |= kind == ControlKind::Close;
                tape.note(self.side, HttpEvent::Control { kind, bytes });
                return Ok(Begun::Whole);
            }
            (Opcode::Continuation, Some(message)) => message,
            (Opcode::Message(kind), None) => Message { kind, told: false },
            (Opcode::Continuation, None) => {
                return Err(Fault::new(self.side, "the beginning of a message", "a continuation"));
            }
            (Opcode::Message(_), Some(_)) => {
                return Err(Fault::new(self.side, "the rest of a message", "the beginning of another"));
            }
        };
        self.message = Some(message);
        if header.payload_bytes > 0 {
            self.payload = Some(Payload { left_bytes: header.payload_bytes, key, last: header.last });
            return Ok(Begun::Data);
        }
        // An empty fragment inside a message says nothing.
        if !message.told || header.last {
            self.tell(Bytes::new(), header.last, tape);
        }
        Ok(Begun::Whole)
    }

    fn take_payload(&mut self, said: &Bytes, tape: &mut Tape<'_>) -> Taken {
        let Some(payload) = &mut self.payload else { return Taken { bytes: 0, passes: false } };
        let left = usize::try_from(payload.left_bytes).unwrap_or(usize::MAX);
        let bytes = said.len().min(left).min(EVENT_PAYLOAD_BYTES_MAX);
        let piece = said.slice(..bytes);
        let piece = match &mut payload.key {
            Some(key) => key.unmask(&piece),
            None => piece,
        };
        payload.left_bytes -= bytes as u64;
        let whole = payload.left_bytes == 0;
        let last = whole && payload.last;
        if whole {
            self.payload = None;
        }
        self.held_bytes = 0;
        self.tell(piece, last, tape);
        Taken { bytes, passes: true }
    }

    /// Puts a piece of the message on the record.
    fn tell(&mut self, bytes: Bytes, last: bool, tape: &mut Tape<'_>) {
        let Some(message) = &mut self.message else { return };
        let (kind, first) = (message.kind, !message.told);
        message.told = true;
        if last {
            self.message = None;
        }
        tape.note(self.side, HttpEvent::Message { kind, bytes, first, last });
    }

    /// The peer will say nothing more.
    pub(crate) fn end(&self) -> Result<(), Fault> {
        let amid = if self.held_bytes > 0 || self.payload.is_some() {
            "the rest of a frame"
        } else if self.message.is_some() {
            "the rest of a message"
        } else {
            return Ok(());
        };
        Err(Fault::new(self.side, amid, "the end of the stream"))
    }
}

/// What was taken of what was said.
#[derive(Clone, Copy, Debug)]
struct Taken {
    bytes: usize,
    /// Whether all up to its end is on the record.
    passes: bool,
}

/// What a header begins.
#[derive(Clone, Copy, Debug)]
enum Begun {
    /// A control frame, which is there once so many bytes are.
    Control { needed: usize },
    /// The payload of a message.
    Data,
    /// Nothing: the frame is whole.
    Whole,
}
