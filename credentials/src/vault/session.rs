//! The gateway's login at Vault: a token that is given, or one that an AppRole login gives; kept alive, and made anew.
//!
//! ```text
//!            token, or login            two thirds of its life: renew-self
//!   nothing ─────────────────▶ session ◀──────────────────────────────────┐
//!      ▲                          │ └─────────────────────────────────────┘
//!      └──────────────────────────┘
//!         it ended, or Vault refused it
//! ```

use std::sync::Weak;
use std::time::Duration;

use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::sync::Mutex;
use zeroize::Zeroize;

use super::api::{Api, WHOM, meaning};
use crate::answer::{self, Answer, Json};
use crate::clock::{Clock, Now, Until};
use crate::failure::Failure;
use crate::limits::LOGIN_AGE_MIN;
use crate::local;
use crate::source::Source;

/// How often the login is looked at, at least and at most.
const LOOK_TIME_MIN: Duration = Duration::from_secs(1);
const LOOK_TIME_MAX: Duration = Duration::from_secs(30);

/// A token of Vault.
struct Session {
    token: SecretString,
    since: Now,
    /// How long it lives when nobody renews it; `None`: it has no end, or Vault does not say.
    life: Option<Duration>,
    until: Option<Until>,
    renewable: bool,
}

impl Session {
    fn new(token: SecretString, now: Now, seconds: Option<u64>, renewable: bool) -> Self {
        let life = seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs);
        Self { token, since: now, life, until: life.map(|life| Until::after(now, life)), renewable }
    }

    /// Whether a question may still be asked with it.
    fn serves(&self, now: Now) -> bool {
        self.until.is_none_or(|until| until.holds(now))
    }

    /// When it is to be renewed, from now on; `None`: never.
    fn due(&self, now: Now) -> Option<Duration> {
        let (life, until) = (self.life?, self.until?);
        self.renewable.then(|| until.left(now).saturating_sub(life / 3))
    }
}

/// The gateway's login at one Vault.
pub(super) struct Login {
    api: Api,
    clock: Clock,
    session: Mutex<Option<Session>>,
}

impl Login {
    pub(super) fn new(api: Api, clock: Clock) -> Self {
        Self { api, clock, session: Mutex::new(None) }
    }

    /// The way to that Vault.
    pub(super) fn api(&self) -> &Api {
        &self.api
    }

    /// A token for a question; a login where there is none.
    pub(super) async fn token(&self) -> Result<SecretString, Failure> {
        let mut session = self.session.lock().await;
        if let Some(session) = &*session
            && session.serves(self.clock.now())
        {
            return Ok(session.token.clone());
        }
        let opened = self.login().await?;
        let token = opened.token.clone();
        *session = Some(opened);
        Ok(token)
    }

    /// Forgets the login by `token` because Vault refused it; whether another one is worth a try.
    pub(super) async fn distrust(&self, token: &SecretString) -> bool {
        let mut session = self.session.lock().await;
        match &*session {
            Some(kept) if kept.token.expose_secret() == token.expose_secret() => {
                let now = self.clock.now();
                let age = now.elapsed.saturating_sub(kept.since.elapsed);
                // A token that is given may have been given anew.
                let other = match &self.api.settings().token {
                    Some(source) => at_hand(source).await.is_ok_and(|now| now.expose_secret() != token.expose_secret()),
                    None => false,
                };
                // It may have ended on the way to Vault.
                let again = other || !kept.serves(now) || age >= LOGIN_AGE_MIN;
                if again {
                    *session = None;
                }
                again
            }
            // Somebody else was faster.
            _ => true,
        }
    }

    async fn login(&self) -> Result<Session, Failure> {
        let settings = self.api.settings();
        if let Some(source) = &settings.token {
            let token = at_hand(source).await?;
            return self.look_up(token).await;
        }
        let Some(role) = &settings.role_id else {
            return Err(Failure::new("the table [vault] has neither a token nor a role_id"));
        };
        let role = at_hand(role).await?;
        let secret = match &settings.secret_id {
            Some(source) => Some(at_hand(source).await?),
            None => None,
        };
        let path = format!("auth/{}/login", settings.mount);
        let request = self.api.request(Method::POST, &path, None, None).await?;
        let mut body = match &secret {
            Some(secret) => json!({ "role_id": role.expose_secret(), "secret_id": secret.expose_secret() }),
            None => json!({ "role_id": role.expose_secret() }),
        };
        let request = request.json(&body);
        if let Some(members) = body.as_object_mut() {
            for value in members.values_mut() {
                if let serde_json::Value::String(text) = value {
                    text.zeroize();
                }
            }
        }
        let now = self.clock.now();
        let Answer { status, json } = answer::ask(request, WHOM).await?;
        if status != 200 {
            let words = match status {
                400 | 401 | 403 => "it knows no such role_id and secret_id, or they are used up".to_owned(),
                other => meaning(other),
            };
            return Err(Failure::new(format!("Vault does not let the gateway in by AppRole ({words})")));
        }
        tracing::info!("logged in at Vault by AppRole");
        session_of(&json, now).ok_or_else(|| Failure::new("Vault gave no token for the AppRole login"))
    }

    /// What Vault says of a token that was given.
    async fn look_up(&self, token: SecretString) -> Result<Session, Failure> {
        let request = self.api.request(Method::GET, "auth/token/lookup-self", None, Some(&token)).await?;
        let now = self.clock.now();
        let Answer { status, json } = answer::ask(request, WHOM).await?;
        match status {
            200 => Ok(Session::new(token, now, json.number("/data/ttl"), json.is_true("/data/renewable"))),
            // A policy may forbid to ask: then the secret itself shows whether the token is good.
            403 => Ok(Session::new(token, now, None, false)),
            other => Err(Failure::new(format!("Vault says nothing of the gateway's token ({})", meaning(other)))),
        }
    }

    /// Renews the login where that is due; how long it may rest then.
    async fn keep(&self) -> Duration {
        let mut session = self.session.lock().await;
        let now = self.clock.now();
        if session.as_ref().is_some_and(|kept| !kept.serves(now)) {
            *session = None;
        }
        match &*session {
            // A token that nobody asks with still ends: it is looked at from the start.
            None if self.api.settings().token.is_some() => match self.login().await {
                Ok(opened) => *session = Some(opened),
                Err(failure) => tracing::warn!("{failure}"),
            },
            None => {}
            Some(kept) if kept.due(now).is_some_and(|time| time.is_zero()) => match self.renew(&kept.token).await {
                // It is still the same login.
                Ok(Some(renewed)) => *session = Some(Session { since: kept.since, ..renewed }),
                Ok(None) => {
                    tracing::info!("Vault renews the gateway's token no more");
                    *session = None;
                }
                Err(failure) => tracing::warn!("the gateway's token for Vault was not renewed: {failure}"),
            },
            Some(_) => {}
        }
        let due = session.as_ref().and_then(|session| session.due(self.clock.now()));
        due.unwrap_or(LOOK_TIME_MAX).clamp(LOOK_TIME_MIN, LOOK_TIME_MAX)
    }

    /// The token with a longer life; `None` when Vault does not want that.
    async fn renew(&self, token: &SecretString) -> Result<Option<Session>, Failure> {
        let request = self.api.request(Method::POST, "auth/token/renew-self", None, Some(token)).await?;
        let now = self.clock.now();
        let Answer { status, json } = answer::ask(request.json(&json!({})), WHOM).await?;
        match status {
            200 => Ok(session_of(&json, now)),
            400 | 403 => Ok(None),
            other => Err(Failure::new(meaning(other))),
        }
    }
}

/// The token of an answer's part `auth`.
fn session_of(json: &Json, now: Now) -> Option<Session> {
    let token = json.secret("/auth/client_token")?;
    Some(Session::new(token, now, json.number("/auth/lease_duration"), json.is_true("/auth/renewable")))
}

/// Keeps `login` alive until nobody has it any more.
pub(super) async fn tend(login: Weak<Login>) {
    loop {
        let rest = match login.upgrade() {
            Some(login) => login.keep().await,
            None => return,
        };
        tokio::time::sleep(rest).await;
    }
}

/// What opens Vault itself.
async fn at_hand(source: &Source) -> Result<SecretString, Failure> {
    let secret = match source {
        Source::PasswordFile(path) => local::password(path).await?,
        Source::Env(name) => local::variable(name)?,
        Source::Command(command) => local::printed(command).await?,
        _ => return Err(Failure::new("what opens Vault is in a file, in the environment or printed by a program")),
    };
    if secret.expose_secret().is_empty() {
        return Err(Failure::new("what opens Vault is empty"));
    }
    Ok(secret)
}
