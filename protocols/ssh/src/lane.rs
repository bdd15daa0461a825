//! One lane: an SSH channel between its two peers.

use std::collections::VecDeque;

use bytes::Bytes;
use wiretape_core::event::{StreamEvent, StreamKind};
use wiretape_core::judge::ActionKind;
use wiretape_core::{
    Action, Carrier, Event, Fault, Kind, Lane, Moment, NestedWires, Reason, Side, Unit, Verdict, limits as shared,
};

use crate::event::{answer_event, request_event};
use crate::nested::Nested;
use crate::opaque::Signature;
use crate::outbox::Outbox;
use crate::pair::Pair;
use crate::pending::Pending;
use crate::state::{Admission, Phase, Standing, check_request, fault};
use crate::terminal::Terminal;
use crate::wire::NestedFault;
use crate::{Message, OpenFailure, Request, limits, refuse};

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
    Request { request: Request, want_reply: bool },
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
    nested: Option<Nested>,
    signatures: Option<Pair<Signature>>,
    refusal: Option<Refusal>,
    exit_told: bool,
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
            nested: None,
            signatures: forwarded.then(Pair::default),
            refusal: None,
            exit_told: false,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.standing.phase() == Phase::Over
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.held_bytes.saturating_add(self.nested.as_ref().map_or(0, Nested::held_bytes))
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
                let waiting = self.pending.of(side).len() + self.held.len();
                if waiting >= shared::REQUESTS_PENDING_MAX {
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
        let payload = match &message {
            Message::Data { bytes, .. } => bytes.len(),
            Message::Request { request: Request::Exec { command }, .. } => command.len(),
            Message::Request { request: Request::Env { name, value }, .. } => name.len() + value.len(),
            _ => 0,
        };
        self.held_bytes = self.held_bytes.saturating_add(payload).saturating_add(limits::HELD_MESSAGE_BYTES);
        if self.held_bytes > shared::HELD_BYTES_MAX {
            return Err(fault(Side::Client, "at most 4 MiB while a question stands", &message));
        }
        self.held.push_back(message);
        Ok(())
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

    fn drop_held(&mut self) {
        self.question = None;
        self.held = VecDeque::new();
        self.held_bytes = 0;
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
        if let Some(terminal) = &mut self.terminal {
            terminal.note(at, side, lane, error, &bytes, around.outbox);
            around.outbox.send(side.other(), Message::Data { lane, error, bytes });
        } else if let (false, Some(nested)) = (error, &mut self.nested) {
            let outcome = nested.feed(side, at, bytes, around.outbox);
            self.settle_nested(outcome, around);
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
        self.end_nested(side, around);
        if self.standing.phase() == Phase::Open {
            around.outbox.note(around.at, side, self.lane, Kind::Stream(StreamEvent::Eof));
            around.outbox.send(side.other(), Message::Eof { lane: self.lane });
        }
    }

    fn pass_close(&mut self, side: Side, around: &mut Surroundings<'_>) {
        self.drop_held();
        if let Some(refusal) = self.refusal.take() {
            // The target left before it answered what came before the refused request.
            self.tell_refusal(&refusal, around);
        }
        if !self.standing.eof_by(side) {
            self.end_nested(side, around);
        }
        around.outbox.note(around.at, side, self.lane, Kind::Stream(StreamEvent::Close));
        around.outbox.send(side.other(), Message::Close { lane: self.lane });
    }
}

impl LaneState {
    fn pass_request(&mut self, side: Side, request: Request, want_reply: bool, around: &mut Surroundings<'_>) {
        match request {
            Request::Shell | Request::Exec { .. } | Request::Subsystem { .. } if self.program != Program::None => {
                self.deny(side, &request, want_reply, around);
            }
            Request::Pty { .. } if self.program != Program::None => self.deny(side, &request, want_reply, around),
            Request::Env { .. } if self.environment_variables >= shared::ENVIRONMENT_VARIABLES_MAX => {
                self.deny(side, &request, want_reply, around);
            }
            Request::Shell | Request::Exec { .. } | Request::Subsystem { .. } | Request::Agent => {
                self.ask(request, want_reply, around);
            }
            Request::Pty { size, .. } => {
                self.terminal = Some(Terminal::new(size, around.conceal));
                self.send_request(side, request, want_reply, around);
            }
            Request::WindowChange { size } => {
                if let Some(terminal) = &mut self.terminal {
                    terminal.resize(size);
                }
                self.send_request(side, request, want_reply, around);
            }
            Request::Env { .. } => {
                self.environment_variables += 1;
                self.send_request(side, request, want_reply, around);
            }
            Request::ExitStatus { .. } | Request::ExitSignal { .. } => {
                self.exit_told = true;
                self.send_request(side, request, want_reply, around);
            }
            Request::Signal { .. } => self.send_request(side, request, want_reply, around),
        }
    }

    fn send_request(&mut self, side: Side, request: Request, want_reply: bool, around: &mut Surroundings<'_>) {
        around.outbox.note(around.at, side, self.lane, request_event(&request));
        self.send_judged_request(side, request, want_reply, around);
    }

    fn send_judged_request(&mut self, side: Side, request: Request, want_reply: bool, around: &mut Surroundings<'_>) {
        if want_reply {
            self.pending.of_mut(side).sent_on(request.name());
        }
        around.outbox.send(side.other(), Message::Request { lane: self.lane, request, want_reply });
    }

    /// The gateway itself answers no; the request does not reach the other side.
    fn deny(&mut self, side: Side, request: &Request, want_reply: bool, around: &mut Surroundings<'_>) {
        around.outbox.note(around.at, side, self.lane, request_event(request));
        self.settle_denied(side, request.name(), want_reply, around);
    }

    fn settle_denied(&mut self, side: Side, request: &'static str, wanted: bool, around: &mut Surroundings<'_>) {
        if wanted {
            self.pending.of_mut(side).settled(request, false);
            self.answer_settled(side, around);
        } else {
            around.outbox.note(around.at, side, self.lane, answer_event(request, false));
        }
    }

    fn ask(&mut self, request: Request, want_reply: bool, around: &mut Surroundings<'_>) {
        let kind = match &request {
            Request::Exec { command } => ActionKind::Exec { command: command.clone() },
            Request::Subsystem { name } => ActionKind::Subsystem { name: name.clone() },
            Request::Agent => ActionKind::Agent,
            _ => ActionKind::Shell,
        };
        if request != Request::Agent {
            self.program = Program::Asked;
        }
        let event = Event { at: around.at, side: Side::Client, lane: self.lane, kind: request_event(&request) };
        let unit = around.outbox.judge(Action { lane: self.lane, kind }, event);
        self.question = Some((unit, Question::Request { request, want_reply }));
    }

    /// Answers of the gateway whose turn has come.
    fn answer_settled(&mut self, asker: Side, around: &mut Surroundings<'_>) {
        while let Some((request, accepted)) = self.pending.of_mut(asker).next_settled() {
            around.outbox.note(around.at, asker, self.lane, answer_event(request, accepted));
            around.outbox.send(asker, Message::Answer { lane: self.lane, accepted });
        }
    }

    fn pass_answer(&mut self, side: Side, accepted: bool, around: &mut Surroundings<'_>) {
        let asker = side.other();
        let Some(request) = self.pending.of_mut(asker).answered() else { return };
        around.outbox.note(around.at, side, self.lane, answer_event(request, accepted));
        around.outbox.send(asker, Message::Answer { lane: self.lane, accepted });
        match request {
            "shell" | "exec" | "subsystem" if accepted => self.program = Program::Running,
            "shell" | "exec" | "subsystem" => {
                // Another may be asked for: some clients try `subsystem` first and `exec` then.
                self.program = Program::None;
                self.nested = None;
            }
            "pty-req" if !accepted => self.terminal = None,
            _ => {}
        }
        self.answer_settled(asker, around);
        if self.pending.of(asker).is_empty()
            && let Some(refusal) = self.refusal.take()
        {
            self.tell_refusal(&refusal, around);
            self.close_both(around);
        }
    }

    /// True when `unit` is the question whether the client may lend its agent.
    pub(crate) fn asks_agent(&self, unit: Unit) -> bool {
        let asked = self.question.as_ref().filter(|(asked, _)| *asked == unit);
        matches!(asked, Some((_, Question::Request { request: Request::Agent, .. })))
    }

    /// `side` left the connection: its part of what the lane carries is complete.
    pub(crate) fn side_ended(&mut self, side: Side, around: &mut Surroundings<'_>) {
        if self.standing.phase() == Phase::Open && !self.standing.eof_by(side) && !self.standing.closed_by(side) {
            self.end_nested(side, around);
        }
    }

    /// The answer to this lane's own question, or to one of its nested wire's.
    pub(crate) fn rule(&mut self, unit: Unit, verdict: Verdict, around: &mut Surroundings<'_>) {
        if let Some((_, question)) = self.question.take_if(|(asked, _)| *asked == unit) {
            match (question, verdict) {
                (Question::Open, Verdict::Allow) => self.send_open(around),
                (Question::Open, Verdict::Refuse(reason)) => {
                    let prohibited = OpenFailure::AdministrativelyProhibited;
                    let opener = self.standing.opener();
                    self.standing.reject();
                    refuse::reject(around.at, opener, self.lane, prohibited, &reason.text, around.outbox);
                }
                (Question::Request { request, want_reply }, Verdict::Allow) => {
                    self.allow_request(request, want_reply, around);
                }
                (Question::Request { request: Request::Agent, want_reply }, Verdict::Refuse(_)) => {
                    self.settle_denied(Side::Client, Request::Agent.name(), want_reply, around);
                }
                (Question::Request { request, want_reply }, Verdict::Refuse(reason)) => {
                    self.refuse_request(reason, &request, want_reply, around);
                }
            }
        } else if let Some(nested) = &mut self.nested {
            nested.rule(around.at, unit, verdict, around.outbox);
        }
        self.release(around);
    }

    fn allow_request(&mut self, request: Request, want_reply: bool, around: &mut Surroundings<'_>) {
        let carrier = match &request {
            Request::Exec { command } => Some(Carrier::Exec { command: command.clone() }),
            Request::Subsystem { name } => Some(Carrier::Subsystem { name: name.clone() }),
            _ => None,
        };
        if let (Some(carrier), None) = (carrier, &self.terminal) {
            self.nest(&carrier, around);
        }
        if request != Request::Agent && !want_reply {
            self.program = Program::Running;
        }
        self.send_judged_request(Side::Client, request, want_reply, around);
    }

    fn refuse_request(&mut self, reason: Reason, request: &Request, want_reply: bool, around: &mut Surroundings<'_>) {
        let refusal = Refusal { reason, request: request.name(), want_reply };
        self.drop_held();
        if self.pending.of(Side::Client).is_empty() {
            self.tell_refusal(&refusal, around);
            self.close_both(around);
        } else {
            self.refusal = Some(refusal);
        }
    }

    /// Grants the request, so that the client listens, and says on its standard error why there is no program.
    fn tell_refusal(&mut self, refusal: &Refusal, around: &mut Surroundings<'_>) {
        self.answer_all(around);
        if refusal.want_reply {
            self.grant(refusal.request, around);
        }
        let terminal = self.terminal.is_some();
        let text = &refusal.reason.text;
        refuse::explain(around.at, self.lane, text, refuse::EXIT_REFUSED, terminal, around.outbox);
        self.exit_told = true;
    }

    fn grant(&self, request: &str, around: &mut Surroundings<'_>) {
        around.outbox.note(around.at, Side::Client, self.lane, answer_event(request, true));
        around.outbox.send(Side::Client, Message::Answer { lane: self.lane, accepted: true });
    }

    fn answer_all(&mut self, around: &mut Surroundings<'_>) {
        while let Some(request) = self.pending.of_mut(Side::Client).abandon() {
            self.grant(request, around);
        }
    }

    /// Closes the lane towards each side that has it and was not told yet.
    fn close_both(&mut self, around: &mut Surroundings<'_>) {
        self.drop_held();
        self.nested = None;
        self.terminal = None;
        // The close of one side was sent on to the other already.
        if !self.standing.closed_by(Side::Upstream) {
            self.close_client(around);
        }
        if !self.standing.closed_by(Side::Client) {
            refuse::close(around.at, Side::Upstream, self.lane, around.outbox);
        }
        self.standing.end();
    }

    fn close_client(&mut self, around: &mut Surroundings<'_>) {
        if !self.standing.eof_by(Side::Upstream) {
            around.outbox.send(Side::Client, Message::Eof { lane: self.lane });
        }
        refuse::close(around.at, Side::Client, self.lane, around.outbox);
    }

    /// The gateway ends the session: the client is told on each lane where it listens.
    pub(crate) fn farewell(&mut self, reason: &Reason, around: &mut Surroundings<'_>) {
        let session = self.kind == StreamKind::Session;
        match self.standing.phase() {
            Phase::Ended | Phase::Over => {}
            Phase::Asked | Phase::Opening if session => {
                // Accepted only to be told why: the words of a rejection are lost in some clients.
                around.outbox.note(around.at, Side::Client, self.lane, Kind::Stream(StreamEvent::Accepted));
                around.outbox.send(Side::Client, Message::Opened { lane: self.lane });
                refuse::explain(around.at, self.lane, &reason.text, refuse::EXIT_FAREWELL, false, around.outbox);
                self.close_client(around);
                self.standing.end();
            }
            Phase::Asked | Phase::Opening => {
                let opener = self.standing.opener();
                self.standing.reject();
                let failed = OpenFailure::ConnectFailed;
                refuse::reject(around.at, opener, self.lane, failed, &reason.text, around.outbox);
            }
            Phase::Open => {
                if let Some(nested) = &mut self.nested {
                    nested.farewell(around.at, reason, around.outbox);
                }
                let listens = !self.standing.closed_by(Side::Client) && !self.standing.closed_by(Side::Upstream);
                if session && listens && !self.exit_told {
                    self.answer_held(around);
                    let terminal = self.terminal.is_some();
                    refuse::explain(around.at, self.lane, &reason.text, refuse::EXIT_FAREWELL, terminal, around.outbox);
                }
                self.close_both(around);
            }
        }
        self.drop_held();
    }

    /// Grants every request that still waits, so that the client goes on to listen.
    fn answer_held(&mut self, around: &mut Surroundings<'_>) {
        self.answer_all(around);
        if let Some((_, Question::Request { request, want_reply: true })) = self.question.take() {
            self.grant(request.name(), around);
        }
        for message in std::mem::take(&mut self.held) {
            if let Message::Request { request, want_reply: true, .. } = message {
                self.grant(request.name(), around);
            }
        }
    }

    fn end_nested(&mut self, side: Side, around: &mut Surroundings<'_>) {
        if let Some(nested) = &mut self.nested {
            let outcome = nested.end(side, around.at, around.outbox);
            self.settle_nested(outcome, around);
        }
    }

    /// What becomes of a lane whose nested wire does not understand what it carries.
    fn settle_nested(&mut self, outcome: Result<(), Fault>, around: &mut Surroundings<'_>) {
        let Err(fault) = outcome else { return };
        let Some(nested) = self.nested.take() else { return };
        let what = format!("{} not understood: {fault}", nested.protocol());
        around.outbox.note(around.at, fault.side, self.lane, Kind::Stream(StreamEvent::Opaque { what: what.clone() }));
        // Passing on what a policy was still deciding on, or had changed, would be a way around it.
        let closes = around.nested_fault == NestedFault::Close || nested.is_asking() || nested.has_altered();
        if closes {
            if self.kind == StreamKind::Session && !self.exit_told {
                refuse::explain(around.at, self.lane, &what, refuse::EXIT_FAREWELL, false, around.outbox);
            }
            return self.close_both(around);
        }
        for (side, parts) in nested.into_kept() {
            for bytes in parts {
                around.outbox.pass_data(around.at, side, self.lane, false, bytes);
            }
        }
    }
}
