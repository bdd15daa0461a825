//! Secrets for all connections: each is fetched once for all who wait for it, and kept until shortly before it ends.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::clock::{Clock, Now, Until};
use crate::credential::{AwsKeys, Credential, Lease};
use crate::failure::Failure;
use crate::limits::{FAILURE_TIME, KEPT_MAX};
use crate::local;
use crate::source::{Aws, Source};
use crate::vault::{Vault, VaultSettings};

/// What holds for all secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where Vault is, if there is one.
    pub vault: Option<VaultSettings>,
}

/// Fetches secrets and keeps them.
pub struct Keeper {
    clock: Clock,
    vault: RwLock<Option<Arc<Vault>>>,
    slots: Mutex<HashMap<Source, Arc<Slot>>>,
}

/// The place of one secret; whoever fetches it holds the lock, and the others wait for what comes.
type Slot = tokio::sync::Mutex<Option<Kept>>;

/// What was fetched, or why it was not.
struct Kept {
    outcome: Result<Credential, Failure>,
    until: Until,
    /// When it came.
    fetched: Duration,
    /// Whether its source says how long it holds.
    ends: bool,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keeper")
    }
}

impl Keeper {
    /// A keeper of nothing yet. Where `settings` name a Vault and a runtime runs, the login there is kept alive from now
    /// on; else from the first secret on.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self::by(settings, Clock::system())
    }

    /// The same, by another clock.
    #[must_use]
    pub fn by(settings: Settings, clock: Clock) -> Self {
        let keeper = Self { clock, vault: RwLock::new(None), slots: Mutex::default() };
        keeper.configure(settings);
        keeper
    }

    /// Lets other settings hold from now on. What was kept stays, but what came from another Vault.
    pub fn configure(&self, settings: Settings) {
        let mut vault = self.vault.write().unwrap_or_else(PoisonError::into_inner);
        if vault.as_ref().map(|vault| vault.settings()) != settings.vault.as_ref() {
            *vault = settings.vault.map(|settings| Arc::new(Vault::new(settings, self.clock.clone())));
            if let Some(vault) = &*vault {
                vault.tend();
            }
            self.slots.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    /// The secret of `source`.
    ///
    /// # Errors
    /// Why it cannot be had and what to do; never a part of a secret or of an answer.
    pub async fn fetch(&self, source: &Source) -> Result<Credential, Failure> {
        Ok(self.lease(source).await?.credential)
    }

    /// The secret of `source`, and how long it may be used without asking again.
    ///
    /// # Errors
    /// As [`Keeper::fetch`].
    pub async fn lease(&self, source: &Source) -> Result<Lease, Failure> {
        match source {
            // Its parts are kept, each for its own time.
            Source::Aws(aws) => self.keys(aws).await,
            other => self.simple(other).await,
        }
    }

    /// The secret of a source that has no others in it.
    async fn simple(&self, source: &Source) -> Result<Lease, Failure> {
        if source.is_at_hand() {
            return Ok(Lease { credential: at_hand(source).await?, fresh_for: None });
        }
        let slot = self.slot(source);
        let asked = self.clock.now();
        let mut kept = slot.lock().await;
        let now = self.clock.now();
        if let Some(kept) = &*kept
            && (kept.until.holds(now) || kept.fetched >= asked.elapsed)
        {
            // What came while one waited serves, even when it may not be kept.
            return kept.lease(now);
        }
        *kept = None;
        let (outcome, time) = match self.obtain(source, now).await {
            Ok((credential, time)) => (Ok(credential), time),
            Err(failure) => {
                tracing::warn!("a credential cannot be had: {failure}");
                (Err(failure), Some(FAILURE_TIME))
            }
        };
        let (time, ends) = (time.unwrap_or_default(), time.is_some());
        let now = self.clock.now();
        let fetched = Kept { outcome, until: Until::after(now, time), fetched: now.elapsed, ends };
        let lease = fetched.lease(now);
        // The map and this one have the slot; whoever else has it waits.
        if !time.is_zero() || Arc::strong_count(&slot) > 2 {
            *kept = Some(fetched);
        }
        lease
    }

    /// Forgets what is kept for `source` when it was fetched at least `age_min` ago: a target refused it, so it may have
    /// been changed. Whether there was anything to forget, and so another try is worth it.
    pub fn forget(&self, source: &Source, age_min: Duration) -> bool {
        let now = self.clock.now();
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let mut remove = |source: &Source| {
            let old = slots.get(source).is_some_and(|slot| match slot.try_lock() {
                Ok(kept) => kept.as_ref().is_some_and(|kept| now.elapsed.saturating_sub(kept.fetched) >= age_min),
                // It is being fetched.
                Err(_) => false,
            });
            old && slots.remove(source).is_some()
        };
        match source {
            Source::Aws(aws) => {
                let parts = [Some(&aws.access_key_id), Some(&aws.secret_access_key), aws.session_token.as_ref()];
                parts.into_iter().flatten().filter(|part| remove(part)).count() > 0
            }
            other => remove(other),
        }
    }

    /// The place of `source`; what has ended elsewhere goes.
    fn slot(&self, source: &Source) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(source) {
            return Arc::clone(slot);
        }
        let now = self.clock.now();
        slots.retain(|_, slot| {
            let holds = |kept: &Option<Kept>| kept.as_ref().is_some_and(|kept| kept.until.holds(now));
            Arc::strong_count(slot) > 1 || slot.try_lock().is_ok_and(|kept| holds(&kept))
        });
        if slots.len() >= KEPT_MAX {
            slots.clear();
        }
        Arc::clone(slots.entry(source.clone()).or_default())
    }

    /// The secret, and how long it holds where that is known.
    async fn obtain(&self, source: &Source, now: Now) -> Result<(Credential, Option<Duration>), Failure> {
        let token = |(token, time)| (Credential::Password(token), Some(time));
        match source {
            Source::KeyFile(_) | Source::PasswordFile(_) | Source::Env(_) => Ok((at_hand(source).await?, None)),
            Source::Command(command) => Ok((Credential::Password(local::printed(command).await?), None)),
            Source::Vault(secret) => {
                let vault = self.vault.read().unwrap_or_else(PoisonError::into_inner).clone();
                match vault {
                    Some(vault) => vault.read(secret).await.map(|(credential, time)| (credential, Some(time))),
                    None => Err(Failure::new("the configuration has no table [vault]")),
                }
            }
            Source::Gcp(gcp) => gcp.token(now).await.map(token),
            Source::GithubApp(app) => app.token(now).await.map(token),
            Source::Aws(_) => Err(Failure::new("keys of AWS are no part of others")),
        }
    }

    async fn keys(&self, aws: &Aws) -> Result<Lease, Failure> {
        let (id, first) = self.part(&aws.access_key_id).await?;
        let (secret, second) = self.part(&aws.secret_access_key).await?;
        let mut time = shorter(first, second);
        let session_token = match &aws.session_token {
            Some(source) => {
                let (token, third) = self.part(source).await?;
                time = shorter(time, third);
                Some(token)
            }
            None => None,
        };
        let access_key_id = id.expose_secret().to_owned();
        let is_id = !access_key_id.is_empty()
            && access_key_id.len() <= 128
            && access_key_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !is_id {
            return Err(Failure::new("the access_key_id is no name of a key of AWS"));
        }
        let (region, service) = (aws.region.clone(), aws.service.clone());
        let keys = AwsKeys { access_key_id, secret_access_key: secret, session_token, region, service };
        Ok(Lease { credential: Credential::Aws(Arc::new(keys)), fresh_for: time })
    }

    /// A text that is part of another secret.
    async fn part(&self, source: &Source) -> Result<(SecretString, Option<Duration>), Failure> {
        let lease = self.simple(source).await?;
        match lease.credential {
            Credential::Password(text) => Ok((text, lease.fresh_for)),
            Credential::Key(_) | Credential::Aws(_) => Err(Failure::new("a part of keys of AWS is a text")),
        }
    }
}

impl Kept {
    fn lease(&self, now: Now) -> Result<Lease, Failure> {
        let credential = self.outcome.clone()?;
        Ok(Lease { credential, fresh_for: self.ends.then(|| self.until.left(now)) })
    }
}

/// The shorter of two times, as far as they are known.
fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    one.into_iter().chain(other).min()
}

/// What is on this machine.
async fn at_hand(source: &Source) -> Result<Credential, Failure> {
    match source {
        Source::KeyFile(path) => Ok(Credential::Key(SecretString::from(local::text(path).await?.as_str()))),
        Source::PasswordFile(path) => Ok(Credential::Password(local::password(path).await?)),
        Source::Env(name) => Ok(Credential::Password(local::variable(name)?)),
        _ => Err(Failure::new("this secret is not on this machine")),
    }
}

#[cfg(test)]
mod tests;
