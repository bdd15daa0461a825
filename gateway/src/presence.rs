//! Who is here: the sessions that run now, whose they are, and how each is ended.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wiretape_core::event::SessionOpened;
use wiretape_core::{Reason, SessionId};

use crate::identity::Principal;
use crate::questions::Questions;

/// Ends a session, from anywhere.
pub(crate) type End = Box<dyn Fn(Reason) + Send + Sync>;

/// The sessions that run now.
pub(crate) struct Presence {
    questions: Arc<Questions>,
    begun: AtomicU64,
    sessions: Mutex<HashMap<SessionId, Present>>,
}

/// One session that runs.
struct Present {
    principal: Principal,
    opened: Arc<SessionOpened>,
    end: Arc<End>,
}

/// A place among the sessions that run. Dropping it gives it up.
pub(crate) struct Place {
    presence: Arc<Presence>,
    session: SessionId,
}

impl Presence {
    /// Nobody is here. What a session asks of `questions` ends with it.
    pub(crate) fn new(questions: Arc<Questions>) -> Self {
        Self { questions, begun: AtomicU64::new(0), sessions: Mutex::default() }
    }

    /// A session began. `end` must not keep it alive.
    pub(crate) fn enter(
        self: &Arc<Self>,
        session: SessionId,
        principal: &Principal,
        opened: SessionOpened,
        end: End,
    ) -> Place {
        let present = Present { principal: principal.clone(), opened: Arc::new(opened), end: Arc::new(end) };
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.sessions().insert(session, present);
        Place { presence: Arc::clone(self), session }
    }

    /// Where the client of one is.
    pub(crate) fn address_of(&self, session: SessionId) -> Option<IpAddr> {
        let opened = self.sessions().get(&session).map(|present| Arc::clone(&present.opened))?;
        opened.client_address.parse::<SocketAddr>().ok().map(|address| address.ip())
    }

    /// How many run.
    pub(crate) fn count(&self) -> usize {
        self.sessions().len()
    }

    /// How many began since the gateway was started.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Ends one; false when it does not run.
    pub(crate) fn end(&self, session: SessionId, reason: Reason) -> bool {
        let end = self.sessions().get(&session).map(|present| Arc::clone(&present.end));
        // Not under the lock: a session that ends gives its place up.
        end.is_some_and(|end| {
            end(reason);
            true
        })
    }

    /// Ends those of whom `why` has something to say.
    pub(crate) fn end_those(&self, why: impl Fn(&Principal) -> Option<Reason>) {
        let ends: Vec<(Arc<End>, Reason)> = self
            .sessions()
            .values()
            .filter_map(|present| Some((Arc::clone(&present.end), why(&present.principal)?)))
            .collect();
        for (end, reason) in ends {
            end(reason);
        }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<SessionId, Present>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.presence.sessions().remove(&self.session);
        self.presence.questions.forget(self.session);
    }
}
