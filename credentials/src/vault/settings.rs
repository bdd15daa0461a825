//! What the configuration says of Vault.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::answer;
use crate::source::{Gives, Source};

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

/// Segments of letters, digits and marks, none of which leads elsewhere.
fn is_path(text: &str) -> bool {
    let path = text.trim_end_matches('/');
    !path.is_empty()
        && path.split('/').all(|segment| {
            !["", ".", ".."].contains(&segment) && segment.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
        })
}

/// A field of a secret in Vault.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultSecret {
    /// As the API has it, without `/v1/`: `<mount>/data/<path>` for KV version 2, `<mount>/<path>` for version 1.
    pub path: String,
    /// The field.
    pub field: String,
    /// The version, for KV version 2; left out: the newest.
    pub version: Option<u64>,
    /// What the field is.
    #[serde(default)]
    pub kind: Kind,
    /// How long it is kept, in seconds, in the place of the table's setting.
    pub cache: Option<u64>,
}

/// What a field is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A password or a token.
    #[default]
    Password,
    /// An OpenSSH private key.
    Key,
}

impl VaultSecret {
    pub(crate) fn is_key(&self) -> bool {
        self.kind == Kind::Key
    }

    pub(crate) fn faults(&self, vault: bool) -> Vec<String> {
        let mut faults = Vec::new();
        if !vault {
            faults.push("vault = { … } needs a table [vault] with address, and token or role_id".to_owned());
        }
        if !is_path(self.path.trim_start_matches('/')) {
            faults.push(format!("path = {:?} is no path of Vault: write \"<mount>/data/<path>\"", self.path));
        }
        if self.path.trim_start_matches('/').starts_with("v1/") {
            faults.push(format!("path = {:?}: leave out v1/", self.path));
        }
        if self.field.is_empty() {
            faults.push("field names no field of the secret".to_owned());
        }
        faults
    }
}
