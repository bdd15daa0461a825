//! The sessions of HTTP clients: one for each connection, person and target; or for each label that a client names its
//! work by, over all its connections from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio_util::sync::CancellationToken;
use wiretape_core::Reason;
use wiretape_core::event::{SessionEvent, SessionOpened};
use wiretape_identity::Identity;

use crate::admission::{Clearance, begin, of_session};
use crate::clock::SessionClock;
use crate::config::Target;
use crate::dial::http::Upstreams;
use crate::exchange::HttpLine;
use crate::gateway::Gateway;
use crate::identity::Principal;
use crate::presence::Place;

/// Whose session it is, from where, and what for.
///
/// What is done in a session is judged by who began it and from where. So nobody else may come into it: not somebody of
/// the same name from another issuer, not an agent that acts for somebody else, not the same person with other groups.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// Without its proof: a token that was renewed is no other person.
    pub(crate) who: Identity,
    pub(crate) address: IpAddr,
    pub(crate) target: String,
    pub(crate) label: Option<String>,
}

/// One session, and its ways to the target.
pub(crate) struct HttpSession {
    pub(crate) line: HttpLine,
    pub(crate) upstreams: Arc<Upstreams>,
    /// Its tape was ended, or is being ended.
    finished: AtomicBool,
    _place: Place,
}

/// The sessions whose work has a label.
#[derive(Default)]
pub(crate) struct Labelled {
    sessions: Mutex<HashMap<Key, Shared>>,
}

struct Shared {
    session: Arc<HttpSession>,
    /// Connections that use it.
    users: usize,
    /// Stops waiting for the next one.
    returned: CancellationToken,
}

impl HttpSession {
    /// Begins a session, on the record.
    ///
    /// # Errors
    /// It cannot be recorded.
    pub(crate) fn open(
        gateway: &Gateway,
        clock: SessionClock,
        principal: &Principal,
        opened: SessionOpened,
        clearance: Clearance,
        target: Arc<Target>,
        label: Option<&str>,
    ) -> anyhow::Result<Arc<Self>> {
        let person = opened.person.clone();
        let recording = begin(gateway, clearance.session, clock, opened.clone(), target.durability)?;
        let decision = clearance.decision(&opened.target);
        recording.append(of_session(clock.now(), decision))?;
        if let Some(label) = label {
            recording.append(of_session(clock.now(), SessionEvent::Labelled { label: label.to_owned() }))?;
        }
        tracing::info!(session = %recording.id(), person, target = target.name, "session opened");
        let session = clearance.session;
        let line = HttpLine::new(gateway, clock, recording, &target, clearance.guard, clearance.asker);
        let upstreams = Arc::new(Upstreams::new(target, clock));
        Ok(Arc::new_cyclic(|this: &Weak<Self>| {
            let this = Weak::clone(this);
            let end = Box::new(move |reason| {
                if let Some(session) = this.upgrade() {
                    session.line.close(reason);
                }
            });
            let place = gateway.presence().enter(session, principal, opened, end);
            Self { line, upstreams, finished: AtomicBool::new(false), _place: place }
        }))
    }

    /// Ends the session and its tape. Of several connections that had it, one does.
    pub(crate) async fn finish(&self, reason: Reason) {
        if self.finished.swap(true, Ordering::Relaxed) {
            return;
        }
        self.line.close(reason);
        let recording = self.line.recording();
        let reason = self.line.ended().map(|reason| reason.text).unwrap_or_default();
        match recording.finish().await {
            Ok(summary) => {
                tracing::info!(session = %recording.id(), events = summary.events, "session closed: {reason}");
            }
            Err(lost) => tracing::error!(session = %recording.id(), "the tape was not finished: {lost}"),
        }
    }
}

impl Labelled {
    /// The session of `key`, which `open` begins where there is none.
    ///
    /// # Errors
    /// Those of `open`.
    pub(crate) fn enter<E>(
        &self,
        key: &Key,
        open: impl FnOnce() -> Result<Arc<HttpSession>, E>,
    ) -> Result<Arc<HttpSession>, E> {
        let mut sessions = self.sessions();
        if let Some(shared) = sessions.get_mut(key)
            && !shared.session.line.is_over()
        {
            shared.users += 1;
            shared.returned.cancel();
            shared.returned = CancellationToken::new();
            return Ok(Arc::clone(&shared.session));
        }
        let session = open()?;
        let shared = Shared { session: Arc::clone(&session), users: 1, returned: CancellationToken::new() };
        sessions.insert(key.clone(), shared);
        Ok(session)
    }

    /// A connection of `session` has ended. The last one waits for the next, and ends the session when none comes.
    pub(crate) async fn leave(&self, gateway: &Gateway, key: &Key, session: &Arc<HttpSession>) {
        let returned = {
            let mut sessions = self.sessions();
            match sessions.get_mut(key).filter(|shared| Arc::ptr_eq(&shared.session, session)) {
                Some(shared) => {
                    shared.users = shared.users.saturating_sub(1);
                    (shared.users == 0).then(|| shared.returned.clone())
                }
                // It ended for another reason, and another one took its place.
                None => Some(CancellationToken::new()),
            }
        };
        let Some(returned) = returned else { return };
        tokio::select! {
            () = returned.cancelled() => return,
            () = session.line.over().cancelled() => {}
            () = gateway.stopped() => {}
            () = tokio::time::sleep(gateway.config().http_settings.label_linger) => {}
        }
        let last = {
            let mut sessions = self.sessions();
            let unused =
                sessions.get(key).is_none_or(|shared| !Arc::ptr_eq(&shared.session, session) || shared.users == 0);
            if unused && sessions.get(key).is_some_and(|shared| Arc::ptr_eq(&shared.session, session)) {
                sessions.remove(key);
            }
            unused
        };
        if last {
            session.finish(Reason::new("client", "the client left")).await;
        }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<Key, Shared>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
