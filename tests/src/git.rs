//! The gits of this machine: Debian's, and a newer one where there is one.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::program::Program;
use crate::stage::Folder;

/// Where Debian's git is, whatever the search path says.
const DEBIAN: &str = "/usr/bin/git";

/// A git program, of a version of its own.
#[derive(Clone, Debug)]
pub struct Git {
    program: PathBuf,
    version: String,
}

impl Git {
    fn of(program: PathBuf) -> Self {
        let version = Program::new(&program).arg("--version").succeed().text();
        let version = version.split_whitespace().nth(2).expect("`git version 2.x.y`").to_owned();
        Self { program, version }
    }

    /// Every git on this machine, each version once: first the one that the search path leads to.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).map(|folder| folder.join("git")).chain([PathBuf::from(DEBIAN)]);
        let mut gits: Vec<Self> = Vec::new();
        for program in found.filter(|program| program.is_file()) {
            let git = Self::of(program);
            if gits.iter().all(|other| other.version != git.version) {
                gits.push(git);
            }
        }
        assert!(!gits.is_empty(), "git is not installed; `cargo xtask test` installs what is needed");
        gits
    }

    /// The one that the search path leads to.
    #[must_use]
    pub fn first() -> Self {
        Self::all().remove(0)
    }

    /// Debian's, for which there are git's own tests; the first one where Debian's is not there.
    #[must_use]
    pub fn debian() -> Self {
        let path = Path::new(DEBIAN);
        if path.is_file() { Self::of(path.to_path_buf()) } else { Self::first() }
    }

    /// Its version, such as `2.39.5`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The folder of the programs that it is made of.
    #[must_use]
    pub fn parts(&self) -> PathBuf {
        Program::new(&self.program).arg("--exec-path").succeed().text().trim().into()
    }

    /// `git-shell`, which lets an account do nothing but what git's clients ask for.
    #[must_use]
    pub fn shell(&self) -> PathBuf {
        self.program.with_file_name("git-shell")
    }

    /// It, to be run in `folder`, as a person of the tests who is asked nothing.
    #[must_use]
    pub fn program(&self, folder: &Folder) -> Program {
        dressed(folder.program(&self.program))
    }

    /// A shell script of this git, with `words` as `$1`, `$2`, …
    pub fn script<A: AsRef<OsStr>>(&self, folder: &Folder, script: &str, words: impl IntoIterator<Item = A>) -> String {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let own = self.program.parent().expect("a program is in a folder").to_path_buf();
        let path = std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&path))).expect("a path");
        let shell = dressed(folder.program("sh")).env("PATH", path).args(["-ec", script, "sh"]);
        shell.args(words).succeed().text()
    }
}

/// How long each wait for a git lasts. A guard against hanging, never a measure.
const PATIENCE: Duration = Duration::from_secs(120);

/// `program` with what every git of the tests is told: who writes, and that nobody is there to be asked.
fn dressed(program: Program) -> Program {
    let program = program.patience(PATIENCE);
    [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_AUTHOR_NAME", "Ana Ríos"),
        ("GIT_AUTHOR_EMAIL", "ana@example.org"),
        ("GIT_COMMITTER_NAME", "Bo Lind"),
        ("GIT_COMMITTER_EMAIL", "bo@example.org"),
        // Beside the environment there is no configuration but what a repository has.
        ("GIT_CONFIG_COUNT", "4"),
        ("GIT_CONFIG_KEY_0", "init.defaultBranch"),
        ("GIT_CONFIG_VALUE_0", "main"),
        ("GIT_CONFIG_KEY_1", "gc.auto"),
        ("GIT_CONFIG_VALUE_1", "0"),
        ("GIT_CONFIG_KEY_2", "advice.detachedHead"),
        ("GIT_CONFIG_VALUE_2", "false"),
        ("GIT_CONFIG_KEY_3", "maintenance.auto"),
        ("GIT_CONFIG_VALUE_3", "false"),
    ]
    .into_iter()
    .fold(program, |program, (name, value)| program.env(name, value))
}
