//! A real Vault: OpenBao, which kept Vault's HTTP API, in memory, over TLS.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serde_json::Value;

use crate::authority::{Authority, Certificate};
use crate::ports::serve;
use crate::program::{Finished, Program, Running};
use crate::random::{self, hex};
use crate::stage::{Folder, client_python, wait_until};
use crate::web::OWN_NAMES;

/// The policy that lets the gateway read what is below `secret/`.
const READER: &str = "reader";

/// What that policy says.
pub const READER_RULE: &str = "path \"secret/data/*\" { capabilities = [\"read\"] }";

/// A Vault that serves.
pub struct Vault {
    server: Running,
    /// In clear text, for the tests; over TLS, for the gateway.
    addresses: Vec<SocketAddr>,
    root: String,
    ca: PathBuf,
    home: PathBuf,
}

/// What an AppRole login takes.
pub struct AppRole {
    /// The role's id.
    pub role_id: String,
    /// Its secret.
    pub secret_id: String,
}

fn program() -> PathBuf {
    client_python().with_file_name("bao")
}

impl Vault {
    /// Starts one whose certificate is of a new authority, with an empty KV store of version 2 at `secret/`.
    #[must_use]
    pub fn start(folder: &Folder) -> Self {
        let authority = Authority::make(folder.path(), "vault-authority");
        let certificate = authority.issue("vault", &OWN_NAMES);
        let root = hex(&random::bytes(12));
        let (server, addresses) = serve(2, |addresses| {
            let file = folder.write("vault.hcl", settings(addresses[1], &certificate));
            // In clear text it is only for the tests themselves.
            let server = folder.program(program()).args(["server", "-dev", "-dev-no-store-token", "-log-level=info"]);
            let server = server.arg(format!("-dev-root-token-id={root}"));
            server.arg(format!("-dev-listen-address={}", addresses[0])).arg("-config").arg(file).start()
        });
        let vault = Self { server, addresses, root, ca: authority.certificate(), home: folder.home() };
        // It listens before it is ready.
        wait_until("Vault is ready", || vault.bao(&["kv", "list", "-mount=secret", "/"]).finish().code() != 1);
        vault.tell(&["policy", "write", READER, "-"], READER_RULE);
        vault
    }

    /// The lines of the gateway's table `[vault]` but for the login.
    #[must_use]
    pub fn lines(&self) -> String {
        let ca = self.ca.display().to_string();
        format!("address = \"https://localhost:{}\"\nca = {ca:?}\n", self.addresses[1].port())
    }

    /// OpenBao's own client, as root.
    fn bao(&self, words: &[&str]) -> Program {
        Program::new(program())
            .env_clear()
            .env("HOME", &self.home)
            .env("BAO_ADDR", format!("http://{}", self.addresses[0]))
            .env("BAO_TOKEN", &self.root)
            .args(words)
    }

    /// Tells it something, with `input` to read.
    pub fn tell(&self, words: &[&str], input: &str) -> Finished {
        self.bao(words).input(input).succeed()
    }

    /// Tells it something that it may not be ready for; whether it took it.
    #[must_use]
    pub fn try_tell(&self, words: &[&str]) -> bool {
        self.bao(words).finish().status.success()
    }

    /// What it answers, as JSON.
    #[must_use]
    pub fn ask(&self, words: &[&str]) -> Value {
        let text = self.bao(words).env("BAO_FORMAT", "json").succeed().text();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Keeps `value` as the field `field` of the secret `name`.
    pub fn keep(&self, name: &str, field: &str, value: &str) {
        self.tell(&["kv", "put", "-mount=secret", name, "-"], &serde_json::json!({ field: value }).to_string());
    }

    /// A new token that may read the secrets, made with `options`.
    #[must_use]
    pub fn token(&self, options: &[&str]) -> String {
        let words: Vec<&str> = ["token", "create"].iter().chain(options).copied().chain(["-policy", READER]).collect();
        self.ask(&words)["auth"]["client_token"].as_str().expect("a token").to_owned()
    }

    /// A new role that may read the secrets, whose tokens are made with `settings`.
    #[must_use]
    pub fn role(&self, settings: &[&str]) -> AppRole {
        self.tell(&["auth", "enable", "approle"], "");
        let policies = format!("token_policies={READER}");
        let words: Vec<&str> =
            ["write", "auth/approle/role/gateway", &policies].iter().chain(settings).copied().collect();
        self.tell(&words, "");
        let text = |value: Value, field: &str| value["data"][field].as_str().expect("a text").to_owned();
        let secret_id = self.ask(&["write", "-f", "auth/approle/role/gateway/secret-id"]);
        AppRole {
            role_id: text(self.ask(&["read", "auth/approle/role/gateway/role-id"]), "role_id"),
            secret_id: text(secret_id, "secret_id"),
        }
    }

    /// Holds it up, as a network does that loses what is sent; it goes on with [`Vault::go_on`].
    pub fn hold_up(&self) {
        self.server.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.server.signal(Signal::CONT);
    }

    /// Ends it.
    pub fn end(&self) {
        self.server.signal(Signal::KILL);
        let _ = self.server.wait();
    }
}

fn settings(address: SocketAddr, certificate: &Certificate) -> String {
    let text = |path: &Path| format!("{:?}", path.display().to_string());
    format!(
        "listener \"tcp\" {{\n  address = \"{address}\"\n  tls_cert_file = {}\n  tls_key_file = {}\n}}\n",
        text(&certificate.certificate),
        text(&certificate.key),
    )
}
