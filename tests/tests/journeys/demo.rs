//! The first command of a newcomer.

use wiretape_tests::gateway::programs;
use wiretape_tests::record::Record;
use wiretape_tests::stage::Folder;

#[test]
fn the_demo_asks_nothing_and_leaves_a_session_that_can_be_replayed() {
    let folder = Folder::new();
    let data = folder.join("demo");
    let demo = || folder.program(programs().join("wiretape")).args(["demo", "--data-dir"]).arg(&data).succeed();
    let printed = demo().text();
    let session = Record::of(&data).one();
    assert_eq!(session.state(), "closed");
    session.verified().coded(0);
    assert!(printed.contains(&session.id()[..4]), "the session is named:\n{printed}");
    assert!(printed.contains("ssh "), "the line to try by hand is named:\n{printed}");
    let replayed = session.program("replay", &["--plain"]).succeed();
    assert!(!replayed.stdout.is_empty());
    // What it plays is what it printed of it.
    let shown = session.events().shown();
    assert!(!shown.is_empty());
    assert_eq!(replayed.text(), shown);
    // A second time nothing is in its way.
    let _ = demo();
    assert_eq!(Record::of(&data).ended(2).len(), 2);
}

#[test]
fn the_demo_serves_by_hand_as_it_says() {
    let folder = Folder::new();
    let data = folder.join("demo");
    let server = folder.program(programs().join("wiretape")).args(["demo", "--serve", "--data-dir"]).arg(&data).start();
    let words = server.line("  ssh ");
    // The line as it is printed, but without the questions that a first connection asks.
    let options = "-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR";
    let by_hand = folder
        .program("sh")
        .args(["-c", &format!("ssh -tt {options} {words}")])
        .input("echo by-hand-$((6 * 7)); exit 5\n")
        .finish()
        .coded(5);
    assert!(by_hand.text().contains("by-hand-42"), "{}", by_hand.text());
    server.signal(rustix::process::Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(Record::of(&data).ended(2).len(), 2);
}
