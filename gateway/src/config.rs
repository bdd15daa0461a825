//! `wiretape.toml`: one file, checked as a whole. `docs/CONFIG.md` describes every setting.

mod check;
mod faults;
mod git;
mod http;
mod identity;
mod policy;
mod postgres;
mod setting;

pub(crate) use http::{
    HostPattern, HttpChoice, HttpCredential, HttpSettings, HttpTarget, Origin, Presentation, TunnelTarget,
};
pub(crate) use identity::{Expired, Issuer, Login, Removed};
pub(crate) use policy::{Approval, Webhook};
pub(crate) use postgres::PostgresTarget;
pub(crate) use setting::{TlsFiles, TlsMode, is_name};
pub(crate) use wiretape_credentials::Source as CredentialSource;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use russh::keys::PublicKey;
use serde::Deserialize;
use toml::Spanned;
use wiretape_core::event::PrincipalKind;
use wiretape_credentials::VaultSettings;
use wiretape_git::Packs;
use wiretape_policy::TargetFacts;
use wiretape_protocols::Table;
use wiretape_recorder::Durability;

/// A configuration that passed every check.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Where tapes, catalogue and the gateway's own keys are kept.
    pub(crate) data_dir: PathBuf,
    /// Whether clients are told that their session is recorded.
    pub(crate) banner: bool,
    /// Where the gateway listens for SSH.
    pub(crate) ssh: SocketAddr,
    /// Where it listens for PostgreSQL, if it does.
    pub(crate) postgres: Option<SocketAddr>,
    /// Where it listens for HTTP, as a reverse proxy, if it does.
    pub(crate) http: Option<SocketAddr>,
    /// Where it listens for HTTP, as a forward proxy, if it does.
    pub(crate) proxy: Option<SocketAddr>,
    /// Where it listens for its operators, if it does.
    pub(crate) admin: Option<SocketAddr>,
    /// What holds for all HTTP clients.
    pub(crate) http_settings: HttpSettings,
    /// By what clients know the gateway over TLS.
    pub(crate) tls: TlsSettings,
    /// Where Vault is, if there is one.
    pub(crate) vault: Option<VaultSettings>,
    /// Whether a crash may leave an image of the memory, which has secrets in it.
    pub(crate) core_dumps: bool,
    /// Who may come in.
    pub(crate) users: Vec<User>,
    /// Who else vouches for people.
    pub(crate) issuers: Vec<Issuer>,
    /// What holds for logins.
    pub(crate) login: Login,
    /// Where the policies are; `None`: the gateway's own holds.
    pub(crate) policies: Option<PathBuf>,
    /// How people are asked.
    pub(crate) approval: Approval,
    /// What is behind the gateway, by name.
    pub(crate) targets: BTreeMap<String, Target>,
    /// Those of them that were created at run time.
    pub(crate) created: BTreeSet<String>,
    /// The targets as they are written, by name, without what their credentials may hold.
    pub(crate) tables: BTreeMap<String, serde_json::Value>,
}

/// The gateway's own certificate, and when clients have to use TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsSettings {
    /// PEM files of the certificate chain and its key; `None`: the gateway makes its own.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
    /// What the certificate that it makes is for.
    pub(crate) names: Vec<String>,
    /// Whether clients on the gateway's own host have to use TLS like all others.
    pub(crate) everywhere: bool,
    /// PEM file of the authorities that sign the certificates of persons.
    pub(crate) client_ca: Option<PathBuf>,
}

/// A person, service or agent that the gateway knows by itself.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    /// Whether it is a person, an agent or a service.
    pub(crate) kind: PrincipalKind,
    /// The issuer that may vouch for it too.
    pub(crate) issuer: Option<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) ssh_keys: Vec<PublicKey>,
    /// What its certificates may be for, beside its name.
    pub(crate) certificate_names: Vec<String>,
    /// BLAKE3 of the token.
    pub(crate) token_hash: Option<[u8; 32]>,
}

/// What is behind the gateway.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) name: String,
    /// Groups whose members may connect; empty: everyone that is known.
    pub(crate) groups: Vec<String>,
    pub(crate) durability: Durability,
    /// What policies know it by: names and values.
    pub(crate) labels: BTreeMap<String, String>,
    /// How packs of Git are recorded.
    pub(crate) packs: Packs,
    /// Pushes that are refused, as they are written.
    pub(crate) refuse: Vec<String>,
    pub(crate) kind: TargetKind,
}

/// How a target is reached.
#[derive(Clone, Debug)]
pub(crate) enum TargetKind {
    /// An SSH server.
    Ssh(Box<SshTarget>),
    /// A program on the gateway's own host.
    Command(CommandTarget),
    /// A PostgreSQL server.
    Postgres(Box<PostgresTarget>),
    /// An HTTP server.
    Http(Box<HttpTarget>),
    /// Hosts that the forward proxy lets through untouched.
    Tunnel(TunnelTarget),
}

/// An SSH server behind the gateway.
#[derive(Clone, Debug)]
pub(crate) struct SshTarget {
    /// `host:port`.
    pub(crate) address: String,
    /// The login that is used when the client asks for none.
    pub(crate) login: String,
    /// Further logins that a client may ask for.
    pub(crate) logins: Vec<String>,
    pub(crate) credential: CredentialSource,
    /// The key that the server must have; `None`: the first one seen is kept and required from then on.
    pub(crate) host_key: Option<PublicKey>,
}

/// A program on the gateway's own host.
#[derive(Clone, Debug)]
pub(crate) struct CommandTarget {
    /// Program and arguments.
    pub(crate) command: Vec<String>,
    /// What a client's command line is appended to (`["bash", "-c"]`); `None`: clients may not give one.
    pub(crate) exec: Option<Vec<String>>,
}

impl Target {
    /// The kind, as the configuration and the record call it.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self.kind {
            TargetKind::Ssh(_) => "ssh",
            TargetKind::Command(_) => "command",
            TargetKind::Postgres(_) => "postgres",
            TargetKind::Http(_) => "http",
            TargetKind::Tunnel(_) => "tunnel",
        }
    }

    /// The hosts that clients of the forward proxy reach it by.
    pub(crate) fn hosts(&self) -> &[HostPattern] {
        match &self.kind {
            TargetKind::Http(http) => &http.hosts,
            TargetKind::Tunnel(tunnel) => &tunnel.hosts,
            TargetKind::Ssh(_) | TargetKind::Command(_) | TargetKind::Postgres(_) => &[],
        }
    }

    /// Whether it is reached by SSH clients.
    pub(crate) fn is_for_ssh(&self) -> bool {
        matches!(self.kind, TargetKind::Ssh(_) | TargetKind::Command(_))
    }

    /// The wires of a session with this target.
    pub(crate) fn table(&self) -> Table {
        Table { git: wiretape_git::Options { packs: self.packs } }
    }

    /// What policies know of it.
    pub(crate) fn facts(&self) -> TargetFacts {
        TargetFacts {
            name: self.name.clone(),
            kind: self.kind_name().to_owned(),
            labels: self.labels.clone(),
            groups: self.groups.clone(),
            refuse: self.refuse.clone(),
        }
    }

    /// Whether a member of `groups` may connect.
    pub(crate) fn permits(&self, groups: &[String]) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|group| groups.contains(group))
    }
}

impl Config {
    /// Reads and checks the file at `path`. Relative paths in it start at its folder.
    ///
    /// # Errors
    /// One error that lists every fault, each with its line and a remedy.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!(
                "cannot read the configuration {} (name another with --config, or run `wiretape demo` to have one made)",
                path.display()
            )
        })?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self::parse(&text, folder).with_context(|| format!("{} is not a usable configuration", path.display()))
    }

    /// Checks `text`; relative paths in it start at `folder`.
    pub(crate) fn parse(text: &str, folder: &Path) -> anyhow::Result<Self> {
        let file: File = toml::from_str(text).map_err(|error| anyhow::anyhow!("{error}"))?;
        let mut faults = faults::Faults::new(text);
        let mut config = check::config(file, folder, &mut faults);
        config.tables = setting::tables(text);
        match faults.into_text() {
            None => Ok(config),
            Some(faults) => bail!("{faults}"),
        }
    }
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "default_data_dir")]
    data_dir: PathBuf,
    #[serde(default = "yes")]
    banner: bool,
    #[serde(default)]
    core_dumps: bool,
    vault: Option<Spanned<VaultSettings>>,
    #[serde(default)]
    listen: ListenTable,
    #[serde(default)]
    tls: TlsTable,
    #[serde(default)]
    http: HttpTable,
    #[serde(default, rename = "user")]
    users: Vec<UserTable>,
    #[serde(default, rename = "issuer")]
    issuers: Vec<identity::IssuerTable>,
    #[serde(default)]
    login: identity::LoginTable,
    #[serde(default)]
    policy: policy::PolicyTable,
    #[serde(default)]
    approval: policy::ApprovalTable,
    #[serde(default, rename = "target")]
    targets: Vec<TargetTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListenTable {
    #[serde(default = "default_ssh")]
    ssh: ListenAddress,
    postgres: Option<ListenAddress>,
    http: Option<ListenAddress>,
    proxy: Option<ListenAddress>,
    admin: Option<ListenAddress>,
}

/// An address and a port; a text that is none is told so with an example.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct ListenAddress(SocketAddr);

impl TryFrom<String> for ListenAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let address = text.parse().map_err(|_| {
            format!("{text:?} is no address with a port: write such as \"127.0.0.1:2222\", \"0.0.0.0:2222\" or \"[::]:2222\", not a name")
        });
        address.map(Self)
    }
}

impl Default for ListenTable {
    fn default() -> Self {
        Self { ssh: default_ssh(), postgres: None, http: None, proxy: None, admin: None }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsTable {
    certificate: Option<Spanned<PathBuf>>,
    key: Option<Spanned<PathBuf>>,
    #[serde(default)]
    names: Vec<Spanned<String>>,
    required: Option<Spanned<String>>,
    client_ca: Option<Spanned<PathBuf>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpTable {
    domain: Option<Spanned<String>>,
    label_header: Option<Spanned<String>>,
    label_linger: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserTable {
    name: Spanned<String>,
    kind: Option<Spanned<String>>,
    issuer: Option<Spanned<String>>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    ssh_keys: Vec<Spanned<String>>,
    #[serde(default)]
    certificate_names: Vec<Spanned<String>>,
    token_hash: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetTable {
    name: Spanned<String>,
    kind: Spanned<String>,
    address: Option<Spanned<String>>,
    login: Option<Spanned<String>>,
    #[serde(default)]
    logins: Vec<Spanned<String>>,
    credential: Option<Spanned<CredentialSource>>,
    host_key: Option<Spanned<String>>,
    command: Option<Spanned<Vec<String>>>,
    exec: Option<Spanned<Vec<String>>>,
    database: Option<Spanned<String>>,
    tls: Option<Spanned<String>>,
    tls_ca: Option<Spanned<PathBuf>>,
    tls_certificate: Option<Spanned<PathBuf>>,
    tls_key: Option<Spanned<PathBuf>>,
    url: Option<Spanned<String>>,
    #[serde(default)]
    hosts: Vec<Spanned<String>>,
    header: Option<Spanned<String>>,
    http: Option<Spanned<String>>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    record: Option<Spanned<String>>,
    packs: Option<Spanned<String>>,
    #[serde(default)]
    refuse: Vec<Spanned<String>>,
}

fn default_data_dir() -> PathBuf {
    PathBuf::from("wiretape-data")
}

fn yes() -> bool {
    true
}

fn default_ssh() -> ListenAddress {
    ListenAddress(SocketAddr::from(([127, 0, 0, 1], 2222)))
}

#[cfg(test)]
mod tests;
