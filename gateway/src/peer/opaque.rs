//! A target that is let through untouched: bytes both ways.

use std::collections::VecDeque;
use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncWrite;
use tokio_util::io::poll_read_buf;
use wiretape_core::event::HttpVersion;
use wiretape_http::{Content, Part, ResponseHead};

use super::reset::{INTERNAL_ERROR, broken};
use crate::transport::Stream;

/// What is read at once.
const READ_BYTES_MAX: usize = 64 * 1024;

/// A connection that the gateway does not look into.
pub(crate) struct Opaque {
    stream: Box<dyn Stream>,
    /// That the connection is there was said.
    agreed: bool,
    input: BytesMut,
    waiting: VecDeque<Bytes>,
    waiting_bytes: usize,
    unflushed: bool,
    /// The client's side of it is to be closed when everything is sent.
    closing: bool,
    read_ended: bool,
    broken: bool,
}

impl Opaque {
    pub(crate) fn new(stream: Box<dyn Stream>) -> Self {
        Self {
            stream,
            agreed: false,
            input: BytesMut::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            unflushed: false,
            closing: false,
            read_ended: false,
            broken: false,
        }
    }

    pub(crate) fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<Part> {
        if !self.agreed {
            self.agreed = true;
            return Poll::Ready(Part::Response(Box::new(ResponseHead {
                version: HttpVersion::Http11,
                status: 200,
                reason: Bytes::from_static(b"Connection established"),
                fields: Vec::new(),
                content: Content::Tunnel,
            })));
        }
        if self.read_ended {
            return Poll::Pending;
        }
        self.input.reserve(READ_BYTES_MAX);
        match ready!(poll_read_buf(Pin::new(&mut self.stream), context, &mut self.input)) {
            Ok(0) => {
                self.read_ended = true;
                Poll::Ready(Part::End)
            }
            Ok(_) => Poll::Ready(Part::Body(self.input.split().freeze())),
            Err(error) => {
                self.read_ended = true;
                self.broken = true;
                Poll::Ready(Part::Reset { code: INTERNAL_ERROR, reason: broken(&error) })
            }
        }
    }

    pub(crate) fn put(&mut self, part: Part) {
        match part {
            Part::Body(bytes) if !bytes.is_empty() => {
                self.waiting_bytes += bytes.len();
                self.waiting.push_back(bytes);
            }
            Part::End => self.closing = true,
            Part::Reset { .. } => {
                self.broken = true;
                self.read_ended = true;
            }
            _ => {}
        }
    }

    pub(crate) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    pub(crate) fn poll_sent(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.broken {
            self.waiting.clear();
            self.waiting_bytes = 0;
            return Poll::Ready(Ok(()));
        }
        while let Some(front) = self.waiting.front_mut() {
            let written = match ready!(Pin::new(&mut self.stream).poll_write(context, front)) {
                Ok(0) => Err(ErrorKind::WriteZero.into()),
                other => other,
            };
            match written {
                Ok(written) => {
                    self.unflushed = true;
                    self.waiting_bytes = self.waiting_bytes.saturating_sub(written);
                    front.advance(written);
                    if front.is_empty() {
                        self.waiting.pop_front();
                    }
                }
                Err(error) => {
                    self.broken = true;
                    return Poll::Ready(Err(error));
                }
            }
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(context))?;
            self.unflushed = false;
        }
        if self.closing {
            // A peer that is gone hears no goodbye.
            let _gone = ready!(Pin::new(&mut self.stream).poll_shutdown(context));
            self.closing = false;
        }
        Poll::Ready(Ok(()))
    }
}
