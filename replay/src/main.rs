//! `replay <session-id>`: plays a recorded session in the terminal.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use wiretape_replay::command::{PlayArgs, play};
use wiretape_replay::legible::causes;

/// Where the gateway keeps its recordings when nothing else is said.
const DATA_DIR: &str = "wiretape-data";

/// Plays a recorded session in the terminal, as it was
#[derive(Parser)]
#[command(name = "replay", version)]
struct Arguments {
    /// The gateway's data folder
    #[arg(long, value_name = "FOLDER", env = "WIRETAPE_DATA_DIR", default_value = DATA_DIR)]
    data_dir: PathBuf,

    #[command(flatten)]
    play: PlayArgs,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match play(&arguments.data_dir, &arguments.play) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("replay: {}", causes(&error));
            ExitCode::FAILURE
        }
    }
}
