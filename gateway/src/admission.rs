//! From a client that knocks to a tape: what every protocol's door has in common.

use std::time::Duration;

use anyhow::Context;
use wiretape_core::event::{SessionEvent, SessionOpened};
use wiretape_core::{Event, Kind, Lane, Moment, Reason, SessionId, Side, Verdict};
use wiretape_recorder::{Durability, Recording};

use crate::clock::SessionClock;
use crate::gateway::Gateway;

/// Bytes of a name that the record keeps of somebody who was not recognised.
const NAME_BYTES_MAX: usize = 256;

/// How long a wrong token takes, beside what every rejection takes: guessing is slow.
pub(crate) const WRONG_TOKEN_TIME: Duration = Duration::from_secs(1);

/// Begins the tape of a session, with who it is.
///
/// # Errors
/// When the session cannot be recorded: then there is none.
pub(crate) fn begin(
    gateway: &Gateway,
    clock: SessionClock,
    opened: SessionOpened,
    durability: Durability,
) -> anyhow::Result<Recording> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
    let recording = gateway
        .store()
        .begin(SessionId::from_bytes(random), clock.opened_unix_nanos(), durability)
        .context("no tape can be begun")?;
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
    let recording = match begin(gateway, clock, opened, Durability::Queued) {
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
