//! The socket of a target that speaks HTTP/2, whose interim responses are counted as they come.
//!
//! The library keeps every one of them until it is asked for, and reads on: a target that sent nothing else would fill
//! the gateway's memory faster than any exchange can break it off. Content needs no such care: windows bound it.

use std::collections::HashMap;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wiretape_core::limits::HTTP_INFORMATIONAL_MAX;

/// Streams whose heads are counted at once. Above, counting begins anew: those that were broken off are never complete.
const STREAMS_COUNTED_MAX: usize = 4096;

/// Heads that a stream may have beside its interim ones: that of the response, and the trailers.
const OTHER_HEADS_MAX: usize = 2;

/// The head of a frame (RFC 9113 section 4.1).
const FRAME_HEAD_BYTES: usize = 9;

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const END_STREAM: u8 = 1;

/// A socket that breaks when the peer sends a stream more heads than it may.
pub(super) struct Metered<S> {
    stream: S,
    heads: Heads,
}

impl<S> Metered<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, heads: Heads::default() }
    }
}

/// Counts heads in the bytes of a connection.
#[derive(Default)]
struct Heads {
    /// What has come of the head of the next frame.
    head: Vec<u8>,
    /// What is still to come of the frame before it.
    payload: usize,
    /// Of streams that are not complete.
    counts: HashMap<[u8; 4], usize>,
}

impl Heads {
    /// Takes in what was read; whether it is within the limit.
    fn take(&mut self, mut bytes: &[u8]) -> bool {
        loop {
            let skipped = self.payload.min(bytes.len());
            self.payload -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            let (front, behind) = bytes.split_at((FRAME_HEAD_BYTES - self.head.len()).min(bytes.len()));
            self.head.extend_from_slice(front);
            bytes = behind;
            let &[high, middle, low, kind, flags, first, second, third, fourth] = &self.head[..] else { return true };
            self.head.clear();
            self.payload = u32::from_be_bytes([0, high, middle, low]) as usize;
            if !self.count(kind, flags, [first & 0x7f, second, third, fourth]) {
                return false;
            }
        }
    }

    fn count(&mut self, kind: u8, flags: u8, stream: [u8; 4]) -> bool {
        // DATA is 0: it ends a stream as HEADERS does.
        if kind == RST_STREAM || (kind <= HEADERS && flags & END_STREAM != 0) {
            self.counts.remove(&stream);
        } else if kind == HEADERS {
            if self.counts.len() >= STREAMS_COUNTED_MAX {
                self.counts.clear();
            }
            let count = self.counts.entry(stream).or_default();
            *count += 1;
            return *count <= HTTP_INFORMATIONAL_MAX + OTHER_HEADS_MAX;
        }
        true
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        if !this.heads.take(buffer.filled().get(before..).unwrap_or_default()) {
            return Poll::Ready(Err(Error::new(ErrorKind::InvalidData, "too many interim responses")));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::{HTTP_INFORMATIONAL_MAX, Heads, OTHER_HEADS_MAX};

    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, flags, 0, 0, 0, stream][..], payload].concat()
    }

    #[test]
    fn heads_without_end_are_too_many_however_they_are_cut() {
        let most = HTTP_INFORMATIONAL_MAX + OTHER_HEADS_MAX;
        let head = frame(1, 4, 1, b"\x01\x00\x01\x04four");
        for cut in 1..2 * head.len() {
            let mut heads = Heads::default();
            // Content between them changes nothing, nor does another stream.
            let between = [frame(0, 0, 1, b"content"), frame(1, 5, 3, b""), frame(6, 0, 0, &[0; 8])].concat();
            let all = [head.clone(), between].concat().repeat(most);
            assert!(all.chunks(cut).all(|piece| heads.take(piece)));
            assert!(!head.chunks(cut).all(|piece| heads.take(piece)), "cut each {cut} bytes");
        }
    }

    #[test]
    fn what_is_complete_is_not_counted_any_more() {
        for end in [frame(1, 5, 1, b"x"), frame(0, 1, 1, b""), frame(3, 0, 1, &[0; 4])] {
            let mut heads = Heads::default();
            for _ in 0..10 {
                let all = frame(1, 4, 1, b"x").repeat(HTTP_INFORMATIONAL_MAX);
                assert!(heads.take(&[all, end.clone()].concat()));
            }
            assert!(heads.counts.is_empty());
        }
    }
}
