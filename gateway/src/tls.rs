//! TLS on both sides: the gateway's own certificate, and what targets have to show.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig, SignatureScheme,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::config::{TlsFiles, TlsMode, TlsSettings};

/// The name of PostgreSQL in TLS (ALPN), as PostgreSQL 17 and newer say it.
pub(crate) const POSTGRES: &[&[u8]] = &[b"postgresql"];

/// The names of both versions of HTTP in TLS (RFC 9113 section 3.2, RFC 7301 section 6).
pub(crate) const HTTP: &[&[u8]] = &[b"h2", b"http/1.1"];

/// The name of HTTP/1.1 alone.
pub(crate) const HTTP_1: &[&[u8]] = &[b"http/1.1"];

/// The name of HTTP/2 alone.
pub(crate) const HTTP_2: &[&[u8]] = &[b"h2"];

/// What has to be shown by clients that show a certificate.
pub(crate) type ClientCheck = Arc<dyn ClientCertVerifier>;

/// The gateway's side of TLS for clients that speak one of `protocols`.
///
/// # Errors
/// When the certificate cannot be read, or none can be made.
pub(crate) fn acceptor(
    settings: &TlsSettings,
    data_dir: &Path,
    protocols: &[&[u8]],
    client_check: Option<ClientCheck>,
) -> anyhow::Result<TlsAcceptor> {
    let (certificate, key) = match &settings.certificate {
        Some(files) => files.clone(),
        None => own(settings, data_dir)?,
    };
    let config = server_config(certificates(&certificate)?, private_key(&key)?, protocols, client_check)
        .with_context(|| format!("{} and {} do not belong together", certificate.display(), key.display()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// One side of TLS that shows `chain`.
///
/// # Errors
/// When `key` does not belong to `chain`.
pub(crate) fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    protocols: &[&[u8]],
    client_check: Option<ClientCheck>,
) -> anyhow::Result<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .context("TLS has no protocol versions")?;
    let builder = match client_check {
        None => builder.with_no_client_auth(),
        Some(check) => builder.with_client_cert_verifier(check),
    };
    let mut config = builder.with_single_cert(chain, key).context("the certificate and its key do not fit")?;
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(config)
}

/// What persons' certificates have to show, where they show one.
///
/// # Errors
/// When the file of their authorities cannot be read.
pub(crate) fn client_check(settings: &TlsSettings) -> anyhow::Result<Option<ClientCheck>> {
    let Some(path) = &settings.client_ca else { return Ok(None) };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).with_context(|| format!("{} has a bad certificate", path.display()))?;
    }
    let check = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
        .allow_unauthenticated()
        .build()
        .with_context(|| format!("{} cannot be used", path.display()))?;
    Ok(Some(check))
}

/// The names that a person's certificate is for: its common name, and its alternative names of e-mail and DNS.
pub(crate) fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(parsed) = Certificate::from_der(certificate) else { return Vec::new() };
    let mut names = Vec::new();
    let subject = parsed.tbs_certificate().subject();
    names.extend(subject.common_name().ok().flatten().map(|name| name.value().into_owned()));
    if let Ok(Some((_, alternatives))) = parsed.tbs_certificate().get_extension::<SubjectAltName>() {
        for name in alternatives.0 {
            match name {
                GeneralName::Rfc822Name(name) => names.push(name.to_string()),
                GeneralName::DnsName(name) => names.push(name.to_string()),
                _ => {}
            }
        }
    }
    names
}

/// The gateway's side of TLS toward a server that speaks one of `protocols`.
///
/// # Errors
/// When a file of the configuration cannot be read.
pub(crate) fn connector(mode: TlsMode, files: &TlsFiles, protocols: &[&[u8]]) -> anyhow::Result<TlsConnector> {
    let provider = provider();
    let known = match mode {
        TlsMode::VerifyFull => Some(known(files, &provider, false)?),
        TlsMode::VerifyCa => Some(known(files, &provider, true)?),
        TlsMode::Require | TlsMode::Disable => None,
    };
    let check = Check { provider: Arc::clone(&provider), known };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("TLS has no protocol versions")?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(check));
    let mut config = match &files.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder
            .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
            .with_context(|| format!("{} and {} do not belong together", certificate.display(), key.display()))?,
    };
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The name that the certificate of `host`, a name or an address without brackets, is looked for under.
///
/// # Errors
/// When `host` is neither.
pub(crate) fn server_name(host: &str) -> anyhow::Result<ServerName<'static>> {
    ServerName::try_from(host.to_owned()).with_context(|| format!("{host:?} is no host name"))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// The certificate that the gateway makes for itself, once.
fn own(settings: &TlsSettings, data_dir: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    let folder = data_dir.join("tls");
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    if certificate.exists() && key.exists() {
        return Ok((certificate, key));
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let made = rcgen::generate_simple_self_signed(settings.names.clone())
        .context("no certificate can be made for tls.names: give host names and addresses")?;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&key)
        .with_context(|| format!("cannot write {}", key.display()))?;
    file.write_all(made.signing_key.serialize_pem().as_bytes())
        .with_context(|| format!("cannot write {}", key.display()))?;
    fs::write(&certificate, made.cert.pem()).with_context(|| format!("cannot write {}", certificate.display()))?;
    tracing::info!("made a certificate for {}: {}", settings.names.join(", "), certificate.display());
    Ok((certificate, key))
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)
        .with_context(|| format!("cannot read {}", path.display()))?
        .collect::<Result<_, _>>()
        .with_context(|| format!("{} is no PEM file of certificates", path.display()))?;
    if chain.is_empty() {
        bail!("{} has no certificate: it must be a PEM file", path.display());
    }
    Ok(chain)
}

fn private_key(path: &Path) -> anyhow::Result<PrivateKeyDer<'static>> {
    // The error of the library may quote the file: what it says is left out.
    PrivateKeyDer::from_pem_file(path)
        .map_err(|_| anyhow::anyhow!("{} cannot be read as a PEM file of a private key", path.display()))
}

/// The check of a certificate, against the authorities of the target or the system's.
fn known(files: &TlsFiles, provider: &Arc<CryptoProvider>, any_name: bool) -> anyhow::Result<Known> {
    let mut roots = RootCertStore::empty();
    let mut pinned = Vec::new();
    match &files.ca {
        Some(path) => {
            pinned = certificates(path)?;
            for certificate in &pinned {
                roots.add(certificate.clone()).with_context(|| format!("{} has a bad certificate", path.display()))?;
            }
        }
        None => {
            let (_added, _unusable) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        bail!("the system knows no certificate authorities: name one with tls_ca, or install ca-certificates");
    }
    let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .context("the certificate authorities cannot be used")?;
    Ok(Known { chain, pinned, any_name })
}

/// What a server's certificate has to show. In every case the server proves that it holds the certificate's key.
#[derive(Debug)]
struct Check {
    provider: Arc<CryptoProvider>,
    /// `None`: whoever it is, libpq's `require`.
    known: Option<Known>,
}

/// A chain that ends at a known authority, or a certificate that is itself among them: servers that signed their own.
#[derive(Debug)]
struct Known {
    chain: Arc<WebPkiServerVerifier>,
    pinned: Vec<CertificateDer<'static>>,
    /// Whatever name it is for: libpq's `verify-ca`.
    any_name: bool,
}

impl Known {
    /// Whether this very certificate was configured, and is valid at this time.
    fn is_pinned(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> bool {
        let Ok(parsed) = Certificate::from_der(certificate) else { return false };
        let validity = parsed.tbs_certificate().validity();
        let now = Duration::from_secs(now.as_secs());
        self.pinned.iter().any(|pinned| pinned == certificate)
            && (validity.not_before.to_unix_duration()..=validity.not_after.to_unix_duration()).contains(&now)
    }
}

impl ServerCertVerifier for Check {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(known) = &self.known else { return Ok(ServerCertVerified::assertion()) };
        // The library looks at the name when everything else is right.
        match known.chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if known.any_name => Ok(ServerCertVerified::assertion()),
            Err(Error::InvalidCertificate(_)) if known.is_pinned(end_entity, now) => {
                if !known.any_name {
                    verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                }
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
