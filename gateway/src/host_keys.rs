//! The gateway's own host key, and the keys that targets are known by.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, bail};
use russh::keys::{Algorithm, PrivateKey, PublicKey};

/// Reads the gateway's host key from `data_dir`, or makes it when there is none yet.
pub(crate) fn own(data_dir: &Path) -> anyhow::Result<PrivateKey> {
    let path = data_dir.join("keys").join("ssh_host_ed25519_key");
    match std::fs::read_to_string(&path) {
        Ok(text) => PrivateKey::from_openssh(&text)
            .with_context(|| format!("{} is damaged: restore it, or remove it to have a new one made", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519)
                .context("cannot make a host key")?;
            write_private(&path, &key)?;
            Ok(key)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Writes a private key that only its owner can read, and the public one beside it.
pub(crate) fn write_private(path: &Path, key: &PrivateKey) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let text = key.to_openssh(russh::keys::ssh_key::LineEnding::LF).context("cannot encode a key")?;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot make {}", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
    let public = key.public_key().to_openssh().context("cannot encode a key")?;
    let beside = path.with_extension("pub");
    std::fs::write(&beside, public + "\n").with_context(|| format!("cannot write {}", beside.display()))
}

/// The host keys that targets without a configured one showed at their first connection.
#[derive(Debug)]
pub(crate) struct LearnedKeys {
    path: PathBuf,
    file: Mutex<()>,
}

/// What the learned keys say of a key that a target shows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Learned {
    /// It is the one seen before.
    Known,
    /// It is the first one, and was written down.
    New,
    /// Another one was seen before.
    Changed(Box<PublicKey>),
}

impl LearnedKeys {
    /// The learned keys of the gateway whose data lies in `data_dir`.
    pub(crate) fn new(data_dir: &Path) -> Self {
        Self { path: data_dir.join("learned_host_keys"), file: Mutex::new(()) }
    }

    /// Where they are written: one line a target, its address and its key.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Compares `key` with the one learned for `address`, and learns it when there is none.
    ///
    /// # Errors
    /// When the file cannot be read or written: then nothing is trusted.
    pub(crate) fn check(&self, address: &str, key: &PublicKey) -> anyhow::Result<Learned> {
        let _one_at_a_time = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", self.path.display())),
        };
        for (number, line) in text.lines().enumerate() {
            let Some((known_address, known_key)) = line.split_once(' ') else {
                bail!("line {} of {} is damaged: it should be an address and a key", number + 1, self.path.display())
            };
            if known_address == address {
                let known = PublicKey::from_openssh(known_key)
                    .with_context(|| format!("line {} of {} is damaged", number + 1, self.path.display()))?;
                let same = known.key_data() == key.key_data();
                return Ok(if same { Learned::Known } else { Learned::Changed(Box::new(known)) });
            }
        }
        let mut key = key.clone();
        key.set_comment("");
        let line = format!("{address} {}\n", key.to_openssh().context("cannot encode a key")?.trim_end());
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&self.path)
            .and_then(|mut file| file.write_all(line.as_bytes()).and_then(|()| file.sync_all()))
            .with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(Learned::New)
    }
}

#[cfg(test)]
mod tests {
    use russh::keys::{Algorithm, PrivateKey};

    use super::{Learned, LearnedKeys, own};

    #[test]
    fn the_first_key_is_learned_and_another_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let keys = LearnedKeys::new(folder.path());
        let make = || PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap();
        let (first, second) = (make(), make());
        assert_eq!(keys.check("web1:22", first.public_key()).unwrap(), Learned::New);
        assert_eq!(keys.check("web1:22", first.public_key()).unwrap(), Learned::Known);
        assert!(matches!(keys.check("web1:22", second.public_key()).unwrap(), Learned::Changed(_)));
        assert_eq!(keys.check("web2:22", second.public_key()).unwrap(), Learned::New);
    }

    #[test]
    fn the_gateway_keeps_its_own_key() {
        let folder = tempfile::tempdir().unwrap();
        let first = own(folder.path()).unwrap();
        let second = own(folder.path()).unwrap();
        assert_eq!(first.public_key(), second.public_key());
    }
}
