//! One client of HTTP: where it came in, who it is as far as that is known, and its sessions.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use wiretape_core::Reason;
use wiretape_core::event::SessionOpened;
use wiretape_http::{RequestHead, Route};

use super::sessions::{HttpSession, Key, Labelled};
use crate::admission::cut;
use crate::clock::SessionClock;
use crate::config::{Config, Origin};
use crate::gateway::Gateway;
use crate::identity::Principal;

/// Where a client came in.
#[derive(Clone)]
pub(super) enum Door {
    /// As to a server: the path or the host name says what it wants to reach.
    Reverse,
    /// As to a proxy: the request says it whole.
    Proxy,
    /// Inside of a tunnel that the gateway ends.
    Inside(Arc<Inside>),
}

/// A tunnel that the gateway ends itself, in the place of the target.
pub(super) struct Inside {
    pub(super) origin: Origin,
    pub(super) principal: Principal,
    pub(super) label: Option<String>,
}

/// One client connection, or one tunnel inside of it.
pub(super) struct Client {
    pub(super) gateway: Arc<Gateway>,
    pub(super) labelled: Arc<Labelled>,
    pub(super) address: SocketAddr,
    pub(super) door: Door,
    /// Nobody on the way can read it.
    pub(super) secure: bool,
    /// What its certificate is for.
    pub(super) names: Vec<String>,
    pub(super) sessions: Mutex<Vec<(Key, Arc<HttpSession>)>>,
    pub(super) recent: Mutex<Option<Recent>>,
    pub(super) known: AtomicBool,
    /// Held while a wrong token is thought about: one at a time.
    pub(super) doubt: tokio::sync::Mutex<()>,
    pub(super) let_in: Arc<Notify>,
}

/// What the last request of a connection was found to be, for the next one that is like it.
pub(super) struct Recent {
    pub(super) config: Arc<Config>,
    /// The hash of what it said of who asks: compared in constant time.
    pub(super) asking: blake3::Hash,
    pub(super) scheme: Bytes,
    pub(super) authority: Bytes,
    pub(super) session: Arc<HttpSession>,
    pub(super) route: Arc<Route>,
    /// Who asked, with the proof: the session may have been begun by another one of the same person.
    pub(super) principal: Principal,
}

impl Recent {
    pub(super) fn holds(&self, config: &Arc<Config>, head: &RequestHead, asking: &[u8]) -> bool {
        let below = head.path.strip_prefix(self.route.prefix.as_bytes());
        Arc::ptr_eq(&self.config, config)
            && self.scheme == head.scheme
            && self.authority == head.authority
            && (self.route.base.is_empty() || !steps_up(&String::from_utf8_lossy(&head.path)))
            && below.is_some_and(|below| matches!(below.first(), None | Some(b'/' | b'?')))
            && !self.session.line.is_over()
            && blake3::hash(asking) == self.asking
    }
}

impl Client {
    /// The client is let in: it is no stranger any more.
    pub(super) fn admitted(&self) {
        if !self.known.swap(true, Ordering::Relaxed) {
            self.let_in.notify_one();
        }
    }

    pub(super) fn sessions(&self) -> MutexGuard<'_, Vec<(Key, Arc<HttpSession>)>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the sessions, whatever their exchanges are at.
    pub(super) fn close(&self, reason: &Reason) {
        for (_, session) in self.sessions().iter() {
            session.line.close(reason.clone());
        }
    }

    /// The connection has ended: so have its sessions, but for those whose work goes on elsewhere.
    pub(super) async fn leave(&self) {
        let sessions = std::mem::take(&mut *self.sessions());
        // Side by side: none of them waits until another one has lingered.
        let mut leaving = JoinSet::new();
        for (key, session) in sessions {
            let (labelled, gateway) = (Arc::clone(&self.labelled), Arc::clone(&self.gateway));
            leaving.spawn(async move {
                match key.label {
                    None => session.finish(Reason::new("client", "the client left")).await,
                    Some(_) => labelled.leave(&gateway, &key, &session).await,
                }
            });
        }
        while leaving.join_next().await.is_some() {}
    }

    /// A client inside of a tunnel of this one.
    pub(super) fn inside(self: &Arc<Self>, inside: Arc<Inside>, secure: bool) -> Arc<Self> {
        Arc::new(Self {
            gateway: Arc::clone(&self.gateway),
            labelled: Arc::clone(&self.labelled),
            address: self.address,
            door: Door::Inside(inside),
            secure,
            names: Vec::new(),
            sessions: Mutex::default(),
            recent: Mutex::default(),
            known: AtomicBool::new(true),
            doubt: tokio::sync::Mutex::default(),
            let_in: Arc::new(Notify::new()),
        })
    }

    /// What a tape begins with, as far as it is known.
    pub(super) fn opened(
        &self,
        clock: SessionClock,
        principal: Option<&Principal>,
        head: &RequestHead,
    ) -> SessionOpened {
        let program = head.fields.iter().find(|field| field.name.eq_ignore_ascii_case(b"user-agent"));
        SessionOpened {
            protocol: "http".to_owned(),
            client_address: self.address.to_string(),
            client_program: program.map(|field| cut(&String::from_utf8_lossy(&field.value))).unwrap_or_default(),
            gateway: env!("CARGO_PKG_VERSION").to_owned(),
            opened_unix_nanos: clock.opened_unix_nanos(),
            ..principal.map(Principal::opened).unwrap_or_default()
        }
    }
}

/// Whether a target could read the path as one that leaves its beginning (RFC 3986 section 5.2.4), however it is written.
pub(super) fn steps_up(path: &str) -> bool {
    if !path.contains("..") && !path.contains('%') {
        return false;
    }
    let path = path.split('?').next().unwrap_or_default().to_ascii_lowercase().replace("%2e", ".");
    let path = path.replace("%2f", "/").replace("%5c", "/").replace('\\', "/");
    // Some servers take what stands behind a `;` for a parameter of the segment.
    path.split('/').any(|segment| segment.split(';').next() == Some(".."))
}

#[cfg(test)]
mod tests {
    use super::steps_up;

    #[test]
    fn a_path_that_steps_up_is_seen_however_it_is_written() {
        for path in ["/v1/..", "/v1/../x", "/v1/%2E%2e/x", "/v1/.%2e;a=b/x", "/v1/..%2fx", "/v1/..\\x", "/v1/%2e.?q"] {
            assert!(steps_up(path), "{path}");
        }
        for path in ["/v1/a..b", "/v1/...", "/v1/x?up=../y", "/v1/.", "/v1/..x/y"] {
            assert!(!steps_up(path), "{path}");
        }
    }
}
