//! The gateway dies, or can no longer record: what was promised is on the tape, and nothing runs on unrecorded.

use std::path::{Path, PathBuf};

use rustix::process::Signal;
use wiretape_core::Side;
use wiretape_core::event::SessionEvent;
use wiretape_tests::configuration::Configuration;
use wiretape_tests::gateway::Gateway;
use wiretape_tests::program::Program;
use wiretape_tests::random;
use wiretape_tests::record::{Record, Session};
use wiretape_tests::stage::{Stage, wait_until};

/// Everything that the target said in the session, as far as its tape goes.
fn heard(session: &Session) -> Vec<u8> {
    let events = session.events();
    let lanes = events.lanes("session");
    lanes.first().map_or_else(Vec::new, |lane| events.stream(Side::Upstream, *lane, false))
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// The gateway dies in the middle of a session of which it had said that nothing passes before it is recorded.
#[test]
fn what_the_client_saw_is_on_the_tape_after_kill_9() {
    for record in ["written", "synced"] {
        let mut stage = Stage::with(|_, configuration| {
            configuration.target("web").set(&format!("record = {record:?}"));
        });
        stage.ssh().arg("echo before").succeed();
        let client = stage.ssh().arg("i=0; while :; do echo line-$i; i=$((i+1)); done").start();
        client.wait_bytes(200_000);
        stage.gateway.kill();
        let seen = client.finish();
        assert_ne!(seen.code(), 0);
        after_a_crash(&mut stage, &seen.stdout);
    }
}

/// With a queue before the disk, what is older than the queue is on the tape.
#[test]
fn what_was_committed_is_on_the_tape_after_kill_9() {
    let mut stage = Stage::with(|_, configuration| configuration.target("web").set("record = \"queued\""));
    stage.ssh().arg("echo before").succeed();
    let mut client = stage.ssh().arg("cat").input_held().start();
    client.say(b"committed line\n").expect("it reads");
    client.wait_printed("committed line\n");
    let record = stage.gateway.record();
    wait_until("the line on the tape of the live session", || {
        record
            .sessions()
            .iter()
            .any(|session| session.state() == "live" && contains(&heard(session), b"committed line\n"))
    });
    stage.gateway.kill();
    let _ = client.finish();
    after_a_crash(&mut stage, b"committed line\n");
}

/// The newest session was cut off, its tape holds `seen` and ends unsealed, and the gateway goes on after a restart.
fn after_a_crash(stage: &mut Stage, seen: &[u8]) {
    let cut = stage.gateway.record().sessions().remove(0);
    let taped = heard(&cut);
    assert!(taped.starts_with(seen), "{} bytes were seen, {} are on the tape", seen.len(), taped.len());
    let verified = cut.verified().coded(2);
    assert!(verified.text().contains("unsealed tail"), "{}", verified.text());

    stage.restart(|_| {});
    let sessions = stage.gateway.record().sessions();
    assert_eq!(sessions.len(), 2);
    assert_eq!((sessions[0].id(), sessions[0].state()), (cut.id(), "cut off"));
    assert_eq!(sessions[1].state(), "closed");
    sessions[1].verified().coded(0);
    // A tape that was cut off is never written to again.
    let verified = sessions[0].verified().coded(2);
    assert!(verified.text().contains("unsealed tail"), "{}", verified.text());
    assert!(heard(&sessions[0]).starts_with(seen));
    stage.ssh().arg("echo after").succeed();
    assert_eq!(stage.gateway.record().ended(3)[0].state(), "closed");
}

#[test]
fn a_gateway_that_is_asked_to_finish_closes_its_tapes() {
    let stage = Stage::new();
    let mut client = stage.ssh().arg("cat").input_held().start();
    client.say(b"hello\n").expect("it reads");
    client.wait_printed("hello\n");
    stage.gateway.finish();
    assert_ne!(client.finish().code(), 0);
    let session = stage.gateway.record().one();
    assert_eq!(session.state(), "closed");
    assert!(contains(&heard(&session), b"hello\n"));
    session.verified().coded(0);
    assert!(session.events().session().any(|event| matches!(event, SessionEvent::Closed { .. })));
}

/// A gateway whose data folder is a file system of its own, so small that it is soon full.
struct SmallDisk {
    stage: Stage,
    /// The data folder, as it is seen from outside of the gateway's mount namespace.
    data: PathBuf,
}

impl SmallDisk {
    const SIZE: &str = "6m";

    fn new(record: &str) -> Self {
        let mut stage = Stage::new();
        stage.gateway.finish();
        let mut configuration =
            Configuration { data_dir: stage.folder.make("small"), ..stage.gateway.configuration.clone() };
        configuration.target("web").set(&format!("record = {record:?}"));
        let script = "mount -t tmpfs -o size=\"$1\" wiretape \"$2\" && shift 2 && exec \"$@\"";
        let folder = configuration.data_dir.display().to_string();
        let wrap = |program: &Path| {
            let unshare = Program::new("unshare").args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]);
            unshare.args([Self::SIZE, &folder]).arg(program)
        };
        stage.gateway = Gateway::start_by(&stage.folder, configuration, wrap);
        stage.write_client_configuration();
        let inside = Path::new("/proc").join(stage.gateway.number().to_string()).join("root");
        Self { stage, data: inside.join(folder.trim_start_matches('/')) }
    }

    /// Sends much both ways until there is no room left; the session must end and say why. Gives what the client saw,
    /// and the session.
    fn fill(&self, command: &str) -> (Vec<u8>, Session) {
        let sent = self.stage.folder.join("sent");
        let _ = random::file(&sent, 50_000_000);
        let finished = self.stage.ssh().arg(command).input_file(&sent).finish();
        assert_ne!(finished.code(), 0, "{command}");
        assert!(finished.errors().contains("wiretape: "), "{command}: {}", finished.errors());
        assert!(!finished.text().contains("swallowed"), "the target got what could not be recorded");
        let session = || Record::of(&self.data).sessions().remove(0);
        wait_until("the session is over", || session().state() != "live");
        (finished.stdout, session())
    }

    /// As long as nothing can be recorded, nobody gets in.
    fn lets_nobody_in(&self) {
        let refused = self.stage.ssh().arg("echo got in").finish().coded(255);
        assert!(refused.errors().contains("wiretape: "), "{}", refused.errors());
        assert!(!refused.text().contains("got in"));
        assert!(self.stage.gateway.runs());
    }
}

const MUCH_DOWN: &str = "head -c 50000000 /dev/urandom";
const MUCH_UP: &str = "cat > /dev/null; echo swallowed";

#[test]
fn a_full_disk_ends_the_session_with_a_message_and_lets_nobody_in_unrecorded() {
    for command in [MUCH_DOWN, MUCH_UP] {
        let disk = SmallDisk::new("queued");
        let _ = disk.fill(command);
        disk.lets_nobody_in();
    }
}

/// Where the operator wants it so, not one byte is seen that is not on the tape, even when the disk is full.
#[test]
fn a_full_disk_shows_nobody_what_is_not_on_the_tape() {
    for record in ["written", "synced"] {
        let disk = SmallDisk::new(record);
        let (seen, session) = disk.fill(MUCH_DOWN);
        let taped = heard(&session);
        assert!(taped.starts_with(&seen), "{record}: {} bytes were seen, {} are on the tape", seen.len(), taped.len());
        disk.lets_nobody_in();
    }
}

#[test]
fn a_second_gateway_does_not_write_where_the_first_one_does() {
    let stage = Stage::new();
    let file = stage.gateway.file().to_path_buf();
    let second = stage
        .folder
        .program(wiretape_tests::gateway::programs().join("wiretape"))
        .args(["serve", "--config"])
        .arg(file)
        .start();
    let status = second.wait();
    assert!(!status.success(), "{}", second.complained());
    stage.ssh().arg("true").succeed();
    stage.gateway.record().one().verified().coded(0);
    second.signal(Signal::KILL);
}
