//! One lane: an SSH channel between its two peers.

mod ending;
mod requests;

use std::collections::VecDeque;

use bytes::Bytes;
use wiretape_core::event::{StreamEvent, StreamKind};
use wiretape_core::judge::ActionKind;
use wiretape_core::{
    Action, Carrier, Event, Fault, Kind, Lane, Moment, NestedWires, Reason, Side, Unit, limits as shared,
};

use crate::event::request_event;
use crate::nested::{Nested, Settled};
use crate::opaque::Signature;
use crate::options::NestedFault;
use crate::outbox::Outbox;
use crate::pair::Pair;
use crate::pending::Pending;
use crate::state::{Admission, Phase, Standing, check_request, fault, request_text_bytes};
use crate::terminal::Terminal;
use crate::{Message, Request, limits};

/// What a lane needs of the wire that it belongs to.
pub(crate) struct Surroundings<'a> {
    pub(crate) at: Moment,
    pub(crate) outbox: &'a mut Outbox,
    pub(crate) nested: &'a dyn NestedWires,
    pub(crate) nested_fault: NestedFault,
    pub(crate) conceal: bool,
}

/// What waits for an answer on a lane.
#[derive(Clone, Debug)]
enum Question {
    /// The lane itself.
    Open,
    /// A request of the client.
    Request {
        request: Request,
        want_reply: bool,
        /// The client has the answer already: it was told to wait.
        granted: bool,
    },
}

/// A program on a lane of kind session; one at a time (RFC 4254 section 6.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    None,
    /// Judged, or sent on; the target has not answered.
    Asked,
    Running,
}

/// A request that was refused, told once the requests before it have their answers.
#[derive(Debug)]
struct Refusal {
    reason: Reason,
    request: &'static str,
    want_reply: bool,
}

/// A lane from its opening to its last close.
pub(crate) struct LaneState {
    lane: Lane,
    kind: StreamKind,
    standing: Standing,
    program: Program,
    terminal: Option<Terminal>,
    environment_variables: usize,
    pending: Pair<Pending>,
    question: Option<(Unit, Question)>,
    held: VecDeque<Message>,
    held_bytes: usize,
    /// What went behind data that the nested wire has held for the target.
    behind: VecDeque<Message>,
    behind_bytes: usize,
    nested: Option<Nested>,
    /// Whose end waits until the nested wire has sent on what was said before it.
    ending: Pair<bool>,
    signatures: Option<Pair<Signature>>,
    refusal: Option<Refusal>,
    exit_told: bool,
    /// The client's data went to the target.
    spoke: bool,
    /// The newest unit of this lane whose client was told that it waits.
    told_to_wait: u64,
}

impl LaneState {
    /// A lane that `opener` asks for.
    pub(crate) fn new(lane: Lane, opener: Side, kind: StreamKind) -> Self {
        let forwarded = !matches!(kind, StreamKind::Session | StreamKind::Agent);
        Self {
            lane,
            kind,
            standing: Standing::new(opener),
            program: Program::None,
            terminal: None,
            environment_variables: 0,
            pending: Pair::default(),
            question: None,
            held: VecDeque::new(),
            held_bytes: 0,
            behind: VecDeque::new(),
            behind_bytes: 0,
            nested: None,
            ending: Pair::default(),
            signatures: forwarded.then(Pair::default),
            refusal: None,
            exit_told: false,
            spoke: false,
            told_to_wait: 0,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.standing.phase() == Phase::Over
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.held_bytes
            .saturating_add(self.behind_bytes)
            .saturating_add(self.nested.as_ref().map_or(0, Nested::held_bytes))
    }

    /// Sends the opening on, without a question.
    pub(crate) fn open(&mut self, around: &mut Surroundings<'_>) {
        let event = StreamEvent::Open { kind: self.kind.clone() };
        around.outbox.note(around.at, self.standing.opener(), self.lane, Kind::Stream(event));
        self.send_open(around);
    }

    /// Asks whether the lane may be opened.
    pub(crate) fn ask_open(&mut self, destination: String, around: &mut Surroundings<'_>) {
        let action = Action { lane: self.lane, kind: ActionKind::Forward { destination } };
        let kind = Kind::Stream(StreamEvent::Open { kind: self.kind.clone() });
        let event = Event { at: around.at, side: self.standing.opener(), lane: self.lane, kind };
        self.question = Some((around.outbox.judge(action, event), Question::Open));
    }

    fn send_open(&mut self, around: &mut Surroundings<'_>) {
        self.standing.allow();
        if let StreamKind::DirectTcpip { host, port, .. } = &self.kind {
            let carrier = Carrier::Forward { host: host.clone(), port: *port };
            self.nest(&carrier, around);
        }
        let message = Message::Open { lane: self.lane, kind: self.kind.clone() };
        around.outbox.send(self.standing.opener().other(), message);
    }

    fn nest(&mut self, carrier: &Carrier, around: &Surroundings<'_>) {
        if let Some(wire) = around.nested.wire(self.lane, carrier) {
            self.nested = Some(Nested::new(self.lane, carrier, wire));
            self.signatures = None;
        }
    }

    /// Takes in what `side` said on this lane.
    pub(crate) fn take(&mut self, side: Side, message: Message, around: &mut Surroundings<'_>) -> Result<(), Fault> {
        check_request(side, &self.kind, &message)?;
        self.check_pending(side, &message)?;
        match self.standing.admit(side, &message)? {
            Admission::Drop => Ok(()),
            Admission::Late => {
                self.late(side, &message, around);
                Ok(())
            }
            Admission::Pass if side == Side::Client && self.holds(&message) => self.hold(message),
            Admission::Pass => {
                self.pass(side, message, around);
                if self.behind_bytes > shared::HELD_BYTES_MAX {
                    let got = format!("{} B", self.behind_bytes);
                    return Err(Fault::new(side, "at most 4 MiB behind what is held", got));
                }
                Ok(())
            }
        }
    }

    fn check_pending(&self, side: Side, message: &Message) -> Result<(), Fault> {
        match message {
            Message::Answer { .. }
                if self.standing.phase() == Phase::Open && self.pending.of(side.other()).is_empty() =>
            {
                Err(fault(side, "no answer without a request", message))
            }
            Message::Request { want_reply: true, .. } => {
                let wants_reply = |held: &&Message| matches!(held, Message::Request { want_reply: true, .. });
                let held = if side == Side::Client { self.held.iter().filter(wants_reply).count() } else { 0 };
                if self.pending.of(side).len() + held >= shared::REQUESTS_PENDING_MAX {
                    return Err(fault(side, "at most 128 requests that wait for an answer", message));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The other side closed the lane before it could hear this: only how a program ended is worth recording.
    fn late(&mut self, side: Side, message: &Message, around: &mut Surroundings<'_>) {
        if let Message::Request {
            request: request @ (Request::ExitStatus { .. } | Request::ExitSignal { .. }), ..
        } = message
        {
            around.outbox.note(around.at, side, self.lane, request_event(request));
        }
    }

    /// True when a message of the client waits: a question stands before it.
    fn holds(&self, message: &Message) -> bool {
        match message {
            // Who leaves wants no answer any more.
            Message::Close { .. } => false,
            _ if self.question.is_some() || self.refusal.is_some() || !self.held.is_empty() => true,
            // The nested wire holds its own bytes.
            Message::Data { error: false, .. } => false,
            _ => self.nested.as_ref().is_some_and(Nested::is_asking),
        }
    }

    fn hold(&mut self, message: Message) -> Result<(), Fault> {
        if self.refusal.is_some() {
            return Ok(());
        }
        self.held_bytes = self.held_bytes.saturating_add(weight(&message));
        if self.held_bytes > shared::HELD_BYTES_MAX {
            return Err(fault(Side::Client, "at most 4 MiB while a question stands", &message));
        }
        self.held.push_back(message);
        Ok(())
    }

    /// Sends `message` to `to`, or holds it behind what the nested wire holds for that side: it keeps its place.
    fn send_on(&mut self, to: Side, message: Message, outbox: &mut Outbox) {
        if to == Side::Upstream && self.nested.as_ref().is_some_and(|nested| nested.is_holding(to)) {
            self.behind_bytes = self.behind_bytes.saturating_add(weight(&message));
            self.behind.push_back(message.clone());
            outbox.hold(to, self.lane, message);
        } else {
            outbox.send(to, message);
        }
    }

    /// What stood behind held data that is held no more has gone with it, or goes now.
    fn settle_behind(&mut self, around: &mut Surroundings<'_>) {
        let to = Side::Upstream;
        let Some(settled) = self.nested.as_mut().and_then(|nested| nested.take_settled(to)) else { return };
        self.behind_bytes = 0;
        let behind = std::mem::take(&mut self.behind);
        let ended = behind.iter().any(|message| matches!(message, Message::Eof { .. }));
        if settled == Settled::Discarded {
            behind.into_iter().for_each(|message| self.send_on(to, message, around.outbox));
        }
        if let Some(nested) = self.nested.as_mut().filter(|nested| ended && !nested.is_holding(to)) {
            nested.deafen(to);
        }
    }

    fn release(&mut self, around: &mut Surroundings<'_>) {
        while let Some(message) = self.held.front() {
            let asking = self.nested.as_ref().is_some_and(Nested::is_asking);
            let data = matches!(message, Message::Data { error: false, .. });
            if self.question.is_some() || self.refusal.is_some() || (asking && !data) {
                break;
            }
            if let Some(message) = self.held.pop_front() {
                self.pass(Side::Client, message, around);
            }
        }
        if self.held.is_empty() {
            self.held_bytes = 0;
        }
    }

    fn drop_held(&mut self, around: &mut Surroundings<'_>) {
        if let Some((unit, _)) = self.question.take() {
            around.outbox.withdraw(unit);
        }
        self.held = VecDeque::new();
        self.held_bytes = 0;
    }

    /// The nested wire is over, and what it held for anybody never goes.
    fn drop_nested(&mut self, around: &mut Surroundings<'_>) {
        if let Some(mut nested) = self.nested.take() {
            nested.withdraw(around.outbox);
            nested.discard(around.outbox);
        }
        self.forget_behind();
    }

    fn forget_behind(&mut self) {
        self.behind = VecDeque::new();
        self.behind_bytes = 0;
    }

    fn pass(&mut self, side: Side, message: Message, around: &mut Surroundings<'_>) {
        match message {
            Message::Opened { lane } => {
                around.outbox.note(around.at, side, lane, Kind::Stream(StreamEvent::Accepted));
                around.outbox.send(side.other(), Message::Opened { lane });
            }
            Message::Rejected { lane, reason, text } => {
                around.outbox.note(around.at, side, lane, Kind::Stream(StreamEvent::Rejected { reason: text.clone() }));
                around.outbox.send(side.other(), Message::Rejected { lane, reason, text });
            }
            Message::Data { error, bytes, .. } => self.pass_data(side, error, bytes, around),
            Message::Eof { .. } => self.pass_eof(side, around),
            Message::Close { .. } => self.pass_close(side, around),
            Message::Request { request, want_reply, .. } => self.pass_request(side, request, want_reply, around),
            Message::Answer { accepted, .. } => self.pass_answer(side, accepted, around),
            Message::Open { .. } | Message::Listen { .. } | Message::Listening { .. } => {}
        }
    }

    fn pass_data(&mut self, side: Side, error: bool, bytes: Bytes, around: &mut Surroundings<'_>) {
        let (at, lane) = (around.at, self.lane);
        self.spoke |= side == Side::Client;
        if let Some(terminal) = &mut self.terminal {
            terminal.note(at, side, lane, error, &bytes, around.outbox);
            around.outbox.send(side.other(), Message::Data { lane, error, bytes });
        } else if let (false, Some(nested)) = (error, &mut self.nested) {
            let outcome = nested.feed(side, at, bytes, around.outbox);
            self.settle_nested(outcome, around);
        } else if error && side == Side::Client {
            around.outbox.note_data(at, side, lane, error, &bytes);
            self.send_on(side.other(), Message::Data { lane, error, bytes }, around.outbox);
        } else {
            let signature = self.signatures.as_mut().filter(|_| !error).map(|pair| pair.of_mut(side));
            if let Some(what) = signature.and_then(|signature| signature.look(&bytes)) {
                self.signatures = None;
                around.outbox.note(at, side, lane, Kind::Stream(StreamEvent::Opaque { what: what.to_owned() }));
            }
            around.outbox.pass_data(at, side, lane, error, bytes);
        }
    }

    fn pass_eof(&mut self, side: Side, around: &mut Surroundings<'_>) {
        *self.ending.of_mut(side) = true;
        self.end_nested(side, around);
        self.pass_endings(around);
    }

    /// Ends that nothing holds back pass.
    pub(super) fn pass_endings(&mut self, around: &mut Surroundings<'_>) {
        for side in [Side::Client, Side::Upstream] {
            let waits = self.nested.as_ref().is_some_and(|nested| nested.holds_end(side));
            if !waits && std::mem::take(self.ending.of_mut(side)) {
                self.end_side(side, around);
            }
        }
    }

    fn end_side(&mut self, side: Side, around: &mut Surroundings<'_>) {
        if self.standing.phase() == Phase::Open {
            around.outbox.note(around.at, side, self.lane, Kind::Stream(StreamEvent::Eof));
            self.send_on(side.other(), Message::Eof { lane: self.lane }, around.outbox);
            // RFC 4254 section 5.3: no data comes behind it, of the nested wire's own neither.
            let to = side.other();
            if let Some(nested) = self.nested.as_mut().filter(|nested| !nested.is_holding(to)) {
                nested.deafen(to);
            }
        }
    }

    fn pass_close(&mut self, side: Side, around: &mut Surroundings<'_>) {
        self.drop_held(around);
        if let Some(refusal) = self.refusal.take_if(|_| side == Side::Upstream) {
            // The target left before it answered what came before the refused request.
            self.tell_refusal(&refusal, around);
        }
        self.close_nested(side, around);
        self.forget_behind();
        around.outbox.note(around.at, side, self.lane, Kind::Stream(StreamEvent::Close));
        around.outbox.send(side.other(), Message::Close { lane: self.lane });
    }
}

/// What a held message counts, in bytes.
fn weight(message: &Message) -> usize {
    let payload = match message {
        Message::Data { bytes, .. } => bytes.len(),
        Message::Request { request, .. } => request_text_bytes(request),
        _ => 0,
    };
    payload.saturating_add(limits::HELD_MESSAGE_BYTES)
}
