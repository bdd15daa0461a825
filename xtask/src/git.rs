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
        let archive = sources::fetch(&folder, "git", Some(&version))?;
        let mut unpack = Command::new("tar");
        unpack.args(["--strip-components=1", "-xf"]).arg(&archive);
        succeed(unpack.current_dir(&folder).stdin(Stdio::null()))?;
        sources::forget(&folder, &archive)?;
        build(&folder)
    })
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

/// Builds the program that the scripts call, fast to build and slow to run.
fn build(folder: &Path) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let mut make = Command::new("make");
    make.arg(format!("-j{cores}")).args(["--silent", "CFLAGS=-O0 -w"]).args(LEFT_OUT);
    succeed(make.args(["t/helper/test-tool", "GIT-BUILD-OPTIONS"]).current_dir(folder).stdin(Stdio::null()))?;
    // Only what is linked is needed from here on.
    let mut tidy = Command::new("find");
    tidy.args([".", "-name", "*.o", "-delete", "-o", "-name", "*.a", "-delete"]).current_dir(folder);
    succeed(tidy.stdin(Stdio::null()))
}
