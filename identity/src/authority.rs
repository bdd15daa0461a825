//! The gateway's own authority for people's SSH keys: certificates that carry an identity (OpenSSH
//! `PROTOCOL.certkeys`).

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::fs::Mode;
use serde::{Deserialize, Serialize};
use ssh_key::certificate::{Builder, CertType};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::public::KeyData;
use ssh_key::{Certificate, Fingerprint, HashAlg, LineEnding, PrivateKey, PublicKey};
use wiretape_core::event::PrincipalKind;
use zeroize::Zeroizing;

use crate::identity::Identity;
use crate::limits::{CERTIFICATE_IDENTITY_BYTES_MAX, CERTIFICATE_SOURCES_MAX};
use crate::rejected::Rejected;

/// The extension that carries the identity, as JSON.
pub const IDENTITY_EXTENSION: &str = "identity@wiretape.dev";

/// The file of the key, in the data folder.
const KEY_FILE: &str = "user_ca";

/// How far back a certificate begins, for clocks that are behind.
const BEGINS_BEFORE: Duration = Duration::from_secs(60);

/// The smallest RSA key that is certified.
const RSA_BITS_MIN: usize = 2048;

/// Signs certificates, and recognises its own.
pub struct UserAuthority {
    key: PrivateKey,
    fingerprint: Fingerprint,
}

impl UserAuthority {
    /// The authority whose key is in `folder`; made there at the first time, for the owner's eyes only.
    ///
    /// # Errors
    /// When the file cannot be read or made, or others may read it.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(KEY_FILE);
        let key = match std::fs::read(&path) {
            Ok(text) => read(&path, Zeroizing::new(text))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => make(folder, &path)?,
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let fingerprint = key.public_key().fingerprint(HashAlg::Sha256);
        Ok(Self { key, fingerprint })
    }

    /// The public half, as a line of `authorized_keys` (for `TrustedUserCAKeys` of other servers).
    ///
    /// # Errors
    /// When it cannot be written so; it always can.
    pub fn public_key(&self) -> anyhow::Result<String> {
        Ok(self.key.public_key().to_openssh()?)
    }

    /// A certificate that says that who holds `key` is `identity`, from `now_unix` (seconds) on for `valid_for`: it may
    /// outlive the token for which it is given, and is revoked with it.
    ///
    /// # Errors
    /// When the key is no plain key, too weak or the authority's own, or more is known of the identity than fits.
    pub fn sign(
        &self,
        key: &PublicKey,
        identity: &Identity,
        valid_for: Duration,
        now_unix: u64,
    ) -> anyhow::Result<Certificate> {
        ensure!(*key.key_data() != *self.key.public_key().key_data(), "this is the authority's own key");
        check_strength(key.key_data())?;
        let mut random = [0; 24];
        getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
        let (nonce, serial) = random.split_at(16);
        // One bit less: some programs read it as a signed number.
        let serial = u64::from_be_bytes(serial.try_into()?) >> 1;
        let text = serde_json::to_string(&Card::of(identity))?;
        ensure!(
            text.len() <= CERTIFICATE_IDENTITY_BYTES_MAX,
            "more is known of {:?} than fits into a certificate: {} bytes; log in with a token instead",
            identity.name,
            text.len()
        );
        let begins = now_unix.saturating_sub(BEGINS_BEFORE.as_secs());
        let ends = now_unix.saturating_add(valid_for.as_secs());
        let mut builder = Builder::new(nonce, key.key_data().clone(), begins, ends)?;
        builder.serial(serial)?.cert_type(CertType::User)?.key_id(identity.name.clone())?;
        builder.valid_principal(identity.name.clone())?;
        builder.extension(IDENTITY_EXTENSION, text)?;
        // What OpenSSH's own servers let a certificate do: where one of them trusts the authority too.
        for permitted in ["permit-agent-forwarding", "permit-port-forwarding", "permit-pty"] {
            builder.extension(permitted, "")?;
        }
        builder.comment(identity.name.clone())?;
        Ok(builder.sign(&self.key)?)
    }

    /// Who the holder of `certificate` is at `now_unix` (seconds). That the client holds the key, the caller has
    /// verified; from where it comes is `address`.
    ///
    /// # Errors
    /// When it is not one of this authority for a user, not for now or not from there, or asks for something that is
    /// not known here.
    pub fn recognise(
        &self,
        certificate: &Certificate,
        address: Option<IpAddr>,
        now_unix: u64,
    ) -> Result<Identity, Rejected> {
        if certificate.signature_key() != self.key.public_key().key_data() {
            return Err(Rejected::Certificate("it is not by this gateway"));
        }
        if certificate.cert_type() != CertType::User {
            return Err(Rejected::Certificate("it is not for a user"));
        }
        if now_unix < certificate.valid_after() {
            return Err(Rejected::Early(certificate.valid_after() - now_unix));
        }
        if now_unix >= certificate.valid_before() {
            return Err(Rejected::Expired(now_unix - certificate.valid_before()));
        }
        // Signature, authority and times, all of it over.
        certificate
            .validate_at(now_unix, [&self.fingerprint])
            .map_err(|_| Rejected::Certificate("its signature is wrong"))?;
        for (name, value) in certificate.critical_options().iter() {
            match name.as_str() {
                "source-address" if is_from(value, address) => {}
                "source-address" => return Err(Rejected::Certificate("it is not for this address")),
                _ => return Err(Rejected::Certificate("it has an option that is not known here")),
            }
        }
        let text = certificate.extensions().get(IDENTITY_EXTENSION);
        let text = text.ok_or(Rejected::Certificate("it carries no identity"))?;
        if text.len() > CERTIFICATE_IDENTITY_BYTES_MAX {
            return Err(Rejected::Certificate("its identity is too long"));
        }
        let card: Card =
            serde_json::from_str(text).map_err(|_| Rejected::Certificate("its identity cannot be read"))?;
        if !certificate.valid_principals().contains(&card.name) {
            return Err(Rejected::Certificate("its identity is not among its principals"));
        }
        let serial = certificate.serial();
        let fingerprint = certificate.public_key().fingerprint(HashAlg::Sha256);
        card.identity(certificate.valid_before(), serial, &fingerprint)
    }
}

/// What a certificate says of its bearer. The names are part of the certificate: they stay as they are.
#[derive(Serialize, Deserialize)]
struct Card {
    name: String,
    kind: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    issuer: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    subject: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    on_behalf_of: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    claims: BTreeMap<String, BTreeSet<String>>,
    /// The token for which the certificate was given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    token: String,
}

impl Card {
    fn of(identity: &Identity) -> Self {
        Self {
            name: identity.name.clone(),
            kind: identity.kind.name().to_owned(),
            groups: identity.groups.clone(),
            issuer: identity.issuer.clone(),
            subject: identity.subject.clone(),
            on_behalf_of: identity.on_behalf_of.clone(),
            claims: identity.claims.clone(),
            token: identity.token_id.clone(),
        }
    }

    fn identity(self, expires_unix: u64, serial: u64, key: &Fingerprint) -> Result<Identity, Rejected> {
        let kinds = [PrincipalKind::Person, PrincipalKind::Agent, PrincipalKind::Service];
        let kind = kinds.into_iter().find(|kind| kind.name() == self.kind);
        Ok(Identity {
            name: self.name,
            kind: kind.ok_or(Rejected::Certificate("its identity is of no known kind"))?,
            groups: self.groups,
            issuer: self.issuer,
            subject: self.subject,
            on_behalf_of: self.on_behalf_of,
            claims: self.claims,
            expires_unix: Some(expires_unix),
            token_id: format!("certificate:{serial}"),
            derived_from: self.token,
            proof: format!("certificate {serial} {key}"),
        })
    }
}

/// Whether `address` is one of those in `sources`: addresses and networks, with commas between them.
fn is_from(sources: &str, address: Option<IpAddr>) -> bool {
    let Some(address) = address.map(|address| address.to_canonical()) else { return false };
    sources.split(',').take(CERTIFICATE_SOURCES_MAX).any(|source| {
        let (network, bits) = match source.split_once('/') {
            Some((network, bits)) => (network, bits.parse::<u32>().ok()),
            None => (source, Some(u32::MAX)),
        };
        let (Ok(network), Some(bits)) = (network.parse::<IpAddr>(), bits) else { return false };
        match (network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let host = 32_u32.saturating_sub(bits);
                u64::from(network.to_bits() ^ address.to_bits()) >> host == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let host = 128_u32.saturating_sub(bits);
                let different = network.to_bits() ^ address.to_bits();
                different.checked_shr(host).unwrap_or(0) == 0
            }
            _ => false,
        }
    })
}

fn check_strength(key: &KeyData) -> anyhow::Result<()> {
    match key {
        KeyData::Ed25519(_) | KeyData::SkEd25519(_) | KeyData::Ecdsa(_) | KeyData::SkEcdsaSha2NistP256(_) => Ok(()),
        KeyData::Rsa(rsa) if rsa.n().as_positive_bytes().is_some_and(|n| n.len() * 8 >= RSA_BITS_MIN) => Ok(()),
        KeyData::Rsa(_) => bail!("an RSA key of less than {RSA_BITS_MIN} bits is not certified"),
        _ => bail!("keys of this kind are not certified: an Ed25519 key is (`ssh-keygen -t ed25519`)"),
    }
}

fn read(path: &Path, text: Zeroizing<Vec<u8>>) -> anyhow::Result<PrivateKey> {
    let mode = rustix::fs::stat(path).with_context(|| format!("cannot look at {}", path.display()))?.st_mode;
    ensure!(
        !Mode::from_raw_mode(mode).intersects(Mode::RWXG | Mode::RWXO),
        "{} can be read by others: whoever has it can be anybody; if nobody had, `chmod 600` it",
        path.display()
    );
    PrivateKey::from_openssh(text.as_slice())
        .with_context(|| format!("{} is not an OpenSSH private key", path.display()))
}

/// Makes the key. The file appears whole, or not at all, and never takes the place of another one.
fn make(folder: &Path, path: &Path) -> anyhow::Result<PrivateKey> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut()).map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
    let key = PrivateKey::new(KeypairData::Ed25519(Ed25519Keypair::from_seed(&seed)), "wiretape user authority")?;
    let text = key.to_openssh(LineEnding::LF)?;
    // Made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => {
            std::fs::File::open(folder)?.sync_all()?;
            Ok(key)
        }
        // Another process was faster: its key is the one.
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
            read(path, Zeroizing::new(std::fs::read(path)?))
        }
        Err(error) => Err(error.error).with_context(|| format!("cannot make {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::time::Duration;

    use ssh_key::certificate::{Builder, CertType};
    use ssh_key::private::{Ed25519Keypair, KeypairData};
    use ssh_key::{Certificate, PrivateKey};
    use wiretape_core::event::PrincipalKind;

    use super::{IDENTITY_EXTENSION, KEY_FILE, UserAuthority};
    use crate::identity::Identity;
    use crate::rejected::Rejected;

    const NOW: u64 = 1_800_000_000;
    const HOUR: Duration = Duration::from_secs(3600);

    fn key(seed: u8) -> PrivateKey {
        PrivateKey::new(KeypairData::Ed25519(Ed25519Keypair::from_seed(&[seed; 32])), "").unwrap()
    }

    fn ana() -> Identity {
        Identity {
            name: "ana".to_owned(),
            kind: PrincipalKind::Agent,
            groups: vec!["dev".to_owned()],
            issuer: "https://id".to_owned(),
            subject: "17".to_owned(),
            on_behalf_of: "bob".to_owned(),
            claims: [("team".to_owned(), BTreeSet::from(["core".to_owned()]))].into(),
            token_id: "jti".to_owned(),
            ..Identity::default()
        }
    }

    fn open(folder: &Path) -> UserAuthority {
        UserAuthority::open(folder).unwrap()
    }

    #[test]
    fn a_certificate_brings_back_the_identity_that_it_was_given_for() {
        let folder = tempfile::tempdir().unwrap();
        let signed = open(folder.path()).sign(key(1).public_key(), &ana(), HOUR, NOW).unwrap();
        let read = Certificate::from_openssh(&signed.to_openssh().unwrap()).unwrap();
        // Another start of the gateway, the same authority.
        let authority = open(folder.path());
        let known = authority.recognise(&read, None, NOW).unwrap();
        assert_eq!(known.expires_unix, Some(NOW + 3600));
        assert_eq!(known.token_id, format!("certificate:{}", read.serial()));
        assert_eq!(known.derived_from, "jti");
        let plain = Identity {
            expires_unix: None,
            token_id: "jti".to_owned(),
            derived_from: String::new(),
            proof: String::new(),
            ..known
        };
        assert_eq!(plain, ana());
        let mode = std::fs::metadata(folder.path().join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_certificate_is_good_between_its_times() {
        let folder = tempfile::tempdir().unwrap();
        let authority = open(folder.path());
        let signed = authority.sign(key(1).public_key(), &ana(), HOUR, NOW).unwrap();
        assert!(authority.recognise(&signed, None, NOW - 60).is_ok());
        assert!(matches!(authority.recognise(&signed, None, NOW - 61), Err(Rejected::Early(1))));
        assert!(authority.recognise(&signed, None, NOW + 3599).is_ok());
        assert!(matches!(authority.recognise(&signed, None, NOW + 3600), Err(Rejected::Expired(0))));
    }

    #[test]
    fn a_certificate_of_another_authority_or_for_another_end_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let authority = open(folder.path());
        let other = tempfile::tempdir().unwrap();
        let foreign = open(other.path()).sign(key(1).public_key(), &ana(), HOUR, NOW).unwrap();
        assert!(authority.recognise(&foreign, None, NOW).is_err());

        let card = r#"{"name":"ana","kind":"person"}"#;
        let made = |change: &dyn Fn(&mut Builder)| {
            let mut builder = Builder::new([1; 16], key(1).public_key().key_data().clone(), NOW, NOW + 10).unwrap();
            builder.valid_principal("ana").unwrap();
            change(&mut builder);
            let signed = builder.sign(&authority.key).unwrap();
            authority.recognise(&signed, "10.1.2.3".parse().ok(), NOW)
        };
        assert!(made(&|b| drop(b.extension(IDENTITY_EXTENSION, card).map(drop))).is_ok());
        assert!(made(&|_| {}).is_err(), "no identity");
        for bad in ["", "{}", "[]", r#"{"name":"ana","kind":"god"}"#, r#"{"name":"bob","kind":"person"}"#] {
            assert!(made(&|b| drop(b.extension(IDENTITY_EXTENSION, bad).map(drop))).is_err(), "{bad}");
        }
        let with = |name: &'static str, value: &'static str| {
            made(&move |b| {
                b.extension(IDENTITY_EXTENSION, card).unwrap();
                b.critical_option(name, value).unwrap();
            })
        };
        assert!(with("force-command", "id").is_err());
        assert!(with("verify-required", "").is_err());
        for good in ["10.1.2.3", "192.168.0.0/16,10.1.2.0/24", "0.0.0.0/0", "10.1.2.3/32"] {
            assert!(with("source-address", good).is_ok(), "{good}");
        }
        for bad in ["10.1.2.4", "10.1.3.0/24", "::/0", "", "10.1.2.3/x", "nonsense", "10.1.2.4/99"] {
            assert!(with("source-address", bad).is_err(), "{bad}");
        }
        let host = made(&|b| {
            b.extension(IDENTITY_EXTENSION, card).unwrap();
            b.cert_type(CertType::Host).unwrap();
        });
        assert!(host.is_err(), "it is for a host");
    }

    #[test]
    fn a_changed_certificate_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let authority = open(folder.path());
        let bytes = authority.sign(key(1).public_key(), &ana(), HOUR, NOW).unwrap().to_bytes().unwrap();
        let mut taken = 0;
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            if let Ok(changed) = Certificate::from_bytes(&changed) {
                taken += usize::from(authority.recognise(&changed, None, NOW).is_ok());
            }
        }
        assert_eq!(taken, 0);
    }

    #[test]
    fn an_authority_that_others_can_read_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path()));
        let path = folder.path().join(KEY_FILE);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(UserAuthority::open(folder.path()).is_err());
    }

    #[test]
    fn more_than_fits_and_the_authority_itself_are_not_certified() {
        let folder = tempfile::tempdir().unwrap();
        let authority = open(folder.path());
        let groups = (0..2000).map(|number| format!("group {number}")).collect();
        assert!(authority.sign(key(1).public_key(), &Identity { groups, ..ana() }, HOUR, NOW).is_err());
        assert!(authority.sign(authority.key.public_key(), &ana(), HOUR, NOW).is_err());
    }
}
