//! What is requested of a lane, and what is answered.

use wiretape_core::event::StreamKind;
use wiretape_core::judge::ActionKind;
use wiretape_core::{Action, Carrier, Event, Finding, Reason, Side, Unit, Verdict, limits as shared};

use super::{LaneState, Program, Question, Refusal, Surroundings};
use crate::event::{answer_event, request_event};
use crate::options::NestedFault;
use crate::state::Phase;
use crate::terminal::Terminal;
use crate::{Message, OpenFailure, Request, refuse};

impl LaneState {
    pub(super) fn pass_request(
        &mut self,
        side: Side,
        request: Request,
        want_reply: bool,
        around: &mut Surroundings<'_>,
    ) {
        match request {
            Request::Shell | Request::Exec { .. } | Request::Subsystem { .. } if self.program != Program::None => {
                self.deny(side, &request, want_reply, around);
            }
            Request::Pty { .. } if self.program != Program::None => self.deny(side, &request, want_reply, around),
            // Some targets read a name up to the zero byte, and start another one than was judged.
            Request::Exec { ref command } if command.contains(&0) => self.deny(side, &request, want_reply, around),
            Request::Subsystem { ref name } if name.contains('\0') => self.deny(side, &request, want_reply, around),
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
        let message = Message::Request { lane: self.lane, request, want_reply };
        self.send_on(side.other(), message, around.outbox);
    }

    /// The gateway itself answers no; the request does not reach the other side.
    fn deny(&mut self, side: Side, request: &Request, want_reply: bool, around: &mut Surroundings<'_>) {
        around.outbox.note(around.at, side, self.lane, request_event(request));
        self.settle_denied(side, request.name(), want_reply, around);
    }

    pub(super) fn settle_denied(
        &mut self,
        side: Side,
        request: &'static str,
        wanted: bool,
        around: &mut Surroundings<'_>,
    ) {
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
        self.question = Some((unit, Question::Request { request, want_reply, granted: false }));
    }

    /// Answers of the gateway whose turn has come.
    fn answer_settled(&mut self, asker: Side, around: &mut Surroundings<'_>) {
        while let Some((request, accepted)) = self.pending.of_mut(asker).next_settled() {
            around.outbox.note(around.at, asker, self.lane, answer_event(request, accepted));
            around.outbox.send(asker, Message::Answer { lane: self.lane, accepted });
        }
    }

    pub(super) fn pass_answer(&mut self, side: Side, accepted: bool, around: &mut Surroundings<'_>) {
        let asker = side.other();
        let Some((request, granted)) = self.pending.of_mut(asker).answered() else { return };
        around.outbox.note(around.at, side, self.lane, answer_event(request, accepted));
        if granted {
            // The client heard that it is granted, and can be told the rest in words only.
            if !accepted && request != Request::Agent.name() {
                return self.end_unstarted(request, around);
            }
        } else {
            around.outbox.send(asker, Message::Answer { lane: self.lane, accepted });
        }
        match request {
            "shell" | "exec" | "subsystem" if accepted => self.program = Program::Running,
            "shell" | "exec" | "subsystem" => {
                // Another may be asked for: some clients try `subsystem` first and `exec` then.
                self.program = Program::None;
                self.drop_nested(around);
                self.pass_endings(around);
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
                (Question::Request { request, want_reply, granted }, Verdict::Allow) => {
                    self.allow_request(request, want_reply, granted, around);
                }
                (Question::Request { request: Request::Agent, granted: true, .. }, Verdict::Refuse(reason)) => {
                    self.say(&format!("your agent is not lent: {}", reason.text), around);
                }
                (Question::Request { request: Request::Agent, want_reply, .. }, Verdict::Refuse(_)) => {
                    self.settle_denied(Side::Client, Request::Agent.name(), want_reply, around);
                }
                (Question::Request { request, want_reply, granted }, Verdict::Refuse(reason)) => {
                    self.refuse_request(reason, &request, want_reply && !granted, around);
                }
            }
        } else if let Some(nested) = &mut self.nested {
            let outcome = nested.rule(around.at, unit, verdict, around.outbox);
            self.settle_nested(outcome, around);
        }
        self.release(around);
    }

    /// What an examination found that the nested wire asked for.
    pub(crate) fn found(&mut self, unit: Unit, finding: Finding, around: &mut Surroundings<'_>) {
        if let Some(nested) = &mut self.nested {
            let outcome = nested.found(around.at, unit, finding, around.outbox);
            self.settle_nested(outcome, around);
        }
        self.release(around);
    }

    fn allow_request(&mut self, request: Request, want_reply: bool, granted: bool, around: &mut Surroundings<'_>) {
        let carrier = match &request {
            Request::Exec { command } => Some(Carrier::Exec { command: command.clone() }),
            Request::Subsystem { name } => Some(Carrier::Subsystem { name: name.clone() }),
            _ => None,
        };
        if let Some(carrier) = carrier {
            // Nobody could read it, and judge what is done by it.
            let unread = if self.terminal.is_some() {
                // A terminal changes what it carries.
                Some("this is judged by what it does, and not read on a terminal: ask for none (ssh -T)")
            } else if self.spoke {
                // Some targets keep what came before a program for the program.
                Some("this is judged by what it does, and data came before it that nobody has read")
            } else {
                None
            };
            match unread {
                None => self.nest(&carrier, around),
                Some(text)
                    if around.nested_fault == NestedFault::Close
                        && around.nested.wire(self.lane, &carrier).is_some() =>
                {
                    let reason = Reason::new("protocol", text);
                    return self.refuse_request(reason, &request, want_reply && !granted, around);
                }
                Some(_) => {}
            }
        }
        if request != Request::Agent && !want_reply {
            self.program = Program::Running;
        }
        if granted {
            self.pending.of_mut(Side::Client).sent_on_granted(request.name());
            let message = Message::Request { lane: self.lane, request, want_reply };
            return self.send_on(Side::Upstream, message, around.outbox);
        }
        self.send_judged_request(Side::Client, request, want_reply, around);
    }

    /// The target did not start what the client was told is granted.
    fn end_unstarted(&mut self, request: &str, around: &mut Surroundings<'_>) {
        let text = format!("the target did not grant the request `{request}`");
        refuse::explain(around.at, self.lane, &text, refuse::EXIT_REFUSED, self.terminal.is_some(), around.outbox);
        self.exit_told = true;
        self.close_both(around);
    }

    /// People are asked about a unit of this lane: the client is told so once, on its standard error.
    ///
    /// A client that waits for the answer to its request shows nothing before that came, and some read nothing: it is
    /// granted, and only then does the lane wait.
    pub(crate) fn waiting(&mut self, unit: Unit, text: &str, around: &mut Surroundings<'_>) {
        let own = self.question.as_ref().is_some_and(|(asked, _)| *asked == unit);
        if !own {
            let nested = self.nested.as_mut();
            match nested.and_then(|nested| nested.waiting(around.at, unit, text, around.outbox)) {
                Some(Ok(false)) => {}
                Some(Ok(true)) | None => return,
                Some(Err(fault)) => return self.settle_nested(Err(fault), around),
            }
        }
        let before = self.pending.of(Side::Client);
        if unit.serial <= self.told_to_wait || !self.hears_words() || (own && !before.is_empty()) {
            return;
        }
        if let Some((_, Question::Request { request, want_reply: true, granted })) = self.question.as_mut()
            && own
            && !std::mem::replace(granted, true)
        {
            let name = request.name();
            self.grant(name, around);
        }
        self.told_to_wait = unit.serial;
        self.say(text, around);
    }

    /// True while words on standard error reach somebody.
    fn hears_words(&self) -> bool {
        let open = self.kind == StreamKind::Session && self.standing.phase() == Phase::Open && !self.exit_told;
        open && !self.standing.closed_by(Side::Client) && !self.standing.eof_by(Side::Upstream)
    }

    /// Says a line of the gateway's own.
    fn say(&self, text: &str, around: &mut Surroundings<'_>) {
        if self.hears_words() {
            refuse::say(around.at, self.lane, text, self.terminal.is_some(), around.outbox);
        }
    }

    fn refuse_request(&mut self, reason: Reason, request: &Request, want_reply: bool, around: &mut Surroundings<'_>) {
        let refusal = Refusal { reason, request: request.name(), want_reply };
        self.drop_held(around);
        if self.pending.of(Side::Client).is_empty() {
            self.tell_refusal(&refusal, around);
            self.close_both(around);
        } else {
            self.refusal = Some(refusal);
        }
    }

    /// Grants the request, so that the client listens, and says on its standard error why there is no program.
    pub(super) fn tell_refusal(&mut self, refusal: &Refusal, around: &mut Surroundings<'_>) {
        self.answer_all(around);
        if refusal.want_reply {
            self.grant(refusal.request, around);
        }
        let terminal = self.terminal.is_some();
        let text = &refusal.reason.text;
        refuse::explain(around.at, self.lane, text, refuse::EXIT_REFUSED, terminal, around.outbox);
        self.exit_told = true;
    }

    pub(super) fn grant(&self, request: &str, around: &mut Surroundings<'_>) {
        around.outbox.note(around.at, Side::Client, self.lane, answer_event(request, true));
        around.outbox.send(Side::Client, Message::Answer { lane: self.lane, accepted: true });
    }

    pub(super) fn answer_all(&mut self, around: &mut Surroundings<'_>) {
        while let Some(request) = self.pending.of_mut(Side::Client).abandon() {
            self.grant(request, around);
        }
    }
}
