//! From the words of the core to those of the tape.

use bytes::Bytes;
use wiretape_core as words;

use super::{
    AdvertisedRef, Commit, FileChange, FileStatus, Git, Id, Ident, ObjectKind, PackedObject, RefChange, RefReport,
    RefUpdate, Service, SignatureKind, Tag, TreeFile, Wanted,
};

fn texts(texts: &[Bytes]) -> Vec<&[u8]> {
    texts.iter().map(AsRef::as_ref).collect()
}

fn all<'a, Core, Written: From<&'a Core>>(items: &'a [Core]) -> Vec<Written> {
    items.iter().map(Into::into).collect()
}

impl<'a> From<&'a words::event::GitEvent> for Git<'a> {
    fn from(event: &'a words::event::GitEvent) -> Self {
        use words::event::GitEvent as Core;
        match event {
            Core::Service { service, repository } => Self::Service { service: (*service).into(), repository },
            Core::Data { bytes } => Self::Data { bytes },
            Core::Omitted { bytes } => Self::Omitted { bytes: *bytes },
            Core::Advertised { version, capabilities } => {
                Self::Advertised { version: *version, capabilities: texts(capabilities) }
            }
            Core::Refs { refs } => Self::Refs { refs: all(refs) },
            Core::Command { name, capabilities, arguments } => {
                Self::Command { name, capabilities: texts(capabilities), arguments: texts(arguments) }
            }
            Core::Wanted { ids, refs, capabilities, shallow, deepen, filter } => Self::Wanted(Box::new(Wanted {
                ids: all(ids),
                refs: texts(refs),
                capabilities: texts(capabilities),
                shallow: all(shallow),
                deepen: texts(deepen),
                filter: filter.as_deref(),
            })),
            Core::Haves { ids, done } => Self::Haves { ids: all(ids), done: *done },
            Core::Acknowledged { lines } => Self::Acknowledged { lines: texts(lines) },
            Core::Update(update) => Self::Update(update.into()),
            Core::Options { options } => Self::Options { options: texts(options) },
            Core::Certificate { text, signature } => Self::Certificate { text, signature: (*signature).into() },
            Core::Pack { objects, bytes, checksum, sha256, intact } => Self::Pack {
                objects: *objects,
                bytes: *bytes,
                checksum: checksum.into(),
                sha256: *sha256,
                intact: *intact,
            },
            Core::Contents { commits, trees, blobs, tags, unresolved, cut } => Self::Contents {
                commits: *commits,
                trees: *trees,
                blobs: *blobs,
                tags: *tags,
                unresolved: *unresolved,
                cut,
            },
            Core::Objects { objects } => Self::Objects { objects: all(objects) },
            Core::Commit { id, tree, parents, author, committer, message, signature } => {
                Self::Commit(Box::new(Commit {
                    id: id.into(),
                    tree: tree.into(),
                    parents: all(parents),
                    author: author.as_ref().into(),
                    committer: committer.as_ref().into(),
                    message,
                    signature: signature.map(Into::into),
                }))
            }
            Core::Files { commit, parent, files, complete } => Self::Files {
                commit: commit.into(),
                parent: parent.as_ref().map(Into::into),
                files: all(files),
                complete: *complete,
            },
            Core::Tag { id, target, target_kind, name, tagger, message, signature } => Self::Tag(Box::new(Tag {
                id: id.into(),
                target: target.into(),
                target_kind: (*target_kind).into(),
                name,
                tagger: tagger.as_deref().map(Into::into),
                message,
                signature: signature.map(Into::into),
            })),
            Core::Report { unpack, refs } => Self::Report { unpack, refs: all(refs) },
            Core::Progress { bytes } => Self::Progress { bytes },
            Core::Error { message } => Self::Error { message },
            Core::LfsBatch { operation, objects, reference } => Self::LfsBatch {
                operation,
                objects: objects.iter().map(|(name, bytes)| (name.as_ref(), *bytes)).collect(),
                reference: reference.as_deref(),
            },
            Core::LfsObject { id, bytes } => Self::LfsObject { id: *id, bytes: *bytes },
        }
    }
}

impl From<&words::event::ObjectId> for Id {
    fn from(id: &words::event::ObjectId) -> Self {
        match id {
            words::event::ObjectId::Sha1(bytes) => Self::Sha1(*bytes),
            words::event::ObjectId::Sha256(bytes) => Self::Sha256(*bytes),
        }
    }
}

impl<'a> From<&'a words::event::AdvertisedRef> for AdvertisedRef<'a> {
    fn from(its: &'a words::event::AdvertisedRef) -> Self {
        Self {
            name: &its.name,
            id: its.id.as_ref().map(Into::into),
            peeled: its.peeled.as_ref().map(Into::into),
            symref_target: its.symref_target.as_deref(),
        }
    }
}

impl<'a> From<&'a words::event::RefUpdate> for RefUpdate<'a> {
    fn from(update: &'a words::event::RefUpdate) -> Self {
        Self { name: &update.name, old: (&update.old).into(), new: (&update.new).into(), change: update.change.into() }
    }
}

impl<'a> From<&'a words::event::Ident> for Ident<'a> {
    fn from(ident: &'a words::event::Ident) -> Self {
        Self { name: &ident.name, email: &ident.email, seconds: ident.seconds, offset_minutes: ident.offset_minutes }
    }
}

impl<'a> From<&'a words::event::FileChange> for FileChange<'a> {
    fn from(file: &'a words::event::FileChange) -> Self {
        Self {
            path: &file.path,
            status: file.status.into(),
            old: file.old.as_ref().map(Into::into),
            new: file.new.as_ref().map(Into::into),
            lines: file.lines,
            binary: file.binary,
        }
    }
}

impl From<&words::event::TreeFile> for TreeFile {
    fn from(file: &words::event::TreeFile) -> Self {
        Self { mode: file.mode, id: (&file.id).into() }
    }
}

impl From<&words::event::PackedObject> for PackedObject {
    fn from(object: &words::event::PackedObject) -> Self {
        Self { id: (&object.id).into(), kind: object.kind.into(), bytes: object.bytes }
    }
}

impl<'a> From<&'a words::event::RefReport> for RefReport<'a> {
    fn from(report: &'a words::event::RefReport) -> Self {
        Self { name: &report.name, error: report.error.as_deref(), options: texts(&report.options) }
    }
}

impl From<words::event::GitService> for Service {
    fn from(service: words::event::GitService) -> Self {
        match service {
            words::event::GitService::UploadPack => Self::UploadPack,
            words::event::GitService::ReceivePack => Self::ReceivePack,
            words::event::GitService::UploadArchive => Self::UploadArchive,
        }
    }
}

impl From<words::event::RefChange> for RefChange {
    fn from(change: words::event::RefChange) -> Self {
        match change {
            words::event::RefChange::Created => Self::Created,
            words::event::RefChange::Deleted => Self::Deleted,
            words::event::RefChange::FastForward => Self::FastForward,
            words::event::RefChange::Forced => Self::Forced,
            words::event::RefChange::Unknown => Self::Unknown,
        }
    }
}

impl From<words::event::SignatureKind> for SignatureKind {
    fn from(kind: words::event::SignatureKind) -> Self {
        match kind {
            words::event::SignatureKind::OpenPgp => Self::OpenPgp,
            words::event::SignatureKind::Ssh => Self::Ssh,
            words::event::SignatureKind::X509 => Self::X509,
            words::event::SignatureKind::Other => Self::Other,
        }
    }
}

impl From<words::event::ObjectKind> for ObjectKind {
    fn from(kind: words::event::ObjectKind) -> Self {
        match kind {
            words::event::ObjectKind::Commit => Self::Commit,
            words::event::ObjectKind::Tree => Self::Tree,
            words::event::ObjectKind::Blob => Self::Blob,
            words::event::ObjectKind::Tag => Self::Tag,
        }
    }
}

impl From<words::event::FileStatus> for FileStatus {
    fn from(status: words::event::FileStatus) -> Self {
        match status {
            words::event::FileStatus::Added => Self::Added,
            words::event::FileStatus::Modified => Self::Modified,
            words::event::FileStatus::Deleted => Self::Deleted,
            words::event::FileStatus::Written => Self::Written,
        }
    }
}
