//! Logging in with a browser on this machine: authorization code with PKCE (RFC 7636), brought back to a port of this
//! machine (RFC 8252).
//!
//! ```text
//!   we ──► the browser, with state, nonce and the hash of a secret ──► the issuer, a person logs in
//!   we ◄── 127.0.0.1, with state and code ◄──────────────────────────┘
//!   we ──► the issuer, with code and secret ──► tokens, the ID token with the nonce
//! ```

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use data_encoding::BASE64URL_NOPAD;
use reqwest::Url;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::discovery::Discovery;
use crate::limits::{BROWSER_TIME_MAX, RETURN_BYTES_MAX};
use crate::rejected::quoted;

/// Where the browser comes back to.
const PATH: &str = "/callback";

/// Connections that wait to be read at once: browsers open some that they do not use.
const CONNECTIONS_MAX: usize = 16;

/// How long one of them may take to say what it wants.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(30);

/// A login that waits for the browser.
pub(crate) struct Visit {
    listener: TcpListener,
    state: String,
    /// What the ID token has to say.
    pub(crate) nonce: String,
    verifier: String,
    /// The place that the browser comes back to, as the issuer is told.
    pub(crate) redirect: String,
    /// Where the browser is sent.
    pub(crate) address: Url,
    issuer: String,
    names_itself: bool,
}

/// What the browser brought back.
pub(crate) struct Code {
    pub(crate) code: SecretString,
    /// What proves that it was asked for here.
    pub(crate) verifier: SecretString,
    pub(crate) redirect: String,
}

impl Visit {
    /// Opens a port of this machine and writes the address for the browser.
    pub(crate) async fn begin(
        discovery: &Discovery,
        issuer: &str,
        client_id: &str,
        scopes: &[String],
        resource: &str,
    ) -> anyhow::Result<Self> {
        let mut address = discovery.authorization.clone().context("the issuer knows no login by browser")?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no port can be opened here")?;
        let redirect = format!("http://{}{PATH}", listener.local_addr()?);
        let (state, nonce, verifier) = (secret()?, secret()?, secret()?);
        {
            let mut query = address.query_pairs_mut();
            query
                .append_pair("response_type", "code")
                .append_pair("client_id", client_id)
                .append_pair("redirect_uri", &redirect)
                .append_pair("scope", &scopes.join(" "))
                .append_pair("state", &state)
                .append_pair("nonce", &nonce)
                .append_pair("code_challenge", &BASE64URL_NOPAD.encode(&Sha256::digest(verifier.as_bytes())))
                .append_pair("code_challenge_method", "S256");
            if scopes.iter().any(|scope| scope == "offline_access") {
                // OpenID Connect Core section 11: without it, the issuer must pass over that scope.
                query.append_pair("prompt", "consent");
            }
            if !resource.is_empty() {
                query.append_pair("resource", resource);
            }
        }
        let issuer = issuer.to_owned();
        let names_itself = discovery.names_itself;
        Ok(Self { listener, state, nonce, verifier, redirect, address, issuer, names_itself })
    }

    /// Waits until the browser comes back.
    ///
    /// Whoever else knocks (any page that the browser shows can) is turned away, and the waiting goes on.
    pub(crate) async fn end(self) -> anyhow::Result<Code> {
        tokio::time::timeout(BROWSER_TIME_MAX, self.wait())
            .await
            .context("nobody came back from the browser in time")?
    }

    async fn wait(self) -> anyhow::Result<Code> {
        let mut visitors = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => {
                    let (stream, _) = accepted?;
                    if visitors.len() < CONNECTIONS_MAX {
                        visitors.spawn(tokio::time::timeout(REQUEST_TIME_MAX, heard(stream)));
                    }
                }
                Some(visitor) = visitors.join_next() => {
                    let Ok(Ok(Ok((mut stream, target)))) = visitor else { continue };
                    let Some(answer) = self.returned(&target) else {
                        let _ = say(&mut stream, "404 Not Found", "This is not the login that is waited for.").await;
                        continue;
                    };
                    let text = match &answer {
                        Ok(_) => "You are logged in. This page can be closed.",
                        Err(_) => "The login did not work. The terminal says why; this page can be closed.",
                    };
                    // The browser may be gone: what it brought counts.
                    let _ = say(&mut stream, "200 OK", text).await;
                    return Ok(Code {
                        code: answer?.into(),
                        verifier: self.verifier.into(),
                        redirect: self.redirect,
                    });
                }
            }
        }
    }

    /// The code in the target of a request, or why there is none; `None` when it is not the visit that is waited for.
    fn returned(&self, target: &str) -> Option<anyhow::Result<String>> {
        let url = Url::parse("http://127.0.0.1").ok()?.join(target).ok()?;
        if url.path() != PATH {
            return None;
        }
        let value = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        // Hashes are compared, so that how long it takes says nothing of how near a guess was.
        if Sha256::digest(value("state")?.as_bytes()) != Sha256::digest(self.state.as_bytes()) {
            return None;
        }
        Some(self.code(value("code"), value("error"), value("error_description"), value("iss")))
    }

    fn code(
        &self,
        code: Option<String>,
        error: Option<String>,
        description: Option<String>,
        issuer: Option<String>,
    ) -> anyhow::Result<String> {
        // RFC 9207: another issuer's answer must not be taken for this one's.
        match issuer {
            Some(issuer) => ensure!(issuer == self.issuer, "the browser came back from {}", quoted(&issuer)),
            None => ensure!(!self.names_itself, "the browser came back from nobody knows where"),
        }
        if let Some(error) = error {
            bail!("the issuer refused: {} {}", quoted(&error), quoted(&description.unwrap_or_default()));
        }
        code.context("the browser brought no code back")
    }
}

/// 256 random bits, as text.
pub(crate) fn secret() -> anyhow::Result<String> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
    Ok(BASE64URL_NOPAD.encode(&random))
}

/// The target of the request that a visitor makes.
async fn heard(mut stream: TcpStream) -> anyhow::Result<(TcpStream, String)> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        ensure!(head.len() < RETURN_BYTES_MAX, "the request is too long");
        if stream.read_buf(&mut head).await? == 0 {
            bail!("the request ends in its middle");
        }
    }
    let head = String::from_utf8(head)?;
    let target = head.strip_prefix("GET ").and_then(|rest| rest.split(' ').next()).context("this is no GET")?;
    ensure!(target.starts_with('/'), "the target is no path");
    let target = target.to_owned();
    Ok((stream, target))
}

async fn say(stream: &mut TcpStream, status: &str, text: &str) -> std::io::Result<()> {
    let page = format!("<!doctype html><meta charset=utf-8><title>wiretape</title><p>{text}</p>\n");
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n",
        page.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(page.as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use reqwest::Url;

    use super::Visit;
    use crate::discovery::Discovery;

    async fn visit(names_itself: bool) -> Visit {
        let url = |path: &str| Url::parse(&format!("https://id.example.com/{path}")).unwrap();
        let discovery = Discovery {
            jwks: url("keys"),
            token: Some(url("token")),
            authorization: Some(url("auth?tenant=1")),
            device_authorization: None,
            revocation: None,
            token_proofs: Vec::new(),
            names_itself,
        };
        let scopes = ["openid".to_owned(), "offline_access".to_owned()];
        Visit::begin(&discovery, "https://id.example.com", "wiretape", &scopes, "").await.unwrap()
    }

    #[tokio::test]
    async fn a_visit_with_another_state_is_passed_over() {
        let visit = visit(false).await;
        let address = visit.address.as_str();
        assert!(address.contains("tenant=1") && address.contains("code_challenge_method=S256"), "{address}");
        assert!(!address.contains(&visit.verifier), "the secret stays here");
        let state = &visit.state;
        assert_eq!(visit.returned(&format!("/callback?code=c&state={state}")).unwrap().unwrap(), "c");
        for other in ["/callback?code=c", "/callback?code=c&state=", "/callback?code=c&state=x", "/favicon.ico", "//"] {
            assert!(visit.returned(other).is_none(), "{other}");
        }
        assert!(visit.returned(&format!("/?code=c&state={state}")).is_none());
        assert!(visit.returned(&format!("/callback?error=access_denied&state={state}")).unwrap().is_err());
        assert!(visit.returned(&format!("/callback?state={state}")).unwrap().is_err());
    }

    #[tokio::test]
    async fn a_visit_from_another_issuer_is_refused() {
        let visit = visit(true).await;
        let returned = |more: &str| visit.returned(&format!("/callback?code=c&state={}{more}", visit.state)).unwrap();
        assert!(returned("&iss=https://id.example.com").is_ok());
        assert!(returned("&iss=https://evil.example.com").is_err());
        assert!(returned("").is_err());
    }
}
