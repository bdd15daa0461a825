//! Much: 200 MB of random bytes each way by each tool. Every digest is equal, and so is the record.
//!
//! The bytes of the tools' own protocols are counted twice beside the record: by a program between the client and its
//! `ssh`, and by one between the server and what it started.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use wiretape_core::Side;
use wiretape_core::event::FileEvent;
use wiretape_tests::random::{self, hex};
use wiretape_tests::record::Session;
use wiretape_tests::stage::{Folder, Stage, client_script};

const BYTES: u64 = 200 * 1000 * 1000;

/// Writes a program that starts `command` and counts what passes into `<name>.in` and `<name>.out`.
fn counting(folder: &Folder, path: &Path, name: &str, command: &str) {
    let count = client_script("count.py");
    let script = format!("#!/bin/sh\nexec python3 {} {} {command}\n", count.display(), folder.join(name).display());
    std::fs::write(path, script).expect("a file can be written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("permissions can be set");
}

/// A stage whose server counts what passes, and a program to be used as `ssh` that does the same.
fn counted() -> (Stage, PathBuf) {
    let sftp = ["/usr/lib/openssh/sftp-server", "/usr/lib/ssh/sftp-server", "/usr/libexec/openssh/sftp-server"]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .expect("sftp-server is not installed; `cargo xtask test` installs what is needed");
    let settings = ["ForceCommand $HOME/server", &format!("Subsystem sftp {sftp}")];
    let stage = Stage::with_server(&settings, |_, _| {});
    counting(&stage.folder, &stage.folder.home().join("server"), "server", "sh -c \"$SSH_ORIGINAL_COMMAND\"");
    let ssh = stage.folder.join("ssh");
    counting(&stage.folder, &ssh, "client", "ssh \"$@\"");
    (stage, ssh)
}

/// What the client counted, what the server counted, and what was recorded on the session's only lane are the same.
fn same_on_all_sides(stage: &Stage, session: &Session) {
    let carried = session.carried();
    for (side, suffix) in [(Side::Client, "in"), (Side::Upstream, "out")] {
        let digest = |name: &str| {
            let path = stage.folder.join(&format!("{name}.{suffix}"));
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        assert_eq!(digest("client"), digest("server"), "what the {side} sent, on both ends");
        assert_eq!(carried.by(side), [digest("client")], "what the {side} sent, on the tape");
    }
}

/// Bytes read and written and the digest of the only file that was closed with content.
fn file_closed(session: &Session) -> (u64, u64, String) {
    let events = session.events();
    let closed: Vec<(u64, u64, String)> = events
        .file()
        .filter_map(|event| match event {
            FileEvent::Closed { read_bytes, written_bytes, content_sha256, .. } if read_bytes + written_bytes > 0 => {
                Some((*read_bytes, *written_bytes, content_sha256.map_or_else(String::new, |hash| hex(&hash))))
            }
            _ => None,
        })
        .collect();
    assert_eq!(closed.len(), 1, "{closed:?}");
    closed.into_iter().next().expect("one")
}

#[test]
fn two_hundred_megabytes_by_cat() {
    let stage = Stage::new();
    let sent = stage.folder.join("sent");
    let digest = random::file(&sent, BYTES);
    let there = stage.folder.join("there");
    stage.ssh().arg(format!("cat > {}", there.display())).input_file(&sent).succeed();
    assert_eq!(random::digest(&there), digest);
    let back = stage.folder.join("back");
    stage.ssh().arg(format!("cat {}", there.display())).output_file(&back).succeed();
    assert_eq!(random::digest(&back), digest);
    let sessions = stage.gateway.record().ended(2);
    let (up, down) = (&sessions[1], &sessions[0]);
    assert_eq!(up.carried().by(Side::Client), [format!("{BYTES} {digest}")]);
    assert_eq!(down.carried().by(Side::Upstream), [format!("{BYTES} {digest}")]);
    assert_eq!((up.number("client_bytes"), down.number("upstream_bytes")), (BYTES, BYTES));
    up.verified().coded(0);
    down.verified().coded(0);
}

#[test]
fn two_hundred_megabytes_by_sftp() {
    let (stage, ssh) = counted();
    by_copies(&stage, |from, to| match from {
        Place::Here(path) => {
            let batch = stage.folder.write("batch", format!("put {} {}\n", path.display(), to.display()));
            stage.client("sftp").arg("-S").arg(&ssh).arg("-b").arg(batch).arg("web@gateway").succeed();
        }
        Place::There(path) => {
            let batch = stage.folder.write("batch", format!("get {} {}\n", path.display(), to.display()));
            stage.client("sftp").arg("-S").arg(&ssh).arg("-b").arg(batch).arg("web@gateway").succeed();
        }
    });
}

#[test]
fn two_hundred_megabytes_by_scp_over_sftp() {
    let (stage, ssh) = counted();
    by_copies(&stage, |from, to| scp(&stage, &ssh, &[], from, to));
}

#[test]
fn two_hundred_megabytes_by_scp_of_its_own() {
    let (stage, ssh) = counted();
    by_copies(&stage, |from, to| scp(&stage, &ssh, &["-O"], from, to));
}

fn scp(stage: &Stage, ssh: &Path, options: &[&str], from: Place, to: &Path) {
    let scp = stage.client("scp").arg("-S").arg(ssh).arg("-q").args(options);
    match from {
        Place::Here(path) => scp.arg(path).arg(format!("web@gateway:{}", to.display())).succeed(),
        Place::There(path) => scp.arg(format!("web@gateway:{}", path.display())).arg(to).succeed(),
    };
}

/// Where a copy starts.
enum Place<'a> {
    Here(&'a Path),
    There(&'a Path),
}

/// Copies a file there and back by `copy`, and compares every digest there is.
fn by_copies(stage: &Stage, copy: impl Fn(Place, &Path)) {
    let sent = stage.folder.join("sent");
    let digest = random::file(&sent, BYTES);
    let there = stage.folder.join("there");
    copy(Place::Here(&sent), &there);
    assert_eq!(random::digest(&there), digest);
    let up = stage.gateway.record().ended(1).remove(0);
    same_on_all_sides(stage, &up);
    assert_eq!(file_closed(&up), (0, BYTES, digest.clone()));
    let back = stage.folder.join("back");
    copy(Place::There(&there), &back);
    assert_eq!(random::digest(&back), digest);
    let down = stage.gateway.record().ended(2).remove(0);
    same_on_all_sides(stage, &down);
    assert_eq!(file_closed(&down), (BYTES, 0, digest));
    up.verified().coded(0);
    down.verified().coded(0);
}

#[test]
fn two_hundred_megabytes_by_rsync() {
    let (stage, ssh) = counted();
    let sent = stage.folder.join("sent");
    let digest = random::file(&sent, BYTES);
    let there = stage.folder.join("there");
    let back = stage.folder.join("back");
    let way = format!("{} -F {}", ssh.display(), stage.client_configuration().display());
    let mut copies = 0;
    let mut rsync = |from: String, to: String| {
        stage.folder.program("rsync").args(["--whole-file", "-e", &way, &from, &to]).succeed();
        copies += 1;
        let session = stage.gateway.record().ended(copies).remove(0);
        same_on_all_sides(&stage, &session);
    };
    rsync(sent.display().to_string(), format!("web@gateway:{}", there.display()));
    assert_eq!(random::digest(&there), digest);
    rsync(format!("web@gateway:{}", there.display()), back.display().to_string());
    assert_eq!(random::digest(&back), digest);
}
