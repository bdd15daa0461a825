//! Content as it flows: events as they are sent, much of it both ways, and sides that do not read.

use std::cell::Cell;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::Signal;
use wiretape_core::event::SessionEvent;
use wiretape_core::{Lane, Side};
use wiretape_tests::authority::Authority;
use wiretape_tests::configuration::Target;
use wiretape_tests::conversation::{Conversation, Scripted};
use wiretape_tests::nginx::Nginx;
use wiretape_tests::processes;
use wiretape_tests::random;
use wiretape_tests::record::Session;
use wiretape_tests::stage::wait_until;
use wiretape_tests::web::{OWN_NAMES, ROADS_THROUGH, Road, Web};

/// What the gateway may hold, in KiB, whatever passes.
const HELD_KIB_MAX: u64 = 120 * 1024;

/// What the gateway may read ahead of a side that does not read, with what the kernel holds on the way.
const AHEAD_BYTES_MAX: u64 = 64 * 1024 * 1024;

fn unix_nanos() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_nanos()
}

/// A request in clear text to the gateway, up to the end of the response's head.
fn ask(web: &Web, request: &str) -> Conversation {
    let mut client = Conversation::with(web.gateway.http());
    client.say(format!("{request} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\r\n", web.token.secret));
    let head = client.hear_until("\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    client
}

#[test]
fn events_are_recorded_when_they_pass() {
    let web = Web::new();
    let mut client = ask(&web, "GET /plain/events?count=5&pause=1000&times=1");
    let mut arrived = Vec::new();
    let mut sent = Vec::new();
    for number in 1..=5 {
        let message = client.hear_until("\n\n");
        arrived.push(unix_nanos());
        assert!(message.contains(&format!("data: message {number} of 5 at ")), "{message}");
        let at = message.rsplit_once(" at ").expect("a time").1.trim().parse::<f64>().expect("milliseconds");
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time of this century")]
        sent.push((at * 1e6) as u128);
    }
    drop(client);
    let (_, events) = super::ended(&web.gateway).remove(0);
    let opened = events.session().find_map(|event| match event {
        SessionEvent::Opened(opened) => Some(u128::from(opened.opened_unix_nanos)),
        _ => None,
    });
    let opened = opened.expect("a session opens");
    let exchange = events.exchange();
    // A run of content is what came at once: with a message in each.
    let recorded: Vec<u128> = exchange.response.runs.iter().map(|(at, _)| opened + u128::from(at.as_nanos())).collect();
    assert_eq!(recorded.len(), 5, "a run of content for each message: {:?}", exchange.response.runs);
    let mut differences = Vec::new();
    for number in 0..5 {
        let (passed, seen) = (recorded[number], arrived[number]);
        differences.push(seen.abs_diff(passed) / 1000);
        if number < 4 {
            assert!(passed < sent[number + 1] && seen < sent[number + 1], "a message passes before the next is sent");
        }
    }
    differences.sort_unstable();
    println!("recorded and arrived: {differences:?} µs apart");
}

#[test]
fn what_is_held_arrives_as_soon_as_it_is_there() {
    let web = Web::new();
    // The head comes at once, though no content does.
    let mut client = ask(&web, "GET /plain/hold/poll");
    web.curl(Road::Direct).args(["--data", ""]).arg(web.server.url("plain") + "/release/poll").succeed();
    assert!(client.hear_until("released poll\n").contains("released"));
    drop(client);
    for option in ["--http1.1", "--http2"] {
        for road in ROADS_THROUGH {
            let held = web.curl(road).args([option, "--no-buffer"]).arg(web.url(road, "secure") + "/hold/x").start();
            let release = || {
                let curl = web.curl(Road::Direct).args(["--data", "", "--write-out", "%{http_code}"]);
                curl.arg(web.server.url("plain") + "/release/x").succeed().text() == "200"
            };
            wait_until("the poll at the server", release);
            assert_eq!(held.finish().good().text(), "released x\n", "{option} {road:?}");
        }
    }
}

#[test]
fn much_passes_both_ways_at_once() {
    let web = Web::new();
    let (sent, back) = (web.folder.join("sent"), web.folder.join("back"));
    let digest = random::file(&sent, 30_000_000);
    for (target, option) in
        [("plain", "--http1.1"), ("secure", "--http2"), ("plain", "--http2"), ("secure", "--http1.1")]
    {
        let curl =
            web.curl(Road::Reverse).args([option, "-H", "expect:", "--request", "POST", "--upload-file"]).arg(&sent);
        curl.arg(web.url(Road::Reverse, target) + "/mirror").output_file(&back).succeed();
        assert_eq!(random::digest(&back), digest, "{target} {option}");
        let session = newest(&web);
        for side in [Side::Client, Side::Upstream] {
            assert_eq!(session.contents().of(side, only_lane(&session)), (30_000_000, &*digest), "{target} {option}");
        }
    }
}

/// The newest session, once it has ended.
fn newest(web: &Web) -> Session {
    let session = web.gateway.record().all_ended().remove(0);
    session.verified().coded(0);
    session
}

/// The lane of the only exchange of a session.
fn only_lane(session: &Session) -> Lane {
    let lanes = session.lanes();
    assert_eq!(lanes.len(), 1, "one exchange");
    lanes[0]
}

/// A gateway before an nginx: the targets `web` and `webs`, in clear text and over TLS.
fn before_nginx() -> (Web, Nginx) {
    let mut nginx = None;
    let web = Web::with(|folder, _, configuration| {
        let authority = Authority::of(folder.path(), "authority");
        let started = Nginx::web(folder, "nginx", &authority.issue("nginx", &OWN_NAMES));
        let url = |scheme: &str, place: usize| format!("{scheme}://localhost:{}", started.addresses()[place].port());
        let trusted = format!("tls_ca = {:?}", authority.certificate().display().to_string());
        configuration.targets.push(Target::web("web", &url("http", 0)));
        configuration.targets.push(Target::web("webs", &url("https", 2)).line(&trusted));
        nginx = Some(started);
    });
    (web, nginx.expect("it was started"))
}

/// The digest of a file, by a program that is fast at it.
fn digest(web: &Web, file: &Path) -> String {
    let said = web.folder.program("sha256sum").arg(file).succeed().text();
    said.split(' ').next().unwrap_or_default().to_owned()
}

#[test]
fn a_gigabyte_down_and_up_in_little_memory() {
    const BYTES: u64 = 1_000_000_000;
    let (web, nginx) = before_nginx();
    let file = nginx.files().join("bulk");
    web.folder
        .program("sh")
        .args(["-c", "head -c \"$1\" /dev/urandom > \"$2\"", "sh"])
        .arg(BYTES.to_string())
        .arg(&file)
        .succeed();
    let wanted = digest(&web, &file);
    // By HTTP/1.1 in clear text to the server and by HTTP/2 over TLS, each once there and once back.
    for (target, down, up) in [("web", "--http2", "--http1.1"), ("webs", "--http1.1", "--http2")] {
        let back = web.folder.join("back");
        let url = web.url(Road::Reverse, target);
        web.curl(Road::Reverse).arg(down).arg(format!("{url}/bulk")).output_file(&back).succeed();
        assert_eq!(digest(&web, &back), wanted, "{target} {down}");
        std::fs::remove_file(back).expect("the file can be removed");
        let session = newest(&web);
        assert_eq!(session.contents().of(Side::Upstream, only_lane(&session)), (BYTES, &*wanted));
        std::fs::remove_file(session.tape()).expect("the tape can be removed");

        let curl = web.curl(Road::Reverse).args([up, "--write-out", "%{http_code}", "--upload-file"]).arg(&file);
        assert_eq!(curl.arg(format!("{url}/upload/bulk")).succeed().text(), "201");
        let uploaded = nginx.files().join("upload/bulk");
        assert_eq!(digest(&web, &uploaded), wanted, "{target} {up}");
        std::fs::remove_file(uploaded).expect("the file can be removed");
        let session = newest(&web);
        assert_eq!(session.contents().of(Side::Client, only_lane(&session)), (BYTES, &*wanted));
        std::fs::remove_file(session.tape()).expect("the tape can be removed");
        let peak = processes::resident_peak_kib(web.gateway.number());
        assert!(peak < HELD_KIB_MAX, "{peak} KiB for a gigabyte");
    }
}

/// Waits until `counted` does not grow any more, and gives it.
fn stands_still(what: &str, counted: impl Fn() -> u64) -> u64 {
    let seen = Cell::new((0, 0));
    wait_until(what, || {
        let (times, before) = seen.get();
        let now = counted();
        seen.set(if now == before && now > 0 { (times + 1, before) } else { (0, now) });
        times > 50
    });
    seen.get().1
}

#[test]
fn a_client_that_stops_reading_holds_the_server_back() {
    let sent = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&sent);
    let server = Scripted::start(move |_, mut peer| {
        let _request = peer.hear_until("\r\n\r\n");
        peer.say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        let chunk = [b"10000\r\n", &random::bytes(0x10000)[..], b"\r\n"].concat();
        while peer.try_say(&chunk) {
            counted.fetch_add(0x10000, Ordering::SeqCst);
        }
        String::new()
    });
    let web = Web::with(|_, _, configuration| {
        configuration.targets.push(Target::web("endless", &format!("http://{}", server.address())));
    });
    for (round, option) in ["--http1.1", "--http2"].into_iter().enumerate() {
        sent.store(0, Ordering::SeqCst);
        let null = Path::new("/dev/null");
        let client = web.curl(Road::Reverse).arg(option).arg(web.url(Road::Reverse, "endless") + "/");
        let client = client.output_file(null).start();
        wait_until("a response that flows", || sent.load(Ordering::SeqCst) > 10_000_000);
        client.signal(Signal::STOP);
        let stopped = sent.load(Ordering::SeqCst);
        let held = stands_still("a server that is held back", || sent.load(Ordering::SeqCst));
        assert!(held - stopped < AHEAD_BYTES_MAX, "{option}: {} bytes ahead of the client", held - stopped);
        let peak = processes::resident_peak_kib(web.gateway.number());
        assert!(peak < HELD_KIB_MAX, "{option}: {peak} KiB");
        // Others are served meanwhile, and it goes on where it was.
        let other = web.curl(Road::Reverse).args(["--range", "0-5"]).arg(web.url(Road::Reverse, "plain") + "/text");
        assert_eq!(other.succeed().text(), "line 0");
        client.signal(Signal::CONT);
        wait_until("a response that flows again", || sent.load(Ordering::SeqCst) > held + 10_000_000);
        // When the client is gone, so is the exchange at the server.
        client.signal(Signal::KILL);
        wait_until("a server that is told", || server.noted().len() == round + 1);
    }
}

#[test]
fn a_server_that_stops_reading_holds_the_client_back() {
    let server = Scripted::start(move |_, mut peer| {
        let head = peer.hear_until("\r\n\r\n");
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
        let length: usize = length.expect("a length").parse().expect("a number");
        // Nothing is read until somebody says so on another connection.
        while !GO_ON.load(Ordering::SeqCst) {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let content = peer.hear_bytes(length);
        peer.say("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        random::digest_of(&content)
    });
    static GO_ON: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
    let web = Web::with(|_, _, configuration| {
        configuration.targets.push(Target::web("stuck", &format!("http://{}", server.address())));
    });
    let sent = web.folder.join("sent");
    let digest = random::file(&sent, 200_000_000);
    let clients = ["--http1.1", "--http2"].map(|option| {
        let curl = web.curl(Road::Reverse).args([option, "-H", "expect:", "--upload-file"]).arg(&sent);
        curl.arg(web.url(Road::Reverse, "stuck") + "/").start()
    });
    // Everything that curl read of the file.
    let read = |number: i32| {
        let text = std::fs::read_to_string(format!("/proc/{number}/io")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("rchar: "));
        line.and_then(|count| count.parse::<u64>().ok()).unwrap_or(0)
    };
    for client in &clients {
        let held = stands_still("a client that is held back", || read(client.number()));
        assert!(held < AHEAD_BYTES_MAX, "{held} bytes ahead of the server");
    }
    let peak = processes::resident_peak_kib(web.gateway.number());
    assert!(peak < HELD_KIB_MAX, "{peak} KiB");
    GO_ON.store(true, Ordering::SeqCst);
    for client in clients {
        client.finish().good();
    }
    wait_until("what the server heard", || server.noted().len() == 2);
    assert_eq!(server.noted(), [digest.as_str(), &digest]);
    for session in web.gateway.record().ended(2) {
        assert_eq!(session.contents().of(Side::Client, only_lane(&session)), (200_000_000, &*digest));
    }
}

#[test]
fn a_stream_that_is_not_read_holds_no_other_up() {
    let web = Web::new();
    let see = |road: Road, target: &str| {
        let finished = web.script(road, target, OsStr::new("node"), "stalled_client.js").succeed();
        serde_json::from_slice::<serde_json::Value>(&finished.stdout).expect("what it saw, as JSON")
    };
    let direct = see(Road::Direct, "secure");
    for target in ["plain", "secure"] {
        assert_eq!(see(Road::Reverse, target), direct, "{target}");
    }
}
