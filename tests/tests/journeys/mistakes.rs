//! What is typed wrongly, or where nothing is yet: each is told what it is and what to do.

use wiretape_tests::gateway::programs;
use wiretape_tests::stage::Folder;

/// A configuration that is usable, with nobody in it.
const NOBODY: &str = "[listen]\nssh = \"127.0.0.1:0\"\n";

#[test]
fn what_is_not_there_is_named_with_a_remedy_and_nothing_is_made() {
    let folder = Folder::new();
    let here = folder.make("here");
    let bare = folder.make("bare");
    let bare = bare.to_str().expect("a path");
    let test = ["policy", "test", "--person", "ana", "--target", "web1", "--command", "ls"];
    let mistyped = |words: &[&'static str]| [&["--config", "typo.toml"], words].concat();
    let cases: &[(Vec<&str>, &[&str])] = &[
        (vec!["check"], &["wiretape.toml", "--config"]),
        (vec!["serve"], &["wiretape.toml", "--config"]),
        (vec!["sessions"], &["wiretape-data", "--data-dir"]),
        (vec!["replay", "7k3"], &["wiretape-data", "--data-dir"]),
        (vec!["reindex"], &["wiretape-data", "--data-dir"]),
        (vec!["ca"], &["wiretape-data", "--data-dir"]),
        (vec!["sessions", "--data-dir", bare], &["nothing is recorded in", "--data-dir"]),
        (vec!["verify"], &["SESSION", "--all"]),
        (vec!["export", "7k3"], &["--sql", "--har", "--bundle"]),
        (vec!["token", "a b"], &["cannot name a user"]),
        (test.to_vec(), &["--config", "--policies"]),
        (mistyped(&test), &["typo.toml", "--config"]),
        (mistyped(&["sessions"]), &["typo.toml", "--config"]),
        (vec!["approvals"], &["wiretape login", "WIRETAPE_TOKEN"]),
    ];
    for (words, named) in cases {
        let program = folder.program(programs().join("wiretape")).folder(&here).args(words);
        let told = program.env("XDG_CONFIG_HOME", &here).finish().coded(1).errors();
        assert!(named.iter().all(|word| told.contains(word)), "{words:?}: {told}");
        assert!(!told.contains("panicked"), "{words:?}: {told}");
    }
    let made: Vec<_> = std::fs::read_dir(&here).expect("the folder").collect();
    assert!(made.is_empty(), "{made:?}");
}

#[test]
fn a_reader_that_leaves_is_no_failure_and_a_full_disk_is_one() {
    let folder = Folder::new();
    let configuration = folder.write("wiretape.toml", NOBODY);
    let wiretape = programs().join("wiretape");
    for words in ["check", "token ana"] {
        let line = format!("exec {} --config {} {words}", wiretape.display(), configuration.display());
        // The reader has gone before the program starts.
        let unread = format!("exec 3> >(exec true); wait $!; {line} >&3");
        let left = folder.program("bash").args(["-c", &unread]).finish().coded(0);
        assert_eq!(left.errors(), "", "{words}");
        let full = folder.program("sh").args(["-c", &format!("{line} > /dev/full")]).finish().coded(1);
        assert!(full.errors().starts_with("wiretape: "), "{words}: {}", full.errors());
    }
}
