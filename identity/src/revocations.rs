//! What was taken back: persons, tokens, certificates. Kept in a file that only grows, a line for each change.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::identity::Identity;
use crate::limits::{REVOCATION_BYTES_MAX, REVOCATIONS_MAX};

/// The file, in the data folder.
const FILE: &str = "revocations.jsonl";

/// What is taken back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revoked {
    /// Everything of the principal of this name, in whatever case of letters, until it is restored; with it whatever
    /// acts on its behalf.
    Person(String),
    /// The token or certificate of this name ([`Identity::token_id`]), and the certificates that were given for it.
    Token(String),
}

impl Revoked {
    fn normal(self) -> Self {
        match self {
            Self::Person(name) => Self::Person(name.to_lowercase()),
            Self::Token(id) => Self::Token(id),
        }
    }
}

/// One line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    /// Seconds since 1970-01-01 UTC.
    at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoke: Option<Revoked>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    restore: Option<Revoked>,
}

/// Everything that is revoked.
pub struct Revocations {
    kept: Mutex<Kept>,
    changes: watch::Sender<u64>,
}

struct Kept {
    /// What is revoked, and since when, in seconds since 1970-01-01 UTC.
    revoked: HashMap<Revoked, u64>,
    file: File,
}

impl Revocations {
    /// Those in `folder`. A line that was cut off while it was written was never answered for, and is dropped.
    ///
    /// # Errors
    /// When the file cannot be read or made, or a whole line of it cannot be understood: then it is not known who is
    /// revoked, and nobody may be let in by guess.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let path = folder.join(FILE);
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path);
        let mut file = file.with_context(|| format!("cannot open {}", path.display()))?;
        let (revoked, whole) = read(&mut file).with_context(|| format!("reading {}", path.display()))?;
        file.set_len(whole)?;
        file.seek(SeekFrom::End(0))?;
        file.sync_all()?;
        File::open(folder)?.sync_all()?;
        Ok(Self { kept: Mutex::new(Kept { revoked, file }), changes: watch::Sender::new(0) })
    }

    /// Takes something back, from `now_unix` (seconds) on. When this returns, it is on disk.
    ///
    /// # Errors
    /// When it cannot be written, or more is revoked than is kept. Nothing changed then.
    pub fn revoke(&self, what: Revoked, now_unix: u64) -> anyhow::Result<()> {
        let what = what.normal();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.revoked.contains_key(&what) {
            return Ok(());
        }
        ensure!(kept.revoked.len() < REVOCATIONS_MAX, "{REVOCATIONS_MAX} revocations are kept, and no more");
        kept.write(&Line { at: now_unix, revoke: Some(what.clone()), restore: None })?;
        kept.revoked.insert(what, now_unix);
        self.changes.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Undoes it. True when there was something to undo.
    ///
    /// # Errors
    /// When it cannot be written. Nothing changed then.
    pub fn restore(&self, what: Revoked, now_unix: u64) -> anyhow::Result<bool> {
        let what = what.normal();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.revoked.contains_key(&what) {
            return Ok(false);
        }
        kept.write(&Line { at: now_unix, revoke: None, restore: Some(what.clone()) })?;
        kept.revoked.remove(&what);
        self.changes.send_modify(|count| *count += 1);
        Ok(true)
    }

    /// Whether `identity` may no longer be taken: its person, whom it acts for, its proof, or the token for which its
    /// certificate was given.
    #[must_use]
    pub fn is_revoked(&self, identity: &Identity) -> bool {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.revoked.is_empty() {
            return false;
        }
        let person = |name: &str| !name.is_empty() && kept.revoked.contains_key(&Revoked::Person(name.to_lowercase()));
        let token = |id: &str| !id.is_empty() && kept.revoked.contains_key(&Revoked::Token(id.to_owned()));
        person(&identity.name)
            || person(&identity.on_behalf_of)
            || token(&identity.token_id)
            || token(&identity.derived_from)
    }

    /// Everything that is revoked, in order, and since when, in seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn list(&self) -> Vec<(Revoked, u64)> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut list: Vec<(Revoked, u64)> = kept.revoked.iter().map(|(what, since)| (what.clone(), *since)).collect();
        list.sort_by_key(|(revoked, _)| match revoked {
            Revoked::Person(name) => (0, name.clone()),
            Revoked::Token(id) => (1, id.clone()),
        });
        list
    }

    /// Tells of every change from now on: open sessions are looked at again then.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

impl Kept {
    fn write(&mut self, line: &Line) -> anyhow::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        ensure!(text.len() <= REVOCATION_BYTES_MAX, "the name is too long");
        let before = self.file.metadata()?.len();
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        if written.is_err() {
            // Half a line must not stand before the next one.
            self.file.set_len(before)?;
        }
        written.context("the revocation cannot be written")
    }
}

/// What is revoked, and how many bytes of the file are whole lines.
fn read(file: &mut File) -> anyhow::Result<(HashMap<Revoked, u64>, u64)> {
    file.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::new(file);
    let mut revoked = HashMap::new();
    let mut whole = 0;
    for number in 1_u64.. {
        let mut line = Vec::new();
        let count = reader.by_ref().take(REVOCATION_BYTES_MAX as u64 + 1).read_until(b'\n', &mut line)?;
        if count == 0 {
            break;
        }
        if line.last() != Some(&b'\n') {
            ensure!(count <= REVOCATION_BYTES_MAX, "line {number} is too long");
            tracing::warn!("the last revocation was not written whole, and was never confirmed: it is dropped");
            break;
        }
        let Ok(Line { at, revoke, restore }) = serde_json::from_slice(&line) else {
            bail!("line {number} cannot be understood: put right or remove that line");
        };
        if let Some(what) = revoke {
            revoked.insert(what.normal(), at);
        }
        if let Some(what) = restore {
            revoked.remove(&what.normal());
        }
        whole += count as u64;
    }
    Ok((revoked, whole))
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;

    use super::{FILE, Revocations, Revoked};
    use crate::identity::Identity;

    fn identity(name: &str, token: &str) -> Identity {
        Identity { name: name.to_owned(), token_id: token.to_owned(), ..Identity::default() }
    }

    #[test]
    fn what_is_revoked_stays_so_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let revocations = Revocations::open(folder.path()).unwrap();
        let mut changed = revocations.changed();
        revocations.revoke(Revoked::Person("Ana".to_owned()), 1).unwrap();
        revocations.revoke(Revoked::Token("jti-1".to_owned()), 2).unwrap();
        revocations.revoke(Revoked::Person("bob".to_owned()), 3).unwrap();
        assert!(revocations.restore(Revoked::Person("BOB".to_owned()), 4).unwrap());
        assert!(!revocations.restore(Revoked::Person("bob".to_owned()), 4).unwrap());
        assert!(changed.has_changed().unwrap());
        changed.mark_unchanged();
        revocations.revoke(Revoked::Token("jti-1".to_owned()), 5).unwrap();
        assert!(!changed.has_changed().unwrap(), "it was revoked before");
        drop(revocations);

        let revocations = Revocations::open(folder.path()).unwrap();
        assert!(revocations.is_revoked(&identity("ana", "t")));
        assert!(revocations.is_revoked(&identity("eve", "jti-1")));
        assert!(!revocations.is_revoked(&identity("bob", "t")));
        assert!(!revocations.is_revoked(&identity("", "")));
        let derived = Identity { derived_from: "jti-1".to_owned(), ..identity("eve", "certificate:7") };
        assert!(revocations.is_revoked(&derived), "with the token goes the certificate");
        let agent = Identity { on_behalf_of: "ANA".to_owned(), ..identity("agent", "t") };
        assert!(revocations.is_revoked(&agent), "with the person goes the agent");
        let expected = [(Revoked::Person("ana".to_owned()), 1), (Revoked::Token("jti-1".to_owned()), 2)];
        assert_eq!(revocations.list(), expected);
    }

    #[test]
    fn a_torn_last_line_is_dropped_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        Revocations::open(folder.path()).unwrap().revoke(Revoked::Person("ana".to_owned()), 1).unwrap();
        let path = folder.path().join(FILE);
        let append = |text: &str| {
            let mut file = OpenOptions::new().append(true).open(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        append("{\"at\":2,\"revoke\":{\"pers");
        let revocations = Revocations::open(folder.path()).unwrap();
        revocations.revoke(Revoked::Person("bob".to_owned()), 3).unwrap();
        drop(revocations);
        let revocations = Revocations::open(folder.path()).unwrap();
        assert!(revocations.is_revoked(&identity("ana", "")) && revocations.is_revoked(&identity("bob", "")));
        drop(revocations);
        append("not a line of this program\n");
        assert!(Revocations::open(folder.path()).is_err(), "nobody knows who was revoked there");
    }
}
