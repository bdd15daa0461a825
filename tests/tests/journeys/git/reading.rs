//! What becomes of a recording of Git: a push as people read it, and a bundle that git itself takes.

use std::path::PathBuf;

use wiretape_tests::record::Session;
use wiretape_tests::repository::Repository;
use wiretape_tests::workshop::{ROADS_THROUGH, Road, Workshop};

/// A server's repository, and a work tree with two commits of which it knows nothing.
fn begun<'a>(workshop: &'a Workshop, road: Road, format: &str) -> (Repository<'a>, Repository<'a>) {
    let bare = workshop.bare_of(&format!("{road:?}-{format}.git"), format);
    let tree = workshop.tree(&format!("tree-{road:?}-{format}"), format);
    tree.sh("mkdir folder && seq 1 2000 > file && head -c 5000 /dev/urandom > folder/binary && git add . &&
             git commit -qm 'First of all' && seq 3 2003 > file && git commit -qam 'Second of all' &&
             git tag -a -m 'A release' v1");
    (bare, tree)
}

/// Pushes `words` from `tree` and gives the session of it.
fn pushed(workshop: &Workshop, road: Road, bare: &Repository<'_>, tree: &Repository<'_>, words: &[&str]) -> Session {
    let before = workshop.gateway.record().sessions().len();
    let name = bare.path.file_name().expect("a name").to_string_lossy().into_owned();
    let git = workshop.git(road).arg("-C").arg(&tree.path).args(["push", "--quiet", "--force"]);
    git.arg(workshop.url(road, &name)).args(words).succeed();
    let mut sessions = workshop.ended().split_off(before);
    assert_eq!(sessions.len(), 1);
    sessions.remove(0).0
}

/// The bundle of `session`, in the file `name`.
fn bundle(workshop: &Workshop, session: &Session, name: &str) -> PathBuf {
    let path = workshop.folder.join(name);
    session.program("export", &["--bundle"]).output_file(&path).succeed();
    path
}

#[test]
fn a_bundle_is_what_the_server_got() {
    let workshop = Workshop::new();
    for road in ROADS_THROUGH {
        for format in ["sha1", "sha256"] {
            let (bare, tree) = begun(&workshop, road, format);
            let first = bundle(&workshop, &pushed(&workshop, road, &bare, &tree, &["main", "v1"]), "first.bundle");
            let to = format!("from-{road:?}-{format}.git");
            workshop
                .git
                .program(&workshop.folder)
                .args(["clone", "--quiet", "--mirror"])
                .arg(&first)
                .arg(&to)
                .succeed();
            let clone = workshop.at(&to);
            clone.check();
            assert_eq!(clone.refs(), bare.refs());
            assert_eq!(clone.objects(), bare.objects(), "object for object");
            // What stands on what the server had before.
            tree.sh("echo more >> file && git commit -qam Third");
            let second = bundle(&workshop, &pushed(&workshop, road, &bare, &tree, &["main"]), "second.bundle");
            let verified = clone.git(&["bundle", "verify", &second.display().to_string()]);
            assert!(verified.contains(&clone.id("main")), "it says what it stands on: {verified}");
            clone.git(&["fetch", "--quiet", &second.display().to_string(), "+refs/heads/*:refs/heads/*"]);
            assert_eq!(clone.refs(), bare.refs());
            assert_eq!(clone.objects(), bare.objects(), "object for object");
        }
    }
}

#[test]
fn a_push_is_read_as_people_read_it() {
    let workshop = Workshop::new();
    for road in ROADS_THROUGH {
        let (bare, tree) = begun(&workshop, road, "sha1");
        // Where both commits are on the tape, so is what lies between them.
        let whole = pushed(&workshop, road, &bare, &tree, &["main:refs/heads/other"]);
        let replay = |session: &Session, more: &[&str]| session.program("replay", more).succeed().text();
        let patch = replay(&whole, &["--patch"]);
        let own = tree.git(&["show", "--format=", "main"]);
        let changed: Vec<&str> = own.lines().filter(|line| line.starts_with(['+', '-'])).collect();
        assert_eq!(changed.len(), 2 + 5);
        for line in changed {
            assert!(patch.lines().any(|shown| shown.ends_with(&format!("│ {line}"))), "{road:?}, {line}: {patch}");
        }
        bare.sh(
            "git update-ref refs/heads/main other~1 && git update-ref -d refs/heads/other && git gc -q --prune=now",
        );
        let session = pushed(&workshop, road, &bare, &tree, &["main", "v1"]);
        let shown = replay(&session, &[]);
        let (old, new) = (tree.id("main~1"), tree.id("main"));
        for words in [
            &format!("   {}..{}  main", &old[..10], &new[..10]),
            " * [new tag]               v1",
            &format!("commit {new}"),
            "Author: Ana Ríos <ana@example.org>",
            "Second of all",
            " file | ",
            " 1 file changed, 3 insertions(+), 2 deletions(-)",
            "Tagger: Bo Lind <bo@example.org>",
        ] {
            assert!(shown.contains(words), "{road:?}, {words}: {shown}");
        }
    }
}
