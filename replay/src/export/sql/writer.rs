//! Writes a script, event by event.

use std::collections::{BTreeSet, VecDeque};
use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use wiretape_core::event::{QueryEvent, SessionEvent, SessionOpened, TransactionStatus};
use wiretape_core::limits::{POSTGRES_REQUESTS_PENDING_MAX, POSTGRES_TEXT_BYTES_MAX};
use wiretape_core::{Event, Kind, Lane, Moment, Side};

use super::head::Head;
use super::{Failed, Settings};
use crate::database::dialogue::{Asks, Dialogue, Keeping, Portal, Request, Statement, Text, Turn, format_at};
use crate::database::function::function;
use crate::database::message::messages;
use crate::describe::describe;
use crate::export::copy::{CopyIn, LineWatch, Pieces};
use crate::export::outcome::{Fate, Outcome, Outcomes, Tag};
use crate::export::quote::{comment, value};
use crate::export::rewrite::{Rewritten, Unfit, rewrite};
use crate::legible::{count, excerpt_bytes, size};
use crate::limits::{EXPORT_PREPARED_BYTES_MAX, LABEL_LETTERS_MAX};
use crate::{timecode, wallclock};

const KEEPING: Keeping = Keeping {
    // A name stands before the longest text.
    text_bytes_max: POSTGRES_TEXT_BYTES_MAX + 64 * 1024,
    prepared_bytes_max: EXPORT_PREPARED_BYTES_MAX,
    requests_max: POSTGRES_REQUESTS_PENDING_MAX,
    parameters: true,
};

/// Portals that are known to have been run.
const PORTALS_RUN_MAX: usize = 4096;

/// Encodings in which a part of a letter can be what means something in ASCII.
const UNSAFE_ENCODINGS: [&[u8]; 7] = [b"BIG5", b"GB18030", b"GBK", b"JOHAB", b"SHIFT_JIS_2004", b"SJIS", b"UHC"];

/// A script that is being written.
pub(super) struct Writer<'a, 'w> {
    id: &'a str,
    lane: Lane,
    settings: &'a Settings<'a>,
    output: &'w mut dyn Write,
    dialogue: Dialogue,
    outcomes: Outcomes<'a>,
    opened: Option<Box<SessionOpened>>,
    head: Head,
    head_written: bool,
    conforming: bool,
    encoding: Bytes,
    /// The portals that were run.
    run: BTreeSet<u64>,
    /// The statement that failed last, by its number: that it was not run need not be said.
    failed: Option<u64>,
    /// The copies of what was written last, whose data have not ended.
    copies: VecDeque<Data>,
    pieces: Pieces,
    closed: bool,
}

/// The data of a copy, on their way into the script or past it.
struct Data {
    written: bool,
    watch: LineWatch,
}

/// A text that is to be written.
struct Asked<'t> {
    at: Moment,
    text: &'t Text,
    /// Whose parameters stand in it.
    portal: Option<&'t Portal>,
    outcome: Outcome,
}

impl<'a, 'w> Writer<'a, 'w> {
    pub(super) fn new(
        id: &'a str,
        lane: Lane,
        ahead: Box<dyn Iterator<Item = anyhow::Result<Event>> + Send + 'a>,
        settings: &'a Settings<'a>,
        output: &'w mut dyn Write,
    ) -> Self {
        Self {
            id,
            lane,
            settings,
            output,
            dialogue: Dialogue::new(KEEPING),
            outcomes: Outcomes::new(ahead, lane),
            opened: None,
            head: Head::default(),
            head_written: false,
            conforming: true,
            encoding: Bytes::new(),
            run: BTreeSet::new(),
            failed: None,
            copies: VecDeque::new(),
            pieces: Pieces::default(),
            closed: false,
        }
    }

    /// Takes in the next event.
    pub(super) fn take(&mut self, event: &Event) -> anyhow::Result<()> {
        match &event.kind {
            Kind::Session(SessionEvent::Opened(opened)) => self.opened = Some(opened.clone()),
            Kind::Session(SessionEvent::Closed { .. }) => self.closed = true,
            Kind::Session(SessionEvent::Gap { .. } | SessionEvent::Marker { .. }) => {
                self.say(event.at, &describe(event))?;
            }
            Kind::Query(said) if event.lane == self.lane => self.query(event, said)?,
            _ => {}
        }
        Ok(())
    }

    /// Writes what is left to write.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        self.begin()?;
        self.end_copies()?;
        if !self.closed {
            self.output.write_all(b"\n-- The recording ends here, and the session did not.\n")?;
        }
        if self.dialogue.status() != TransactionStatus::Idle && !self.head.is_replication() {
            self.output.write_all(b"\n-- The session ended in a transaction.\nROLLBACK;\n")?;
        }
        writeln!(self.output, "\n\\unrestrict {}", self.settings.key)?;
        Ok(())
    }

    fn query(&mut self, event: &Event, said: &QueryEvent) -> anyhow::Result<()> {
        match (event.side, said) {
            (_, QueryEvent::Startup { parameters, .. }) => self.head.said = parameters.clone(),
            (_, QueryEvent::Setting { name, value }) => self.setting(name, value),
            (Side::Client, QueryEvent::CopyData { bytes, .. }) => {
                for content in messages(b'd', bytes) {
                    self.data(content)?;
                }
            }
            (Side::Client, QueryEvent::Long { letter: b'd', bytes, last }) => {
                let content = self.pieces.content(bytes, *last);
                self.data(content)?;
            }
            (Side::Client, QueryEvent::CopyDone | QueryEvent::CopyFail { .. }) => self.end_data()?,
            (_, QueryEvent::Cancel { .. }) => self.say(event.at, &describe(event))?,
            _ => {}
        }
        match self.dialogue.feed(event.at, event.side, said) {
            Turn::Asked(request) | Turn::PassedOver(request) => self.asked(&request, said),
            Turn::Answered(_) | Turn::Aside => Ok(()),
        }
    }

    fn setting(&mut self, name: &Bytes, value: &Bytes) {
        if !self.head_written {
            self.head.reported.push((name.clone(), value.clone()));
        }
        match name.as_ref() {
            b"standard_conforming_strings" => self.conforming = value.as_ref() == b"on",
            b"client_encoding" => self.encoding = value.clone(),
            _ => {}
        }
    }

    fn asked(&mut self, request: &Request, said: &QueryEvent) -> anyhow::Result<()> {
        if matches!(request.asks, Asks::Login | Asks::Close | Asks::Sync) {
            return Ok(());
        }
        let outcome = self.outcomes.of(request.number)?;
        match &request.asks {
            Asks::Simple(text) => self.write(Asked { at: request.at, text, portal: None, outcome }),
            Asks::Execute { name, portal } => self.execute(request, name, portal.as_ref(), outcome),
            Asks::Call => self.call(request, said, &outcome),
            // Only what was run says anything in a script; but what could not even be prepared is told.
            _ => match (&outcome.fate, request.statement()) {
                (Fate::Failed(_) | Fate::Refused(_), Some(statement)) => {
                    self.failed = Some(statement.number);
                    let reason = why(&outcome.fate);
                    self.leave_out(request.at, &reason, &statement.text.start)
                }
                (Fate::Failed(_) | Fate::Refused(_), None) => self.say(request.at, &why(&outcome.fate)),
                _ => Ok(()),
            },
        }
    }

    fn execute(
        &mut self,
        request: &Request,
        name: &Bytes,
        portal: Option<&Arc<Portal>>,
        outcome: Outcome,
    ) -> anyhow::Result<()> {
        let called = |what: &str, name: &[u8]| format!("{what} \"{}\"", excerpt_bytes(name, LABEL_LETTERS_MAX));
        let Some(portal) = portal else {
            return self.say(request.at, &format!("{} was run, which is not known", called("portal", name)));
        };
        if !self.run.insert(portal.number) {
            return self.say(request.at, &format!("{} goes on", called("portal", name)));
        }
        while self.run.len() > PORTALS_RUN_MAX {
            self.run.pop_first();
        }
        let Some(statement) = &portal.statement else {
            let name = called("statement", &portal.statement_name);
            return self.say(request.at, &format!("{name} was run, which is not known"));
        };
        if outcome.fate == Fate::Undone && self.failed == Some(statement.number) {
            return Ok(());
        }
        if portal.parameters.is_none() {
            let reason = "its parameters are too long to be kept until it is run";
            return self.leave_out(request.at, reason, &statement.text.start);
        }
        let Statement { text, .. } = statement.as_ref();
        self.write(Asked { at: request.at, text, portal: Some(portal), outcome })
    }

    fn call(&mut self, request: &Request, said: &QueryEvent, outcome: &Outcome) -> anyhow::Result<()> {
        let QueryEvent::Call { function_id, formats, arguments, .. } = said else {
            return self.say(request.at, "a function was called with arguments too long to be kept");
        };
        let Some(known) = function(*function_id).filter(|known| known.arguments.len() == arguments.len()) else {
            return self.say(request.at, &format!("function {function_id} was called, which has no name here"));
        };
        let values = known.arguments.iter().zip(arguments).enumerate();
        let values: Option<Vec<Vec<u8>>> =
            values.map(|(place, (id, given))| value(*id, format_at(formats, place), given.as_deref())).collect();
        let Some(values) = values else {
            return self.say(request.at, &format!("{} was called with what is none of its arguments", known.name));
        };
        let call = [b"SELECT pg_catalog.", known.name.as_bytes(), b"(", &values.join(&b", "[..]), b")"].concat();
        match &outcome.fate {
            Fate::Done => {
                self.say(request.at, "a function was called by its number; object identifiers may be others now")?;
                self.output.write_all(&call)?;
                self.output.write_all(b";\n")?;
                Ok(())
            }
            fate => self.leave_out(request.at, &why(fate), &call),
        }
    }

    /// Writes a text, as far as it stands.
    fn write(&mut self, asked: Asked<'_>) -> anyhow::Result<()> {
        let Some(text) = asked.text.whole() else {
            let reason = format!("its {} are too long to be kept until it is run", size(asked.text.bytes));
            return self.leave_out(asked.at, &reason, &asked.text.start);
        };
        if self.head.is_replication() {
            return self.leave_out(asked.at, "a command of replication is no SQL", text);
        }
        let keep = self.settings.failed == Failed::Keep;
        match &asked.outcome.fate {
            Fate::Done => {}
            Fate::Failed(_) if keep || asked.outcome.stand > 0 => {}
            fate => {
                self.pass_copies(&asked.outcome.copies);
                return self.leave_out(asked.at, &why(fate), text);
            }
        }
        let fit = self.fit(text, asked.portal).and_then(|fit| match unfit_copy(text, &asked.outcome.copies) {
            Some(reason) => Err(reason),
            None => Ok(fit),
        });
        match fit {
            Ok(rewritten) => self.stand(&asked, &rewritten, text),
            Err(reason) => {
                self.pass_copies(&asked.outcome.copies);
                self.leave_out(asked.at, &reason, text)
            }
        }
    }

    /// The text as psql takes it, or why it does not.
    fn fit(&self, text: &[u8], portal: Option<&Portal>) -> Result<Rewritten, String> {
        if UNSAFE_ENCODINGS.contains(&self.encoding.as_ref()) && !text.is_ascii() {
            return Err(format!("a script cannot be read safely in {}", String::from_utf8_lossy(&self.encoding)));
        }
        let mut parameter = |number: u32, of_whole: bool| {
            let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
            let given = portal.and_then(|portal| Some((portal, portal.parameters.as_ref()?.get(place?)?, place?)));
            let Some((portal, parameter, place)) = given else { return Ok(None) };
            let format = format_at(&portal.formats, place);
            let value = value(parameter.type_id, format, parameter.value.as_deref()).ok_or(Unfit::Value)?;
            Ok(Some(if of_whole { [b"(", &value[..], b")"].concat() } else { value }))
        };
        rewrite(text, self.conforming, &mut parameter).map_err(|unfit| format!("not for psql: {unfit}"))
    }

    /// Writes a text that stands, or as many of its statements as do.
    fn stand(&mut self, asked: &Asked<'_>, rewritten: &Rewritten, text: &[u8]) -> anyhow::Result<()> {
        let outcome = &asked.outcome;
        let whole = outcome.fate == Fate::Done || self.settings.failed == Failed::Keep;
        let all = rewritten.statements.len();
        let stand = if whole { all } else { outcome.stand.min(all) };
        let done = match outcome.tags.len() {
            0 | 1 => outcome.last_tag.clone(),
            several => format!("{}, the last {}", count(several as u64, "statement"), outcome.last_tag),
        };
        let told = match &outcome.fate {
            Fate::Done => done,
            fate if whole || stand == 0 => why(fate),
            fate => format!("{}; what was done before stands", why(fate)),
        };
        self.say(asked.at, &told)?;
        if self.encoding.as_ref() == b"UTF8" && std::str::from_utf8(text).is_err() {
            self.output.write_all(b"-- This is not valid UTF8; its bytes are as they were sent.\n")?;
        }
        if all == 0 {
            self.output.write_all(b"-- (nothing)\n")?;
        }
        for (place, statement) in rewritten.statements.iter().enumerate().take(stand) {
            let of = rewritten.of(statement);
            let of = if place == 0 { of.trim_ascii_start() } else { of };
            // Tags answer statements only where there is one for each.
            let rolled_back = outcome.tags.len() == all && outcome.tags.get(place) == Some(&Tag::Rollback);
            match rollback(rewritten.word(statement)).filter(|()| rolled_back) {
                Some(()) => self.output.write_all(&as_rollback(of, rewritten.word(statement)))?,
                None => self.output.write_all(of)?,
            }
            let end: &[u8] = match (statement.in_comment, place + 1 == stand) {
                (true, _) => b"\n;\n",
                (false, true) => b";\n",
                (false, false) => b"\\;",
            };
            self.output.write_all(end)?;
        }
        let left: Vec<&[u8]> = rewritten.statements.iter().skip(stand).map(|left| rewritten.of(left)).collect();
        if !left.is_empty() {
            self.output.write_all(comment(left.join(&b";"[..]).trim_ascii()).as_bytes())?;
        }
        for copy in &outcome.copies {
            let written = copy.after < stand;
            self.copies.push_back(Data { written, watch: LineWatch::default() });
        }
        Ok(())
    }

    /// Writes a text as a comment, and why.
    fn leave_out(&mut self, at: Moment, reason: &str, text: &[u8]) -> anyhow::Result<()> {
        self.say(at, reason)?;
        self.output.write_all(comment(text.trim_ascii()).as_bytes())?;
        Ok(())
    }

    /// Writes a comment, and of what moment it is.
    fn say(&mut self, at: Moment, text: &str) -> anyhow::Result<()> {
        self.begin()?;
        self.end_copies()?;
        let opened = self.opened.as_ref().map_or(0, |opened| opened.opened_unix_nanos);
        let clock = wallclock::exact(opened.saturating_add(at.as_nanos()));
        let text = format!("{clock}  {}  {text}", timecode::precise(at));
        self.output.write_all(b"\n")?;
        self.output.write_all(comment(text.as_bytes()).as_bytes())?;
        Ok(())
    }

    /// Writes the head, unless it is written.
    fn begin(&mut self) -> anyhow::Result<()> {
        if !self.head_written {
            self.head_written = true;
            self.head.write(self.id, self.opened.as_deref(), self.settings, self.output)?;
        }
        Ok(())
    }

    // The data of copies.

    /// The data of these copies will pass the script by.
    fn pass_copies(&mut self, copies: &[CopyIn]) {
        self.copies.extend(copies.iter().map(|_| Data { written: false, watch: LineWatch::default() }));
    }

    fn data(&mut self, content: &[u8]) -> anyhow::Result<()> {
        if let Some(data) = self.copies.front_mut().filter(|data| data.written) {
            let taken = data.watch.feed(content);
            self.output.write_all(content.get(..taken).unwrap_or_default())?;
        }
        Ok(())
    }

    fn end_data(&mut self) -> anyhow::Result<()> {
        if let Some(data) = self.copies.pop_front().filter(|data| data.written) {
            if data.watch.in_line() && !data.watch.has_whole_end() {
                self.output.write_all(b"\n")?;
            }
            if !data.watch.has_ended() {
                self.output.write_all(b"\\.\n")?;
            }
        }
        Ok(())
    }

    /// What comes next does not belong to the data of a copy.
    fn end_copies(&mut self) -> anyhow::Result<()> {
        while !self.copies.is_empty() {
            self.end_data()?;
        }
        Ok(())
    }
}

/// Why the data of a copy cannot stand in a script, if so.
fn unfit_copy(text: &[u8], copies: &[CopyIn]) -> Option<String> {
    let csv = || text.to_ascii_lowercase().windows(3).any(|word| word == b"csv");
    copies.iter().find_map(|copy| {
        if !copy.text {
            Some(format!("its {} of data are binary, which a script cannot hold", size(copy.bytes)))
        } else if copy.has_nul {
            Some("a byte 0 stands in its data".to_owned())
        } else if copy.watch.has_ended() && csv() {
            Some("a line \\. stands in its data, which would be their end in a script".to_owned())
        } else {
            None
        }
    })
}

fn why(fate: &Fate) -> String {
    match fate {
        Fate::Done => String::new(),
        Fate::Failed(reason) => format!("failed: {reason}"),
        Fate::Refused(reason) => format!("refused: {reason}"),
        Fate::Undone => "undone: a statement of its group failed".to_owned(),
        Fate::Unanswered => "no answer is recorded".to_owned(),
    }
}

/// Whether a statement of this first word ends a transaction in another way than by rolling it back.
fn rollback(word: &[u8]) -> Option<()> {
    [&b"commit"[..], b"end", b"prepare"].iter().any(|known| known.eq_ignore_ascii_case(word)).then_some(())
}

/// A statement that was to end a transaction, which had failed.
fn as_rollback(statement: &[u8], word: &[u8]) -> Vec<u8> {
    let at = statement.windows(word.len()).position(|window| window == word).unwrap_or(0);
    let (before, rest) = statement.split_at(at);
    // Of `PREPARE TRANSACTION 'x'` nothing is left; what stands behind the others may.
    let behind = match word.eq_ignore_ascii_case(b"prepare") {
        true => &[][..],
        false => rest.get(word.len()..).unwrap_or_default(),
    };
    let said = comment(&[b"the transaction had failed: ", rest.trim_ascii()].concat());
    [before, said.as_bytes(), b"ROLLBACK", behind].concat()
}
