//! What git says of commits, in the shape in which an examination says it.

use std::collections::BTreeSet;

use bytes::Bytes;
use wiretape_core::event::{FileStatus, GitEvent, ObjectId, RefChange, RefUpdate};
use wiretape_core::{Asking, Examination as _, Held};
use wiretape_git::pack::{Asked, ObjectFormat, PushExamination, Understood};

use crate::repository::{Repository, Target, Way};

/// A file that a commit changes: its path, and lines added and removed where it is text.
pub(crate) type Numbers = (Vec<u8>, Option<(u32, u32)>);

pub(crate) fn id(digits: &str) -> ObjectId {
    ObjectId::from_hex(digits.as_bytes()).unwrap()
}

/// The update of a ref, undecided.
pub(crate) fn update(name: &str, old: Option<&str>, new: &str) -> RefUpdate {
    let zeros = "0".repeat(new.len());
    let change = if old.is_none() { RefChange::Created } else { RefChange::Unknown };
    RefUpdate { name: Bytes::copy_from_slice(name.as_bytes()), old: id(old.unwrap_or(&zeros)), new: id(new), change }
}

pub(crate) fn examine(
    asked: Asked,
    format: ObjectFormat,
    updates: Vec<RefUpdate>,
    listed: bool,
    held: &mut dyn Held,
    target: &mut dyn Asking,
) -> Understood {
    let finding = PushExamination::new(asked, format, 0, updates, listed).examine(held, target);
    finding.0.downcast_ref::<Understood>().unwrap().clone()
}

/// `git show --numstat` of one commit after the other.
pub(crate) fn numbers(repository: &Repository, commits: &[String]) -> Vec<(String, Vec<Numbers>)> {
    let mut all = Vec::new();
    for some in commits.chunks(500) {
        let options = ["show", "--no-renames", "--first-parent", "--numstat", "--format=%x01%H"];
        let output = repository.run(options.iter().copied().chain(some.iter().map(String::as_str)));
        for commit in output.split(|byte| *byte == 1).skip(1) {
            let mut lines = commit.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            let name = String::from_utf8(lines.next().unwrap().to_vec()).unwrap();
            let files = lines.map(|line| {
                let mut words = line.splitn(3, |byte| *byte == b'\t');
                let mut number = || std::str::from_utf8(words.next().unwrap()).unwrap().parse().ok();
                let (added, removed) = (number(), number());
                (words.next().unwrap().to_vec(), added.zip(removed))
            });
            all.push((name, files.collect()));
        }
    }
    all
}

/// Why not everything is said.
pub(crate) fn cut(understood: &Understood) -> &str {
    let cut = understood.events.iter().find_map(|event| match event {
        GitEvent::Contents { cut, .. } => Some(cut.as_str()),
        _ => None,
    });
    cut.unwrap_or_default()
}

/// The same from events, and whether all of it is said.
pub(crate) fn understood_numbers(understood: &Understood) -> (Vec<(String, Vec<Numbers>)>, bool) {
    let mut all: Vec<(String, Vec<Numbers>)> = Vec::new();
    let mut complete = true;
    let lines_left_out = cut(understood).contains("lines are not counted");
    for event in &understood.events {
        let GitEvent::Files { commit, files, complete: all_files, .. } = event else { continue };
        complete &= all_files;
        let name = commit.to_string();
        if all.last().is_none_or(|(last, _)| *last != name) {
            all.push((name, Vec::new()));
        }
        for file in files {
            assert_eq!(file.old.is_none(), file.status == FileStatus::Added || file.status == FileStatus::Written);
            assert_eq!(file.new.is_none(), file.status == FileStatus::Deleted);
            assert!(!file.binary || file.lines.is_none());
            assert!(
                file.binary || file.lines.is_some() || !all_files || lines_left_out,
                "lines of {:?} are missing",
                file.path
            );
            all.last_mut().unwrap().1.push((file.path.to_vec(), file.lines));
        }
    }
    (all, complete)
}

/// Asserts that all that an examination says of a push is what git says of it. Gives what was understood.
pub(crate) fn agree(repository: &Repository, understood: &Understood, new: &[&str], old: &[&str]) {
    assert_eq!(understood.problem, None);
    let range: Vec<String> =
        new.iter().map(|id| (*id).to_owned()).chain(old.iter().map(|id| format!("^{id}"))).collect();
    let git = |options: &[&str]| -> Vec<String> {
        let arguments = options.iter().map(|option| (*option).to_owned()).chain(range.iter().cloned());
        repository.text(arguments).lines().map(str::to_owned).collect()
    };
    let mut commits = git(&["rev-list", "--date-order"]);
    let told = |event: &GitEvent| match event {
        GitEvent::Commit { id, tree, parents, author, committer, .. } => {
            let parents: Vec<String> = parents.iter().map(ToString::to_string).collect();
            let ident = |ident: &wiretape_core::event::Ident| {
                let (name, email) = (String::from_utf8_lossy(&ident.name), String::from_utf8_lossy(&ident.email));
                format!("{name}|{email}|{}", ident.seconds)
            };
            Some(format!("{id}|{tree}|{}|{}|{}", parents.join(" "), ident(author), ident(committer)))
        }
        _ => None,
    };
    let told: Vec<String> = understood.events.iter().filter_map(told).collect();
    let mut expected = git(&["log", "--date-order", "--no-mailmap", "--format=%H|%T|%P|%an|%ae|%at|%cn|%ce|%ct"]);
    expected.truncate(told.len());
    assert_eq!(told, expected);
    commits.truncate(told.len());

    let (files, complete) = understood_numbers(understood);
    let expected = numbers(repository, &commits);
    for (files, expected) in files.iter().zip(&expected) {
        assert_eq!(files.0, expected.0);
        for (file, expected) in files.1.iter().zip(&expected.1) {
            let show = |(path, lines): &Numbers| format!("{} {lines:?}", String::from_utf8_lossy(path));
            if file.1.is_some() || expected.1.is_none() || !cut(understood).contains("lines are not counted") {
                assert_eq!(show(file), show(expected), "in {}", files.0);
            } else {
                assert_eq!(file.0, expected.0, "in {}", files.0);
            }
        }
        assert_eq!(files.1.len(), expected.1.len(), "in {}", files.0);
    }
    assert_eq!(files.len(), expected.len());
    let paths: BTreeSet<Vec<u8>> = expected.into_iter().flat_map(|(_, files)| files).map(|(path, _)| path).collect();
    let told: Vec<Vec<u8>> = understood.paths.iter().map(|path| path.to_vec()).collect();
    assert_eq!(told, paths.into_iter().collect::<Vec<_>>());
    assert!(complete && understood.complete);
}

/// Pushes `new` to a target that has `old`, and asserts that what is understood is what git says.
pub(crate) fn push(repository: &Repository, new: &str, old: Option<&str>, way: Way, options: &[&str]) -> Understood {
    let refs: Vec<(&str, &str)> = old.iter().map(|old| (*old, "refs/heads/main")).collect();
    let target = repository.target(&refs);
    target.run(["config", "uploadpack.allowFilter", "true"]);
    let olds: Vec<&str> = old.into_iter().collect();
    let pack = repository.pack(&[new], &olds, options);
    let mut asking = Target::new(&target);
    let updates = vec![update("refs/heads/main", old, new)];
    let mut held = crate::repository::Pieces::whole(&pack);
    let understood = examine(asking.opened(way), repository.format, updates, false, &mut held, &mut asking);
    agree(repository, &understood, &[new], &olds);
    assert_eq!((understood.end, cut(&understood)), (pack.len() as u64, ""));
    understood
}
