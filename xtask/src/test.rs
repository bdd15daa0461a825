//! `cargo xtask test`: builds once, then runs the fast part, then the journeys.
//!
//! The runner is plain `cargo test`, on every machine: what is tested does not depend on which other runner happens to
//! be installed. Every part selects the whole workspace or the same features of it, so nothing is compiled twice.

use std::env;
use std::process::Command;

use crate::git;
use crate::newer;
use crate::packages;
use crate::parts::Parts;
use crate::postgres;
use crate::workspace::cargo;

/// Journeys that run at once. They wait more than they compute, so there are more of them than cores.
const JOURNEYS_AT_ONCE: &str = "4";

/// Where laws take their examples from. They are the same ones each time, so that what fails, fails again; new ones are
/// tried by `cargo test`, and by whoever gives another seed.
const SEED: &str = "PROPTEST_RNG_SEED";
const SEED_USUAL: &str = "20261122";

/// What to test.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only units and laws: no journeys, nothing installed
    #[arg(long, conflicts_with = "journey")]
    fast: bool,
    /// Only the journeys whose name has this in it
    #[arg(value_name = "JOURNEY")]
    journey: Option<String>,
}

/// Runs the tests.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut parts = Parts::default();
    if !arguments.fast {
        parts.run("system packages", packages::install_system)?;
        parts.run("client libraries for Python", packages::install_python)?;
        parts.run("client libraries for Node", packages::install_node)?;
        parts.run("PostgreSQL's regression scripts", postgres::install_regression_scripts)?;
        parts.run("a psql that knows logins by OAuth", newer::install_psql)?;
        parts.run("git's own tests", git::install_tests)?;
    }
    parts.command("build", cargo(&["build", "--workspace", "--bins", "--tests"]))?;
    if arguments.journey.is_none() {
        // The tape is also read by a second reader in Python, which needs the libraries where they are installed.
        let mut fast = cargo(&["test", "--workspace", "--exclude", "wiretape-tests"]);
        if env::var_os(SEED).is_none() {
            fast.env(SEED, SEED_USUAL);
        }
        parts.command("units and laws", if arguments.fast { fast } else { with_clients(fast) })?;
        parts.command("floors", cargo(&["test", "--workspace", "--test", "floors"]))?;
    }
    if !arguments.fast {
        let mut journeys = with_clients(cargo(&["test", "--workspace", "--test", "journeys", "--"]));
        journeys.args(["--test-threads", JOURNEYS_AT_ONCE]).args(&arguments.journey);
        parts.command("journeys", journeys)?;
    }
    Ok(())
}

/// `command`, told where the client libraries of other languages are.
fn with_clients(mut command: Command) -> Command {
    command.env("WIRETAPE_CLIENT_PYTHON", packages::client_python());
    command.env("NODE_PATH", packages::client_node_modules());
    command.env("WIRETAPE_POSTGRES_REGRESS", postgres::regression_scripts());
    command.env("WIRETAPE_PSQL_OAUTH", newer::psql());
    command.env("WIRETAPE_GIT_SOURCE", git::tests());
    command
}
