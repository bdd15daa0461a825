//! The one form in which client and service write a request before it is signed.

use std::collections::BTreeMap;
use std::fmt::Write;

/// What becomes of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// Encoded once: Amazon S3, where a name may have any segments.
    AsIs,
    /// Without `.`, `..` and empty segments, and encoded once more than on the wire: everywhere else.
    Straightened,
}

/// The canonical request, and the names of the fields that are signed, joined by `;`.
pub(super) fn request(
    method: &str,
    target: &str,
    signed: Vec<(&str, &str)>,
    payload: &str,
    path: Path,
) -> (String, String) {
    let (raw, query) = target.split_once('?').unwrap_or((target, ""));
    let path = match path {
        Path::AsIs => encode(&decode(raw, false), true),
        Path::Straightened => encode(straightened(raw).as_bytes(), true),
    };
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in signed {
        fields.entry(name.to_ascii_lowercase()).or_default().push(trimmed(value));
    }
    let names = fields.keys().map(String::as_str).collect::<Vec<_>>().join(";");
    let mut text = format!("{method}\n{path}\n{}\n", self::query(query));
    for (name, values) in &fields {
        let _ = writeln!(text, "{name}:{}", values.join(","));
    }
    let _ = write!(text, "\n{names}\n{payload}");
    (text, names)
}

/// The parameters in order, each encoded once.
fn query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = pairs(query)
        .map(|(name, value)| (encode(&decode(name, true), false), encode(&decode(value, true), false)))
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// `target` without the parameters whose names, in lower case, are `gone`.
pub(super) fn without(target: &str, gone: &[&str]) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let is_gone = |pair: &str| {
        let name = decode(pair.split('=').next().unwrap_or_default(), true);
        gone.iter().any(|gone| name.eq_ignore_ascii_case(gone.as_bytes()))
    };
    if !query.split('&').any(is_gone) {
        return target.to_owned();
    }
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_gone(pair)).collect();
    if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) }
}

/// A path without `.`, `..` and empty segments (RFC 3986 section 5.2.4, and less).
fn straightened(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let folder = !kept.is_empty() && ["/", "/.", "/.."].iter().any(|end| path.ends_with(end));
    format!("/{}{}", kept.join("/"), if folder { "/" } else { "" })
}

/// A value without spaces at its ends, and with one in the place of several.
fn trimmed(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// The bytes that `text` stands for; in a query, `+` stands for a space.
fn decode(text: &str, form: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let escaped = match (first, behind) {
            (b'%', &[high, low, ..]) => digit(high).zip(digit(low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        if let Some(byte) = escaped {
            bytes.push(byte);
            rest = behind.get(2..).unwrap_or_default();
        } else {
            bytes.push(if form && first == b'+' { b' ' } else { first });
            rest = behind;
        }
    }
    bytes
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// `bytes` with everything encoded but the unreserved characters (RFC 3986 section 2.3), and in a path but `/`.
fn encode(bytes: &[u8], path: bool) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || (path && byte == b'/') {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// `bytes` in hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}
