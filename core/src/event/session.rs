//! Events of the session itself.

use crate::{Side, Verdict};

/// Who opened a session, from where, to what, and by which rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionOpened {
    /// The principal's name; empty when nobody was recognised.
    pub person: String,
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
        /// The rule that decided.
        rule: String,
        /// Allowed, or refused and why.
        verdict: Verdict,
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
        }
    }
}
