//! The office: all that the API knows of the gateway behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use secrecy::SecretString;
use serde_json::Value;
use thiserror::Error;
use wiretape_approval::{Answerer, Petition, Rejected};
use wiretape_core::decided::NO_PERMIT;
use wiretape_core::event::Scope;
use wiretape_core::judge::ActionKind;
use wiretape_core::{Decided, SessionId};
use wiretape_recorder::Archive;

use crate::metrics::Family;

/// An answer that takes its time.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// By what somebody says who they are.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// `Authorization: Bearer`: a token of an issuer or of the gateway's own.
    Bearer(SecretString),
    /// `Authorization: Basic`: a name, which may be empty, and a token as the password.
    Basic {
        /// The name.
        name: String,
        /// The token.
        password: SecretString,
    },
}

/// Somebody who was recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// Who, and the groups of this moment.
    pub answerer: Answerer,
    /// What else the issuer's token claims.
    pub claims: BTreeMap<String, BTreeSet<String>>,
    /// How they were recognised, for the record.
    pub proof: String,
    /// Where they are.
    pub address: Option<SocketAddr>,
    /// When what they gave ends, in seconds since 1970-01-01 UTC.
    pub expires_unix: Option<u64>,
    /// Whether the configuration vouches for them; otherwise an issuer does.
    pub local: bool,
}

/// Why somebody was not recognised.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unrecognised {
    /// What they gave is not good.
    #[error("{0}")]
    Wrong(String),
    /// There were too many wrong logins.
    #[error("too many wrong logins: try again in {seconds} s")]
    HeldOff {
        /// How long to wait.
        seconds: u64,
    },
}

/// What is done in the office, by the names of policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Task {
    /// Lists sessions.
    SessionList,
    /// Reads the recording of a session.
    SessionRead,
    /// Ends a live session.
    SessionEnd,
    /// Reads all questions.
    ApprovalList,
    /// Answers a question.
    ApprovalAnswer,
    /// Reads what is known of targets.
    TargetRead,
    /// Creates, changes and removes targets.
    TargetWrite,
    /// Asks what a policy would decide.
    PolicyCheck,
    /// Revokes people and tokens, and takes that back.
    RevocationWrite,
    /// Reads the figures of the gateway.
    MetricsRead,
}

impl Task {
    /// Its name in policies.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SessionList => "session.list",
            Self::SessionRead => "session.read",
            Self::SessionEnd => "session.end",
            Self::ApprovalList => "approval.list",
            Self::ApprovalAnswer => "approval.answer",
            Self::TargetRead => "target.read",
            Self::TargetWrite => "target.write",
            Self::PolicyCheck => "policy.check",
            Self::RevocationWrite => "revocation.write",
            Self::MetricsRead => "metrics.read",
        }
    }
}

/// Why somebody may not do something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Denied {
    /// The rules that forbid it; none, or [`NO_PERMIT`], where nothing permits it.
    pub rules: Vec<String>,
    /// Why, in the rules' words; may be empty.
    pub text: String,
}

impl Denied {
    /// Whether a rule forbids it; otherwise nothing permits it.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.rules.iter().any(|rule| rule != NO_PERMIT)
    }
}

/// A target as it is known now. Nothing in it is secret: credentials stand by reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// Its name.
    pub name: String,
    /// Whether it was created at run time; others stand in the configuration and are changed there.
    pub at_run_time: bool,
    /// The fields of a `[[target]]` table, as JSON.
    pub table: Value,
}

/// Why a target is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unfit {
    /// There is none of that name.
    #[error("there is no target {0}")]
    Unknown(String),
    /// There is one of that name already.
    #[error("there is a target {0} already")]
    Taken(String),
    /// It stands in the configuration, and is changed there.
    #[error("{0} stands in the configuration file and is changed there")]
    Configured(String),
    /// It is not usable.
    #[error("{0}")]
    Faulty(String),
    /// It could not be kept.
    #[error("the change could not be kept: {0}")]
    NotKept(String),
}

/// What a policy is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// Who would do it, with the groups.
    pub who: Answerer,
    /// What their token would claim.
    pub claims: BTreeMap<String, BTreeSet<String>>,
    /// The target's name.
    pub target: String,
    /// What would be done; `None` asks about the connection only.
    pub action: Option<ActionKind>,
    /// From where.
    pub client_address: Option<IpAddr>,
    /// As whom, at the target.
    pub login: String,
    /// The work that it belongs to.
    pub label: Option<String>,
}

/// What is revoked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Revoked {
    /// A person, agent or service, by name.
    Person(String),
    /// A token or certificate, by its id.
    Token(String),
}

/// One revocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Whom or what.
    pub what: Revoked,
    /// When, in nanoseconds since 1970-01-01 UTC.
    pub since_unix_nanos: u64,
}

/// Why something could not be done that was asked for rightly.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Failure {
    /// What was given is of no use.
    #[error("{0}")]
    Useless(String),
    /// The gateway does not do it: it is not set up for it.
    #[error("{0}")]
    NotOffered(String),
    /// Something is out of order in the gateway; it is logged, and the caller is told no more.
    #[error("{0}")]
    OutOfOrder(String),
}

/// What the API needs of the gateway.
///
/// Whatever does not wait must not block: it is called on the threads that serve everybody.
pub trait Office: Send + Sync + 'static {
    /// The time, in nanoseconds since 1970-01-01 UTC.
    fn now_unix_nanos(&self) -> u64;

    /// Recognises somebody.
    fn authenticate(&self, credentials: Credentials, peer: SocketAddr) -> Answer<'_, Result<Caller, Unrecognised>>;

    /// Whether `caller` may do `task`, for `target` or, where that is empty, at all.
    ///
    /// # Errors
    /// Why not.
    fn may(&self, caller: &Caller, task: Task, target: &str) -> Result<(), Denied>;

    /// Whether `caller` may go on with what they were let in for: nothing that they gave was revoked, removed or has ended,
    /// as far as that ends sessions.
    fn still(&self, caller: &Caller) -> bool;

    /// The recordings.
    fn archive(&self) -> Arc<Archive>;

    /// Puts on the record that `caller` looks at `what` of session `session`. Nothing is shown before it returns, and
    /// nothing when it fails.
    fn note_read(&self, caller: &Caller, session: SessionId, what: &str) -> Answer<'_, Result<(), Failure>>;

    /// Ends a live session and puts on its record who ended it and why; false when it is not live.
    fn end_session(&self, caller: &Caller, session: SessionId, why: &str) -> bool;

    /// The questions that are open, the oldest first; and those that ended lately, the latest first, when `ended`.
    fn questions(&self, ended: bool) -> Vec<Petition>;

    /// One question, also when it ended lately.
    fn question(&self, id: &str) -> Option<Petition>;

    /// Takes in an answer and tells the session that waits, when it ended the question. Returns the question as it
    /// stands then.
    ///
    /// # Errors
    /// Why the answer does not count.
    fn answer(&self, caller: &Caller, id: &str, approve: bool, why: String, scope: Scope)
    -> Result<Petition, Rejected>;

    /// Takes back what question `id` granted beyond itself; false when it grants nothing.
    fn take_back(&self, caller: &Caller, id: &str) -> bool;

    /// All targets.
    fn targets(&self) -> Vec<Known>;

    /// Creates a target at run time, or changes one that was: `table` holds the fields of a `[[target]]` table, its
    /// `name` among them. What is there already is kept when `create`.
    fn put_target(&self, caller: &Caller, table: Value, create: bool) -> Answer<'_, Result<Known, Unfit>>;

    /// Removes a target that was created at run time.
    fn remove_target(&self, caller: &Caller, name: &str) -> Answer<'_, Result<(), Unfit>>;

    /// What the policy in force says; `None` when there is no such target.
    fn check(&self, inquiry: &Inquiry) -> Option<Decided>;

    /// All revocations.
    fn revocations(&self) -> Vec<Revocation>;

    /// Revokes; sessions end as the settings say.
    fn revoke(&self, caller: &Caller, what: Revoked) -> Answer<'_, Result<Revocation, Failure>>;

    /// Takes a revocation back; false when there is none.
    fn reinstate(&self, caller: &Caller, what: &Revoked) -> Answer<'_, Result<bool, Failure>>;

    /// What somebody needs to know to log in; public.
    fn login(&self) -> Value;

    /// An SSH certificate for `public_key`, for whoever `credentials` name, and what goes with it.
    fn certify(
        &self,
        caller: &Caller,
        credentials: Credentials,
        public_key: String,
    ) -> Answer<'_, Result<Value, Failure>>;

    /// Whether the gateway takes sessions.
    ///
    /// # Errors
    /// What is missing; it is public.
    fn ready(&self) -> Result<(), String>;

    /// The figures of this moment.
    fn figures(&self) -> Vec<Family>;
}
