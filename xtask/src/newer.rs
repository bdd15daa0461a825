//! A psql that knows logins by OAuth, with the module that does them: from a newer release of Debian than the machine's
//! own may be. It is unpacked with every library that it needs, down to the C library, and run by the loader that comes
//! with them; nothing is installed.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::apt::Apt;
use crate::installation::{clients, install_unless};
use crate::parts::succeed;
use crate::workspace::program;

/// The release that has it.
const RELEASE: &str = "forky";

/// Its packages: psql, and what speaks to issuers.
const PACKAGES: [&str; 2] = ["postgresql-client", "libpq-oauth"];

/// What packages are called of which nothing is needed: Debian's own program that chooses among several psql is Perl.
const NOT_NEEDED: [&str; 2] = ["perl", "libperl"];

/// Where that psql is started; there after [`install_psql`].
pub(crate) fn psql() -> PathBuf {
    match std::env::var_os("WIRETAPE_PSQL_OAUTH") {
        Some(program) => program.into(),
        None => clients().join("psql/psql"),
    }
}

/// Fetches it.
pub(crate) fn install_psql() -> anyhow::Result<()> {
    let (Some(release), Some(_)) = (own_release(), program("apt-get")) else {
        eprintln!("without Debian's packages it cannot be had; WIRETAPE_PSQL_OAUTH names one");
        return Ok(());
    };
    let folder = clients().join("psql");
    let wanted = format!("{RELEASE}: {}", PACKAGES.join(", "));
    install_unless(&folder, wanted.as_bytes(), || {
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let apt = Apt::new(&folder, |text| of_release(text, &release))?;
        succeed(&mut apt.command("apt-get", &["update", "-q"]))?;
        let install = ["install", "-y", "-q", "--download-only", "--no-install-recommends"];
        succeed(&mut apt.command("apt-get", &[&install[..], &PACKAGES].concat()))?;
        for package in apt.packages()? {
            let name = package.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !NOT_NEEDED.iter().any(|not| name.starts_with(not)) {
                let mut unpack = Command::new("dpkg-deb");
                succeed(unpack.arg("-x").arg(&package).arg(&folder).stdin(Stdio::null()))?;
            }
        }
        write_start(&folder)?;
        apt.forget()
    })
}

/// The name of the machine's own release of Debian, as its package sources call it.
fn own_release() -> Option<String> {
    let text = std::fs::read_to_string("/etc/os-release").ok()?;
    text.lines().any(|line| line == "ID=debian").then_some(())?;
    text.lines().find_map(|line| Some(line.strip_prefix("VERSION_CODENAME=")?.to_owned()))
}

/// Of a list of package sources, those of the machine's `own` release, turned to [`RELEASE`].
fn of_release(text: &str, own: &str) -> String {
    let turned = |line: &str| match line.split_once(':') {
        Some(("Types", _)) => "Types: deb".to_owned(),
        Some(("Suites", _)) => format!("Suites: {RELEASE}"),
        _ => line.to_owned(),
    };
    if text.lines().any(|line| line.starts_with("Types:")) {
        let own_suite = |part: &&str| {
            let suites = part.lines().filter_map(|line| line.strip_prefix("Suites:"));
            suites.flat_map(str::split_whitespace).any(|suite| suite == own)
        };
        let parts = text.split("\n\n").filter(own_suite);
        return parts.map(|part| part.lines().map(turned).collect::<Vec<_>>().join("\n") + "\n\n").collect();
    }
    let lines = text.lines().filter(|line| line.starts_with("deb ") && line.split_whitespace().any(|word| word == own));
    lines.map(|line| line.replacen(&format!(" {own} "), &format!(" {RELEASE} "), 1) + "\n").collect()
}

/// Writes the script that starts psql with the libraries that lie beside it.
fn write_start(folder: &Path) -> anyhow::Result<()> {
    let only = |pattern: &str| -> anyhow::Result<PathBuf> {
        let mut find = Command::new("find");
        let found = find.args(["usr", "(", "-type", "f", "-o", "-type", "l", ")", "-path", pattern]);
        let found = found.current_dir(folder).output().context("cannot start find")?;
        let Some(first) = String::from_utf8_lossy(&found.stdout).lines().next().map(PathBuf::from) else {
            bail!("{pattern} is not among what was unpacked");
        };
        Ok(first)
    };
    let (loader, library) = (only("usr/lib/*/ld-linux*.so.*")?, only("usr/lib/*/libpq.so.5")?);
    let psql = only("usr/lib/postgresql/*/bin/psql")?;
    let libraries = library.parent().context("a library is in a folder")?;
    let text = format!(
        "#!/bin/sh\nhere=$(dirname \"$(readlink -f \"$0\")\")\nexec \"$here/{}\" --library-path \"$here/{}\" \"$here/{}\" \"$@\"\n",
        loader.display(),
        libraries.display(),
        psql.display()
    );
    let start = folder.join("psql");
    std::fs::write(&start, text)?;
    Ok(std::fs::set_permissions(&start, std::fs::Permissions::from_mode(0o755))?)
}
