//! A database session in a timeline: as psql would have shown it.
//!
//! A text is told when it comes, behind a prompt that says where the session stands: `orders=>`, `orders=*>` in a
//! transaction, `orders=!>` in one that has failed. Of a statement that was prepared the parameters are told when they
//! come, and what it gave when it gives it; in a pipeline what is answered says first to what.

use std::sync::Arc;

use bytes::Bytes;
use wiretape_core::event::{Acknowledged, CopyDirection, Field, Parameter, QueryEvent};
use wiretape_core::{Event, Lane, Moment, Side};

use super::copied::Copied;
use super::result::{Rows, cut, shown};
use super::words::{database, given, prompt, time, value, what};
use super::{Entry, Mark};
use crate::database::dialogue::{Answer, Asks, Dialogue, Keeping, Portal, Request, Turn, format_at};
use crate::database::function::{Function, function};
use crate::database::message::messages;
use crate::database::report;
use crate::describe::{describe, line};
use crate::legible::{count, excerpt, excerpt_bytes, size};
use crate::limits::{
    LABEL_LETTERS_MAX, LINE_LETTERS_MAX, PARAMETERS_TOLD_MAX, PREPARED_BYTES_KEPT_MAX, QUERY_REQUESTS_KEPT_MAX,
    SETTINGS_TOLD_MAX, STATEMENT_BYTES_KEPT_MAX, STATEMENT_LINES_MAX,
};

const KEEPING: Keeping = Keeping {
    text_bytes_max: STATEMENT_BYTES_KEPT_MAX,
    prepared_bytes_max: PREPARED_BYTES_KEPT_MAX,
    requests_max: QUERY_REQUESTS_KEPT_MAX,
    parameters: false,
};

/// What was told last, so that an answer to it needs no word about what it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    /// The request of this number.
    Request(u64),
    /// The statement of this number.
    Statement(u64),
}

/// What a timeline remembers of a database session.
#[derive(Clone)]
pub(super) struct QueryLine {
    dialogue: Dialogue,
    rows_max: usize,
    database: String,
    superuser: bool,
    /// The settings of the login, until it is over.
    settings: Option<Vec<String>>,
    told: Option<Subject>,
    /// The portal that was made last: to run it needs no word.
    bound: Option<Arc<Portal>>,
    rows: Option<Rows>,
    copied: Option<Copied>,
    /// The function that was called last.
    called: Option<&'static Function>,
}

/// Where lines are told to, and of what moment.
struct Teller<'a> {
    at: Moment,
    lane: Lane,
    entries: &'a mut Vec<Entry>,
}

impl Teller<'_> {
    /// Tells a line, or lines.
    fn tell(&mut self, mark: Mark, text: &str) {
        for text in text.split('\n') {
            let text = excerpt(&text.replace('\t', "    "), LINE_LETTERS_MAX);
            self.entries.push(Entry { at: self.at, lane: self.lane, mark, text: line(text.trim_end()) });
        }
    }

    fn tell_all(&mut self, mark: Mark, lines: &[String]) {
        for text in lines {
            self.tell(mark, text);
        }
    }
}

impl QueryLine {
    pub(super) fn new(rows_max: usize) -> Self {
        Self {
            dialogue: Dialogue::new(KEEPING),
            rows_max,
            database: String::new(),
            superuser: false,
            settings: Some(Vec::new()),
            told: None,
            bound: None,
            rows: None,
            copied: None,
            called: None,
        }
    }

    pub(super) fn feed(&mut self, event: &Event, said: &QueryEvent, entries: &mut Vec<Entry>) {
        let turn = self.dialogue.feed(event.at, event.side, said);
        let mut teller = Teller { at: event.at, lane: event.lane, entries };
        match turn {
            Turn::Asked(request) | Turn::PassedOver(request) => self.asked(&request, event, said, &mut teller),
            Turn::Answered(answer) => self.answered(event, said, &answer, &mut teller),
            Turn::Aside => self.aside(event, said, &mut teller),
        }
    }

    /// Says what is left to say when the session is over.
    pub(super) fn end(&mut self, lane: Lane, at: Moment, entries: &mut Vec<Entry>) {
        let mut teller = Teller { at, lane, entries };
        self.finish_rows(", and no end", &mut teller);
        self.finish_copy(&mut teller);
    }

    // What is asked.

    fn asked(&mut self, request: &Request, event: &Event, said: &QueryEvent, teller: &mut Teller<'_>) {
        match (&request.asks, said) {
            (Asks::Simple(kept), said) => {
                let text = if let QueryEvent::Simple { text } = said { text } else { &kept.start };
                self.statement("", text, kept.bytes, teller);
                self.told = Some(Subject::Request(request.number));
            }
            (Asks::Parse(statement), said) => {
                let text = if let QueryEvent::Parse { text, .. } = said { text } else { &statement.text.start };
                let lead = if statement.name.is_empty() {
                    String::new()
                } else {
                    format!("prepare {}: ", excerpt_bytes(&statement.name, LABEL_LETTERS_MAX))
                };
                self.statement(&lead, text, statement.text.bytes, teller);
                self.told = Some(Subject::Statement(statement.number));
            }
            (Asks::Bind(portal), said) => {
                let parameters =
                    if let QueryEvent::Bind { parameters, .. } = said { parameters.as_slice() } else { &[] };
                self.bind(request, portal, parameters, teller);
                if let Some(long) = self.dialogue.long() {
                    let text = format!("       parameters of {}", size(long.bytes));
                    teller.tell(Mark::Query, &text);
                }
            }
            (Asks::Execute { name, portal }, said) => self.execute(request, name, portal.as_ref(), said, teller),
            (Asks::Call, said) => self.call(request, said, teller),
            (Asks::Login, QueryEvent::Startup { parameters, .. }) => {
                self.database = database(parameters);
                teller.tell(Mark::Lane, &describe(event));
            }
            (Asks::Login | Asks::Describe(..) | Asks::Close | Asks::Sync, _) => {}
        }
    }

    /// A text behind the prompt, line by line.
    fn statement(&self, lead: &str, text: &[u8], bytes: u64, teller: &mut Teller<'_>) {
        let text = String::from_utf8_lossy(text);
        let text = text.trim_end();
        let mut lines = text.lines().skip_while(|line| line.trim().is_empty());
        let first = lines.next().unwrap_or_default();
        teller.tell(Mark::Query, &format!("{}{lead}{first}", self.prompt('=')));
        let further = self.prompt('-');
        for text in lines.by_ref().take(STATEMENT_LINES_MAX - 1) {
            teller.tell(Mark::Query, &format!("{further}{text}"));
        }
        let left = lines.count() as u64;
        if left > 0 {
            teller.tell(Mark::Query, &format!("{further}… and {}", count(left, "more line")));
        }
        if bytes > text.len() as u64 + 64 {
            teller.tell(Mark::Query, &format!("{further}… ({} in all)", size(bytes)));
        }
    }

    /// `orders=> `
    fn prompt(&self, sign: char) -> String {
        prompt(&self.database, sign, self.dialogue.status(), self.superuser)
    }

    fn bind(&mut self, request: &Request, portal: &Arc<Portal>, parameters: &[Parameter], teller: &mut Teller<'_>) {
        let subject = subject(request);
        if subject.is_none() || subject != self.told {
            let text = format!("{}execute {}", self.prompt('='), what(request, &portal.statement_name));
            teller.tell(Mark::Query, &text);
            self.told = subject;
        }
        teller.tell_all(Mark::Query, &given(&portal.formats, parameters));
        self.bound = Some(Arc::clone(portal));
    }

    fn execute(
        &mut self,
        request: &Request,
        name: &Bytes,
        portal: Option<&Arc<Portal>>,
        said: &QueryEvent,
        teller: &mut Teller<'_>,
    ) {
        let rows_max = if let QueryEvent::Execute { rows_max, .. } = said { *rows_max } else { 0 };
        let just_bound = matches!((portal, &self.bound), (Some(portal), Some(bound)) if Arc::ptr_eq(portal, bound));
        let from = match name.as_ref() {
            b"" => String::new(),
            name => format!(" from portal {}", excerpt_bytes(name, LABEL_LETTERS_MAX)),
        };
        match rows_max {
            0 if just_bound => {}
            0 => {
                let text = format!("{}fetch all{from}: {}", self.prompt('='), what(request, b"a portal"));
                teller.tell(Mark::Query, &text);
            }
            most => {
                let rows = count(u64::from(most), "row");
                teller.tell(Mark::Query, &format!("{}fetch {rows}{from}", self.prompt('=')));
            }
        }
        self.told = subject(request);
    }

    fn call(&mut self, request: &Request, said: &QueryEvent, teller: &mut Teller<'_>) {
        let (name, arguments) = match said {
            QueryEvent::Call { function_id, formats, arguments, .. } => {
                let known = function(*function_id);
                self.called = known;
                let types = known.map_or(&[][..], |known| known.arguments);
                let argument = |(place, value): (usize, &Option<Bytes>)| Parameter {
                    type_id: types.get(place).copied().unwrap_or(0),
                    value: value.clone(),
                };
                let arguments: Vec<_> = arguments.iter().enumerate().map(argument).collect();
                let shown = arguments.iter().enumerate().take(PARAMETERS_TOLD_MAX);
                let shown: Vec<_> = shown.map(|(place, given)| value(format_at(formats, place), given)).collect();
                let name = known.map_or_else(|| format!("function {function_id}"), |known| known.name.to_owned());
                (name, shown.join(", "))
            }
            _ => ("a function".to_owned(), "…".to_owned()),
        };
        teller.tell(Mark::Query, &format!("{}call {name}({arguments})", self.prompt('=')));
        self.told = Some(Subject::Request(request.number));
    }

    // What is answered.

    fn answered(&mut self, event: &Event, said: &QueryEvent, answer: &Answer, teller: &mut Teller<'_>) {
        let to = answer.to.as_deref();
        match said {
            QueryEvent::Columns { .. } if matches!(to.map(|to| &to.asks), Some(Asks::Simple(_)) | None) => {
                self.label(to, teller);
                self.finish_rows("", teller);
                self.rows = Some(Rows::new(self.dialogue.columns(), self.rows_max));
            }
            QueryEvent::Rows { bytes, .. } => {
                self.label(to, teller);
                for row in messages(b'D', bytes) {
                    self.row(row, row.len() as u64, teller);
                }
            }
            QueryEvent::CopyStart { direction, format, .. } => {
                self.label(to, teller);
                if *direction == CopyDirection::Both {
                    teller.tell(Mark::Out, "copies both ways from here on, as in replication");
                }
                self.copied = Some(Copied::new(*direction, *format));
            }
            QueryEvent::CopyData { count, bytes } => {
                let copied = self.copied.get_or_insert_with(|| Copied::new(CopyDirection::Both, 0));
                copied.take(event.side, u64::from(*count), messages(b'd', bytes));
            }
            QueryEvent::CopyFail { message } => {
                self.finish_copy(teller);
                teller.tell(Mark::Out, &format!("the client breaks off: {}", cut(message)));
            }
            QueryEvent::Complete { tag, .. } => {
                self.label(to, teller);
                self.complete(answer, tag, teller);
            }
            QueryEvent::Acknowledged { what: Acknowledged::PortalSuspended } => {
                self.expect_rows(to);
                self.finish_rows(" so far", teller);
                self.time(event.at, to, teller);
            }
            QueryEvent::Acknowledged { what: Acknowledged::EmptyQuery } if answer.last => {
                self.time(event.at, to, teller);
            }
            QueryEvent::Returned { value } => {
                self.label(to, teller);
                let name = self.called.map_or("the function", |called| called.name);
                let type_id = self.called.map_or(0, |called| called.returns);
                let text = value.as_ref().map_or_else(|| "NULL".to_owned(), |value| shown(type_id, value));
                teller.tell(Mark::Out, &format!("{name} returned {text}"));
            }
            QueryEvent::Error { fields } => {
                self.label(to, teller);
                self.finish_rows(" until then", teller);
                self.finish_copy(teller);
                let text = to.and_then(Request::text).map(|text| String::from_utf8_lossy(&text.start).into_owned());
                teller.tell_all(Mark::Error, &report::lines(report::Kind::Error, fields, text.as_deref()));
                self.passed_over(answer, teller);
                if answer.last {
                    self.time(event.at, to, teller);
                }
            }
            QueryEvent::Ready { .. } => self.ready(event.at, to, teller),
            QueryEvent::Long { letter, bytes, .. } => self.piece_answered(event, *letter, bytes, to, teller),
            _ => {}
        }
    }

    fn complete(&mut self, answer: &Answer, tag: &Bytes, teller: &mut Teller<'_>) {
        let to = answer.to.as_deref();
        self.finish_copy(teller);
        self.expect_rows(to);
        // As psql does: what gives rows has no tag but where rows were changed.
        let changes = [&b"INSERT"[..], b"UPDATE", b"DELETE", b"MERGE"].iter().any(|word| tag.starts_with(word));
        let silent = self.rows.is_some() && !changes;
        self.finish_rows("", teller);
        if !silent {
            teller.tell(Mark::Out, &excerpt_bytes(tag, LABEL_LETTERS_MAX));
        }
        if answer.last {
            self.time(teller.at, to, teller);
            // It may be run again.
            self.told = None;
        }
    }

    /// A result without rows has columns all the same.
    fn expect_rows(&mut self, to: Option<&Request>) {
        let is_portal = to.is_some_and(|to| matches!(&to.asks, Asks::Execute { .. }));
        if let (None, true, Some(request)) = (&self.rows, is_portal, to) {
            let columns = request.portal().and_then(|portal| portal.shape());
            self.rows =
                columns.filter(|columns| !columns.is_empty()).map(|columns| Rows::new(Some(columns), self.rows_max));
        }
    }

    fn row(&mut self, content: &[u8], bytes: u64, teller: &mut Teller<'_>) {
        let (dialogue, rows_max) = (&self.dialogue, self.rows_max);
        let lines = self.rows.get_or_insert_with(|| Rows::new(dialogue.columns(), rows_max)).row(content, bytes);
        teller.tell_all(Mark::Out, &lines);
    }

    fn ready(&mut self, at: Moment, to: Option<&Request>, teller: &mut Teller<'_>) {
        self.finish_rows(", and no end", teller);
        self.finish_copy(teller);
        if let Some(settings) = self.settings.take().filter(|settings| !settings.is_empty()) {
            teller.tell(Mark::Lane, &format!("settings: {}", settings.join(", ")));
        }
        if matches!(to.map(|to| &to.asks), Some(Asks::Simple(_) | Asks::Call)) {
            self.time(at, to, teller);
        }
    }

    /// Says how many statements the target passes over because of an error.
    fn passed_over(&self, answer: &Answer, teller: &mut Teller<'_>) {
        let failed = answer.to.as_deref().and_then(Request::statement).map(|statement| statement.number);
        let runs = |request: &&Arc<Request>| matches!(request.asks, Asks::Execute { .. });
        let other = |request: &&Arc<Request>| request.statement().is_none_or(|it| Some(it.number) != failed);
        let others = answer.undone.iter().filter(runs).filter(other).count() as u64;
        if others > 0 {
            let text = format!("{} behind it passed over, up to the next Sync", count(others, "statement"));
            teller.tell(Mark::Error, &text);
        }
    }

    fn finish_rows(&mut self, end: &str, teller: &mut Teller<'_>) {
        if let Some(rows) = self.rows.take() {
            teller.tell_all(Mark::Out, &rows.finish(end));
        }
    }

    fn finish_copy(&mut self, teller: &mut Teller<'_>) {
        if let Some(copied) = self.copied.take() {
            teller.tell_all(Mark::Out, &copied.lines());
        }
    }

    /// Says what is answered, unless that was told last.
    fn label(&mut self, to: Option<&Request>, teller: &mut Teller<'_>) {
        let Some(request) = to else { return };
        let subject = subject(request);
        if subject.is_some() && subject != self.told {
            teller.tell(Mark::Lane, &format!("answer to {}", what(request, b"")));
            self.told = subject;
        }
    }

    fn time(&self, at: Moment, to: Option<&Request>, teller: &mut Teller<'_>) {
        if let Some(request) = to {
            teller.tell(Mark::Out, &time(at.since(request.at)));
        }
    }

    // What is neither.

    fn aside(&mut self, event: &Event, said: &QueryEvent, teller: &mut Teller<'_>) {
        match said {
            QueryEvent::Setting { name, value } => self.setting(name, value, teller),
            QueryEvent::Notice { fields } => self.notice(fields, teller),
            QueryEvent::Notification { process_id, channel, payload } => {
                let payload = match payload.as_ref() {
                    b"" => String::new(),
                    payload => format!(" with payload \"{}\"", cut(payload)),
                };
                let text = format!(
                    "Asynchronous notification \"{}\"{payload} received from server process with PID {process_id}.",
                    cut(channel)
                );
                teller.tell(Mark::Notice, &text);
            }
            QueryEvent::Cancel { .. } => teller.tell(Mark::Warning, &describe(event)),
            QueryEvent::Negotiated { .. } => teller.tell(Mark::Lane, &describe(event)),
            QueryEvent::Terminate => teller.tell(Mark::Lane, "the client takes its leave"),
            QueryEvent::Long { letter, bytes, .. } => self.piece(event.side, *letter, bytes, teller),
            _ => {}
        }
    }

    fn setting(&mut self, name: &Bytes, value: &Bytes, teller: &mut Teller<'_>) {
        if name.as_ref() == b"is_superuser" {
            self.superuser = value.as_ref() == b"on";
        }
        let text = format!("{}={}", excerpt_bytes(name, LABEL_LETTERS_MAX), excerpt_bytes(value, LABEL_LETTERS_MAX));
        match &mut self.settings {
            Some(settings) if settings.len() < SETTINGS_TOLD_MAX => settings.push(text),
            Some(_) => {}
            None => teller.tell(Mark::Lane, &format!("setting {text}")),
        }
    }

    fn notice(&mut self, fields: &[Field], teller: &mut Teller<'_>) {
        teller.tell_all(Mark::Notice, &report::lines(report::Kind::Notice, fields, None));
    }

    /// A piece that is not the last of its message.
    fn piece(&mut self, side: Side, letter: u8, bytes: &Bytes, teller: &mut Teller<'_>) {
        let known = match side {
            Side::Client => matches!(letter, b'Q' | b'P' | b'B' | b'F'),
            Side::Upstream => matches!(letter, b'D'),
        };
        match (&mut self.copied, self.dialogue.long()) {
            (Some(copied), _) if letter == b'd' => copied.piece(side, bytes, false),
            (_, Some(long)) if !known => {
                let start = excerpt_bytes(&long.start, LABEL_LETTERS_MAX);
                let text = format!("message `{}` of {}: {start}", char::from(letter), size(long.bytes));
                teller.tell(Mark::Lane, &text);
            }
            _ => {}
        }
    }

    /// The last piece of a message that is an answer, or a part of one.
    fn piece_answered(
        &mut self,
        event: &Event,
        letter: u8,
        bytes: &Bytes,
        to: Option<&Request>,
        teller: &mut Teller<'_>,
    ) {
        match letter {
            b'd' => {
                let copied = self.copied.get_or_insert_with(|| Copied::new(CopyDirection::Both, 0));
                copied.piece(event.side, bytes, true);
            }
            b'D' => {
                self.label(to, teller);
                let (row, bytes) =
                    self.dialogue.long().map(|long| (long.start.clone(), long.bytes)).unwrap_or_default();
                self.row(&row, bytes, teller);
            }
            letter => {
                self.label(to, teller);
                let (start, bytes) =
                    self.dialogue.long().map(|long| (long.start.clone(), long.bytes)).unwrap_or_default();
                let start = excerpt_bytes(&start, LABEL_LETTERS_MAX);
                let text = format!("message `{}` of {}: {start}", char::from(letter), size(bytes));
                teller.tell(if letter == b'E' { Mark::Error } else { Mark::Out }, &text);
            }
        }
    }
}

fn subject(request: &Request) -> Option<Subject> {
    match &request.asks {
        Asks::Simple(_) | Asks::Call => Some(Subject::Request(request.number)),
        _ => request.statement().map(|statement| Subject::Statement(statement.number)),
    }
}
