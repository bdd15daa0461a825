//! What the library tells of one client, turned into messages for the line.
//!
//! These functions run inside the connection's own task. The answer to a request has to be given inside the function
//! that brings it, because the library keeps only one open answer a channel; so they wait for the target here. While
//! they wait, what the client sends waits too, in order.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use russh::keys::{Algorithm, Certificate, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Response, Session, VerifiedPublicKey};
use russh::{ChannelId, Pty, Sig};
use wiretape_core::event::{StreamKind, TerminalSize};
use wiretape_core::{Lane, Side};
use wiretape_identity::{DeviceFlow, Pending};
use wiretape_ssh::{Message, Request};
use zeroize::Zeroizing;

use super::admission::{self, Attempt};
use crate::admission::WRONG_TOKEN_TIME;
use crate::channel::{Channel, Opening, signal_name_of};
use crate::clock::{unix_nanos, unix_seconds};
use crate::gateway::Gateway;
use crate::identity::Principal;
use crate::line::Line;
use crate::recognition::{self, Wrong};
use crate::transport::Cutter;

const BANNER: &str = "wiretape: sessions through this gateway are recorded.\r\n";

/// One client.
pub(super) struct ClientHandler {
    gateway: Arc<Gateway>,
    attempt: Arc<Mutex<Attempt>>,
    cutter: Arc<Cutter>,
    name: String,
    principal: Option<Principal>,
    line: Option<Line>,
    /// Channels that the client opened.
    lanes: HashMap<ChannelId, Lane>,
    /// A login by the browser that was begun.
    login: Option<(DeviceFlow, Pending)>,
}

impl ClientHandler {
    pub(super) fn new(gateway: Arc<Gateway>, attempt: Arc<Mutex<Attempt>>, cutter: Arc<Cutter>) -> Self {
        let (name, lanes) = (String::new(), HashMap::new());
        Self { gateway, attempt, cutter, name, principal: None, line: None, lanes, login: None }
    }

    fn attempt(&self) -> MutexGuard<'_, Attempt> {
        self.attempt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recognised(&mut self, name: &str, principal: Principal) -> Auth {
        self.name = name.to_owned();
        self.principal = Some(principal);
        Auth::Accept
    }

    async fn token(&mut self, name: &str, token: &str) -> Auth {
        self.attempt().asked(name);
        let address = self.attempt().address().ip();
        match recognition::by_bearer(&self.gateway, address, &[], token).await {
            Ok(principal) => self.recognised(name, principal),
            Err(unknown) => {
                self.attempt().wrong_token(unknown);
                tokio::time::sleep(WRONG_TOKEN_TIME).await;
                Auth::reject()
            }
        }
    }

    /// Offers the way by the browser, where an issuer has one: the address is shown, and the answer to it waited for.
    async fn begin_login(&mut self) -> Option<Auth> {
        let device = self.gateway.issuers().device(None)?;
        let address = self.attempt().address().ip();
        // Whoever begins logins that come to nothing does not get to keep the issuer busy: each counts among the wrong
        // ones until somebody has logged in by it.
        self.gateway.attempts().may_try(address, None, unix_nanos()).ok()?;
        self.gateway.attempts().failed(address, None, unix_nanos());
        match device.begin().await {
            Ok(pending) => {
                let address = pending.verification_uri_complete.as_deref().unwrap_or(&pending.verification_uri);
                let instructions = format!(
                    "wiretape: open {address} in a browser, check that it shows {}, and log in there; this goes on by itself then.",
                    pending.user_code
                );
                self.login = Some((device, pending));
                self.attempt().began_login();
                Some(Auth::Partial {
                    name: Cow::Borrowed(""),
                    instructions: Cow::Owned(instructions),
                    prompts: Cow::Borrowed(&[]),
                })
            }
            Err(error) => {
                self.gateway.attempts().forgiven(address);
                tracing::warn!("nobody can log in by the browser now: {error:#}");
                None
            }
        }
    }

    /// Waits until the person has logged in in the browser, or nobody waits for that any more.
    async fn end_login(&mut self, name: &str, device: DeviceFlow, pending: Pending) -> Auth {
        let polled = tokio::select! {
            polled = device.poll(pending) => polled.map_err(|error| format!("{error:#}")),
            () = self.cutter.parted() => Err(admission::UNFINISHED_LOGIN.to_owned()),
        };
        let found = match polled {
            Ok(identity) => recognition::vouched(&self.gateway, identity).map_err(|wrong| wrong.text),
            Err(text) => Err(text),
        };
        match found {
            Ok(principal) => {
                let address = self.attempt().address().ip();
                self.gateway.attempts().forgiven(address);
                self.recognised(name, principal)
            }
            Err(text) => {
                tracing::info!("a login by the browser came to nothing: {text}");
                self.attempt().wrong_login(text);
                Auth::reject()
            }
        }
    }

    fn prompt(&self) -> Auth {
        let unknown = self.attempt().unknown_keys().join(", ");
        let instructions = if unknown.is_empty() {
            Cow::Borrowed("wiretape: type your token (it is not shown).")
        } else {
            Cow::Owned(format!(
                "wiretape: none of the keys that you offered is known here ({unknown}). Ask the operator to add one, or type your token (it is not shown)."
            ))
        };
        Auth::Partial {
            name: Cow::Borrowed(""),
            instructions,
            prompts: Cow::Borrowed(&[(Cow::Borrowed("Token: "), false)]),
        }
    }

    /// The line and the lane of a channel that the client opened; `None` for others, which are read elsewhere.
    fn lane(&self, channel: ChannelId) -> Option<(&Line, Lane)> {
        Some((self.line.as_ref()?, *self.lanes.get(&channel)?))
    }

    fn opened(&mut self, channel: russh::Channel<Msg>, reply: ChannelOpenHandle, session: &Session, kind: StreamKind) {
        // Without a line nobody was admitted; dropping the reply rejects the channel.
        let Some(line) = self.line.clone().filter(|line| !line.is_closed()) else { return };
        let lane = line.next_lane();
        self.lanes.insert(channel.id(), lane);
        let queue = line.attach(Side::Client, lane);
        let (_handlers_read, write) = channel.split();
        let exit_signal = Some(session.handle());
        let program = kind == StreamKind::Session;
        let channel = Channel { line: line.clone(), lane, write, exit_signal, program };
        tokio::spawn(channel.serve(Opening::Client(reply), queue));
        line.say(Side::Client, Message::Open { lane, kind });
    }

    /// Tells the line of a request and passes the target's answer on.
    async fn request(&self, channel: ChannelId, request: Request, session: &mut Session) -> Result<(), russh::Error> {
        if self.ask(channel, request).await {
            session.channel_success(channel)
        } else {
            session.channel_failure(channel)
        }
    }

    /// The target's answer to a request. A session that ended meanwhile is no failure of the request: the client is
    /// about to be told why it ended.
    async fn ask(&self, channel: ChannelId, request: Request) -> bool {
        let Some((line, lane)) = self.lane(channel) else { return false };
        let answer = line.expect_answer(lane);
        line.say(Side::Client, Message::Request { lane, request, want_reply: true });
        line.answered(answer).await.is_none_or(|answer| answer.accepted)
    }

    /// Tells the line of a request that has no answer, and waits while there is no room for more.
    async fn tell(&self, channel: ChannelId, request: Request) {
        if let Some((line, lane)) = self.lane(channel) {
            line.say(Side::Client, Message::Request { lane, request, want_reply: false });
            line.room(Side::Client, lane).await;
        }
    }

    async fn data_of(&self, channel: ChannelId, error: bool, data: &[u8]) {
        if let Some((line, lane)) = self.lane(channel) {
            line.say(Side::Client, Message::Data { lane, error, bytes: Bytes::copy_from_slice(data) });
            line.room(Side::Client, lane).await;
        }
    }

    /// Asks the target to listen, or to listen no more. `Some` when it does so, with the port that it chose.
    async fn listen(&self, listen: bool, address: &str, port: Option<u32>) -> Option<Option<u32>> {
        let line = self.line.as_ref()?;
        let answer = line.expect_listening();
        line.say(Side::Client, Message::Listen { listen, address: address.to_owned(), port });
        line.answered(answer).await.filter(|answer| answer.accepted).map(|answer| answer.port)
    }
}

fn size(columns: u32, rows: u32, width_px: u32, height_px: u32) -> TerminalSize {
    TerminalSize { columns, rows, width_px, height_px }
}

impl Handler for ClientHandler {
    type Error = russh::Error;

    async fn authentication_banner(&mut self) -> Result<Option<String>, Self::Error> {
        Ok(self.gateway.config().banner.then(|| BANNER.to_owned()))
    }

    async fn auth_none(&mut self, user: &str) -> Result<Auth, Self::Error> {
        self.attempt().asked(user);
        Ok(Auth::reject())
    }

    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, Self::Error> {
        self.attempt().asked(user);
        // Signatures over SHA-1 (RFC 8332 section 1): who can find two texts with one hash needs no key.
        if matches!(offer.algorithm, Algorithm::Rsa { hash: None }) {
            self.attempt().offered(offer.public_key);
            return Ok(Auth::reject());
        }
        // The key of a certificate is offered like any other, and the certificate itself is seen only with the
        // signature: where certificates are given, every key may show that it is held.
        let config = self.gateway.config();
        let certificates = config.admin.is_some() || !config.issuers.is_empty();
        if certificates || recognition::by_key(&self.gateway, offer.public_key).is_some() {
            return Ok(Auth::Accept);
        }
        self.attempt().offered(offer.public_key);
        Ok(Auth::reject())
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        match recognition::by_key(&self.gateway, key.public_key) {
            Some(principal) => Ok(self.recognised(user, principal)),
            None => {
                self.attempt().offered(key.public_key);
                Ok(Auth::reject())
            }
        }
    }

    async fn auth_openssh_certificate(&mut self, user: &str, certificate: &Certificate) -> Result<Auth, Self::Error> {
        self.attempt().asked(user);
        let address = self.attempt().address().ip();
        let recognised = self.gateway.user_authority().recognise(certificate, Some(address), unix_seconds());
        let found = match recognised {
            Ok(identity) => recognition::vouched(&self.gateway, identity),
            Err(rejected) => Err(Wrong::from(rejected)),
        };
        match found {
            Ok(principal) => Ok(self.recognised(user, principal)),
            Err(Wrong { text, .. }) => {
                tracing::info!("a certificate was not taken: {text}");
                self.attempt().offered(&PublicKey::new(certificate.public_key().clone(), "certificate"));
                Ok(Auth::reject())
            }
        }
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        Ok(self.token(user, password).await)
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        self.attempt().asked(user);
        if let Some((device, pending)) = self.login.take() {
            return Ok(self.end_login(user, device, pending).await);
        }
        let Some(mut response) = response else {
            return Ok(self.begin_login().await.unwrap_or_else(|| self.prompt()));
        };
        let typed = response.next().unwrap_or_default();
        let typed = Zeroizing::new(String::from_utf8_lossy(&typed).into_owned());
        Ok(self.token(user, &typed).await)
    }

    async fn auth_succeeded(&mut self, session: &mut Session) -> Result<(), Self::Error> {
        let Some(principal) = &self.principal else { return Err(russh::Error::NotAuthenticated) };
        let program = session.remote_sshid().to_vec();
        match admission::admit(&self.gateway, &self.attempt, principal, &self.name, &program, session.handle()) {
            Ok(line) => self.line = Some(line),
            Err(error) => {
                tracing::error!("a session cannot be recorded, so there is none: {error:#}");
                let text = "wiretape: this session cannot be recorded, so it is not opened; tell the operator";
                session.disconnect(russh::Disconnect::ServiceNotAvailable, text, "")?;
            }
        }
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: russh::Channel<Msg>,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.opened(channel, reply, session, StreamKind::Session);
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: russh::Channel<Msg>,
        host_to_connect: &str,
        port_to_connect: u32,
        originator_address: &str,
        originator_port: u32,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let kind = StreamKind::DirectTcpip {
            host: host_to_connect.to_owned(),
            port: port_to_connect,
            originator: originator_address.to_owned(),
            originator_port,
        };
        self.opened(channel, reply, session, kind);
        Ok(())
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        channel: russh::Channel<Msg>,
        socket_path: &str,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.opened(channel, reply, session, StreamKind::DirectStreamlocal { path: socket_path.to_owned() });
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _session: &mut Session) -> Result<(), Self::Error> {
        if let Some(lane) = self.lanes.remove(&channel)
            && let Some(line) = &self.line
        {
            line.say(Side::Client, Message::Close { lane });
            line.abandon(Side::Client, lane);
        }
        Ok(())
    }

    async fn channel_eof(&mut self, channel: ChannelId, _session: &mut Session) -> Result<(), Self::Error> {
        if let Some((line, lane)) = self.lane(channel) {
            line.say(Side::Client, Message::Eof { lane });
        }
        Ok(())
    }

    async fn data(&mut self, channel: ChannelId, data: &[u8], _session: &mut Session) -> Result<(), Self::Error> {
        self.data_of(channel, false, data).await;
        Ok(())
    }

    async fn extended_data(
        &mut self,
        channel: ChannelId,
        code: u32,
        data: &[u8],
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if code == 1 {
            self.data_of(channel, true, data).await;
        }
        Ok(())
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        term: &str,
        col_width: u32,
        row_height: u32,
        pix_width: u32,
        pix_height: u32,
        modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let modes = modes
            .iter()
            .filter(|(code, _)| *code != Pty::TTY_OP_END)
            .map(|(code, value)| (*code as u8, *value))
            .collect();
        let size = size(col_width, row_height, pix_width, pix_height);
        self.request(channel, Request::Pty { term: term.to_owned(), size, modes }, session).await
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        variable_name: &str,
        variable_value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        // Clients set many and want no answer; waiting for the target's would cost a round trip each. A client that
        // does want one hears yes, as servers are free to ignore variables anyway (RFC 4254 section 6.4).
        let value = Bytes::copy_from_slice(variable_value.as_bytes());
        self.tell(channel, Request::Env { name: variable_name.to_owned(), value }).await;
        session.channel_success(channel)
    }

    async fn shell_request(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        self.request(channel, Request::Shell, session).await
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.request(channel, Request::Exec { command: Bytes::copy_from_slice(data) }, session).await
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.request(channel, Request::Subsystem { name: name.to_owned() }, session).await
    }

    async fn window_change_request(
        &mut self,
        channel: ChannelId,
        col_width: u32,
        row_height: u32,
        pix_width: u32,
        pix_height: u32,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.tell(channel, Request::WindowChange { size: size(col_width, row_height, pix_width, pix_height) }).await;
        Ok(())
    }

    async fn agent_request(&mut self, channel: ChannelId, _session: &mut Session) -> Result<bool, Self::Error> {
        Ok(self.ask(channel, Request::Agent).await)
    }

    /// No X11 is forwarded: nothing of it is passed on.
    async fn x11_request(
        &mut self,
        channel: ChannelId,
        _single_connection: bool,
        _x11_auth_protocol: &str,
        _x11_auth_cookie: &str,
        _x11_screen_number: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        // The library gives no answer of its own, and the client may wait for one.
        session.channel_failure(channel)
    }

    async fn signal(&mut self, channel: ChannelId, signal: Sig, _session: &mut Session) -> Result<(), Self::Error> {
        self.tell(channel, Request::Signal { name: signal_name_of(&signal) }).await;
        Ok(())
    }

    async fn tcpip_forward(
        &mut self,
        address: &str,
        port: &mut u32,
        _session: &mut Session,
    ) -> Result<bool, Self::Error> {
        match self.listen(true, address, Some(*port)).await {
            Some(chosen) => {
                *port = chosen.unwrap_or(*port);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    async fn cancel_tcpip_forward(
        &mut self,
        address: &str,
        port: u32,
        _session: &mut Session,
    ) -> Result<bool, Self::Error> {
        Ok(self.listen(false, address, Some(port)).await.is_some())
    }

    async fn streamlocal_forward(&mut self, socket_path: &str, _session: &mut Session) -> Result<bool, Self::Error> {
        Ok(self.listen(true, socket_path, None).await.is_some())
    }

    async fn cancel_streamlocal_forward(
        &mut self,
        socket_path: &str,
        _session: &mut Session,
    ) -> Result<bool, Self::Error> {
        Ok(self.listen(false, socket_path, None).await.is_some())
    }
}
