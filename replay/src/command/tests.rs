use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::Value;
use tempfile::TempDir;
use wiretape_recorder::{Archive, Durability, Settings, Store};

use super::args::{SessionsArgs, ShowArgs, VerifyArgs};
use super::{sessions, show, verify};
use crate::command::StateArg;
use archive::{closed, id, opened, output, record, shell, shell_session};

#[path = "../../tests/archive/mod.rs"]
mod archive;

fn two_sessions() -> TempDir {
    let mut short = vec![opened()];
    short.extend(shell(1, 3, 80, 24));
    short.push(output(2, 3, vec![0xff, 0xfe]));
    short.push(closed(1_500));
    archive::archive(&[(id(1), shell_session()), (id(2), short)])
}

fn printed(print: impl FnOnce(&mut dyn std::io::Write) -> anyhow::Result<()>) -> String {
    let mut bytes = Vec::new();
    print(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn listed(folder: &TempDir, args: &SessionsArgs) -> String {
    printed(|output| sessions::sessions(folder.path(), args, output))
}

fn verified(folder: &Path, args: &VerifyArgs) -> (String, u8) {
    let mut bytes = Vec::new();
    let status = verify::verify(folder, args, &mut bytes).unwrap();
    (String::from_utf8(bytes).unwrap(), status)
}

fn one(session: &str) -> VerifyArgs {
    VerifyArgs { session: Some(session.to_owned()), ..VerifyArgs::default() }
}

fn tape_path(folder: &TempDir, first: u8) -> std::path::PathBuf {
    Archive::open(folder.path()).unwrap().tape_path(&id(first))
}

#[test]
fn the_list_is_a_table_with_the_newest_first() {
    let folder = two_sessions();
    let list = listed(&folder, &SessionsArgs { limit: 50, ..SessionsArgs::default() });
    let lines: Vec<_> = list.lines().collect();
    assert_eq!(lines.len(), 3, "{list}");
    assert!(lines[0].starts_with("ID "), "{list}");
    assert!(lines[1].starts_with(&id(2).to_string()[..5]), "{list}");
    assert!(lines[1].contains("2026-11-22 02:29:05") && lines[1].contains("1.5 s"), "{list}");
    assert!(lines[2].contains("ana") && lines[2].contains("deploy@web1") && lines[2].contains("closed"), "{list}");
    // What is shown of an id is enough to name the session.
    let shown = lines[2].split(' ').next().unwrap();
    assert_eq!(Archive::open(folder.path()).unwrap().find(shown).unwrap().id, id(1));
}

#[test]
fn the_list_can_be_narrowed() {
    let folder = two_sessions();
    let usual = || SessionsArgs { limit: 50, ..SessionsArgs::default() };
    let lines = |args: SessionsArgs| listed(&folder, &args).lines().count();
    assert_eq!(lines(SessionsArgs { limit: 1, ..usual() }), 2);
    assert_eq!(lines(SessionsArgs { person: Some("ana".into()), ..usual() }), 3);
    assert_eq!(listed(&folder, &SessionsArgs { person: Some("eve".into()), ..usual() }), "no sessions\n");
    assert_eq!(listed(&folder, &SessionsArgs { target: Some("db".into()), ..usual() }), "no sessions\n");
    assert_eq!(listed(&folder, &SessionsArgs { state: Some(StateArg::Live), ..usual() }), "no sessions\n");
    assert_eq!(lines(SessionsArgs { state: Some(StateArg::Closed), ..usual() }), 3);
    assert_eq!(lines(SessionsArgs { since: Some("2026-11-22T02:29:00Z".into()), ..usual() }), 2);
    let wrong = SessionsArgs { since: Some("soon".into()), ..usual() };
    assert!(sessions::sessions(folder.path(), &wrong, &mut Vec::new()).unwrap_err().to_string().contains("`soon`"));
}

#[test]
fn the_list_is_json_for_programs() {
    let folder = two_sessions();
    let list = listed(&folder, &SessionsArgs { json: true, limit: 50, ..SessionsArgs::default() });
    let list: Value = serde_json::from_str(&list).unwrap();
    let newest = &list[0];
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!(newest["id"], id(2).to_string());
    assert_eq!(newest["person"], "ana");
    assert_eq!(newest["opened"], "2026-11-22T02:29:05.000000000Z");
    assert_eq!(newest["closed"], "2026-11-22T02:29:06.500000000Z");
    assert_eq!(newest["duration_seconds"], 1.5);
    assert_eq!(newest["state"], "closed");
    assert_eq!(newest["upstream_bytes"], 2);
    let empty = tempfile::tempdir().unwrap();
    record(empty.path(), &[]);
    let args = SessionsArgs { json: true, limit: 50, ..SessionsArgs::default() };
    assert_eq!(listed(&empty, &args), "[]\n");
}

#[test]
fn everything_on_a_tape_is_shown() {
    let folder = two_sessions();
    let args = ShowArgs { session: id(2).to_string(), ..ShowArgs::default() };
    let text = printed(|output| show::show(folder.path(), &args, output));
    for part in ["ana", "publickey SHA256:abc", "deploy", "closed  2026-11-22T02:29:06.500000000Z, after 1.5 s", "root"]
    {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    let events = text.lines().skip_while(|line| !line.is_empty()).skip(1).count();
    assert_eq!(events, 6, "{text}");
    let json = printed(|output| show::show(folder.path(), &ShowArgs { json: true, ..args.clone() }, output));
    let events: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), 6);
    assert_eq!(events[0]["kind"], "session.opened");
    assert_eq!(events[4]["kind"], "terminal.output");
    assert_eq!(
        (&events[4]["number"], &events[4]["at_ns"], &events[4]["lane"]),
        (&4.into(), &2_000_000.into(), &3.into())
    );
    assert_eq!(events[4]["base64"], "//4=");
    let lane = ShowArgs { json: true, lane: Some(3), ..args };
    assert_eq!(printed(|output| show::show(folder.path(), &lane, output)).lines().count(), 4);
}

#[test]
fn a_whole_tape_is_complete() {
    let folder = two_sessions();
    let (text, status) = verified(folder.path(), &one(&id(1).to_string()));
    assert!(text.starts_with(&format!("{}  complete · ", id(1))), "{text}");
    assert_eq!(status, 0);
    let by_path = verified(Path::new("/nowhere"), &one(tape_path(&folder, 1).to_str().unwrap()));
    assert_eq!(by_path.1, 0, "{}", by_path.0);
    let (text, status) = verified(folder.path(), &VerifyArgs { all: true, ..VerifyArgs::default() });
    assert!(text.ends_with("2 sessions verified: 2 complete\n"), "{text}");
    assert_eq!(status, 0);
}

#[test]
fn what_was_changed_is_called_tampered_and_what_was_cut_an_unsealed_tail() {
    let folder = two_sessions();
    let path = tape_path(&folder, 1);
    let whole = fs::read(&path).unwrap();
    let mut changed = whole.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    fs::write(&path, &changed).unwrap();
    let (text, status) = verified(folder.path(), &one(&id(1).to_string()));
    assert!(text.contains("  tampered (") && status == 1, "{text}");
    let json = VerifyArgs { json: true, ..one(&id(1).to_string()) };
    let object: Value = serde_json::from_str(&verified(folder.path(), &json).0).unwrap();
    assert_eq!(object["verdict"], "tampered");
    assert!(object["offset"].is_number());
    let (text, status) = verified(folder.path(), &VerifyArgs { all: true, ..VerifyArgs::default() });
    assert!(text.ends_with("2 sessions verified: 1 complete, 1 tampered or unreadable\n"), "{text}");
    assert_eq!(status, 1, "one bad tape among good ones: {text}");
    fs::write(&path, &whole[..whole.len() - 20]).unwrap();
    let (text, status) = verified(folder.path(), &one(&id(1).to_string()));
    assert!(text.contains("  unsealed tail") && status == 2, "{text}");
}

#[test]
fn a_session_that_goes_on_is_no_fault() {
    let folder = two_sessions();
    let store = Store::open(folder.path(), Settings::default()).unwrap();
    let recording = store.begin(id(3), archive::OPENED_UNIX_NANOS, Durability::Synced).unwrap();
    let number = recording.append(opened()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(recording.passed(number)).unwrap();
    // The list hears of a session a moment after it began.
    let list = || listed(&folder, &SessionsArgs { limit: 50, ..SessionsArgs::default() });
    let until = Instant::now() + Duration::from_secs(60);
    while list().lines().count() < 4 {
        assert!(Instant::now() < until, "{}", list());
        std::thread::sleep(Duration::from_millis(5));
    }
    let all = VerifyArgs { all: true, ..VerifyArgs::default() };
    let (text, status) = verified(folder.path(), &all);
    assert!(text.contains(&format!("{}  unsealed tail", id(3))), "{text}");
    assert!(text.ends_with("3 sessions verified: 2 complete, 1 still live and right so far\n"), "{text}");
    assert_eq!(status, 0, "{text}");
    let (text, _) = verified(folder.path(), &VerifyArgs { json: true, ..one(&id(3).to_string()) });
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["live"], true, "{text}");
    runtime.block_on(recording.finish()).unwrap();
    store.close();
    // The same tape, cut where it was: nobody writes it now.
    let path = tape_path(&folder, 3);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 20]).unwrap();
    let (text, status) = verified(folder.path(), &all);
    assert!(text.ends_with("3 sessions verified: 2 complete, 1 with an unsealed tail\n"), "{text}");
    assert_eq!(status, 2, "{text}");
}

#[test]
fn what_is_no_tape_does_not_hide_the_others() {
    let folder = two_sessions();
    fs::write(tape_path(&folder, 1), b"not a tape at all, and long enough to look like one").unwrap();
    let (text, status) = verified(folder.path(), &VerifyArgs { all: true, ..VerifyArgs::default() });
    assert!(text.contains(&format!("{}  complete", id(2))), "{text}");
    assert_eq!(status, 1, "{text}");
}

#[test]
fn arguments_are_read_as_people_type_them() {
    #[derive(Parser)]
    struct Play {
        #[command(flatten)]
        args: super::PlayArgs,
    }
    let play = |words: &[&str]| Play::try_parse_from(std::iter::once(&"replay").chain(words)).map(|play| play.args);
    let args = play(&["abc", "--speed", "2x", "--idle-limit", "1.5", "--at", "1:30", "--no-timing"]).unwrap();
    assert_eq!((args.speed, args.plain), (2.0, true));
    assert_eq!(args.at.unwrap().as_nanos(), 90_000_000_000);
    assert_eq!(args.idle_limit.unwrap().as_nanos(), 1_500_000_000);
    assert!(play(&["abc", "--speed", "0"]).is_err());
    assert!(play(&["abc", "--at", "soon"]).is_err());
}

#[test]
fn a_form_to_export_has_to_be_named() {
    #[derive(Parser)]
    struct Export {
        #[command(flatten)]
        args: super::ExportArgs,
    }
    let export = |words: &[&str]| Export::try_parse_from(std::iter::once(&"export").chain(words)).map(|it| it.args);
    assert!(export(&["abc"]).is_err());
    assert!(export(&["abc", "--sql"]).unwrap().sql);
    assert_eq!(export(&["--sql", "abc", "--failed", "keep"]).unwrap().failed, super::FailedArg::Keep);
}

/// A session of HTTP with a label.
fn labelled() -> Vec<wiretape_core::Event> {
    use wiretape_core::event::{HttpEvent, HttpVersion, SessionEvent};
    use wiretape_core::{Kind, Side};
    let asked = |path: &'static str| HttpEvent::Request {
        version: HttpVersion::Http2,
        method: "GET".into(),
        scheme: "https".into(),
        authority: "localhost:8443".into(),
        path: path.into(),
        protocol: None,
        fields: Vec::new(),
    };
    let label = SessionEvent::Labelled { label: "run-42".into() };
    vec![
        opened(),
        archive::event(1, Side::Client, 0, Kind::Session(label)),
        archive::event(2, Side::Client, 1, Kind::Http(asked("/orders"))),
        archive::event(3, Side::Client, 2, Kind::Http(asked("/orders/17"))),
        closed(10),
    ]
}

#[test]
fn labels_and_first_requests_have_columns_where_there_are_any() {
    let folder = archive::archive(&[(id(1), shell_session()), (id(2), labelled())]);
    let usual = || SessionsArgs { limit: 50, ..SessionsArgs::default() };
    let list = listed(&folder, &usual());
    let lines: Vec<_> = list.lines().collect();
    assert!(lines[0].contains("LABEL") && lines[0].contains("WHAT"), "{list}");
    assert!(lines[1].contains("run-42") && lines[1].contains("GET /orders +1"), "{list}");
    let labelled = SessionsArgs { label: Some("run-42".into()), ..usual() };
    assert_eq!(listed(&folder, &labelled).lines().count(), 2);
    assert_eq!(listed(&folder, &SessionsArgs { label: Some("run".into()), ..usual() }), "no sessions\n");
    let plain = listed(&two_sessions(), &usual());
    assert!(!plain.contains("LABEL") && !plain.contains("WHAT"), "{plain}");
    let json: Value = serde_json::from_str(&listed(&folder, &SessionsArgs { json: true, ..usual() })).unwrap();
    assert_eq!((&json[0]["label"], &json[0]["what"]), (&"run-42".into(), &"GET /orders +1".into()));
}

#[test]
fn an_export_has_one_form() {
    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        export: crate::command::ExportArgs,
    }
    let parse = |arguments: &[&str]| Arguments::try_parse_from([&["export", "abc"], arguments].concat());
    assert!(parse(&["--har"]).is_ok_and(|arguments| arguments.export.har && !arguments.export.sql));
    assert!(parse(&["--sql"]).is_ok_and(|arguments| arguments.export.sql));
    assert!(parse(&["--sql", "--failed", "keep"]).is_ok());
    assert!(
        parse(&[]).is_err() && parse(&["--har", "--sql"]).is_err() && parse(&["--har", "--failed", "keep"]).is_err()
    );
}

#[test]
fn an_archive_of_http_is_written() {
    let folder = archive::archive(&[(id(2), labelled())]);
    let args = crate::command::ExportArgs { session: id(2).to_string(), har: true, ..Default::default() };
    let har: Value =
        serde_json::from_str(&printed(|output| super::export::export(folder.path(), &args, output))).unwrap();
    assert_eq!(har["log"]["entries"].as_array().unwrap().len(), 2);
}
