//! A question of a client that would rather come again than wait, about a request with content: it is put when all of the
//! content is there, and an approval is good for that content alone.

use sha2::{Digest, Sha256};
use wiretape_core::{Question, Unit};

use crate::questions::ContentDigest;

/// Content of a request that is read for its digest, in bytes. Whoever sends more waits for the answer.
const CONTENT_BYTES_MAX: u64 = 256 * 1024;

/// A question that waits for content.
pub(super) struct Deferral {
    unit: Unit,
    question: Box<Question>,
    hasher: Sha256,
    bytes: u64,
}

impl Deferral {
    /// Of `question`, about a request whose content is still to come.
    pub(super) fn new(unit: Unit, question: Box<Question>) -> Self {
        Self { unit, question, hasher: Sha256::new(), bytes: 0 }
    }

    /// The unit that waits.
    pub(super) fn unit(&self) -> Unit {
        self.unit
    }

    /// Takes in some of the content; false when it is more than is read.
    pub(super) fn hear(&mut self, bytes: &[u8]) -> bool {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.bytes > CONTENT_BYTES_MAX {
            return false;
        }
        self.hasher.update(bytes);
        true
    }

    /// The question, whose client waits.
    pub(super) fn question(self) -> (Unit, Box<Question>) {
        (self.unit, self.question)
    }

    /// The question, and the digest of the content, which is all there.
    pub(super) fn complete(self) -> (Unit, Box<Question>, ContentDigest) {
        let content = ContentDigest { bytes: self.bytes, sha256: self.hasher.finalize().into() };
        (self.unit, self.question, content)
    }
}
