//! What the configuration says of a token of GitHub.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::answer;

/// A token for an installation of an app at GitHub.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GithubApp {
    /// The app, by its number or its client id.
    pub app_id: AppId,
    /// The app's private key, in PEM form.
    pub key_file: PathBuf,
    /// The installation, by its number.
    pub installation: u64,
    /// Names of repositories that the token is for; empty: all of the installation.
    #[serde(default)]
    pub repositories: Vec<String>,
    /// What the token may do there, such as `contents = "read"`; empty: all that the installation may.
    #[serde(default)]
    pub permissions: BTreeMap<String, String>,
    /// Where the API is, for a server of one's own (`https://host/api/v3`).
    pub api: Option<String>,
    /// PEM file of the authorities that may have signed its certificate; left out: the system's.
    pub ca: Option<PathBuf>,
}

/// An app at GitHub.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(untagged)]
pub enum AppId {
    /// The app's number.
    Number(u64),
    /// The app's client id.
    Text(String),
}

impl GithubApp {
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if let Some(Err(fault)) = self.api.as_deref().map(answer::address) {
            faults.push(format!("api {fault}"));
        }
        if matches!(&self.app_id, AppId::Text(text) if text.is_empty()) {
            faults.push("app_id is empty: it stands on the page of the app's settings".to_owned());
        }
        if let Some(name) = self.repositories.iter().find(|name| name.is_empty() || name.contains('/')) {
            faults.push(format!("{name:?} is no name of a repository: leave out the owner"));
        }
        faults
    }
}
