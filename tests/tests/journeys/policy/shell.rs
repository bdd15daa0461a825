//! Commands by OpenSSH's own client.

use wiretape_core::Verdict;
use wiretape_core::event::SessionEvent;
use wiretape_tests::configuration::Configuration;
use wiretape_tests::record::Events;
use wiretape_tests::stage::{Stage, wait_until};

use super::council::{Council, answered, approved, asked, decisions, not_approved};

/// `echo` is permitted, `rm` forbidden, `touch` asked; the rules look at what the shell would run.
pub(super) const RULES: &str = r#"
@id("echo")
permit (principal, action == Action::"ssh.exec", resource) when { context.programs.contains("echo") };
@id("no-rm")
@reason("nothing is removed here")
forbid (principal, action == Action::"ssh.exec", resource) when { context.programs.contains("rm") };
@id("touch")
@approval("leads")
permit (principal, action == Action::"ssh.exec", resource) when { context.programs.contains("touch") };
"#;

fn stage() -> (Stage, Council) {
    let mut council = None;
    let stage = Stage::with(|_, configuration: &mut Configuration| {
        council = Some(Council::convene(configuration, RULES));
    });
    (stage, council.expect("it was convened"))
}

fn record(stage: &Stage) -> Events {
    let session = stage.gateway.record().one();
    session.verified().coded(0);
    session.events()
}

#[test]
fn a_command_that_is_permitted_runs() {
    let (stage, _council) = stage();
    assert_eq!(stage.ssh().arg("echo one").succeed().text(), "one\n");
    let decided = decisions(&record(&stage), "ssh.exec");
    assert_eq!(decided, [("echo".to_owned(), true, String::new())]);
}

#[test]
fn a_command_that_is_forbidden_exits_126_and_says_why() {
    let (stage, _council) = stage();
    let kept = stage.folder.write("kept", "x");
    let finished = stage.ssh().arg(format!("echo one; rm {}", kept.display())).finish().coded(126);
    assert_eq!(finished.text(), "");
    assert!(finished.errors().contains("wiretape: nothing is removed here"), "{}", finished.errors());
    assert!(kept.exists());
    let decided = decisions(&record(&stage), "ssh.exec");
    assert_eq!(decided, [("no-rm".to_owned(), false, "nothing is removed here".to_owned())]);
}

#[test]
fn a_command_that_cannot_be_read_is_refused_where_rules_look_at_it() {
    let (stage, _council) = stage();
    let finished = stage.ssh().arg("echo $(\"unfinished").finish().coded(126);
    assert!(finished.errors().starts_with("wiretape: "), "{}", finished.errors());
    let decided = decisions(&record(&stage), "ssh.exec");
    assert!(decided.len() == 1 && !decided[0].1, "{decided:?}");
}

#[test]
fn a_command_that_is_approved_runs_then_and_not_before() {
    let (stage, council) = stage();
    let made = stage.folder.join("made");
    let running = stage.ssh().arg(format!("touch {} && cat", made.display())).input("said before\n").start();
    let (id, detail) = council.question(&stage.gateway, "touch");
    assert!(detail.contains(&made.display().to_string()), "all of it is shown: {detail}");
    let told = running.complaint(&[id.as_str()]);
    assert!(told.contains("wiretape: ") && told.contains(&id), "{told}");
    assert!(!made.exists());
    council.approve(&stage.gateway, "touch");
    let finished = running.finish().good();
    assert_eq!(finished.text(), "said before\n");
    assert!(made.exists());
    let events = record(&stage);
    approved(&events, "touch");
    let notices = events.session().filter(|event| matches!(event, SessionEvent::Notice { text } if text.contains(&id)));
    assert_eq!(notices.count(), 1, "what the client was told is on the record");
}

#[test]
fn a_command_that_is_not_approved_exits_126() {
    let (stage, council) = stage();
    let made = stage.folder.join("made");
    let running = stage.ssh().arg(format!("touch {}", made.display())).start();
    council.refuse(&stage.gateway, "touch");
    let finished = running.finish().coded(126);
    assert!(finished.errors().contains("not on a Friday"), "{}", finished.errors());
    assert!(!made.exists());
    assert!(not_approved(&record(&stage), "touch", true).contains("not on a Friday"));
}

#[test]
fn who_leaves_takes_the_question_along() {
    let (stage, council) = stage();
    let made = stage.folder.join("made");
    let running = stage.ssh().arg(format!("touch {}", made.display())).start();
    council.question(&stage.gateway, "touch");
    drop(running);
    council.silence(&stage.gateway);
    let events = record(&stage);
    assert_eq!((asked(&events).len(), answered(&events).len()), (1, 1));
    not_approved(&events, "touch", false);
    assert!(!made.exists());
}

#[test]
fn a_question_holds_its_own_channel_alone() {
    let (stage, council) = stage();
    let control = stage.folder.join("control");
    let shared = |command: &str| {
        let path = format!("ControlPath={}", control.display());
        stage.ssh().args(["-o", "ControlMaster=auto", "-o", &path, "-o", "ControlPersist=60"]).arg(command)
    };
    shared("echo first").succeed();
    let made = stage.folder.join("made");
    let waiting = shared(&format!("touch {}", made.display())).start();
    council.question(&stage.gateway, "touch");
    assert_eq!(shared("echo meanwhile").succeed().text(), "meanwhile\n");
    council.approve(&stage.gateway, "touch");
    waiting.finish().good();
    assert!(made.exists());
}

#[test]
fn an_approval_for_a_session_and_what_is_being_asked_end_when_the_rules_change() {
    let (stage, council) = stage();
    let control = format!("ControlPath={}", stage.folder.join("control").display());
    let shared = || stage.ssh().args(["-o", "ControlMaster=auto", "-o", &control, "-o", "ControlPersist=60"]);
    let touch = |name: &str| shared().arg(format!("touch {}", stage.folder.join(name).display())).start();
    let rules = stage.folder.join("policies/rules.cedar");
    let write = |text: &str, times: usize| {
        std::fs::write(&rules, text).expect("a file can be written");
        let said = || stage.gateway.log().matches("the configuration was read again").count();
        wait_until("the policies are read again", || said() == times);
    };
    shared().arg("echo first").succeed();
    let first = touch("one");
    council.approve_for(&stage.gateway, "one", &["--session"]);
    first.finish().good();
    touch("two").finish().good();
    assert!(stage.folder.join("two").exists(), "without another question");

    write(&format!("{RULES}\n@id(\"no-ls\") forbid (principal, action == Action::\"ssh.shell\", resource);"), 1);
    let third = touch("three");
    council.question(&stage.gateway, "three");
    assert!(!stage.folder.join("three").exists(), "what was approved by other rules is asked again");

    // And while it is asked they change once more.
    write(RULES, 2);
    let finished = third.finish().coded(126);
    assert!(finished.errors().contains("the policies changed while it was asked"), "{}", finished.errors());
    council.silence(&stage.gateway);
    assert!(!stage.folder.join("three").exists());
    let fourth = touch("four");
    council.approve(&stage.gateway, "four");
    fourth.finish().good();
    assert!(stage.folder.join("four").exists());

    shared().args(["-O", "exit"]).finish().good();
    let events = record(&stage);
    let answers: Vec<(bool, usize)> =
        answered(&events).iter().map(|answer| (answer.verdict == Verdict::Allow, answer.by.len())).collect();
    assert_eq!(answers, [(true, 1), (false, 0), (true, 1)], "each of them is on the record");
    let decided = decisions(&events, "ssh.exec");
    assert!(decided.iter().any(|(rule, allowed, _)| rule.starts_with("touch, approved by bea (") && *allowed));
}
