//! A person at a terminal.

use wiretape_core::event::{ProcessEvent, ProcessKind, TerminalEvent};
use wiretape_tests::stage::{Stage, TARGET};
use wiretape_tests::terminal::Terminal;

/// The command line of a shell through the gateway.
fn shell(stage: &Stage, options: &str) -> String {
    format!("ssh -F {} {options} {TARGET}@gateway", stage.client_configuration().display())
}

#[test]
fn a_shell_has_the_size_of_the_terminal_and_follows_it() {
    let stage = Stage::new();
    let terminal = Terminal::start(&stage.folder, 132, 43, &shell(&stage, "-o SetEnv=GREETING=hello"));
    terminal.enter("PS1=; echo \"[$(stty size)] $TERM $GREETING\"");
    terminal.wait("[43 132] tmux-256color hello");
    terminal.resize(100, 30);
    terminal.enter(
        "trap 'echo resized' WINCH; until [ \"$(stty size)\" = '30 100' ]; do sleep 0.05; done; echo now-$((20 + 3))",
    );
    terminal.wait("now-23");
    terminal.enter("exit 7");
    assert_eq!(terminal.exit(), 7);

    let events = stage.gateway.record().one().events();
    let start = events.terminal().find_map(|event| match event {
        TerminalEvent::Start { term, size, modes } => Some((term.as_str(), size.columns, size.rows, modes.len())),
        _ => None,
    });
    let (term, columns, rows, modes) = start.expect("a terminal was asked for");
    assert_eq!((term, columns, rows), ("tmux-256color", 132, 43));
    assert!(modes > 10, "the terminal's modes are recorded: {modes}");
    let resized = events
        .terminal()
        .any(|event| matches!(event, TerminalEvent::Resize { size } if (size.columns, size.rows) == (100, 30)));
    assert!(resized, "{:?}", events.names());
    assert!(events.process().any(|event| matches!(event, ProcessEvent::Start { kind: ProcessKind::Shell })));
    assert_eq!(events.exits(), [7]);
    assert!(events.shown().contains("[43 132] tmux-256color hello"), "{}", events.shown());
}

#[test]
fn control_c_reaches_the_program_and_not_the_session() {
    let stage = Stage::new();
    let terminal = Terminal::start(&stage.folder, 80, 24, &shell(&stage, ""));
    terminal.enter("PS1=; echo wait-$((1 + 1)); sleep 1000; echo ended-$?");
    terminal.wait("wait-2");
    terminal.press("C-c");
    terminal.enter("echo alive-$((2 + 2))");
    terminal.wait("alive-4");
    terminal.enter("exit");
    let _ = terminal.exit();
    let events = stage.gateway.record().one().events();
    let typed = events.terminal().any(|event| matches!(event, TerminalEvent::Input { bytes } if bytes.contains(&3)));
    assert!(typed, "the key is on the tape: {:?}", events.names());
}

#[test]
fn a_forced_terminal_joins_output_and_errors_as_the_target_does() {
    let stage = Stage::new();
    let command = "echo out; echo err >&2; tty >/dev/null && echo terminal; exit 9";
    let direct = stage.client("ssh").args(["-tt", "direct", command]).finish().coded(9);
    let through = stage.client("ssh").args(["-tt", "web@gateway", command]).finish().coded(9);
    assert_eq!(through.text(), direct.text());
    assert_eq!(through.text(), "out\r\nerr\r\nterminal\r\n");
    let events = stage.gateway.record().one().events();
    assert_eq!(events.shown(), "out\r\nerr\r\nterminal\r\n");
    assert_eq!(events.exits(), [9]);
}

#[test]
fn what_is_typed_and_shown_is_recorded_and_a_password_is_not() {
    const SECRET: &str = "zq7#Wv9!kX2p";
    let stage = Stage::new();
    let terminal = Terminal::start(&stage.folder, 100, 30, &shell(&stage, ""));
    terminal.enter("PS1=; echo visible-$((5 + 5))");
    terminal.wait("visible-10");
    terminal.enter("stty -echo; printf 'Pass''word: '; read -r secret; stty echo; echo; echo length-${#secret}");
    terminal.wait("Password:");
    terminal.enter(SECRET);
    terminal.wait("length-12");
    terminal.enter("echo after-$((6 + 6))");
    terminal.wait("after-12");
    terminal.enter("exit");
    let _ = terminal.exit();

    let session = stage.gateway.record().one();
    let events = session.events();
    let mut typed = Vec::new();
    let mut concealed = 0;
    for event in events.terminal() {
        match event {
            TerminalEvent::Input { bytes } | TerminalEvent::Echoed { bytes, .. } => typed.extend_from_slice(bytes),
            TerminalEvent::Concealed { count } => concealed += *count,
            _ => {}
        }
    }
    let typed = String::from_utf8_lossy(&typed).into_owned();
    for line in ["echo visible-$((5 + 5))", "read -r secret", "echo after-$((6 + 6))"] {
        assert!(typed.contains(line), "{line:?} is not in what was typed: {typed:?}");
    }
    assert!(concealed as usize >= SECRET.len(), "the length is kept: {concealed}");
    // Not whole, and not in pieces that would help to guess it.
    let everything = events.everything() + &typed + &events.shown();
    for piece in SECRET.as_bytes().windows(5) {
        let piece = std::str::from_utf8(piece).expect("text");
        assert!(!everything.contains(piece), "{piece:?} of the password is on the tape");
    }
    for words in [&["show"][..], &["show", "--json"], &["replay", "--input"]] {
        let (word, rest) = words.split_first().expect("a word");
        let printed = session.program(word, rest).finish().text();
        assert!(!printed.contains(&SECRET[..4]), "{words:?} prints the password");
    }
}
