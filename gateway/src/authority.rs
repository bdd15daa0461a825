//! The gateway's own certificate authority: it signs the certificates by which the forward proxy ends TLS in the
//! place of the targets that it looks into.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PublicKeyData,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;

use crate::clock::unix_nanos;
use crate::tls;

/// Hosts whose certificates are kept.
const CERTIFICATES_KEPT_MAX: usize = 1024;

/// For how long the authority is valid.
const AUTHORITY_TIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// For how long a host's certificate is valid.
const CERTIFICATE_TIME: Duration = Duration::from_secs(90 * 24 * 3600);

/// How old a host's certificate may get before another is made.
const CERTIFICATE_AGE_MAX: Duration = Duration::from_secs(24 * 3600);

/// How far clients' clocks may be behind.
const CLOCK_SLACK: Duration = Duration::from_secs(24 * 3600);

/// The authority, and the certificates that it has made lately.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// The key of all hosts' certificates: made at the start, and never written anywhere.
    host_key: KeyPair,
    made: Mutex<HashMap<String, Made>>,
}

struct Made {
    at: OffsetDateTime,
    config: Arc<ServerConfig>,
}

/// Where the authority's certificate is, for clients that shall trust it.
pub(crate) fn certificate_path(data_dir: &Path) -> PathBuf {
    data_dir.join("ca").join("certificate.pem")
}

impl Authority {
    /// Opens the authority in the data folder; makes it the first time.
    ///
    /// # Errors
    /// When its files cannot be read or written.
    pub(crate) fn open(data_dir: &Path) -> anyhow::Result<Self> {
        let certificate_path = certificate_path(data_dir);
        let key_path = data_dir.join("ca").join("key.pem");
        let host_key = KeyPair::generate().context("no key can be made for hosts' certificates")?;
        let key = if key_path.exists() {
            let text = fs::read_to_string(&key_path).with_context(|| format!("cannot read {}", key_path.display()))?;
            // The error of the library may quote the file: what it says is left out.
            KeyPair::from_pem(&zeroize::Zeroizing::new(text))
                .map_err(|_| anyhow::anyhow!("{} is no PEM file of a private key", key_path.display()))?
        } else {
            let folder = data_dir.join("ca");
            fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
            let key = KeyPair::generate().context("no key can be made for the certificate authority")?;
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&key_path)
                .with_context(|| format!("cannot write {}", key_path.display()))?;
            file.write_all(zeroize::Zeroizing::new(key.serialize_pem()).as_bytes())
                .with_context(|| format!("cannot write {}", key_path.display()))?;
            key
        };
        let issuer = CertifiedIssuer::self_signed(authority(&key)?, key)
            .context("the certificate of the authority cannot be made")?;
        if !certificate_path.exists() {
            fs::write(&certificate_path, issuer.pem())
                .with_context(|| format!("cannot write {}", certificate_path.display()))?;
        }
        Ok(Self { issuer, host_key, made: Mutex::new(HashMap::new()) })
    }

    /// How TLS is ended in the place of `host`, a name in lower case or an address.
    ///
    /// # Errors
    /// When `host` cannot stand in a certificate.
    pub(crate) fn server_config(&self, host: &str) -> anyhow::Result<Arc<ServerConfig>> {
        let now = now()?;
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = made.get(host)
            && now - known.at < CERTIFICATE_AGE_MAX
        {
            return Ok(Arc::clone(&known.config));
        }
        let mut params = CertificateParams::new([host.to_owned()])
            .with_context(|| format!("{host:?} cannot stand in a certificate"))?;
        params.not_before = now - CLOCK_SLACK;
        params.not_after = now + CERTIFICATE_TIME;
        params.distinguished_name = DistinguishedName::new();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&self.host_key, &self.issuer).context("a certificate cannot be signed")?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.host_key.serialize_der()));
        let config = Arc::new(tls::server_config(vec![certificate.der().clone()], key, tls::HTTP, None)?);
        if made.len() >= CERTIFICATES_KEPT_MAX {
            // Making one takes less than a millisecond: nobody notices that all are made anew.
            made.clear();
        }
        made.insert(host.to_owned(), Made { at: now, config: Arc::clone(&config) });
        Ok(config)
    }
}

/// What the authority's certificate says. All but its dates follows from the key: what the files hold and what is
/// made here name the same issuer.
fn authority(key: &KeyPair) -> anyhow::Result<CertificateParams> {
    let now = now()?;
    let mut params = CertificateParams::default();
    params.not_before = now - CLOCK_SLACK;
    params.not_after = now + AUTHORITY_TIME;
    let fingerprint = blake3::hash(key.der_bytes()).to_hex();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "wiretape");
    let name = format!("wiretape interception {}", fingerprint.get(..8).unwrap_or_default());
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn now() -> anyhow::Result<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_nanos())).context("the clock is set to no usable time")
}

/// The authority's certificate, as PEM; the authority is made when there is none.
///
/// # Errors
/// When it can be neither read nor made.
pub(crate) fn certificate_pem(data_dir: &Path) -> anyhow::Result<String> {
    let path = certificate_path(data_dir);
    if !path.exists() {
        fs::create_dir_all(data_dir).with_context(|| format!("cannot make {}", data_dir.display()))?;
        Authority::open(data_dir)?;
    }
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    CertificateDer::from_pem_slice(text.as_bytes())
        .map_err(|_| anyhow::anyhow!("{} is no PEM file of a certificate", path.display()))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Authority, certificate_pem};

    #[test]
    fn the_authority_stays_and_hosts_certificates_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let pem = certificate_pem(folder.path()).unwrap();
        let authority = Authority::open(folder.path()).unwrap();
        assert_eq!(pem, certificate_pem(folder.path()).unwrap());
        let one = authority.server_config("api.example.com").unwrap();
        let two = authority.server_config("api.example.com").unwrap();
        assert!(Arc::ptr_eq(&one, &two));
        assert!(authority.server_config("127.0.0.1").is_ok());
        assert!(authority.server_config("no\u{e9}").is_err());
    }
}
