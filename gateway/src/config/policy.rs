//! What may pass, and whom it takes to say so: `[policy]`, `[approval]`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use toml::Spanned;
use wiretape_admin::webhook::Settings;

use super::CredentialSource;
use super::faults::Faults;
use super::setting::{beside, credential_source};

/// Minutes that a question stands where nothing is said.
const APPROVAL_MINUTES: u64 = 15;

/// Minutes that a question may stand: a day.
const APPROVAL_MINUTES_MAX: u64 = 24 * 60;

/// How people are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Approval {
    /// How long a question stands.
    pub(crate) patience: Duration,
    /// Where new questions are announced.
    pub(crate) webhook: Option<Webhook>,
}

/// Where questions are announced, and the secret that signs that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Webhook {
    pub(crate) url: String,
    pub(crate) secret: CredentialSource,
    /// Where people find the API.
    pub(crate) office_url: Option<String>,
    /// The authorities of the receiver's certificate, as PEM; `None`: those of the system.
    pub(crate) ca_pem: Option<Vec<u8>>,
}

impl Webhook {
    /// What the webhook is made of, with the secret that was fetched.
    pub(crate) fn settings(&self, secret: SecretString) -> Settings {
        let (office_url, ca_pem) = (self.office_url.clone(), self.ca_pem.clone());
        Settings { office_url, ca_pem, ..Settings::new(self.url.clone(), secret) }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyTable {
    folder: Option<Spanned<PathBuf>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApprovalTable {
    minutes: Option<Spanned<u64>>,
    webhook: Option<WebhookTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookTable {
    url: Spanned<String>,
    secret: Spanned<CredentialSource>,
    office_url: Option<String>,
    ca: Option<Spanned<PathBuf>>,
}

/// The folder of the policies, where there is one.
pub(super) fn folder(table: &PolicyTable, folder: &Path, faults: &mut Faults<'_>) -> Option<PathBuf> {
    let written = table.folder.as_ref()?;
    let path = beside(folder, written.get_ref());
    if !path.is_dir() {
        faults.add(&written.span(), format!("{} is no folder: make it, and put *.cedar files there", path.display()));
    }
    Some(path)
}

pub(super) fn approval(table: ApprovalTable, folder: &Path, faults: &mut Faults<'_>) -> Approval {
    let minutes = match &table.minutes {
        None => APPROVAL_MINUTES,
        Some(minutes) if (1..=APPROVAL_MINUTES_MAX).contains(minutes.get_ref()) => *minutes.get_ref(),
        Some(minutes) => {
            faults.add(&minutes.span(), format!("minutes is 1 to {APPROVAL_MINUTES_MAX}"));
            APPROVAL_MINUTES
        }
    };
    let webhook = table.webhook.map(|table| webhook(table, folder, faults));
    Approval { patience: Duration::from_secs(minutes * 60), webhook }
}

fn webhook(table: WebhookTable, folder: &Path, faults: &mut Faults<'_>) -> Webhook {
    let secret = credential_source(table.secret, "webhook", folder, faults);
    let ca_pem = table.ca.and_then(|ca| {
        let path = beside(folder, ca.get_ref());
        let read = std::fs::read(&path);
        read.map_err(|error| {
            faults.add(&ca.span(), format!("cannot read {} ({error}): name a PEM file", path.display()));
        })
        .ok()
    });
    let webhook = Webhook { url: table.url.get_ref().clone(), secret, office_url: table.office_url, ca_pem };
    // What the webhook's own part says of the settings is said at their line.
    if let Err(error) = webhook.settings(SecretString::default()).check() {
        faults.add(&table.url.span(), format!("{error:#}"));
    }
    webhook
}
