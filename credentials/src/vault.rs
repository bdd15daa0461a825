//! Vault and OpenBao, by their HTTP API: secrets of KV (both versions) and whatever else answers a read with fields.
//!
//! Sources: Vault's documentation of `secret/kv/kv-v2`, `auth/approle`, `auth/token` and `system` (status codes).

mod session;
mod settings;

pub use settings::{VaultSecret, VaultSettings};

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Client, Method, RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::sync::{Mutex, OnceCell};

use crate::answer::{self, Answer, Json};
use crate::clock::Clock;
use crate::credential::Credential;
use crate::failure::Failure;
use crate::limits::{MARGIN_TIME_MAX, SECRET_BYTES_MAX, VAULT_CACHE_TIME};
use session::Session;

/// What people call the service.
pub(super) const WHOM: &str = "Vault";

/// One Vault, and the gateway's login there.
pub(crate) struct Vault {
    settings: VaultSettings,
    clock: Clock,
    way: OnceCell<(Client, Url)>,
    session: Mutex<Option<Session>>,
    tended: AtomicBool,
}

impl Vault {
    pub(crate) fn new(settings: VaultSettings, clock: Clock) -> Arc<Self> {
        let way = OnceCell::new();
        Arc::new(Self { settings, clock, way, session: Mutex::new(None), tended: AtomicBool::new(false) })
    }

    /// What it was made by.
    pub(crate) fn settings(&self) -> &VaultSettings {
        &self.settings
    }

    /// Keeps the login alive from now on, as long as somebody has this Vault and a runtime runs.
    pub(crate) fn tend(self: &Arc<Self>) {
        if tokio::runtime::Handle::try_current().is_ok() && !self.tended.swap(true, Ordering::Relaxed) {
            tokio::spawn(session::tend(Arc::downgrade(self)));
        }
    }

    /// Reads `secret`, and for how long it may be kept.
    pub(crate) async fn read(self: &Arc<Self>, secret: &VaultSecret) -> Result<(Credential, Duration), Failure> {
        self.tend();
        let path = &secret.path;
        let mut again = true;
        loop {
            let token = self.token().await?;
            let request = self.request_of(Method::GET, path, secret.version, Some(&token)).await?;
            let Answer { status, json } = answer::ask(request, WHOM).await?;
            let failure = match status {
                200 => return self.found(secret, &json),
                403 if again && self.distrust(&token).await => {
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
        let setting = secret.cache.or(self.settings.cache).map_or(VAULT_CACHE_TIME, Duration::from_secs);
        let time = match json.number("/lease_duration") {
            None | Some(0) => setting,
            Some(seconds) => setting.min(before_end(Duration::from_secs(seconds))),
        };
        let credential = if secret.is_key() { Credential::Key(value) } else { Credential::Password(value) };
        Ok((credential, time))
    }

    /// A request to `path` of the API, with `token`.
    async fn request(
        &self,
        method: Method,
        path: &str,
        token: Option<&SecretString>,
    ) -> Result<RequestBuilder, Failure> {
        self.request_of(method, path, None, token).await
    }

    /// The same for a version of what is there.
    async fn request_of(
        &self,
        method: Method,
        path: &str,
        version: Option<u64>,
        token: Option<&SecretString>,
    ) -> Result<RequestBuilder, Failure> {
        let way = async {
            let address = answer::address(&self.settings.address).map_err(Failure::new)?;
            Ok::<_, Failure>((answer::client(self.settings.ca.as_deref()).await?, address))
        };
        let (client, address) = self.way.get_or_try_init(|| way).await?;
        let mut url = answer::below(&answer::below(address, "v1"), path);
        if let Some(version) = version {
            url.query_pairs_mut().append_pair("version", &version.to_string());
        }
        let mut request = client.request(method, url).header("X-Vault-Request", "true");
        if let Some(namespace) = &self.settings.namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(token.expose_secret())
                .map_err(|_| Failure::new("the token for Vault has characters that no token has"))?;
            value.set_sensitive(true);
            request = request.header("X-Vault-Token", value);
        }
        Ok(request)
    }
}

/// How long something that lives for `life` is used: until shortly before its end.
pub(crate) fn before_end(life: Duration) -> Duration {
    life.saturating_sub(MARGIN_TIME_MAX.min(life / 4))
}

/// What a status of Vault's API says, in words that help.
pub(super) fn meaning(status: u16) -> String {
    let words = match status {
        301..=308 => "it sends elsewhere: let address be the active server itself",
        400 => "it does not understand the question",
        401 | 403 => "it refuses",
        404 | 405 => "there is no such place: look at address, mount and path",
        429 | 473 => "it stands by for another, or has too much to do",
        472 => "it is the secondary of a recovery pair",
        501 => "it is not initialised",
        503 => "it is sealed, or down for maintenance",
        500..=599 => "it has a fault of its own",
        _ => "which the API does not know",
    };
    format!("status {status}: {words}")
}
