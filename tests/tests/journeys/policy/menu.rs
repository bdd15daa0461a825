//! Whoever chooses a target from the menu is asked about as whoever names it.

use wiretape_tests::configuration::{Configuration, Target};
use wiretape_tests::record::Events;
use wiretape_tests::stage::Stage;
use wiretape_tests::terminal::Terminal;

use super::council::{Council, approved, decisions, not_approved};

/// Shells beside the gateway are open, those of the server are asked about.
pub(super) const RULES: &str = r#"
@id("beside")
permit (principal, action == Action::"ssh.shell", resource == Target::"beside");
@id("shells")
@approval("leads")
permit (principal, action == Action::"ssh.shell", resource == Target::"web");
"#;

/// The same where the session itself is asked about.
const ENTRANCE: &str = r#"
@id("shells")
permit (principal, action == Action::"ssh.shell", resource);
@id("visits")
@approval("leads")
permit (principal, action == Action::"connect", resource == Target::"web");
"#;

pub(super) fn furnish(configuration: &mut Configuration) {
    configuration.targets.push(Target::command("beside", &["bash", "--norc"]));
}

fn stage(rules: &str) -> (Stage, Council) {
    let mut council = None;
    let stage = Stage::with(|_, configuration: &mut Configuration| {
        furnish(configuration);
        council = Some(Council::convene(configuration, rules));
    });
    (stage, council.expect("it was convened"))
}

fn ssh(stage: &Stage) -> String {
    format!("ssh -F {} menu@gateway", stage.client_configuration().display())
}

fn record(stage: &Stage) -> Events {
    let session = stage.gateway.record().one();
    session.verified().coded(0);
    session.events()
}

#[test]
fn who_chose_from_the_menu_waits_and_goes_on() {
    for (rules, rule) in [(RULES, "shells"), (ENTRANCE, "visits")] {
        let (stage, council) = stage(rules);
        let terminal = Terminal::start(&stage.folder, 90, 25, &ssh(&stage));
        terminal.wait("beside");
        terminal.type_text("2");
        terminal.press("Enter");
        let (id, _) = council.question(&stage.gateway, "");
        terminal.wait(&id);
        terminal.enter("PS1=; echo \"[$(stty size)]\"; exit $((1 + 2))");
        assert!(!terminal.screen().join("\n").contains("[25 90]"), "nothing runs before it is approved");
        council.approve(&stage.gateway, "");
        assert_eq!(terminal.exit(), 3);
        let events = record(&stage);
        approved(&events, rule);
        assert!(events.shown().contains(&id), "what the person was told is recorded");
        assert!(events.shown().contains("[25 90]"), "what was typed meanwhile was said then");
        assert!(decisions(&events, "ssh.shell").iter().any(|(by, allowed, _)| by.contains(rule) && *allowed));
    }
}

#[test]
fn who_chose_from_the_menu_is_told_that_it_may_not_be() {
    let (stage, council) = stage(RULES);
    let running = stage.client("ssh").args(["-tt", "menu@gateway"]).input("2\rtouch never\r").start();
    council.refuse(&stage.gateway, "");
    let finished = running.finish().coded(255);
    assert!(finished.text().contains("not on a Friday"), "{}", finished.text());
    let events = record(&stage);
    not_approved(&events, "shells", true);
    assert!(
        decisions(&events, "ssh.shell")
            .iter()
            .any(|(_, allowed, reason)| !allowed && reason.contains("not on a Friday"))
    );
    assert!(!events.shown().contains("never"), "nothing of it reached the target");
}

#[test]
fn who_leaves_the_menu_takes_the_question_along() {
    let (stage, council) = stage(RULES);
    let mut running = stage.client("ssh").args(["-tt", "menu@gateway"]).input_held().start();
    running.wait_printed("beside");
    running.say(b"2\r").expect("it listens");
    council.question(&stage.gateway, "");
    running.signal(rustix::process::Signal::TERM);
    let _ = running.wait();
    council.silence(&stage.gateway);
    not_approved(&record(&stage), "shells", false);
}
