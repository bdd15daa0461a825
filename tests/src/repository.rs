//! Repositories: made fast, and compared object for object.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::git::Git;
use crate::random;
use crate::stage::Folder;

/// A repository on this machine, and the git that looks into it.
#[derive(Clone)]
pub struct Repository<'a> {
    folder: &'a Folder,
    git: Git,
    /// Where it is.
    pub path: PathBuf,
}

/// What a commit changes in one file, as `git show --numstat` and `--name-status` tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// `A`, `M` or `D`.
    pub status: char,
    /// Lines added and removed; `None` where the file is not text.
    pub lines: Option<(u32, u32)>,
}

impl<'a> Repository<'a> {
    /// The one at `path`, which is there.
    #[must_use]
    pub fn at(folder: &'a Folder, git: &Git, path: PathBuf) -> Self {
        Self { folder, git: git.clone(), path }
    }

    /// What `git` prints about it.
    pub fn git(&self, words: &[&str]) -> String {
        self.git.program(self.folder).arg("-C").arg(&self.path).args(words).succeed().text()
    }

    /// Does what the shell script says in it.
    pub fn sh(&self, script: &str) -> String {
        self.git.script(self.folder, &format!("cd \"$1\"; {script}"), [&self.path])
    }

    /// What `revision` names.
    #[must_use]
    pub fn id(&self, revision: &str) -> String {
        self.git(&["rev-parse", "--verify", revision]).trim().to_owned()
    }

    /// Its refs and what they point to.
    #[must_use]
    pub fn refs(&self) -> BTreeMap<String, String> {
        let text = self.git(&["for-each-ref", "--format=%(refname) %(objectname)"]);
        let split = |line: &str| line.split_once(' ').map(|(name, id)| (name.to_owned(), id.to_owned()));
        text.lines().filter_map(split).collect()
    }

    /// Every object that its refs lead to.
    #[must_use]
    pub fn objects(&self) -> BTreeSet<String> {
        let text = self.git(&["rev-list", "--all", "--objects", "--no-object-names"]);
        text.lines().map(str::to_owned).collect()
    }

    /// Fails the test unless it is whole.
    pub fn check(&self) {
        let _whole = self.git(&["fsck", "--full", "--strict"]);
    }

    /// The commits that `range` names, such as `old..new`.
    #[must_use]
    pub fn commits(&self, range: &[&str]) -> BTreeSet<String> {
        let mut words = vec!["rev-list"];
        words.extend(range);
        self.git(&words).lines().map(str::to_owned).collect()
    }

    /// What `commit` changes against its first parent, by path.
    #[must_use]
    pub fn changes(&self, commit: &str) -> BTreeMap<String, Changed> {
        let diff = |format: &str| {
            let first = self.git(&["rev-list", "--parents", "-n1", commit]);
            match first.split_whitespace().nth(1) {
                Some(parent) => self.git(&["diff-tree", "-r", "-z", "--no-renames", format, parent, commit]),
                None => {
                    self.git(&["diff-tree", "-r", "-z", "--no-renames", "--root", "--no-commit-id", format, commit])
                }
            }
        };
        let statuses = diff("--name-status");
        let mut statuses = statuses.split('\0');
        let mut status_of = BTreeMap::new();
        while let (Some(status), Some(path)) = (statuses.next(), statuses.next()) {
            // What becomes a link is changed like what gets other content.
            let status = status.chars().next().expect("a letter");
            status_of.insert(path.to_owned(), if status == 'T' { 'M' } else { status });
        }
        let numbers = diff("--numstat");
        let changed = numbers.split('\0').filter(|line| !line.is_empty()).map(|line| {
            let mut fields = line.splitn(3, '\t');
            let mut number = || fields.next().expect("three fields").parse().ok();
            let lines = number().zip(number());
            let path = fields.next().expect("three fields").to_owned();
            let status = status_of[&path];
            (path, Changed { status, lines })
        });
        changed.collect()
    }
}

/// Makes an empty repository without a work tree at `path`, whose server half lets clients do all that git knows.
pub fn make_bare<'a>(folder: &'a Folder, git: &Git, path: &Path, format: &str) -> Repository<'a> {
    git.program(folder).args(["init", "--quiet", "--bare", "--object-format", format]).arg(path).succeed();
    let repository = Repository::at(folder, git, path.to_path_buf());
    for (name, value) in [
        ("http.receivepack", "true"),
        ("http.uploadarchive", "true"),
        ("receive.advertisePushOptions", "true"),
        ("receive.certNonceSeed", "a seed of the tests"),
        ("uploadpack.allowFilter", "true"),
        ("uploadpack.allowAnySHA1InWant", "true"),
        ("uploadpack.advertiseRefInWant", "true"),
        ("core.logAllRefUpdates", "true"),
    ] {
        let _set = repository.git(&["config", name, value]);
    }
    repository
}

/// How large a repository is made.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Commits on its branch `main`, each of which changes one file of each folder that has its turn.
    pub commits: usize,
    /// Files that each commit writes.
    pub files: usize,
    /// Bytes of each of them.
    pub bytes: usize,
    /// Whether the bytes are such that nothing makes them smaller; else they are lines of text.
    pub random: bool,
}

/// Fills the repository at `path` with a history of this size, by `git fast-import`.
pub fn fill(repository: &Repository<'_>, size: Size) {
    let stream = repository.path.join("fast-import");
    let mut file = BufWriter::new(File::create(&stream).expect("a file can be made"));
    write_history(&mut file, size).and_then(|()| file.flush()).expect("a file can be written");
    drop(file);
    let import = repository.git.program(repository.folder).arg("-C").arg(&repository.path);
    // What is in one pack already is not tried to be told by its differences again.
    import.args(["-c", "fastimport.unpackLimit=0", "fast-import", "--quiet", "--done"]).input_file(&stream).succeed();
    std::fs::remove_file(stream).expect("the file is there");
}

fn write_history(to: &mut impl Write, size: Size) -> std::io::Result<()> {
    for commit in 0..size.commits {
        let seconds = 1_700_000_000 + commit * 60;
        writeln!(to, "commit refs/heads/main")?;
        writeln!(to, "author Ana Ríos <ana@example.org> {seconds} +0100")?;
        writeln!(to, "committer Bo Lind <bo@example.org> {seconds} -0530")?;
        let message = format!("Change {commit}\n\nWhat it is about.\n");
        writeln!(to, "data {}\n{message}", message.len())?;
        for file in 0..size.files {
            let content = if size.random { random::bytes(size.bytes) } else { lines(commit, file, size.bytes) };
            writeln!(to, "M 100644 inline folder{:02}/part{:02}/file{file:03}", commit % 20, file % 10)?;
            writeln!(to, "data {}", content.len())?;
            to.write_all(&content)?;
            writeln!(to)?;
        }
    }
    writeln!(to, "done")
}

/// Lines of text, so many bytes of them, most of which stay the same from commit to commit.
fn lines(commit: usize, file: usize, bytes: usize) -> Vec<u8> {
    let mut text = format!("of commit {commit}\n").into_bytes();
    let mut line = 0;
    while text.len() < bytes {
        let word = if line % 7 == commit % 7 { commit } else { 0 };
        text.extend_from_slice(format!("file {file} line {line} {word}\n").as_bytes());
        line += 1;
    }
    text.truncate(bytes.max(1));
    text
}
