//! Who reads the content of an exchange, and what it is told of it.

use bytes::Bytes;
use wiretape_core::{ByteWire, Carrier, Lane, NestedWires, nest};

use crate::{Field, RequestHead, Route, check};

/// The wire for the content of an exchange, and the media type of what it answers of its own.
pub(super) fn reader(
    lane: Lane,
    head: &RequestHead,
    path: Bytes,
    route: &Route,
    nested: &dyn NestedWires,
) -> Option<(ByteWire, Bytes)> {
    let said = head.fields.iter().find(|field| field.name.eq_ignore_ascii_case(b"content-type"));
    let media_type = said.map(|field| media_type(&field.value)).unwrap_or_default();
    let answers = answer_type(&path, &media_type);
    let content = nest::Content { method: head.method.clone(), path, media_type, renamed: renamed(head, route) };
    let wire = nested.wire(lane, &Carrier::Content(Box::new(content)))?;
    Some((wire, answers))
}

/// A media type in lower case, without its parameters (RFC 9110 section 8.3.1).
fn media_type(value: &Bytes) -> Bytes {
    let name = value.split(|&octet| octet == b';').next().unwrap_or_default().trim_ascii();
    name.to_ascii_lowercase().into()
}

/// Whether a response is of the type that its request calls for. Servers that know nothing of the service answer with
/// something else (gitprotocol-http(5): a client has to look).
pub(super) fn is_expected(fields: &[Field], expected: &Bytes) -> bool {
    if ![&b"-result"[..], b"-advertisement"].iter().any(|kind| expected.ends_with(kind)) {
        return true;
    }
    let said = fields.iter().find(|field| field.name.eq_ignore_ascii_case(b"content-type"));
    said.is_some_and(|field| media_type(&field.value) == *expected)
}

/// What the answer to a request is of: a `-result` to a `-request`, and what a service of Git advertises
/// (gitprotocol-http(5)); otherwise the same.
fn answer_type(path: &[u8], media_type: &Bytes) -> Bytes {
    if let Some(kind) = media_type.strip_suffix(b"-request") {
        return [kind, b"-result"].concat().into();
    }
    let query = path.splitn(2, |&octet| octet == b'?').nth(1).unwrap_or_default();
    let service = query.split(|&octet| octet == b'&').find_map(|parameter| parameter.strip_prefix(b"service="));
    match service.filter(|service| check::is_token(service)) {
        Some(service) => [b"application/x-", service, b"-advertisement"].concat().into(),
        None if media_type.is_empty() => Bytes::from_static(b"application/octet-stream"),
        None => media_type.clone(),
    }
}

/// How the target's own URLs begin, and those that lead to it through the gateway, where they are not the same.
fn renamed(head: &RequestHead, route: &Route) -> Option<(Bytes, Bytes)> {
    if route.authority.is_empty() {
        return None;
    }
    let scheme = if route.scheme.is_empty() { &head.scheme[..] } else { route.scheme.as_bytes() };
    let there = [scheme, b"://", route.authority.as_bytes(), route.base.as_bytes()].concat();
    let here = [&head.scheme[..], b"://", &head.authority, route.prefix.as_bytes()].concat();
    (there != here).then(|| (there.into(), here.into()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use wiretape_core::event::HttpVersion;

    use super::{answer_type, is_expected, media_type, renamed};
    use crate::{Content, Field, RequestHead, Route};

    #[test]
    fn an_answer_is_of_the_type_that_its_request_calls_for() {
        let of = |path: &str, said: &'static str| {
            let said = media_type(&Bytes::from_static(said.as_bytes()));
            String::from_utf8(answer_type(path.as_bytes(), &said).to_vec()).unwrap()
        };
        let result = "application/x-git-receive-pack-result";
        assert_eq!(of("/a.git/git-receive-pack", "Application/x-git-receive-pack-request; x=1"), result);
        let advertisement = "application/x-git-upload-pack-advertisement";
        assert_eq!(of("/a.git/info/refs?x=1&service=git-upload-pack", ""), advertisement);
        assert_eq!(of("/a.git/info/refs?service=a%0d%0ab", ""), "application/x-a%0d%0ab-advertisement");
        assert_eq!(of("/a.git/info/refs?service=a b", ""), "application/octet-stream");
        assert_eq!(of("/a", "text/plain"), "text/plain");
    }

    #[test]
    fn an_answer_of_another_type_is_not_read() {
        let advertisement = Bytes::from_static(b"application/x-git-upload-pack-advertisement");
        let said = |value: &'static str| [Field { name: "Content-Type".into(), value: value.into() }];
        assert!(is_expected(&said("Application/x-git-upload-pack-advertisement"), &advertisement));
        assert!(!is_expected(&said("text/plain; charset=utf-8"), &advertisement));
        assert!(!is_expected(&[], &advertisement));
        assert!(is_expected(&[], &Bytes::from_static(b"application/vnd.git-lfs+json")));
    }

    #[test]
    fn the_targets_own_urls_are_named_where_the_client_has_other_ones() {
        let head = RequestHead {
            version: HttpVersion::Http11,
            method: "GET".into(),
            scheme: "https".into(),
            authority: "gateway:8443".into(),
            path: "/forge/a".into(),
            protocol: None,
            fields: Vec::new(),
            content: Content::Empty,
        };
        let mut route = Route { authority: "git.internal".to_owned(), ..Route::default() };
        (route.scheme, route.base, route.prefix) = ("http".to_owned(), "/base".to_owned(), "/forge".to_owned());
        let names = ("http://git.internal/base".into(), "https://gateway:8443/forge".into());
        assert_eq!(renamed(&head, &route), Some(names));
        assert_eq!(renamed(&head, &Route::default()), None);
        let same = Route { authority: "gateway:8443".to_owned(), scheme: "https".to_owned(), ..Route::default() };
        assert_eq!(renamed(&head, &same), None);
    }
}
