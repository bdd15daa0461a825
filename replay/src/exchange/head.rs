//! Heads and trailers: versions, statuses, fields.

use wiretape_core::event::{HeaderField, HttpVersion};

use crate::legible::size;

/// The version, as HTTP/1 writes it.
#[must_use]
pub fn version(version: HttpVersion) -> &'static str {
    match version {
        HttpVersion::Http10 => "HTTP/1.0",
        HttpVersion::Http11 => "HTTP/1.1",
        HttpVersion::Http2 => "HTTP/2",
    }
}

/// What a status code is called (RFC 9110 section 15 and the registry of IANA); empty when it has no name.
#[must_use]
pub fn status_name(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        511 => "Network Authentication Required",
        _ => "",
    }
}

/// The name of an error code of RFC 9113 section 7.
#[must_use]
pub fn error_name(code: u32) -> Option<&'static str> {
    let name = match code {
        0x0 => "NO_ERROR",
        0x1 => "PROTOCOL_ERROR",
        0x2 => "INTERNAL_ERROR",
        0x3 => "FLOW_CONTROL_ERROR",
        0x4 => "SETTINGS_TIMEOUT",
        0x5 => "STREAM_CLOSED",
        0x6 => "FRAME_SIZE_ERROR",
        0x7 => "REFUSED_STREAM",
        0x8 => "CANCEL",
        0x9 => "COMPRESSION_ERROR",
        0xa => "CONNECT_ERROR",
        0xb => "ENHANCE_YOUR_CALM",
        0xc => "INADEQUATE_SECURITY",
        0xd => "HTTP_1_1_REQUIRED",
        _ => return None,
    };
    Some(name)
}

/// The value of the first field of this name, in whatever case it was spelt.
#[must_use]
pub fn field<'a>(fields: &'a [HeaderField], name: &str) -> Option<&'a [u8]> {
    fields.iter().find(|field| field.name.eq_ignore_ascii_case(name.as_bytes())).map(|field| field.value.as_ref())
}

/// The items of all fields of this name that hold lists, in lower case and without white space.
#[must_use]
pub fn items(fields: &[HeaderField], name: &str) -> Vec<String> {
    let lines = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name.as_bytes()));
    let items = lines.flat_map(|field| field.value.split(|byte| *byte == b','));
    let items = items.map(|item| String::from_utf8_lossy(item.trim_ascii()).to_ascii_lowercase());
    items.filter(|item| !item.is_empty()).collect()
}

/// The media type without its parameters, in lower case; empty when there is none.
#[must_use]
pub fn media_type(fields: &[HeaderField]) -> String {
    let value = field(fields, "content-type").unwrap_or_default();
    let end = value.iter().position(|byte| matches!(byte, b';' | b',')).unwrap_or(value.len());
    String::from_utf8_lossy(value.get(..end).unwrap_or_default().trim_ascii()).to_ascii_lowercase()
}

/// What a field says; what of it was not recorded is told by its length.
#[must_use]
pub fn value(field: &HeaderField) -> String {
    let value = String::from_utf8_lossy(&field.value);
    match field.concealed_bytes {
        0 => value.into_owned(),
        concealed => format!("{value}[{} concealed]", size(u64::from(concealed))),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use wiretape_core::event::HeaderField;

    use super::{field, items, media_type, value};

    fn line(name: &'static str, value: &'static str) -> HeaderField {
        HeaderField { name: name.into(), value: value.into(), concealed_bytes: 0 }
    }

    #[test]
    fn fields_are_found_in_any_spelling() {
        let fields = [line("Content-TYPE", " Text/HTML ; charset=utf-8"), line("x", "1"), line("X", "2")];
        assert_eq!(media_type(&fields), "text/html");
        assert_eq!(field(&fields, "X"), Some(&b"1"[..]));
        assert_eq!(field(&fields, "y"), None);
        assert_eq!(media_type(&[]), "");
    }

    #[test]
    fn lists_are_joined_over_lines() {
        let fields = [line("Content-Encoding", "gzip , BR"), line("content-encoding", ",zstd,")];
        assert_eq!(items(&fields, "content-encoding"), ["gzip", "br", "zstd"]);
    }

    #[test]
    fn what_is_concealed_is_told_by_its_length() {
        let concealed = HeaderField { name: "a".into(), value: Bytes::from_static(b"Bearer "), concealed_bytes: 43 };
        assert_eq!(value(&concealed), "Bearer [43 B concealed]");
    }
}
