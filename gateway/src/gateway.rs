//! What all connections share: the configuration in force, the store of tapes, the keys.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use wiretape_core::SessionId;
use wiretape_identity::{Attempts, Issuers, Revocations, UserAuthority};
use wiretape_recorder::{Settings, Store};

use crate::antechamber::Antechamber;
use crate::authority::Authority;
use crate::cancel::CancelKeys;
use crate::config::Config;
use crate::examination::Examinations;
use crate::host_keys::{self, LearnedKeys};
use crate::identity::{Principal, issuers};
use crate::policy::{self, InForce};
use crate::presence::Presence;
use crate::questions::{Asker, Questions};
use crate::{credentials, tls, transport};

/// The running gateway.
pub(crate) struct Gateway {
    config: RwLock<Arc<Config>>,
    faulty: AtomicBool,
    store: Store,
    learned: Arc<LearnedKeys>,
    ssh: Arc<russh::server::Config>,
    tls: TlsAcceptor,
    http_tls: TlsAcceptor,
    admin_tls: TlsAcceptor,
    authority: Authority,
    antechamber: Antechamber,
    cancel_keys: CancelKeys,
    spool_folder: PathBuf,
    examinations: Examinations,
    presence: Arc<Presence>,
    questions: Arc<Questions>,
    policies: Arc<InForce>,
    issuers: RwLock<Arc<Issuers>>,
    user_authority: UserAuthority,
    revocations: Revocations,
    attempts: Attempts,
    stopping: watch::Sender<bool>,
    changing: tokio::sync::Mutex<()>,
}

impl Gateway {
    /// Opens what the gateway needs in its data folder.
    pub(crate) async fn open(config: Config) -> anyhow::Result<Self> {
        let data_dir = config.data_dir.clone();
        std::fs::create_dir_all(&data_dir)
            .with_context(|| format!("cannot make the data folder {}: check data_dir", data_dir.display()))?;
        let store = Store::open(&data_dir, Settings::default())
            .with_context(|| format!("cannot open the store of tapes in {}", data_dir.display()))?;
        let spool_folder = data_dir.join("spool");
        std::fs::create_dir_all(&spool_folder).with_context(|| format!("cannot make {}", spool_folder.display()))?;
        let ssh = transport::server_config(host_keys::own(&data_dir)?);
        let acceptor = |protocols, check| {
            tls::acceptor(&config.tls, &data_dir, protocols, check).context("the gateway has no certificate for TLS")
        };
        let tls = acceptor(tls::POSTGRES, None)?;
        let client_check = tls::client_check(&config.tls).context("tls.client_ca is of no use")?;
        let http_tls = acceptor(tls::HTTP, client_check)?;
        let admin_tls = acceptor(tls::HTTP_1, None)?;
        let authority = Authority::open(&data_dir).context("the gateway has no authority for certificates")?;
        let learned = Arc::new(LearnedKeys::new(&data_dir));
        let policies = Arc::new(InForce::new(policy::compile(&config)?));
        let issuers = RwLock::new(Arc::new(issuers(&config).await?));
        let user_authority =
            UserAuthority::open(&data_dir.join("user-ca")).context("the gateway has no authority for logins")?;
        let revocations = Revocations::open(&data_dir).context("the revocations cannot be read")?;
        let questions = Arc::new(Questions::default());
        Ok(Self {
            config: RwLock::new(Arc::new(config)),
            faulty: AtomicBool::new(false),
            store,
            learned,
            ssh,
            tls,
            http_tls,
            admin_tls,
            authority,
            antechamber: Antechamber::default(),
            cancel_keys: CancelKeys::default(),
            spool_folder,
            examinations: Examinations::default(),
            presence: Arc::new(Presence::new(Arc::clone(&questions))),
            questions,
            policies,
            issuers,
            user_authority,
            revocations,
            attempts: Attempts::default(),
            stopping: watch::Sender::new(false),
            changing: tokio::sync::Mutex::default(),
        })
    }

    /// The configuration in force.
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The right to read the configuration's files and put it in force: one at a time, or what one of two has read takes back
    /// what the other one changed.
    pub(crate) async fn changing(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    /// Puts another configuration in force: its users, issuers and targets for sessions that begin from now on, its
    /// policies for all.
    ///
    /// # Errors
    /// Its policies or issuers are of no use. Then all stays as it is.
    pub(crate) async fn set_config(&self, config: Config) -> anyhow::Result<()> {
        let policies = policy::compile(&config)?;
        credentials::configure(&config);
        // Issuers that stay as they are keep the keys that they were asked for.
        if config.issuers != self.config().issuers {
            let issuers = issuers(&config).await.inspect_err(|_| credentials::configure(&self.config()))?;
            let issuers = Arc::new(issuers);
            *self.issuers.write().unwrap_or_else(PoisonError::into_inner) = issuers;
        }
        let before = self.config();
        let other = before.tables.iter().filter(|(name, table)| config.tables.get(*name) != Some(*table));
        let other: Vec<String> = other.map(|(name, _)| name.clone()).collect();
        let changed = self.policies.replace(policies);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        if changed {
            self.questions.take_all_back();
        }
        self.questions.take_back(&other);
        Ok(())
    }

    /// Whether what stands in the files now is faulty, so that what stood there before is in force.
    pub(crate) fn is_config_faulty(&self) -> bool {
        self.faulty.load(Ordering::Relaxed)
    }

    /// Notes whether what stands in the files now is faulty.
    pub(crate) fn set_config_faulty(&self, faulty: bool) {
        self.faulty.store(faulty, Ordering::Relaxed);
    }

    /// The sessions that run.
    pub(crate) fn presence(&self) -> &Arc<Presence> {
        &self.presence
    }

    /// The questions that stand.
    pub(crate) fn questions(&self) -> &Arc<Questions> {
        &self.questions
    }

    /// By whom `session` asks people.
    pub(crate) fn asker(&self, session: SessionId, principal: &Principal, target: &str) -> Asker {
        let patience = self.config().approval.patience;
        Asker::new(Arc::clone(&self.questions), session, principal.clone(), target.to_owned(), patience)
    }

    /// The policies in force.
    pub(crate) fn policies(&self) -> &Arc<InForce> {
        &self.policies
    }

    /// Who else vouches for people.
    pub(crate) fn issuers(&self) -> Arc<Issuers> {
        Arc::clone(&self.issuers.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Who signs the certificates by which people log in to SSH.
    pub(crate) fn user_authority(&self) -> &UserAuthority {
        &self.user_authority
    }

    /// What is good for nothing any more.
    pub(crate) fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// Who guessed how often.
    pub(crate) fn attempts(&self) -> &Attempts {
        &self.attempts
    }

    /// The store of tapes.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// How the gateway speaks SSH with clients.
    pub(crate) fn ssh(&self) -> Arc<russh::server::Config> {
        Arc::clone(&self.ssh)
    }

    /// How the gateway speaks TLS with PostgreSQL clients.
    pub(crate) fn tls(&self) -> &TlsAcceptor {
        &self.tls
    }

    /// How the gateway speaks TLS with HTTP clients.
    pub(crate) fn http_tls(&self) -> &TlsAcceptor {
        &self.http_tls
    }

    /// How the gateway speaks TLS with clients of the API.
    pub(crate) fn admin_tls(&self) -> &TlsAcceptor {
        &self.admin_tls
    }

    /// Who signs the certificates by which the forward proxy ends TLS in the place of targets.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Where connections are until they have logged in.
    pub(crate) fn antechamber(&self) -> &Antechamber {
        &self.antechamber
    }

    /// The keys by which sessions can be cancelled.
    pub(crate) fn cancel_keys(&self) -> &CancelKeys {
        &self.cancel_keys
    }

    /// Where what is held is examined.
    pub(crate) fn examinations(&self) -> &Examinations {
        &self.examinations
    }

    /// Where bytes wait that a stalled receiver does not take.
    pub(crate) fn spool_folder(&self) -> &Path {
        &self.spool_folder
    }

    /// Tells every session to end.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Whether it was told to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Resolves when the gateway was told to stop.
    pub(crate) async fn stopped(&self) {
        let mut stopping = self.stopping.subscribe();
        // The sender lives as long as the gateway: the wait ends only with a stop.
        let _stopped = stopping.wait_for(|stopping| *stopping).await;
    }

    /// The host keys that targets showed at their first connection.
    pub(crate) fn learned_keys(&self) -> Arc<LearnedKeys> {
        Arc::clone(&self.learned)
    }
}
