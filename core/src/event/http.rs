//! Events of HTTP, in the words of RFC 9110, of RFC 8441 and RFC 6455.
//!
//! An exchange, a request and its response, is a lane. Names and values are the peers' own bytes, not always UTF-8.
//! What a peer said is recorded as it said it, in the terms that all versions of HTTP share; credentials are not.

use bytes::Bytes;

/// The version that a peer speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2.
    Http2,
}

/// One field line of a header or trailer section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderField {
    /// Its name, as it was spelt.
    pub name: Bytes,
    /// Its value, as far as it is recorded.
    pub value: Bytes,
    /// Bytes that stood behind `value` and are a credential: they are not recorded.
    pub concealed_bytes: u32,
}

/// What a WebSocket message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// UTF-8 text.
    Text,
    /// Bytes.
    Binary,
}

/// What a WebSocket control frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlKind {
    /// Are you there?
    Ping,
    /// I am.
    Pong,
    /// The peer will say nothing more: a status code (16 bits, big-endian) and a reason, or nothing.
    Close,
}

/// Events of the family `http`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpEvent {
    /// The head of a request, as the client sent it.
    Request {
        /// The version that the client speaks.
        version: HttpVersion,
        /// The method.
        method: Bytes,
        /// `http` or `https`: how the client reached what it asked for.
        scheme: Bytes,
        /// The host, and the port where one was given, that the client asked for.
        authority: Bytes,
        /// Path and query, with credentials in the query replaced by `***`; empty for CONNECT.
        path: Bytes,
        /// What the connection or stream shall become: `Upgrade`, or `:protocol` of RFC 8441.
        protocol: Option<Bytes>,
        /// The header fields in order, without Host.
        fields: Vec<HeaderField>,
    },
    /// The head of an interim response (1xx).
    Informational {
        /// The status code.
        status: u16,
        /// The header fields in order.
        fields: Vec<HeaderField>,
    },
    /// The head of the final response.
    Response {
        /// The version that the target speaks.
        version: HttpVersion,
        /// The status code.
        status: u16,
        /// The reason phrase of HTTP/1; often empty.
        reason: Bytes,
        /// The header fields in order.
        fields: Vec<HeaderField>,
    },
    /// A run of content.
    Body {
        /// Verbatim, without the chunks or frames that carried it.
        bytes: Bytes,
    },
    /// The trailer section.
    Trailers {
        /// Its fields in order.
        fields: Vec<HeaderField>,
    },
    /// The message of this side is complete.
    End,
    /// The target agreed: from here on the lane carries another protocol.
    Upgrade {
        /// Its name; `CONNECT` for a tunnel.
        protocol: Bytes,
    },
    /// A side broke the exchange off before it was complete.
    Reset {
        /// The error code of RFC 9113 section 7, or the one that says it best.
        code: u32,
        /// What happened.
        reason: String,
    },
    /// A WebSocket message or a piece of it.
    Message {
        /// What it carries.
        kind: MessageKind,
        /// Verbatim, unmasked.
        bytes: Bytes,
        /// Whether the message begins here.
        first: bool,
        /// Whether the message ends here.
        last: bool,
    },
    /// A WebSocket control frame.
    Control {
        /// What it is for.
        kind: ControlKind,
        /// Its payload, unmasked; at most 125 bytes.
        bytes: Bytes,
    },
}

impl HttpEvent {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Request { .. } => "http.request",
            Self::Informational { .. } => "http.informational",
            Self::Response { .. } => "http.response",
            Self::Body { .. } => "http.body",
            Self::Trailers { .. } => "http.trailers",
            Self::End => "http.end",
            Self::Upgrade { .. } => "http.upgrade",
            Self::Reset { .. } => "http.reset",
            Self::Message { .. } => "http.message",
            Self::Control { .. } => "http.control",
        }
    }

    /// Bytes of payload that the event carries verbatim.
    pub(super) fn payload_bytes(&self) -> usize {
        match self {
            Self::Body { bytes } | Self::Message { bytes, .. } => bytes.len(),
            _ => 0,
        }
    }
}
