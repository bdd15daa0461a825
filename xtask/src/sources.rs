//! Sources of Debian's packages: where tests that are not ours are.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::apt::Apt;
use crate::parts::succeed;

/// Fetches the source of `package` into `folder`, of the version `wanted` where it is to be had, and gives the path of
/// its upstream archive. The machine's own list of package sources says where from; the machine's own state is left
/// alone.
pub(crate) fn fetch(folder: &Path, package: &str, wanted: Option<&str>) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let apt = Apt::new(folder, of_sources)?;
    // A source without sources fails this; what is wanted may be in another one.
    let _other_lists_may_do = succeed(&mut apt.command("apt-get", &["update", "-q"]));
    let listed = apt.command("apt-cache", &["madison", package]).output().context("cannot start apt-cache")?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let versions = listed.lines().filter_map(|line| line.split('|').nth(1)).map(str::trim);
    let (same, others): (Vec<&str>, Vec<&str>) = versions.partition(|version| wanted == Some(*version));
    for version in same.into_iter().chain(others) {
        let wanted = format!("{package}={version}");
        // The newest may be listed by one mirror and not be there yet.
        if succeed(&mut apt.command("apt-get", &["source", "-q", "--download-only", &wanted])).is_err() {
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

/// What Debian changes of the source in `archive`: fetched together with it.
pub(crate) fn changes(archive: &Path) -> anyhow::Result<PathBuf> {
    let folder = archive.parent().context("an archive is in a folder")?;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.to_string_lossy().contains(".debian.tar.") {
            return Ok(path);
        }
    }
    bail!("no changes of Debian's were found beside {}", archive.display())
}

/// Removes what was fetched into `folder`, and the lists by which it was found.
pub(crate) fn forget(folder: &Path, archive: &Path) -> anyhow::Result<()> {
    std::fs::remove_file(archive)?;
    std::fs::remove_dir_all(folder.join("apt"))?;
    Ok(())
}

/// A list of package sources, turned from packages to their sources.
fn of_sources(text: &str) -> String {
    let line = |line: &str| match line.split_once(char::is_whitespace) {
        Some(("Types:", _)) => "Types: deb-src".to_owned(),
        Some(("deb", rest)) => format!("deb-src {rest}"),
        _ => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n") + "\n"
}
