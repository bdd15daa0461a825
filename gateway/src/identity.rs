//! Who somebody is to the gateway: a user of the configuration, or somebody for whom an issuer vouches.

use anyhow::{Context, bail};
use wiretape_core::event::SessionOpened;
use wiretape_identity::{ClientSecret, Identity, Issuers};
use wiretape_policy::Subject;

use crate::config::{Config, User};
use crate::credentials::{self, Credential};

/// What every token starts with, so that a lost one is recognised for what it is.
pub(crate) const TOKEN_PREFIX: &str = "wt_";

/// A principal that has proved who it is; `recognition` makes them.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    identity: Identity,
    /// Whether the configuration vouches for it; otherwise an issuer does.
    local: bool,
    /// The groups of which its proof says that it is a member: those of the configuration are beside them.
    told: Vec<String>,
}

impl Principal {
    /// The user of the configuration, who gave `proof`.
    pub(crate) fn of_user(user: &User, proof: String) -> Self {
        let identity = Identity {
            name: user.name.clone(),
            kind: user.kind,
            groups: user.groups.clone(),
            proof,
            ..Identity::default()
        };
        Self { identity, local: true, told: Vec::new() }
    }

    /// Somebody for whom an issuer vouches, or a certificate of the gateway's; `user` when the configuration does too. Of
    /// somebody whom the configuration alone knows, it says what that is: as it is now, and not as it was when the
    /// certificate was given.
    pub(crate) fn vouched_for(mut identity: Identity, user: Option<&User>) -> Self {
        let told = identity.groups.clone();
        if let Some(user) = user {
            if identity.issuer.is_empty() {
                identity.kind = user.kind;
                identity.groups.clear();
            }
            identity.groups.extend(user.groups.iter().cloned());
            identity.groups.sort_unstable();
            identity.groups.dedup();
        }
        Self { identity, local: user.is_some(), told }
    }

    #[cfg(test)]
    pub(crate) fn in_tests(name: &str) -> Self {
        Self { identity: Identity { name: name.to_owned(), ..Identity::default() }, local: true, told: Vec::new() }
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

    /// What a certificate says of it: a group that the configuration gives is the configuration's to take.
    pub(crate) fn certified(&self) -> Identity {
        Identity { groups: self.told.clone(), ..self.identity.clone() }
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
    Some(Principal::of_user(found?, "token".to_owned()))
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
                Credential::Password(secret) => settings.client_secret = Some(ClientSecret(secret)),
                _ => bail!("the client_secret of {name:?} is a text: name a password_file, env or command"),
            }
        }
        all.push(settings);
    }
    Issuers::new(all)
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
