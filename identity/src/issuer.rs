//! One issuer: what it says of itself, and its keys, kept fresh.
//!
//! Keys are fetched at the first need and count as fresh for as long as the issuer says, within bounds. They are
//! fetched anew before that ends ([`Issuer::due`]), and, at most once in a while, when a token names a key that is not
//! among them. While the issuer does not answer, what was fetched last is used for a day.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use jsonwebtoken::Algorithm;
use tokio::sync::Mutex;

use crate::clock::Tick;
use crate::discovery::Discovery;
use crate::identity::Identity;
use crate::keys::{KeySet, algorithm};
use crate::limits::{
    CLOCK_SKEW_MAX, KEYS_BYTES_MAX, KEYS_FRESH_DEFAULT, KEYS_FRESH_MAX, KEYS_FRESH_MIN, KEYS_KEPT_MAX, RETRY_PAUSE,
    UNKNOWN_KEY_PAUSE,
};
use crate::rejected::{Rejected, quoted};
use crate::settings::{ALGORITHMS, IssuerSettings};
use crate::token::Token;
use crate::web::{Proof, Web, vetted};

/// Issuers that sign tokens for everybody in the world, for whatever audience they ask: of these, `require` has to say
/// whose are meant.
const OPEN_TO_ALL: [&str; 4] = [
    "https://token.actions.githubusercontent.com",
    "https://gitlab.com",
    "https://accounts.google.com",
    "https://login.microsoftonline.com/common/v2.0",
];

/// An issuer and what is known of it.
pub(crate) struct Issuer {
    settings: IssuerSettings,
    algorithms: Vec<Algorithm>,
    web: Web,
    known: RwLock<Option<Arc<Known>>>,
    /// Held by whoever fetches, with what was tried last.
    fetching: Mutex<Tries>,
}

/// What was fetched, together.
struct Known {
    discovery: Discovery,
    keys: KeySet,
    fetched: Tick,
    fresh_for: Duration,
}

#[derive(Default)]
struct Tries {
    /// The last time that an unknown key had keys fetched.
    for_unknown_key: Option<Tick>,
    /// The last time that the issuer did not answer, and what was wrong.
    failed: Option<(Tick, String)>,
}

impl Issuer {
    pub(crate) fn new(settings: IssuerSettings) -> anyhow::Result<Self> {
        let url = vetted(&settings.url)?;
        ensure!(
            settings.audiences().next().is_some(),
            "it needs an `audience` or a `client_id`: else a token for anybody else would do"
        );
        ensure!(settings.audiences().all(|audience| !audience.is_empty()), "an empty `audience` or client is nobody");
        ensure!(
            settings.clock_skew <= CLOCK_SKEW_MAX,
            "its `clock_skew` is more than {} seconds",
            CLOCK_SKEW_MAX.as_secs()
        );
        if OPEN_TO_ALL.contains(&settings.url.trim_end_matches('/')) && settings.require.is_empty() {
            bail!(
                "it signs tokens for everybody: say whose are meant by `require`, such as \
                 require = [{{ claim = \"repository_owner\", values = [\"acme\"] }}]"
            );
        }
        let algorithms = if settings.algorithms.is_empty() {
            ALGORITHMS.to_vec()
        } else {
            settings.algorithms.iter().map(|name| named(name)).collect::<anyhow::Result<_>>()?
        };
        let web = Web::new(&url, settings.ca_pem.as_deref())?;
        Ok(Self { settings, algorithms, web, known: RwLock::new(None), fetching: Mutex::default() })
    }

    pub(crate) fn settings(&self) -> &IssuerSettings {
        &self.settings
    }

    pub(crate) fn web(&self) -> &Web {
        &self.web
    }

    /// The bearer of `token`, which says that it is by this issuer.
    pub(crate) async fn validate(&self, token: Token<'_>, now_unix: u64) -> Result<Identity, Rejected> {
        self.validate_with_nonce(token, None, now_unix).await
    }

    /// The same of an ID token that was asked for with `nonce` (OpenID Connect Core section 3.1.3.7).
    pub(crate) async fn validate_with_nonce(
        &self,
        token: Token<'_>,
        nonce: Option<&str>,
        now_unix: u64,
    ) -> Result<Identity, Rejected> {
        // What needs no key is looked at first: nobody makes the gateway ask the issuer by a token that it would
        // refuse anyway.
        token.algorithm(&self.algorithms)?;
        let known = self.known_for(&token).await?;
        let verified = token.verify(&known.keys, &self.algorithms)?;
        let identity = verified.bearer(&self.settings, now_unix)?;
        if nonce.is_some() && nonce != verified.claims.get("nonce").and_then(serde_json::Value::as_str) {
            return Err(Rejected::Malformed("it answers another login than this one"));
        }
        Ok(identity)
    }

    /// What the issuer says of itself.
    pub(crate) async fn discovery(&self) -> anyhow::Result<Discovery> {
        Ok(self.fresh().await?.discovery.clone())
    }

    /// How the gateway proves itself at the token endpoint.
    pub(crate) fn proof(&self, discovery: &Discovery) -> Proof<'_> {
        let by = |method: &str| discovery.token_proofs.iter().any(|known| known == method);
        match &self.settings.client_secret {
            None => Proof::Public,
            Some(secret) if by("client_secret_post") && !by("client_secret_basic") => Proof::Post(&secret.0),
            Some(secret) => Proof::Basic(&secret.0),
        }
    }

    /// Keys that are fresh, or, where the issuer does not answer, old ones.
    async fn fresh(&self) -> anyhow::Result<Arc<Known>> {
        if let Some(known) = self.known()
            && known.fetched.age() < known.fresh_for
        {
            return Ok(known);
        }
        let mut tries = match (self.known(), self.fetching.try_lock()) {
            // Another one is fetching, and may wait long: what is there does meanwhile.
            (Some(known), Err(_)) if known.fetched.age() < known.fresh_for + KEYS_KEPT_MAX => return Ok(known),
            (_, Err(_)) => self.fetching.lock().await,
            (_, Ok(tries)) => tries,
        };
        match self.known() {
            // Another one fetched while this one waited.
            Some(known) if known.fetched.age() < known.fresh_for => Ok(known),
            known => match self.fetch(&mut tries).await {
                Ok(known) => Ok(known),
                Err(error) => match known {
                    Some(known) if known.fetched.age() < known.fresh_for + KEYS_KEPT_MAX => Ok(known),
                    _ => Err(error),
                },
            },
        }
    }

    async fn known_for(&self, token: &Token<'_>) -> Result<Arc<Known>, Rejected> {
        let unavailable = |error: anyhow::Error| Rejected::Unavailable(self.settings.url.clone(), format!("{error:#}"));
        let known = self.fresh().await.map_err(unavailable)?;
        if token.knows_key(&known.keys) {
            return Ok(known);
        }
        // The issuer may have a new key since. Or somebody makes names up: that must not become a flood.
        let mut tries = self.fetching.lock().await;
        if let Some(known) = self.known()
            && token.knows_key(&known.keys)
        {
            return Ok(known);
        }
        if tries.for_unknown_key.is_some_and(|tick| tick.age() < UNKNOWN_KEY_PAUSE) {
            return Ok(known);
        }
        tries.for_unknown_key = Some(Tick::now());
        match self.fetch(&mut tries).await {
            Ok(known) => Ok(known),
            Err(_) => Ok(known),
        }
    }

    /// Fetches anew when what is known ends soon. For a task of its own; see [`crate::Issuers::renew`].
    pub(crate) async fn renew(&self) {
        if self.due().is_zero() {
            let mut tries = self.fetching.lock().await;
            // Its failure is logged, and tried again.
            let _ = self.fetch(&mut tries).await;
        }
    }

    /// How long until the keys are to be fetched anew: when four fifths of their time are over.
    pub(crate) fn due(&self) -> Duration {
        match self.known() {
            None => Duration::ZERO,
            Some(known) => (known.fresh_for * 4 / 5).saturating_sub(known.fetched.age()),
        }
    }

    fn known(&self) -> Option<Arc<Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the issuer. One that did not answer is left alone for a while.
    async fn fetch(&self, tries: &mut Tries) -> anyhow::Result<Arc<Known>> {
        if let Some((tick, error)) = &tries.failed
            && tick.age() < RETRY_PAUSE
        {
            bail!("{error}");
        }
        match self.ask().await {
            Ok(known) => {
                tries.failed = None;
                let known = Arc::new(known);
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&known));
                tracing::debug!(issuer = %self.settings.name, keys = known.keys.len(), "keys of an issuer are fetched");
                Ok(known)
            }
            Err(error) => {
                tracing::warn!(issuer = %self.settings.name, "an issuer's keys cannot be fetched: {error:#}");
                tries.failed = Some((Tick::now(), format!("{error:#}")));
                Err(error)
            }
        }
    }

    async fn ask(&self) -> anyhow::Result<Known> {
        let discovery = Discovery::fetch(&self.web, &self.settings.url).await?;
        let answer = self.web.get(&discovery.jwks, KEYS_BYTES_MAX, None).await?;
        let keys = KeySet::read(&answer.body).with_context(|| format!("reading {}", discovery.jwks))?;
        ensure!(!keys.is_empty(), "{} has no key that can be used", discovery.jwks);
        let fresh_for = answer.fresh_for.unwrap_or(KEYS_FRESH_DEFAULT).clamp(KEYS_FRESH_MIN, KEYS_FRESH_MAX);
        Ok(Known { discovery, keys, fetched: Tick::now(), fresh_for })
    }
}

fn named(name: &str) -> anyhow::Result<Algorithm> {
    algorithm(name).with_context(|| {
        format!(
            "{} is not an algorithm that tokens may be signed by here: RS256, RS384, RS512, PS256, PS384, PS512, \
             ES256, ES384 and EdDSA are",
            quoted(name)
        )
    })
}
