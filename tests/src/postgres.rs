//! A real PostgreSQL server, run as a user who is not root.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rustix::process::Signal;

use crate::authority::Certificate;
use crate::ports::free_address;
use crate::program::{Finished, Program, Running};
use crate::random::{self, hex};
use crate::stage::{Folder, user_name};

/// The login at every server: a superuser, so that a client may try everything.
pub const LOGIN: &str = "app";

/// The database in which that login has its tables.
pub const DATABASE: &str = "orders";

/// Ports that are tried: another test may take one between its choice and its use.
const TRIES_MAX: usize = 20;

/// Who makes a cluster that others are copied from.
static TEMPLATES: Mutex<()> = Mutex::new(());

/// Which of the installed servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// The one of the system's packages.
    #[default]
    Packaged,
    /// A newer one.
    Newer,
}

/// How a server lets its login in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// Without asking.
    Trust,
    /// By a password that is sent as it is.
    Password,
    /// By a password under MD5.
    Md5,
    /// By SCRAM-SHA-256, and over TLS -PLUS where the client wants it.
    #[default]
    Scram,
    /// By a certificate whose subject is the login.
    Certificate,
}

/// What a server is told.
#[derive(Clone, Default)]
pub struct Settings {
    /// Which server.
    pub version: Version,
    /// How it lets its login in.
    pub method: Method,
    /// What it shows over TLS; without it, it speaks none.
    pub tls: Option<Certificate>,
    /// Whether it lets nobody in without TLS.
    pub tls_only: bool,
    /// Who issued the certificates of its clients.
    pub client_authority: Option<PathBuf>,
    /// Further lines of its configuration.
    pub lines: Vec<String>,
}

/// A server on loopback with one cluster of its own.
pub struct Postgres {
    server: Running,
    address: SocketAddr,
    settings: Settings,
    /// What is its own: the cluster in `data`, and its Unix socket.
    own: PathBuf,
    password: String,
}

impl Postgres {
    /// Starts a server called `name`.
    #[must_use]
    pub fn start(folder: &Folder, name: &str, settings: Settings) -> Self {
        let own = folder.make(name);
        let template = template(settings.version);
        Program::new("cp").arg("-R").arg(template).arg(own.join("data")).succeed();
        std::fs::write(own.join("data/pg_hba.conf"), settings.access()).expect("a file can be written");
        if let Some(tls) = &settings.tls {
            std::fs::copy(&tls.certificate, own.join("server.crt")).expect("the certificate is there");
            std::fs::copy(&tls.key, own.join("server.key")).expect("the key is there");
            restrict(&own.join("server.key"), 0o600);
        }
        if let Some(authority) = &settings.client_authority {
            std::fs::copy(authority, own.join("clients.crt")).expect("the certificate is there");
        }
        restrict(&own.join("data"), 0o700);
        hand_over(folder.path(), &own);
        let password = format!("pw-{}", hex(&random::bytes(12)));
        for _ in 0..TRIES_MAX {
            let address = free_address();
            if let Some(server) = run(folder, &own, address, &settings) {
                let server = Self { server, address, settings, own, password };
                server.set_password();
                return server;
            }
        }
        panic!("no free port was found for a server");
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The password of its login.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// What it logged since it was last started.
    #[must_use]
    pub fn log(&self) -> String {
        self.server.complained()
    }

    /// Its process number.
    #[must_use]
    pub fn number(&self) -> i32 {
        self.server.number()
    }

    /// Runs `sql` by its Unix socket, past everything that is tested, and gives what it says: a row a line, columns
    /// divided by `|`.
    pub fn tell(&self, sql: &str) -> String {
        self.by_socket(sql).good().text().trim_end().to_owned()
    }

    fn by_socket(&self, sql: &str) -> Finished {
        Program::new(packaged().join("psql"))
            .env_clear()
            .env("PGHOST", &self.own)
            .env("PGPORT", self.address.port().to_string())
            .env("PGUSER", LOGIN)
            .env("PGDATABASE", DATABASE)
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1", "--file", "-"])
            .input(sql)
            .finish()
    }

    fn set_password(&self) {
        let encryption = if self.settings.method == Method::Md5 { "md5" } else { "scram-sha-256" };
        let password = &self.password;
        self.tell(&format!("SET password_encryption = '{encryption}'; ALTER ROLE {LOGIN} PASSWORD '{password}'"));
    }

    /// Ends it and its sessions at once, as a crash would.
    pub fn crash(&self) {
        self.end(Signal::QUIT);
    }

    /// Ends it in order; sessions are ended.
    pub fn stop(&self) {
        self.end(Signal::INT);
    }

    fn end(&self, signal: Signal) {
        self.server.signal(signal);
        let _ = self.server.wait();
    }

    /// Starts it again where it was, after it ended.
    pub fn start_again(&mut self, folder: &Folder) {
        assert!(!self.server.runs(), "the server still runs");
        let server = run(folder, &self.own, self.address, &self.settings);
        self.server = server.expect("the server's port was taken while it was down");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // It gives back the kernel's shared memory, which a killed one would leave.
        self.end(Signal::QUIT);
    }
}

impl Settings {
    /// A server that wants what `method` says.
    #[must_use]
    pub fn by(method: Method) -> Self {
        Self { method, ..Self::default() }
    }

    /// The same over TLS, and only so.
    #[must_use]
    pub fn over_tls(method: Method, certificate: &Certificate) -> Self {
        Self { method, tls: Some(certificate.clone()), tls_only: true, ..Self::default() }
    }

    /// With a further line of its configuration.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// Who may come in, and how: `pg_hba.conf`.
    fn access(&self) -> String {
        let kind = if self.tls_only { "hostssl" } else { "host" };
        let method = match self.method {
            Method::Trust => "trust",
            Method::Password => "password",
            Method::Md5 => "md5",
            Method::Scram => "scram-sha-256",
            Method::Certificate => "cert",
        };
        format!(
            "local all all trust\n{kind} all all 127.0.0.1/32 {method}\n{kind} replication all 127.0.0.1/32 {method}\n"
        )
    }

    fn configuration(&self, own: &Path, address: SocketAddr) -> String {
        let mut lines = vec![
            format!("port = {}", address.port()),
            format!("listen_addresses = '{}'", address.ip()),
            format!("unix_socket_directories = '{}'", own.display()),
            // What is on its disk is gone with the test.
            "fsync = off".to_owned(),
            "full_page_writes = off".to_owned(),
            // Nothing that makes two runs differ.
            "autovacuum = off".to_owned(),
            "max_parallel_workers_per_gather = 0".to_owned(),
            "timezone = 'UTC'".to_owned(),
            "log_timezone = 'UTC'".to_owned(),
            "wal_level = logical".to_owned(),
            "max_connections = 150".to_owned(),
        ];
        if self.tls.is_some() {
            lines.push("ssl = on".to_owned());
            lines.push(format!("ssl_cert_file = '{}'", own.join("server.crt").display()));
            lines.push(format!("ssl_key_file = '{}'", own.join("server.key").display()));
        }
        if self.client_authority.is_some() {
            lines.push(format!("ssl_ca_file = '{}'", own.join("clients.crt").display()));
        }
        lines.extend_from_slice(&self.lines);
        lines.join("\n") + "\n"
    }
}

impl Version {
    /// The folder of its programs.
    #[must_use]
    pub fn programs(self) -> PathBuf {
        match self {
            Self::Packaged => packaged(),
            Self::Newer => newer(),
        }
    }
}

/// The folder of the programs of the system's newest PostgreSQL: server and clients.
#[must_use]
pub fn packaged() -> PathBuf {
    let entries = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let versions = entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path())));
    let folders = versions.map(|(version, path)| (version, path.join("bin")));
    let newest = folders.filter(|(_, path)| path.join("postgres").is_file()).max();
    newest.expect("PostgreSQL is not installed; `cargo xtask test` installs what is needed").1
}

/// The folder of the programs of the newer server; it has no clients.
fn newer() -> PathBuf {
    let modules = std::env::var_os("NODE_PATH").unwrap_or_default();
    std::env::split_paths(&modules)
        .flat_map(|modules| std::fs::read_dir(modules.join("@embedded-postgres")))
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("native/bin"))
        .find(|folder| folder.join("postgres").is_file())
        .expect("no newer PostgreSQL is installed; `cargo xtask test` installs it for x64 and arm64")
}

/// The user that the server runs as, when the tests run as root: it refuses to be root.
pub(crate) fn server_user() -> Option<&'static str> {
    (user_name() == "root").then_some("postgres")
}

/// The program at `path`, run as the server's user.
fn as_server_user(folder: Option<&Folder>, path: &Path) -> Program {
    let program = match server_user() {
        None => Program::new(path),
        Some(user) => {
            let ids = [format!("--reuid={user}"), format!("--regid={user}")];
            Program::new("setpriv").args(ids).args(["--clear-groups", "--"]).arg(path)
        }
    };
    match folder {
        Some(folder) => folder.dressed(program),
        None => program.env("HOME", "/").env("LANG", "C.UTF-8"),
    }
}

fn restrict(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("permissions can be set");
}

/// Gives what is below `own` to the server's user, and lets that user pass through `folder` to it.
pub(crate) fn hand_over(folder: &Path, own: &Path) {
    if let Some(user) = server_user() {
        restrict(folder, 0o711);
        Program::new("chown").arg("-R").arg(format!("{user}:")).arg(own).succeed();
    }
}

/// The programs of `version`, where the server's user can reach them.
fn reachable(version: Version) -> PathBuf {
    let programs = version.programs();
    let test = as_server_user(None, Path::new("/usr/bin/test")).arg("-x").arg(programs.join("postgres"));
    if test.finish().status.success() {
        return programs;
    }
    // Below a folder of root's own: a copy, once.
    let copy = std::env::temp_dir().join(format!("wt-postgres-{}", std::process::id()));
    let _alone = TEMPLATES.lock().expect("no panic under this lock");
    if !copy.exists() {
        let whole = programs.parent().expect("programs are in a folder of their version");
        Program::new("cp").arg("-R").arg(whole).arg(&copy).succeed();
    }
    copy.join("bin")
}

/// A cluster with the login and its database, made once and copied from then on: making one takes seconds.
fn template(version: Version) -> PathBuf {
    let programs = reachable(version);
    let shown = Program::new(programs.join("postgres")).arg("--version").succeed().text();
    let number = shown.split_whitespace().nth(2).expect("a version").to_owned();
    let own = std::env::current_exe().expect("a program knows its path");
    let clusters = own.ancestors().nth(2).expect("cargo builds tests into a folder of a folder").join("clusters");
    let template = clusters.join(&number);
    let _alone = TEMPLATES.lock().expect("no panic under this lock");
    if template.exists() {
        return template;
    }
    std::fs::create_dir_all(&clusters).expect("a folder can be made");
    let made = tempfile::Builder::new().prefix("wt").tempdir_in("/tmp").expect("a folder can be made");
    let own = made.path().join("own");
    let data = own.join("data");
    std::fs::create_dir(&own).expect("a folder can be made");
    hand_over(made.path(), &own);
    as_server_user(None, &programs.join("initdb"))
        .args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", "--username", LOGIN, "--pgdata"])
        .arg(&data)
        .folder(&own)
        .succeed();
    as_server_user(None, &programs.join("postgres"))
        .args(["--single", "-D"])
        .arg(&data)
        .arg("postgres")
        .folder(&own)
        .input(format!("CREATE DATABASE {DATABASE}\n"))
        .succeed();
    let copy = clusters.join(format!("{number}.{}", std::process::id()));
    Program::new("cp").arg("-R").arg(&data).arg(&copy).succeed();
    // Another test program may have been faster; its cluster is as good.
    let _there_already = std::fs::rename(&copy, &template);
    assert!(template.exists(), "the cluster was made");
    template
}

/// Starts the server and waits until it is ready; `None` when its port was taken.
fn run(folder: &Folder, own: &Path, address: SocketAddr, settings: &Settings) -> Option<Running> {
    let file = own.join("postgresql.conf");
    std::fs::write(&file, settings.configuration(own, address)).expect("a file can be written");
    restrict(&file, 0o644);
    let server = as_server_user(Some(folder), &reachable(settings.version).join("postgres"))
        .arg("-D")
        .arg(own.join("data"))
        .arg(format!("--config_file={}", file.display()))
        .folder(own)
        .start();
    let ready = "database system is ready to accept connections";
    let outcome = server.complaint(&[ready, "Address already in use"]);
    let taken = outcome.contains("Address already in use");
    assert!(taken || outcome.contains(ready), "the server did not start: {outcome}");
    (!taken).then_some(server)
}
