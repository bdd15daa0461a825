//! What went wrong, as JSON (RFC 9457, problem details).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wiretape_approval::Rejected;

use crate::office::{Denied, Failure, Unfit, Unrecognised};

/// What went wrong (RFC 9457). The type is always `about:blank`: the status says what kind of problem it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Problem {
    /// `about:blank`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The status of HTTP in words.
    pub(crate) title: String,
    /// The status of HTTP.
    #[schema(minimum = 400, maximum = 599)]
    pub(crate) status: u16,
    /// What went wrong here.
    pub(crate) detail: String,
    /// The rules that forbid it, where rules do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) rules: Vec<String>,
    /// When to try again, in seconds; then `Retry-After` says it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<u64>,
}

impl Problem {
    /// A problem of status `status`.
    #[must_use]
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            ..Self::default()
        }
    }

    /// There is no such thing.
    #[must_use]
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no such {what}"))
    }

    /// Something is out of order in the gateway: the log says what, the caller hears no more.
    #[must_use]
    pub(crate) fn out_of_order(what: impl std::fmt::Display) -> Self {
        tracing::error!("the API could not answer: {what}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "something is out of order in the gateway; its log says what")
    }

    /// The office did not answer in time.
    #[must_use]
    pub(crate) fn late() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the gateway did not get to it in time")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // A few texts and numbers: they are always JSON.
        let body = serde_json::to_string(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let fields = response.headers_mut();
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            for scheme in ["Bearer realm=\"wiretape\"", "Basic realm=\"wiretape\", charset=\"UTF-8\""] {
                fields.append(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
            }
        }
        if let Some(seconds) = self.retry_after {
            fields.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Unrecognised> for Problem {
    fn from(unrecognised: Unrecognised) -> Self {
        match unrecognised {
            Unrecognised::Wrong(text) => Self::new(StatusCode::UNAUTHORIZED, text),
            Unrecognised::HeldOff { seconds } => Self {
                retry_after: Some(seconds),
                ..Self::new(StatusCode::TOO_MANY_REQUESTS, unrecognised.to_string())
            },
        }
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let forbidden = denied.is_forbidden();
        let text = match (denied.text.is_empty(), forbidden) {
            (false, _) => denied.text,
            (true, false) => "nothing permits it".to_owned(),
            (true, true) => format!("forbidden by {}", denied.rules.join(", ")),
        };
        Self { rules: if forbidden { denied.rules } else { Vec::new() }, ..Self::new(StatusCode::FORBIDDEN, text) }
    }
}

impl From<Rejected> for Problem {
    fn from(rejected: Rejected) -> Self {
        let status = match rejected {
            Rejected::Unknown => StatusCode::NOT_FOUND,
            Rejected::OwnQuestion | Rejected::NotEntitled(_) => StatusCode::FORBIDDEN,
            Rejected::Over(_) | Rejected::AlreadyAnswered | Rejected::NotNeeded(_) => StatusCode::CONFLICT,
            Rejected::TooFar { .. } | Rejected::WhyTooLong { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, rejected.to_string())
    }
}

impl From<Unfit> for Problem {
    fn from(unfit: Unfit) -> Self {
        let status = match unfit {
            Unfit::Unknown(_) => StatusCode::NOT_FOUND,
            Unfit::Taken(_) | Unfit::Configured(_) => StatusCode::CONFLICT,
            Unfit::Faulty(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Unfit::NotKept(_) => return Self::out_of_order(unfit),
        };
        Self::new(status, unfit.to_string())
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Useless(text) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, text),
            Failure::NotOffered(text) => Self::new(StatusCode::CONFLICT, text),
            Failure::OutOfOrder(text) => Self::out_of_order(text),
        }
    }
}
