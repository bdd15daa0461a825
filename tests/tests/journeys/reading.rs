//! What the programs say of the record: `sessions`, `show`, `verify`, `replay`.

use serde_json::Value;
use wiretape_tests::gateway::programs;
use wiretape_tests::program::Program;
use wiretape_tests::stage::{PERSON, Stage, TARGET};
use wiretape_tests::terminal::Terminal;

#[test]
fn sessions_are_listed_for_people_and_for_programs() {
    let stage = Stage::new();
    stage.ssh().arg("echo one; exit 3").finish().coded(3);
    let session = stage.gateway.record().one();
    assert_eq!(session.number("upstream_bytes"), 4);
    let listed = stage.gateway.record().program(&["sessions"]).succeed().text();
    for word in [PERSON, TARGET, &session.id()[..4]] {
        assert!(listed.contains(word), "{word} is not in\n{listed}");
    }
    let by_config = Program::new(programs().join("wiretape"))
        .args(["sessions", "--json", "--config"])
        .arg(stage.gateway.file())
        .succeed();
    let rows: Vec<Value> = serde_json::from_slice(&by_config.stdout).expect("an array");
    assert_eq!(rows[0]["id"], session.id());
    for field in ["opened", "closed", "duration_seconds", "tape_bytes", "reason", "client_address"] {
        assert!(!rows[0][field].is_null(), "{field}");
    }
}

#[test]
fn events_are_shown_as_json_lines() {
    let stage = Stage::new();
    stage.ssh().arg("printf 'a\\377b'; echo text >&2; exit 3").finish().coded(3);
    let session = stage.gateway.record().one();
    let shown = session.program("show", &["--json"]).succeed();
    let events: Vec<Value> = shown.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(events.len() as u64, session.number("events"));
    let kinds: Vec<&str> = events.iter().map(|event| event["kind"].as_str().expect("a kind")).collect();
    assert_eq!(kinds, session.events().names());
    let numbers: Vec<u64> = events.iter().map(|event| event["number"].as_u64().expect("a number")).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
    assert!(events.windows(2).all(|pair| pair[0]["at_ns"].as_u64() <= pair[1]["at_ns"].as_u64()));
    let data: Vec<&Value> = events.iter().filter(|event| event["kind"] == "stream.data").collect();
    assert!(data.iter().any(|event| event["base64"] == "Yf9i" && event["side"] == "upstream"), "{data:#?}");
    assert!(data.iter().any(|event| event["text"] == "text\n"), "{data:#?}");
    let shown = session.program("show", &[]).succeed().text();
    assert!(shown.contains("exit"), "{shown}");
}

/// The last chunk of a tape is no longer than this.
const TRAILER_BYTES_MAX: usize = 256;

#[test]
fn a_changed_tape_is_found_wherever_it_was_changed() {
    let stage = Stage::new();
    stage.ssh().arg("head -c 3000 /dev/urandom").succeed();
    let session = stage.gateway.record().one();
    session.verified().coded(0);
    let path = session.tape();
    let whole = std::fs::read(&path).expect("the tape is there");
    let step = whole.len() / 40;
    for at in (0..whole.len()).step_by(step.max(1)) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        std::fs::write(&path, &changed).expect("the tape can be written");
        let verified = session.verified();
        let told = format!("byte {at} of {}: {}{}", whole.len(), verified.text(), verified.errors());
        // A changed length in the last chunk looks like a tape that was cut off there: not complete, in any case.
        if at < whole.len() - TRAILER_BYTES_MAX {
            assert_eq!(verified.code(), 1, "{told}");
        } else {
            assert_ne!(verified.code(), 0, "{told}");
        }
    }
    std::fs::write(&path, &whole[..whole.len() - 10]).expect("the tape can be written");
    let cut = session.verified().coded(2);
    assert!(cut.text().contains("unsealed tail"), "{}", cut.text());
    std::fs::write(&path, &whole).expect("the tape can be written");
    session.verified().coded(0);
    let all = stage.gateway.record().program(&["verify", "--all", "--json"]).succeed();
    assert!(all.text().contains("\"complete\""), "{}", all.text());
}

#[test]
fn a_recorded_command_is_replayed_byte_for_byte() {
    let stage = Stage::new();
    let printed = stage
        .client("ssh")
        .args(["-tt", "web@gateway", "echo one; sleep 0.2; printf 'two\\033[1m three\\n'"])
        .succeed();
    let session = stage.gateway.record().one();
    let replayed = Program::new(programs().join("replay"))
        .arg("--data-dir")
        .arg(&stage.gateway.configuration.data_dir)
        .arg(&session.id()[..8])
        .succeed();
    assert_eq!(replayed.text(), printed.text());
    let by_gateway = session.program("replay", &["--plain"]).succeed();
    assert_eq!(by_gateway.text(), printed.text());
}

#[test]
fn the_screen_of_an_editor_is_replayed_as_it_was() {
    let stage = Stage::new();
    let text: String = (1..200).map(|number| format!("{number} ünïcödé │ {}\n", "word ".repeat(number % 30))).collect();
    let file = stage.folder.write("edited.txt", text);
    let ssh = format!("ssh -F {} -t web@gateway", stage.client_configuration().display());
    let live = Terminal::start(&stage.folder, 132, 43, &ssh);
    live.enter(&format!("PS1=; export LANG=C.UTF-8; vim -u NONE -N -n {}", file.display()));
    live.wait("1 ünïcödé │ word");
    live.enter(":set number nowrap ruler laststatus=2 hlsearch encoding=utf-8");
    live.enter(":syntax on");
    live.enter("/word word word");
    live.type_text("Ginserted at the end");
    live.press("Escape");
    live.type_text("ggjjdd");
    live.enter(":vsplit");
    live.resize(100, 30);
    live.wait_for("vim at its new size", |screen| {
        screen.len() == 30 && screen[28].chars().count() > 60 && screen[29].chars().count() <= 100
    });
    live.enter(":redraw!");
    live.type_text("19G");
    live.wait("19,");
    // The last key is the Enter that the client's own escape has to follow. The picture at which the connection ends, with nothing of the shell's after it.
    live.press("Enter");
    live.wait("20,");
    let stable = || {
        let one = live.screen();
        std::thread::sleep(std::time::Duration::from_millis(300));
        (one == live.screen()).then_some(one)
    };
    let screen = (0..100).find_map(|_| stable()).expect("the screen comes to rest");
    live.press("~");
    live.press(".");
    let _ = live.exit();
    drop(live);

    let session = stage.gateway.record().one();
    let replay = format!(
        "{} --data-dir {} --speed 100 --idle-limit 0.1 {}",
        programs().join("replay").display(),
        stage.gateway.configuration.data_dir.display(),
        session.id()
    );
    let again = Terminal::start(&stage.folder, 132, 43, &replay);
    let wanted: Vec<&str> = screen.iter().map(String::as_str).collect();
    again.wait_for("the same picture", |replayed| {
        // The player may show its own line below what it plays.
        let replayed: Vec<&str> = replayed.iter().take(30).map(String::as_str).collect();
        replayed == wanted
    });
}
