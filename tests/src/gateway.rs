//! The real gateway: the program `wiretape`, as it was built beside the tests.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use wiretape_recorder::Archive;

use crate::configuration::Configuration;
use crate::program::{Program, Running};
use crate::record::Record;
use crate::stage::Folder;

/// Where `wiretape` and `replay` are: beside the running test, or where `WIRETAPE_PROGRAMS` says.
#[must_use]
pub fn programs() -> PathBuf {
    if let Some(folder) = std::env::var_os("WIRETAPE_PROGRAMS") {
        return folder.into();
    }
    let own = std::env::current_exe().expect("a program knows its path");
    let folder = own.ancestors().nth(2).expect("cargo builds tests into a folder beside the programs");
    assert!(
        folder.join("wiretape").exists(),
        "{} has no wiretape: run `cargo build --workspace --bins` first, or `cargo xtask test`, which does",
        folder.display()
    );
    folder.to_path_buf()
}

/// A gateway that serves.
pub struct Gateway {
    /// What it was told.
    pub configuration: Configuration,
    server: Running,
    address: SocketAddr,
    postgres: Option<SocketAddr>,
    http: Option<SocketAddr>,
    proxy: Option<SocketAddr>,
    admin: Option<SocketAddr>,
    file: PathBuf,
}

impl Gateway {
    /// Starts it with `configuration`, and waits until it is ready.
    #[must_use]
    pub fn start(folder: &Folder, configuration: Configuration) -> Self {
        Self::start_by(folder, configuration, |program| Program::new(program))
    }

    /// The same, by a command line that `wrap` makes of the program's path.
    #[must_use]
    pub fn start_by(folder: &Folder, configuration: Configuration, wrap: impl FnOnce(&Path) -> Program) -> Self {
        let file = folder.write("wiretape.toml", configuration.text());
        let mut program = folder.dressed(wrap(&programs().join("wiretape")));
        for (name, value) in &configuration.environment {
            program = program.env(name, value);
        }
        let server = program.args(["serve", "--config"]).arg(&file).start();
        let listens = |kind: &str| {
            let address = server.line(&format!("listen {kind} "));
            address.trim().parse().unwrap_or_else(|error| panic!("{address}: {error}"))
        };
        let address = listens("ssh");
        let postgres = configuration.postgres.then(|| listens("postgres"));
        let http = configuration.http.then(|| listens("http"));
        let proxy = configuration.http.then(|| listens("proxy"));
        let admin = configuration.admin.then(|| listens("admin"));
        let _ = server.line("ready");
        Self { configuration, server, address, postgres, http, proxy, admin, file }
    }

    /// Where it listens for SSH.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens for PostgreSQL's clients.
    #[must_use]
    pub fn postgres(&self) -> SocketAddr {
        self.postgres.expect("the configuration says that it listens for PostgreSQL's clients")
    }

    /// Where it listens for HTTP as the targets themselves.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.http.expect("the configuration says that it listens for HTTP")
    }

    /// Where it listens for HTTP as a proxy.
    #[must_use]
    pub fn proxy(&self) -> SocketAddr {
        self.proxy.expect("the configuration says that it listens for HTTP")
    }

    /// Where it listens for its API.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin.expect("the configuration says that it listens for its API")
    }

    /// The certificate that it made for itself.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.configuration.data_dir.join("tls/certificate.pem")
    }

    /// The certificate of the authority by which it stands in for servers.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.configuration.data_dir.join("ca/certificate.pem")
    }

    /// Its process number.
    #[must_use]
    pub fn number(&self) -> i32 {
        self.server.number()
    }

    /// What it logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.server.complained()
    }

    /// Whether it still runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.server.runs()
    }

    /// Asks it to finish, which must end well.
    pub fn finish(&self) {
        self.server.signal(Signal::TERM);
        let status = self.server.wait();
        assert_eq!(status.code(), Some(0), "the gateway ended with {status}\n{}", self.log());
    }

    /// Ends it as a crash would.
    pub fn kill(&self) {
        self.server.signal(Signal::KILL);
        let _ = self.server.wait();
    }

    /// Its configuration file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What it recorded.
    #[must_use]
    pub fn record(&self) -> Record {
        Record::of(&self.configuration.data_dir)
    }

    /// Its archive.
    #[must_use]
    pub fn archive(&self) -> Archive {
        Archive::open(&self.configuration.data_dir).expect("the gateway made an archive")
    }
}
