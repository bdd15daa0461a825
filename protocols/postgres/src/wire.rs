//! The wire: messages are framed, judged where they ask for something, noted, and sent on as they came.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use wiretape_core::event::{Prepared, QueryEvent};
use wiretape_core::judge::ActionKind;
use wiretape_core::limits::{HELD_BYTES_MAX, POSTGRES_REQUESTS_PENDING_MAX, POSTGRES_TEXT_BYTES_MAX};
use wiretape_core::{Action, Fault, Lane, Moment, Reason, Side, Step, Unit, Verdict, Wire};

use crate::client::{Item, Mute, Order, Waiting};
use crate::limits::NAME_KEPT_BYTES_MAX;
use crate::message::{Cut, Framer, Malformed, Piece, SHORTER_TEXT, Said, bind_names, message_of, name, parse};
use crate::names::Names;
use crate::state::{Conversation, Refusal, Request, Unexpected};
use crate::{event, refuse};

/// What a client is told that was told already that it waits.
const STILL_WAITING: &str = "still waiting for an answer";

/// A request that waits for its verdict.
#[derive(Debug)]
struct Asked {
    unit: Unit,
    item: Item,
}

/// The PostgreSQL protocol between a client and a database, both of which the gateway has logged in. The first thing
/// that is heard of the target is the tail of that login: its settings, the key, and that it is ready.
pub struct PostgresWire {
    lane: Lane,
    /// Events carry the moment at which the wire could say them, so that moments never go back on the tape.
    now: Moment,
    client: Framer,
    upstream: Framer,
    order: Order,
    waiting: Waiting,
    asked: Option<Asked>,
    /// What the client is to be told of its waiting, once it is told nothing else.
    wait: Option<String>,
    /// The unit whose client was told that it waits.
    told_to_wait: Option<Unit>,
    serial: u64,
    mute: Mute,
    conversation: Conversation,
    names: Names,
    /// What passes and is not sent yet: neighbours leave together.
    to_client: Option<Cut>,
    to_upstream: Option<Cut>,
    steps: VecDeque<Step<Bytes>>,
    /// Nobody is there who could be told anything, or everything is told.
    is_over: bool,
    /// The client's connection is gone.
    is_left: bool,
    /// It went while something waited for an answer.
    is_given_up: bool,
    /// The code of the error that ends the session, where the reason does not say it.
    last_code: Option<&'static str>,
}

impl PostgresWire {
    /// The wire of a session on `lane`.
    #[must_use]
    pub fn new(lane: Lane) -> Self {
        Self {
            lane,
            now: Moment::START,
            client: Framer::new(Side::Client),
            upstream: Framer::new(Side::Upstream),
            order: Order::default(),
            waiting: Waiting::default(),
            asked: None,
            wait: None,
            told_to_wait: None,
            serial: 0,
            mute: Mute::Nothing,
            conversation: Conversation::new(),
            names: Names::new(),
            to_client: None,
            to_upstream: None,
            steps: VecDeque::new(),
            is_over: false,
            is_left: false,
            is_given_up: false,
            last_code: None,
        }
    }

    fn note(&mut self, side: Side, event: QueryEvent) {
        self.steps.push_back(Step::Note(event::said(self.now, side, self.lane, event)));
    }

    /// Sends `cut` on, together with its neighbours.
    fn pass(&mut self, to: Side, cut: Cut) {
        let passing = self.passing(to);
        if passing.as_mut().is_some_and(|passing| passing.join(&cut)) {
            return;
        }
        let before = passing.replace(cut);
        self.send(to, before);
    }

    fn passing(&mut self, to: Side) -> &mut Option<Cut> {
        match to {
            Side::Client => &mut self.to_client,
            Side::Upstream => &mut self.to_upstream,
        }
    }

    fn send(&mut self, to: Side, cut: Option<Cut>) {
        self.steps.extend(cut.map(|cut| Step::Send { to, message: cut.bytes() }));
    }

    fn send_passing(&mut self, to: Side) {
        let passing = self.passing(to).take();
        self.send(to, passing);
    }

    /// Says `events` to a side in the name of the other. What the gateway says of its own is recorded on the side that it
    /// is told to.
    fn tell(&mut self, to: Side, events: impl IntoIterator<Item = QueryEvent>) {
        self.send_passing(to);
        let mut message = BytesMut::new();
        for event in events {
            message.extend_from_slice(&message_of(&event));
            self.note(to, event);
        }
        self.steps.push_back(Step::Send { to, message: message.freeze() });
    }
}

/// What the client says.
impl PostgresWire {
    /// Takes in what the client said: it passes, or waits until it is its turn.
    fn hear_client(&mut self, chunk: Bytes) -> Result<(), Fault> {
        // What waits for somebody's answer may wait for long: it keeps no more memory than its own length.
        let chunk = if self.asked.is_some() { Bytes::copy_from_slice(&chunk) } else { chunk };
        let mut said = Said::new(chunk);
        while let Some(piece) = self.client.next(&mut said)? {
            let item = self.item(piece)?;
            if self.conversation.requests() + self.waiting.len() >= POSTGRES_REQUESTS_PENDING_MAX {
                let got = format!("more than {POSTGRES_REQUESTS_PENDING_MAX} requests");
                return Err(Fault::new(Side::Client, "to wait for answers", got));
            }
            // What nothing stands before passes at once.
            match self.asked.is_none() && self.waiting.is_empty() {
                true if self.is_given_up => self.give_up(item),
                true => self.forward(item),
                false => self.waiting.push(item),
            }
        }
        Ok(())
    }

    fn item(&mut self, piece: Piece) -> Result<Item, Fault> {
        Ok(match piece {
            Piece::Message { letter, cut } => {
                self.order.hear(letter)?;
                Item { event: whole(Side::Client, letter, &cut)?, cut, first: true }
            }
            Piece::Run { letter, count, cut } => {
                self.order.hear(letter)?;
                Item { event: QueryEvent::CopyData { count, bytes: cut.bytes() }, cut, first: true }
            }
            Piece::Long { letter, first, last, cut } => {
                if first {
                    self.order.hear(letter)?;
                }
                Item { event: QueryEvent::Long { letter, bytes: cut.bytes(), last }, cut, first }
            }
        })
    }

    /// It is the turn of `item`.
    fn forward(&mut self, mut item: Item) {
        if self.mute.drops(&item.event) {
            return self.note_item(item.event, &item.cut);
        }
        let kind = match &item.event {
            QueryEvent::Simple { text } | QueryEvent::Parse { text, .. } => ActionKind::Query { text: text.clone() },
            QueryEvent::Call { function_id, .. } => ActionKind::Call { function_id: *function_id },
            _ => {
                self.names.join(&mut item.event);
                self.hear(&item.event, item.first);
                self.note(Side::Client, item.event);
                return self.pass(Side::Upstream, item.cut);
            }
        };
        self.serial += 1;
        let unit = Unit { lane: self.lane, serial: self.serial };
        let mut events = event::recorded(item.event.clone(), &item.cut.bytes());
        let last = events.pop().unwrap_or_else(|| item.event.clone());
        events.into_iter().for_each(|event| self.note(Side::Client, event));
        let event = event::said(self.now, Side::Client, self.lane, last);
        self.asked = Some(Asked { unit, item });
        self.steps.push_back(Step::Judge { unit, action: Action { lane: self.lane, kind }, event });
    }

    /// Tells the client that it waits, unless it is being told something else.
    fn tell_to_wait(&mut self) {
        if self.asked.is_none() {
            self.wait = None;
        }
        if !self.upstream.is_amid_long()
            && let Some(text) = self.wait.take()
        {
            self.tell(Side::Client, [refuse::waiting(&text)]);
        }
    }

    /// Nobody wants an answer to what is asked any more: it never passes, and nothing behind it does.
    fn withdraw(&mut self) {
        let Some(asked) = self.asked.take() else { return };
        self.steps.push_back(Step::Withdraw { unit: asked.unit });
        self.wait = None;
        self.is_given_up = true;
        while let Some(item) = self.waiting.pop() {
            self.give_up(item);
        }
    }

    /// Of what stands behind something that was given up, nothing passes but the leave.
    fn give_up(&mut self, item: Item) {
        if matches!(item.event, QueryEvent::Terminate) {
            self.note(Side::Client, item.event);
            self.pass(Side::Upstream, item.cut);
        } else {
            self.note_item(item.event, &item.cut);
        }
    }

    fn note_item(&mut self, event: QueryEvent, cut: &Cut) {
        event::recorded(event, &cut.bytes()).into_iter().for_each(|event| self.note(Side::Client, event));
    }

    /// The target will hear `event`: what it names is known, and what it asks for waits for an answer.
    fn hear(&mut self, event: &QueryEvent, first: bool) {
        if let QueryEvent::Long { letter: b'B', bytes, .. } = event {
            if first {
                match bind_names(bytes) {
                    Some((portal, statement)) => self.names.bind(&portal, &statement),
                    None => self.names.bind_unknown(),
                }
                self.conversation.ask(Request::Bind);
            }
            return;
        }
        self.names.hear(event);
        if let Some(request) = self.request(event) {
            self.conversation.ask(request);
        }
        if let QueryEvent::Execute { portal, .. } = event {
            self.conversation.cross(self.names.boundary(portal));
        }
    }

    /// What the target has to answer to a message.
    fn request(&self, event: &QueryEvent) -> Option<Request> {
        Some(match event {
            QueryEvent::Simple { .. } => Request::Query,
            QueryEvent::Call { .. } => Request::Call,
            QueryEvent::Parse { .. } => Request::Parse,
            QueryEvent::Bind { .. } => Request::Bind,
            QueryEvent::Describe { of: Prepared::Statement, name } => {
                Request::DescribeStatement(self.names.statement(name))
            }
            QueryEvent::Describe { of: Prepared::Portal, .. } => Request::DescribeColumns,
            QueryEvent::Execute { .. } => Request::Execute,
            QueryEvent::Close { .. } => Request::Close,
            QueryEvent::Sync => Request::Sync,
            QueryEvent::CopyDone | QueryEvent::CopyFail { .. } => Request::CopyEnd,
            _ => return None,
        })
    }

    fn refuse(&mut self, event: &QueryEvent, reason: Reason) {
        let ready = !matches!(event, QueryEvent::Parse { .. });
        self.mute = if ready { Mute::Copy } else { Mute::ToSync };
        let refusal = Refusal { reason, ready };
        if self.conversation.has_group_to_undo() {
            return self.fail(event, refusal);
        }
        // The query would have made the target send the answers that come before this one.
        if ready && self.conversation.has_open_group() {
            self.tell(Side::Upstream, [QueryEvent::Flush]);
        }
        self.conversation.refuse(refusal);
        self.tell_refusals();
    }

    /// Has the target fail where `event` was refused, so that it undoes what it did in the group before: an error would.
    fn fail(&mut self, event: &QueryEvent, refusal: Refusal) {
        let stand_in = match event {
            QueryEvent::Parse { statement, .. } => {
                // It is one event: a name that is longer than any server keeps does not go into it.
                let kept = if statement.len() > NAME_KEPT_BYTES_MAX { &[] } else { statement.as_ref() };
                let statement = Bytes::copy_from_slice(kept);
                // A statement without a name is forgotten as soon as another one is prepared.
                if statement.is_empty() {
                    self.names.hear(&QueryEvent::Close { of: Prepared::Statement, name: statement.clone() });
                }
                QueryEvent::Parse { statement, text: refuse::NO_SQL, types: Vec::new() }
            }
            _ => QueryEvent::Simple { text: refuse::NO_SQL },
        };
        if refusal.ready {
            self.names.hear(&stand_in);
        }
        self.tell(Side::Upstream, [stand_in]);
        self.conversation.stand_in(refusal);
    }

    /// Tells the client of the refusals whose turn has come, unless it is being told something else.
    fn tell_refusals(&mut self) {
        while !self.upstream.is_amid_long()
            && let Some(refusal) = self.conversation.take_refusal()
        {
            let ready = refusal.ready.then(|| QueryEvent::Ready { status: self.conversation.status() });
            self.tell(Side::Client, [refuse::refused(&refusal.reason)].into_iter().chain(ready));
        }
    }
}

/// What the target says.
impl PostgresWire {
    fn hear_upstream(&mut self, chunk: Bytes) -> Result<(), Fault> {
        let mut said = Said::new(chunk);
        while let Some(piece) = self.upstream.next(&mut said)? {
            let (event, cut) = match piece {
                Piece::Message { letter, cut } => {
                    let stands_in = letter == b'E' && self.conversation.awaits_stand_in();
                    let event = self.answer(letter, &cut)?;
                    if stands_in && !refuse::is_fatal(&event) {
                        // The client is told of the refusal in its place.
                        self.note(Side::Upstream, event);
                        self.tell_refusals();
                        continue;
                    }
                    if stands_in {
                        let _nothing_more_is_told = self.conversation.take_refusal();
                    }
                    (event, cut)
                }
                Piece::Run { letter, count, cut } => {
                    self.answered(letter)?;
                    let bytes = cut.bytes();
                    let event = match letter {
                        b'D' => QueryEvent::Rows { count, bytes },
                        _ => QueryEvent::CopyData { count, bytes },
                    };
                    (event, cut)
                }
                Piece::Long { letter, first, last, cut } => {
                    if first && letter == b'E' && self.conversation.awaits_stand_in() {
                        return Err(Fault::new(Side::Upstream, "a short error", name(Side::Upstream, letter)));
                    }
                    if first {
                        self.answered(letter)?;
                    }
                    (QueryEvent::Long { letter, bytes: cut.bytes(), last }, cut)
                }
            };
            self.note(Side::Upstream, event);
            self.pass(Side::Client, cut);
            self.tell_refusals();
            self.tell_to_wait();
        }
        Ok(())
    }

    fn answered(&mut self, letter: u8) -> Result<(), Fault> {
        self.conversation
            .answer(letter)
            .map_err(|Unexpected { expected }| Fault::new(Side::Upstream, expected, name(Side::Upstream, letter)))
    }

    fn answer(&mut self, letter: u8, cut: &Cut) -> Result<QueryEvent, Fault> {
        let described = self.conversation.described();
        self.answered(letter)?;
        let event = whole(Side::Upstream, letter, cut)?;
        match &event {
            QueryEvent::Ready { status } => self.conversation.set_status(*status),
            QueryEvent::Types { types } => {
                if let Some(statement) = described {
                    self.names.describe(statement, types);
                }
            }
            // The target ends the session, and says why itself.
            QueryEvent::Error { .. } => self.is_over |= refuse::is_fatal(&event),
            _ => {}
        }
        Ok(event)
    }
}

/// The event of a whole message.
fn whole(side: Side, letter: u8, cut: &Cut) -> Result<QueryEvent, Fault> {
    parse(side, &cut.bytes()).map_err(|Malformed| {
        Fault::new(side, "fields that fill their message", format!("{} whose fields do not", name(side, letter)))
    })
}

impl Wire for PostgresWire {
    type Message = Bytes;

    fn feed(&mut self, side: Side, at: Moment, message: Bytes) -> Result<(), Fault> {
        self.now = at;
        let outcome = match side {
            Side::Client => self.hear_client(message),
            Side::Upstream => self.hear_upstream(message),
        };
        outcome.inspect_err(|fault| {
            if fault.expected == SHORTER_TEXT {
                self.last_code = Some(refuse::TOO_LONG);
            }
        })
    }

    fn step(&mut self) -> Option<Step<Bytes>> {
        loop {
            if let Some(step) = self.steps.pop_front() {
                return Some(step);
            }
            // The question was put, and nobody is there any more who wants the answer.
            if self.asked.is_some() && (self.is_left || self.waiting.ends()) {
                self.withdraw();
                continue;
            }
            let item = if self.asked.is_none() { self.waiting.pop() } else { None };
            match item {
                Some(item) => self.forward(item),
                None if self.to_client.is_none() && self.to_upstream.is_none() => return None,
                None => [Side::Client, Side::Upstream].into_iter().for_each(|to| self.send_passing(to)),
            }
        }
    }

    fn rule(&mut self, at: Moment, unit: Unit, verdict: Verdict) {
        let Some(asked) = self.asked.take_if(|asked| asked.unit == unit) else { return };
        self.now = at;
        match verdict {
            Verdict::Allow => {
                self.hear(&asked.item.event, true);
                self.pass(Side::Upstream, asked.item.cut);
            }
            Verdict::Refuse(reason) => self.refuse(&asked.item.event, reason),
        }
    }

    /// A notice for each time: a client that hears nothing may give up.
    fn waiting(&mut self, at: Moment, unit: Unit, text: &str) {
        if self.asked.as_ref().is_none_or(|asked| asked.unit != unit) {
            return;
        }
        self.now = at;
        let is_told = self.told_to_wait.replace(unit) == Some(unit);
        if self.wait.is_none() {
            self.wait = Some(if is_told { STILL_WAITING.to_owned() } else { text.to_owned() });
        }
        self.tell_to_wait();
    }

    fn end(&mut self, side: Side, at: Moment) -> Result<(), Fault> {
        self.now = at;
        let framer = match side {
            Side::Client => &self.client,
            Side::Upstream => &self.upstream,
        };
        let is_amid = framer.is_amid_long() || framer.half_bytes() > 0;
        // A client that says nothing more is gone: it sends no Terminate when it is in a hurry.
        self.is_over |= side == Side::Client;
        self.is_left |= side == Side::Client;
        match is_amid {
            false => Ok(()),
            true => Err(Fault::new(side, "the rest of a message", "the end of the connection")),
        }
    }

    fn farewell(&mut self, at: Moment, reason: &Reason) {
        self.now = at;
        self.withdraw();
        [Side::Client, Side::Upstream].into_iter().for_each(|to| self.send_passing(to));
        while let Some(item) = self.waiting.pop() {
            self.note_item(item.event, &item.cut);
        }
        let is_heard = !self.is_over && !self.order.has_left() && !self.upstream.is_amid_long();
        if is_heard {
            self.tell(Side::Client, [refuse::closed(self.last_code, reason)]);
        }
        self.is_over = true;
    }

    fn held_bytes(&self) -> usize {
        let asked = self.asked.as_ref().map_or(0, |asked| asked.item.held_bytes());
        self.client.half_bytes() + self.upstream.half_bytes() + self.waiting.held_bytes() + asked
    }

    /// A text to be judged is held whole, and others wait behind it.
    fn held_bytes_max(&self) -> usize {
        POSTGRES_TEXT_BYTES_MAX + 2 * HELD_BYTES_MAX
    }
}
