//! Google: a key of a service account gives tokens that live for an hour.
//!
//! Sources: RFC 7523 (JWT as an authorization grant); Google's "Using OAuth 2.0 for Server to Server Applications";
//! for ID tokens, "Authenticating programmatically" of Identity-Aware Proxy and of Cloud Run.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::answer::{self, Answer, Json};
use crate::clock::{Now, before_end};
use crate::failure::Failure;
use crate::limits::TOKEN_TIME_MAX;
use crate::local;
use crate::source::Gcp;

/// What tokens are for when the configuration names nothing: whatever the account may do.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// The grant of RFC 7523.
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// How long what the gateway signs holds, in seconds: the most that Google takes.
const ASSERTION_SECONDS: u64 = 3600;

/// What people call the service.
const WHOM: &str = "Google's token service";

impl Gcp {
    /// A token, and for how long it may be used.
    pub(crate) async fn token(&self, now: Now) -> Result<(SecretString, Duration), Failure> {
        let path = self.key_file.display();
        let text = local::text(&self.key_file).await?;
        let key = Json::parse(text.as_bytes());
        let of = |member: &str| {
            key.text(member).filter(|text| !text.is_empty()).ok_or_else(|| {
                Failure::new(format!("{path} is no key of a service account: take the JSON file that Google gives"))
            })
        };
        let (email, private, place) = (of("/client_email")?, of("/private_key")?, of("/token_uri")?);
        let url = answer::address(place)
            .map_err(|_| Failure::new(format!("the token_uri in {path} is no address that a secret may be sent to")))?;
        let signing = EncodingKey::from_rsa_pem(private.as_bytes())
            .map_err(|_| Failure::new(format!("the private_key in {path} is no RSA key in PEM form")))?;
        let mut header = Header::new(Algorithm::RS256);
        header.kid = key.text("/private_key_id").map(str::to_owned);
        let assertion = jsonwebtoken::encode(&header, &self.claims(email, place, now), &signing)
            .map(Zeroizing::new)
            .map_err(|_| Failure::new(format!("the private_key in {path} signs nothing")))?;
        let form = [("grant_type", GRANT), ("assertion", assertion.as_str())];
        let request = answer::client(None).await?.post(url).form(&form);
        let Answer { status, json } = answer::ask(request, WHOM).await?;
        if status != 200 {
            let words = match status {
                400 | 401 => "is the key still valid, and is this machine's clock right?",
                403 => "the account may not have such a token",
                _ => "try again later",
            };
            return Err(Failure::new(format!("{WHOM} gives no token for {email} (status {status}: {words})")));
        }
        let missing = || Failure::new(format!("{WHOM} answers without a token"));
        let (token, seconds) = if self.audience.is_some() {
            let token = json.text("/id_token").ok_or_else(missing)?;
            (json.secret("/id_token"), expiry(token).map(|expiry| expiry.saturating_sub(now.unix)))
        } else {
            (json.secret("/access_token"), json.number("/expires_in"))
        };
        let life = Duration::from_secs(seconds.unwrap_or(0)).min(TOKEN_TIME_MAX);
        Ok((token.ok_or_else(missing)?, before_end(life)))
    }

    fn claims(&self, email: &str, place: &str, now: Now) -> Value {
        let mut claims = Map::new();
        claims.insert("iss".to_owned(), json!(email));
        claims.insert("aud".to_owned(), json!(place));
        claims.insert("iat".to_owned(), json!(now.unix));
        claims.insert("exp".to_owned(), json!(now.unix.saturating_add(ASSERTION_SECONDS)));
        match (&self.audience, &self.subject) {
            (Some(audience), _) => claims.insert("target_audience".to_owned(), json!(audience)),
            (None, _) if self.scopes.is_empty() => claims.insert("scope".to_owned(), json!(SCOPE)),
            (None, _) => claims.insert("scope".to_owned(), json!(self.scopes.join(" "))),
        };
        if let Some(subject) = &self.subject {
            claims.insert("sub".to_owned(), json!(subject));
        }
        Value::Object(claims)
    }
}

/// When `token`, a JWT, ends. Its signature is not looked at: it is shown to others, who do.
fn expiry(token: &str) -> Option<u64> {
    let claims = token.split('.').nth(1)?;
    let claims = Zeroizing::new(BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?);
    Json::parse(&claims).number("/exp")
}
