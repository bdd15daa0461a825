//! The stage itself: what it starts works without a gateway, and nothing is left of it.

use wiretape_tests::keys::Key;
use wiretape_tests::processes;
use wiretape_tests::sshd::Sshd;
use wiretape_tests::stage::{Folder, user_name};
use wiretape_tests::terminal::Terminal;

#[test]
fn a_stage_serves_and_leaves_nothing_behind() {
    let folder = Folder::new();
    let key = Key::make(folder.path(), "key");
    let sshd = Sshd::start(&folder, "sshd", &key, &[]);
    let ssh = |command: &str| {
        folder
            .program("ssh")
            .args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"])
            .args(["-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"])
            .args(["-p", &sshd.address().port().to_string(), "-i"])
            .arg(&key.file)
            .arg(format!("{}@127.0.0.1", user_name()))
            .arg(command)
    };
    let finished = ssh("echo $HOME; echo oops >&2; exit 7").finish().coded(7);
    assert_eq!(finished.text(), format!("{}\n", folder.home().display()));
    assert_eq!(finished.errors(), "oops\n");

    // One that outlives its connection, one that holds a terminal.
    ssh("setsid sleep 3600 >/dev/null 2>&1 & echo started").succeed();
    let terminal = Terminal::start(&folder, 80, 24, "sh");
    terminal.enter("echo $((6 * 7))");
    terminal.wait("42");
    let running = ssh("sleep 3600").start();
    let count = processes::of_stage(folder.path()).len();
    assert!(count >= 4, "server, shell, terminal and sleepers are seen: {count}");

    drop(terminal);
    let path = folder.path().to_path_buf();
    drop(folder);
    assert_eq!(processes::of_stage(&path).len(), 0);
    assert!(!path.exists());
    assert!(!running.wait().success());
}
