//! One test's own world of HTTP: a folder, a web server behind the gateway, the gateway, a person with a token, and
//! clients that know every way to the server.

use std::cell::Cell;
use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::authority::{Authority, Certificate};
use crate::configuration::{Configuration, Target, User};
use crate::gateway::Gateway;
use crate::program::{Program, Running};
use crate::secrets::Token;
use crate::stage::{Folder, PERSON, client_python, client_script, wait_until};

/// How long the number of requests stays as it is before a test believes it.
const SETTLING: Duration = Duration::from_millis(50);

/// The names that certificates of servers on this machine are for.
pub const OWN_NAMES: [&str; 2] = ["DNS:localhost", "IP:127.0.0.1"];

/// A web server that says what it heard: `tests/clients/web_server.js`.
pub struct WebServer {
    server: Running,
    http: SocketAddr,
    https: SocketAddr,
    h2c: SocketAddr,
    /// How many requests were asked for.
    shown: AtomicUsize,
}

impl WebServer {
    /// Starts one with `certificate`; it asks its clients for a certificate of `authority` where one is given.
    #[must_use]
    pub fn start(folder: &Folder, certificate: &Certificate, authority: Option<&Path>) -> Self {
        let server = with_modules(folder.program("node"))
            .arg(client_script("web_server.js"))
            .arg(&certificate.certificate)
            .arg(&certificate.key)
            .args(authority)
            .start();
        let (http, https, h2c) = (listens(&server, "http"), listens(&server, "https"), listens(&server, "h2c"));
        Self { server, http, https, h2c, shown: AtomicUsize::new(0) }
    }

    /// Starts one of another house, which speaks HTTP/1.1 alone: `tests/clients/aiohttp_server.py`.
    #[must_use]
    pub fn aiohttp(folder: &Folder, certificate: &Certificate) -> Self {
        let server = folder.program(client_python()).arg(client_script("aiohttp_server.py"));
        let server = server.arg(&certificate.certificate).arg(&certificate.key).start();
        let (http, https) = (listens(&server, "http"), listens(&server, "https"));
        Self { server, http, https, h2c: http, shown: AtomicUsize::new(0) }
    }

    /// Where it listens, by the way that [`WEB_TARGETS`] lead there.
    #[must_use]
    pub fn address(&self, target: &str) -> SocketAddr {
        match target {
            "plain" => self.http,
            "clear2" => self.h2c,
            _ => self.https,
        }
    }

    /// Its URL, by the way that [`WEB_TARGETS`] lead there; without a `/` at its end.
    #[must_use]
    pub fn url(&self, target: &str) -> String {
        let scheme = if ["plain", "clear2"].contains(&target) { "http" } else { "https" };
        format!("{scheme}://localhost:{}", self.address(target).port())
    }

    /// The requests that it got so far, each with all that it was told.
    #[must_use]
    pub fn requests(&self) -> Vec<Value> {
        let printed = self.server.printed();
        // The last line may not be whole yet.
        let whole = printed.rfind('\n').map_or("", |end| &printed[..end]);
        let requests = whole.lines().filter_map(|line| line.strip_prefix("request "));
        requests.map(|line| serde_json::from_str(line).expect("a request as JSON")).collect()
    }

    /// How many requests it got, once its words about the last one were read.
    ///
    /// # Panics
    /// When they never end.
    #[must_use]
    pub fn requests_count(&self) -> usize {
        let seen = Cell::new(usize::MAX);
        wait_until("the requests are counted", || {
            let before = seen.replace(self.requests().len());
            std::thread::sleep(SETTLING);
            before == seen.get()
        });
        seen.get()
    }

    /// The last request that it got since this was asked before. A client may have its answer before the server's words
    /// about it were read.
    ///
    /// # Panics
    /// When none comes.
    #[must_use]
    pub fn request(&self) -> Value {
        let shown = self.shown.load(Ordering::Relaxed);
        wait_until("a request comes", || self.requests().len() > shown);
        let mut requests = self.requests();
        self.shown.store(requests.len(), Ordering::Relaxed);
        requests.pop().expect("a request came")
    }

    /// The program.
    #[must_use]
    pub fn running(&self) -> &Running {
        &self.server
    }
}

/// Where `server` says that it listens.
fn listens(server: &Running, name: &str) -> SocketAddr {
    let port = server.line(&format!("listen {name} "));
    SocketAddr::from((Ipv4Addr::LOCALHOST, port.trim().parse().expect("a port")))
}

/// The values of the field `name` in a request that a [`WebServer`] got, in order.
#[must_use]
pub fn values(request: &Value, name: &str) -> Vec<String> {
    let fields = request["fields"].as_array().expect("fields");
    let named = fields.iter().filter(|field| field[0].as_str().is_some_and(|own| own.eq_ignore_ascii_case(name)));
    named.map(|field| field[1].as_str().expect("a value").to_owned()).collect()
}

/// The ways to a web server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Road {
    /// Past the gateway.
    Direct,
    /// The gateway as the server: `https://<gateway>/<target>/…`.
    Reverse,
    /// The gateway as a proxy.
    Forward,
}

/// The ways to a web server, in the order in which tests take them.
pub const ROADS: [Road; 3] = [Road::Direct, Road::Reverse, Road::Forward];

/// The ways through the gateway.
pub const ROADS_THROUGH: [Road; 2] = [Road::Reverse, Road::Forward];

/// The targets of a [`Web`]: HTTP/1.1 in clear text, HTTP/2 in clear text, and over TLS what both sides agree on,
/// HTTP/1.1 alone, HTTP/2 alone.
pub const WEB_TARGETS: [&str; 5] = ["plain", "clear2", "secure", "secure1", "secure2"];

/// A person with a token, a web server, and the gateway between them.
///
/// The fields stand in the order in which they go: first the programs, then the folder with whatever is left of them.
pub struct Web {
    /// The gateway.
    pub gateway: Gateway,
    /// The server behind it.
    pub server: WebServer,
    /// The person's token.
    pub token: Token,
    /// Who issued the server's certificate.
    pub authority: Authority,
    /// The folder of it all.
    pub folder: Folder,
}

impl Default for Web {
    fn default() -> Self {
        Self::new()
    }
}

impl Web {
    /// A stage with one person and the targets [`WEB_TARGETS`].
    #[must_use]
    pub fn new() -> Self {
        Self::with(|_, _, _| {})
    }

    /// A stage whose configuration `change` may change before the gateway starts.
    #[must_use]
    pub fn with(change: impl FnOnce(&Folder, &WebServer, &mut Configuration)) -> Self {
        Self::before(|folder, certificate| WebServer::start(folder, certificate, None), change)
    }

    /// The same before the server that `start` starts with a certificate of the stage's authority.
    #[must_use]
    pub fn before(
        start: impl FnOnce(&Folder, &Certificate) -> WebServer,
        change: impl FnOnce(&Folder, &WebServer, &mut Configuration),
    ) -> Self {
        let folder = Folder::new();
        let authority = Authority::make(folder.path(), "authority");
        let certificate = authority.issue("server", &OWN_NAMES);
        let server = start(&folder, &certificate);
        let token = Token::make(PERSON);
        let mut configuration = Configuration {
            users: vec![User::named(PERSON).line(&token.line)],
            targets: WEB_TARGETS.map(|name| target(name, &server.url(name), &authority)).to_vec(),
            http: true,
            ..Configuration::new(folder.join("data"))
        };
        change(&folder, &server, &mut configuration);
        let gateway = Gateway::start(&folder, configuration);
        Self { gateway, server, token, authority, folder }
    }

    /// The URL of the server's `target` on `road`, without a `/` at its end.
    #[must_use]
    pub fn url(&self, road: Road, target: &str) -> String {
        match road {
            Road::Reverse => format!("https://localhost:{}/{target}", self.gateway.http().port()),
            Road::Forward if target == "secure1" => "https://one.example".to_owned(),
            Road::Forward if target == "secure2" => "https://two.example".to_owned(),
            Road::Direct | Road::Forward => self.server.url(target),
        }
    }

    /// The URL of the gateway as a proxy, with the person's token.
    #[must_use]
    pub fn proxy(&self) -> String {
        format!("http://{PERSON}:{}@127.0.0.1:{}", self.token.secret, self.gateway.proxy().port())
    }

    /// The certificate that clients on `road` trust, and no other.
    #[must_use]
    pub fn trusted(&self, road: Road) -> PathBuf {
        match road {
            Road::Direct => self.authority.certificate(),
            Road::Reverse => self.gateway.certificate(),
            Road::Forward => self.gateway.authority(),
        }
    }

    /// curl on `road`, which says only what the server says.
    #[must_use]
    pub fn curl(&self, road: Road) -> Program {
        let curl = self.folder.program("curl").args(["--silent", "--show-error", "--max-time", "200", "--cacert"]);
        let curl = curl.arg(self.trusted(road));
        match road {
            Road::Direct => curl,
            Road::Reverse => curl.arg("--header").arg(format!("Authorization: Bearer {}", self.token.secret)),
            Road::Forward => curl.arg("--proxy").arg(self.proxy()),
        }
    }

    /// `program`, told by its environment how to go `road` to `target`: `WEB_URL`, `WEB_TRUSTED`, and `WEB_TOKEN` or
    /// the variables that programs take a proxy from.
    #[must_use]
    pub fn shown(&self, road: Road, target: &str, program: Program) -> Program {
        let program = with_modules(self.folder.dressed(program))
            .env("WEB_URL", self.url(road, target))
            .env("WEB_TRUSTED", self.trusted(road))
            .env("SSL_CERT_FILE", self.trusted(road))
            .env("NODE_EXTRA_CA_CERTS", self.trusted(road));
        match road {
            Road::Direct => program,
            Road::Reverse => program.env("WEB_TOKEN", &self.token.secret),
            Road::Forward => ["http_proxy", "https_proxy", "HTTPS_PROXY", "WEB_PROXY"]
                .iter()
                .fold(program, |program, name| program.env(name, self.proxy())),
        }
    }

    /// A script of a client library on `road` to `target`.
    #[must_use]
    pub fn script(&self, road: Road, target: &str, interpreter: impl AsRef<OsStr>, script: &str) -> Program {
        self.shown(road, target, Program::new(interpreter)).arg(client_script(script))
    }

    /// Ends the gateway by `end` and starts it again on the same data.
    pub fn restart(&mut self, end: impl FnOnce(&Gateway)) {
        end(&self.gateway);
        let configuration = self.gateway.configuration.clone();
        self.gateway = Gateway::start(&self.folder, configuration);
    }
}

/// The target `name` of [`WEB_TARGETS`].
fn target(name: &str, url: &str, authority: &Authority) -> Target {
    let target = Target::web(name, url);
    let trusted = format!("tls_ca = {:?}", authority.certificate().display().to_string());
    match name {
        "plain" => target,
        "clear2" => target.line("http = \"2\""),
        // One host stands for one target: the others are reached by their name alone.
        "secure1" => target.line(&trusted).line("http = \"1.1\"").line("hosts = [\"one.example:443\"]"),
        "secure2" => target.line(&trusted).line("http = \"2\"").line("hosts = [\"two.example:443\"]"),
        _ => target.line(&trusted),
    }
}

/// `program`, told where the libraries of Node are.
pub(crate) fn with_modules(program: Program) -> Program {
    program.env("NODE_PATH", std::env::var_os("NODE_PATH").unwrap_or_default())
}
