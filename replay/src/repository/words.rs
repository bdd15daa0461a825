//! Words that timelines, lists and JSON have in common.

use wiretape_core::event::{FileStatus, ObjectId, ObjectKind, SignatureKind};

/// Digits of an object's name that a line shows, where not all of them are needed.
const SHORT_DIGITS: usize = 10;

/// What kind of object it is, as git calls it.
pub(crate) fn object(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Commit => "commit",
        ObjectKind::Tree => "tree",
        ObjectKind::Blob => "blob",
        ObjectKind::Tag => "tag",
    }
}

/// What a signature is made with.
pub(crate) fn signature(kind: SignatureKind) -> &'static str {
    match kind {
        SignatureKind::OpenPgp => "openpgp",
        SignatureKind::Ssh => "ssh",
        SignatureKind::X509 => "x509",
        SignatureKind::Other => "other",
    }
}

/// What happened to a file.
pub(crate) fn status(status: FileStatus) -> &'static str {
    match status {
        FileStatus::Added => "added",
        FileStatus::Modified => "modified",
        FileStatus::Deleted => "deleted",
        FileStatus::Written => "written",
    }
}

/// The first digits of an object's name.
pub(crate) fn short(id: &ObjectId) -> String {
    let mut digits = id.to_string();
    digits.truncate(SHORT_DIGITS);
    digits
}

/// The name of a ref without what stands before it for its kind: `refs/heads/main` is `main`.
pub(crate) fn short_ref(name: &[u8]) -> &[u8] {
    let kinds = [&b"refs/heads/"[..], b"refs/tags/", b"refs/remotes/"];
    kinds.iter().find_map(|kind| name.strip_prefix(*kind)).unwrap_or(name)
}
