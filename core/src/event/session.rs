//! Events of the session itself.

use crate::judge::Approvers;
use crate::{Side, Verdict};

/// What a principal is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PrincipalKind {
    /// A human being at a keyboard.
    #[default]
    Person,
    /// An AI agent, on its own or on somebody's behalf.
    Agent,
    /// A program: a service, a pipeline, a job.
    Service,
}

impl PrincipalKind {
    /// Its name in records, configurations and policies.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Agent => "agent",
            Self::Service => "service",
        }
    }
}

/// How far the answer to a question reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// What was asked, and nothing else.
    #[default]
    Once,
    /// What the same rule would ask again in the same session.
    Session,
    /// What the same rule would ask the same principal about the same target again, until then.
    Until {
        /// Nanoseconds since 1970-01-01 UTC.
        unix_nanos: u64,
    },
}

/// A question that was put to people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuestionAsked {
    /// The question's name, unique in the gateway: what people answer to.
    pub question: String,
    /// The action, by its policy name.
    pub action: String,
    /// What it was asked of.
    pub resource: String,
    /// The rules that want it asked, by their names, separated by `, `.
    pub rule: String,
    /// Who may answer.
    pub approvers: Vec<Approvers>,
    /// When the question dies, in nanoseconds since 1970-01-01 UTC.
    pub expires_unix_nanos: u64,
}

/// How a question ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuestionAnswered {
    /// The question's name.
    pub question: String,
    /// Allowed, or refused and why: by somebody, because nobody answered in time, or because the client left.
    pub verdict: Verdict,
    /// Who answered, each by name, in the order of their answers; empty when nobody did.
    pub by: Vec<String>,
    /// How far the answer reaches.
    pub scope: Scope,
    /// How long it took, in nanoseconds.
    pub nanos: u64,
}

/// Who opened a session, from where, to what, and by which rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionOpened {
    /// The principal's name; empty when nobody was recognised.
    pub person: String,
    /// What the principal is.
    pub kind: PrincipalKind,
    /// Who vouches for the principal: an issuer's URL; empty for the users of the configuration.
    pub issuer: String,
    /// The issuer's own name for the principal (`sub`); empty without an issuer.
    pub subject: String,
    /// Whom the principal acts for, where its token says so; empty otherwise.
    pub on_behalf_of: String,
    /// The groups of the principal at that time.
    pub groups: Vec<String>,
    /// How the principal was recognised: `publickey SHA256:…`, `token`, …; empty when nobody was.
    pub proof: String,
    /// The target's name as the client asked for it; empty when none was named.
    pub target: String,
    /// The target's kind (`ssh`, `command`); empty when there is no such target.
    pub target_kind: String,
    /// The login at the target; empty where the target has none.
    pub login: String,
    /// The protocol that the client speaks: `ssh`.
    pub protocol: String,
    /// The client's address, `host:port`.
    pub client_address: String,
    /// What the client called its program, as it said itself.
    pub client_program: String,
    /// The rule that let the session in, or refused it.
    pub rule: String,
    /// The version of the gateway.
    pub gateway: String,
    /// The wall clock at moment 0, in nanoseconds since 1970-01-01 UTC.
    pub opened_unix_nanos: u64,
}

/// Events of the family `session`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// The first event of every tape.
    Opened(Box<SessionOpened>),
    /// A judgement of what may pass.
    Decision {
        /// The action, by its policy name (`connect`, `ssh.exec`, …).
        action: String,
        /// What it was asked of.
        resource: String,
        /// The rules that decided, by their names, separated by `, `.
        rule: String,
        /// Allowed, or refused and why.
        verdict: Verdict,
        /// How long deciding took, in nanoseconds; 0 where that was not measured.
        nanos: u64,
    },
    /// Text of the gateway's own that the peer was shown.
    Notice {
        /// The text.
        text: String,
    },
    /// Something is missing from here on, and why.
    Gap {
        /// Events that are missing.
        events: u64,
        /// Payload bytes that are missing.
        bytes: u64,
        /// Why.
        reason: String,
    },
    /// A place worth finding again.
    Marker {
        /// What to call it.
        label: String,
    },
    /// A peer broke the protocol.
    Fault {
        /// Whose fault it was.
        by: Side,
        /// What the wire expected.
        expected: String,
        /// What it got.
        got: String,
    },
    /// The last event of a tape that was closed in good order.
    Closed {
        /// Why the session ended: `client left`, `target closed`, `refused: …`.
        reason: String,
    },
    /// The client said which work the session belongs to, such as one run of an agent.
    Labelled {
        /// As the client called it.
        label: String,
    },
    /// People are asked whether something may pass; it waits.
    Asked(Box<QuestionAsked>),
    /// A question ended.
    Answered(Box<QuestionAnswered>),
}

impl SessionEvent {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Opened(_) => "session.opened",
            Self::Decision { .. } => "session.decision",
            Self::Notice { .. } => "session.notice",
            Self::Gap { .. } => "session.gap",
            Self::Marker { .. } => "session.marker",
            Self::Fault { .. } => "session.fault",
            Self::Closed { .. } => "session.closed",
            Self::Labelled { .. } => "session.labelled",
            Self::Asked(_) => "session.asked",
            Self::Answered(_) => "session.answered",
        }
    }
}
