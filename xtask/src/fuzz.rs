//! `cargo xtask fuzz`: the fuzz targets, which live in a workspace of their own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

use crate::parts::{Parts, succeed};
use crate::workspace::{cargo, root, target};

/// The version of cargo-fuzz that is known to work on the stable toolchain.
const CARGO_FUZZ_VERSION: &str = "0.13.2";

/// Seconds that each target runs for a smoke test.
const SMOKE_SECONDS: u32 = 10;

/// Seconds that each target runs otherwise.
const RUN_SECONDS: u32 = 300;

/// Limits of one input: its length in bytes, the seconds it may take, and the memory it may need.
const LIBFUZZER: [&str; 4] = ["-max_len=16384", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"];

/// What to fuzz, and for how long.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A short run of each target
    #[arg(long)]
    smoke: bool,
    /// Only this target
    name: Option<String>,
    /// Seconds for each target
    #[arg(long)]
    seconds: Option<u32>,
}

/// Runs the targets, one after the other.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut names = names()?;
    if let Some(wanted) = &arguments.name {
        names.retain(|name| name == wanted);
    }
    if names.is_empty() {
        bail!("there is no such fuzz target; the targets are the files in fuzz/fuzz_targets");
    }
    let seconds = arguments.seconds.unwrap_or(if arguments.smoke { SMOKE_SECONDS } else { RUN_SECONDS });
    let mut parts = Parts::default();
    parts.run("cargo-fuzz", install)?;
    let mut build = fuzz("build")?;
    if let [name] = names.as_slice() {
        build.arg(name);
    }
    parts.command("build", build)?;
    for name in names {
        // What a run learns is kept beside the checkout's own seeds, and not in the repository.
        let corpus = root().join("fuzz/corpus").join(&name);
        std::fs::create_dir_all(&corpus).with_context(|| format!("cannot make {}", corpus.display()))?;
        let seeds = root().join("fuzz/seeds").join(&name);
        let mut run = fuzz("run")?;
        run.arg(&name).arg(corpus);
        if seeds.is_dir() {
            run.arg(seeds);
        }
        run.arg("--").arg(format!("-max_total_time={seconds}")).args(LIBFUZZER);
        parts.command(&format!("{name}, {seconds} s"), run)?;
    }
    Ok(())
}

/// `cargo fuzz`, told to do `what`.
fn fuzz(what: &str) -> anyhow::Result<Command> {
    let mut command = cargo(&["fuzz", what, "--fuzz-dir", "fuzz"]);
    // cargo-fuzz asks the compiler for flags that the stable toolchain keeps behind this switch.
    command.env("RUSTC_BOOTSTRAP", "1").env("PATH", path_with_tools()?);
    Ok(command)
}

/// The targets by name, in order.
fn names() -> anyhow::Result<Vec<String>> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

/// The folder that cargo-fuzz is installed into when the machine has none.
fn tools() -> PathBuf {
    target().join("tools")
}

/// The search path with the folder of installed tools at its end.
fn path_with_tools() -> anyhow::Result<std::ffi::OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([tools().join("bin")]);
    Ok(std::env::join_paths(folders)?)
}

fn install() -> anyhow::Result<()> {
    let mut probe = cargo(&["fuzz", "--version"]);
    probe.env("PATH", path_with_tools()?).stderr(std::process::Stdio::null());
    if succeed(&mut probe).is_ok() {
        return Ok(());
    }
    let mut install = cargo(&["install", "--locked", "cargo-fuzz", "--version", CARGO_FUZZ_VERSION, "--root"]);
    succeed(install.arg(tools()))
}
