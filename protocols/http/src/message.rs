//! What is said on a lane: one exchange, in the terms that all versions of HTTP share (RFC 9110 section 6).

use std::sync::Arc;

use bytes::Bytes;
use wiretape_core::Lane;
use wiretape_core::event::HttpVersion;

/// One part of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The exchange.
    pub lane: Lane,
    /// What is said.
    pub part: Part,
}

/// The parts of which a message consists, in this order: a head (for responses after any number of interim ones), runs
/// of content, trailers perhaps, the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The head of a request, and the way that it is to go.
    Request(Box<RequestHead>, Arc<Route>),
    /// The head of an interim response (1xx but for 101).
    Informational(Box<ResponseHead>),
    /// The head of the final response.
    Response(Box<ResponseHead>),
    /// A run of content; after an upgrade, bytes of the other protocol.
    Body(Bytes),
    /// The trailer section.
    Trailers(Vec<Field>),
    /// This side's message is complete; after an upgrade, the side will say nothing more.
    End,
    /// The side breaks the exchange off.
    Reset {
        /// An error code of RFC 9113 section 7.
        code: u32,
        /// What happened.
        reason: String,
    },
    /// From the side of the target: the gateway has no answer of the target's to give, and answers itself.
    Failed(Problem),
}

/// A field line. Its name as it was spelt (HTTP/2 has lower case only), its value without white space around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name.
    pub name: Bytes,
    /// The value.
    pub value: Bytes,
}

/// Whether and how much content follows a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// None: the end follows at once.
    Empty,
    /// So many bytes.
    Length(u64),
    /// Until the end is said: chunks, frames, or the end of the connection.
    Streamed,
    /// The lane carries another protocol from here on (101, or 2xx to CONNECT).
    Tunnel,
}

/// The head of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// The version of the peer that said it.
    pub version: HttpVersion,
    /// The method.
    pub method: Bytes,
    /// `http` or `https`.
    pub scheme: Bytes,
    /// Host and port, without user information.
    pub authority: Bytes,
    /// Path and query in origin form; `*` for an OPTIONS of the server; empty for CONNECT without a protocol.
    pub path: Bytes,
    /// What the lane shall become: `Upgrade` of HTTP/1.1 or `:protocol` of RFC 8441, such as `websocket`.
    pub protocol: Option<Bytes>,
    /// The fields, without Host.
    pub fields: Vec<Field>,
    /// What follows.
    pub content: Content,
}

/// The head of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The version of the peer that said it.
    pub version: HttpVersion,
    /// The status code, 100 to 599.
    pub status: u16,
    /// The reason phrase of HTTP/1; empty in HTTP/2.
    pub reason: Bytes,
    /// The fields.
    pub fields: Vec<Field>,
    /// What follows.
    pub content: Content,
}

/// The way of a request: what a proxy changes of it, by RFC 9110 section 7.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// The name of the gateway in `Via`.
    pub pseudonym: String,
    /// `http` or `https`, toward the target.
    pub scheme: String,
    /// The authority that the target is asked by; empty: the one that the client named.
    pub authority: String,
    /// What the client's path begins with and the target's does not, such as `/orders`; without a `/` at its end.
    pub prefix: String,
    /// What the target's path begins with and the client's does not; without a `/` at its end.
    pub base: String,
    /// Fields that were meant for the gateway and go no further, in lower case (`authorization`, `wiretape-label`).
    pub consumed: Vec<String>,
    /// What `Forwarded` (RFC 7239) tells the target of the client; `None`: nothing, and what the client says of it
    /// passes.
    pub forwarded: Option<String>,
}

/// Why the gateway answers in the target's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The status code: 502, 503, 504.
    pub status: u16,
    /// A word for programs, such as `target_unreachable`.
    pub error: &'static str,
    /// A sentence for people, without any secret.
    pub reason: String,
    /// Where to ask what became of it, as a reference (RFC 9110 section 10.2.2), where it can be asked.
    pub place: Option<String>,
}
