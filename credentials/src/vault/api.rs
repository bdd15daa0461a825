//! Questions to Vault, as its HTTP API has them.

use reqwest::header::HeaderValue;
use reqwest::{Client, Method, RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::OnceCell;

use super::settings::VaultSettings;
use crate::answer;
use crate::failure::Failure;

/// What people call the service.
pub(super) const WHOM: &str = "Vault";

/// The way to one Vault.
pub(super) struct Api {
    settings: VaultSettings,
    way: OnceCell<(Client, Url)>,
}

impl Api {
    pub(super) fn new(settings: VaultSettings) -> Self {
        Self { settings, way: OnceCell::new() }
    }

    /// What it was made by.
    pub(super) fn settings(&self) -> &VaultSettings {
        &self.settings
    }

    /// A request to `path` of the API, or a version of what is there, with `token`.
    pub(super) async fn request(
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
