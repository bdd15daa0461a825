//! A connection in HTTP/1.1: what the peer says, part by part, and what it is told.

use std::io::{Error, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWrite;
use tokio_util::io::poll_read_buf;
use wiretape_core::event::HttpVersion;
use wiretape_http::h1::{Decoded, Decoder, Encoder, Malformed, Outbox};
use wiretape_http::{Content, Part, RequestHead};

use super::reset::{CANCEL, INTERNAL_ERROR, NO_ERROR, PROTOCOL_ERROR, broken};
use crate::transport::Stream;

/// What is read at once from a peer that says much: the more at once, the fewer times others are woken for it.
const READ_BYTES_MAX: usize = 256 * 1024;

/// And from one that does not: many connections are idle.
const READ_BYTES_MIN: usize = 4 * 1024;

/// What is kept of what a client sends before its turn: further requests of a pipeline.
const AHEAD_BYTES_MAX: usize = 64 * 1024;

/// A connection whose peer is a client or a target.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    input: BytesMut,
    /// How much to read at once.
    appetite: usize,
    decoder: Decoder,
    encoder: Encoder,
    outbox: Outbox,
    unflushed: bool,
    /// Toward a client: the request that is being answered, without its content.
    answered: Option<Box<RequestHead>>,
    /// The peer may yet be told that the connection becomes something else.
    upgrade: Upgrade,
    /// The peer's message is complete.
    said_end: bool,
    /// What the peer is told is complete.
    told_end: bool,
    /// Bytes came since the last request.
    heard: bool,
    /// The socket says nothing more.
    read_ended: bool,
    /// The peer takes nothing more.
    broken: bool,
    /// No further message may follow.
    last: bool,
    /// The client waits to be asked for its content (`Expect: 100-continue`), and was not.
    expects: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upgrade {
    /// Not asked for.
    Not,
    /// Asked for; the answer is to come.
    Asked,
    /// The connection carries another protocol.
    Done,
    /// And our side of it is to be closed when everything is sent.
    Closing,
    /// It is closed.
    Closed,
}

/// What a client wants next.
pub(crate) enum Next {
    Request(Box<RequestHead>),
    /// It left.
    Gone,
    Malformed(Malformed),
}

impl Connection {
    /// The connection of a client that asks for things by `scheme`; `input` was read of it already.
    pub(crate) fn with_client(stream: Box<dyn Stream>, input: BytesMut, scheme: &'static str) -> Self {
        Self::new(stream, input, Decoder::requests(scheme))
    }

    /// The connection to a target.
    pub(crate) fn with_target(stream: Box<dyn Stream>) -> Self {
        Self::new(stream, BytesMut::new(), Decoder::responses())
    }

    fn new(stream: Box<dyn Stream>, input: BytesMut, decoder: Decoder) -> Self {
        Self {
            stream,
            input,
            appetite: READ_BYTES_MIN,
            decoder,
            encoder: Encoder::new(),
            outbox: Outbox::new(),
            unflushed: false,
            answered: None,
            upgrade: Upgrade::Not,
            said_end: false,
            told_end: false,
            heard: false,
            read_ended: false,
            broken: false,
            last: false,
            expects: false,
        }
    }

    /// Whether something of the next request is there.
    pub(crate) fn poll_begun(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        if !self.input.is_empty() {
            return Poll::Ready(true);
        }
        if self.read_ended {
            return Poll::Ready(false);
        }
        match ready!(self.poll_fill(context)) {
            Ok(0) | Err(_) => Poll::Ready(false),
            Ok(_) => Poll::Ready(true),
        }
    }

    /// The next request.
    pub(crate) fn poll_request(&mut self, context: &mut Context<'_>) -> Poll<Next> {
        loop {
            match self.decoder.decode(&mut self.input) {
                Ok(Some(Decoded::Request(head))) => {
                    let asks = head.protocol.is_some() || head.method.as_ref() == b"CONNECT";
                    self.upgrade = if asks { Upgrade::Asked } else { Upgrade::Not };
                    self.said_end = false;
                    self.told_end = false;
                    self.expects = expects(&head);
                    // What the answer needs to know; the fields only where the answer is made of one of them.
                    let fields = if asks { head.fields.clone() } else { Vec::new() };
                    self.answered = Some(Box::new(RequestHead {
                        version: head.version,
                        method: head.method.clone(),
                        scheme: head.scheme.clone(),
                        authority: head.authority.clone(),
                        path: head.path.clone(),
                        protocol: head.protocol.clone(),
                        fields,
                        content: head.content,
                    }));
                    return Poll::Ready(Next::Request(head));
                }
                // Between requests there is nothing else: the end of a message is taken within its exchange.
                Ok(Some(_)) => continue,
                Ok(None) => {}
                Err(malformed) => {
                    self.last = true;
                    self.answered = Some(Box::new(unknown_request()));
                    return Poll::Ready(Next::Malformed(malformed));
                }
            }
            if self.read_ended {
                let partial = !self.input.is_empty() || self.decoder.end().is_err();
                return Poll::Ready(match partial {
                    true => Next::Malformed(Malformed::new(400, "the connection ended inside a request")),
                    false => Next::Gone,
                });
            }
            if ready!(self.poll_fill(context)).is_err() {
                return Poll::Ready(Next::Gone);
            }
        }
    }

    /// The next part of what the peer says. Behind an end or a reset only a reset can follow.
    pub(crate) fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<Part> {
        loop {
            if !self.said_end {
                match self.decoder.decode(&mut self.input) {
                    Ok(Some(decoded)) => {
                        let part = part(decoded);
                        self.note(&part);
                        return Poll::Ready(part);
                    }
                    Ok(None) => {}
                    Err(malformed) => {
                        self.break_off();
                        return Poll::Ready(Part::Reset { code: PROTOCOL_ERROR, reason: malformed.reason });
                    }
                }
            }
            if self.read_ended || (self.waits() && self.input.len() >= AHEAD_BYTES_MAX) {
                return Poll::Pending;
            }
            match ready!(self.poll_fill(context)) {
                Ok(length) if length > 0 => {}
                outcome => {
                    if let Some(part) = self.ended(outcome.err()) {
                        return Poll::Ready(part);
                    }
                }
            }
        }
    }

    /// Whether what comes now belongs to the next exchange, or waits for an answer.
    fn waits(&self) -> bool {
        self.said_end || self.upgrade == Upgrade::Asked
    }

    fn note(&mut self, part: &Part) {
        match part {
            Part::End => self.said_end = true,
            Part::Body(_) => self.expects = false,
            Part::Response(head) => match head.content {
                Content::Tunnel => self.upgrade = Upgrade::Done,
                // What is known to come is read at once.
                Content::Length(length) => {
                    let length = usize::try_from(length).unwrap_or(READ_BYTES_MAX);
                    self.appetite = self.appetite.max(length).min(READ_BYTES_MAX);
                }
                Content::Empty | Content::Streamed => {}
            },
            _ => {}
        }
    }

    /// The socket ended, or broke.
    fn ended(&mut self, error: Option<Error>) -> Option<Part> {
        self.read_ended = true;
        self.last = true;
        if let Some(error) = error {
            self.broken = true;
            let code = if self.answered.is_some() { CANCEL } else { INTERNAL_ERROR };
            return Some(Part::Reset { code, reason: broken(&error) });
        }
        if self.said_end {
            // Whoever asked has gone: nobody waits for the answer. A tunnel has two ends of its own.
            let gone = self.answered.is_some() && !self.told_end && self.upgrade != Upgrade::Done;
            return gone.then(|| Part::Reset { code: CANCEL, reason: "the client left".to_owned() });
        }
        if self.upgrade == Upgrade::Asked && self.answered.is_some() {
            return Some(Part::Reset { code: CANCEL, reason: "the client left".to_owned() });
        }
        match self.decoder.end() {
            Ok(Some(decoded)) => {
                let part = part(decoded);
                self.note(&part);
                Some(part)
            }
            Ok(None) => Some(Part::Reset { code: INTERNAL_ERROR, reason: "the connection was closed".to_owned() }),
            Err(malformed) => {
                self.broken = true;
                Some(Part::Reset { code: INTERNAL_ERROR, reason: malformed.reason })
            }
        }
    }

    /// Reads what is there, up to a buffer full. Its length is 0 at the end.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<Result<usize, Error>> {
        if self.input.capacity() - self.input.len() < self.appetite / 2 {
            self.input.reserve(self.appetite);
        }
        let read = poll_read_buf(Pin::new(&mut self.stream), context, &mut self.input);
        match &read {
            Poll::Ready(Ok(0)) => self.read_ended = true,
            Poll::Ready(Ok(length)) => {
                self.heard = true;
                let (more, less) = (self.appetite.saturating_mul(4), self.appetite / 2);
                self.appetite = if *length >= less { more } else { less }.clamp(READ_BYTES_MIN, READ_BYTES_MAX);
            }
            Poll::Ready(Err(_)) => {
                self.read_ended = true;
                self.broken = true;
            }
            Poll::Pending => {}
        }
        read
    }

    /// Puts a part of what the peer is told behind what waits to be sent.
    pub(crate) fn put(&mut self, part: Part) {
        match part {
            Part::Request(head, _) => {
                self.heard = false;
                self.said_end = false;
                self.told_end = false;
                self.upgrade = Upgrade::Not;
                self.encoder.request(&head, &mut self.outbox);
                self.decoder.expect(&head);
            }
            Part::Informational(head) => {
                self.expects &= head.status != 100;
                if self.decoder.accepts_chunked() {
                    self.encoder.informational(&head, &mut self.outbox);
                }
            }
            Part::Response(head) => {
                let Some(answered) = &self.answered else { return };
                let tunnel = head.content == Content::Tunnel;
                // A client that was not asked for its content may send it or not: nobody knows where the next request
                // would begin.
                let close = !tunnel && (self.last || self.expects || !self.decoder.persists());
                self.encoder.response(&head, answered, close, &mut self.outbox);
                self.last |= close;
                if self.upgrade == Upgrade::Asked {
                    if tunnel {
                        self.upgrade = Upgrade::Done;
                        self.decoder.switch();
                    } else {
                        self.upgrade = Upgrade::Not;
                        self.decoder.decline();
                    }
                }
            }
            Part::Body(bytes) => self.encoder.body(bytes, &mut self.outbox),
            Part::Trailers(fields) => self.encoder.trailers(&fields, &mut self.outbox),
            Part::End => {
                self.told_end = true;
                if self.upgrade == Upgrade::Done {
                    self.upgrade = Upgrade::Closing;
                } else if self.encoder.end(&mut self.outbox).is_err() {
                    self.last = true;
                }
            }
            Part::Reset { code, .. } => {
                // A peer that is told that nothing more is wanted of it keeps what it has been told.
                self.told_end = true;
                self.last = true;
                if code != NO_ERROR && self.answered.is_none() {
                    self.break_off();
                }
            }
            Part::Failed(_) => {}
        }
    }

    /// Bytes that wait to be sent.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.outbox.len()
    }

    /// Sends what waits; pending while the peer does not take it.
    pub(crate) fn poll_sent(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.broken {
            self.outbox.clear();
            return Poll::Ready(Ok(()));
        }
        while !self.outbox.is_empty() {
            let written = {
                let mut slices: Vec<IoSlice<'_>> = Vec::with_capacity(8);
                self.outbox.slices(&mut slices);
                ready!(Pin::new(&mut self.stream).poll_write_vectored(context, &slices))
            };
            match written {
                Ok(0) => return Poll::Ready(Err(self.unwritable(ErrorKind::WriteZero.into()))),
                Ok(written) => {
                    self.unflushed = true;
                    self.outbox.advance(written);
                }
                Err(error) => return Poll::Ready(Err(self.unwritable(error))),
            }
        }
        if self.unflushed {
            if let Err(error) = ready!(Pin::new(&mut self.stream).poll_flush(context)) {
                return Poll::Ready(Err(self.unwritable(error)));
            }
            self.unflushed = false;
        }
        if self.upgrade == Upgrade::Closing {
            // A peer that is gone hears no goodbye.
            let _gone = ready!(Pin::new(&mut self.stream).poll_shutdown(context));
            self.upgrade = Upgrade::Closed;
        }
        Poll::Ready(Ok(()))
    }

    fn unwritable(&mut self, error: Error) -> Error {
        self.broken = true;
        self.last = true;
        self.outbox.clear();
        error
    }

    /// The peer says nothing that would count any more, and is told nothing.
    fn break_off(&mut self) {
        self.last = true;
        self.said_end = true;
        self.read_ended = true;
        if self.answered.is_none() {
            self.broken = true;
            self.outbox.clear();
        }
    }

    /// Whether the target said nothing yet since it was asked: nothing at all, on a connection that had served before.
    pub(crate) fn is_silent(&self) -> bool {
        !self.heard
    }

    /// Whether another request may follow on the connection.
    pub(crate) fn is_reusable(&self) -> bool {
        !self.last
            && !self.broken
            && !self.read_ended
            && self.upgrade == Upgrade::Not
            && self.said_end
            && self.told_end
            && self.outbox.is_empty()
            && self.decoder.persists()
            && self.encoder.persists()
            && (self.answered.is_some() || (self.decoder.is_idle() && self.input.is_empty()))
    }

    /// Whether a connection to a target that rests is still there: nothing was said, and it was not closed.
    pub(crate) fn rests(&mut self) -> bool {
        let mut context = Context::from_waker(std::task::Waker::noop());
        self.poll_fill(&mut context).is_pending()
    }

    /// Whether the client waits to be asked for its content, and got its answer instead.
    pub(crate) fn was_not_asked(&self) -> bool {
        self.expects
    }

    /// Whether the client has to be told something else before it may be asked for more: it has not said all yet.
    pub(crate) fn has_said_end(&self) -> bool {
        self.said_end
    }

    /// What is answered next answers nobody knows what.
    pub(crate) fn answer_unknown(&mut self) {
        self.said_end = true;
        self.answered = Some(Box::new(unknown_request()));
    }

    /// Every answer from now on says that it is the last one.
    pub(crate) fn set_last(&mut self) {
        self.last = true;
    }

    /// The socket, and what was read of it that nobody looked at.
    pub(crate) fn into_stream(self) -> (Box<dyn Stream>, BytesMut) {
        (self.stream, self.input)
    }
}

/// Whether the client waits to be asked for its content (RFC 9110 section 10.1.1).
fn expects(head: &RequestHead) -> bool {
    head.content != Content::Empty && head.fields.iter().any(|field| field.name.eq_ignore_ascii_case(b"expect"))
}

/// What is answered where nobody knows what was asked.
fn unknown_request() -> RequestHead {
    RequestHead {
        version: HttpVersion::Http11,
        method: Bytes::from_static(b"GET"),
        scheme: Bytes::new(),
        authority: Bytes::new(),
        path: Bytes::new(),
        protocol: None,
        fields: Vec::new(),
        content: Content::Empty,
    }
}

fn part(decoded: Decoded) -> Part {
    match decoded {
        // Requests are taken by `poll_request` alone; a decoder of responses has none.
        Decoded::Request(_) => Part::Reset { code: PROTOCOL_ERROR, reason: "a request inside of a request".to_owned() },
        Decoded::Informational(head) => Part::Informational(head),
        Decoded::Response(head) => Part::Response(head),
        Decoded::Body(bytes) => Part::Body(bytes),
        Decoded::Trailers(fields) => Part::Trailers(fields),
        Decoded::End => Part::End,
    }
}
