//! What a proxy changes of what passes through it (RFC 9110 section 7, RFC 9112, RFC 9113 section 8).
//!
//! The framing of HTTP/1.1 (Transfer-Encoding, Connection, Upgrade) is left out of the fields here; who writes the
//! message puts in its own. Content-Length stays.

use std::borrow::Cow;

use bytes::Bytes;
use wiretape_core::event::HttpVersion;

use crate::{Field, RequestHead, ResponseHead, Route, check};

mod back;

/// Fields that go from hop to hop.
const HOP_BY_HOP: [&[u8]; 10] = [
    b"connection",
    b"http2-settings",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authentication-info",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"transfer-encoding",
    b"upgrade",
];

/// Fields that Connection takes away from nobody, whatever it names: who could remove them on the way would change what
/// the target takes the request for.
const END_TO_END: [&[u8]; 22] = [
    b"authorization",
    b"cache-control",
    b"content-encoding",
    b"content-length",
    b"content-location",
    b"content-range",
    b"content-type",
    b"cookie",
    b"date",
    b"etag",
    b"expect",
    b"forwarded",
    b"host",
    b"location",
    b"max-forwards",
    b"origin",
    b"range",
    b"referer",
    b"set-cookie",
    b"vary",
    b"via",
    b"www-authenticate",
];

/// Trailer fields that change how a message is framed, routed, let in or understood (RFC 9110 section 6.5.1).
const NEVER_BEHIND: [&[u8]; 16] = [
    b"authorization",
    b"cache-control",
    b"content-encoding",
    b"content-length",
    b"content-range",
    b"content-type",
    b"cookie",
    b"expect",
    b"forwarded",
    b"host",
    b"max-forwards",
    b"range",
    b"set-cookie",
    b"trailer",
    b"via",
    b"www-authenticate",
];

/// The request as it goes to the target.
///
/// A request that ends at the gateway ([`ends_here`]) is not to be passed on at all.
#[must_use]
pub fn request(head: &RequestHead, route: &Route) -> RequestHead {
    let nominated = Nominated::of(&head.fields);
    let counts_down = matches!(&head.method[..], b"OPTIONS" | b"TRACE");
    let mut fields: Vec<Field> = Vec::with_capacity(head.fields.len() + 2);
    let mut cookie: Option<usize> = None;
    let mut takes_trailers = false;
    for field in &head.fields {
        let is = |name: &[u8]| field.name.eq_ignore_ascii_case(name);
        if is(b"te") {
            takes_trailers |= check::elements(&field.value).any(|element| element.eq_ignore_ascii_case(b"trailers"));
        }
        if is_one_of(&field.name, &HOP_BY_HOP)
            || nominated.takes(&field.name)
            || route.consumed.iter().any(|name| is(name.as_bytes()))
            || (route.forwarded.is_some() && speaks_of_the_client(&field.name))
        {
            continue;
        }
        if head.version == HttpVersion::Http2 && is(b"cookie") {
            // HTTP/2 may take it apart (RFC 9113 section 8.2.3); elsewhere there is only one.
            if let Some(first) = cookie.and_then(|place| fields.get_mut(place)) {
                first.value = [&first.value[..], &field.value].join(&b"; "[..]).into();
                continue;
            }
            cookie = Some(fields.len());
        }
        let mut field = field.clone();
        if counts_down
            && field.name.eq_ignore_ascii_case(b"max-forwards")
            && let Some(count @ 1..) = number(&field.value)
        {
            field.value = (count - 1).to_string().into();
        }
        fields.push(field);
    }
    if takes_trailers {
        fields.push(made(b"te", Bytes::from_static(b"trailers")));
    }
    fields.push(via(head.version, route));
    if let Some(forwarded) = &route.forwarded {
        fields.push(made(b"forwarded", Bytes::copy_from_slice(forwarded.as_bytes())));
    }
    let given =
        |text: &str, or: &Bytes| if text.is_empty() { or.clone() } else { Bytes::copy_from_slice(text.as_bytes()) };
    RequestHead {
        version: head.version,
        method: head.method.clone(),
        scheme: given(&route.scheme, &head.scheme),
        authority: given(&route.authority, &head.authority),
        path: there(&head.path, route),
        protocol: head.protocol.clone(),
        fields,
        content: head.content,
    }
}

/// The response as it goes to the client: an interim one as well as the final one.
#[must_use]
pub fn response(head: &ResponseHead, route: &Route) -> ResponseHead {
    let nominated = Nominated::of(&head.fields);
    let renamed = !route.prefix.is_empty() || !route.authority.is_empty();
    let mut fields = Vec::with_capacity(head.fields.len() + 1);
    let mut length = false;
    for field in &head.fields {
        let is = |name: &[u8]| field.name.eq_ignore_ascii_case(name);
        // Another way to the target would lead past the gateway (RFC 7838).
        if is_one_of(&field.name, &HOP_BY_HOP) || nominated.takes(&field.name) || is(b"alt-svc") {
            continue;
        }
        // The decoder lets the same length pass twice.
        if is(b"content-length") && std::mem::replace(&mut length, true) {
            continue;
        }
        let changed = match &field.name {
            _ if !renamed => None,
            _ if is(b"location") || is(b"content-location") => back::reference(&field.value, route),
            _ if is(b"refresh") => back::refresh(&field.value, route),
            _ if is(b"set-cookie") => back::cookie(&field.value, route),
            _ => None,
        };
        fields.push(match changed {
            Some(value) => Field { name: field.name.clone(), value },
            None => field.clone(),
        });
    }
    fields.push(via(head.version, route));
    ResponseHead {
        version: head.version,
        status: head.status,
        reason: head.reason.clone(),
        fields,
        content: head.content,
    }
}

/// The trailer section as it goes on.
#[must_use]
pub fn trailers(fields: &[Field]) -> Vec<Field> {
    let passes = |field: &&Field| !is_one_of(&field.name, &HOP_BY_HOP) && !is_one_of(&field.name, &NEVER_BEHIND);
    fields.iter().filter(passes).cloned().collect()
}

/// Whether a request has come as far as it may (RFC 9110 section 7.6.2): the gateway answers an OPTIONS or a TRACE whose
/// Max-Forwards is 0 itself.
#[must_use]
pub fn ends_here(head: &RequestHead) -> bool {
    matches!(&head.method[..], b"OPTIONS" | b"TRACE")
        && head
            .fields
            .iter()
            .any(|field| field.name.eq_ignore_ascii_case(b"max-forwards") && number(&field.value) == Some(0))
}

fn is_one_of(name: &[u8], names: &[&[u8]]) -> bool {
    names.iter().any(|one| name.eq_ignore_ascii_case(one))
}

/// Digits, and nothing else.
fn number(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn made(name: &'static [u8], value: Bytes) -> Field {
    Field { name: Bytes::from_static(name), value }
}

/// What Connection names.
struct Nominated<'a> {
    fields: &'a [Field],
    /// Whether it names more than what goes from hop to hop in any case.
    any: bool,
}

impl<'a> Nominated<'a> {
    fn of(fields: &'a [Field]) -> Self {
        let mut nominated = Self { fields, any: false };
        nominated.any =
            nominated.options().any(|option| !is_one_of(option, &HOP_BY_HOP) && !option.eq_ignore_ascii_case(b"close"));
        nominated
    }

    fn options(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let said = self.fields.iter().filter(|field| field.name.eq_ignore_ascii_case(b"connection"));
        said.flat_map(|field| check::elements(&field.value))
    }

    /// Whether Connection takes the field `name` with it.
    fn takes(&self, name: &[u8]) -> bool {
        self.any
            && !is_one_of(name, &END_TO_END)
            && !has_prefix(name, b"sec-")
            && self.options().any(|option| option.eq_ignore_ascii_case(name))
    }
}

fn has_prefix(name: &[u8], prefix: &[u8]) -> bool {
    name.get(..prefix.len()).is_some_and(|front| front.eq_ignore_ascii_case(prefix))
}

/// What only a proxy knows, and a client must not be believed.
fn speaks_of_the_client(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"forwarded")
        || name.eq_ignore_ascii_case(b"x-real-ip")
        || has_prefix(name, b"x-forwarded-")
}

fn via(version: HttpVersion, route: &Route) -> Field {
    let version = match version {
        HttpVersion::Http10 => "1.0",
        HttpVersion::Http11 => "1.1",
        HttpVersion::Http2 => "2.0",
    };
    made(b"via", [version, " ", &route.pseudonym].concat().into())
}

/// The path at the target.
pub(crate) fn there(path: &Bytes, route: &Route) -> Bytes {
    if !path.starts_with(b"/") || (route.prefix.is_empty() && route.base.is_empty()) {
        return path.clone();
    }
    let rest = below(path, route.prefix.as_bytes()).unwrap_or(path);
    if route.base.is_empty() && rest.starts_with(b"/") {
        return path.slice_ref(rest);
    }
    let slash = if rest.starts_with(b"/") { Cow::Borrowed(rest) } else { Cow::Owned([b"/", rest].concat()) };
    [route.base.as_bytes(), &slash].concat().into()
}

/// What `path` names at the target, below what its own paths begin with.
pub(crate) fn named(path: &Bytes, route: &Route) -> Bytes {
    match below(path, route.prefix.as_bytes()) {
        Some(rest) if rest.starts_with(b"/") => path.slice_ref(rest),
        _ => path.clone(),
    }
}

/// What stands in `path` behind the segments of `front`; `None` when it does not begin with them.
fn below<'a>(path: &'a [u8], front: &[u8]) -> Option<&'a [u8]> {
    let rest = path.strip_prefix(front)?;
    matches!(rest.first(), None | Some(b'/' | b'?' | b'#')).then_some(rest)
}

#[cfg(test)]
mod tests;
