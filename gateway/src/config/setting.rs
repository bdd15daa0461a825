//! Settings that several tables of the configuration have.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Spanned;
use wiretape_core::event::PrincipalKind;

use super::faults::Faults;
use super::{CredentialSource, TargetTable};

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

/// The files that TLS with a server takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// PEM file of the authorities that may have signed the server's certificate; `None`: the system's.
    pub(crate) ca: Option<PathBuf>,
    /// PEM files of the gateway's own certificate toward this server, and its key.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
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

/// Reads `tls`, which is `default` where it is left out.
pub(super) fn tls_mode(text: Option<&Spanned<String>>, default: TlsMode, faults: &mut Faults<'_>) -> TlsMode {
    let Some(text) = text else { return default };
    TlsMode::parse(text.get_ref()).unwrap_or_else(|| {
        let fault = format!(
            "tls = {:?} is unknown: it is \"disable\", \"require\", \"verify-ca\" or \"verify-full\"",
            text.get_ref()
        );
        faults.add(&text.span(), fault);
        TlsMode::VerifyFull
    })
}

/// Reads `tls_ca`, `tls_certificate` and `tls_key`, which say something only when `tls` is `used`.
pub(super) fn tls_files(table: &TargetTable, used: bool, folder: &Path, faults: &mut Faults<'_>) -> TlsFiles {
    if !used {
        for (path, setting) in
            [(&table.tls_ca, "tls_ca"), (&table.tls_certificate, "tls_certificate"), (&table.tls_key, "tls_key")]
        {
            if let Some(path) = path {
                let remedy = if table.url.is_some() { "write the url with https" } else { "add tls = \"verify-full\"" };
                faults.add(&path.span(), format!("{setting} is of no use without TLS: {remedy}"));
            }
        }
    }
    let path = |path: &Option<Spanned<PathBuf>>| path.as_ref().map(|path| beside(folder, path.get_ref()));
    let identity = match (path(&table.tls_certificate), path(&table.tls_key)) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => {
            let name = table.name.get_ref();
            faults
                .add(&table.name.span(), format!("target {name:?} needs both tls_certificate and tls_key, or neither"));
            None
        }
    };
    TlsFiles { ca: path(&table.tls_ca), identity }
}

/// Where a target's secret comes from, with paths that stand by themselves.
pub(super) fn credential_source(
    source: Spanned<CredentialSource>,
    name: &str,
    folder: &Path,
    faults: &mut Faults<'_>,
) -> CredentialSource {
    for fault in source.get_ref().faults(faults.vault()) {
        faults.add(&source.span(), format!("the credential of {name:?}: {fault}"));
    }
    source.into_inner().beside(folder)
}

/// Letters, digits and a few marks: a name is typed before an `@`, and stands in file names.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Whether `address` ends with a port, after a host that can be told from it.
pub(super) fn has_port(address: &str) -> bool {
    address.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty()
            && port.parse::<u16>().is_ok()
            && (!host.contains(':') || (host.starts_with('[') && host.ends_with(']')))
    })
}

/// `path`, from `folder` when it is relative.
pub(super) fn beside(folder: &Path, path: &Path) -> PathBuf {
    if path.is_absolute() { path.to_owned() } else { folder.join(path) }
}

/// Whether `address` (`host:port`) is on this very host, by its name alone.
pub(super) fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The targets of `text` as they are written, by name. Of a credential that is a command only the program is left: its
/// arguments may hold anything.
pub(super) fn tables(text: &str) -> BTreeMap<String, serde_json::Value> {
    let Ok(serde_json::Value::Object(mut file)) = toml::from_str(text) else { return BTreeMap::new() };
    let Some(serde_json::Value::Array(targets)) = file.remove("target") else { return BTreeMap::new() };
    let named = targets.into_iter().filter_map(|mut target| {
        let name = target.get("name")?.as_str()?.to_owned();
        if let Some(credential) = target.get_mut("credential") {
            hide_arguments(credential);
        }
        Some((name, target))
    });
    named.collect()
}

/// Leaves of the commands in `value` the program alone.
fn hide_arguments(value: &mut serde_json::Value) {
    let serde_json::Value::Object(members) = value else { return };
    for (name, member) in members {
        match member {
            serde_json::Value::Array(words) if name == "command" || name == "run" => words.truncate(1),
            other => hide_arguments(other),
        }
    }
}

/// Reads `kind` of somebody; a person where it is left out.
pub(super) fn principal_kind(kind: Option<&Spanned<String>>, faults: &mut Faults<'_>) -> PrincipalKind {
    let Some(kind) = kind else { return PrincipalKind::Person };
    match kind.get_ref().as_str() {
        "person" => PrincipalKind::Person,
        "agent" => PrincipalKind::Agent,
        "service" => PrincipalKind::Service,
        other => {
            let fault = format!("kind = {other:?} is unknown: it is \"person\", \"agent\" or \"service\"");
            faults.add(&kind.span(), fault);
            PrincipalKind::Person
        }
    }
}
