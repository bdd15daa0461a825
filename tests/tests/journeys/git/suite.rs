//! git's own tests of HTTP, from the source package of Debian's git: each says the same with the gateway as a proxy as
//! it says without one. The server is git's own setup of Apache, which refuses to be started by root.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wiretape_tests::configuration::Target;
use wiretape_tests::git::Git;
use wiretape_tests::program::{Finished, Program};
use wiretape_tests::stage::user_name;
use wiretape_tests::workshop::Workshop;

/// The scripts, each of which has a server of its own. Left out, beside what never speaks HTTP: t5540 (pushes over
/// WebDAV: Debian builds git for it, but no server of today offers it) and t5411, t5500, t5510, t5537 and t5548 (in
/// long scripts one or two tests by HTTP, of what others here test as well).
const SCRIPTS: &[&str] = &[
    "t0410-partial-clone",
    "t5539-fetch-http-shallow",
    "t5541-http-push-smart",
    "t5542-push-http-shallow",
    "t5545-push-options",
    "t5549-fetch-push-http",
    "t5550-http-fetch-dumb",
    "t5551-http-fetch-smart",
    "t5557-http-get",
    "t5558-clone-bundle-uri",
    "t5561-http-backend",
    "t5581-http-curl-verbose",
    "t5601-clone",
    "t5616-partial-clone",
    "t5700-protocol-v1",
    "t5702-protocol-v2",
    "t5703-upload-pack-ref-in-want",
    "t5812-proto-disable-http",
];

/// Tests that say something else with the gateway between, by script and number, and why.
const DIFFERENT: &[(&str, u32, &str)] = &[
    ("t5541-http-push-smart", 5, "it reads the server's log, where the gateway's own questions about a push stand too"),
    (
        "t5541-http-push-smart",
        6,
        "it counts the client's requests: by a proxy the first is asked who it is, and said again",
    ),
    ("t5551-http-fetch-smart", 5, "it wants every line of the client's requests: by a proxy they name the whole URL"),
    ("t5551-http-fetch-smart", 46, "the client is told the address of a name: by a proxy it does not ask for one"),
];

/// A user that is not root: what the scripts, and the servers that they start, run as.
const NOBODY: &str = "65534";

/// How long one script may take. A guard against hanging, never a measure.
const PATIENCE: Duration = Duration::from_secs(900);

/// git's source with the tests in it.
fn source() -> PathBuf {
    let folder = std::env::var_os("WIRETAPE_GIT_SOURCE").map(PathBuf::from);
    let folder = folder.filter(|folder| folder.join("t/helper/test-tool").is_file());
    folder.expect("git's own tests are not there: `cargo xtask test` fetches, builds and names them")
}

/// The port of a script's server: its number, as git itself has it, or one that belongs to the run through the gateway.
fn port(script: &str, through: bool) -> u16 {
    let number: u16 = script[1..5].parse().expect("a number");
    // Below 1024 is for root alone.
    let number = if number < 1024 { number + 5000 } else { number };
    if through { number + 10_000 } else { number }
}

/// Runs `script` of the source in `folder`, and gives what it said.
fn run(workshop: &Workshop, folder: &Path, script: &str, through: bool) -> Finished {
    let own = folder.join(if through { "through" } else { "direct" }).join(script);
    std::fs::create_dir_all(&own).expect("a folder can be made");
    let shell = if user_name() == "root" {
        Program::new("chown").arg(NOBODY).arg(&own).succeed();
        workshop.folder.program("setpriv").args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "sh"])
    } else {
        workshop.folder.program("sh")
    };
    let shell = shell
        .arg(format!("./{script}.sh"))
        .arg(format!("--root={}", own.join("trash").display()))
        .folder(&folder.join("t"))
        .env("HOME", &own)
        .env("TEST_OUTPUT_DIRECTORY", &own)
        .env("GIT_TEST_INSTALLED", "/usr/bin")
        .env("GIT_TEST_HTTPD", "true")
        .env("LIB_HTTPD_PORT", port(script, through).to_string())
        .env("LIB_GIT_DAEMON_PORT", (port(script, through) + 1000).to_string())
        .patience(PATIENCE);
    if !through {
        return shell.finish();
    }
    shell.env("http_proxy", workshop.proxy()).finish()
}

/// The tests of a script, by number: what each is about, and whether it is good (`ok`), not (`not ok`) or left out
/// (`skip`).
fn outcomes(said: &str) -> BTreeMap<u32, String> {
    let lines = said.lines().filter(|line| line.starts_with("ok ") || line.starts_with("not ok "));
    let tests = lines.map(|line| {
        let (outcome, rest) = line.strip_prefix("not ").map_or(("ok", line), |rest| ("not ok", rest));
        let number = rest.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a number");
        let outcome = if line.contains("# skip") { "skip" } else { outcome };
        (number, format!("{outcome} {}", rest.split_once(" - ").map_or("", |(_, about)| about)))
    });
    tests.collect()
}

#[test]
fn gits_own_tests_of_http_say_the_same() {
    let git = Git::debian();
    let hosts: Vec<String> = SCRIPTS.iter().map(|script| format!("127.0.0.1:{}", port(script, true))).collect();
    let workshop = Workshop::staged(&git, false, |_, configuration| {
        // Without a credential: what the client shows the server is between the two.
        configuration.targets.push(Target::of("http", "tested").line(&format!("hosts = {hosts:?}")));
    });
    // What runs as nobody must be able to read it.
    let folder = workshop.folder.make("git");
    let copy = Program::new("cp").arg("-R").args(["t", "templates", "GIT-BUILD-OPTIONS"]).arg(&folder);
    copy.folder(&source()).succeed();
    Program::new("chmod").args(["-R", "a+rX"]).arg(&folder).succeed();
    Program::new("chmod").arg("a+x").arg(workshop.folder.path()).succeed();
    let (mut different, mut tests, mut good) = (Vec::new(), 0, 0);
    for script in SCRIPTS {
        let (direct, through) = std::thread::scope(|scope| {
            let direct = scope.spawn(|| run(&workshop, &folder, script, false));
            let through = run(&workshop, &folder, script, true);
            (direct.join().expect("the script ran"), through)
        });
        let (before, after) = (outcomes(&direct.text()), outcomes(&through.text()));
        if before.is_empty() {
            different.push(format!("{script}: {}{}", direct.text(), direct.errors()));
        }
        tests += before.len();
        good += after.values().filter(|outcome| outcome.starts_with("ok")).count();
        for (number, outcome) in &before {
            let same = after.get(number) == Some(outcome);
            let named = DIFFERENT.iter().any(|(of, own, _)| of == script && own == number);
            if same == named {
                different.push(format!("{script} {number}: direct {outcome:?}, through {:?}", after.get(number)));
            }
        }
    }
    assert!(different.is_empty(), "{} of {tests} tests differ:\n{}", different.len(), different.join("\n"));
    assert!(good > 500, "{good} of {tests} tests are good");
    let talks = workshop.talks();
    assert!(talks.len() > 300, "{} conversations are recorded", talks.len());
}
