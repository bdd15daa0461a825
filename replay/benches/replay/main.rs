//! `cargo bench --bench replay`: how exactly players keep the recorded time.
//!
//! One session of outputs at random times is played by `replay` and by other players. Their standard output is a
//! socket, on which the kernel stamps each write as it happens: neither the reader's wake-ups are in the figures nor the
//! queue of a pseudo-terminal, only what the player did. A metronome that never sleeps and does nothing but watch the clock
//! shows what the machine itself takes away.

mod arrival;
mod metronome;
mod players;
mod score;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use score::{Error, Score};

/// What `replay` is held to, in milliseconds: 99 of 100 intervals, and the sum over all of them.
const INTERVAL_ERROR_MAX_MS: f64 = 0.1;
const DRIFT_MAX_MS: f64 = 0.1;

/// Measures how exactly players keep the recorded time
#[derive(Parser)]
struct Arguments {
    /// Outputs in the session; they are 1 to 40 ms apart
    #[arg(long, default_value = "600")]
    events: usize,
    /// How often each player plays it, by turns
    #[arg(long, default_value = "5")]
    rounds: usize,
    /// Play the times in this file by watching the clock and nothing else
    #[arg(long, hide = true)]
    metronome: Option<PathBuf>,
    /// The player that is measured
    #[arg(long, default_value = env!("CARGO_BIN_EXE_replay"))]
    replay: PathBuf,
    /// Measure only the player of this name
    #[arg(long)]
    only: Option<String>,
    /// Fail when `replay` is beyond its bars
    #[arg(long)]
    strict: bool,
    /// What `cargo bench` says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(within) if within || !arguments.strict => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures and prints medians over the rounds; whether `replay` is within its bars.
fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    if let Some(times) = &arguments.metronome {
        return metronome::play(times).map(|()| true);
    }
    let score = Score::new(arguments.events.max(2));
    let mut players = players::all(&arguments.replay)?;
    players.retain(|player| arguments.only.as_ref().is_none_or(|only| player.name == only));
    println!(
        "{} outputs, 1 to 40 ms apart, {:.1} s a player and round; stamped by the kernel at write(2)\n",
        arguments.events,
        score.length().as_secs_f64()
    );
    let mut errors: Vec<Vec<Error>> = players.iter().map(|_| Vec::new()).collect();
    for _ in 0..arguments.rounds.max(1) {
        for (player, errors) in players.iter().zip(&mut errors) {
            let folder = tempfile::tempdir()?;
            if let Some(command) = player.command(&score, folder.path())? {
                errors.push(score.error(&arrival::stamp(&command, score.outputs())?)?);
            }
        }
    }
    println!("median of {} rounds\n", arguments.rounds.max(1));
    println!(
        "{:<16} {:>9} {:>9} {:>9} {:>12} {:>24}",
        "player", "p50 µs", "p99 µs", "max µs", "drift ms", "p99 of each round"
    );
    let mut within = true;
    for (player, errors) in players.iter().zip(&errors) {
        let Some(error) = Error::median(errors) else {
            println!("{:<16} not installed", player.name);
            continue;
        };
        let each: Vec<String> = errors.iter().map(|error| format!("{:.0}", error.p99_us)).collect();
        println!(
            "{:<16} {:>9.1} {:>9.1} {:>9.1} {:>+12.3} {:>24}",
            player.name,
            error.p50_us,
            error.p99_us,
            error.max_us,
            error.drift_ms,
            each.join(" ")
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
        println!("the bars hold for a quiet machine, as far as it is one: see the metronome; {}", load());
    }
    Ok(within)
}

fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!("the load averages are {}", load.split(' ').take(3).collect::<Vec<_>>().join(" "))
}
