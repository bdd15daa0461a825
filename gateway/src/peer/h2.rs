//! A stream of HTTP/2, with a client or with a target: what the peer says, part by part, and what it is told.

use std::collections::VecDeque;
use std::future::Future;
use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use tokio::time::{Sleep, sleep};
use wiretape_http::{Content, Part, Problem};

use super::reset::{CANCEL, INTERNAL_ERROR, PROTOCOL_ERROR, reset_of, words};
use super::translation;

/// How long what was put on a stream has to leave before the stream is broken off.
const RESET_PAUSE: Duration = Duration::from_millis(25);

/// A stream that a client opened.
pub(crate) struct AskingStream {
    respond: SendResponse<Bytes>,
    said: Said,
    told: Told,
    /// Before a stream is broken off: the library drops what it has not sent by then.
    pause: Option<Pin<Box<Sleep>>>,
}

/// A stream that was opened to a target.
pub(crate) struct AskedStream {
    response: Option<ResponseFuture>,
    said: Said,
    told: Told,
    /// Whether an answer without content may follow: HEAD was asked.
    head_only: bool,
    /// That the stream shall become something else was asked.
    upgrade: bool,
}

/// What the peer says.
struct Said {
    content: Option<RecvStream>,
    state: Saying,
    /// The word for a connection that is simply gone.
    left: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Saying {
    Content,
    Trailers,
    Ended,
    Reset,
}

/// What the peer is told.
struct Told {
    stream: Option<SendStream<Bytes>>,
    waiting: VecDeque<Part>,
    waiting_bytes: usize,
    /// It is complete, or broken off.
    ended: bool,
}

impl Said {
    fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<Part> {
        let Some(content) = &mut self.content else { return Poll::Pending };
        loop {
            match self.state {
                Saying::Content => match ready!(content.poll_data(context)) {
                    Some(Ok(bytes)) => {
                        // The peer may send as much again: what was taken is bounded by what the other side takes.
                        if let Err(error) = content.flow_control().release_capacity(bytes.len()) {
                            return Poll::Ready(self.broken(&error));
                        }
                        if !bytes.is_empty() {
                            return Poll::Ready(Part::Body(bytes));
                        }
                    }
                    Some(Err(error)) => return Poll::Ready(self.broken(&error)),
                    None => self.state = Saying::Trailers,
                },
                Saying::Trailers => match ready!(content.poll_trailers(context)) {
                    Ok(Some(trailers)) => {
                        return Poll::Ready(Part::Trailers(translation::fields(trailers)));
                    }
                    Ok(None) => {
                        self.state = Saying::Ended;
                        return Poll::Ready(Part::End);
                    }
                    Err(error) => return Poll::Ready(self.broken(&error)),
                },
                Saying::Ended | Saying::Reset => return Poll::Pending,
            }
        }
    }

    fn broken(&mut self, error: &h2::Error) -> Part {
        self.state = Saying::Reset;
        reset_of(error, self.left)
    }
}

impl Told {
    fn new(stream: Option<SendStream<Bytes>>, ended: bool) -> Self {
        Self { stream, waiting: VecDeque::new(), waiting_bytes: 0, ended }
    }

    fn put(&mut self, part: Part) {
        if self.ended {
            return;
        }
        if let Part::Body(bytes) = &part {
            self.waiting_bytes += bytes.len();
        }
        self.waiting.push_back(part);
    }

    /// Sends what is at the front, which is no head: content, trailers, the end.
    fn poll_front(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(stream) = &mut self.stream else {
            self.waiting.pop_front();
            return Poll::Ready(Ok(()));
        };
        match self.waiting.front_mut() {
            Some(Part::Body(bytes)) => {
                if !bytes.is_empty() {
                    stream.reserve_capacity(bytes.len());
                    let mut capacity = stream.capacity();
                    while capacity == 0 {
                        capacity = match ready!(stream.poll_capacity(context)) {
                            Some(Ok(capacity)) => capacity,
                            Some(Err(error)) => return Poll::Ready(Err(self.unsendable(&error))),
                            None => return Poll::Ready(Err(self.gone())),
                        };
                    }
                    let piece = bytes.split_to(bytes.len().min(capacity));
                    self.waiting_bytes = self.waiting_bytes.saturating_sub(piece.len());
                    let rest = !bytes.is_empty();
                    let last = !rest && matches!(self.waiting.get(1), Some(Part::End));
                    if let Err(error) = stream.send_data(piece, last) {
                        return Poll::Ready(Err(self.unsendable(&error)));
                    }
                    self.ended = last;
                    if rest {
                        return Poll::Ready(Ok(()));
                    }
                }
                self.waiting.pop_front();
            }
            Some(Part::Trailers(fields)) => {
                let trailers = translation::header_map(fields);
                let outcome = trailers.map(|trailers| stream.send_trailers(trailers));
                self.waiting.pop_front();
                self.ended = true;
                match outcome {
                    Some(Ok(())) => {}
                    Some(Err(error)) => return Poll::Ready(Err(self.unsendable(&error))),
                    None => return Poll::Ready(Err(ErrorKind::InvalidData.into())),
                }
            }
            Some(Part::End) => {
                self.waiting.pop_front();
                if !self.ended {
                    self.ended = true;
                    // What was broken off meanwhile needs no end.
                    let _over = stream.send_data(Bytes::new(), true);
                }
            }
            _ => {
                self.waiting.pop_front();
            }
        }
        Poll::Ready(Ok(()))
    }

    fn unsendable(&mut self, error: &h2::Error) -> Error {
        self.clear();
        Error::new(ErrorKind::BrokenPipe, words(error))
    }

    fn gone(&mut self) -> Error {
        self.clear();
        ErrorKind::BrokenPipe.into()
    }

    fn clear(&mut self) {
        self.ended = true;
        self.waiting.clear();
        self.waiting_bytes = 0;
    }
}

impl AskingStream {
    pub(crate) fn new(content: RecvStream, respond: SendResponse<Bytes>) -> Self {
        let said = Said { content: Some(content), state: Saying::Content, left: CANCEL };
        Self { respond, said, told: Told::new(None, false), pause: None }
    }

    pub(crate) fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<Part> {
        if self.said.state == Saying::Ended && !self.told.ended {
            let reset = match &mut self.told.stream {
                Some(stream) => stream.poll_reset(context),
                None => self.respond.poll_reset(context),
            };
            return match ready!(reset) {
                Ok(reason) => {
                    self.said.state = Saying::Reset;
                    Poll::Ready(Part::Reset { code: reason.into(), reason: reason.description().to_owned() })
                }
                Err(error) => Poll::Ready(self.said.broken(&error)),
            };
        }
        self.said.poll_part(context)
    }

    pub(crate) fn put(&mut self, part: Part) {
        self.told.put(part);
    }

    pub(crate) fn waiting_bytes(&self) -> usize {
        self.told.waiting_bytes
    }

    pub(crate) fn poll_sent(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while let Some(front) = self.told.waiting.front() {
            match front {
                Part::Informational(head) => {
                    if let Some(response) = translation::response(head) {
                        // A client that has gone needs none.
                        let _gone = self.respond.send_informational(response);
                    }
                    self.told.waiting.pop_front();
                }
                Part::Response(head) => {
                    // No content: the end stands in the same frame, as where it came from.
                    let last = head.content == Content::Empty;
                    let Some(response) = translation::response(head) else {
                        self.respond.send_reset(Reason::INTERNAL_ERROR);
                        self.told.clear();
                        return Poll::Ready(Err(ErrorKind::InvalidData.into()));
                    };
                    self.told.waiting.pop_front();
                    match self.respond.send_response(response, last) {
                        Ok(stream) => self.told.stream = Some(stream),
                        Err(error) => return Poll::Ready(Err(self.told.unsendable(&error))),
                    }
                    self.told.ended = last;
                    if last {
                        self.told.waiting.retain(|part| matches!(part, Part::Reset { .. }));
                    }
                }
                Part::Reset { code, .. } => {
                    let reason = Reason::from(*code);
                    if self.told.stream.is_some() {
                        // What was said before is to arrive before.
                        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(RESET_PAUSE)));
                        ready!(pause.as_mut().poll(context));
                    }
                    match &mut self.told.stream {
                        Some(stream) => stream.send_reset(reason),
                        None => self.respond.send_reset(reason),
                    }
                    self.told.clear();
                }
                _ => ready!(self.told.poll_front(context))?,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The two halves of a stream that carries another connection.
    ///
    /// # Errors
    /// The client has gone.
    pub(crate) fn into_tunnel(mut self) -> Result<(RecvStream, SendStream<Bytes>), h2::Error> {
        let mut response = http::Response::new(());
        *response.status_mut() = http::StatusCode::OK;
        let stream = self.respond.send_response(response, false)?;
        match self.said.content {
            Some(content) => Ok((content, stream)),
            None => Err(h2::Error::from(Reason::INTERNAL_ERROR)),
        }
    }
}

impl AskedStream {
    pub(crate) fn new(
        response: ResponseFuture,
        stream: SendStream<Bytes>,
        ended: bool,
        head_only: bool,
        upgrade: bool,
    ) -> Self {
        let said = Said { content: None, state: Saying::Content, left: INTERNAL_ERROR };
        Self { response: Some(response), said, told: Told::new(Some(stream), ended), head_only, upgrade }
    }

    pub(crate) fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<Part> {
        if self.said.state == Saying::Reset {
            return Poll::Pending;
        }
        let Some(response) = &mut self.response else { return self.said.poll_part(context) };
        if let Poll::Ready(Some(informational)) = response.poll_informational(context) {
            return Poll::Ready(match informational {
                Ok(response) => {
                    let (parts, ()) = response.into_parts();
                    Part::Informational(Box::new(translation::response_head(parts, Content::Empty)))
                }
                Err(error) => self.unanswered(&error),
            });
        }
        match ready!(Pin::new(response).poll(context)) {
            Ok(response) => {
                self.response = None;
                let (parts, content) = response.into_parts();
                let tunnel = self.upgrade && parts.status.is_success();
                let what = translation::content(&parts.headers, content.is_end_stream() || self.head_only, tunnel);
                self.said.content = Some(content);
                match what {
                    Some(what) => Poll::Ready(Part::Response(Box::new(translation::response_head(parts, what)))),
                    None => {
                        self.said.state = Saying::Reset;
                        let reason = "the target's Content-Length is no number".to_owned();
                        Poll::Ready(Part::Reset { code: PROTOCOL_ERROR, reason })
                    }
                }
            }
            Err(error) => Poll::Ready(self.unanswered(&error)),
        }
    }

    /// There will be no answer: the target broke the stream off, or the connection is gone.
    fn unanswered(&mut self, error: &h2::Error) -> Part {
        self.response = None;
        match self.said.broken(error) {
            Part::Reset { reason, .. } if !(error.is_reset() && error.is_remote()) => {
                // Not the stream was broken off, but the connection: a client is told what there is to know.
                Part::Failed(Problem { status: 502, error: "target_broke_off", reason, place: None })
            }
            reset => reset,
        }
    }

    pub(crate) fn put(&mut self, part: Part) {
        match part {
            // The head has left already: by it the stream was opened.
            Part::Request(..) => {}
            Part::Trailers(fields) if fields.is_empty() => {}
            other => self.told.put(other),
        }
    }

    pub(crate) fn waiting_bytes(&self) -> usize {
        self.told.waiting_bytes
    }

    pub(crate) fn poll_sent(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while let Some(front) = self.told.waiting.front() {
            if let Part::Reset { code, .. } = front {
                let reason = Reason::from(*code);
                if let Some(stream) = &mut self.told.stream {
                    stream.send_reset(reason);
                }
                self.told.clear();
            } else {
                ready!(self.told.poll_front(context))?;
            }
        }
        Poll::Ready(Ok(()))
    }
}
