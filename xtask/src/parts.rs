//! The parts of a chore, one after the other, and how long each took.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// Runs parts until the first that fails, and prints what each took when it goes.
#[derive(Default)]
pub(crate) struct Parts {
    done: Vec<(String, Duration, bool)>,
}

impl Parts {
    /// Runs `work` as the part called `name`.
    pub(crate) fn run(&mut self, name: &str, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
        eprintln!("\n── {name}");
        let start = Instant::now();
        let outcome = work();
        self.done.push((name.to_owned(), start.elapsed(), outcome.is_ok()));
        outcome.with_context(|| format!("{name} failed"))
    }

    /// Runs `command` as the part called `name`; any exit code but 0 fails it.
    pub(crate) fn command(&mut self, name: &str, mut command: Command) -> anyhow::Result<()> {
        self.run(name, || succeed(&mut command))
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        eprintln!();
        for (name, duration, succeeded) in &self.done {
            let outcome = if *succeeded { "" } else { "  FAILED" };
            eprintln!("{:>8.1} s  {name}{outcome}", duration.as_secs_f64());
        }
        let total: Duration = self.done.iter().map(|(_, duration, _)| *duration).sum();
        eprintln!("{:>8.1} s  in all", total.as_secs_f64());
    }
}

/// Runs `command` to its end; any exit code but 0 is an error that names the command.
pub(crate) fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}
