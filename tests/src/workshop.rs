//! One test's own world of Git: a folder, a server of repositories behind the gateway, the gateway, a person with a
//! token and a key, and a git that knows every way to the server.

use std::path::PathBuf;

use crate::configuration::{Configuration, Target, User};
use crate::forge::{ACCOUNT, Forge, PASSWORD};
use crate::gateway::Gateway;
use crate::git::Git;
use crate::keys::Key;
use crate::program::Program;
use crate::record::{Events, Session};
use crate::repository::Repository;
use crate::secrets::Token;
use crate::stage::{Folder, PERSON, user_name};
use crate::talk::Talk;

/// The name of the target that is reached by HTTP.
pub const FORGE: &str = "forge";
/// The name of the target that is reached by SSH.
pub const FORGE_SSH: &str = "forge-ssh";

/// The host by which the proxy's clients know the server. Some of them never ask a proxy for what is on this machine.
const HOST: &str = "forge.example";

/// The ways to a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Road {
    /// Past the gateway, by HTTP.
    Direct,
    /// Past the gateway, by SSH.
    DirectSsh,
    /// The gateway as the server: `https://<gateway>/forge/<repository>`.
    Reverse,
    /// The gateway as a proxy.
    Forward,
    /// `ssh://forge-ssh@<gateway>/<repository>`.
    Ssh,
}

/// The ways through the gateway.
pub const ROADS_THROUGH: [Road; 3] = [Road::Reverse, Road::Forward, Road::Ssh];

/// A person, a real server of repositories, and the gateway between them.
///
/// The fields stand in the order in which they go: first the programs, then the folder with whatever is left of them.
pub struct Workshop {
    /// The gateway.
    pub gateway: Gateway,
    /// The server behind it.
    pub forge: Forge,
    /// The person's token.
    pub token: Token,
    /// The person's key.
    pub person: Key,
    /// The key that the server knows, and only the gateway holds.
    pub credential: Key,
    /// The git that the person uses.
    pub git: Git,
    /// The folder of it all.
    pub folder: Folder,
}

impl Default for Workshop {
    fn default() -> Self {
        Self::new()
    }
}

impl Workshop {
    /// One whose person and server use the git that the search path leads to.
    #[must_use]
    pub fn new() -> Self {
        Self::of(&Git::first())
    }

    /// One whose person and server use `git`.
    #[must_use]
    pub fn of(git: &Git) -> Self {
        Self::with(git, &[])
    }

    /// The same, with further settings of both targets.
    #[must_use]
    pub fn with(git: &Git, settings: &[&str]) -> Self {
        Self::staged(git, false, |_, configuration| {
            for name in [FORGE, FORGE_SSH] {
                for line in settings {
                    configuration.target(name).set(line);
                }
            }
        })
    }

    /// One whose server keeps large files where `store` says so, and whose configuration `change` may change before the
    /// gateway starts.
    #[must_use]
    pub fn staged(git: &Git, store: bool, change: impl FnOnce(&Forge, &mut Configuration)) -> Self {
        let folder = Folder::new();
        let person = Key::make(folder.path(), "person");
        let credential = Key::make(folder.path(), "credential");
        let forge = Forge::start(&folder, git, &credential, store);
        let token = Token::make(PERSON);
        let password = folder.write("forge-password", PASSWORD);
        let web = Target::web(FORGE, &forge.url())
            .line(&format!("hosts = [{HOST:?}]"))
            .line(&format!("login = {ACCOUNT:?}"))
            .line(&format!("credential = {{ password_file = {:?} }}", password.display().to_string()));
        let mut configuration = Configuration {
            users: vec![User::with_key(PERSON, &person).line(&token.line)],
            targets: vec![web, Target::server(FORGE_SSH, forge.sshd().address(), forge.sshd(), &credential)],
            http: true,
            ..Configuration::new(folder.join("data"))
        };
        change(&forge, &mut configuration);
        let gateway = Gateway::start(&folder, configuration);
        let workshop = Self { gateway, forge, token, person, credential, git: git.clone(), folder };
        workshop.show_the_way();
        workshop
    }

    /// Writes what the clients are told: the person's secrets for the gateway, and those of the server for who goes
    /// past it.
    fn show_the_way(&self) {
        let own = format!("https://{PERSON}:{}@localhost:{}\n", self.token.secret, self.gateway.http().port());
        self.folder.write("own-credentials", own);
        self.folder.write("server-credentials", format!("http://{ACCOUNT}:{PASSWORD}@{}\n", self.forge.http()));
        let host = |name: &str, user: &str, port: u16, key: &Key| {
            format!(
                "Host {name}\n  HostName 127.0.0.1\n  User {user}\n  Port {port}\n  IdentityFile {}\n",
                key.file.display()
            )
        };
        let text = host("gateway", FORGE_SSH, self.gateway.address().port(), &self.person)
            + &host("direct", &user_name(), self.forge.sshd().address().port(), &self.credential)
            + "Host *\n  BatchMode yes\n  IdentitiesOnly yes\n  IdentityAgent none\n  StrictHostKeyChecking no\n  \
               UserKnownHostsFile /dev/null\n  GlobalKnownHostsFile /dev/null\n  LogLevel ERROR\n  \
               ConnectTimeout 60\n";
        self.folder.write("ssh_config", text);
    }

    /// Ends the gateway by `end`, starts it again on the same data, and shows the clients the way.
    pub fn restart(&mut self, end: impl FnOnce(&Gateway)) {
        end(&self.gateway);
        let configuration = self.gateway.configuration.clone();
        self.gateway = Gateway::start(&self.folder, configuration);
        self.show_the_way();
    }

    /// The URL of the server's repository `name` on `road`.
    #[must_use]
    pub fn url(&self, road: Road, name: &str) -> String {
        let path = self.forge.repositories().join(name);
        match road {
            Road::Direct => format!("{}/{name}", self.forge.url()),
            Road::Forward => format!("http://{HOST}/{name}"),
            Road::Reverse => format!("https://localhost:{}/{FORGE}/{name}", self.gateway.http().port()),
            Road::DirectSsh => format!("ssh://direct{}", path.display()),
            Road::Ssh => format!("ssh://gateway{}", path.display()),
        }
    }

    /// The name that a repository has in the record of who went `road`.
    #[must_use]
    pub fn recorded_name(&self, road: Road, name: &str) -> String {
        match road {
            Road::Ssh | Road::DirectSsh => self.forge.repositories().join(name).display().to_string(),
            _ => format!("/{name}"),
        }
    }

    /// The person's git on `road`.
    #[must_use]
    pub fn git(&self, road: Road) -> Program {
        self.git_of(&self.git, road)
    }

    /// Another git of theirs on `road`.
    #[must_use]
    pub fn git_of(&self, git: &Git, road: Road) -> Program {
        let program = git.program(&self.folder);
        match road {
            Road::Direct => {
                let file = self.folder.join("server-credentials");
                program.arg("-c").arg(format!("credential.helper=store --file={}", file.display()))
            }
            Road::Reverse => {
                let of = format!("credential.https://localhost:{}", self.gateway.http().port());
                program
                    .args(["-c", &format!("{of}.username={PERSON}")])
                    .args(["-c", &format!("{of}.helper=!f() {{ echo \"password=$WIRETAPE_TOKEN\"; }}; f")])
                    .env("WIRETAPE_TOKEN", &self.token.secret)
                    .args(["-c", &format!("http.sslCAInfo={}", self.gateway.certificate().display())])
            }
            Road::Forward => program.arg("-c").arg(format!("http.proxy={}", self.proxy())),
            Road::Ssh | Road::DirectSsh => program.env("GIT_SSH_COMMAND", self.ssh_command()),
        }
    }

    /// The URL of the gateway as a proxy, with the person's token.
    #[must_use]
    pub fn proxy(&self) -> String {
        format!("http://{PERSON}:{}@127.0.0.1:{}", self.token.secret, self.gateway.proxy().port())
    }

    /// `ssh`, which knows the hosts `gateway` and `direct`.
    #[must_use]
    pub fn ssh_command(&self) -> String {
        format!("ssh -F {}", self.ssh_config().display())
    }

    /// The server's new repository `name`, empty.
    #[must_use]
    pub fn bare(&self, name: &str) -> Repository<'_> {
        self.bare_of(name, "sha1")
    }

    /// The same, with objects named by `format`.
    #[must_use]
    pub fn bare_of(&self, name: &str, format: &str) -> Repository<'_> {
        self.forge.make(&self.folder, name, format)
    }

    /// The repository at `name` in the test's folder, which is there.
    #[must_use]
    pub fn at(&self, name: &str) -> Repository<'_> {
        Repository::at(&self.folder, &self.git, self.folder.join(name))
    }

    /// A new repository with a work tree at `name` in the test's folder.
    #[must_use]
    pub fn tree(&self, name: &str, format: &str) -> Repository<'_> {
        let path = self.folder.join(name);
        self.git.program(&self.folder).args(["init", "--quiet", "--object-format", format]).arg(&path).succeed();
        self.at(name)
    }

    /// The person's git on `road`, in the work tree at `name`.
    #[must_use]
    pub fn git_in(&self, road: Road, name: &str) -> Program {
        self.git(road).folder(&self.folder.join(name))
    }

    /// A copy of the server's repository `name` in the folder `to`, made on `road`; `words` are options of `clone`.
    pub fn clone_to(&self, road: Road, name: &str, to: &str, words: &[&str]) -> Repository<'_> {
        self.git(road).args(["clone", "--quiet"]).args(words).arg(self.url(road, name)).arg(to).succeed();
        self.at(to)
    }

    /// Waits until every session there is has ended, verifies their tapes, and gives them with their events, oldest
    /// first.
    #[must_use]
    pub fn ended(&self) -> Vec<(Session, Events)> {
        let sessions = self.gateway.record().all_ended().into_iter().rev().map(|session| {
            session.verified().coded(0);
            let events = session.events();
            (session, events)
        });
        sessions.collect()
    }

    /// The conversations of all sessions, oldest first.
    #[must_use]
    pub fn talks(&self) -> Vec<Talk> {
        self.ended().into_iter().flat_map(|(_, events)| events.talks()).collect()
    }

    /// The pushes among them: the conversations with updates.
    #[must_use]
    pub fn pushes(&self) -> Vec<Talk> {
        self.talks().into_iter().filter(|talk| !talk.updates().is_empty()).collect()
    }

    /// The conversations in which packs were fetched.
    #[must_use]
    pub fn fetches(&self) -> Vec<Talk> {
        self.talks().into_iter().filter(|talk| !talk.wanted().is_empty()).collect()
    }

    /// The file that tells OpenSSH's clients the way to the hosts `gateway` and `direct`.
    #[must_use]
    pub fn ssh_config(&self) -> PathBuf {
        self.folder.join("ssh_config")
    }

    /// curl on `road`, which shows who it is.
    #[must_use]
    pub fn curl(&self, road: Road) -> Program {
        let curl = self.folder.program("curl").args(["--silent", "--show-error", "--max-time", "200"]);
        match road {
            Road::Reverse => {
                let curl = curl.arg("--cacert").arg(self.gateway.certificate());
                curl.arg("--user").arg(format!("{PERSON}:{}", self.token.secret))
            }
            Road::Forward => curl.arg("--proxy").arg(self.proxy()),
            _ => curl.arg("--user").arg(format!("{ACCOUNT}:{PASSWORD}")),
        }
    }
}
