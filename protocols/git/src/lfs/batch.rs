//! The messages of the batch API: what is asked for, and where the target says that it is.

use std::ops::Range;

use bytes::Bytes;
use wiretape_core::event::GitEvent;

use super::json::{self, Node, Value};
use super::limits::{NAME_BYTES_MAX, OBJECTS_PER_EVENT_MAX};

/// What stands in the record in the place of a credential.
const STARS: &str = "***";

/// The events of a request; `None` where it is no request of the batch API.
pub(super) fn request(text: &[u8]) -> Option<Vec<GitEvent>> {
    let message = json::read(text)?;
    let operation = name(message.member("operation")?.text()?);
    let reference = message.member("ref").and_then(|reference| reference.member("name")?.text()).map(name);
    let objects: Vec<(Bytes, u64)> = message.member("objects")?.elements().iter().filter_map(object).collect();
    let event = |objects: &[(Bytes, u64)]| GitEvent::LfsBatch {
        operation: operation.clone(),
        objects: objects.to_vec(),
        reference: reference.clone(),
    };
    if objects.is_empty() {
        return Some(vec![event(&[])]);
    }
    Some(objects.chunks(OBJECTS_PER_EVENT_MAX).map(event).collect())
}

fn object(object: &Node) -> Option<(Bytes, u64)> {
    Some((name(object.member("oid")?.text()?), object.member("size")?.count()?))
}

/// A name, as far as it is recorded.
fn name(text: &str) -> Bytes {
    let end = text.floor_char_boundary(NAME_BYTES_MAX);
    Bytes::copy_from_slice(text.get(..end).unwrap_or(text).as_bytes())
}

/// A response as it goes on, and as it is recorded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) told: Bytes,
    pub(super) recorded: Bytes,
}

/// Reads a response; `None` where it is no JSON. `renamed` is how the target's own URLs begin, and those that lead to it
/// through the gateway.
///
/// Where an action leads through the gateway, the target's Authorization for it is left out: the client says to the
/// gateway who it is, and the gateway has the target's credential. Values of the fields that go with an action are
/// credentials, and so is the query of its URL: neither is recorded.
pub(super) fn response(text: &Bytes, renamed: Option<&(Bytes, Bytes)>) -> Option<Response> {
    let message = json::read(text)?;
    let (mut told, mut recorded) = (Vec::new(), Vec::new());
    let objects = message.members().iter().filter(|member| member.name == "objects");
    for object in objects.flat_map(|member| member.node.elements()) {
        let actions = object.members().iter().filter(|member| matches!(member.name.as_str(), "actions" | "_links"));
        for action in actions.flat_map(|member| member.node.members()) {
            edit_action(text, &action.node, renamed, &mut told, &mut recorded);
        }
    }
    Some(Response { told: edited(text, told), recorded: edited(text, recorded) })
}

/// What stands in the place of a part.
type Edit = (Range<usize>, String);

fn edit_action(
    text: &Bytes,
    action: &Node,
    renamed: Option<&(Bytes, Bytes)>,
    told: &mut Vec<Edit>,
    recorded: &mut Vec<Edit>,
) {
    let mut through_here = false;
    for member in action.members().iter().filter(|member| member.name == "href") {
        let Some(href) = member.node.text() else { continue };
        if let Some(href) = renamed.and_then(|names| rename(href, names)) {
            told.push((member.node.span.clone(), json::quoted(&href)));
            through_here = true;
        }
        if let Some((place, _)) = href.split_once('?') {
            recorded.push((member.node.span.clone(), json::quoted(&[place, "?", STARS].concat())));
        }
    }
    for header in action.members().iter().filter(|member| member.name == "header") {
        if let Value::Object(fields) = &header.node.value {
            recorded.extend(fields.iter().map(|field| (field.node.span.clone(), json::quoted(STARS))));
            let is_credential = |name: &str| name.eq_ignore_ascii_case("authorization");
            if through_here && fields.iter().any(|field| is_credential(&field.name)) {
                let kept = fields.iter().filter(|field| !is_credential(&field.name));
                let kept = kept.filter_map(|field| text.get(field.name_span.start..field.node.span.end));
                let kept = kept.map(String::from_utf8_lossy).collect::<Vec<_>>().join(",");
                told.push((header.node.span.clone(), ["{", &kept, "}"].concat()));
            }
        } else {
            recorded.push((header.node.span.clone(), json::quoted(STARS)));
        }
    }
}

/// A URL of the target's own as it leads through the gateway.
fn rename(href: &str, (there, here): &(Bytes, Bytes)) -> Option<String> {
    let (there, here) = (std::str::from_utf8(there).ok()?, std::str::from_utf8(here).ok()?);
    // Scheme and host are the same in any case; a path is not.
    let authority =
        there.find("://").and_then(|at| Some(at + 3 + there.get(at + 3..)?.find('/')?)).unwrap_or(there.len());
    let (front, path) = there.split_at_checked(authority)?;
    let rest = href
        .get(front.len()..)
        .filter(|_| href.get(..front.len()).is_some_and(|said| said.eq_ignore_ascii_case(front)))?;
    let rest = rest.strip_prefix(path)?;
    matches!(rest.chars().next(), None | Some('/' | '?' | '#')).then(|| [here, rest].concat())
}

/// `text` with other parts in their places.
fn edited(text: &Bytes, mut edits: Vec<Edit>) -> Bytes {
    if edits.is_empty() {
        return text.clone();
    }
    edits.sort_by_key(|(span, _)| span.start);
    let (mut out, mut at) = (Vec::with_capacity(text.len()), 0);
    for (span, new) in edits {
        out.extend_from_slice(text.get(at..span.start).unwrap_or_default());
        out.extend_from_slice(new.as_bytes());
        at = span.end;
    }
    out.extend_from_slice(text.get(at..).unwrap_or_default());
    out.into()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use wiretape_core::event::GitEvent;

    use super::{request, response};

    fn names(there: &'static str, here: &'static str) -> (Bytes, Bytes) {
        (there.into(), here.into())
    }

    #[test]
    fn a_request_says_what_is_asked_for() {
        let text = br#"{"operation":"upload","transfers":["basic"],"ref":{"name":"refs/heads/main"},
            "objects":[{"oid":"aa","size":7},{"size":1},{"oid":"bb","size":18446744073709551615}]}"#;
        let objects = vec![("aa".into(), 7), ("bb".into(), u64::MAX)];
        let reference = Some("refs/heads/main".into());
        assert_eq!(request(text), Some(vec![GitEvent::LfsBatch { operation: "upload".into(), objects, reference }]));
        assert_eq!(request(b"{}"), None);
        assert_eq!(request(b"0000"), None);
    }

    #[test]
    fn a_long_request_is_several_events() {
        let objects = vec![r#"{"oid":"aa","size":7}"#; 2500].join(",");
        let text = format!(r#"{{"operation":"download","objects":[{objects}]}}"#);
        let counts: Vec<usize> = request(text.as_bytes())
            .unwrap()
            .iter()
            .map(|event| match event {
                GitEvent::LfsBatch { objects, .. } => objects.len(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(counts, [1000, 1000, 500]);
    }

    #[test]
    fn a_response_leads_through_the_gateway_and_its_credentials_are_not_recorded() {
        let text = r#"{"objects":[{"oid":"aa", "actions":{
            "upload":{"href":"HTTP:\/\/git.internal/base/lfs/aa?sig=secret","header":{"Authorization":"Basic c2VjcmV0", "X-A" : "secret"}},
            "verify":{"href":"http://git.internal/based","header":{"Authorization":"secret"}},
            "download":{"href":"https://store/aa?X-Amz-Signature=secret","header":null,"expires_in":3600}}}]}"#;
        let renamed = names("http://git.internal/base", "https://gateway:8443/forge");
        let response = response(&Bytes::from_static(text.as_bytes()), Some(&renamed)).unwrap();
        let told = text.replace(r"HTTP:\/\/git.internal/base/", "https://gateway:8443/forge/");
        let told = told.replace(r#"{"Authorization":"Basic c2VjcmV0", "X-A" : "secret"}"#, r#"{"X-A" : "secret"}"#);
        assert_eq!(response.told, told);
        let recorded = text
            .replace(r#""Basic c2VjcmV0""#, r#""***""#)
            .replace(r#""secret""#, r#""***""#)
            .replace(r"HTTP:\/\/", "HTTP://")
            .replace("?sig=secret", "?***")
            .replace("?X-Amz-Signature=secret", "?***")
            .replace("null", r#""***""#);
        assert_eq!(response.recorded, recorded);
    }

    #[test]
    fn a_response_that_names_nothing_of_the_targets_passes_as_it_was_said() {
        let text =
            Bytes::from_static(br#"{"objects":[{"actions":{"download":{"href":"https://store/aa"}}}],"x":1e400}"#);
        let response = response(&text, Some(&names("https://git", "https://gateway/forge"))).unwrap();
        assert_eq!((&response.told, &response.recorded), (&text, &text));
        assert_eq!(super::response(&Bytes::from_static(b"<html>"), None), None);
    }
}
