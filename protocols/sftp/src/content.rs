//! The digest of what passed of a file, in the order of the file.

use std::collections::BTreeMap;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::limits::{REORDER_BYTES_MAX, REORDER_PIECES_MAX};

/// Which way content passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Read,
    Written,
}

/// What all files of a lane may keep of contents that came before their turn.
#[derive(Debug, Default)]
pub(crate) struct Window {
    bytes: usize,
    pieces: usize,
}

impl Window {
    fn take(&mut self, bytes: usize) -> bool {
        let fits = self.bytes + bytes <= REORDER_BYTES_MAX && self.pieces < REORDER_PIECES_MAX;
        if fits {
            self.bytes += bytes;
            self.pieces += 1;
        }
        fits
    }

    fn give(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.pieces -= 1;
    }

    /// Bytes that are kept now.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// What passed of one file.
#[derive(Debug)]
pub(crate) struct Content {
    /// `None` once the content cannot be known any more.
    digest: Option<Sha256>,
    /// Bytes that went into the digest.
    position: u64,
    /// Pieces that wait for those before them.
    ahead: BTreeMap<u64, Bytes>,
    flow: Option<Flow>,
    /// Nothing may be all that there is: an empty file.
    empty: bool,
}

impl Content {
    /// Content of which nothing passed. `empty`: the file is known to hold nothing else.
    pub(crate) fn new(empty: bool) -> Self {
        Self { digest: Some(Sha256::new()), position: 0, ahead: BTreeMap::new(), flow: None, empty }
    }

    /// `data` passed for `offset`.
    pub(crate) fn pass(&mut self, flow: Flow, offset: u64, data: &[u8], window: &mut Window) {
        let Some(digest) = self.digest.as_mut().filter(|_| !data.is_empty()) else { return };
        let same_flow = *self.flow.get_or_insert(flow) == flow;
        if !same_flow || offset < self.position {
            self.lose(window);
        } else if offset == self.position {
            digest.update(data);
            self.position = self.position.saturating_add(data.len() as u64);
            self.catch_up(window);
        } else if self.ahead.contains_key(&offset) || !window.take(data.len()) {
            self.lose(window);
        } else {
            self.ahead.insert(offset, Bytes::copy_from_slice(data));
        }
    }

    /// The file ends where the content stands.
    pub(crate) fn ends_at(&mut self, offset: u64) {
        self.empty |= offset == 0;
    }

    /// What passes is no longer all that the file gets, or not where it was said to be.
    pub(crate) fn lose(&mut self, window: &mut Window) {
        self.digest = None;
        while let Some((_, piece)) = self.ahead.pop_first() {
            window.give(piece.len());
        }
    }

    /// The SHA-256 of what passed, when it passed in one piece from the start.
    pub(crate) fn finish(mut self, window: &mut Window) -> Option<[u8; 32]> {
        if !self.ahead.is_empty() {
            self.lose(window);
        }
        let digest = self.digest.filter(|_| self.position > 0 || self.empty)?;
        Some(digest.finalize().into())
    }

    fn catch_up(&mut self, window: &mut Window) {
        while let Some(next) = self.ahead.first_entry().filter(|next| *next.key() <= self.position) {
            let (offset, piece) = next.remove_entry();
            window.give(piece.len());
            match &mut self.digest {
                Some(digest) if offset == self.position => digest.update(&piece),
                _ => return self.lose(window),
            }
            self.position = self.position.saturating_add(piece.len() as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha256(bytes: &[u8]) -> Option<[u8; 32]> {
        Some(Sha256::digest(bytes).into())
    }

    fn passed(pieces: &[(u64, &[u8])]) -> Option<[u8; 32]> {
        let mut window = Window::default();
        let mut content = Content::new(false);
        for (offset, data) in pieces {
            content.pass(Flow::Read, *offset, data, &mut window);
        }
        let digest = content.finish(&mut window);
        assert_eq!((window.bytes, window.pieces), (0, 0), "all that was kept is given back");
        digest
    }

    #[test]
    fn the_order_of_the_pieces_does_not_matter() {
        let expected = sha256(b"abcdefghi");
        assert_eq!(passed(&[(0, b"abc"), (3, b"def"), (6, b"ghi")]), expected);
        assert_eq!(passed(&[(6, b"ghi"), (3, b"def"), (0, b"abc")]), expected);
        assert_eq!(passed(&[(3, b"def"), (0, b"abc"), (6, b"ghi")]), expected);
    }

    #[test]
    fn what_is_not_one_piece_from_the_start_has_no_digest() {
        assert_eq!(passed(&[]), None, "nothing passed");
        assert_eq!(passed(&[(3, b"def")]), None, "the start is missing");
        assert_eq!(passed(&[(0, b"abc"), (6, b"ghi")]), None, "the middle is missing");
        assert_eq!(passed(&[(0, b"abc"), (0, b"abc")]), None, "said twice");
        assert_eq!(passed(&[(6, b"ghi"), (6, b"ghi"), (0, b"abcdef")]), None, "said twice, ahead");
        assert_eq!(passed(&[(2, b"cdef"), (0, b"abc")]), None, "said over each other");
    }

    #[test]
    fn an_empty_file_has_a_digest() {
        let mut content = Content::new(false);
        content.ends_at(0);
        assert_eq!(content.finish(&mut Window::default()), sha256(b""));
        assert_eq!(Content::new(true).finish(&mut Window::default()), sha256(b""));
    }

    #[test]
    fn reading_and_writing_have_no_common_digest() {
        let mut window = Window::default();
        let mut content = Content::new(false);
        content.pass(Flow::Read, 0, b"abc", &mut window);
        content.pass(Flow::Written, 3, b"def", &mut window);
        assert_eq!(content.finish(&mut window), None);
    }

    #[test]
    fn what_waits_for_its_turn_is_bounded() {
        let mut window = Window::default();
        let (mut one, mut two) = (Content::new(false), Content::new(false));
        let piece = vec![0; REORDER_BYTES_MAX / 2];
        one.pass(Flow::Read, 1, &piece, &mut window);
        two.pass(Flow::Read, 1, &piece, &mut window);
        assert_eq!(window.bytes(), REORDER_BYTES_MAX);
        two.pass(Flow::Read, u64::MAX, b"x", &mut window);
        assert_eq!(window.bytes(), REORDER_BYTES_MAX / 2, "what cannot be hashed is not kept");
        assert_eq!(two.finish(&mut window), None);
        for offset in 0..2 * REORDER_PIECES_MAX as u64 {
            one.pass(Flow::Read, u64::MAX - offset, b"x", &mut window);
        }
        assert_eq!((window.bytes, window.pieces), (0, 0), "and neither are endless small pieces");
    }
}
