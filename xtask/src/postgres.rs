//! What the journeys of database sessions need: a PostgreSQL server of the system's packages, a newer one from a
//! library for Node, and PostgreSQL's own regression scripts from the source package of the first.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::installation::{clients, install_unless};
use crate::parts::succeed;
use crate::sources;
use crate::workspace::program;

/// Where Debian keeps a folder for each version of PostgreSQL.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Where the regression scripts are in PostgreSQL's source.
const REGRESS: &str = "src/test/regress";

/// The folder of the newest PostgreSQL server of the system's packages, and its major version.
pub(crate) fn server() -> Option<(PathBuf, u32)> {
    let entries = std::fs::read_dir(VERSIONS).ok()?;
    entries
        .filter_map(|entry| {
            let version: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let folder = Path::new(VERSIONS).join(version.to_string()).join("bin");
            // The server and its clients are packages of their own.
            let whole = ["postgres", "initdb", "psql", "pgbench"].iter().all(|name| folder.join(name).is_file());
            whole.then_some((folder, version))
        })
        .max_by_key(|(_, version)| *version)
}

/// Makes the symbolic links that packages of Node cannot carry, in the newer server among `modules`; installing it
/// without running its script leaves that out.
pub(crate) fn complete_newer(modules: &Path) -> anyhow::Result<()> {
    let Ok(entries) = std::fs::read_dir(modules.join("@embedded-postgres")) else { return Ok(()) };
    for entry in entries {
        let mut script = Command::new("node");
        script.arg("scripts/hydrate-symlinks.js").current_dir(entry?.path()).stdin(Stdio::null());
        succeed(&mut script)?;
    }
    Ok(())
}

/// The folder of the regression scripts; there after [`install_regression_scripts`].
pub(crate) fn regression_scripts() -> PathBuf {
    match std::env::var_os("WIRETAPE_POSTGRES_REGRESS") {
        Some(folder) => folder.into(),
        None => clients().join("regress").join(REGRESS),
    }
}

/// Takes PostgreSQL's regression scripts out of the source package of the installed server.
pub(crate) fn install_regression_scripts() -> anyhow::Result<()> {
    let (Some((_, version)), Some(_)) = (server(), program("apt-get")) else {
        eprintln!("without apt-get they cannot be had; WIRETAPE_POSTGRES_REGRESS names a folder that has them");
        return Ok(());
    };
    let folder = clients().join("regress");
    install_unless(&folder, version.to_string().as_bytes(), || {
        let archive = sources::fetch(&folder, &format!("postgresql-{version}"), None)?;
        let mut unpack = Command::new("tar");
        unpack.args(["--strip-components=1", "--wildcards", "-xf"]).arg(&archive).arg(format!("*/{REGRESS}/*"));
        succeed(unpack.current_dir(&folder).stdin(Stdio::null()))?;
        // Only the scripts are kept: the rest is fifty times as large.
        sources::forget(&folder, &archive)
    })
}
