//! Who the bearer of a verified token is: name, kind, groups, and for whom it acts.
//!
//! In this order, the first that fits:
//! 1. `act` (RFC 8693 section 4.1): the actor is the principal, an agent; the token's subject is whom it acts for.
//! 2. One of the issuer's `agents` signs: an agent. Where the sign is the client (`client_id`, `azp`) and the token is
//!    about a person, the client is the principal and the person is whom it acts for.
//! 3. The shape of a workload's token: Kubernetes, GitHub Actions, GitLab CI, Google Cloud, SPIFFE: a service.
//! 4. A client's own token, about no person (client credentials, RFC 6749 section 4.4): a service.
//! 5. What the issuer's `kind` says.

use serde_json::{Map, Value};
use wiretape_core::event::PrincipalKind;

use crate::claims::{attributes, texts_at};
use crate::identity::{Identity, is_name};
use crate::limits::ACTORS_MAX;
use crate::rejected::{Rejected, quoted};
use crate::settings::IssuerSettings;
use crate::token::{Verified, text_of};
use crate::workload;

/// Claims that name the client to which a token was given: RFC 9068, OpenID Connect, Okta, Microsoft.
const CLIENTS: [&str; 4] = ["client_id", "azp", "cid", "appid"];

/// Claims that only a token about a person has.
const OF_PERSONS: [&str; 10] = [
    "preferred_username",
    "email",
    "name",
    "given_name",
    "family_name",
    "nickname",
    "auth_time",
    "amr",
    "upn",
    "unique_name",
];

impl Verified {
    /// Its bearer, by `settings`, at `now_unix` (seconds).
    ///
    /// # Errors
    /// As [`Verified::check`]; and when it names nobody, lacks what is required, or says more than is kept.
    pub fn bearer(&self, settings: &IssuerSettings, now_unix: u64) -> Result<Identity, Rejected> {
        let expires = self.check(settings, now_unix)?;
        identity(self, settings, expires)
    }
}

/// The bearer of `verified`, a token of the issuer of `settings` that was checked and ends at `expires_unix`.
fn identity(verified: &Verified, settings: &IssuerSettings, expires_unix: u64) -> Result<Identity, Rejected> {
    let claims = &verified.claims;
    for sign in &settings.require {
        if sign.found(&texts_at(claims, &sign.claim)).is_none() {
            return Err(Rejected::Requirement(sign.claim.clone()));
        }
    }
    let mut identity = Identity {
        issuer: settings.url.clone(),
        claims: attributes(claims)?,
        expires_unix: Some(expires_unix),
        token_id: verified.id.clone(),
        proof: format!("token {}", verified.id),
        ..Identity::default()
    };
    for group in texts_at(claims, &settings.groups_claim) {
        if is_name(group) && !identity.groups.iter().any(|known| known == group) {
            identity.groups.push(group.to_owned());
        }
    }
    let subject = text_of(claims, "sub").unwrap_or_default();
    if let Some(actor) = claims.get("act") {
        let actor = actor.as_object().ok_or(Rejected::Malformed("its actor is no object"))?;
        identity.on_behalf_of = name(claims, settings)?;
        identity.kind = PrincipalKind::Agent;
        act(&mut identity, actor)?;
        return Ok(identity);
    }
    identity.subject = subject;
    let client = client(claims);
    let own = is_clients_own(claims, client.as_deref());
    if let Some((claim, value)) = agent(claims, settings) {
        identity.kind = PrincipalKind::Agent;
        if CLIENTS.contains(&claim.as_str()) && is_name(&value) {
            if !own {
                identity.on_behalf_of = name(claims, settings)?;
            }
            identity.name = value;
        } else {
            identity.name = name(claims, settings)?;
        }
        return Ok(identity);
    }
    if let Some(workload) = workload::recognise(claims, &settings.url) {
        identity.kind = PrincipalKind::Service;
        identity.name = match settings.name_claim {
            Some(_) => name(claims, settings)?,
            None => workload.name,
        };
        identity.groups.extend(workload.groups);
        return Ok(identity);
    }
    if own {
        identity.kind = PrincipalKind::Service;
        identity.name = match (&settings.name_claim, client.filter(|client| is_name(client))) {
            (None, Some(client)) => client,
            _ => name(claims, settings)?,
        };
        return Ok(identity);
    }
    identity.kind = settings.kind;
    identity.name = name(claims, settings)?;
    Ok(identity)
}

/// Makes `actor` the principal. Those behind it in the chain are kept as a claim: they say how it came about, and
/// count for no decision of the gateway's own (RFC 8693 section 4.1).
fn act(identity: &mut Identity, actor: &Map<String, Value>) -> Result<(), Rejected> {
    let subject = text_of(actor, "sub").or_else(|| client(actor)).unwrap_or_default();
    if !is_name(&subject) {
        return Err(Rejected::Unnamed(format!("its actor is called {}", quoted(&subject))));
    }
    identity.name.clone_from(&subject);
    identity.subject = subject;
    let mut before = actor.get("act");
    for _ in 0..ACTORS_MAX {
        let Some(actor) = before.and_then(Value::as_object) else { return Ok(()) };
        if let Some(subject) = text_of(actor, "sub").filter(|subject| is_name(subject)) {
            identity.claims.entry("actors".to_owned()).or_default().insert(subject);
        }
        before = actor.get("act");
    }
    if before.is_some() { Err(Rejected::TooMuch) } else { Ok(()) }
}

/// The client to which a token was given.
fn client(claims: &Map<String, Value>) -> Option<String> {
    CLIENTS.iter().find_map(|name| text_of(claims, name))
}

/// Whether a client got the token for itself and not for a person.
fn is_clients_own(claims: &Map<String, Value>, client: Option<&str>) -> bool {
    if text_of(claims, "gty").as_deref() == Some("client-credentials")
        || text_of(claims, "idtyp").as_deref() == Some("app")
    {
        return true;
    }
    let Some(client) = client else { return false };
    // Keycloak makes an account for the client, with a name of this form that persons cannot have there.
    if text_of(claims, "preferred_username").is_some_and(|name| name == format!("service-account-{client}")) {
        return true;
    }
    text_of(claims, "sub").is_some_and(|subject| subject == client)
        && !OF_PERSONS.iter().any(|name| claims.contains_key(*name))
}

/// The claim and value by which the bearer is known for an agent.
fn agent(claims: &Map<String, Value>, settings: &IssuerSettings) -> Option<(String, String)> {
    settings.agents.iter().find_map(|sign| {
        let said = if CLIENTS.contains(&sign.claim.as_str()) {
            // Issuers name the client by one claim or another: who writes one of them means the client.
            CLIENTS.iter().flat_map(|name| texts_at(claims, name)).collect()
        } else {
            texts_at(claims, &sign.claim)
        };
        Some((sign.claim.clone(), sign.found(&said)?.to_owned()))
    })
}

/// The name of the token's subject.
fn name(claims: &Map<String, Value>, settings: &IssuerSettings) -> Result<String, Rejected> {
    if let Some(path) = &settings.name_claim {
        // A claim that the configuration names is the name or there is none: falling back to another claim would
        // let people choose by which name they are called.
        let said = texts_at(claims, path);
        return match said.first() {
            Some(name) if is_name(name) => Ok((*name).to_owned()),
            Some(name) => Err(Rejected::Unnamed(format!("its {path:?} is {}", quoted(name)))),
            None => Err(Rejected::Unnamed(format!("it has no {path:?}"))),
        };
    }
    let verified = texts_at(claims, "email_verified").first() == Some(&"true");
    let candidates = ["preferred_username", "email", "sub"];
    candidates
        .into_iter()
        .filter(|claim| *claim != "email" || verified)
        .filter_map(|claim| text_of(claims, claim))
        .find(|name| is_name(name))
        .ok_or_else(|| Rejected::Unnamed("it has no preferred_username, verified email or sub".to_owned()))
}

#[cfg(test)]
mod tests;
