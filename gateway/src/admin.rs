//! The gateway as its operators, auditors and approvers see it: what the API is told, and what it may change.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use secrecy::ExposeSecret;
use serde_json::Value;
use wiretape_admin::metrics::Family;
use wiretape_admin::office::{
    Answer, Caller, Credentials, Denied, Failure, Inquiry, Known, Office, Revocation, Revoked, Task, Unfit,
    Unrecognised,
};
use wiretape_admin::webhook::Webhook;
use wiretape_approval::{Answerer, Petition, Rejected};
use wiretape_core::event::{Scope, SessionEvent, SessionOpened};
use wiretape_core::{Decided, Moment, Reason, SessionId, Verdict};
use wiretape_identity::{CertificateGrant, Identity};
use wiretape_policy::{Circumstances, Subject};
use wiretape_recorder::{Archive, Durability};

use crate::admission::{self, WRONG_TOKEN_TIME, of_session};
use crate::chance::session_id;
use crate::clock::{SessionClock, unix_nanos, unix_seconds};
use crate::config;
use crate::credentials::{self, Credential};
use crate::gateway::Gateway;
use crate::identity::Principal;
use crate::listen::{Doors, Protocol};
use crate::patrol;
use crate::policy;
use crate::recognition;
use crate::targets;

/// What the API is to the record.
const PROTOCOL: &str = "admin";

/// The settings of a target that say where a credential goes, and what it is used for.
const OF_A_CREDENTIAL: [&str; 10] =
    ["kind", "address", "url", "hosts", "tls", "tls_ca", "host_key", "login", "logins", "header"];

/// The gateway, for whoever runs it.
pub(crate) struct Bureau {
    gateway: Arc<Gateway>,
    archive: Arc<Archive>,
    /// The configuration's file.
    path: PathBuf,
    /// Where clients of each protocol come in.
    addresses: Vec<(Protocol, SocketAddr)>,
    /// Who is told of questions.
    webhook: Arc<Mutex<Option<Webhook>>>,
}

impl Bureau {
    /// The office of `gateway`, whose configuration is the file at `path` and whose doors are `doors`.
    ///
    /// # Errors
    /// The recordings cannot be read, or the webhook is of no use.
    pub(crate) async fn open(gateway: Arc<Gateway>, path: PathBuf, doors: &Doors) -> anyhow::Result<Self> {
        let config = gateway.config();
        let archive = Arc::new(Archive::open(&config.data_dir)?);
        let settings = config.approval.webhook.clone();
        let webhook = Arc::new(Mutex::new(begun(settings.as_ref()).await?));
        tokio::spawn(announce(Arc::clone(&gateway), settings, Arc::clone(&webhook)));
        let addresses = doors.addresses().collect();
        Ok(Self { gateway, archive, path, addresses, webhook })
    }

    async fn recognise(&self, credentials: &Credentials, peer: SocketAddr) -> Result<Principal, Unrecognised> {
        let (named, token) = match credentials {
            Credentials::Bearer(token) => ("", token),
            Credentials::Basic { name, password } => (name.as_str(), password),
        };
        let found = recognition::by_bearer(&self.gateway, peer.ip(), &[named], token.expose_secret()).await;
        let unknown = match found {
            Ok(principal) => return Ok(principal),
            Err(unknown) => unknown,
        };
        if let Some(seconds) = unknown.seconds {
            return Err(Unrecognised::HeldOff { seconds });
        }
        tokio::time::sleep(WRONG_TOKEN_TIME).await;
        let clock = SessionClock::start();
        let opened = SessionOpened {
            protocol: PROTOCOL.to_owned(),
            client_address: peer.to_string(),
            gateway: env!("CARGO_PKG_VERSION").to_owned(),
            opened_unix_nanos: clock.opened_unix_nanos(),
            ..SessionOpened::default()
        };
        let reason = Reason::new("unknown-user", unknown.text.clone());
        let _recorded = admission::record_refusal(&self.gateway, clock, opened, reason).await;
        Err(Unrecognised::Wrong(unknown.text))
    }

    /// Changes the targets that were created at run time; in force when it returns.
    async fn change(&self, name: &str, table: Option<&Value>) -> Result<(), Unfit> {
        let data_dir = self.gateway.config().data_dir.clone();
        let not_kept = |error: anyhow::Error| Unfit::NotKept(format!("{error:#}"));
        let before = self.known(name).map(|known| known.table);
        let config = targets::with(&self.path, &data_dir, name, table).map_err(|error| {
            // What is wrong with the gateway's own files is told to its log.
            match targets::with(&self.path, &data_dir, name, before.as_ref()) {
                Ok(_) => Unfit::Faulty(format!("{error:#}")),
                Err(own) => not_kept(own),
            }
        })?;
        // What is kept would be in force without a word as soon as the policies are mended.
        policy::compile(&config).map_err(not_kept)?;
        let keep = |table: Option<&Value>| match table {
            Some(table) => targets::keep(&data_dir, name, table),
            None => targets::forget(&data_dir, name),
        };
        keep(table).map_err(not_kept)?;
        if let Err(error) = self.gateway.set_config(config).await {
            keep(before.as_ref()).map_err(not_kept)?;
            return Err(not_kept(error));
        }
        Ok(())
    }

    /// Whoever may write targets must not send the gateway's files, variables or keys to an address of their own choice:
    /// a credential is one that a target of the configuration has already, and goes where that one's does, as whom and by
    /// which field that one's does: a server may echo a field, and a key may open more than one login.
    fn is_fit(&self, table: &Value) -> Result<(), Unfit> {
        for setting in ["tls_certificate", "tls_key"] {
            if table.get(setting).is_some() {
                return Err(Unfit::Faulty(format!("{setting} is for targets of the configuration file")));
            }
        }
        let Some(credential) = table.get("credential") else { return Ok(()) };
        let config = self.gateway.config();
        let configured = config.tables.iter().filter(|(name, _)| !config.created.contains(*name));
        let mut same = configured.filter(|(_, known)| {
            known.get("credential") == Some(credential)
                && OF_A_CREDENTIAL.into_iter().all(|setting| known.get(setting) == table.get(setting))
        });
        if same.next().is_some() {
            return Ok(());
        }
        let text = format!(
            "a target that is created at run time has a credential that a target of the configuration file has already, \
             and uses it in the same way: the same {}",
            OF_A_CREDENTIAL.join(", ")
        );
        Err(Unfit::Faulty(text))
    }

    fn known(&self, name: &str) -> Option<Known> {
        let config = self.gateway.config();
        let table = config.tables.get(name)?.clone();
        Some(Known { name: name.to_owned(), at_run_time: config.created.contains(name), table })
    }

    /// Records what `caller` does at the office: a session that holds only that.
    async fn note(gateway: &Gateway, caller: &Caller, action: &str, resource: String) -> anyhow::Result<()> {
        let clock = SessionClock::start();
        let opened = SessionOpened {
            protocol: PROTOCOL.to_owned(),
            target: resource.clone(),
            client_address: caller.address.map(|address| address.to_string()).unwrap_or_default(),
            gateway: env!("CARGO_PKG_VERSION").to_owned(),
            opened_unix_nanos: clock.opened_unix_nanos(),
            rule: action.to_owned(),
            ..opened_by(caller)
        };
        let session = session_id()?;
        let recording = admission::begin(gateway, session, clock, opened, Durability::Queued)?;
        let decision = SessionEvent::Decision {
            action: action.to_owned(),
            resource,
            rule: action.to_owned(),
            verdict: Verdict::Allow,
            nanos: 0,
        };
        recording.append(of_session(Moment::START, decision))?;
        recording.append(of_session(clock.now(), SessionEvent::Closed { reason: "done".to_owned() }))?;
        recording.finish().await?;
        Ok(())
    }

    async fn note_or_say(&self, caller: &Caller, action: &str, resource: String) {
        if let Err(error) = Self::note(&self.gateway, caller, action, resource).await {
            tracing::error!("what was done by the API cannot be recorded: {error:#}");
        }
    }
}

/// The webhook of these settings, with its secret.
async fn begun(settings: Option<&config::Webhook>) -> anyhow::Result<Option<Webhook>> {
    let Some(settings) = settings else { return Ok(None) };
    let secret = credentials::fetch(&settings.secret).await.context("approval.webhook.secret")?;
    let Credential::Password(secret) = secret else {
        bail!("approval.webhook.secret is a text: name a password_file, env or command");
    };
    Webhook::start(settings.settings(secret)).context("approval.webhook").map(Some)
}

/// Tells of each new question, by the webhook that the configuration names then; `webhook` is that of `settings`.
async fn announce(gateway: Arc<Gateway>, mut settings: Option<config::Webhook>, webhook: Arc<Mutex<Option<Webhook>>>) {
    let mut asked = gateway.questions().herald();
    while let Some(id) = asked.recv().await {
        let config = gateway.config();
        if config.approval.webhook != settings {
            // Where the new one cannot be begun nobody is told: it is tried again with the next question.
            let new = begun(config.approval.webhook.as_ref()).await;
            match &new {
                Ok(_) => settings.clone_from(&config.approval.webhook),
                Err(error) => tracing::error!(question = id, "nobody is told of it: {error:#}"),
            }
            *webhook.lock().unwrap_or_else(PoisonError::into_inner) = new.unwrap_or_default();
        }
        let webhook = webhook.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let petition = gateway.questions().with(|approvals| (approvals.get(&id).cloned(), Vec::new()));
        if let (Some(webhook), Some(petition)) = (webhook, petition) {
            webhook.tell(&petition);
        }
    }
}

fn subject(caller: &Caller) -> Subject {
    let Answerer { principal, groups, .. } = caller.answerer.clone();
    Subject {
        name: principal.name,
        kind: principal.kind,
        groups,
        issuer: principal.issuer,
        on_behalf_of: principal.on_behalf_of,
        claims: caller.claims.clone(),
    }
}

fn opened_by(caller: &Caller) -> SessionOpened {
    let Answerer { principal, groups, .. } = caller.answerer.clone();
    SessionOpened {
        person: principal.name,
        kind: principal.kind,
        issuer: principal.issuer,
        subject: principal.subject,
        on_behalf_of: principal.on_behalf_of,
        groups,
        proof: caller.proof.clone(),
        ..SessionOpened::default()
    }
}

fn revoked(what: Revoked) -> wiretape_identity::Revoked {
    match what {
        Revoked::Person(name) => wiretape_identity::Revoked::Person(name),
        Revoked::Token(id) => wiretape_identity::Revoked::Token(id),
    }
}

impl Office for Bureau {
    fn now_unix_nanos(&self) -> u64 {
        unix_nanos()
    }

    fn authenticate(&self, credentials: Credentials, peer: SocketAddr) -> Answer<'_, Result<Caller, Unrecognised>> {
        Box::pin(async move {
            let principal = self.recognise(&credentials, peer).await?;
            let local = principal.is_local();
            let Identity { groups, claims, proof, token_id, expires_unix, .. } = principal.identity().clone();
            let answerer = Answerer { principal: principal.requester(), groups, login: token_id };
            Ok(Caller { answerer, claims, proof, address: Some(peer), expires_unix, local })
        })
    }

    fn may(&self, caller: &Caller, task: Task, target: &str) -> Result<(), Denied> {
        let (_, policies) = self.gateway.policies().current();
        match policies.administer(&subject(caller), task.name(), target, unix_nanos()) {
            Decided::Allow { .. } => Ok(()),
            Decided::Refuse { rules, text } => Err(Denied { rules, text }),
            Decided::Ask { rules, .. } => {
                Err(Denied { rules, text: "an approval is asked for, which is not had here".to_owned() })
            }
        }
    }

    fn still(&self, caller: &Caller) -> bool {
        let Answerer { principal, login, .. } = caller.answerer.clone();
        let identity = Identity { expires_unix: caller.expires_unix, ..recognition::remembered(principal, login) };
        patrol::gone(&self.gateway, &identity, caller.local).is_none()
    }

    fn archive(&self) -> Arc<Archive> {
        Arc::clone(&self.archive)
    }

    fn note_read(&self, caller: &Caller, session: SessionId, what: &str) -> Answer<'_, Result<(), Failure>> {
        let (caller, resource) = (caller.clone(), format!("{session} {what}"));
        Box::pin(async move {
            Self::note(&self.gateway, &caller, "session.read", resource).await.map_err(|error| {
                tracing::error!("nothing is shown, because that cannot be recorded: {error:#}");
                Failure::OutOfOrder("looking at a recording cannot be recorded now, so nothing is shown".to_owned())
            })
        })
    }

    fn end_session(&self, caller: &Caller, session: SessionId, why: &str) -> bool {
        let by = &caller.answerer.principal.name;
        let text = if why.is_empty() { format!("ended by {by}") } else { format!("ended by {by}: {why}") };
        self.gateway.presence().end(session, Reason::new("admin", text))
    }

    fn questions(&self, ended: bool) -> Vec<Petition> {
        self.gateway.questions().with(|approvals| {
            let mut all: Vec<Petition> = approvals.open().into_iter().cloned().collect();
            if ended {
                all.extend(approvals.ended().cloned());
            }
            (all, Vec::new())
        })
    }

    fn question(&self, id: &str) -> Option<Petition> {
        self.gateway.questions().with(|approvals| (approvals.get(id).cloned(), Vec::new()))
    }

    fn answer(
        &self,
        caller: &Caller,
        id: &str,
        approve: bool,
        why: String,
        scope: Scope,
    ) -> Result<Petition, Rejected> {
        self.gateway.questions().with(|approvals| {
            // Whoever approved before counts only while they could still approve.
            approvals.recount(|answer| recognition::counted(&self.gateway, answer));
            match approvals.answer(unix_nanos(), id, &caller.answerer, approve, why, scope) {
                Err(rejected) => (Err(rejected), Vec::new()),
                Ok(settled) => (approvals.get(id).cloned().ok_or(Rejected::Unknown), settled.into_iter().collect()),
            }
        })
    }

    fn take_back(&self, caller: &Caller, id: &str) -> bool {
        let taken = self.gateway.questions().with(|approvals| (approvals.take_back(id), Vec::new()));
        if taken {
            let (gateway, caller, id) = (Arc::clone(&self.gateway), caller.clone(), id.to_owned());
            tokio::spawn(async move {
                if let Err(error) = Self::note(&gateway, &caller, "approval.take_back", id).await {
                    tracing::error!("a grant was taken back, and that cannot be recorded: {error:#}");
                }
            });
        }
        taken
    }

    fn targets(&self) -> Vec<Known> {
        let config = self.gateway.config();
        config.targets.keys().filter_map(|name| self.known(name)).collect()
    }

    fn put_target(&self, caller: &Caller, table: Value, create: bool) -> Answer<'_, Result<Known, Unfit>> {
        let caller = caller.clone();
        Box::pin(async move {
            let _one = self.gateway.changing().await;
            let name = table.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            if !crate::config::is_name(&name) {
                return Err(Unfit::Faulty(format!("{name:?} cannot name a target")));
            }
            match self.known(&name) {
                Some(known) if !known.at_run_time => return Err(Unfit::Configured(name)),
                Some(_) if create => return Err(Unfit::Taken(name)),
                None if !create => return Err(Unfit::Unknown(name)),
                _ => {}
            }
            self.is_fit(&table)?;
            self.change(&name, Some(&table)).await?;
            self.note_or_say(&caller, Task::TargetWrite.name(), name.clone()).await;
            self.known(&name).ok_or(Unfit::Unknown(name))
        })
    }

    fn remove_target(&self, caller: &Caller, name: &str) -> Answer<'_, Result<(), Unfit>> {
        let (caller, name) = (caller.clone(), name.to_owned());
        Box::pin(async move {
            let _one = self.gateway.changing().await;
            match self.known(&name) {
                None => return Err(Unfit::Unknown(name)),
                Some(known) if !known.at_run_time => return Err(Unfit::Configured(name)),
                Some(_) => {}
            }
            self.change(&name, None).await?;
            self.note_or_say(&caller, Task::TargetWrite.name(), name).await;
            Ok(())
        })
    }

    fn check(&self, inquiry: &Inquiry) -> Option<Decided> {
        let config = self.gateway.config();
        let target = config.targets.get(&inquiry.target)?;
        let (_, policies) = self.gateway.policies().current();
        let Answerer { principal, groups, .. } = inquiry.who.clone();
        let subject = Subject {
            name: principal.name,
            kind: principal.kind,
            groups,
            issuer: principal.issuer,
            on_behalf_of: principal.on_behalf_of,
            claims: inquiry.claims.clone(),
        };
        let circumstances = Circumstances {
            client_address: inquiry.client_address,
            protocol: target.kind_name().to_owned(),
            login: inquiry.login.clone(),
            label: inquiry.label.clone(),
        };
        let mut bench = policies.session(&subject, &target.facts(), &circumstances);
        Some(bench.enter(unix_nanos(), inquiry.action.as_ref()))
    }

    fn revocations(&self) -> Vec<Revocation> {
        let all = self.gateway.revocations().list().into_iter();
        all.map(|(what, since)| Revocation {
            what: match what {
                wiretape_identity::Revoked::Person(name) => Revoked::Person(name),
                wiretape_identity::Revoked::Token(id) => Revoked::Token(id),
            },
            since_unix_nanos: since.saturating_mul(1_000_000_000),
        })
        .collect()
    }

    fn revoke(&self, caller: &Caller, what: Revoked) -> Answer<'_, Result<Revocation, Failure>> {
        let caller = caller.clone();
        Box::pin(async move {
            let now = unix_seconds();
            self.gateway.revocations().revoke(revoked(what.clone()), now).map_err(|error| {
                tracing::error!("a revocation was not kept: {error:#}");
                Failure::OutOfOrder("the revocation could not be kept".to_owned())
            })?;
            self.note_or_say(&caller, Task::RevocationWrite.name(), format!("{what:?}")).await;
            Ok(Revocation { what, since_unix_nanos: now.saturating_mul(1_000_000_000) })
        })
    }

    fn reinstate(&self, caller: &Caller, what: &Revoked) -> Answer<'_, Result<bool, Failure>> {
        let (caller, what) = (caller.clone(), what.clone());
        Box::pin(async move {
            let restored = self.gateway.revocations().restore(revoked(what.clone()), unix_seconds());
            let restored = restored.map_err(|error| {
                tracing::error!("a revocation was not taken back: {error:#}");
                Failure::OutOfOrder("the change could not be kept".to_owned())
            })?;
            self.note_or_say(&caller, Task::RevocationWrite.name(), format!("not {what:?}")).await;
            Ok(restored)
        })
    }

    fn login(&self) -> Value {
        let mut offer = self.gateway.issuers().offer();
        for (protocol, address) in &self.addresses {
            let place = match protocol {
                Protocol::Ssh => &mut offer.ssh,
                Protocol::Postgres => &mut offer.postgres,
                Protocol::Http => &mut offer.http,
                Protocol::Proxy | Protocol::Admin => continue,
            };
            *place = address.to_string();
        }
        serde_json::to_value(offer).unwrap_or_default()
    }

    fn certify(
        &self,
        caller: &Caller,
        credentials: Credentials,
        public_key: String,
    ) -> Answer<'_, Result<Value, Failure>> {
        let caller = caller.clone();
        Box::pin(async move {
            let peer = caller.address.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
            let principal = self
                .recognise(&credentials, peer)
                .await
                .map_err(|unrecognised| Failure::Useless(unrecognised.to_string()))?;
            let key = russh::keys::PublicKey::from_openssh(&public_key)
                .map_err(|error| Failure::Useless(format!("not an OpenSSH public key: {error}")))?;
            let authority = self.gateway.user_authority();
            let (valid_for, now) = (self.gateway.config().login.certificate_time, unix_seconds());
            let certificate = authority
                .sign(&key, &principal.certified(), valid_for, now)
                .map_err(|error| Failure::Useless(format!("{error:#}")))?;
            let out_of_order = |error: anyhow::Error| {
                tracing::error!("a certificate cannot be written: {error:#}");
                Failure::OutOfOrder("the certificate cannot be written".to_owned())
            };
            let grant = CertificateGrant {
                certificate: certificate.to_openssh().map_err(|error| out_of_order(error.into()))?,
                name: principal.name().to_owned(),
                kind: principal.identity().kind.name().to_owned(),
                serial: certificate.serial().to_string(),
                expires_unix: certificate.valid_before(),
                authority: authority.public_key().map_err(out_of_order)?,
            };
            let resource = format!("{} {}", grant.name, grant.serial);
            Self::note(&self.gateway, &caller, "login.certificate", resource).await.map_err(out_of_order)?;
            serde_json::to_value(grant).map_err(|error| out_of_order(error.into()))
        })
    }

    fn ready(&self) -> Result<(), String> {
        if self.gateway.is_stopping() { Err("the gateway is being stopped".to_owned()) } else { Ok(()) }
    }

    fn figures(&self) -> Vec<Family> {
        let gauges = self.gateway.store().gauges();
        let open = self.gateway.questions().with(|approvals| (approvals.open().len(), Vec::new()));
        let mut figures = vec![
            Family::gauge("wiretape_sessions_live", "Sessions that run now.", count(self.gateway.presence().count())),
            Family::gauge("wiretape_questions_open", "Questions that wait for people.", count(open)),
            Family::gauge("wiretape_recordings_open", "Tapes that are being written.", count(gauges.recordings)),
            Family::gauge(
                "wiretape_recorder_queued_bytes",
                "Bytes of events that wait to be written, over all tapes.",
                count(gauges.queued_bytes),
            ),
            Family::gauge(
                "wiretape_configuration_faulty",
                "1 while the configuration or a policy is faulty as it stands in its file: what stood there before holds.",
                f64::from(u8::from(self.gateway.is_config_faulty())),
            ),
            Family::counter(
                "wiretape_sessions_total",
                "Sessions that began since the gateway was started.",
                self.gateway.presence().begun(),
            ),
        ];
        let webhook = self.webhook.lock().unwrap_or_else(PoisonError::into_inner);
        figures.extend(webhook.as_ref().map(Webhook::figures));
        figures
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures are read by people")]
fn count(number: usize) -> f64 {
    number as f64
}
