//! The wire: lines in, judged one by one, and out as they came.

use std::collections::VecDeque;

use bytes::Bytes;
use wiretape_core::judge::ActionKind;
use wiretape_core::limits::{EVENT_PAYLOAD_BYTES_MAX, LINE_BYTES_MAX};
use wiretape_core::{Action, Fault, Lane, Moment, Reason, Side, Step, Unit, Verdict, Wire};

use crate::message::{Lines, TooLong, text};
use crate::state::{Conversation, State};
use crate::{event, refuse};

/// Lines of text between a client and an upstream, on one lane.
pub struct LineWire {
    lane: Lane,
    /// Events carry the moment at which the wire could say them, so that moments never go back on the tape.
    now: Moment,
    client: Lines,
    upstream: Lines,
    conversation: Conversation,
    /// Steps that follow from the last one; never more than two.
    steps: VecDeque<Step<Bytes>>,
}

impl LineWire {
    /// The wire of lines on `lane`.
    #[must_use]
    pub fn new(lane: Lane) -> Self {
        Self {
            lane,
            now: Moment::START,
            client: Lines::default(),
            upstream: Lines::default(),
            conversation: Conversation::new(lane),
            steps: VecDeque::new(),
        }
    }

    fn lines(&mut self, side: Side) -> &mut Lines {
        match side {
            Side::Client => &mut self.client,
            Side::Upstream => &mut self.upstream,
        }
    }

    fn judge(&mut self, line: Bytes) -> Step<Bytes> {
        let unit = self.conversation.next_unit();
        let action = Action { lane: self.lane, kind: ActionKind::Line { text: text(&line) } };
        let event = event::said(self.now, Side::Client, self.lane, line.clone());
        self.conversation.ask(unit, line);
        Step::Judge { unit, action, event }
    }

    /// Lines that the session's end overtook: they are on the record, and do not pass.
    fn overtaken(&mut self) -> Option<Step<Bytes>> {
        let run = self.client.take_run(EVENT_PAYLOAD_BYTES_MAX)?;
        Some(Step::Note(event::said(self.now, Side::Client, self.lane, run)))
    }

    fn pass_upstream(&mut self) -> Option<Step<Bytes>> {
        let run = self.upstream.take_run(EVENT_PAYLOAD_BYTES_MAX)?;
        self.steps.push_back(Step::Send { to: Side::Client, message: run.clone() });
        Some(Step::Note(event::said(self.now, Side::Upstream, self.lane, run)))
    }

    fn tell(&mut self, line: String) -> Step<Bytes> {
        let note = Step::Note(event::told(self.now, self.lane, &line));
        self.steps.push_back(Step::Send { to: Side::Client, message: Bytes::from(line) });
        note
    }
}

impl Wire for LineWire {
    type Message = Bytes;

    fn feed(&mut self, side: Side, at: Moment, message: Bytes) -> Result<(), Fault> {
        self.now = at;
        self.lines(side)
            .push(&message)
            .map_err(|TooLong| Fault::new(side, "a line feed", format!("a line of more than {LINE_BYTES_MAX} bytes")))
    }

    fn step(&mut self) -> Option<Step<Bytes>> {
        if let Some(step) = self.steps.pop_front() {
            return Some(step);
        }
        match self.conversation.state() {
            State::Flowing => match self.client.take_line() {
                Some(line) => Some(self.judge(line)),
                None => self.pass_upstream(),
            },
            State::Asking { .. } | State::Left => None,
            State::Leaving(_) => self.pass_upstream().or_else(|| self.overtaken()).or_else(|| {
                let reason = self.conversation.take_leave()?;
                Some(self.tell(refuse::closed(&reason)))
            }),
        }
    }

    fn rule(&mut self, at: Moment, unit: Unit, verdict: Verdict) {
        let Some(line) = self.conversation.answered(unit) else { return };
        self.now = at;
        match verdict {
            Verdict::Allow => self.steps.push_back(Step::Send { to: Side::Upstream, message: line }),
            Verdict::Refuse(reason) => {
                let note = self.tell(refuse::refused(&reason));
                self.steps.push_front(note);
            }
        }
    }

    fn waiting(&mut self, at: Moment, unit: Unit, text: &str) {
        if self.conversation.asks(unit) && self.steps.is_empty() {
            self.now = at;
            let note = self.tell(refuse::waiting(text));
            self.steps.push_front(note);
        }
    }

    fn end(&mut self, side: Side, at: Moment) -> Result<(), Fault> {
        self.now = at;
        match self.lines(side).half_bytes() {
            0 => Ok(()),
            half => Err(Fault::new(side, "a line feed", format!("the end of the stream after {half} bytes"))),
        }
    }

    fn farewell(&mut self, at: Moment, reason: &Reason) {
        self.now = at;
        self.conversation.leave(reason.clone());
    }

    fn held_bytes(&self) -> usize {
        self.client.held_bytes() + self.upstream.held_bytes() + self.conversation.held_bytes()
    }
}
