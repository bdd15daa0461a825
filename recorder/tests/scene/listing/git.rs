//! Events of Git in a listing.

use bytes::Bytes;
use serde_json::{Value, json};
use wiretape_core::event::{
    AdvertisedRef, FileChange, FileStatus, GitEvent, GitService, Ident, ObjectId, ObjectKind, PackedObject, RefChange,
    RefReport, RefUpdate, SignatureKind, TreeFile,
};

use super::{hex, object, optional, shown};

pub(super) fn git(event: &GitEvent) -> Value {
    match event {
        GitEvent::Service { service, repository } => {
            let service = match service {
                GitService::UploadPack => "upload-pack",
                GitService::ReceivePack => "receive-pack",
                GitService::UploadArchive => "upload-archive",
            };
            object([("service", json!(service)), ("repository", shown(repository))])
        }
        GitEvent::Data { bytes } | GitEvent::Progress { bytes } => object([("bytes", shown(bytes))]),
        GitEvent::Omitted { bytes } => object([("bytes", json!(bytes))]),
        GitEvent::Advertised { version, capabilities } => {
            object([("version", json!(version)), ("capabilities", runs(capabilities))])
        }
        GitEvent::Refs { refs } => object([("refs", list(refs, advertised))]),
        GitEvent::Command { name, capabilities, arguments } => {
            object([("name", shown(name)), ("capabilities", runs(capabilities)), ("arguments", runs(arguments))])
        }
        GitEvent::Wanted { ids, refs, capabilities, shallow, deepen, filter } => object([
            ("ids", list(ids, id)),
            ("refs", runs(refs)),
            ("capabilities", runs(capabilities)),
            ("shallow", list(shallow, id)),
            ("deepen", runs(deepen)),
            ("filter", optional(filter)),
        ]),
        GitEvent::Haves { ids, done } => object([("ids", list(ids, id)), ("done", json!(done))]),
        GitEvent::Acknowledged { lines } => object([("lines", runs(lines))]),
        GitEvent::Update(update) => updated(update),
        GitEvent::Options { options } => object([("options", runs(options))]),
        GitEvent::Certificate { text, signature } => {
            object([("text", shown(text)), ("signature", json!(signed(*signature)))])
        }
        GitEvent::Pack { objects, bytes, checksum, sha256, intact } => object([
            ("objects", json!(objects)),
            ("bytes", json!(bytes)),
            ("checksum", id(checksum)),
            ("sha256", json!(hex(sha256))),
            ("intact", json!(intact)),
        ]),
        GitEvent::Contents { commits, trees, blobs, tags, unresolved, cut } => object([
            ("commits", json!(commits)),
            ("trees", json!(trees)),
            ("blobs", json!(blobs)),
            ("tags", json!(tags)),
            ("unresolved", json!(unresolved)),
            ("cut", json!(cut)),
        ]),
        GitEvent::Objects { objects } => object([("objects", list(objects, packed))]),
        GitEvent::Commit { id: its, tree, parents, author, committer, message, signature } => object([
            ("id", id(its)),
            ("tree", id(tree)),
            ("parents", list(parents, id)),
            ("author", ident(author)),
            ("committer", ident(committer)),
            ("message", shown(message)),
            ("signature", json!(signature.map(signed))),
        ]),
        GitEvent::Files { commit, parent, files, complete } => object([
            ("commit", id(commit)),
            ("parent", json!(parent.as_ref().map(id))),
            ("files", list(files, changed)),
            ("complete", json!(complete)),
        ]),
        GitEvent::Tag { id: its, target, target_kind, name, tagger, message, signature } => object([
            ("id", id(its)),
            ("target", id(target)),
            ("target_kind", json!(kind(*target_kind))),
            ("name", shown(name)),
            ("tagger", json!(tagger.as_deref().map(ident))),
            ("message", shown(message)),
            ("signature", json!(signature.map(signed))),
        ]),
        GitEvent::Report { unpack, refs } => object([("unpack", shown(unpack)), ("refs", list(refs, reported))]),
        GitEvent::Error { message } => object([("message", shown(message))]),
        GitEvent::LfsBatch { operation, objects, reference } => {
            let objects: Vec<_> = objects.iter().map(|(name, bytes)| json!([shown(name), bytes])).collect();
            object([("operation", shown(operation)), ("objects", json!(objects)), ("reference", optional(reference))])
        }
        GitEvent::LfsObject { id, bytes } => object([("id", json!(hex(id))), ("bytes", json!(bytes))]),
    }
}

fn list<T>(items: &[T], shown: impl Fn(&T) -> Value) -> Value {
    Value::Array(items.iter().map(shown).collect())
}

fn runs(runs: &[Bytes]) -> Value {
    list(runs, |run| shown(run))
}

fn id(id: &ObjectId) -> Value {
    json!(hex(id.as_bytes()))
}

fn advertised(its: &AdvertisedRef) -> Value {
    object([
        ("name", shown(&its.name)),
        ("id", json!(its.id.as_ref().map(id))),
        ("peeled", json!(its.peeled.as_ref().map(id))),
        ("symref_target", optional(&its.symref_target)),
    ])
}

fn updated(update: &RefUpdate) -> Value {
    let change = match update.change {
        RefChange::Created => "created",
        RefChange::Deleted => "deleted",
        RefChange::FastForward => "fast-forward",
        RefChange::Forced => "forced",
        RefChange::Unknown => "unknown",
    };
    object([
        ("name", shown(&update.name)),
        ("old", id(&update.old)),
        ("new", id(&update.new)),
        ("change", json!(change)),
    ])
}

fn signed(kind: SignatureKind) -> &'static str {
    match kind {
        SignatureKind::OpenPgp => "openpgp",
        SignatureKind::Ssh => "ssh",
        SignatureKind::X509 => "x509",
        SignatureKind::Other => "other",
    }
}

fn kind(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Commit => "commit",
        ObjectKind::Tree => "tree",
        ObjectKind::Blob => "blob",
        ObjectKind::Tag => "tag",
    }
}

fn packed(its: &PackedObject) -> Value {
    object([("id", id(&its.id)), ("kind", json!(kind(its.kind))), ("bytes", json!(its.bytes))])
}

fn ident(ident: &Ident) -> Value {
    object([
        ("name", shown(&ident.name)),
        ("email", shown(&ident.email)),
        ("seconds", json!(ident.seconds)),
        ("offset_minutes", json!(ident.offset_minutes)),
    ])
}

fn changed(file: &FileChange) -> Value {
    let status = match file.status {
        FileStatus::Added => "added",
        FileStatus::Modified => "modified",
        FileStatus::Deleted => "deleted",
        FileStatus::Written => "written",
    };
    object([
        ("path", shown(&file.path)),
        ("status", json!(status)),
        ("old", json!(file.old.as_ref().map(tree_file))),
        ("new", json!(file.new.as_ref().map(tree_file))),
        ("lines", json!(file.lines)),
        ("binary", json!(file.binary)),
    ])
}

fn tree_file(file: &TreeFile) -> Value {
    object([("mode", json!(file.mode)), ("id", id(&file.id))])
}

fn reported(report: &RefReport) -> Value {
    object([("name", shown(&report.name)), ("error", optional(&report.error)), ("options", runs(&report.options))])
}
