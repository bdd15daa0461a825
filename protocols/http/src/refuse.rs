//! What the gateway answers in the target's place.

use std::fmt::Write;

use bytes::Bytes;
use wiretape_core::event::HttpVersion;

use crate::{Content, Field, Problem, ResponseHead};

/// The response that tells a client of `problem`: a JSON object with `error`, `reason` and, where there is one, the id
/// of the `session`. `fields` go with it, such as `WWW-Authenticate`.
#[must_use]
pub fn response(problem: &Problem, session: Option<&str>, fields: &[Field]) -> (ResponseHead, Bytes) {
    let mut text = String::with_capacity(128);
    text.push_str("{\"error\":");
    put_text(&mut text, problem.error);
    text.push_str(",\"reason\":");
    put_text(&mut text, &problem.reason);
    if let Some(session) = session {
        text.push_str(",\"session\":");
        put_text(&mut text, session);
    }
    if let Some(place) = &problem.place {
        text.push_str(",\"place\":");
        put_text(&mut text, place);
    }
    text.push_str("}\n");
    let body = Bytes::from(text);
    let mut all = vec![
        field("content-type", Bytes::from_static(b"application/json")),
        field("content-length", body.len().to_string().into()),
        field("cache-control", Bytes::from_static(b"no-store")),
    ];
    if let Some(place) = &problem.place {
        all.push(field("location", Bytes::from(place.clone())));
    }
    all.extend_from_slice(fields);
    let head = ResponseHead {
        version: HttpVersion::Http11,
        status: problem.status,
        reason: Bytes::new(),
        fields: all,
        content: Content::Length(body.len() as u64),
    };
    (head, body)
}

fn field(name: &'static str, value: Bytes) -> Field {
    Field { name: Bytes::from_static(name.as_bytes()), value }
}

/// A JSON string (RFC 8259 section 7).
fn put_text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // A page that shows the reason without care is not made to run it; nor is a terminal.
            '<' | '>' | '&' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                // Writing to a String never fails.
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::response;
    use crate::{Content, Field, Problem};

    #[test]
    fn a_problem_is_json() {
        let problem =
            Problem { status: 502, error: "target_unreachable", reason: "no route to \"db\"".to_owned(), place: None };
        let challenge = Field { name: "www-authenticate".into(), value: "Bearer".into() };
        let (head, body) = response(&problem, Some("01J"), std::slice::from_ref(&challenge));
        assert_eq!(
            body,
            "{\"error\":\"target_unreachable\",\"reason\":\"no route to \\\"db\\\"\",\"session\":\"01J\"}\n"
        );
        assert_eq!((head.status, head.content), (502, Content::Length(body.len() as u64)));
        let length = Bytes::from(body.len().to_string());
        assert!(head.fields.iter().any(|field| field.name == "content-length" && field.value == length));
        assert!(head.fields.contains(&challenge));
    }

    #[test]
    fn every_character_comes_back_from_a_json_reader() {
        let every: String = ('\0'..='\u{2fff}').chain(['\u{10ffff}', '\u{1f980}']).collect();
        let problem = Problem { status: 400, error: "malformed", reason: every.clone(), place: None };
        let (_, body) = response(&problem, None, &[]);
        assert!(body.is_ascii() || std::str::from_utf8(&body).is_ok());
        let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(value["reason"], every);
        assert!(value.get("session").is_none());
        assert!(!body.iter().any(|octet| matches!(octet, b'<' | b'>' | 0..=9 | 11..=31)));
    }
}
