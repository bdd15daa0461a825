//! A real OpenSSH server, run as the current user.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::keys::Key;
use crate::ports::free_address;
use crate::processes::TAG;
use crate::program::Running;
use crate::stage::{Folder, user_name};

/// Ports that are tried: another test may take one between its choice and its use.
const TRIES_MAX: usize = 20;

/// A server on loopback.
pub struct Sshd {
    server: Running,
    address: SocketAddr,
    host_key: Key,
}

impl Sshd {
    /// Starts a server called `name` that lets `authorized` in; `settings` are further lines of its configuration.
    #[must_use]
    pub fn start(folder: &Folder, name: &str, authorized: &Key, settings: &[&str]) -> Self {
        let own = folder.make(name);
        let host_key = Key::make(&own, "host_key");
        let authorized_keys = own.join("authorized_keys");
        std::fs::write(&authorized_keys, format!("{}\n", authorized.public)).expect("a file can be written");
        if user_name() == "root" {
            // Where a server that was started as root keeps its unprivileged half.
            std::fs::create_dir_all("/run/sshd").expect("root can make a folder in /run");
        }
        for _ in 0..TRIES_MAX {
            let address = free_address();
            let text = configuration(folder, address, &host_key, &authorized_keys, settings);
            let file = own.join("sshd_config");
            std::fs::write(&file, text).expect("a file can be written");
            let server = folder.program(program()).args(["-D", "-e", "-f"]).arg(&file).start();
            if listens(&server) {
                return Self { server, address, host_key };
            }
        }
        panic!("no free port was found for a server");
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The public half of its host key.
    #[must_use]
    pub fn host_key(&self) -> &str {
        &self.host_key.public
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

/// Waits until `server` says that it listens; false when its port was taken.
fn listens(server: &Running) -> bool {
    let outcome = server.complaint(&["Server listening on", "Address already in use"]);
    let taken = outcome.contains("Address already in use");
    assert!(taken || outcome.contains("Server listening on"), "the server did not start: {outcome}");
    !taken
}

/// The server's program. It starts itself again by its full path, so it needs one.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/local/sbin".into(), "/usr/sbin".into(), "/sbin".into()])
        .map(|folder: PathBuf| folder.join("sshd"))
        .find(|candidate| candidate.is_file())
        .expect("sshd is not installed; `cargo xtask test` installs what is needed")
}

fn configuration(folder: &Folder, address: SocketAddr, host_key: &Key, keys: &Path, settings: &[&str]) -> String {
    // The first value of a setting counts: what the test says stands before the defaults. Subsystems may not be named
    // twice.
    let sftp = if settings.iter().any(|line| line.starts_with("Subsystem sftp ")) {
        ""
    } else {
        "Subsystem sftp internal-sftp"
    };
    format!(
        "{settings}\n\
         ListenAddress {address}\n\
         HostKey {host_key}\n\
         AuthorizedKeysFile {keys}\n\
         PidFile none\n\
         UsePAM no\n\
         StrictModes no\n\
         UseDNS no\n\
         PermitRootLogin yes\n\
         PasswordAuthentication no\n\
         KbdInteractiveAuthentication no\n\
         PrintMotd no\n\
         PrintLastLog no\n\
         AllowTcpForwarding yes\n\
         AllowStreamLocalForwarding yes\n\
         StreamLocalBindUnlink yes\n\
         AllowAgentForwarding yes\n\
         AcceptEnv *\n\
         SetEnv HOME={home} {TAG}={tag}\n\
         MaxStartups 200\n\
         MaxSessions 100\n\
         LoginGraceTime 120\n\
         {sftp}\n",
        settings = settings.join("\n"),
        host_key = host_key.file.display(),
        keys = keys.display(),
        home = folder.home().display(),
        tag = folder.path().display(),
    )
}
