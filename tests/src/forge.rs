//! A real server of repositories: git's own programs behind nginx, which wants a password, and behind an OpenSSH server
//! whose account can do nothing else; and a store of large files.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::git::Git;
use crate::keys::Key;
use crate::nginx::Nginx;
use crate::ports::serve;
use crate::processes::TAG;
use crate::program::Running;
use crate::repository::{self, Repository};
use crate::sshd::Sshd;
use crate::stage::{Folder, client_python, client_script, system_program, wait_until};

/// The account that the web server wants to see, and its password.
pub const ACCOUNT: &str = "svc";
/// The password of [`ACCOUNT`].
pub const PASSWORD: &str = "the-forges-own-password";

/// Requests that are answered at once.
const PROGRAMS: &str = "8";

/// A server of repositories.
pub struct Forge {
    nginx: Nginx,
    _programs: Running,
    sshd: Sshd,
    store: Option<Running>,
    git: Git,
    repositories: PathBuf,
}

impl Forge {
    /// One that serves by the programs of `git` and lets `key` in by SSH; `store` says whether it keeps large files.
    #[must_use]
    pub fn start(folder: &Folder, git: &Git, key: &Key, store: bool) -> Self {
        let repositories = folder.make("repositories");
        let socket = folder.join("programs.socket");
        let programs = folder.dressed(crate::program::Program::new(system_program("fcgiwrap")));
        let programs = programs.args(["-f", "-c", PROGRAMS, "-s"]).arg(format!("unix:{}", socket.display())).start();
        wait_until("fcgiwrap listens", || socket.exists() || !programs.runs());
        assert!(programs.runs(), "fcgiwrap: {}", programs.complained());
        let (store, stored_at) = if store { started_store(folder) } else { (None, None) };
        let passwords = folder.write("passwords", format!("{ACCOUNT}:{{PLAIN}}{PASSWORD}\n"));
        let nginx = Nginx::start(folder, "forge", 2, 1, |addresses| {
            server(addresses[0], folder, git, &socket, &passwords, stored_at)
        });
        let command = format!("ForceCommand exec {} -c \"$SSH_ORIGINAL_COMMAND\"", git.shell().display());
        let sshd = Sshd::start(folder, "forge-ssh", key, &[&command]);
        Self { nginx, _programs: programs, sshd, store, git: git.clone(), repositories }
    }

    /// Where it listens for HTTP.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.nginx.addresses()[0]
    }

    /// Its URL, without a `/` at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.http())
    }

    /// Its OpenSSH server.
    #[must_use]
    pub fn sshd(&self) -> &Sshd {
        &self.sshd
    }

    /// The process number of its web server.
    #[must_use]
    pub fn web_number(&self) -> i32 {
        self.nginx.number()
    }

    /// The git that it serves by.
    #[must_use]
    pub fn git(&self) -> &Git {
        &self.git
    }

    /// The folder of its repositories.
    #[must_use]
    pub fn repositories(&self) -> &Path {
        &self.repositories
    }

    /// Whether it keeps large files.
    #[must_use]
    pub fn keeps_large_files(&self) -> bool {
        self.store.is_some()
    }

    /// Makes an empty repository called `name`, whose objects are named by `format`.
    #[must_use]
    pub fn make<'a>(&self, folder: &'a Folder, name: &str, format: &str) -> Repository<'a> {
        repository::make_bare(folder, &self.git, &self.repositories.join(name), format)
    }
}

/// A store of large files: `tests/clients/lfs_store.py`.
fn started_store(folder: &Folder) -> (Option<Running>, Option<SocketAddr>) {
    let files = folder.make("large");
    let (store, addresses) = serve(1, |addresses| {
        let store = folder.program(client_python()).arg(client_script("lfs_store.py"));
        store.arg(addresses[0].port().to_string()).arg(&files).start()
    });
    (Some(store), Some(addresses[0]))
}

/// The server of nginx: git's own program for what is a repository, the store for what belongs to its large files.
fn server(
    address: SocketAddr,
    folder: &Folder,
    git: &Git,
    socket: &Path,
    passwords: &Path,
    store: Option<SocketAddr>,
) -> String {
    let store = store.map_or_else(String::new, |store| {
        let onward = "proxy_set_header Host $http_host; proxy_request_buffering off; proxy_http_version 1.1;";
        format!(
            "location ~ ^/[^/]+\\.git/info/lfs/(?<rest>.*)$ {{ {onward} proxy_pass http://{store}/$rest; }}\n\
             location /objects/ {{ {onward} proxy_pass http://{store}; }}\n"
        )
    });
    let parameters: String = [
        ("SCRIPT_FILENAME", git.parts().join("git-http-backend").display().to_string()),
        ("PATH_INFO", "$uri".to_owned()),
        ("GIT_PROJECT_ROOT", folder.join("repositories").display().to_string()),
        ("GIT_HTTP_EXPORT_ALL", "1".to_owned()),
        ("GIT_PROTOCOL", "$http_git_protocol".to_owned()),
        ("REMOTE_USER", "$remote_user".to_owned()),
        ("REMOTE_ADDR", "$remote_addr".to_owned()),
        ("QUERY_STRING", "$query_string".to_owned()),
        ("REQUEST_METHOD", "$request_method".to_owned()),
        ("CONTENT_TYPE", "$content_type".to_owned()),
        ("CONTENT_LENGTH", "$content_length".to_owned()),
        ("HOME", folder.home().display().to_string()),
        ("PATH", std::env::var("PATH").unwrap_or_default()),
        (TAG, folder.path().display().to_string()),
    ]
    .map(|(name, value)| format!("fastcgi_param {name} \"{value}\";\n"))
    .concat();
    format!(
        "server {{ listen {address};\n\
         auth_basic forge; auth_basic_user_file {passwords};\n\
         {store}\
         location / {{\n\
         fastcgi_pass unix:{socket};\n\
         fastcgi_request_buffering off; fastcgi_max_temp_file_size 0;\n\
         fastcgi_buffers 16 64k; fastcgi_buffer_size 64k; fastcgi_read_timeout 600s; fastcgi_send_timeout 600s;\n\
         client_body_buffer_size 256k;\n\
         {parameters}}}\n}}\n",
        passwords = passwords.display(),
        socket = socket.display(),
    )
}
