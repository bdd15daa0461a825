//! Files by sftp, scp and rsync: they arrive whole, and what was done to them can be read.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use wiretape_core::event::{FileEvent, FileOperation, ProcessEvent, ProcessKind};
use wiretape_tests::random::{self, hex};
use wiretape_tests::record::Events;
use wiretape_tests::stage::Stage;

/// The operations that were asked for.
fn asked(events: &Events) -> Vec<&FileOperation> {
    let asked = events.file().filter_map(|event| match event {
        FileEvent::Asked { operation, .. } => Some(operation),
        _ => None,
    });
    asked.collect()
}

/// Bytes read and written, and the digest, of the last time that a file whose path ends in `name` was closed.
fn closed(events: &Events, name: &str) -> (u64, u64, String) {
    let closed = events.file().filter_map(|event| match event {
        FileEvent::Closed { path, read_bytes, written_bytes, content_sha256 } if path.ends_with(name.as_bytes()) => {
            Some((*read_bytes, *written_bytes, content_sha256.map_or_else(String::new, |hash| hex(&hash))))
        }
        _ => None,
    });
    closed.last().unwrap_or_else(|| panic!("{name} was never closed: {:?}", events.names()))
}

fn is(path: &[u8], wanted: &Path) -> bool {
    path == wanted.as_os_str().as_encoded_bytes()
}

#[test]
fn every_sftp_operation_is_recorded_as_what_it_was() {
    let stage = Stage::new();
    let remote = stage.folder.make("remote");
    let sent = stage.folder.join("sent");
    let digest = random::file(&sent, 300_000);
    let batch = format!(
        "put {sent} {remote}/first\n\
         chmod 640 {remote}/first\n\
         rename {remote}/first {remote}/second\n\
         mkdir {remote}/folder\n\
         ls -l {remote}\n\
         ln -s {remote}/second {remote}/pointer\n\
         ln {remote}/second {remote}/hard\n\
         get {remote}/second {folder}/got\n\
         rm {remote}/pointer\n\
         rmdir {remote}/folder\n\
         df {remote}\n\
         -get {remote}/missing\n",
        sent = sent.display(),
        remote = remote.display(),
        folder = stage.folder.path().display(),
    );
    let batch = stage.folder.write("batch", batch);
    let finished = stage.client("sftp").arg("-b").arg(batch).arg("web@gateway").succeed();
    assert!(finished.text().contains("second"), "the listing came: {}", finished.text());
    assert_eq!(random::digest(&stage.folder.join("got")), digest);
    let mode = std::fs::metadata(remote.join("second")).expect("it was put").permissions().mode();
    assert_eq!(mode & 0o777, 0o640);

    let events = stage.gateway.record().one().events();
    let asked = asked(&events);
    let some = |what: &str, wanted: &dyn Fn(&FileOperation) -> bool| {
        assert!(asked.iter().any(|operation| wanted(operation)), "{what} is not among {asked:#?}");
    };
    let (first, second) = (remote.join("first"), remote.join("second"));
    some(
        "open for writing",
        &|operation| matches!(operation, FileOperation::Open { path, mode } if is(path, &first) && mode.write && mode.create),
    );
    some(
        "open for reading",
        &|operation| matches!(operation, FileOperation::Open { path, mode } if is(path, &second) && mode.read && !mode.write),
    );
    some(
        "rename",
        &|operation| matches!(operation, FileOperation::Rename { from, to, .. } if is(from, &first) && is(to, &second)),
    );
    some("permissions", &|operation| {
        matches!(operation, FileOperation::SetAttributes { path, permissions: Some(bits), .. }
            if is(path, &first) && bits & 0o777 == 0o640)
    });
    some(
        "mkdir",
        &|operation| matches!(operation, FileOperation::MakeDirectory { path } if is(path, &remote.join("folder"))),
    );
    some(
        "rmdir",
        &|operation| matches!(operation, FileOperation::RemoveDirectory { path } if is(path, &remote.join("folder"))),
    );
    some(
        "list",
        &|operation| matches!(operation, FileOperation::List { path } if path.starts_with(remote.as_os_str().as_encoded_bytes())),
    );
    some("symbolic link", &|operation| {
        matches!(operation, FileOperation::Link { target, path, symbolic: true }
            if is(target, &second) && is(path, &remote.join("pointer")))
    });
    some("hard link", &|operation| {
        matches!(operation, FileOperation::Link { target, path, symbolic: false }
            if is(target, &second) && is(path, &remote.join("hard")))
    });
    some(
        "remove",
        &|operation| matches!(operation, FileOperation::Remove { path } if is(path, &remote.join("pointer"))),
    );
    some(
        "an extension",
        &|operation| matches!(operation, FileOperation::Extension { name, .. } if name == "statvfs@openssh.com"),
    );
    assert_eq!(closed(&events, "remote/first"), (0, 300_000, digest.clone()));
    assert_eq!(closed(&events, "remote/second"), (300_000, 0, digest));
    let missing = events.file().any(|event| matches!(event, FileEvent::Answered { status: 2, .. }));
    assert!(missing, "what was not there was answered so: {:?}", events.names());
}

#[test]
fn scp_over_sftp_carries_trees_both_ways() {
    scp_carries_trees(&[]);
}

#[test]
fn scp_by_its_own_protocol_carries_trees_both_ways() {
    scp_carries_trees(&["-O"]);
}

fn scp_carries_trees(options: &[&str]) {
    let stage = Stage::new();
    let tree = stage.folder.make("tree/deep");
    let digest = random::file(&tree.join("one"), 1_000_000);
    let other = random::file(&stage.folder.join("tree/two words"), 5);
    std::fs::set_permissions(tree.join("one"), Permissions::from_mode(0o750)).expect("permissions can be set");
    let remote = stage.folder.make("remote");
    let scp = || stage.client("scp").args(options).args(["-r", "-p", "-q"]);
    scp().arg(stage.folder.join("tree")).arg(format!("web@gateway:{}/", remote.display())).succeed();
    scp().arg(format!("web@gateway:{}/tree", remote.display())).arg(stage.folder.join("back")).succeed();
    for place in ["remote/tree", "back"] {
        let place = stage.folder.join(place);
        assert_eq!(random::digest(&place.join("deep/one")), digest);
        assert_eq!(random::digest(&place.join("two words")), other);
        let mode = std::fs::metadata(place.join("deep/one")).expect("it arrived").permissions().mode();
        assert_eq!(mode & 0o777, 0o750);
    }
    let sessions = stage.gateway.record().ended(2);
    let up = sessions[1].events();
    let down = sessions[0].events();
    assert_eq!(closed(&up, "one"), (0, 1_000_000, digest.clone()));
    assert_eq!(closed(&up, "two words"), (0, 5, other.clone()));
    assert_eq!(closed(&down, "one"), (1_000_000, 0, digest));
    assert_eq!(closed(&down, "two words"), (5, 0, other));
}

#[test]
fn a_file_that_scp_cannot_have_is_an_error_on_both_ends() {
    let stage = Stage::new();
    for options in [&[][..], &["-O"]] {
        let scp = |from: String| {
            stage
                .client("scp")
                .args(options)
                .args(["-q", &from])
                .arg(stage.folder.join("got"))
                .finish()
                .coded(1)
                .errors()
        };
        let missing = stage.folder.join("missing").display().to_string();
        assert_eq!(scp(format!("web@gateway:{missing}")), scp(format!("direct:{missing}")), "{options:?}");
    }
}

#[test]
fn rsync_makes_trees_the_same_both_ways() {
    let stage = Stage::new();
    let tree = stage.folder.make("tree/deep");
    let digests: Vec<String> =
        (0..20).map(|number| random::file(&tree.join(number.to_string()), number * 5000)).collect();
    let remote = stage.folder.make("remote");
    let way = format!("ssh -F {}", stage.client_configuration().display());
    let rsync = |from: String, to: String| {
        stage.folder.program("rsync").args(["-a", "--delete", "-e", &way, &from, &to]).succeed();
    };
    let local = stage.folder.path().display();
    rsync(format!("{local}/tree/"), format!("web@gateway:{}/", remote.display()));
    // The second time only what changed travels.
    std::fs::remove_file(tree.join("3")).expect("it is there");
    let changed = random::file(&tree.join("4"), 77_777);
    rsync(format!("{local}/tree/"), format!("web@gateway:{}/", remote.display()));
    rsync(format!("web@gateway:{}/", remote.display()), format!("{local}/back/"));
    for place in ["remote", "back"] {
        let place = stage.folder.join(place).join("deep");
        for (number, digest) in digests.iter().enumerate() {
            let path = place.join(number.to_string());
            match number {
                3 => assert!(!path.exists(), "what was deleted is gone"),
                4 => assert_eq!(random::digest(&path), changed),
                _ => assert_eq!(&random::digest(&path), digest),
            }
        }
    }
    let events = stage.gateway.record().ended(3).remove(2).events();
    let started = events.process().any(|event| {
        matches!(event, ProcessEvent::Start { kind: ProcessKind::Exec { command } } if command.starts_with(b"rsync --server"))
    });
    assert!(started, "{:?}", events.names());
}

#[test]
fn what_is_piped_into_scp_arrives_whole_before_its_end() {
    let stage = Stage::new();
    let far = stage.folder.join("far");
    // Who speaks to scp by a pipe waits for no status.
    let command = format!("scp -t {}", far.display());
    let finished = stage.ssh().arg(command).input("C0644 5 x\nhello\0").finish().coded(0);
    assert_eq!(finished.text(), "\0\0\0", "{}", finished.errors());
    assert_eq!(std::fs::read_to_string(&far).expect("it arrived"), "hello");
    stage.gateway.record().one().verified().coded(0);
}
