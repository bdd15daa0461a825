//! Joins the answers of a database session to what was asked.
//!
//! The protocol names nothing in its answers: they come in the order of the requests. An error in the extended protocol
//! undoes all requests up to the next Sync; Flush has no answer; a copy to the target swallows the Syncs inside it.
//! What does not fit (a recording with a gap) is passed over, and joined again at the next place where nothing waits.

mod asked;
mod long;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use wiretape_core::event::{Acknowledged, Column, CopyDirection, Parameter, Prepared, QueryEvent, TransactionStatus};
use wiretape_core::limits::POSTGRES_NAMES_KEPT_MAX;
use wiretape_core::{Moment, Side};

pub use asked::{Asks, Portal, Request, Statement, Text, format_at};
pub use long::Long;
use long::Pieces;

/// How much of what was asked is kept.
#[derive(Clone, Copy, Debug)]
pub struct Keeping {
    /// Of one text, or of one message that came in pieces, in bytes.
    pub text_bytes_max: usize,
    /// Of all prepared statements and portals together, in bytes; others are known by name only.
    pub prepared_bytes_max: usize,
    /// Requests that wait for their answer.
    pub requests_max: usize,
    /// Whether the parameters of portals are kept.
    pub parameters: bool,
}

/// What an event is in the dialogue.
#[derive(Clone, Debug)]
pub enum Turn {
    /// Something is asked.
    Asked(Arc<Request>),
    /// Something is asked that nobody will answer: the target passes over it, up to the next Sync.
    PassedOver(Arc<Request>),
    /// Something is answered.
    Answered(Answer),
    /// Neither, or a part of a message that is not whole.
    Aside,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// To what, as far as it is known.
    pub to: Option<Arc<Request>>,
    /// Whether nothing more will be answered to it.
    pub last: bool,
    /// Requests that were passed over because of it.
    pub undone: Vec<Arc<Request>>,
}

/// One database session: who waits for what.
#[derive(Clone, Debug)]
pub struct Dialogue {
    keeping: Keeping,
    statements: BTreeMap<Bytes, Arc<Statement>>,
    portals: BTreeMap<Bytes, Arc<Portal>>,
    prepared_bytes: usize,
    prepared: u64,
    asked: u64,
    waiting: VecDeque<Arc<Request>>,
    /// More waited than is kept: so many times must the target be ready before answers can be joined again.
    adrift: Option<u64>,
    /// The refused requests in whose place the target got something of the gateway's own that has to fail, by number.
    stood_in: VecDeque<u64>,
    /// The target passes over everything up to the next Sync, which has not come yet.
    ignores: bool,
    /// A copy to the target runs whose end the client has not sent: it swallows Syncs.
    copying_in: bool,
    /// The columns of the rows that answer a simple query.
    columns: Option<Arc<[Column]>>,
    status: TransactionStatus,
    pieces: [Pieces; 2],
    long: Option<Long>,
}

impl Dialogue {
    /// A dialogue that begins with the login.
    #[must_use]
    pub fn new(keeping: Keeping) -> Self {
        Self {
            keeping,
            statements: BTreeMap::new(),
            portals: BTreeMap::new(),
            prepared_bytes: 0,
            prepared: 0,
            asked: 0,
            waiting: VecDeque::new(),
            adrift: None,
            stood_in: VecDeque::new(),
            ignores: false,
            copying_in: false,
            columns: None,
            status: TransactionStatus::Idle,
            pieces: Default::default(),
            long: None,
        }
    }

    /// Where the session stood when the target was last ready.
    #[must_use]
    pub fn status(&self) -> TransactionStatus {
        self.status
    }

    /// The columns of the rows that come now, in the formats in which they are sent; `None` when nobody described them.
    #[must_use]
    pub fn columns(&self) -> Option<Arc<[Column]>> {
        match self.waiting.front().map(|request| &request.asks) {
            Some(Asks::Execute { portal, .. }) => portal.as_ref()?.shape(),
            _ => self.columns.clone(),
        }
    }

    /// The message whose last piece the last event was.
    #[must_use]
    pub fn long(&self) -> Option<&Long> {
        self.long.as_ref()
    }

    /// Whether nothing waits for an answer.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.waiting.is_empty() && self.adrift.is_none()
    }

    /// Takes in what `side` said at `at`.
    pub fn feed(&mut self, at: Moment, side: Side, event: &QueryEvent) -> Turn {
        self.long = None;
        match event {
            QueryEvent::Long { letter, bytes, last } => self.piece(at, side, *letter, bytes, *last),
            QueryEvent::Parse { .. } | QueryEvent::Simple { .. } if side == Side::Upstream => self.stand_in(),
            QueryEvent::Error { .. } if side == Side::Upstream && self.fails_for_another() => Turn::Aside,
            QueryEvent::Simple { text } => self.simple(at, text, text.len() as u64),
            QueryEvent::Parse { statement, text, .. } => self.parse(at, statement, text, text.len() as u64),
            QueryEvent::Bind { parameters, .. } => self.bind(at, event, Some(parameters)),
            QueryEvent::Describe { of, name } => self.describe(at, *of, name),
            QueryEvent::Execute { portal, .. } => {
                let asks = Asks::Execute { name: portal.clone(), portal: self.portals.get(portal).cloned() };
                self.ask(at, asks)
            }
            QueryEvent::Close { of, name } => {
                match of {
                    Prepared::Statement => self.forget_statement(name),
                    Prepared::Portal => self.forget_portal(name),
                }
                self.ask(at, Asks::Close)
            }
            QueryEvent::Call { .. } => self.ask(at, Asks::Call),
            QueryEvent::Sync if self.copying_in => Turn::Aside,
            QueryEvent::Sync => {
                self.ignores = false;
                self.ask(at, Asks::Sync)
            }
            QueryEvent::CopyDone | QueryEvent::CopyFail { .. } => {
                self.copying_in &= side != Side::Client;
                self.part()
            }
            QueryEvent::Columns { columns } => self.described(Some(columns)),
            QueryEvent::Types { .. } | QueryEvent::Rows { .. } | QueryEvent::CopyData { .. } => self.part(),
            QueryEvent::CopyStart { direction, .. } => {
                self.copy(*direction);
                self.part()
            }
            QueryEvent::Complete { .. } => self.completed(),
            QueryEvent::Returned { .. } => self.part(),
            QueryEvent::Acknowledged { what } => self.acknowledged(*what),
            QueryEvent::Error { .. } => self.failed(),
            QueryEvent::Ready { status } => {
                self.status = *status;
                self.ready()
            }
            QueryEvent::Startup { .. } => self.ask(at, Asks::Login),
            QueryEvent::Negotiated { .. }
            | QueryEvent::Setting { .. }
            | QueryEvent::Key { .. }
            | QueryEvent::Cancel { .. }
            | QueryEvent::Flush
            | QueryEvent::Notice { .. }
            | QueryEvent::Notification { .. }
            | QueryEvent::Terminate => Turn::Aside,
        }
    }

    fn piece(&mut self, at: Moment, side: Side, letter: u8, bytes: &[u8], last: bool) -> Turn {
        let [client, upstream] = &mut self.pieces;
        let pieces = if side == Side::Client { client } else { upstream };
        let Some(long) = pieces.feed(letter, bytes, last, self.keeping.text_bytes_max) else { return Turn::Aside };
        let turn = match (side, letter) {
            (Side::Client, b'Q') => {
                let (text, bytes) = long.query();
                self.simple(at, &text, bytes)
            }
            (Side::Client, b'P') => {
                let (name, text, bytes) = long.parse();
                self.parse(at, &name, &text, bytes)
            }
            (Side::Client, b'B') => {
                let event = long.bind();
                match &event {
                    QueryEvent::Bind { parameters, .. } => {
                        self.bind(at, &event, long.has_values().then_some(parameters))
                    }
                    _ => Turn::Aside,
                }
            }
            (Side::Client, b'F') => self.ask(at, Asks::Call),
            (Side::Upstream, b'T') => self.described(None),
            (Side::Upstream, b'E') => self.failed(),
            (_, b'd') | (Side::Upstream, b'D' | b'V' | b't') => self.part(),
            _ => Turn::Aside,
        };
        self.long = Some(long);
        turn
    }

    fn simple(&mut self, at: Moment, text: &[u8], bytes: u64) -> Turn {
        // The unnamed statement and the unnamed portal do not outlive a simple query.
        self.forget_statement(b"");
        self.forget_portal(b"");
        self.ask(at, Asks::Simple(Text::start(text, bytes, self.keeping.text_bytes_max)))
    }

    fn parse(&mut self, at: Moment, name: &Bytes, text: &[u8], bytes: u64) -> Turn {
        self.forget_statement(name);
        let room = self.keeping.prepared_bytes_max.saturating_sub(self.prepared_bytes);
        let statement = Arc::new(Statement {
            number: self.prepared,
            name: Bytes::copy_from_slice(name),
            text: Text::start(text, bytes, self.keeping.text_bytes_max.min(room)),
            columns: OnceLock::new(),
        });
        self.prepared += 1;
        if self.statements.len() < POSTGRES_NAMES_KEPT_MAX {
            self.prepared_bytes += statement_bytes(&statement);
            self.statements.insert(statement.name.clone(), Arc::clone(&statement));
        }
        self.ask(at, Asks::Parse(statement))
    }

    fn bind(&mut self, at: Moment, event: &QueryEvent, parameters: Option<&Vec<Parameter>>) -> Turn {
        let QueryEvent::Bind { portal: name, statement, formats, result_formats, .. } = event else {
            return Turn::Aside;
        };
        self.forget_portal(name);
        let room = self.keeping.prepared_bytes_max.saturating_sub(self.prepared_bytes);
        let kept = parameters.filter(|parameters| self.keeping.parameters && values_bytes(parameters) <= room);
        let portal = Arc::new(Portal {
            number: self.asked,
            name: Bytes::copy_from_slice(name),
            statement_name: Bytes::copy_from_slice(statement),
            statement: self.statements.get(statement).cloned(),
            formats: formats.clone(),
            parameters: kept.cloned(),
            result_formats: result_formats.clone(),
            columns: OnceLock::new(),
        });
        if self.portals.len() < POSTGRES_NAMES_KEPT_MAX {
            self.prepared_bytes += portal_bytes(&portal);
            self.portals.insert(portal.name.clone(), Arc::clone(&portal));
        }
        self.ask(at, Asks::Bind(portal))
    }

    fn describe(&mut self, at: Moment, of: Prepared, name: &Bytes) -> Turn {
        let asks = match of {
            Prepared::Statement => Asks::Describe(of, self.statements.get(name).cloned(), None),
            Prepared::Portal => Asks::Describe(of, None, self.portals.get(name).cloned()),
        };
        self.ask(at, asks)
    }

    fn forget_statement(&mut self, name: &[u8]) {
        if let Some(statement) = self.statements.remove(name) {
            self.prepared_bytes = self.prepared_bytes.saturating_sub(statement_bytes(&statement));
        }
    }

    fn forget_portal(&mut self, name: &[u8]) {
        if let Some(portal) = self.portals.remove(name) {
            self.prepared_bytes = self.prepared_bytes.saturating_sub(portal_bytes(&portal));
        }
    }

    fn ask(&mut self, at: Moment, asks: Asks) -> Turn {
        let request = Arc::new(Request { number: self.asked, at, asks });
        self.asked += 1;
        let ends_ready = |request: &Request| u64::from(!request.is_extended());
        if self.ignores {
            return Turn::PassedOver(request);
        }
        if let Some(adrift) = &mut self.adrift {
            *adrift = adrift.saturating_add(ends_ready(&request));
        } else if self.waiting.len() >= self.keeping.requests_max {
            let waiting: u64 = self.waiting.iter().map(|waiting| ends_ready(waiting)).sum();
            self.adrift = Some(waiting + ends_ready(&request));
            self.waiting.clear();
        } else {
            self.waiting.push_back(Arc::clone(&request));
        }
        Turn::Asked(request)
    }

    fn front(&self) -> Option<Arc<Request>> {
        self.waiting.front().cloned()
    }

    /// A part of the answer to the oldest request.
    fn part(&self) -> Turn {
        Turn::Answered(Answer { to: self.front(), last: false, undone: Vec::new() })
    }

    /// The last answer to the oldest request for which `fits`; requests before it went without theirs.
    fn done(&mut self, fits: impl Fn(&Asks) -> bool) -> Turn {
        let place = self.waiting.iter().position(|request| fits(&request.asks));
        let undone = place.map(|place| self.waiting.drain(..place).collect()).unwrap_or_default();
        let to = place.and_then(|_| self.waiting.pop_front());
        Turn::Answered(Answer { last: to.is_some(), to, undone })
    }

    fn described(&mut self, columns: Option<&Vec<Column>>) -> Turn {
        let columns: Option<Arc<[Column]>> = columns.map(|columns| columns.as_slice().into());
        let Some(request) = self.front().filter(|request| matches!(request.asks, Asks::Describe(..))) else {
            self.columns = columns;
            return self.part();
        };
        if let (Asks::Describe(_, statement, portal), Some(columns)) = (&request.asks, columns) {
            let bytes = columns_bytes(&columns);
            let room = self.keeping.prepared_bytes_max.saturating_sub(self.prepared_bytes);
            let (place, kept) = match (statement, portal) {
                (Some(statement), _) => {
                    let kept = self.statements.get(&statement.name).is_some_and(|kept| Arc::ptr_eq(kept, statement));
                    (Some(&statement.columns), kept)
                }
                (None, Some(portal)) => {
                    let kept = self.portals.get(&portal.name).is_some_and(|kept| Arc::ptr_eq(kept, portal));
                    (Some(&portal.columns), kept)
                }
                (None, None) => (None, false),
            };
            // What was described before has the same columns still.
            if bytes <= room && place.is_some_and(|place| place.set(columns).is_ok()) && kept {
                self.prepared_bytes += bytes;
            }
        }
        self.done(|asks| matches!(asks, Asks::Describe(..)))
    }

    fn copy(&mut self, direction: CopyDirection) {
        if direction != CopyDirection::In {
            return;
        }
        if self.waiting.front().is_some_and(|request| request.is_extended()) {
            while self.waiting.get(1).is_some_and(|request| matches!(request.asks, Asks::Sync)) {
                self.waiting.remove(1);
            }
        }
        // Behind its request nothing else was said: the copy goes on until the client ends it.
        self.copying_in = self.waiting.len() <= 1 && self.adrift.is_none();
    }

    fn completed(&mut self) -> Turn {
        self.copying_in = false;
        match self.waiting.front().map(|request| &request.asks) {
            Some(Asks::Simple(_)) => {
                self.columns = None;
                self.part()
            }
            _ => self.done(|asks| matches!(asks, Asks::Execute { .. })),
        }
    }

    fn acknowledged(&mut self, what: Acknowledged) -> Turn {
        match what {
            Acknowledged::Parse => self.done(|asks| matches!(asks, Asks::Parse(_))),
            Acknowledged::Bind => self.done(|asks| matches!(asks, Asks::Bind(_))),
            Acknowledged::Close => self.done(|asks| matches!(asks, Asks::Close)),
            Acknowledged::NoData => self.done(|asks| matches!(asks, Asks::Describe(..))),
            Acknowledged::EmptyQuery | Acknowledged::PortalSuspended => {
                match self.front().map(|front| front.asks.clone()) {
                    Some(Asks::Simple(_)) => self.part(),
                    _ => self.done(|asks| matches!(asks, Asks::Execute { .. })),
                }
            }
        }
    }

    /// The gateway had the target fail where it refused what was asked last.
    fn stand_in(&mut self) -> Turn {
        if self.stood_in.len() < self.keeping.requests_max {
            self.stood_in.push_back(self.asked.saturating_sub(1));
        }
        Turn::Aside
    }

    /// Whether the target fails as the gateway wanted it to: the client is told something else in its place.
    fn fails_for_another(&mut self) -> bool {
        let Some(oldest) = self.waiting.front().map(|request| request.number) else { return false };
        // Those that an error of the target's own came before.
        while self.stood_in.front().is_some_and(|number| *number < oldest) {
            self.stood_in.pop_front();
        }
        let fails = self.stood_in.front() == Some(&oldest);
        if fails {
            self.stood_in.pop_front();
        }
        fails
    }

    fn failed(&mut self) -> Turn {
        self.copying_in = false;
        self.columns = None;
        if !self.waiting.front().is_some_and(|request| request.is_extended()) {
            return self.part();
        }
        let to = self.waiting.pop_front();
        let end = self.waiting.iter().position(|request| matches!(request.asks, Asks::Sync));
        let undone = self.waiting.drain(..end.unwrap_or(self.waiting.len())).collect();
        self.ignores = end.is_none();
        Turn::Answered(Answer { to, last: true, undone })
    }

    fn ready(&mut self) -> Turn {
        self.copying_in = false;
        self.columns = None;
        self.ignores = false;
        if let Some(adrift) = self.adrift {
            self.adrift = adrift.checked_sub(1).filter(|left| *left > 0);
            return Turn::Answered(Answer { to: None, last: false, undone: Vec::new() });
        }
        self.done(|asks| matches!(asks, Asks::Login | Asks::Simple(_) | Asks::Call | Asks::Sync))
    }
}

fn statement_bytes(statement: &Statement) -> usize {
    statement.name.len()
        + statement.text.start.len()
        + statement.columns.get().map_or(0, |columns| columns_bytes(columns))
}

fn portal_bytes(portal: &Portal) -> usize {
    let parameters = portal.parameters.as_deref().map_or(0, values_bytes);
    let columns = portal.columns.get().map_or(0, |columns| columns_bytes(columns));
    portal.name.len() + portal.statement_name.len() + parameters + columns
}

fn columns_bytes(columns: &[Column]) -> usize {
    columns.iter().map(|column| column.name.len()).sum::<usize>() + size_of_val(columns)
}

fn values_bytes(parameters: &[Parameter]) -> usize {
    let values = parameters.iter().map(|parameter| parameter.value.as_ref().map_or(0, Bytes::len));
    values.sum::<usize>() + size_of_val(parameters)
}
