//! People who have to agree to a whole session: the target hears nothing of it before they do.

use std::io::ErrorKind;
use std::net::TcpListener;

use wiretape_tests::configuration::Configuration;
use wiretape_tests::record::Events;
use wiretape_tests::stage::Stage;
use wiretape_tests::terminal::Terminal;

use super::council::{Council, approved, not_approved};

/// Everything is permitted, once somebody agreed to the session.
const RULES: &str = r#"
@id("all")
permit (principal, action in [Action::"ssh", Action::"file"], resource);
@id("visits")
@approval("leads")
permit (principal, action == Action::"connect", resource);
"#;

fn stage(address: Option<&TcpListener>) -> (Stage, Council) {
    let mut council = None;
    let stage = Stage::with(|_, configuration: &mut Configuration| {
        if let Some(listener) = address {
            let address = listener.local_addr().expect("it listens");
            configuration.target("web").set(&format!("address = \"{address}\""));
        }
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
fn a_target_is_not_reached_before_somebody_agreed() {
    for approves in [true, false] {
        // A target that only says whether it was reached.
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        listener.set_nonblocking(true).expect("it can be asked");
        let reached = || match listener.accept() {
            Ok(_) => true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) => panic!("{error}"),
        };
        let (stage, council) = stage(Some(&listener));
        let running = stage.ssh().arg("echo in").start();
        council.question(&stage.gateway, "echo in");
        assert!(!reached(), "nobody has agreed");
        if approves {
            council.approve(&stage.gateway, "echo in");
            wiretape_tests::stage::wait_until("the target is reached", reached);
            running.finish().coded(255);
        } else {
            council.refuse(&stage.gateway, "echo in");
            let finished = running.finish().coded(126);
            assert!(finished.errors().contains("not on a Friday"), "{}", finished.errors());
            assert!(!reached(), "nobody agreed");
            not_approved(&record(&stage), "visits", true);
        }
    }
}

#[test]
fn a_session_goes_on_as_any_other_once_somebody_agreed() {
    let (stage, council) = stage(None);
    let running = stage.ssh().arg("cat; exit 7").input("what was said before").start();
    council.approve(&stage.gateway, "cat; exit 7");
    assert_eq!(running.finish().coded(7).text(), "what was said before");
    approved(&record(&stage), "visits");
}

#[test]
fn a_terminal_has_its_size_and_files_their_way_once_somebody_agreed() {
    let (stage, council) = stage(None);
    let command = format!("ssh -F {} web@gateway", stage.client_configuration().display());
    let terminal = Terminal::start(&stage.folder, 90, 25, &command);
    let (id, _) = council.question(&stage.gateway, "");
    terminal.wait(&id);
    council.approve(&stage.gateway, "");
    terminal.enter("PS1=; echo \"[$(stty size)]\"; exit 3");
    terminal.wait("[25 90]");
    assert_eq!(terminal.exit(), 3);
    approved(&stage.gateway.record().ended(1)[0].events(), "visits");
    let given = stage.folder.write("given", "some text");
    let copy = stage.folder.join("copy");
    let commands = format!("put {} {}\n", given.display(), copy.display());
    let running = stage.client("sftp").args(["-b", "-", "web@gateway"]).input(commands).start();
    council.approve(&stage.gateway, "sftp");
    running.finish().good();
    assert_eq!(std::fs::read(copy).expect("it was given"), b"some text");
}

#[test]
fn a_forwarding_waits_as_well() {
    let (stage, council) = stage(None);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it listens").port();
    let greeting = std::thread::spawn(move || {
        use std::io::Write;
        let (mut socket, _) = listener.accept()?;
        socket.write_all(b"hello")
    });
    let way = format!("127.0.0.1:{port}");
    let running = stage.client("ssh").args(["-W", &way, "web@gateway"]).start();
    council.approve(&stage.gateway, &way);
    assert_eq!(running.finish().text(), "hello");
    greeting.join().expect("it spoke").expect("somebody listened");
}
