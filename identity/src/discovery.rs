//! What an issuer says of itself: OpenID Connect Discovery 1.0.

use anyhow::{Context, bail, ensure};
use reqwest::Url;
use serde::Deserialize;

use crate::limits::DOCUMENT_BYTES_MAX;
use crate::rejected::quoted;
use crate::web::{Web, is_loopback, vetted};

/// The parts of an issuer's document that matter here, every address in it vetted.
#[derive(Clone, Debug)]
pub(crate) struct Discovery {
    pub(crate) jwks: Url,
    pub(crate) token: Option<Url>,
    pub(crate) authorization: Option<Url>,
    pub(crate) device_authorization: Option<Url>,
    pub(crate) revocation: Option<Url>,
    /// The ways in which a client with a secret may prove itself; empty: by the `Authorization` header.
    pub(crate) token_proofs: Vec<String>,
    /// Whether a browser brings the issuer's name back with the code (RFC 9207).
    pub(crate) names_itself: bool,
}

/// The document as it is written (OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2).
#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
    token_endpoint: Option<String>,
    authorization_endpoint: Option<String>,
    device_authorization_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl Discovery {
    /// Asks the issuer at `issuer`, whose document has to name exactly that.
    pub(crate) async fn fetch(web: &Web, issuer: &str) -> anyhow::Result<Self> {
        let address = vetted(&format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')))?;
        let answer = web.get(&address, DOCUMENT_BYTES_MAX, None).await?;
        Self::read(&answer.body, issuer).with_context(|| format!("the document at {address}"))
    }

    fn read(body: &[u8], issuer: &str) -> anyhow::Result<Self> {
        let document: Document = serde_json::from_slice(body).context("is not one of OpenID Connect Discovery")?;
        // Section 4.3: identical. A document for another issuer would let that one speak for this.
        ensure!(
            document.issuer == issuer,
            "names the issuer {}, not {} as the configuration does: both have to be the same letter by letter",
            quoted(&document.issuer),
            quoted(issuer)
        );
        // Only who is on this machine knows what else is: an issuer elsewhere has nobody ask the services here.
        let is_here = is_loopback(&vetted(issuer)?);
        let vetted = |text: &str| {
            let url = vetted(text)?;
            ensure!(is_here || url.scheme() == "https", "{} does not begin with https://", quoted(text));
            Ok(url)
        };
        let address = |text: Option<String>| text.as_deref().map(vetted).transpose();
        Ok(Self {
            jwks: vetted(&document.jwks_uri)?,
            token: address(document.token_endpoint)?,
            authorization: address(document.authorization_endpoint)?,
            device_authorization: address(document.device_authorization_endpoint)?,
            revocation: address(document.revocation_endpoint)?,
            token_proofs: document.token_endpoint_auth_methods_supported,
            names_itself: document.authorization_response_iss_parameter_supported,
        })
    }

    /// Where tokens are had.
    pub(crate) fn token(&self) -> anyhow::Result<&Url> {
        match &self.token {
            Some(url) => Ok(url),
            None => bail!("the issuer names no token_endpoint: it gives no tokens to clients"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Discovery;

    #[test]
    fn a_document_of_another_issuer_or_with_unsafe_addresses_is_refused() {
        let read = |text: &str| Discovery::read(text.as_bytes(), "https://id.example.com");
        let good = r#"{"issuer":"https://id.example.com","jwks_uri":"https://id.example.com/keys"}"#;
        assert!(read(good).is_ok());
        for bad in [
            r#"{"issuer":"https://id.example.com/","jwks_uri":"https://id.example.com/keys"}"#,
            r#"{"issuer":"https://other.example.com","jwks_uri":"https://id.example.com/keys"}"#,
            r#"{"issuer":"https://id.example.com","jwks_uri":"http://id.example.com/keys"}"#,
            r#"{"issuer":"https://id.example.com","jwks_uri":"https://k","token_endpoint":"http://id.example.com/t"}"#,
            r#"{"issuer":"https://id.example.com"}"#,
            r#"{"issuer":"https://id.example.com","jwks_uri":"http://127.0.0.1:8500/v1/kv"}"#,
            r#"{"issuer":"https://id.example.com","jwks_uri":"https://k","token_endpoint":"http://localhost/t"}"#,
            "[]",
            "",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let here = r#"{"issuer":"http://127.0.0.1:1","jwks_uri":"http://localhost:2/keys"}"#;
        assert!(Discovery::read(here.as_bytes(), "http://127.0.0.1:1").is_ok());
    }
}
