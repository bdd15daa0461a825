//! `wiretape policy test`: what it says is what happens, with the rules that decide; and what it says of mistakes.

use std::path::PathBuf;

use wiretape_tests::gateway::programs;
use wiretape_tests::program::{Finished, Program};
use wiretape_tests::stage::{Folder, PERSON, Stage, TARGET};

use super::council::{COMMON, Council};
use super::{database, repositories, shell, web};

/// People are asked before anything is done.
const ENTRANCE: &str = r#"
@id("door")
@approval("leads:2")
@reason("somebody looks on")
permit (principal, action == Action::"connect", resource);
@id("shells")
permit (principal, action in Action::"ssh", resource);
"#;

/// `wiretape policy test` about Ana and the target `web`.
fn test(policies: &PathBuf, words: &[&str]) -> Finished {
    let program = Program::new(programs().join("wiretape")).args(["policy", "test", "--person", PERSON]);
    let program = program.args(["--config", "/nowhere/wiretape.toml", "--target", TARGET, "--policies"]);
    program.arg(policies).args(words).finish()
}

/// A folder of policies, `rules` beside those that every stage has.
fn policies(folder: &Folder, rules: &str) -> PathBuf {
    let path = folder.make("tried");
    std::fs::write(path.join("common.cedar"), COMMON).expect("a file can be written");
    std::fs::write(path.join("rules.cedar"), rules).expect("a file can be written");
    path
}

#[test]
fn what_is_foretold_is_what_happens() {
    let mut council = None;
    let stage = Stage::with(|_, configuration| council = Some(Council::convene(configuration, shell::RULES)));
    let council = council.expect("it was convened");
    // The configuration names the folder of its policies, and knows Ana.
    let foretold = |command: &str| {
        let program = Program::new(programs().join("wiretape")).args(["policy", "test", "--config"]);
        let program = program.arg(stage.gateway.file()).args(["--person", PERSON, "--target", TARGET]);
        program.args(["--command", command]).finish()
    };
    let kept = stage.folder.write("kept", "x");
    let made = stage.folder.join("made");
    let (remove, make) = (format!("rm {}", kept.display()), format!("touch {}", made.display()));
    assert_eq!(foretold("echo one").good().text(), "allow   ssh.exec echo one at web, as person ana\nrules   echo\n");
    assert_eq!(
        foretold(&remove).coded(1).text(),
        format!("refuse  ssh.exec {remove} at web, as person ana\nrules   no-rm\nsays    nothing is removed here\n")
    );
    assert_eq!(
        foretold("uname").coded(1).text(),
        "refuse  ssh.exec uname at web, as person ana\nrules   no permit\nsays    nothing permits ssh.exec here\n"
    );
    assert_eq!(
        foretold(&make).coded(2).text(),
        format!("ask     ssh.exec {make} at web, as person ana\nrules   touch\nasks    leads\n")
    );
    assert!(council.open(&stage.gateway).is_empty(), "nobody is asked by a test");
    stage.ssh().arg("echo one").succeed();
    assert!(stage.ssh().arg(&remove).finish().coded(126).errors().contains("nothing is removed here"));
    assert!(stage.ssh().arg("uname").finish().coded(126).errors().contains("nothing permits ssh.exec here"));
    let waiting = stage.ssh().arg(&make).start();
    council.approve(&stage.gateway, "touch");
    waiting.finish().good();
    assert!(kept.exists() && made.exists());
}

#[test]
fn every_kind_of_action_can_be_tried() {
    let folder = Folder::new();
    let says = |rules: &str, words: &[&str], code: i32, expected: &str| {
        let finished = test(&policies(&folder, rules), words).coded(code);
        assert!(finished.text().contains(expected), "{words:?}: {}", finished.text());
    };
    let production = ["--target-label", "env=production", "--sql"];
    let sql = |text: &'static str| [&production[..], &[text]].concat();
    says(database::RULES, &sql("SELECT 1"), 0, "rules   reads\n");
    says(database::RULES, &sql("DROP TABLE orders"), 1, "says    nothing is dropped on production\n");
    says(database::RULES, &sql("DELETE FROM orders"), 2, "asks    leads\n");
    says(database::RULES, &["--sql", "DROP TABLE orders"], 0, "rules   reads\n");
    says(web::RULES, &["--request", "GET https://shop.example/text"], 0, "rules   reads\n");
    says(web::RULES, &["--request", "GET https://shop.example/%73ettings"], 1, "rules   no-settings");
    says(web::RULES, &["--request", "DELETE https://shop.example/text"], 2, "rules   removals\n");
    says(repositories::RULES, &["--push", "/shop.git refs/heads/main:fast-forward"], 0, "rules   pushes\n");
    says(repositories::RULES, &["--push", "/shop.git refs/heads/release-1:created"], 1, "the release is frozen");
    says(repositories::RULES, &["--push", "/shop.git refs/heads/main:forced:src/a,src/b"], 2, "rules   rewrites");
    says(repositories::RULES, &["--fetch", "/shop.git"], 0, "rules   git\n");
    says(shell::RULES, &["--file", "write:/etc/hosts"], 1, "file.write /etc/hosts at web");
    says(shell::RULES, &["--action", "connect"], 0, "rules   enter\n");
    says(shell::RULES, &["--action", "approval.answer"], 1, "rules   no permit");
    says(shell::RULES, &["--action", "approval.answer", "--group", "leads"], 0, "rules   leads-answer");
}

#[test]
fn what_is_asked_at_the_entrance_is_asked_with_what_is_done_behind_it() {
    let folder = Folder::new();
    let path = folder.make("door");
    std::fs::write(path.join("door.cedar"), ENTRANCE).expect("a file can be written");
    let finished = test(&path, &["--action", "ssh.shell"]).coded(2);
    let told = finished.text();
    assert!(
        told.contains("rules   door") && told.contains("asks    2 of leads\nsays    somebody looks on\n"),
        "{told}"
    );
}

#[test]
fn a_mistake_is_told_with_what_to_write_and_is_no_decision() {
    let folder = Folder::new();
    let good = policies(&folder, shell::RULES);
    for (words, remedy) in [
        (&["--request", "GET"][..], "write a method and a URL: \"GET https://host/path\""),
        (&["--file", "/etc/hosts"], "write what and a path: write:/etc/hosts"),
        (&["--file", "paint:/etc/hosts"], "read, write, remove, list, rename"),
        (&["--file", "rename:/etc/hosts"], "write both paths: rename:/from:/to"),
        (&["--push", "/shop.git"], "write a repository, a ref and what becomes of it"),
        (&["--push", "/shop.git refs/heads/main:sideways"], "created, deleted, fast-forward, forced, unknown"),
        (&["--action", "ssh.exec"], "is asked with what it is about: --command"),
        (&["--action", "fly"], "there is no action \"fly\""),
        (&["--command", "ls", "--sql", "SELECT 1"], "cannot be used with"),
        (&["--command", "ls", "--time", "yesterday"], "write 2026-11-22T15:04"),
        (&["--command", "ls", "--claim", "team"], "no NAME=VALUE"),
        (&[], "--command <LINE>"),
    ] {
        let finished = test(&good, words).coded(1);
        assert!(finished.errors().contains(remedy), "{words:?}: {}", finished.errors());
        assert_eq!(finished.text(), "", "{words:?}");
    }
    let nobody = Program::new(programs().join("wiretape")).args(["policy", "test", "--action", "connect"]);
    assert!(nobody.finish().coded(1).errors().contains("--person <NAME>"));
    let nowhere = Program::new(programs().join("wiretape")).args(["policy", "test", "--person", PERSON]);
    let nowhere = nowhere.args(["--config", "/nowhere/wiretape.toml", "--command", "ls", "--policies"]);
    let nowhere = nowhere.arg(&good).finish().coded(1);
    assert!(nowhere.errors().contains("name a target: --target"), "{}", nowhere.errors());
    // A target that the configuration does not know is tried all the same, and that is said.
    assert!(
        test(&good, &["--command", "echo"]).good().errors().contains("there is no target web in the configuration")
    );
    let broken =
        policies(&folder, "permit (principal, action, resource);\npermit (principal, action == , resource);\n");
    let finished = test(&broken, &["--command", "echo"]).coded(1);
    assert!(finished.errors().contains("rules.cedar:2: "), "{}", finished.errors());
}

#[test]
fn whom_an_issuer_may_vouch_for_is_not_said_to_have_no_way_in() {
    let folder = Folder::new();
    let text = r#"
data_dir = "data"
[[issuer]]
name = "corp"
url = "https://id.example.com"
audience = ["wiretape"]
[[user]]
name = "ana"
issuer = "corp"
[[user]]
name = "bob"
[[target]]
name = "web"
kind = "http"
url = "http://127.0.0.1:9"
groups = ["dev"]
"#;
    let file = folder.write("wiretape.toml", text);
    let check = || Program::new(programs().join("wiretape")).args(["check", "--config"]).arg(&file).finish();
    let said = check().good().text();
    assert!(said.contains("note: bob has neither ssh_keys nor a token_hash"), "{said}");
    assert!(!said.contains("ana") && !said.contains("nobody is in the group"), "{said}");
    // Without issuers the configuration alone says who is in a group.
    let (issuer, end) = (text.find("[[issuer]]").expect("it is there"), text.find("[[user]]").expect("it is there"));
    let alone = format!("{}{}", &text[..issuer], text[end..].replace("issuer = \"corp\"\n", ""));
    std::fs::write(&file, alone).expect("it is written");
    let said = check().good().text();
    assert!(said.contains("note: ana has neither") && said.contains("note: nobody is in the group \"dev\""), "{said}");
}
