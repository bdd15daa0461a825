//! What an approval is good for after the question that it answered.

use std::collections::BTreeMap;

use wiretape_core::SessionId;
use wiretape_core::event::Scope;

use crate::limits::GRANTS_MAX;
use crate::petition::Settled;
use crate::{Asking, Principal};

/// An approval that covers what is asked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The question that was approved.
    pub question: String,
    /// Who approved, by name.
    pub by: Vec<String>,
    /// How far it reaches.
    pub scope: Scope,
    /// When it was given, in nanoseconds since 1970-01-01 UTC.
    pub since_unix_nanos: u64,
}

/// What a grant covers: a rule about a target, for one principal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Covered {
    principal: Principal,
    target: String,
    rule: String,
}

/// The grants that are good now.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    sessions: BTreeMap<(SessionId, Covered), Granted>,
    windows: BTreeMap<Covered, (u64, Granted)>,
}

impl Grants {
    /// Keeps what `settled` grants beyond the question itself.
    pub(crate) fn put(&mut self, now_unix_nanos: u64, asking: &Asking, settled: &Settled) {
        let granted = Granted {
            question: settled.question.clone(),
            by: settled.by.clone(),
            scope: settled.scope,
            since_unix_nanos: now_unix_nanos,
        };
        let covered =
            Covered { principal: asking.requester.clone(), target: asking.target.clone(), rule: asking.rule.clone() };
        match settled.scope {
            Scope::Once => {}
            // Whoever approved first may have meant a time that is over when the last one approves.
            Scope::Until { unix_nanos } if unix_nanos <= now_unix_nanos => {}
            Scope::Session => {
                if self.sessions.len() >= GRANTS_MAX {
                    let oldest = self.sessions.iter().min_by_key(|(_, granted)| granted.since_unix_nanos);
                    if let Some(key) = oldest.map(|(key, _)| key.clone()) {
                        self.sessions.remove(&key);
                    }
                }
                self.sessions.insert((asking.session, covered), granted);
            }
            Scope::Until { unix_nanos } => {
                if self.windows.len() >= GRANTS_MAX {
                    let first = self.windows.iter().min_by_key(|(_, (until, _))| *until);
                    if let Some(key) = first.map(|(key, _)| key.clone()) {
                        self.windows.remove(&key);
                    }
                }
                self.windows.insert(covered, (unix_nanos, granted));
            }
        }
    }

    /// The grant that covers what is asked, if one does.
    pub(crate) fn find(
        &self,
        now_unix_nanos: u64,
        session: SessionId,
        principal: &Principal,
        target: &str,
        rule: &str,
    ) -> Option<&Granted> {
        let covered = Covered { principal: principal.clone(), target: target.to_owned(), rule: rule.to_owned() };
        let window =
            self.windows.get(&covered).filter(|(until, _)| now_unix_nanos < *until).map(|(_, granted)| granted);
        window.or_else(|| self.sessions.get(&(session, covered)))
    }

    /// Every grant that is good now, with whom it is for, the target and the rule.
    pub(crate) fn all(&self, now_unix_nanos: u64) -> impl Iterator<Item = (&Principal, &str, &str, &Granted)> {
        let sessions = self.sessions.iter().map(|((_, covered), granted)| (covered, granted));
        let windows = self.windows.iter().filter(move |(_, (until, _))| now_unix_nanos < *until);
        let windows = windows.map(|(covered, (_, granted))| (covered, granted));
        sessions
            .chain(windows)
            .map(|(covered, granted)| (&covered.principal, covered.target.as_str(), covered.rule.as_str(), granted))
    }

    /// Forgets what a session was granted.
    pub(crate) fn forget_session(&mut self, session: SessionId) {
        self.sessions.retain(|(of, _), _| *of != session);
    }

    /// Forgets what question `id` granted; whether there was such a grant.
    pub(crate) fn forget_question(&mut self, id: &str) -> bool {
        let before = self.sessions.len() + self.windows.len();
        self.sessions.retain(|_, granted| granted.question != id);
        self.windows.retain(|_, (_, granted)| granted.question != id);
        self.sessions.len() + self.windows.len() < before
    }

    /// Forgets what was granted about `target`.
    pub(crate) fn forget_target(&mut self, target: &str) {
        self.sessions.retain(|(_, covered), _| covered.target != target);
        self.windows.retain(|covered, _| covered.target != target);
    }

    /// Forgets what is over.
    pub(crate) fn expire(&mut self, now_unix_nanos: u64) {
        self.windows.retain(|_, (until, _)| now_unix_nanos < *until);
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.sessions.clear();
        self.windows.clear();
    }

    /// When the first window ends.
    pub(crate) fn next_expiry(&self) -> Option<u64> {
        self.windows.values().map(|(until, _)| *until).min()
    }
}
