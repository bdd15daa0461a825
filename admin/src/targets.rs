//! Targets: what is behind the gateway, and changes to it at run time.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::answers::{Conflict, Guarded, Misread, Missing, Usual};
use crate::desk::{Brought, Desk, Named, Who};
use crate::office::{Known, Task, Unfit};
use crate::problem::Problem;

/// A target.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Target {
    /// Its name.
    pub(crate) name: String,
    /// Whether it was created by this API; others stand in the configuration file and are changed there.
    pub(crate) at_run_time: bool,
    /// The fields of a `[[target]]` table; docs/CONFIG.md says what each means. Credentials stand in it by reference.
    #[schema(value_type = Object)]
    pub(crate) table: Value,
}

/// Targets.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Targets {
    /// In the order of their names.
    pub(crate) targets: Vec<Target>,
}

/// The fields of a `[[target]]` table; docs/CONFIG.md says what each means, and which belong to which kind.
///
/// A target that is created at run time runs no program: it is of no kind `command`, and its credential comes from none.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) struct TargetTable {
    /// What clients call it.
    #[schema(pattern = "^[0-9A-Za-z][0-9A-Za-z._-]{0,62}$")]
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: TargetKind,
    /// The other fields.
    #[serde(flatten)]
    pub(crate) more: Map<String, Value>,
}

/// What a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TargetKind {
    /// An SSH server.
    Ssh,
    /// A PostgreSQL server.
    Postgres,
    /// An HTTP server.
    Http,
    /// Hosts that the forward proxy lets through untouched.
    Tunnel,
}

/// A target without what is nobody's business.
fn shown(known: Known) -> Target {
    let mut table = known.table;
    // Of a program that prints a secret, the arguments may be one.
    if let Some(Value::Array(words)) = table.pointer_mut("/credential/command") {
        words.truncate(1);
    }
    Target { name: known.name, at_run_time: known.at_run_time, table }
}

/// What may be asked for at run time, as the office takes it.
fn fit(table: TargetTable) -> Result<Value, Problem> {
    let program = |key: &str| table.more.get(key).is_some_and(|value| !value.is_null());
    let by_program = table.more.get("credential").is_some_and(|credential| credential.get("command").is_some());
    if program("command") || program("exec") || by_program {
        let text = "a target that is created at run time runs no program on the gateway: use the configuration file";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, text));
    }
    serde_json::to_value(table).map_err(Problem::out_of_order)
}

/// Every target that the caller may know of.
#[utoipa::path(
    get, path = "/v1/targets", tag = "targets",
    responses((status = 200, description = "The targets.", body = Targets), Guarded, Usual)
)]
pub(crate) async fn list(State(desk): State<Arc<Desk>>, who: Who) -> Result<Json<Targets>, Problem> {
    let all = desk.may(&who.caller, Task::TargetRead, "");
    let mut targets = desk.office.targets();
    targets.retain(|target| desk.shows(&who.caller, Task::TargetRead, &target.name, all.is_ok()));
    if let (Err(denied), true) = (all, targets.is_empty()) {
        return Err(denied.into());
    }
    targets.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(Json(Targets { targets: targets.into_iter().map(shown).collect() }))
}

/// Creates a target, for sessions that begin from now on. It outlives a restart.
#[utoipa::path(
    post, path = "/v1/targets", tag = "targets", request_body = TargetTable,
    responses(
        (status = 201, description = "It is there.", body = Target),
        Guarded, Misread, Conflict, Usual,
    )
)]
pub(crate) async fn create(
    State(desk): State<Arc<Desk>>,
    who: Who,
    Brought(table): Brought<TargetTable>,
) -> Result<(StatusCode, Json<Target>), Problem> {
    desk.may(&who.caller, Task::TargetWrite, &table.name)?;
    let known = desk.ask(desk.office.put_target(&who.caller, fit(table)?, true)).await??;
    Ok((StatusCode::CREATED, Json(shown(known))))
}

/// One target.
#[utoipa::path(
    get, path = "/v1/targets/{name}", tag = "targets",
    params(("name" = String, Path, description = "Its name.", pattern = "^[0-9A-Za-z][0-9A-Za-z._-]{0,62}$")),
    responses((status = 200, description = "The target.", body = Target), Guarded, Missing, Usual)
)]
pub(crate) async fn one(State(desk): State<Arc<Desk>>, who: Who, Named(name): Named) -> Result<Json<Target>, Problem> {
    desk.may(&who.caller, Task::TargetRead, &name)?;
    let known = desk.office.targets().into_iter().find(|target| target.name == name);
    known.map(|known| Json(shown(known))).ok_or_else(|| Unfit::Unknown(name).into())
}

/// Changes a target that was created at run time, for sessions that begin from now on.
#[utoipa::path(
    put, path = "/v1/targets/{name}", tag = "targets", request_body = TargetTable,
    params(("name" = String, Path, description = "Its name.", pattern = "^[0-9A-Za-z][0-9A-Za-z._-]{0,62}$")),
    responses(
        (status = 200, description = "It is changed.", body = Target),
        Guarded, Missing, Misread, Conflict, Usual,
    )
)]
pub(crate) async fn put(
    State(desk): State<Arc<Desk>>,
    who: Who,
    Named(name): Named,
    Brought(table): Brought<TargetTable>,
) -> Result<Json<Target>, Problem> {
    desk.may(&who.caller, Task::TargetWrite, &name)?;
    if table.name != name {
        let text = "the name in the body is not the name in the path: a target keeps its name";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, text));
    }
    let known = desk.ask(desk.office.put_target(&who.caller, fit(table)?, false)).await??;
    Ok(Json(shown(known)))
}

/// Removes a target that was created at run time. Open sessions go on.
#[utoipa::path(
    delete, path = "/v1/targets/{name}", tag = "targets",
    params(("name" = String, Path, description = "Its name.", pattern = "^[0-9A-Za-z][0-9A-Za-z._-]{0,62}$")),
    responses((status = 204, description = "It is gone."), Guarded, Missing, Conflict, Usual)
)]
pub(crate) async fn remove(State(desk): State<Arc<Desk>>, who: Who, Named(name): Named) -> Result<StatusCode, Problem> {
    desk.may(&who.caller, Task::TargetWrite, &name)?;
    desk.ask(desk.office.remove_target(&who.caller, &name)).await??;
    Ok(StatusCode::NO_CONTENT)
}
