//! Policies: how many decisions a second, and what rules add to requests that pass: `cargo xtask bench policy`.
//!
//! Two shapes of policies. As of a company: each team has ten rules for its own targets, and one of them is asked. All
//! alike: every rule is about the very action that is asked, for everybody and everywhere, so that each has to be
//! evaluated; that is the worst there can be. What is asked differs each time (`new`), or is one of eight (`known`: what
//! clients that repeat themselves ask). The processors are kept awake: what rules add is a few microseconds, and what a
//! processor takes to wake is some hundred. Absolute figures are those of the machine.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use wiretape_core::event::{ObjectId, RefChange, RefUpdate};
use wiretape_core::judge::{ActionKind, Push};
use wiretape_policy::{Circumstances, Policies, Source, Subject, TargetFacts};
use wiretape_tests::authority::Authority;
use wiretape_tests::configuration::{Configuration, Target, User};
use wiretape_tests::database::Database;
use wiretape_tests::gateway::Gateway;
use wiretape_tests::nginx::Nginx;
use wiretape_tests::postgres::DATABASE;
use wiretape_tests::secrets::Token;
use wiretape_tests::stage::{Folder, PERSON};
use wiretape_tests::wakefulness;
use wiretape_tests::web::OWN_NAMES;

/// The bar: what 200 rules of a company add to the median of a request.
const ADDED_US_MAX: f64 = 50.0;

/// The rules of the gateways that requests pass.
const RULES: usize = 200;

/// 2026-11-22 15:04:59 UTC.
const NOW: u64 = 1_795_359_899_000_000_000;

/// How much is measured; a quick run shows only that it works.
struct Effort {
    decisions: usize,
    rounds: usize,
    requests: usize,
    transactions: u32,
}

const FULL: Effort = Effort { decisions: 20_000, rounds: 7, requests: 2_000, transactions: 4_000 };
const QUICK: Effort = Effort { decisions: 500, rounds: 1, requests: 100, transactions: 200 };

/// Which rules.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Company,
    Alike,
}

/// What is asked.
const ACTIONS: [&str; 4] = ["ssh.exec", "pg.query", "http.request", "git.push"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let effort = if arguments.iter().any(|argument| argument == "--quick") { QUICK } else { FULL };
    let parts: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|wanted| *wanted == part);
    let _awake = wakefulness::keep();
    if wanted("decisions") {
        decisions(&effort);
    }
    if wanted("http") {
        requests(&effort);
    }
    if wanted("postgres") {
        queries(&effort);
    }
}

/// Policies of `count` rules.
fn rules(shape: Shape, count: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        let team = number / 10;
        let rule = match (shape, number % 10) {
            (Shape::Alike, _) => match number % 4 {
                0 => format!(
                    "forbid (principal, action == Action::\"ssh.exec\", resource) when {{ context.programs.contains(\"p{number}\") }};"
                ),
                1 => format!(
                    "forbid (principal, action == Action::\"pg.query\", resource) when {{ context.kind == \"delete\" && context.names.contains(\"t{number}\") }};"
                ),
                2 => format!(
                    "forbid (principal, action == Action::\"http.request\", resource) when {{ context.path like \"/p{number}/*\" }};"
                ),
                _ => format!(
                    "forbid (principal, action == Action::\"git.push\", resource) when {{ context.paths.contains(\"p{number}\") }};"
                ),
            },
            (_, 0) => format!(
                "permit (principal in Group::\"team{team}\", action in Action::\"use\", resource in Label::\"team=team{team}\");"
            ),
            (_, 1) => format!(
                "@approval(\"leads{team}\") permit (principal in Group::\"team{team}\", action == Action::\"ssh.exec\", resource in Label::\"team=team{team}\") when {{ context.programs.contains(\"systemctl\") }};"
            ),
            (_, 2) => format!(
                "forbid (principal, action == Action::\"ssh.exec\", resource in Label::\"team=team{team}\") when {{ context.programs.contains(\"rm\") }};"
            ),
            (_, 3) => format!(
                "forbid (principal is Agent, action == Action::\"pg.query\", resource in Label::\"team=team{team}\") when {{ context.kind != \"select\" }};"
            ),
            (_, 4) => format!(
                "forbid (principal, action == Action::\"pg.query\", resource in Label::\"team=team{team}\") when {{ context.kind == \"delete\" && !context.where }};"
            ),
            (_, 5) => format!(
                "forbid (principal, action == Action::\"git.push\", resource in Label::\"team=team{team}\") when {{ context.ref == \"refs/heads/main\" && context.forced }};"
            ),
            (_, 6) => format!(
                "forbid (principal, action == Action::\"git.push\", resource in Label::\"team=team{team}\") when {{ context.paths.contains(\".github/workflows/release.yml\") }};"
            ),
            (_, 7) => format!(
                "forbid (principal, action == Action::\"http.request\", resource in Label::\"team=team{team}\") when {{ context.path like \"/admin/*\" }};"
            ),
            (_, 8) => format!(
                "permit (principal in Group::\"readers{team}\", action == Action::\"http.request\", resource in Label::\"team=team{team}\") when {{ context.method == \"GET\" }};"
            ),
            _ => format!(
                "forbid (principal, action in Action::\"ssh\", resource in Label::\"team=team{team}\") unless {{ context.address.isInRange(ip(\"0.0.0.0/0\")) }};"
            ),
        };
        let _ = writeln!(text, "{rule}");
    }
    if shape == Shape::Alike {
        text.push_str("permit (principal, action, resource);\n");
    }
    text
}

/// The same, all about one action.
fn rules_about(action: &str, count: usize) -> String {
    rules(Shape::Alike, 4 * count)
        .lines()
        .filter(|line| line.contains(action) || line.starts_with("permit"))
        .fold(String::new(), |text, line| text + line + "\n")
}

/// What is asked the `number`th time.
fn action(name: &str, number: usize) -> ActionKind {
    match name {
        "ssh.exec" => {
            ActionKind::Exec { command: Bytes::from(format!("sudo journalctl -u shop --since {number} | tail")) }
        }
        "pg.query" => {
            let text = format!(
                "SELECT o.id, o.total FROM public.orders o JOIN users u ON u.id = o.owner WHERE o.id = {number}"
            );
            ActionKind::Query { text: Bytes::from(text) }
        }
        "http.request" => ActionKind::Request {
            method: Bytes::from_static(b"GET"),
            url: Bytes::from(format!("https://shop.example/v1/orders/{number}?page=1")),
        },
        _ => {
            let id = ObjectId::Sha1([1; 20]);
            let name = Bytes::from(format!("refs/heads/feature-{number}"));
            ActionKind::Push(Box::new(Push {
                repository: Bytes::from_static(b"/org/shop.git"),
                updates: vec![RefUpdate { name, old: id, new: id, change: RefChange::FastForward }],
                options: Vec::new(),
                paths: (0..20).map(|file| Bytes::from(format!("src/file{file}.rs"))).collect(),
                complete: true,
            }))
        }
    }
}

fn subject() -> Subject {
    Subject { name: PERSON.to_owned(), groups: vec!["team3".to_owned()], ..Subject::default() }
}

fn decisions(effort: &Effort) {
    println!("{:<34} {:>8} {:>12} {:>9} {:>9}", "decisions", "rules", "a second", "p50 µs", "p99 µs");
    for shape in [Shape::Company, Shape::Alike] {
        for name in ACTIONS {
            // Of a company of one team it is that team that asks.
            for (count, team) in [(10, 0), (200, 3), (1000, 3)] {
                let text = if shape == Shape::Company { rules(shape, count) } else { rules_about(name, count) };
                let source = Source { name: "bench.cedar".to_owned(), text };
                let policies = Policies::compile(Some(&[source]), &[]).unwrap_or_else(|faults| panic!("{faults}"));
                let policies = Arc::new(policies);
                for known in [false, true] {
                    let (rate, p50, p99) = decided(&policies, team, name, known, effort.decisions);
                    let shape = if shape == Shape::Company { "company" } else { "all alike" };
                    let known = if known { "known" } else { "new" };
                    println!(
                        "{:<34} {count:>8} {rate:>12.0} {p50:>9.1} {p99:>9.1}",
                        format!("{name}, {shape}, {known}")
                    );
                }
            }
        }
    }
}

/// Decisions a second, and how long they take in microseconds.
fn decided(policies: &Arc<Policies>, team: usize, name: &str, known: bool, count: usize) -> (f64, f64, f64) {
    let target = TargetFacts {
        name: "shop".to_owned(),
        kind: "ssh".to_owned(),
        labels: BTreeMap::from([("team".to_owned(), format!("team{team}"))]),
        ..TargetFacts::default()
    };
    let circumstances = Circumstances { client_address: Some([10, 1, 2, 3].into()), ..Circumstances::default() };
    let subject = Subject { groups: vec![format!("team{team}")], ..subject() };
    let mut bench = policies.session(&subject, &target, &circumstances);
    let mut times = Vec::with_capacity(count);
    for number in 0..count {
        let action = action(name, if known { number % 8 } else { number });
        let began = Instant::now();
        let decided = bench.decide(NOW, &action);
        times.push(began.elapsed());
        assert_eq!(decided.name(), "allow", "{name} {decided:?}");
    }
    let total: Duration = times.iter().sum();
    times.sort_unstable();
    let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)].as_secs_f64() * 1e6;
    (count as f64 / total.as_secs_f64(), at(50), at(99))
}

/// Gateways that differ in their policies alone.
const GATEWAYS: [&str; 3] = ["none", "company", "alike"];

/// `configuration` with a person of a team, and with policies that are called so.
fn with_policies(folder: &Folder, policies: &str, mut configuration: Configuration) -> Configuration {
    let place = folder.join("policies");
    std::fs::create_dir_all(&place).expect("a folder");
    let text = match policies {
        "company" => rules(Shape::Company, RULES),
        "alike" => ["http.request", "pg.query"].map(|action| rules_about(action, RULES)).concat(),
        _ => return configuration,
    };
    std::fs::write(place.join("bench.cedar"), text).expect("a file");
    configuration.policy = vec![format!("folder = {:?}", place.display().to_string())];
    configuration
}

/// The median of what each gateway takes, in microseconds: they take turns, and of their rounds the median counts.
fn in_turns(name: &str, rounds: usize, mut round: impl FnMut(usize) -> Vec<Duration>) {
    let mut medians = [const { Vec::new() }; GATEWAYS.len()];
    for _ in 0..rounds {
        for (number, medians) in medians.iter_mut().enumerate() {
            medians.push(median(round(number).into_iter().map(|time| time.as_secs_f64() * 1e6).collect()));
        }
    }
    let [none, company, alike] = medians.map(median);
    println!("{name:<34} without policies {none:>8.1} µs");
    let added = company - none;
    let verdict = if added <= ADDED_US_MAX { "holds" } else { "MISSED" };
    println!("{:<34} {RULES} of a company {added:>+8.1} µs   ≤ +{ADDED_US_MAX:.0}: {verdict}", "");
    println!("{:<34} {RULES} all alike    {:>+8.1} µs", "", alike - none);
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn requests(effort: &Effort) {
    let folder = Folder::new();
    let authority = Authority::make(folder.path(), "authority");
    let web = Nginx::web(&folder, "web", &authority.issue("server", &OWN_NAMES));
    let token = Token::make(PERSON);
    let folders = GATEWAYS.map(|_| Folder::new());
    let gateways = [0, 1, 2].map(|number| {
        let folder: &Folder = &folders[number];
        let url = format!("http://localhost:{}", web.addresses()[0].port());
        let configuration = Configuration {
            users: vec![User::named(PERSON).line(&token.line).line("groups = [\"team3\"]")],
            targets: vec![Target::web("web", &url).line("labels = { team = \"team3\" }")],
            http: true,
            ..Configuration::new(folder.join("data"))
        };
        Gateway::start(folder, with_policies(folder, GATEWAYS[number], configuration))
    });
    let mut serial = 0;
    in_turns("an HTTP request, one client", effort.rounds, |number| {
        let mut connection = Connection::open(gateways[number].http(), &token.secret);
        (0..effort.requests)
            .map(|_| {
                serial += 1;
                let began = Instant::now();
                connection.get(&format!("/web/short?n={serial}"));
                began.elapsed()
            })
            .collect()
    });
}

/// A client of HTTP/1.1 that does nothing but ask and wait.
struct Connection {
    stream: BufReader<TcpStream>,
    token: String,
}

impl Connection {
    fn open(address: SocketAddr, token: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the gateway listens");
        stream.set_nodelay(true).expect("a socket");
        Self { stream: BufReader::new(stream), token: token.to_owned() }
    }

    fn get(&mut self, path: &str) {
        let token = &self.token;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n");
        self.stream.get_mut().write_all(request.as_bytes()).expect("it is sent");
        let mut length = 0;
        let mut first = String::new();
        self.stream.read_line(&mut first).expect("an answer");
        assert!(first.starts_with("HTTP/1.1 200"), "{first}");
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("an answer");
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("a body");
    }
}

fn queries(effort: &Effort) {
    let team = |configuration: &mut Configuration, token: &Token| {
        configuration.users = vec![User::named(PERSON).line(&token.line).line("groups = [\"team3\"]")];
        configuration.target(DATABASE).set("labels = { team = \"team3\" }");
    };
    let first = Database::new();
    let folders = GATEWAYS.map(|_| Folder::new());
    let gateways = [0, 1, 2].map(|number| {
        let folder: &Folder = &folders[number];
        let mut configuration = Configuration {
            targets: vec![Target::database(DATABASE, first.server.address(), &first.folder.join("password"))],
            postgres: true,
            ..Configuration::new(folder.join("data"))
        };
        team(&mut configuration, &first.token);
        Gateway::start(folder, with_policies(folder, GATEWAYS[number], configuration))
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut serial = 0;
    in_turns("a query, one client", effort.rounds, |number| {
        runtime.block_on(async {
            let address = gateways[number].postgres();
            let mut config = tokio_postgres::Config::new();
            config.host(address.ip().to_string()).port(address.port()).user(PERSON).dbname(DATABASE);
            config.password(&first.token.secret);
            let (client, connection) = config.connect(tokio_postgres::NoTls).await.expect("it connects");
            let driver = tokio::spawn(connection);
            let mut times = Vec::new();
            for _ in 0..effort.transactions {
                serial += 1;
                let text = format!("SELECT relname FROM pg_catalog.pg_class WHERE oid = {serial}");
                let began = Instant::now();
                client.simple_query(&text).await.expect("it is answered");
                times.push(began.elapsed());
            }
            drop(client);
            let _ended = driver.await;
            times
        })
    });
}
