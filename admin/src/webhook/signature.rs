//! The signature of a notice: HMAC-SHA256 (RFC 2104) over its id, its time and its body.

use anyhow::{Context, ensure};
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// What secrets begin with that are written in base64.
const PREFIX: &str = "whsec_";

/// The shortest secret.
const SECRET_BYTES_MIN: usize = 16;

/// Signs notices.
pub(crate) struct Signer {
    keyed: Hmac<Sha256>,
}

impl Signer {
    /// Signs with `secret`.
    ///
    /// # Errors
    /// When it is too short, or no base64 where it says so.
    pub(crate) fn new(secret: &SecretString) -> anyhow::Result<Self> {
        let text = secret.expose_secret().trim();
        let key = match text.strip_prefix(PREFIX) {
            Some(encoded) => BASE64
                .decode(encoded.as_bytes())
                .context("what stands behind whsec_ in the webhook's secret is no base64")?,
            None => text.as_bytes().to_vec(),
        };
        ensure!(key.len() >= SECRET_BYTES_MIN, "the webhook's secret has less than {SECRET_BYTES_MIN} bytes");
        Ok(Self { keyed: Hmac::new_from_slice(&key).context("the webhook's secret cannot sign")? })
    }

    /// The signature, as the header `webhook-signature` has it.
    pub(crate) fn sign(&self, message_id: &str, unix_seconds: u64, body: &str) -> String {
        let mut mac = self.keyed.clone();
        mac.update(format!("{message_id}.{unix_seconds}.{body}").as_bytes());
        format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::Signer;

    /// The example of the specification of Standard Webhooks, and what its reference library in Python makes of it.
    #[test]
    fn notices_are_signed_as_the_specification_says() {
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signed =
            Signer::new(&secret).unwrap().sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_that_is_too_short_or_no_base64_is_refused() {
        for secret in ["", "short", "whsec_", "whsec_!!!!", "whsec_c2hvcnQ="] {
            assert!(Signer::new(&SecretString::from(secret)).is_err(), "{secret}");
        }
        assert!(Signer::new(&SecretString::from("a secret of some length\n")).is_ok());
    }
}
