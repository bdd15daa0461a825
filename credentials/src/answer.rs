//! Questions to services by HTTP, and their answers: bounded in size and time, without redirects, and wiped after use.

use std::path::Path;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, RequestBuilder, Response, Url};
use secrecy::SecretString;
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

use crate::failure::Failure;
use crate::limits::{ANSWER_BYTES_MAX, ANSWER_TIME_MAX, CONNECT_TIME_MAX, SECRET_BYTES_MAX};
use crate::local;

/// A client that trusts the authorities in the PEM file `ca`, or the system's.
///
/// No proxy of the environment is asked: a secret takes no way that the configuration does not name.
pub(crate) async fn client(ca: Option<&Path>) -> Result<Client, Failure> {
    let mut builder = Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .timeout(ANSWER_TIME_MAX)
        .connect_timeout(CONNECT_TIME_MAX)
        .pool_max_idle_per_host(2)
        .user_agent(concat!("wiretape/", env!("CARGO_PKG_VERSION")));
    if let Some(path) = ca {
        let pem = local::text(path).await?;
        let certificates = Certificate::from_pem_bundle(pem.as_bytes()).unwrap_or_default();
        if certificates.is_empty() {
            return Err(Failure::new(format!("{} has no certificate in PEM form", path.display())));
        }
        builder = builder.tls_certs_only(certificates);
    }
    builder.build().map_err(|error| Failure::new(format!("no TLS for the services of secrets: {}", root(&error))))
}

/// What a service answered.
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// The content; null where it was none or no JSON.
    pub(crate) json: Json,
}

/// Sends `request` to the service that people know as `whom`.
pub(crate) async fn ask(request: RequestBuilder, whom: &str) -> Result<Answer, Failure> {
    let response = request.send().await.map_err(|error| unreachable(&error, whom))?;
    let status = response.status().as_u16();
    let bytes = content(response, whom).await?;
    Ok(Answer { status, json: Json::parse(&bytes) })
}

async fn content(mut response: Response, whom: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    // Large enough for all but the largest: a buffer that grows leaves copies of what it held behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_BYTES_MAX));
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error, whom))? {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(Failure::new(format!("{whom} answers more than {ANSWER_BYTES_MAX} bytes")));
        }
        if bytes.len() + chunk.len() > bytes.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(ANSWER_BYTES_MAX));
            larger.extend_from_slice(&bytes);
            bytes = larger;
        }
        bytes.extend_from_slice(&chunk);
        // Wiped where nobody else holds it.
        if let Ok(mut chunk) = chunk.try_into_mut() {
            chunk.as_mut().zeroize();
        }
    }
    Ok(bytes)
}

fn unreachable(error: &reqwest::Error, whom: &str) -> Failure {
    let text = if error.is_timeout() {
        format!("{whom} does not answer within {} s", ANSWER_TIME_MAX.as_secs())
    } else if error.is_connect() {
        format!("{whom} cannot be reached: {}", root(error))
    } else {
        format!("the connection with {whom} broke: {}", root(error))
    };
    Failure::new(text)
}

/// The innermost reason: it is the system's or TLS's own, without the address that was asked.
fn root(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// `text` as the address of a service: https, or http on this very machine.
pub(crate) fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| format!("{text:?} is no URL: write it as \"https://host:port\""))?;
    let loopback = match url.host() {
        Some(reqwest_host) => match reqwest_host.to_string().trim_matches(['[', ']']) {
            "localhost" => true,
            host => host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback()),
        },
        None => return Err(format!("{text:?} names no host")),
    };
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        "http" => return Err(format!("{text:?} would carry secrets in clear text: write https")),
        _ => return Err(format!("{text:?} is no URL of HTTP: write it as \"https://host:port\"")),
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("an address of a service is a scheme, a host and a path, no more".to_owned());
    }
    Ok(url)
}

/// `base` with the segments of `path` behind it.
pub(crate) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path.split('/').filter(|segment| !segment.is_empty()));
    }
    url
}

/// JSON that is wiped when it goes.
pub(crate) struct Json(Value);

impl Json {
    /// Reads `bytes`; null where they are no JSON.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        Self(serde_json::from_slice(bytes).unwrap_or(Value::Null))
    }

    /// The text at `pointer` (RFC 6901).
    pub(crate) fn text(&self, pointer: &str) -> Option<&str> {
        self.0.pointer(pointer)?.as_str()
    }

    /// The same as a secret that is not empty.
    pub(crate) fn secret(&self, pointer: &str) -> Option<SecretString> {
        self.text(pointer).filter(|text| !text.is_empty() && text.len() <= SECRET_BYTES_MAX).map(SecretString::from)
    }

    /// The whole number at `pointer`.
    pub(crate) fn number(&self, pointer: &str) -> Option<u64> {
        self.0.pointer(pointer)?.as_u64()
    }

    /// Whether true stands at `pointer`.
    pub(crate) fn is_true(&self, pointer: &str) -> bool {
        self.0.pointer(pointer).and_then(Value::as_bool) == Some(true)
    }

    /// The member `name` of the object at `pointer`.
    pub(crate) fn member(&self, pointer: &str, name: &str) -> Option<&Value> {
        self.0.pointer(pointer)?.as_object()?.get(name)
    }

    /// Whether an object stands at `pointer`.
    pub(crate) fn is_object(&self, pointer: &str) -> bool {
        self.0.pointer(pointer).is_some_and(Value::is_object)
    }
}

impl Drop for Json {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Wipes the texts in `value`; serde_json parses no deeper than 128.
fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(values) => values.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{Json, address, below};

    #[test]
    fn services_are_asked_by_tls_or_on_this_machine() {
        for good in ["https://vault.example:8200", "http://127.0.0.1:8200", "http://[::1]:1/base", "http://localhost"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in ["http://vault.example", "vault:8200", "ftp://h", "https://u:p@h", "https://h/?q=1", "", "https://"]
        {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_stands_below_its_base_and_cannot_leave_it() {
        let base = address("https://h/base/").unwrap();
        assert_eq!(below(&base, "v1/secret/data/a b?c").as_str(), "https://h/base/v1/secret/data/a%20b%3Fc");
        assert_eq!(below(&base, "/v1//x").as_str(), "https://h/base/v1/x");
        assert_eq!(below(&base, "../../x").as_str(), "https://h/base/x", "such segments are no segments");
    }

    #[test]
    fn what_is_no_json_says_nothing() {
        for bytes in [&b""[..], b"<html>", b"{\"a\":", &[0xff; 4], "[".repeat(10_000).as_bytes()] {
            let json = Json::parse(bytes);
            assert!(json.text("/a").is_none() && !json.is_object(""));
        }
        let json = Json::parse(br#"{"a":{"b":"c","n":3,"t":true,"e":""}}"#);
        assert_eq!((json.text("/a/b"), json.number("/a/n"), json.is_true("/a/t")), (Some("c"), Some(3), true));
        assert!(json.secret("/a/e").is_none());
    }
}
