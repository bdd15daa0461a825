//! Where a secret is.

mod gcp;
mod github;
mod vault;

pub use gcp::Gcp;
pub use github::{AppId, GithubApp};
pub use vault::VaultSecret;
pub(crate) use vault::is_path;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::local::Command;

/// Where a secret is, as the configuration says it: a table with one setting.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Source {
    /// A private key in a file.
    KeyFile(PathBuf),
    /// A password in a file; its last line end does not count.
    PasswordFile(PathBuf),
    /// A password in an environment variable of the gateway.
    Env(String),
    /// A password printed by a program.
    Command(Command),
    /// A field of a secret in Vault or OpenBao.
    Vault(VaultSecret),
    /// A token of Google for a service account.
    Gcp(Gcp),
    /// A token of GitHub for an installation of an app.
    GithubApp(GithubApp),
    /// Keys by which requests to AWS, or what speaks like it, are signed.
    Aws(Box<Aws>),
}

/// What a source gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    /// A private key for SSH.
    Key,
    /// A password or a token.
    Password,
    /// Keys that sign requests of HTTP.
    Signature,
}

impl Source {
    /// What it gives.
    #[must_use]
    pub fn gives(&self) -> Gives {
        match self {
            Self::KeyFile(_) => Gives::Key,
            Self::Vault(secret) if secret.is_key() => Gives::Key,
            Self::Aws(_) => Gives::Signature,
            Self::PasswordFile(_)
            | Self::Env(_)
            | Self::Command(_)
            | Self::Vault(_)
            | Self::Gcp(_)
            | Self::GithubApp(_) => Gives::Password,
        }
    }

    /// The same with paths that stand by themselves: relative ones start at `folder`.
    #[must_use]
    pub fn beside(self, folder: &Path) -> Self {
        let beside = |path: PathBuf| if path.is_absolute() { path } else { folder.join(path) };
        match self {
            Self::KeyFile(path) => Self::KeyFile(beside(path)),
            Self::PasswordFile(path) => Self::PasswordFile(beside(path)),
            Self::Gcp(gcp) => Self::Gcp(Gcp { key_file: beside(gcp.key_file), ..gcp }),
            Self::GithubApp(app) => Self::GithubApp(GithubApp { key_file: beside(app.key_file), ..app }),
            Self::Aws(aws) => Self::Aws(Box::new(aws.beside(folder))),
            same @ (Self::Env(_) | Self::Command(_) | Self::Vault(_)) => same,
        }
    }

    /// What is wrong with it, each with a remedy; `vault`: whether there is a table `[vault]`.
    #[must_use]
    pub fn faults(&self, vault: bool) -> Vec<String> {
        match self {
            Self::Command(command) if command.run.is_empty() => {
                vec!["the credential command is empty: name a program".to_owned()]
            }
            Self::Env(name) if name.is_empty() || name.contains(['=', '\0']) => {
                vec![format!("env = {name:?} names no environment variable")]
            }
            Self::Vault(secret) => secret.faults(vault),
            Self::Gcp(gcp) => gcp.faults(),
            Self::GithubApp(app) => app.faults(),
            Self::Aws(aws) => aws.faults(vault),
            Self::KeyFile(_) | Self::PasswordFile(_) | Self::Env(_) | Self::Command(_) => Vec::new(),
        }
    }

    /// Whether it is on this machine and costs nothing to look at again.
    pub(crate) fn is_at_hand(&self) -> bool {
        matches!(self, Self::KeyFile(_) | Self::PasswordFile(_) | Self::Env(_))
    }
}

/// Keys of AWS, or of what speaks like it, and for what they sign.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aws {
    /// Where the name of the key is.
    pub access_key_id: Source,
    /// Where the key is.
    pub secret_access_key: Source,
    /// Where the token of keys is that were lent for some time.
    pub session_token: Option<Source>,
    /// The region, such as `eu-central-1`.
    pub region: String,
    /// The service, by the name that signatures know it by, such as `s3`, `dynamodb` or `execute-api`.
    pub service: String,
}

impl Aws {
    pub(crate) fn beside(self, folder: &Path) -> Self {
        Self {
            access_key_id: self.access_key_id.beside(folder),
            secret_access_key: self.secret_access_key.beside(folder),
            session_token: self.session_token.map(|source| source.beside(folder)),
            ..self
        }
    }

    pub(crate) fn faults(&self, vault: bool) -> Vec<String> {
        let mut faults = Vec::new();
        let sources = [
            ("access_key_id", Some(&self.access_key_id)),
            ("secret_access_key", Some(&self.secret_access_key)),
            ("session_token", self.session_token.as_ref()),
        ];
        for (name, source) in sources {
            let Some(source) = source else { continue };
            if source.gives() != Gives::Password {
                faults.push(format!(
                    "{name} is a text: one of {{ env = \"…\" }}, {{ password_file = \"…\" }}, {{ vault = {{ … }} }}, …"
                ));
            }
            faults.extend(source.faults(vault));
        }
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        for (name, word) in [("region", &self.region), ("service", &self.service)] {
            if !is_word(word) {
                faults.push(format!(
                    "{name} = {word:?} is none: write it as AWS does, such as \"eu-central-1\" or \"s3\""
                ));
            }
        }
        faults
    }
}
