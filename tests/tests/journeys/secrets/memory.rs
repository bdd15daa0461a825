//! What programs of the gateway's own user can see of it.

use std::path::Path;

use wiretape_tests::configuration::{Configuration, Target, User};
use wiretape_tests::gateway::Gateway;
use wiretape_tests::keys::Key;
use wiretape_tests::program::Program;
use wiretape_tests::stage::{Folder, PERSON, user_name};

/// The number of the user and of the group that own nothing.
const NOBODY: &str = "65534";

/// The gateway as a user that may look into no other user's processes: root may look into all.
fn unprivileged(folder: &Folder, gateway: &Path) -> Program {
    if user_name() != "root" {
        return Program::new(gateway);
    }
    Program::new("chown").args(["-R", &format!("{NOBODY}:{NOBODY}")]).arg(folder.path()).succeed();
    let setpriv = Program::new("setpriv").args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
    setpriv.args(["--inh-caps=-all", "--bounding-set=-all"]).arg(gateway)
}

/// What a program of a target finds in the environment of the gateway, its parent.
fn found(core_dumps: bool) -> String {
    let folder = Folder::new();
    let person = Key::make(folder.path(), "person");
    let script = "tr '\\0' '\\n' < /proc/$PPID/environ; echo \"code $?\"; ulimit -c";
    let configuration = Configuration {
        users: vec![User::with_key(PERSON, &person)],
        targets: vec![Target::command("peek", &["sh", "-c", script])],
        environment: vec![("ORDERS_PASSWORD".to_owned(), "s3cret-of-orders".to_owned())],
        core_dumps,
        ..Configuration::new(folder.make("data"))
    };
    let gateway = Gateway::start_by(&folder, configuration, |gateway| unprivileged(&folder, gateway));
    let ssh = folder.program("ssh").args(["-F", "none", "-T", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]);
    let ssh =
        ssh.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-i"]).arg(&person.file);
    let address = gateway.address();
    let finished = ssh.arg("-p").arg(address.port().to_string()).arg(format!("peek@{}", address.ip())).finish();
    finished.text() + &finished.errors()
}

#[test]
fn a_targets_program_cannot_read_the_gateways_environment() {
    let said = found(false);
    assert!(!said.contains("s3cret-of-orders") && !said.contains("code 0"), "{said}");
    assert!(said.contains("Permission denied") && said.contains("code "), "{said}");
    assert!(said.lines().any(|line| line == "0"), "and leaves no image of its own memory: {said}");
}

#[test]
fn where_core_dumps_are_wanted_it_can() {
    let said = found(true);
    assert!(said.contains("ORDERS_PASSWORD=s3cret-of-orders") && said.contains("code 0"), "{said}");
}
