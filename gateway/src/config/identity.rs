//! Who else vouches for people than the file itself, and how long that holds: `[[issuer]]`, `[login]`.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;
use wiretape_identity::{IssuerSettings, LoginToken, Sign};

use super::CredentialSource;
use super::faults::Faults;
use super::setting::{beside, credential_source, principal_kind};

/// Hours that a certificate holds where nothing is said.
const CERTIFICATE_HOURS: u64 = 8;

/// Hours that a certificate may hold.
const CERTIFICATE_HOURS_MAX: u64 = 24 * 7;

/// An issuer, and where the gateway's own secret there is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Issuer {
    pub(crate) settings: IssuerSettings,
    pub(crate) client_secret: Option<CredentialSource>,
}

/// When the sessions of people end who were removed or whose login was revoked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Removed {
    /// At once.
    #[default]
    AtOnce,
    /// When what they logged in by would have ended.
    AtExpiry,
}

/// What becomes of a session when what it was opened by, a token or a certificate, is good no longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Expired {
    /// It goes on: a login is for beginning something.
    #[default]
    GoesOn,
    /// It ends.
    Ends,
}

/// What holds for logins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) certificate_time: Duration,
    pub(crate) removed: Removed,
    pub(crate) expired: Expired,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IssuerTable {
    name: Spanned<String>,
    url: Spanned<String>,
    #[serde(default)]
    audience: Vec<String>,
    client_id: Option<String>,
    client_secret: Option<Spanned<CredentialSource>>,
    login_client_id: Option<String>,
    #[serde(default)]
    clients: Vec<String>,
    name_claim: Option<String>,
    groups_claim: Option<String>,
    kind: Option<Spanned<String>>,
    #[serde(default)]
    agents: OneOrMore,
    #[serde(default)]
    require: OneOrMore,
    #[serde(default)]
    algorithms: Vec<String>,
    clock_skew: Option<u64>,
    ca: Option<Spanned<std::path::PathBuf>>,
    scopes: Option<Vec<String>>,
    login_token: Option<LoginToken>,
    #[serde(default)]
    resource: String,
}

/// A claim and its values, as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignTable {
    claim: String,
    values: Vec<String>,
}

/// One table, or an array of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(SignTable),
    More(Vec<SignTable>),
}

impl Default for OneOrMore {
    fn default() -> Self {
        Self::More(Vec::new())
    }
}

impl OneOrMore {
    fn signs(self) -> Vec<Sign> {
        let tables = match self {
            Self::One(table) => vec![table],
            Self::More(tables) => tables,
        };
        tables.into_iter().map(|SignTable { claim, values }| Sign { claim, values }).collect()
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoginTable {
    certificate_hours: Option<Spanned<u64>>,
    removed: Option<Spanned<String>>,
    expired: Option<Spanned<String>>,
}

pub(super) fn issuers(tables: Vec<IssuerTable>, folder: &Path, faults: &mut Faults<'_>) -> Vec<Issuer> {
    let mut issuers: Vec<Issuer> = Vec::new();
    for table in tables {
        let (name, url) = (table.name.get_ref().clone(), table.url.get_ref().clone());
        if issuers.iter().any(|issuer| issuer.settings.name == name || issuer.settings.url == url) {
            faults.add(&table.name.span(), format!("there are two issuers {name:?}, or two at {url}: remove one"));
        }
        let mut settings = IssuerSettings::new(name, url);
        settings.audience = table.audience;
        settings.client_id = table.client_id;
        settings.login_client_id = table.login_client_id;
        settings.clients = table.clients;
        settings.name_claim = table.name_claim;
        if let Some(claim) = table.groups_claim {
            settings.groups_claim = claim;
        }
        settings.kind = principal_kind(table.kind.as_ref(), faults);
        settings.agents = table.agents.signs();
        settings.require = table.require.signs();
        settings.algorithms = table.algorithms;
        if let Some(seconds) = table.clock_skew {
            settings.clock_skew = Duration::from_secs(seconds);
        }
        if let Some(scopes) = table.scopes {
            settings.scopes = scopes;
        }
        settings.login_token = table.login_token.unwrap_or_default();
        settings.resource = table.resource;
        if let Some(ca) = &table.ca {
            let path = beside(folder, ca.get_ref());
            match std::fs::read(&path) {
                Ok(pem) => settings.ca_pem = Some(pem),
                Err(error) => {
                    faults.add(&ca.span(), format!("cannot read {} ({error}): name a PEM file", path.display()));
                }
            }
        }
        // What the issuer's own part says of the settings is said at their line.
        if let Err(error) = wiretape_identity::Issuers::new(vec![settings.clone()]) {
            faults.add(&table.url.span(), format!("{error:#}"));
        }
        let client_secret =
            table.client_secret.map(|source| credential_source(source, table.name.get_ref(), folder, faults));
        issuers.push(Issuer { settings, client_secret });
    }
    issuers
}

pub(super) fn login(table: LoginTable, faults: &mut Faults<'_>) -> Login {
    let hours = match &table.certificate_hours {
        None => CERTIFICATE_HOURS,
        Some(hours) if (1..=CERTIFICATE_HOURS_MAX).contains(hours.get_ref()) => *hours.get_ref(),
        Some(hours) => {
            faults.add(&hours.span(), format!("certificate_hours is 1 to {CERTIFICATE_HOURS_MAX}"));
            CERTIFICATE_HOURS
        }
    };
    let removed = match table.removed.as_ref().map(|removed| (removed.get_ref().as_str(), removed.span())) {
        None | Some(("at-once", _)) => Removed::AtOnce,
        Some(("at-expiry", _)) => Removed::AtExpiry,
        Some((other, span)) => {
            faults.add(&span, format!("removed = {other:?} is unknown: it is \"at-once\" or \"at-expiry\""));
            Removed::AtOnce
        }
    };
    let expired = match table.expired.as_ref().map(|expired| (expired.get_ref().as_str(), expired.span())) {
        None | Some(("goes-on", _)) => Expired::GoesOn,
        Some(("ends", _)) => Expired::Ends,
        Some((other, span)) => {
            faults.add(&span, format!("expired = {other:?} is unknown: a session \"goes-on\" or \"ends\""));
            Expired::Ends
        }
    };
    Login { certificate_time: Duration::from_secs(hours * 3600), removed, expired }
}
