//! Conversations of real git with real repositories, as events.
//!
//! A relay between the two keeps what both sides say. What the wire would have understood of it comes from git itself.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bytes::Bytes;
use tempfile::TempDir;
use wiretape_core::event::{
    AdvertisedRef, FileChange, FileStatus, GitEvent, GitService, Ident, ObjectId, RefChange, RefReport, RefUpdate,
    TreeFile,
};
use wiretape_core::{Event, Kind, Side};

use crate::archive::event;

/// Where the target says that the repository is.
pub const REPOSITORY: &str = "/org/shop.git";

/// A place for repositories, whose objects are named by `format`.
pub struct Place {
    folder: TempDir,
    format: &'static str,
}

/// What both sides said.
pub struct Said {
    pub client: Vec<u8>,
    pub upstream: Vec<u8>,
}

impl Place {
    pub fn new(format: &'static str) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap(), format };
        let relay = place.path("relay");
        let script = "#!/bin/sh\ncd \"$(dirname \"$0\")\"\ntee client | git \"$1\" \"$2\" | tee upstream\n";
        fs::write(&relay, script).unwrap();
        fs::set_permissions(relay, fs::Permissions::from_mode(0o755)).unwrap();
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A repository that is pushed to.
    pub fn target(&self, name: &str) {
        self.git("", &["init", "-q", "--bare", "-b", "main", "--object-format", self.format, name]);
    }

    /// A repository to work in.
    pub fn work(&self, name: &str) {
        self.git("", &["init", "-q", "-b", "main", "--object-format", self.format, name]);
    }

    /// Runs git in a folder; what it prints.
    pub fn git(&self, folder: &str, arguments: &[&str]) -> String {
        let output = self.try_git(folder, arguments, &[]);
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn try_git(&self, folder: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        Command::new("git")
            .args(["-c", "protocol.ext.allow=always", "-c", "gc.auto=0", "-c", "core.abbrev=10"])
            .args(arguments)
            .current_dir(self.path(folder))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.folder.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("TZ", "UTC")
            .envs([("GIT_AUTHOR_NAME", "Ana"), ("GIT_AUTHOR_EMAIL", "ana@example.com")])
            .envs([("GIT_COMMITTER_NAME", "Ben"), ("GIT_COMMITTER_EMAIL", "ben@example.com")])
            .envs([("GIT_AUTHOR_DATE", "1795305600 +0100"), ("GIT_COMMITTER_DATE", "1795305700 -0330")])
            .envs(environment.iter().copied())
            .output()
            .unwrap()
    }

    /// Writes a file and commits it.
    pub fn commit(&self, work: &str, path: &str, content: impl AsRef<[u8]>, message: &str) -> String {
        let file = self.path(work).join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
        self.git(work, &["add", "-A"]);
        self.git(work, &["commit", "-q", "-m", message]);
        self.id(work, "HEAD")
    }

    pub fn id(&self, repository: &str, name: &str) -> String {
        self.git(repository, &["rev-parse", name]).trim().to_owned()
    }

    /// Refs of a repository.
    pub fn refs(&self, repository: &str) -> BTreeMap<String, String> {
        let listed = self.git(repository, &["for-each-ref", "--format=%(refname) %(objectname)"]);
        listed.lines().map(|line| line.split_once(' ').unwrap()).map(|(name, id)| (name.into(), id.into())).collect()
    }

    /// Every object of a repository, with kind and size.
    pub fn objects(&self, repository: &str) -> Vec<String> {
        let listed = self.git(repository, &["cat-file", "--batch-all-objects", "--batch-check"]);
        let mut objects: Vec<_> = listed.lines().map(str::to_owned).collect();
        objects.sort();
        objects
    }

    fn address(&self, target: &str) -> String {
        format!("ext::{} %s {}", self.path("relay").display(), self.path(target).display())
    }

    fn said(&self) -> Said {
        Said { client: fs::read(self.path("client")).unwrap(), upstream: fs::read(self.path("upstream")).unwrap() }
    }

    /// Pushes, and says what was said; the push may fail.
    pub fn push(&self, work: &str, target: &str, arguments: &[&str]) -> Said {
        let address = self.address(target);
        self.try_git(work, &[&["push", "--no-thin", &address], arguments].concat(), &[]);
        self.said()
    }

    /// Runs a command that fetches from `target`, whose address stands in the place of `@`.
    pub fn fetch(&self, folder: &str, target: &str, version: &str, arguments: &[&str]) -> Said {
        let address = self.address(target);
        let arguments: Vec<&str> = arguments.iter().map(|word| if *word == "@" { &address } else { *word }).collect();
        let protocol = format!("version={version}");
        let output = self.try_git(folder, &arguments, &[("GIT_PROTOCOL", &protocol)]);
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        self.said()
    }

    /// Adds to `events` what is recorded of a push that was said; what became of it is seen at the target.
    pub fn pushed(&self, events: &mut Vec<Event>, millis: u64, lane: u32, target: &str, said: &Said) {
        let mut put = |side, said| events.push(event(millis, side, lane, Kind::Git(said)));
        let repository = Bytes::from_static(REPOSITORY.as_bytes());
        put(Side::Client, GitEvent::Service { service: GitService::ReceivePack, repository });
        let updates = commands(&said.client);
        let is_there = |id: &ObjectId| {
            let name = id.to_string();
            self.try_git(target, &["cat-file", "-e", &name], &[]).status.success()
        };
        for (old, new, name) in &updates {
            let descends = || {
                let (old, new) = (old.to_string(), new.to_string());
                self.try_git(target, &["merge-base", "--is-ancestor", &old, &new], &[]).status.success()
            };
            let change = match (old.is_null(), new.is_null()) {
                (true, _) => RefChange::Created,
                (_, true) => RefChange::Deleted,
                _ if !is_there(new) => RefChange::Unknown,
                _ if descends() => RefChange::FastForward,
                _ => RefChange::Forced,
            };
            put(Side::Client, GitEvent::Update(RefUpdate { name: name.clone().into(), old: *old, new: *new, change }));
        }
        for run in said.client.chunks(10_000) {
            put(Side::Client, GitEvent::Data { bytes: Bytes::copy_from_slice(run) });
        }
        if let Some(place) = place(&said.client, b"PACK") {
            put(Side::Client, pack(&said.client[place..], self.format));
        }
        let refs = self.refs(target);
        let report = |(_, new, name): &(ObjectId, ObjectId, String)| RefReport {
            name: name.clone().into(),
            error: (refs.get(name).cloned() != (!new.is_null()).then(|| new.to_string())).then(|| "declined".into()),
            options: Vec::new(),
        };
        put(Side::Upstream, GitEvent::Data { bytes: said.upstream.clone().into() });
        put(Side::Upstream, GitEvent::Report { unpack: "ok".into(), refs: updates.iter().map(report).collect() });
    }

    /// Adds to `events` what is recorded of a fetch that was said.
    pub fn fetched(&self, events: &mut Vec<Event>, millis: u64, lane: u32, target: &str, said: &Said) {
        let mut put = |side, said| events.push(event(millis, side, lane, Kind::Git(said)));
        let repository = Bytes::from_static(REPOSITORY.as_bytes());
        put(Side::Client, GitEvent::Service { service: GitService::UploadPack, repository });
        let mut refs = self.refs(target);
        refs.insert("HEAD".into(), self.id(target, "HEAD"));
        let advertised = |(name, id): (String, String)| AdvertisedRef {
            name: name.into(),
            id: ObjectId::from_hex(id.as_bytes()),
            peeled: None,
            symref_target: None,
        };
        put(Side::Upstream, GitEvent::Refs { refs: refs.into_iter().map(advertised).collect() });
        let text = String::from_utf8_lossy(&said.client).into_owned();
        let wants = text.match_indices("want ").filter_map(|(place, _)| {
            let digits = text[place + 5..].chars().take_while(char::is_ascii_hexdigit).collect::<String>();
            ObjectId::from_hex(digits.as_bytes())
        });
        let (ids, filter) = (wants.collect(), text.contains("filter blob:none").then(|| "blob:none".into()));
        let (refs, capabilities, shallow, deepen) = Default::default();
        put(Side::Client, GitEvent::Wanted { ids, refs, capabilities, shallow, deepen, filter });
        for run in said.upstream.chunks(10_000) {
            put(Side::Upstream, GitEvent::Data { bytes: Bytes::copy_from_slice(run) });
        }
        put(Side::Upstream, pack(&banded(&said.upstream), self.format));
    }

    /// What is recorded of the commits between two, oldest first, as git itself tells of them.
    pub fn commits(&self, events: &mut Vec<Event>, millis: u64, lane: u32, work: &str, range: &[&str]) {
        let ids = self.git(work, &[&["rev-list", "--reverse", "--topo-order"], range].concat());
        for id in ids.lines() {
            let told =
                self.git(work, &["log", "-1", "--format=%T%x00%P%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B", id]);
            let [tree, parents, an, ae, at, cn, ce, ct, message] =
                told.splitn(9, '\0').collect::<Vec<_>>().try_into().unwrap();
            let ident = |name: &str, email: &str, seconds: &str, offset_minutes| Ident {
                name: name.to_owned().into(),
                email: email.to_owned().into(),
                seconds: seconds.parse().unwrap(),
                offset_minutes,
            };
            let parents: Vec<_> = parents.split_whitespace().map(oid).collect();
            let commit = GitEvent::Commit {
                id: oid(id),
                tree: oid(tree),
                parents: parents.clone(),
                author: Box::new(ident(an, ae, at, 60)),
                committer: Box::new(ident(cn, ce, ct, -210)),
                message: message.strip_suffix('\n').unwrap().to_owned().into(),
                signature: None,
            };
            let files = self.files(work, id);
            let parent = parents.first().copied();
            let files = GitEvent::Files { commit: oid(id), parent, files, complete: true };
            for said in [commit, files] {
                events.push(event(millis, Side::Client, lane, Kind::Git(said)));
            }
        }
    }

    /// The files that a commit changes against its first parent.
    fn files(&self, work: &str, id: &str) -> Vec<FileChange> {
        let first = format!("{id}^1");
        let has_parent = self.try_git(work, &["rev-parse", "--verify", "-q", &first], &[]).status.success();
        let what = if has_parent { vec![first.as_str(), id] } else { vec!["--root", id] };
        let how = ["diff-tree", "-r", "--no-commit-id", "--no-renames", "--raw", "--numstat", "--abbrev=64", "-z"];
        let told = self.git(work, &[&how[..], &what].concat());
        let (mut files, mut lines) = (Vec::new(), BTreeMap::new());
        let mut parts = told.split('\0').filter(|part| !part.is_empty());
        while let Some(part) = parts.next() {
            if let Some(raw) = part.strip_prefix(':') {
                let path = parts.next().unwrap();
                let words: Vec<&str> = raw.split(' ').collect();
                let file = |mode: &str, id: &str| {
                    let mode = u32::from_str_radix(mode, 8).unwrap();
                    (mode != 0).then(|| TreeFile { mode, id: oid(id) })
                };
                let status = match words[4] {
                    "A" => FileStatus::Added,
                    "D" => FileStatus::Deleted,
                    _ => FileStatus::Modified,
                };
                let (old, new) = (file(words[0], words[2]), file(words[1], words[3]));
                files.push(FileChange { path: path.to_owned().into(), status, old, new, lines: None, binary: false });
            } else {
                let [added, removed, path] = part.splitn(3, '\t').collect::<Vec<_>>().try_into().unwrap();
                lines.insert(path.to_owned(), added.parse().ok().zip(removed.parse().ok()));
            }
        }
        for file in &mut files {
            file.lines = lines[&String::from_utf8(file.path.to_vec()).unwrap()];
            file.binary = file.lines.is_none();
        }
        files
    }

    /// Writes `bytes` into a file of the place.
    pub fn keep(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

pub fn oid(digits: &str) -> ObjectId {
    ObjectId::from_hex(digits.as_bytes()).unwrap()
}

/// The commands that the client of a push said.
fn commands(mut client: &[u8]) -> Vec<(ObjectId, ObjectId, String)> {
    let mut commands = Vec::new();
    loop {
        let (line, rest) = line(client);
        client = rest;
        let Some(line) = line else { return commands };
        let line = line.split(|byte| *byte == 0).next().unwrap();
        let text = String::from_utf8(line.to_vec()).unwrap();
        let [old, new, name] = text.trim_end().splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
        commands.push((oid(old), oid(new), name.to_owned()));
    }
}

/// The first pkt-line, unless it is empty, and what is behind it.
fn line(bytes: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let Some(head) = bytes.get(..4) else { return (None, &[]) };
    match usize::from_str_radix(std::str::from_utf8(head).unwrap(), 16).unwrap() {
        0..4 => (None, &bytes[4..]),
        length => (Some(&bytes[4..length]), &bytes[length..]),
    }
}

/// What stands in side band 1.
fn banded(mut bytes: &[u8]) -> Vec<u8> {
    let mut pack = Vec::new();
    while !bytes.is_empty() {
        let (line, rest) = line(bytes);
        bytes = rest;
        if let Some([1, data @ ..]) = line {
            pack.extend_from_slice(data);
        }
    }
    pack
}

fn place(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn pack(bytes: &[u8], format: &str) -> GitEvent {
    let objects = u32::from_be_bytes(bytes[8..12].try_into().unwrap());
    let id_bytes = if format == "sha1" { 20 } else { 32 };
    let checksum = ObjectId::from_bytes(&bytes[bytes.len() - id_bytes..]).unwrap();
    GitEvent::Pack { objects, bytes: bytes.len() as u64, checksum, sha256: [0; 32], intact: Some(true) }
}
