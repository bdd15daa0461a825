//! Revocations: who, and which tokens and certificates, are not to be let in any more.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wiretape_replay::wallclock::exact;

use crate::answers::{Conflict, Guarded, Misread, Missing, Usual};
use crate::desk::{Brought, Desk, Named, Who};
use crate::office::{self, Task};
use crate::problem::Problem;

/// What can be revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Revocable {
    /// A person, agent or service, by name.
    Person,
    /// A token or certificate, by its id.
    Token,
}

/// A revocation.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Revocation {
    /// What is revoked.
    pub(crate) kind: Revocable,
    /// The name, or the id.
    pub(crate) name: String,
    /// Since when.
    pub(crate) since: String,
}

/// Revocations.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Revocations {
    /// All that are in force.
    pub(crate) revocations: Vec<Revocation>,
}

/// What is to be revoked.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Revoking {
    /// What.
    pub(crate) kind: Revocable,
    /// The name, or the id.
    #[schema(min_length = 1, max_length = 250)]
    pub(crate) name: String,
}

impl Revocation {
    fn shown(revocation: &office::Revocation) -> Self {
        let (kind, name) = match &revocation.what {
            office::Revoked::Person(name) => (Revocable::Person, name.clone()),
            office::Revoked::Token(id) => (Revocable::Token, id.clone()),
        };
        Self { kind, name, since: exact(revocation.since_unix_nanos) }
    }
}

/// Letters of a name or an id.
const NAME_LETTERS_MAX: usize = 250;

impl Revocable {
    fn called(self, name: String) -> Result<office::Revoked, Problem> {
        if name.is_empty() || name.chars().count() > NAME_LETTERS_MAX {
            let text = format!("a name has 1 to {NAME_LETTERS_MAX} letters");
            return Err(Problem::new(StatusCode::BAD_REQUEST, text));
        }
        Ok(match self {
            Self::Person => office::Revoked::Person(name),
            Self::Token => office::Revoked::Token(name),
        })
    }
}

/// Everybody and everything that is revoked.
#[utoipa::path(
    get, path = "/v1/revocations", tag = "login",
    responses((status = 200, description = "The revocations.", body = Revocations), Guarded, Usual)
)]
pub(crate) async fn list(State(desk): State<Arc<Desk>>, who: Who) -> Result<Json<Revocations>, Problem> {
    desk.may(&who.caller, Task::RevocationWrite, "")?;
    Ok(Json(Revocations { revocations: desk.office.revocations().iter().map(Revocation::shown).collect() }))
}

/// Revokes a person, or a token or certificate. Open sessions end as the settings say.
#[utoipa::path(
    post, path = "/v1/revocations", tag = "login", request_body = Revoking,
    responses(
        (status = 201, description = "It is revoked.", body = Revocation),
        Guarded, Misread, Conflict, Usual,
    )
)]
pub(crate) async fn revoke(
    State(desk): State<Arc<Desk>>,
    who: Who,
    Brought(revoking): Brought<Revoking>,
) -> Result<(StatusCode, Json<Revocation>), Problem> {
    desk.may(&who.caller, Task::RevocationWrite, "")?;
    let what = revoking.kind.called(revoking.name)?;
    let revocation = desk.ask(desk.office.revoke(&who.caller, what)).await??;
    Ok((StatusCode::CREATED, Json(Revocation::shown(&revocation))))
}

/// Takes a revocation back.
#[utoipa::path(
    delete, path = "/v1/revocations/{kind}/{name}", tag = "login",
    params(
        ("kind" = String, Path, description = "`person` or `token`.", pattern = "^(person|token)$"),
        ("name" = String, Path, description = "The name, or the id.", min_length = 1, max_length = 250),
    ),
    responses(
        (status = 204, description = "It is not revoked any more."),
        Guarded, Missing, Conflict, Misread, Usual,
    )
)]
pub(crate) async fn reinstate(
    State(desk): State<Arc<Desk>>,
    who: Who,
    Named((kind, name)): Named<(String, String)>,
) -> Result<StatusCode, Problem> {
    desk.may(&who.caller, Task::RevocationWrite, "")?;
    let kind = match kind.as_str() {
        "person" => Revocable::Person,
        "token" => Revocable::Token,
        _ => return Err(Problem::not_found("revocation")),
    };
    let what = kind.called(name)?;
    match desk.ask(desk.office.reinstate(&who.caller, &what)).await?? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found("revocation")),
    }
}
