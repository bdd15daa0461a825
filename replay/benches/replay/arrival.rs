//! When each output of a player arrives.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// Set for a process that has asked already.
const ASKED: &str = "WIRETAPE_BENCH_PRIORITY_ASKED";

/// Starts this program anew with a real-time priority that its children do not inherit, where the system grants one.
pub(crate) fn ask_for_priority() {
    if std::env::var_os(ASKED).is_some() {
        return;
    }
    let granted = Command::new("chrt").args(["-R", "-f", "20", "true"]).stderr(Stdio::null()).status();
    if !granted.is_ok_and(|status| status.success()) {
        eprintln!("no real-time priority for the reader: its own wake-ups are in the figures");
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        let error = Command::new("chrt")
            .args(["-R", "-f", "20"])
            .arg(program)
            .args(std::env::args_os().skip(1))
            .env(ASKED, "1")
            .exec();
        eprintln!("cannot start with a real-time priority: {error}");
    }
}

/// Both ends of a terminal.
fn terminal() -> anyhow::Result<(OwnedFd, File)> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    let terminal = File::options().read(true).write(true).open(name.to_str()?)?;
    Ok((master, terminal))
}

/// Runs a player and stamps the arrival of the end of each of `count` outputs: each has one carriage return, near its
/// end, and what a player adds of its own has none.
pub(crate) fn stamp(command: &Command, count: usize) -> anyhow::Result<Vec<Instant>> {
    let (_person, terminal) = terminal()?;
    // In a session of its own: a player that looks for its terminal finds that one, and nobody presses keys there.
    let mut session = Command::new("setsid");
    session.args(["--ctty", "--wait"]).arg(command.get_program()).args(command.get_args());
    session.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut child = session
        .stdin(terminal)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
    let mut output = child.stdout.take().context("the player has no standard output")?;
    let mut arrivals = Vec::with_capacity(count);
    let mut buffer = [0; 65_536];
    loop {
        let length = output.read(&mut buffer)?;
        let now = Instant::now();
        if length == 0 {
            break;
        }
        let bytes = buffer.get(..length).unwrap_or_default();
        arrivals.extend(bytes.iter().filter(|byte| **byte == b'\r').map(|_| now));
    }
    let status = child.wait()?;
    ensure!(status.success(), "the player failed: {status}");
    Ok(arrivals)
}
