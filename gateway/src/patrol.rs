//! What has to be looked at again and again: questions that nobody answered, logins that ended, guesses that were held
//! off, keys of issuers that end.

use std::sync::Arc;
use std::time::Duration;

use wiretape_core::event::SessionOpened;
use wiretape_core::{Moment, Reason};
use wiretape_identity::{Held, Identity};

use crate::admission::{self, HELD_OFF};
use crate::clock::{SessionClock, unix_nanos, unix_seconds};
use crate::config::{Expired, Removed};
use crate::gateway::Gateway;
use crate::questions::EXPIRY_LOOK_INTERVAL;
use crate::recognition;

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
        gateway.questions().with(|approvals| {
            approvals.recount(|answer| recognition::counted(&gateway, answer));
            ((), Vec::new())
        });
        gateway.presence().end_those(|principal| gone(&gateway, principal.identity(), principal.is_local()));
        for held in gateway.attempts().held(unix_nanos(), HELD_QUIET_TIME) {
            record(&gateway, &held).await;
        }
    }
}

/// Keeps the keys of the issuers fresh until the gateway is stopped: an issuer that is away for a while then keeps nobody
/// out, however long ago the last login was.
pub(crate) async fn keep_keys(gateway: Arc<Gateway>) {
    let stopped = gateway.stopped();
    tokio::pin!(stopped);
    loop {
        let round = async {
            let pause = gateway.issuers().renew().await;
            tokio::time::sleep(pause).await;
        };
        tokio::select! {
            () = &mut stopped => return,
            () = round => {}
        }
    }
}

/// Why the sessions of `identity` end, if they do; `local` where the configuration vouches for it.
pub(crate) fn gone(gateway: &Gateway, identity: &Identity, local: bool) -> Option<Reason> {
    let config = gateway.config();
    let over = identity.is_over(unix_seconds());
    let at_once = config.login.removed == Removed::AtOnce || over || identity.expires_unix.is_none();
    let (rule, what) = match recognition::taken_away(gateway, identity, local) {
        Some(what) if at_once => ("revoked", what),
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
