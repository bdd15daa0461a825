//! What a request asks for, where its fields say otherwise than its first line: many frameworks of servers take a method or
//! a path from fields of their own (Rack, Symfony and Laravel `X-HTTP-Method-Override`; OData `X-HTTP-Method`; IIS's
//! rewriting `X-Original-URL`, `X-Rewrite-URL`). Whether a target does is not known here, so neither is what it is asked.

use bytes::Bytes;

use crate::{RequestHead, check, concealment};

/// Fields from which servers take another method.
const METHODS: [&[u8]; 3] = [b"x-http-method-override", b"x-http-method", b"x-method-override"];

/// Fields from which servers take another path.
const PATHS: [&[u8]; 2] = [b"x-original-url", b"x-rewrite-url"];

/// The method that is asked for, as it is judged. With other ones behind `>` (`POST>DELETE`), which no method has in it,
/// where fields name such.
///
/// A change of protocols by CONNECT (RFC 8441) is the GET that it is in HTTP/1.1, and that targets of HTTP/1.1 get.
pub(crate) fn method(head: &RequestHead) -> Bytes {
    let own = match head.protocol {
        Some(_) if &head.method[..] == b"CONNECT" => Bytes::from_static(b"GET"),
        _ => head.method.clone(),
    };
    let mut others = said(head, &METHODS).peekable();
    if others.peek().is_none() {
        return own;
    }
    let mut method = own.to_vec();
    for other in others {
        method.push(b'>');
        method.extend(other.iter().map(|octet| if check::is_token(&[*octet]) { *octet } else { b'?' }));
    }
    method.into()
}

/// What is judged behind the URL, where fields name another path: a space and `>`, which make it a URL that nobody
/// understands, and that path. Empty otherwise.
pub(crate) fn path(head: &RequestHead) -> Vec<u8> {
    said(head, &PATHS).flat_map(|path| [b" >", &concealment::url(&Bytes::copy_from_slice(path))[..]].concat()).collect()
}

/// The values of the fields that have one of `names`. Servers that put fields into variables take `_` for `-`.
fn said<'a>(head: &'a RequestHead, names: &'static [&'static [u8]]) -> impl Iterator<Item = &'a [u8]> {
    let is = |name: &[u8], other: &[u8]| {
        name.len() == other.len()
            && name
                .iter()
                .zip(other)
                .all(|(one, other)| one.eq_ignore_ascii_case(other) || (*one == b'_' && *other == b'-'))
    };
    // Most fields are spared a closer look.
    let meant = move |name: &[u8]| matches!(name, [b'x' | b'X', ..]) && names.iter().any(|other| is(name, other));
    head.fields.iter().filter(move |field| meant(&field.name)).map(|field| &field.value[..])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use wiretape_core::Lane;
    use wiretape_core::event::HttpVersion;
    use wiretape_core::judge::ActionKind;

    use crate::{Content, Field, RequestHead, Route, event};

    fn judged(method: &'static str, protocol: Option<Bytes>, said: &[(&'static str, &'static str)]) -> (Bytes, Bytes) {
        let field =
            |(name, value): &(&'static str, &'static str)| Field { name: (*name).into(), value: (*value).into() };
        let head = RequestHead {
            version: HttpVersion::Http2,
            method: method.into(),
            scheme: "https".into(),
            authority: "api.example".into(),
            path: "/orders".into(),
            protocol,
            fields: said.iter().map(field).collect(),
            content: Content::Empty,
        };
        let (_, action) = event::request(Lane(1), &head, &Arc::new(Route::default()));
        let ActionKind::Request { method, url } = action.kind else { panic!("{action:?}") };
        (method, url)
    }

    #[test]
    fn a_method_that_fields_override_is_judged_as_none_that_is_known() {
        for (name, value, method) in [
            ("X-HTTP-Method-Override", "DELETE", "POST>DELETE"),
            ("x_http_method_override", "delete", "POST>delete"),
            ("x-method-override", "PUT, x y", "POST>PUT??x?y"),
            ("X-HTTP-Method", "", "POST>"),
            ("x-http-methods", "DELETE", "POST"),
            ("accept", "DELETE", "POST"),
        ] {
            assert_eq!(judged("POST", None, &[(name, value)]), (method.into(), "https://api.example/orders".into()));
        }
        let twice = [("x-http-method", "PUT"), ("x-http-method-override", "DELETE")];
        assert_eq!(judged("POST", None, &twice).0, "POST>PUT>DELETE");
    }

    #[test]
    fn a_path_that_fields_override_is_judged_as_none_that_is_known() {
        let url = "https://api.example/orders >/admin";
        assert_eq!(judged("GET", None, &[("X-Original-URL", "/admin")]), ("GET".into(), url.into()));
        assert_eq!(judged("GET", None, &[("x-rewrite-url", "/admin")]).1, url);
    }

    #[test]
    fn a_change_of_protocols_is_judged_alike_in_all_versions() {
        assert_eq!(judged("CONNECT", Some("websocket".into()), &[]).0, "GET");
        assert_eq!(judged("GET", Some("websocket".into()), &[]).0, "GET");
    }
}
