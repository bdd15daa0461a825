//! The gateway's API, as the commands ask it.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{Certificate, Client, RequestBuilder, Url, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::runtime::Runtime;
use wiretape_replay::legible::legible;

use crate::limits::{ANSWER_BYTES_MAX, ANSWER_TIME_MAX};
use crate::problem::Problem;

/// How long it may take to reach the gateway.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);

/// Where the address of the API is said, on both sides.
const NAMED: &str = "listen.admin there; --gateway or WIRETAPE_GATEWAY here";

/// The gateway's API, asked by somebody.
pub(crate) struct Api {
    runtime: Runtime,
    client: Client,
    base: Url,
    token: SecretString,
}

impl Api {
    /// The API at `gateway`, asked by whoever has `token`.
    pub(crate) fn new(gateway: &str, token: SecretString, ca_pem: Option<&[u8]>) -> anyhow::Result<Self> {
        let base = Url::parse(gateway).with_context(|| format!("{} is no address of a gateway", legible(gateway)))?;
        let host = base.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let loopback =
            host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        match base.scheme() {
            "https" => {}
            "http" if loopback => {}
            _ => bail!("{} does not begin with https:// (http:// will do on this machine alone)", legible(gateway)),
        }
        let mut client = Client::builder()
            .redirect(redirect::Policy::none())
            .referer(false)
            .timeout(ANSWER_TIME_MAX)
            .connect_timeout(CONNECT_TIME_MAX)
            .user_agent(concat!("wiretape/", env!("CARGO_PKG_VERSION")));
        if let Some(pem) = ca_pem {
            client = client.tls_certs_only(Certificate::from_pem_bundle(pem).context("the ca holds no certificates")?);
        }
        if loopback {
            client = client.no_proxy();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self {
            runtime: runtime.context("the program cannot begin its work")?,
            client: client.build().context("the HTTP client cannot be made")?,
            base,
            token,
        })
    }

    /// What stands at `path`.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(self.client.get(self.url(path)?))
    }

    /// What `body` brings about at `path`.
    pub(crate) fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.ask(self.client.post(self.url(path)?).json(body))
    }

    fn url(&self, path: &str) -> anyhow::Result<Url> {
        self.base.join(path).context("that is no address")
    }

    fn ask(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let asked = async {
            let mut answer = request.bearer_auth(self.token.expose_secret()).send().await?;
            let status = answer.status();
            let mut body = Vec::new();
            while let Some(piece) = answer.chunk().await? {
                body.extend_from_slice(&piece);
                if body.len() > ANSWER_BYTES_MAX {
                    break;
                }
            }
            Ok::<_, reqwest::Error>((status, body))
        };
        let (status, body) = self.runtime.block_on(asked).map_err(|error| unanswered(&self.base, error))?;
        if body.len() > ANSWER_BYTES_MAX {
            bail!("the gateway answered with more than {ANSWER_BYTES_MAX} bytes");
        }
        if !status.is_success() {
            let problem: Option<Problem> = serde_json::from_slice(&body).ok();
            // The API says what is wrong; what says a number alone is something else.
            let Some(problem) = problem else {
                bail!("{} answers {status}: it is not the address of a gateway's API ({NAMED})", self.base);
            };
            bail!("{}", legible(&problem.detail));
        }
        serde_json::from_slice(&body).context("the gateway's answer is no JSON: is this the address of its API?")
    }
}

/// Why the gateway at `base` did not answer, from the innermost cause, with what to do about it.
fn unanswered(base: &Url, error: reqwest::Error) -> anyhow::Error {
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let remedy = if error.is_timeout() {
        "it takes too long: is it the address of its API?".to_owned()
    } else if error.is_connect() {
        format!("does it run, is that the address of its API ({NAMED}), is its certificate's authority known (--ca)?")
    } else {
        "did it stop?".to_owned()
    };
    anyhow::anyhow!("cannot ask the gateway at {base}: {cause}; {remedy}")
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::{Api, SecretString};

    #[test]
    fn a_gateway_that_does_not_run_is_named_with_what_to_do() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let api = Api::new(&format!("http://127.0.0.1:{port}"), SecretString::from("wt_x"), None).unwrap();
        let error = format!("{:#}", api.get("/v1/approvals").unwrap_err());
        assert!(error.starts_with(&format!("cannot ask the gateway at http://127.0.0.1:{port}/: ")), "{error}");
        assert!(error.contains("refused") && error.contains("listen.admin") && error.contains("--gateway"), "{error}");
        assert_eq!(error.matches("http://").count(), 1, "{error}");
    }
}
