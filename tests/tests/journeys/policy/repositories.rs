//! Pushes by git, over SSH and over HTTPS.

use std::os::unix::process::CommandExt;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use wiretape_core::event::{GitEvent, Kind};
use wiretape_tests::git::Git;
use wiretape_tests::program::Running;
use wiretape_tests::record::Events;
use wiretape_tests::workshop::{Road, Workshop};

use super::council::{Council, answered, approved, asked, decisions, not_approved};

/// Pushes are permitted, to `release` forbidden, and history is rewritten when somebody says so.
pub(super) const RULES: &str = r#"
@id("git")
permit (principal, action in [Action::"git.fetch", Action::"ssh.exec", Action::"http.request"], resource);
@id("pushes")
permit (principal, action == Action::"git.push", resource);
@id("frozen")
@reason("the release is frozen")
forbid (principal, action == Action::"git.push", resource) when { context.ref like "refs/heads/release*" };
@id("rewrites")
@approval("leads")
permit (principal, action == Action::"git.push", resource) when { context.forced };
"#;

pub(super) const ROADS: [Road; 2] = [Road::Ssh, Road::Reverse];

fn stage() -> (Workshop, Council) {
    let mut council = None;
    let workshop = Workshop::staged(&Git::first(), false, |_, configuration| {
        council = Some(Council::convene(configuration, RULES));
    });
    let council = council.expect("it was convened").with_ana(&workshop.token);
    (workshop, council)
}

/// The repository `shop.git` with two commits on the server, and a tree whose history is another.
pub(super) fn rewritten(workshop: &Workshop) -> (String, String) {
    let bare = workshop.bare("shop.git");
    let tree = workshop.tree("tree", "sha1");
    tree.sh("echo 1 > file && git add . && git commit -qm 1 && echo 2 > file && git commit -qam 2");
    workshop
        .git_in(Road::Direct, "tree")
        .args(["push", "-q"])
        .arg(workshop.url(Road::Direct, "shop.git"))
        .arg("HEAD:refs/heads/main")
        .succeed();
    let old = bare.refs()["refs/heads/main"].clone();
    tree.sh("git reset -q --hard HEAD~1 && echo 3 > file && git commit -qam 3");
    let new = tree.git(&["rev-parse", "HEAD"]).trim().to_owned();
    (old, new)
}

fn push(workshop: &Workshop, road: Road, words: &[&str]) -> Running {
    workshop.git_in(road, "tree").arg("push").arg(workshop.url(road, "shop.git")).args(words).start()
}

pub(super) fn main_of(workshop: &Workshop) -> String {
    workshop.at("repositories/shop.git").refs()["refs/heads/main"].clone()
}

/// The session in which something was pushed.
pub(super) fn pushed(workshop: &Workshop) -> Events {
    let sessions = workshop.ended().into_iter().map(|(_, events)| events);
    let pushes = |events: &Events| events.0.iter().any(|event| matches!(&event.kind, Kind::Git(GitEvent::Update(_))));
    sessions.into_iter().find(pushes).expect("a push is on the record")
}

#[test]
fn a_push_that_is_permitted_goes_and_one_that_is_forbidden_is_refused_as_by_a_server() {
    for road in ROADS {
        let (workshop, _council) = stage();
        rewritten(&workshop);
        push(&workshop, road, &["HEAD:refs/heads/topic"]).finish().good();
        let finished = push(&workshop, road, &["HEAD:refs/heads/release-1"]).finish().coded(1);
        let told = finished.errors();
        assert!(told.contains("[remote rejected]") && told.contains("the release is frozen"), "{road:?}: {told}");
        let refs = workshop.at("repositories/shop.git").refs();
        assert!(refs.contains_key("refs/heads/topic") && !refs.contains_key("refs/heads/release-1"), "{refs:?}");
        let decided: Vec<_> = workshop.ended().iter().flat_map(|(_, events)| decisions(events, "git.push")).collect();
        assert!(decided.len() == 2 && decided[0].1, "{decided:?}");
        assert!(!decided[1].1 && decided[1].0.contains("frozen"), "{decided:?}");
    }
}

#[test]
fn a_forced_push_is_held_until_somebody_approves() {
    for road in ROADS {
        let (workshop, council) = stage();
        let (old, new) = rewritten(&workshop);
        let running = push(&workshop, road, &["+HEAD:refs/heads/main"]);
        let (id, detail) = council.question(&workshop.gateway, "refs/heads/main");
        assert!(detail.contains(&old) && detail.contains(&new), "by the names of objects: {detail}");
        let told = running.complaint(&[id.as_str()]);
        assert!(told.contains("remote: ") && told.contains(&id), "{road:?}: {told}");
        assert_eq!(main_of(&workshop), old);
        council.approve(&workshop.gateway, "refs/heads/main");
        running.finish().good();
        assert_eq!(main_of(&workshop), new);
        let events = pushed(&workshop);
        approved(&events, "rewrites");
        let progress = |event: &&wiretape_core::Event| matches!(&event.kind, Kind::Git(GitEvent::Progress { bytes }) if String::from_utf8_lossy(bytes).contains(&id));
        assert_eq!(events.0.iter().filter(progress).count(), 1, "what the client was told is on the record");
    }
}

#[test]
fn a_forced_push_that_is_not_approved_is_refused_as_by_a_server() {
    for road in ROADS {
        let (workshop, council) = stage();
        let (old, _) = rewritten(&workshop);
        let running = push(&workshop, road, &["+HEAD:refs/heads/main"]);
        council.refuse(&workshop.gateway, "refs/heads/main");
        let told = running.finish().coded(1).errors();
        assert!(told.contains("[remote rejected]") && told.contains("not on a Friday"), "{road:?}: {told}");
        assert_eq!(main_of(&workshop), old);
        not_approved(&pushed(&workshop), "rewrites", true);
    }
}

#[test]
fn who_leaves_takes_the_question_along() {
    for road in ROADS {
        let (workshop, council) = stage();
        let (old, _) = rewritten(&workshop);
        let mut git = workshop.git_in(road, "tree").arg("push").arg(workshop.url(road, "shop.git"));
        git = git.arg("+HEAD:refs/heads/main");
        // Whoever gives up ends git and all that it started. (Not as Ctrl-C does: what runs in the background does not hear it.)
        let mut running = git.into_command().process_group(0).stderr(Stdio::null()).spawn().expect("git runs");
        council.question(&workshop.gateway, "refs/heads/main");
        kill_process_group(Pid::from_child(&running), Signal::TERM).expect("it runs");
        let _ = running.wait();
        council.silence(&workshop.gateway);
        let events = pushed(&workshop);
        assert_eq!((asked(&events).len(), answered(&events).len()), (1, 1), "{road:?}");
        not_approved(&events, "rewrites", false);
        assert_eq!(main_of(&workshop), old);
    }
}
