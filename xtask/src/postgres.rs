//! What the journeys of database sessions need: a PostgreSQL server of the system's packages, a newer one from a
//! library for Node, and PostgreSQL's own regression scripts from the source package of the first.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::installation::{clients, install_unless};
use crate::parts::succeed;
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
        std::fs::create_dir_all(&folder)?;
        let archive = source(&folder, &format!("postgresql-{version}"))?;
        let mut unpack = Command::new("tar");
        unpack.args(["--strip-components=1", "--wildcards", "-xf"]).arg(&archive).arg(format!("*/{REGRESS}/*"));
        succeed(unpack.current_dir(&folder).stdin(Stdio::null()))?;
        // Only the scripts are kept: the rest is fifty times as large.
        std::fs::remove_file(archive)?;
        std::fs::remove_dir_all(folder.join("apt"))?;
        Ok(())
    })
}

/// Fetches the source of `package` into `folder` and gives the path of its upstream archive. The machine's own list of
/// package sources says where from; the machine's own state is left alone.
fn source(folder: &Path, package: &str) -> anyhow::Result<PathBuf> {
    let apt = folder.join("apt");
    for name in ["parts", "lists/partial", "cache/archives/partial"] {
        std::fs::create_dir_all(apt.join(name))?;
    }
    write_sources(&apt)?;
    let options =
        [("Etc::sourcelist", "list"), ("Etc::sourceparts", "parts"), ("State::lists", "lists"), ("Cache", "cache")]
            .map(|(name, path)| format!("Dir::{name}={}", apt.join(path).display()));
    let run = |tool: &str, arguments: &[&str]| {
        let mut command = Command::new(tool);
        for option in &options {
            command.args(["-o", option]);
        }
        command.args(["-o", "APT::Sandbox::User="]).args(arguments).current_dir(folder).stdin(Stdio::null());
        command
    };
    // A source without sources fails this; what is wanted may be in another one.
    let _other_lists_may_do = succeed(&mut run("apt-get", &["update", "-q"]));
    let listed = run("apt-cache", &["madison", package]).output().context("cannot start apt-cache")?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let versions = listed.lines().filter_map(|line| line.split('|').nth(1)).map(str::trim);
    for version in versions {
        let wanted = format!("{package}={version}");
        // The newest may be listed by one mirror and not be there yet.
        if succeed(&mut run("apt-get", &["source", "-q", "--download-only", &wanted])).is_err() {
            continue;
        }
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.to_string_lossy().contains(".orig.tar.") {
                return Ok(path);
            }
        }
    }
    bail!("the source package {package} was not found in the machine's package sources")
}

/// Writes the machine's lists of package sources into `apt`, turned from packages to their sources.
fn write_sources(apt: &Path) -> anyhow::Result<()> {
    let turned = |text: &str| {
        let line = |line: &str| match line.split_once(char::is_whitespace) {
            Some(("Types:", _)) => "Types: deb-src".to_owned(),
            Some(("deb", rest)) => format!("deb-src {rest}"),
            _ => line.to_owned(),
        };
        text.lines().map(line).collect::<Vec<_>>().join("\n") + "\n"
    };
    let list = std::fs::read_to_string("/etc/apt/sources.list").unwrap_or_default();
    std::fs::write(apt.join("list"), turned(&list))?;
    let Ok(entries) = std::fs::read_dir("/etc/apt/sources.list.d") else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        let (Some(name), Ok(text)) = (path.file_name(), std::fs::read_to_string(&path)) else { continue };
        std::fs::write(apt.join("parts").join(name), turned(&text))?;
    }
    Ok(())
}
