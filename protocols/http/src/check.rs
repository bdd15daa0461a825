//! What a head has to keep in every version of HTTP (RFC 9110, RFC 9113 section 8): heads of HTTP/1 have passed this
//! when [`crate::h1::Decoder`] gives them out, heads of HTTP/2 are held to it by who makes them.

use wiretape_core::event::HttpVersion;
use wiretape_core::limits::{HTTP_FIELDS_MAX, HTTP_HEAD_BYTES_MAX};

use crate::h1::Malformed;
use crate::{Field, RequestHead};

/// May stand in a token: a method, a field name, a coding.
const TOKEN: u8 = 1;
/// May stand in a field value: visible, a space, a tab, or beyond ASCII.
const VALUE: u8 = 2;
/// May stand in a path with its query.
const PATH: u8 = 4;
/// May stand in the name of a host.
const HOST: u8 = 8;

/// What RFC 9113 section 10.5.1 counts for a field beside its name and value.
const FIELD_OVERHEAD_BYTES: usize = 32;

/// Fields that speak of one connection (RFC 9113 section 8.2.2): no message of HTTP/2 has them.
const OF_THE_CONNECTION: [&[u8]; 5] =
    [b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"];

static CLASSES: [u8; 256] = classes();

#[allow(clippy::indexing_slicing, reason = "known when it is compiled")]
const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let octet = byte as u8;
        let mut class = 0;
        if octet.is_ascii_alphanumeric()
            || matches!(
                octet,
                b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
            )
        {
            class |= TOKEN;
        }
        if octet == b'\t' || (octet >= b' ' && octet != 0x7f) {
            class |= VALUE;
        }
        if octet > b' ' && octet != 0x7f && octet != b'#' {
            class |= PATH;
        }
        if octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~') {
            class |= HOST;
        }
        classes[byte] = class;
        byte += 1;
    }
    classes
}

fn is(class: u8) -> impl Fn(&u8) -> bool {
    move |&octet| CLASSES.get(usize::from(octet)).is_some_and(|classes| classes & class != 0)
}

/// Whether `bytes` are a token (RFC 9110 section 5.6.2).
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(is(TOKEN))
}

/// How many octets at the front of `bytes` may stand in a token.
pub(crate) fn token_length(bytes: &[u8]) -> usize {
    let allowed = is(TOKEN);
    bytes.iter().position(|octet| !allowed(octet)).unwrap_or(bytes.len())
}

/// How many octets at the front of `bytes` may stand in a field value.
pub(crate) fn value_length(bytes: &[u8]) -> usize {
    let allowed = is(VALUE);
    let mut clean = 0;
    loop {
        let (words, rest) = bytes.get(clean..).unwrap_or_default().as_chunks::<8>();
        let Some(doubtful) = words.iter().position(is_doubtful) else {
            clean += words.len() * 8;
            return clean + rest.iter().position(|octet| !allowed(octet)).unwrap_or(rest.len());
        };
        clean += doubtful * 8;
        // It may be a tab, which is allowed.
        if let Some(place) = words.get(doubtful).and_then(|word| word.iter().position(|octet| !allowed(octet))) {
            return clean + place;
        }
        clean += 8;
    }
}

/// Whether one of eight octets is a control character: all of them are looked at together.
fn is_doubtful(word: &[u8; 8]) -> bool {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = ONES << 7;
    let word = u64::from_ne_bytes(*word);
    let low = word.wrapping_sub(ONES * 0x20) & !word;
    let del = word ^ (ONES * 0x7f);
    let del = del.wrapping_sub(ONES) & !del;
    (low | del) & HIGH != 0
}

/// Whether `path` is a path with its query: no white space, no control, no fragment.
pub(crate) fn is_path(path: &[u8]) -> bool {
    path.iter().all(is(PATH))
}

/// The elements of a list (RFC 9110 section 5.6.1).
pub(crate) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&octet| octet == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// Holds the head of a request to what every version of HTTP asks of it.
///
/// # Errors
/// What it breaks, with the status to answer: 400, or 431 where it has more fields or bytes than is allowed.
pub fn request(head: &RequestHead) -> Result<(), Malformed> {
    if !is_token(&head.method) {
        return Err(Malformed::new(400, "the method is no token"));
    }
    if !matches!(&head.scheme[..], b"http" | b"https") {
        return Err(Malformed::new(400, "the scheme is neither http nor https"));
    }
    if let Some(protocol) = &head.protocol
        && !protocol.split(|&octet| octet == b'/').all(is_token)
    {
        return Err(Malformed::new(400, "the protocol to change to is no token"));
    }
    target(head)?;
    if head.version == HttpVersion::Http2 {
        for field in &head.fields {
            if OF_THE_CONNECTION.iter().any(|name| field.name.eq_ignore_ascii_case(name)) {
                return Err(Malformed::new(400, "a field of the connection in HTTP/2"));
            }
            if field.name.eq_ignore_ascii_case(b"te") && !field.value.eq_ignore_ascii_case(b"trailers") {
                return Err(Malformed::new(400, "TE says something else than trailers in HTTP/2"));
            }
        }
    }
    if head.fields.iter().any(|field| field.name.eq_ignore_ascii_case(b"host")) {
        return Err(Malformed::new(400, "Host is said twice"));
    }
    fields(&head.fields)
}

/// Authority and path fit each other and the method.
pub(crate) fn target(head: &RequestHead) -> Result<(), Malformed> {
    let connect = &head.method[..] == b"CONNECT";
    if connect && (head.protocol.is_none() || head.version != HttpVersion::Http2) {
        if !head.path.is_empty() {
            return Err(Malformed::new(400, "CONNECT has a path"));
        }
        return match authority(&head.authority)?.port {
            Some(_) => Ok(()),
            None => Err(Malformed::new(400, "CONNECT names no port")),
        };
    }
    if head.protocol.is_some() && !connect && head.version == HttpVersion::Http2 {
        return Err(Malformed::new(400, "a protocol to change to without CONNECT"));
    }
    // HTTP/1.0 had no Host.
    if !(head.authority.is_empty() && head.version == HttpVersion::Http10) {
        authority(&head.authority)?;
    }
    match &head.path[..] {
        b"*" if &head.method[..] == b"OPTIONS" => Ok(()),
        [b'/', rest @ ..] if is_path(rest) => Ok(()),
        [b'/', ..] => Err(Malformed::new(400, "the path has white space, a control character or a fragment")),
        _ => Err(Malformed::new(400, "the path does not begin with a slash")),
    }
}

/// Holds header or trailer fields to RFC 9110 section 5, and to the limits.
///
/// # Errors
/// What they break, with the status to answer: 400, or 431 where there are too many or too long ones.
pub fn fields(fields: &[Field]) -> Result<(), Malformed> {
    if fields.len() > HTTP_FIELDS_MAX {
        return Err(Malformed::new(431, "too many fields"));
    }
    let mut bytes = 0;
    for field in fields {
        bytes += field.name.len() + field.value.len() + FIELD_OVERHEAD_BYTES;
        if bytes > HTTP_HEAD_BYTES_MAX {
            return Err(Malformed::new(431, "the fields are too long"));
        }
        if !is_token(&field.name) {
            return Err(Malformed::new(400, "the name of a field is no token"));
        }
        if value_length(&field.value) != field.value.len() {
            return Err(Malformed::new(400, "a control character in the value of a field"));
        }
    }
    Ok(())
}

/// Whether Host, or an authority, says the same as the `authority` of the target: host names without regard to case,
/// ports with regard to what `scheme` takes for granted.
#[must_use]
pub fn agrees(host: &[u8], authority: &[u8], scheme: &[u8]) -> bool {
    let usual: u16 = if scheme == b"https" { 443 } else { 80 };
    match (self::authority(host), self::authority(authority)) {
        (Ok(one), Ok(other)) => {
            one.host.eq_ignore_ascii_case(other.host) && one.port.unwrap_or(usual) == other.port.unwrap_or(usual)
        }
        _ => false,
    }
}

/// A host and perhaps a port.
pub(crate) struct Authority<'a> {
    pub(crate) host: &'a [u8],
    pub(crate) port: Option<u16>,
}

/// Reads an authority without user information.
///
/// Names that are percent-encoded or have sub-delimiters are none that anything is reached by; an IPv6 address stands
/// in brackets, without a zone.
pub(crate) fn authority(text: &[u8]) -> Result<Authority<'_>, Malformed> {
    let wrong = |reason| Err(Malformed::new(400, reason));
    let (host, port) = if text.first() == Some(&b'[') {
        let Some(end) = text.iter().position(|&octet| octet == b']') else {
            return wrong("an address without its closing bracket");
        };
        let (host, rest) = text.split_at(end + 1);
        let address = host.get(1..end).unwrap_or_default();
        if address.is_empty() || !address.iter().all(|octet| octet.is_ascii_hexdigit() || matches!(octet, b':' | b'.'))
        {
            return wrong("no address in the brackets");
        }
        match rest {
            [] => (host, None),
            [b':', port @ ..] => (host, Some(port)),
            _ => return wrong("something else than a port behind an address"),
        }
    } else {
        let mut parts = text.splitn(2, |&octet| octet == b':');
        let host = parts.next().unwrap_or_default();
        if host.is_empty() {
            return wrong("no host is named");
        }
        if !host.iter().all(is(HOST)) {
            return wrong("the host has a character that no host has");
        }
        (host, parts.next())
    };
    let port = match port {
        None => None,
        Some(digits) if digits.len() <= 5 && !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            let number = digits.iter().fold(0u32, |number, digit| number * 10 + u32::from(digit - b'0'));
            match u16::try_from(number) {
                Ok(number) => Some(number),
                Err(_) => return wrong("the port is no port"),
            }
        }
        Some(_) => return wrong("the port is no port"),
    };
    Ok(Authority { host, port })
}

#[cfg(test)]
mod tests;
