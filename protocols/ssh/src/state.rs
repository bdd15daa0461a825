//! What the peers may say on a lane, and when.

use wiretape_core::event::StreamKind;
use wiretape_core::{Fault, Side, limits};

use crate::limits::ADDRESS_BYTES_MAX;
use crate::pair::Pair;
use crate::{Message, Request};

/// How far a lane has come.
///
/// ```text
///                 allowed, or            confirmed
///   ● ──► Asked ── not judged ──► Opening ──────► Open ──── both closed ────► Over
///           │ refused                │ rejected    │ the gateway ends it       ▲
///           ▼                        ▼             ▼                           │
///          Over                     Over         Ended ──── both closed ───────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The opener asked for it; whether it may is not decided.
    Asked,
    /// The other side was asked for it.
    Opening,
    /// Both sides speak.
    Open,
    /// The gateway closed it towards both sides; what they had already said is dropped.
    Ended,
    /// Nothing more can come.
    Over,
}

/// What is to be done with a message that a side was allowed to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It takes its way.
    Pass,
    /// The other side has closed the lane and could not know: only the record gets it.
    Late,
    /// It crossed the gateway's own close.
    Drop,
}

/// Who said what on a lane so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    opener: Side,
    phase: Phase,
    eof: Pair<bool>,
    closed: Pair<bool>,
}

impl Standing {
    pub(crate) fn new(opener: Side) -> Self {
        Self { opener, phase: Phase::Asked, eof: Pair::default(), closed: Pair::default() }
    }

    pub(crate) fn opener(&self) -> Side {
        self.opener
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    pub(crate) fn eof_by(&self, side: Side) -> bool {
        *self.eof.of(side)
    }

    pub(crate) fn closed_by(&self, side: Side) -> bool {
        *self.closed.of(side)
    }

    /// The other side is asked to open the lane.
    pub(crate) fn allow(&mut self) {
        self.phase = Phase::Opening;
    }

    /// The gateway rejects the lane: neither side has it.
    pub(crate) fn reject(&mut self) {
        self.phase = Phase::Over;
    }

    /// The gateway closed the lane towards both sides.
    pub(crate) fn end(&mut self) {
        self.phase = Phase::Ended;
        self.settle();
    }

    /// Whether `side` may say `message` now; if so, it has said it.
    pub(crate) fn admit(&mut self, side: Side, message: &Message) -> Result<Admission, Fault> {
        match self.phase {
            Phase::Asked | Phase::Opening => self.admit_answer(side, message),
            Phase::Open => self.admit_open(side, message),
            Phase::Ended | Phase::Over => {
                if matches!(message, Message::Close { .. }) {
                    *self.closed.of_mut(side) = true;
                    self.settle();
                }
                Ok(Admission::Drop)
            }
        }
    }

    fn admit_answer(&mut self, side: Side, message: &Message) -> Result<Admission, Fault> {
        let asked = self.phase == Phase::Opening && side != self.opener;
        match message {
            Message::Opened { .. } if asked => self.phase = Phase::Open,
            Message::Rejected { .. } if asked => self.phase = Phase::Over,
            _ if side == self.opener => return Err(fault(side, "nothing until the lane is open", message)),
            _ => return Err(fault(side, "whether the lane is accepted or rejected", message)),
        }
        Ok(Admission::Pass)
    }

    fn admit_open(&mut self, side: Side, message: &Message) -> Result<Admission, Fault> {
        if *self.closed.of(side) {
            return Err(fault(side, "nothing on a lane that it closed", message));
        }
        match message {
            Message::Data { .. } | Message::Eof { .. } if *self.eof.of(side) => {
                return Err(fault(side, "no data after the end of data", message));
            }
            Message::Eof { .. } => *self.eof.of_mut(side) = true,
            Message::Close { .. } => {
                *self.closed.of_mut(side) = true;
                self.settle();
                return Ok(Admission::Pass);
            }
            Message::Data { .. } | Message::Request { .. } | Message::Answer { .. } => {}
            Message::Open { .. }
            | Message::Opened { .. }
            | Message::Rejected { .. }
            | Message::Listen { .. }
            | Message::Listening { .. } => return Err(fault(side, "what belongs on an open lane", message)),
        }
        Ok(if *self.closed.of(side.other()) { Admission::Late } else { Admission::Pass })
    }

    fn settle(&mut self) {
        if *self.closed.of(Side::Client) && *self.closed.of(Side::Upstream) {
            self.phase = Phase::Over;
        }
    }
}

/// A fault of `side`, which said `message`.
pub(crate) fn fault(side: Side, expected: &'static str, message: &Message) -> Fault {
    let got = match message {
        Message::Request { request, .. } => format!("{} on lane {}", request.name(), message.lane()),
        _ => format!("{} on lane {}", word(message), message.lane()),
    };
    Fault::new(side, expected, got)
}

fn word(message: &Message) -> &'static str {
    match message {
        Message::Open { .. } => "the opening of a lane",
        Message::Opened { .. } => "the acceptance of a lane",
        Message::Rejected { .. } => "the rejection of a lane",
        Message::Data { .. } => "data",
        Message::Eof { .. } => "the end of data",
        Message::Close { .. } => "a close",
        Message::Request { .. } => "a request",
        Message::Answer { .. } => "an answer to a request",
        Message::Listen { .. } => "a request to listen",
        Message::Listening { .. } => "an answer to a request to listen",
    }
}

/// Whether `side` may make this request of a lane of this kind, and whether its texts are within the limits.
pub(crate) fn check_request(side: Side, kind: &StreamKind, message: &Message) -> Result<(), Fault> {
    let Message::Request { request, .. } = message else { return Ok(()) };
    if *kind != StreamKind::Session {
        return Err(fault(side, "requests only on lanes of kind session", message));
    }
    let asker = match request {
        Request::ExitStatus { .. } | Request::ExitSignal { .. } => Side::Upstream,
        _ => Side::Client,
    };
    if side != asker {
        return Err(fault(side, "a request that this side can make", message));
    }
    let text_bytes = request_text_bytes(request);
    if text_bytes > limits::TEXT_BYTES_MAX {
        return Err(fault(side, "a request with at most 256 KiB of text", message));
    }
    if matches!(request, Request::Pty { modes, .. } if modes.len() > limits::TERMINAL_MODES_MAX) {
        return Err(fault(side, "at most 256 terminal modes", message));
    }
    Ok(())
}

/// Bytes of text that a request carries.
pub(crate) fn request_text_bytes(request: &Request) -> usize {
    match request {
        Request::Pty { term, modes, .. } => term.len().saturating_add(modes.len().saturating_mul(8)),
        Request::Env { name, value } => name.len().saturating_add(value.len()),
        Request::Exec { command } => command.len(),
        Request::Subsystem { name } | Request::Signal { name } => name.len(),
        Request::ExitSignal { name, message, .. } => name.len().saturating_add(message.len()),
        Request::WindowChange { .. } | Request::Shell | Request::Agent | Request::ExitStatus { .. } => 0,
    }
}

/// Whether the texts of a lane's opening are within the limits.
pub(crate) fn check_kind(side: Side, kind: &StreamKind) -> Result<(), Fault> {
    let text_bytes = match kind {
        StreamKind::DirectTcpip { host, originator, .. } | StreamKind::ForwardedTcpip { host, originator, .. } => {
            host.len().saturating_add(originator.len())
        }
        StreamKind::DirectStreamlocal { path } | StreamKind::ForwardedStreamlocal { path } => path.len(),
        StreamKind::X11 { originator, .. } => originator.len(),
        StreamKind::Session | StreamKind::Agent => 0,
    };
    if text_bytes > ADDRESS_BYTES_MAX {
        return Err(Fault::new(side, "an address of at most 4 KiB", format!("{text_bytes} bytes")));
    }
    Ok(())
}
