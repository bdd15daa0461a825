//! Questions at work: sessions ask, people answer, and whoever waits hears of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use wiretape_approval::{Approvals, Asking, Settled};
use wiretape_core::event::{QuestionAnswered, QuestionAsked, Scope};
use wiretape_core::judge::ActionKind;
use wiretape_core::{Moment, Question, Reason, SessionId, Unit, Verdict};

use crate::clock::unix_nanos;
use crate::identity::Principal;

/// How often whoever waits is told that it still does, so that nothing on the way takes the silence for an end.
const REMINDER_INTERVAL: Duration = Duration::from_secs(15);

/// Bytes of a session that are held while people are asked, before whoever says more is no longer heard.
pub(crate) const ASKING_HELD_BYTES_MAX: usize = 1024 * 1024;

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
    /// Who is told of new questions.
    heralds: Vec<UnboundedSender<String>>,
}

/// Who waits for an answer.
struct Waiting {
    settled: UnboundedSender<Settled>,
    /// The rule by which it is asked whether the session may be, where that is the question.
    entrance: Option<String>,
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
        let settled = state.approvals.expire(unix_nanos());
        state.tell(settled);
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
            let Some(waiting) = self.waiting.remove(&settled.question) else { continue };
            if let (Some(rule), Verdict::Allow) = (waiting.entrance, &settled.verdict) {
                let by = format!("approved by {} ({})", settled.by.join(", "), settled.question);
                self.entered.insert(settled.session, (rule, by));
            }
            // Whoever waited may have left in this moment.
            let _left = waiting.settled.send(settled);
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
        let now = unix_nanos();
        let expires = now.saturating_add(u64::try_from(self.patience.as_nanos()).unwrap_or(u64::MAX));
        let asking = Asking {
            session: self.session,
            unit,
            requester: self.principal.requester(),
            target: self.target(),
            action: question.action.kind.name().to_owned(),
            resource: question.action.kind.resource(),
            detail: detail(&question.action.kind),
            rule: question.rule.clone(),
            approvers: question.approvers.clone(),
            text: question.text.clone(),
            expires_unix_nanos: expires,
        };
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| refusal(question, format!("no random bytes: {error}")))?;
        let mut state = self.questions.state();
        let id = state.approvals.ask(now, asking, random).map_err(|error| refusal(question, error.to_string()))?;
        let (put, settled) = unbounded_channel();
        let entrance = self.entrance.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let entrance = entrance.filter(|_| !state.entered.contains_key(&self.session));
        state.waiting.insert(id.clone(), Waiting { settled: put, entrance });
        state.heralds.retain(|herald| herald.send(id.clone()).is_ok());
        drop(state);
        let mut reminder = interval_at(Instant::now() + REMINDER_INTERVAL, REMINDER_INTERVAL);
        reminder.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let asked = QuestionAsked {
            question: id.clone(),
            action: question.action.kind.name().to_owned(),
            resource: question.action.kind.resource(),
            rule: question.rule.clone(),
            approvers: question.approvers.clone(),
            expires_unix_nanos: expires,
        };
        let group = question.approvers.iter().map(|approvers| approvers.group.as_str()).collect::<Vec<_>>().join(", ");
        tracing::info!(session = %self.session, question = id, "{} waits for {group}", asked.action);
        Ok((Pending { unit, id, group, settled, reminder, asker: self.clone() }, asked))
    }
}

fn refusal(question: &Question, text: String) -> Reason {
    Reason::new(question.rule.clone(), format!("this needs an approval, and nobody can be asked now: {text}"))
}

/// Everything that is asked, for whoever answers; nothing of it is cut, for nobody approves what nobody can read.
fn detail(action: &ActionKind) -> String {
    match action {
        ActionKind::Push(push) => {
            let mut lines = vec![String::from_utf8_lossy(&push.repository).into_owned()];
            lines.extend(push.updates.iter().map(|update| {
                let name = String::from_utf8_lossy(&update.name);
                format!("{name} {} {} -> {}", update.change.name(), update.old, update.new)
            }));
            lines.extend(push.options.iter().map(|option| format!("option {}", String::from_utf8_lossy(option))));
            lines.join("\n")
        }
        action => action.resource_within(usize::MAX),
    }
}

impl Pending {
    /// The unit that waits.
    pub(crate) fn unit(&self) -> Unit {
        self.unit
    }

    /// What whoever waits is told at first.
    pub(crate) fn text(&self) -> String {
        format!("wiretape: waiting for approval by {} ({})", self.group, self.id)
    }

    /// What comes of it.
    pub(crate) fn poll_news(&mut self, context: &mut Context<'_>) -> Poll<News> {
        match self.settled.poll_recv(context) {
            Poll::Ready(Some(settled)) => return Poll::Ready(News::Settled(Box::new(settled))),
            // It ended without a word: nothing else will come, and nothing passes.
            Poll::Ready(None) => return Poll::Pending,
            Poll::Pending => {}
        }
        self.reminder.poll_tick(context).map(|_| News::Reminder(format!("wiretape: still waiting ({})", self.id)))
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
