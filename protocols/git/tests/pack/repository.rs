//! Real repositories, and the real `git upload-pack` to ask.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use bytes::Bytes;
use tempfile::TempDir;
use wiretape_core::{Asking, Carrier, Held, Inquiry, Lost, Unanswered};
use wiretape_git::pack::{Asked, ObjectFormat};

/// `git` that knows no configuration but the repository's.
pub(crate) fn command(directory: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(directory)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_AUTHOR_NAME", "Ana")
        .env("GIT_AUTHOR_EMAIL", "ana@example.com")
        .env("GIT_COMMITTER_NAME", "Ben")
        .env("GIT_COMMITTER_EMAIL", "ben@example.com")
        .env_remove("GIT_DIR")
        .args(["-c", "core.quotePath=false"]);
    command
}

fn done(output: Output) -> Vec<u8> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A bare repository.
pub(crate) struct Repository {
    pub(crate) path: PathBuf,
    /// Removed with it, unless it was there before.
    _directory: Option<TempDir>,
    pub(crate) format: ObjectFormat,
}

impl Repository {
    pub(crate) fn new(format: ObjectFormat) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_owned();
        let name = match format {
            ObjectFormat::Sha1 => "sha1",
            ObjectFormat::Sha256 => "sha256",
        };
        done(
            command(&path).args(["init", "-q", "--bare", "-b", "main", "--object-format", name, "."]).output().unwrap(),
        );
        Self { path, _directory: Some(directory), format }
    }

    /// One that is there.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path, _directory: None, format: ObjectFormat::Sha1 }
    }

    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Vec<u8> {
        done(command(&self.path).args(arguments).output().unwrap())
    }

    pub(crate) fn text<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> String {
        String::from_utf8(self.run(arguments)).unwrap().trim_end().to_owned()
    }

    pub(crate) fn say<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>, input: &[u8]) -> Vec<u8> {
        let mut child = command(&self.path)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || stdin.write_all(input).unwrap());
            done(child.wait_with_output().unwrap())
        })
    }

    /// Commits, trees and blobs as `git fast-import` takes them.
    pub(crate) fn import(&self, stream: &[u8]) {
        self.say(["fast-import", "--quiet", "--force"], stream);
    }

    /// The pack that a push of `new` to who has `old` would bring.
    pub(crate) fn pack(&self, new: &[&str], old: &[&str], options: &[&str]) -> Vec<u8> {
        let mut input = String::new();
        for id in new {
            input += &format!("{id}\n");
        }
        for id in old {
            input += &format!("^{id}\n");
        }
        let fixed = ["pack-objects", "--revs", "--stdout", "-q"];
        self.say(fixed.iter().chain(options), input.as_bytes())
    }

    /// A repository that has what `refs` of this one point to.
    pub(crate) fn target(&self, refs: &[(&str, &str)]) -> Self {
        let target = Self::new(self.format);
        let specs = refs.iter().map(|(id, name)| format!("{id}:{name}"));
        let path = target.path.to_str().unwrap().to_owned();
        if !refs.is_empty() {
            self.run(["push".to_owned(), "-q".to_owned(), path].into_iter().chain(specs));
        }
        target
    }
}

/// How a target is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Exec,
    Content,
}

/// Asks a real repository.
pub(crate) struct Target<'r> {
    pub(crate) repository: &'r Repository,
    /// Whether the version of the protocol that is asked for reaches git.
    pub(crate) versions: bool,
    pub(crate) asked: usize,
}

impl<'r> Target<'r> {
    pub(crate) fn new(repository: &'r Repository) -> Self {
        Self { repository, versions: true, asked: 0 }
    }

    pub(crate) fn opened(&self, way: Way) -> Asked {
        let path = self.repository.path.as_os_str().as_bytes();
        match way {
            Way::Exec => Asked::Exec { repository: [b"'", path, b"'"].concat().into() },
            Way::Content => Asked::Content { base: Bytes::copy_from_slice(path) },
        }
    }

    /// The command that stands behind a carrier, and what a web server would say before its output.
    fn command(&self, inquiry: &Inquiry) -> (Command, &'static [u8]) {
        let mut command;
        let mut before: &[u8] = b"";
        match &inquiry.carrier {
            Carrier::Exec { command: line } => {
                let line = std::str::from_utf8(line).unwrap().replacen("git-upload-pack", "git upload-pack", 1);
                command = Command::new("sh");
                command.arg("-c").arg(line).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
            }
            Carrier::Content(content) => {
                command = self::command(&self.repository.path);
                command.args(["upload-pack", "--stateless-rpc"]);
                let path = std::str::from_utf8(&content.path).unwrap();
                let base = match path.strip_suffix("/info/refs?service=git-upload-pack") {
                    Some(base) => {
                        assert_eq!(content.method, "GET");
                        command.arg("--http-backend-info-refs");
                        if inquiry.protocol != Some("version=2") || !self.versions {
                            before = b"001e# service=git-upload-pack\n0000";
                        }
                        base
                    }
                    None => {
                        assert_eq!(content.method, "POST");
                        assert_eq!(content.media_type, "application/x-git-upload-pack-request");
                        path.strip_suffix("/git-upload-pack").unwrap()
                    }
                };
                command.arg(base);
            }
            other => panic!("{other:?}"),
        }
        if let (Some(protocol), true) = (inquiry.protocol, self.versions) {
            command.env("GIT_PROTOCOL", protocol);
        } else {
            command.env_remove("GIT_PROTOCOL");
        }
        (command, before)
    }
}

impl Asking for Target<'_> {
    fn ask(&mut self, inquiry: &Inquiry, hear: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Unanswered> {
        self.asked += 1;
        let (mut command, before) = self.command(inquiry);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let request = inquiry.request.clone();
        // It may go before it has heard everything.
        let saying = std::thread::spawn(move || drop(stdin.write_all(&request)));
        let mut more = before.is_empty() || hear(before);
        let mut run = [0; 4096];
        while more {
            match stdout.read(&mut run).unwrap() {
                0 => break,
                bytes => more = hear(&run[..bytes]),
            }
        }
        drop(stdout);
        saying.join().unwrap();
        let status = child.wait().unwrap();
        if more && !status.success() { Err(Unanswered("git upload-pack failed".to_owned())) } else { Ok(()) }
    }
}

/// A target that nobody can ask.
pub(crate) struct NoTarget;

impl Asking for NoTarget {
    fn ask(&mut self, _inquiry: &Inquiry, _hear: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Unanswered> {
        Err(Unanswered("nobody is there".to_owned()))
    }
}

/// What is held of a push, coming in pieces; behind it nothing ever comes, not even an end.
pub(crate) struct Pieces<'p> {
    pub(crate) bytes: &'p [u8],
    pub(crate) piece_bytes: usize,
    /// Whether there is an end, as there is one of an HTTP request.
    pub(crate) ends: bool,
}

impl<'p> Pieces<'p> {
    pub(crate) fn whole(bytes: &'p [u8]) -> Self {
        Self { bytes, piece_bytes: usize::MAX, ends: false }
    }
}

impl Held for Pieces<'_> {
    fn read(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, Lost> {
        let rest = &self.bytes[(offset as usize).min(self.bytes.len())..];
        assert!(self.ends || !rest.is_empty() || into.is_empty(), "waits for ever at {offset}");
        let bytes = rest.len().min(into.len()).min(self.piece_bytes);
        into[..bytes].copy_from_slice(&rest[..bytes]);
        Ok(bytes)
    }
}
