//! Events of Git, in the words of gitprotocol-pack(5), gitprotocol-v2(5) and gitprotocol-http(5).
//!
//! A conversation with one repository is a lane: an HTTP exchange, or a command of SSH. What was said stands verbatim in
//! [`GitEvent::Data`]; the other events say what it means. Names, paths and messages are the peers' own bytes, not
//! always UTF-8.

use std::fmt;

use bytes::Bytes;

/// The name of an object: the hash of what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectId {
    /// Of a repository whose objects are named by SHA-1.
    Sha1([u8; 20]),
    /// Of a repository whose objects are named by SHA-256.
    Sha256([u8; 32]),
}

impl ObjectId {
    /// Its bytes: 20 or 32.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Sha1(bytes) => bytes,
            Self::Sha256(bytes) => bytes,
        }
    }

    /// The object named by 20 or 32 bytes; `None` for any other number of them.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes.len() {
            20 => Some(Self::Sha1(bytes.try_into().ok()?)),
            32 => Some(Self::Sha256(bytes.try_into().ok()?)),
            _ => None,
        }
    }

    /// The object named by 40 or 64 hexadecimal digits; `None` for anything else.
    #[must_use]
    pub fn from_hex(digits: &[u8]) -> Option<Self> {
        let mut bytes = [0; 32];
        let (pairs, rest) = digits.as_chunks::<2>();
        if !rest.is_empty() || pairs.len() > bytes.len() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
            *byte = u8::try_from(high? << 4 | low?).ok()?;
        }
        Self::from_bytes(bytes.get(..pairs.len())?)
    }

    /// True for the name of nothing: zeros, which stand for a ref that is not there.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.as_bytes().iter().all(|byte| *byte == 0)
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// What a conversation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GitService {
    /// `git-upload-pack`: clone, fetch, ls-remote.
    UploadPack,
    /// `git-receive-pack`: push.
    ReceivePack,
    /// `git-upload-archive`: `git archive --remote`.
    UploadArchive,
}

impl GitService {
    /// The name of the service, such as `git-upload-pack`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UploadPack => "git-upload-pack",
            Self::ReceivePack => "git-receive-pack",
            Self::UploadArchive => "git-upload-archive",
        }
    }
}

/// A ref as it is advertised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdvertisedRef {
    /// Its name.
    pub name: Bytes,
    /// What it points to; `None` for a symbolic ref to a branch that is not born.
    pub id: Option<ObjectId>,
    /// What the tag that it points to names in the end.
    pub peeled: Option<ObjectId>,
    /// The ref that it stands for, where it is symbolic.
    pub symref_target: Option<Bytes>,
}

/// What an update does to a ref.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefChange {
    /// The ref was not there.
    Created,
    /// The ref is removed.
    Deleted,
    /// The new commit descends from the old one.
    FastForward,
    /// The new one does not descend from the old one: history is rewritten or left behind.
    Forced,
    /// Neither what passed nor what the target answered shows which it is.
    Unknown,
}

impl RefChange {
    /// The word for it, as policies and messages say it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Deleted => "deleted",
            Self::FastForward => "fast-forward",
            Self::Forced => "forced",
            Self::Unknown => "unknown",
        }
    }
}

/// One update of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefUpdate {
    /// The ref.
    pub name: Bytes,
    /// What the client says that it points to; zeros when it is to be created.
    pub old: ObjectId,
    /// What it is to point to; zeros when it is to be removed.
    pub new: ObjectId,
    /// What that does to it.
    pub change: RefChange,
}

/// Somebody at some time, as commits and tags name them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ident {
    /// The name.
    pub name: Bytes,
    /// The address, without its brackets.
    pub email: Bytes,
    /// Seconds since 1970-01-01 00:00 UTC.
    pub seconds: i64,
    /// East of UTC, in minutes.
    pub offset_minutes: i16,
}

/// How a commit, a tag or a push is signed. Nothing here says whether the signature is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureKind {
    /// OpenPGP.
    OpenPgp,
    /// SSH.
    Ssh,
    /// X.509 (S/MIME).
    X509,
    /// Something else.
    Other,
}

/// The four kinds of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// A commit.
    Commit,
    /// A directory.
    Tree,
    /// The content of a file.
    Blob,
    /// An annotated tag.
    Tag,
}

/// An object of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedObject {
    /// Its name.
    pub id: ObjectId,
    /// Its kind.
    pub kind: ObjectKind,
    /// Its size, unpacked, in bytes.
    pub bytes: u64,
}

/// What happened to a file between two commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileStatus {
    /// It was not there.
    Added,
    /// It has other content, or another mode.
    Modified,
    /// It is gone.
    Deleted,
    /// It has this content; what it had before is not known.
    Written,
}

/// A file of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeFile {
    /// Its mode, such as 0o100644.
    pub mode: u32,
    /// Its content: a blob, or for a submodule (mode 0o160000) a commit of another repository.
    pub id: ObjectId,
}

/// A file that a commit changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// Its path from the root of the tree.
    pub path: Bytes,
    /// What happened to it.
    pub status: FileStatus,
    /// What it was, where that is known.
    pub old: Option<TreeFile>,
    /// What it is.
    pub new: Option<TreeFile>,
    /// Lines added and removed, where both contents are known and are text.
    pub lines: Option<(u32, u32)>,
    /// True when one of the contents that are known is not text.
    pub binary: bool,
}

/// What the target says of one ref of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefReport {
    /// The ref.
    pub name: Bytes,
    /// Why it was not updated; `None`: it was.
    pub error: Option<Bytes>,
    /// The lines of `report-status-v2` that follow, such as `option refname refs/heads/x`, without the word `option`.
    pub options: Vec<Bytes>,
}

/// Events of the family `git`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GitEvent {
    /// A conversation begins.
    Service {
        /// What it is for.
        service: GitService,
        /// The repository, as the client asked for it: a path.
        repository: Bytes,
    },
    /// What a side said, verbatim: pkt-lines and packs as they stand on the wire.
    Data {
        /// The bytes.
        bytes: Bytes,
    },
    /// In place of [`GitEvent::Data`]: bytes of a pack that are not kept, by the setting of the target.
    Omitted {
        /// How many.
        bytes: u64,
    },
    /// What the target offers.
    Advertised {
        /// The version of the protocol: 0, 1, 2.
        version: u8,
        /// Capabilities, as they were said.
        capabilities: Vec<Bytes>,
    },
    /// Refs of the target; a long list is several events.
    Refs {
        /// Name by name, in the order in which they were said.
        refs: Vec<AdvertisedRef>,
    },
    /// A command of version 2, such as `ls-refs` or `fetch`.
    Command {
        /// Its name.
        name: Bytes,
        /// Capabilities that go with it, such as `agent=…`.
        capabilities: Vec<Bytes>,
        /// Its arguments but for those that stand in [`GitEvent::Wanted`] and [`GitEvent::Haves`].
        arguments: Vec<Bytes>,
    },
    /// What the client wants to have.
    Wanted {
        /// Objects.
        ids: Vec<ObjectId>,
        /// Refs by name (`want-ref` of version 2).
        refs: Vec<Bytes>,
        /// Capabilities that the client chose (versions 0 and 1).
        capabilities: Vec<Bytes>,
        /// Commits whose parents the client does not have.
        shallow: Vec<ObjectId>,
        /// `deepen`, `deepen-since`, `deepen-not` and `deepen-relative` lines, as they were said.
        deepen: Vec<Bytes>,
        /// `filter`: which objects can be left out.
        filter: Option<Bytes>,
    },
    /// What the client has; a long list is several events.
    Haves {
        /// Commits.
        ids: Vec<ObjectId>,
        /// Whether it says that this is all.
        done: bool,
    },
    /// What the target answers to haves, and where histories become shallow, line by line.
    Acknowledged {
        /// Lines such as `ACK …`, `NAK`, `ready`, `shallow …`, `unshallow …`, `wanted-ref …`.
        lines: Vec<Bytes>,
    },
    /// One ref that a push is to change.
    Update(RefUpdate),
    /// Options of a push (`git push -o`).
    Options {
        /// One by one.
        options: Vec<Bytes>,
    },
    /// The certificate of a signed push, verbatim.
    Certificate {
        /// From `certificate version` to the end of the signature.
        text: Bytes,
        /// How it is signed.
        signature: SignatureKind,
    },
    /// A pack went by, whole.
    Pack {
        /// The objects that it says it holds.
        objects: u32,
        /// Its size in bytes, with header and checksum.
        bytes: u64,
        /// The checksum at its end.
        checksum: ObjectId,
        /// SHA-256 of it all, with header and checksum.
        sha256: [u8; 32],
        /// Whether the checksum is that of what stands before it; `None`: it was not computed.
        intact: Option<bool>,
    },
    /// A pack that was read, in numbers; only packs that are pushed are.
    Contents {
        /// Commits in it.
        commits: u32,
        /// Trees in it.
        trees: u32,
        /// Blobs in it.
        blobs: u32,
        /// Annotated tags in it.
        tags: u32,
        /// Objects that are stored as a difference from one that is not there.
        unresolved: u32,
        /// Why not everything was read, or not everything of it is said; empty where it was.
        cut: String,
    },
    /// The objects of a pack, where the pack itself is not kept; a long list is several events.
    Objects {
        /// One by one, in the order of the pack.
        objects: Vec<PackedObject>,
    },
    /// A commit that a push brings.
    Commit {
        /// Its name.
        id: ObjectId,
        /// Its tree.
        tree: ObjectId,
        /// Its parents.
        parents: Vec<ObjectId>,
        /// Who wrote it.
        author: Box<Ident>,
        /// Who committed it.
        committer: Box<Ident>,
        /// Its message; cut at 64 KiB.
        message: Bytes,
        /// Whether it carries a signature, and of which kind.
        signature: Option<SignatureKind>,
    },
    /// Files that a commit changes against its first parent; a long list is several events.
    Files {
        /// The commit.
        commit: ObjectId,
        /// Its first parent; `None`: it has none, and every file is new.
        parent: Option<ObjectId>,
        /// File by file, in the order of the trees.
        files: Vec<FileChange>,
        /// Whether this names every file that the commit changes, up to here.
        complete: bool,
    },
    /// An annotated tag that a push brings.
    Tag {
        /// Its name as an object.
        id: ObjectId,
        /// What it tags.
        target: ObjectId,
        /// What kind of object that is.
        target_kind: ObjectKind,
        /// The tag's name.
        name: Bytes,
        /// Who made it.
        tagger: Option<Box<Ident>>,
        /// Its message; cut at 64 KiB.
        message: Bytes,
        /// Whether it carries a signature, and of which kind.
        signature: Option<SignatureKind>,
    },
    /// What the target (or the gateway in its place) says became of a push.
    Report {
        /// `ok`, or why the pack could not be unpacked.
        unpack: Bytes,
        /// Ref by ref.
        refs: Vec<RefReport>,
    },
    /// What is shown to the person at the client (side band 2).
    Progress {
        /// Verbatim.
        bytes: Bytes,
    },
    /// An error that ends the conversation (`ERR`, or side band 3).
    Error {
        /// What it says.
        message: Bytes,
    },
    /// Git LFS: objects that the client wants to transfer.
    LfsBatch {
        /// `download` or `upload`.
        operation: Bytes,
        /// Their names (SHA-256 in hexadecimal) and sizes in bytes.
        objects: Vec<(Bytes, u64)>,
        /// The ref that they are for, where it is said.
        reference: Option<Bytes>,
    },
    /// Git LFS: an object went by, and is what its name says.
    LfsObject {
        /// SHA-256 of its content.
        id: [u8; 32],
        /// Its size in bytes.
        bytes: u64,
    },
}

impl GitEvent {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Service { .. } => "git.service",
            Self::Data { .. } => "git.data",
            Self::Omitted { .. } => "git.omitted",
            Self::Advertised { .. } => "git.advertised",
            Self::Refs { .. } => "git.refs",
            Self::Command { .. } => "git.command",
            Self::Wanted { .. } => "git.wanted",
            Self::Haves { .. } => "git.haves",
            Self::Acknowledged { .. } => "git.acknowledged",
            Self::Update(_) => "git.update",
            Self::Options { .. } => "git.options",
            Self::Certificate { .. } => "git.certificate",
            Self::Pack { .. } => "git.pack",
            Self::Contents { .. } => "git.contents",
            Self::Objects { .. } => "git.objects",
            Self::Commit { .. } => "git.commit",
            Self::Files { .. } => "git.files",
            Self::Tag { .. } => "git.tag",
            Self::Report { .. } => "git.report",
            Self::Progress { .. } => "git.progress",
            Self::Error { .. } => "git.error",
            Self::LfsBatch { .. } => "git.lfs-batch",
            Self::LfsObject { .. } => "git.lfs-object",
        }
    }

    /// Bytes of payload that the event carries verbatim.
    pub(super) fn payload_bytes(&self) -> usize {
        match self {
            Self::Data { bytes } => bytes.len(),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ObjectId;

    #[test]
    fn an_object_is_named_by_forty_or_sixty_four_digits_and_nothing_else() {
        for digits in ["0123456789abcdef0123456789ABCDEF01234567", &"7f".repeat(32)] {
            let id = ObjectId::from_hex(digits.as_bytes()).unwrap();
            assert_eq!(id.to_string(), digits.to_ascii_lowercase());
            assert_eq!(ObjectId::from_bytes(id.as_bytes()), Some(id));
        }
        for digits in ["", "0", "01", &"7f".repeat(33), &"7f".repeat(19), &"zz".repeat(20), &"7".repeat(39)] {
            assert_eq!(ObjectId::from_hex(digits.as_bytes()), None, "{digits}");
        }
        assert!(ObjectId::from_hex("00".repeat(20).as_bytes()).unwrap().is_null());
    }
}
