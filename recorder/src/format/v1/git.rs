//! Events of Git, as version 1 writes them.

mod written;

use bincode::{BorrowDecode, Decode, Encode};
use wiretape_core as words;

use super::Plain;

#[derive(Clone, Copy, Encode, Decode)]
pub(super) enum Id {
    Sha1([u8; 20]),
    Sha256([u8; 32]),
}

#[derive(Encode, Decode)]
pub(super) enum Service {
    UploadPack,
    ReceivePack,
    UploadArchive,
}

#[derive(Encode, BorrowDecode)]
pub(super) struct AdvertisedRef<'a> {
    name: &'a [u8],
    id: Option<Id>,
    peeled: Option<Id>,
    symref_target: Option<&'a [u8]>,
}

#[derive(Encode, Decode)]
pub(super) enum RefChange {
    Created,
    Deleted,
    FastForward,
    Forced,
    Unknown,
}

#[derive(Encode, BorrowDecode)]
pub(super) struct RefUpdate<'a> {
    name: &'a [u8],
    old: Id,
    new: Id,
    change: RefChange,
}

#[derive(Encode, BorrowDecode)]
pub(super) struct Ident<'a> {
    name: &'a [u8],
    email: &'a [u8],
    seconds: i64,
    offset_minutes: i16,
}

#[derive(Encode, Decode)]
pub(super) enum SignatureKind {
    OpenPgp,
    Ssh,
    X509,
    Other,
}

#[derive(Encode, Decode)]
pub(super) enum ObjectKind {
    Commit,
    Tree,
    Blob,
    Tag,
}

#[derive(Encode, Decode)]
pub(super) struct PackedObject {
    id: Id,
    kind: ObjectKind,
    bytes: u64,
}

#[derive(Encode, Decode)]
pub(super) enum FileStatus {
    Added,
    Modified,
    Deleted,
    Written,
}

#[derive(Encode, Decode)]
pub(super) struct TreeFile {
    mode: u32,
    id: Id,
}

#[derive(Encode, BorrowDecode)]
pub(super) struct FileChange<'a> {
    path: &'a [u8],
    status: FileStatus,
    old: Option<TreeFile>,
    new: Option<TreeFile>,
    lines: Option<(u32, u32)>,
    binary: bool,
}

#[derive(Encode, BorrowDecode)]
pub(super) struct RefReport<'a> {
    name: &'a [u8],
    error: Option<&'a [u8]>,
    options: Vec<&'a [u8]>,
}

#[derive(Encode, BorrowDecode)]
pub(super) struct Wanted<'a> {
    ids: Vec<Id>,
    refs: Vec<&'a [u8]>,
    capabilities: Vec<&'a [u8]>,
    shallow: Vec<Id>,
    deepen: Vec<&'a [u8]>,
    filter: Option<&'a [u8]>,
}

#[derive(Encode, BorrowDecode)]
pub(super) struct Commit<'a> {
    id: Id,
    tree: Id,
    parents: Vec<Id>,
    author: Ident<'a>,
    committer: Ident<'a>,
    message: &'a [u8],
    signature: Option<SignatureKind>,
}

#[derive(Encode, BorrowDecode)]
pub(super) struct Tag<'a> {
    id: Id,
    target: Id,
    target_kind: ObjectKind,
    name: &'a [u8],
    tagger: Option<Ident<'a>>,
    message: &'a [u8],
    signature: Option<SignatureKind>,
}

#[derive(Encode, BorrowDecode)]
pub(super) enum Git<'a> {
    Service { service: Service, repository: &'a [u8] },
    Data { bytes: &'a [u8] },
    Omitted { bytes: u64 },
    Advertised { version: u8, capabilities: Vec<&'a [u8]> },
    Refs { refs: Vec<AdvertisedRef<'a>> },
    Command { name: &'a [u8], capabilities: Vec<&'a [u8]>, arguments: Vec<&'a [u8]> },
    Wanted(Box<Wanted<'a>>),
    Haves { ids: Vec<Id>, done: bool },
    Acknowledged { lines: Vec<&'a [u8]> },
    Update(RefUpdate<'a>),
    Options { options: Vec<&'a [u8]> },
    Certificate { text: &'a [u8], signature: SignatureKind },
    Pack { objects: u32, bytes: u64, checksum: Id, sha256: [u8; 32], intact: Option<bool> },
    Contents { commits: u32, trees: u32, blobs: u32, tags: u32, unresolved: u32, cut: &'a str },
    Objects { objects: Vec<PackedObject> },
    Commit(Box<Commit<'a>>),
    Files { commit: Id, parent: Option<Id>, files: Vec<FileChange<'a>>, complete: bool },
    Tag(Box<Tag<'a>>),
    Report { unpack: &'a [u8], refs: Vec<RefReport<'a>> },
    Progress { bytes: &'a [u8] },
    Error { message: &'a [u8] },
    LfsBatch { operation: &'a [u8], objects: Vec<(&'a [u8], u64)>, reference: Option<&'a [u8]> },
    LfsObject { id: [u8; 32], bytes: u64 },
}

/// Bytes of memory that the largest item of a list takes while it is read.
pub(super) const LIST_ITEM_BYTES_MAX: usize = size_of::<FileChange<'_>>();

/// Items of all lists of `event`.
pub(super) fn list_items(event: &words::event::GitEvent) -> usize {
    use words::event::GitEvent as Core;
    match event {
        Core::Advertised { capabilities, .. } => capabilities.len(),
        Core::Refs { refs } => refs.len(),
        Core::Command { capabilities, arguments, .. } => capabilities.len() + arguments.len(),
        Core::Wanted { ids, refs, capabilities, shallow, deepen, filter: _ } => {
            ids.len() + refs.len() + capabilities.len() + shallow.len() + deepen.len()
        }
        Core::Haves { ids, .. } => ids.len(),
        Core::Acknowledged { lines } => lines.len(),
        Core::Options { options } => options.len(),
        Core::Objects { objects } => objects.len(),
        Core::Commit { parents, .. } => parents.len(),
        Core::Files { files, .. } => files.len(),
        Core::Report { refs, .. } => refs.iter().map(|report| 1 + report.options.len()).sum(),
        Core::LfsBatch { objects, .. } => objects.len(),
        _ => 0,
    }
}

fn texts(bytes: Vec<&[u8]>, plain: &Plain<'_>) -> Vec<bytes::Bytes> {
    bytes.into_iter().map(|bytes| plain.kept(bytes)).collect()
}

fn ids(ids: Vec<Id>) -> Vec<words::event::ObjectId> {
    ids.into_iter().map(Into::into).collect()
}

impl Git<'_> {
    pub(super) fn into_core(self, plain: &Plain<'_>) -> words::event::GitEvent {
        use words::event::GitEvent as Core;
        match self {
            Self::Service { service, repository } => {
                Core::Service { service: service.into(), repository: plain.kept(repository) }
            }
            Self::Data { bytes } => Core::Data { bytes: plain.kept(bytes) },
            Self::Omitted { bytes } => Core::Omitted { bytes },
            Self::Advertised { version, capabilities } => {
                Core::Advertised { version, capabilities: texts(capabilities, plain) }
            }
            Self::Refs { refs } => Core::Refs { refs: refs.into_iter().map(|its| its.into_core(plain)).collect() },
            Self::Command { name, capabilities, arguments } => Core::Command {
                name: plain.kept(name),
                capabilities: texts(capabilities, plain),
                arguments: texts(arguments, plain),
            },
            Self::Wanted(wanted) => wanted.into_core(plain),
            Self::Haves { ids: its, done } => Core::Haves { ids: ids(its), done },
            Self::Acknowledged { lines } => Core::Acknowledged { lines: texts(lines, plain) },
            Self::Update(update) => Core::Update(update.into_core(plain)),
            Self::Options { options } => Core::Options { options: texts(options, plain) },
            Self::Certificate { text, signature } => {
                Core::Certificate { text: plain.kept(text), signature: signature.into() }
            }
            Self::Pack { objects, bytes, checksum, sha256, intact } => {
                Core::Pack { objects, bytes, checksum: checksum.into(), sha256, intact }
            }
            Self::Contents { commits, trees, blobs, tags, unresolved, cut } => {
                Core::Contents { commits, trees, blobs, tags, unresolved, cut: cut.to_owned() }
            }
            Self::Objects { objects } => Core::Objects { objects: objects.into_iter().map(Into::into).collect() },
            Self::Commit(commit) => commit.into_core(plain),
            Self::Files { commit, parent, files, complete } => Core::Files {
                commit: commit.into(),
                parent: parent.map(Into::into),
                files: files.into_iter().map(|file| file.into_core(plain)).collect(),
                complete,
            },
            Self::Tag(tag) => tag.into_core(plain),
            Self::Report { unpack, refs } => Core::Report {
                unpack: plain.kept(unpack),
                refs: refs.into_iter().map(|report| report.into_core(plain)).collect(),
            },
            Self::Progress { bytes } => Core::Progress { bytes: plain.kept(bytes) },
            Self::Error { message } => Core::Error { message: plain.kept(message) },
            Self::LfsBatch { operation, objects, reference } => Core::LfsBatch {
                operation: plain.kept(operation),
                objects: objects.into_iter().map(|(name, bytes)| (plain.kept(name), bytes)).collect(),
                reference: reference.map(|reference| plain.kept(reference)),
            },
            Self::LfsObject { id, bytes } => Core::LfsObject { id, bytes },
        }
    }
}

impl Wanted<'_> {
    fn into_core(self, plain: &Plain<'_>) -> words::event::GitEvent {
        words::event::GitEvent::Wanted {
            ids: ids(self.ids),
            refs: texts(self.refs, plain),
            capabilities: texts(self.capabilities, plain),
            shallow: ids(self.shallow),
            deepen: texts(self.deepen, plain),
            filter: self.filter.map(|filter| plain.kept(filter)),
        }
    }
}

impl Commit<'_> {
    fn into_core(self, plain: &Plain<'_>) -> words::event::GitEvent {
        words::event::GitEvent::Commit {
            id: self.id.into(),
            tree: self.tree.into(),
            parents: ids(self.parents),
            author: Box::new(self.author.into_core(plain)),
            committer: Box::new(self.committer.into_core(plain)),
            message: plain.kept(self.message),
            signature: self.signature.map(Into::into),
        }
    }
}

impl Tag<'_> {
    fn into_core(self, plain: &Plain<'_>) -> words::event::GitEvent {
        words::event::GitEvent::Tag {
            id: self.id.into(),
            target: self.target.into(),
            target_kind: self.target_kind.into(),
            name: plain.kept(self.name),
            tagger: self.tagger.map(|tagger| Box::new(tagger.into_core(plain))),
            message: plain.kept(self.message),
            signature: self.signature.map(Into::into),
        }
    }
}

impl AdvertisedRef<'_> {
    fn into_core(self, plain: &Plain<'_>) -> words::event::AdvertisedRef {
        words::event::AdvertisedRef {
            name: plain.kept(self.name),
            id: self.id.map(Into::into),
            peeled: self.peeled.map(Into::into),
            symref_target: self.symref_target.map(|target| plain.kept(target)),
        }
    }
}

impl RefUpdate<'_> {
    fn into_core(self, plain: &Plain<'_>) -> words::event::RefUpdate {
        words::event::RefUpdate {
            name: plain.kept(self.name),
            old: self.old.into(),
            new: self.new.into(),
            change: self.change.into(),
        }
    }
}

impl Ident<'_> {
    fn into_core(self, plain: &Plain<'_>) -> words::event::Ident {
        words::event::Ident {
            name: plain.kept(self.name),
            email: plain.kept(self.email),
            seconds: self.seconds,
            offset_minutes: self.offset_minutes,
        }
    }
}

impl FileChange<'_> {
    fn into_core(self, plain: &Plain<'_>) -> words::event::FileChange {
        words::event::FileChange {
            path: plain.kept(self.path),
            status: self.status.into(),
            old: self.old.map(Into::into),
            new: self.new.map(Into::into),
            lines: self.lines,
            binary: self.binary,
        }
    }
}

impl RefReport<'_> {
    fn into_core(self, plain: &Plain<'_>) -> words::event::RefReport {
        words::event::RefReport {
            name: plain.kept(self.name),
            error: self.error.map(|error| plain.kept(error)),
            options: texts(self.options, plain),
        }
    }
}

impl From<Id> for words::event::ObjectId {
    fn from(id: Id) -> Self {
        match id {
            Id::Sha1(bytes) => Self::Sha1(bytes),
            Id::Sha256(bytes) => Self::Sha256(bytes),
        }
    }
}

impl From<Service> for words::event::GitService {
    fn from(service: Service) -> Self {
        match service {
            Service::UploadPack => Self::UploadPack,
            Service::ReceivePack => Self::ReceivePack,
            Service::UploadArchive => Self::UploadArchive,
        }
    }
}

impl From<RefChange> for words::event::RefChange {
    fn from(change: RefChange) -> Self {
        match change {
            RefChange::Created => Self::Created,
            RefChange::Deleted => Self::Deleted,
            RefChange::FastForward => Self::FastForward,
            RefChange::Forced => Self::Forced,
            RefChange::Unknown => Self::Unknown,
        }
    }
}

impl From<SignatureKind> for words::event::SignatureKind {
    fn from(kind: SignatureKind) -> Self {
        match kind {
            SignatureKind::OpenPgp => Self::OpenPgp,
            SignatureKind::Ssh => Self::Ssh,
            SignatureKind::X509 => Self::X509,
            SignatureKind::Other => Self::Other,
        }
    }
}

impl From<ObjectKind> for words::event::ObjectKind {
    fn from(kind: ObjectKind) -> Self {
        match kind {
            ObjectKind::Commit => Self::Commit,
            ObjectKind::Tree => Self::Tree,
            ObjectKind::Blob => Self::Blob,
            ObjectKind::Tag => Self::Tag,
        }
    }
}

impl From<PackedObject> for words::event::PackedObject {
    fn from(object: PackedObject) -> Self {
        Self { id: object.id.into(), kind: object.kind.into(), bytes: object.bytes }
    }
}

impl From<FileStatus> for words::event::FileStatus {
    fn from(status: FileStatus) -> Self {
        match status {
            FileStatus::Added => Self::Added,
            FileStatus::Modified => Self::Modified,
            FileStatus::Deleted => Self::Deleted,
            FileStatus::Written => Self::Written,
        }
    }
}

impl From<TreeFile> for words::event::TreeFile {
    fn from(file: TreeFile) -> Self {
        Self { mode: file.mode, id: file.id.into() }
    }
}
