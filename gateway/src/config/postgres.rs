//! Settings of targets of kind `postgres`.

use std::path::Path;

use wiretape_credentials::Gives;

use super::faults::Faults;
use super::setting::{credential_source, has_port, is_loopback, tls_files, tls_mode};
use super::{CredentialSource, TargetTable, TlsFiles, TlsMode};

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
    pub(crate) tls_files: TlsFiles,
}

pub(super) fn target(table: TargetTable, folder: &Path, faults: &mut Faults<'_>) -> Option<PostgresTarget> {
    let name = table.name.get_ref();
    let span = table.name.span();
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
    let default = if is_loopback(address.get_ref()) { TlsMode::Disable } else { TlsMode::VerifyFull };
    let tls = tls_mode(table.tls.as_ref(), default, faults);
    let tls_files = tls_files(&table, tls != TlsMode::Disable, folder, faults);
    let credential = match table.credential {
        Some(source) if source.get_ref().gives() != Gives::Password => {
            let fault =
                "a PostgreSQL server takes a password: use password_file, env, vault and the like, or tls_certificate";
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
        tls_files,
    })
}
