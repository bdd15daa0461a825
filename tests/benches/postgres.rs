//! PostgreSQL straight, through pgbouncer and through the gateway, in turns, in one run: `cargo xtask bench postgres`.
//!
//! TLS is on everywhere, on both sides of pgbouncer and of the gateway; recording is on. Absolute figures are those of
//! the machine; the ratios are what counts. The programs that measure are PostgreSQL's own: pgbench and psql.

use std::path::Path;
use std::time::{Duration, Instant};

use wiretape_tests::authority::Authority;
use wiretape_tests::database::{Database, Way};
use wiretape_tests::pgbouncer::Pgbouncer;
use wiretape_tests::postgres::{DATABASE, Method, Settings, packaged};
use wiretape_tests::processes;
use wiretape_tests::program::Program;
use wiretape_tests::stage::client_python;

/// The bars.
const THROUGHPUT_OF_PGBOUNCER_MIN: f64 = 0.8;
const LATENCY_OVER_PGBOUNCER_US_MAX: f64 = 60.0;
const BULK_RATIO_MIN: f64 = 0.7;

/// How much each measures; a quick run shows only that it works.
struct Effort {
    rounds: usize,
    seconds: u32,
    transactions: u32,
    bulk_rows: u32,
    idle: usize,
}

const FULL: Effort = Effort { rounds: 3, seconds: 8, transactions: 8000, bulk_rows: 2_300_000, idle: 500 };
const QUICK: Effort = Effort { rounds: 1, seconds: 2, transactions: 500, bulk_rows: 100_000, idle: 20 };

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let effort = if arguments.iter().any(|argument| argument == "--quick") { QUICK } else { FULL };
    let parts: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|wanted| *wanted == part);

    let stage = Stage::new(&effort);
    println!("{:<46} {:>11} {:>11} {:>11}   bar", "", "direct", "pgbouncer", "gateway");
    for (protocol, part) in [("simple", "simple"), ("prepared", "prepared")] {
        if wanted(part) {
            throughput(&stage, &effort, protocol);
        }
    }
    if wanted("latency") {
        latency(&stage, &effort);
    }
    if wanted("bulk") {
        bulk(&stage, &effort);
    }
    if wanted("memory") {
        memory(&stage, &effort);
    }
}

/// The three ways to the same server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Road {
    Direct,
    Pgbouncer,
    Gateway,
}

const ROADS: [Road; 3] = [Road::Direct, Road::Pgbouncer, Road::Gateway];

/// One server, and what stands before it.
struct Stage {
    bouncer: Pgbouncer,
    database: Database,
}

impl Stage {
    fn new(effort: &Effort) -> Self {
        let mut made = None;
        let database = Database::with(
            |folder| {
                let authority = Authority::make(folder.path(), "authority");
                let certificate = authority.issue("server", &["DNS:localhost", "IP:127.0.0.1"]);
                let settings = Settings::over_tls(Method::Scram, &certificate)
                    .line(&format!("max_connections = {}", 3 * effort.idle + 100))
                    .line("shared_buffers = '1GB'");
                made = Some((authority, certificate));
                settings
            },
            |folder, _, configuration| {
                let target = configuration.target(DATABASE);
                target.set("tls = \"verify-full\"");
                target.set(&format!("tls_ca = {:?}", folder.join("authority.crt").display().to_string()));
            },
        );
        let (authority, certificate) = made.expect("they were made");
        let bouncer = Pgbouncer::start(&database.folder, &database.server, &authority, &certificate);
        let stage = Self { bouncer, database };
        stage.client(Road::Direct, "pgbench").args(["-i", "-q", "-s", "10"]).succeed();
        stage.database.server.tell("VACUUM ANALYZE");
        stage
    }

    fn dressed(&self, road: Road, program: Program) -> Program {
        let way = if road == Road::Gateway { Way::Gateway } else { Way::Direct };
        let program = self.database.shown(way, program).env("PGSSLMODE", "require");
        if road == Road::Pgbouncer {
            return program.env("PGPORT", self.bouncer.address().port().to_string());
        }
        program
    }

    fn client(&self, road: Road, name: &str) -> Program {
        self.dressed(road, Program::new(packaged().join(name)))
    }

    /// Processor seconds that what stands between client and server has used so far.
    fn spent(&self, road: Road) -> f64 {
        match road {
            Road::Direct => 0.0,
            Road::Pgbouncer => processes::processor_seconds(self.bouncer.number()),
            Road::Gateway => processes::processor_seconds(self.database.gateway.number()),
        }
    }

    /// Waits until all sessions are ended and removes their tapes, so that a run needs no more disk than one of them.
    fn forget_tapes(&self) {
        let record = self.database.gateway.record();
        let count = record.sessions().len();
        for session in record.ended(count) {
            let _gone_already = std::fs::remove_file(session.tape());
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Measures all ways in turns, after one round that does not count, and gives the medians.
fn in_turns(stage: &Stage, rounds: usize, mut measure: impl FnMut(Road) -> f64) -> [f64; 3] {
    let mut measured = [const { Vec::new() }; 3];
    for round in 0..=rounds {
        for (road, values) in ROADS.into_iter().zip(&mut measured) {
            let value = measure(road);
            if road == Road::Gateway {
                stage.forget_tapes();
            }
            if round > 0 {
                values.push(value);
            }
        }
    }
    measured.map(median)
}

fn row(name: &str, figures: [String; 3], bar: &str) {
    let [direct, pgbouncer, gateway] = figures;
    println!("{name:<46} {direct:>11} {pgbouncer:>11} {gateway:>11}   {bar}");
}

fn ratios([direct, pgbouncer, gateway]: [f64; 3]) -> [String; 3] {
    ["1.00".to_owned(), format!("{:.2}", pgbouncer / direct), format!("{:.2}", gateway / direct)]
}

fn verdict(bar: &str, met: bool) -> String {
    format!("{bar}: {}", if met { "met" } else { "MISSED" })
}

/// What pgbench says behind `start` on one of its lines.
fn figure(text: &str, start: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_else(|| panic!("{start:?}: {text}"));
    line.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{line}"))
}

/// Short reads by eight clients.
fn throughput(stage: &Stage, effort: &Effort, protocol: &str) {
    let mut cost = [const { Vec::new() }; 3];
    let rates = in_turns(stage, effort.rounds, |road| {
        let before = stage.spent(road);
        let seconds = effort.seconds.to_string();
        let pgbench =
            stage.client(road, "pgbench").args(["-S", "-n", "-c", "8", "-j", "2", "-M", protocol, "-T", &seconds]);
        let text = pgbench.succeed().text();
        let transactions = figure(&text, "number of transactions actually processed: ");
        cost[road as usize].push((stage.spent(road) - before) / transactions * 1e6);
        figure(&text, "tps = ")
    });
    let name = format!("pgbench -S, {protocol}, 8 clients");
    row(&format!("{name}, per second"), rates.map(|rate| format!("{rate:.0}")), "");
    row(&format!("{name}, ratio"), ratios(rates), "");
    let of_pgbouncer = rates[2] / rates[1];
    let bar = format!("{of_pgbouncer:.2} of pgbouncer, ≥ {THROUGHPUT_OF_PGBOUNCER_MIN}");
    let cost = cost.map(median).map(|cost| format!("{cost:.1} µs"));
    row(
        &format!("{name}, processor each"),
        [String::new(), cost[1].clone(), cost[2].clone()],
        &verdict(&bar, of_pgbouncer >= THROUGHPUT_OF_PGBOUNCER_MIN),
    );
}

/// What one client waits for a short read.
fn latency(stage: &Stage, effort: &Effort) {
    for protocol in ["simple", "prepared"] {
        let logs = stage.database.folder.join("log");
        let times = in_turns(stage, effort.rounds, |road| {
            let count = effort.transactions.to_string();
            let pgbench = stage.client(road, "pgbench").args(["-S", "-n", "-c", "1", "-M", protocol, "-t", &count]);
            pgbench.arg("-l").arg(format!("--log-prefix={}", logs.display())).succeed();
            median(logged(stage.database.folder.path()))
        });
        let name = format!("latency with one client, {protocol}, p50");
        row(&name, times.map(|time| format!("{time:.0} µs")), "");
        let more = times[2] - times[1];
        let bar = format!("{more:+.0} µs over pgbouncer, ≤ +{LATENCY_OVER_PGBOUNCER_US_MAX:.0}");
        row(
            "  added",
            [String::new(), format!("{:+.0} µs", times[1] - times[0]), format!("{:+.0} µs", times[2] - times[0])],
            &verdict(&bar, more <= LATENCY_OVER_PGBOUNCER_US_MAX),
        );
    }
}

/// The times in pgbench's log, in microseconds; the first tenth pays for what is set up once. Removes the log.
fn logged(folder: &Path) -> Vec<f64> {
    let mut entries = std::fs::read_dir(folder).expect("the folder is there").flatten().map(|entry| entry.path());
    let file = entries
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("log.")))
        .expect("pgbench wrote a log");
    let text = std::fs::read_to_string(&file).expect("the log can be read");
    std::fs::remove_file(file).expect("the log can be removed");
    let times: Vec<f64> = text.lines().filter_map(|line| line.split(' ').nth(2)?.parse().ok()).collect();
    times[times.len() / 10..].to_vec()
}

/// A large table, copied and selected.
fn bulk(stage: &Stage, effort: &Effort) {
    stage.database.server.tell(&format!(
        "CREATE UNLOGGED TABLE wide AS SELECT n, n * 1.5 AS price, md5(n::text) AS a, md5((n + 1)::text) AS b, \
         md5((n + 2)::text) AS c, md5((n + 3)::text) AS d, repeat('text ', 10) AS e, now() AS at \
         FROM generate_series(1000000, {}) n",
        1_000_000 + effort.bulk_rows - 1
    ));
    stage.database.server.tell("VACUUM ANALYZE wide");
    let row_bytes = stage.database.server.tell("SELECT avg(octet_length(wide::text)) FROM wide");
    let mib = f64::from(effort.bulk_rows) * row_bytes.parse::<f64>().expect("a number") / f64::from(1 << 20);
    let null = Path::new("/dev/null");
    for (name, query) in [("COPY OUT", "COPY wide TO STDOUT"), ("SELECT of wide rows", "SELECT * FROM wide")] {
        let times = in_turns(stage, effort.rounds, |road| {
            let start = Instant::now();
            stage.client(road, "psql").args(["-At", "-c", query]).output_file(null).succeed();
            start.elapsed().as_secs_f64()
        });
        let rates = times.map(|time| mib / time);
        let name = format!("{name}, {mib:.0} MiB");
        row(&name, rates.map(|rate| format!("{rate:.0} MiB/s")), "");
        let ratio = rates[2] / rates[0];
        row("  ratio", ratios(rates), &verdict(&format!("≥ {BULK_RATIO_MIN}"), ratio >= BULK_RATIO_MIN));
    }
    stage.database.server.tell("DROP TABLE wide");
}

/// Connections that say nothing.
fn memory(stage: &Stage, effort: &Effort) {
    let hold = |road: Road, count: usize| {
        let python = stage.dressed(road, Program::new(client_python()));
        let script = wiretape_tests::stage::client_script("psycopg_idle.py");
        let held = python.arg(script).arg(count.to_string()).input_held().start();
        let _ = held.line("ready");
        held
    };
    let mut each = [String::new(), String::new(), String::new()];
    let mut whole = each.clone();
    for (road, number) in [(Road::Pgbouncer, stage.bouncer.number()), (Road::Gateway, stage.database.gateway.number())]
    {
        hold(road, 5).finish().good();
        let before = processes::resident_kib(number);
        let held = hold(road, effort.idle);
        // Idle is what has said nothing for a while: what is kept for busy sessions is given back by then.
        std::thread::sleep(Duration::from_secs(8));
        let after = processes::resident_kib(number);
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let kib = after.saturating_sub(before) as f64 / effort.idle as f64;
        each[road as usize] = format!("{kib:.0} KiB");
        whole[road as usize] = format!("{} MiB", after >> 10);
        held.finish().good();
    }
    row(&format!("memory of an idle connection, of {}", effort.idle), each, "");
    row("memory of the program then", whole, "");
}
