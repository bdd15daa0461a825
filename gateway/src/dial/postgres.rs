//! The way to a target of kind `postgres`: the gateway logs in with the target's own credential.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::{Digest, Sha256, Sha384, Sha512};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use wiretape_core::Side;
use wiretape_core::event::{Field, QueryEvent};
use wiretape_postgres::startup::{CANCEL_KEY_BYTES_MAX, CancelRequest, Startup, ssl_request};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use zeroize::Zeroizing;

use crate::config::{PostgresTarget, TlsMode};
use crate::credentials::{self, Credential};
use crate::transport::Stream;
use crate::{tls, transport};

/// How long the target may take from the first packet to an accepted login.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(20);

/// How long a target may take to hear that something is to be cancelled.
const CANCEL_TIME_MAX: Duration = Duration::from_secs(10);

/// One message of the target's login, in bytes.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Everything that the target says from its yes to its first question, in bytes.
const GREETING_BYTES_MAX: usize = 1024 * 1024;

/// Rounds of a SCRAM login, and further questions about who the gateway is.
const ROUNDS_MAX: usize = 8;

/// A server that let the gateway in.
pub(crate) struct Upstream {
    pub(crate) stream: Box<dyn Stream>,
    /// That it speaks an older minor version or does not know some options, if it said so.
    pub(crate) negotiated: Option<Bytes>,
    /// What it said after it let the gateway in, message by message: settings, and at the end that it is ready.
    pub(crate) greeting: Vec<Bytes>,
    /// How its session is cancelled.
    pub(crate) cancel: Option<Cancel>,
}

/// How a session at a target is cancelled.
#[derive(Clone)]
pub(crate) struct Cancel {
    target: PostgresTarget,
    process_id: u32,
    key: SecretSlice<u8>,
}

/// Why there is no way to a target.
pub(crate) enum Failure {
    /// The server's own last word, which the client gets as it is.
    Said {
        /// The message.
        message: Bytes,
        /// What it says.
        text: String,
    },
    /// In the gateway's words.
    Told {
        /// The SQLSTATE.
        code: &'static str,
        /// What is wrong, without any secret.
        text: String,
    },
}

/// Connects to `target`, called `name`, and logs in; `startup` is what the client asked for.
pub(crate) async fn connect(name: &str, target: &PostgresTarget, startup: Startup) -> Result<Upstream, Failure> {
    let unreachable = |text: String| Failure::Told { code: "08001", text };
    match tokio::time::timeout(CONNECT_TIME_MAX, log_in(target, &startup)).await {
        Ok(Ok(Outcome::Ready(upstream))) => Ok(*upstream),
        Ok(Ok(Outcome::Error(message, fields))) => Err(refused(name, target, message, &fields)),
        Ok(Err(error)) => Err(unreachable(format!("cannot reach the target {name}: {error:#}"))),
        Err(_) => {
            let seconds = CONNECT_TIME_MAX.as_secs();
            Err(unreachable(format!("cannot reach the target {name}: no answer within {seconds} s")))
        }
    }
}

enum Outcome {
    Ready(Box<Upstream>),
    /// The server's `ErrorResponse`.
    Error(Bytes, Vec<Field>),
}

/// What the server said instead of letting the gateway in. An error of class 28 is about the gateway's own login, which
/// the client knows nothing of: that one is put in words.
fn refused(name: &str, target: &PostgresTarget, message: Bytes, fields: &[Field]) -> Failure {
    let (code, text) = (code(fields), field(fields, b'M'));
    if code.starts_with("28") {
        let text = format!("the target {name} refused the gateway's own login {:?}: {text}", target.login);
        return Failure::Told { code: "28000", text };
    }
    Failure::Said { message, text }
}

/// The SQLSTATE of an error.
fn code(fields: &[Field]) -> String {
    field(fields, b'C')
}

fn field(fields: &[Field], letter: u8) -> String {
    let field = fields.iter().find(|field| field.letter == letter);
    field.map(|field| String::from_utf8_lossy(&field.text).into_owned()).unwrap_or_default()
}

/// The connection, in clear text or not, while messages are read one by one.
struct Socket {
    stream: Box<dyn Stream>,
    input: BytesMut,
    /// For SCRAM: the hash of the server's certificate (RFC 5929 section 4.1).
    certificate_hash: Option<Vec<u8>>,
}

async fn open(target: &PostgresTarget) -> anyhow::Result<Socket> {
    let mut socket =
        TcpStream::connect(&target.address).await.with_context(|| format!("no connection to {}", target.address))?;
    transport::prepare(&socket);
    if target.tls == TlsMode::Disable {
        return Ok(Socket { stream: Box::new(socket), input: BytesMut::new(), certificate_hash: None });
    }
    let connector = tls::connector(target.tls, &target.tls_files, tls::POSTGRES)?;
    let host = target.address.rsplit_once(':').map_or(target.address.as_str(), |(host, _)| host);
    let server_name = tls::server_name(host.trim_start_matches('[').trim_end_matches(']'))?;
    socket.write_all(&ssl_request()).await.context("the connection broke")?;
    // Exactly one byte: whatever follows in clear text is none of the server's words.
    match socket.read_u8().await.context("the connection broke")? {
        b'S' => {}
        b'N' => bail!("the server speaks no TLS: configure it there, or set tls = \"disable\""),
        _ => bail!("the server does not speak PostgreSQL"),
    }
    let stream = connector.connect(server_name, socket).await.map_err(|error| {
        anyhow!("no TLS with {}: {error}; tls_ca and tls say what its certificate has to show", target.address)
    })?;
    let certificate_hash = certificate_hash(&stream);
    Ok(Socket { stream: Box::new(stream), input: BytesMut::new(), certificate_hash })
}

/// The hash of the certificate by the algorithm that it is signed with; SHA-256 for the weaker ones.
fn certificate_hash(stream: &TlsStream<TcpStream>) -> Option<Vec<u8>> {
    let certificate = stream.get_ref().1.peer_certificates()?.first()?;
    let algorithm = Certificate::from_der(certificate).ok()?.signature_algorithm().oid.to_string();
    Some(match algorithm.as_str() {
        // sha384WithRSAEncryption, ecdsa-with-SHA384
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => Sha384::digest(certificate).to_vec(),
        // sha512WithRSAEncryption, ecdsa-with-SHA512
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => Sha512::digest(certificate).to_vec(),
        // No hash goes with these (RSASSA-PSS, Ed25519, Ed448): there is no binding to them.
        "1.2.840.113549.1.1.10" | "1.3.101.112" | "1.3.101.113" => return None,
        _ => Sha256::digest(certificate).to_vec(),
    })
}

/// Logs in; once more where the server refuses a credential that was kept, and may have been changed meanwhile.
async fn log_in(target: &PostgresTarget, startup: &Startup) -> anyhow::Result<Outcome> {
    let outcome = login(target, startup).await?;
    let refused = matches!(&outcome, Outcome::Error(_, fields) if code(fields).starts_with("28"));
    match &target.credential {
        Some(source) if refused && credentials::forget(source, Duration::ZERO) => login(target, startup).await,
        _ => Ok(outcome),
    }
}

async fn login(target: &PostgresTarget, startup: &Startup) -> anyhow::Result<Outcome> {
    let mut socket = open(target).await?;
    socket.send(&startup.packet()).await?;
    let mut negotiated = None;
    for _ in 0..ROUNDS_MAX {
        let message = socket.receive().await?;
        let mut body = message.slice(5..);
        match message.first() {
            Some(b'v') if negotiated.is_none() => negotiated = Some(message),
            Some(b'E') => return Ok(error(message)),
            Some(b'R') if body.len() >= 4 => match body.get_u32() {
                0 => return greeting(target, socket, negotiated).await,
                3 => {
                    let password = password(target).await?;
                    socket.send_password(password.expose_secret().as_bytes()).await?;
                }
                5 if body.len() == 4 => {
                    let mut salt = [0; 4];
                    body.copy_to_slice(&mut salt);
                    let password = password(target).await?;
                    let hash = md5_hash(target.login.as_bytes(), password.expose_secret().as_bytes(), salt);
                    socket.send_password(Zeroizing::new(hash).as_bytes()).await?;
                }
                10 => {
                    if let Some(error) = scram(target, &mut socket, &body).await? {
                        return Ok(error);
                    }
                }
                method => bail!("the server wants a login of kind {method}, which the gateway has not"),
            },
            _ => bail!("the server does not log in as PostgreSQL does"),
        }
    }
    bail!("the server asks again and again who the gateway is")
}

async fn password(target: &PostgresTarget) -> anyhow::Result<SecretString> {
    let Some(source) = &target.credential else {
        bail!("the server wants a password for {:?}: add a credential to the target", target.login);
    };
    match credentials::fetch(source).await? {
        Credential::Password(password) => Ok(password),
        Credential::Key(_) | Credential::Aws(_) => bail!("the credential is a key, and the server wants a password"),
    }
}

fn error(message: Bytes) -> Outcome {
    let fields = match wiretape_postgres::parse(Side::Upstream, &message) {
        Ok(QueryEvent::Error { fields }) => fields,
        _ => Vec::new(),
    };
    Outcome::Error(message, fields)
}

/// A login by SCRAM-SHA-256 (RFC 7677), bound to the TLS connection where the server can.
async fn scram(target: &PostgresTarget, socket: &mut Socket, mechanisms: &Bytes) -> anyhow::Result<Option<Outcome>> {
    let offered = |name: &str| mechanisms.split(|byte| *byte == 0).any(|offered| offered == name.as_bytes());
    let (mechanism, binding) = match socket.certificate_hash.take() {
        Some(hash) if offered(SCRAM_SHA_256_PLUS) => (SCRAM_SHA_256_PLUS, ChannelBinding::tls_server_end_point(hash)),
        Some(_) if offered(SCRAM_SHA_256) => (SCRAM_SHA_256, ChannelBinding::unrequested()),
        None if offered(SCRAM_SHA_256) => (SCRAM_SHA_256, ChannelBinding::unsupported()),
        _ => bail!("the server offers no login that the gateway has"),
    };
    let password = password(target).await?;
    let mut scram = ScramSha256::new(password.expose_secret().as_bytes(), binding);
    let mut first = BytesMut::new();
    first.put_slice(mechanism.as_bytes());
    first.put_u8(0);
    first.put_u32(u32::try_from(scram.message().len()).unwrap_or(u32::MAX));
    first.put_slice(scram.message());
    socket.send_typed(b'p', &first).await?;
    match socket.receive_authentication(11).await? {
        Ok(challenge) => scram.update(&challenge).context("the server's SCRAM challenge is wrong")?,
        Err(error) => return Ok(Some(error)),
    }
    socket.send_typed(b'p', scram.message()).await?;
    match socket.receive_authentication(12).await? {
        // Whoever does not know the password cannot prove so: the server is not the one that was meant.
        Ok(proof) => scram.finish(&proof).context("the server does not know the password itself")?,
        Err(error) => return Ok(Some(error)),
    }
    Ok(None)
}

/// Everything up to the server's first `ReadyForQuery`.
async fn greeting(target: &PostgresTarget, mut socket: Socket, negotiated: Option<Bytes>) -> anyhow::Result<Outcome> {
    let (mut greeting, mut length, mut cancel) = (Vec::new(), 0, None);
    loop {
        let message = socket.receive().await?;
        length += message.len();
        if length > GREETING_BYTES_MAX {
            bail!("the server has more to say at its login than the gateway takes");
        }
        match message.first() {
            Some(b'E') => return Ok(error(message)),
            Some(b'K') => {
                let mut body = message.slice(5..);
                if !(8..=4 + CANCEL_KEY_BYTES_MAX).contains(&body.len()) {
                    bail!("the server gives a key that is none");
                }
                let process_id = body.get_u32();
                cancel = Some(Cancel { target: target.clone(), process_id, key: SecretSlice::from(body.to_vec()) });
                continue;
            }
            Some(b'Z') => {
                greeting.push(message);
                // What it may have said besides is read with the rest.
                if !socket.input.is_empty() {
                    greeting.push(socket.input.split().freeze());
                }
                let stream = socket.stream;
                return Ok(Outcome::Ready(Box::new(Upstream { stream, negotiated, greeting, cancel })));
            }
            _ => greeting.push(message),
        }
    }
}

impl Cancel {
    /// Asks the server to cancel what the session runs.
    ///
    /// # Errors
    /// When the server cannot be reached. Whether there was anything to cancel it does not say.
    pub(crate) async fn ask(&self) -> anyhow::Result<()> {
        let asking = async {
            let mut socket = open(&self.target).await?;
            let key = Bytes::copy_from_slice(self.key.expose_secret());
            socket.send(&CancelRequest { process_id: self.process_id, key }.packet()).await?;
            // The server closes the connection when it has done what was asked.
            let mut nothing = [0; 1];
            let _closed = socket.stream.read(&mut nothing).await;
            anyhow::Ok(())
        };
        tokio::time::timeout(CANCEL_TIME_MAX, asking).await.context("the target did not answer")?
    }
}

impl Socket {
    async fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(bytes).await.context("the connection broke")?;
        self.stream.flush().await.context("the connection broke")
    }

    async fn send_typed(&mut self, letter: u8, body: &[u8]) -> anyhow::Result<()> {
        let mut message = Zeroizing::new(Vec::with_capacity(body.len() + 5));
        message.put_u8(letter);
        message.put_u32(u32::try_from(body.len() + 4).unwrap_or(u32::MAX));
        message.put_slice(body);
        self.send(&message).await
    }

    async fn send_password(&mut self, password: &[u8]) -> anyhow::Result<()> {
        let mut body = Zeroizing::new(Vec::with_capacity(password.len() + 1));
        body.put_slice(password);
        body.put_u8(0);
        self.send_typed(b'p', &body).await
    }

    /// The next message, whole.
    async fn receive(&mut self) -> anyhow::Result<Bytes> {
        loop {
            if let Some((head, _)) = self.input.split_first_chunk::<5>() {
                let [_, length @ ..] = *head;
                let length = u32::from_be_bytes(length) as usize;
                if !(4..=MESSAGE_BYTES_MAX).contains(&length) {
                    bail!("the server does not speak PostgreSQL");
                }
                if self.input.len() > length {
                    return Ok(self.input.split_to(length + 1).freeze());
                }
            }
            if self.stream.read_buf(&mut self.input).await.context("the connection broke")? == 0 {
                bail!("the server closed the connection during the login");
            }
        }
    }

    /// The next step of a SASL login, which must be of this kind, without its head; or the server's error.
    async fn receive_authentication(&mut self, kind: u32) -> anyhow::Result<Result<Bytes, Outcome>> {
        let message = self.receive().await?;
        let mut body = message.slice(5..);
        match message.first() {
            Some(b'E') => Ok(Err(error(message))),
            Some(b'R') if body.len() >= 4 && body.get_u32() == kind => Ok(Ok(body)),
            _ => bail!("the server does not log in as PostgreSQL does"),
        }
    }
}
