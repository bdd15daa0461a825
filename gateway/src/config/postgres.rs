//! Settings of targets of kind `postgres`.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;

use super::faults::Faults;
use super::setting::{beside, credential_source, has_port};
use super::{CredentialSource, TargetTable};

/// A PostgreSQL server behind the gateway.
#[derive(Clone, Debug)]
pub(crate) struct PostgresTarget {
    /// `host:port`.
    pub(crate) address: String,
    /// The role that the gateway logs in as.
    pub(crate) login: String,
    /// The database that is opened when the client names none.
    pub(crate) database: String,
    /// `None`: the server wants no password.
    pub(crate) credential: Option<CredentialSource>,
    /// How the server is reached over TLS.
    pub(crate) tls: TlsMode,
    /// PEM file of the authorities that may have signed the server's certificate; `None`: the system's.
    pub(crate) tls_ca: Option<PathBuf>,
    /// PEM files of the gateway's own certificate toward this server, and its key.
    pub(crate) tls_identity: Option<(PathBuf, PathBuf)>,
}

/// Whether a server is reached over TLS, and what its certificate has to show; the words are libpq's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsMode {
    /// In clear text.
    Disable,
    /// Over TLS, whoever it is.
    Require,
    /// Its certificate is signed by a known authority.
    VerifyCa,
    /// And is for the host that was called.
    VerifyFull,
}

impl TlsMode {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "disable" => Some(Self::Disable),
            "require" => Some(Self::Require),
            "verify-ca" => Some(Self::VerifyCa),
            "verify-full" => Some(Self::VerifyFull),
            _ => None,
        }
    }
}

pub(super) fn target(table: TargetTable, folder: &Path, faults: &mut Faults<'_>) -> Option<PostgresTarget> {
    let name = table.name.get_ref();
    let span = table.name.span();
    let misplaced: [(Option<Range<usize>>, &str, &str); 4] = [
        (table.command.as_ref().map(Spanned::span), "command", "command"),
        (table.exec.as_ref().map(Spanned::span), "exec", "command"),
        (table.host_key.as_ref().map(Spanned::span), "host_key", "ssh"),
        (table.logins.first().map(Spanned::span), "logins", "ssh"),
    ];
    for (span, setting, kind) in misplaced {
        if let Some(span) = span {
            faults.add(&span, format!("{setting} belongs to targets of kind {kind:?}: remove it"));
        }
    }
    let Some(address) = &table.address else {
        faults.add(&span, format!("target {name:?} needs address = \"host:5432\""));
        return None;
    };
    if !has_port(address.get_ref()) {
        let fault =
            format!("address {:?} has no port: write it as \"host:5432\" ([v6]:5432 for IPv6)", address.get_ref());
        faults.add(&address.span(), fault);
    }
    let Some(login) = &table.login else {
        faults.add(&span, format!("target {name:?} needs login = \"…\", the role that the gateway logs in as"));
        return None;
    };
    let tls = match &table.tls {
        None if is_loopback(address.get_ref()) => TlsMode::Disable,
        None => TlsMode::VerifyFull,
        Some(text) => TlsMode::parse(text.get_ref()).unwrap_or_else(|| {
            let fault = format!(
                "tls = {:?} is unknown: it is \"disable\", \"require\", \"verify-ca\" or \"verify-full\"",
                text.get_ref()
            );
            faults.add(&text.span(), fault);
            TlsMode::VerifyFull
        }),
    };
    if tls == TlsMode::Disable {
        for (path, setting) in
            [(&table.tls_ca, "tls_ca"), (&table.tls_certificate, "tls_certificate"), (&table.tls_key, "tls_key")]
        {
            if let Some(path) = path {
                let fault = format!("{setting} is of no use without TLS: add tls = \"verify-full\"");
                faults.add(&path.span(), fault);
            }
        }
    }
    let path = |path: &Option<Spanned<PathBuf>>| path.as_ref().map(|path| beside(folder, path.get_ref()));
    let tls_identity = match (path(&table.tls_certificate), path(&table.tls_key)) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => {
            faults.add(&span, format!("target {name:?} needs both tls_certificate and tls_key, or neither"));
            None
        }
    };
    let credential = match table.credential {
        Some(source) if matches!(source.get_ref(), CredentialSource::KeyFile(_)) => {
            let fault = "a PostgreSQL server takes no SSH key: use password_file, env or command, or tls_certificate";
            faults.add(&source.span(), fault);
            None
        }
        Some(source) => Some(credential_source(source, name, folder, faults)),
        None => None,
    };
    let database = table.database.as_ref().unwrap_or(login);
    Some(PostgresTarget {
        address: address.get_ref().clone(),
        login: login.get_ref().clone(),
        database: database.get_ref().clone(),
        credential,
        tls,
        tls_ca: path(&table.tls_ca),
        tls_identity,
    })
}

/// Whether `address` (`host:port`) is on this very host, by its name alone.
fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
