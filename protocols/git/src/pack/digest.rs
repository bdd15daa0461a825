//! Hashes: of packs, and of objects, which are named by them.

use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use wiretape_core::event::{ObjectId, ObjectKind};

use super::ObjectFormat;

impl ObjectFormat {
    /// Bytes of an object's name.
    pub(crate) fn id_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

/// The word for a kind of object, as headers of objects say it.
pub(super) fn kind_word(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Commit => "commit",
        ObjectKind::Tree => "tree",
        ObjectKind::Blob => "blob",
        ObjectKind::Tag => "tag",
    }
}

/// A hash in the making.
#[derive(Clone)]
pub(super) enum Digest {
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Digest {
    pub(super) fn new(format: ObjectFormat) -> Self {
        match format {
            ObjectFormat::Sha1 => Self::Sha1(Sha1::new()),
            ObjectFormat::Sha256 => Self::Sha256(Sha256::new()),
        }
    }

    /// The hash of an object of `bytes` bytes, whose content is still to come.
    pub(super) fn of_object(format: ObjectFormat, kind: ObjectKind, bytes: u64) -> Self {
        let mut digest = Self::new(format);
        digest.update(format!("{} {bytes}\0", kind_word(kind)).as_bytes());
        digest
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(hash) => hash.update(bytes),
            Self::Sha256(hash) => hash.update(bytes),
        }
    }

    pub(super) fn finish(self) -> ObjectId {
        match self {
            Self::Sha1(hash) => ObjectId::Sha1(hash.finalize().into()),
            Self::Sha256(hash) => ObjectId::Sha256(hash.finalize().into()),
        }
    }
}

/// The name of an object.
pub(super) fn object_id(format: ObjectFormat, kind: ObjectKind, content: &[u8]) -> ObjectId {
    let mut digest = Digest::of_object(format, kind, content.len() as u64);
    digest.update(content);
    digest.finish()
}
