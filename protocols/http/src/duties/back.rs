//! The way back: what a target says of its own places, in terms of those that the client knows.

use bytes::Bytes;

use super::below;
use crate::{Route, check};

/// A URI reference in the client's terms; `None` when it stays as it is.
///
/// A path, or a URL of the target's own, becomes a path: with it the client needs no other name of the gateway. A path
/// that is not below the base of the target is none that the client can reach, and is left alone.
pub(super) fn reference(value: &Bytes, route: &Route) -> Option<Bytes> {
    let path = if value.starts_with(b"/") && !value.starts_with(b"//") {
        &value[..]
    } else {
        let (scheme, behind) = match value.iter().position(|octet| matches!(octet, b':' | b'/' | b'?' | b'#')) {
            Some(0) if value.starts_with(b"//") => (route.scheme.as_bytes(), value.get(2..)?),
            Some(end) => (value.get(..end)?, value.get(end..)?.strip_prefix(b"://")?),
            None => return None,
        };
        let end = behind.iter().position(|octet| matches!(octet, b'/' | b'?' | b'#')).unwrap_or(behind.len());
        let (authority, path) = behind.split_at(end);
        if !scheme.eq_ignore_ascii_case(route.scheme.as_bytes())
            || !check::agrees(authority, route.authority.as_bytes(), route.scheme.as_bytes())
        {
            return None;
        }
        path
    };
    let rest = below(path, route.base.as_bytes())?;
    let mut changed = route.prefix.clone().into_bytes();
    if !rest.starts_with(b"/") {
        changed.push(b'/');
    }
    changed.extend_from_slice(rest);
    // What begins with two slashes would be read as another host.
    (changed != value[..] && !changed.starts_with(b"//")).then(|| changed.into())
}

/// `5; url=/path`, in the client's terms.
pub(super) fn refresh(value: &Bytes, route: &Route) -> Option<Bytes> {
    let at = value.windows(4).position(|window| window.eq_ignore_ascii_case(b"url="))? + 4;
    let (front, url) = (value.get(..at)?, value.slice(at..));
    let quote = url.first().copied().filter(|octet| matches!(octet, b'"' | b'\''));
    let Some(quote) = quote else { return Some([front, &reference(&url, route)?].concat().into()) };
    let url = url.slice(1..);
    let end = url.iter().position(|&octet| octet == quote)?;
    let changed = reference(&url.slice(..end), route)?;
    Some([front, &[quote], &changed, url.get(end..)?].concat().into())
}

/// A Set-Cookie in the client's terms (RFC 6265 section 4.1): its Path below the prefix, and without the Domain, which
/// names hosts of the target's.
pub(super) fn cookie(value: &Bytes, route: &Route) -> Option<Bytes> {
    let mut parts = value.split(|&octet| octet == b';');
    let pair = parts.next()?;
    // Such a cookie is only kept with `Path=/`.
    let bound = pair.trim_ascii_start().get(..7).is_some_and(|name| name.eq_ignore_ascii_case(b"__Host-"));
    let mut changed = pair.to_vec();
    for part in parts {
        let attribute = part.trim_ascii();
        let (name, said) = match attribute.iter().position(|&octet| octet == b'=') {
            Some(place) => (attribute.get(..place)?.trim_ascii(), attribute.get(place + 1..)?.trim_ascii()),
            None => (attribute, &b""[..]),
        };
        if name.eq_ignore_ascii_case(b"domain") {
            continue;
        }
        changed.push(b';');
        if name.eq_ignore_ascii_case(b"path") && said.starts_with(b"/") && !bound {
            changed.extend_from_slice(b" Path=");
            changed.extend_from_slice(&cookie_path(said, route));
        } else {
            changed.extend_from_slice(part);
        }
    }
    (changed != value[..]).then(|| changed.into())
}

/// A cookie's path: what is above the base holds for all of it.
fn cookie_path(path: &[u8], route: &Route) -> Vec<u8> {
    let prefix = route.prefix.as_bytes();
    let base = route.base.as_bytes();
    let rest = match below(path, base) {
        Some(b"/") => b"",
        Some(rest) => rest,
        None if below(base, path.strip_suffix(b"/").unwrap_or(path)).is_some() => b"",
        // Elsewhere at the target: nothing that goes through the gateway reaches it.
        None => return path.to_vec(),
    };
    let changed = [prefix, rest].concat();
    if changed.is_empty() { b"/".to_vec() } else { changed }
}
