//! Clients that are not OpenSSH: each runs a command, a shell on a terminal, files and a forward where it has them.

use std::ffi::OsStr;
use std::path::PathBuf;

use serde_json::{Value, json};
use wiretape_core::Side;
use wiretape_core::event::{ProcessEvent, TerminalEvent};
use wiretape_tests::configuration::Target;
use wiretape_tests::echo;
use wiretape_tests::program::{Finished, Program};
use wiretape_tests::stage::{Stage, client_python, client_script};
use wiretape_tests::terminal::Terminal;

/// Runs the script that `interpreter` understands, and compares what it saw with what a client must see.
fn journey(interpreter: impl AsRef<OsStr>, script: &str, key: &str) {
    let stage = Stage::with(|folder, configuration| {
        // Not every client reads OpenSSH's own format of every type of key.
        let key = wiretape_tests::keys::Key::make_of(folder.path(), "client_key", key);
        configuration.users[0] = wiretape_tests::configuration::User::with_key("ana", &key);
    });
    let files = stage.folder.make("files");
    let port = stage.gateway.address().port().to_string();
    let finished = stage
        .folder
        .dressed(Program::new(interpreter))
        .env("NODE_PATH", std::env::var_os("NODE_PATH").unwrap_or_default())
        .arg(client_script(script))
        .args([&port, "web"])
        .arg(stage.folder.join("client_key"))
        .arg(files)
        .arg(echo::on_tcp().port().to_string())
        .succeed();
    let seen: Value = serde_json::from_slice(&finished.stdout).expect("what it saw, as JSON");
    let wanted = json!({
        "exec": ["typed\n", "err\n", 7],
        "shell": 3,
        "sftp": [100_000, ["got", "renamed"]],
        "forward": "heard: forwarded",
    });
    assert_eq!(seen, wanted);

    let events = stage.gateway.record().one().events();
    let sizes: Vec<(u32, u32)> = events
        .terminal()
        .filter_map(|event| match event {
            TerminalEvent::Start { size, .. } | TerminalEvent::Resize { size } => Some((size.columns, size.rows)),
            _ => None,
        })
        .collect();
    assert_eq!(sizes, [(111, 37), (90, 20)]);
    let exits = events.exits();
    assert!(exits.contains(&7) && exits.contains(&3), "{exits:?}");
    assert_eq!(events.stream(Side::Client, events.lanes("direct-tcpip")[0], false), b"forwarded");
    for name in ["file.asked", "file.written", "file.read", "file.closed"] {
        assert!(events.has(name), "{name}: {:?}", events.names());
    }
}

#[test]
fn asyncssh_works_as_it_is() {
    journey(client_python(), "asyncssh_client.py", "ed25519");
}

/// A target of the gateway's own host, which runs what it is told.
fn shell() -> Stage {
    Stage::with(|_, configuration| {
        configuration.targets.push(Target::command("shell", &["cat"]).line("exec = [\"sh\", \"-c\"]"));
    })
}

/// What a client's script says of that target.
fn run(stage: &Stage, script: &str) -> Finished {
    let port = stage.gateway.address().port().to_string();
    let client = stage.folder.program(client_python()).arg(client_script(script));
    client.args([&port, "shell"]).arg(&stage.person.file).succeed()
}

#[test]
fn a_signal_that_a_client_sends_reaches_the_program() {
    let stage = shell();
    let finished = run(&stage, "asyncssh_signal.py");
    assert_eq!(finished.text(), "TERM\n");
    let events = stage.gateway.record().one().events();
    let sent = events.process().any(|event| matches!(event, ProcessEvent::Signal { name } if name == "TERM"));
    let ended = events.process().any(|event| matches!(event, ProcessEvent::Killed { signal, .. } if signal == "TERM"));
    assert!(sent && ended, "{:?}", events.names());
}

#[test]
fn x11_is_refused_in_words_and_extended_data_of_a_client_is_no_input() {
    let stage = shell();
    let finished = run(&stage, "paramiko_oddities.py");
    let seen: Value = serde_json::from_slice(&finished.stdout).expect("what it saw, as JSON");
    assert_eq!(seen, json!({"x11": "refused", "cat": "typed\n"}));
}

#[test]
fn paramiko_works_as_it_is() {
    journey(client_python(), "paramiko_client.py", "ecdsa");
}

#[test]
fn ssh2_for_node_works_as_it_is() {
    journey("node", "ssh2_client.js", "rsa");
}

#[test]
fn dropbear_works_as_it_is() {
    let stage = Stage::new();
    let key = dropbear_key(&stage);
    let port = stage.gateway.address().port().to_string();
    let dbclient = || stage.folder.program("dbclient").args(["-y", "-y", "-p", &port, "-i"]).arg(&key);
    let mut running = dbclient().args(["web@127.0.0.1", "head -n 1; echo err >&2; exit 7"]).input_held().start();
    running.say(b"typed\n").expect("it reads");
    let status = running.wait();
    let ran = running.finish();
    assert_eq!(status.code(), Some(7));
    assert_eq!(ran.text(), "typed\n");
    assert!(ran.errors().contains("err\n"), "{}", ran.errors());

    let words = format!("dbclient -y -y -p {port} -i {} web@127.0.0.1", key.display());
    let terminal = Terminal::start(&stage.folder, 91, 29, &words);
    terminal.enter("PS1=; echo \"[$(stty size)]\"");
    terminal.wait("[29 91]");
    terminal.enter("exit 3");
    assert_eq!(terminal.exit(), 3);

    let address = echo::on_tcp();
    let forwarded = dbclient().args(["-B", &address.to_string(), "web@127.0.0.1"]).input("forwarded").finish();
    assert_eq!(forwarded.text(), "heard: forwarded");
    let sessions = stage.gateway.record().ended(3);
    let names = |number: usize| sessions[number].events();
    assert_eq!(names(2).exits(), [7]);
    assert_eq!(names(1).exits(), [3]);
    let events = names(0);
    assert_eq!(events.stream(Side::Client, events.lanes("direct-tcpip")[0], false), b"forwarded");
}

/// The person's key in dropbear's own format.
fn dropbear_key(stage: &Stage) -> PathBuf {
    let key = stage.folder.join("dropbear_key");
    stage.folder.program("dropbearconvert").args(["openssh", "dropbear"]).arg(&stage.person.file).arg(&key).succeed();
    key
}

#[test]
fn dropbear_keeps_the_exit_code_when_both_ends_end_at_once() {
    let stage = Stage::new();
    let key = dropbear_key(&stage);
    let port = stage.gateway.address().port().to_string();
    for round in 0..20 {
        let running: Vec<_> = (0..8)
            .map(|_| {
                let dbclient = stage.folder.program("dbclient").args(["-y", "-y", "-p", &port, "-i"]).arg(&key);
                dbclient.args(["web@127.0.0.1", "cat; exit 7"]).input("typed\n").start()
            })
            .collect();
        for running in running {
            assert_eq!(running.finish().code(), 7, "round {round}");
        }
    }
}
