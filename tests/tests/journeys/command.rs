//! Targets beside the gateway, the menu, and the banner.

use wiretape_core::event::{ProcessEvent, TerminalEvent};
use wiretape_tests::configuration::Target;
use wiretape_tests::stage::Stage;
use wiretape_tests::terminal::Terminal;

/// A stage with a target called `shell` that runs a shell beside the gateway.
fn stage() -> Stage {
    Stage::with(|_, configuration| configuration.targets.push(Target::command("shell", &["bash", "--norc"])))
}

fn ssh(stage: &Stage, target: &str) -> String {
    format!("ssh -F {} {target}@gateway", stage.client_configuration().display())
}

#[test]
fn a_program_beside_the_gateway_has_a_terminal_of_the_right_size() {
    let stage = stage();
    let terminal = Terminal::start(&stage.folder, 97, 31, &ssh(&stage, "shell"));
    terminal.enter("PS1=; echo \"[$(stty size)]\"");
    terminal.wait("[31 97]");
    terminal.resize(120, 40);
    terminal.enter("until [ \"$(stty size)\" = '40 120' ]; do sleep 0.05; done; echo now-$((20 + 3))");
    terminal.wait("now-23");
    terminal.enter("exit 11");
    assert_eq!(terminal.exit(), 11);
    let session = stage.gateway.record().one();
    assert_eq!(session.text("target_kind"), "command");
    assert_eq!(session.state(), "closed");
    let events = session.events();
    assert!(events.terminal().any(|event| matches!(event, TerminalEvent::Resize { size } if size.columns == 120)));
    assert_eq!(events.exits(), [11]);
}

#[test]
fn a_program_beside_the_gateway_that_is_killed_says_so() {
    let stage = stage();
    let finished = stage.client("ssh").args(["-tt", "shell@gateway"]).input("kill -KILL $$\n").finish().coded(255);
    let events = stage.gateway.record().one().events();
    let killed = events.process().any(|event| matches!(event, ProcessEvent::Killed { signal, .. } if signal == "KILL"));
    assert!(killed, "{:?} {}", events.names(), finished.text());
}

#[test]
fn a_program_beside_the_gateway_ends_when_its_client_does() {
    let stage = stage();
    let client = stage.client("ssh").args(["-tt", "shell@gateway"]).input_held().start();
    let mut client = client;
    client.say(b"PS1=; echo number-$$-\n").expect("it reads");
    client.wait_printed("number-");
    wiretape_tests::stage::wait_until("the number", || number(&client.printed()).is_some());
    let number = number(&client.printed()).expect("a number");
    client.signal(rustix::process::Signal::KILL);
    let _ = client.wait();
    assert_ne!(stage.gateway.record().one().state(), "live");
    wiretape_tests::stage::wait_until("the program to end", || {
        wiretape_tests::processes::command_line(number).is_empty()
    });
}

fn number(printed: &str) -> Option<i32> {
    printed.split("number-").find_map(|rest| rest.split_once('-')?.0.parse().ok())
}

#[test]
fn a_command_line_is_run_only_where_the_operator_says_how() {
    let stage = Stage::with(|_, configuration| {
        configuration.targets.push(Target::command("closed", &["bash", "--norc"]).line("exec = []"));
        configuration.targets.push(Target::command("open", &["cat"]).line("exec = [\"bash\", \"-c\"]"));
    });
    let finished =
        stage.ssh_as("open").arg("cat; echo $((6 * 7)); echo oops >&2; exit 13").input("in ").finish().coded(13);
    assert_eq!(finished.text(), "in 42\n");
    assert_eq!(finished.errors(), "oops\n");
    let refused = stage.ssh_as("closed").arg("echo got in").finish().coded(255);
    assert!(refused.errors().starts_with("wiretape: "), "{}", refused.errors());
    assert!(!refused.text().contains("got in"));
    let _ = stage.gateway.record().ended(2);
}

#[test]
fn who_names_no_target_chooses_one_from_a_menu() {
    for login in ["ana", "menu"] {
        let stage = Stage::with(|_, configuration| {
            configuration.targets.push(Target::command("another", &["bash", "--norc"]));
            configuration.targets.push(Target::command("hidden", &["sh"]).line("groups = [\"ops\"]"));
        });
        let terminal = Terminal::start(&stage.folder, 90, 25, &ssh(&stage, login));
        terminal.wait("another");
        terminal.wait("web");
        assert!(!terminal.screen().join("\n").contains("hidden"), "only what is permitted is offered");
        // In the order of their names: the second is the server.
        terminal.type_text("2");
        terminal.press("Enter");
        terminal.enter("PS1=; echo \"[$(stty size)]\"; echo \"$SSH_CONNECTION\" | wc -w");
        terminal.wait("[25 90]");
        terminal.wait("4");
        terminal.enter("exit 3");
        assert_eq!(terminal.exit(), 3);
        let session = stage.gateway.record().one();
        let events = session.events();
        assert!(events.shown().contains("another"), "what the menu showed is recorded");
        assert!(events.shown().contains("[25 90]"), "what came after it is recorded");
        assert_eq!(events.exits(), [3]);
    }
}

#[test]
fn what_is_typed_ahead_of_the_menu_reaches_the_target() {
    let stage = stage();
    let finished =
        stage.client("ssh").args(["-tt", "menu@gateway"]).input("1\recho ahead-$((6 * 7)); exit 3\r").finish().coded(3);
    assert!(finished.text().contains("ahead-42"), "{}", finished.text());
}

#[test]
fn the_menu_can_be_left() {
    let stage = stage();
    let terminal = Terminal::start(&stage.folder, 80, 24, &ssh(&stage, "ana"));
    terminal.wait("shell");
    terminal.press("C-c");
    let _ = terminal.exit();
    assert_ne!(stage.gateway.record().one().state(), "live");
}

#[test]
fn who_names_no_target_and_has_no_terminal_is_told_what_there_is() {
    let stage = stage();
    let finished = stage.ssh_as("ana").arg("true").finish().coded(255);
    assert!(finished.errors().starts_with("wiretape: "), "{}", finished.errors());
    assert!(finished.errors().contains("shell") && finished.errors().contains("web"), "{}", finished.errors());
}

#[test]
fn people_are_told_that_they_are_recorded_unless_the_operator_says_otherwise() {
    for banner in [true, false] {
        let stage = Stage::with(|_, configuration| configuration.banner = banner);
        let finished = stage.client("ssh").args(["-o", "LogLevel=INFO", "web@gateway", "echo in"]).succeed();
        assert_eq!(finished.text(), "in\n");
        assert_eq!(finished.errors().contains("recorded"), banner, "{}", finished.errors());
    }
}
