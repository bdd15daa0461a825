//! A token: a signed JWT (RFC 7515, RFC 7519), read and judged. Pure: keys and time come in.
//!
//! ```text
//!   text ──► Token::read ──► iss ──► which issuer ──► Token::verify (its keys) ──► claims ──► bearer
//!              size, shape,            (exactly)        algorithm, key, signature      aud, azp, exp, nbf, iat
//!              header
//! ```
//! What is read is what is verified: the parts are decoded once, and nobody parses them a second time.

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::keys::{KeySet, algorithm};
use crate::limits::{CLOCK_SKEW_MAX, TOKEN_BYTES_MAX, TOKEN_NAME_BYTES_MAX};
use crate::rejected::{Rejected, quoted};
use crate::settings::IssuerSettings;

/// Types that a token may call itself: plain, and an access token by RFC 9068. Tokens for other ends (logging out,
/// proving possession, events) have other types, and must not pass for a login. Logout tokens need not have theirs
/// (OpenID Connect Back-Channel Logout section 2.4): these, as all security events (RFC 8417), are known by `events`.
const TYPES: [&str; 2] = ["jwt", "at+jwt"];

/// A token, read and not yet believed.
pub struct Token<'a> {
    /// What the signature is over.
    signed: &'a str,
    signature: &'a str,
    algorithm_name: String,
    key_id: Option<String>,
    claims: Map<String, Value>,
    issuer: String,
}

impl<'a> Token<'a> {
    /// Whether `text` looks like a signed JWT: three parts of base64url, of which the first holds a JSON object.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        text.len() <= TOKEN_BYTES_MAX && Self::parts(text).is_ok_and(|(header, ..)| header.starts_with("ey"))
    }

    /// Reads a token.
    ///
    /// # Errors
    /// When it is too long, no signed JWT, or its header asks for what is not done here: an extension that has to be
    /// understood, encryption, compression, another type of token.
    pub fn read(text: &'a str) -> Result<Self, Rejected> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(Rejected::TooLong);
        }
        let (header, payload, signature) = Self::parts(text)?;
        let signed = text.get(..header.len() + 1 + payload.len()).ok_or(Rejected::Malformed("it has no parts"))?;
        let header = object(header)?;
        // `jku`, `jwk`, `x5u` and `x5c` bring keys of the sender's own: nothing reads them.
        let algorithm_name = text_of(&header, "alg").ok_or(Rejected::Header("it names no algorithm"))?;
        for (name, why) in [
            ("crit", "it has extensions that have to be understood, and none is known here"),
            ("b64", "its content is not encoded as in a JWT"),
            ("enc", "it is encrypted"),
            ("zip", "it is compressed"),
        ] {
            if header.contains_key(name) {
                return Err(Rejected::Header(why));
            }
        }
        if header.get("cty").is_some_and(|content| !content.is_null()) {
            return Err(Rejected::Header("it holds another token"));
        }
        match header.get("typ") {
            None | Some(Value::Null) => {}
            Some(Value::String(name)) => {
                let name = name.to_ascii_lowercase();
                if !TYPES.contains(&name.strip_prefix("application/").unwrap_or(&name)) {
                    return Err(Rejected::Header("its type is not that of an ID token or an access token"));
                }
            }
            Some(_) => return Err(Rejected::Header("its type is no text")),
        }
        let key_id = match header.get("kid") {
            None | Some(Value::Null) => None,
            Some(Value::String(id)) => Some(id.clone()),
            Some(_) => return Err(Rejected::Header("its key's name is no text")),
        };
        let claims = object(payload)?;
        if claims.contains_key("events") {
            return Err(Rejected::Malformed("it tells of an event, and is for no login"));
        }
        let issuer = text_of(&claims, "iss").ok_or(Rejected::Malformed("it names no issuer"))?;
        Ok(Self { signed, signature, algorithm_name, key_id, claims, issuer })
    }

    /// Header, payload and signature, still encoded.
    fn parts(text: &str) -> Result<(&str, &str, &str), Rejected> {
        let mut parts = text.split('.');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(header), Some(payload), Some(signature), None) if !header.is_empty() && !payload.is_empty() => {
                let is_encoded =
                    |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
                if [header, payload, signature].into_iter().all(is_encoded) {
                    return Ok((header, payload, signature));
                }
                Err(Rejected::Malformed("it is not base64url"))
            }
            _ => Err(Rejected::Malformed("it is not three parts with dots between them")),
        }
    }

    /// Who it says that it is by: not to be believed before [`Token::verify`].
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// When it says that it ends, in seconds since 1970-01-01 UTC.
    pub(crate) fn ends(&self) -> Option<u64> {
        self.claims.get("exp").and_then(Value::as_f64).map(|seconds| seconds as u64)
    }

    /// Whether one of `keys` could have signed it, by its name and kind.
    pub(crate) fn knows_key(&self, keys: &KeySet) -> bool {
        algorithm(&self.algorithm_name)
            .is_some_and(|algorithm| keys.candidates(algorithm, self.key_id.as_deref()).next().is_some())
    }

    /// The algorithm, if its issuer may use it.
    pub(crate) fn algorithm(&self, allowed: &[Algorithm]) -> Result<Algorithm, Rejected> {
        algorithm(&self.algorithm_name)
            .filter(|algorithm| allowed.contains(algorithm))
            .ok_or_else(|| Rejected::Algorithm(quoted(&self.algorithm_name)))
    }

    /// Believes it, if `keys` are those of its issuer: algorithm, key and signature.
    ///
    /// # Errors
    /// When the algorithm is not `allowed`, or no key of its name and kind made the signature.
    pub fn verify(self, keys: &KeySet, allowed: &[Algorithm]) -> Result<Verified, Rejected> {
        let algorithm = self.algorithm(allowed)?;
        let mut candidates = keys.candidates(algorithm, self.key_id.as_deref()).peekable();
        if candidates.peek().is_none() {
            return Err(Rejected::UnknownKey(quoted(&self.issuer)));
        }
        let good = candidates.any(|key| {
            jsonwebtoken::crypto::verify(self.signature, self.signed.as_bytes(), key, algorithm).unwrap_or(false)
        });
        if !good {
            return Err(Rejected::Signature);
        }
        let id = match text_of(&self.claims, "jti") {
            Some(id) if id.len() <= TOKEN_NAME_BYTES_MAX && !id.chars().any(char::is_control) && !id.is_empty() => id,
            // Not of the signature: whoever has an ECDSA signature can write it in a second way that is as good.
            _ => format!("sha256:{}", data_encoding::HEXLOWER.encode(&Sha256::digest(self.signed.as_bytes()))),
        };
        Ok(Verified { id, claims: self.claims })
    }
}

/// A token whose signature is its issuer's. Whether it is for this gateway, and for now, is not said yet.
pub struct Verified {
    /// Its name, for revocation.
    pub(crate) id: String,
    pub(crate) claims: Map<String, Value>,
}

impl Verified {
    /// Whether it is for this gateway and for `now_unix` (seconds), by `settings`.
    ///
    /// # Errors
    /// When it is for somebody else (`aud`), was given to a client that the configuration does not name (`azp`,
    /// `client_id`), is over, not begun, or from the future.
    pub fn check(&self, settings: &IssuerSettings, now_unix: u64) -> Result<u64, Rejected> {
        let audience = match self.claims.get("aud") {
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if !settings.audiences().any(|known| audience.contains(&known)) {
            let audience = if audience.is_empty() { "nobody".to_owned() } else { quoted(&audience.join(", ")) };
            return Err(Rejected::Audience(audience));
        }
        if !settings.clients.is_empty() {
            let client = ["azp", "client_id", "cid", "appid"].iter().find_map(|name| text_of(&self.claims, name));
            if !client.as_ref().is_some_and(|client| settings.clients.contains(client)) {
                return Err(Rejected::Client(client.map_or_else(|| "nobody".to_owned(), |client| quoted(&client))));
            }
        }
        let skew = settings.clock_skew.min(CLOCK_SKEW_MAX).as_secs();
        let expires = self.seconds("exp")?.ok_or(Rejected::Malformed("it does not say when it ends"))?;
        if now_unix >= expires.saturating_add(skew) {
            return Err(Rejected::Expired(now_unix.saturating_sub(expires)));
        }
        for name in ["nbf", "iat"] {
            if let Some(begins) = self.seconds(name)?
                && begins > now_unix.saturating_add(skew)
            {
                return Err(Rejected::Early(begins.saturating_sub(now_unix)));
            }
        }
        Ok(expires)
    }

    /// A time in the token (a NumericDate, RFC 7519 section 2), in whole seconds.
    fn seconds(&self, name: &str) -> Result<Option<u64>, Rejected> {
        match self.claims.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => {
                if let Some(seconds) = number.as_u64() {
                    return Ok(Some(seconds));
                }
                match number.as_f64() {
                    // The cast cuts the part below a second, and ends at the largest number.
                    Some(seconds) if seconds.is_finite() && seconds >= 0.0 => Ok(Some(seconds as u64)),
                    _ => Err(Rejected::Malformed("one of its times is none")),
                }
            }
            Some(_) => Err(Rejected::Malformed("one of its times is no number")),
        }
    }
}

fn object(encoded: &str) -> Result<Map<String, Value>, Rejected> {
    let bytes = BASE64URL_NOPAD
        .decode(encoded.as_bytes())
        .map_err(|_| Rejected::Malformed("a part of it is not base64url without padding"))?;
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(Rejected::Malformed("a part of it is no JSON object")),
    }
}

/// The text called `name`.
pub(crate) fn text_of(object: &Map<String, Value>, name: &str) -> Option<String> {
    object.get(name).and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests;
