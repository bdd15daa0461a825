//! OpenSSH straight to its server and through the gateway, in turns, in one run: `cargo xtask bench ssh`.
//!
//! Absolute figures are those of the machine; the ratios are what counts. Recording is on.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use wiretape_tests::processes;
use wiretape_tests::program::{Program, Running};
use wiretape_tests::random;
use wiretape_tests::stage::Stage;

/// The bars.
const BULK_RATIO_MIN: f64 = 0.45;
const ECHO_ADDED_MS_MAX: f64 = 0.3;
const IDLE_SESSION_KIB_MAX: f64 = 150.0;

const IDLE_SESSIONS: usize = 200;

/// How often each is done; a quick run shows only that it works.
struct Effort {
    bulk_mib: u64,
    bulk_rounds: usize,
    connections: usize,
    echoes: usize,
    sessions: usize,
}

const FULL: Effort = Effort { bulk_mib: 512, bulk_rounds: 5, connections: 21, echoes: 3000, sessions: IDLE_SESSIONS };
const QUICK: Effort = Effort { bulk_mib: 64, bulk_rounds: 2, connections: 3, echoes: 200, sessions: 10 };

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let effort = if arguments.iter().any(|argument| argument == "--quick") { QUICK } else { FULL };
    let parts: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|wanted| *wanted == part);

    println!("{:<44} {:>12} {:>12} {:>9}   bar", "", "direct", "gateway", "ratio");
    if wanted("bulk") {
        bulk(&effort);
    }
    if wanted("connect") {
        connect(&effort);
    }
    if wanted("echo") {
        echo(&effort, "echo of one byte, no terminal", &[], "echo ready; exec cat");
        echo(&effort, "echo of one byte, on a terminal", &["-tt"], "stty raw -echo; echo ready; exec cat");
    }
    if wanted("memory") {
        memory(&effort);
    }
}

/// The two ways to the same server.
#[derive(Clone, Copy)]
enum Way {
    Direct,
    Gateway,
}

const WAYS: [Way; 2] = [Way::Direct, Way::Gateway];

impl Way {
    fn ssh(self, stage: &Stage, options: &[&str]) -> Program {
        let host = match self {
            Self::Direct => "direct",
            Self::Gateway => "web@gateway",
        };
        stage.client("ssh").args(options).arg(host)
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    percentile(&mut values, 50)
}

fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get(last * percent / 100).copied().unwrap_or(f64::NAN)
}

/// Measures both ways in turns, after one round that does not count, and gives the medians.
fn in_turns(rounds: usize, mut measure: impl FnMut(Way) -> f64) -> [f64; 2] {
    let mut measured = [Vec::new(), Vec::new()];
    for round in 0..=rounds {
        for (way, values) in WAYS.into_iter().zip(&mut measured) {
            let value = measure(way);
            if round > 0 {
                values.push(value);
            }
        }
    }
    measured.map(median)
}

fn row(name: &str, [direct, gateway]: [f64; 2], unit: &str, bar: &str) {
    let ratio = gateway / direct;
    println!(
        "{name:<44} {:>12} {:>12} {ratio:>9.2}   {bar}",
        format!("{direct:.2} {unit}"),
        format!("{gateway:.2} {unit}")
    );
}

fn verdict(bar: &str, met: bool) -> String {
    format!("{bar}: {}", if met { "met" } else { "MISSED" })
}

fn bulk(effort: &Effort) {
    let stage = Stage::new();
    let file = stage.folder.join("bulk");
    let _ = random::file(&file, effort.bulk_mib << 20);
    let null = Path::new("/dev/null");
    let rate = |program: Program| {
        let start = Instant::now();
        program.succeed();
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let mib = effort.bulk_mib as f64;
        mib / start.elapsed().as_secs_f64()
    };
    for cipher in [None, Some("aes128-gcm@openssh.com")] {
        let options: Vec<&str> = cipher.map_or_else(Vec::new, |cipher| vec!["-c", cipher]);
        let down = in_turns(effort.bulk_rounds, |way| {
            let command = format!("cat {}", file.display());
            let rate = rate(way.ssh(&stage, &options).arg(command).output_file(null));
            forget_tapes(&stage);
            rate
        });
        let up = in_turns(effort.bulk_rounds, |way| {
            let rate = rate(way.ssh(&stage, &options).arg("cat > /dev/null").input_file(&file));
            forget_tapes(&stage);
            rate
        });
        for (name, rates) in [("down", down), ("up", up)] {
            let bar = verdict(&format!("≥ {BULK_RATIO_MIN}"), rates[1] / rates[0] >= BULK_RATIO_MIN);
            let name = format!("{} MiB {name}, {}", effort.bulk_mib, cipher.unwrap_or("the client's cipher"));
            row(&name, rates, "MiB/s", &bar);
        }
    }
}

/// Removes the tapes of ended sessions, so that a run needs no more disk than one of them.
fn forget_tapes(stage: &Stage) {
    for session in stage.gateway.record().sessions() {
        if session.state() != "live" {
            let _gone_already = std::fs::remove_file(session.tape());
        }
    }
}

fn connect(effort: &Effort) {
    let stage = Stage::new();
    let times = in_turns(effort.connections, |way| {
        let start = Instant::now();
        way.ssh(&stage, &[]).arg("true").succeed();
        start.elapsed().as_secs_f64() * 1e3
    });
    row("connect and run true", times, "ms", "");
}

/// A client whose pipes are at hand.
struct Conversation {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Conversation {
    fn start(program: Program) -> Self {
        let mut command = program.into_command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("ssh starts");
        let input = child.stdin.take().expect("a pipe");
        let mut output = child.stdout.take().expect("a pipe");
        let mut line = Vec::new();
        let mut byte = [0];
        while !line.ends_with(b"ready\n") {
            output.read_exact(&mut byte).expect("it gets ready");
            line.push(byte[0]);
        }
        Self { child, input, output }
    }

    fn echo(&mut self) -> f64 {
        let mut byte = [b'x'];
        let start = Instant::now();
        self.input.write_all(&byte).expect("it reads");
        self.output.read_exact(&mut byte).expect("it answers");
        start.elapsed().as_secs_f64() * 1e3
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn echo(effort: &Effort, name: &str, options: &[&str], command: &str) {
    let stage = Stage::new();
    let mut measured = [Vec::new(), Vec::new()];
    let mut conversations = WAYS.map(|way| Conversation::start(way.ssh(&stage, options).arg(command)));
    for round in 0..=effort.echoes {
        for (conversation, times) in conversations.iter_mut().zip(&mut measured) {
            let time = conversation.echo();
            // The first ones pay for what is set up once.
            if round > effort.echoes / 10 {
                times.push(time);
            }
        }
        // A person types no faster.
        std::thread::sleep(Duration::from_millis(1));
    }
    for percent in [50, 99] {
        let times = [percentile(&mut measured[0], percent), percentile(&mut measured[1], percent)];
        let added = times[1] - times[0];
        let bar = match percent {
            50 => verdict(&format!("{added:+.3} ms, ≤ +{ECHO_ADDED_MS_MAX}"), added <= ECHO_ADDED_MS_MAX),
            _ => format!("{added:+.3} ms"),
        };
        row(&format!("{name}, p{percent}"), times, "ms", &bar);
    }
}

fn memory(effort: &Effort) {
    let stage = Stage::new();
    let shell = || {
        let shell = stage.client("ssh").args(["-tt", "web@gateway"]).input_held().start();
        shell.wait_bytes(1);
        shell
    };
    drop(shell());
    let _ = stage.gateway.record().ended(1);
    let before = processes::resident_kib(stage.gateway.number());
    let shells: Vec<Running> = (0..effort.sessions).map(|_| shell()).collect();
    // Idle is what has said nothing for a while: what is kept for busy sessions is given back by then.
    std::thread::sleep(Duration::from_secs(5));
    let after = processes::resident_kib(stage.gateway.number());
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let each = after.saturating_sub(before) as f64 / shells.len() as f64;
    let bar = verdict(&format!("≤ {IDLE_SESSION_KIB_MAX}"), each <= IDLE_SESSION_KIB_MAX);
    let name = format!("memory of an idle session, of {}", shells.len());
    println!("{name:<44} {:>12} {:>12} {:>9}   {bar}", "", format!("{each:.0} KiB"), "");
    println!(
        "{:<44} {:>12} {:>12}",
        "memory of the gateway, before and after",
        format!("{before} KiB"),
        format!("{after} KiB")
    );
}
