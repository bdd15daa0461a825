//! What the fields of a head say of the message itself and of the connection (RFC 9112 sections 6 and 9).

use std::ops::Range;

use bytes::Bytes;
use wiretape_core::event::HttpVersion;

use super::Malformed;
use super::section::Section;
use crate::check;

/// What a head says of the message and of the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Framing {
    /// Where the value of Host stands.
    pub(super) host: Option<Range<usize>>,
    /// Content-Length.
    pub(super) length: Option<u64>,
    /// Transfer-Encoding: chunked.
    pub(super) chunked: bool,
    /// `Connection: close`.
    pub(super) close: bool,
    /// `Connection: keep-alive`.
    pub(super) keep_alive: bool,
    /// Of what Upgrade offers, where `Connection: upgrade` stands beside it: `websocket`, or what stands first; in lower
    /// case.
    pub(super) protocol: Option<Bytes>,
}

/// Whether a message may say the same Content-Length again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeats {
    Refused,
    /// If it is the same.
    Tolerated,
}

impl Framing {
    /// Reads the fields of a whole section of `version`.
    pub(super) fn read(
        head: &[u8],
        section: &Section,
        version: HttpVersion,
        repeats: Repeats,
    ) -> Result<Self, Malformed> {
        let mut framing = Self::default();
        let (mut hosts, mut coded, mut offers, mut upgrades) = (0, false, false, false);
        for line in &section.lines {
            let name = head.get(line.name.clone()).unwrap_or_default();
            let value = head.get(line.value.clone()).unwrap_or_default();
            match name.len() {
                4 if name.eq_ignore_ascii_case(b"host") && repeats == Repeats::Refused => {
                    hosts += 1;
                    framing.host = Some(line.value.clone());
                }
                7 if name.eq_ignore_ascii_case(b"upgrade") => offers = true,
                10 if name.eq_ignore_ascii_case(b"connection") => {
                    for option in check::elements(value) {
                        framing.close |= option.eq_ignore_ascii_case(b"close");
                        framing.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                        upgrades |= option.eq_ignore_ascii_case(b"upgrade");
                    }
                }
                14 if name.eq_ignore_ascii_case(b"content-length") => {
                    let length = number(value)?;
                    match framing.length.replace(length) {
                        Some(before) if repeats == Repeats::Refused || before != length => {
                            return Err(Malformed::new(400, "Content-Length is said twice"));
                        }
                        _ => {}
                    }
                }
                17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                    if std::mem::replace(&mut coded, true) {
                        return Err(Malformed::new(400, "Transfer-Encoding is said twice"));
                    }
                    coding(value)?;
                    framing.chunked = true;
                }
                _ => {}
            }
        }
        if hosts > 1 {
            return Err(Malformed::new(400, "Host is said twice"));
        }
        if framing.chunked && framing.length.is_some() {
            return Err(Malformed::new(400, "Content-Length together with Transfer-Encoding"));
        }
        if framing.chunked && version == HttpVersion::Http10 {
            return Err(Malformed::new(400, "Transfer-Encoding in HTTP/1.0"));
        }
        if offers && upgrades && version == HttpVersion::Http11 {
            framing.protocol = offered(head, section);
        }
        Ok(framing)
    }
}

/// Digits, and nothing else.
fn number(value: &[u8]) -> Result<u64, Malformed> {
    let wrong = || Malformed::new(400, "Content-Length is no number");
    if value.is_empty() {
        return Err(wrong());
    }
    value.iter().try_fold(0u64, |number, &octet| {
        if !octet.is_ascii_digit() {
            return Err(wrong());
        }
        let number = number.checked_mul(10).and_then(|number| number.checked_add(u64::from(octet - b'0')));
        number.ok_or_else(|| Malformed::new(400, "Content-Length is too large"))
    })
}

/// `chunked`, and nothing else: other codings would have to be undone, and two readers disagree about odd spellings.
fn coding(value: &[u8]) -> Result<(), Malformed> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    if check::elements(value).next().is_none()
        || !check::elements(value).all(check::is_token)
        || check::elements(value).all(is_chunked)
    {
        return Err(Malformed::new(400, "Transfer-Encoding is no list of codings"));
    }
    Err(Malformed::new(501, "a transfer coding other than chunked"))
}

/// What the client wants to change to.
fn offered(head: &[u8], section: &Section) -> Option<Bytes> {
    let field = |line: &super::section::Line| {
        let name = head.get(line.name.clone()).unwrap_or_default();
        name.eq_ignore_ascii_case(b"upgrade").then(|| head.get(line.value.clone()).unwrap_or_default())
    };
    let offers = || section.lines.iter().filter_map(field).flat_map(check::elements);
    let names = || offers().filter(|name| name.split(|&octet| octet == b'/').all(check::is_token));
    if names().any(|name| name.eq_ignore_ascii_case(b"websocket")) {
        return Some(Bytes::from_static(b"websocket"));
    }
    names().find(|name| !name.eq_ignore_ascii_case(b"h2c")).map(|name| name.to_ascii_lowercase().into())
}
