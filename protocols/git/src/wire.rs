//! The wire: what each side says is cut into packets, understood, recorded, and sent on or held.
//!
//! ```text
//!   opened ── Judge: git.fetch ─┬─ allowed ──► what is said passes, packet by packet
//!   (a request to receive-pack  │
//!    is judged by its content)  └─ refused ──► ERR
//!
//!   push:  List ── held ──► Examined ── found ──► Judged ─┬─ allowed ──► Released
//!           └── refs are only removed ────────────┘       └─ refused ──► discarded, reported
//! ```

use std::collections::VecDeque;

use bytes::Bytes;
use wiretape_core::event::{GitEvent, GitService};
use wiretape_core::judge::ActionKind;
use wiretape_core::{Action, Event, Fault, Finding, Kind, Lane, Moment, Reason, Side, Step, Unit, Verdict, Wire};

use crate::Packs;
use crate::conversation::{Conversation, Part};
use crate::direction::{Direction, Piece, Run};
use crate::limits::REQUEST_PART_BYTES_MAX;
use crate::pkt_line::{Expecting, FLUSH, Packet};
use crate::push::{List, Listed};
use crate::refuse::{self, Said, Why};
use crate::stage::Stage;
use crate::state::{Heard, Standing};
use crate::{Options, event};

/// What a step that waits counts for beside its bytes.
const STEP_BYTES: usize = 64;

/// What a judgement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    Opening,
    Push,
}

/// What becomes of what was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Sent,
    Held,
    /// It is recorded, and that is all.
    Kept,
}

/// A conversation of git.
pub struct GitWire {
    pub(crate) lane: Lane,
    pub(crate) conversation: Conversation,
    pub(crate) options: Options,
    pub(crate) standing: Standing,
    client: Direction,
    upstream: Direction,
    pub(crate) stage: Stage,
    /// Bytes of the push that were held.
    pub(crate) pushed_bytes: u64,
    steps: VecDeque<Step<Bytes>>,
    steps_bytes: usize,
    /// The unit that waits for its judgement: nothing is done before.
    asked: Option<Unit>,
    /// What is said while something waits for its judgement.
    aside: VecDeque<Step<Bytes>>,
    /// What the client is told of its waiting once it listens.
    wait: Option<String>,
    /// The unit whose client was told that it waits.
    told_to_wait: Option<Unit>,
    serial: u64,
    opened: bool,
    /// Something was said to the client.
    told: bool,
    /// It was refused, or the gateway took its leave: what is said now is recorded, and that is all.
    pub(crate) over: bool,
    /// What an exchange is answered once the client has said all of its request: it listens only then.
    answer: Option<Bytes>,
    client_ended: bool,
    faulty: bool,
}

impl GitWire {
    /// The wire of `conversation`, on `lane`.
    #[must_use]
    pub fn new(lane: Lane, conversation: Conversation, options: Options) -> Self {
        let standing = Standing::new(&conversation);
        Self {
            lane,
            conversation,
            options,
            standing,
            client: Direction::default(),
            upstream: Direction::default(),
            stage: Stage::List,
            pushed_bytes: 0,
            steps: VecDeque::new(),
            steps_bytes: 0,
            asked: None,
            aside: VecDeque::new(),
            wait: None,
            told_to_wait: None,
            serial: 0,
            opened: false,
            told: false,
            over: false,
            answer: None,
            client_ended: false,
            faulty: false,
        }
    }

    pub(crate) fn unit(&mut self) -> Unit {
        self.serial += 1;
        Unit { lane: self.lane, serial: self.serial }
    }

    fn event(&self, side: Side, at: Moment, event: GitEvent) -> Event {
        Event { at, side, lane: self.lane, kind: Kind::Git(event) }
    }

    pub(crate) fn plan(&mut self, step: Step<Bytes>) {
        self.steps_bytes = self.steps_bytes.saturating_add(weight(&step));
        self.steps.push_back(step);
    }

    pub(crate) fn note(&mut self, side: Side, at: Moment, event: GitEvent) {
        let event = self.event(side, at, event);
        self.plan(Step::Note(event));
    }

    pub(crate) fn judge(&mut self, at: Moment, kind: ActionKind, event: GitEvent) -> Unit {
        let unit = self.unit();
        let event = self.event(Side::Client, at, event);
        self.plan(Step::Judge { unit, action: Action { lane: self.lane, kind }, event });
        unit
    }

    /// The first thing that happens: the conversation begins, and is judged unless its content tells more.
    fn open(&mut self, at: Moment) {
        if std::mem::replace(&mut self.opened, true) {
            return;
        }
        let Conversation { service, repository, .. } = self.conversation.clone();
        let event = GitEvent::Service { service, repository: repository.clone() };
        if self.is_request_to_push() {
            self.note(Side::Client, at, event);
        } else {
            self.judge(at, ActionKind::Fetch { repository }, event);
        }
    }

    fn is_request_to_push(&self) -> bool {
        let is_request = matches!(self.conversation.part, Part::Request { .. });
        is_request && self.conversation.service == GitService::ReceivePack
    }

    fn direction(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::Client => &mut self.client,
            Side::Upstream => &mut self.upstream,
        }
    }

    /// Takes what `side` said, packet by packet.
    fn take(&mut self, side: Side, at: Moment, said: &Bytes) -> Result<(), Fault> {
        let mut rest = said.clone();
        let mut run = Run::new(said);
        let outcome = loop {
            let start = said.len() - rest.len();
            let next = match self.next(side, &mut rest) {
                Ok(Some(next)) => next,
                ended => {
                    run.close(start, self.direction(side));
                    break ended.map(|_| ());
                }
            };
            let (raw, packet) = next;
            let heard = match self.hear(side, &packet) {
                Ok(heard) => heard,
                Err(fault) => {
                    run.close(start, self.direction(side));
                    break Err(fault);
                }
            };
            let end = said.len() - rest.len();
            let omitted = heard.is_pack && self.options.packs == Packs::Listed;
            let Heard { events, changed, passes, listed, .. } = heard;
            run.take(start, end, Piece { bytes: raw, omitted, changed }, self.direction(side));
            if !(passes || listed.as_ref().is_some_and(|listed| *listed != Listed::More) || !events.is_empty()) {
                continue;
            }
            run.close(end, self.direction(side));
            self.tell(side, at, events);
            match listed.filter(|_| !self.over) {
                Some(Listed::Over) => self.list_over(at),
                Some(Listed::TooLong) => {
                    self.refuse(at, Why::Unreadable("the push changes more refs than the gateway takes at once"));
                }
                Some(Listed::More) | None => {}
            }
        };
        match (&outcome, side, self.standing.list().is_some()) {
            // What is not understood yet waits, but not for ever.
            (Ok(()), Side::Client, false) => self.pass_part(at),
            (Err(_), Side::Client, false) => self.settle(side, at, Vec::new(), Fate::Kept),
            _ => self.tell(side, at, Vec::new()),
        }
        outcome
    }

    /// The next packet of `side`.
    fn next(&mut self, side: Side, rest: &mut Bytes) -> Result<Option<(Bytes, Packet)>, Fault> {
        let expecting = match side {
            Side::Client if self.stage == Stage::Refused => Expecting::Pack,
            Side::Client => self.standing.expecting_of_client(),
            Side::Upstream if self.upstream.opaque => Expecting::Pack,
            Side::Upstream => self.standing.expecting_of_upstream(),
        };
        match self.direction(side).packets.next(rest, expecting) {
            Ok(next) => Ok(next),
            // A target that begins with something else, such as the page of a server, is heard as it is.
            Err(malformed) if malformed.first && side == Side::Upstream => {
                self.upstream.opaque = true;
                let bytes = self.upstream.packets.take_begun();
                self.upstream.push(Piece { bytes, omitted: false, changed: None });
                Ok((!rest.is_empty()).then(|| {
                    let run = rest.split_to(rest.len());
                    (run.clone(), Packet::Run(run))
                }))
            }
            Err(malformed) => Err(Fault::new(side, "a pkt-line", malformed.got)),
        }
    }

    fn hear(&mut self, side: Side, packet: &Packet) -> Result<Heard, Fault> {
        match side {
            Side::Upstream if self.upstream.opaque => Ok(Heard::default()),
            Side::Upstream => self
                .standing
                .hear_upstream(packet)
                .map_err(|(expected, got)| Fault::new(side, expected, got.unwrap_or_else(|| packet.told()))),
            Side::Client if self.stage == Stage::Refused => {
                let is_pack = self.standing.list().is_some_and(List::is_over);
                Ok(Heard { is_pack, ..Heard::default() })
            }
            Side::Client if self.standing.list().is_some_and(List::is_over) && !self.takes_pack() => {
                Err(Fault::new(side, "nothing behind a push", "more of it"))
            }
            Side::Client => {
                self.standing.hear_client(packet).map_err(|expected| Fault::new(side, expected, packet.told()))
            }
        }
    }

    /// A request that is very long passes in parts, each of them understood.
    fn pass_part(&mut self, at: Moment) {
        if self.client.waiting_bytes() > REQUEST_PART_BYTES_MAX {
            let events = self.standing.part_of_request();
            self.tell(Side::Client, at, events);
        }
    }

    /// Records what waits of `side` and what it means, then sends it on or holds it.
    pub(crate) fn tell(&mut self, side: Side, at: Moment, events: Vec<GitEvent>) {
        let pushes = side == Side::Client && self.standing.list().is_some();
        let fate = match pushes {
            _ if self.over => Fate::Kept,
            true => Fate::Held,
            false => Fate::Sent,
        };
        self.settle(side, at, events, fate);
    }

    fn settle(&mut self, side: Side, at: Moment, events: Vec<GitEvent>, fate: Fate) {
        let pieces = self.direction(side).take();
        for piece in &pieces {
            if piece.omitted {
                self.note(side, at, GitEvent::Omitted { bytes: piece.bytes.len() as u64 });
            } else {
                event::data(&piece.bytes).for_each(|event| self.note(side, at, event));
            }
        }
        events.into_iter().for_each(|event| self.note(side, at, event));
        for piece in pieces {
            let message = piece.changed.unwrap_or(piece.bytes);
            let to = side.other();
            match fate {
                Fate::Sent => self.send(to, message),
                Fate::Held => {
                    self.pushed_bytes = self.pushed_bytes.saturating_add(message.len() as u64);
                    self.plan(Step::Hold { to, lane: self.lane, message });
                }
                Fate::Kept => {}
            }
        }
        if fate == Fate::Held {
            self.bound(at);
        }
    }

    fn send(&mut self, to: Side, message: Bytes) {
        self.told |= to == Side::Client;
        self.plan(Step::Send { to, message });
    }

    /// Says something to the client in the target's place, once it listens.
    pub(crate) fn say(&mut self, at: Moment, said: Said) {
        said.events.into_iter().for_each(|event| self.note(Side::Client, at, event));
        if self.conversation.part.is_exchange() && !self.client_ended {
            self.answer = Some(said.message);
        } else {
            self.send(Side::Client, said.message);
        }
    }

    /// Tells the client of a push that it waits, where it agreed to a side band and listens.
    fn tell_to_wait(&mut self, at: Moment) {
        let listens = self.client_ended || !self.conversation.part.is_exchange();
        let banded = self.standing.list().is_some_and(|list| list.chosen().banded);
        let between = self.upstream.packets.is_between() && !self.upstream.opaque;
        let Some(unit) = self.asked.filter(|_| listens && banded && between) else { return };
        let Some(text) = self.wait.take() else { return };
        if self.told_to_wait.replace(unit) == Some(unit) {
            // Nothing but a sign of life: there is nothing to record of it.
            let message = Bytes::from_static(refuse::KEEPALIVE);
            return self.aside.push_back(Step::Send { to: Side::Client, message });
        }
        let said = refuse::progress(&text);
        for event in said.events {
            let event = self.event(Side::Client, at, event);
            self.aside.push_back(Step::Note(event));
        }
        self.aside.push_back(Step::Send { to: Side::Client, message: said.message });
        self.told = true;
    }

    /// What is asked is asked no longer.
    fn withdraw(&mut self) {
        if let Some(unit) = self.asked.take() {
            self.aside.push_back(Step::Withdraw { unit });
        }
    }

    /// The client listens.
    fn answer(&mut self) {
        if let Some(message) = self.answer.take() {
            self.send(Side::Client, message);
        }
    }

    /// What is held never goes, and of what was planned only the record is made. Yields that of `at`.
    fn give_up(&mut self, at: Moment) -> VecDeque<Step<Bytes>> {
        self.over = true;
        self.withdraw();
        self.steps_bytes = 0;
        let mut now = VecDeque::new();
        for step in std::mem::take(&mut self.steps) {
            match step {
                Step::Note(event) | Step::Judge { event, .. } if event.at < at => {
                    self.plan(Step::Note(Event { at, ..event }));
                }
                Step::Note(event) | Step::Judge { event, .. } => now.push_back(Step::Note(event)),
                _ => {}
            }
        }
        now
    }

    /// The client is told that it may not, and the target of a command, which ends well then, that nothing is wanted.
    pub(crate) fn turn_away(&mut self, at: Moment, said: Said) {
        self.plan(Step::Discard { to: Side::Upstream, lane: self.lane });
        // A client that has a report already, of a target that did not wait for the rest, hears no second one.
        if !self.standing.has_reported() {
            self.say(at, said);
        }
        if !self.conversation.part.is_exchange() {
            self.send(Side::Upstream, Bytes::from_static(FLUSH));
        }
    }

    /// The push never goes: the client is told as by the target.
    pub(crate) fn turn_push_away(&mut self, at: Moment, said: Said) {
        let now = self.give_up(at);
        now.into_iter().for_each(|step| self.plan(step));
        self.turn_away(at, said);
    }

    fn refuse_opening(&mut self, at: Moment, reason: &Reason) {
        let preface = match self.conversation.part {
            Part::Advertisement => refuse::preface(self.conversation.service.name()),
            Part::Command { .. } | Part::Request { .. } => Bytes::new(),
        };
        // What was said in one piece with the first byte stands where it would if it had come later.
        let now = self.give_up(at);
        self.turn_away(at, refuse::error(&preface, &reason.text));
        now.into_iter().for_each(|step| self.plan(step));
    }

    /// What waited for the answer is recorded now: moments never go back.
    fn let_wait_end(&mut self, at: Moment) {
        for step in &mut self.steps {
            if let Step::Note(event) | Step::Judge { event, .. } = step {
                event.at = at;
            }
        }
    }

    fn allow_opening(&mut self) {
        // What carries an exchange holds its head until something tells that it may go.
        if self.conversation.part.is_exchange() {
            self.steps.push_front(Step::Release { to: Side::Upstream, lane: self.lane });
        }
    }

    fn allow_push(&mut self) {
        self.stage = Stage::Released;
        self.steps.push_front(Step::Release { to: Side::Upstream, lane: self.lane });
    }
}

/// What a step counts for while it waits.
fn weight(step: &Step<Bytes>) -> usize {
    let bytes = match step {
        Step::Send { message, .. } | Step::Hold { message, .. } => message.len(),
        _ => 0,
    };
    bytes.saturating_add(STEP_BYTES)
}

impl Wire for GitWire {
    type Message = Bytes;

    fn feed(&mut self, side: Side, at: Moment, message: Bytes) -> Result<(), Fault> {
        if self.faulty || message.is_empty() {
            return Ok(());
        }
        self.open(at);
        if side == Side::Client {
            let events = self.standing.turn();
            events.into_iter().for_each(|event| self.note(Side::Upstream, at, event));
        }
        let outcome = self.take(side, at, &message);
        self.faulty = outcome.is_err();
        outcome
    }

    fn step(&mut self) -> Option<Step<Bytes>> {
        if let Some(step) = self.aside.pop_front() {
            return Some(step);
        }
        if self.asked.is_some() {
            return None;
        }
        let step = self.steps.pop_front()?;
        self.steps_bytes = self.steps_bytes.saturating_sub(weight(&step));
        if let Step::Judge { unit, .. } = &step {
            self.asked = Some(*unit);
        }
        Some(step)
    }

    fn rule(&mut self, at: Moment, unit: Unit, verdict: Verdict) {
        if self.asked != Some(unit) {
            return;
        }
        self.asked = None;
        let question = if self.stage == Stage::Judged(unit) { Question::Push } else { Question::Opening };
        if verdict == Verdict::Allow {
            self.let_wait_end(at);
        }
        match (question, verdict) {
            (Question::Opening, Verdict::Allow) => self.allow_opening(),
            (Question::Opening, Verdict::Refuse(reason)) => self.refuse_opening(at, &reason),
            (Question::Push, Verdict::Allow) => self.allow_push(),
            (Question::Push, Verdict::Refuse(reason)) => self.refuse(at, Why::Ruled(&reason.text)),
        }
    }

    /// A client that pushes hears of it in its side band, and then what real servers say so that it goes on to wait.
    fn waiting(&mut self, at: Moment, unit: Unit, text: &str) {
        if self.asked != Some(unit) || self.stage != Stage::Judged(unit) {
            return;
        }
        self.wait = Some(text.to_owned());
        self.tell_to_wait(at);
    }

    fn found(&mut self, at: Moment, unit: Unit, finding: Finding) {
        if self.stage == Stage::Examined(unit) && !self.over {
            self.understood(at, finding);
        }
    }

    fn end(&mut self, side: Side, at: Moment) -> Result<(), Fault> {
        if self.faulty {
            return Ok(());
        }
        self.open(at);
        self.client_ended |= side == Side::Client;
        // The beginning of a packet passes as it is; of a push it is held, and nothing of it goes.
        let bytes = self.direction(side).packets.take_begun();
        self.direction(side).push(Piece { bytes, omitted: false, changed: None });
        let events = match side {
            Side::Client => self.standing.part_of_request(),
            Side::Upstream => self.standing.end(),
        };
        self.tell(side, at, events);
        if side == Side::Client && self.stage == Stage::List && !self.over {
            self.list_ended(at);
        }
        if self.client_ended {
            self.tell_to_wait(at);
            self.answer();
        }
        Ok(())
    }

    /// An error to the client, where it waits for the target and is not in the middle of something.
    fn farewell(&mut self, at: Moment, reason: &Reason) {
        if self.over {
            // What waits for a judgement waits no longer.
            self.withdraw();
            return self.answer();
        }
        let between = self.opened && self.upstream.packets.is_between() && !self.upstream.opaque;
        let leave = self.standing.leave().filter(|_| between);
        let preface = match self.conversation.part {
            Part::Advertisement if !self.told => refuse::preface(self.conversation.service.name()),
            _ => Bytes::new(),
        };
        let now = self.give_up(at);
        now.into_iter().for_each(|step| self.plan(step));
        self.plan(Step::Discard { to: Side::Upstream, lane: self.lane });
        match leave {
            Some(true) => self.say(at, refuse::band_error(&reason.text)),
            Some(false) => self.say(at, refuse::error(&preface, &reason.text)),
            None => {}
        }
        // It will not say more.
        self.answer();
    }

    fn held_bytes(&self) -> usize {
        let planned = if self.asked.is_some() { self.steps_bytes } else { 0 };
        self.client.held_bytes().saturating_add(self.upstream.held_bytes()).saturating_add(planned)
    }

    fn is_record(&self) -> bool {
        true
    }
}
