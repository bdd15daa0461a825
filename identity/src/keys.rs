//! The keys by which an issuer signs: RFC 7517.

use anyhow::Context;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use crate::limits::{KEYS_MAX, KEYS_TRIED_MAX};
use crate::settings::ALGORITHMS;

/// The keys of one issuer that can verify a signature.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<Key>,
}

#[derive(Clone, Debug)]
struct Key {
    id: Option<String>,
    /// The algorithm that the key is for, where it says so.
    algorithm: Option<Algorithm>,
    shape: Shape,
    key: DecodingKey,
}

/// What a key is made of, and so which algorithms it fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Shape {
    fn fits(self, algorithm: Algorithm) -> bool {
        match algorithm {
            Algorithm::RS256
            | Algorithm::RS384
            | Algorithm::RS512
            | Algorithm::PS256
            | Algorithm::PS384
            | Algorithm::PS512 => self == Self::Rsa,
            Algorithm::ES256 => self == Self::P256,
            Algorithm::ES384 => self == Self::P384,
            Algorithm::EdDSA => self == Self::Ed25519,
            _ => false,
        }
    }
}

impl KeySet {
    /// Reads a JWK Set. Keys that cannot verify a signature, or are of a kind that is not known, are passed over
    /// (RFC 7517 section 5): secret ones, those for encryption, other curves.
    ///
    /// # Errors
    /// When it is no JWK Set.
    pub fn read(body: &[u8]) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_slice(body).context("the keys are not a JWK Set")?;
        let keys = set.keys.into_iter().take(KEYS_MAX).filter_map(Key::read).collect();
        Ok(Self { keys })
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys that a token signed by `algorithm` may be signed by: those called `id`, or all that fit when the token
    /// names none. Only few are tried: a token must not cost more than that.
    pub(crate) fn candidates(&self, algorithm: Algorithm, id: Option<&str>) -> impl Iterator<Item = &DecodingKey> {
        self.keys
            .iter()
            .filter(move |key| id.is_none() || key.id.as_deref() == id)
            .filter(move |key| key.shape.fits(algorithm) && key.algorithm.is_none_or(|own| own == algorithm))
            .map(|key| &key.key)
            .take(KEYS_TRIED_MAX)
    }
}

/// The asymmetric algorithm of this name; `None` for every other, and above all for `none` and the HMACs.
pub(crate) fn algorithm(name: &str) -> Option<Algorithm> {
    // RFC 9864 gives EdDSA over Curve25519 a name of its own; the other curve is not spoken here.
    let name = if name == "Ed25519" { "EdDSA" } else { name };
    name.parse().ok().filter(|algorithm| ALGORITHMS.contains(algorithm))
}

impl Key {
    fn read(value: Value) -> Option<Self> {
        let algorithm = match value.get("alg") {
            None | Some(Value::Null) => None,
            Some(name) => Some(algorithm(name.as_str()?)?),
        };
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        if jwk.common.public_key_use.as_ref().is_some_and(|purpose| *purpose != PublicKeyUse::Signature) {
            return None;
        }
        if jwk.common.key_operations.as_ref().is_some_and(|able| !able.contains(&KeyOperations::Verify)) {
            return None;
        }
        let shape = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => Shape::Rsa,
            AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => Shape::P256,
            AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P384 => Shape::P384,
            AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => Shape::Ed25519,
            _ => return None,
        };
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        Some(Self { id: jwk.common.key_id, algorithm, shape, key })
    }
}
