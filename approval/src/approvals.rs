//! The questions that are open, those that ended lately, and what was granted.

use std::collections::{BTreeMap, VecDeque};

use wiretape_core::event::Scope;
use wiretape_core::{Approvers, Reason, SessionId, Unit, Verdict};

use crate::grant::{Granted, Grants};
use crate::limits::{
    DAY_NANOS, DETAIL_BYTES_MAX, DETAILS_BYTES_MAX, ENDED_DETAILS_BYTES_MAX, ENDED_KEPT_NANOS, ENDED_MAX,
    QUESTIONS_MAX, QUESTIONS_PER_PERSON_MAX, WHY_BYTES_MAX,
};
use crate::name;
use crate::petition::{Answer, Petition, Rejected, Settled, State};
use crate::{Answerer, Asking, Principal, TooMany};

/// What can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Questions that may be open at once.
    pub questions_max: usize,
    /// Questions of one principal that may be open at once.
    pub questions_per_person_max: usize,
    /// How far an approval may reach, in nanoseconds; never more than a day.
    pub until_nanos_max: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            questions_max: QUESTIONS_MAX,
            questions_per_person_max: QUESTIONS_PER_PERSON_MAX,
            until_nanos_max: DAY_NANOS,
        }
    }
}

/// The questions that are open, those that ended lately, and what was granted.
#[derive(Debug, Default)]
pub struct Approvals {
    settings: Settings,
    open: BTreeMap<String, Petition>,
    units: BTreeMap<(SessionId, Unit), String>,
    open_bytes: usize,
    ended: VecDeque<Petition>,
    ended_bytes: usize,
    grants: Grants,
}

impl Approvals {
    /// Without any question.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Takes other settings from now on; what is open stays open.
    pub fn set(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// Puts a question to people and names it; `random` chooses the name.
    ///
    /// Groups that are asked for twice are asked for once, by the greater number, and at least one of each has to
    /// approve.
    ///
    /// # Errors
    /// When there are too many, or what is asked is too long to be read. Nothing is kept of it then, and what was to be
    /// asked must not pass.
    pub fn ask(&mut self, now_unix_nanos: u64, mut asking: Asking, random: [u8; 8]) -> Result<String, TooMany> {
        let of_person = |petition: &&Petition| {
            let requester = &petition.asking.requester;
            requester.name == asking.requester.name && requester.issuer == asking.requester.issuer
        };
        let max = self.settings.questions_per_person_max;
        if self.open.values().filter(of_person).count() >= max {
            return Err(TooMany::OfPerson { max });
        }
        let max = self.settings.questions_max;
        if self.open.len() >= max {
            return Err(TooMany::InAll { max });
        }
        let bytes = bytes_of(&asking);
        let bytes_max = DETAIL_BYTES_MAX.min(DETAILS_BYTES_MAX.saturating_sub(self.open_bytes));
        if bytes > bytes_max {
            return Err(TooMany::Bytes { bytes, bytes_max });
        }
        asking.approvers = each_group_once(&asking.approvers);
        // There are far more names than questions: this ends after a few turns.
        let id = (0..).map(|turn| name::written(random, turn)).find(|id| self.get(id).is_none()).unwrap_or_default();
        // A unit that asks again no longer waits for what it asked before.
        self.withdraw(now_unix_nanos, asking.session, asking.unit);
        self.open_bytes += bytes;
        self.units.insert((asking.session, asking.unit), id.clone());
        let petition = Petition {
            id: id.clone(),
            asking,
            asked_unix_nanos: now_unix_nanos,
            answers: Vec::new(),
            state: State::Open,
            ended_unix_nanos: None,
        };
        self.open.insert(id.clone(), petition);
        Ok(id)
    }

    /// Takes in an answer. `Some` when it ends the question: the session that waits is to be told.
    ///
    /// One refusal is enough. An approval counts for every group that was asked and that the one who approves belongs
    /// to, once; the question is approved when all groups have approved.
    ///
    /// # Errors
    /// Why the answer does not count; nothing changed then.
    pub fn answer(
        &mut self,
        now_unix_nanos: u64,
        id: &str,
        answerer: &Answerer,
        approve: bool,
        why: String,
        scope: Scope,
    ) -> Result<Option<Settled>, Rejected> {
        let petition = self.get(id).ok_or(Rejected::Unknown)?;
        if petition.state == State::Open && petition.asking.expires_unix_nanos <= now_unix_nanos {
            return Err(Rejected::Over(State::Expired));
        }
        petition.admits(answerer, approve)?;
        if why.len() > WHY_BYTES_MAX {
            return Err(Rejected::WhyTooLong { bytes_max: WHY_BYTES_MAX });
        }
        let nanos_max = self.settings.until_nanos_max.min(DAY_NANOS);
        if let (true, Scope::Until { unix_nanos }) = (approve, scope)
            && (unix_nanos <= now_unix_nanos || unix_nanos - now_unix_nanos > nanos_max)
        {
            return Err(Rejected::TooFar { nanos_max });
        }
        let id = petition.id.clone();
        let petition = self.open.get_mut(&id).ok_or(Rejected::Unknown)?;
        let groups = petition.asking.approvers.iter().map(|asked| &asked.group);
        petition.answers.push(Answer {
            principal: answerer.principal.clone(),
            login: answerer.login.clone(),
            groups: groups.filter(|group| answerer.groups.contains(group)).cloned().collect(),
            approve,
            why,
            scope: if approve { scope } else { Scope::Once },
            unix_nanos: now_unix_nanos,
        });
        if !approve {
            return Ok(self.end(now_unix_nanos, &id, State::Refused));
        }
        if petition.missing().is_empty() {
            return Ok(self.end(now_unix_nanos, &id, State::Approved));
        }
        Ok(None)
    }

    /// Looks at the approvals of what is still open again: `groups` says for which of its groups one counts now. One that
    /// counts for none is as if it had not been given.
    pub fn recount(&mut self, groups: impl Fn(&Answer) -> Vec<String>) {
        for petition in self.open.values_mut() {
            // What somebody refused is open no more: these are approvals.
            for answer in &mut petition.answers {
                let now = groups(answer);
                answer.groups.retain(|group| now.contains(group));
            }
            petition.answers.retain(|answer| !answer.groups.is_empty());
        }
    }

    /// The unit does not wait any more: its question, if it has one, ends.
    pub fn withdraw(&mut self, now_unix_nanos: u64, session: SessionId, unit: Unit) -> Option<Settled> {
        let id = self.units.get(&(session, unit))?.clone();
        self.end(now_unix_nanos, &id, State::Withdrawn)
    }

    /// The session is over: its questions end, and what it was granted is forgotten.
    pub fn withdraw_session(&mut self, now_unix_nanos: u64, session: SessionId) -> Vec<Settled> {
        self.grants.forget_session(session);
        let of_session = |petition: &&Petition| petition.asking.session == session;
        let ids: Vec<String> = self.open.values().filter(of_session).map(|petition| petition.id.clone()).collect();
        ids.iter().filter_map(|id| self.end(now_unix_nanos, id, State::Withdrawn)).collect()
    }

    /// Ends what nobody answered in time, and forgets what is long over.
    pub fn expire(&mut self, now_unix_nanos: u64) -> Vec<Settled> {
        self.grants.expire(now_unix_nanos);
        while let Some(petition) = self.ended.front() {
            let ended = petition.ended_unix_nanos.unwrap_or_default();
            if now_unix_nanos.saturating_sub(ended) < ENDED_KEPT_NANOS {
                break;
            }
            self.forget_oldest();
        }
        let over = |petition: &&Petition| petition.asking.expires_unix_nanos <= now_unix_nanos;
        let ids: Vec<String> = self.open.values().filter(over).map(|petition| petition.id.clone()).collect();
        ids.iter().filter_map(|id| self.end(now_unix_nanos, id, State::Expired)).collect()
    }

    /// When [`Approvals::expire`] has something to do next, in nanoseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn next_expiry(&self) -> Option<u64> {
        let questions = self.open.values().map(|petition| petition.asking.expires_unix_nanos).min();
        questions.into_iter().chain(self.grants.next_expiry()).min()
    }

    /// The approval that covers what `principal` would ask `rule` about `target` in `session`, if there is one.
    #[must_use]
    pub fn granted(
        &self,
        now_unix_nanos: u64,
        session: SessionId,
        principal: &Principal,
        target: &str,
        rule: &str,
    ) -> Option<Granted> {
        self.grants.find(now_unix_nanos, session, principal, target, rule).cloned()
    }

    /// What is granted now: to whom, for which target, by which rule.
    pub fn grants(&self, now_unix_nanos: u64) -> impl Iterator<Item = (&Principal, &str, &str, &Granted)> {
        self.grants.all(now_unix_nanos)
    }

    /// Takes back what question `id` granted beyond itself; false when it grants nothing.
    pub fn take_back(&mut self, id: &str) -> bool {
        self.grants.forget_question(&name::read(id))
    }

    /// The rules changed: everything that was granted is taken back, and what is asked by the old ones is asked no longer,
    /// because an approval may not mean what it did, nor be wanted of the same people.
    pub fn take_all_back(&mut self, now_unix_nanos: u64) -> Vec<Settled> {
        self.grants.clear();
        let ids: Vec<String> = self.open.keys().cloned().collect();
        self.end_all(now_unix_nanos, &ids, "the policies changed while it was asked: try again")
    }

    /// `target` is not what it was: what was granted about it is taken back, and what is asked about it is asked no longer,
    /// because people agreed to something else.
    pub fn take_back_target(&mut self, now_unix_nanos: u64, target: &str) -> Vec<Settled> {
        self.grants.forget_target(target);
        let about = |petition: &&Petition| petition.asking.target == target;
        let ids: Vec<String> = self.open.values().filter(about).map(|petition| petition.id.clone()).collect();
        self.end_all(now_unix_nanos, &ids, "the target changed while it was asked: try again")
    }

    /// Ends questions that nobody went away from, and says why.
    fn end_all(&mut self, now_unix_nanos: u64, ids: &[String], text: &str) -> Vec<Settled> {
        let ended = ids.iter().filter_map(|id| self.end(now_unix_nanos, id, State::Withdrawn));
        let told = ended.map(|settled| {
            let Verdict::Refuse(Reason { rule, .. }) = &settled.verdict else { return settled };
            Settled { verdict: Verdict::Refuse(Reason::new(rule.clone(), text)), ..settled }
        });
        told.collect()
    }

    /// The questions that are open, the oldest first.
    #[must_use]
    pub fn open(&self) -> Vec<&Petition> {
        let mut open: Vec<&Petition> = self.open.values().collect();
        open.sort_by_key(|petition| petition.asked_unix_nanos);
        open
    }

    /// The questions that ended lately, the latest first.
    pub fn ended(&self) -> impl Iterator<Item = &Petition> {
        self.ended.iter().rev()
    }

    /// The question `id`, also when it ended lately. Read in any case; `o`, `i` and `l` stand for digits.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Petition> {
        let id = name::read(id);
        self.open.get(&id).or_else(|| self.ended.iter().find(|petition| petition.id == id))
    }

    fn end(&mut self, now_unix_nanos: u64, id: &str, state: State) -> Option<Settled> {
        let mut petition = self.open.remove(id)?;
        let bytes = bytes_of(&petition.asking);
        self.open_bytes = self.open_bytes.saturating_sub(bytes);
        self.units.remove(&(petition.asking.session, petition.asking.unit));
        let settled = petition.end(now_unix_nanos, state);
        if state == State::Approved {
            self.grants.put(now_unix_nanos, &petition.asking, &settled);
        }
        self.ended_bytes += bytes;
        self.ended.push_back(petition);
        while self.ended.len() > ENDED_MAX || self.ended_bytes > ENDED_DETAILS_BYTES_MAX {
            self.forget_oldest();
        }
        Some(settled)
    }

    fn forget_oldest(&mut self) {
        if let Some(petition) = self.ended.pop_front() {
            self.ended_bytes = self.ended_bytes.saturating_sub(bytes_of(&petition.asking));
        }
    }
}

/// The bytes of a question that whoever asks can make long.
fn bytes_of(asking: &Asking) -> usize {
    asking.detail.len() + asking.resource.len() + asking.text.len()
}

/// Each group once, with the greatest number that was asked of it, and at least one.
fn each_group_once(approvers: &[Approvers]) -> Vec<Approvers> {
    let mut groups: BTreeMap<&str, u32> = BTreeMap::new();
    for asked in approvers {
        let count = groups.entry(&asked.group).or_insert(1);
        *count = (*count).max(asked.count);
    }
    groups.into_iter().map(|(group, count)| Approvers { group: group.to_owned(), count }).collect()
}
