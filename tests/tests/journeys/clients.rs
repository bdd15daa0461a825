//! Clients that are not OpenSSH: each runs a command, a shell on a terminal, files and a forward where it has them.

use serde_json::{Value, json};
use wiretape_core::Side;
use wiretape_core::event::TerminalEvent;
use wiretape_tests::echo;
use wiretape_tests::program::Program;
use wiretape_tests::stage::{Stage, client_python, client_script};

/// Runs the script that `interpreter` understands, and compares what it saw with what a client must see.
fn journey(interpreter: Program, script: &str, key: &str, also: &[(&str, Value)]) {
    let stage = Stage::with(|folder, configuration| {
        // Not every client reads OpenSSH's own format of every type of key.
        let key = wiretape_tests::keys::Key::make_of(folder.path(), "client_key", key);
        configuration.users[0] = wiretape_tests::configuration::User::with_key("ana", &key);
    });
    let files = stage.folder.make("files");
    let port = stage.gateway.address().port().to_string();
    let finished = stage
        .folder
        .dressed(interpreter)
        .arg(client_script(script))
        .args([&port, "web"])
        .arg(stage.folder.join("client_key"))
        .arg(files)
        .arg(echo::on_tcp().port().to_string())
        .succeed();
    let seen: Value = serde_json::from_slice(&finished.stdout).expect("what it saw, as JSON");
    let mut wanted = json!({
        "exec": ["typed\n", "err\n", 7],
        "shell": 3,
        "sftp": [100_000, ["got", "renamed"]],
        "forward": "heard: forwarded",
    });
    for (name, value) in also {
        wanted[*name] = value.clone();
    }
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

fn node() -> Program {
    let modules = std::env::var_os("NODE_PATH");
    let modules = modules.expect("no Node libraries are named: `cargo xtask test` installs them and names them");
    Program::new("node").env("NODE_PATH", modules)
}

#[test]
fn asyncssh_works_as_it_is() {
    journey(Program::new(client_python()), "asyncssh_client.py", "ed25519", &[("signal", json!("TERM"))]);
}

#[test]
fn paramiko_works_as_it_is() {
    journey(Program::new(client_python()), "paramiko_client.py", "ecdsa", &[]);
}

#[test]
fn ssh2_for_node_works_as_it_is() {
    journey(node(), "ssh2_client.js", "rsa", &[]);
}

#[test]
fn dropbear_works_as_it_is() {
    let stage = Stage::new();
    let key = stage.folder.join("dropbear_key");
    stage.folder.program("dropbearconvert").args(["openssh", "dropbear"]).arg(&stage.person.file).arg(&key).succeed();
    let port = stage.gateway.address().port().to_string();
    let dbclient = || stage.folder.program("dbclient").args(["-y", "-y", "-p", &port, "-i"]).arg(&key);
    let ran = dbclient().args(["web@127.0.0.1", "cat; echo err >&2; exit 7"]).input("typed\n").finish().coded(7);
    assert_eq!(ran.text(), "typed\n");
    assert!(ran.errors().contains("err\n"), "{}", ran.errors());

    let shell = dbclient().args(["-t", "web@127.0.0.1"]).input("echo by-hand-$((6 * 7)); exit 3\n").finish().coded(3);
    assert!(shell.text().contains("by-hand-42"), "{}", shell.text());

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
