//! A real haproxy: what the gateway is measured beside.

use std::net::SocketAddr;

use crate::ports::serve;
use crate::program::{Program, Running};
use crate::stage::{Folder, system_program};

/// An haproxy that serves.
pub struct Haproxy {
    server: Running,
    addresses: Vec<SocketAddr>,
}

impl Haproxy {
    /// One with so many `threads` that listens on so many addresses, and whose proxies are what `proxies` makes of
    /// them.
    #[must_use]
    pub fn start(
        folder: &Folder,
        name: &str,
        threads: usize,
        addresses: usize,
        proxies: impl Fn(&[SocketAddr]) -> String,
    ) -> Self {
        let own = folder.make(name);
        let (server, addresses) = serve(addresses, |addresses| {
            let file = own.join("haproxy.cfg");
            let text = format!(
                "global\n    nbthread {threads}\n    maxconn 4096\n\
                 defaults\n    mode http\n    timeout connect 60s\n    timeout client 600s\n    timeout server 600s\n    \
                 http-reuse always\n\
                 {}",
                proxies(addresses)
            );
            std::fs::write(&file, text).expect("a file can be written");
            folder.dressed(Program::new(system_program("haproxy"))).args(["-db", "-f"]).arg(&file).start()
        });
        Self { server, addresses }
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
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
}
