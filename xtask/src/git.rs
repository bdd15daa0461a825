//! What the journeys of Git need: git's own test scripts, from the source package of the git that is installed, and the
//! program that they are written with.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::installation::{clients, install_unless};
use crate::parts::succeed;
use crate::sources;
use crate::workspace::program;

/// What of git's own program of tests is left out: none of it is used where HTTP is tested.
const LEFT_OUT: [&str; 5] = ["NO_OPENSSL=1", "NO_EXPAT=1", "NO_GETTEXT=1", "NO_TCLTK=1", "NO_PYTHON=1"];

/// What of git's source the tests need.
const PARTS: [&str; 3] = ["t", "templates/blt", "GIT-BUILD-OPTIONS"];

/// The folder of git's source with its tests; there after [`install_tests`].
pub(crate) fn tests() -> PathBuf {
    match std::env::var_os("WIRETAPE_GIT_SOURCE") {
        Some(folder) => folder.into(),
        None => clients().join("git"),
    }
}

/// Takes git's tests out of the source package of the installed git, and builds the program that they use.
pub(crate) fn install_tests() -> anyhow::Result<()> {
    let (Some(version), Some(_)) = (installed()?, program("apt-get")) else {
        eprintln!("without Debian's git they cannot be had; WIRETAPE_GIT_SOURCE names a folder that has them");
        return Ok(());
    };
    let folder = clients().join("git");
    install_unless(&folder, version.as_bytes(), || {
        let source = folder.join("source");
        let archive = sources::fetch(&folder, "git", Some(&version))?;
        unpack(&archive, &source, 1)?;
        let changes = sources::changes(&archive)?;
        unpack(&changes, &folder, 0)?;
        patch(&source, &folder.join("debian/patches"))?;
        build(&source)?;
        for part in PARTS {
            let _not_yet = std::fs::remove_dir_all(folder.join(part));
            std::fs::create_dir_all(folder.join(part).parent().context("a part is in a folder")?)?;
            std::fs::rename(source.join(part), folder.join(part))?;
        }
        // The rest is needed to build them alone.
        std::fs::remove_dir_all(source)?;
        std::fs::remove_file(changes)?;
        sources::forget(&folder, &archive)
    })
}

fn unpack(archive: &Path, folder: &Path, strip: u32) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut unpack = Command::new("tar");
    unpack.arg(format!("--strip-components={strip}")).arg("-xf").arg(archive);
    succeed(unpack.current_dir(folder).stdin(Stdio::null()))
}

/// Changes the tests in `source` as Debian changed them together with its git.
fn patch(source: &Path, patches: &Path) -> anyhow::Result<()> {
    let series = std::fs::read_to_string(patches.join("series")).unwrap_or_default();
    for name in series.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut apply = Command::new("git");
        // It is no part of the work tree that it stands in.
        let above = source.parent().context("a source is in a folder")?;
        apply.arg("apply").arg("--include=t/*").arg(patches.join(name)).env("GIT_CEILING_DIRECTORIES", above);
        succeed(apply.current_dir(source).stdin(Stdio::null()))?;
    }
    Ok(())
}

/// The version of the system's git, as its package has it.
fn installed() -> anyhow::Result<Option<String>> {
    if program("dpkg-query").is_none() {
        return Ok(None);
    }
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat", "${Version}", "git"]).stdin(Stdio::null()).stderr(Stdio::null());
    let output = query.output().context("cannot start dpkg-query")?;
    let version = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok((output.status.success() && !version.is_empty()).then_some(version))
}

/// Builds what the scripts call, fast to build and slow to run.
fn build(source: &Path) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let mut make = Command::new("make");
    make.arg(format!("-j{cores}")).args(["--silent", "CFLAGS=-O0 -w"]).args(LEFT_OUT);
    make.args(["t/helper/test-tool", "t/helper/test-fake-ssh", "GIT-BUILD-OPTIONS"]);
    succeed(make.current_dir(source).stdin(Stdio::null()))?;
    let mut templates = Command::new("make");
    templates.args(["--silent", "SHELL_PATH=/bin/sh", "PERL_PATH=/usr/bin/perl"]);
    succeed(templates.current_dir(source.join("templates")).stdin(Stdio::null()))?;
    let mut tidy = Command::new("find");
    succeed(tidy.args(["t", "-name", "*.o", "-delete"]).current_dir(source).stdin(Stdio::null()))
}
