//! Who is in front of the gateway: the users of the configuration, by key or by token.

use russh::keys::{HashAlg, PublicKey};

use crate::config::{Config, User};

/// What every token starts with, so that a lost one is recognised for what it is.
pub(crate) const TOKEN_PREFIX: &str = "wt_";

/// A principal that has proved who it is. Only [`by_key`], [`by_token`] and [`by_certificate`] make one.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    user: User,
    proof: String,
}

impl Principal {
    /// The user.
    pub(crate) fn user(&self) -> &User {
        &self.user
    }

    /// How it was proved, for the record: `publickey SHA256:…` or `token`.
    pub(crate) fn proof(&self) -> &str {
        &self.proof
    }
}

/// The user that owns `key`. The caller has verified that the client holds it.
pub(crate) fn by_key(config: &Config, key: &PublicKey) -> Option<Principal> {
    let user = config.users.iter().find(|user| user.ssh_keys.iter().any(|known| known.key_data() == key.key_data()))?;
    Some(Principal { user: user.clone(), proof: format!("publickey {}", key.fingerprint(HashAlg::Sha256)) })
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
    Some(Principal { user: found?.clone(), proof: "token".to_owned() })
}

/// The user whom a certificate names: `names` are all that it is for. The caller has verified it.
pub(crate) fn by_certificate(config: &Config, names: &[String]) -> Option<Principal> {
    let user = config
        .users
        .iter()
        .find(|user| names.iter().any(|name| *name == user.name || user.certificate_names.contains(name)))?;
    Some(Principal { user: user.clone(), proof: "certificate".to_owned() })
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
        assert_eq!(by_token(&config, "wt_two").unwrap().user().name, "bob");
        assert_eq!(by_token(&config, "wt_one\n").unwrap().user().name, "ana");
        assert!(by_token(&config, "wt_three").is_none());
        assert!(by_token(&config, "").is_none());
    }
}
