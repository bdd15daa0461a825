//! Before the way to a target: where people have to agree to the session, the target is reached once they have.
//!
//! Of what a client sends before its first action, nothing is judged: its lanes open here, and what it wishes for its
//! terminal and its environment is kept. What is judged arrives only when it may pass; then the target takes the lane
//! over, with all that came before.

use std::sync::{Arc, OnceLock};

use wiretape_core::event::StreamKind;
use wiretape_core::{Asking, Lane, Reason, Side};
use wiretape_ssh::{Message, Request};

use crate::config::Config;
use crate::examination::Mute;
use crate::gateway::Gateway;
use crate::line::{Door, Line};
use crate::outlet::{OutletQueue, Parcel, outlet, request_bytes};
use crate::questions::ASKING_HELD_BYTES_MAX;

/// Messages of a lane that are kept.
const MESSAGES_MAX: usize = 1024;

/// The way to a target that is not to be reached yet.
#[derive(Clone)]
pub(super) struct Vestibule {
    gateway: Arc<Gateway>,
    config: Arc<Config>,
    target: String,
    login: String,
    person: String,
    reached: Arc<OnceLock<Arc<dyn Door>>>,
}

impl Vestibule {
    /// Before `target`, which stands in `config`.
    pub(super) fn new(
        gateway: Arc<Gateway>,
        config: Arc<Config>,
        target: String,
        login: String,
        person: String,
    ) -> Self {
        Self { gateway, config, target, login, person, reached: Arc::default() }
    }

    /// The way to the target, from now on.
    fn reach(&self, line: &Line) -> &Arc<dyn Door> {
        self.reached.get_or_init(|| match self.config.targets.get(&self.target) {
            Some(target) => super::reach(&self.gateway, line, target, self.login.clone(), &self.person),
            None => super::refused(line, Reason::new("unknown-target", "the target is gone")),
        })
    }

    /// Serves one lane until something comes that was judged.
    async fn serve(self, line: Line, lane: Lane, mut queue: OutletQueue) {
        let mut kept: Vec<Parcel> = Vec::new();
        let mut kept_bytes = 0_usize;
        let mut is_open = false;
        while let Ok(Some(Parcel { message, event })) = queue.next().await {
            kept_bytes = kept_bytes.saturating_add(request_bytes(&message));
            let is_judged = match &message {
                Message::Open { kind: StreamKind::Session, .. } => {
                    line.say(Side::Upstream, Message::Opened { lane });
                    is_open = true;
                    false
                }
                // Forwardings were judged before they came here.
                Message::Open { .. } | Message::Listen { .. } => true,
                Message::Request { request, .. } => {
                    matches!(
                        request,
                        Request::Shell | Request::Exec { .. } | Request::Subsystem { .. } | Request::Agent
                    )
                }
                Message::Close { .. } => return,
                Message::Data { bytes, .. } => {
                    kept_bytes = kept_bytes.saturating_add(bytes.len());
                    false
                }
                _ => false,
            };
            let message = match message {
                Message::Request { lane, request, want_reply: true } if !is_judged => {
                    line.say(Side::Upstream, Message::Answer { lane, accepted: true });
                    Message::Request { lane, request, want_reply: false }
                }
                message => message,
            };
            kept.push(Parcel { message, event });
            if is_judged {
                return self.hand_over(&line, lane, queue, kept, is_open).await;
            }
            if kept.len() > MESSAGES_MAX || kept_bytes > ASKING_HELD_BYTES_MAX {
                return line.close(Reason::new("limits", "too much was said before anything was asked for"));
            }
        }
    }

    /// The target takes the lane over.
    async fn hand_over(&self, line: &Line, lane: Lane, mut queue: OutletQueue, kept: Vec<Parcel>, is_open: bool) {
        let upstream = self.reach(line);
        let (put, take) = outlet(self.gateway.spool_folder().to_owned());
        for parcel in kept {
            if put.push(parcel).is_err() {
                return line.close(Reason::new("spool", "what was said before the target was reached cannot be kept"));
            }
        }
        if is_open {
            upstream.take_over(line, lane, take);
        } else {
            upstream.open(line, lane, take);
        }
        while let Ok(Some(parcel)) = queue.next().await {
            if put.push(parcel).is_err() {
                break;
            }
            put.room().await;
        }
        put.finish();
    }
}

impl Door for Vestibule {
    fn open(&self, line: &Line, lane: Lane, queue: OutletQueue) {
        match self.reached.get() {
            Some(upstream) => upstream.open(line, lane, queue),
            None => {
                tokio::spawn(self.clone().serve(line.clone(), lane, queue));
            }
        }
    }

    fn asking(&self, line: &Line) -> Box<dyn Asking + Send> {
        match self.reached.get() {
            Some(upstream) => upstream.asking(line),
            None => Box::new(Mute),
        }
    }
}
