//! Who is in front of the gateway, by what they give: a key, a token, a certificate.

use std::net::IpAddr;

use russh::keys::{HashAlg, PublicKey};
use wiretape_approval::Answer;
use wiretape_identity::{Identity, Issuers, LocalUser, Rejected, standing};

use crate::admission::cut;
use crate::clock::{unix_nanos, unix_seconds};
use crate::config::User;
use crate::gateway::Gateway;
use crate::identity::{Principal, TOKEN_PREFIX, by_token};

/// What somebody is told whose login is good for nothing any more.
const REVOKED: &str = "this login was revoked: log in again, or ask the operator";

/// The user that owns `key`. The caller has verified that the client holds it.
pub(crate) fn by_key(gateway: &Gateway, key: &PublicKey) -> Option<Principal> {
    let config = gateway.config();
    let user = config.users.iter().find(|user| user.ssh_keys.iter().any(|known| known.key_data() == key.key_data()))?;
    let principal = Principal::of_user(user, format!("publickey {}", key.fingerprint(HashAlg::Sha256)));
    Some(principal).filter(|principal| !gateway.revocations().is_revoked(principal.identity()))
}

/// Why somebody is not known.
pub(crate) struct Unknown {
    /// What the client is told, and what the record says.
    pub(crate) text: String,
    /// Too many have guessed: nobody looked at what was given. For how many seconds more.
    pub(crate) seconds: Option<u64>,
    /// Whether it leaves a record of its own: of many that are held off, the first.
    pub(crate) recorded: bool,
}

impl Unknown {
    /// Somebody gave something that is not good.
    pub(crate) fn wrong(text: String) -> Self {
        Self { text, seconds: None, recorded: true }
    }
}

/// What is wrong with what somebody gave.
pub(crate) struct Wrong {
    /// In words.
    pub(crate) text: String,
    /// Whether it may have been a guess.
    pub(crate) guess: bool,
}

impl From<Rejected> for Wrong {
    fn from(rejected: Rejected) -> Self {
        Self { text: rejected.to_string(), guess: rejected.is_guess() }
    }
}

/// Whether `token` may be meant for the gateway, where it may be meant for the target as well.
pub(crate) fn may_be_ours(gateway: &Gateway, token: &str) -> bool {
    is_ours(token) || gateway.issuers().are_named_by(token)
}

/// Whether `token` can only be meant for the gateway: nobody else may see it.
pub(crate) fn is_ours(token: &str) -> bool {
    token.starts_with(TOKEN_PREFIX)
}

/// Whoever gives `token` from `address`: a user of the configuration, or somebody for whom an issuer vouches. `names` are
/// what the client may mean to be called, the shortest first; none, or an empty one, where it does not say.
///
/// # Errors
/// Nobody is known by it, or too many have guessed.
pub(crate) async fn by_bearer(
    gateway: &Gateway,
    address: IpAddr,
    names: &[&str],
    token: &str,
) -> Result<Principal, Unknown> {
    let now = unix_nanos();
    let named = names.first().copied().unwrap_or_default();
    let person = Some(named).filter(|named| !named.is_empty());
    if let Err(held_off) = gateway.attempts().may_try(address, person, now) {
        let seconds = held_off.until_unix_nanos.saturating_sub(now).div_ceil(1_000_000_000).max(1);
        let text = format!("too many wrong logins: try again in {seconds} s");
        return Err(Unknown { text, seconds: Some(seconds), recorded: held_off.first });
    }
    let found = if Issuers::is_token(token) {
        by_issuer(gateway, token, unix_seconds()).await
    } else {
        local(gateway, named, token)
    };
    let found = found.and_then(|principal| {
        if gateway.revocations().is_revoked(principal.identity()) {
            return Err(Wrong { text: REVOKED.to_owned(), guess: false });
        }
        if named.is_empty() || names.contains(&principal.name()) {
            Ok(principal)
        } else {
            let text = format!("the token is not that of {:?}", cut(named));
            Err(Wrong { text, guess: true })
        }
    });
    match found {
        Ok(principal) => {
            gateway.attempts().succeeded(address, principal.name(), now);
            Ok(principal)
        }
        Err(Wrong { text, guess }) => {
            if guess {
                gateway.attempts().failed(address, person, now);
            }
            Err(Unknown::wrong(text))
        }
    }
}

fn local(gateway: &Gateway, named: &str, token: &str) -> Result<Principal, Wrong> {
    let config = gateway.config();
    by_token(&config, token).ok_or_else(|| {
        let login = if config.issuers.is_empty() { "" } else { ", or log in with `wiretape login`" };
        let text = if named.is_empty() {
            format!("the token is nobody's: make one with `wiretape token <name>`{login}")
        } else {
            format!("the token is not that of {:?}", cut(named))
        };
        Wrong { text, guess: true }
    })
}

async fn by_issuer(gateway: &Gateway, token: &str, now: u64) -> Result<Principal, Wrong> {
    let identity = gateway.issuers().validate(token, now).await.map_err(Wrong::from)?;
    vouched(gateway, identity)
}

/// Somebody for whom an issuer vouches, or a certificate that was given on its word.
///
/// # Errors
/// In words: it is revoked, or its name is that of somebody else.
pub(crate) fn vouched(gateway: &Gateway, identity: Identity) -> Result<Principal, Wrong> {
    if gateway.revocations().is_revoked(&identity) {
        return Err(Wrong { text: REVOKED.to_owned(), guess: false });
    }
    let config = gateway.config();
    let issuer = config.issuers.iter().find(|issuer| issuer.settings.url == identity.issuer);
    let users: Vec<LocalUser<'_>> =
        config.users.iter().map(|user| LocalUser { name: &user.name, issuer: user.issuer.as_deref() }).collect();
    if issuer.is_none() && !identity.issuer.is_empty() {
        // A certificate outlives the configuration by which it was given.
        let text = format!("nobody takes the word of {:?} here any more: log in again", cut(&identity.issuer));
        return Err(Wrong { text, guess: false });
    }
    let name = issuer.map(|issuer| issuer.settings.name.as_str());
    let place = standing(&identity, name, &users).map_err(Wrong::from)?;
    let user = place.and_then(|place| config.users.get(place));
    Ok(Principal::vouched_for(identity, user))
}

/// Whether what proved who `principal` is still holds.
///
/// # Errors
/// It has expired, or was taken away.
pub(crate) fn still(gateway: &Gateway, principal: &Principal) -> Result<(), Unknown> {
    let identity = principal.identity();
    let over = identity.is_over(unix_seconds()).then_some("the login has expired");
    match over.or_else(|| taken_away(gateway, identity, principal.is_local())) {
        None => Ok(()),
        Some(what) => Err(Unknown::wrong(format!("{what}: log in again, or ask the operator"))),
    }
}

/// By what `identity` is not who it was recognised as, whenever its proof ends; `local` where the configuration vouched for
/// it.
pub(crate) fn taken_away(gateway: &Gateway, identity: &Identity, local: bool) -> Option<&'static str> {
    let config = gateway.config();
    let issuer = config.issuers.iter().find(|issuer| issuer.settings.url == identity.issuer);
    // Whom an issuer made a user goes when the user's table names that issuer no longer.
    let by = issuer.map(|issuer| issuer.settings.name.as_str());
    let is_user = |user: &User| user.name == identity.name && (by.is_none() || user.issuer.as_deref() == by);
    if local && !config.users.iter().any(is_user) {
        return Some("this user was removed");
    }
    if gateway.revocations().is_revoked(identity) {
        return Some("this login was revoked");
    }
    let distrusted = issuer.is_none() && !identity.issuer.is_empty();
    distrusted.then_some("nobody takes the word of this login's issuer any more")
}

/// What is left to know of somebody who was recognised before, and of the token by which that was.
pub(crate) fn remembered(who: wiretape_approval::Principal, token_id: String) -> Identity {
    let wiretape_approval::Principal { name, kind, issuer, subject, on_behalf_of } = who;
    Identity { name, kind, issuer, subject, on_behalf_of, token_id, ..Identity::default() }
}

/// The groups for which an approval counts by now: none when whoever gave it, or the token by which they did, is revoked
/// or not known any more. Of groups that an issuer's token named nothing is heard after that.
pub(crate) fn counted(gateway: &Gateway, answer: &Answer) -> Vec<String> {
    let config = gateway.config();
    let who = remembered(answer.principal.clone(), answer.login.clone());
    if gateway.revocations().is_revoked(&who) {
        return Vec::new();
    }
    if who.issuer.is_empty() {
        let user = config.users.iter().find(|user| user.name == who.name);
        return user.map(|user| user.groups.clone()).unwrap_or_default();
    }
    let trusted = config.issuers.iter().any(|issuer| issuer.settings.url == who.issuer);
    if trusted { answer.groups.clone() } else { Vec::new() }
}

/// The user whom a certificate names: `names` are all that it is for. The caller has verified it.
pub(crate) fn by_certificate(gateway: &Gateway, names: &[String]) -> Option<Principal> {
    let config = gateway.config();
    let user = config
        .users
        .iter()
        .find(|user| names.iter().any(|name| *name == user.name || user.certificate_names.contains(name)))?;
    let principal = Principal::of_user(user, "certificate".to_owned());
    Some(principal).filter(|principal| !gateway.revocations().is_revoked(principal.identity()))
}
