//! What a source gives.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

/// A secret that opens a target. `Debug` says its kind alone.
#[derive(Clone)]
pub enum Credential {
    /// A private key, as its file has it.
    Key(SecretString),
    /// A password or a token.
    Password(SecretString),
    /// Keys by which requests are signed ([`crate::sigv4`]).
    Aws(Arc<AwsKeys>),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key(_) => "Key",
            Self::Password(_) => "Password",
            Self::Aws(_) => "Aws",
        })
    }
}

/// Keys of AWS, and for what they sign.
pub struct AwsKeys {
    /// The name of the key: it stands in every signature.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: SecretString,
    /// Belongs to keys that were lent for some time.
    pub session_token: Option<SecretString>,
    /// The region, such as `eu-central-1`.
    pub region: String,
    /// The service, by the name that signatures know it by, such as `s3`.
    pub service: String,
}

impl fmt::Debug for AwsKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwsKeys")
    }
}

/// A secret, and how long it may be used without asking again.
#[derive(Clone, Debug)]
pub struct Lease {
    /// The secret.
    pub credential: Credential,
    /// How long it holds from now on; `None`: its source says nothing of that.
    pub fresh_for: Option<Duration>,
}
