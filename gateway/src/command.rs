//! The command line.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing_subscriber::EnvFilter;
use wiretape_admin::command::{ApprovalsArgs, ApproveArgs, RefuseArgs};
use wiretape_identity::command::TokenArgs;
use wiretape_replay::command::{ExportArgs, PlayArgs, SessionsArgs, ShowArgs, VerifyArgs, print};
use wiretape_replay::legible::count;

use crate::admin::Bureau;
use crate::authority;
use crate::config::{Config, TargetKind, is_name};
use crate::demo;
use crate::gateway::Gateway;
use crate::identity::{TOKEN_PREFIX, token_hash};
use crate::listen::{self, Doors};
use crate::policy::{self, command::PolicyCommand};
use crate::runtime::{Threads, runtime};
use crate::{credentials, targets};

/// What the program is called as a helper of git.
const GIT_HELPER: &str = "git-credential-wiretape";

/// A gateway that records sessions at the wire.
#[derive(Parser)]
#[command(name = "wiretape", version, max_term_width = 100)]
struct Arguments {
    /// The configuration.
    #[arg(long, global = true, default_value = CONFIG, env = "WIRETAPE_CONFIG")]
    config: PathBuf,
    /// The data folder; overrides the configuration's.
    #[arg(long, global = true, env = "WIRETAPE_DATA_DIR")]
    data_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway.
    Serve,
    /// Make a data folder, record a session with yourself, verify it and play it.
    Demo(demo::DemoArgs),
    /// Check the configuration and say what is wrong with it.
    Check,
    /// Print a token of the login that is kept; or make one for a user of the configuration.
    Token {
        /// A user of the configuration, for whom a token that does not end is made.
        person: Option<String>,
        #[command(flatten)]
        kept: TokenArgs,
    },
    #[command(flatten)]
    Login(wiretape_identity::command::Command),
    /// List the questions that wait for people.
    Approvals(ApprovalsArgs),
    /// Approve what a question asks.
    Approve(ApproveArgs),
    /// Refuse what a question asks.
    Refuse(RefuseArgs),
    /// Print the authority that signs certificates for the forward proxy, and say how clients come to trust it.
    Ca,
    /// List recorded sessions.
    Sessions(SessionsArgs),
    /// Show every event of a session.
    Show(ShowArgs),
    /// Check that recordings are whole and unchanged.
    Verify(VerifyArgs),
    /// Play a session.
    Replay(PlayArgs),
    /// Write a session in a form that other programs read.
    Export(ExportArgs),
    /// Make the catalogue of sessions anew from the tapes.
    Reindex,
    /// Ask policies: who may do what, and what they would have decided.
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
}

/// Runs the program.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    // What cannot be understood is a mistake, 1: other numbers say what was found out.
    let arguments = match Arguments::try_parse_from(words()) {
        Ok(arguments) => arguments,
        Err(error) => {
            error.print()?;
            return Ok(if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS });
        }
    };
    let data_dir = arguments.data_dir;
    let config = arguments.config;
    match arguments.command {
        Command::Serve => serve(&config, data_dir),
        Command::Demo(demo) => demo::run(&demo, data_dir),
        Command::Check => check(&config, data_dir.as_deref()),
        Command::Token { person: Some(person), .. } => token(&person),
        Command::Token { person: None, kept } => wiretape_identity::command::token(&kept),
        Command::Login(command) => command.run(),
        Command::Approvals(args) => args.run(wiretape_identity::command::kept).map(|()| ExitCode::SUCCESS),
        Command::Approve(args) => args.run(wiretape_identity::command::kept).map(|()| ExitCode::SUCCESS),
        Command::Refuse(args) => args.run(wiretape_identity::command::kept).map(|()| ExitCode::SUCCESS),
        Command::Ca => {
            let folder = recorded(&config, data_dir)?;
            // The authority of a folder that nobody meant would be trusted by clients, and used by no gateway.
            ensure!(
                folder.is_dir() || is_meant(&config),
                "there is no data folder at {}: name the gateway's with --data-dir, or its configuration with --config",
                folder.display()
            );
            ca(&folder)
        }
        Command::Sessions(args) => wiretape_replay::command::sessions(&recorded(&config, data_dir)?, &args),
        Command::Show(args) => wiretape_replay::command::show(&recorded(&config, data_dir)?, &args),
        Command::Verify(args) => wiretape_replay::command::verify(&recorded(&config, data_dir)?, &args),
        Command::Replay(args) => wiretape_replay::command::play(&recorded(&config, data_dir)?, &args),
        Command::Export(args) => wiretape_replay::command::export(&recorded(&config, data_dir)?, &args),
        Command::Policy { command } => command.run(config.exists().then_some(config.as_path()), data_dir.as_deref()),
        Command::Reindex => reindex(&recorded(&config, data_dir)?),
    }
}

/// The command line; as `git-credential-wiretape`, by which name git calls its helpers, that of the helper.
fn words() -> Vec<OsString> {
    let mut words: Vec<OsString> = std::env::args_os().collect();
    let called = words.first().and_then(|program| Path::new(program).file_name());
    if called.is_some_and(|name| name == GIT_HELPER) {
        words.insert(1, "git-credential".into());
    }
    words
}

/// The configuration where nobody names another.
const CONFIG: &str = "wiretape.toml";

/// The variable that says what is logged.
const LOG: &str = "WIRETAPE_LOG";

/// What is logged where it does not say.
const LOG_DEFAULT: &str = "info,russh=warn";

/// Whether the configuration at `path` is to be read. Where nobody named one there need not be one; a name that is
/// mistyped is a mistake, and not as good as none.
fn is_meant(path: &Path) -> bool {
    path != Path::new(CONFIG) || path.exists()
}

/// The data folder to read from: the one named, else the configuration's, else the one that `demo` makes.
fn recorded(config: &Path, data_dir: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    if let Some(data_dir) = data_dir {
        return Ok(data_dir);
    }
    if is_meant(config) {
        return Ok(Config::read(config)?.data_dir);
    }
    Ok(PathBuf::from(demo::DATA_DIR))
}

fn serve(path: &Path, data_dir: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    log_to_stderr();
    let config = targets::read(path, data_dir.as_deref())?;
    for warning in warnings(&config) {
        tracing::warn!("{warning}");
    }
    raise_open_files();
    runtime()?.block_on(async {
        credentials::start(&config)?;
        let data_dir = config.data_dir.clone();
        let doors = Doors::open(&config).await?;
        let gateway = Arc::new(Gateway::open(config).await?);
        let office = Arc::new(Bureau::open(Arc::clone(&gateway), path.to_owned(), &doors).await?);
        let stop = listen::told_to_stop().await?;
        listen::reload(Arc::clone(&gateway), path.to_owned(), data_dir)?;
        for (protocol, address) in doors.addresses() {
            print(&format!("listen {} {address}\n", protocol.name()))?;
        }
        print("ready\n")?;
        doors.serve(gateway, office, Threads::start()?, stop).await;
        Ok(ExitCode::SUCCESS)
    })
}

/// A session holds about five files and sockets; the usual limit of 1,024 would end at two hundred sessions.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        tracing::warn!("the limit of open files stays at {:?}: {error}", limit.current);
    }
}

fn check(path: &Path, data_dir: Option<&Path>) -> anyhow::Result<ExitCode> {
    let config = targets::read(path, data_dir)?;
    let policies = policy::compile(&config)?;
    if config.policies.is_some() && policies.is_empty() {
        print("note: there are no policies: nothing is allowed; put *.cedar files into the folder\n")?;
    }
    for warning in policies.warnings() {
        print(&format!("note: {warning}\n"))?;
    }
    for warning in warnings(&config) {
        print(&format!("note: {warning}\n"))?;
    }
    let rules = match &config.policies {
        Some(folder) => {
            let policies =
                if policies.len() == 1 { "1 policy".to_owned() } else { format!("{} policies", policies.len()) };
            format!(", {policies} in {}", folder.display())
        }
        None => String::new(),
    };
    let (users, targets) = (count(config.users.len() as u64, "user"), count(config.targets.len() as u64, "target"));
    print(&format!("{} is usable: {users}, {targets}{rules}\n", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// What is allowed and probably not meant.
fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    if config.users.is_empty() && config.issuers.is_empty() {
        warnings
            .push("there are no users: nobody can connect; add a [[user]] with ssh_keys or a token_hash".to_owned());
    }
    if config.targets.is_empty() {
        warnings.push("there are no targets: nothing can be reached; add a [[target]]".to_owned());
    }
    for user in &config.users {
        let proofless = user.ssh_keys.is_empty() && user.token_hash.is_none() && user.issuer.is_none();
        if proofless && config.tls.client_ca.is_none() {
            let name = &user.name;
            warnings.push(format!(
                "{name} has neither ssh_keys nor a token_hash and cannot connect: run `wiretape token {name}`"
            ));
        }
    }
    for target in config.targets.values() {
        if let TargetKind::Http(http) = &target.kind
            && http.bares_credential()
        {
            warnings.push(format!(
                "the credential of {} travels in clear text: write its url with https where the way is not yours",
                target.name
            ));
        }
        for group in &target.groups {
            // Whom issuers name is not known before they do.
            if config.issuers.is_empty() && !config.users.iter().any(|user| user.groups.contains(group)) {
                warnings.push(format!("nobody is in the group {group:?}, which may use {}", target.name));
            }
        }
    }
    for (number, one) in config.targets.values().enumerate() {
        for other in config.targets.values().skip(number + 1) {
            if one.hosts().iter().any(|host| other.hosts().iter().any(|rival| host.rivals(rival))) {
                warnings.push(format!(
                    "{} and {} have the same host: who may use both reaches {} by the forward proxy",
                    one.name, other.name, one.name
                ));
            }
        }
    }
    warnings
}

fn token(person: &str) -> anyhow::Result<ExitCode> {
    ensure!(is_name(person), "{person:?} cannot name a user: use letters, digits, '-', '_', '.'");
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
    let token = format!("{TOKEN_PREFIX}{}", blake3::Hash::from_bytes(random).to_hex());
    print(&format!("The token of {person}, shown this once; it is typed where a client asks for a password:\n\n"))?;
    print(&format!("  {token}\n\n"))?;
    print(&format!("For {person} in wiretape.toml:\n\n"))?;
    print(&format!("  token_hash = \"{}\"\n", token_hash(&token).to_hex()))?;
    Ok(ExitCode::SUCCESS)
}

/// The certificate alone to the standard output, so that it can go into a file; the rest to the standard error.
fn ca(data_dir: &Path) -> anyhow::Result<ExitCode> {
    let pem = authority::certificate_pem(data_dir)?;
    print(&pem)?;
    let path = authority::certificate_path(data_dir);
    let path = path.display();
    eprintln!(
        "\
This authority signs the certificates by which the forward proxy stands in for the targets that it records.
It is kept in {path}; its key never leaves that folder. Whoever has the key can stand in for any server
toward those who trust it: give the certificate to clients of this gateway only. `wiretape ca > wiretape-ca.pem`, then

  curl      curl --cacert wiretape-ca.pem …            or CURL_CA_BUNDLE=wiretape-ca.pem
  git       git config --global http.sslCAInfo wiretape-ca.pem
  Node      NODE_EXTRA_CA_CERTS=wiretape-ca.pem
  Python    SSL_CERT_FILE=wiretape-ca.pem              requests, pip: REQUESTS_CA_BUNDLE=wiretape-ca.pem
  Java      keytool -importcert -cacerts -alias wiretape -file wiretape-ca.pem
  gcloud    gcloud config set core/custom_ca_certs_file wiretape-ca.pem
  Debian    cp wiretape-ca.pem /usr/local/share/ca-certificates/wiretape.crt && update-ca-certificates
  Chromium  certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n wiretape -i wiretape-ca.pem
  Firefox   Settings, Privacy and Security, View Certificates, Authorities, Import"
    );
    Ok(ExitCode::SUCCESS)
}

fn reindex(data_dir: &Path) -> anyhow::Result<ExitCode> {
    let archive = wiretape_recorder::Archive::open(data_dir)?;
    let reindexed = archive.reindex().context("the catalogue cannot be made anew")?;
    print(&format!("the catalogue lists {} sessions now\n", reindexed.sessions))?;
    if reindexed.unreadable > 0 {
        print(&format!("{} files among the tapes could not be read; the log names them\n", reindexed.unreadable))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn log_to_stderr() {
    let said = std::env::var(LOG).ok().filter(|said| !said.is_empty());
    let (filter, fault) = match said.map(EnvFilter::try_new) {
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (EnvFilter::new(LOG_DEFAULT), Some(error)),
        None => (EnvFilter::new(LOG_DEFAULT), None),
    };
    // Colours are for terminals: a file or a journal gets words alone.
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
    if let Some(error) = fault {
        tracing::warn!("{LOG} cannot be understood and does not count: {error}; write such as {LOG_DEFAULT}");
    }
}
