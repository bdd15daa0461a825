//! What a token says of its bearer: looked up by path, and kept as plain texts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::limits::{CLAIM_LEVELS_MAX, CLAIM_NAME_BYTES_MAX, CLAIMS_MAX};
use crate::rejected::Rejected;

/// Claims that are about the token and say nothing of its bearer.
const OF_THE_TOKEN: [&str; 11] =
    ["iss", "exp", "nbf", "iat", "jti", "nonce", "at_hash", "c_hash", "s_hash", "sid", "auth_time"];

/// The value at `path`: names with dots between them, where a name may hold dots itself
/// (`https://example.com/groups`, `realm_access.roles`). The longest name that is there counts.
pub(crate) fn at<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    descend(claims, path, CLAIM_LEVELS_MAX + 1)
}

fn descend<'a>(claims: &'a Map<String, Value>, path: &str, levels: usize) -> Option<&'a Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    if levels == 0 {
        return None;
    }
    path.rmatch_indices('.').find_map(|(dot, _)| {
        let inner = claims.get(path.get(..dot)?)?.as_object()?;
        descend(inner, path.get(dot + 1..)?, levels - 1)
    })
}

/// The texts of a value: itself, or those in a list. A truth value counts as its name.
pub(crate) fn texts(value: &Value) -> Vec<&str> {
    fn one(value: &Value) -> Option<&str> {
        match value {
            Value::String(text) => Some(text),
            Value::Bool(true) => Some("true"),
            Value::Bool(false) => Some("false"),
            _ => None,
        }
    }
    match value {
        Value::Array(values) => values.iter().filter_map(one).collect(),
        value => one(value).into_iter().collect(),
    }
}

/// The texts at `path`; empty when there is nothing. `scope` is a list with spaces (RFC 8693 section 4.2).
pub(crate) fn texts_at<'a>(claims: &'a Map<String, Value>, path: &str) -> Vec<&'a str> {
    let texts = at(claims, path).map(texts).unwrap_or_default();
    if path == "scope" { texts.into_iter().flat_map(str::split_whitespace).collect() } else { texts }
}

/// Every claim about the bearer that is a text, a truth value, or a list of these, by its path.
///
/// # Errors
/// When there are more than are kept, or one has a longer name. Leaving some out would let a rule that forbids by one
/// of them pass by it.
pub(crate) fn attributes(claims: &Map<String, Value>) -> Result<BTreeMap<String, BTreeSet<String>>, Rejected> {
    let mut attributes = BTreeMap::new();
    collect(claims, "", 1, &mut attributes)?;
    Ok(attributes)
}

fn collect(
    claims: &Map<String, Value>,
    above: &str,
    level: usize,
    attributes: &mut BTreeMap<String, BTreeSet<String>>,
) -> Result<(), Rejected> {
    for (name, value) in claims {
        if level == 1 && OF_THE_TOKEN.contains(&name.as_str()) {
            continue;
        }
        let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        if let Value::Object(inner) = value {
            if level < CLAIM_LEVELS_MAX {
                collect(inner, &path, level + 1, attributes)?;
            }
            continue;
        }
        let mut texts = texts(value);
        if path == "scope" {
            texts = texts.into_iter().flat_map(str::split_whitespace).collect();
        }
        if texts.is_empty() {
            continue;
        }
        if path.len() > CLAIM_NAME_BYTES_MAX || attributes.len() >= CLAIMS_MAX {
            return Err(Rejected::TooMuch);
        }
        attributes.entry(path).or_default().extend(texts.into_iter().map(str::to_owned));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{attributes, texts_at};

    fn claims(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_path_leads_into_claims_and_names_may_hold_dots() {
        let claims = claims(json!({
            "groups": ["dev", 7, "ops"],
            "team": "core",
            "realm_access": {"roles": ["admin"]},
            "https://example.com/groups": ["url"],
            "kubernetes.io": {"serviceaccount": {"name": "builder"}},
            "resource_access": {"wire.tape": {"roles": ["r"]}},
            "scope": "a b",
        }));
        for (path, expected) in [
            ("groups", &["dev", "ops"][..]),
            ("team", &["core"]),
            ("realm_access.roles", &["admin"]),
            ("https://example.com/groups", &["url"]),
            ("kubernetes.io.serviceaccount.name", &["builder"]),
            ("resource_access.wire.tape.roles", &["r"]),
            ("scope", &["a", "b"]),
            ("realm_access", &[]),
            ("realm_access.nothing", &[]),
            ("nothing.at.all", &[]),
            ("", &[]),
            (".", &[]),
        ] {
            assert_eq!(texts_at(&claims, path), expected, "{path}");
        }
    }

    #[test]
    fn what_is_said_of_the_bearer_is_kept_down_to_three_levels() {
        let kept = attributes(&claims(json!({
            "iss": "x", "exp": 1, "sub": "ana", "email_verified": true, "n": 4, "empty": [],
            "a": {"b": {"c": ["1", "2"], "d": {"e": "too deep"}}},
        })))
        .unwrap();
        let names: Vec<&str> = kept.keys().map(String::as_str).collect();
        assert_eq!(names, ["a.b.c", "email_verified", "sub"]);
        assert_eq!(kept["a.b.c"].iter().collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn too_many_claims_are_refused_and_not_left_out() {
        let many: Map<String, Value> = (0..513).map(|number| (number.to_string(), json!("x"))).collect();
        assert!(attributes(&many).is_err());
        let long: Map<String, Value> = [("a".repeat(257), json!("x"))].into_iter().collect();
        assert!(attributes(&long).is_err());
    }
}
