//! Conversations of Git, as the wire tells them, with names that would like to be more than names.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use wiretape_core::event::{
    AdvertisedRef, FileChange, FileStatus, GitEvent, GitService, HttpEvent, HttpVersion, Ident, ObjectId, ObjectKind,
    PackedObject, ProcessEvent, ProcessKind, RefChange, RefReport, RefUpdate, SignatureKind, StreamEvent, StreamKind,
    TreeFile,
};
use wiretape_core::{Event, Kind, Side};

use crate::archive::{closed, event, opened};
use crate::exchanges::{Talk, fields};

const UP: Side = Side::Client;
const DOWN: Side = Side::Upstream;

fn id(byte: u8) -> ObjectId {
    ObjectId::Sha1([byte; 20])
}

fn texts<const COUNT: usize>(texts: [&'static str; COUNT]) -> Vec<Bytes> {
    texts.map(|text| Bytes::from_static(text.as_bytes())).to_vec()
}

fn advertised(name: &'static str, its: u8, peeled: Option<u8>, symref_target: Option<&'static str>) -> AdvertisedRef {
    AdvertisedRef {
        name: name.into(),
        id: (its != 0).then(|| id(its)),
        peeled: peeled.map(id),
        symref_target: symref_target.map(Bytes::from),
    }
}

fn say(events: &mut Vec<Event>, at: u64, side: Side, lane: u32, said: impl IntoIterator<Item = GitEvent>) {
    events.extend(said.into_iter().map(|said| event(at, side, lane, Kind::Git(said))));
}

fn data(bytes: impl Into<Bytes>) -> GitEvent {
    GitEvent::Data { bytes: bytes.into() }
}

fn service(service: GitService, repository: &'static str) -> GitEvent {
    GitEvent::Service { service, repository: repository.into() }
}

fn wanted(ids: Vec<ObjectId>) -> GitEvent {
    GitEvent::Wanted {
        ids,
        refs: texts(["refs/heads/ma\u{1b}[2Jin"]),
        capabilities: Vec::new(),
        shallow: vec![id(9)],
        deepen: texts(["deepen 1"]),
        filter: Some("blob:none".into()),
    }
}

fn ident(name: &'static str, seconds: i64, offset_minutes: i16) -> Ident {
    Ident { name: name.into(), email: "ana@example.com\u{1b}]0;x\u{7}".into(), seconds, offset_minutes }
}

/// A fetch by version 2 over HTTP, whose second request was packed; objects of LFS.
pub fn by_http() -> Vec<Event> {
    let mut talk = Talk::begun(HttpVersion::Http11);
    let request = |method: &'static str, path: &'static str, lines: &[&str]| HttpEvent::Request {
        version: HttpVersion::Http11,
        method: method.into(),
        scheme: "https".into(),
        authority: "localhost:8443".into(),
        path: path.into(),
        protocol: None,
        fields: fields(lines),
    };
    let response = |status, lines: &[&str]| HttpEvent::Response {
        version: HttpVersion::Http11,
        status,
        reason: "".into(),
        fields: fields(lines),
    };
    let upload = || service(GitService::UploadPack, "/org/shop.git");
    talk.say(
        10,
        UP,
        1,
        request("GET", "/forge/org/shop.git/info/refs?service=git-upload-pack", &["Git-Protocol: version=2"]),
    );
    say(&mut talk.events, 10, UP, 1, [upload()]);
    talk.say(11, UP, 1, HttpEvent::End);
    talk.say(20, DOWN, 1, response(200, &["Content-Type: application/x-git-upload-pack-advertisement"]));
    let greeting = [
        data("001e# service=git-upload-pack\n0000000eversion 2\n0000"),
        GitEvent::Advertised { version: 2, capabilities: texts(["agent=git/2.47.3", "fetch=shallow filter"]) },
    ];
    say(&mut talk.events, 20, DOWN, 1, greeting);
    talk.say(21, DOWN, 1, HttpEvent::End);

    talk.say(
        30,
        UP,
        2,
        request(
            "POST",
            "/forge/org/shop.git/git-upload-pack",
            &["Content-Type: application/x-git-upload-pack-request", "Content-Encoding: gzip", "Content-Length: 66"],
        ),
    );
    let asked = [
        upload(),
        data("0014command=ls-refs\n00010009peel\n0000"),
        GitEvent::Command {
            name: "ls-refs".into(),
            capabilities: texts(["agent=git/2.47.3"]),
            arguments: texts(["peel", "symrefs", "ref-prefix refs/heads/", "ref-prefix refs/tags/"]),
        },
    ];
    say(&mut talk.events, 30, UP, 2, asked);
    talk.say(31, UP, 2, HttpEvent::End);
    talk.say(40, DOWN, 2, response(200, &["Content-Type: application/x-git-upload-pack-result"]));
    let listed = [
        data("0032aaaa HEAD symref-target:refs/heads/main\n0000"),
        GitEvent::Refs {
            refs: vec![
                advertised("HEAD", 1, None, Some("refs/heads/main")),
                advertised("refs/heads/main", 1, None, None),
                advertised("refs/tags/v1", 2, Some(1), None),
            ],
        },
        GitEvent::Refs { refs: vec![advertised("refs/heads/\u{202e}unborn", 0, None, None); 5] },
    ];
    say(&mut talk.events, 40, DOWN, 2, listed);
    talk.say(41, DOWN, 2, HttpEvent::End);

    talk.say(
        50,
        UP,
        3,
        request(
            "POST",
            "/forge/org/shop.git/git-upload-pack",
            &["Content-Type: application/x-git-upload-pack-request"],
        ),
    );
    let fetch = [
        upload(),
        data("0011command=fetch0001000fno-progress0000"),
        GitEvent::Command {
            name: "fetch".into(),
            capabilities: texts(["agent=git/2.47.3"]),
            arguments: texts(["thin-pack", "ofs-delta"]),
        },
        wanted(vec![id(1), id(2)]),
        GitEvent::Haves { ids: vec![id(5), id(6), id(7)], done: false },
        GitEvent::Haves { ids: vec![id(8)], done: true },
    ];
    say(&mut talk.events, 50, UP, 3, fetch);
    talk.say(51, UP, 3, HttpEvent::End);
    talk.say(60, DOWN, 3, response(200, &["Content-Type: application/x-git-upload-pack-result"]));
    let brought = [
        GitEvent::Acknowledged { lines: texts(["ACK 0505", "NAK", "ready", "shallow 0909"]) },
        GitEvent::Progress { bytes: "Counting objects:  50% (1/2)\rCounting obj".into() },
        data(vec![0, 1, 2, 0xff]),
        GitEvent::Progress { bytes: "ects: 100% (2/2)\rCounting objects: 100% (2/2), \u{1b}[31mdone.\n".into() },
        GitEvent::Omitted { bytes: 2_000_000 },
        GitEvent::Pack { objects: 42, bytes: 2_000_000, checksum: id(3), sha256: [0xab; 32], intact: None },
        GitEvent::Error { message: "upload-pack: not our ref \u{1b}[2J\n".into() },
    ];
    say(&mut talk.events, 60, DOWN, 3, brought);
    talk.say(75, DOWN, 3, HttpEvent::End);

    talk.say(
        80,
        UP,
        4,
        request("POST", "/forge/org/shop.git/info/lfs/objects/batch", &["Content-Type: application/vnd.git-lfs+json"]),
    );
    let batch = GitEvent::LfsBatch {
        operation: "upload".into(),
        objects: vec![("6ca1".into(), 1_200_000), ("77fe".into(), 7)],
        reference: Some("refs/heads/main".into()),
    };
    say(&mut talk.events, 80, UP, 4, [batch, GitEvent::LfsObject { id: [0x6c; 32], bytes: 1_200_000 }]);
    talk.say(81, UP, 4, HttpEvent::End);
    talk.say(90, DOWN, 4, response(204, &[]));
    talk.say(91, DOWN, 4, HttpEvent::End);
    talk.ended(100)
}

/// Pushes over SSH: one with everything, whose pack was not kept; and one that the gateway refused.
pub fn by_ssh() -> Vec<Event> {
    let mut events = vec![opened()];
    for (lane, at) in [(1, 10), (2, 200)] {
        let start = ProcessKind::Exec { command: "git-receive-pack '/srv/shop.git'".into() };
        events.push(event(at, UP, lane, Kind::Stream(StreamEvent::Open { kind: StreamKind::Session })));
        events.push(event(at, DOWN, lane, Kind::Stream(StreamEvent::Accepted)));
        events.push(event(at, UP, lane, Kind::Process(ProcessEvent::Start { kind: start })));
        let greeting = [
            data("00be…"),
            GitEvent::Advertised { version: 1, capabilities: texts(["report-status-v2", "side-band-64k"]) },
            GitEvent::Refs { refs: vec![advertised("refs/heads/main", 1, None, None)] },
        ];
        say(&mut events, at + 1, UP, lane, [service(GitService::ReceivePack, "/srv/shop.git")]);
        say(&mut events, at + 2, DOWN, lane, greeting);
    }
    let update = |name, old, new, change| {
        let zero_is_null = |byte| if byte == 0 { ObjectId::Sha1([0; 20]) } else { id(byte) };
        GitEvent::Update(RefUpdate {
            name: Bytes::from_static(name),
            old: zero_is_null(old),
            new: zero_is_null(new),
            change,
        })
    };
    let file = |mode, byte| Some(TreeFile { mode, id: id(byte) });
    let change = |path: &'static [u8], status, old, new, lines| FileChange {
        path: Bytes::from_static(path),
        status,
        old,
        new,
        lines,
        binary: path.ends_with(b"png"),
    };
    let commit = |byte, parents, message: &'static str, signature| GitEvent::Commit {
        id: id(byte),
        tree: id(0x20),
        parents,
        author: Box::new(ident("Ana \u{9b}31m", 1_795_305_600, 60)),
        committer: Box::new(ident("Ben", 1_795_305_700, -210)),
        message: message.into(),
        signature,
    };
    let pushed = [
        data("00a0…"),
        update(b"refs/heads/main", 1, 2, RefChange::FastForward),
        update(b"refs/heads/topic\x1b[2J", 3, 4, RefChange::Forced),
        update(b"refs/heads/new", 0, 4, RefChange::Created),
        update(b"refs/tags/v1", 0, 5, RefChange::Created),
        update(b"refs/notes/x", 0, 5, RefChange::Created),
        update(b"refs/heads/old", 1, 0, RefChange::Deleted),
        update(b"refs/heads/deep", 7, 8, RefChange::Unknown),
        GitEvent::Options { options: texts(["ci.skip", "\u{1b}c"]) },
        GitEvent::Certificate { text: "certificate version 0.1\n".into(), signature: SignatureKind::Ssh },
        GitEvent::Omitted { bytes: 5_000 },
        GitEvent::Pack { objects: 9, bytes: 5_000, checksum: id(3), sha256: [0xcd; 32], intact: Some(true) },
        GitEvent::Contents { commits: 2, trees: 2, blobs: 4, tags: 1, unresolved: 3, cut: "more than are read".into() },
        GitEvent::Objects {
            objects: vec![
                PackedObject { id: id(2), kind: ObjectKind::Commit, bytes: 250 },
                PackedObject { id: id(0x20), kind: ObjectKind::Tree, bytes: 70 },
            ],
        },
        commit(2, vec![id(1)], "Keep dates\n\nThey were \u{1b}]52;c;aGk=\u{7}lost.\n\tIndented.\n", None),
        GitEvent::Files {
            commit: id(2),
            parent: Some(id(1)),
            files: vec![
                change(
                    b"src/\xff\x1b[2J.rs",
                    FileStatus::Modified,
                    file(0o100_644, 1),
                    file(0o100_755, 2),
                    Some((30, 4)),
                ),
                change(b"src/new.rs", FileStatus::Added, None, file(0o100_644, 3), Some((200, 0))),
            ],
            complete: false,
        },
        GitEvent::Files {
            commit: id(2),
            parent: Some(id(1)),
            files: vec![
                change(b"logo.png", FileStatus::Deleted, file(0o100_644, 4), None, None),
                change(b"vendor", FileStatus::Modified, file(0o160_000, 5), file(0o160_000, 6), None),
                change(b"old.txt", FileStatus::Written, None, file(0o100_644, 7), None),
            ],
            complete: false,
        },
        commit(4, vec![id(2), id(3)], "", Some(SignatureKind::OpenPgp)),
        GitEvent::Files { commit: id(4), parent: Some(id(2)), files: Vec::new(), complete: true },
        GitEvent::Tag {
            id: id(5),
            target: id(4),
            target_kind: ObjectKind::Commit,
            name: "v1\u{202e}".into(),
            tagger: Some(Box::new(ident("Ana", 0, 0))),
            message: "First\n".into(),
            signature: Some(SignatureKind::X509),
        },
    ];
    say(&mut events, 30, UP, 1, pushed);
    let ok = |name: &'static str, options| RefReport { name: name.into(), error: None, options };
    let ng = |name: &'static str, error: &'static str| RefReport {
        name: name.into(),
        error: Some(error.into()),
        options: Vec::new(),
    };
    let told = [
        data("0030…"),
        GitEvent::Progress { bytes: "Resolving deltas: 100% (3/3), done.\nhook: hello\u{1b}[0m".into() },
        GitEvent::Report {
            unpack: "ok".into(),
            refs: vec![
                ok("refs/heads/main", texts(["option refname refs/heads/trunk"])),
                ng("refs/heads/topic\u{1b}[2J", "pre-receive hook \u{1b}[5mdeclined"),
            ],
        },
    ];
    say(&mut events, 40, DOWN, 1, told);
    events.push(event(45, DOWN, 1, Kind::Process(ProcessEvent::Exit { status: 0 })));

    let refused = [
        data("00a0…"),
        update(b"refs/heads/main", 2, 3, RefChange::Forced),
        GitEvent::Progress { bytes: "wiretape: forced updates are refused\n".into() },
        GitEvent::Report { unpack: "ok".into(), refs: vec![ng("refs/heads/main", "forced updates are refused")] },
    ];
    say(&mut events, 230, UP, 2, refused);
    events.push(event(245, DOWN, 2, Kind::Process(ProcessEvent::Exit { status: 0 })));
    let broken = [GitEvent::Report { unpack: "index-pack abnormal exit".into(), refs: Vec::new() }];
    say(&mut events, 250, DOWN, 3, broken);
    events.push(closed(300));
    events.sort_by_key(|event| event.at);
    events
}
