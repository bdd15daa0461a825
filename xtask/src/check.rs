//! `cargo xtask check`: everything that is judged without running the product.

use std::process::Command;

use crate::parts::Parts;
use crate::workspace::{cargo, program};

/// Runs the checks.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut parts = Parts::default();
    parts.command("format", cargo(&["fmt", "--all", "--check"]))?;
    parts.command("clippy", cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    parts.command("documentation", documentation())?;
    parts.command("floors", cargo(&["test", "--workspace", "--test", "floors"]))?;
    if program("cargo-deny").is_some() {
        parts.command("dependencies", cargo(&["deny", "check", "bans", "licenses", "sources"]))?;
        // Fetches the list of advisories, so it comes last: without a network everything else is judged by then.
        parts.command("advisories", cargo(&["deny", "check", "advisories"]))?;
    } else {
        eprintln!(
            "\n── dependencies: not checked; `cargo install --locked cargo-deny` brings the program that does it"
        );
    }
    Ok(())
}

fn documentation() -> Command {
    let mut command = cargo(&["doc", "--workspace", "--no-deps"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    command
}
