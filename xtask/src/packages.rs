//! What the journeys need beside cargo: real clients and servers from the system's packages, and client libraries of
//! other languages in folders of their own under the target folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::installation::{clients, install_once};
use crate::parts::succeed;
use crate::postgres;
use crate::workspace::{program, root};

/// A program that a journey starts, and the Debian package that has it.
const PROGRAMS: &[(&str, &str)] = &[
    ("ssh", "openssh-client"),
    ("sshd", "openssh-server"),
    ("dbclient", "dropbear-bin"),
    ("rsync", "rsync"),
    ("tmux", "tmux"),
    ("vim", "vim"),
    ("script", "bsdutils"),
    ("python3", "python3"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("openssl", "openssl"),
    ("setpriv", "util-linux"),
    ("pgbouncer", "pgbouncer"),
    ("bzip2", "bzip2"),
    ("curl", "curl"),
    ("git", "git"),
    ("git-lfs", "git-lfs"),
    ("fcgiwrap", "fcgiwrap"),
    ("apache2", "apache2"),
    ("perl", "perl"),
    ("make", "make"),
    ("cc", "gcc"),
    ("nginx", "nginx"),
    ("haproxy", "haproxy"),
    ("h2load", "nghttp2-client"),
    ("chromium", "chromium"),
    ("certutil", "libnss3-tools"),
];

/// Files that a journey needs, and the package that has them.
const FILES: &[(&[&str], &str)] = &[
    (
        &["/usr/lib/openssh/sftp-server", "/usr/lib/ssh/sftp-server", "/usr/libexec/openssh/sftp-server"],
        "openssh-sftp-server",
    ),
    (&["/usr/include/zlib.h"], "zlib1g-dev"),
];

/// Settings of Debian's way to keep several PostgreSQL servers: what stands in this folder is read when one is installed.
const CLUSTER_SETTINGS: &str = "/etc/postgresql-common/createcluster.d";

/// Installs from the system's packages whatever is missing.
pub(crate) fn install_system() -> anyhow::Result<()> {
    let mut missing: Vec<&str> = PROGRAMS
        .iter()
        .filter(|(name, _)| program(name).is_none())
        .map(|(_, package)| *package)
        .chain(FILES.iter().filter(|(paths, _)| !paths.iter().any(|path| Path::new(path).exists())).map(|(_, p)| *p))
        .collect();
    if python().is_none() {
        missing.extend(["python3-venv", "python3-pip"]);
    }
    let server_missing = postgres::server().is_none();
    if server_missing {
        missing.push("postgresql");
    }
    if missing.is_empty() {
        eprintln!("nothing is missing");
        return Ok(());
    }
    let words = missing.join(" ");
    if program("apt-get").is_none() {
        bail!("the journeys need these programs (by the names of their Debian packages), please install them: {words}");
    }
    let Some(prefix) = privilege() else {
        bail!("the journeys need packages that only root can install, please run: sudo apt-get install {words}");
    };
    apt(prefix, &["update", "-q"])?;
    let mut install = vec!["install", "-y", "-q", "--no-install-recommends"];
    install.extend(&missing);
    if server_missing { without_a_cluster(prefix, || apt(prefix, &install)) } else { apt(prefix, &install) }
}

/// Does `work`, in which a PostgreSQL server is installed, without its making a cluster: the journeys make their own.
fn without_a_cluster(prefix: &[&str], work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let as_root = |script: &str| {
        let (first, rest) = prefix.split_first().context("no way to become root")?;
        succeed(Command::new(first).args(rest).args(["sh", "-c", script]).stdin(Stdio::null()))
    };
    let file = format!("{CLUSTER_SETTINGS}/journeys.conf");
    as_root(&format!("mkdir -p {CLUSTER_SETTINGS} && echo 'create_main_cluster = false' > {file}"))?;
    let outcome = work();
    as_root(&format!("rm -f {file}"))?;
    outcome
}

/// How this user becomes root: by being it, or by sudo without a password; `None` when neither goes.
fn privilege() -> Option<&'static [&'static str]> {
    let silent = |name: &str, arguments: &[&str]| {
        Command::new(name).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()
    };
    if silent("id", &["-u"]).is_some_and(|output| output.stdout == b"0\n") {
        return Some(&["env"]);
    }
    silent("sudo", &["-n", "true"]).filter(|output| output.status.success()).map(|_| &["sudo", "-n", "env"][..])
}

fn apt(prefix: &[&str], arguments: &[&str]) -> anyhow::Result<()> {
    let (first, rest) = prefix.split_first().context("no way to become root")?;
    // Run level 1 keeps an installed server from being started: the journeys start their own.
    let mut command = Command::new(first);
    command.args(rest).args(["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get"]);
    command.args(["-o", "DPkg::Lock::Timeout=600"]).args(arguments).stdin(Stdio::null());
    succeed(&mut command)
}

/// A Python that can make a virtual environment with pip in it.
fn python() -> Option<PathBuf> {
    ["/usr/bin/python3".into()].into_iter().chain(program("python3")).find(|python: &PathBuf| {
        let mut probe = Command::new(python);
        probe.args(["-c", "import venv, ensurepip"]).stdin(Stdio::null()).stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success())
    })
}

/// The Python that has the client libraries; there after [`install_python`].
pub(crate) fn client_python() -> PathBuf {
    clients().join("python/bin/python")
}

/// The folder in which Node finds the client libraries; there after [`install_node`].
pub(crate) fn client_node_modules() -> PathBuf {
    clients().join("node/node_modules")
}

/// The folder of the players that `replay` is measured beside; there after [`install_players`].
pub(crate) fn players() -> PathBuf {
    clients().join("players/bin")
}

/// Installs the Python libraries that `tests/clients/requirements.txt` names.
pub(crate) fn install_python() -> anyhow::Result<()> {
    install_environment("python", "tests/clients/requirements.txt")
}

/// Installs the players that `replay/benches/replay/players.txt` names.
pub(crate) fn install_players() -> anyhow::Result<()> {
    install_environment("players", "replay/benches/replay/players.txt")
}

/// Makes a virtual environment of this name, with what a file of the workspace lists.
fn install_environment(name: &str, wanted: &str) -> anyhow::Result<()> {
    let folder = clients().join(name);
    let wanted = root().join(wanted);
    install_once(&folder, &wanted, || {
        let python = python().context("no Python 3 with venv and ensurepip was found")?;
        succeed(Command::new(python).args(["-m", "venv", "--clear"]).arg(&folder))?;
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "-r"]);
        succeed(pip.arg(&wanted))
    })
}

/// Installs the Node libraries that `tests/clients/package.json` names.
pub(crate) fn install_node() -> anyhow::Result<()> {
    let folder = clients().join("node");
    let wanted = root().join("tests/clients/package.json");
    install_once(&folder, &wanted, || {
        std::fs::create_dir_all(&folder)?;
        std::fs::copy(&wanted, folder.join("package.json"))?;
        let mut npm = Command::new("npm");
        // Some libraries have parts in C++ that would be compiled now: they do without them.
        npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]);
        succeed(npm.current_dir(&folder).stdin(Stdio::null()))?;
        postgres::complete_newer(&client_node_modules())
    })
}
