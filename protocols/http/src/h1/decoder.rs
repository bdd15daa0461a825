//! Bytes to the parts of messages, for one direction of one connection.
//!
//! ```text
//!          ┌──────────────── End ◀──────────────┬──────────────┬─────────────┐
//!          ▼                                    │              │             │
//! bytes ▶ Head ─┬▶ Length(n) ───────────────────┤              │             │
//!               ├▶ ChunkLine ▶ ChunkData ▶ ChunkEnd …          │             │
//!               │     └▶ Trailers ─────────────────────────────┤             │
//!               ├▶ UntilClose ── the connection ends ──────────┘             │
//!               └▶ Undecided ─┬─ decline ────────────────────────────────────┘
//!                             └─ switch ▶ Tunnel ── the connection ends ▶ End ▶ Closed
//! ```

use std::ops::Range;

use bytes::{Buf, Bytes, BytesMut};
use wiretape_core::event::HttpVersion;
use wiretape_core::limits::HTTP_INFORMATIONAL_MAX;

use super::chunk::{ChunkLine, Excess};
use super::framing::{Framing, Repeats};
use super::section::{Found, Section};
use super::start::{self, RequestLine, StatusLine};
use super::{Malformed, names};
use crate::{Content, Field, RequestHead, ResponseHead, check};

/// What was decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// The head of a request.
    Request(Box<RequestHead>),
    /// The head of an interim response.
    Informational(Box<ResponseHead>),
    /// The head of the final response.
    Response(Box<ResponseHead>),
    /// A run of content, or of what a tunnel carries.
    Body(Bytes),
    /// The trailer section.
    Trailers(Vec<Field>),
    /// The message, or the tunnel, is over.
    End,
}

/// One direction of one connection.
#[derive(Debug)]
pub struct Decoder {
    role: Role,
    state: State,
    section: Section,
    chunk: ChunkLine,
    excess: Excess,
    /// The line that the section began with, once it was read.
    line: Option<Line>,
    /// An empty line before the request line was skipped (RFC 9112 section 2.2).
    skipped: bool,
    persists: bool,
    chunks: bool,
}

#[derive(Debug)]
enum Role {
    Requests { scheme: &'static str },
    Responses { expected: Option<Expected>, interim: usize },
}

/// What the next response answers.
#[derive(Clone, Debug)]
struct Expected {
    head: bool,
    connect: bool,
    protocol: Option<Bytes>,
}

#[derive(Debug)]
enum Line {
    Request(RequestLine),
    Status(StatusLine),
}

#[derive(Clone, Debug)]
enum State {
    /// Before or in a head.
    Head,
    /// In content of which so much is to come.
    Length(u64),
    ChunkLine,
    ChunkData(u64),
    /// In the CRLF behind a chunk.
    ChunkEnd,
    Trailers,
    /// In the content of a response that the end of the connection ends.
    UntilClose,
    /// Behind a request that asks for a tunnel.
    Undecided,
    Tunnel,
    /// The message is over, which was not said yet.
    Over,
    /// Nothing more is read.
    Closed,
    Broken(Malformed),
}

impl Decoder {
    /// The requests of a client that reached the gateway by `scheme`.
    #[must_use]
    pub fn requests(scheme: &'static str) -> Self {
        Self::new(Role::Requests { scheme })
    }

    /// The responses of a target.
    #[must_use]
    pub fn responses() -> Self {
        Self::new(Role::Responses { expected: None, interim: 0 })
    }

    fn new(role: Role) -> Self {
        Self {
            role,
            state: State::Head,
            section: Section::default(),
            chunk: ChunkLine::default(),
            excess: Excess::default(),
            line: None,
            skipped: false,
            persists: true,
            chunks: true,
        }
    }

    /// The next response answers `request`. Said once for each request, before anything of its response is decoded:
    /// bytes that nobody asked for are malformed.
    pub fn expect(&mut self, request: &RequestHead) {
        if let Role::Responses { expected, interim } = &mut self.role {
            *expected = Some(Expected {
                head: &request.method[..] == b"HEAD",
                connect: &request.method[..] == b"CONNECT" && request.protocol.is_none(),
                protocol: request.protocol.clone(),
            });
            *interim = 0;
        }
    }

    /// Decodes what `input` begins with, and takes it out. `None`: more bytes are needed; what there is stays in
    /// `input`, which is never more than the limits of a head, a line or a trailer section.
    ///
    /// Behind a request that asks for a tunnel nothing is decoded until [`Self::switch`] or [`Self::decline`] says what
    /// the bytes are.
    ///
    /// # Errors
    /// What makes the bytes no message. Nothing can be decoded behind it.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Decoded>, Malformed> {
        let decoded = self.advance(input);
        decoded.map_err(|malformed| self.broken(malformed))
    }

    /// The socket ended: the end of close-delimited content, or of a tunnel; `None` between messages.
    ///
    /// # Errors
    /// The socket ended within a message.
    pub fn end(&mut self) -> Result<Option<Decoded>, Malformed> {
        match self.state {
            State::Head if self.is_idle() => {
                (self.state, self.persists) = (State::Closed, false);
                Ok(None)
            }
            State::Closed => Ok(None),
            State::UntilClose | State::Tunnel | State::Undecided | State::Over | State::Length(0) => {
                self.persists = false;
                self.finish();
                self.state = State::Closed;
                Ok(Some(Decoded::End))
            }
            State::Broken(ref malformed) => Err(malformed.clone()),
            _ => Err(self.broken(Malformed::new(400, "the connection ended within a message"))),
        }
    }

    /// Whether the peer lets the connection carry another message behind this one.
    #[must_use]
    pub fn persists(&self) -> bool {
        self.persists
    }

    /// Whether nothing of the next message was seen.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Head) && !self.section.is_begun()
    }

    /// The tunnel that a request asked for was agreed on: all bytes are [`Decoded::Body`] from here on.
    pub fn switch(&mut self) {
        if !matches!(self.state, State::Broken(_) | State::Closed) {
            self.persists = false;
            self.state = State::Tunnel;
        }
    }

    /// The tunnel that a request asked for was not agreed on: [`Decoded::End`] follows, then the next request.
    ///
    /// Behind a CONNECT the connection does not persist: what a client sent there was meant for the tunnel, and is never
    /// read as a request.
    pub fn decline(&mut self) {
        if let State::Undecided = self.state {
            self.state = State::Over;
        }
    }

    /// Whether the peer takes chunked content and interim responses: whether it speaks HTTP/1.1.
    #[must_use]
    pub fn accepts_chunked(&self) -> bool {
        self.chunks
    }

    fn broken(&mut self, mut malformed: Malformed) -> Malformed {
        if matches!(self.role, Role::Responses { .. }) {
            malformed.status = 502;
        }
        self.persists = false;
        self.state = State::Broken(malformed.clone());
        malformed
    }

    fn advance(&mut self, input: &mut BytesMut) -> Result<Option<Decoded>, Malformed> {
        loop {
            match self.state {
                State::Head => return self.head(input),
                State::Length(0) | State::Over => {
                    self.finish();
                    return Ok(Some(Decoded::End));
                }
                State::Length(left) => {
                    let body = take(input, left);
                    self.state = State::Length(left - body.len() as u64);
                    return Ok(some_body(body));
                }
                State::ChunkLine => {
                    let Some((length, size)) = self.chunk.read(input)? else { return Ok(None) };
                    input.advance(length);
                    self.excess.add(length, size)?;
                    self.chunk = ChunkLine::default();
                    self.state = if size == 0 { State::Trailers } else { State::ChunkData(size) };
                    self.section.reset_to_fields();
                }
                State::ChunkData(0) => self.state = State::ChunkEnd,
                State::ChunkData(left) => {
                    let body = take(input, left);
                    self.state = State::ChunkData(left - body.len() as u64);
                    return Ok(some_body(body));
                }
                State::ChunkEnd => match (input.first(), input.get(1)) {
                    (Some(b'\r'), Some(b'\n')) => {
                        input.advance(2);
                        self.state = State::ChunkLine;
                    }
                    (None, _) | (Some(b'\r'), None) => return Ok(None),
                    _ => return Err(Malformed::new(400, "no line end behind a chunk")),
                },
                State::Trailers => {
                    let Found::Whole(length) = self.section.read(input)? else { return Ok(None) };
                    let bytes = input.split_to(length).freeze();
                    let fields = self.fields(&bytes, None);
                    trailers(&fields)?;
                    self.state = State::Over;
                    if !fields.is_empty() {
                        return Ok(Some(Decoded::Trailers(fields)));
                    }
                }
                State::UntilClose | State::Tunnel => return Ok(some_body(input.split().freeze())),
                State::Undecided => return Ok(None),
                State::Closed => {
                    input.clear();
                    return Ok(None);
                }
                State::Broken(ref malformed) => return Err(malformed.clone()),
            }
        }
    }

    /// A message is over.
    fn finish(&mut self) {
        self.state = if self.persists { State::Head } else { State::Closed };
        self.section.reset();
        self.excess = Excess::default();
        self.line = None;
        self.skipped = false;
        if let Role::Responses { expected, .. } = &mut self.role {
            *expected = None;
        }
    }

    fn head(&mut self, input: &mut BytesMut) -> Result<Option<Decoded>, Malformed> {
        if self.line.is_none() {
            if let Role::Responses { expected: None, .. } = self.role {
                return if input.is_empty() { Ok(None) } else { Err(Malformed::new(502, "a response unasked for")) };
            }
            if !self.skip_empty_line(input)? {
                return Ok(None);
            }
            match self.section.read(input)? {
                Found::Nothing => return Ok(None),
                Found::Start | Found::Whole(_) => {
                    let line = input.get(..self.section.start).unwrap_or_default();
                    self.line = Some(match self.role {
                        Role::Requests { .. } => Line::Request(start::request_line(line)?),
                        Role::Responses { .. } => Line::Status(start::status_line(line)?),
                    });
                }
            }
        }
        let Found::Whole(length) = self.section.read(input)? else { return Ok(None) };
        let head = input.split_to(length).freeze();
        let decoded = match self.line.take() {
            Some(Line::Request(line)) => self.request(head, line)?,
            Some(Line::Status(line)) => self.response(head, line)?,
            None => return Ok(None),
        };
        self.section.reset();
        Ok(Some(decoded))
    }

    /// Skips the one empty line that may stand before a request; whether something else stands there.
    fn skip_empty_line(&mut self, input: &mut BytesMut) -> Result<bool, Malformed> {
        if self.section.is_begun() {
            return Ok(true);
        }
        loop {
            match (input.first(), input.get(1)) {
                (None, _) => return Ok(false),
                (Some(b'\r'), _) if self.skipped || matches!(self.role, Role::Responses { .. }) => {
                    return Err(Malformed::new(400, "an empty line in place of a message"));
                }
                (Some(b'\r'), None) => return Ok(false),
                (Some(b'\r'), Some(b'\n')) => {
                    input.advance(2);
                    self.skipped = true;
                }
                _ => return Ok(true),
            }
        }
    }

    /// The fields of the section that `head` is, but for the one whose value stands at `without`.
    fn fields(&self, head: &Bytes, without: Option<&Range<usize>>) -> Vec<Field> {
        let lines = self.section.lines.iter().filter(|line| without != Some(&line.value));
        let mut fields = Vec::with_capacity(self.section.lines.len());
        for line in lines {
            let name = names::name(head, line.name.clone());
            fields.push(Field { name, value: head.slice(line.value.clone()) });
        }
        fields
    }

    fn request(&mut self, head: Bytes, line: RequestLine) -> Result<Decoded, Malformed> {
        let Role::Requests { scheme } = self.role else { return Err(Malformed::new(400, "a request")) };
        let framing = Framing::read(&head, &self.section, line.version, Repeats::Refused)?;
        let method = head.slice(line.method);
        let host = framing.host.clone().map(|host| head.slice(host));
        let target = Target::read(&method, head.slice(line.target), host.as_ref(), scheme)?;
        if host.is_none() && line.version == HttpVersion::Http11 {
            return Err(Malformed::new(400, "no Host"));
        }
        let content = match (framing.chunked, framing.length) {
            (true, _) => Content::Streamed,
            (false, Some(length)) => Content::Length(length),
            (false, None) => Content::Empty,
        };
        let connect = &method[..] == b"CONNECT";
        if connect && !matches!(content, Content::Empty | Content::Length(0)) {
            return Err(Malformed::new(400, "CONNECT has content"));
        }
        // Content and what follows a change of protocols would have to be told apart before anyone agreed to it.
        let protocol = framing.protocol.filter(|_| content == Content::Empty && !connect);
        let request = RequestHead {
            version: line.version,
            scheme: target.scheme,
            authority: target.authority,
            path: target.path,
            protocol,
            fields: self.fields(&head, framing.host.as_ref()),
            content: if connect { Content::Empty } else { content },
            method,
        };
        check::target(&request)?;
        // What is sent behind a CONNECT is meant for the tunnel, and never read as a request.
        self.persists = line.version == HttpVersion::Http11 && !framing.close && !connect;
        self.chunks = line.version == HttpVersion::Http11;
        self.state = match request.content {
            _ if connect || request.protocol.is_some() => State::Undecided,
            Content::Length(length) => State::Length(length),
            Content::Streamed => State::ChunkLine,
            Content::Empty | Content::Tunnel => State::Over,
        };
        Ok(Decoded::Request(Box::new(request)))
    }

    fn response(&mut self, head: Bytes, line: StatusLine) -> Result<Decoded, Malformed> {
        let framing = Framing::read(&head, &self.section, line.version, Repeats::Tolerated)?;
        let Role::Responses { expected, interim } = &mut self.role else {
            return Err(Malformed::new(502, "a response"));
        };
        let Some(expected) = expected else { return Err(Malformed::new(502, "a response unasked for")) };
        let mut response = ResponseHead {
            version: line.version,
            status: line.status,
            reason: head.slice(line.reason),
            fields: Vec::new(),
            content: Content::Empty,
        };
        self.chunks = line.version == HttpVersion::Http11;
        let keeps = if line.version == HttpVersion::Http11 { !framing.close } else { framing.keep_alive };
        let framed = framing.chunked || framing.length.is_some();
        match line.status {
            101 => {
                if expected.protocol.is_none() || expected.protocol != framing.protocol {
                    return Err(Malformed::new(502, "a change of protocols unasked for"));
                }
                (response.content, self.state, self.persists) = (Content::Tunnel, State::Tunnel, false);
            }
            100..=199 => {
                *interim += 1;
                if *interim > HTTP_INFORMATIONAL_MAX {
                    return Err(Malformed::new(502, "too many interim responses"));
                }
                if framed || line.version == HttpVersion::Http10 {
                    return Err(Malformed::new(502, "an interim response with content, or in HTTP/1.0"));
                }
                response.fields = self.fields(&head, None);
                return Ok(Decoded::Informational(Box::new(response)));
            }
            200..=299 if expected.connect => {
                (response.content, self.state, self.persists) = (Content::Tunnel, State::Tunnel, false);
            }
            status @ (204 | 304) => {
                // Content that may not be there might be all the same: nothing behind it is believed.
                let doubtful = status != 304 && (framing.chunked || framing.length.is_some_and(|length| length > 0));
                (self.state, self.persists) = (State::Over, keeps && !doubtful);
            }
            _ if expected.head => (self.state, self.persists) = (State::Over, keeps),
            _ if framing.chunked => {
                (response.content, self.state, self.persists) = (Content::Streamed, State::ChunkLine, keeps);
            }
            _ => match framing.length {
                Some(length) => {
                    (response.content, self.state, self.persists) =
                        (Content::Length(length), State::Length(length), keeps);
                }
                None => (response.content, self.state, self.persists) = (Content::Streamed, State::UntilClose, false),
            },
        }
        response.fields = self.fields(&head, None);
        Ok(Decoded::Response(Box::new(response)))
    }
}

/// At most `most` bytes of `input`.
fn take(input: &mut BytesMut, most: u64) -> Bytes {
    let length = usize::try_from(most).map_or(input.len(), |most| most.min(input.len()));
    input.split_to(length).freeze()
}

fn some_body(body: Bytes) -> Option<Decoded> {
    (!body.is_empty()).then_some(Decoded::Body(body))
}

/// Fields that may not stand behind content: they say what it is, or whose.
fn trailers(fields: &[Field]) -> Result<(), Malformed> {
    const REFUSED: [&[u8]; 3] = [b"transfer-encoding", b"content-length", b"host"];
    if fields.iter().any(|field| REFUSED.iter().any(|name| field.name.eq_ignore_ascii_case(name))) {
        return Err(Malformed::new(400, "a trailer field that belongs into a head"));
    }
    Ok(())
}

/// What a request asks for (RFC 9112 section 3.2).
struct Target {
    scheme: Bytes,
    authority: Bytes,
    path: Bytes,
}

impl Target {
    fn read(method: &[u8], target: Bytes, host: Option<&Bytes>, scheme: &'static str) -> Result<Self, Malformed> {
        let scheme = Bytes::from_static(scheme.as_bytes());
        if method == b"CONNECT" {
            let port = check::authority(&target)?.port;
            let same = |host: &Bytes| {
                // Some clients leave out the port that they take for granted.
                check::authority(host).is_ok_and(|said| said.port.is_none() || said.port == port)
                    && check::agrees(host_of(host), host_of(&target), &scheme)
            };
            if !host.is_none_or(same) {
                return Err(Malformed::new(400, "Host says something else than the target"));
            }
            return Ok(Self { scheme, authority: target, path: Bytes::new() });
        }
        if target.starts_with(b"/") || &target[..] == b"*" {
            return Ok(Self { scheme, authority: host.cloned().unwrap_or_default(), path: target });
        }
        let (scheme, behind) = if starts_with(&target, b"http://") {
            (Bytes::from_static(b"http"), target.slice(7..))
        } else if starts_with(&target, b"https://") {
            (Bytes::from_static(b"https"), target.slice(8..))
        } else {
            return Err(Malformed::new(400, "the target is neither a path nor a URL of HTTP"));
        };
        let end = behind.iter().position(|octet| matches!(octet, b'/' | b'?')).unwrap_or(behind.len());
        let (authority, path) = (behind.slice(..end), behind.slice(end..));
        if !host.is_none_or(|host| check::agrees(host, &authority, &scheme)) {
            return Err(Malformed::new(400, "Host says something else than the target"));
        }
        let path = match path.first() {
            Some(b'/') => path,
            None if method == b"OPTIONS" => Bytes::from_static(b"*"),
            _ => [b"/", &path[..]].concat().into(),
        };
        Ok(Self { scheme, authority, path })
    }
}

fn starts_with(text: &[u8], front: &[u8]) -> bool {
    text.get(..front.len()).is_some_and(|text| text.eq_ignore_ascii_case(front))
}

/// The host of a host and port, with its brackets.
fn host_of(authority: &[u8]) -> &[u8] {
    check::authority(authority).map_or(authority, |authority| authority.host)
}
