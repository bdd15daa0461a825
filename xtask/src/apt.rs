//! Debian's package tools with lists of their own in a folder: where packages come from, the machine's own lists say;
//! the machine's own state is left alone.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

/// The tools, and the folder that they keep everything in.
pub(crate) struct Apt {
    folder: PathBuf,
}

impl Apt {
    /// Tools that work in `folder`, with the machine's lists of package sources as `turned` gives them.
    pub(crate) fn new(folder: &Path, turned: impl Fn(&str) -> String) -> anyhow::Result<Self> {
        let apt = Self { folder: folder.join("apt") };
        for name in ["parts", "lists/partial", "cache/archives/partial"] {
            std::fs::create_dir_all(apt.folder.join(name))
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        // By this, nothing is installed yet.
        std::fs::write(apt.folder.join("status"), "")?;
        let list = std::fs::read_to_string("/etc/apt/sources.list").unwrap_or_default();
        std::fs::write(apt.folder.join("list"), turned(&list))?;
        let Ok(entries) = std::fs::read_dir("/etc/apt/sources.list.d") else { return Ok(apt) };
        for entry in entries {
            let path = entry?.path();
            let (Some(name), Ok(text)) = (path.file_name(), std::fs::read_to_string(&path)) else { continue };
            std::fs::write(apt.folder.join("parts").join(name), turned(&text))?;
        }
        Ok(apt)
    }

    /// `tool` with `arguments`, which leaves what it fetches in the folder.
    pub(crate) fn command(&self, tool: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(tool);
        for (name, path) in [
            ("Etc::sourcelist", "list"),
            ("Etc::sourceparts", "parts"),
            ("State::lists", "lists"),
            ("State::status", "status"),
            ("Cache", "cache"),
        ] {
            command.arg("-o").arg(format!("Dir::{name}={}", self.folder.join(path).display()));
        }
        command.args(["-o", "APT::Sandbox::User="]).args(arguments).stdin(Stdio::null());
        command.current_dir(self.folder.parent().unwrap_or(&self.folder));
        command
    }

    /// The packages that were fetched.
    pub(crate) fn packages(&self) -> anyhow::Result<Vec<PathBuf>> {
        let mut packages = Vec::new();
        for entry in std::fs::read_dir(self.folder.join("cache/archives"))? {
            packages.push(entry?.path());
        }
        packages.retain(|path| path.extension().is_some_and(|extension| extension == "deb"));
        Ok(packages)
    }

    /// Removes the lists, and the packages that were fetched.
    pub(crate) fn forget(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_dir_all(&self.folder)?)
    }
}
