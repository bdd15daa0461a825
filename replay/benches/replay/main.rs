//! `cargo bench --bench replay`: how exactly players keep the recorded time.
//!
//! One session of outputs at random times is played by `replay` and by other players, each into a pipe, and every
//! arrival is stamped. A pipe, because a pseudo-terminal hands its output on through the kernel's own queue, whose
//! delays would be measured instead of the player's. The reader asks for a real-time priority; where the system does
//! not grant it, its own wake-ups are in the figures.

mod arrival;
mod players;
mod score;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use score::Score;

/// What `replay` is held to, in milliseconds: 99 of 100 intervals, and the sum over all of them.
const INTERVAL_ERROR_MAX_MS: f64 = 0.1;
const DRIFT_MAX_MS: f64 = 0.1;

/// Measures how exactly players keep the recorded time
#[derive(Parser)]
struct Arguments {
    /// Outputs in the session; they are 1 to 40 ms apart
    #[arg(long, default_value = "2000")]
    events: usize,
    /// The player that is measured
    #[arg(long, default_value = env!("CARGO_BIN_EXE_replay"))]
    replay: PathBuf,
    /// Measure only the player of this name
    #[arg(long)]
    only: Option<String>,
    /// Fail when `replay` is beyond its bars
    #[arg(long)]
    strict: bool,
    /// Ask for no real-time priority
    #[arg(long)]
    no_priority: bool,
    /// What `cargo bench` says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if !arguments.no_priority {
        arrival::ask_for_priority();
    }
    match run(&arguments) {
        Ok(within) if within || !arguments.strict => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures and prints; whether `replay` is within its bars.
fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let score = Score::new(arguments.events.max(2));
    let folder = tempfile::tempdir()?;
    let mut players = players::all(&arguments.replay);
    players.retain(|player| arguments.only.as_ref().is_none_or(|only| player.name == only));
    println!(
        "{} outputs, 1 to 40 ms apart, {:.1} s a player; each into a pipe\n",
        arguments.events,
        score.length().as_secs_f64()
    );
    println!("{:<16} {:>9} {:>9} {:>9} {:>12}", "player", "p50 µs", "p99 µs", "max µs", "drift ms");
    let mut within = true;
    for player in players {
        let Some(command) = player.command(&score, folder.path())? else {
            println!("{:<16} not installed", player.name);
            continue;
        };
        let arrivals = arrival::stamp(&command, score.outputs())?;
        let error = score.error(&arrivals)?;
        println!(
            "{:<16} {:>9.1} {:>9.1} {:>9.1} {:>+12.3}",
            player.name, error.p50_us, error.p99_us, error.max_us, error.drift_ms
        );
        if player.name == "replay" {
            within = error.p99_us <= INTERVAL_ERROR_MAX_MS * 1000.0 && error.drift_ms.abs() <= DRIFT_MAX_MS;
        }
    }
    let verdict = if within { "within" } else { "BEYOND" };
    println!(
        "\nreplay is {verdict} its bars: p99 of the intervals ≤ {INTERVAL_ERROR_MAX_MS} ms, drift ≤ {DRIFT_MAX_MS} ms"
    );
    if !within {
        println!("the bars hold for a quiet machine; {}", load());
    }
    Ok(within)
}

fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!("the load averages are {}", load.split(' ').take(3).collect::<Vec<_>>().join(" "))
}
