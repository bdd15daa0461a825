//! Journeys of Git: git itself and other clients, straight to real servers and through the gateway, by HTTP and by SSH.

mod ahead;
mod clients;
mod fetch;
mod hostile;
mod large;
mod lfs;
mod push;
mod reading;
mod refused;
mod suite;

use std::collections::BTreeMap;

use wiretape_core::event::{FileStatus, GitEvent, Ident, SignatureKind};
use wiretape_tests::repository::{Changed, Repository};
use wiretape_tests::talk::Talk;

/// What is recorded of a push's commits and files is what git itself says of them: of all of `range`, which names the
/// commits that the push brought to `truth`, and of nothing else.
fn brought(talk: &Talk, truth: &Repository<'_>, range: &[&str]) {
    let recorded = talk.commits();
    let names = recorded.keys().cloned().collect();
    assert_eq!(truth.commits(range), names, "the commits that the push brought");
    for (id, event) in recorded {
        let GitEvent::Commit { tree, parents, author, committer, message, signature, .. } = event else {
            panic!("no commit: {event:?}")
        };
        let told = truth.git(&["cat-file", "commit", &id]);
        let (head, body) = told.split_once("\n\n").expect("a head and a message");
        let mut own = format!("tree {tree}\n");
        for parent in parents {
            own += &format!("parent {parent}\n");
        }
        own += &format!("author {}\ncommitter {}", ident(author), ident(committer));
        let unsigned = head.split("\ngpgsig").next().expect("a first part");
        assert_eq!(own, unsigned, "{id}");
        assert_eq!(String::from_utf8_lossy(message), body, "{id}");
        assert_eq!(*signature, head.contains("BEGIN SSH SIGNATURE").then_some(SignatureKind::Ssh), "{id}");
        let (files, complete) = talk.files(&id);
        let changes = truth.changes(&id);
        if changes.is_empty() {
            assert!(files.is_empty(), "{id}: {files:?}");
            continue;
        }
        assert!(complete, "{id}: every file is named");
        let seen: BTreeMap<String, Changed> = files
            .into_iter()
            .map(|(path, file)| {
                let status = match file.status {
                    FileStatus::Added => 'A',
                    FileStatus::Modified => 'M',
                    FileStatus::Deleted => 'D',
                    FileStatus::Written => '?',
                };
                assert!(file.lines.is_none() || !file.binary, "{id} {path}: lines of what is not text");
                (path, Changed { status, lines: file.lines })
            })
            .collect();
        assert_eq!(seen, changes, "what {id} changes");
    }
}

/// Somebody as a commit names them.
fn ident(ident: &Ident) -> String {
    let (sign, minutes) =
        if ident.offset_minutes < 0 { ('-', -ident.offset_minutes) } else { ('+', ident.offset_minutes) };
    let text = String::from_utf8_lossy;
    let (name, email) = (text(&ident.name), text(&ident.email));
    format!("{name} <{email}> {} {sign}{:02}{:02}", ident.seconds, minutes / 60, minutes % 60)
}
