//! What the gateway and `wiretape login` say to each other. `docs/IDENTITY.md` describes it for others.

use serde::{Deserialize, Serialize};

use crate::settings::LoginToken;

/// The answer of `GET /v1/login`: at whom one can log in, and where the gateway then is. Nothing in it is secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginOffer {
    /// The issuers; the first is asked when the person names none.
    pub issuers: Vec<IssuerOffer>,
    /// Where the gateway listens for SSH, `host:port`; empty when it does not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ssh: String,
    /// Where it listens for PostgreSQL's clients, the same way.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub postgres: String,
    /// Where it listens for HTTP, the same way.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub http: String,
}

/// One issuer of a [`LoginOffer`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerOffer {
    /// What the gateway's configuration calls it.
    pub name: String,
    /// Its URL.
    pub url: String,
    /// The client that asks: a public one.
    pub client_id: String,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// Which of its tokens the gateway wants.
    #[serde(default)]
    pub token: LoginToken,
    /// What the token shall be for (RFC 8707); empty: not said.
    #[serde(default)]
    pub resource: String,
}

/// The body of `POST /v1/certificates`, asked with a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateRequest {
    /// The key to certify, as a line of `authorized_keys` without options.
    pub public_key: String,
}

/// The answer to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateGrant {
    /// The certificate, as `ssh` reads it from a file.
    pub certificate: String,
    /// The name of the principal.
    pub name: String,
    /// What the principal is: `person`, `agent`, `service`.
    pub kind: String,
    /// The certificate's number: a decimal number, as text because it has 64 bits.
    pub serial: String,
    /// When it ends, in seconds since 1970-01-01 UTC.
    pub expires_unix: u64,
    /// The key that signed it, as a line of `authorized_keys`.
    pub authority: String,
}
