//! `wiretape.toml`, as the tests write it.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::keys::Key;
use crate::postgres::{DATABASE, LOGIN};
use crate::sshd::Sshd;
use crate::stage::user_name;

/// What the gateway is told.
#[derive(Clone)]
pub struct Configuration {
    /// Where it keeps its data.
    pub data_dir: PathBuf,
    /// Whether clients are told that they are recorded.
    pub banner: bool,
    /// Who may come in.
    pub users: Vec<User>,
    /// What is behind it.
    pub targets: Vec<Target>,
    /// Environment variables of the gateway, and their values.
    pub environment: Vec<(String, String)>,
    /// Whether it listens for PostgreSQL's clients too.
    pub postgres: bool,
    /// Whether it listens for HTTP too: as the targets themselves, and as a proxy.
    pub http: bool,
    /// Whether it listens for its API too.
    pub admin: bool,
    /// The issuers that vouch for people: the name and the lines of each.
    pub issuers: Vec<(String, Vec<String>)>,
    /// Lines of the table `login`.
    pub login: Vec<String>,
    /// Lines of the table `http`.
    pub http_settings: Vec<String>,
    /// Lines of the table `tls`.
    pub tls: Vec<String>,
    /// Lines of the table `vault`.
    pub vault: Vec<String>,
    /// Whether a crash may leave an image of its memory.
    pub core_dumps: bool,
    /// Lines of the table `policy`.
    pub policy: Vec<String>,
    /// Lines of the table `approval`.
    pub approval: Vec<String>,
}

/// A person that the gateway knows.
#[derive(Clone)]
pub struct User {
    name: String,
    lines: Vec<String>,
}

/// Something behind the gateway.
#[derive(Clone)]
pub struct Target {
    name: String,
    lines: Vec<String>,
}

impl Configuration {
    /// Nobody and nothing. The banner is off, so that what a client prints is what the target said.
    #[must_use]
    pub fn new(data_dir: PathBuf) -> Self {
        Self {
            data_dir,
            banner: false,
            users: Vec::new(),
            targets: Vec::new(),
            environment: Vec::new(),
            postgres: false,
            http: false,
            admin: false,
            issuers: Vec::new(),
            login: Vec::new(),
            http_settings: Vec::new(),
            tls: Vec::new(),
            vault: Vec::new(),
            core_dumps: false,
            policy: Vec::new(),
            approval: Vec::new(),
        }
    }

    /// The target called `name`, to be changed.
    #[must_use]
    pub fn target(&mut self, name: &str) -> &mut Target {
        self.targets.iter_mut().find(|target| target.name == name).expect("there is such a target")
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "data_dir = {:?}\nbanner = {}\ncore_dumps = {}\n\n[listen]\nssh = \"127.0.0.1:0\"\n",
            self.data_dir.display().to_string(),
            self.banner,
            self.core_dumps
        );
        if self.postgres {
            text += "postgres = \"127.0.0.1:0\"\n";
        }
        if self.http {
            text += "http = \"127.0.0.1:0\"\nproxy = \"127.0.0.1:0\"\n";
        }
        if self.admin {
            text += "admin = \"127.0.0.1:0\"\n";
        }
        for (name, lines) in [
            ("login", &self.login),
            ("http", &self.http_settings),
            ("tls", &self.tls),
            ("vault", &self.vault),
            ("policy", &self.policy),
            ("approval", &self.approval),
        ] {
            if !lines.is_empty() {
                let _ = write!(text, "\n[{name}]\n{}\n", lines.join("\n"));
            }
        }
        let mut table = |kind: &str, name: &str, lines: &[String]| {
            let _ = write!(text, "\n[[{kind}]]\nname = {name:?}\n{}\n", lines.join("\n"));
        };
        for (name, lines) in &self.issuers {
            table("issuer", name, lines);
        }
        for user in &self.users {
            table("user", &user.name, &user.lines);
        }
        for target in &self.targets {
            table("target", &target.name, &target.lines);
        }
        text
    }
}

impl User {
    /// A person who shows no key.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), lines: Vec::new() }
    }

    /// A person with a key.
    #[must_use]
    pub fn with_key(name: &str, key: &Key) -> Self {
        Self::named(name).line(&format!("ssh_keys = [{:?}]", key.public))
    }

    /// Adds a line to the person's table.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }
}

impl Target {
    /// A target of `kind` without settings.
    #[must_use]
    pub fn of(kind: &str, name: &str) -> Self {
        Self { name: name.to_owned(), lines: vec![format!("kind = {kind:?}")] }
    }

    /// The server `sshd`, reached at `address`, with `credential`; its host key is pinned.
    #[must_use]
    pub fn server(name: &str, address: SocketAddr, sshd: &Sshd, credential: &Key) -> Self {
        Self::of("ssh", name)
            .line(&format!("address = \"{address}\""))
            .line(&format!("login = {:?}", user_name()))
            .line(&format!("credential = {{ key_file = {:?} }}", credential.file.display().to_string()))
            .line(&format!("host_key = {:?}", sshd.host_key()))
    }

    /// A database server, and the file with the password of its login.
    #[must_use]
    pub fn database(name: &str, address: SocketAddr, password_file: &Path) -> Self {
        Self::of("postgres", name)
            .line(&format!("address = \"{address}\""))
            .line(&format!("login = {LOGIN:?}"))
            .line(&format!("database = {DATABASE:?}"))
            .line(&format!("credential = {{ password_file = {:?} }}", password_file.display().to_string()))
    }

    /// A web server at `url`.
    #[must_use]
    pub fn web(name: &str, url: &str) -> Self {
        Self::of("http", name).line(&format!("url = {url:?}"))
    }

    /// Hosts to which the proxy lets connections through untouched.
    #[must_use]
    pub fn tunnel(name: &str, hosts: &[&str]) -> Self {
        Self::of("tunnel", name).line(&format!("hosts = {hosts:?}"))
    }

    /// A program beside the gateway.
    #[must_use]
    pub fn command(name: &str, words: &[&str]) -> Self {
        Self::of("command", name).line(&format!("command = {words:?}"))
    }

    /// The same under another name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// Whether it is called `name`.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name == name
    }

    /// Adds a line to the target's table.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.set(line);
        self
    }

    /// Adds a line to the target's table, in the place of one for the same setting.
    pub fn set(&mut self, line: &str) {
        self.unset(line.split(' ').next().unwrap_or_default());
        self.lines.push(line.to_owned());
    }

    /// Takes the line for `setting` out of the target's table.
    pub fn unset(&mut self, setting: &str) {
        self.lines.retain(|line| line.split(' ').next() != Some(setting));
    }
}
