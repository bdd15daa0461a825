//! Names of fields that nearly every message has, in their usual spellings.
//!
//! They are not counted references into a head but static: what passes a head on touches no counter for them.

use bytes::Bytes;

/// By their length, and then by the alphabet.
static NAMES: [&[u8]; COUNT] = [
    b"TE",
    b"te",
    b"Age",
    b"Via",
    b"age",
    b"via",
    b"Date",
    b"ETag",
    b"Link",
    b"Vary",
    b"date",
    b"etag",
    b"link",
    b"vary",
    b"Range",
    b"range",
    b"Accept",
    b"Cookie",
    b"Expect",
    b"Origin",
    b"Pragma",
    b"Server",
    b"accept",
    b"cookie",
    b"expect",
    b"origin",
    b"pragma",
    b"server",
    b"Expires",
    b"Referer",
    b"Trailer",
    b"Upgrade",
    b"expires",
    b"referer",
    b"trailer",
    b"upgrade",
    b"Location",
    b"Priority",
    b"location",
    b"priority",
    b"Connection",
    b"Keep-Alive",
    b"Set-Cookie",
    b"User-Agent",
    b"connection",
    b"keep-alive",
    b"set-cookie",
    b"user-agent",
    b"grpc-status",
    b"Content-Type",
    b"X-Powered-By",
    b"X-Request-ID",
    b"X-Request-Id",
    b"content-type",
    b"grpc-message",
    b"x-powered-by",
    b"x-request-id",
    b"Accept-Ranges",
    b"Authorization",
    b"Cache-Control",
    b"If-None-Match",
    b"Last-Modified",
    b"accept-ranges",
    b"authorization",
    b"cache-control",
    b"if-none-match",
    b"last-modified",
    b"Content-Length",
    b"Sec-Fetch-Dest",
    b"Sec-Fetch-Mode",
    b"Sec-Fetch-Site",
    b"content-length",
    b"sec-fetch-dest",
    b"sec-fetch-mode",
    b"sec-fetch-site",
    b"Accept-Encoding",
    b"Accept-Language",
    b"X-Forwarded-For",
    b"accept-encoding",
    b"accept-language",
    b"x-forwarded-for",
    b"Content-Encoding",
    b"Proxy-Connection",
    b"content-encoding",
    b"proxy-connection",
    b"If-Modified-Since",
    b"Sec-WebSocket-Key",
    b"Transfer-Encoding",
    b"X-Forwarded-Proto",
    b"if-modified-since",
    b"sec-websocket-key",
    b"transfer-encoding",
    b"x-forwarded-proto",
    b"Content-Disposition",
    b"Proxy-Authorization",
    b"content-disposition",
    b"proxy-authorization",
    b"Sec-WebSocket-Version",
    b"sec-websocket-version",
    b"Strict-Transport-Security",
    b"strict-transport-security",
    b"Access-Control-Allow-Origin",
    b"access-control-allow-origin",
];

const COUNT: usize = 103;

/// One more than the longest.
const LENGTHS: usize = 28;

/// Where the names of each length begin.
static BEGINS: [usize; LENGTHS + 1] = begins();

#[allow(clippy::indexing_slicing, reason = "known when it is compiled")]
const fn begins() -> [usize; LENGTHS + 1] {
    let mut begins = [COUNT; LENGTHS + 1];
    let mut place = COUNT;
    while place > 0 {
        place -= 1;
        let mut length = 0;
        while length <= NAMES[place].len() {
            begins[length] = place;
            length += 1;
        }
    }
    begins
}

/// The name that stands at `range` of `head`.
pub(super) fn name(head: &Bytes, range: std::ops::Range<usize>) -> Bytes {
    let said = head.get(range.clone()).unwrap_or_default();
    let bucket = match (BEGINS.get(said.len()), BEGINS.get(said.len() + 1)) {
        (Some(&begin), Some(&end)) => NAMES.get(begin..end).unwrap_or_default(),
        _ => &[],
    };
    match bucket.iter().find(|name| **name == said) {
        Some(name) => Bytes::from_static(name),
        None => head.slice(range),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{BEGINS, NAMES, name};

    #[test]
    fn every_name_is_found_and_others_are_left_as_they_are() {
        assert!(NAMES.is_sorted_by_key(|name| (name.len(), *name)));
        let said = |text: &[u8]| {
            let head = Bytes::copy_from_slice(text);
            let name = name(&head, 0..text.len());
            assert_eq!(name, text);
            name.as_ptr() != head.as_ptr()
        };
        for name in NAMES {
            assert!(said(name), "{}", name.escape_ascii());
            assert!(!said(&[name, &b"x"[..]].concat()));
            assert!(!said(&name[1..].to_ascii_uppercase()));
        }
        for length in 0..2 * BEGINS.len() {
            assert!(!said(&b"q".repeat(length)));
        }
    }
}
