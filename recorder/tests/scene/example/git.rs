//! Conversations of Git in which everything is said.

use bytes::Bytes;
use wiretape_core::event::{
    AdvertisedRef, FileChange, FileStatus, GitEvent, GitService, Ident, ObjectId, ObjectKind, PackedObject, RefChange,
    RefReport, RefUpdate, SignatureKind, TreeFile,
};
use wiretape_core::{Kind, Side};

use super::bytes;
use crate::scene::noise;

fn said(side: Side, events: impl IntoIterator<Item = GitEvent>) -> Vec<(Side, Kind)> {
    events.into_iter().map(|event| (side, Kind::Git(event))).collect()
}

fn sha1(byte: u8) -> ObjectId {
    ObjectId::Sha1([byte; 20])
}

fn sha256(byte: u8) -> ObjectId {
    ObjectId::Sha256([byte; 32])
}

fn runs<const COUNT: usize>(runs: [&'static str; COUNT]) -> Vec<Bytes> {
    runs.map(bytes).to_vec()
}

/// A clone, an archive, and objects of LFS.
pub(super) fn fetched() -> Vec<(Side, Kind)> {
    let named = |name, id, peeled, symref_target| AdvertisedRef { name: bytes(name), id, peeled, symref_target };
    let mut parts = said(
        Side::Client,
        [
            GitEvent::Service { service: GitService::UploadPack, repository: bytes("/org/reposit\u{f6}ry.git") },
            GitEvent::Service { service: GitService::UploadArchive, repository: bytes("/org/r.git") },
            GitEvent::Command {
                name: bytes("ls-refs"),
                capabilities: runs(["agent=git/2.47.3", "object-format=sha256"]),
                arguments: runs(["peel", "symrefs", "ref-prefix refs/heads/"]),
            },
            GitEvent::Wanted {
                ids: vec![sha1(1), sha256(2)],
                refs: runs(["refs/heads/main"]),
                capabilities: runs(["multi_ack_detailed", "side-band-64k"]),
                shallow: vec![sha1(3)],
                deepen: runs(["deepen 1", "deepen-not refs/tags/v1"]),
                filter: Some(bytes("blob:none")),
            },
            GitEvent::Wanted {
                ids: Vec::new(),
                refs: Vec::new(),
                capabilities: Vec::new(),
                shallow: Vec::new(),
                deepen: Vec::new(),
                filter: None,
            },
            GitEvent::Haves { ids: vec![sha1(4), sha256(5)], done: true },
            GitEvent::Haves { ids: Vec::new(), done: false },
            GitEvent::LfsBatch {
                operation: bytes("upload"),
                objects: vec![(bytes("6ca1"), 12), (Bytes::from_static(b"\xff"), u64::MAX)],
                reference: Some(bytes("refs/heads/main")),
            },
            GitEvent::LfsBatch { operation: bytes("download"), objects: Vec::new(), reference: None },
            GitEvent::LfsObject { id: [6; 32], bytes: 12 },
        ],
    );
    parts.extend(said(
        Side::Upstream,
        [
            GitEvent::Advertised { version: 2, capabilities: runs(["agent=git/2.47.3", "fetch=shallow filter"]) },
            GitEvent::Refs {
                refs: vec![
                    named("HEAD", Some(sha1(1)), None, Some(bytes("refs/heads/main"))),
                    named("refs/tags/v1", Some(sha1(7)), Some(sha1(1)), None),
                    named("refs/heads/unborn", None, None, None),
                    named("refs/heads/main", Some(sha256(2)), Some(sha256(8)), None),
                ],
            },
            GitEvent::Acknowledged { lines: runs(["ACK 0101 common", "ready", "shallow 0303"]) },
            GitEvent::Data { bytes: noise(22, 20_000).into() },
            GitEvent::Data { bytes: Bytes::new() },
            GitEvent::Progress { bytes: bytes("Counting objects: 100% (3/3), done.\r\n") },
            GitEvent::Pack { objects: 3, bytes: 20_000, checksum: sha1(9), sha256: [10; 32], intact: None },
            GitEvent::Error { message: bytes("upload-pack: not our ref \u{1b}") },
        ],
    ));
    parts
}

/// A push, and what becomes of it.
pub(super) fn pushed() -> Vec<(Side, Kind)> {
    let update = |name, old, new, change| GitEvent::Update(RefUpdate { name: bytes(name), old, new, change });
    let ident = |name: &'static [u8], seconds, offset_minutes| Ident {
        name: Bytes::from_static(name),
        email: bytes("ana@example.com"),
        seconds,
        offset_minutes,
    };
    let commit = |id, parents, signature| GitEvent::Commit {
        id,
        tree: sha1(20),
        parents,
        author: Box::new(ident(b"Ana", 1_795_305_600, 60)),
        committer: Box::new(ident(b"J\xfcrgen", -1, -720)),
        message: bytes("Orders: keep their dates\n\nThey were lost.\n"),
        signature,
    };
    let file = |mode, id| Some(TreeFile { mode, id });
    let change =
        |path, status, old, new, lines, binary| FileChange { path: bytes(path), status, old, new, lines, binary };
    let tag = |tagger: Option<Ident>, target_kind, signature| GitEvent::Tag {
        id: sha1(30),
        target: sha1(1),
        target_kind,
        name: bytes("v1"),
        tagger: tagger.map(Box::new),
        message: bytes("First\n"),
        signature,
    };
    let packed = |byte, kind, bytes| PackedObject { id: sha1(byte), kind, bytes };
    let mut parts = said(
        Side::Client,
        [
            GitEvent::Service { service: GitService::ReceivePack, repository: bytes("org/r.git") },
            update("refs/heads/new", sha1(0), sha1(1), RefChange::Created),
            update("refs/heads/old", sha1(1), sha1(0), RefChange::Deleted),
            update("refs/heads/main", sha1(1), sha1(2), RefChange::FastForward),
            update("refs/heads/topic", sha1(1), sha1(3), RefChange::Forced),
            update("refs/heads/sha256", sha256(1), sha256(3), RefChange::Unknown),
            GitEvent::Options { options: runs(["ci.skip", "topic=\u{e4}"]) },
            GitEvent::Certificate { text: bytes("certificate version 0.1\n…"), signature: SignatureKind::Ssh },
            GitEvent::Data { bytes: noise(23, 9_000).into() },
            GitEvent::Omitted { bytes: 1 << 40 },
            GitEvent::Pack { objects: 9, bytes: 1 << 40, checksum: sha256(9), sha256: [11; 32], intact: Some(true) },
            GitEvent::Pack { objects: 0, bytes: 32, checksum: sha1(9), sha256: [12; 32], intact: Some(false) },
            GitEvent::Contents {
                commits: 2,
                trees: 3,
                blobs: 300,
                tags: 1,
                unresolved: 70_000,
                cut: "too much".into(),
            },
            GitEvent::Contents { commits: 0, trees: 0, blobs: 0, tags: 0, unresolved: 0, cut: String::new() },
            GitEvent::Objects {
                objects: vec![
                    packed(1, ObjectKind::Commit, 250),
                    packed(20, ObjectKind::Tree, 70),
                    packed(21, ObjectKind::Blob, 1 << 33),
                    packed(30, ObjectKind::Tag, 130),
                ],
            },
            commit(sha1(1), Vec::new(), None),
            commit(sha256(1), vec![sha1(1), sha256(2)], Some(SignatureKind::OpenPgp)),
            GitEvent::Files {
                commit: sha1(2),
                parent: Some(sha1(1)),
                files: vec![
                    change("src/new.rs", FileStatus::Added, None, file(0o100_644, sha1(21)), Some((12, 0)), false),
                    change(
                        "src/main.rs",
                        FileStatus::Modified,
                        file(0o100_644, sha1(22)),
                        file(0o100_755, sha1(23)),
                        Some((3, 70_000)),
                        false,
                    ),
                    change("logo.png", FileStatus::Deleted, file(0o100_644, sha256(24)), None, None, true),
                    change("vendor/lib", FileStatus::Written, None, file(0o160_000, sha1(25)), None, false),
                ],
                complete: false,
            },
            GitEvent::Files { commit: sha1(1), parent: None, files: Vec::new(), complete: true },
            tag(Some(ident(b"Ana", 0, 0)), ObjectKind::Commit, Some(SignatureKind::X509)),
            tag(None, ObjectKind::Tag, Some(SignatureKind::Other)),
            tag(None, ObjectKind::Tree, None),
            tag(None, ObjectKind::Blob, None),
        ],
    );
    let report = |name, error, options| RefReport { name: bytes(name), error, options };
    parts.extend(said(
        Side::Upstream,
        [
            GitEvent::Report {
                unpack: bytes("ok"),
                refs: vec![
                    report("refs/heads/main", None, runs(["refname refs/heads/trunk", "forced-update"])),
                    report("refs/heads/topic", Some(bytes("pre-receive hook declined")), Vec::new()),
                ],
            },
            GitEvent::Report { unpack: bytes("index-pack abnormal exit"), refs: Vec::new() },
        ],
    ));
    parts
}
