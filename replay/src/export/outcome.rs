//! What became of each request: read ahead of where the script is written.

use std::collections::BTreeMap;

use wiretape_core::event::{CopyDirection, Field, QueryEvent, TransactionStatus};
use wiretape_core::limits::POSTGRES_REQUESTS_PENDING_MAX;
use wiretape_core::{Event, Kind, Lane, Side};

use super::copy::{CopyIn, Pieces};
use crate::database::dialogue::{Answer, Asks, Dialogue, Keeping, Turn};
use crate::database::message::messages;
use crate::describe::line;
use crate::legible::excerpt_bytes;
use crate::limits::LABEL_LETTERS_MAX;

const KEEPING: Keeping = Keeping {
    text_bytes_max: 0,
    prepared_bytes_max: 0,
    requests_max: POSTGRES_REQUESTS_PENDING_MAX,
    parameters: false,
};

/// Outcomes that are known and were not asked for yet.
const OUTCOMES_KEPT_MAX: usize = POSTGRES_REQUESTS_PENDING_MAX;

/// Requests of one group whose outcome waits for the group's end.
const GROUP_MAX: usize = 64 * 1024;

/// Statements of one request whose tags are told apart.
const TAGS_MAX: usize = super::rewrite::STATEMENTS_MAX;

/// What a tag says of the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// Nothing.
    Other,
    /// It was committed, or prepared to be.
    Commit,
    /// It was rolled back.
    Rollback,
}

/// What became of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was done.
    Done,
    /// It failed, for this reason.
    Failed(String),
    /// The gateway refused it, for this reason.
    Refused(String),
    /// It was undone, or passed over, because another one of its group failed.
    Undone,
    /// No answer is recorded.
    #[default]
    Unanswered,
}

/// What became of a request, and what was said to it.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    pub(super) fate: Fate,
    /// One for each statement that was done.
    pub(super) tags: Vec<Tag>,
    /// The last tag.
    pub(super) last_tag: String,
    /// Copies to the target that it began.
    pub(super) copies: Vec<CopyIn>,
    /// So many of its statements stand, though it failed.
    pub(super) stand: usize,
}

/// The outcomes of a session, in the order of its requests.
pub(super) struct Outcomes<'a> {
    events: Box<dyn Iterator<Item = anyhow::Result<Event>> + 'a>,
    lane: Lane,
    dialogue: Dialogue,
    open: BTreeMap<u64, Outcome>,
    /// Requests of the extended protocol since the last Sync, which commits or undoes them together.
    group: Vec<(u64, Outcome)>,
    known: BTreeMap<u64, Outcome>,
    pieces: Pieces,
    over: bool,
}

impl<'a> Outcomes<'a> {
    /// The outcomes of the requests on `lane` of a session's events.
    pub(super) fn new(events: Box<dyn Iterator<Item = anyhow::Result<Event>> + 'a>, lane: Lane) -> Self {
        Self {
            events,
            lane,
            dialogue: Dialogue::new(KEEPING),
            open: BTreeMap::new(),
            group: Vec::new(),
            known: BTreeMap::new(),
            pieces: Pieces::default(),
            over: false,
        }
    }

    /// What became of the request of this number. Requests before it cannot be asked for any more.
    pub(super) fn of(&mut self, number: u64) -> anyhow::Result<Outcome> {
        self.known = self.known.split_off(&number);
        while !self.known.contains_key(&number) && !self.over && self.known.len() < OUTCOMES_KEPT_MAX {
            match self.events.next() {
                Some(event) => self.take(&event?),
                None => self.finish(),
            }
        }
        Ok(self.known.remove(&number).unwrap_or_default())
    }

    fn take(&mut self, event: &Event) {
        let Kind::Query(said) = &event.kind else { return };
        if event.lane != self.lane {
            return;
        }
        match self.dialogue.feed(event.at, event.side, said) {
            Turn::Asked(request) => {
                if !matches!(request.asks, Asks::Login | Asks::Sync) {
                    self.open.insert(request.number, Outcome::default());
                }
            }
            Turn::PassedOver(request) => self.pass_over(request.number),
            Turn::Answered(answer) => {
                let number = answer.to.as_ref().map(|request| request.number);
                if let Some(outcome) = number.and_then(|number| self.open.get_mut(&number)) {
                    note(outcome, event.side, said);
                }
                if let QueryEvent::CopyData { bytes, .. } = said {
                    messages(b'd', bytes).for_each(|content| self.data(event.side, content));
                }
                self.piece(event.side, said);
                self.answered(&answer, said);
            }
            Turn::Aside => self.piece(event.side, said),
        }
    }

    fn piece(&mut self, side: Side, said: &QueryEvent) {
        if let (Side::Client, QueryEvent::Long { letter: b'd', bytes, last }) = (side, said) {
            let content = self.pieces.content(bytes, *last);
            self.data(side, content);
        }
    }

    fn data(&mut self, side: Side, content: &[u8]) {
        // The oldest request is the one whose copy runs.
        let oldest = self.open.values_mut().next();
        if let (Side::Client, Some(copy)) = (side, oldest.and_then(|outcome| outcome.copies.last_mut())) {
            copy.take(content);
        }
    }

    fn answered(&mut self, answer: &Answer, said: &QueryEvent) {
        for request in &answer.undone {
            self.pass_over(request.number);
        }
        let ready = match said {
            QueryEvent::Ready { status } => Some(*status),
            _ => None,
        };
        let mut failed = false;
        if let Some(request) = answer.to.as_ref().filter(|_| answer.last)
            && let Some(mut outcome) = self.open.remove(&request.number)
        {
            if outcome.fate == Fate::Unanswered {
                outcome.fate = Fate::Done;
            }
            match ready {
                // A simple query is a group of its own, and the end of one that is open.
                Some(status) => {
                    failed = matches!(outcome.fate, Fate::Failed(_) | Fate::Refused(_));
                    outcome.stand = stand(&outcome.tags, status);
                    self.known.insert(request.number, outcome);
                }
                None => self.group.push((request.number, outcome)),
            }
        }
        if let Some(status) = ready {
            self.end_group(status, failed);
        } else if self.group.len() >= GROUP_MAX {
            // What became of so many cannot wait: they are taken for what they were so far.
            self.known.extend(self.group.drain(..));
        }
    }

    fn pass_over(&mut self, number: u64) {
        if self.open.remove(&number).is_some() || !self.known.contains_key(&number) {
            self.group.push((number, Outcome { fate: Fate::Undone, ..Outcome::default() }));
        }
    }

    /// The target is ready: what it did since it last was stands, or was rolled back because something of it `failed`.
    fn end_group(&mut self, status: TransactionStatus, failed: bool) {
        let failed =
            failed || self.group.iter().any(|(_, outcome)| matches!(outcome.fate, Fate::Failed(_) | Fate::Refused(_)));
        let tags: Vec<Tag> = self.group.iter().filter_map(|(_, outcome)| outcome.tags.last().copied()).collect();
        let mut stand = if failed { stand(&tags, status) } else { tags.len() };
        for (number, mut outcome) in self.group.drain(..) {
            if !outcome.tags.is_empty() {
                match stand.checked_sub(1) {
                    Some(left) => stand = left,
                    None => outcome.fate = Fate::Undone,
                }
            }
            self.known.insert(number, outcome);
        }
    }

    /// The recording ends: what was not answered never will be, and an open group came to nothing that is known.
    fn finish(&mut self) {
        self.over = true;
        for (number, mut outcome) in self.group.drain(..).chain(std::mem::take(&mut self.open)) {
            outcome.stand = stand(&outcome.tags, TransactionStatus::Idle);
            if outcome.fate == Fate::Done {
                outcome.fate = Fate::Unanswered;
            }
            self.known.insert(number, outcome);
        }
    }
}

fn note(outcome: &mut Outcome, side: Side, said: &QueryEvent) {
    match said {
        QueryEvent::Complete { tag, .. } => {
            if outcome.tags.len() < TAGS_MAX {
                outcome.tags.push(match tag.as_ref() {
                    b"ROLLBACK" | b"ROLLBACK PREPARED" => Tag::Rollback,
                    b"COMMIT" | b"COMMIT PREPARED" | b"PREPARE TRANSACTION" => Tag::Commit,
                    _ => Tag::Other,
                });
            }
            outcome.last_tag = excerpt_bytes(tag, LABEL_LETTERS_MAX);
        }
        QueryEvent::CopyStart { direction: CopyDirection::In, format, .. } if outcome.copies.len() < TAGS_MAX => {
            outcome.copies.push(CopyIn::new(outcome.tags.len(), *format));
        }
        QueryEvent::Error { fields } => {
            let reason = headline(fields);
            outcome.fate = if side == Side::Client { Fate::Refused(reason) } else { Fate::Failed(reason) };
        }
        QueryEvent::Long { letter: b'E', .. } => outcome.fate = Fate::Failed("an error".to_owned()),
        _ => {}
    }
}

/// How many of the statements with these tags stand when another one failed and the session is in `status` then: in a
/// transaction all that were done still do, until it ends; outside of one those that a commit made stand.
fn stand(tags: &[Tag], status: TransactionStatus) -> usize {
    match status {
        TransactionStatus::Idle => tags.iter().rposition(|tag| *tag != Tag::Other).map_or(0, |last| last + 1),
        TransactionStatus::InTransaction | TransactionStatus::Failed => tags.len(),
    }
}

/// An error in one line.
fn headline(fields: &[Field]) -> String {
    let field = |letter: u8| {
        let field = fields.iter().find(|field| field.letter == letter);
        field.map(|field| excerpt_bytes(&field.text, LABEL_LETTERS_MAX)).unwrap_or_default()
    };
    line(&format!("{} {}: {}", field(b'S'), field(b'C'), field(b'M')))
}

#[cfg(test)]
mod tests;
