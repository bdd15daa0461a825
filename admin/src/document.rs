//! The OpenAPI document of the API: made from what answers the requests, and kept in `docs/openapi.json`.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, RefOr, Schema};
use utoipa::{Modify, OpenApi};

use crate::answers::Usual;
use crate::problem::Problem;
use crate::{approvals, certificates, events, health, policies, revocations, sessions, targets};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "wiretape",
        description = "The API of a wiretape gateway: sessions and their recordings, approvals, targets, policies. \
            Errors are problem details (RFC 9457). Times are RFC 3339 in UTC. Every word that is sent and not known is \
            an error."
    ),
    paths(
        health::healthz, health::readyz, health::metrics, serve,
        certificates::login, certificates::certify,
        sessions::list, sessions::one, sessions::end, events::read,
        approvals::list, approvals::one, approvals::approve, approvals::refuse, approvals::take_back,
        targets::list, targets::create, targets::one, targets::put, targets::remove,
        policies::check,
        revocations::list, revocations::revoke, revocations::reinstate,
    ),
    components(schemas(Problem)),
    modifiers(&Schemes),
    security(("token" = []), ("password" = [])),
    tags(
        (name = "sessions", description = "Recorded and live sessions."),
        (name = "approvals", description = "Questions that wait for people."),
        (name = "targets", description = "What is behind the gateway."),
        (name = "policy", description = "Who may do what."),
        (name = "login", description = "Who somebody is."),
        (name = "health", description = "How the gateway is."),
    )
)]
struct Api;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let mut scheme = |name: &str, scheme: HttpAuthScheme, description: &str| {
            let http = HttpBuilder::new().scheme(scheme).description(Some(description)).build();
            components.add_security_scheme(name, SecurityScheme::Http(http));
        };
        scheme(
            "token",
            HttpAuthScheme::Bearer,
            "A token of an issuer (`wiretape token`), or one of the gateway's own.",
        );
        scheme("password", HttpAuthScheme::Basic, "A name and, as the password, a token.");
    }
}

/// The OpenAPI document.
#[must_use]
pub fn document() -> Document {
    let mut document = Api::openapi();
    let license = utoipa::openapi::LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build();
    document.info.license = Some(license);
    let actions = document.components.as_mut().and_then(|components| components.schemas.get_mut("CheckAction"));
    if let Some(RefOr::T(Schema::OneOf(actions))) = actions {
        for action in &mut actions.items {
            if let RefOr::T(Schema::Object(action)) = action {
                // What is not known is refused; for an enum that is told apart by a field the macro does not say so.
                action.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
            }
        }
    }
    for item in document.paths.paths.values_mut() {
        let operations: [&mut Option<Operation>; 4] = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            // What is answered to a whole family of paths is described once, above.
            if let Some(id) = &mut operation.operation_id {
                let tag = operation.tags.as_ref().and_then(|tags| tags.first()).cloned().unwrap_or_default();
                *id = format!("{tag}_{id}");
            }
        }
    }
    document
}

/// The OpenAPI document, as text that ends with a line feed.
#[must_use]
pub fn written() -> String {
    // Made of texts alone: it is always JSON.
    let mut text = document().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// This document.
#[utoipa::path(
    get, path = "/v1/openapi.json", tag = "health", security(()), operation_id = "openapi",
    responses((status = 200, description = "An OpenAPI 3.1 document.", body = Object), Usual)
)]
pub(crate) async fn serve() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], written()).into_response()
}
