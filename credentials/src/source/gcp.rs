//! What the configuration says of a token of Google.

use std::path::PathBuf;

use serde::Deserialize;

/// A token for a service account of Google.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gcp {
    /// The account's key, in the JSON form in which Google gives it.
    pub key_file: PathBuf,
    /// What an access token is for; empty: whatever the account may do.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// An ID token for this audience (a client id of IAP, the URL of a Cloud Run service), in the place of an access
    /// token.
    pub audience: Option<String>,
    /// The person in whose place the account acts, where its domain lets it.
    pub subject: Option<String>,
}

impl Gcp {
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.audience.is_some() && !self.scopes.is_empty() {
            faults.push("audience (of an ID token) and scopes (of an access token) exclude each other".to_owned());
        }
        if self.audience.as_ref().is_some_and(String::is_empty) {
            faults.push("audience is empty: name the client id or the URL that the token is for".to_owned());
        }
        if let Some(scope) = self.scopes.iter().find(|scope| scope.is_empty() || scope.contains(' ')) {
            faults.push(format!("{scope:?} is no scope: write each as a text of its own"));
        }
        faults
    }
}
