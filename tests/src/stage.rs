//! One test's own world: a folder, keys, a server behind the gateway, the gateway, and clients that know the way.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::configuration::{Configuration, Target, User};
use crate::gateway::Gateway;
use crate::keys::Key;
use crate::processes;
use crate::program::{PATIENCE, Program};
use crate::sshd::Sshd;

/// The name of the person in most tests.
pub const PERSON: &str = "ana";

/// The name of the target in most tests.
pub const TARGET: &str = "web";

/// The user that the tests run as: the login at every real server.
#[must_use]
pub fn user_name() -> String {
    let output = Program::new("id").arg("-un").succeed();
    output.text().trim().to_owned()
}

/// The Python that has the client libraries.
#[must_use]
pub fn client_python() -> PathBuf {
    let python = std::env::var_os("WIRETAPE_CLIENT_PYTHON").map(PathBuf::from);
    python.expect("no Python with the client libraries is named: `cargo xtask test` installs them and names it")
}

/// The program `name`, looked for on the search path and where the system keeps its servers.
#[must_use]
pub fn system_program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| panic!("{name} is not installed; `cargo xtask test` installs what is needed"))
}

/// The client script called `name`.
#[must_use]
pub fn client_script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)
}

/// A folder of a test's own. When it goes, the processes that were started in it are ended and it is removed.
pub struct Folder {
    folder: TempDir,
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Folder {
    /// A new folder. Its path is short, because the paths of Unix sockets have to be.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("wt").tempdir_in("/tmp").expect("a folder can be made");
        std::fs::create_dir(folder.path().join("home")).expect("a folder can be made");
        Self { folder }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The path of `name` in it.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// The home folder of everything that runs in it.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.join("home")
    }

    /// Makes the folder `name` in it.
    #[must_use]
    pub fn make(&self, name: &str) -> PathBuf {
        let path = self.join(name);
        std::fs::create_dir_all(&path).expect("a folder can be made");
        path
    }

    /// Writes a file in it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        std::fs::write(&path, content).expect("a file can be written");
        path
    }

    /// The program `name`, to be run in it with nothing of the tests' own environment but the search path.
    #[must_use]
    pub fn program(&self, name: impl AsRef<OsStr>) -> Program {
        self.dressed(Program::new(name))
    }

    /// `program`, to be run in it in the same way.
    #[must_use]
    pub fn dressed(&self, program: Program) -> Program {
        let user = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
        program
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home())
            .env("USER", &user)
            .env("LOGNAME", &user)
            .env("SHELL", "/bin/sh")
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm-256color")
            .env(processes::TAG, self.path())
            .folder(self.path())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        processes::end_stage(self.path());
    }
}

/// A person with a key, a real server, and the gateway between them.
///
/// The fields stand in the order in which they go: first the programs, then the folder with whatever is left of them.
pub struct Stage {
    /// The gateway.
    pub gateway: Gateway,
    /// The server behind it.
    pub sshd: Sshd,
    /// The person's key, which the gateway knows.
    pub person: Key,
    /// The key that the server knows, and only the gateway holds.
    pub credential: Key,
    /// The folder of it all.
    pub folder: Folder,
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

impl Stage {
    /// A stage with one person and one target.
    #[must_use]
    pub fn new() -> Self {
        Self::with(|_, _| {})
    }

    /// A stage whose configuration `change` may change before the gateway starts.
    #[must_use]
    pub fn with(change: impl FnOnce(&Folder, &mut Configuration)) -> Self {
        Self::with_server(&[], change)
    }

    /// The same, with further settings of the server.
    #[must_use]
    pub fn with_server(settings: &[&str], change: impl FnOnce(&Folder, &mut Configuration)) -> Self {
        let folder = Folder::new();
        let person = Key::make(folder.path(), "person");
        let credential = Key::make(folder.path(), "credential");
        let sshd = Sshd::start(&folder, "sshd", &credential, settings);
        let mut configuration = Configuration {
            users: vec![User::with_key(PERSON, &person)],
            targets: vec![Target::server(TARGET, sshd.address(), &sshd, &credential)],
            ..Configuration::new(folder.join("data"))
        };
        change(&folder, &mut configuration);
        let gateway = Gateway::start(&folder, configuration);
        let stage = Self { gateway, sshd, person, credential, folder };
        stage.write_client_configuration();
        stage
    }

    /// Ends the gateway by `end`, starts it again on the same data, and shows the clients the way.
    pub fn restart(&mut self, end: impl FnOnce(&Gateway)) {
        end(&self.gateway);
        let configuration = self.gateway.configuration.clone();
        self.gateway = Gateway::start(&self.folder, configuration);
        self.write_client_configuration();
    }

    /// What the clients are told: `gateway` is the gateway, `direct` the server itself.
    pub fn write_client_configuration(&self) {
        let host = |name: &str, address: SocketAddr, key: &Key, rest: &str| {
            format!(
                "Host {name}\n  HostName {}\n  Port {}\n  IdentityFile {}\n{rest}",
                address.ip(),
                address.port(),
                key.file.display()
            )
        };
        let direct = format!("  User {}\n", user_name());
        let text = host("gateway", self.gateway.address(), &self.person, "")
            + &host("direct", self.sshd.address(), &self.credential, &direct)
            + "Host *\n  BatchMode yes\n  IdentitiesOnly yes\n  IdentityAgent none\n  StrictHostKeyChecking no\n  \
               UserKnownHostsFile /dev/null\n  GlobalKnownHostsFile /dev/null\n  LogLevel ERROR\n  \
               ConnectTimeout 60\n";
        self.folder.write("ssh_config", text);
    }

    /// The file that tells OpenSSH's clients the way.
    #[must_use]
    pub fn client_configuration(&self) -> PathBuf {
        self.folder.join("ssh_config")
    }

    /// One of OpenSSH's clients (`ssh`, `scp`, `sftp`), which knows the hosts `gateway` and `direct`.
    #[must_use]
    pub fn client(&self, name: &str) -> Program {
        self.folder.program(name).arg("-F").arg(self.client_configuration())
    }

    /// `ssh` to the target through the gateway; the command may follow as arguments.
    #[must_use]
    pub fn ssh(&self) -> Program {
        self.ssh_as(TARGET)
    }

    /// `ssh` to the gateway with `login` before the `@`.
    #[must_use]
    pub fn ssh_as(&self, login: &str) -> Program {
        self.client("ssh").arg(format!("{login}@gateway"))
    }
}

/// Waits until `condition` holds; `what` is what to say when it never does.
pub fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < until, "this never came: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
