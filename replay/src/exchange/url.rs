//! What was asked for: addresses, and the pairs of names and values that a query or a form holds.

use std::borrow::Cow;

/// `https://api.example.com`; the authority alone where no scheme was given.
#[must_use]
pub fn origin(scheme: &[u8], authority: &[u8]) -> String {
    let (scheme, authority) = (String::from_utf8_lossy(scheme), String::from_utf8_lossy(authority));
    if scheme.is_empty() { authority.into_owned() } else { format!("{scheme}://{authority}") }
}

/// The whole address of a request: `https://api.example.com/orders?id=7`, or `api.example.com:443` of a CONNECT.
#[must_use]
pub fn address(scheme: &[u8], authority: &[u8], path: &[u8]) -> String {
    let path = String::from_utf8_lossy(path);
    match path.as_ref() {
        "" => String::from_utf8_lossy(authority).into_owned(),
        "*" => origin(scheme, authority),
        path => origin(scheme, authority) + path,
    }
}

/// The query of a path, behind its `?` and before a `#`.
#[must_use]
pub fn query(path: &[u8]) -> Option<&[u8]> {
    let start = path.iter().position(|byte| *byte == b'?')?;
    let query = path.get(start + 1..)?;
    let end = query.iter().position(|byte| *byte == b'#').unwrap_or(query.len());
    query.get(..end)
}

/// The pairs of a query or of a form (`application/x-www-form-urlencoded`, WHATWG URL section 5.1), decoded. What is
/// not UTF-8 becomes `�`.
pub fn pairs(text: &[u8]) -> impl Iterator<Item = (String, String)> {
    let parts = text.split(|byte| *byte == b'&').filter(|part| !part.is_empty());
    parts.map(|part| {
        let cut = part.iter().position(|byte| *byte == b'=').unwrap_or(part.len());
        let (name, value) = part.split_at_checked(cut).unwrap_or_default();
        (decoded(name), decoded(value.get(1..).unwrap_or_default()))
    })
}

/// A name or a value of a form.
fn decoded(text: &[u8]) -> String {
    let spaced: Cow<'_, [u8]> = match text.contains(&b'+') {
        true => text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect::<Vec<_>>().into(),
        false => text.into(),
    };
    String::from_utf8_lossy(&percent_decoded(&spaced)).into_owned()
}

/// Text in which bytes may stand as `%41` (RFC 3986 section 2.1); what looks like one and is none is left as it is.
#[must_use]
pub fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        let escaped = match behind {
            [high, low, after @ ..] if *first == b'%' => digit(high).zip(digit(low)).map(|pair| (pair, after)),
            _ => None,
        };
        match escaped {
            Some(((high, low), after)) => {
                plain.push(high << 4 | low);
                rest = after;
            }
            None => {
                plain.push(*first);
                rest = behind;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::{address, pairs, percent_decoded, query};

    #[test]
    fn addresses_are_whole() {
        assert_eq!(address(b"https", b"a.example", b"/x?y"), "https://a.example/x?y");
        assert_eq!(address(b"https", b"a.example:443", b""), "a.example:443");
        assert_eq!(address(b"http", b"a.example", b"*"), "http://a.example");
    }

    #[test]
    fn pairs_are_decoded() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let form = b"a=1&b+c=%C3%BC%20%2&&flag&=x&%ff=";
        assert_eq!(
            pairs(form).collect::<Vec<_>>(),
            [pair("a", "1"), pair("b c", "ü %2"), pair("flag", ""), pair("", "x"), pair("�", "")]
        );
        assert_eq!(percent_decoded(b"%4a%4A%zz%"), b"JJ%zz%");
    }

    #[test]
    fn a_query_stands_behind_its_question_mark() {
        assert_eq!(query(b"/a?b=c?d#e"), Some(&b"b=c?d"[..]));
        assert_eq!(query(b"/a"), None);
    }
}
