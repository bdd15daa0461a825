//! Heads of HTTP/2, from the library's types to the ones that all versions share, and back.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri, Version, response};
use wiretape_core::event::HttpVersion;
use wiretape_http::h1::Malformed;
use wiretape_http::{Content, Field, RequestHead, ResponseHead, check};

/// The head of a request that a client of HTTP/2 made. `scheme` is how it came; a client of a forward proxy says
/// itself what it wants.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn request_head(
    request: Request<()>,
    ended: bool,
    scheme: Option<&'static str>,
) -> Result<RequestHead, Malformed> {
    let protocol = request.extensions().get::<h2::ext::Protocol>().map(|protocol| {
        let name: &[u8] = protocol.as_ref();
        Bytes::from(name.to_ascii_lowercase())
    });
    let (parts, ()) = request.into_parts();
    let tunnel = parts.method == Method::CONNECT;
    let content =
        content(&parts.headers, ended, false).ok_or_else(|| Malformed::new(400, "Content-Length is not one number"))?;
    let content = if tunnel { Content::Empty } else { content };
    let bare = tunnel && protocol.is_none();
    if parts.uri.scheme_str().is_some_and(|scheme| scheme != "http" && scheme != "https") {
        return Err(Malformed::new(400, "the scheme is neither http nor https"));
    }
    let scheme = match scheme {
        Some(scheme) => scheme,
        None if parts.uri.scheme_str() == Some("http") => "http",
        None => "https",
    };
    let path = match parts.uri.path_and_query() {
        Some(path) if !bare => Bytes::copy_from_slice(path.as_str().as_bytes()),
        _ => Bytes::new(),
    };
    if parts.headers.get_all(http::header::HOST).iter().nth(1).is_some() {
        return Err(Malformed::new(400, "Host is said twice"));
    }
    let host = parts.headers.get(http::header::HOST).map(|host| Bytes::copy_from_slice(host.as_bytes()));
    let named = parts.uri.authority().map(|authority| Bytes::copy_from_slice(authority.as_str().as_bytes()));
    let authority = match (named, host) {
        (Some(named), Some(host)) if !check::agrees(&host, &named, scheme.as_bytes()) => {
            return Err(Malformed::new(400, "Host and :authority name different hosts"));
        }
        (Some(named), _) => named,
        (None, Some(host)) => host,
        (None, None) => return Err(Malformed::new(400, "the request names no host")),
    };
    let mut fields = fields(parts.headers);
    fields.retain(|field| field.name.as_ref() != b"host");
    let head = RequestHead {
        version: HttpVersion::Http2,
        method: Bytes::copy_from_slice(parts.method.as_str().as_bytes()),
        scheme: Bytes::from_static(scheme.as_bytes()),
        authority,
        path,
        protocol,
        fields,
        content,
    };
    check::request(&head)?;
    Ok(head)
}

/// A request to a target of HTTP/2.
///
/// # Errors
/// What it cannot say.
pub(crate) fn request(head: &RequestHead) -> Result<Request<()>, http::Error> {
    let mut request = Request::new(());
    *request.version_mut() = Version::HTTP_2;
    *request.method_mut() = match &head.protocol {
        Some(_) => Method::CONNECT,
        None => Method::from_bytes(&head.method)?,
    };
    *request.uri_mut() = Uri::builder()
        .scheme(head.scheme.as_ref())
        .authority(head.authority.as_ref())
        .path_and_query(head.path.as_ref())
        .build()?;
    if let Some(protocol) = &head.protocol {
        let name = String::from_utf8_lossy(protocol);
        request.extensions_mut().insert(h2::ext::Protocol::from(name.as_ref()));
    }
    let headers = request.headers_mut();
    headers.reserve(head.fields.len());
    for field in &head.fields {
        // A WebSocket over HTTP/2 has no handshake of its own (RFC 8441 section 5).
        if field.name.eq_ignore_ascii_case(b"sec-websocket-key") {
            continue;
        }
        headers.append(HeaderName::from_bytes(&field.name)?, HeaderValue::from_maybe_shared(field.value.clone())?);
    }
    Ok(request)
}

/// A response to a client of HTTP/2; `None` when it cannot say it.
pub(crate) fn response(head: &ResponseHead) -> Option<Response<()>> {
    let mut response = Response::new(());
    *response.version_mut() = Version::HTTP_2;
    let status = if head.content == Content::Tunnel { 200 } else { head.status };
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    let headers = response.headers_mut();
    headers.reserve(head.fields.len());
    for field in &head.fields {
        if head.content == Content::Tunnel && field.name.eq_ignore_ascii_case(b"sec-websocket-accept") {
            continue;
        }
        let name = HeaderName::from_bytes(&field.name).ok()?;
        headers.append(name, HeaderValue::from_maybe_shared(field.value.clone()).ok()?);
    }
    Some(response)
}

/// The head of a response of a target of HTTP/2.
pub(crate) fn response_head(parts: response::Parts, content: Content) -> ResponseHead {
    ResponseHead {
        version: HttpVersion::Http2,
        status: parts.status.as_u16(),
        reason: Bytes::new(),
        fields: fields(parts.headers),
        content,
    }
}

/// What follows a head; `None` when its Content-Length is not one number.
pub(crate) fn content(headers: &HeaderMap, ended: bool, tunnel: bool) -> Option<Content> {
    if tunnel {
        return Some(Content::Tunnel);
    }
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let length = match (lengths.next(), lengths.next()) {
        (None, _) => None,
        (Some(length), None) if length.as_bytes().iter().all(u8::is_ascii_digit) => {
            Some(length.to_str().ok()?.parse::<u64>().ok()?)
        }
        _ => return None,
    };
    Some(match (ended, length) {
        (true, _) => Content::Empty,
        (false, Some(length)) => Content::Length(length),
        (false, None) => Content::Streamed,
    })
}

/// Fields of a section.
pub(crate) fn fields(headers: HeaderMap) -> Vec<Field> {
    let mut fields = Vec::with_capacity(headers.len());
    let mut name = Bytes::new();
    for (next, value) in headers {
        // The library names a field once, and leaves the name out where it stands again.
        if let Some(next) = next {
            name = Bytes::copy_from_slice(next.as_str().as_bytes());
        }
        fields.push(Field { name: name.clone(), value: Bytes::copy_from_slice(value.as_bytes()) });
    }
    fields
}

/// Fields as the library has them; `None` when one cannot be said in HTTP/2.
pub(crate) fn header_map(fields: &[Field]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(&field.name).ok()?;
        headers.append(name, HeaderValue::from_maybe_shared(field.value.clone()).ok()?);
    }
    Some(headers)
}
