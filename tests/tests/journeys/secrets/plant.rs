//! Secrets of every kind are planted, used, refused and asked about; nothing that anybody can see has one of them.

use wiretape_tests::configuration::{Configuration, Target, User};
use wiretape_tests::keys::Key;
use wiretape_tests::postgres::{Postgres, Settings, packaged};
use wiretape_tests::processes;
use wiretape_tests::program::Program;
use wiretape_tests::random::{self, hex};
use wiretape_tests::secrets::{self, are_not_in};
use wiretape_tests::sshd::Sshd;
use wiretape_tests::stage::{Folder, PERSON, wait_until};
use wiretape_tests::token_service::TokenService;
use wiretape_tests::vault::{AppRole, Vault};
use wiretape_tests::web::{Road, Web};

/// A secret that is found again.
fn plant() -> String {
    format!("plant-{}", hex(&random::bytes(12)))
}

/// The servers behind the gateway, and the secrets that are planted.
struct Garden {
    database: Postgres,
    sshd: Sshd,
    vault: Vault,
    tokens: TokenService,
    person: Key,
    planted: Vec<String>,
    /// Where a credential program wrote down its environment.
    environment: std::path::PathBuf,
}

impl Garden {
    fn new(folder: &Folder, configuration: &mut Configuration) -> Self {
        let person = Key::make(folder.path(), "person");
        let key = Key::make(folder.path(), "target_key");
        let database = Postgres::start(folder, "server", Settings::default());
        let sshd = Sshd::start(folder, "sshd", &key, &[]);
        let vault = Vault::start(folder);
        let tokens = TokenService::start(folder, 3600, None);
        let environment = folder.join("environment-of-a-program");
        let mut garden = Self { database, sshd, vault, tokens, person, planted: Vec::new(), environment };
        garden.configure(folder, configuration, &key);
        garden
    }

    fn planted(&mut self) -> String {
        let secret = plant();
        self.planted.push(secret.clone());
        secret
    }

    fn variable(&mut self, configuration: &mut Configuration, name: &str) -> String {
        let secret = self.planted();
        configuration.environment.push((name.to_owned(), secret.clone()));
        secret
    }

    /// A database login called `name`, with a password of its own.
    fn login(&mut self, name: &str) -> (String, Target) {
        let password = self.planted();
        self.database.tell(&format!("CREATE ROLE {name} LOGIN PASSWORD '{password}'"));
        let target = Target::of("postgres", name)
            .line(&format!("address = \"{}\"", self.database.address()))
            .line(&format!("login = {name:?}"))
            .line("database = \"postgres\"");
        (password, target)
    }

    fn configure(&mut self, folder: &Folder, configuration: &mut Configuration, key: &Key) {
        configuration.postgres = true;
        configuration.admin = true;
        configuration.environment.push(("WIRETAPE_LOG".to_owned(), "trace".to_owned()));
        let person = configuration.users.remove(0).line("groups = [\"admins\"]");
        configuration.users.push(person.line(&format!("ssh_keys = [{:?}]", self.person.public)));
        configuration.users.push(User::named("bo"));
        self.vault_settings(configuration);
        let mut targets = self.databases(folder, configuration);
        let private = std::fs::read_to_string(&key.file).expect("the key is there");
        self.vault.keep("web", "key", &private);
        // The first lines hold the public half.
        self.planted.extend(private.lines().filter(|line| line.len() > 40).skip(2).map(str::to_owned));
        let ssh = Target::server("web", self.sshd.address(), &self.sshd, key);
        targets.push(
            ssh.clone()
                .line("credential = { vault = { path = \"secret/data/web\", field = \"key\", kind = \"key\" } }"),
        );
        // A key of Vault that is none: what it is instead is nobody's business.
        let odd = self.planted();
        self.vault.keep("odd", "key", &odd);
        let source = "credential = { vault = { path = \"secret/data/odd\", field = \"key\", kind = \"key\" } }";
        targets.push(ssh.named("odd").line(source));
        targets.push(Target::command("hold", &["sh", "-c", "echo up; exec cat"]));
        targets.extend(self.servers(configuration));
        configuration.targets.extend(targets);
    }

    fn vault_settings(&mut self, configuration: &mut Configuration) {
        let AppRole { role_id, secret_id } = self.vault.role(&[]);
        configuration.environment.push(("VAULT_ROLE".to_owned(), role_id.clone()));
        configuration.environment.push(("VAULT_SECRET".to_owned(), secret_id.clone()));
        self.planted.extend([role_id, secret_id]);
        let webhook = self.variable(configuration, "HOOK_SECRET");
        let client = self.variable(configuration, "CLIENT_SECRET");
        assert_ne!(webhook, client);
        configuration.vault = vec![
            self.vault.lines(),
            "role_id = { env = \"VAULT_ROLE\" }\nsecret_id = { env = \"VAULT_SECRET\" }".to_owned(),
            // Another table behind this one.
            "[approval]\nwebhook = { url = \"http://127.0.0.1:9/\", secret = { env = \"HOOK_SECRET\" } }".to_owned(),
        ];
        let issuer =
            ["url = \"http://127.0.0.1:9\"", "client_id = \"gateway\"", "client_secret = { env = \"CLIENT_SECRET\" }"];
        configuration.issuers.push(("corp".to_owned(), issuer.map(str::to_owned).to_vec()));
    }

    fn databases(&mut self, folder: &Folder, configuration: &mut Configuration) -> Vec<Target> {
        let (password, by_env) = self.login("by_env");
        configuration.environment.push(("BY_ENV".to_owned(), password));
        let (password, by_file) = self.login("by_file");
        let file = folder.write("by_file", format!("{password}\n")).display().to_string();
        let (password, by_vault) = self.login("by_vault");
        self.vault.keep("by_vault", "password", &password);
        let (password, by_program) = self.login("by_program");
        let argument = self.planted();
        let file_of_program = folder.write("by_program", password);
        let script = format!("env > {}; cat {}; : {argument}", self.environment.display(), file_of_program.display());
        let wrong = self.variable(configuration, "WRONG");
        let failing = format!("echo {wrong}; echo {wrong} >&2; exit 3");
        let source = |source: String| format!("credential = {{ {source} }}");
        vec![
            by_env.clone().line(&source("env = \"BY_ENV\"".to_owned())),
            by_file.line(&source(format!("password_file = {file:?}"))),
            by_vault.line(&source("vault = { path = \"secret/data/by_vault\", field = \"password\" }".to_owned())),
            by_program.line(&source(format!("command = [\"sh\", \"-c\", {script:?}]"))),
            by_env.clone().named("wrong").line(&source("env = \"WRONG\"".to_owned())),
            by_env
                .clone()
                .named("failing")
                .line(&source(format!("command = {{ run = [\"sh\", \"-c\", {failing:?}] }}"))),
            by_env.named("nowhere").line(&source("vault = { path = \"secret/data/no\", field = \"f\" }".to_owned())),
        ]
    }

    fn servers(&mut self, configuration: &mut Configuration) -> Vec<Target> {
        let web = |name: &str, url: String| Target::web(name, &url).line(&format!("hosts = [\"{name}.example:80\"]"));
        let service = self.tokens.url();
        for (file, skip) in [(&self.tokens.github, 2), (&self.tokens.google.with_file_name("google.key"), 2)] {
            let key = std::fs::read_to_string(file).expect("the key is there");
            self.planted.extend(key.lines().filter(|line| !line.starts_with('-')).skip(skip).map(str::to_owned));
        }
        let id = self.variable(configuration, "AWS_ID");
        let (key, session) = (self.variable(configuration, "AWS_KEY"), self.variable(configuration, "AWS_SESSION"));
        assert!(key != session);
        // The name of a key stands in each signature, but on no record either.
        assert!(self.planted.contains(&id));
        let lines = "credential = { aws = { access_key_id = { env = \"AWS_ID\" }, secret_access_key = { env = \"AWS_KEY\" }, \
                     session_token = { env = \"AWS_SESSION\" }, region = \"r\", service = \"s3\" } }";
        let line_end = format!("{}\nx", self.planted());
        configuration.environment.push(("LINE_END".to_owned(), line_end));
        vec![
            web("google", service.clone()).line(&self.tokens.google_source("")),
            web("identity", service.clone()).line(&self.tokens.google_source(", audience = \"a\"")),
            web("github", service.clone()).line(&self.tokens.github_source("")),
            web("none", service.clone()).line(&self.tokens.github_source("").replace("12345", "54321")),
            web("signed", service.clone()).line(lines),
            web("line-end", service).line("credential = { env = \"LINE_END\" }"),
        ]
    }
}

/// Everything that a client is told, by each way in.
fn said_to_clients(web: &Web, garden: &Garden) -> String {
    let mut said = String::new();
    let mut hear = |program: Program, code: Option<i32>| {
        let finished = program.finish();
        let text = finished.text() + &finished.errors();
        assert!(code.is_none_or(|code| finished.code() == code), "{} {text}", finished.code());
        said += &text;
    };
    let psql = |target: &str| {
        let port = web.gateway.postgres().port();
        let words = format!("host=127.0.0.1 port={port} user={PERSON} dbname={target} sslmode=disable");
        let psql = web.folder.program(packaged().join("psql")).env("PGPASSWORD", &web.token.secret);
        psql.args(["--no-psqlrc", "-Atc", "SELECT current_user"]).arg(words)
    };
    for target in ["by_env", "by_file", "by_vault", "by_program"] {
        hear(psql(target), Some(0));
    }
    for target in ["wrong", "failing", "nowhere"] {
        hear(psql(target), Some(2));
    }
    for target in ["google", "identity", "github", "none", "signed", "line-end"] {
        let url = web.url(Road::Reverse, target) + "/resource";
        hear(web.curl(Road::Reverse).arg("--include").arg(url), Some(0));
    }
    for (target, code) in [("web", 0), ("odd", 255)] {
        hear(ssh(web, garden, target).arg("true"), Some(code));
    }
    let api = |path: &str| {
        let curl = web.folder.program("curl").args(["--silent", "--show-error", "--fail", "--max-time", "60"]);
        let curl = curl.arg("-H").arg(format!("authorization: Bearer {}", web.token.secret));
        curl.arg(format!("http://{}{path}", web.gateway.admin()))
    };
    for path in ["/v1/targets", "/v1/targets/by_program", "/v1/targets/failing", "/v1/targets/signed", "/v1/sessions"] {
        hear(api(path), Some(0));
    }
    for session in web.gateway.record().sessions() {
        hear(api(&format!("/v1/sessions/{}", session.id())), Some(0));
        hear(api(&format!("/v1/sessions/{}/events", session.id())), Some(0));
    }
    hear(api("/metrics"), Some(0));
    let mut check = web.folder.program(wiretape_tests::gateway::programs().join("wiretape"));
    for (name, value) in &web.gateway.configuration.environment {
        check = check.env(name, value);
    }
    hear(check.args(["check", "--config"]).arg(web.gateway.file()), Some(0));
    said
}

fn ssh(web: &Web, garden: &Garden, target: &str) -> Program {
    let ssh = web.folder.program("ssh").args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]);
    let ssh = ssh.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-i"]);
    let address = web.gateway.address();
    ssh.arg(&garden.person.file).arg("-p").arg(address.port().to_string()).arg(format!("{target}@{}", address.ip()))
}

#[test]
fn no_secret_is_found_anywhere() {
    let mut garden = None;
    let web = Web::with(|folder, _, configuration| garden = Some(Garden::new(folder, configuration)));
    let garden = garden.expect("it was made");
    let said = said_to_clients(&web, &garden);
    for user in ["by_env", "by_file", "by_vault", "by_program"] {
        assert!(said.contains(&format!("{user}\n")), "{user} was let in: {said}");
    }
    let issued = garden.tokens.issued(3);
    assert_eq!(issued.len(), 3, "{issued:?}");
    let tokens = issued.iter().map(|(_, token)| token.as_str());
    let mut planted: Vec<&str> = garden.planted.iter().map(String::as_str).chain(tokens).collect();
    planted.extend(["s3cret-in-an-answer", &web.token.secret]);
    are_not_in(said.as_bytes(), "what clients were told", &planted);
    // A program of a target, and what a credential program saw.
    let held = ssh(&web, &garden, "hold").input_held().start();
    held.wait_printed("up");
    let children = || processes::below(web.gateway.number(), "cat");
    wait_until("the program of the target", || children().len() == 1);
    let children = children();
    let environment = || std::fs::read(format!("/proc/{}/environ", children[0])).expect("the child runs");
    wait_until("the program has its environment", || !environment().is_empty());
    let environment = environment();
    for (text, place) in [
        (environment, "the environment of a target's program"),
        (std::fs::read(&garden.environment).expect("the program ran"), "the environment of a credential program"),
    ] {
        assert!(text.windows(5).any(|window| window == b"PATH="), "{place} is there");
        are_not_in(&text, place, &planted);
    }
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", web.gateway.number())).expect("it runs");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    drop(held);
    let log = web.gateway.log();
    assert!(log.contains("TRACE") && log.contains("a credential cannot be had"), "all that can be logged is logged");
    let _ = web.gateway.record().ended(web.gateway.record().sessions().len());
    secrets::are_nowhere(&web.gateway, &planted);
}
