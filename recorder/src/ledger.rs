//! What the catalogue says of a session, drawn from its events alone.

use std::path::PathBuf;

use wiretape_core::event::{GitEvent, GitService, HttpEvent, PrincipalKind, RefUpdate, SessionEvent};
use wiretape_core::{Event, Kind, Lane, Moment, SessionId, Side, Verdict};

use crate::limits::CATALOGUE_TEXT_BYTES_MAX;
use crate::row::{SessionRow, SessionState};

/// The action whose refusal refuses the whole session.
const CONNECT: &str = "connect";

/// The action whose refusal refuses a push.
const PUSH: &str = "git.push";

/// How the reason of a session begins that ended with a refusal.
const REFUSED: &str = "refused: ";

/// Why a session is cut off, as the catalogue says it. The tape cannot say why itself: it has no more to say.
const CUT_OFF: &str = "the recording stopped before the session ended";

/// How the tape stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stand {
    /// It is being written.
    Live,
    /// It has its trailer.
    Sealed,
    /// It has none and will get none.
    CutOff,
}

/// The running account of one tape.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    opened: Option<Box<Opened>>,
    refused: Option<String>,
    closed: Option<String>,
    label: Option<String>,
    /// The first request of HTTP, and how many there are.
    request: Counted,
    /// The first thing that was done with a repository of Git, and how many others there are.
    conversation: Counted,
    /// What was done last with which repository: that takes several requests of HTTP.
    done: String,
    /// The first ref that is pushed, and how many there are.
    push: Option<Box<Pushed>>,
    pushes: u64,
    /// The repository of the conversation that began last.
    repository: Option<(Lane, String)>,
    pub(crate) events: u64,
    pub(crate) client_bytes: u64,
    pub(crate) upstream_bytes: u64,
    pub(crate) gaps: u64,
    pub(crate) last: Moment,
}

/// A ref that is pushed.
#[derive(Clone, Debug)]
struct Pushed {
    lane: Lane,
    name: String,
    change: &'static str,
    /// Where to, in words; empty when that is not known.
    to: String,
    refused: bool,
}

impl Pushed {
    fn words(&self, others: u64) -> String {
        let refused = if self.refused { ", refused" } else { "" };
        let words = cut(&format!("push {} ({}{refused}){}", self.name, self.change, self.to));
        if others > 0 { format!("{words} +{others}") } else { words }
    }
}

/// The first of something, in words, and how many there are.
#[derive(Clone, Debug, Default)]
struct Counted {
    first: Option<String>,
    count: u64,
}

impl Counted {
    /// Counts one more. True when it is the first.
    fn count(&mut self, words: impl FnOnce() -> String) -> bool {
        self.count = self.count.saturating_add(1);
        let is_first = self.first.is_none();
        self.first.get_or_insert_with(|| cut(&words()));
        is_first
    }

    /// The first, and how many came behind it.
    fn words(&self) -> Option<String> {
        let first = self.first.as_ref()?;
        Some(if self.count > 1 { format!("{first} +{}", self.count - 1) } else { first.clone() })
    }
}

#[derive(Clone, Debug)]
struct Opened {
    person: String,
    kind: PrincipalKind,
    on_behalf_of: String,
    target: String,
    target_kind: String,
    login: String,
    protocol: String,
    client_address: String,
}

impl Ledger {
    /// Counts `event`. True when the catalogue should hear of it at once.
    pub(crate) fn note(&mut self, event: &Event) -> bool {
        self.events = self.events.saturating_add(1);
        self.last = event.at;
        let bytes = event.kind.payload_bytes() as u64;
        match event.side {
            Side::Client => self.client_bytes = self.client_bytes.saturating_add(bytes),
            Side::Upstream => self.upstream_bytes = self.upstream_bytes.saturating_add(bytes),
        }
        match &event.kind {
            Kind::Session(said) => self.note_session(event.lane, said),
            Kind::Http(HttpEvent::Request { method, authority, path, .. }) => {
                let asked = if path.is_empty() { authority } else { path };
                self.request.count(|| format!("{} {}", text(method), text(asked)))
            }
            Kind::Git(GitEvent::Service { service, repository }) => self.note_service(event.lane, *service, repository),
            Kind::Git(GitEvent::Update(update)) => self.note_update(event.lane, update),
            _ => false,
        }
    }

    fn note_service(&mut self, lane: Lane, service: GitService, repository: &[u8]) -> bool {
        let verb = match service {
            GitService::UploadPack => "fetch",
            GitService::ReceivePack => "push",
            GitService::UploadArchive => "archive",
        };
        let repository = cut(&text(repository));
        let done = format!("{verb} {repository}");
        self.repository = Some((lane, repository));
        if self.done == done {
            return false;
        }
        self.done = done;
        self.conversation.count(|| self.done.clone())
    }

    fn note_update(&mut self, lane: Lane, update: &RefUpdate) -> bool {
        let to = self.repository.as_ref().filter(|(its, _)| *its == lane).map(|(_, repository)| repository);
        let to = to.map(|repository| format!(" to {repository}")).unwrap_or_default();
        self.pushes = self.pushes.saturating_add(1);
        if self.push.is_some() {
            return false;
        }
        let (name, change) = (text(&update.name), update.change.name());
        self.push = Some(Box::new(Pushed { lane, name, change, to, refused: false }));
        true
    }

    fn note_session(&mut self, lane: Lane, event: &SessionEvent) -> bool {
        match event {
            SessionEvent::Opened(opened) if self.opened.is_none() => {
                self.opened = Some(Box::new(Opened {
                    person: cut(&opened.person),
                    kind: opened.kind,
                    on_behalf_of: cut(&opened.on_behalf_of),
                    target: cut(&opened.target),
                    target_kind: cut(&opened.target_kind),
                    login: cut(&opened.login),
                    protocol: cut(&opened.protocol),
                    client_address: cut(&opened.client_address),
                }));
                true
            }
            SessionEvent::Decision { action, resource, verdict, .. } if action == CONNECT => {
                // Who chose a target from the menu had named none before; and may choose another after a refusal.
                if let Some(opened) = self.opened.as_deref_mut().filter(|opened| opened.target.is_empty()) {
                    opened.target = cut(resource);
                }
                self.refused = match verdict {
                    Verdict::Allow => None,
                    Verdict::Refuse(reason) => Some(cut(&reason.text)),
                };
                true
            }
            SessionEvent::Decision { action, verdict: Verdict::Refuse(_), .. } if action == PUSH => {
                if let Some(push) = self.push.as_deref_mut().filter(|push| push.lane == lane) {
                    push.refused = true;
                }
                true
            }
            SessionEvent::Closed { reason } => {
                if let Some(refused) = reason.strip_prefix(REFUSED) {
                    self.refused = Some(cut(refused));
                }
                self.closed = Some(cut(reason));
                false
            }
            // A session belongs to the work that was named first.
            SessionEvent::Labelled { label } if self.label.is_none() => {
                self.label = Some(cut(label));
                true
            }
            SessionEvent::Gap { .. } => {
                self.gaps = self.gaps.saturating_add(1);
                false
            }
            _ => false,
        }
    }

    /// The row of session `id`, whose tape stands so.
    pub(crate) fn row(
        &self,
        id: SessionId,
        opened_unix_nanos: u64,
        stand: Stand,
        tape_bytes: u64,
        tape: PathBuf,
    ) -> SessionRow {
        let (state, reason) = match (stand, &self.refused, &self.closed) {
            // Whatever it will have been, it goes on: its tape is not whole yet.
            (Stand::Live, ..) => (SessionState::Live, String::new()),
            (_, Some(refused), _) => (SessionState::Refused, refused.clone()),
            (Stand::CutOff, ..) => (SessionState::CutOff, CUT_OFF.to_owned()),
            (Stand::Sealed, None, closed) => (SessionState::Closed, closed.clone().unwrap_or_default()),
        };
        // What is pushed says more than what is fetched, and both say more than the requests that they are made of.
        let push = self.push.as_ref().map(|push| push.words(self.pushes.saturating_sub(1)));
        let what = push.or_else(|| self.conversation.words()).or_else(|| self.request.words()).unwrap_or_default();
        let text = |field: fn(&Opened) -> &String| self.opened.as_deref().map(field).cloned().unwrap_or_default();
        SessionRow {
            id,
            person: text(|opened| &opened.person),
            kind: self.opened.as_deref().map(|opened| opened.kind).unwrap_or_default(),
            on_behalf_of: text(|opened| &opened.on_behalf_of),
            target: text(|opened| &opened.target),
            target_kind: text(|opened| &opened.target_kind),
            login: text(|opened| &opened.login),
            protocol: text(|opened| &opened.protocol),
            client_address: text(|opened| &opened.client_address),
            label: self.label.clone().unwrap_or_default(),
            what,
            opened_unix_nanos,
            closed_unix_nanos: (stand != Stand::Live).then(|| opened_unix_nanos.saturating_add(self.last.as_nanos())),
            state,
            reason,
            events: self.events,
            client_bytes: self.client_bytes,
            upstream_bytes: self.upstream_bytes,
            tape_bytes,
            tape,
        }
    }
}

/// The start of a name of a peer's.
fn text(bytes: &[u8]) -> String {
    let start = bytes.get(..CATALOGUE_TEXT_BYTES_MAX).unwrap_or(bytes);
    String::from_utf8_lossy(start).into_owned()
}

/// The start of `text` that the catalogue keeps.
fn cut(text: &str) -> String {
    let end = text.floor_char_boundary(CATALOGUE_TEXT_BYTES_MAX);
    text.get(..end).unwrap_or_default().to_owned()
}
