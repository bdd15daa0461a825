//! Events of Git for the fuzz target of renderings.

use bytes::Bytes;
use sha1::{Digest, Sha1};
use wiretape_core::event::{
    AdvertisedRef, FileChange, FileStatus, GitEvent, GitService, Ident, ObjectId, ObjectKind, PackedObject, RefChange,
    RefReport, RefUpdate, SignatureKind, TreeFile,
};

/// What is said in a conversation of Git, of few objects so that they meet again.
pub fn git(which: u8, number: u32, payload: Bytes) -> GitEvent {
    let id = |number: u32| match number % 5 {
        0 => ObjectId::Sha1([0; 20]),
        4 => ObjectId::Sha256([7; 32]),
        // Of the empty content, and of the content "a".
        1 => ObjectId::from_hex(b"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391").expect("forty digits"),
        2 => ObjectId::from_hex(b"2e65efe2a145dda7ee51d1741299f848e5bf752e").expect("forty digits"),
        _ => ObjectId::Sha1([number as u8; 20]),
    };
    let texts = || payload.split(|byte| *byte == b',').map(Bytes::copy_from_slice).collect::<Vec<_>>();
    let ident = |name: Bytes| Ident {
        name,
        email: payload.clone(),
        seconds: i64::from(number) << (number % 32),
        offset_minutes: number as i16,
    };
    let file = |place: u32| {
        (place & 1 == 0).then(|| TreeFile { mode: [0o100_644, 0o160_000][place as usize >> 1 & 1], id: id(place >> 2) })
    };
    let kind = [ObjectKind::Commit, ObjectKind::Tree, ObjectKind::Blob, ObjectKind::Tag][number as usize % 4];
    let signature = [None, Some(SignatureKind::Ssh), Some(SignatureKind::Other)][number as usize % 3];
    match which % 32 {
        0 => GitEvent::Service {
            service: [GitService::UploadPack, GitService::ReceivePack, GitService::UploadArchive][number as usize % 3],
            repository: payload,
        },
        1 => GitEvent::Data { bytes: payload },
        2 => GitEvent::Data { bytes: pushed(number, &payload) },
        3 => GitEvent::Data { bytes: banded(&pushed(number, &payload)[4..]) },
        4 => GitEvent::Omitted { bytes: u64::from(number) },
        5 => GitEvent::Advertised { version: which, capabilities: texts() },
        6 => {
            let named =
                |name| AdvertisedRef { name, id: Some(id(number)), peeled: None, symref_target: Some(payload.clone()) };
            GitEvent::Refs { refs: texts().into_iter().map(named).collect() }
        }
        7 => GitEvent::Command { name: payload.clone(), capabilities: texts(), arguments: texts() },
        8 => GitEvent::Wanted {
            ids: vec![id(number), id(number >> 3)],
            refs: texts(),
            capabilities: texts(),
            shallow: vec![id(number)],
            deepen: texts(),
            filter: Some(payload),
        },
        9 => GitEvent::Haves { ids: vec![id(number); 3], done: number & 1 == 0 },
        10 => GitEvent::Acknowledged { lines: texts() },
        11..14 => {
            let change =
                [RefChange::Created, RefChange::Forced, RefChange::FastForward, RefChange::Unknown, RefChange::Deleted];
            GitEvent::Update(RefUpdate {
                name: payload,
                old: id(number),
                new: id(number >> 3),
                change: change[number as usize % 5],
            })
        }
        14 => GitEvent::Options { options: texts() },
        15 => GitEvent::Certificate { text: payload, signature: SignatureKind::X509 },
        16 | 17 => {
            let bytes = if which & 1 == 0 { u64::from(number) } else { 32 + payload.len() as u64 };
            GitEvent::Pack {
                objects: number,
                bytes,
                checksum: id(number),
                sha256: [1; 32],
                intact: Some(number & 1 == 0),
            }
        }
        18 => GitEvent::Contents {
            commits: number,
            trees: number >> 3,
            blobs: 0,
            tags: 1,
            unresolved: number & 1,
            cut: String::from_utf8_lossy(&payload).into_owned(),
        },
        19 => GitEvent::Objects { objects: vec![PackedObject { id: id(number), kind, bytes: u64::from(number) }] },
        20 | 21 => GitEvent::Commit {
            id: id(number),
            tree: id(number >> 3),
            parents: vec![id(number); number as usize % 3],
            author: Box::new(ident(payload.clone())),
            committer: Box::new(ident(Bytes::new())),
            message: payload.clone(),
            signature,
        },
        22..25 => {
            let status = [FileStatus::Added, FileStatus::Modified, FileStatus::Deleted, FileStatus::Written];
            let change = |path| FileChange {
                path,
                status: status[number as usize % 4],
                old: file(number >> 2),
                new: file(number >> 7),
                lines: (number & 8 == 0).then_some((number, number >> 8)),
                binary: number & 16 == 0,
            };
            let files = texts().into_iter().map(change).collect();
            GitEvent::Files { commit: id(number), parent: None, files, complete: number & 1 == 0 }
        }
        25 => GitEvent::Tag {
            id: id(number),
            target: id(number >> 3),
            target_kind: kind,
            name: payload.clone(),
            tagger: Some(Box::new(ident(payload.clone()))),
            message: payload.clone(),
            signature,
        },
        26 | 27 => {
            let report = |name: Bytes| RefReport {
                error: (name.len() & 1 == 1).then(|| payload.clone()),
                name,
                options: texts(),
            };
            let unpack = if which & 1 == 0 { payload.clone() } else { Bytes::from_static(b"ok") };
            GitEvent::Report { unpack, refs: texts().into_iter().map(report).collect() }
        }
        28 => GitEvent::Progress { bytes: payload },
        29 => GitEvent::Error { message: payload },
        30 => GitEvent::LfsBatch {
            operation: payload.clone(),
            objects: texts().into_iter().map(|name| (name, u64::MAX)).collect(),
            reference: Some(payload),
        },
        _ => GitEvent::LfsObject { id: [3; 32], bytes: u64::from(number) },
    }
}

/// No command, and a pack with a checksum that is right.
fn pushed(number: u32, entries: &[u8]) -> Bytes {
    let objects = (number & 3).to_be_bytes();
    let pack = [&b"PACK\0\0\0\x02"[..], &objects, entries].concat();
    let checksum = Sha1::digest(&pack);
    [b"0000", &pack[..], &checksum].concat().into()
}

fn banded(bytes: &[u8]) -> Bytes {
    [format!("{:04x}\x01", bytes.len() + 5).as_bytes(), bytes].concat().into()
}
