//! Git straight, through nginx and through the gateway, in turns, in one run: `cargo xtask bench git`.
//!
//! A repository of random bytes, cloned and pushed: by HTTP from git's own server program behind nginx, with another
//! nginx or the gateway before that, all in clear text; by SSH from OpenSSH, straight or by way of the gateway. The
//! gateway records, and reads each push; no rule looks into them, so that they go ahead meanwhile. Absolute figures are
//! those of the machine; the ratios are what counts.

use std::path::Path;
use std::time::Instant;

use wiretape_tests::git::Git;
use wiretape_tests::nginx::Nginx;
use wiretape_tests::processes;
use wiretape_tests::program::Program;
use wiretape_tests::repository::{Size, fill};
use wiretape_tests::stage::PERSON;
use wiretape_tests::wakefulness;
use wiretape_tests::workshop::{FORGE, Road, Workshop};

/// The bars: of direct, and by how much the gateway may grow when pushes are held.
const HTTP_RATIO_MIN: f64 = 0.85;
const SSH_RATIO_MIN: f64 = 0.6;
const HELD_MIB_MAX: f64 = 64.0;

/// How much each measures; a quick run shows only that it works.
struct Effort {
    rounds: usize,
    megabytes: usize,
}

const FULL: Effort = Effort { rounds: 5, megabytes: 300 };
const QUICK: Effort = Effort { rounds: 1, megabytes: 30 };

/// The name of the repository that is cloned.
const SOURCE: &str = "source.git";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let effort = if arguments.iter().any(|argument| argument == "--quick") { QUICK } else { FULL };
    let parts: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    // Of each kind of part all are run, unless some are named.
    let wanted = |part: &str, kind: &[&str]| {
        let mut named = parts.iter().filter(|named| kind.contains(&named.as_str())).peekable();
        named.peek().is_none() || named.any(|named| *named == part)
    };

    let _awake = wakefulness::keep();
    let stage = Stage::new(&effort);
    println!("{:<44} {:>10} {:>10} {:>10}   bar", "", "direct", "nginx", "gateway");
    for (part, carrier) in [("http", Carrier::Http), ("ssh", Carrier::Ssh)] {
        if !wanted(part, &["http", "ssh"]) {
            continue;
        }
        if wanted("clone", &["clone", "push"]) {
            measure(&stage, &effort, carrier, "clone", |way| stage.clone_by(carrier, way));
        }
        if wanted("push", &["clone", "push"]) {
            measure(&stage, &effort, carrier, "push", |way| stage.push_by(carrier, way));
        }
    }
}

/// What git is carried by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carrier {
    Http,
    Ssh,
}

/// The ways to the same server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Direct,
    Nginx,
    Gateway,
}

impl Carrier {
    fn ways(self) -> &'static [Way] {
        match self {
            Self::Http => &[Way::Direct, Way::Nginx, Way::Gateway],
            Self::Ssh => &[Way::Direct, Way::Gateway],
        }
    }

    fn ratio_min(self) -> f64 {
        match self {
            Self::Http => HTTP_RATIO_MIN,
            Self::Ssh => SSH_RATIO_MIN,
        }
    }
}

/// One server, and what stands before it.
struct Stage {
    nginx: Nginx,
    workshop: Workshop,
}

impl Stage {
    fn new(effort: &Effort) -> Self {
        let workshop = Workshop::of(&Git::first());
        let source = workshop.bare(SOURCE);
        fill(&source, Size { commits: effort.megabytes / 5, files: 1, bytes: 5_000_000, random: true });
        let nginx = Nginx::start(&workshop.folder, "nginx", 2, 1, |addresses| {
            format!(
                "upstream forge {{ server {}; keepalive 64; }}\n\
                 server {{ listen {}; proxy_http_version 1.1; proxy_set_header Connection \"\"; \
                 proxy_request_buffering off; proxy_max_temp_file_size 0; location / {{ proxy_pass http://forge; }} }}\n",
                workshop.forge.http(),
                addresses[0]
            )
        });
        // The passwords of every way by HTTP, in one file.
        let server = std::fs::read_to_string(workshop.folder.join("server-credentials")).expect("it is there");
        let account = server.trim().trim_end_matches(&workshop.forge.http().to_string()).to_owned();
        let own = format!("http://{PERSON}:{}@{}", workshop.token.secret, workshop.gateway.http());
        workshop.folder.write("credentials", format!("{server}{account}{}\n{own}\n", nginx.addresses()[0]));
        Self { nginx, workshop }
    }

    fn url(&self, carrier: Carrier, way: Way, name: &str) -> String {
        match (carrier, way) {
            (Carrier::Http, Way::Direct) => format!("http://{}/{name}", self.workshop.forge.http()),
            (Carrier::Http, Way::Nginx) => format!("http://{}/{name}", self.nginx.addresses()[0]),
            (Carrier::Http, Way::Gateway) => format!("http://{}/{FORGE}/{name}", self.workshop.gateway.http()),
            (Carrier::Ssh, Way::Direct) => self.workshop.url(Road::DirectSsh, name),
            (Carrier::Ssh, _) => self.workshop.url(Road::Ssh, name),
        }
    }

    fn git(&self) -> Program {
        let helper = format!("credential.helper=store --file={}", self.workshop.folder.join("credentials").display());
        // Both ends of SSH take the cipher that is fastest on both.
        let ssh = self.workshop.ssh_command() + " -c aes128-gcm@openssh.com";
        self.workshop.git.program(&self.workshop.folder).args(["-c", &helper]).env("GIT_SSH_COMMAND", ssh)
    }

    fn clone_by(&self, carrier: Carrier, way: Way) -> f64 {
        let to = self.workshop.folder.join("clone");
        let start = Instant::now();
        self.git().args(["clone", "--quiet", "--bare"]).arg(self.url(carrier, way, SOURCE)).arg(&to).succeed();
        let time = start.elapsed().as_secs_f64();
        remove(&to);
        time
    }

    fn push_by(&self, carrier: Carrier, way: Way) -> f64 {
        let bare = self.workshop.bare("pushed.git");
        let from = self.workshop.forge.repositories().join(SOURCE);
        let git = self.git().arg("-C").arg(from).args(["push", "--quiet"]);
        let git = git.arg(self.url(carrier, way, "pushed.git")).arg("main");
        let start = Instant::now();
        git.succeed();
        let time = start.elapsed().as_secs_f64();
        assert_eq!(bare.refs().len(), 1);
        remove(&bare.path);
        time
    }

    /// Waits until all sessions are ended and removes their tapes, so that a run needs no more disk than one of them.
    fn forget_tapes(&self) {
        let record = self.workshop.gateway.record();
        let count = record.sessions().len();
        for session in record.ended(count) {
            let _gone_already = std::fs::remove_file(session.tape());
        }
    }

    fn peak_mib(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let mib = processes::resident_peak_kib(self.workshop.gateway.number()) as f64 / 1024.0;
        mib
    }
}

fn remove(folder: &Path) {
    std::fs::remove_dir_all(folder).expect("what was made can be removed");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

fn verdict(bar: &str, met: bool) -> String {
    format!("{bar}: {}", if met { "met" } else { "MISSED" })
}

/// Measures all ways in turns, after one round that does not count, and prints the medians.
fn measure(stage: &Stage, effort: &Effort, carrier: Carrier, what: &str, time: impl Fn(Way) -> f64) {
    let mut measured = [const { Vec::new() }; 3];
    let before = stage.peak_mib();
    for round in 0..=effort.rounds {
        for way in carrier.ways() {
            let seconds = time(*way);
            if *way == Way::Gateway {
                stage.forget_tapes();
            }
            if round > 0 {
                measured[*way as usize].push(seconds);
            }
        }
    }
    let grown = stage.peak_mib() - before;
    let times = measured.map(median);
    let [direct, _, gateway] = times;
    let shown =
        |figures: [f64; 3]| figures.map(|value| if value.is_nan() { String::new() } else { format!("{value:.2}") });
    let row = |name: &str, [direct, nginx, gateway]: [String; 3], bar: &str| {
        println!("{name:<44} {direct:>10} {nginx:>10} {gateway:>10}   {bar}");
    };
    let name = format!("{what} of {} MB over {carrier:?}, seconds", effort.megabytes);
    row(&name, shown(times), "");
    let ratio = direct / gateway;
    let bar = verdict(&format!("≥ {} of direct", carrier.ratio_min()), ratio >= carrier.ratio_min());
    row("  ratio", shown(times.map(|time| direct / time)), &bar);
    let bar = verdict(&format!("≤ {HELD_MIB_MAX}"), grown <= HELD_MIB_MAX);
    row("  the gateway's peak grew by, MiB", [String::new(), String::new(), format!("{grown:.0}")], &bar);
}
