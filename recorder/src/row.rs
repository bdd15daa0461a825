//! A session as the catalogue lists it.

use std::path::PathBuf;

use wiretape_core::SessionId;
use wiretape_core::event::PrincipalKind;

/// How a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionState {
    /// It is being recorded now.
    Live,
    /// It ended, and its tape has its trailer.
    Closed,
    /// Its tape ends without a trailer: the gateway died, or the recording was lost.
    CutOff,
    /// The connection was refused.
    Refused,
}

impl SessionState {
    /// The word used in the catalogue, in JSON and in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Closed => "closed",
            Self::CutOff => "cut off",
            Self::Refused => "refused",
        }
    }

    /// The state that is called `name`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Live, Self::Closed, Self::CutOff, Self::Refused].into_iter().find(|state| state.name() == name)
    }
}

impl std::fmt::Display for SessionState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// One session in the catalogue. Everything in it follows from the session's tape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// The session's name.
    pub id: SessionId,
    /// Who; empty when nobody was recognised.
    pub person: String,
    /// What the principal is: a person, an agent, a service.
    pub kind: PrincipalKind,
    /// Whom the principal acts for; empty when for nobody else.
    pub on_behalf_of: String,
    /// The target's name as it was asked for.
    pub target: String,
    /// The target's kind.
    pub target_kind: String,
    /// The login at the target.
    pub login: String,
    /// The protocol that the client spoke.
    pub protocol: String,
    /// The client's `host:port`.
    pub client_address: String,
    /// The work that the client said it belongs to; empty when it said none.
    pub label: String,
    /// What it was about, where its events tell: the first ref that was pushed with what became of it, as
    /// `push refs/heads/main (forced) to /org/shop.git`
    /// (where the gateway refused it: `(forced, refused)`); else what was fetched, as `fetch /org/shop.git`; else the first
    /// request of HTTP, as `GET /orders`. Behind it how many more there were, as ` +41`. Empty for other sessions.
    pub what: String,
    /// When it opened, in nanoseconds since 1970-01-01 UTC.
    pub opened_unix_nanos: u64,
    /// When its last event was; `None` while it is live.
    pub closed_unix_nanos: Option<u64>,
    /// How it stands.
    pub state: SessionState,
    /// Why it ended or was refused; empty while it is live.
    pub reason: String,
    /// Events on the tape.
    pub events: u64,
    /// Payload bytes that the client sent.
    pub client_bytes: u64,
    /// Payload bytes that the target sent.
    pub upstream_bytes: u64,
    /// The size of the tape.
    pub tape_bytes: u64,
    /// Where the tape is.
    pub tape: PathBuf,
}

/// Which sessions to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this person only.
    pub person: Option<String>,
    /// Of principals of this kind only.
    pub kind: Option<PrincipalKind>,
    /// Of those only that act for this person.
    pub on_behalf_of: Option<String>,
    /// To this target only.
    pub target: Option<String>,
    /// With this label only.
    pub label: Option<String>,
    /// In this state only.
    pub state: Option<SessionState>,
    /// Opened at or after this, in nanoseconds since 1970-01-01 UTC.
    pub since_unix_nanos: Option<u64>,
    /// Opened before this, in nanoseconds since 1970-01-01 UTC.
    pub until_unix_nanos: Option<u64>,
    /// No more than this many.
    pub limit: Option<usize>,
}

/// What [`crate::Archive::reindex`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reindexed {
    /// Tapes that the catalogue lists now.
    pub sessions: u64,
    /// Files among the tapes that could not be read as tapes; each is named in the log.
    pub unreadable: u64,
}
