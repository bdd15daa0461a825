//! `cargo xtask bench`: measures against the bars, with the release profile.

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
    /// PostgreSQL directly, through pgbouncer and through the gateway: throughput, latency, bulk, memory
    Postgres,
    /// HTTP directly, through nginx, through haproxy and through the gateway: throughput, latency, bulk
    Http,
    /// Git directly, through nginx and through the gateway: clone and push, over HTTP and SSH, memory
    Git,
    /// Policies: decisions a second, and what 200 rules add to an HTTP request and to a query
    Policy,
    /// The error of replayed intervals, beside other players
    Replay,
    /// The recorder alone, beside plain zstd
    Recorder,
}

/// Builds what is measured, then measures.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut parts = Parts::default();
    if matches!(arguments.subject, Subject::Ssh | Subject::Postgres | Subject::Http | Subject::Git | Subject::Policy) {
        parts.run("system packages", packages::install_system)?;
        let programs = ["build", "--release", "-p", "wiretape-gateway", "-p", "wiretape-replay"];
        parts.command("build", cargo(&programs))?;
    }
    if matches!(arguments.subject, Subject::Postgres) {
        parts.run("client libraries for Python", packages::install_python)?;
    }
    if matches!(arguments.subject, Subject::Replay) {
        parts.run("system packages", packages::install_system)?;
        parts.run("players", packages::install_players)?;
    }
    let measuring: &[&str] = match arguments.subject {
        Subject::Ssh => &["bench", "-p", "wiretape-tests", "--bench", "ssh", "--"],
        Subject::Postgres => &["bench", "-p", "wiretape-tests", "--bench", "postgres", "--"],
        Subject::Http => &["bench", "-p", "wiretape-tests", "--bench", "http", "--"],
        Subject::Git => &["bench", "-p", "wiretape-tests", "--bench", "git", "--"],
        Subject::Policy => &["bench", "-p", "wiretape-tests", "--bench", "policy", "--"],
        Subject::Replay => &["bench", "-p", "wiretape-replay", "--bench", "replay", "--"],
        Subject::Recorder => &["run", "--release", "-p", "wiretape-recorder", "--example", "throughput", "--"],
    };
    let mut command = cargo(measuring);
    command.args(&arguments.rest);
    command.env("WIRETAPE_CLIENT_PYTHON", packages::client_python());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(packages::players()).chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(folders)?);
    parts.command("measure", command)
}
