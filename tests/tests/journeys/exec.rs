//! One command over OpenSSH: what it prints, what it is given, how it ends.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use rustix::process::Signal;
use wiretape_core::Side;
use wiretape_core::event::{ProcessEvent, ProcessKind, SessionEvent};
use wiretape_tests::program::Finished;
use wiretape_tests::stage::{PERSON, Stage, TARGET, user_name, wait_until};
use wiretape_tests::{processes, random};

/// Runs `command` straight at the server and through the gateway: a person must not see a difference.
fn both_ways(stage: &Stage, command: &str) -> Finished {
    let direct = stage.client("ssh").arg("direct").arg(command).finish();
    let through = stage.ssh().arg(command).finish();
    assert_eq!(through.text(), direct.text(), "{command}");
    assert_eq!(through.errors(), direct.errors(), "{command}");
    assert_eq!(through.status, direct.status, "{command}");
    through
}

#[test]
fn output_and_errors_stay_apart_and_the_exit_code_arrives() {
    let stage = Stage::new();
    for (count, code) in [0, 7, 255].into_iter().enumerate() {
        let finished = both_ways(&stage, &format!("echo out; echo err >&2; exit {code}"));
        assert_eq!(finished.code(), code);
        assert_eq!(finished.text(), "out\n");
        assert_eq!(finished.errors(), "err\n");

        let session = stage.gateway.record().ended(count + 1).remove(0);
        let events = session.events();
        let lane = events.lanes("session")[0];
        assert_eq!(events.stream(Side::Upstream, lane, false), b"out\n");
        assert_eq!(events.stream(Side::Upstream, lane, true), b"err\n");
        assert_eq!(events.exits(), [u32::try_from(code).expect("small")]);
    }
}

#[test]
fn the_record_says_who_what_and_when() {
    let stage = Stage::new();
    stage.ssh().arg("true").succeed();
    let session = stage.gateway.record().one();
    assert_eq!(session.state(), "closed");
    assert_eq!(session.text("person"), PERSON);
    assert_eq!(session.text("target"), TARGET);
    assert_eq!(session.text("target_kind"), "ssh");
    assert_eq!(session.text("login"), user_name());
    assert_eq!(session.text("protocol"), "ssh");
    assert!(session.text("client_address").starts_with("127.0.0.1:"));

    let events = session.events();
    let names = events.names();
    assert_eq!(names.first(), Some(&"session.opened"));
    assert_eq!(names.last(), Some(&"session.closed"));
    assert_eq!(names.len() as u64, session.number("events"));
    let Some(SessionEvent::Opened(opened)) = events.session().next() else { panic!("{names:?}") };
    assert_eq!((opened.person.as_str(), opened.target.as_str()), (PERSON, TARGET));
    assert!(opened.proof.starts_with("publickey SHA256:"), "{}", opened.proof);
    assert!(opened.client_program.contains("OpenSSH"), "{}", opened.client_program);
    let started = events.process().any(|event| {
        matches!(event, ProcessEvent::Start { kind: ProcessKind::Exec { command } } if command.as_ref() == b"true")
    });
    assert!(started, "{names:?}");
    assert!(events.0.windows(2).all(|pair| pair[0].at <= pair[1].at), "time goes forward");
    assert_eq!(session.verified().coded(0).text().lines().filter(|line| line.contains("complete")).count(), 1);
}

#[test]
fn death_by_signal_is_told() {
    let stage = Stage::new();
    both_ways(&stage, "kill -TERM $$");
    let events = stage.gateway.record().one().events();
    let killed = events.process().any(|event| matches!(event, ProcessEvent::Killed { signal, .. } if signal == "TERM"));
    assert!(killed, "{:?}", events.names());
}

#[test]
fn binary_input_arrives_whole_and_comes_back_whole() {
    let stage = Stage::new();
    let bytes = random::bytes(1 << 20);
    let finished = stage.ssh().arg("cat").input(bytes.clone()).succeed();
    assert!(finished.stdout == bytes, "what came back is what was sent");
    let events = stage.gateway.record().one().events();
    let lane = events.lanes("session")[0];
    assert!(events.stream(Side::Client, lane, false) == bytes, "what was sent is recorded");
    assert!(events.stream(Side::Upstream, lane, false) == bytes, "what came back is recorded");
    assert!(events.has("stream.eof"));
}

#[test]
fn the_end_of_input_is_told_while_the_command_goes_on() {
    let stage = Stage::new();
    let finished = stage.ssh().arg("wc -c; echo more; exit 3").input(vec![b'x'; 100_000]).finish().coded(3);
    assert_eq!(finished.text(), "100000\nmore\n");
}

#[test]
fn output_without_end_ends_with_its_client() {
    let stage = Stage::new();
    let client = stage.ssh().arg("echo $$; exec yes").start();
    let number: i32 = client.line("").parse().expect("a process number");
    client.wait_bytes(1_000_000);
    client.signal(Signal::TERM);
    let _ = client.wait();
    assert_eq!(stage.gateway.record().one().state(), "closed");
    wait_until("the program to end", || processes::command_line(number).is_empty());
}

#[test]
fn a_command_that_is_no_text_arrives_byte_for_byte() {
    let stage = Stage::new();
    let command = OsStr::from_bytes(b"printf %s '\xff\xfe\x80' | od -An -tx1");
    let finished = stage.ssh().arg(command).succeed();
    assert_eq!(finished.text().trim(), "ff fe 80");
    let events = stage.gateway.record().one().events();
    let same = events.process().any(|event| {
        matches!(event, ProcessEvent::Start { kind: ProcessKind::Exec { command: recorded } }
            if recorded.as_ref() == command.as_bytes())
    });
    assert!(same, "{:?}", events.names());
}

#[test]
fn the_environment_that_is_asked_for_is_set_and_recorded() {
    let stage = Stage::new();
    let finished = stage
        .client("ssh")
        .args(["-o", "SetEnv=GREETING=hello", "-o", "SendEnv=LC_SENT", "web@gateway", "echo $GREETING $LC_SENT"])
        .env("LC_SENT", "sent")
        .succeed();
    assert_eq!(finished.text(), "hello sent\n");
    let events = stage.gateway.record().one().events();
    for (wanted, content) in [("GREETING", "hello"), ("LC_SENT", "sent")] {
        let found = events.process().any(|event| {
            matches!(event, ProcessEvent::Environment { name, value }
                if name == wanted && value.as_ref() == content.as_bytes())
        });
        assert!(found, "{wanted}: {:?}", events.names());
    }
}

#[test]
fn a_subsystem_is_reached_by_its_name() {
    let stage = Stage::with_server(&["Subsystem parrot cat"], |_, _| {});
    let finished = stage.client("ssh").args(["-s", "web@gateway", "parrot"]).input("polly").succeed();
    assert_eq!(finished.text(), "polly");
    let unknown = stage.client("ssh").args(["-s", "web@gateway", "nobody"]).finish();
    assert_ne!(unknown.code(), 0);
    let sessions = stage.gateway.record().ended(2);
    let events = sessions[1].events();
    let started = events.process().any(
        |event| matches!(event, ProcessEvent::Start { kind: ProcessKind::Subsystem { name } } if name == "parrot"),
    );
    assert!(started, "{:?}", events.names());
    let refused = sessions[0].events();
    let answered = refused
        .process()
        .any(|event| matches!(event, ProcessEvent::Answer { request, accepted: false } if request == "subsystem"));
    assert!(answered, "{:?}", refused.names());
}

#[test]
fn several_channels_share_one_connection_and_one_tape() {
    let stage = Stage::new();
    let control = stage.folder.join("control");
    let socket = control.display().to_string();
    let master = stage.client("ssh").args(["-M", "-N", "-S", &socket, "web@gateway"]).start();
    wait_until("the control socket", || control.exists());
    let running: Vec<_> = (0..8)
        .map(|number| {
            let command = format!("cat; echo channel {number}; exit {number}");
            stage.client("ssh").args(["-S", &socket, "web@gateway", &command]).input(format!("{number}\n")).start()
        })
        .collect();
    for (number, running) in running.into_iter().enumerate() {
        let finished = running.finish().coded(i32::try_from(number).expect("small"));
        assert_eq!(finished.text(), format!("{number}\nchannel {number}\n"));
    }
    stage.client("ssh").args(["-S", &socket, "-O", "exit", "web@gateway"]).succeed();
    let _ = master.finish();
    let events = stage.gateway.record().one().events();
    let lanes = events.lanes("session");
    assert_eq!(lanes.len(), 8);
    let mut said: Vec<_> = lanes.iter().map(|lane| events.stream(Side::Client, *lane, false)).collect();
    said.sort();
    assert_eq!(said, (0..8).map(|number| format!("{number}\n").into_bytes()).collect::<Vec<_>>());
    let mut exits = events.exits();
    exits.sort_unstable();
    assert_eq!(exits, (0..8).collect::<Vec<_>>());
}

#[test]
fn fifty_people_work_at_once() {
    let stage = Stage::new();
    let running: Vec<_> = (0..50)
        .map(|number| {
            let command = format!("head -c 300000 /dev/zero | tr '\\0' x | wc -c; cat; exit {number}");
            (number, stage.ssh().arg(command).input(format!("I am {number}")).start())
        })
        .collect();
    for (number, running) in running {
        let finished = running.finish().coded(number);
        assert_eq!(finished.text(), format!("300000\nI am {number}"));
    }
    let sessions = stage.gateway.record().ended(50);
    let mut exits: Vec<u32> = sessions.iter().flat_map(|session| session.events().exits()).collect();
    exits.sort_unstable();
    assert_eq!(exits, (0..50).collect::<Vec<_>>());
}
