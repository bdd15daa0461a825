//! Lines by which real shells start a program that a reader may overlook.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use wiretape_policy::CommandLine;

const SHELLS: [&str; 2] = ["bash", "dash"];

/// Lines that start `rm` in one shell at least. `$LC_X` is set, as a client of SSH may set it.
const LINES: &[&str] = &[
    "echo \"$\\\n(rm x)\"",
    "echo $\\\n'\\'' ; rm x #'",
    "env -u 1\\\n>out ls rm x",
    "ls&>out rm x",
    "env -u 10>out rm ls",
    "ls >&'$(rm x)'",
    "ls >&'a[$(rm x)]'",
    "ls {a['$(rm x)']}>f",
    "test -v 'a[$(rm x)]'",
    "[ -n x -a -v 'a[$(rm x)]' ]",
    "[ $LC_X ]",
    "[ \"\"$LC_X ]",
    "jobs -x rm x",
    "echo rm x | xargs env",
    "echo rm | xargs -I ls env ls x",
    "echo v | xargs -I u env -u rm ls",
    "sh -c -- 'rm x'",
    "sh -c -e 'rm x'",
    "env -- A=1 rm x",
    "flock lock -c 'rm x'",
    "time A=1 rm x",
    "time function f { rm x; }; f",
    "ls; (rm x)",
    "find . -maxdepth 0 -exec nice rm {} +",
];

/// Whether `shell` starts `rm` for `line`, in `folder`.
fn starts(shell: &str, line: &str, folder: &Path) -> bool {
    let _absent = fs::remove_dir_all(folder);
    let programs = folder.join("programs");
    fs::create_dir_all(&programs).unwrap();
    let started = folder.join("started");
    let program = programs.join("rm");
    fs::write(&program, format!("#!/bin/sh\n: > '{}'\n", started.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", programs.display());
    let ended = Command::new(shell)
        .args(["-c", line])
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("LC_X", "-v a[$(rm)]")
        .stdin(Stdio::null())
        .output();
    ended.expect(shell);
    started.exists()
}

#[test]
fn what_shells_start_is_known_or_it_is_not_told() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shells");
    for line in LINES {
        let starting: Vec<&str> = SHELLS.into_iter().filter(|shell| starts(shell, line, &folder)).collect();
        assert!(!starting.is_empty(), "no shell starts it: {line}");
        let programs = CommandLine::parse(line.as_bytes()).programs;
        assert!(programs.is_none_or(|programs| programs.contains("rm")), "{starting:?} start it: {line}");
    }
}
