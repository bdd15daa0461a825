//! GitHub: the key of an app gives tokens of an installation, which live for an hour.
//!
//! Source: GitHub's REST documentation, "Generating a JSON Web Token (JWT) for a GitHub App" and "Create an installation
//! access token for an app".

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::answer::{self, Answer};
use crate::clock::{Now, before_end};
use crate::failure::Failure;
use crate::limits::TOKEN_TIME_MAX;
use crate::local;
use crate::source::{AppId, GithubApp};

/// The API of github.com.
const API: &str = "https://api.github.com";

/// The version of the API that is spoken.
const VERSION: &str = "2022-11-28";

/// What the gateway signs is dated back so far, in seconds, for clocks that go fast: GitHub's own advice.
const BACK_SECONDS: u64 = 60;

/// And holds so long from now on: GitHub takes ten minutes at most.
const AHEAD_SECONDS: u64 = 540;

impl GithubApp {
    /// A token, and for how long it may be used.
    pub(crate) async fn token(&self, now: Now) -> Result<(SecretString, Duration), Failure> {
        let path = self.key_file.display();
        let text = local::text(&self.key_file).await?;
        let signing = EncodingKey::from_rsa_pem(text.as_bytes()).map_err(|_| {
            Failure::new(format!("{path} is no private key of an app: take the PEM file that GitHub gives"))
        })?;
        let issuer = match &self.app_id {
            AppId::Number(number) => number.to_string(),
            AppId::Text(text) => text.clone(),
        };
        let claims = json!({
            "iss": issuer,
            "iat": now.unix.saturating_sub(BACK_SECONDS),
            "exp": now.unix.saturating_add(AHEAD_SECONDS),
        });
        let assertion = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &signing)
            .map(SecretString::from)
            .map_err(|_| Failure::new(format!("the private key in {path} signs nothing")))?;
        let api = self.api.as_deref().unwrap_or(API);
        let url = answer::address(api).map_err(|fault| Failure::new(format!("api {fault}")))?;
        let url = answer::below(&url, &format!("app/installations/{}/access_tokens", self.installation));
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", assertion.expose_secret()))
            .map_err(|_| Failure::new(format!("the private key in {path} signs nothing")))?;
        bearer.set_sensitive(true);
        let request = answer::client(self.ca.as_deref())
            .await?
            .post(url)
            .header("Authorization", bearer)
            .header("Accept", "application/vnd.github+json")
            .header("X-GitHub-Api-Version", VERSION)
            .json(&self.wishes());
        let Answer { status, json } = answer::ask(request, "GitHub").await?;
        if status != 201 {
            let words = match status {
                401 => "does the key belong to the app, and is this machine's clock right?",
                403 => "the app is suspended, or asks too often",
                404 => "the app has no such installation",
                422 => "the installation has not these repositories or permissions",
                _ => "try again later",
            };
            let installation = self.installation;
            return Err(Failure::new(format!(
                "GitHub gives no token for the installation {installation} (status {status}: {words})"
            )));
        }
        let token = json.secret("/token").ok_or_else(|| Failure::new("GitHub answers without a token"))?;
        let end = json.text("/expires_at").and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
        let end = end.and_then(|end| u64::try_from(end.unix_timestamp()).ok()).unwrap_or(now.unix);
        let life = Duration::from_secs(end.saturating_sub(now.unix)).min(TOKEN_TIME_MAX);
        Ok((token, before_end(life)))
    }

    fn wishes(&self) -> Value {
        let mut wishes = Map::new();
        if !self.repositories.is_empty() {
            wishes.insert("repositories".to_owned(), json!(self.repositories));
        }
        if !self.permissions.is_empty() {
            wishes.insert("permissions".to_owned(), json!(self.permissions));
        }
        Value::Object(wishes)
    }
}
