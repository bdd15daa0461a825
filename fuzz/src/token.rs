//! Tokens under any bytes: what a stranger sends, what an issuer signed, and the keys that an issuer shows.

use std::sync::OnceLock;

use jsonwebtoken::{Algorithm, EncodingKey};
use wiretape_identity::limits::{CLAIM_NAME_BYTES_MAX, CLAIMS_MAX, NAME_BYTES_MAX};
use wiretape_identity::{ALGORITHMS, IssuerSettings, Issuers, KeySet, Sign, Token};

const NOW: u64 = 1_800_000_000;

/// An Ed25519 key in PKCS #8 (RFC 8410): of the issuer, and known to nobody else.
const KEY: [u8; 48] = *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20\
    0123456789abcdef0123456789abcdef";

/// Its public half, as the issuer shows it.
const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"I7xUkSwebpLEqGglyGfif_3FVb_71CRPF6Jqv__ull0"}]}"#;

fn keys() -> &'static KeySet {
    static SET: OnceLock<KeySet> = OnceLock::new();
    SET.get_or_init(|| {
        drop(Issuers::new(Vec::new()));
        KeySet::read(KEYS.as_bytes()).expect("it is a set of keys")
    })
}

fn settings() -> &'static IssuerSettings {
    static SETTINGS: OnceLock<IssuerSettings> = OnceLock::new();
    SETTINGS.get_or_init(|| {
        let mut settings = IssuerSettings::new("corp", "https://id");
        settings.audience = vec!["w".to_owned()];
        settings.groups_claim = "a.groups".to_owned();
        settings.agents = vec![Sign { claim: "client_id".to_owned(), values: vec!["agent*".to_owned()] }];
        settings
    })
}

/// One input, whose first byte says what it is.
pub fn token(input: &[u8]) {
    let Some((kind, input)) = input.split_first() else { return };
    match kind % 4 {
        0 => sent(&String::from_utf8_lossy(input)),
        1 => drop(KeySet::read(input)),
        2 => signed(br#"{"alg":"EdDSA"}"#, input),
        _ => {
            let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
            let (header, payload) = input.split_at(end);
            signed(header, payload.get(1..).unwrap_or_default());
        }
    }
}

/// What a stranger sends is never believed: nobody but the issuer has the key.
fn sent(text: &str) {
    let looks = Token::is_one(text);
    match Token::read(text) {
        Ok(token) => {
            assert!(text.len() <= wiretape_identity::limits::TOKEN_BYTES_MAX);
            assert!(token.verify(keys(), &ALGORITHMS).is_err(), "a forged token is believed");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    // What was taken for a password before is no token, and the other way round.
    assert!(!looks || !text.starts_with("wt_"));
}

/// What the issuer signed is believed, and what comes of it stays within its limits.
fn signed(header: &[u8], payload: &[u8]) {
    let encoded = |bytes: &[u8]| data_encoding::BASE64URL_NOPAD.encode(bytes);
    let text = format!("{}.{}", encoded(header), encoded(payload));
    let keys = keys();
    let signature = jsonwebtoken::crypto::sign(text.as_bytes(), &EncodingKey::from_ed_der(&KEY), Algorithm::EdDSA);
    let text = format!("{text}.{}", signature.expect("a key signs"));
    let Ok(token) = Token::read(&text) else { return };
    let Ok(verified) = token.verify(keys, &ALGORITHMS) else { return };
    let Ok(identity) = verified.bearer(settings(), NOW) else { return };
    for name in identity.groups.iter().chain([&identity.name]) {
        assert!(!name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.chars().any(char::is_control), "{name:?}");
    }
    assert!(identity.on_behalf_of.len() <= NAME_BYTES_MAX);
    assert!(identity.claims.len() <= CLAIMS_MAX + 1);
    assert!(identity.claims.keys().all(|name| name.len() <= CLAIM_NAME_BYTES_MAX));
    assert!(identity.expires_unix.is_some_and(|expires| expires.saturating_add(60) > NOW));
    assert_eq!(identity.issuer, settings().url);
    assert!(!identity.token_id.is_empty());
}

#[cfg(test)]
mod tests {
    use super::{keys, settings};

    #[test]
    fn what_the_issuer_signed_is_believed() {
        let payload = br#"{"iss":"https://id","aud":"w","exp":1800000100,"sub":"ana","jti":"1"}"#;
        let header = br#"{"alg":"EdDSA"}"#;
        let encoded = |bytes: &[u8]| data_encoding::BASE64URL_NOPAD.encode(bytes);
        let text = format!("{}.{}", encoded(header), encoded(payload));
        assert_eq!(keys().len(), 1);
        let key = jsonwebtoken::EncodingKey::from_ed_der(&super::KEY);
        let signature = jsonwebtoken::crypto::sign(text.as_bytes(), &key, jsonwebtoken::Algorithm::EdDSA).unwrap();
        let text = format!("{text}.{signature}");
        let verified = super::Token::read(&text).unwrap().verify(keys(), &super::ALGORITHMS).unwrap();
        assert_eq!(verified.bearer(settings(), super::NOW).unwrap().name, "ana");
    }

    /// Every seed with a few bytes changed, taken out or doubled, by a fixed row of numbers.
    #[test]
    fn seeds_that_were_tampered_with_are_held_to_the_laws() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds/token");
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below.max(1)
        };
        for seed in std::fs::read_dir(folder).unwrap() {
            let seed = std::fs::read(seed.unwrap().path()).unwrap();
            for _ in 0..4000 {
                let mut input = seed.clone();
                for _ in 0..=next(6) {
                    let place = next(input.len());
                    match next(4) {
                        0 => input[place] = next(256) as u8,
                        1 => drop(input.remove(place)),
                        2 => input.insert(place, b"\"{}[],:.\\0e-"[next(12)]),
                        _ => {
                            let end = (place + next(40)).min(input.len());
                            let piece = input[place..end].to_vec();
                            input.splice(place..place, piece);
                        }
                    }
                }
                super::token(&input);
            }
        }
    }
}
