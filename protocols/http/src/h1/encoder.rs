//! Parts of messages to bytes, for one direction of one connection.

use std::io::Write;

use bytes::Bytes;
use wiretape_core::event::HttpVersion;

use super::{Malformed, Outbox, websocket_accept};
use crate::{Content, Field, RequestHead, ResponseHead};

/// Fields that the encoder says itself, by what it does.
const OWN: [&[u8]; 8] = [
    b"connection",
    b"content-length",
    b"host",
    b"keep-alive",
    b"proxy-connection",
    b"te",
    b"transfer-encoding",
    b"upgrade",
];

/// One direction of one connection.
///
/// Heads have passed [`crate::check`] or come from a [`super::Decoder`]: what would break a line is not looked for again.
/// Framing is the encoder's own: fields of a head that frame the message or speak of the connection are left out.
#[derive(Debug)]
pub struct Encoder {
    framing: Framing,
    persists: bool,
}

/// How content is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// There is none.
    Empty,
    /// So much is to come.
    Length(u64),
    Chunks,
    /// Until the connection ends: also a tunnel.
    Plain,
    /// The trailer section was written.
    Trailed,
    /// More came than was announced.
    Exceeded,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// Before the first message.
    #[must_use]
    pub fn new() -> Self {
        Self { framing: Framing::Empty, persists: true }
    }

    /// Writes the head of a request, in origin form (for CONNECT without a protocol: in authority form).
    ///
    /// With a protocol it becomes a GET that asks for an upgrade, and bytes of the body are those of the protocol.
    pub fn request(&mut self, head: &RequestHead, out: &mut Outbox) {
        let upgrade = head.protocol.as_ref();
        let connect = &head.method[..] == b"CONNECT" && upgrade.is_none();
        let method = if &head.method[..] == b"CONNECT" && upgrade.is_some() { &b"GET"[..] } else { &head.method };
        out.put(method);
        out.put(b" ");
        out.put(if connect { &head.authority } else { &head.path });
        out.put(b" HTTP/1.1\r\n");
        line(b"Host", &head.authority, out);
        others(&head.fields, out);
        let trailers = head.fields.iter().any(|field| field.name.eq_ignore_ascii_case(b"te"));
        if trailers {
            out.put(b"TE: trailers\r\n");
        }
        if let Some(protocol) = upgrade {
            out.put(if trailers { b"Connection: TE, Upgrade\r\n" } else { b"Connection: Upgrade\r\n" });
            line(b"Upgrade", protocol, out);
        } else if trailers {
            out.put(b"Connection: TE\r\n");
        }
        self.framing = match head.content {
            _ if connect || upgrade.is_some() => Framing::Plain,
            Content::Length(length) => Framing::Length(length),
            Content::Streamed => Framing::Chunks,
            // These methods are expected to have content (RFC 9110 section 8.6).
            Content::Empty | Content::Tunnel if matches!(method, b"POST" | b"PUT" | b"PATCH") => Framing::Length(0),
            Content::Empty | Content::Tunnel => Framing::Empty,
        };
        if self.framing == Framing::Plain {
            self.persists = false;
        }
        self.announce(out);
    }

    /// Writes the head of an interim response. Never to a client of HTTP/1.0, which does not know them.
    pub fn informational(&mut self, head: &ResponseHead, out: &mut Outbox) {
        status(head.status, &head.reason, out);
        others(&head.fields, out);
        out.put(b"\r\n");
    }

    /// Writes the head of the response to a request. With `close` it is the last one of the connection, and says so.
    ///
    /// To a client of HTTP/1.0 content goes without chunks, and the connection ends behind it.
    pub fn response(&mut self, head: &ResponseHead, to: &RequestHead, close: bool, out: &mut Outbox) {
        if head.content == Content::Tunnel {
            return self.tunnel(head, to, out);
        }
        let old = to.version == HttpVersion::Http10;
        self.persists = !close && !old;
        let bare = &to.method[..] == b"HEAD" || matches!(head.status, 204 | 304);
        self.framing = match head.content {
            _ if bare => Framing::Empty,
            Content::Length(length) => Framing::Length(length),
            Content::Streamed if old => Framing::Plain,
            Content::Streamed => Framing::Chunks,
            Content::Empty | Content::Tunnel => Framing::Length(0),
        };
        status(head.status, &head.reason, out);
        others(&head.fields, out);
        if bare && head.status != 204 {
            // What the content would have been.
            let length = head.fields.iter().find(|field| field.name.eq_ignore_ascii_case(b"content-length"));
            if let Some(length) = length {
                line(&length.name, &length.value, out);
            }
        }
        if !self.persists {
            out.put(b"Connection: close\r\n");
        }
        self.announce(out);
    }

    /// Writes a run of content, as the head announced it.
    pub fn body(&mut self, bytes: Bytes, out: &mut Outbox) {
        if bytes.is_empty() {
            return;
        }
        match &mut self.framing {
            Framing::Plain => out.push(bytes),
            Framing::Chunks => {
                put_number(out, format_args!("{:x}\r\n", bytes.len()));
                out.push(bytes);
                out.put(b"\r\n");
            }
            Framing::Length(left) if *left >= bytes.len() as u64 => {
                *left -= bytes.len() as u64;
                out.push(bytes);
            }
            Framing::Empty | Framing::Length(_) | Framing::Trailed | Framing::Exceeded => {
                self.framing = Framing::Exceeded;
            }
        }
    }

    /// Writes the trailer section. Where the content has no chunks there is no place for one, and it is left out.
    pub fn trailers(&mut self, fields: &[Field], out: &mut Outbox) {
        if self.framing == Framing::Chunks {
            out.put(b"0\r\n");
            others(fields, out);
            out.put(b"\r\n");
            self.framing = Framing::Trailed;
        }
    }

    /// Ends the message.
    ///
    /// # Errors
    /// There was less content than was announced, or more: the connection has to be closed.
    pub fn end(&mut self, out: &mut Outbox) -> Result<(), Malformed> {
        let framing = std::mem::replace(&mut self.framing, Framing::Empty);
        let wrong = match framing {
            Framing::Empty | Framing::Length(0) | Framing::Trailed => return Ok(()),
            Framing::Chunks => {
                out.put(b"0\r\n\r\n");
                return Ok(());
            }
            Framing::Plain => {
                self.persists = false;
                return Ok(());
            }
            Framing::Length(_) => "less content than was announced",
            Framing::Exceeded => "more content than was announced",
        };
        self.persists = false;
        Err(Malformed::new(502, wrong))
    }

    /// Whether this side may send another message on the connection.
    #[must_use]
    pub fn persists(&self) -> bool {
        self.persists
    }

    fn tunnel(&mut self, head: &ResponseHead, to: &RequestHead, out: &mut Outbox) {
        (self.framing, self.persists) = (Framing::Plain, false);
        let Some(protocol) = &to.protocol else {
            status(head.status, &head.reason, out);
            others(&head.fields, out);
            return out.put(b"\r\n");
        };
        out.put(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n");
        line(b"Upgrade", protocol, out);
        others(&head.fields, out);
        let find = |fields: &[Field], name: &[u8]| {
            fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value.clone())
        };
        if let Some(key) = find(&to.fields, b"sec-websocket-key")
            && find(&head.fields, b"sec-websocket-accept").is_none()
        {
            line(b"Sec-WebSocket-Accept", &websocket_accept(&key), out);
        }
        out.put(b"\r\n");
    }

    /// Says how content is framed, and ends the head.
    fn announce(&self, out: &mut Outbox) {
        match self.framing {
            Framing::Length(length) => put_number(out, format_args!("Content-Length: {length}\r\n\r\n")),
            Framing::Chunks => out.put(b"Transfer-Encoding: chunked\r\n\r\n"),
            Framing::Empty | Framing::Plain | Framing::Trailed | Framing::Exceeded => out.put(b"\r\n"),
        }
    }
}

fn line(name: &[u8], value: &[u8], out: &mut Outbox) {
    for part in [name, b": ", value, b"\r\n"] {
        out.put(part);
    }
}

/// The fields that are not the encoder's own.
fn others(fields: &[Field], out: &mut Outbox) {
    for field in fields {
        if !OWN.iter().any(|name| field.name.eq_ignore_ascii_case(name)) {
            line(&field.name, &field.value, out);
        }
    }
}

/// A few bytes with a number in them.
fn put_number(out: &mut Outbox, text: std::fmt::Arguments<'_>) {
    let mut place = [0; 64];
    let mut rest = &mut place[..];
    // Sixty-four bytes hold any of these lines.
    let written = rest.write_fmt(text).is_ok();
    let left = rest.len();
    debug_assert!(written);
    out.put(place.get(..64 - left).unwrap_or_default());
}

fn status(status: u16, reason: &[u8], out: &mut Outbox) {
    put_number(out, format_args!("HTTP/1.1 {status} "));
    out.put(if reason.is_empty() { usual_reason(status) } else { reason });
    out.put(b"\r\n");
}

/// The phrases of RFC 9110 section 15, for responses that come without one: HTTP/2 has none.
fn usual_reason(status: u16) -> &'static [u8] {
    let phrase = match status {
        100 => "Continue",
        101 => "Switching Protocols",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
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
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    };
    phrase.as_bytes()
}

#[cfg(test)]
mod tests;
