//! The issuers of the configuration, told apart by the `iss` of a token.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::device::DeviceFlow;
use crate::identity::Identity;
use crate::issuer::Issuer;
use crate::limits::RETRY_PAUSE;
use crate::offer::{IssuerOffer, LoginOffer};
use crate::rejected::{Rejected, quoted};
use crate::settings::IssuerSettings;
use crate::token::Token;

/// Every issuer whose tokens are taken.
#[derive(Default)]
pub struct Issuers {
    issuers: Vec<Arc<Issuer>>,
}

impl Issuers {
    /// The issuers of a configuration. Nothing is asked of them yet.
    ///
    /// # Errors
    /// When two have the same name or URL, a URL is neither `https` nor on this machine, there is nothing that a token
    /// could be for, an algorithm is unknown or symmetric, or an issuer that signs for everybody has no `require`.
    pub fn new(settings: Vec<IssuerSettings>) -> anyhow::Result<Self> {
        // Once in a process; another one that was installed before is as good.
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        let mut issuers: Vec<Arc<Issuer>> = Vec::new();
        for settings in settings {
            let name = settings.name.clone();
            ensure!(
                !issuers.iter().any(|known| known.settings().name == settings.name),
                "two issuers are called {name:?}"
            );
            ensure!(
                !issuers.iter().any(|known| known.settings().url == settings.url),
                "the issuer {name:?} has the url of another one"
            );
            let issuer = Issuer::new(settings).with_context(|| format!("the issuer {name:?}"))?;
            issuers.push(Arc::new(issuer));
        }
        Ok(Self { issuers })
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.issuers.is_empty()
    }

    /// Whether `text` looks like a token of an issuer, so that it is one or nothing: a password or a token of the
    /// gateway's own never does.
    #[must_use]
    pub fn is_token(text: &str) -> bool {
        Token::is_one(text)
    }

    /// Whether `text` is a token that says that it is by one of these: not to be believed before [`Issuers::validate`].
    #[must_use]
    pub fn are_named_by(&self, text: &str) -> bool {
        Token::read(text).is_ok_and(|token| self.name_of(token.issuer()).is_some())
    }

    /// Who the bearer of `token` is at `now_unix` (seconds since 1970-01-01 UTC).
    ///
    /// Whether the proof was revoked, and whether the name may be borne here, the caller asks
    /// [`crate::Revocations::is_revoked`] and [`crate::standing`].
    ///
    /// # Errors
    /// Whatever is wrong with it, or that its issuer cannot be asked and no keys of it are kept.
    pub async fn validate(&self, token: &str, now_unix: u64) -> Result<Identity, Rejected> {
        let token = Token::read(token)?;
        let issuer = self.issuers.iter().find(|issuer| issuer.settings().url == token.issuer());
        let Some(issuer) = issuer else { return Err(Rejected::UnknownIssuer(quoted(token.issuer()))) };
        issuer.validate(token, now_unix).await
    }

    /// What the configuration calls the issuer at `url`.
    #[must_use]
    pub fn name_of(&self, url: &str) -> Option<&str> {
        let issuer = self.issuers.iter().find(|issuer| issuer.settings().url == url)?;
        Some(&issuer.settings().name)
    }

    /// The login by device at the issuer called `issuer`, or at the first that has a client here. `None` when there is
    /// no such issuer, or it has no `client_id`.
    #[must_use]
    pub fn device(&self, issuer: Option<&str>) -> Option<DeviceFlow> {
        let issuer = self.issuers.iter().find(|known| {
            known.settings().client_id.is_some() && issuer.is_none_or(|name| known.settings().name == name)
        })?;
        Some(DeviceFlow::new(Arc::clone(issuer)))
    }

    /// What `GET /v1/login` answers: the issuers at which a person can log in.
    #[must_use]
    pub fn offer(&self) -> LoginOffer {
        let issuers = self.issuers.iter().map(|issuer| issuer.settings()).filter_map(|settings| {
            let client_id = settings.login_client_id.clone().or_else(|| settings.client_id.clone())?;
            Some(IssuerOffer {
                name: settings.name.clone(),
                url: settings.url.clone(),
                client_id,
                scopes: settings.scopes.clone(),
                token: settings.login_token,
                resource: settings.resource.clone(),
            })
        });
        LoginOffer { issuers: issuers.collect(), ..LoginOffer::default() }
    }

    /// Fetches the keys that end soon, of all issuers; how long until that is to be done again. For a task of its own.
    /// Without it, keys are fetched when they are needed, which makes one login in a while slower, and those of an
    /// issuer that does not answer then are as old as the last login.
    pub async fn renew(&self) -> Duration {
        const PAUSE_MAX: Duration = Duration::from_secs(600);
        for issuer in &self.issuers {
            issuer.renew().await;
        }
        let due = self.issuers.iter().map(|issuer| issuer.due()).min().unwrap_or(PAUSE_MAX);
        due.clamp(RETRY_PAUSE, PAUSE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use secrecy::SecretString;

    use super::Issuers;
    use crate::settings::{ClientSecret, IssuerSettings, Sign};

    fn settings(url: &str, change: impl FnOnce(&mut IssuerSettings)) -> Vec<IssuerSettings> {
        let mut settings = IssuerSettings::new("corp", url);
        settings.audience = vec!["wiretape".to_owned()];
        change(&mut settings);
        vec![settings]
    }

    #[test]
    fn an_issuer_that_would_let_anybody_in_is_refused() {
        let fault = |settings| format!("{:#}", Issuers::new(settings).err().expect("it is refused"));
        assert!(fault(settings("http://id.example.com", |_| {})).contains("https://"));
        assert!(fault(settings("https://id", |s| s.audience.clear())).contains("audience"));
        assert!(fault(settings("https://id", |s| s.audience.push(String::new()))).contains("audience"));
        assert!(fault(settings("https://id", |s| s.algorithms = vec!["HS256".to_owned()])).contains("HS256"));
        assert!(fault(settings("https://id", |s| s.algorithms = vec!["none".to_owned()])).contains("none"));
        assert!(fault(settings("https://id", |s| s.clock_skew = Duration::from_secs(301))).contains("clock_skew"));
        assert!(fault(settings("https://id", |s| s.ca_pem = Some(b"nonsense".to_vec()))).contains("ca"));
        let github = "https://token.actions.githubusercontent.com";
        assert!(fault(settings(github, |_| {})).contains("require"));
        let owner = Sign { claim: "repository_owner".to_owned(), values: vec!["acme".to_owned()] };
        assert!(Issuers::new(settings(github, |s| s.require = vec![owner])).is_ok());
        let twice = [settings("https://id", |_| {}), settings("https://other", |_| {})].concat();
        assert!(fault(twice).contains("corp"));
    }

    #[test]
    fn what_clients_are_told_holds_no_secret() {
        let issuers = Issuers::new(settings("https://id", |s| {
            s.client_id = Some("gateway".to_owned());
            s.client_secret = Some(ClientSecret(SecretString::from("hush".to_owned())));
            s.login_client_id = Some("cli".to_owned());
        }));
        let offer = serde_json::to_value(issuers.unwrap().offer()).unwrap();
        assert_eq!(offer["issuers"][0]["client_id"], "cli");
        assert!(!offer.to_string().contains("hush"));
        assert!(Issuers::new(settings("https://id", |_| {})).unwrap().offer().issuers.is_empty());
    }
}
