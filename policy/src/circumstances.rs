//! What is known when a session opens.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};

use wiretape_core::event::PrincipalKind;

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The principal's name.
    pub name: String,
    /// What the principal is.
    pub kind: PrincipalKind,
    /// The groups that the principal is in.
    pub groups: Vec<String>,
    /// Who vouches for the principal: an issuer's URL; empty for the users of the configuration.
    pub issuer: String,
    /// Whom the principal acts for; empty when for nobody else.
    pub on_behalf_of: String,
    /// What else the issuer claims.
    pub claims: BTreeMap<String, BTreeSet<String>>,
}

/// What is asked for: a target, with what its settings say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetFacts {
    /// Its name.
    pub name: String,
    /// Its kind: `ssh`, `postgres`, `http`, `git`, `command`.
    pub kind: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Whose members alone may use it; empty for everybody's.
    pub groups: Vec<String>,
    /// Pushes that it refuses: `forced`, `deleted`, `ref:<glob>`, `path:<glob>`.
    pub refuse: Vec<String>,
}

/// How it is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// The client's address; `None` where there is none, as over a socket of the machine.
    pub client_address: Option<IpAddr>,
    /// The protocol that the client speaks: `ssh`, `postgres`, `http`.
    pub protocol: String,
    /// The login at the target; empty where the target has none.
    pub login: String,
    /// Which work the client said that the session belongs to.
    pub label: Option<String>,
}

/// A text of policies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The name of its file, for messages.
    pub name: String,
    /// Policies in Cedar.
    pub text: String,
}

/// The name of the type of such a principal.
pub(crate) fn principal_type(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::Person => "Person",
        PrincipalKind::Agent => "Agent",
        PrincipalKind::Service => "Service",
    }
}
