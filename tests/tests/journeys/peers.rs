//! What broke in other gateways, each as a test that is repeated often enough to be believed.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use wiretape_core::{Lane, Side};
use wiretape_tests::program::{PATIENCE, Running};
use wiretape_tests::relay::Relay;
use wiretape_tests::stage::{Stage, wait_until};
use wiretape_tests::{processes, random};

/// What the gateway may hold beyond what it held before, while a peer does not read: far less than what waits.
const STALLED_KIB_MAX: u64 = 96 * 1024;

/// An input counts as stalled when it was not read from for so long. It says when to look, not what is right.
const STALLED_AFTER: Duration = Duration::from_secs(2);

#[test]
fn a_file_of_64_mb_is_got_by_sftp_at_its_default_depth_of_requests() {
    let stage = Stage::new();
    let there = stage.folder.join("there");
    let digest = random::file(&there, 64 << 20);
    for round in 0..8 {
        let got = stage.folder.join("got");
        let batch = stage.folder.write("batch", format!("get {} {}\n", there.display(), got.display()));
        stage.client("sftp").arg("-b").arg(batch).arg("web@gateway").succeed();
        assert_eq!(random::digest(&got), digest, "round {round}");
        std::fs::remove_file(got).expect("it is there");
    }
}

#[test]
fn a_download_ends_when_its_last_byte_came_192_times() {
    const EACH: u64 = 4_000_000;
    let stage = Stage::new();
    let there = stage.folder.join("there");
    let digest = random::file(&there, EACH);
    for round in 0..24 {
        let running: Vec<Running> =
            (0..8).map(|_| stage.ssh().arg(format!("cat {}; exit 9", there.display())).start()).collect();
        for running in running {
            let finished = running.finish().coded(9);
            assert_eq!(random::digest_of(&finished.stdout), digest, "round {round}");
        }
    }
    for session in stage.gateway.record().ended(192) {
        assert_eq!(session.number("upstream_bytes"), EACH);
        assert_eq!(session.state(), "closed");
    }
}

#[test]
fn what_is_piped_while_the_target_connects_arrives_whatever_its_first_byte() {
    let (stage, _road) = with_slow_target(Duration::from_millis(300));
    for round in 0..5 {
        let running: Vec<(Vec<u8>, Running)> = (0..8)
            .map(|number| {
                let mut bytes = random::bytes(200_000);
                // What a terminal would take for Ctrl-C, Ctrl-D, Ctrl-Z, Ctrl-\ or the end of a line.
                bytes[0] = [3, 3, 4, 26, 28, 13, 3, 10][number];
                let running = stage.ssh().arg("cat; exit 2").input(bytes.clone()).start();
                (bytes, running)
            })
            .collect();
        for (bytes, running) in running {
            let finished = running.finish().coded(2);
            assert!(finished.stdout == bytes, "round {round}: what came back is what was sent");
        }
    }
    for session in stage.gateway.record().ended(40) {
        assert_eq!((session.number("client_bytes"), session.number("upstream_bytes")), (200_000, 200_000));
    }
}

/// Waits until `client` has read no more of its input file for a while.
fn wait_stalled(client: &Running) {
    let position = || {
        let text = std::fs::read_to_string(format!("/proc/{}/fdinfo/0", client.number())).expect("the client runs");
        text.lines().next().and_then(|line| line.split_whitespace().last()?.parse::<u64>().ok()).expect("a position")
    };
    let until = Instant::now() + PATIENCE;
    let mut last = (position(), Instant::now());
    while last.1.elapsed() < STALLED_AFTER {
        assert!(Instant::now() < until, "the upload was never held back");
        std::thread::sleep(Duration::from_millis(50));
        let now = position();
        if now != last.0 {
            last = (now, Instant::now());
        }
    }
    assert!(last.0 > 0, "the upload began");
}

/// A file of `bytes` that takes no room.
fn sparse(path: &Path, bytes: u64) {
    std::fs::File::create(path).and_then(|file| file.set_len(bytes)).expect("a file can be made");
}

#[test]
fn an_upload_of_1_gib_to_a_stalled_target_is_held_back_and_then_goes_on() {
    const BYTES: u64 = 1 << 30;
    let stage = Stage::new();
    stage.ssh().arg("true").succeed();
    let before = processes::resident_kib(stage.gateway.number());
    let sent = stage.folder.join("sent");
    sparse(&sent, BYTES);
    let client = stage.ssh().arg("echo $$; exec wc -c").input_file(&sent).start();
    client.wait_printed("\n");
    let reader = client.line("").trim().parse().expect("a process number");
    processes::signal(reader, Signal::STOP);
    wait_stalled(&client);
    let peak = processes::resident_peak_kib(stage.gateway.number());
    assert!(peak < before + STALLED_KIB_MAX, "{before} KiB before, {peak} KiB at most while the target stood still");
    // Others are not held back with it.
    stage.ssh().arg("echo alive").succeed();
    processes::signal(reader, Signal::CONT);
    let finished = client.finish().coded(0);
    assert_eq!(finished.text(), format!("{reader}\n{BYTES}\n"));
    assert_eq!(stage.gateway.record().ended(3)[1].number("client_bytes"), BYTES);
}

/// A client on the connection at `socket` whose output of `bytes` goes into a pipe that nobody reads until the file
/// `go` is there; then they are counted. Gives the client, and the process that writes at the target.
fn unread(stage: &Stage, socket: &str, bytes: u64) -> (Running, i32) {
    let command = format!(
        "ssh -F {} -S {socket} web@gateway 'echo $$ >&2; exec head -c {bytes} /dev/zero' | \
         {{ until [ -e go ]; do sleep 0.1; done; wc -c; }}",
        stage.client_configuration().display()
    );
    let client = stage.folder.program("sh").args(["-c", &command]).start();
    let writer = client.error_line("").trim().parse().expect("a process number");
    (client, writer)
}

/// How much process `number` has written; `None` when it has ended.
fn written(number: i32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{number}/io")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("wchar: "))?.parse().ok()
}

/// A client that keeps a connection open, and the socket by which others share it.
fn shared_connection(stage: &Stage) -> (Running, String) {
    let control = stage.folder.join("control");
    let socket = control.display().to_string();
    let master = stage.client("ssh").args(["-M", "-N", "-S", &socket, "web@gateway"]).start();
    wait_until("the control socket", || control.exists());
    (master, socket)
}

/// Ends a shared connection.
fn leave(stage: &Stage, master: Running, socket: &str) {
    stage.client("ssh").args(["-S", socket, "-O", "exit", "web@gateway"]).succeed();
    let _ = master.finish();
}

#[test]
fn a_client_that_stops_reading_holds_back_its_own_channel_only() {
    const BYTES: u64 = 600_000_000;
    let stage = Stage::new();
    let (master, socket) = shared_connection(&stage);
    let before = processes::resident_kib(stage.gateway.number());
    let (client, writer) = unread(&stage, &socket, BYTES);
    // What the client does not read waits neither in memory nor in the way of others.
    wait_until("the writer to finish", || written(writer).is_none());
    for number in 0..20 {
        let finished = stage
            .client("ssh")
            .args(["-S", &socket, "web@gateway", &format!("head -c 3000000 /dev/zero | wc -c; cat; echo {number}")])
            .input("beside it ")
            .succeed();
        assert_eq!(finished.text(), format!("3000000\nbeside it {number}\n"));
    }
    let peak = processes::resident_peak_kib(stage.gateway.number());
    assert!(peak < before + STALLED_KIB_MAX, "{before} KiB before, {peak} KiB at most while the client did not read");
    stage.folder.write("go", "");
    assert_eq!(client.finish().good().text().trim(), BYTES.to_string());
    leave(&stage, master, &socket);
    assert_eq!(stage.gateway.record().one().carried().of(Side::Upstream, Lane(1)).0, BYTES);
}

#[test]
fn more_than_a_disk_should_hold_for_a_client_that_does_not_read_holds_the_target_back() {
    const BYTES: u64 = 2_000_000_000;
    let stage = Stage::new();
    let (master, socket) = shared_connection(&stage);
    let before = processes::resident_kib(stage.gateway.number());
    let (client, writer) = unread(&stage, &socket, BYTES);
    let until = Instant::now() + PATIENCE;
    let mut last = (0, Instant::now());
    while last.1.elapsed() < STALLED_AFTER {
        let now = written(writer).expect("the target is held back, so it cannot have finished");
        assert!(Instant::now() < until, "the target was never held back: {now} bytes");
        if now != last.0 {
            last = (now, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let peak = processes::resident_peak_kib(stage.gateway.number());
    assert!(peak < before + STALLED_KIB_MAX, "{before} KiB before, {peak} KiB at most while the client did not read");
    stage.folder.write("go", "");
    assert_eq!(client.finish().good().text().trim(), BYTES.to_string());
    leave(&stage, master, &socket);
    assert_eq!(stage.gateway.record().one().carried().of(Side::Upstream, Lane(1)).0, BYTES);
}

#[test]
fn a_bulk_channel_does_not_freeze_a_second_one() {
    const BYTES: u64 = 300_000_000;
    let stage = Stage::new();
    let (master, socket) = shared_connection(&stage);
    let bulk = stage
        .client("ssh")
        .args(["-S", &socket, "web@gateway", &format!("head -c {BYTES} /dev/zero; echo finished >&2")])
        .output_file(&stage.folder.join("bulk"))
        .start();
    let mut answered = 0;
    while bulk.runs() {
        let finished = stage.client("ssh").args(["-S", &socket, "web@gateway", "echo small"]).succeed();
        assert_eq!(finished.text(), "small\n");
        answered += u32::from(!bulk.complained().contains("finished"));
    }
    assert!(answered >= 3, "commands were answered while the bulk went on: {answered}");
    bulk.finish().coded(0);
    assert_eq!(std::fs::metadata(stage.folder.join("bulk")).expect("it was written").len(), BYTES);
    leave(&stage, master, &socket);
    let carried = stage.gateway.record().one().carried();
    // A small command may have been the first to open its channel.
    assert!((1..1_000).any(|lane| carried.of(Side::Upstream, Lane(lane)).0 == BYTES));
}

/// A stage whose target is reached over a road that first waits for `delay`; the road is there as long as the relay.
fn with_slow_target(delay: Duration) -> (Stage, Relay) {
    let road = Relay::start(SocketAddr::from(([127, 0, 0, 1], 1)), delay);
    let stage = Stage::with(|_, configuration| {
        configuration.target("web").set(&format!("address = \"{}\"", road.address()));
    });
    road.lead_to(stage.sshd.address());
    (stage, road)
}
