//! The session line of HTTP: one session, whose lanes are exchanges that run side by side.
//!
//! Whoever runs an exchange feeds its lane and carries out itself what comes of it; events of all lanes reach the tape
//! in the order in which they happened.

use std::collections::HashMap;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;
use wiretape_core::event::SessionEvent;
use wiretape_core::{
    Effect, Event, Examiner, Finding, Guard, Input, Lane, Moment, Question, Reason, Session, Side, Unit, Verdict,
};
use wiretape_http::{Content, HttpWire, Message, Part};
use wiretape_recorder::{Durability, Lost, Recording};

use crate::admission::of_session;
use crate::clock::SessionClock;
use crate::config::Target;
use crate::examination::Examinations;
use crate::gateway::Gateway;
use crate::questions::{ASKING_HELD_BYTES_MAX, Asker, ContentDigest, News, Pending, Standing};

/// What comes of what was said on a lane.
pub(crate) enum Told {
    /// A side is told a part.
    Say(Side, Part),
    /// A part is kept for a side.
    Hold(Side, Part),
    /// A side is told what was kept for it.
    Release(Side),
    /// What was kept for a side is forgotten.
    Discard(Side),
    /// What is kept for the target is to be examined, and may leave meanwhile or not.
    Examine { unit: Unit, examiner: Examiner, ahead: bool },
    /// People were asked: what comes of it is to be waited for.
    Wait(Box<Pending>),
    /// Nobody wants the answer any more.
    Withdraw(Unit),
    /// People were asked, and whoever asked comes again: the question's name, and what to say.
    Defer(String, String),
    /// People are to be asked when the content of the request is there.
    Postpone(Unit, Box<Question>),
}

/// One session of HTTP.
pub(crate) struct HttpLine {
    clock: SessionClock,
    recording: Recording,
    durability: Durability,
    spool_folder: PathBuf,
    examinations: Examinations,
    asker: Asker,
    inner: Mutex<Inner>,
    over: CancellationToken,
}

struct Inner {
    session: Session<HttpWire>,
    lanes: u32,
    /// The recorder has failed: nothing passes but the farewell.
    lost: bool,
    ended: Option<Reason>,
    /// What lanes are told that did not ask: their session is over.
    farewells: HashMap<Lane, Vec<(Side, Part)>>,
    standing: Standing,
    /// Who asks now would rather come again than wait.
    deferring: Option<Deferring>,
}

/// How somebody comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deferring {
    /// With the same head; there is no content.
    Head,
    /// With the same content, too, which is not there yet.
    Content,
}

impl HttpLine {
    pub(crate) fn new(
        gateway: &Gateway,
        clock: SessionClock,
        recording: Recording,
        target: &Target,
        guard: Box<dyn Guard>,
        asker: Asker,
    ) -> Self {
        let wire = HttpWire::new(recording.id().to_string(), Box::new(target.table()));
        let inner = Inner {
            session: Session::new(wire, guard),
            lanes: 0,
            lost: false,
            ended: None,
            farewells: HashMap::new(),
            standing: Standing::default(),
            deferring: None,
        };
        Self {
            clock,
            recording,
            durability: target.durability,
            spool_folder: gateway.spool_folder().to_owned(),
            examinations: gateway.examinations().clone(),
            asker,
            inner: Mutex::new(inner),
            over: CancellationToken::new(),
        }
    }

    /// The session's tape.
    pub(crate) fn recording(&self) -> &Recording {
        &self.recording
    }

    /// Where what is held is kept when it is large.
    pub(crate) fn spool_folder(&self) -> &Path {
        &self.spool_folder
    }

    /// Where what is held is examined.
    pub(crate) fn examinations(&self) -> &Examinations {
        &self.examinations
    }

    /// Cancelled when the session is over, whatever its exchanges are at.
    pub(crate) fn over(&self) -> &CancellationToken {
        &self.over
    }

    /// Begins an exchange with what the client said first. `told` gets what comes of it.
    ///
    /// Returns the lane, and the number of the event that has to be kept before any of it may leave.
    pub(crate) fn begin(&self, part: Part, told: &mut Vec<Told>) -> (Lane, Option<u64>) {
        let mut inner = self.inner();
        inner.lanes = inner.lanes.saturating_add(1);
        let lane = Lane(inner.lanes);
        inner.deferring = deferring(&part);
        let input = Input::Message { side: Side::Client, message: Message { lane, part } };
        let covered = self.handle(&mut inner, lane, input, told);
        inner.deferring = None;
        (lane, covered)
    }

    /// `side` said `part` on `lane`. `told` gets what comes of it, in order.
    ///
    /// Returns the number of the event that has to be kept before any of it may leave, where one has to.
    pub(crate) fn say(&self, lane: Lane, side: Side, part: Part, told: &mut Vec<Told>) -> Option<u64> {
        let mut inner = self.inner();
        self.handle(&mut inner, lane, Input::Message { side, message: Message { lane, part } }, told)
    }

    /// An examination on `lane` is over; as [`HttpLine::say`].
    pub(crate) fn found(&self, lane: Lane, unit: Unit, finding: Finding, told: &mut Vec<Told>) -> Option<u64> {
        let mut inner = self.inner();
        self.handle(&mut inner, lane, Input::Found { unit, finding }, told)
    }

    /// Something came of a question that `lane` asked; as [`HttpLine::say`].
    pub(crate) fn hear(&self, lane: Lane, unit: Unit, news: News, told: &mut Vec<Told>) -> Option<u64> {
        let mut inner = self.inner();
        let input = match news {
            News::Reminder(text) => Input::Waiting { unit, text },
            News::Settled(settled) => {
                let at = self.clock.now();
                let answered = inner.standing.settled(at, unit, &settled)?;
                if let Err(lost) = self.recording.append(of_session(at, SessionEvent::Answered(Box::new(answered)))) {
                    self.lost(&mut inner, at, lane, &lost, told);
                    return None;
                }
                Input::Answer { unit, verdict: settled.verdict }
            }
        };
        self.handle(&mut inner, lane, input, told)
    }

    /// Puts a question that waited for the content of its request ([`Told::Postpone`]): all of that is `content`, or it is
    /// too much, and whoever asked waits. As [`HttpLine::say`].
    pub(crate) fn put_question(
        &self,
        lane: Lane,
        unit: Unit,
        question: &Question,
        content: Option<&ContentDigest>,
        told: &mut Vec<Told>,
    ) -> Option<u64> {
        let mut inner = self.inner();
        let at = self.clock.now();
        let put = match content {
            Some(content) => self.defer(&mut inner, at, unit, question, Some(content), told),
            None => self.ask(&mut inner, at, unit, question, None, told),
        };
        // What is told because of that, and what comes of a question that nobody can be asked.
        let outcome = put.and_then(|put| Ok(self.carry_out(&mut inner, at, lane, told)?.or(put)));
        self.covered(&mut inner, at, lane, outcome, told)
    }

    /// Whether enough of what clients said waits behind questions.
    pub(crate) fn is_full_of_questions(&self) -> bool {
        self.inner().session.held_bytes() > ASKING_HELD_BYTES_MAX
    }

    /// Ends the session; exchanges that run are told so.
    pub(crate) fn close(&self, reason: Reason) {
        let mut told = Vec::new();
        let mut inner = self.inner();
        self.handle(&mut inner, Lane::CONNECTION, Input::Close { reason }, &mut told);
    }

    /// The recorder failed: nothing more passes but the farewell.
    pub(crate) fn lose(&self, lost: &Lost) {
        let mut inner = self.inner();
        let at = self.clock.now();
        self.lost(&mut inner, at, Lane::CONNECTION, lost, &mut Vec::new());
    }

    /// Records something that the gateway itself did on `lane`, and that is worth finding again.
    pub(crate) fn mark(&self, lane: Lane, label: &str) {
        let mut inner = self.inner();
        let at = self.clock.now();
        let kind = SessionEvent::Marker { label: label.to_owned() };
        if inner.lost || inner.ended.is_some() {
            return;
        }
        if let Err(lost) = self.recording.append(Event { lane, ..of_session(at, kind) }) {
            self.lost(&mut inner, at, lane, &lost, &mut Vec::new());
        }
    }

    /// What `lane` is told because its session is over.
    pub(crate) fn farewell(&self, lane: Lane) -> Vec<(Side, Part)> {
        self.inner().farewells.remove(&lane).unwrap_or_default()
    }

    /// Whether the session is over.
    pub(crate) fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Why the session is over, if it is.
    pub(crate) fn ended(&self) -> Option<Reason> {
        self.inner().ended.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, inner: &mut Inner, lane: Lane, input: Input<Message>, told: &mut Vec<Told>) -> Option<u64> {
        // Read under the lock: the moments of a tape never go back.
        let at = self.clock.now();
        inner.session.handle(at, input);
        let outcome = self.carry_out(inner, at, lane, told);
        self.covered(inner, at, lane, outcome, told)
    }

    /// What has to be kept before anything leaves, where something has to.
    fn covered(
        &self,
        inner: &mut Inner,
        at: Moment,
        lane: Lane,
        outcome: Result<Option<u64>, Lost>,
        told: &mut Vec<Told>,
    ) -> Option<u64> {
        match outcome {
            Ok(covered) => covered.filter(|_| self.durability != Durability::Queued && !inner.lost),
            Err(lost) => {
                self.lost(inner, at, lane, &lost, told);
                None
            }
        }
    }

    fn lost(&self, inner: &mut Inner, at: Moment, lane: Lane, lost: &Lost, told: &mut Vec<Told>) {
        if inner.lost {
            return;
        }
        tracing::error!(session = %self.recording.id(), "the session ends, its recorder failed: {lost}");
        // What was about to leave was not recorded: it does not leave.
        told.clear();
        while let Some(effect) = inner.session.act() {
            drop(effect);
        }
        inner.lost = true;
        let text = format!("the session ends here, because it can no longer be recorded: {lost}");
        inner.session.handle(at, Input::Close { reason: Reason::new("recorder", text.clone()) });
        let _already_lost = self.carry_out(inner, at, lane, told);
        self.end(inner, at, Reason::new("recorder", text));
    }

    fn carry_out(&self, inner: &mut Inner, at: Moment, lane: Lane, told: &mut Vec<Told>) -> Result<Option<u64>, Lost> {
        let mut covered = None;
        while let Some(effect) = inner.session.act() {
            match effect {
                Effect::Append(event) if inner.lost => drop(event),
                Effect::Append(event) => covered = Some(self.recording.append(event)?),
                Effect::Send { to, message } if message.lane == lane => told.push(Told::Say(to, message.part)),
                Effect::Send { to, message } => {
                    inner.farewells.entry(message.lane).or_default().push((to, message.part));
                }
                Effect::Hold { to, lane: of, message } if of == lane => told.push(Told::Hold(to, message.part)),
                Effect::Release { to, lane: of } if of == lane => told.push(Told::Release(to)),
                Effect::Discard { to, lane: of } if of == lane => told.push(Told::Discard(to)),
                Effect::Examine { unit, examiner, ahead } if unit.lane == lane => {
                    told.push(Told::Examine { unit, examiner, ahead });
                }
                // The end of a session touches other lanes: whoever runs those lets go of what is held.
                Effect::Hold { .. } | Effect::Release { .. } | Effect::Discard { .. } | Effect::Examine { .. } => {}
                Effect::Ask { unit, question } => {
                    let put = match inner.deferring {
                        None => self.ask(inner, at, unit, &question, None, told)?,
                        Some(Deferring::Head) => self.defer(inner, at, unit, &question, None, told)?,
                        Some(Deferring::Content) => {
                            told.push(Told::Postpone(unit, Box::new(question)));
                            None
                        }
                    };
                    covered = put.or(covered);
                }
                Effect::Withdraw { unit } => {
                    told.push(Told::Withdraw(unit));
                    if let Some(answered) = inner.standing.withdrawn(at, unit, "whoever asked went away")
                        && !inner.lost
                    {
                        self.recording.append(of_session(at, SessionEvent::Answered(Box::new(answered))))?;
                    }
                }
                Effect::Close(reason) => self.end(inner, at, reason),
            }
        }
        Ok(covered)
    }

    /// Puts a question to people, and who asked comes again; takes an approval that is there.
    fn defer(
        &self,
        inner: &mut Inner,
        at: Moment,
        unit: Unit,
        question: &Question,
        content: Option<&ContentDigest>,
        told: &mut Vec<Told>,
    ) -> Result<Option<u64>, Lost> {
        if self.asker.is_vouched(question, content) {
            return self.ask(inner, at, unit, question, content, told);
        }
        match self.asker.defer(unit, question, content) {
            Err(reason) => {
                inner.session.handle(at, Input::Answer { unit, verdict: Verdict::Refuse(reason) });
                Ok(None)
            }
            Ok((asked, text)) => {
                told.push(Told::Defer(asked.question.clone(), text));
                self.recording.append(of_session(at, SessionEvent::Asked(Box::new(asked)))).map(Some)
            }
        }
    }

    /// Puts a question to people; who asked hears that it waits.
    fn ask(
        &self,
        inner: &mut Inner,
        at: Moment,
        unit: Unit,
        question: &Question,
        content: Option<&ContentDigest>,
        told: &mut Vec<Told>,
    ) -> Result<Option<u64>, Lost> {
        let (pending, asked) = match self.asker.ask_with(unit, question, content) {
            Ok(asked) => asked,
            Err(reason) => {
                inner.session.handle(at, Input::Answer { unit, verdict: Verdict::Refuse(reason) });
                return Ok(None);
            }
        };
        inner.standing.asked(unit, at, &asked);
        let number = self.recording.append(of_session(at, SessionEvent::Asked(Box::new(asked))))?;
        inner.session.handle(at, Input::Waiting { unit, text: pending.text() });
        told.push(Told::Wait(Box::new(pending)));
        Ok(Some(number))
    }

    fn end(&self, inner: &mut Inner, at: Moment, reason: Reason) {
        if inner.ended.is_some() {
            return;
        }
        if !inner.lost {
            for answered in inner.standing.all_withdrawn(at, "the session ended") {
                if let Err(lost) = self.recording.append(of_session(at, SessionEvent::Answered(Box::new(answered)))) {
                    tracing::error!(session = %self.recording.id(), "a question's end was not recorded: {lost}");
                }
            }
            let closed = SessionEvent::Closed { reason: reason.text.clone() };
            if let Err(lost) = self.recording.append(of_session(at, closed)) {
                tracing::error!(session = %self.recording.id(), "the end was not recorded: {lost}");
            }
        }
        inner.ended = Some(reason);
        self.over.cancel();
    }
}

/// Whether a request says that an answer may come later (`Prefer: respond-async`, RFC 7240 section 4.1), and what it then
/// has to bring again.
fn deferring(part: &Part) -> Option<Deferring> {
    let Part::Request(head, _) = part else { return None };
    let mut preferred = head.fields.iter().filter(|field| field.name.eq_ignore_ascii_case(b"prefer"));
    let would_come_again = preferred.any(|field| {
        let preferences = field.value.split(|byte| *byte == b',');
        { preferences }.any(|preference| {
            let name = preference.split(|byte| *byte == b';').next().unwrap_or_default();
            name.trim_ascii().eq_ignore_ascii_case(b"respond-async")
        })
    });
    match head.content {
        _ if !would_come_again => None,
        Content::Empty => Some(Deferring::Head),
        Content::Length(_) | Content::Streamed => Some(Deferring::Content),
        Content::Tunnel => None,
    }
}

impl Drop for HttpLine {
    fn drop(&mut self) {
        // Whoever drops a session without ending it leaves a tape without an end: that is said, not hidden.
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        if mem::take(&mut inner.ended).is_none() {
            tracing::warn!(session = %self.recording.id(), "a session was dropped before it ended");
        }
    }
}
