//! Logging in: what has to be known for it, and certificates for SSH.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::answers::{Conflict, Guarded, Misread, Usual};
use crate::desk::{Brought, Desk, Who};
use crate::problem::Problem;

/// Where people log in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Login {
    /// The issuers; empty where nobody logs in.
    pub(crate) issuers: Vec<LoginIssuer>,
    /// Where the gateway listens for SSH, `host:port`; missing when it does not say.
    #[serde(default)]
    #[schema(required = false)]
    pub(crate) ssh: String,
    /// Where it listens for PostgreSQL's clients, the same way.
    #[serde(default)]
    #[schema(required = false)]
    pub(crate) postgres: String,
    /// Where it listens for HTTP, the same way.
    #[serde(default)]
    #[schema(required = false)]
    pub(crate) http: String,
}

/// One issuer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct LoginIssuer {
    /// Its name in the configuration.
    pub(crate) name: String,
    /// Its URL.
    pub(crate) url: String,
    /// What the gateway is called there.
    pub(crate) client_id: String,
    /// What to ask for.
    pub(crate) scopes: Vec<String>,
    /// Which of its tokens the gateway takes: `id_token` or `access_token`.
    pub(crate) token: String,
    /// The resource indicator (RFC 8707); empty for none.
    pub(crate) resource: String,
}

/// What is to be certified.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CertificateAsked {
    /// A public key, as OpenSSH writes it: `ssh-ed25519 AAAA…`.
    #[schema(max_length = 16384)]
    pub(crate) public_key: String,
}

/// A certificate.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Certificate {
    /// As OpenSSH writes it.
    pub(crate) certificate: String,
    /// Whose it is.
    pub(crate) name: String,
    /// `person`, `agent` or `service`.
    pub(crate) kind: String,
    /// Its number.
    pub(crate) serial: String,
    /// When it ends, in seconds since 1970-01-01 UTC.
    pub(crate) expires_unix: u64,
    /// The key of the authority that signed it.
    pub(crate) authority: String,
}

/// Where people log in. Public: it holds no secret.
#[utoipa::path(
    get, path = "/v1/login", tag = "login", security(()),
    responses((status = 200, description = "The issuers.", body = Login), Usual)
)]
pub(crate) async fn login(State(desk): State<Arc<Desk>>) -> Json<Value> {
    Json(desk.office.login())
}

/// A short-lived certificate for SSH, for whoever an issuer's token names.
#[utoipa::path(
    post, path = "/v1/certificates", tag = "login", request_body = CertificateAsked,
    responses(
        (status = 200, description = "The certificate.", body = Certificate),
        Guarded, Misread, Conflict, Usual,
    )
)]
pub(crate) async fn certify(
    State(desk): State<Arc<Desk>>,
    who: Who,
    Brought(asked): Brought<CertificateAsked>,
) -> Result<Json<Value>, Problem> {
    let certificate = desk.office.certify(&who.caller, who.credentials, asked.public_key);
    Ok(Json(desk.ask(certificate).await??))
}
