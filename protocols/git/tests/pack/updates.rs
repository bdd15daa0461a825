//! What updates do to refs, and what else a push brings.

use sha2::{Digest as _, Sha256};
use wiretape_core::event::{GitEvent, ObjectKind, RefChange, SignatureKind};
use wiretape_git::pack::{ObjectFormat, Understood};

use crate::generated::{History, history};
use crate::oracle::{agree, cut, examine, id, update};
use crate::repository::{NoTarget, Pieces, Repository, Target, Way};

const BOTH: [Way; 2] = [Way::Exec, Way::Content];

/// A line of commits with one file, on `branch`.
fn line(repository: &Repository, branch: &str, from: Option<&str>, count: usize) -> Vec<String> {
    let mut stream = String::new();
    for number in 0..count {
        stream += &format!("commit refs/heads/{branch}\ncommitter Ben <b@x> {} +0000\n", 1_600_000_000 + number);
        stream +=
            &format!("data 2\nc\n{}", from.filter(|_| number == 0).map_or(String::new(), |id| format!("from {id}\n")));
        stream += &format!("M 100644 inline {branch}\ndata 3\n{number:02}\n\n");
    }
    repository.import(stream.as_bytes());
    let range = match from {
        Some(from) => vec!["rev-list".to_owned(), "--reverse".to_owned(), branch.to_owned(), format!("^{from}")],
        None => vec!["rev-list".to_owned(), "--reverse".to_owned(), branch.to_owned()],
    };
    repository.text(range).lines().map(str::to_owned).collect()
}

/// Pushes to a target that has `theirs`, and says what becomes of each ref.
fn changes(
    repository: &Repository,
    theirs: &[(&str, &str)],
    updates: &[(&str, Option<&str>, &str)],
    way: Way,
    prepare: impl FnOnce(&Repository),
    versions: bool,
) -> (Vec<RefChange>, usize) {
    let target = repository.target(theirs);
    prepare(&target);
    let new: Vec<&str> = updates.iter().map(|(_, _, new)| *new).collect();
    let old: Vec<&str> = theirs.iter().map(|(id, _)| *id).collect();
    let pack = repository.pack(&new, &old, &["--delta-base-offset"]);
    let mut asking = Target { versions, ..Target::new(&target) };
    let updates = updates.iter().map(|(name, old, new)| update(name, *old, new)).collect();
    let opened = asking.opened(way);
    let understood = examine(opened, repository.format, updates, false, &mut Pieces::whole(&pack), &mut asking);
    assert_eq!(understood.problem, None);
    (understood.updates.iter().map(|update| update.change).collect(), asking.asked)
}

const MAIN: &str = "refs/heads/main";

#[test]
fn a_branch_that_moves_on_is_told_from_the_pack_alone() {
    let repository = Repository::new(ObjectFormat::Sha1);
    let main = line(&repository, "main", None, 6);
    for way in BOTH {
        // No file was there before: all is in the pack but the tree of the old tip, which is asked for.
        let (told, _) =
            changes(&repository, &[(&main[2], MAIN)], &[(MAIN, Some(&main[2]), &main[5])], way, |_| {}, true);
        assert_eq!(told, [RefChange::FastForward]);
    }
    let pack = repository.pack(&[&main[5]], &[&main[2]], &[]);
    let updates = vec![
        update(MAIN, Some(&main[2]), &main[5]),
        update("refs/heads/x", Some(&main[3]), &main[5]),
        update("refs/heads/y", Some(&main[5]), &main[3]),
        update("refs/heads/z", Some(&main[1]), &main[5]),
        update("refs/heads/n", None, &main[4]),
        update("refs/heads/d", Some(&main[4]), &"0".repeat(40)),
        update("refs/heads/same", Some(&main[4]), &main[4]),
    ];
    let asked = Target::new(&repository).opened(Way::Exec);
    let understood = examine(asked, ObjectFormat::Sha1, updates, false, &mut Pieces::whole(&pack), &mut NoTarget);
    let told: Vec<RefChange> = understood.updates.iter().map(|update| update.change).collect();
    use RefChange::{Created, Deleted, FastForward, Unknown};
    assert_eq!(told, [FastForward, FastForward, Unknown, Unknown, Created, Deleted, FastForward]);
}

#[test]
fn what_the_pack_does_not_show_the_target_is_asked() {
    for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
        let repository = Repository::new(format);
        let main = line(&repository, "main", None, 8);
        let side = line(&repository, "side", Some(&main[2]), 3);
        let theirs =
            [(main[5].as_str(), MAIN), (main[1].as_str(), "refs/heads/x"), (side[1].as_str(), "refs/heads/side")];
        for (way, versions) in [(Way::Exec, true), (Way::Content, true), (Way::Exec, false), (Way::Content, false)] {
            let updates = [
                // Behind the boundary of the pack, deep in what the target has.
                ("refs/heads/x", Some(main[1].as_str()), main[7].as_str()),
                // Another line of history.
                ("refs/heads/side", Some(side[1].as_str()), main[7].as_str()),
                // Back to where it came from.
                (MAIN, Some(main[5].as_str()), main[3].as_str()),
            ];
            let (told, _) = changes(&repository, &theirs, &updates, way, |_| {}, versions);
            assert_eq!(told, [RefChange::FastForward, RefChange::Forced, RefChange::Forced], "{format:?} {way:?}");
            // Nothing that is not there already: the pack is empty.
            let updates = [
                ("refs/heads/x", Some(main[1].as_str()), main[5].as_str()),
                (MAIN, Some(main[5].as_str()), side[0].as_str()),
            ];
            let (told, asked) = changes(&repository, &theirs, &updates, way, |_| {}, versions);
            assert_eq!(told, [RefChange::FastForward, RefChange::Forced], "{format:?} {way:?}");
            assert_eq!(asked, 2);
        }
    }
}

#[test]
fn a_history_that_comes_whole_and_lacks_the_old_tip_is_forced_without_a_question() {
    let repository = Repository::new(ObjectFormat::Sha1);
    let main = line(&repository, "main", None, 3);
    let other = line(&repository, "other", None, 3);
    let updates = [(MAIN, Some(main[2].as_str()), other[2].as_str())];
    let (told, asked) = changes(&repository, &[(&main[2], MAIN)], &updates, Way::Exec, |_| {}, true);
    assert_eq!((told, asked), (vec![RefChange::Forced], 0));
}

#[test]
fn an_old_tip_that_the_target_does_not_give_is_unknown() {
    let repository = Repository::new(ObjectFormat::Sha1);
    let main = line(&repository, "main", None, 8);
    let theirs = [(main[5].as_str(), MAIN), (main[1].as_str(), "refs/heads/x")];
    let updates = [("refs/heads/x", Some(main[1].as_str()), main[7].as_str())];
    for way in BOTH {
        let hide = |target: &Repository| drop(target.run(["config", "transfer.hideRefs", "refs/heads/x"]));
        let (told, _) = changes(&repository, &theirs, &updates, way, hide, true);
        // Over HTTP git gives what can be reached from what it shows.
        let expected = if way == Way::Exec { RefChange::Unknown } else { RefChange::FastForward };
        assert_eq!(told, [expected], "{way:?}");
    }
}

#[test]
fn annotated_tags_are_told_and_peeled() {
    let repository = Repository::new(ObjectFormat::Sha1);
    let main = line(&repository, "main", None, 8);
    let tag = |name: &str, what: &str, text: &str| {
        repository.run(["tag", "-a", "-m", text, name, what]);
        repository.text(["rev-parse", name])
    };
    let (old, new, twice) =
        (tag("old", &main[2], "Old"), tag("new", &main[6], "New\n\nmore"), tag("twice", "new", "Twice"));
    let tree = tag("tree", "main^{tree}", "A tree");
    let theirs = [(main[5].as_str(), MAIN), (old.as_str(), "refs/tags/v"), (main[4].as_str(), "refs/tags/light")];
    for way in BOTH {
        let updates = [
            ("refs/tags/v", Some(old.as_str()), new.as_str()),
            ("refs/tags/v", Some(old.as_str()), twice.as_str()),
            ("refs/tags/light", Some(main[4].as_str()), new.as_str()),
            ("refs/tags/light", Some(main[4].as_str()), tree.as_str()),
            ("refs/tags/v", Some(old.as_str()), main[1].as_str()),
            ("refs/tags/n", None, twice.as_str()),
        ];
        use RefChange::{Created, FastForward, Forced};
        let (told, _) = changes(&repository, &theirs, &updates, way, |_| {}, true);
        assert_eq!(told, [FastForward, FastForward, FastForward, Forced, Forced, Created], "{way:?}");
    }
    let pack = repository.pack(&[&twice, &tree], &[&main[5]], &[]);
    let asked = Target::new(&repository).opened(Way::Exec);
    let understood = examine(asked, ObjectFormat::Sha1, Vec::new(), false, &mut Pieces::whole(&pack), &mut NoTarget);
    let mut tags: Vec<_> = understood
        .events
        .iter()
        .filter_map(|event| match event {
            GitEvent::Tag { id, target, target_kind, name, tagger, message, signature } => {
                assert_eq!((tagger.as_ref().unwrap().name.as_ref(), signature), (&b"Ben"[..], &None));
                Some((id.to_string(), *target, *target_kind, name.to_vec(), message.to_vec()))
            }
            _ => None,
        })
        .collect();
    tags.sort_by_key(|tag| tag.3.clone());
    let tree_id = id(&repository.text(["rev-parse", "main^{tree}"]));
    let expected = [
        (new.clone(), id(&main[6]), ObjectKind::Commit, b"new".to_vec(), b"New\n\nmore\n".to_vec()),
        (tree, tree_id, ObjectKind::Tree, b"tree".to_vec(), b"A tree\n".to_vec()),
        (twice, id(&new), ObjectKind::Tag, b"twice".to_vec(), b"Twice\n".to_vec()),
    ];
    assert_eq!(tags, expected);
}

#[test]
fn signed_commits_and_tags_say_how() {
    let repository = Repository::new(ObjectFormat::Sha1);
    let key = repository.path.join("key");
    let made =
        std::process::Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
    assert!(made.unwrap().success());
    repository.run(["config", "gpg.format", "ssh"]);
    repository.run(["config", "user.signingKey", key.to_str().unwrap()]);
    let main = line(&repository, "main", None, 2);
    let signed = repository.text(["commit-tree", "-S", "-p", &main[1], "-m", "Signed", "main^{tree}"]);
    repository.run(["tag", "-s", "-m", "Signed too", "v1", &signed]);
    let tag = repository.text(["rev-parse", "v1"]);
    let pack = repository.pack(&[&tag], &[], &[]);
    let asked = Target::new(&repository).opened(Way::Exec);
    let understood = examine(asked, ObjectFormat::Sha1, Vec::new(), false, &mut Pieces::whole(&pack), &mut NoTarget);
    agree(&repository, &understood, &[&signed], &[]);
    let signatures: Vec<_> = understood
        .events
        .iter()
        .filter_map(|event| match event {
            GitEvent::Commit { message, signature, .. } | GitEvent::Tag { message, signature, .. } => {
                Some((String::from_utf8_lossy(message).into_owned(), *signature))
            }
            _ => None,
        })
        .collect();
    let ssh = Some(SignatureKind::Ssh);
    let expected = [("Signed too\n", ssh), ("Signed\n", ssh), ("c\n", None), ("c\n", None)];
    assert_eq!(signatures, expected.map(|(message, kind)| (message.to_owned(), kind)));
}

/// `git verify-pack` and what was listed, as lines of name, kind and size.
fn objects(repository: &Repository, pack: &[u8], understood: &Understood) -> (Vec<String>, Vec<String>) {
    let name = repository.path.join("listed.pack");
    std::fs::write(&name, pack).unwrap();
    let name = name.to_str().unwrap();
    repository.run(["index-pack", name]);
    let listing = repository.text(["verify-pack", "-v", name]);
    let mut expected: Vec<String> = listing
        .lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            (words.first()?.len() >= 40).then(|| format!("{} {}", words[0], words[1]))
        })
        .collect();
    let mut told = Vec::new();
    for event in &understood.events {
        let GitEvent::Objects { objects } = event else { continue };
        for object in objects {
            let kind = format!("{:?}", object.kind).to_lowercase();
            told.push(format!("{} {kind}", object.id));
            let size: u64 = repository.text(["cat-file", "-s", &object.id.to_string()]).parse().unwrap();
            assert_eq!(object.bytes, size);
        }
    }
    expected.sort();
    told.sort();
    (expected, told)
}

#[test]
fn listed_names_every_object_with_its_kind_and_size() {
    for (format, options) in [(ObjectFormat::Sha1, &["--delta-base-offset"][..]), (ObjectFormat::Sha256, &[])] {
        let History { repository, commits } = history(format, 77, 8);
        let pack = repository.pack(&[commits.last().unwrap()], &[], options);
        let asked = Target::new(&repository).opened(Way::Exec);
        let understood = examine(asked, format, Vec::new(), true, &mut Pieces::whole(&pack), &mut NoTarget);
        let (expected, told) = objects(&repository, &pack, &understood);
        assert_eq!(told, expected);
        let GitEvent::Pack { objects, bytes, checksum, sha256, intact } = &understood.events[0] else {
            panic!("no pack first")
        };
        assert_eq!((*objects as usize, *bytes as usize, *intact), (expected.len(), pack.len(), Some(true)));
        assert!(pack.ends_with(checksum.as_bytes()));
        assert_eq!(sha256.as_slice(), Sha256::digest(&pack).as_slice());
    }
}

#[test]
fn a_thin_pack_without_a_target_says_what_it_lacks() {
    let repository = Repository::new(ObjectFormat::Sha1);
    let mut stream = String::new();
    for number in 0..2 {
        let text: String = (0..500).map(|line| format!("line {line} of many {}\n", line * 7)).collect();
        let text = text.replacen("line 250", &format!("LINE {number}"), 1);
        stream += &format!("commit refs/heads/main\ncommitter B <b> {} +0000\ndata 2\nc\n", 1_600_000_000 + number);
        stream += &format!("M 100644 inline f\ndata {}\n{text}\n", text.len());
    }
    repository.import(stream.as_bytes());
    let (new, old) = (repository.text(["rev-parse", "main"]), repository.text(["rev-parse", "main~1"]));
    let pack = repository.pack(&[&new], &[&old], &["--thin"]);
    let asked = Target::new(&repository).opened(Way::Exec);
    let updates = vec![update(MAIN, Some(&old), &new)];
    let understood = examine(asked, ObjectFormat::Sha1, updates, false, &mut Pieces::whole(&pack), &mut NoTarget);
    assert_eq!((understood.problem.as_ref(), understood.complete), (None, false));
    assert!(matches!(understood.events[1], GitEvent::Contents { unresolved: 1, .. }), "{:?}", understood.events[1]);
    assert!(cut(&understood).contains("thin"));
    // With one to ask, nothing is lacking.
    let target = repository.target(&[(&old, MAIN)]);
    let mut asking = Target::new(&target);
    let opened = asking.opened(Way::Content);
    let updates = vec![update(MAIN, Some(&old), &new)];
    let understood = examine(opened, ObjectFormat::Sha1, updates, false, &mut Pieces::whole(&pack), &mut asking);
    agree(&repository, &understood, &[&new], &[&old]);
}

#[test]
fn a_target_without_version_two_still_shows_the_trees_of_its_tips() {
    let repository = Repository::new(ObjectFormat::Sha1);
    let main = line(&repository, "main", None, 6);
    let target = repository.target(&[(&main[3], MAIN)]);
    let pack = repository.pack(&[&main[5]], &[&main[3]], &["--delta-base-offset"]);
    for way in BOTH {
        let mut asking = Target { versions: false, ..Target::new(&target) };
        let opened = asking.opened(way);
        let updates = vec![update(MAIN, Some(&main[3]), &main[5])];
        let understood = examine(opened, ObjectFormat::Sha1, updates, false, &mut Pieces::whole(&pack), &mut asking);
        assert!(understood.complete, "{way:?}");
        assert_eq!(understood.paths, ["main"]);
    }
}
