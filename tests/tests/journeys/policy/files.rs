//! Files by OpenSSH's sftp.

use std::path::Path;

use wiretape_core::event::FileEvent;
use wiretape_tests::configuration::Configuration;
use wiretape_tests::program::Running;
use wiretape_tests::record::Events;
use wiretape_tests::stage::Stage;

use super::council::{Council, approved, decisions, not_approved};

/// Looking and reading are permitted, keys are not, removing is asked.
pub(super) const RULES: &str = r#"
@id("sftp")
permit (principal, action == Action::"ssh.subsystem", resource) when { context.name == "sftp" };
@id("reads")
permit (principal, action in [Action::"file.list", Action::"file.read", Action::"file.write"], resource);
@id("no-keys")
@reason("keys stay where they are")
forbid (principal, action in [Action::"file.read", Action::"file.write"], resource) when { context.path like "*.key" || context.to like "*.key" };
@id("removals")
@approval("leads")
permit (principal, action == Action::"file.remove", resource);
"#;

fn stage() -> (Stage, Council) {
    let mut council = None;
    let stage = Stage::with(|_, configuration: &mut Configuration| {
        council = Some(Council::convene(configuration, RULES));
    });
    (stage, council.expect("it was convened"))
}

/// `sftp`, which goes on after what fails.
fn sftp(stage: &Stage, folder: &Path, commands: &str) -> Running {
    stage.client("sftp").args(["-b", "-"]).arg("web@gateway").folder(folder).input(commands).start()
}

fn record(stage: &Stage) -> Events {
    let session = stage.gateway.record().one();
    session.verified().coded(0);
    session.events()
}

#[test]
fn files_are_fetched_and_given_but_for_those_that_are_forbidden() {
    let (stage, _council) = stage();
    let (far, near) = (stage.folder.make("far"), stage.folder.make("near"));
    std::fs::write(far.join("text"), "some text").expect("a file can be written");
    std::fs::write(far.join("own.key"), "private").expect("a file can be written");
    let large = wiretape_tests::random::bytes(3_000_000);
    std::fs::write(near.join("large"), &large).expect("a file can be written");
    let far_name = far.display();
    let commands = format!(
        "-get {far_name}/own.key\nget {far_name}/text\nput large {far_name}/large\n-rename {far_name}/text {far_name}/x.key\n"
    );
    let finished = sftp(&stage, &near, &commands).finish().good();
    assert!(finished.errors().contains("ermission denied"), "{}", finished.errors());
    assert_eq!(std::fs::read(near.join("text")).expect("it was fetched"), b"some text");
    assert!(!near.join("own.key").exists());
    assert!(far.join("text").exists() && !far.join("x.key").exists(), "both names of a file count");
    assert_eq!(std::fs::read(far.join("large")).expect("it was given"), large);
    let events = record(&stage);
    let denied = events.file().filter(|event| matches!(event, FileEvent::Answered { status: 3, message, .. } if message == "keys stay where they are"));
    assert!(denied.count() >= 2);
    let reads = decisions(&events, "file.read");
    assert!(reads.iter().any(|(rule, allowed, _)| rule == "reads" && *allowed), "{reads:?}");
    // What is done with an open file is not judged again.
    assert_eq!(decisions(&events, "file.write").iter().filter(|(_, allowed, _)| *allowed).count(), 1);
}

#[test]
fn a_removal_that_is_approved_happens_then_and_not_before() {
    let (stage, council) = stage();
    let kept = stage.folder.write("kept", "x");
    let running = sftp(&stage, stage.folder.path(), &format!("rm {}\n", kept.display()));
    let (id, _) = council.question(&stage.gateway, "kept");
    let told = running.complaint(&[id.as_str()]);
    assert!(told.contains(&id), "{told}");
    assert!(kept.exists());
    council.approve(&stage.gateway, "kept");
    running.finish().good();
    assert!(!kept.exists());
    approved(&record(&stage), "removals");
}

#[test]
fn a_removal_that_is_not_approved_is_denied() {
    let (stage, council) = stage();
    let kept = stage.folder.write("kept", "x");
    let running = sftp(&stage, stage.folder.path(), &format!("-rm {0}\nls -1 {0}\n", kept.display()));
    council.refuse(&stage.gateway, "kept");
    let finished = running.finish().good();
    assert!(finished.errors().contains("ermission denied"), "{}", finished.errors());
    assert!(finished.text().contains("kept"), "the conversation goes on");
    assert!(kept.exists());
    not_approved(&record(&stage), "removals", true);
}

#[test]
fn who_leaves_takes_the_question_along() {
    let (stage, council) = stage();
    let kept = stage.folder.write("kept", "x");
    let running = sftp(&stage, stage.folder.path(), &format!("rm {}\n", kept.display()));
    council.question(&stage.gateway, "kept");
    running.signal(rustix::process::Signal::TERM);
    let _ = running.wait();
    council.silence(&stage.gateway);
    not_approved(&record(&stage), "removals", false);
    assert!(kept.exists());
}

#[test]
fn what_is_no_sftp_does_not_pass_where_files_are_judged() {
    let (stage, _council) = stage();
    let kept = stage.folder.write("own.key", "private");
    let packet = |parts: &[&[u8]]| {
        let body = parts.concat();
        [&u32::try_from(body.len()).expect("it is short").to_be_bytes()[..], &body].concat()
    };
    let string =
        |text: &str| [&u32::try_from(text.len()).expect("it is short").to_be_bytes()[..], text.as_bytes()].concat();
    let hello = packet(&[&[1, 0, 0, 0, 3]]);
    let remove = packet(&[&[13, 0, 0, 0, 9], &string(&kept.display().to_string())]);
    // A length that no packet has, one whose end is missing, and one that is less than its fields: what comes behind each
    // is an order to remove a file.
    let broken: [Vec<u8>; 3] =
        [vec![0xff, 0xff, 0xff, 0xff, 13], packet(&[&[3, 0, 0, 0, 1], &[0, 0, 0, 99], b"short"]), packet(&[])];
    for (number, broken) in broken.into_iter().enumerate() {
        let spoken = [hello.clone(), broken, remove.clone()].concat();
        let finished = stage.client("ssh").args(["-s", "web@gateway", "sftp"]).input(spoken).finish().coded(255);
        assert!(finished.errors().contains("sftp not understood"), "{}", finished.errors());
        assert!(kept.exists());
        let session = stage.gateway.record().ended(number + 1).remove(0);
        session.verified().coded(0);
        let events = session.events();
        assert!(events.has("stream.opaque"), "{:?}", events.names());
        assert!(decisions(&events, "file.remove").is_empty(), "what stands behind it is not read, and does not pass");
    }
}
