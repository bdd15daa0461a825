//! Request lines and status lines (RFC 9112 sections 3 and 4).

use std::ops::Range;

use wiretape_core::event::HttpVersion;

use super::Malformed;
use crate::check;

/// A request line: where its parts stand in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequestLine {
    pub(super) method: Range<usize>,
    pub(super) target: Range<usize>,
    pub(super) version: HttpVersion,
}

/// A status line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StatusLine {
    pub(super) version: HttpVersion,
    pub(super) status: u16,
    pub(super) reason: Range<usize>,
}

/// Reads `method SP request-target SP HTTP-version`, with no other white space anywhere.
pub(super) fn request_line(line: &[u8]) -> Result<RequestLine, Malformed> {
    let space = |from: usize| line.get(from..)?.iter().position(|&octet| octet == b' ').map(|place| from + place);
    let wrong = |reason| Err(Malformed::new(400, reason));
    let Some(first) = space(0) else { return wrong("no request line") };
    let Some(second) = space(first + 1) else { return wrong("a request line without a version") };
    if space(second + 1).is_some() {
        return wrong("white space in the request line");
    }
    if !check::is_token(line.get(..first).unwrap_or_default()) {
        return wrong("the method is no token");
    }
    let target = line.get(first + 1..second).unwrap_or_default();
    if target.is_empty() || !check::is_path(target) {
        return wrong("the target has white space or a fragment, or is none");
    }
    let version = version(line.get(second + 1..).unwrap_or_default())?;
    Ok(RequestLine { method: 0..first, target: first + 1..second, version })
}

/// Reads `HTTP-version SP status-code [ SP reason-phrase ]`.
pub(super) fn status_line(line: &[u8]) -> Result<StatusLine, Malformed> {
    let version = version(line.get(..8).unwrap_or(line))?;
    let status = match line.get(8..12) {
        Some(&[b' ', hundreds @ b'1'..=b'5', tens @ b'0'..=b'9', ones @ b'0'..=b'9']) => {
            let digit = |octet: u8| u16::from(octet - b'0');
            digit(hundreds) * 100 + digit(tens) * 10 + digit(ones)
        }
        _ => return Err(Malformed::new(400, "a status line without a status")),
    };
    let reason = match line.get(12) {
        None => 12..12,
        Some(b' ') => 13..line.len(),
        Some(_) => return Err(Malformed::new(400, "a status of more than three digits")),
    };
    Ok(StatusLine { version, status, reason })
}

fn version(text: &[u8]) -> Result<HttpVersion, Malformed> {
    match text {
        b"HTTP/1.1" => Ok(HttpVersion::Http11),
        b"HTTP/1.0" => Ok(HttpVersion::Http10),
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
            Err(Malformed::new(505, "a version of HTTP that is not spoken here"))
        }
        _ => Err(Malformed::new(400, "no version of HTTP")),
    }
}
