//! The first look: a gateway, a session through it, and what was recorded of it.

use std::collections::VecDeque;
use std::io::IsTerminal;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::{Args, Parser};
use russh::ChannelMsg;
use russh::client;
use russh::keys::{Algorithm, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use wiretape_replay::command::{PlayArgs, SessionsArgs, VerifyArgs, print};

use crate::admin::Bureau;
use crate::config::Config;
use crate::gateway::Gateway;
use crate::host_keys::write_private;
use crate::listen::{Doors, told_to_stop};
use crate::runtime::{Threads, runtime};
use crate::transport;

/// The folder that the demo makes when none is named.
pub(crate) const DATA_DIR: &str = "wiretape-data";

/// What is typed in the demo's session: each line is sent when the one before has been answered.
const TYPED: &[&str] = &[
    "echo \"hello from $WIRETAPE_PERSON on $WIRETAPE_TARGET\"",
    "for i in 1 2 3; do echo \"step $i\"; sleep 0.3; done",
    "printf 'Password: '; stty -echo; read secret; stty echo; echo",
    "correct horse battery staple",
    "printf '\\033[32mthe password above is not on the tape\\033[0m\\n'",
    "exit",
];

/// How long nothing is shown before the next line is typed.
const BETWEEN_LINES: Duration = Duration::from_millis(500);

/// How fast the letters of a line follow each other.
const BETWEEN_LETTERS: Duration = Duration::from_millis(12);

/// Make a data folder, record a session with yourself, verify it and play it.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Keep the gateway running afterwards, to connect to it by hand.
    #[arg(long)]
    serve: bool,
}

/// Runs the demo.
pub(crate) fn run(args: &DemoArgs, data_dir: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let data_dir = data_dir.unwrap_or_else(|| PathBuf::from(DATA_DIR));
    let config_path = prepare(&data_dir)?;
    let mut config = Config::read(&config_path)?;
    let key_path = data_dir.join("keys").join("demo_ed25519_key");
    let key = std::fs::read_to_string(&key_path)
        .ok()
        .and_then(|text| PrivateKey::from_openssh(text).ok())
        .with_context(|| format!("{} is damaged: remove it and run the demo again", key_path.display()))?;
    runtime()?.block_on(async {
        // The usual port where it is free, else any: the demo asks nothing and disturbs nobody.
        let doors = match Doors::open(&config).await {
            Ok(doors) => doors,
            Err(_) => {
                config.ssh.set_port(0);
                Doors::open(&config).await?
            }
        };
        let address = doors.ssh_address().context("no door for ssh is open")?;
        let gateway = Arc::new(Gateway::open(config).await?);
        let office = Arc::new(Bureau::open(Arc::clone(&gateway), config_path.clone(), &doors).await?);
        print(&format!("The gateway listens on {address}; its data is in {}.\n\n", data_dir.display()))?;
        let (stop_put, stop_take) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn(doors.serve(Arc::clone(&gateway), office, Threads::start()?, async {
            let _stopped = stop_take.await;
        }));
        print("A session through it:\n\n")?;
        let session = tokio::time::timeout(Duration::from_secs(60), session(address.port(), key));
        session.await.context("the demo's session did not end within a minute")??;
        // The tape is finished when the gateway has seen the client leave.
        settled(&data_dir).await?;
        let shown = show(&data_dir)?;
        print("\nBy hand:\n\n")?;
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("wiretape"));
        if !args.serve {
            print(&format!("  {} serve --config {}\n", program.display(), config_path.display()))?;
        }
        print(&format!("  ssh -p {} -i {} shell@{}\n", address.port(), key_path.display(), address.ip()))?;
        print(&format!("  {} replay --data-dir {} {shown}\n", program.display(), data_dir.display()))?;
        if args.serve {
            print("\nThe gateway runs until Ctrl-C.\n")?;
            told_to_stop().await?.await;
        }
        let _already_stopped = stop_put.send(());
        serving.await.context("the gateway broke off")?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Makes what is missing of the demo's folder; what is there stays.
fn prepare(data_dir: &Path) -> anyhow::Result<PathBuf> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)
        .with_context(|| format!("cannot make {}", data_dir.display()))?;
    let config_path = data_dir.join("wiretape.toml");
    let key_path = data_dir.join("keys").join("demo_ed25519_key");
    if !key_path.exists() {
        let key =
            PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).context("cannot make a key")?;
        write_private(&key_path, &key)?;
    }
    if !config_path.exists() {
        let public_path = key_path.with_extension("pub");
        let public =
            std::fs::read_to_string(&public_path).with_context(|| format!("cannot read {}", public_path.display()))?;
        // Without the files of this account: the demo shows the same everywhere.
        let shell =
            if Path::new("/bin/bash").exists() { r#""/bin/bash", "--noprofile", "--norc""# } else { r#""/bin/sh""# };
        let text = format!(
            r#"# Made by `wiretape demo`. docs/CONFIG.md describes every setting.
data_dir = "."

[listen]
ssh = "127.0.0.1:2222"

[[user]]
name = "demo"
groups = ["demo"]
ssh_keys = ["{}"]

[[target]]
name = "shell"
kind = "command"            # a program on a terminal of this host
command = [{shell}]
groups = ["demo"]
"#,
            public.trim()
        );
        std::fs::write(&config_path, text).with_context(|| format!("cannot write {}", config_path.display()))?;
    }
    Ok(config_path)
}

/// Accepts the gateway's key: it is the one that this very process made.
struct DemoClient;

impl client::Handler for DemoClient {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        Ok(true)
    }
}

/// An ordinary SSH client that types a little.
async fn session(port: u16, key: PrivateKey) -> anyhow::Result<()> {
    let socket = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.context("no connection to the gateway")?;
    let mut handle = client::connect_stream(transport::client_config(), socket, DemoClient).await?;
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
    if !handle.authenticate_publickey("shell", key).await?.success() {
        bail!("the gateway does not know the demo's key: remove the demo's folder and run it again");
    }
    let mut channel = handle.channel_open_session().await?;
    channel.request_pty(true, "xterm-256color", 80, 24, 0, 0, &[]).await?;
    channel.request_shell(true).await?;
    let mut lines = TYPED.iter();
    let mut letters = VecDeque::new();
    let mut shown = Vec::new();
    loop {
        // A line is begun when nothing was shown for a while, as by a person who waits for the answer. What is shown
        // is taken in between any two letters: a channel that is not read stops its whole connection.
        let pause = if letters.is_empty() { BETWEEN_LINES } else { BETWEEN_LETTERS };
        match tokio::time::timeout(pause, channel.wait()).await {
            Ok(None) => break,
            Ok(Some(ChannelMsg::Data { data })) => shown.extend_from_slice(&data),
            Ok(Some(ChannelMsg::ExitStatus { exit_status: 0 })) => {}
            Ok(Some(ChannelMsg::ExitStatus { exit_status })) => bail!("the demo's shell ended with {exit_status}"),
            Ok(Some(_)) => {}
            Err(_) if shown.is_empty() => {}
            Err(_) => match letters.pop_front() {
                Some(letter) => channel.data_bytes(Bytes::from(vec![letter])).await?,
                None => match lines.next() {
                    Some(line) => letters.extend(line.bytes().chain(*b"\r")),
                    None => bail!("the demo's shell does not end"),
                },
            },
        }
    }
    handle.disconnect(russh::Disconnect::ByApplication, "", "").await?;
    if !String::from_utf8_lossy(&shown).contains("hello from demo on shell") {
        bail!("the demo's shell did not answer as it should");
    }
    print(&format!("  typed {} lines, saw {} bytes\n", TYPED.len(), shown.len()))?;
    Ok(())
}

/// Waits until the newest session is closed in the catalogue.
async fn settled(data_dir: &Path) -> anyhow::Result<()> {
    let archive = wiretape_recorder::Archive::open(data_dir)?;
    for _ in 0..200 {
        let filter = wiretape_recorder::Filter { limit: Some(1), ..wiretape_recorder::Filter::default() };
        let newest = archive.sessions(&filter)?;
        if newest.first().is_some_and(|row| row.state == wiretape_recorder::SessionState::Closed) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("the demo's session was not closed in the catalogue")
}

/// The list, the verdict and the playback of the newest session; returns how it is named.
fn show(data_dir: &Path) -> anyhow::Result<String> {
    let filter = wiretape_recorder::Filter { limit: Some(1), ..wiretape_recorder::Filter::default() };
    let newest = wiretape_recorder::Archive::open(data_dir)?.sessions(&filter)?;
    let Some(row) = newest.first() else { bail!("nothing was recorded") };
    let id = row.id.to_string();
    print("\nWhat is recorded:\n\n")?;
    wiretape_replay::command::sessions(data_dir, &parse::<SessionsArgs>(&[])?)?;
    print("\nIs it whole and unchanged?\n\n")?;
    let verdict = wiretape_replay::command::verify(data_dir, &parse::<VerifyArgs>(&[&id])?)?;
    if verdict != ExitCode::SUCCESS {
        bail!("the tape does not verify");
    }
    print("\nWhat was seen:\n\n")?;
    let how: &[&str] = if std::io::stdout().is_terminal() { &["--speed", "2", "--quit-at-end"] } else { &["--plain"] };
    let mut words = vec![id.as_str()];
    words.extend_from_slice(how);
    wiretape_replay::command::play(data_dir, &parse::<PlayArgs>(&words)?)?;
    Ok(id.chars().take(6).collect())
}

/// Arguments of another command, as if they had been typed.
fn parse<T: Args>(words: &[&str]) -> anyhow::Result<T> {
    #[derive(Parser)]
    struct Typed<T: Args> {
        #[command(flatten)]
        args: T,
    }
    let typed = std::iter::once("wiretape").chain(words.iter().copied());
    Ok(Typed::<T>::try_parse_from(typed)?.args)
}
