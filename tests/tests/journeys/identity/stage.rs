//! A gateway that takes the word of a real issuer, and people who log in there.

use wiretape_core::event::{Kind, SessionEvent, SessionOpened};
use wiretape_tests::configuration::{Configuration, User};
use wiretape_tests::gateway::programs;
use wiretape_tests::issuer::Issuer;
use wiretape_tests::keys::Key;
use wiretape_tests::program::{Program, Running};
use wiretape_tests::record::Session;
use wiretape_tests::secrets::Token;
use wiretape_tests::stage::{Folder, Stage, wait_until};

/// The group whose members may use the gateway's API, by the policy that is built in.
const ADMINS: &str = "admins";

/// The stage of SSH, with an issuer.
pub(super) struct Court {
    pub(super) stage: Stage,
    pub(super) issuer: Issuer,
    /// The token of Root, who may use the API.
    pub(super) root: Token,
}

/// Has `configuration` take the word of a new issuer.
pub(super) fn trust(folder: &Folder, configuration: &mut Configuration) -> Issuer {
    let issuer = Issuer::start(folder);
    configuration.issuers.push(("corp".to_owned(), issuer.lines()));
    configuration.admin = true;
    issuer
}

impl Court {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut Configuration)) -> Self {
        let mut issuer = None;
        let root = Token::make("root");
        let stage = Stage::with(|folder, configuration| {
            issuer = Some(trust(folder, configuration));
            let user = User::named("root").line(&root.line).line(&format!("groups = [{ADMINS:?}]"));
            configuration.users.push(user);
            change(configuration);
        });
        Self { stage, issuer: issuer.expect("it was started"), root }
    }

    /// The URL of the gateway's API.
    pub(super) fn api(&self) -> String {
        format!("http://{}", self.stage.gateway.admin())
    }

    /// `wiretape` on a person's own machine.
    pub(super) fn wiretape(&self, words: &[&str]) -> Program {
        let (command, rest) = words.split_first().expect("a command");
        let program = self.stage.folder.program(programs().join("wiretape"));
        program.arg(command).args(["--gateway", &self.api()]).args(rest)
    }

    /// Logs in as `login`, by the way that `way` names.
    pub(super) fn log_in(&self, way: &str, login: &str) {
        let running = self.wiretape(&["login", way]).env("BROWSER", "true").start();
        self.visit(&running, login);
        let finished = running.finish().good();
        assert!(finished.errors().contains(&format!("Logged in as {login:?}")), "{}", finished.errors());
    }

    /// Goes where the program sends the person.
    pub(super) fn visit(&self, running: &Running, login: &str) {
        let address = running.error_line("To log in, open ");
        self.issuer.person(address.trim(), login);
    }

    /// `ssh` as `wiretape ssh-config` has it; the command may follow as arguments.
    pub(super) fn ssh(&self) -> Program {
        let address = self.stage.gateway.address().to_string();
        let lines = self.wiretape(&["ssh-config", "--address", &address]).succeed().text();
        let rest = "Host *\n  BatchMode yes\n  IdentityAgent none\n  StrictHostKeyChecking no\n  \
                    UserKnownHostsFile /dev/null\n  GlobalKnownHostsFile /dev/null\n  LogLevel ERROR\n";
        let file = self.stage.folder.write("own_ssh_config", lines + rest);
        self.stage.folder.program("ssh").arg("-F").arg(file).arg("web@wiretape")
    }

    /// Asks the gateway's API as Root; it must answer well.
    pub(super) fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let curl = self.stage.folder.program("curl").args(["-sS", "--fail-with-body", "-X", method, "-d", body]);
        let curl = curl.args(["-H", "Content-Type: application/json"]);
        let bearer = format!("Authorization: Bearer {}", self.root.secret);
        curl.args(["-H", &bearer]).arg(format!("{}{path}", self.api())).succeed().text()
    }

    /// The newest session with the target, once it is over: what is done through the API is on the record too.
    pub(super) fn session(&self) -> Session {
        let ended = || {
            let mut sessions = self.stage.gateway.record().sessions().into_iter();
            sessions.find(|session| session.text("target") == "web").filter(|session| session.state() != "live")
        };
        wait_until("the session is over", || ended().is_some());
        ended().expect("it is over")
    }

    /// A key that nobody knows.
    pub(super) fn stranger(&self) -> Key {
        Key::make(self.stage.folder.path(), "stranger")
    }
}

/// Who opened `session`, as its tape says.
pub(super) fn opened(session: &Session) -> SessionOpened {
    match &session.events().0.first().expect("a tape begins").kind {
        Kind::Session(SessionEvent::Opened(opened)) => (**opened).clone(),
        kind => panic!("a tape begins with who opened it, not with {kind:?}"),
    }
}
