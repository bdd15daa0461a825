//! Vault and OpenBao, by their HTTP API: secrets of KV (both versions) and whatever else answers a read with fields.
//!
//! Sources: Vault's documentation of `secret/kv/kv-v2`, `auth/approle`, `auth/token` and `system` (status codes).

mod api;
mod session;
mod settings;

pub use settings::VaultSettings;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Method;
use secrecy::SecretString;
use serde_json::Value;

use crate::answer::{self, Answer, Json};
use crate::clock::{Clock, before_end};
use crate::credential::Credential;
use crate::failure::Failure;
use crate::limits::{SECRET_BYTES_MAX, VAULT_CACHE_TIME};
use crate::source::VaultSecret;
use api::{Api, WHOM, meaning};
use session::Login;

/// One Vault, and the gateway's login there.
pub(crate) struct Vault {
    login: Arc<Login>,
    tended: AtomicBool,
}

impl Vault {
    pub(crate) fn new(settings: VaultSettings, clock: Clock) -> Self {
        Self { login: Arc::new(Login::new(Api::new(settings), clock)), tended: AtomicBool::new(false) }
    }

    /// What it was made by.
    pub(crate) fn settings(&self) -> &VaultSettings {
        self.login.api().settings()
    }

    /// Keeps the login alive from now on, as long as somebody has this Vault and a runtime runs.
    pub(crate) fn tend(&self) {
        if tokio::runtime::Handle::try_current().is_ok() && !self.tended.swap(true, Ordering::Relaxed) {
            tokio::spawn(session::tend(Arc::downgrade(&self.login)));
        }
    }

    /// Reads `secret`, and for how long it may be kept.
    pub(crate) async fn read(&self, secret: &VaultSecret) -> Result<(Credential, Duration), Failure> {
        self.tend();
        let path = &secret.path;
        let mut again = true;
        loop {
            let token = self.login.token().await?;
            let request = self.login.api().request(Method::GET, path, secret.version, Some(&token)).await?;
            let Answer { status, json } = answer::ask(request, WHOM).await?;
            let failure = match status {
                200 => return self.found(secret, &json),
                403 if again && self.login.distrust(&token).await => {
                    again = false;
                    continue;
                }
                403 => format!("Vault does not let the gateway read {path}: look at the policy of its token"),
                404 => format!(
                    "Vault has nothing at {path}: a secret of KV version 2 is at <mount>/data/<path>, and may be deleted"
                ),
                other => format!("Vault does not give {path} ({})", meaning(other)),
            };
            return Err(Failure::new(failure));
        }
    }

    fn found(&self, secret: &VaultSecret, json: &Json) -> Result<(Credential, Duration), Failure> {
        let (path, field) = (&secret.path, &secret.field);
        // Version 2 of KV wraps what version 1 answers.
        let wrapped = json.is_object("/data/data") && json.is_object("/data/metadata");
        let data = if wrapped { "/data/data" } else { "/data" };
        let value = match json.member(data, field) {
            Some(Value::String(text)) if text.len() <= SECRET_BYTES_MAX => SecretString::from(text.as_str()),
            Some(Value::String(_)) => {
                return Err(Failure::new(format!(
                    "the field {field:?} of {path} in Vault is larger than a secret can be"
                )));
            }
            Some(_) => return Err(Failure::new(format!("the field {field:?} of {path} in Vault is not a text"))),
            None => return Err(Failure::new(format!("the secret {path} in Vault has no field {field:?}"))),
        };
        let setting = secret.cache.or(self.settings().cache).map_or(VAULT_CACHE_TIME, Duration::from_secs);
        let time = match json.number("/lease_duration") {
            None | Some(0) => setting,
            Some(seconds) => setting.min(before_end(Duration::from_secs(seconds))),
        };
        let credential = if secret.is_key() { Credential::Key(value) } else { Credential::Password(value) };
        Ok((credential, time))
    }
}
