//! What was pushed reads as real git tells of it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod archive;
mod repositories;

use std::fs;

use archive::opened;
use repositories::Place;
use wiretape_core::event::GitEvent;
use wiretape_core::{Event, Kind, Side};
use wiretape_replay::timeline::{Entry, Mark, Timeline};

fn entries(events: &[Event], patches: bool) -> Vec<Entry> {
    let mut timeline = Timeline::new(None).with_patches(patches);
    let mut entries: Vec<Entry> = events.iter().flat_map(|event| timeline.feed(event)).collect();
    entries.extend(timeline.finish());
    entries
}

/// What a timeline tells of the commits, line by line.
fn told(events: &[Event], patches: bool) -> Vec<String> {
    let told = entries(events, patches).into_iter().skip_while(|entry| entry.mark != Mark::Commit);
    let last = events.iter().map(|event| event.lane).max();
    let told = told.filter(|entry| Some(entry.lane) == last && entry.print(false).contains("git│"));
    told.map(|entry| entry.text.trim_end().to_owned()).collect()
}

/// A work folder whose last commits change files in every way, on top of `base`.
fn changes(place: &Place) {
    let code = |middle: &str| {
        let lines: Vec<String> = (0..60).map(|number| format!("    step({number});\n")).collect();
        format!("fn first() {{\n{}}}\n\nfn second() {{\n{middle}\n{}}}\n", lines.concat(), lines.concat())
    };
    let file = |path: &str, content: &[u8]| {
        let path = place.path("work").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    file("deep/er/than/any/body/would/like/to/read/in/a/listing/of/changed/files/module.rs", code("").as_bytes());
    file("gone.txt", b"1\n2\n3\n");
    file("logo.png", b"\x89PNG\0\0\0one");
    file("script.sh", b"#!/bin/sh\n");
    file("unended", b"no end");
    file("empty", b"");
    place.commit("work", "README", "shop\n", "First");

    file(
        "deep/er/than/any/body/would/like/to/read/in/a/listing/of/changed/files/module.rs",
        code("    new();").as_bytes(),
    );
    fs::remove_file(place.path("work").join("gone.txt")).unwrap();
    file("logo.png", b"\x89PNG\0\0\0two!");
    file("unended", b"no end\nand more");
    file("big.txt", "many lines\n".repeat(700).as_bytes());
    std::os::unix::fs::symlink("README", place.path("work").join("link")).unwrap();
    place.git("work", &["update-index", "--add", "--cacheinfo", &format!("160000,{},vendor", "a".repeat(40))]);
    place.git("work", &["add", "-A", ":!vendor"]);
    place.git("work", &["update-index", "--chmod=+x", "script.sh"]);
    place.git("work", &["commit", "-q", "-m", "Change everything\n\nWith a body of\n\ntwo paragraphs."]);

    place.git("work", &["checkout", "-q", "-f", "-b", "side", "HEAD~1"]);
    place.commit("work", "side.txt", "a\nb\nc\n", "Aside");
    place.git("work", &["checkout", "-q", "-f", "main"]);
    place.git("work", &["merge", "-q", "--no-ff", "-m", "Join side", "side"]);
}

fn expected(place: &Place, arguments: &[&str], commits: &[&str]) -> Vec<String> {
    let base = ["log", "--reverse", "--topo-order", "--no-renames", "--no-color", "--diff-merges=first-parent"];
    place
        .git("work", &[&base[..], arguments, commits].concat())
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

#[test]
fn commits_read_as_git_log_shows_them() {
    let place = Place::new("sha1");
    place.target("target");
    place.work("work");
    changes(&place);
    let said = place.push("work", "target", &["main"]);
    let mut events = vec![opened()];
    place.pushed(&mut events, 10, 1, "target", &said);
    place.commits(&mut events, 20, 1, "work", &["main"]);
    assert_eq!(told(&events, false), without_sizes(expected(&place, &["--stat"], &["main"])));
    assert_eq!(told(&events, true), without_sizes(expected(&place, &["--stat", "-p"], &["main"])));
}

/// The sizes of files that are no text are not in the events.
fn without_sizes(lines: Vec<String>) -> Vec<String> {
    let line = |line: String| match line.split_once("| Bin ") {
        Some((start, _)) => format!("{start}| Bin"),
        None => line,
    };
    lines.into_iter().map(line).collect()
}

#[test]
fn what_a_pack_does_not_hold_is_said_and_not_made_up() {
    let place = Place::new("sha256");
    place.target("target");
    place.work("work");
    place.commit("work", "a.txt", "one\ntwo\n", "First");
    place.commit("work", "b.txt", "b\n", "Second");
    place.push("work", "target", &["main"]);
    place.commit("work", "a.txt", "one\n2\nthree", "Third");
    fs::remove_file(place.path("work").join("b.txt")).unwrap();
    place.commit("work", "c.txt", "c\n", "Fourth");
    place.commit("work", "d.txt", "one\ntwo\n", "Fifth: what was there before");
    let said = place.push("work", "target", &["main"]);
    let mut events = vec![opened()];
    place.pushed(&mut events, 10, 1, "target", &said);
    place.commits(&mut events, 20, 1, "work", &["HEAD~3..HEAD"]);
    let told = told(&events, true).join("\n");
    let parts = [
        "--- /dev/null\n+++ b/c.txt\n@@ -0,0 +1 @@\n+c",
        "(new content; what it was is not in the recording)\n one\n 2\n three",
        "deleted file mode 100644\nindex ",
        "..0000000000\n(what it was is not in the recording)",
        "(its content is not in the recording, or too large to be shown)",
    ];
    for part in parts {
        assert!(told.contains(part), "{part}\nis not in\n{told}");
    }

    // A pack that was not kept, that is cut off, or that is not what it was.
    let without = |what: &str, change: fn(&mut Event) -> bool| {
        let mut changed = events.clone();
        changed.retain_mut(change);
        let told = self::told(&changed, true).join("\n");
        assert!(told.contains(what), "{what} is not in\n{told}");
        assert!(told.contains(" a.txt | "), "{told}");
    };
    without("(no patch: the recorded pack is broken: it is not whole in the recording)", |event| {
        !matches!(event.kind, Kind::Git(GitEvent::Pack { .. }))
    });
    without("(no patch: the pack was not kept)", |event| {
        if let (Side::Client, Kind::Git(said @ GitEvent::Data { .. })) = (event.side, &mut event.kind) {
            *said = GitEvent::Omitted { bytes: 7 };
        }
        true
    });
    without("(no patch: the recorded pack is not what its checksum says)", |event| {
        if let (Side::Client, Kind::Git(GitEvent::Data { bytes })) = (event.side, &mut event.kind) {
            let mut other = bytes.to_vec();
            *other.last_mut().unwrap() ^= 1;
            *bytes = other.into();
        }
        true
    });
}

#[test]
fn what_was_fetched_in_the_session_shows_what_a_push_changes() {
    for version in ["0", "2"] {
        let place = Place::new("sha1");
        place.target("target");
        place.work("first");
        let lines: Vec<String> = (0..50).map(|number| format!("line {number}\n")).collect();
        place.commit("first", "a.txt", lines.concat(), "First");
        place.push("first", "target", &["main"]);
        let said = place.fetch("", "target", version, &["clone", "-q", "@", "work"]);
        let mut events = vec![opened()];
        place.fetched(&mut events, 10, 1, "target", &said);
        place.commit("work", "a.txt", lines[3..].concat(), "Less");
        let said = place.push("work", "target", &["main"]);
        place.pushed(&mut events, 20, 2, "target", &said);
        place.commits(&mut events, 30, 2, "work", &["HEAD~1..HEAD"]);
        assert_eq!(told(&events, true), expected(&place, &["--stat", "-p"], &["HEAD~1..HEAD"]));
    }
}

#[test]
fn nothing_that_was_pushed_acts_on_a_terminal() {
    let place = Place::new("sha1");
    place.target("target");
    place.work("work");
    let message = "Title \x1b]0;owned\x07\n\n\u{9b}2J and \u{202e}backwards\r\n";
    place.commit("work", "a\x1b[2J/b\u{9b}.txt", "one \x1b[31m\r\n\u{9b}5n\x08\x7f\n", message);
    place.commit("work", "a\x1b[2J/b\u{9b}.txt", b"two \x1bc\n\xff", "Again");
    let said = place.push("work", "target", &["main:refs/heads/x\u{9b}y"]);
    let mut events = vec![opened()];
    place.pushed(&mut events, 10, 1, "target", &said);
    place.commits(&mut events, 20, 1, "work", &["main"]);
    let entries = entries(&events, true);
    assert!(entries.iter().any(|entry| entry.text.contains("+two ␛c")));
    for entry in &entries {
        let shown = entry.print(false);
        assert!(!shown.chars().any(|letter| letter.is_control() || letter == '\u{202e}'), "{shown:?}");
    }
}
