//! Logging in where there is no browser: the device authorization grant, RFC 8628.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::clock::{Tick, unix_seconds};
use crate::grant::{self, Answered, Grant};
use crate::identity::Identity;
use crate::issuer::Issuer;
use crate::limits::{DEVICE_PAUSE_MAX, DEVICE_TEXT_BYTES_MAX, DEVICE_TIME_MAX};
use crate::rejected::quoted;
use crate::token::Token;
use crate::web::{Proof, Web, vetted};

/// The login by device at one issuer, as the gateway itself does it for clients that have no token.
#[derive(Clone)]
pub struct DeviceFlow {
    issuer: Arc<Issuer>,
}

/// A login that waits for a person.
#[derive(Clone, Debug)]
pub struct Pending {
    /// Where the person goes.
    pub verification_uri: String,
    /// What the person types there.
    pub user_code: String,
    /// Where the person goes and need not type, if the issuer has that.
    pub verification_uri_complete: Option<String>,
    device_code: SecretString,
    begun: Tick,
    lasts: Duration,
    pause: Duration,
}

impl Pending {
    /// What the person is told, in one or two lines.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.verification_uri_complete {
            Some(complete) => format!("open {complete}\nand check that it shows {}", self.user_code),
            None => format!("open {}\nand enter {}", self.verification_uri, self.user_code),
        }
    }

    /// How long the person has, from the beginning.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        self.lasts
    }
}

impl DeviceFlow {
    pub(crate) fn new(issuer: Arc<Issuer>) -> Self {
        Self { issuer }
    }

    /// The name of the issuer in the configuration.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer.settings().name
    }

    /// Asks the issuer for a code that a person can enter.
    ///
    /// # Errors
    /// When the issuer cannot be asked, knows no such login, or refuses.
    pub async fn begin(&self) -> anyhow::Result<Pending> {
        let settings = self.issuer.settings();
        let discovery = self.issuer.discovery().await?;
        let url = discovery.device_authorization.as_ref().context("the issuer knows no login by device")?;
        let request =
            Request { web: self.issuer.web(), client_id: self.client()?, proof: self.issuer.proof(&discovery) };
        // Nobody is there to keep a refresh token.
        let scopes: Vec<&str> =
            settings.scopes.iter().map(String::as_str).filter(|scope| *scope != "offline_access").collect();
        request.begin(url, &scopes.join(" "), &settings.resource).await
    }

    /// Waits until the person is done, asking the issuer as often as it allows. Ends by itself when the code ends.
    ///
    /// # Errors
    /// When the person refused, nobody came in time, or what the issuer then gave is not accepted.
    pub async fn poll(&self, pending: Pending) -> anyhow::Result<Identity> {
        let settings = self.issuer.settings();
        let discovery = self.issuer.discovery().await?;
        let request =
            Request { web: self.issuer.web(), client_id: self.client()?, proof: self.issuer.proof(&discovery) };
        let grant = request.poll(discovery.token()?, &pending).await?;
        let token = grant.presented(settings.login_token)?.expose_secret();
        let token = Token::read(token)?;
        if token.issuer() != settings.url {
            bail!("the issuer gave a token of another issuer, {}", quoted(token.issuer()));
        }
        Ok(self.issuer.validate(token, unix_seconds()).await?)
    }

    fn client(&self) -> anyhow::Result<&str> {
        self.issuer.settings().client_id.as_deref().context("the issuer has no client_id")
    }
}

/// Who asks, and how.
pub(crate) struct Request<'a> {
    pub(crate) web: &'a Web,
    pub(crate) client_id: &'a str,
    pub(crate) proof: Proof<'a>,
}

/// The answer of the device authorization endpoint (RFC 8628 section 3.2).
#[derive(Deserialize)]
struct Device {
    device_code: SecretString,
    user_code: String,
    // Some issuers still use the name of a draft.
    #[serde(alias = "verification_url")]
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: Option<u64>,
    interval: Option<u64>,
}

impl Request<'_> {
    pub(crate) async fn begin(&self, url: &Url, scopes: &str, resource: &str) -> anyhow::Result<Pending> {
        let mut form = vec![("scope", scopes)];
        if !resource.is_empty() {
            form.push(("resource", resource));
        }
        let answer = self.web.post_form(url, self.client_id, &self.proof, &form).await?;
        if !answer.status.is_success() {
            let said = String::from_utf8_lossy(&answer.body).into_owned();
            bail!("the issuer begins no login by device: {} {}", answer.status, quoted(&said));
        }
        let device: Device = answer.json()?;
        // What is shown to people comes from the issuer, and may end in a terminal.
        vetted(&device.verification_uri).context("where the issuer sends people")?;
        if let Some(complete) = &device.verification_uri_complete {
            vetted(complete).context("where the issuer sends people")?;
        }
        for text in [Some(&device.verification_uri), device.verification_uri_complete.as_ref(), Some(&device.user_code)]
            .into_iter()
            .flatten()
        {
            if text.len() > DEVICE_TEXT_BYTES_MAX || text.chars().any(|letter| letter.is_control()) {
                bail!("the issuer's address or code cannot be shown");
            }
        }
        Ok(Pending {
            verification_uri: device.verification_uri,
            user_code: device.user_code,
            verification_uri_complete: device.verification_uri_complete,
            device_code: device.device_code,
            begun: Tick::now(),
            lasts: Duration::from_secs(device.expires_in.unwrap_or(u64::MAX)).min(DEVICE_TIME_MAX),
            pause: Duration::from_secs(device.interval.unwrap_or(5)).clamp(Duration::from_secs(1), DEVICE_PAUSE_MAX),
        })
    }

    pub(crate) async fn poll(&self, url: &Url, pending: &Pending) -> anyhow::Result<Grant> {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", pending.device_code.expose_secret()),
        ];
        let mut pause = pending.pause;
        loop {
            if pending.begun.age() + pause > pending.lasts {
                bail!("nobody entered the code in time");
            }
            tokio::time::sleep(pause).await;
            match grant::ask(self.web, url, self.client_id, &self.proof, &form).await {
                Ok(Answered::Granted(grant)) => return Ok(grant),
                Ok(Answered::Refused { code, .. }) if code == "authorization_pending" => {}
                Ok(Answered::Refused { code, .. }) if code == "slow_down" => {
                    pause = (pause + Duration::from_secs(5)).min(DEVICE_PAUSE_MAX);
                }
                Ok(Answered::Refused { code, .. }) if code == "expired_token" => {
                    bail!("nobody entered the code in time");
                }
                Ok(Answered::Refused { code, .. }) if code == "access_denied" => bail!("the login was refused"),
                Ok(refused) => {
                    refused.granted()?;
                }
                // Section 3.5: a timeout is answered by asking less often.
                Err(error) => {
                    tracing::debug!("polling for a login by device: {error:#}");
                    pause = (pause * 2).min(DEVICE_PAUSE_MAX);
                }
            }
        }
    }
}
