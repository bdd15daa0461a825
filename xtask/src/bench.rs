//! `cargo xtask bench`: measures against the bars, with the release profile.

use std::ffi::OsStr;

use crate::packages;
use crate::parts::Parts;
use crate::workspace::cargo;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to measure
    subject: Subject,
    /// Handed on to the measuring program
    #[arg(last = true)]
    rest: Vec<String>,
}

/// The subjects that can be measured.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Subject {
    /// OpenSSH directly and through the gateway: bulk, connections, keystrokes, memory
    Ssh,
    /// The error of replayed intervals, beside other players
    Replay,
    /// The recorder alone, beside plain zstd
    Recorder,
}

/// Builds what is measured, then measures.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut parts = Parts::default();
    let bench = match arguments.subject {
        Subject::Ssh => {
            parts.run("system packages", packages::install_system)?;
            ["wiretape-tests", "ssh"]
        }
        Subject::Replay => ["wiretape-replay", "replay"],
        Subject::Recorder => ["wiretape-recorder", "recorder"],
    };
    parts.command("build", cargo(&["build", "--release", "-p", "wiretape-gateway", "-p", "wiretape-replay"]))?;
    let mut command = cargo(&["bench", "-p", bench[0], "--bench", bench[1], "--"]);
    command.args(arguments.rest.iter().map(OsStr::new));
    parts.command("measure", command)
}
