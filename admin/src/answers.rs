//! The answers that many requests can get, as the document describes them.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::{Content, Ref, RefOr, Response as Described};

/// Answers that any request can get.
pub(crate) struct Usual;

/// Answers to whoever is not recognised, or may not.
pub(crate) struct Guarded;

/// The answer where there is no such thing.
pub(crate) struct Missing;

/// The answers to a body that is not as it should be.
pub(crate) struct Misread;

/// The answer where something else stands in the way.
pub(crate) struct Conflict;

fn problems(of: &[(&str, &str)]) -> BTreeMap<String, RefOr<Described>> {
    let problem = |description: &str| {
        let mut response = Described::new(description);
        let schema = RefOr::Ref(Ref::from_schema_name("Problem"));
        response.content.insert("application/problem+json".to_owned(), Content::new(Some(schema)).into());
        RefOr::T(response)
    };
    of.iter().map(|(status, description)| ((*status).to_owned(), problem(description))).collect()
}

impl IntoResponses for Usual {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        problems(&[
            ("400", "The request is not understood."),
            ("500", "Something is out of order in the gateway; its log says what."),
            ("503", "The gateway does not get to it."),
        ])
    }
}

impl IntoResponses for Guarded {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        problems(&[
            ("401", "Nobody is recognised by what was given. `WWW-Authenticate` says what can be."),
            ("403", "The policy does not permit it; `rules` says which rules forbid it."),
            ("429", "There were too many wrong logins. `Retry-After` says when to try again."),
        ])
    }
}

impl IntoResponses for Missing {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        problems(&[("404", "There is no such thing.")])
    }
}

impl IntoResponses for Misread {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        problems(&[
            ("408", "The body did not arrive in time."),
            ("413", "The body is too large."),
            ("415", "The body is not JSON by its type."),
            ("422", "The body is understood, and cannot be: `detail` says why."),
        ])
    }
}

impl IntoResponses for Conflict {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        problems(&[("409", "Something else stands in the way.")])
    }
}
