//! A real nginx: a web server behind the gateway, and a proxy that the gateway is measured beside.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::authority::Certificate;
use crate::ports::serve;
use crate::processes;
use crate::program::{Program, Running};
use crate::stage::{Folder, system_program, user_name};

/// An nginx that serves.
pub struct Nginx {
    server: Running,
    addresses: Vec<SocketAddr>,
    files: PathBuf,
}

impl Nginx {
    /// A web server in the folder `name` with the files of [`Nginx::files`]: in clear text, by HTTP/2 in clear text,
    /// and over TLS with `certificate` by both versions. What is PUT below `/upload/` is kept there; `/short` says 128
    /// bytes and `/page` says 64 KiB from memory.
    #[must_use]
    pub fn web(folder: &Folder, name: &str, certificate: &Certificate) -> Self {
        let files = folder.join(name).join("files");
        Self::start(folder, name, 1, 3, |addresses| {
            let locations = format!(
                "root {files};\n\
                 location /upload/ {{ dav_methods PUT DELETE; create_full_put_path on; }}\n\
                 location = /short {{ return 200 \"{short}\"; }}\n\
                 location = /empty {{ return 204; }}\n\
                 location = /moved {{ return 302 /short; }}\n",
                files = files.display(),
                short = "0123456789abcdef".repeat(8),
            );
            let server = |listen: &str, more: &str| format!("server {{ listen {listen}; {more}\n{locations}}}\n");
            let tls = format!(
                "ssl_certificate {}; ssl_certificate_key {};",
                certificate.certificate.display(),
                certificate.key.display()
            );
            server(&addresses[0].to_string(), "")
                + &server(&format!("{} http2", addresses[1]), "")
                + &server(&format!("{} ssl http2", addresses[2]), &tls)
        })
    }

    /// One with so many `workers` that listens on so many addresses, and whose servers are what `servers` makes of
    /// them.
    #[must_use]
    pub fn start(
        folder: &Folder,
        name: &str,
        workers: usize,
        addresses: usize,
        servers: impl Fn(&[SocketAddr]) -> String,
    ) -> Self {
        let own = folder.make(name);
        let files = folder.make(&format!("{name}/files"));
        std::fs::create_dir_all(files.join("upload")).expect("a folder can be made");
        std::fs::write(files.join("page"), crate::random::hex(&crate::random::bytes(32 * 1024))).expect("a file");
        let (server, addresses) = serve(addresses, |addresses| {
            let file = own.join("nginx.conf");
            std::fs::write(&file, settings(&own, workers, &servers(addresses))).expect("a file can be written");
            folder.dressed(Program::new(system_program("nginx"))).arg("-c").arg(&file).arg("-p").arg(&own).start()
        });
        Self { server, addresses, files }
    }

    /// Where it listens, in the order of its servers.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The folder of its files.
    #[must_use]
    pub fn files(&self) -> &Path {
        &self.files
    }

    /// The process number of its master.
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

impl Drop for Nginx {
    /// Its workers have overwritten the environment by which they would be known: they are found while it still runs.
    fn drop(&mut self) {
        let workers = processes::below(self.number(), "");
        self.server.signal(Signal::KILL);
        for worker in workers {
            processes::signal(worker, Signal::KILL);
        }
    }
}

fn settings(own: &Path, workers: usize, servers: &str) -> String {
    let user = if user_name() == "root" { "user root;" } else { "" };
    let folders: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {}/{name};\n", own.display()))
        .concat();
    format!(
        "{user}\n\
         daemon off;\n\
         worker_processes {workers};\n\
         pid {own}/pid;\n\
         error_log stderr error;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\n\
         access_log off;\n\
         {folders}\
         client_max_body_size 0;\n\
         keepalive_requests 1000000000;\n\
         keepalive_timeout 600s;\n\
         http2_max_concurrent_streams 256;\n\
         sendfile on;\n\
         tcp_nopush on;\n\
         open_file_cache max=100;\n\
         {servers}\
         }}\n",
        own = own.display(),
    )
}
