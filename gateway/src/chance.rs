//! What is chosen by chance: names of sessions.

use wiretape_core::SessionId;

/// A name for a new session.
///
/// # Errors
/// When the system gives no random bytes.
pub(crate) fn session_id() -> anyhow::Result<SessionId> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
    Ok(SessionId::from_bytes(random))
}
