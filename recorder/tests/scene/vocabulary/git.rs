//! Any event of Git.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof};
use wiretape_core::event::{
    AdvertisedRef, FileChange, FileStatus, GitEvent, GitService, Ident, ObjectId, ObjectKind, PackedObject, RefChange,
    RefReport, RefUpdate, SignatureKind, TreeFile,
};

use super::{bytes, text};

fn id() -> BoxedStrategy<ObjectId> {
    prop_oneof![any::<[u8; 20]>().prop_map(ObjectId::Sha1), any::<[u8; 32]>().prop_map(ObjectId::Sha256)].boxed()
}

fn ids() -> impl Strategy<Value = Vec<ObjectId>> {
    vec(id(), 0..4)
}

fn runs() -> impl Strategy<Value = Vec<bytes::Bytes>> {
    vec(bytes(), 0..4)
}

fn signature() -> impl Strategy<Value = SignatureKind> {
    prop_oneof![
        Just(SignatureKind::OpenPgp),
        Just(SignatureKind::Ssh),
        Just(SignatureKind::X509),
        Just(SignatureKind::Other)
    ]
}

fn kind() -> impl Strategy<Value = ObjectKind> {
    prop_oneof![Just(ObjectKind::Commit), Just(ObjectKind::Tree), Just(ObjectKind::Blob), Just(ObjectKind::Tag)]
}

fn ident() -> impl Strategy<Value = Ident> {
    (bytes(), bytes(), any::<i64>(), any::<i16>()).prop_map(|(name, email, seconds, offset_minutes)| Ident {
        name,
        email,
        seconds,
        offset_minutes,
    })
}

fn tree_file() -> impl Strategy<Value = TreeFile> {
    (any::<u32>(), id()).prop_map(|(mode, id)| TreeFile { mode, id })
}

fn change() -> impl Strategy<Value = FileChange> {
    let status = prop_oneof![
        Just(FileStatus::Added),
        Just(FileStatus::Modified),
        Just(FileStatus::Deleted),
        Just(FileStatus::Written)
    ];
    let files = (option::of(tree_file()), option::of(tree_file()));
    (bytes(), status, files, any::<Option<(u32, u32)>>(), any::<bool>())
        .prop_map(|(path, status, (old, new), lines, binary)| FileChange { path, status, old, new, lines, binary })
}

/// What either side says and what it is about.
pub(super) fn said() -> BoxedStrategy<GitEvent> {
    let service =
        prop_oneof![Just(GitService::UploadPack), Just(GitService::ReceivePack), Just(GitService::UploadArchive)];
    let its = (bytes(), option::of(id()), option::of(id()), option::of(bytes()))
        .prop_map(|(name, id, peeled, symref_target)| AdvertisedRef { name, id, peeled, symref_target });
    prop_oneof![
        (service, bytes()).prop_map(|(service, repository)| GitEvent::Service { service, repository }),
        bytes().prop_map(|bytes| GitEvent::Data { bytes }),
        any::<u64>().prop_map(|bytes| GitEvent::Omitted { bytes }),
        (any::<u8>(), runs()).prop_map(|(version, capabilities)| GitEvent::Advertised { version, capabilities }),
        vec(its, 0..4).prop_map(|refs| GitEvent::Refs { refs }),
        (bytes(), runs(), runs()).prop_map(|(name, capabilities, arguments)| GitEvent::Command {
            name,
            capabilities,
            arguments
        }),
        (ids(), runs(), runs(), ids(), runs(), option::of(bytes())).prop_map(
            |(ids, refs, capabilities, shallow, deepen, filter)| GitEvent::Wanted {
                ids,
                refs,
                capabilities,
                shallow,
                deepen,
                filter
            }
        ),
        (ids(), any::<bool>()).prop_map(|(ids, done)| GitEvent::Haves { ids, done }),
        runs().prop_map(|lines| GitEvent::Acknowledged { lines }),
        bytes().prop_map(|bytes| GitEvent::Progress { bytes }),
        bytes().prop_map(|message| GitEvent::Error { message }),
        (bytes(), vec((bytes(), any::<u64>()), 0..4), option::of(bytes()))
            .prop_map(|(operation, objects, reference)| GitEvent::LfsBatch { operation, objects, reference }),
        any::<([u8; 32], u64)>().prop_map(|(id, bytes)| GitEvent::LfsObject { id, bytes }),
    ]
    .boxed()
}

/// What a push brings and what becomes of it.
pub(super) fn pushed() -> BoxedStrategy<GitEvent> {
    let change_of_ref = prop_oneof![
        Just(RefChange::Created),
        Just(RefChange::Deleted),
        Just(RefChange::FastForward),
        Just(RefChange::Forced),
        Just(RefChange::Unknown)
    ];
    let report =
        (bytes(), option::of(bytes()), runs()).prop_map(|(name, error, options)| RefReport { name, error, options });
    let packed = (id(), kind(), any::<u64>()).prop_map(|(id, kind, bytes)| PackedObject { id, kind, bytes });
    prop_oneof![
        (bytes(), id(), id(), change_of_ref).prop_map(|(name, old, new, change)| GitEvent::Update(RefUpdate {
            name,
            old,
            new,
            change
        })),
        runs().prop_map(|options| GitEvent::Options { options }),
        (bytes(), signature()).prop_map(|(text, signature)| GitEvent::Certificate { text, signature }),
        (any::<(u32, u64, [u8; 32], Option<bool>)>(), id()).prop_map(|((objects, bytes, sha256, intact), checksum)| {
            GitEvent::Pack { objects, bytes, checksum, sha256, intact }
        }),
        (any::<[u32; 5]>(), text()).prop_map(|([commits, trees, blobs, tags, unresolved], cut)| GitEvent::Contents {
            commits,
            trees,
            blobs,
            tags,
            unresolved,
            cut
        }),
        vec(packed, 0..4).prop_map(|objects| GitEvent::Objects { objects }),
        (id(), id(), ids(), ident(), ident(), bytes(), option::of(signature())).prop_map(
            |(id, tree, parents, author, committer, message, signature)| GitEvent::Commit {
                id,
                tree,
                parents,
                author: Box::new(author),
                committer: Box::new(committer),
                message,
                signature
            }
        ),
        (id(), option::of(id()), vec(change(), 0..4), any::<bool>())
            .prop_map(|(commit, parent, files, complete)| GitEvent::Files { commit, parent, files, complete }),
        (id(), id(), kind(), bytes(), option::of(ident()), bytes(), option::of(signature())).prop_map(
            |(id, target, target_kind, name, tagger, message, signature)| GitEvent::Tag {
                id,
                target,
                target_kind,
                name,
                tagger: tagger.map(Box::new),
                message,
                signature
            }
        ),
        (bytes(), vec(report, 0..4)).prop_map(|(unpack, refs)| GitEvent::Report { unpack, refs }),
    ]
    .boxed()
}
