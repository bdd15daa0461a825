//! Who is in front of the gateway: the users of the configuration, by key or by token.

use std::net::IpAddr;

use anyhow::{Context, bail};
use russh::keys::{HashAlg, PublicKey};
use wiretape_core::event::SessionOpened;
use wiretape_identity::{Identity, Issuers, LocalUser, Rejected, standing};
use wiretape_policy::Subject;

use crate::admission::cut;
use crate::clock::{unix_nanos, unix_seconds};
use crate::config::{Config, User};
use crate::credentials::{self, Credential};
use crate::gateway::Gateway;

/// What every token starts with, so that a lost one is recognised for what it is.
pub(crate) const TOKEN_PREFIX: &str = "wt_";

/// What somebody is told whose login is good for nothing any more.
const REVOKED: &str = "this login was revoked: log in again, or ask the operator";

/// A principal that has proved who it is. Only this module makes one.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    identity: Identity,
    /// Whether the configuration vouches for it; otherwise an issuer does.
    local: bool,
}

impl Principal {
    fn local(user: &User, proof: String) -> Self {
        let identity = Identity {
            name: user.name.clone(),
            kind: user.kind,
            groups: user.groups.clone(),
            proof,
            ..Identity::default()
        };
        Self { identity, local: true }
    }

    #[cfg(test)]
    pub(crate) fn in_tests(name: &str) -> Self {
        Self { identity: Identity { name: name.to_owned(), ..Identity::default() }, local: true }
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &str {
        &self.identity.name
    }

    /// The groups that it is a member of.
    pub(crate) fn groups(&self) -> &[String] {
        &self.identity.groups
    }

    /// All that is known of it.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether the configuration vouches for it; otherwise an issuer does.
    pub(crate) fn is_local(&self) -> bool {
        self.local
    }

    /// What policies know of it.
    pub(crate) fn subject(&self) -> Subject {
        let Identity { name, kind, groups, issuer, on_behalf_of, claims, .. } = self.identity.clone();
        Subject { name, kind, groups, issuer, on_behalf_of, claims }
    }

    /// As whom it asks people, and answers them.
    pub(crate) fn requester(&self) -> wiretape_approval::Principal {
        let Identity { name, kind, issuer, subject, on_behalf_of, .. } = self.identity.clone();
        wiretape_approval::Principal { name, kind, issuer, subject, on_behalf_of }
    }

    /// What the record says of it.
    pub(crate) fn opened(&self) -> SessionOpened {
        let Identity { name, kind, groups, issuer, subject, on_behalf_of, proof, .. } = self.identity.clone();
        SessionOpened { person: name, kind, groups, issuer, subject, on_behalf_of, proof, ..SessionOpened::default() }
    }
}

/// The user that owns `key`. The caller has verified that the client holds it.
pub(crate) fn by_key(gateway: &Gateway, key: &PublicKey) -> Option<Principal> {
    let config = gateway.config();
    let user = config.users.iter().find(|user| user.ssh_keys.iter().any(|known| known.key_data() == key.key_data()))?;
    let principal = Principal::local(user, format!("publickey {}", key.fingerprint(HashAlg::Sha256)));
    Some(principal).filter(|principal| !gateway.revocations().is_revoked(principal.identity()))
}

/// The user whose token this is.
///
/// Every hash is compared, each in constant time: how long it takes says nothing of how near a guess was.
pub(crate) fn by_token(config: &Config, token: &str) -> Option<Principal> {
    let hash = token_hash(token);
    let mut found = None;
    for user in &config.users {
        // `blake3::Hash` compares in constant time.
        if user.token_hash.is_some_and(|known| blake3::Hash::from_bytes(known) == hash) {
            found = Some(user);
        }
    }
    Some(Principal::local(found?, "token".to_owned()))
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

/// Whether `token` can only be meant for the gateway.
pub(crate) fn is_ours(token: &str) -> bool {
    token.starts_with(TOKEN_PREFIX) || Issuers::is_token(token)
}

/// Whoever gives `token` from `address`: a user of the configuration, or somebody for whom an issuer vouches. `named` is
/// who the client says it is; empty where it does not say.
///
/// # Errors
/// Nobody is known by it, or too many have guessed.
pub(crate) async fn by_bearer(
    gateway: &Gateway,
    address: IpAddr,
    named: &str,
    token: &str,
) -> Result<Principal, Unknown> {
    let now = unix_nanos();
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
        if named.is_empty() || named == principal.name() {
            Ok(principal)
        } else {
            let text = format!("the token is not that of {:?}: it is given as the password", cut(named));
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
            format!("the token is not that of {:?}: it is given as the password", cut(named))
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
    let name = issuer.map(|issuer| issuer.settings.name.as_str());
    let place = standing(&identity, name, &users).map_err(Wrong::from)?;
    let mut identity = identity;
    if let Some(user) = place.and_then(|place| config.users.get(place)) {
        identity.groups.extend(user.groups.iter().cloned());
        identity.groups.sort_unstable();
        identity.groups.dedup();
    }
    Ok(Principal { local: place.is_some(), identity })
}

/// The issuers of a configuration, with the gateway's own secrets there.
///
/// # Errors
/// A secret cannot be had, or an issuer is of no use.
pub(crate) async fn issuers(config: &Config) -> anyhow::Result<Issuers> {
    let mut all = Vec::with_capacity(config.issuers.len());
    for issuer in &config.issuers {
        let mut settings = issuer.settings.clone();
        if let Some(source) = &issuer.client_secret {
            let name = &settings.name;
            match credentials::fetch(source).await.with_context(|| format!("the client_secret of {name:?}"))? {
                Credential::Password(secret) => settings.client_secret = Some(secret),
                _ => bail!("the client_secret of {name:?} is a text: name a password_file, env or command"),
            }
        }
        all.push(settings);
    }
    Issuers::new(all)
}

/// Whether what proved who `principal` is still holds.
///
/// # Errors
/// It has expired, or was revoked.
pub(crate) fn still(gateway: &Gateway, principal: &Principal) -> Result<(), Unknown> {
    let identity = principal.identity();
    if identity.expires_unix.is_some_and(|expires| expires <= unix_seconds()) {
        return Err(Unknown::wrong("the login has expired: log in again".to_owned()));
    }
    if gateway.revocations().is_revoked(identity) {
        return Err(Unknown::wrong(REVOKED.to_owned()));
    }
    Ok(())
}

/// The user whom a certificate names: `names` are all that it is for. The caller has verified it.
pub(crate) fn by_certificate(gateway: &Gateway, names: &[String]) -> Option<Principal> {
    let config = gateway.config();
    let user = config
        .users
        .iter()
        .find(|user| names.iter().any(|name| *name == user.name || user.certificate_names.contains(name)))?;
    let principal = Principal::local(user, "certificate".to_owned());
    Some(principal).filter(|principal| !gateway.revocations().is_revoked(principal.identity()))
}

/// What the configuration keeps of a token. A token is 256 random bits, so a fast hash is enough: there is nothing
/// to guess through.
pub(crate) fn token_hash(token: &str) -> blake3::Hash {
    blake3::derive_key("wiretape 2026-11 token", token.trim().as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{by_token, token_hash};
    use crate::config::Config;

    #[test]
    fn a_token_names_its_user_and_no_other() {
        let text = format!(
            "[[user]]\nname = \"ana\"\ntoken_hash = \"{}\"\n[[user]]\nname = \"bob\"\ntoken_hash = \"{}\"\n[[user]]\nname = \"eve\"\n",
            token_hash("wt_one").to_hex(),
            token_hash("wt_two").to_hex()
        );
        let config = Config::parse(&text, Path::new(".")).unwrap();
        assert_eq!(by_token(&config, "wt_two").unwrap().name(), "bob");
        assert_eq!(by_token(&config, "wt_one\n").unwrap().name(), "ana");
        assert!(by_token(&config, "wt_three").is_none());
        assert!(by_token(&config, "").is_none());
    }
}
