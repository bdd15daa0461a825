//! The program without a terminal: exact bytes, lists, and errors that say what to do.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod archive;

use std::path::Path;
use std::process::{Command, Output};

use archive::{archive, closed, id, opened, output, shell, shell_session};
use wiretape_core::event::TerminalEvent;
use wiretape_core::{Event, Kind};

fn replay(data_dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_replay"))
        .arg("--data-dir")
        .arg(data_dir)
        .args(arguments)
        .env_remove("WIRETAPE_DATA_DIR")
        .output()
        .unwrap()
}

fn shown(events: &[Event]) -> Vec<u8> {
    let outputs = events.iter().filter_map(|event| match &event.kind {
        Kind::Terminal(TerminalEvent::Output { bytes, .. }) => Some(bytes.to_vec()),
        _ => None,
    });
    outputs.flatten().collect()
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_recorded_bytes_come_out_exactly() {
    let mut events = shell_session();
    let random: Vec<u8> = (0..200_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    events.insert(20, output(900, 1, random));
    let folder = archive(&[(id(1), events.clone())]);
    let plain = replay(folder.path(), &["0", "--plain"]);
    assert!(plain.status.success(), "{}", error(&plain));
    assert_eq!(plain.stdout, shown(&events));
    let timed = replay(folder.path(), &["0", "--speed", "200", "--idle-limit", "0.5"]);
    assert_eq!(timed.stdout, shown(&events));
}

#[test]
fn it_begins_where_it_is_told_to() {
    let folder = archive(&[(id(1), shell_session())]);
    let late = replay(folder.path(), &["0", "--plain", "--at", "0:14"]);
    assert_eq!(
        String::from_utf8_lossy(&late.stdout),
        "\r\n\x1b[31merror\x1b[0m: unit app not found\r\ndeploy@web1:~$ "
    );
}

#[test]
fn a_list_is_printed_where_nobody_can_choose() {
    let folder = archive(&[(id(1), shell_session()), (id(2), shell_session())]);
    let list = replay(folder.path(), &[]);
    let text = String::from_utf8(list.stdout).unwrap();
    assert!(list.status.success());
    assert_eq!(text.lines().filter(|line| line.contains("deploy@web1")).count(), 2, "{text}");
    assert!(text.contains("replay <id> plays one"), "{text}");
}

#[test]
fn what_is_meant_is_asked_for_when_it_is_not_clear() {
    let folder = archive(&[(id(1), shell_session()), (id(2), shell_session())]);
    let ambiguous = replay(folder.path(), &["0"]);
    assert!(!ambiguous.status.success());
    assert!(error(&ambiguous).contains("the start of 2 ids"), "{}", error(&ambiguous));
    for candidate in [id(1), id(2)] {
        assert!(error(&ambiguous).contains(&candidate.to_string()), "{}", error(&ambiguous));
    }
    let unknown = replay(folder.path(), &["zzz"]);
    assert!(error(&unknown).contains("no session's id starts with `zzz`"), "{}", error(&unknown));
    let whole = replay(folder.path(), &[&id(2).to_string().to_uppercase(), "--plain"]);
    assert!(whole.status.success(), "{}", error(&whole));
}

#[test]
fn a_missing_data_folder_is_named_with_its_remedy() {
    let missing = replay(Path::new("/nowhere/at/all"), &["0"]);
    assert!(!missing.status.success());
    let text = error(&missing);
    assert!(text.contains("/nowhere/at/all") && text.contains("--data-dir"), "{text}");
}

#[test]
fn the_first_of_several_terminals_is_played_and_said_to_be() {
    let mut events = vec![opened()];
    events.extend(shell(0, 1, 80, 24));
    events.extend(shell(1, 4, 80, 24));
    events.push(output(2, 1, "one"));
    events.push(output(3, 4, "four"));
    events.push(closed(4));
    let folder = archive(&[(id(1), events)]);
    let first = replay(folder.path(), &["0", "--plain"]);
    assert_eq!(first.stdout, b"one");
    assert!(error(&first).contains("--lane 4"), "{}", error(&first));
    let other = replay(folder.path(), &["0", "--plain", "--lane", "4"]);
    assert_eq!(other.stdout, b"four");
    let none = replay(folder.path(), &["0", "--lane", "9"]);
    assert!(error(&none).contains("no lane 9; it has 1 (shell), 4 (shell)"), "{}", error(&none));
    let timeline = replay(folder.path(), &["0", "--plain", "--timeline"]);
    assert!(String::from_utf8_lossy(&timeline.stdout).contains("│ four"));
}

#[test]
fn a_picture_is_written() {
    let folder = archive(&[(id(1), shell_session())]);
    let file = folder.path().join("session.svg");
    let drawn = replay(folder.path(), &["0", "--svg", file.to_str().unwrap()]);
    assert!(drawn.status.success(), "{}", error(&drawn));
    let svg = std::fs::read_to_string(file).unwrap();
    assert!(svg.contains("folder 59") && svg.len() < 150 * 1024);
}
