//! Tokens that are what they say, and tokens that are not.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::Token;
use crate::keys::KeySet;
use crate::rejected::Rejected;
use crate::settings::{ALGORITHMS, IssuerSettings};

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://id.example.com";

/// An Ed25519 private key in PKCS #8 (RFC 8410), from its seed.
fn signer(seed: u8) -> EncodingKey {
    let mut der = data_encoding::HEXLOWER.decode(b"302e020100300506032b657004220420").unwrap();
    der.extend_from_slice(&[seed; 32]);
    EncodingKey::from_ed_der(&der)
}

fn public(seed: u8) -> Vec<u8> {
    ssh_key::private::Ed25519Keypair::from_seed(&[seed; 32]).public.0.to_vec()
}

fn jwk(seed: u8, id: &str) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "use": "sig", "x": BASE64URL_NOPAD.encode(&public(seed))})
}

fn keys(keys: &[Value]) -> KeySet {
    crate::Issuers::new(Vec::new()).unwrap();
    KeySet::read(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": "wiretape", "sub": "ana", "exp": NOW + 300, "iat": NOW, "jti": "one"})
}

fn encoded(value: &Value) -> String {
    BASE64URL_NOPAD.encode(value.to_string().as_bytes())
}

/// A token signed by the key of `seed`.
fn token(seed: u8, header: &Value, claims: &Value) -> String {
    crate::Issuers::new(Vec::new()).unwrap();
    let signed = format!("{}.{}", encoded(header), encoded(claims));
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &signer(seed), Algorithm::EdDSA).unwrap();
    format!("{signed}.{signature}")
}

fn settings() -> IssuerSettings {
    let mut settings = IssuerSettings::new("corp", ISSUER);
    settings.audience = vec!["wiretape".to_owned()];
    settings
}

/// What becomes of `token` at the issuer whose key is that of seed 1.
fn judged(token: &str) -> Result<u64, Rejected> {
    let read = Token::read(token)?;
    read.verify(&keys(&[jwk(1, "k1")]), &ALGORITHMS)?.check(&settings(), NOW)
}

fn header() -> Value {
    json!({"alg": "EdDSA", "typ": "JWT", "kid": "k1"})
}

/// The claims with `name` set to `value`, or without it.
fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    match value {
        Value::Null => claims.as_object_mut().unwrap().remove(name),
        value => claims.as_object_mut().unwrap().insert(name.to_owned(), value),
    };
    claims
}

#[test]
fn a_good_token_is_taken() {
    assert_eq!(judged(&token(1, &header(), &claims())), Ok(NOW + 300));
    for header in [
        json!({"alg": "EdDSA"}),
        json!({"alg": "Ed25519", "kid": "k1"}),
        json!({"alg": "EdDSA", "typ": "at+jwt"}),
        json!({"alg": "EdDSA", "typ": "application/AT+JWT"}),
        json!({"alg": "EdDSA", "typ": null, "kid": null}),
        json!({"alg": "EdDSA", "x5t": "abc", "extra": [1]}),
    ] {
        assert!(judged(&token(1, &header, &claims())).is_ok(), "{header}");
    }
}

#[test]
fn a_header_that_asks_for_more_is_refused() {
    for header in [
        json!({"alg": "EdDSA", "crit": ["exp"], "exp": 1}),
        json!({"alg": "EdDSA", "crit": []}),
        json!({"alg": "EdDSA", "b64": false}),
        json!({"alg": "EdDSA", "typ": "logout+jwt"}),
        json!({"alg": "EdDSA", "typ": "dpop+jwt"}),
        json!({"alg": "EdDSA", "typ": 7}),
        json!({"alg": "EdDSA", "cty": "JWT"}),
        json!({"alg": "EdDSA", "zip": "DEF"}),
        json!({"alg": "EdDSA", "enc": "A128GCM"}),
        json!({"alg": "EdDSA", "kid": 7}),
        json!({"kid": "k1"}),
        json!({"alg": 7}),
    ] {
        assert!(matches!(judged(&token(1, &header, &claims())), Err(Rejected::Header(_))), "{header}");
    }
}

#[test]
fn an_algorithm_that_was_not_meant_is_refused() {
    for name in ["none", "None", "NONE", "", "HS256", "HS384", "HS512", "RS256", "ES256K", "eddsa", "EdDSA "] {
        let outcome = judged(&token(1, &json!({"alg": name, "kid": "k1"}), &claims()));
        let refused = matches!(outcome, Err(Rejected::Algorithm(_) | Rejected::UnknownKey(_)));
        assert!(refused, "{name}: {outcome:?}");
    }
    let good = token(1, &header(), &claims());
    let outcome = Token::read(&good).unwrap().verify(&keys(&[jwk(1, "k1")]), &[Algorithm::ES256]).map(drop);
    assert!(matches!(outcome, Err(Rejected::Algorithm(_))));
}

#[test]
fn a_token_without_a_signature_or_with_the_public_key_for_a_secret_is_refused() {
    let signed = format!("{}.{}", encoded(&json!({"alg": "none"})), encoded(&claims()));
    assert!(judged(&format!("{signed}.")).is_err());
    let signed = format!("{}.{}", encoded(&header()), encoded(&claims()));
    assert_eq!(judged(&format!("{signed}.")), Err(Rejected::Signature));
    let signed = format!("{}.{}", encoded(&json!({"alg": "HS256", "kid": "k1"})), encoded(&claims()));
    for secret in [public(1), BASE64URL_NOPAD.encode(&public(1)).into_bytes()] {
        let secret = EncodingKey::from_secret(&secret);
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &secret, Algorithm::HS256).unwrap();
        assert!(matches!(judged(&format!("{signed}.{signature}")), Err(Rejected::Algorithm(_))));
    }
}

#[test]
fn a_key_that_the_sender_brings_is_not_looked_at() {
    for header in [
        json!({"alg": "EdDSA", "jwk": jwk(2, "k1")}),
        json!({"alg": "EdDSA", "jwk": jwk(2, "k1"), "kid": "k1"}),
        json!({"alg": "EdDSA", "jku": "https://evil.example.com/keys", "kid": "k1"}),
        json!({"alg": "EdDSA", "x5u": "https://evil.example.com/cert", "kid": "k1"}),
    ] {
        assert_eq!(judged(&token(2, &header, &claims())), Err(Rejected::Signature), "{header}");
    }
    for id in ["k2", "", "../../k1", "k1\0", "' OR 1=1 --", "K1"] {
        let outcome = judged(&token(1, &json!({"alg": "EdDSA", "kid": id}), &claims()));
        assert!(matches!(outcome, Err(Rejected::UnknownKey(_))), "{id:?}");
    }
}

#[test]
fn every_changed_letter_is_noticed() {
    let good = token(1, &header(), &claims());
    for place in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(changed == good || judged(&changed).is_err(), "{place}");
    }
    for changed in
        [format!("{good}="), format!("{good}A"), format!(" {good}"), format!("{good}\n"), good.replace('.', "..")]
    {
        assert!(judged(&changed).is_err(), "{changed:?}");
    }
}

#[test]
fn a_token_for_somebody_else_is_refused() {
    for audience in [json!("wiretape"), json!(["other", "wiretape"])] {
        assert!(judged(&token(1, &header(), &with("aud", audience))).is_ok());
    }
    for audience in [Value::Null, json!("other"), json!([]), json!("wiretape2"), json!("Wiretape"), json!(7), json!({})]
    {
        let outcome = judged(&token(1, &header(), &with("aud", audience.clone())));
        assert!(matches!(outcome, Err(Rejected::Audience(_))), "{audience}");
    }
}

#[test]
fn a_token_given_to_a_client_that_is_not_named_is_refused() {
    let mut settings = settings();
    settings.clients = vec!["cli".to_owned()];
    let check = |claims: &Value| {
        let text = token(1, &header(), claims);
        let verified = Token::read(&text).unwrap().verify(&keys(&[jwk(1, "k1")]), &ALGORITHMS).unwrap();
        verified.check(&settings, NOW)
    };
    assert!(check(&with("azp", json!("cli"))).is_ok());
    assert!(check(&with("client_id", json!("cli"))).is_ok());
    assert!(matches!(check(&with("azp", json!("shop"))), Err(Rejected::Client(_))));
    assert!(matches!(check(&claims()), Err(Rejected::Client(_))));
}

#[test]
fn times_are_kept_with_the_skew_that_is_allowed() {
    let at = |name: &str, value: Value| judged(&token(1, &header(), &with(name, value)));
    assert!(at("exp", json!(NOW - 59)).is_ok());
    assert_eq!(at("exp", json!(NOW - 60)), Err(Rejected::Expired(60)));
    assert_eq!(at("exp", json!(0)), Err(Rejected::Expired(NOW)));
    assert!(at("exp", json!(NOW as f64 + 0.5)).is_ok());
    for bad in [Value::Null, json!("soon"), json!(-1), json!([1])] {
        assert!(matches!(at("exp", bad.clone()), Err(Rejected::Malformed(_))), "{bad}");
    }
    for name in ["nbf", "iat"] {
        assert!(at(name, json!(NOW + 60)).is_ok());
        assert_eq!(at(name, json!(NOW + 61)), Err(Rejected::Early(61)));
        assert!(at(name, json!(1e300)).is_err());
        assert!(at(name, Value::Null).is_ok());
    }
    assert!(at("exp", json!(u64::MAX)).is_ok());
    let mut wide = settings();
    wide.clock_skew = Duration::from_secs(1 << 40);
    let text = token(1, &header(), &with("exp", json!(NOW - 301)));
    let verified = Token::read(&text).unwrap().verify(&keys(&[jwk(1, "k1")]), &ALGORITHMS).unwrap();
    assert!(verified.check(&wide, NOW).is_err(), "a skew has a bound");
}

#[test]
fn what_is_no_token_is_none() {
    for text in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "eyJ",
        "eyJ.eyJ",
        "eyJhbGciOiJub25lIn0..",
        "wt_0123456789abcdef",
        "secret",
        "eyJhbGciOiJub25lIn0.e30.",
        "eyJ.e30.x.y.z",
        "\u{0}.\u{0}.\u{0}",
        "ey J.e30.x",
    ] {
        assert!(judged(text).is_err(), "{text:?}");
    }
    assert!(!Token::is_one("wt_0123456789abcdef.x.y") && !Token::is_one("eyJ.x") && !Token::is_one(""));
    assert!(Token::is_one(&token(1, &header(), &claims())));
    let long = token(1, &header(), &with("x", json!("y".repeat(17_000))));
    assert!(!Token::is_one(&long));
    assert_eq!(judged(&long), Err(Rejected::TooLong));
    let deep = format!("{}.{}.", encoded(&header()), BASE64URL_NOPAD.encode("[".repeat(9000).as_bytes()));
    assert!(judged(&deep).is_err());
}

#[test]
fn keys_that_cannot_verify_are_passed_over() {
    let mut encryption = jwk(1, "k1");
    encryption["use"] = json!("enc");
    let mut operations = jwk(1, "k1");
    operations.as_object_mut().unwrap().remove("use");
    operations["key_ops"] = json!(["sign"]);
    let mut other_algorithm = jwk(1, "k1");
    other_algorithm["alg"] = json!("RS256");
    let secret = json!({"kty": "oct", "k": "AAAA", "kid": "k1", "alg": "HS256"});
    let x25519 = json!({"kty": "OKP", "crv": "X25519", "kid": "k1", "x": BASE64URL_NOPAD.encode(&public(1))});
    let unknown = json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "k1", "pub": "AA"});
    let text = token(1, &header(), &claims());
    for useless in [encryption, operations, other_algorithm, secret, x25519, unknown, json!(7), json!({})] {
        let set = keys(std::slice::from_ref(&useless));
        let outcome = Token::read(&text).unwrap().verify(&set, &ALGORITHMS).map(drop);
        assert!(matches!(outcome, Err(Rejected::UnknownKey(_))), "{useless}");
        assert!(Token::read(&text).unwrap().verify(&keys(&[useless, jwk(1, "k1")]), &ALGORITHMS).is_ok());
    }
    for bad in ["", "[]", "{}", "{\"keys\":{}}", "{\"keys\":\"x\"}"] {
        assert!(KeySet::read(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn few_keys_are_tried_for_one_token() {
    let text = token(9, &json!({"alg": "EdDSA"}), &claims());
    let at = |place: u8| {
        let set: Vec<Value> = (0..8).map(|number| jwk(if number == place { 9 } else { number + 20 }, "k")).collect();
        Token::read(&text).unwrap().verify(&keys(&set), &ALGORITHMS).is_ok()
    };
    assert!(at(0) && at(3));
    assert!(!at(4) && !at(7));
}

#[test]
fn a_token_without_a_name_is_named_by_its_hash() {
    let id = |claims: &Value| {
        let text = token(1, &header(), claims);
        Token::read(&text).unwrap().verify(&keys(&[jwk(1, "k1")]), &ALGORITHMS).unwrap().id
    };
    assert_eq!(id(&claims()), "one");
    for odd in [Value::Null, json!(7), json!(""), json!("a\nb"), json!("x".repeat(300))] {
        assert!(id(&with("jti", odd.clone())).starts_with("sha256:"), "{odd}");
    }
}

/// An ECDSA signature (r, s) is as good as (r, n - s): whoever holds a token can write it anew, and must not get past its
/// revocation by that.
#[test]
fn a_signature_that_is_written_otherwise_gives_no_other_name() {
    /// The order of P-256 (SEC 2, section 2.4.2).
    const ORDER: &[u8] = b"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    /// A private key in PKCS #8, all bytes of which are 0x11.
    const KEY: [&[u8]; 3] = [
        b"308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b020101042011111111111111111111",
        b"11111111111111111111111111111111111111111111a144034200040217e617f0b6443928278f96999e69a23a4f",
        b"2c152bdf6d6cdf66e5b80282d4ed194a7debcb97712d2dda3ca85aa8765a56f45fc758599652f2897c65306e5794",
    ];
    let hex = |digits: &[u8]| data_encoding::HEXLOWER.decode(digits).unwrap();
    let jwk = json!({
        "kty": "EC", "crv": "P-256",
        "x": "AhfmF_C2RDkoJ4-WmZ5pojpPLBUr321s32bluAKC1O0",
        "y": "GUp968uXcS0t2jyoWqh2Wlb0X8dYWZZS8ol8ZTBuV5Q",
    });
    let keys = keys(&[jwk]);
    let signed = format!("{}.{}", encoded(&json!({"alg": "ES256"})), encoded(&with("jti", Value::Null)));
    let key = EncodingKey::from_ec_der(&hex(&KEY.concat()));
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::ES256).unwrap();
    let mut other = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
    let mut borrow = 0;
    for (byte, of_order) in other[32..].iter_mut().zip(hex(ORDER)).rev() {
        let difference = i16::from(of_order) - i16::from(*byte) - borrow;
        borrow = i16::from(difference < 0);
        *byte = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    let id = |signature: &str| {
        let text = format!("{signed}.{signature}");
        Token::read(&text).unwrap().verify(&keys, &ALGORITHMS).unwrap().id
    };
    let other = BASE64URL_NOPAD.encode(&other);
    assert_ne!(other, signature);
    assert_eq!(id(&other), id(&signature));
}

/// A logout token need not say by its type that it is one (OpenID Connect Back-Channel Logout section 2.4).
#[test]
fn a_token_that_tells_of_an_event_is_no_login() {
    let events = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    for events in [events, json!({}), json!([])] {
        let outcome = judged(&token(1, &header(), &with("events", events.clone())));
        assert!(matches!(outcome, Err(Rejected::Malformed(_))), "{events}");
    }
}
