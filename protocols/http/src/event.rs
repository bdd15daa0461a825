//! What is recorded of a message: what the peer said, without its credentials.

use bytes::Bytes;
use wiretape_core::event::{HeaderField, HttpEvent};
use wiretape_core::judge::ActionKind;
use wiretape_core::limits::EVENT_PAYLOAD_BYTES_MAX;
use wiretape_core::{Action, Lane};

use crate::{Field, RequestHead, ResponseHead, Route, concealment, duties, overrides};

/// The event of a request, and the question whether it may pass.
///
/// What is judged is what the target would be asked for, by whatever way the client reaches it: rules about paths are about
/// the target's own.
pub(crate) fn request(lane: Lane, head: &RequestHead, route: &Route) -> (HttpEvent, Action) {
    let path = concealment::url(&head.path);
    let kind = ActionKind::Request { method: overrides::method(head), url: url(head, &path, route) };
    let event = HttpEvent::Request {
        version: head.version,
        method: head.method.clone(),
        scheme: head.scheme.clone(),
        authority: head.authority.clone(),
        path,
        protocol: head.protocol.clone(),
        fields: fields(&head.fields),
    };
    (event, Action { lane, kind })
}

/// The URL that the target would be asked for (RFC 9110 section 7.1); of a tunnel the authority.
fn url(head: &RequestHead, path: &Bytes, route: &Route) -> Bytes {
    if head.is_tunnel() {
        return head.authority.clone();
    }
    // An OPTIONS of the server as a whole asks for no path.
    let path = if path.as_ref() == b"*" { Bytes::new() } else { duties::there(path, route) };
    let scheme: &[u8] = if route.scheme.is_empty() { &head.scheme } else { route.scheme.as_bytes() };
    let authority: &[u8] = if route.authority.is_empty() { &head.authority } else { route.authority.as_bytes() };
    Bytes::from([scheme, b"://", authority, &path, &overrides::path(head)].concat())
}

pub(crate) fn informational(head: &ResponseHead) -> HttpEvent {
    HttpEvent::Informational { status: head.status, fields: fields(&head.fields) }
}

pub(crate) fn response(head: &ResponseHead) -> HttpEvent {
    let ResponseHead { version, status, reason, fields: said, .. } = head;
    HttpEvent::Response { version: *version, status: *status, reason: reason.clone(), fields: fields(said) }
}

pub(crate) fn trailers(said: &[Field]) -> HttpEvent {
    HttpEvent::Trailers { fields: fields(said) }
}

fn fields(said: &[Field]) -> Vec<HeaderField> {
    said.iter().map(concealment::field).collect()
}

/// `bytes` in parts that one event can carry.
pub(crate) fn payloads(bytes: &Bytes) -> impl Iterator<Item = Bytes> + use<> {
    let mut rest = bytes.clone();
    std::iter::from_fn(move || {
        let length = rest.len().min(EVENT_PAYLOAD_BYTES_MAX);
        (length > 0).then(|| rest.split_to(length))
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use wiretape_core::limits::EVENT_PAYLOAD_BYTES_MAX;

    use super::payloads;

    #[test]
    fn a_long_run_of_content_is_several_events() {
        let long = Bytes::from(vec![7; EVENT_PAYLOAD_BYTES_MAX * 2 + 1]);
        let lengths: Vec<usize> = payloads(&long).map(|part| part.len()).collect();
        assert_eq!(lengths, [EVENT_PAYLOAD_BYTES_MAX, EVENT_PAYLOAD_BYTES_MAX, 1]);
        assert_eq!(payloads(&Bytes::new()).count(), 0);
    }
}
