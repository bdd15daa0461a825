//! A real pgbouncer: what the gateway is measured beside.

use std::net::SocketAddr;
use std::path::Path;

use crate::authority::{Authority, Certificate};
use crate::ports::free_address;
use crate::postgres::{DATABASE, LOGIN, Postgres, hand_over, server_user};
use crate::program::{Program, Running};
use crate::stage::{Folder, system_program};

/// Ports that are tried: another test may take one between its choice and its use.
const TRIES_MAX: usize = 20;

/// A pgbouncer before one server, with TLS on both sides and a server connection for each session.
pub struct Pgbouncer {
    bouncer: Running,
    address: SocketAddr,
}

impl Pgbouncer {
    /// Starts one that shows `certificate` to its clients, and trusts what `authority` issued.
    #[must_use]
    pub fn start(folder: &Folder, server: &Postgres, authority: &Authority, certificate: &Certificate) -> Self {
        let own = folder.make("pgbouncer");
        for (from, name) in
            [(&certificate.certificate, "own.crt"), (&certificate.key, "own.key"), (&authority.certificate(), "ca.crt")]
        {
            std::fs::copy(from, own.join(name)).expect("a file can be copied");
        }
        std::fs::write(own.join("users"), format!("\"{LOGIN}\" \"{}\"\n", server.password())).expect("a file");
        for _ in 0..TRIES_MAX {
            let address = free_address();
            let file = own.join("pgbouncer.ini");
            std::fs::write(&file, configuration(&own, address, server)).expect("a file can be written");
            hand_over(folder.path(), &own);
            let mut words = Program::new(system_program("pgbouncer"));
            if let Some(user) = server_user() {
                words = words.args(["-u", user]);
            }
            let bouncer = folder.dressed(words).arg(&file).start();
            let outcome = bouncer.complaint(&["process up", "cannot listen", "Address already in use", "FATAL"]);
            if outcome.contains("process up") {
                return Self { bouncer, address };
            }
            assert!(outcome.contains("in use"), "pgbouncer did not start: {outcome}");
        }
        panic!("no free port was found for pgbouncer");
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process number.
    #[must_use]
    pub fn number(&self) -> i32 {
        self.bouncer.number()
    }
}

fn configuration(own: &Path, address: SocketAddr, server: &Postgres) -> String {
    let own = own.display();
    format!(
        "[databases]\n\
         {DATABASE} = host={} port={}\n\
         [pgbouncer]\n\
         listen_addr = {}\n\
         listen_port = {}\n\
         unix_socket_dir =\n\
         auth_type = scram-sha-256\n\
         auth_file = {own}/users\n\
         pool_mode = session\n\
         server_reset_query =\n\
         max_client_conn = 1000\n\
         default_pool_size = 1000\n\
         log_connections = 0\n\
         log_disconnections = 0\n\
         client_tls_sslmode = require\n\
         client_tls_cert_file = {own}/own.crt\n\
         client_tls_key_file = {own}/own.key\n\
         server_tls_sslmode = verify-ca\n\
         server_tls_ca_file = {own}/ca.crt\n\
         ignore_startup_parameters = extra_float_digits\n",
        server.address().ip(),
        server.address().port(),
        address.ip(),
        address.port(),
    )
}
