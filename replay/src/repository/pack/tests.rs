//! Packs of real git, and packs that are none.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use proptest::prelude::{any, proptest};
use wiretape_core::event::ObjectId;

use super::{Format, Pack, Unreadable};
use crate::repository::spool::Spool;

fn git(folder: &Path, arguments: &[&str], input: &str) -> Vec<u8> {
    let mut child = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("HOME", "/nonexistent")])
        .envs([
            ("GIT_AUTHOR_NAME", "a"),
            ("GIT_AUTHOR_EMAIL", "a@b"),
            ("GIT_COMMITTER_NAME", "a"),
            ("GIT_COMMITTER_EMAIL", "a@b"),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "git {arguments:?}");
    output.stdout
}

fn read(bytes: &[u8], format: Format) -> Result<Pack, Unreadable> {
    let mut spool = Spool::new(u64::MAX).unwrap();
    spool.put(bytes).unwrap();
    Pack::read(spool.part(0, bytes.len() as u64), format)
}

/// A repository with twenty commits of one long file, and a tag.
fn repository(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "-q", "--object-format", name], "");
    let mut lines: Vec<String> = (0..500).map(|number| format!("line {number} {}\n", number * 7919)).collect();
    for number in 0..20 {
        lines[number * 23] = format!("changed {number}\n");
        fs::write(folder.path().join("file"), lines.concat()).unwrap();
        git(folder.path(), &["add", "file"], "");
        git(folder.path(), &["commit", "-q", "-m", &format!("change {number}")], "");
    }
    git(folder.path(), &["tag", "-a", "-m", "tagged", "v1"], "");
    folder
}

/// The names of all objects of a pack that git made of what `revisions` say.
fn packed(folder: &Path, arguments: &[&str], revisions: &str) -> Vec<u8> {
    git(folder, &[&["pack-objects", "--stdout", "--revs", "-q", "--no-reuse-delta"], arguments].concat(), revisions)
}

#[test]
fn every_object_of_a_real_pack_is_named_and_read() {
    for (name, format) in [("sha1", Format::Sha1), ("sha256", Format::Sha256)] {
        let folder = repository(name);
        // Differences by distance, by name, and none.
        for arguments in [&["--delta-base-offset"][..], &[], &["--depth=0"]] {
            let mut pack = read(&packed(folder.path(), arguments, "HEAD\nv1\n"), format).unwrap();
            let listed = git(folder.path(), &["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"], "");
            let mut names: Vec<String> = String::from_utf8(listed).unwrap().lines().map(str::to_owned).collect();
            names.sort();
            assert_eq!(pack.ids().map(ToString::to_string).collect::<Vec<_>>(), names);
            assert_eq!((pack.unnamed(), pack.boundary().count()), (0, 0));
            for revision in ["HEAD:file", "HEAD~7:file", "HEAD~19:file"] {
                let id = git(folder.path(), &["rev-parse", revision], "");
                let id = ObjectId::from_hex(id.trim_ascii()).unwrap();
                let content = git(folder.path(), &["cat-file", "blob", revision], "");
                assert_eq!(pack.object(&id).unwrap().unwrap(), content, "{revision}");
            }
        }
        let id =
            |revision: &str| ObjectId::from_hex(git(folder.path(), &["rev-parse", revision], "").trim_ascii()).unwrap();
        let mut part = read(&packed(folder.path(), &["--thin"], "HEAD\n^HEAD~3\n"), format).unwrap();
        assert_eq!(part.boundary().collect::<Vec<_>>(), [&id("HEAD~3")]);
        assert!(part.contains(&id("HEAD~2")) && !part.contains(&id("HEAD~3")));
        assert!(part.unnamed() > 0, "a thin pack holds differences from what it does not hold");
        assert!(part.object(&id("HEAD~3:file")).unwrap().is_none());
    }
}

#[test]
fn a_pack_that_was_changed_is_not_read() {
    let folder = repository("sha1");
    let pack = packed(folder.path(), &[], "HEAD\n");
    for place in [0, 9, 11, 40, pack.len() / 2, pack.len() - 1] {
        let mut changed = pack.clone();
        changed[place] ^= 0x10;
        assert!(matches!(read(&changed, Format::Sha1), Err(Unreadable::Checksum)), "byte {place}");
    }
    for length in [0, 11, 31, 32, pack.len() - 1] {
        assert!(read(&pack[..length], Format::Sha1).is_err(), "{length} bytes");
    }
}

/// `content` with a checksum that is right.
fn summed(content: &[u8]) -> Vec<u8> {
    let mut hash = Format::Sha1.hash();
    hash.update(content);
    [content, hash.finish().as_bytes()].concat()
}

#[test]
fn a_pack_whose_checksum_is_right_may_still_be_broken() {
    let folder = repository("sha1");
    let pack = packed(folder.path(), &["--delta-base-offset"], "HEAD\n");
    let content = &pack[..pack.len() - 20];
    for place in 8..content.len().min(2000) {
        let mut changed = content.to_vec();
        changed[place] ^= 0x41;
        // Whatever comes of it, it is an error or a pack; a changed object has another name.
        if let Ok(pack) = read(&summed(&changed), Format::Sha1) {
            assert!(pack.ids().count() <= pack.objects());
        }
    }
    // Many objects in few bytes; an object that unpacks to more than it says; a difference from itself.
    for (objects, body) in [
        (u32::MAX, &b""[..]),
        (1, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
        (1, b"\x31\x78\x9c\x4b\x4c\x4a\x06\x00\x02\x4d\x01\x27"),
        (1, b"\x61\x00\x78\x9c\x4b\x04\x00\x00\x62\x00\x62"),
        (0, b"something"),
    ] {
        let content = [&b"PACK\0\0\0\x02"[..], &objects.to_be_bytes(), body].concat();
        assert!(read(&summed(&content), Format::Sha1).is_err(), "{objects} {body:02x?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_do_harm(objects in 0..4_u32, body in any::<Vec<u8>>()) {
        let content = [&b"PACK\0\0\0\x02"[..], &objects.to_be_bytes(), &body].concat();
        if let Ok(pack) = read(&summed(&content), Format::Sha1) {
            assert!(pack.objects() <= 4);
        }
    }
}
