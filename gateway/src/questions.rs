//! Questions at work: sessions ask, people answer, and whoever waits hears of it.

mod detail;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Interval, MissedTickBehavior, interval_at};
use wiretape_approval::{Approvals, Asking, Settled};
use wiretape_core::event::{QuestionAnswered, QuestionAsked, Scope};
use wiretape_core::{Moment, Question, Reason, SessionId, Unit, Verdict};

use crate::chance::session_id;
use crate::clock::{after, unix_nanos};
use crate::identity::Principal;
use detail::detail;

/// How often whoever waits is told that it still does, so that nothing on the way takes the silence for an end.
const REMINDER_INTERVAL: Duration = Duration::from_secs(15);

/// Bytes of a session that are held while people are asked, before whoever says more is no longer heard.
pub(crate) const ASKING_HELD_BYTES_MAX: usize = 1024 * 1024;

/// How long an approval is good for that nobody waited for: a quarter of an hour.
const VOUCHER_NANOS: u64 = 15 * 60 * 1_000_000_000;

/// How often it is looked for questions that nobody answered in time.
pub(crate) const EXPIRY_LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// All questions of the gateway. They live as long as it runs: after a restart nobody waits any more.
#[derive(Default)]
pub(crate) struct Questions {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    approvals: Approvals,
    waiting: HashMap<String, Waiting>,
    /// Sessions that people let in, and by which rule they were asked.
    entered: HashMap<SessionId, (String, String)>,
    /// Approvals of what is asked again, by what it is; each is good once.
    vouchers: HashMap<blake3::Hash, Voucher>,
    /// Questions for which nobody waits, by what they ask.
    deferred: HashMap<blake3::Hash, String>,
    /// Who is told of new questions.
    heralds: Vec<UnboundedSender<String>>,
}

/// Who waits for an answer.
struct Waiting {
    /// `None`: nobody does; who asked comes again.
    settled: Option<UnboundedSender<Settled>>,
    /// The rule by which it is asked whether the session may be, where that is the question.
    entrance: Option<String>,
    /// What an approval is good for that nobody waits for.
    voucher: Option<blake3::Hash>,
}

/// An approval of exactly one thing, for whoever asked to do it again.
struct Voucher {
    settled: Settled,
    expires_unix_nanos: u64,
}

/// What the content of a request was, for an approval that is good for that content alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ContentDigest {
    /// Its length.
    pub(crate) bytes: u64,
    /// Its SHA-256.
    pub(crate) sha256: [u8; 32],
}

impl fmt::Display for ContentDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "content of {} bytes, sha256:", self.bytes)?;
        self.sha256.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// By whom a session asks.
#[derive(Clone)]
pub(crate) struct Asker {
    questions: Arc<Questions>,
    session: SessionId,
    principal: Principal,
    /// Of a session that begins with a menu it is chosen later.
    target: Arc<Mutex<String>>,
    /// The rule by which it is asked whether the session may be, until that is answered.
    entrance: Arc<Mutex<Option<String>>>,
    patience: Duration,
}

/// A question that stands. Dropping it withdraws it.
pub(crate) struct Pending {
    unit: Unit,
    id: String,
    group: String,
    settled: UnboundedReceiver<Settled>,
    reminder: Interval,
    asker: Asker,
}

/// What comes of a question that stands.
#[derive(Debug)]
pub(crate) enum News {
    /// Nobody has answered yet: the client is to be told so.
    Reminder(String),
    /// It is over.
    Settled(Box<Settled>),
}

/// The questions of one session that stand, as its record tells of them.
#[derive(Default)]
pub(crate) struct Standing {
    since: HashMap<Unit, (String, Moment)>,
}

impl Questions {
    /// The registry itself, and whoever is told of what it settles.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Approvals) -> (T, Vec<Settled>)) -> T {
        let mut state = self.state();
        let (result, settled) = work(&mut state.approvals);
        state.tell(settled);
        result
    }

    /// Ends the questions that nobody answered in time.
    pub(crate) fn expire(&self) {
        let mut state = self.state();
        let now = unix_nanos();
        let settled = state.approvals.expire(now);
        state.tell(settled);
        state.vouchers.retain(|_, voucher| voucher.expires_unix_nanos > now);
    }

    /// The rules changed: no approval that was given by the old ones holds, and nothing is asked by them any more.
    pub(crate) fn take_all_back(&self) {
        let mut state = self.state();
        state.entered.clear();
        state.vouchers.clear();
        let settled = state.approvals.take_all_back(unix_nanos());
        state.tell(settled);
    }

    /// These targets are not what they were: nothing that was approved about them is good for what they are now.
    pub(crate) fn take_back(&self, targets: &[String]) {
        if targets.is_empty() {
            return;
        }
        let mut state = self.state();
        state.vouchers.clear();
        for target in targets {
            let settled = state.approvals.take_back_target(unix_nanos(), target);
            state.tell(settled);
        }
    }

    /// A session is over, and what it was granted with it.
    pub(crate) fn forget(&self, session: SessionId) {
        let mut state = self.state();
        state.entered.remove(&session);
        let settled = state.approvals.withdraw_session(unix_nanos(), session);
        state.tell(settled);
    }

    /// The names of new questions, as they are asked.
    pub(crate) fn herald(&self) -> UnboundedReceiver<String> {
        let (put, take) = unbounded_channel();
        self.state().heralds.push(put);
        take
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn tell(&mut self, settled: Vec<Settled>) {
        for settled in settled {
            self.deferred.retain(|_, id| *id != settled.question);
            let Some(waiting) = self.waiting.remove(&settled.question) else { continue };
            if let (Some(rule), Verdict::Allow) = (waiting.entrance, &settled.verdict) {
                let by = format!("approved by {} ({})", settled.by.join(", "), settled.question);
                self.entered.insert(settled.session, (rule, by));
            }
            match (waiting.settled, waiting.voucher) {
                // Whoever waited may have left in this moment.
                (Some(waiting), _) => drop(waiting.send(settled)),
                (None, Some(voucher)) if settled.verdict == Verdict::Allow => {
                    let expires_unix_nanos = unix_nanos().saturating_add(VOUCHER_NANOS);
                    self.vouchers.insert(voucher, Voucher { settled, expires_unix_nanos });
                }
                (None, _) => {}
            }
        }
    }
}

impl Asker {
    pub(crate) fn new(
        questions: Arc<Questions>,
        session: SessionId,
        principal: Principal,
        target: String,
        patience: Duration,
    ) -> Self {
        Self { questions, session, principal, target: Arc::new(Mutex::new(target)), entrance: Arc::default(), patience }
    }

    /// The session goes on to `target`.
    pub(crate) fn aim(&self, target: &str) {
        target.clone_into(&mut self.target.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// By which rule it is asked whether the session may be: an answer to that is for all of it.
    pub(crate) fn expect_entrance(&self, rule: Option<&str>) {
        *self.entrance.lock().unwrap_or_else(PoisonError::into_inner) = rule.map(str::to_owned);
    }

    fn target(&self) -> String {
        self.target.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who has approved what `rule` would ask, if somebody has and it still holds.
    pub(crate) fn granted(&self, rule: &str) -> Option<String> {
        let requester = self.principal.requester();
        let state = self.questions.state();
        if let Some((_, by)) = state.entered.get(&self.session).filter(|(entrance, _)| entrance == rule) {
            return Some(by.clone());
        }
        let granted = state.approvals.granted(unix_nanos(), self.session, &requester, &self.target(), rule)?;
        Some(format!("approved by {} ({})", granted.by.join(", "), granted.question))
    }

    /// Asks people about `unit`.
    ///
    /// # Errors
    /// Too much is being asked: the reason is a refusal.
    pub(crate) fn ask(&self, unit: Unit, question: &Question) -> Result<(Pending, QuestionAsked), Reason> {
        self.ask_with(unit, question, None)
    }

    /// As [`Asker::ask`], with the content that is asked with it, where there is some; or takes the answer that somebody
    /// gave who was asked before.
    ///
    /// # Errors
    /// Too much is being asked: the reason is a refusal.
    pub(crate) fn ask_with(
        &self,
        unit: Unit,
        question: &Question,
        content: Option<&ContentDigest>,
    ) -> Result<(Pending, QuestionAsked), Reason> {
        let expires = self.expiry();
        let (put, settled) = unbounded_channel();
        let entrance = self.entrance.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut state = self.questions.state();
        let id = match state.vouchers.remove(&self.voucher(question, content)) {
            Some(Voucher { settled, .. }) => {
                let id = settled.question.clone();
                // The other end is a few lines above.
                let _taken = put.send(settled);
                id
            }
            None => {
                let id = self.put(&mut state, self.session, unit, (question, content), expires)?;
                // An answer to another question says nothing about whether the session may be.
                let entrance = entrance.filter(|rule| asks_by(question, rule));
                state.waiting.insert(id.clone(), Waiting { settled: Some(put), entrance, voucher: None });
                id
            }
        };
        drop(state);
        let mut reminder = interval_at(after(REMINDER_INTERVAL), REMINDER_INTERVAL);
        reminder.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let asked = asked(&id, question, expires);
        let group = groups(question);
        Ok((Pending { unit, id, group, settled, reminder, asker: self.clone() }, asked))
    }

    /// Asks people about something that nobody waits for: whoever asked does it again, with the same `content`, and an
    /// approval is good for that, once. Returns the question's name and what to tell.
    ///
    /// # Errors
    /// Too much is being asked: the reason is a refusal.
    pub(crate) fn defer(
        &self,
        unit: Unit,
        question: &Question,
        content: Option<&ContentDigest>,
    ) -> Result<(QuestionAsked, String), Reason> {
        let expires = self.expiry();
        let voucher = self.voucher(question, content);
        let mut state = self.questions.state();
        let id = match state.deferred.get(&voucher) {
            Some(id) => id.clone(),
            None => {
                // It outlives the session.
                let session = session_id().map_err(|error| refusal(question, format!("{error:#}")))?;
                let id = self.put(&mut state, session, unit, (question, content), expires)?;
                state.deferred.insert(voucher, id.clone());
                let waiting = Waiting { settled: None, entrance: None, voucher: Some(voucher) };
                state.waiting.insert(id.clone(), waiting);
                id
            }
        };
        let text =
            format!("waiting for approval by {} ({id}): ask the same again once it is approved", groups(question));
        Ok((asked(&id, question, expires), text))
    }

    /// Whether an approval is there for what is asked, with this content.
    pub(crate) fn is_vouched(&self, question: &Question, content: Option<&ContentDigest>) -> bool {
        self.questions.state().vouchers.contains_key(&self.voucher(question, content))
    }

    fn expiry(&self) -> u64 {
        unix_nanos().saturating_add(u64::try_from(self.patience.as_nanos()).unwrap_or(u64::MAX))
    }

    fn put(
        &self,
        state: &mut State,
        session: SessionId,
        unit: Unit,
        (question, content): (&Question, Option<&ContentDigest>),
        expires_unix_nanos: u64,
    ) -> Result<String, Reason> {
        let asking = Asking {
            session,
            unit,
            requester: self.principal.requester(),
            target: self.target(),
            action: question.action.kind.name().to_owned(),
            resource: question.action.kind.resource(),
            detail: detail(&question.action.kind, content),
            rule: question.rule.clone(),
            approvers: question.approvers.clone(),
            text: question.text.clone(),
            expires_unix_nanos,
        };
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| refusal(question, format!("no random bytes: {error}")))?;
        let asked = state.approvals.ask(unix_nanos(), asking, random);
        let id = asked.map_err(|error| refusal(question, error.to_string()))?;
        state.heralds.retain(|herald| herald.send(id.clone()).is_ok());
        let (action, groups) = (question.action.kind.name(), groups(question));
        tracing::info!(session = %self.session, question = id, "{action} waits for {groups}");
        Ok(id)
    }

    /// What an approval of `question` is bound to: who asks, what for, and all of what is asked.
    fn voucher(&self, question: &Question, content: Option<&ContentDigest>) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        let requester = self.principal.requester();
        let kind = &question.action.kind;
        let (target, detail) = (self.target(), detail(kind, content));
        // Of bytes that are no text people see that something stands there, and the approval is good for these alone.
        let exact = format!("{kind:?}");
        for part in [
            requester.name.as_str(),
            requester.kind.name(),
            &requester.issuer,
            &requester.subject,
            &requester.on_behalf_of,
            &target,
            &question.rule,
            kind.name(),
            &detail,
            &exact,
        ] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize()
    }
}

fn asked(id: &str, question: &Question, expires_unix_nanos: u64) -> QuestionAsked {
    QuestionAsked {
        question: id.to_owned(),
        action: question.action.kind.name().to_owned(),
        resource: question.action.kind.resource(),
        rule: question.rule.clone(),
        approvers: question.approvers.clone(),
        expires_unix_nanos,
    }
}

/// Whether `rule` (names, separated by `, `) is among those that want `question` asked.
fn asks_by(question: &Question, rule: &str) -> bool {
    rule.split(", ").all(|name| question.rule.split(", ").any(|asking| asking == name))
}

fn groups(question: &Question) -> String {
    question.approvers.iter().map(|approvers| approvers.group.as_str()).collect::<Vec<_>>().join(", ")
}

fn refusal(question: &Question, text: String) -> Reason {
    Reason::new(question.rule.clone(), format!("this needs an approval, and nobody can be asked now: {text}"))
}

impl Pending {
    /// The unit that waits.
    pub(crate) fn unit(&self) -> Unit {
        self.unit
    }

    /// What whoever waits is told at first.
    pub(crate) fn text(&self) -> String {
        format!("waiting for approval by {} ({})", self.group, self.id)
    }

    /// What comes of it.
    pub(crate) fn poll_news(&mut self, context: &mut Context<'_>) -> Poll<News> {
        match self.settled.poll_recv(context) {
            Poll::Ready(Some(settled)) => return Poll::Ready(News::Settled(Box::new(settled))),
            // It ended without a word: nothing else will come, and nothing passes.
            Poll::Ready(None) => return Poll::Pending,
            Poll::Pending => {}
        }
        self.reminder.poll_tick(context).map(|_| News::Reminder(format!("still waiting for approval ({})", self.id)))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let mut state = self.asker.questions.state();
        state.waiting.remove(&self.id);
        state.approvals.withdraw(unix_nanos(), self.asker.session, self.unit);
    }
}

impl Standing {
    /// A question was asked.
    pub(crate) fn asked(&mut self, unit: Unit, at: Moment, asked: &QuestionAsked) {
        self.since.insert(unit, (asked.question.clone(), at));
    }

    /// It ended; `None` when it had ended before.
    pub(crate) fn settled(&mut self, at: Moment, unit: Unit, settled: &Settled) -> Option<QuestionAnswered> {
        let (question, since) = self.since.remove(&unit)?;
        let nanos = at.as_nanos().saturating_sub(since.as_nanos());
        Some(QuestionAnswered {
            question,
            verdict: settled.verdict.clone(),
            by: settled.by.clone(),
            scope: settled.scope,
            nanos,
        })
    }

    /// Nobody wants the answer any more; `None` when it had ended before.
    pub(crate) fn withdrawn(&mut self, at: Moment, unit: Unit, why: &str) -> Option<QuestionAnswered> {
        let (question, since) = self.since.remove(&unit)?;
        let nanos = at.as_nanos().saturating_sub(since.as_nanos());
        let verdict = Verdict::Refuse(Reason::new("withdrawn", why));
        Some(QuestionAnswered { question, verdict, by: Vec::new(), scope: Scope::Once, nanos })
    }

    /// Nobody wants any answer any more.
    pub(crate) fn all_withdrawn(&mut self, at: Moment, why: &str) -> Vec<QuestionAnswered> {
        let mut units: Vec<Unit> = self.since.keys().copied().collect();
        units.sort_unstable();
        units.into_iter().filter_map(|unit| self.withdrawn(at, unit, why)).collect()
    }
}

#[cfg(test)]
mod tests {
    use wiretape_core::judge::ActionKind;
    use wiretape_core::{Action, Lane, Question};

    use std::sync::Arc;
    use std::time::Duration;

    use wiretape_core::SessionId;

    use super::{Asker, Questions, asks_by};
    use crate::identity::Principal;

    #[test]
    fn an_approval_that_nobody_waits_for_is_good_for_the_same_bytes_alone() {
        let session = SessionId::from_bytes([1; 16]);
        let principal = Principal::in_tests("ana");
        let asker =
            Asker::new(Arc::new(Questions::default()), session, principal, "api".to_owned(), Duration::from_secs(60));
        let voucher = |url: &'static [u8]| {
            let kind = ActionKind::Request { method: "GET".into(), url: url.into() };
            let action = Action { lane: Lane(1), kind };
            let question = Question { action, approvers: Vec::new(), rule: "asks".to_owned(), text: String::new() };
            asker.voucher(&question, None)
        };
        assert_eq!(voucher(b"https://api/\xff"), voucher(b"https://api/\xff"));
        assert_ne!(voucher(b"https://api/\xff"), voucher(b"https://api/\xfe"), "both are shown as the same letter");
    }

    #[test]
    fn only_a_question_about_the_session_lets_the_session_be() {
        let asked = |rule: &str| Question {
            action: Action { lane: Lane(1), kind: ActionKind::Shell },
            approvers: Vec::new(),
            rule: rule.to_owned(),
            text: String::new(),
        };
        assert!(asks_by(&asked("door"), "door") && asks_by(&asked("shells, door"), "door"));
        assert!(asks_by(&asked("door, gate, shells"), "door, gate"));
        assert!(!asks_by(&asked("shells"), "door") && !asks_by(&asked("door"), "door, gate"));
        assert!(!asks_by(&asked("indoor"), "door"));
    }
}
