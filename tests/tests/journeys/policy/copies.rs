//! Files by OpenSSH's scp as it was before SFTP: `scp -O`.

use std::path::Path;

use wiretape_core::Kind;
use wiretape_core::event::{FileEvent, ProcessEvent, StreamEvent};
use wiretape_tests::configuration::Configuration;
use wiretape_tests::program::{Program, Running};
use wiretape_tests::record::Events;
use wiretape_tests::stage::Stage;

use super::council::{Council, approved, decisions, not_approved};

/// Copies go both ways, but for keys; a release is asked about.
const RULES: &str = r#"
@id("scp")
permit (principal, action == Action::"ssh.exec", resource) when { ["scp"].containsAll(context.programs) };
@id("copies")
permit (principal, action in [Action::"file.list", Action::"file.read", Action::"file.write"], resource);
@id("no-keys")
@reason("keys stay where they are")
forbid (principal, action in [Action::"file.read", Action::"file.write"], resource) when { context.path like "*.key" };
@id("no-vault")
@reason("the vault is closed")
forbid (principal, action in Action::"file", resource) when { context.path like "*/vault" || context.path like "*/vault/*" };
@id("releases")
@approval("leads")
permit (principal, action in [Action::"file.read", Action::"file.write"], resource) when { context.path like "*.release" };
"#;

fn stage() -> (Stage, Council) {
    let mut council = None;
    let stage = Stage::with(|_, configuration: &mut Configuration| {
        council = Some(Council::convene(configuration, RULES));
    });
    (stage, council.expect("it was convened"))
}

fn scp(stage: &Stage, words: &[&str]) -> Program {
    stage.client("scp").arg("-O").args(words)
}

fn at_target(path: &Path) -> String {
    format!("web@gateway:{}", path.display())
}

fn record(stage: &Stage) -> Events {
    let session = stage.gateway.record().one();
    session.verified().coded(0);
    session.events()
}

/// A tree with something of everything.
fn plant(folder: &Path) {
    for (name, text) in [
        ("a text", "some text"),
        ("own.key", "private"),
        ("sub/other", "more text"),
        ("sub/old.key", "private too"),
        ("vault/gold", "much"),
        ("z", "last"),
    ] {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
        std::fs::write(path, text).expect("a file can be written");
    }
}

/// All files below `folder`, by their names from there, in order.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("a folder can be read") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path.strip_prefix(folder).expect("it is below").display().to_string()),
            }
        }
    }
    found.sort();
    found
}

/// The reasons for which files were denied, in order.
fn denied(events: &Events) -> Vec<String> {
    let denied = events.file().filter_map(|event| match event {
        FileEvent::Answered { status: 3, message, .. } => Some(message.clone()),
        _ => None,
    });
    denied.collect()
}

#[test]
fn what_is_permitted_is_copied_both_ways() {
    let (stage, _council) = stage();
    let (far, near) = (stage.folder.make("far"), stage.folder.make("near"));
    let large = wiretape_tests::random::bytes(3_000_000);
    std::fs::write(near.join("large"), &large).expect("a file can be written");
    scp(&stage, &["-p", "large"]).arg(at_target(&far.join("copy"))).folder(&near).succeed();
    assert_eq!(std::fs::read(far.join("copy")).expect("it was given"), large);
    scp(&stage, &["-p"]).arg(at_target(&far.join("c*"))).arg("back").folder(&near).succeed();
    assert_eq!(std::fs::read(near.join("back")).expect("it was fetched"), large);
    let sessions = stage.gateway.record().ended(2);
    let allowed = |events: &Events, action: &str| {
        let decided = decisions(events, action);
        assert!(decided.iter().all(|(rule, allowed, _)| rule == "copies" && *allowed), "{decided:?}");
        decided.len()
    };
    assert_eq!(allowed(&sessions[1].events(), "file.write"), 1);
    assert_eq!(allowed(&sessions[0].events(), "file.read"), 1);
}

#[test]
fn a_tree_is_given_but_for_what_is_forbidden() {
    let (stage, _council) = stage();
    let far = stage.folder.make("far");
    plant(&stage.folder.make("tree"));
    let finished = scp(&stage, &["-r", "-p", "tree"]).arg(at_target(&far)).folder(stage.folder.path());
    let told = finished.finish().coded(1).errors();
    assert!(told.contains("own.key: keys stay where they are"), "{told}");
    assert!(told.contains("vault: the vault is closed"), "{told}");
    assert_eq!(files(&far), ["tree/a text", "tree/sub/other", "tree/z"]);
    let events = record(&stage);
    let mut reasons = denied(&events);
    reasons.sort();
    reasons.dedup();
    assert_eq!(reasons, ["keys stay where they are", "the vault is closed"]);
    let passed = |event: &&FileEvent| matches!(event, FileEvent::Closed { content_sha256: Some(_), .. });
    assert_eq!(events.file().filter(passed).count(), 3);
    let refused = decisions(&events, "file.write").into_iter().filter(|(_, allowed, _)| !allowed).count();
    assert_eq!(refused, 3, "two keys and a folder, each judged once");
}

#[test]
fn a_tree_is_fetched_but_for_what_is_forbidden() {
    let (stage, _council) = stage();
    let near = stage.folder.make("near");
    let tree = stage.folder.make("tree");
    plant(&tree);
    let finished = scp(&stage, &["-r", "-p"]).arg(at_target(&tree)).arg("back").folder(&near).finish().coded(1);
    let told = finished.errors();
    assert!(told.contains("own.key: keys stay where they are"), "{told}");
    assert!(told.contains("vault: the vault is closed"), "{told}");
    assert_eq!(files(&near), ["back/a text", "back/sub/other", "back/z"]);
    let events = record(&stage);
    assert_eq!(decisions(&events, "file.read").iter().filter(|(_, allowed, _)| *allowed).count(), 3);
    let listed = decisions(&events, "file.list");
    assert!(listed.iter().any(|(rule, allowed, _)| rule == "no-vault" && !allowed), "{listed:?}");
    assert!(!events.everything().contains("private"), "nothing of it left the target's side");
}

#[test]
fn a_file_that_is_asked_about_waits_and_the_others_do_not_suffer() {
    let (stage, council) = stage();
    let far = stage.folder.make("far");
    for name in ["1", "2.release", "3"] {
        stage.folder.write(name, name);
    }
    let start = || -> Running {
        scp(&stage, &["1", "2.release", "3"]).arg(at_target(&far)).folder(stage.folder.path()).start()
    };
    let running = start();
    let name = format!("{}/2.release", far.display());
    let (id, detail) = council.question(&stage.gateway, "2.release");
    assert_eq!(detail, name);
    let told = running.complaint(&[id.as_str()]);
    assert!(told.contains(&id), "{told}");
    assert_eq!(files(&far), ["1"]);
    council.approve(&stage.gateway, "2.release");
    running.finish().good();
    assert_eq!(files(&far), ["1", "2.release", "3"]);
    approved(&stage.gateway.record().ended(1)[0].events(), "releases");
    std::fs::remove_file(&name).expect("it is there");
    let running = start();
    council.refuse(&stage.gateway, "2.release");
    let told = running.finish().coded(1).errors();
    assert!(told.contains("not on a Friday"), "{told}");
    assert_eq!(files(&far), ["1", "3"]);
    not_approved(&stage.gateway.record().ended(2)[0].events(), "releases", true);
}

#[test]
fn a_file_to_fetch_that_is_asked_about_waits_at_the_target() {
    let (stage, council) = stage();
    let near = stage.folder.make("near");
    let planted = stage.folder.write("2.release", "what nobody may see yet");
    let running = scp(&stage, &[]).arg(at_target(&planted)).arg("got").folder(&near).start();
    council.question(&stage.gateway, "2.release");
    assert!(files(&near).is_empty());
    council.approve(&stage.gateway, "2.release");
    running.finish().good();
    assert_eq!(std::fs::read(near.join("got")).expect("it was fetched"), b"what nobody may see yet");
    let events = record(&stage);
    approved(&events, "releases");
    let answered = events.0.iter().position(|event| event.kind.name() == "session.answered");
    let sent = events.0.iter().position(|event| match &event.kind {
        Kind::Stream(StreamEvent::Data { bytes, .. }) => bytes.windows(6).any(|word| word == b"nobody"),
        _ => false,
    });
    assert!(answered < sent && answered.is_some(), "the target was not told to send it before");
}

#[test]
fn what_is_no_scp_does_not_pass_where_files_are_judged() {
    let (stage, _council) = stage();
    let far = stage.folder.make("far");
    let mut running = stage.ssh().arg(format!("scp -t {}/", far.display())).input_held().start();
    let spoken = ["C0644 5 x\n", "hello\0", "C0644 nonsense\nC0644 5 own.key\nhello\0"];
    for (statuses, said) in (1..).zip(spoken) {
        running.wait_bytes(statuses);
        running.say(said.as_bytes()).expect("it listens");
    }
    let finished = running.finish().coded(255);
    assert!(finished.errors().contains("not understood"), "{}", finished.errors());
    assert_eq!(files(&far), ["x"]);
    let events = record(&stage);
    let not_understood = |event: &&wiretape_core::Event| matches!(&event.kind, Kind::Stream(StreamEvent::Opaque { what }) if what.starts_with("scp not understood"));
    assert_eq!(events.0.iter().filter(not_understood).count(), 1, "{:?}", events.names());
    assert!(!events.process().any(|event| matches!(event, ProcessEvent::Exit { status: 0 })));
}

#[test]
fn a_place_that_the_command_does_not_tell_is_not_permitted_by_rules_about_places() {
    let (stage, _council) = stage();
    let key = stage.folder.write("own.key", "private");
    // A client that agrees to everything beforehand, so that the target does not wait for it.
    let command = format!("scp -f {}*", key.display().to_string().trim_end_matches("own.key"));
    let finished = stage.ssh().arg(command).input("\0\0\0\0\0\0").finish();
    assert!(!finished.text().contains("private") && finished.text().contains("keys stay"), "{}", finished.text());
    std::fs::copy(&key, stage.folder.make("home").join("text")).expect("a file can be copied");
    let twice = format!("scp -f nothing; scp -f {}", key.display());
    let hidden = format!("s''cp -f {}", key.display());
    for command in [&twice, &hidden, "scp -f $HOME/text", "scp -f ~root/.profile"] {
        let finished = stage.ssh().arg(command).input("\0\0\0\0\0\0").finish();
        assert!(!finished.text().contains("private"), "{command}: {}", finished.text());
        let told = finished.text() + &finished.errors();
        assert!(told.contains("could not be made out"), "{command}: {told}");
    }
}

#[test]
fn a_terminal_does_not_hide_what_is_copied() {
    let (stage, _council) = stage();
    let planted = stage.folder.write("text", "planted");
    let command = format!("scp -f {}", planted.display());
    let finished = stage.ssh().arg("-tt").arg(command).input("\0\0\0").finish().coded(126);
    assert!(!finished.text().contains("planted"), "{}", finished.text());
    assert!(finished.errors().contains("not read on a terminal"), "{} {}", finished.errors(), finished.text());
}
