//! What is recorded of a message: what the peer said, without its credentials.

use bytes::Bytes;
use wiretape_core::event::{HeaderField, HttpEvent};
use wiretape_core::judge::ActionKind;
use wiretape_core::limits::EVENT_PAYLOAD_BYTES_MAX;
use wiretape_core::{Action, Lane};

use crate::{Field, RequestHead, ResponseHead, concealment};

/// The event of a request, and the question whether it may pass.
pub(crate) fn request(lane: Lane, head: &RequestHead) -> (HttpEvent, Action) {
    let path = concealment::url(&head.path);
    let kind = ActionKind::Request { method: head.method.clone(), url: url(head, &path) };
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

/// The URL that was asked for (RFC 9110 section 7.1); of a tunnel the authority.
fn url(head: &RequestHead, path: &Bytes) -> Bytes {
    if head.is_tunnel() {
        return head.authority.clone();
    }
    // An OPTIONS of the server as a whole asks for no path.
    let path: &[u8] = if path.as_ref() == b"*" { b"" } else { path };
    let parts: [&[u8]; 4] = [&head.scheme, b"://", &head.authority, path];
    Bytes::from(parts.concat())
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
