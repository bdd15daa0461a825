//! Requests to issuers: few, short, and to nobody else than was asked for.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use reqwest::header::{ACCEPT, CACHE_CONTROL};
use reqwest::{Certificate, Client, StatusCode, Url, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

use crate::limits::{CONNECT_TIME_MAX, DOCUMENT_BYTES_MAX, REQUEST_TIME_MAX};

/// A client for one issuer or one gateway: follows no redirect, waits no longer and reads no more than it must.
#[derive(Clone, Debug)]
pub(crate) struct Web {
    client: Client,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
    /// What it says of how long it may be kept.
    pub(crate) fresh_for: Option<Duration>,
}

impl Answer {
    /// The body as JSON, whatever the status.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_json::from_slice(&self.body).context("the answer is not the JSON that it should be")
    }
}

/// By what a client proves to be itself at a token endpoint.
pub(crate) enum Proof<'a> {
    /// Nothing: a public client.
    Public,
    /// Its secret, in the `Authorization` header (RFC 6749 section 2.3.1).
    Basic(&'a SecretString),
    /// Its secret, in the form.
    Post(&'a SecretString),
}

impl Web {
    /// A client for `url`, which trusts the authorities of the system, or those of `ca_pem` alone.
    pub(crate) fn new(url: &Url, ca_pem: Option<&[u8]>) -> anyhow::Result<Self> {
        let mut builder = Client::builder()
            .redirect(redirect::Policy::none())
            .referer(false)
            .timeout(REQUEST_TIME_MAX)
            .connect_timeout(CONNECT_TIME_MAX)
            .user_agent(concat!("wiretape/", env!("CARGO_PKG_VERSION")));
        if let Some(pem) = ca_pem {
            let certificates = Certificate::from_pem_bundle(pem).context("the ca is not a file of PEM certificates")?;
            ensure!(!certificates.is_empty(), "the ca holds no PEM certificate");
            builder = builder.tls_certs_only(certificates);
        }
        if is_loopback(url) {
            builder = builder.no_proxy();
        }
        Ok(Self { client: builder.build().context("the HTTP client cannot be made")? })
    }

    /// Asks for `url`; anything else than 200 is an error.
    pub(crate) async fn get(&self, url: &Url, bytes_max: usize, bearer: Option<&str>) -> anyhow::Result<Answer> {
        let mut request = self.client.get(url.clone()).header(ACCEPT, "application/json");
        if let Some(bearer) = bearer {
            request = request.bearer_auth(bearer);
        }
        let answer = read(request, bytes_max).await.with_context(|| format!("asking {}", shown(url)))?;
        if answer.status != StatusCode::OK {
            bail!("{} answered {}", shown(url), answer.status);
        }
        Ok(answer)
    }

    /// Sends JSON, with a token; every status is an answer.
    pub(crate) async fn post_json(
        &self,
        url: &Url,
        body: &impl serde::Serialize,
        bearer: &str,
    ) -> anyhow::Result<Answer> {
        let request = self.client.post(url.clone()).bearer_auth(bearer).json(body);
        read(request, DOCUMENT_BYTES_MAX).await.with_context(|| format!("asking {}", shown(url)))
    }

    /// Sends a form as the client `client_id`; every status is an answer.
    pub(crate) async fn post_form(
        &self,
        url: &Url,
        client_id: &str,
        proof: &Proof<'_>,
        form: &[(&str, &str)],
    ) -> anyhow::Result<Answer> {
        let mut form = form.to_vec();
        let mut request = self.client.post(url.clone()).header(ACCEPT, "application/json");
        match proof {
            Proof::Public => form.push(("client_id", client_id)),
            Proof::Post(secret) => {
                form.push(("client_id", client_id));
                form.push(("client_secret", secret.expose_secret()));
            }
            Proof::Basic(secret) => {
                request = request.basic_auth(encoded(client_id), Some(encoded(secret.expose_secret())));
            }
        }
        read(request.form(&form), DOCUMENT_BYTES_MAX).await.with_context(|| format!("asking {}", shown(url)))
    }
}

async fn read(request: reqwest::RequestBuilder, bytes_max: usize) -> anyhow::Result<Answer> {
    // The error of the library names the whole URL, which may hold what is secret: the caller says what was asked.
    let mut response = request.send().await.map_err(reqwest::Error::without_url)?;
    let status = response.status();
    let fresh_for = response.headers().get(CACHE_CONTROL).and_then(|value| fresh_for(value.to_str().ok()?));
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(reqwest::Error::without_url)? {
        if body.len() + piece.len() > bytes_max {
            bail!("the answer has more than {bytes_max} bytes");
        }
        body.extend_from_slice(&piece);
    }
    Ok(Answer { status, body, fresh_for })
}

/// The `max-age` of a `Cache-Control` header, 0 where nothing may be kept (RFC 9111 section 5.2.2).
fn fresh_for(value: &str) -> Option<Duration> {
    let mut age = None;
    for directive in value.split(',').map(str::trim) {
        if directive.eq_ignore_ascii_case("no-store") || directive.eq_ignore_ascii_case("no-cache") {
            return Some(Duration::ZERO);
        }
        if let Some((name, seconds)) = directive.split_once('=')
            && name.trim().eq_ignore_ascii_case("max-age")
        {
            age = seconds.trim().trim_matches('"').parse().ok().map(Duration::from_secs);
        }
    }
    age
}

/// `text` as a form would hold it: the parts of a client's `Authorization` header are (RFC 6749 section 2.3.1).
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// Reads a URL at which secrets are told or keys are had: `https`, or `http` on this machine alone.
pub(crate) fn vetted(text: &str) -> anyhow::Result<Url> {
    let url = Url::parse(text).with_context(|| format!("{} is not a URL", crate::rejected::quoted(text)))?;
    let shown = crate::rejected::quoted(text);
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        _ => bail!("{shown} does not begin with https:// (http:// will do on this machine alone)"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        bail!("{shown} holds a name or a password");
    }
    if url.fragment().is_some() {
        bail!("{shown} holds a #fragment");
    }
    Ok(url)
}

/// Whether `url` leads to this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `url` for a message: without its query, which may hold what is secret.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{encoded, fresh_for, vetted};

    #[test]
    fn plain_http_is_for_this_machine() {
        for good in ["https://id.example.com/a", "http://localhost:1/", "http://127.0.0.1:80", "http://[::1]:80/"] {
            assert!(vetted(good).is_ok(), "{good}");
        }
        for bad in [
            "http://id.example.com",
            "ftp://id.example.com",
            "http://127.0.0.1.example.com/",
            "http://localhost.example.com/",
            "https://ana:secret@id.example.com",
            "https://id.example.com/#x",
            "file:///etc/passwd",
            "id.example.com",
            "",
        ] {
            assert!(vetted(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn how_long_an_answer_may_be_kept_is_read() {
        assert_eq!(fresh_for("public, max-age=120"), Some(Duration::from_secs(120)));
        assert_eq!(fresh_for("Max-Age=\"7\", must-revalidate"), Some(Duration::from_secs(7)));
        assert_eq!(fresh_for("max-age=10, no-store"), Some(Duration::ZERO));
        assert_eq!(fresh_for("private"), None);
        assert_eq!(fresh_for("max-age=soon"), None);
    }

    #[test]
    fn names_and_secrets_are_encoded_as_in_a_form() {
        assert_eq!(encoded("a b:c+é"), "a%20b%3Ac%2B%C3%A9");
    }
}
