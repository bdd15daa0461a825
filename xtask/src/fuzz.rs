//! `cargo xtask fuzz`: the fuzz targets, which live in a workspace of their own.

use std::path::PathBuf;

use anyhow::{Context, bail};

use crate::parts::{Parts, succeed};
use crate::workspace::{cargo, root, target};

/// The version of cargo-fuzz that is known to work on the stable toolchain.
const CARGO_FUZZ_VERSION: &str = "0.13.2";

/// Seconds that each target runs for a smoke test.
const SMOKE_SECONDS: u32 = 10;

/// Seconds that each target runs otherwise.
const RUN_SECONDS: u32 = 300;

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
    for name in names {
        let mut fuzz = cargo(&["fuzz", "run", &name, "--"]);
        fuzz.args([format!("-max_total_time={seconds}"), "-timeout=10".to_owned(), "-rss_limit_mb=2048".to_owned()]);
        // cargo-fuzz asks the compiler for flags that the stable toolchain keeps behind this switch.
        fuzz.env("RUSTC_BOOTSTRAP", "1").env("PATH", path_with_tools()?);
        parts.command(&format!("fuzz {name}, {seconds} s"), fuzz)?;
    }
    Ok(())
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
