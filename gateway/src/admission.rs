//! From a client that knocks to a tape: what every protocol's door has in common.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use wiretape_core::event::{SessionEvent, SessionOpened};
use wiretape_core::{Event, Guard, Kind, Lane, Moment, Reason, SessionId, Side, Verdict};
use wiretape_policy::Circumstances;
use wiretape_recorder::{Durability, Recording};

use crate::chance::session_id;
use crate::clock::SessionClock;
use crate::config::Target;
use crate::gateway::Gateway;
use crate::identity::Principal;
use crate::policy::PolicyGuard;
use crate::questions::Asker;

/// Bytes of a name that the record keeps of somebody who was not recognised.
const NAME_BYTES_MAX: usize = 256;

/// The rule by which somebody is turned away unheard, because too many have guessed.
pub(crate) const HELD_OFF: &str = "held-off";

/// How long a wrong token takes, beside what every rejection takes: guessing is slow.
pub(crate) const WRONG_TOKEN_TIME: Duration = Duration::from_secs(1);

/// What the policy says of a session that is about to begin, and what it will be asked by.
pub(crate) struct Clearance {
    /// The session's name.
    pub(crate) session: SessionId,
    /// Who judges what is done in it.
    pub(crate) guard: Box<dyn Guard>,
    /// By whom it asks people.
    pub(crate) asker: Asker,
    /// The rules that let it begin, by their names, separated by `, `.
    pub(crate) rule: String,
    /// How long that took, in nanoseconds.
    pub(crate) nanos: u64,
    /// Whether people have to agree to it before anything is done in it.
    pub(crate) is_asked: bool,
}

impl Clearance {
    /// The decision, for the record.
    pub(crate) fn decision(&self, target: &str) -> SessionEvent {
        SessionEvent::Decision {
            action: "connect".to_owned(),
            resource: target.to_owned(),
            rule: self.rule.clone(),
            verdict: Verdict::Allow,
            nanos: self.nanos,
        }
    }
}

/// Whether `principal` may begin a session with `target`, as the policy in force says.
///
/// # Errors
/// Why not; or the system gives no random bytes.
pub(crate) fn clear(
    gateway: &Gateway,
    clock: SessionClock,
    principal: &Principal,
    target: &Target,
    circumstances: Circumstances,
) -> Result<Clearance, Reason> {
    let session = session_id().map_err(|error| Reason::new("gateway", format!("{error:#}")))?;
    let asker = gateway.asker(session, principal, &target.name);
    clear_for(gateway, clock, session, asker, principal, target, circumstances)
}

/// As [`clear`], for a session that has a name already and asks by `asker`.
///
/// # Errors
/// Why it may not go on to `target`.
pub(crate) fn clear_for(
    gateway: &Gateway,
    clock: SessionClock,
    session: SessionId,
    asker: Asker,
    principal: &Principal,
    target: &Target,
    circumstances: Circumstances,
) -> Result<Clearance, Reason> {
    let grants = asker.clone();
    let mut guard = PolicyGuard::new(
        Arc::clone(gateway.policies()),
        principal.subject(),
        target.facts(),
        circumstances,
        Box::new(move |rule| grants.granted(rule)),
        clock,
    );
    let (verdict, rule, nanos) = guard.connect();
    match verdict {
        Verdict::Allow => {
            asker.expect_entrance(guard.entrance());
            let is_asked = guard.entrance().is_some_and(|rule| asker.granted(rule).is_none());
            Ok(Clearance { session, guard: Box::new(guard), asker, rule, nanos, is_asked })
        }
        Verdict::Refuse(reason) => Err(reason),
    }
}

/// Begins the tape of a session, with who it is.
///
/// # Errors
/// When the session cannot be recorded: then there is none.
pub(crate) fn begin(
    gateway: &Gateway,
    session: SessionId,
    clock: SessionClock,
    opened: SessionOpened,
    durability: Durability,
) -> anyhow::Result<Recording> {
    let recording =
        gateway.store().begin(session, clock.opened_unix_nanos(), durability).context("no tape can be begun")?;
    let event = of_session(Moment::START, SessionEvent::Opened(Box::new(opened)));
    recording.append(event).context("the tape takes no events")?;
    Ok(recording)
}

/// Records that somebody was not let in: a session that holds only that, and whose name is returned.
pub(crate) async fn record_refusal(
    gateway: &Gateway,
    clock: SessionClock,
    mut opened: SessionOpened,
    reason: Reason,
) -> Option<SessionId> {
    opened.rule.clone_from(&reason.rule);
    tracing::warn!(client = opened.client_address, asked = opened.target, "refused: {}", reason.text);
    let resource = opened.target.clone();
    let begun = session_id().and_then(|session| begin(gateway, session, clock, opened, Durability::Queued));
    let recording = match begun {
        Ok(recording) => recording,
        Err(error) => {
            tracing::error!("a refusal cannot be recorded: {error:#}");
            return None;
        }
    };
    let decision = SessionEvent::Decision {
        action: "connect".to_owned(),
        resource,
        rule: reason.rule.clone(),
        verdict: Verdict::Refuse(reason.clone()),
        nanos: 0,
    };
    let closed = SessionEvent::Closed { reason: format!("refused: {}", reason.text) };
    for event in [decision, closed] {
        if let Err(lost) = recording.append(of_session(clock.now(), event)) {
            tracing::error!("a refusal cannot be recorded: {lost}");
            return None;
        }
    }
    if let Err(lost) = recording.finish().await {
        tracing::error!("a refusal cannot be recorded: {lost}");
        return None;
    }
    Some(recording.id())
}

/// An event of the session itself.
pub(crate) fn of_session(at: Moment, event: SessionEvent) -> Event {
    Event { at, side: Side::Client, lane: Lane::CONNECTION, kind: Kind::Session(event) }
}

/// As much of a name as the record keeps.
pub(crate) fn cut(name: &str) -> String {
    name.get(..name.floor_char_boundary(NAME_BYTES_MAX)).unwrap_or_default().to_owned()
}
