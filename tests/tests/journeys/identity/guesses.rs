//! Wrong logins, many of them.

use wiretape_tests::program::Program;
use wiretape_tests::random::{self, hex};
use wiretape_tests::web::{Road, Web};

/// How many wrong logins.
const GUESSES: &str = "100000";

#[test]
fn a_hundred_thousand_wrong_logins_are_held_off_and_hurt_nobody_else() {
    let web = Web::new();
    let url = format!("{}/echo", web.url(Road::Reverse, "plain"));
    // Somebody on the same machine, from another address than the others.
    let curl = || {
        let curl = web.folder.program("curl").args(["-sS", "-o", "/dev/null", "-w", "%{http_code}"]);
        let bearer = format!("Authorization: Bearer {}", web.token.secret);
        curl.args(["--interface", "127.0.0.2", "-H", &bearer]).arg("--cacert").arg(web.trusted(Road::Reverse)).arg(&url)
    };
    assert_eq!(curl().succeed().text(), "200");
    let thief = |number: &str| {
        let guess = format!("Authorization: Bearer wt_{}", hex(&random::bytes(32)));
        let h2load: Program = web.folder.program("h2load");
        h2load.args(["-n", number, "-c", "20", "-H", &guess]).arg(&url)
    };
    let running = thief(GUESSES).start();
    let mut good = 0;
    while running.runs() {
        assert_eq!(curl().succeed().text(), "200");
        good += 1;
    }
    let told = running.finish().good().text();
    assert!(good > 0);
    assert!(told.contains("100000 total") && told.contains(" 0 2xx"), "{told}");
    // Those that were looked at, the first that was not, and rows that tell of all others: not one for each.
    let refused = web.gateway.record().sessions().iter().filter(|session| session.state() == "refused").count();
    assert!((2..200).contains(&refused), "{refused} records");
}
