//! How objects are named.

use sha1::{Digest, Sha1};
use sha2::Sha256;
use wiretape_core::event::{ObjectId, ObjectKind};

use super::words;

/// The hash by which a repository names its objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Sha1,
    Sha256,
}

impl Format {
    /// That of a name.
    pub(crate) fn of(id: &ObjectId) -> Self {
        match id {
            ObjectId::Sha1(_) => Self::Sha1,
            ObjectId::Sha256(_) => Self::Sha256,
        }
    }

    /// Bytes of a name.
    pub(crate) fn id_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// A hash that begins.
    pub(crate) fn hash(self) -> Hash {
        match self {
            Self::Sha1 => Hash::Sha1(Sha1::new()),
            Self::Sha256 => Hash::Sha256(Sha256::new()),
        }
    }

    /// The hash of an object of `bytes` bytes, which still have to come.
    pub(crate) fn object(self, kind: ObjectKind, bytes: u64) -> Hash {
        let mut hash = self.hash();
        hash.update(format!("{} {bytes}\0", words::object(kind)).as_bytes());
        hash
    }
}

/// A hash that is being made.
pub(crate) enum Hash {
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Hash {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(hash) => hash.update(bytes),
            Self::Sha256(hash) => hash.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> ObjectId {
        match self {
            Self::Sha1(hash) => ObjectId::Sha1(hash.finalize().into()),
            Self::Sha256(hash) => ObjectId::Sha256(hash.finalize().into()),
        }
    }
}
