//! The way to a target of kind `ssh`: the gateway is the client here, with the target's own credential.

mod asking;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use russh::client::{self, AuthResult, ChannelOpenHandle, KeyboardInteractiveAuthResponse, Msg};
use russh::keys::{HashAlg, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;
use wiretape_core::event::StreamKind;
use wiretape_core::{Asking, Lane, Reason, Side};
use wiretape_ssh::{Message, OpenFailure};

use crate::channel::{Channel, Opening, listen, open_failure_of};
use crate::config::SshTarget;
use crate::credentials::{self, Credential};
use crate::dial::refuse;
use crate::host_keys::{Learned, LearnedKeys};
use crate::line::{Door, Line};
use crate::outlet::OutletQueue;
use crate::transport::{self, Cutter};
use asking::SshAsking;

/// How long the target may take from the first packet to an accepted login.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(20);

/// How long the target may take to read the client's last bytes.
const LAST_BYTES_TIME_MAX: Duration = Duration::from_secs(5);

/// How long the connection may take to end.
const LEAVING_TIME_MAX: Duration = Duration::from_secs(2);

/// How often it is looked whether it has ended.
const ENDED_LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Prompts that are answered in one keyboard-interactive login.
const PROMPT_ROUNDS_MAX: usize = 4;

type Connection = Arc<client::Handle<UpstreamHandler>>;

/// An SSH server behind the gateway, connected or about to be.
#[derive(Clone)]
pub(super) struct SshUpstream {
    connection: watch::Receiver<State>,
}

/// How far the connection is.
#[derive(Clone)]
enum State {
    Connecting,
    Ready(Connection),
    Failed(Reason),
}

impl SshUpstream {
    /// Starts to connect to `target` as `login`. When that fails the session ends, and the client is told why.
    pub(crate) fn start(
        line: &Line,
        name: String,
        target: SshTarget,
        login: String,
        learned: Arc<LearnedKeys>,
    ) -> Self {
        let (put, connection) = watch::channel(State::Connecting);
        let line = line.clone();
        tokio::spawn(async move {
            let connecting = connect(&line, &name, &target, &login, &learned);
            let outcome = tokio::select! {
                outcome = tokio::time::timeout(CONNECT_TIME_MAX, connecting) => outcome,
                _ = line.closed() => return,
            };
            let text = match outcome {
                Ok(Ok((handle, cutter))) => {
                    let handle = Arc::new(handle);
                    put.send_replace(State::Ready(Arc::clone(&handle)));
                    line.closed().await;
                    line.drained(Side::Upstream, LAST_BYTES_TIME_MAX).await;
                    let leaving = handle.disconnect(russh::Disconnect::ByApplication, "", "");
                    let _gone = tokio::time::timeout(LEAVING_TIME_MAX, leaving).await;
                    // The library's loop sends what it was given and ends; one that is stuck is ended.
                    let ended = async {
                        while !handle.is_closed() {
                            tokio::time::sleep(ENDED_LOOK_INTERVAL).await;
                        }
                    };
                    let _stuck = tokio::time::timeout(LEAVING_TIME_MAX, ended).await;
                    cutter.cut();
                    return;
                }
                Ok(Err(error)) => format!("cannot reach the target {name}: {error:#}"),
                Err(_) => format!("cannot reach the target {name}: no answer within {} s", CONNECT_TIME_MAX.as_secs()),
            };
            tracing::warn!("{text}");
            let reason = Reason::new("target", text);
            put.send_replace(State::Failed(reason.clone()));
            refuse::when_idle(&line, reason).await;
        });
        Self { connection }
    }

    async fn connection(&self) -> Result<Connection, Reason> {
        let mut connection = self.connection.clone();
        match connection.wait_for(|state| !matches!(state, State::Connecting)).await.map(|state| state.clone()) {
            Ok(State::Ready(connection)) => Ok(connection),
            Ok(State::Failed(reason)) => Err(reason),
            Ok(State::Connecting) | Err(_) => {
                Err(Reason::new("target", "the session ended while the target was connected"))
            }
        }
    }

    /// Serves one lane that the client opened, or the requests of the connection (lane 0).
    ///
    /// `opened`: the client was already told that the lane is open.
    async fn serve(self, line: Line, lane: Lane, mut queue: OutletQueue, opened: bool) {
        let connection = match self.connection().await {
            Ok(connection) => connection,
            Err(reason) if opened => return line.close(reason),
            Err(reason) => return refuse::lane(line, lane, queue, reason).await,
        };
        if lane == Lane::CONNECTION {
            listeners(&connection, &line, queue).await;
            return;
        }
        let Ok(Some(first)) = queue.next().await else { return };
        let Message::Open { kind, .. } = first.message else { return };
        if line.kept(first.event).await.is_err() {
            return;
        }
        match open(&connection, kind).await {
            Ok(channel) => {
                let (read, write) = channel.split();
                if !opened {
                    line.say(Side::Upstream, Message::Opened { lane });
                }
                tokio::spawn(listen(line.clone(), Side::Upstream, lane, read));
                let channel = Channel { line, lane, write, exit_signal: None, program: false };
                channel.serve(Opening::Done, queue).await;
            }
            Err(error) => {
                let (reason, text) = match &error {
                    russh::Error::ChannelOpenFailure(reason) => (open_failure_of(reason), format!("{reason:?}")),
                    other => (OpenFailure::ConnectFailed, other.to_string()),
                };
                if opened {
                    line.close(Reason::new("target", format!("the target opens no channel: {text}")));
                } else {
                    line.say(Side::Upstream, Message::Rejected { lane, reason, text });
                }
            }
        }
    }
}

impl Door for SshUpstream {
    fn asking(&self, line: &Line) -> Box<dyn Asking + Send> {
        Box::new(SshAsking::new(self.clone(), line.clone()))
    }

    fn open(&self, line: &Line, lane: Lane, queue: OutletQueue) {
        tokio::spawn(self.clone().serve(line.clone(), lane, queue, false));
    }

    fn take_over(&self, line: &Line, lane: Lane, queue: OutletQueue) {
        tokio::spawn(self.clone().serve(line.clone(), lane, queue, true));
    }
}

async fn open(connection: &Connection, kind: StreamKind) -> Result<russh::Channel<Msg>, russh::Error> {
    match kind {
        StreamKind::Session => connection.channel_open_session().await,
        StreamKind::DirectTcpip { host, port, originator, originator_port } => {
            connection.channel_open_direct_tcpip(host, port, originator, originator_port).await
        }
        StreamKind::DirectStreamlocal { path } => connection.channel_open_direct_streamlocal(path).await,
        StreamKind::ForwardedTcpip { .. }
        | StreamKind::ForwardedStreamlocal { .. }
        | StreamKind::Agent
        | StreamKind::X11 { .. } => {
            Err(russh::Error::ChannelOpenFailure(russh::ChannelOpenFailure::UnknownChannelType))
        }
    }
}

/// Asks the target to listen, and to listen no more, one request after the other as they came.
async fn listeners(connection: &Connection, line: &Line, mut queue: OutletQueue) {
    while let Ok(Some(parcel)) = queue.next().await {
        let Message::Listen { listen, address, port } = parcel.message else { continue };
        if line.kept(parcel.event).await.is_err() {
            return;
        }
        let outcome = match (listen, port) {
            (true, Some(port)) => connection.tcpip_forward(address, port).await.map(|chosen| match chosen {
                0 => Some(port),
                chosen => Some(chosen),
            }),
            (false, Some(port)) => connection.cancel_tcpip_forward(address, port).await.map(|()| Some(port)),
            (true, None) => connection.streamlocal_forward(address).await.map(|()| None),
            (false, None) => connection.cancel_streamlocal_forward(address).await.map(|()| None),
        };
        let message = match outcome {
            Ok(port) => Message::Listening { accepted: true, port },
            Err(_) => Message::Listening { accepted: false, port: None },
        };
        line.say(Side::Upstream, message);
    }
}

async fn connect(
    line: &Line,
    name: &str,
    target: &SshTarget,
    login: &str,
    learned: &Arc<LearnedKeys>,
) -> anyhow::Result<(client::Handle<UpstreamHandler>, Cutter)> {
    let credential = credentials::fetch(&target.credential).await.context("its credential cannot be had")?;
    let socket = tokio::net::TcpStream::connect(&target.address)
        .await
        .with_context(|| format!("no connection to {}", target.address))?;
    transport::prepare(&socket);
    let cutter = Cutter::new(&socket);
    let refusal = Arc::new(Mutex::new(None));
    let handler = UpstreamHandler {
        line: line.clone(),
        name: name.to_owned(),
        address: target.address.clone(),
        pinned: target.host_key.clone(),
        learned: Arc::clone(learned),
        refusal: Arc::clone(&refusal),
    };
    let mut handle = match client::connect_stream(transport::client_config(), socket, handler).await {
        Ok(handle) => handle,
        Err(error) => match refusal.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(refusal) => bail!("{refusal}"),
            None => return Err(error).with_context(|| format!("no SSH session with {}", target.address)),
        },
    };
    let mut accepted = authenticate(&mut handle, login, credential).await?;
    if !accepted && credentials::forget(&target.credential, Duration::ZERO) {
        // It was kept, and may have been changed meanwhile.
        let credential = credentials::fetch(&target.credential).await.context("its credential cannot be had")?;
        accepted = authenticate(&mut handle, login, credential).await?;
    }
    if !accepted {
        bail!("it does not accept the gateway's credential for the login {login:?}");
    }
    Ok((handle, cutter))
}

/// Whether the target lets the gateway in by `credential`.
async fn authenticate(
    handle: &mut client::Handle<UpstreamHandler>,
    login: &str,
    credential: Credential,
) -> anyhow::Result<bool> {
    let result = match credential {
        Credential::Aws(_) => bail!("keys of AWS are no credential for SSH"),
        Credential::Key(key) => {
            let key = PrivateKeyWithHashAlg::new(key, None);
            handle.authenticate_publickey(login, key).await.context("the login broke off")?
        }
        Credential::Password(password) => {
            let result =
                handle.authenticate_password(login, password.expose_secret()).await.context("the login broke off")?;
            match result {
                AuthResult::Failure { ref remaining_methods, .. }
                    if remaining_methods.contains(&russh::MethodKind::KeyboardInteractive) =>
                {
                    answer_prompts(handle, login, &password).await?
                }
                result => result,
            }
        }
    };
    Ok(matches!(result, AuthResult::Success))
}

/// Some servers take passwords only as the answer to a prompt (RFC 4256).
async fn answer_prompts(
    handle: &mut client::Handle<UpstreamHandler>,
    login: &str,
    password: &SecretString,
) -> anyhow::Result<AuthResult> {
    let mut response =
        handle.authenticate_keyboard_interactive_start(login, None::<String>).await.context("the login broke off")?;
    for _ in 0..PROMPT_ROUNDS_MAX {
        match response {
            KeyboardInteractiveAuthResponse::Success => return Ok(AuthResult::Success),
            KeyboardInteractiveAuthResponse::Failure { remaining_methods, partial_success } => {
                return Ok(AuthResult::Failure { remaining_methods, partial_success });
            }
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => {
                // Only a prompt without echo asks for a password.
                let answers = prompts
                    .iter()
                    .map(|prompt| if prompt.echo { String::new() } else { password.expose_secret().to_owned() })
                    .collect();
                response =
                    handle.authenticate_keyboard_interactive_respond(answers).await.context("the login broke off")?;
            }
        }
    }
    bail!("it asks more than a password")
}

/// What the target has no business to open is rejected.
async fn prohibit(reply: ChannelOpenHandle) -> Result<(), russh::Error> {
    reply.reject(russh::ChannelOpenFailure::AdministrativelyProhibited).await;
    Ok(())
}

/// What the target's connection tells.
pub(super) struct UpstreamHandler {
    line: Line,
    name: String,
    address: String,
    pinned: Option<PublicKey>,
    learned: Arc<LearnedKeys>,
    refusal: Arc<Mutex<Option<String>>>,
}

impl UpstreamHandler {
    /// Whether `key` is the one that this target is known by; else why not.
    fn judge_key(&self, key: &PublicKey) -> Result<(), String> {
        let shown = key.fingerprint(HashAlg::Sha256);
        if let Some(pinned) = &self.pinned {
            if pinned.key_data() == key.key_data() {
                return Ok(());
            }
            let expected = pinned.fingerprint(HashAlg::Sha256);
            return Err(format!(
                "its host key is {shown}, not the configured {expected}: somebody may be in between; if the key was changed on purpose, correct host_key in the configuration"
            ));
        }
        match self.learned.check(&self.address, key) {
            Ok(Learned::Known) => Ok(()),
            Ok(Learned::New) => {
                tracing::info!(target_name = self.name, "learned the host key {shown}; it is required from now on");
                Ok(())
            }
            Ok(Learned::Changed(known)) => {
                let expected = known.fingerprint(HashAlg::Sha256);
                Err(format!(
                    "its host key is {shown}, not {expected} as before: somebody may be in between; if the key was changed on purpose, remove the line of {} from {}",
                    self.address,
                    self.learned.path().display()
                ))
            }
            Err(error) => Err(format!("its host key cannot be compared: {error:#}")),
        }
    }

    fn opened(&self, channel: russh::Channel<Msg>, reply: ChannelOpenHandle, kind: StreamKind) {
        let lane = self.line.next_lane();
        let queue = self.line.attach(Side::Upstream, lane);
        let (read, write) = channel.split();
        tokio::spawn(listen(self.line.clone(), Side::Upstream, lane, read));
        let channel = Channel { line: self.line.clone(), lane, write, exit_signal: None, program: false };
        tokio::spawn(channel.serve(Opening::Upstream(reply), queue));
        self.line.say(Side::Upstream, Message::Open { lane, kind });
    }
}

impl client::Handler for UpstreamHandler {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let verdict = match key {
            PublicKeyOrCertificate::PublicKey { key, .. } => self.judge_key(key),
            PublicKeyOrCertificate::Certificate(_) => {
                Err("it shows a host certificate, which nobody vouched for".into())
            }
        };
        match verdict {
            Ok(()) => Ok(true),
            Err(text) => {
                *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
                Ok(false)
            }
        }
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        channel: russh::Channel<Msg>,
        connected_address: &str,
        connected_port: u32,
        originator_address: &str,
        originator_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Self::Error> {
        let kind = StreamKind::ForwardedTcpip {
            host: connected_address.to_owned(),
            port: connected_port,
            originator: originator_address.to_owned(),
            originator_port,
        };
        self.opened(channel, reply, kind);
        Ok(())
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        channel: russh::Channel<Msg>,
        socket_path: &str,
        reply: ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Self::Error> {
        self.opened(channel, reply, StreamKind::ForwardedStreamlocal { path: socket_path.to_owned() });
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        channel: russh::Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Self::Error> {
        self.opened(channel, reply, StreamKind::Agent);
        Ok(())
    }

    async fn server_channel_open_session(
        &mut self,
        _channel: russh::Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Self::Error> {
        prohibit(reply).await
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _channel: russh::Channel<Msg>,
        _host: &str,
        _port: u32,
        _originator_address: &str,
        _originator_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Self::Error> {
        prohibit(reply).await
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _channel: russh::Channel<Msg>,
        _socket_path: &str,
        reply: ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Self::Error> {
        prohibit(reply).await
    }

    async fn server_channel_open_x11(
        &mut self,
        _channel: russh::Channel<Msg>,
        _originator_address: &str,
        _originator_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Self::Error> {
        prohibit(reply).await
    }

    async fn disconnected(&mut self, reason: client::DisconnectReason<Self::Error>) -> Result<(), Self::Error> {
        if self.refusal.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            let text = format!("the target {} closed the connection", self.name);
            self.line.close(Reason::new("target", text));
        }
        match reason {
            client::DisconnectReason::ReceivedDisconnect(_) => Ok(()),
            client::DisconnectReason::Error(error) => Err(error),
        }
    }
}
