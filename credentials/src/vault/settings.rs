//! What the configuration says of Vault.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::answer;
use crate::source::{Gives, Source, is_path};

/// Where the gateway's Vault is, and how it logs in: the table `[vault]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultSettings {
    /// `https://host:port`; http only on this machine.
    pub address: String,
    /// Where a token is: `password_file`, `env` or `command`. It is renewed as long as Vault lets it.
    pub token: Option<Source>,
    /// The role of an AppRole login, in the place of a token.
    pub role_id: Option<Source>,
    /// The secret of that role; none where the role wants none.
    pub secret_id: Option<Source>,
    /// Where the AppRole method is mounted.
    #[serde(default = "approle")]
    pub mount: String,
    /// The namespace of everything.
    pub namespace: Option<String>,
    /// PEM file of the authorities that may have signed Vault's certificate; left out: the system's.
    pub ca: Option<PathBuf>,
    /// How long secrets are kept, in seconds; left out: 300.
    pub cache: Option<u64>,
}

fn approle() -> String {
    "approle".to_owned()
}

impl VaultSettings {
    /// The same with paths that stand by themselves: relative ones start at `folder`.
    #[must_use]
    pub fn beside(self, folder: &Path) -> Self {
        let beside = |source: Option<Source>| source.map(|source| source.beside(folder));
        Self {
            token: beside(self.token),
            role_id: beside(self.role_id),
            secret_id: beside(self.secret_id),
            ca: self.ca.map(|path| if path.is_absolute() { path } else { folder.join(path) }),
            ..self
        }
    }

    /// What is wrong with it, each with a remedy.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults: Vec<String> =
            answer::address(&self.address).err().map(|fault| format!("address {fault}")).into_iter().collect();
        match (&self.token, &self.role_id) {
            (Some(_), Some(_)) => faults.push("token and role_id exclude each other: keep one".to_owned()),
            (None, None) => faults.push("vault needs token = { … }, or role_id and secret_id".to_owned()),
            (Some(_), None) if self.secret_id.is_some() => {
                faults.push("secret_id belongs to role_id: add that, or leave it out".to_owned());
            }
            _ => {}
        }
        for (name, source) in [("token", &self.token), ("role_id", &self.role_id), ("secret_id", &self.secret_id)] {
            let Some(source) = source else { continue };
            if source.gives() != Gives::Password || !is_local(source) {
                faults.push(format!(
                    "{name} is one of {{ password_file = \"…\" }}, {{ env = \"…\" }}, {{ command = […] }}"
                ));
            }
            faults.extend(source.faults(false));
        }
        if !is_path(&self.mount) {
            faults.push(format!("mount = {:?} is no mount: write it as in `vault auth list`", self.mount));
        }
        if self.namespace.as_ref().is_some_and(|name| !is_path(name)) {
            faults.push("namespace is no namespace: write it as \"team\" or \"team/part\"".to_owned());
        }
        faults
    }
}

/// Whether it can be had without Vault and without another service.
fn is_local(source: &Source) -> bool {
    matches!(source, Source::PasswordFile(_) | Source::Env(_) | Source::Command(_))
}
