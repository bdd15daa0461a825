//! What has to be looked at again and again: questions that nobody answered, logins that ended, guesses that were held
//! off.

use std::sync::Arc;
use std::time::Duration;

use wiretape_core::event::SessionOpened;
use wiretape_core::{Moment, Reason};
use wiretape_identity::Held;

use crate::admission::{self, HELD_OFF};
use crate::clock::{SessionClock, unix_nanos, unix_seconds};
use crate::config::{Expired, Removed};
use crate::gateway::Gateway;
use crate::identity::Principal;
use crate::questions::EXPIRY_LOOK_INTERVAL;

/// How long nobody must have guessed before the guesses that were held off are told of.
const HELD_QUIET_TIME: Duration = Duration::from_secs(30);

/// Goes round until the gateway is stopped.
pub(crate) async fn walk(gateway: Arc<Gateway>) {
    let mut revoked = gateway.revocations().changed();
    let mut round = tokio::time::interval(EXPIRY_LOOK_INTERVAL);
    let stopped = gateway.stopped();
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            () = &mut stopped => return,
            _ = round.tick() => {}
            Ok(()) = revoked.changed() => {}
        }
        gateway.questions().expire();
        gateway.presence().end_those(|principal| gone(&gateway, principal));
        for held in gateway.attempts().held(unix_nanos(), HELD_QUIET_TIME) {
            record(&gateway, &held).await;
        }
    }
}

/// Why the sessions of `principal` end, if they do.
fn gone(gateway: &Gateway, principal: &Principal) -> Option<Reason> {
    let config = gateway.config();
    let identity = principal.identity();
    let over = identity.is_over(unix_seconds());
    let removed = principal.is_local() && !config.users.iter().any(|user| user.name == identity.name);
    let trusted = config.issuers.iter().any(|issuer| issuer.settings.url == identity.issuer);
    let distrusted = !trusted && !identity.issuer.is_empty();
    let revoked = gateway.revocations().is_revoked(identity);
    let ends = config.login.removed == Removed::AtOnce || over || identity.expires_unix.is_none();
    let (rule, what) = match (removed, revoked) {
        (true, _) if ends => ("revoked", "this user was removed"),
        (false, true) if ends => ("revoked", "this login was revoked"),
        _ if distrusted && ends => ("revoked", "nobody takes the word of this login's issuer any more"),
        _ if over && config.login.expired == Expired::Ends => ("expired", "this login has expired"),
        _ => return None,
    };
    Some(Reason::new(rule, format!("{what}: the session ends here")))
}

/// Puts on the record how many guesses nobody looked at.
async fn record(gateway: &Gateway, held: &Held) {
    let clock = SessionClock::start();
    let opened = SessionOpened {
        person: String::new(),
        client_address: held.address.map(|address| address.to_string()).unwrap_or_default(),
        gateway: env!("CARGO_PKG_VERSION").to_owned(),
        opened_unix_nanos: clock.opened_unix_nanos(),
        ..SessionOpened::default()
    };
    let at = match held.address {
        Some(address) => format!("from {address}"),
        None => format!("at {:?}", admission::cut(&held.person)),
    };
    let seconds =
        Moment::from_nanos(held.until_unix_nanos.saturating_sub(held.since_unix_nanos)).since_start().as_secs();
    let text = format!("{} more wrong logins {at} were held off within {seconds} s", held.count);
    let _recorded = admission::record_refusal(gateway, clock, opened, Reason::new(HELD_OFF, text)).await;
}
