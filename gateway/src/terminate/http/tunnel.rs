//! Streams of bytes inside of HTTP: what a CONNECT was granted for.

use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use h2::{RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::transport::Stream;

/// A stream of which something was read already.
pub(super) struct Begun {
    begin: BytesMut,
    stream: Box<dyn Stream>,
}

impl Begun {
    pub(super) fn new(begin: BytesMut, stream: Box<dyn Stream>) -> Self {
        Self { begin, stream }
    }
}

impl AsyncRead for Begun {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        if this.begin.is_empty() {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        }
        let length = this.begin.len().min(buffer.remaining());
        buffer.put_slice(&this.begin.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Begun {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Error>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[std::io::IoSlice<'_>],
    ) -> Poll<Result<usize, Error>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

/// A stream of HTTP/2 that carries a connection (RFC 9113 section 8.5).
pub(super) struct Tunnel {
    content: RecvStream,
    stream: SendStream<Bytes>,
    read: Bytes,
    ended: bool,
}

impl Tunnel {
    pub(super) fn new(content: RecvStream, stream: SendStream<Bytes>) -> Self {
        Self { content, stream, read: Bytes::new(), ended: false }
    }
}

fn broken(error: h2::Error) -> Error {
    Error::new(ErrorKind::BrokenPipe, error)
}

impl AsyncRead for Tunnel {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        while this.read.is_empty() {
            match ready!(this.content.poll_data(context)) {
                Some(Ok(bytes)) => {
                    this.content.flow_control().release_capacity(bytes.len()).map_err(broken)?;
                    this.read = bytes;
                }
                Some(Err(error)) => return Poll::Ready(Err(broken(error))),
                None => return Poll::Ready(Ok(())),
            }
        }
        let length = this.read.len().min(buffer.remaining());
        buffer.put_slice(this.read.get(..length).unwrap_or_default());
        this.read.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Error>> {
        let this = self.get_mut();
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        this.stream.reserve_capacity(bytes.len());
        let mut capacity = this.stream.capacity();
        while capacity == 0 {
            capacity = match ready!(this.stream.poll_capacity(context)) {
                Some(capacity) => capacity.map_err(broken)?,
                None => return Poll::Ready(Err(ErrorKind::BrokenPipe.into())),
            };
        }
        let piece = bytes.get(..bytes.len().min(capacity)).unwrap_or_default();
        this.stream.send_data(Bytes::copy_from_slice(piece), false).map_err(broken)?;
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        if !this.ended {
            this.ended = true;
            // A peer that is gone hears no goodbye.
            let _gone = this.stream.send_data(Bytes::new(), true);
        }
        Poll::Ready(Ok(()))
    }
}
