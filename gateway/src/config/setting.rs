//! Settings that several tables of the configuration have.

use std::path::{Path, PathBuf};

use toml::Spanned;

use super::CredentialSource;
use super::faults::Faults;

/// Where a target's secret comes from, with paths that stand by themselves.
pub(super) fn credential_source(
    source: Spanned<CredentialSource>,
    name: &str,
    folder: &Path,
    faults: &mut Faults<'_>,
) -> CredentialSource {
    let span = source.span();
    match source.into_inner() {
        CredentialSource::KeyFile(path) => CredentialSource::KeyFile(beside(folder, &path)),
        CredentialSource::PasswordFile(path) => CredentialSource::PasswordFile(beside(folder, &path)),
        CredentialSource::Command(words) if words.is_empty() => {
            faults.add(&span, format!("the credential command of target {name:?} is empty: name a program"));
            CredentialSource::Command(words)
        }
        other => other,
    }
}

/// Letters, digits and a few marks: a name is typed before an `@`, and stands in file names.
pub(super) fn is_name(name: &str) -> bool {
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
