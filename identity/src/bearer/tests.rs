//! Tokens of persons, agents and programs, as their issuers make them.

use serde_json::{Value, json};
use wiretape_core::event::PrincipalKind;

use super::identity;
use crate::identity::Identity;
use crate::rejected::Rejected;
use crate::settings::{IssuerSettings, Sign};
use crate::token::Verified;

fn sign(claim: &str, values: &[&str]) -> Sign {
    Sign { claim: claim.to_owned(), values: values.iter().map(|value| (*value).to_owned()).collect() }
}

fn settings() -> IssuerSettings {
    let mut settings = IssuerSettings::new("corp", "https://id.example.com");
    settings.client_id = Some("wiretape".to_owned());
    settings
}

fn bearer(settings: &IssuerSettings, claims: Value) -> Result<Identity, Rejected> {
    identity(&Verified { id: "jti".to_owned(), claims: claims.as_object().unwrap().clone() }, settings, 9)
}

/// Name, kind and whom it acts for.
fn who(settings: &IssuerSettings, claims: Value) -> (String, PrincipalKind, String) {
    let identity = bearer(settings, claims).unwrap();
    (identity.name, identity.kind, identity.on_behalf_of)
}

fn expected(name: &str, kind: PrincipalKind, on_behalf_of: &str) -> (String, PrincipalKind, String) {
    (name.to_owned(), kind, on_behalf_of.to_owned())
}

#[test]
fn a_person_is_named_by_the_first_claim_that_can_be_a_name() {
    let settings = settings();
    let person = |name: &str| expected(name, PrincipalKind::Person, "");
    for (claims, name) in [
        (json!({"sub": "17", "preferred_username": "ana", "email": "a@x", "email_verified": true}), "ana"),
        (json!({"sub": "17", "email": "a@x", "email_verified": true}), "a@x"),
        (json!({"sub": "17", "email": "a@x", "email_verified": "true"}), "a@x"),
        (json!({"sub": "17", "email": "root@x", "email_verified": false}), "17"),
        (json!({"sub": "17", "email": "root@x"}), "17"),
        (json!({"sub": "17", "preferred_username": "an\u{202e}a"}), "17"),
        (json!({"sub": "17", "preferred_username": ["ana"]}), "17"),
    ] {
        assert_eq!(who(&settings, claims), person(name));
    }
    for nobody in [json!({}), json!({"sub": ""}), json!({"sub": 7}), json!({"sub": "a\nb"})] {
        assert!(matches!(bearer(&settings, nobody), Err(Rejected::Unnamed(_))));
    }
}

#[test]
fn a_name_that_the_configuration_asks_for_has_no_stand_in() {
    let mut settings = settings();
    settings.name_claim = Some("https://example.com/login.name".to_owned());
    let claims = json!({"sub": "17", "https://example.com/login": {"name": "ana"}, "preferred_username": "root"});
    assert_eq!(who(&settings, claims), expected("ana", PrincipalKind::Person, ""));
    let outcome = bearer(&settings, json!({"sub": "17", "preferred_username": "root"}));
    assert!(matches!(outcome, Err(Rejected::Unnamed(_))));
}

#[test]
fn groups_come_from_the_configured_place() {
    let mut settings = settings();
    let claims = json!({
        "sub": "ana", "groups": ["dev", "dev", "", "o\u{0}ps", 7, "ops"], "realm_access": {"roles": ["admin"]},
        "team": "core",
    });
    let groups = |settings: &IssuerSettings| bearer(settings, claims.clone()).unwrap().groups;
    assert_eq!(groups(&settings), ["dev", "ops"]);
    settings.groups_claim = "realm_access.roles".to_owned();
    assert_eq!(groups(&settings), ["admin"]);
    settings.groups_claim = "team".to_owned();
    assert_eq!(groups(&settings), ["core"]);
    settings.groups_claim = "nothing".to_owned();
    assert!(groups(&settings).is_empty());
    assert_eq!(bearer(&settings, claims.clone()).unwrap().claims["realm_access.roles"].len(), 1);
}

#[test]
fn a_clients_own_token_is_a_service() {
    let settings = settings();
    let service = |name: &str| expected(name, PrincipalKind::Service, "");
    for (claims, name) in [
        (json!({"sub": "robot", "client_id": "robot"}), "robot"),
        (json!({"sub": "robot", "azp": "robot"}), "robot"),
        (json!({"sub": "robot@clients", "azp": "robot", "gty": "client-credentials"}), "robot"),
        (json!({"sub": "f3", "appid": "app-7", "idtyp": "app"}), "app-7"),
        (json!({"sub": "f3", "azp": "robot", "preferred_username": "service-account-robot"}), "robot"),
    ] {
        assert_eq!(who(&settings, claims), service(name));
    }
    // A person's token says whose it is, whatever client it was given to.
    let claims = json!({"sub": "ana", "client_id": "wiretape", "preferred_username": "ana"});
    assert_eq!(who(&settings, claims), expected("ana", PrincipalKind::Person, ""));
    let claims = json!({"sub": "ana", "client_id": "ana", "name": "Ana"});
    assert_eq!(who(&settings, claims), expected("ana", PrincipalKind::Person, ""));
}

#[test]
fn an_agent_is_known_by_its_client_and_acts_for_the_person_of_the_token() {
    let mut settings = settings();
    settings.agents = vec![sign("client_id", &["coding-agent", "bot-*"])];
    let agent = |name: &str, person: &str| expected(name, PrincipalKind::Agent, person);
    let claims = json!({"sub": "17", "preferred_username": "ana", "azp": "coding-agent"});
    assert_eq!(who(&settings, claims), agent("coding-agent", "ana"));
    let claims = json!({"sub": "coding-agent", "client_id": "coding-agent"});
    assert_eq!(who(&settings, claims), agent("coding-agent", ""));
    assert_eq!(who(&settings, json!({"sub": "bot-7", "client_id": "bot-7"})), agent("bot-7", ""));
    let claims = json!({"sub": "17", "preferred_username": "ana", "azp": "wiretape"});
    assert_eq!(who(&settings, claims), expected("ana", PrincipalKind::Person, ""));
    settings.agents = vec![sign("roles", &["agent"])];
    let claims = json!({"sub": "17", "preferred_username": "helper-1", "roles": ["x", "agent"]});
    assert_eq!(who(&settings, claims), agent("helper-1", ""));
}

#[test]
fn who_acts_is_the_principal_and_the_subject_is_whom_it_acts_for() {
    let settings = settings();
    let claims = json!({
        "sub": "17", "preferred_username": "ana", "groups": ["dev"],
        "act": {"sub": "coding-agent", "act": {"sub": "planner", "act": {"sub": "editor"}}},
    });
    let identity = bearer(&settings, claims).unwrap();
    assert_eq!((identity.name.as_str(), identity.kind), ("coding-agent", PrincipalKind::Agent));
    assert_eq!((identity.subject.as_str(), identity.on_behalf_of.as_str()), ("coding-agent", "ana"));
    assert_eq!(identity.groups, ["dev"]);
    assert_eq!(identity.claims["actors"].iter().collect::<Vec<_>>(), ["editor", "planner"]);
    for odd in [json!("agent"), json!([]), json!({}), json!({"sub": 7}), json!({"sub": "a\nb"}), json!(null)] {
        assert!(bearer(&settings, json!({"sub": "ana", "act": odd.clone()})).is_err(), "{odd}");
    }
    let mut chain = json!({"sub": "last"});
    for _ in 0..12 {
        chain = json!({"sub": "a", "act": chain});
    }
    assert!(bearer(&settings, json!({"sub": "ana", "act": chain})).is_err());
}

#[test]
fn platforms_programs_are_services_with_names_of_their_own_shape() {
    let service = |name: &str| expected(name, PrincipalKind::Service, "");
    let kubernetes = json!({
        "sub": "system:serviceaccount:ci:builder", "aud": ["wiretape"],
        "kubernetes.io": {"namespace": "ci", "pod": {"name": "p", "uid": "u"}, "serviceaccount": {"name": "builder"}},
    });
    assert_eq!(who(&settings(), kubernetes.clone()), service("system:serviceaccount:ci:builder"));
    let identity = bearer(&settings(), kubernetes).unwrap();
    assert_eq!(identity.groups, ["system:serviceaccounts", "system:serviceaccounts:ci"]);
    assert!(identity.claims["kubernetes.io.serviceaccount.name"].contains("builder"));
    let forged = json!({
        "sub": "ana", "kubernetes.io": {"namespace": "ci", "serviceaccount": {"name": "builder"}},
    });
    assert_eq!(who(&settings(), forged), expected("ana", PrincipalKind::Person, ""));

    let github = json!({
        "sub": "repo:acme/shop:ref:refs/heads/main", "repository": "acme/shop", "repository_owner": "acme",
        "ref": "refs/heads/main", "workflow": "deploy", "run_id": "9", "actor": "ana",
    });
    assert_eq!(who(&settings(), github.clone()), service("repo:acme/shop"));
    assert!(bearer(&settings(), github).unwrap().claims["ref"].contains("refs/heads/main"));

    let gitlab = json!({
        "sub": "project_path:acme/shop:ref_type:branch:ref:main", "project_path": "acme/shop", "pipeline_id": "1",
        "job_id": "2",
    });
    assert_eq!(who(&settings(), gitlab), service("project:acme/shop"));

    let google = json!({"sub": "1234", "azp": "1234", "email": "ci@p.iam.gserviceaccount.com", "email_verified": true});
    let mut settings = settings();
    settings.url = "https://accounts.google.com".to_owned();
    assert_eq!(who(&settings, google), service("ci@p.iam.gserviceaccount.com"));
    let spiffe = json!({"sub": "spiffe://acme.com/shop"});
    assert_eq!(who(&settings, spiffe), service("spiffe://acme.com/shop"));
}

#[test]
fn what_the_configuration_requires_has_to_be_there() {
    let mut settings = settings();
    settings.require = vec![sign("repository_owner", &["acme"]), sign("ref", &["refs/heads/main", "refs/tags/*"])];
    let claims = |owner: &str, name: &str| json!({"sub": "x", "repository_owner": owner, "ref": name});
    assert!(bearer(&settings, claims("acme", "refs/heads/main")).is_ok());
    assert!(bearer(&settings, claims("acme", "refs/tags/v1")).is_ok());
    assert!(bearer(&settings, claims("evil", "refs/heads/main")).is_err());
    assert!(bearer(&settings, claims("acme2", "refs/heads/main")).is_err());
    assert!(bearer(&settings, claims("acme", "refs/heads/main2")).is_err());
    assert!(bearer(&settings, json!({"sub": "x", "repository_owner": "acme"})).is_err());
}
