//! A certificate authority of the tests' own, by openssl.

use std::path::{Path, PathBuf};

use crate::program::Program;

/// Days that a certificate is good for.
const DAYS: &str = "30";

/// Who issues certificates.
#[derive(Clone)]
pub struct Authority {
    folder: PathBuf,
    name: String,
}

/// A certificate and its private key, in PEM files.
#[derive(Clone)]
pub struct Certificate {
    /// The file of the certificate.
    pub certificate: PathBuf,
    /// The file of the key.
    pub key: PathBuf,
}

fn openssl() -> Program {
    Program::new("openssl")
}

fn new_key(file: &Path) {
    openssl().args(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out"]).arg(file).succeed();
}

impl Authority {
    /// A new authority called `name`, whose files are in `folder`.
    #[must_use]
    pub fn make(folder: &Path, name: &str) -> Self {
        let authority = Self { folder: folder.to_path_buf(), name: name.to_owned() };
        new_key(&authority.key());
        openssl()
            .args(["req", "-x509", "-new", "-days", DAYS, "-subj", &format!("/CN={name}"), "-key"])
            .arg(authority.key())
            .arg("-out")
            .arg(authority.certificate())
            .succeed();
        authority
    }

    /// The authority that was made in `folder` before.
    #[must_use]
    pub fn of(folder: &Path, name: &str) -> Self {
        Self { folder: folder.to_path_buf(), name: name.to_owned() }
    }

    fn key(&self) -> PathBuf {
        self.folder.join(format!("{}.key", self.name))
    }

    /// The file of its own certificate: what those who trust it are given.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder.join(format!("{}.crt", self.name))
    }

    /// Issues a certificate to `subject` that is good for `names`, such as `DNS:localhost`; none for a client.
    #[must_use]
    pub fn issue(&self, subject: &str, names: &[&str]) -> Certificate {
        let file = |ending: &str| self.folder.join(format!("{}-{subject}.{ending}", self.name));
        let issued = Certificate { certificate: file("crt"), key: file("key") };
        new_key(&issued.key);
        let request = file("csr");
        let subject = format!("/CN={subject}");
        openssl().args(["req", "-new", "-subj", &subject, "-key"]).arg(&issued.key).arg("-out").arg(&request).succeed();
        let mut extensions = "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n".to_owned();
        if !names.is_empty() {
            extensions += &format!("subjectAltName={}\n", names.join(","));
        }
        std::fs::write(file("ext"), extensions).expect("a file can be written");
        openssl()
            .args(["x509", "-req", "-days", DAYS, "-CAcreateserial", "-in"])
            .arg(&request)
            .arg("-CA")
            .arg(self.certificate())
            .arg("-CAkey")
            .arg(self.key())
            .arg("-extfile")
            .arg(file("ext"))
            .arg("-out")
            .arg(&issued.certificate)
            .succeed();
        issued
    }
}
