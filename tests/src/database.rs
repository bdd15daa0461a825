//! One test's own world of a database session: a folder, a server behind the gateway, the gateway, a person with a
//! token, and clients that know both ways to the server.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::configuration::{Configuration, Target, User};
use crate::gateway::Gateway;
use crate::postgres::{DATABASE, LOGIN, Postgres, Settings, packaged};
use crate::program::Program;
use crate::secrets::Token;
use crate::stage::{Folder, PERSON};

/// The two ways to the same server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Past the gateway, with the server's own login.
    Direct,
    /// Through the gateway, as a person.
    Gateway,
}

/// The two ways, in the order in which tests take them.
pub const WAYS: [Way; 2] = [Way::Direct, Way::Gateway];

/// A person with a token, a real server, and the gateway between them. The target is called as the server's database,
/// so that a client is told the same name on both ways.
///
/// The fields stand in the order in which they go: first the programs, then the folder with whatever is left of them.
pub struct Database {
    /// The gateway.
    pub gateway: Gateway,
    /// The server behind it.
    pub server: Postgres,
    /// The person's token, which is their password.
    pub token: Token,
    /// The folder of it all.
    pub folder: Folder,
}

impl Default for Database {
    fn default() -> Self {
        Self::new()
    }
}

impl Database {
    /// A stage with one person and one target.
    #[must_use]
    pub fn new() -> Self {
        Self::with(|_| Settings::default(), |_, _, _| {})
    }

    /// A stage whose server is as `settings` says, and whose configuration `change` may change before the gateway
    /// starts.
    #[must_use]
    pub fn with(
        settings: impl FnOnce(&Folder) -> Settings,
        change: impl FnOnce(&Folder, &Postgres, &mut Configuration),
    ) -> Self {
        let folder = Folder::new();
        let settings = settings(&folder);
        let server = Postgres::start(&folder, "server", settings);
        let password_file = folder.write("password", format!("{}\n", server.password()));
        let token = Token::make(PERSON);
        let mut configuration = Configuration {
            users: vec![User::named(PERSON).line(&token.line)],
            targets: vec![Target::database(DATABASE, server.address(), &password_file)],
            postgres: true,
            ..Configuration::new(folder.join("data"))
        };
        change(&folder, &server, &mut configuration);
        let gateway = Gateway::start(&folder, configuration);
        Self { gateway, server, token, folder }
    }

    /// Where clients connect on `way`.
    #[must_use]
    pub fn address(&self, way: Way) -> SocketAddr {
        match way {
            Way::Direct => self.server.address(),
            Way::Gateway => self.gateway.postgres(),
        }
    }

    /// Whom clients say that they are on `way`, and by which password.
    #[must_use]
    pub fn login(&self, way: Way) -> (&str, &str) {
        match way {
            Way::Direct => (LOGIN, self.server.password()),
            Way::Gateway => (PERSON, &self.token.secret),
        }
    }

    /// `program`, with everything that libpq and other clients look for in the environment to go `way`.
    #[must_use]
    pub fn shown(&self, way: Way, program: Program) -> Program {
        let (user, password) = self.login(way);
        self.folder
            .dressed(program)
            .env("PGHOST", self.address(way).ip().to_string())
            .env("PGPORT", self.address(way).port().to_string())
            .env("PGUSER", user)
            .env("PGPASSWORD", password)
            .env("PGDATABASE", DATABASE)
            .env("PGCONNECT_TIMEOUT", "60")
            .env("PGPASSFILE", "/dev/null")
            .env("PSQLRC", "/dev/null")
            .env("PSQL_HISTORY", "/dev/null")
            .env("NODE_PATH", std::env::var_os("NODE_PATH").unwrap_or_default())
    }

    /// One of PostgreSQL's own clients (`psql`, `pgbench`, `pg_dump`, …) on `way`.
    #[must_use]
    pub fn client(&self, way: Way, name: &str) -> Program {
        self.shown(way, Program::new(packaged().join(name)))
    }

    /// `psql` on `way`, which says only what the server says, and goes on after an error as a person would.
    #[must_use]
    pub fn psql(&self, way: Way) -> Program {
        self.client(way, "psql").arg("--quiet")
    }

    /// A script of a client library on `way`.
    #[must_use]
    pub fn script(&self, way: Way, interpreter: impl AsRef<OsStr>, script: &str) -> Program {
        self.shown(way, Program::new(interpreter)).arg(crate::stage::client_script(script))
    }

    /// The certificate that the gateway made for itself.
    #[must_use]
    pub fn gateway_certificate(&self) -> PathBuf {
        self.gateway.configuration.data_dir.join("tls/certificate.pem")
    }

    /// Ends the gateway by `end` and starts it again on the same data.
    pub fn restart(&mut self, end: impl FnOnce(&Gateway)) {
        end(&self.gateway);
        let configuration = self.gateway.configuration.clone();
        self.gateway = Gateway::start(&self.folder, configuration);
    }
}
