//! HTTP straight, through nginx, through haproxy and through the gateway, in turns, in one run: `cargo xtask bench http`.
//!
//! The web server is an nginx with one worker; each of the three between it and the clients has two threads, keeps its
//! connections to the server and speaks HTTP/1.1 with it. In clear text on all roads unless a row says TLS, which is
//! then on both sides of everything. The gateway records; the others write no log. Absolute figures are those of the
//! machine; the ratios are what counts. The programs that measure are h2load and curl.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Instant;

use wiretape_tests::authority::{Authority, Certificate};
use wiretape_tests::configuration::{Configuration, Target, User};
use wiretape_tests::gateway::Gateway;
use wiretape_tests::haproxy::Haproxy;
use wiretape_tests::nginx::Nginx;
use wiretape_tests::processes;
use wiretape_tests::program::Program;
use wiretape_tests::random;
use wiretape_tests::secrets::Token;
use wiretape_tests::stage::{Folder, PERSON};
use wiretape_tests::wakefulness;
use wiretape_tests::web::OWN_NAMES;

/// The bars: of the better of nginx and haproxy, over the better of them, of direct.
const RATE_OF_BETTER_MIN: f64 = 0.6;
const P50_OVER_BETTER_US_MAX: f64 = 100.0;
const BULK_RATIO_MIN: f64 = 0.7;

/// Threads of each proxy, as many as the gateway takes on two cores.
const THREADS: usize = 2;

/// Connections that ask at once, and streams on each of them by HTTP/2.
const CLIENTS: &str = "32";
const STREAMS: &str = "8";

/// Requests that one connection makes in a second, evenly, where it is measured what one of them waits. As fast as they
/// go, 64 KiB of random bytes each would fill the gateway's disk, and show how fast that is; the others write nothing.
const PACE: &str = "1000";

/// How much each measures; a quick run shows only that it works.
struct Effort {
    rounds: usize,
    seconds: u32,
    bulk_mib: u64,
}

const FULL: Effort = Effort { rounds: 3, seconds: 4, bulk_mib: 1024 };
const QUICK: Effort = Effort { rounds: 1, seconds: 1, bulk_mib: 64 };

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let effort = if arguments.iter().any(|argument| argument == "--quick") { QUICK } else { FULL };
    let parts: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|wanted| *wanted == part);

    let stage = Stage::new();
    let _awake = wakefulness::keep();
    println!("{:<44} {:>10} {:>10} {:>10} {:>10}   bar", "", "direct", "nginx", "haproxy", "gateway");
    for (part, protocol) in [("h1", Protocol::One), ("h2", Protocol::Two), ("tls", Protocol::TwoOverTls)] {
        if wanted(part) {
            rate(&stage, &effort, protocol, "128 B", "/short");
            if protocol != Protocol::TwoOverTls {
                rate(&stage, &effort, protocol, "64 KiB", "/page");
            }
        }
    }
    if wanted("latency") {
        for protocol in [Protocol::One, Protocol::Two] {
            for (size, path) in [("128 B", "/short"), ("64 KiB", "/page")] {
                latency(&stage, &effort, protocol, size, path, Some(PACE));
                latency(&stage, &effort, protocol, size, path, None);
            }
        }
    }
    if wanted("bulk") {
        bulk(&stage, &effort);
    }
}

/// What is spoken with the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    One,
    Two,
    TwoOverTls,
}

impl Protocol {
    fn name(self) -> &'static str {
        match self {
            Self::One => "HTTP/1.1",
            Self::Two => "HTTP/2",
            Self::TwoOverTls => "HTTP/2, TLS",
        }
    }

    fn scheme(self) -> &'static str {
        if self == Self::TwoOverTls { "https" } else { "http" }
    }
}

/// The ways to the same server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Road {
    Direct,
    Nginx,
    Haproxy,
    Gateway,
}

const ROADS: [Road; 4] = [Road::Direct, Road::Nginx, Road::Haproxy, Road::Gateway];

/// One server, and what stands before it.
struct Stage {
    gateway: Gateway,
    haproxy: Haproxy,
    nginx: Nginx,
    web: Nginx,
    sink: SocketAddr,
    token: Token,
    folder: Folder,
}

impl Stage {
    fn new() -> Self {
        let folder = Folder::new();
        let authority = Authority::make(folder.path(), "authority");
        let certificate = authority.issue("server", &OWN_NAMES);
        let web = Nginx::web(&folder, "web", &certificate);
        let sink = sink();
        let nginx = nginx(&folder, &web, sink, &authority, &certificate);
        let haproxy = haproxy(&folder, &web, sink, &authority, &certificate);
        let token = Token::make(PERSON);
        let trusted = format!("tls_ca = {:?}", authority.certificate().display().to_string());
        let url = |scheme: &str, place: usize| format!("{scheme}://localhost:{}", web.addresses()[place].port());
        let configuration = Configuration {
            users: vec![User::named(PERSON).line(&token.line)],
            targets: vec![
                Target::web("web", &url("http", 0)),
                Target::web("secure", &url("https", 2)).line(&trusted).line("http = \"1.1\""),
                Target::web("sink", &format!("http://{sink}")),
            ],
            http: true,
            ..Configuration::new(folder.join("data"))
        };
        let gateway = Gateway::start(&folder, configuration);
        Self { gateway, haproxy, nginx, web, sink, token, folder }
    }

    fn url(&self, road: Road, protocol: Protocol, path: &str) -> String {
        let place = protocol as usize;
        let (address, prefix) = match road {
            Road::Direct if path == "/upload" => (self.sink, ""),
            Road::Direct => (self.web.addresses()[place], ""),
            Road::Nginx => (self.nginx.addresses()[place], ""),
            Road::Haproxy => (self.haproxy.addresses()[place], ""),
            Road::Gateway if path == "/upload" => (self.gateway.http(), "/sink"),
            Road::Gateway if protocol == Protocol::TwoOverTls => (self.gateway.http(), "/secure"),
            Road::Gateway => (self.gateway.http(), "/web"),
        };
        format!("{}://127.0.0.1:{}{prefix}{path}", protocol.scheme(), address.port())
    }

    fn authorization(&self) -> String {
        format!("authorization: Bearer {}", self.token.secret)
    }

    /// Processor seconds that what stands between client and server has used so far.
    fn spent(&self, road: Road) -> f64 {
        match road {
            Road::Direct => 0.0,
            Road::Nginx => {
                processes::below(self.nginx.number(), "worker").into_iter().map(processes::processor_seconds).sum()
            }
            Road::Haproxy => processes::processor_seconds(self.haproxy.number()),
            Road::Gateway => processes::processor_seconds(self.gateway.number()),
        }
    }

    /// Waits until all sessions are ended and removes their tapes, so that a run needs no more disk than one of them.
    fn forget_tapes(&self) {
        let record = self.gateway.record();
        let count = record.sessions().len();
        for session in record.ended(count) {
            let _gone_already = std::fs::remove_file(session.tape());
        }
    }
}

/// nginx as a proxy: in clear text by each version, and over TLS.
fn nginx(folder: &Folder, web: &Nginx, sink: SocketAddr, authority: &Authority, certificate: &Certificate) -> Nginx {
    Nginx::start(folder, "nginx", THREADS, 3, |addresses| {
        let upstream = |name: &str, address: SocketAddr| {
            format!("upstream {name} {{ server {address}; keepalive 64; keepalive_requests 1000000000; }}\n")
        };
        let onward = |way: &str| {
            format!(
                "proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_request_buffering off; \
                 proxy_max_temp_file_size 0; location / {{ proxy_pass {way}; }} \
                 location /upload {{ proxy_pass http://sink; }}"
            )
        };
        let tls = format!(
            "ssl_certificate {}; ssl_certificate_key {}; proxy_ssl_verify on; proxy_ssl_name localhost; \
             proxy_ssl_trusted_certificate {};",
            certificate.certificate.display(),
            certificate.key.display(),
            authority.certificate().display()
        );
        upstream("web", web.addresses()[0])
            + &upstream("secure", web.addresses()[2])
            + &upstream("sink", sink)
            + &format!("server {{ listen {} reuseport; {} }}\n", addresses[0], onward("http://web"))
            + &format!("server {{ listen {} http2 reuseport; {} }}\n", addresses[1], onward("http://web"))
            + &format!("server {{ listen {} ssl http2 reuseport; {tls} {} }}\n", addresses[2], onward("https://secure"))
    })
}

/// haproxy, in the same ways.
fn haproxy(
    folder: &Folder,
    web: &Nginx,
    sink: SocketAddr,
    authority: &Authority,
    certificate: &Certificate,
) -> Haproxy {
    let mut both = std::fs::read(&certificate.certificate).expect("the certificate is there");
    both.extend(std::fs::read(&certificate.key).expect("the key is there"));
    let both = folder.write("both.pem", both);
    Haproxy::start(folder, "haproxy", THREADS, 3, |addresses| {
        format!(
            "frontend clear\n    bind {}\n    bind {} proto h2\n    use_backend sink if {{ path_beg /upload }}\n    \
             default_backend web\n\
             frontend tls\n    bind {} ssl crt {} alpn h2,http/1.1\n    default_backend secure\n\
             backend web\n    server web {} pool-max-conn 64\n\
             backend secure\n    server web {} ssl verify required ca-file {} verifyhost localhost pool-max-conn 64\n\
             backend sink\n    server sink {sink}\n",
            addresses[0],
            addresses[1],
            addresses[2],
            both.display(),
            web.addresses()[0],
            web.addresses()[2],
            authority.certificate().display(),
        )
    })
}

/// A server that takes what is sent and says only that it came.
fn sink() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("a listener has an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || swallow(stream));
        }
    });
    address
}

fn swallow(mut stream: TcpStream) -> Option<()> {
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let mut held = 0;
        let (head, length) = loop {
            let count = stream.read(&mut buffer[held..]).ok().filter(|count| *count > 0)?;
            held += count;
            let head = buffer[..held].windows(4).position(|window| window == b"\r\n\r\n");
            if let Some(head) = head {
                let text = String::from_utf8_lossy(&buffer[..head]).to_lowercase();
                let length = text.lines().find_map(|line| line.strip_prefix("content-length:"))?.trim().parse().ok()?;
                break (head + 4, length);
            }
        };
        let mut left: usize = usize::checked_sub(length, held - head)?;
        while left > 0 {
            let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
            left = left.checked_sub(count)?;
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    percentile(&mut values, 50)
}

fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get(last * percent / 100).copied().unwrap_or(f64::NAN)
}

/// Measures all ways in turns, after one round that does not count, and gives the medians of each figure.
fn in_turns<const N: usize>(stage: &Stage, rounds: usize, mut measure: impl FnMut(Road) -> [f64; N]) -> [[f64; 4]; N] {
    let mut measured = [const { [const { Vec::new() }; 4] }; N];
    for round in 0..=rounds {
        for road in ROADS {
            let figures = measure(road);
            if road == Road::Gateway {
                stage.forget_tapes();
            }
            if round > 0 {
                for (figure, values) in figures.into_iter().zip(&mut measured) {
                    values[road as usize].push(figure);
                }
            }
        }
    }
    measured.map(|values| values.map(median))
}

fn row(name: &str, figures: [String; 4], bar: &str) {
    let [direct, nginx, haproxy, gateway] = figures;
    println!("{name:<44} {direct:>10} {nginx:>10} {haproxy:>10} {gateway:>10}   {bar}");
}

fn ratios(figures: [f64; 4]) -> [String; 4] {
    figures.map(|figure| format!("{:.2}", figure / figures[0]))
}

fn verdict(bar: &str, met: bool) -> String {
    format!("{bar}: {}", if met { "met" } else { "MISSED" })
}

fn h2load(stage: &Stage, road: Road, protocol: Protocol, path: &str) -> Program {
    let h2load = stage.folder.program("h2load");
    let h2load = if protocol == Protocol::One { h2load.arg("--h1") } else { h2load };
    let h2load = if road == Road::Gateway { h2load.arg("-H").arg(stage.authorization()) } else { h2load };
    h2load.arg(stage.url(road, protocol, path))
}

/// What h2load says between `start` and `end`; every request must have succeeded.
fn figure(text: &str, start: &str, end: &str) -> f64 {
    let found = text.split_once(start).and_then(|(_, rest)| rest.split_once(end)).map(|(figure, _)| figure.trim());
    assert!(text.contains(" 0 failed, 0 errored, 0 timeout") && text.contains(" 0 3xx, 0 4xx, 0 5xx"), "{text}");
    found.and_then(|figure| figure.rsplit(' ').next()?.parse().ok()).unwrap_or_else(|| panic!("{start:?}: {text}"))
}

/// Requests by many connections.
fn rate(stage: &Stage, effort: &Effort, protocol: Protocol, size: &str, path: &str) {
    let [rates, costs] = in_turns(stage, effort.rounds, |road| {
        let before = stage.spent(road);
        let streams = if protocol == Protocol::One { "1" } else { STREAMS };
        let seconds = effort.seconds.to_string();
        let h2load = h2load(stage, road, protocol, path).args(["-c", CLIENTS, "-m", streams, "-D", &seconds]);
        let text = h2load.succeed().text();
        let rate = figure(&text, "finished in", " req/s");
        [rate, (stage.spent(road) - before) / (rate * f64::from(effort.seconds)) * 1e6]
    });
    let name = format!("{}, {size}, {CLIENTS} connections", protocol.name());
    row(&format!("{name}, per second"), rates.map(|rate| format!("{rate:.0}")), "");
    let of_better = rates[Road::Gateway as usize] / rates[Road::Nginx as usize].max(rates[Road::Haproxy as usize]);
    let bar = format!("{of_better:.2} of the better, ≥ {RATE_OF_BETTER_MIN}");
    row("  ratio", ratios(rates), &verdict(&bar, of_better >= RATE_OF_BETTER_MIN));
    row("  processor for each", costs.map(|cost| format!("{cost:.1} µs")), "");
}

/// What one connection waits for a response: at a pace that every disk keeps, which has the bar, or as fast as they go.
fn latency(stage: &Stage, effort: &Effort, protocol: Protocol, size: &str, path: &str, pace: Option<&str>) {
    let log = stage.folder.join("times");
    let [p50, p99] = in_turns(stage, effort.rounds, |road| {
        let _none_yet = std::fs::remove_file(&log);
        let seconds = effort.seconds.to_string();
        let h2load = h2load(stage, road, protocol, path).args(["-c", "1", "-m", "1", "-D", &seconds]);
        let h2load = pace.into_iter().fold(h2load, |h2load, pace| h2load.args(["--rps", pace]));
        let text = h2load.arg(format!("--log-file={}", log.display())).succeed().text();
        let _all_succeeded = figure(&text, "finished in", " req/s");
        let text = std::fs::read_to_string(&log).expect("h2load wrote its log");
        let mut times: Vec<f64> = text.lines().filter_map(|line| line.split('\t').nth(2)?.parse().ok()).collect();
        // The first tenth pays for what is set up once.
        times.drain(..times.len() / 10);
        [percentile(&mut times, 50), percentile(&mut times, 99)]
    });
    let how = if pace.is_some() { "paced" } else { "without a pause" };
    let name = format!("{}, {size}, {how}", protocol.name());
    let better = p50[Road::Nginx as usize].min(p50[Road::Haproxy as usize]);
    let more = p50[Road::Gateway as usize] - better;
    let bar = format!("{more:+.0} µs over the better, ≤ +{P50_OVER_BETTER_US_MAX:.0}");
    let bar = if pace.is_some() { verdict(&bar, more <= P50_OVER_BETTER_US_MAX) } else { format!("{more:+.0} µs") };
    row(&format!("{name}, p50"), p50.map(|time| format!("{time:.0} µs")), &bar);
    row("  p99", p99.map(|time| format!("{time:.0} µs")), "");
}

/// One large file, there and back.
fn bulk(stage: &Stage, effort: &Effort) {
    let file = stage.web.files().join("bulk");
    let _digest = random::file(&file, effort.bulk_mib << 20);
    let null = Path::new("/dev/null");
    let get = |protocol| move |stage: &Stage, road| curl(stage, road, protocol, "/bulk").output_file(null);
    let put = |stage: &Stage, road| {
        curl(stage, road, Protocol::One, "/upload").args(["-H", "expect:", "--upload-file"]).arg(&file)
    };
    measure_bulk(stage, effort, "download by HTTP/1.1", get(Protocol::One));
    measure_bulk(stage, effort, "download by HTTP/2", get(Protocol::Two));
    measure_bulk(stage, effort, "download by HTTP/2, TLS", get(Protocol::TwoOverTls));
    measure_bulk(stage, effort, "upload by HTTP/1.1", put);
}

fn measure_bulk(stage: &Stage, effort: &Effort, name: &str, program: impl Fn(&Stage, Road) -> Program) {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let mib = effort.bulk_mib as f64;
    let [rates] = in_turns(stage, effort.rounds, |road| {
        let start = Instant::now();
        program(stage, road).succeed();
        [mib / start.elapsed().as_secs_f64()]
    });
    row(&format!("{mib:.0} MiB, {name}, MiB/s"), rates.map(|rate| format!("{rate:.0}")), "");
    let ratio = rates[Road::Gateway as usize] / rates[Road::Direct as usize];
    row("  ratio", ratios(rates), &verdict(&format!("≥ {BULK_RATIO_MIN} of direct"), ratio >= BULK_RATIO_MIN));
}

fn curl(stage: &Stage, road: Road, protocol: Protocol, path: &str) -> Program {
    let curl = stage.folder.program("curl").args(["--silent", "--show-error", "--fail", "--insecure"]);
    let curl = if protocol == Protocol::Two { curl.arg("--http2-prior-knowledge") } else { curl };
    let curl = if road == Road::Gateway { curl.arg("-H").arg(stage.authorization()) } else { curl };
    curl.arg(stage.url(road, protocol, path))
}
