//! A gateway with an API, and people who may do different things with it.

use serde_json::Value;
use wiretape_tests::configuration::{Configuration, User};
use wiretape_tests::gateway::{Gateway, programs};
use wiretape_tests::program::Program;
use wiretape_tests::secrets::Token;
use wiretape_tests::stage::{Folder, PERSON, Stage};

/// Everybody may do everything behind the gateway, but what begins with `touch` is asked of the leads; admins may use
/// the API. Nothing says that leads may answer: to be asked is enough.
const POLICY: &str = r#"
@id("all")
permit (principal, action in Action::"use", resource);
@id("admins")
permit (principal in Group::"admins", action in Action::"admin", resource);
@id("touch")
@approval("leads")
@reason("files are precious")
permit (principal, action == Action::"ssh.exec", resource) when { context.command like "touch *" };
"#;

/// Who may do what.
#[derive(Clone)]
pub(super) struct People {
    /// Root, of the admins.
    pub(super) root: Token,
    /// Bea, of the leads.
    pub(super) bea: Token,
    /// Ana, the person of the stage, of no group.
    pub(super) ana: Token,
}

/// What the API said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) status: u32,
    pub(super) body: Value,
}

/// The stage of SSH with all of that.
pub(super) struct Hall {
    pub(super) stage: Stage,
    pub(super) people: People,
}

impl Hall {
    pub(super) fn new() -> Self {
        Self::with(|_, _| {})
    }

    /// The same, with a configuration that `change` changes.
    pub(super) fn with(change: impl FnOnce(&Folder, &mut Configuration)) -> Self {
        let people = People { root: Token::make("root"), bea: Token::make("bea"), ana: Token::make(PERSON) };
        let stage = Stage::with(|folder, configuration| {
            people.enter(folder, configuration);
            let ana = configuration.users.remove(0).line(&people.ana.line);
            configuration.users.insert(0, ana);
            change(folder, configuration);
        });
        Self { stage, people }
    }

    /// Where everything is, and the gateway.
    pub(super) fn parts(&self) -> (&Folder, &Gateway) {
        (&self.stage.folder, &self.stage.gateway)
    }
}

impl People {
    /// Puts a policy and those who have something to do with the API into `configuration`, and has it listen for that.
    pub(super) fn enter(&self, folder: &Folder, configuration: &mut Configuration) {
        let policies = folder.make("policies");
        std::fs::write(policies.join("policy.cedar"), POLICY).expect("a file can be written");
        configuration.policy = vec![format!("folder = {:?}", policies.display().to_string())];
        configuration.admin = true;
        configuration.users.push(User::named("root").line(&self.root.line).line("groups = [\"admins\"]"));
        configuration.users.push(User::named("bea").line(&self.bea.line).line("groups = [\"leads\"]"));
    }
}

/// `curl` for `path` of the API of `gateway`, by whoever has `token`.
pub(super) fn curl(folder: &Folder, gateway: &Gateway, token: Option<&Token>, path: &str) -> Program {
    let mut curl = folder.program("curl").arg("-sS");
    if let Some(token) = token {
        curl = curl.args(["-H", &format!("Authorization: Bearer {}", token.secret)]);
    }
    curl.arg(format!("http://{}{path}", gateway.admin()))
}

/// What the API says to `method` on `path` with `body`.
pub(super) fn ask(
    folder: &Folder,
    gateway: &Gateway,
    token: Option<&Token>,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Said {
    let mut curl = curl(folder, gateway, token, path).args(["-X", method, "-w", "\n%{http_code}"]);
    if let Some(body) = body {
        curl = curl.args(["--json", &body.to_string()]);
    }
    let text = curl.succeed().text();
    let (body, status) = text.trim_end().rsplit_once('\n').expect("a status behind the body");
    let body = if body.is_empty() { Value::Null } else { serde_json::from_str(body).expect("JSON") };
    Said { status: status.parse().expect("a number"), body }
}

/// `wiretape` on the machine of whoever has `token`.
pub(super) fn wiretape(folder: &Folder, gateway: &Gateway, token: &Token, words: &[&str]) -> Program {
    let (command, rest) = words.split_first().expect("a command");
    let program = folder.program(programs().join("wiretape")).env("WIRETAPE_TOKEN", &token.secret);
    program.arg(command).args(["--gateway", &format!("http://{}", gateway.admin())]).args(rest)
}
