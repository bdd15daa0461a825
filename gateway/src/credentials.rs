//! The target's own secrets: fetched when needed, kept in types that do not print them, dropped after use.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use russh::keys::{Algorithm, PrivateKey};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::config::CredentialSource;

/// How long a credential command may take.
const COMMAND_TIME_MAX: Duration = Duration::from_secs(20);

/// The largest secret that is read.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// A secret that opens a target.
pub(crate) enum Credential {
    /// A private key.
    Key(Arc<PrivateKey>),
    /// A password.
    Password(SecretString),
}

/// Fetches the secret that `source` names.
///
/// # Errors
/// Why it cannot be had and what to do; never a part of the secret.
pub(crate) async fn fetch(source: &CredentialSource) -> anyhow::Result<Credential> {
    match source {
        CredentialSource::KeyFile(path) => {
            let text = Zeroizing::new(read(path).await?);
            let key = PrivateKey::from_openssh(text.as_bytes()).map_err(|error| {
                anyhow::anyhow!(
                    "{} is not an OpenSSH private key ({error}): make one with `ssh-keygen -t ed25519 -N ''`",
                    path.display()
                )
            })?;
            if key.is_encrypted() {
                bail!(
                    "{} has a passphrase: remove it with `ssh-keygen -p -N ''`, the gateway cannot type it",
                    path.display()
                );
            }
            if matches!(key.algorithm(), Algorithm::Rsa { .. }) {
                // RUSTSEC-2023-0071: signing with RSA here can leak the key through its timing.
                bail!("{} is an RSA key, which the gateway does not hold: use an ed25519 or ECDSA key", path.display());
            }
            Ok(Credential::Key(Arc::new(key)))
        }
        CredentialSource::PasswordFile(path) => Ok(password(read(path).await?)),
        CredentialSource::Env(name) => match std::env::var(name) {
            Ok(value) => Ok(password(value)),
            Err(_) => bail!("the environment variable {name} is not set: set it where the gateway is started"),
        },
        CredentialSource::Command(words) => command(words).await,
    }
}

async fn read(path: &std::path::Path) -> anyhow::Result<String> {
    let length = tokio::fs::metadata(path).await.with_context(|| format!("cannot read {}", path.display()))?.len();
    if length > SECRET_BYTES_MAX {
        bail!("{} is larger than a secret can be ({SECRET_BYTES_MAX} bytes)", path.display());
    }
    tokio::fs::read_to_string(path).await.with_context(|| format!("cannot read {}", path.display()))
}

async fn command(words: &[String]) -> anyhow::Result<Credential> {
    let Some((program, arguments)) = words.split_first() else { bail!("the credential command is empty") };
    let run = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(COMMAND_TIME_MAX, run)
        .await
        .with_context(|| {
            format!("the credential command {program:?} did not end within {} s", COMMAND_TIME_MAX.as_secs())
        })?
        .with_context(|| format!("cannot run the credential command {program:?}"))?;
    if !output.status.success() {
        bail!("the credential command {program:?} failed ({})", output.status);
    }
    match String::from_utf8(output.stdout) {
        Ok(text) => Ok(password(text)),
        Err(_) => bail!("the credential command {program:?} printed something that is not UTF-8"),
    }
}

fn password(text: String) -> Credential {
    let text = Zeroizing::new(text);
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    Credential::Password(SecretString::from(line))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::{Credential, fetch};
    use crate::config::CredentialSource;

    #[tokio::test]
    async fn a_password_file_counts_without_its_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "hunter2 \n").unwrap();
        let Credential::Password(password) = fetch(&CredentialSource::PasswordFile(path)).await.unwrap() else {
            panic!("a password was expected")
        };
        assert_eq!(password.expose_secret(), "hunter2 ");
    }

    #[tokio::test]
    async fn a_failing_command_is_named_without_what_it_printed() {
        let words = ["sh", "-c", "echo s3cret; exit 3"].map(str::to_owned).to_vec();
        let error = fetch(&CredentialSource::Command(words)).await.err().unwrap();
        let text = format!("{error:#}");
        assert!(text.contains("failed") && !text.contains("s3cret"), "{text}");
    }
}
