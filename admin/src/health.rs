//! Whether the gateway is well.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answers::{Guarded, Usual};
use crate::desk::{Desk, Who};
use crate::metrics;
use crate::office::Task;
use crate::problem::Problem;

/// How the gateway is.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`.
    pub(crate) status: String,
}

fn ok() -> Json<Health> {
    Json(Health { status: "ok".to_owned() })
}

/// Whether the gateway runs.
#[utoipa::path(
    get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, description = "It runs.", body = Health), Usual)
)]
pub(crate) async fn healthz() -> Json<Health> {
    ok()
}

/// Whether the gateway takes sessions.
#[utoipa::path(
    get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, description = "It takes sessions.", body = Health), Usual)
)]
pub(crate) async fn readyz(State(desk): State<Arc<Desk>>) -> Result<Json<Health>, Problem> {
    match desk.office.ready() {
        Ok(()) => Ok(ok()),
        Err(missing) => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, missing)),
    }
}

/// The figures of the gateway, as Prometheus reads them.
#[utoipa::path(
    get, path = "/metrics", tag = "health",
    responses(
        (status = 200, description = "Prometheus' text format, version 0.0.4.", body = String, content_type = "text/plain"),
        Guarded,
        Usual,
    )
)]
pub(crate) async fn metrics(State(desk): State<Arc<Desk>>, who: Who) -> Result<Response, Problem> {
    desk.may(&who.caller, Task::MetricsRead, "")?;
    let mut figures = desk.office.figures();
    figures.extend(desk.figures());
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, metrics::written(&figures)).into_response())
}
