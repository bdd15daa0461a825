//! A question that was asked, its answers, and how it ended.

use thiserror::Error;
use wiretape_core::event::{QuestionAnswered, QuestionAsked, Scope};
use wiretape_core::{Approvers, Reason, SessionId, Unit, Verdict};

use crate::{Answerer, Asking, Principal};

/// How a question stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// It waits for answers.
    #[default]
    Open,
    /// Enough approved.
    Approved,
    /// Somebody refused.
    Refused,
    /// Nobody answered in time, or not enough did.
    Expired,
    /// The one who asked went away.
    Withdrawn,
}

impl State {
    /// Its name in messages and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approved => "approved",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// One person's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Who.
    pub principal: Principal,
    /// The name of the token by which they were recognised; empty where it has none.
    pub login: String,
    /// The groups, of those that were asked, for which it counts.
    pub groups: Vec<String>,
    /// Approved, or refused.
    pub approve: bool,
    /// Why, in their words; may be empty.
    pub why: String,
    /// How far they want it to reach.
    pub scope: Scope,
    /// When, in nanoseconds since 1970-01-01 UTC.
    pub unix_nanos: u64,
}

/// A question with its answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Petition {
    /// The question's name, unique in the gateway.
    pub id: String,
    /// What was asked.
    pub asking: Asking,
    /// When, in nanoseconds since 1970-01-01 UTC.
    pub asked_unix_nanos: u64,
    /// The answers in their order.
    pub answers: Vec<Answer>,
    /// How it stands.
    pub state: State,
    /// When it ended, in nanoseconds since 1970-01-01 UTC; `None` while it is open.
    pub ended_unix_nanos: Option<u64>,
}

/// Why an answer does not count.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Rejected {
    /// There is no question of that name, or it ended long ago.
    #[error("there is no such question")]
    Unknown,
    /// The question ended.
    #[error("the question is {} already", .0.name())]
    Over(State),
    /// The question is one's own, or is asked on behalf of oneself, or by the one on whose behalf one acts.
    #[error("nobody answers their own question")]
    OwnQuestion,
    /// The one who answers is in none of the groups that were asked.
    #[error("only members of {} may answer", .0.join(" or "))]
    NotEntitled(Vec<String>),
    /// The same person approved already.
    #[error("you approved already; others have to")]
    AlreadyAnswered,
    /// Of the groups that the one who answers belongs to, enough approved; others have to.
    #[error("enough of your groups approved already; members of {} have to", .0.join(" and of "))]
    NotNeeded(Vec<String>),
    /// An approval may not reach that far.
    #[error("an approval may reach from now on to {} minutes from now", .nanos_max / 60_000_000_000)]
    TooFar {
        /// How far it may reach, in nanoseconds from now.
        nanos_max: u64,
    },
    /// The reason is too long.
    #[error("a reason may have {bytes_max} bytes")]
    WhyTooLong {
        /// How long it may be.
        bytes_max: usize,
    },
}

/// A question that ended just now: what the session that waits is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The question's name.
    pub question: String,
    /// The session that waits.
    pub session: SessionId,
    /// The unit of it that waits.
    pub unit: Unit,
    /// How it ended; never [`State::Open`].
    pub state: State,
    /// Allowed, or refused and why.
    pub verdict: Verdict,
    /// Who answered, by name, in the order of their answers.
    pub by: Vec<String>,
    /// How far it reaches.
    pub scope: Scope,
    /// How long it took, in nanoseconds.
    pub nanos: u64,
}

impl Settled {
    /// The event for the record.
    #[must_use]
    pub fn event(&self) -> QuestionAnswered {
        QuestionAnswered {
            question: self.question.clone(),
            verdict: self.verdict.clone(),
            by: self.by.clone(),
            scope: self.scope,
            nanos: self.nanos,
        }
    }
}

impl Petition {
    /// The event for the record.
    #[must_use]
    pub fn event(&self) -> QuestionAsked {
        QuestionAsked {
            question: self.id.clone(),
            action: self.asking.action.clone(),
            resource: self.asking.resource.clone(),
            rule: self.asking.rule.clone(),
            approvers: self.asking.approvers.clone(),
            expires_unix_nanos: self.asking.expires_unix_nanos,
        }
    }

    /// How many of whom still have to approve; empty when all did.
    #[must_use]
    pub fn missing(&self) -> Vec<Approvers> {
        let left = |asked: &Approvers| {
            let of_group = |answer: &&Answer| answer.approve && answer.groups.contains(&asked.group);
            let approved = self.answers.iter().filter(of_group).count();
            let left = asked.count.saturating_sub(u32::try_from(approved).unwrap_or(u32::MAX));
            (left > 0).then(|| Approvers { group: asked.group.clone(), count: left })
        };
        self.asking.approvers.iter().filter_map(left).collect()
    }

    /// Whether `answerer` may answer now.
    ///
    /// # Errors
    /// Why not. Whoever approved may still refuse.
    pub fn admits(&self, answerer: &Answerer, approve: bool) -> Result<(), Rejected> {
        if self.state != State::Open {
            return Err(Rejected::Over(self.state));
        }
        if self.asking.requester.is_one_with(&answerer.principal) {
            return Err(Rejected::OwnQuestion);
        }
        let member = |asked: &Approvers| answerer.groups.contains(&asked.group);
        if !self.asking.approvers.iter().any(member) {
            return Err(Rejected::NotEntitled(self.asking.approvers.iter().map(|asked| asked.group.clone()).collect()));
        }
        if !approve {
            return Ok(());
        }
        if self.answers.iter().any(|answer| answer.principal.is_one_with(&answerer.principal)) {
            return Err(Rejected::AlreadyAnswered);
        }
        let missing = self.missing();
        if !missing.iter().any(member) {
            return Err(Rejected::NotNeeded(missing.into_iter().map(|left| left.group).collect()));
        }
        Ok(())
    }

    /// How far all who approved want it to reach: the narrowest of what they said.
    #[must_use]
    pub fn scope(&self) -> Scope {
        let scopes = self.answers.iter().filter(|answer| answer.approve).map(|answer| answer.scope);
        scopes.reduce(narrower).unwrap_or_default()
    }

    /// Ends it.
    pub(crate) fn end(&mut self, now_unix_nanos: u64, state: State) -> Settled {
        self.state = state;
        self.ended_unix_nanos = Some(now_unix_nanos);
        let verdict = match state {
            State::Approved => Verdict::Allow,
            State::Open | State::Refused | State::Expired | State::Withdrawn => {
                Verdict::Refuse(Reason::new(self.asking.rule.clone(), self.ending()))
            }
        };
        Settled {
            question: self.id.clone(),
            session: self.asking.session,
            unit: self.asking.unit,
            state,
            verdict,
            by: self.answers.iter().map(|answer| answer.principal.name.clone()).collect(),
            scope: if state == State::Approved { self.scope() } else { Scope::Once },
            nanos: now_unix_nanos.saturating_sub(self.asked_unix_nanos),
        }
    }

    /// How it ended, in words for the client.
    fn ending(&self) -> String {
        match self.state {
            State::Open => "nobody answered yet".to_owned(),
            State::Approved => "approved".to_owned(),
            State::Refused => match self.answers.iter().rev().find(|answer| !answer.approve) {
                Some(answer) if answer.why.is_empty() => format!("{} refused it", answer.principal.name),
                Some(answer) => format!("{} refused it: {}", answer.principal.name, answer.why),
                None => "refused".to_owned(),
            },
            State::Expired if self.answers.is_empty() => "nobody answered in time".to_owned(),
            State::Expired => "not enough people approved in time".to_owned(),
            State::Withdrawn => "whoever asked went away".to_owned(),
        }
    }
}

/// What both allow. A window of time and one session have only the question itself in common.
fn narrower(left: Scope, right: Scope) -> Scope {
    match (left, right) {
        (Scope::Session, Scope::Session) => Scope::Session,
        (Scope::Until { unix_nanos: left }, Scope::Until { unix_nanos: right }) => {
            Scope::Until { unix_nanos: left.min(right) }
        }
        _ => Scope::Once,
    }
}
