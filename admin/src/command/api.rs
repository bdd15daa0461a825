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
        let (status, body) =
            self.runtime.block_on(asked).with_context(|| format!("cannot ask the gateway at {}", self.base))?;
        if body.len() > ANSWER_BYTES_MAX {
            bail!("the gateway answered with more than {ANSWER_BYTES_MAX} bytes");
        }
        if !status.is_success() {
            let problem: Option<Problem> = serde_json::from_slice(&body).ok();
            let detail = problem.map_or_else(|| status.to_string(), |problem| problem.detail);
            bail!("{}", legible(&detail));
        }
        serde_json::from_slice(&body).context("the gateway's answer is no JSON: is this the address of its API?")
    }
}
