//! Tokens of a real issuer, and tokens that somebody made to look like them.

use serde_json::{Value, json};
use wiretape_core::event::PrincipalKind;
use wiretape_identity::{Identity, IssuerSettings, Issuers, Rejected, Sign};
use wiretape_tests::issuer::Issuer;
use wiretape_tests::stage::Folder;

use super::{block_on, now};

fn settings(issuer: &Issuer) -> IssuerSettings {
    let mut settings = IssuerSettings::new("corp", issuer.url());
    settings.client_id = Some("wiretape".to_owned());
    settings.agents = vec![Sign { claim: "client_id".to_owned(), values: vec!["coding-agent".to_owned()] }];
    settings
}

fn issuers(issuer: &Issuer) -> Issuers {
    Issuers::new(vec![settings(issuer)]).expect("the settings are good")
}

fn validate(issuers: &Issuers, token: &str) -> Result<Identity, Rejected> {
    block_on(issuers.validate(token, now()))
}

/// A token that a client gets by its own secret, as `curl` asks for it.
fn clients_own(folder: &Folder, issuer: &Issuer, client: &str, in_form: bool) -> String {
    let secret = issuer.secret(client);
    let curl = folder.program("curl").args(["-sS", "--fail-with-body", "-d", "grant_type=client_credentials"]);
    let curl = if in_form {
        let client = format!("client_id={client}");
        curl.args(["-d", &client]).arg("--data-urlencode").arg(format!("client_secret={secret}"))
    } else {
        // RFC 6749 section 2.3.1: encoded before it is a user and a password.
        let secret = secret.replace('%', "%25").replace(' ', "+").replace(':', "%3A");
        curl.arg("-u").arg(format!("{client}:{secret}"))
    };
    let answer: Value = serde_json::from_str(&curl.arg(format!("{}/token", issuer.url())).succeed().text()).unwrap();
    answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

#[test]
fn a_token_of_every_algorithm_is_taken() {
    let folder = Folder::new();
    let issuer = Issuer::start(&folder);
    let issuers = issuers(&issuer);
    for alg in ["RS256", "ES256", "EdDSA"] {
        let token = issuer.mint(&json!({"alg": alg, "claims": {"groups": ["dev"], "preferred_username": "ana"}}));
        assert!(Issuers::is_token(&token));
        let identity = validate(&issuers, &token).unwrap();
        assert_eq!((identity.name.as_str(), identity.kind), ("ana", PrincipalKind::Person), "{alg}");
        assert_eq!((identity.issuer.as_str(), identity.groups.as_slice()), (issuer.url(), &["dev".to_owned()][..]));
        // A list in which no key is named does as well.
        assert!(validate(&issuers, &issuer.mint(&json!({"alg": alg, "header": {"kid": null}}))).is_ok());
    }
    assert_eq!(issuer.asked("/jwks"), 1, "the keys are kept");
}

#[test]
fn a_clients_own_token_is_an_agents_or_a_services() {
    let folder = Folder::new();
    let issuer = Issuer::start(&folder);
    let issuers = issuers(&issuer);
    let agent = validate(&issuers, &clients_own(&folder, &issuer, "coding-agent", false)).unwrap();
    assert_eq!((agent.name.as_str(), agent.kind), ("coding-agent", PrincipalKind::Agent));
    let service = validate(&issuers, &clients_own(&folder, &issuer, "pipeline", true)).unwrap();
    assert_eq!((service.name.as_str(), service.kind), ("pipeline", PrincipalKind::Service));
    assert_eq!((agent.on_behalf_of.as_str(), service.on_behalf_of.as_str()), ("", ""));
}

#[test]
fn a_token_that_was_tampered_with_is_refused() {
    let folder = Folder::new();
    let issuer = Issuer::start(&folder);
    let issuers = issuers(&issuer);
    let now = now();
    let good = issuer.mint(&json!({}));
    let swapped = {
        let other = issuer.mint(&json!({"claims": {"sub": "root"}}));
        let (good, other): (Vec<&str>, Vec<&str>) = (good.split('.').collect(), other.split('.').collect());
        format!("{}.{}.{}", good[0], other[1], good[2])
    };
    let orders = [
        ("signature", json!({"key": "other"})),
        ("signature", json!({"key": "none"})),
        ("alg none", json!({"key": "none", "header": {"alg": "none", "kid": null}})),
        ("alg None", json!({"key": "none", "header": {"alg": "None"}})),
        ("public key as a secret", json!({"key": "public", "header": {"alg": "HS256"}})),
        ("public key as a secret, unnamed", json!({"key": "public", "header": {"alg": "HS256", "kid": null}})),
        ("key of another kind", json!({"header": {"alg": "ES256"}})),
        ("own key in the header", json!({"key": "other", "header": {"jwk": "own"}})),
        ("own key, unnamed", json!({"key": "other", "header": {"jwk": "own", "kid": null}})),
        ("own keys by URL", json!({"key": "other", "header": {"jku": "http://127.0.0.1:1/keys"}})),
        ("unknown key", json!({"header": {"kid": "../../dev/null"}})),
        ("critical extension", json!({"header": {"crit": ["b64"], "b64": true}})),
        ("token for logging out", json!({"header": {"typ": "logout+jwt"}})),
        ("audience", json!({"claims": {"aud": "shop"}})),
        ("no audience", json!({"claims": {"aud": null}})),
        ("issuer", json!({"claims": {"iss": "https://evil.example.com"}})),
        ("issuer with a slash", json!({"claims": {"iss": format!("{}/", issuer.url())}})),
        ("expired", json!({"claims": {"exp": now - 61}})),
        ("no end", json!({"claims": {"exp": null}})),
        ("not yet", json!({"claims": {"nbf": now + 120}})),
        ("from the future", json!({"claims": {"iat": now + 120}})),
        ("nobody", json!({"claims": {"sub": null}})),
    ];
    for (what, order) in orders {
        let outcome = validate(&issuers, &issuer.mint(&order));
        assert!(outcome.is_err(), "{what}: {outcome:?}");
    }
    assert_eq!(validate(&issuers, &swapped), Err(Rejected::Signature));
    assert!(validate(&issuers, &good).is_ok());
}

#[test]
fn new_keys_are_found_and_names_of_keys_are_no_way_to_flood_the_issuer() {
    let folder = Folder::new();
    let issuer = Issuer::start(&folder);
    let issuers = issuers(&issuer);
    let before = issuer.mint(&json!({}));
    assert!(validate(&issuers, &before).is_ok());
    issuer.rotate();
    let after = issuer.mint(&json!({}));
    assert!(validate(&issuers, &after).is_ok(), "the new key is fetched");
    assert!(validate(&issuers, &before).is_err(), "the old key is gone");
    for number in 0..50 {
        let token = issuer.mint(&json!({"header": {"kid": format!("made up {number}")}}));
        assert!(matches!(validate(&issuers, &token), Err(Rejected::UnknownKey(_))));
    }
    let asked = issuer.asked("/jwks");
    assert!(asked <= 4, "{asked} times");
    assert!(validate(&issuers, &after).is_ok());
}

#[test]
fn an_issuer_that_is_down_keeps_nobody_out_whose_key_is_known() {
    let folder = Folder::new();
    let issuer = Issuer::start(&folder);
    let (early, late) = (issuers(&issuer), issuers(&issuer));
    let token = issuer.mint(&json!({}));
    assert!(validate(&early, &token).is_ok());
    issuer.set_down(true);
    assert!(validate(&early, &issuer.mint(&json!({}))).is_ok());
    let unknown = issuer.mint(&json!({"header": {"kid": "another"}}));
    assert!(matches!(validate(&early, &unknown), Err(Rejected::UnknownKey(_))));
    assert!(matches!(validate(&late, &token), Err(Rejected::Unavailable(..))), "nothing is known of it here");
}

#[test]
fn several_issuers_are_told_apart() {
    let folder = Folder::new();
    let (one, other) = (Issuer::start(&folder), Issuer::start(&folder));
    let mut second = settings(&other);
    second.name = "other".to_owned();
    second.client_id = Some("elsewhere".to_owned());
    let issuers = Issuers::new(vec![settings(&one), second]).unwrap();
    assert!(validate(&issuers, &one.mint(&json!({}))).is_ok());
    assert!(matches!(validate(&issuers, &other.mint(&json!({}))), Err(Rejected::Audience(_))));
    let token = other.mint(&json!({"claims": {"aud": ["x", "elsewhere"]}}));
    assert_eq!(validate(&issuers, &token).unwrap().issuer, other.url());
    // One issuer cannot speak for another.
    let forged = one.mint(&json!({"claims": {"iss": other.url(), "aud": "elsewhere"}}));
    assert!(validate(&issuers, &forged).is_err());
}

#[test]
fn a_document_of_another_issuer_is_not_believed() {
    let folder = Folder::new();
    let issuer = Issuer::start(&folder);
    let mut settings = settings(&issuer);
    settings.url = issuer.url().replace("127.0.0.1", "localhost");
    let issuers = Issuers::new(vec![settings.clone()]).unwrap();
    let token = issuer.mint(&json!({"claims": {"iss": settings.url}}));
    let Err(Rejected::Unavailable(_, why)) = validate(&issuers, &token) else { panic!("it is not believed") };
    assert!(why.contains("letter by letter"), "{why}");
}
