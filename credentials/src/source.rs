//! Where a secret is.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::aws::Aws;
use crate::gcp::Gcp;
use crate::github::GithubApp;
use crate::local::Command;
use crate::vault::VaultSecret;

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
