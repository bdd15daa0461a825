//! The targets' own secrets, as the program holds them: one keeper for all connections.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use anyhow::bail;
use russh::keys::{Algorithm, PrivateKey};
use secrecy::{ExposeSecret, SecretString};
use wiretape_credentials::{AwsKeys, Keeper, Settings, forbid_dumps};

use crate::config::{Config, CredentialSource};

/// What is fetched for one connection serves the others too, whatever configuration is in force.
static KEEPER: LazyLock<Keeper> = LazyLock::new(|| Keeper::new(Settings::default()));

/// A secret that opens a target.
pub(crate) enum Credential {
    /// A private key.
    Key(Arc<PrivateKey>),
    /// A password.
    Password(SecretString),
    /// Keys that sign requests.
    Aws(Arc<AwsKeys>),
}

/// Sees to it that no secret leaves the program by a crash, where `config` wants that, and lets its Vault be the one.
///
/// # Errors
/// The kernel does not forbid core dumps.
pub(crate) fn start(config: &Config) -> anyhow::Result<()> {
    if !config.core_dumps
        && let Err(error) = forbid_dumps()
    {
        bail!(
            "core dumps, which have secrets in them, cannot be forbidden ({error}): set core_dumps = true to have them"
        );
    }
    configure(config);
    Ok(())
}

/// Lets the Vault of `config` be the one.
pub(crate) fn configure(config: &Config) {
    KEEPER.configure(Settings { vault: config.vault.clone() });
}

/// Fetches the secret that `source` names, or has it still.
///
/// # Errors
/// Why it cannot be had and what to do; never a part of the secret.
pub(crate) async fn fetch(source: &CredentialSource) -> anyhow::Result<Credential> {
    Ok(lease(source).await?.0)
}

/// The same, and how long it may be used without asking again, where its source says so.
///
/// # Errors
/// As [`fetch`].
pub(crate) async fn lease(source: &CredentialSource) -> anyhow::Result<(Credential, Option<Duration>)> {
    let lease = KEEPER.lease(source).await?;
    let credential = match lease.credential {
        wiretape_credentials::Credential::Key(text) => Credential::Key(Arc::new(key(&text)?)),
        wiretape_credentials::Credential::Password(text) => Credential::Password(text),
        wiretape_credentials::Credential::Aws(keys) => Credential::Aws(keys),
    };
    Ok((credential, lease.fresh_for))
}

/// Forgets the secret of `source`, which a target refused, when it was fetched at least `age_min` ago: it may have been
/// changed where it is kept. Whether it was kept, and so another try is worth it.
pub(crate) fn forget(source: &CredentialSource, age_min: Duration) -> bool {
    KEEPER.forget(source, age_min)
}

fn key(text: &SecretString) -> anyhow::Result<PrivateKey> {
    let key = PrivateKey::from_openssh(text.expose_secret().as_bytes()).map_err(|error| {
        anyhow::anyhow!("it is not an OpenSSH private key ({error}): make one with `ssh-keygen -t ed25519 -N ''`")
    })?;
    if key.is_encrypted() {
        bail!("the key has a passphrase: remove it with `ssh-keygen -p -N ''`, the gateway cannot type it");
    }
    if matches!(key.algorithm(), Algorithm::Rsa { .. }) {
        // RUSTSEC-2023-0071: signing with RSA here can leak the key through its timing.
        bail!("it is an RSA key, which the gateway does not hold: use an ed25519 or ECDSA key");
    }
    Ok(key)
}
