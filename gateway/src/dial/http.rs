//! The way to targets of the kinds `http` and `tunnel`: connections of one session, never shared with another, and the
//! target's own credential.

mod metered;
mod proof;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use data_encoding::BASE64;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use wiretape_core::limits::HTTP_HEAD_BYTES_MAX;
use wiretape_credentials::sigv4::Payload;
use wiretape_http::{Content, Field, Problem, RequestHead};

use crate::clock::SessionClock;
use crate::config::{HttpChoice, HttpTarget, Origin, Target, TargetKind};
use crate::peer::h2::AskedStream;
use crate::peer::{Opaque, Peer, h1, translation};
use crate::transport::Stream;
use crate::{tls, transport};
use metered::Metered;
use proof::Proof;

/// How long a target may take until a connection with it is there.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(20);

/// Connections of HTTP/1.1 to one origin that rest, at most.
const RESTING_MAX: usize = 64;

/// Origins that a session may have connections with: targets of several hosts have several.
const ORIGINS_MAX: usize = 256;

/// What a target may send of one exchange by HTTP/2 before it must wait.
const WINDOW_BYTES: u32 = 1024 * 1024;

/// And of all exchanges of a connection together.
const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// What waits in the library to be sent, for each exchange.
const SEND_BUFFER_BYTES_MAX: usize = 128 * 1024;

/// The connections of one session.
pub(crate) struct Upstreams {
    target: Arc<Target>,
    clock: SessionClock,
    proof: Proof,
    origins: Mutex<BTreeMap<Origin, Arc<Ways>>>,
}

/// The ways to one origin.
#[derive(Default)]
pub(crate) struct Ways {
    connectors: tokio::sync::OnceCell<Connectors>,
    #[expect(clippy::vec_box, reason = "a connection goes from hand to hand: it is large, and moved often")]
    resting: Mutex<Vec<Box<h1::Connection>>>,
    /// The connection by HTTP/2; whoever makes it is waited for.
    h2: tokio::sync::Mutex<Way>,
}

#[derive(Default)]
enum Way {
    #[default]
    Unknown,
    /// It speaks HTTP/1.1 only.
    One,
    Two(h2::client::SendRequest<Bytes>),
}

/// What there is of a connection by HTTP/2.
enum Found {
    /// The connection, and whether it was there before.
    Two(h2::client::SendRequest<Bytes>, bool),
    /// The target speaks HTTP/1.1; the connection on which it said so.
    One(Option<Box<h1::Connection>>),
}

struct Connectors {
    either: TlsConnector,
    one: TlsConnector,
}

/// A way to a target that was opened for one exchange.
pub(crate) struct Opened {
    pub(crate) peer: Peer,
    /// The connection served before: the target may have closed it meanwhile.
    pub(crate) used: bool,
    /// Where it rests when it has served.
    pub(crate) home: Option<Arc<Ways>>,
}

/// How often, and how many times, a target's settings are looked at.
const SETTINGS_LOOK_TIME: Duration = Duration::from_millis(10);
const SETTINGS_LOOKS_MAX: usize = 200;

/// Why there is no way.
enum Failure {
    /// Nobody answers there, or not as it should.
    Unreachable(anyhow::Error),
    Slow,
    /// The gateway itself has not what it needs.
    Gateway(anyhow::Error),
}

impl Upstreams {
    pub(crate) fn new(target: Arc<Target>, clock: SessionClock) -> Self {
        Self { target, clock, proof: Proof::default(), origins: Mutex::new(BTreeMap::new()) }
    }

    /// The target's name.
    pub(crate) fn name(&self) -> &str {
        &self.target.name
    }

    /// What may be wrong besides, when a target does not answer.
    pub(crate) fn doubt(&self) -> &'static str {
        match &self.target.kind {
            TargetKind::Http(http) if http.version == HttpChoice::Two => {
                "; does it speak HTTP/2, as http = \"2\" says?"
            }
            _ => "",
        }
    }

    /// A way to the target for `head`, which is put on it with the target's credential. `content` is what is known of
    /// the content, where it has to be ([`Upstreams::demands_content`]).
    pub(crate) async fn open(&self, head: &RequestHead, content: Option<Payload>) -> Result<Opened, Problem> {
        self.opened(head, content).await.map_err(|failure| {
            let name = &self.target.name;
            let problem = match failure {
                Failure::Unreachable(error) => {
                    let reason = format!("cannot reach the target {name}: {error:#}");
                    Problem { status: 502, error: "target_unreachable", reason, place: None }
                }
                Failure::Slow => {
                    let seconds = CONNECT_TIME_MAX.as_secs();
                    let reason = format!("cannot reach the target {name}: no connection within {seconds} s");
                    Problem { status: 504, error: "target_timeout", reason, place: None }
                }
                Failure::Gateway(error) => {
                    let reason = format!("the gateway has no way to the target {name}: {error:#}");
                    Problem { status: 502, error: "target_misconfigured", reason, place: None }
                }
            };
            tracing::warn!("{}", problem.reason);
            problem
        })
    }

    async fn opened(&self, head: &RequestHead, content: Option<Payload>) -> Result<Opened, Failure> {
        let authority = String::from_utf8_lossy(&head.authority);
        let asked = Origin::parse(head.scheme.as_ref() == b"https", &authority)
            .ok_or_else(|| Failure::Unreachable(anyhow!("{authority:?} names no host")))?;
        match &self.target.kind {
            TargetKind::Http(http) => self.ask(http, &asked, head, content).await,
            TargetKind::Tunnel(_) => {
                let stream = connect(&asked.host, asked.port).await?;
                Ok(Opened { peer: Peer::Opaque(Box::new(Opaque::new(Box::new(stream)))), used: false, home: None })
            }
            TargetKind::Ssh(_) | TargetKind::Command(_) | TargetKind::Postgres(_) => {
                Err(Failure::Gateway(anyhow!("it speaks no HTTP")))
            }
        }
    }

    async fn ask(
        &self,
        http: &HttpTarget,
        asked: &Origin,
        head: &RequestHead,
        content: Option<Payload>,
    ) -> Result<Opened, Failure> {
        let origin = http.origin.as_ref().unwrap_or(asked);
        let ways = self.ways(origin)?;
        let mut head = head.clone();
        self.proof.put(http, &mut head, content, self.clock).await.map_err(Failure::Gateway)?;
        // A connection becomes another protocol by HTTP/1.1, but where the target speaks nothing but HTTP/2.
        let upgrade = head.protocol.is_some();
        let two = match http.version {
            HttpChoice::One => false,
            HttpChoice::Two => true,
            HttpChoice::Auto => origin.secure && !upgrade,
        };
        if two {
            let sender = match self.way_by_h2(http, origin, &ways).await? {
                Found::Two(sender, used) => Some((sender, used)),
                Found::One(None) => None,
                Found::One(Some(connection)) => return Ok(ask_by_h1(connection, head, false, ways)),
            };
            if let Some((sender, used)) = sender {
                if let Some(peer) = ask_by_h2(sender, &head).await? {
                    return Ok(Opened { peer, used, home: None });
                }
                // It took no more requests; another one is made, once.
                *ways.h2.lock().await = Way::Unknown;
                if let Found::Two(sender, _) = self.way_by_h2(http, origin, &ways).await?
                    && let Some(peer) = ask_by_h2(sender, &head).await?
                {
                    return Ok(Opened { peer, used: false, home: None });
                }
                return Err(Failure::Unreachable(anyhow!("the target closed the connection before it was asked")));
            }
        }
        while let Some(mut connection) = ways.rested() {
            if connection.rests() {
                return Ok(ask_by_h1(connection, head, true, ways));
            }
        }
        let stream = connect(&origin.host, origin.port).await?;
        let stream: Box<dyn Stream> = if origin.secure {
            let connectors = ways.connectors(http).await?;
            Box::new(handshake(&connectors.one, origin, stream).await?)
        } else {
            Box::new(stream)
        };
        Ok(ask_by_h1(Box::new(h1::Connection::with_target(stream)), head, false, ways))
    }

    /// The connection by HTTP/2, which is made where there is none; or what there is when the target speaks HTTP/1.1.
    async fn way_by_h2(&self, http: &HttpTarget, origin: &Origin, ways: &Ways) -> Result<Found, Failure> {
        let mut way = ways.h2.lock().await;
        match &*way {
            Way::Two(sender) => return Ok(Found::Two(sender.clone(), true)),
            Way::One => return Ok(Found::One(None)),
            Way::Unknown => {}
        }
        let stream = connect(&origin.host, origin.port).await?;
        let (stream, agreed): (Box<dyn Stream>, bool) = if origin.secure {
            let connectors = ways.connectors(http).await?;
            let stream = handshake(&connectors.either, origin, stream).await?;
            let agreed = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            (Box::new(stream), agreed)
        } else {
            (Box::new(stream), true)
        };
        if agreed {
            let sender = speak_h2(stream).await?;
            *way = Way::Two(sender.clone());
            return Ok(Found::Two(sender, false));
        }
        if http.version == HttpChoice::Two {
            return Err(Failure::Unreachable(anyhow!("the target does not speak HTTP/2: set http = \"auto\"")));
        }
        *way = Way::One;
        Ok(Found::One(Some(Box::new(h1::Connection::with_target(stream)))))
    }

    /// Whether the whole content has to be known before the target can be asked with `head`.
    ///
    /// # Errors
    /// The request cannot be signed in the client's place.
    pub(crate) fn demands_content(&self, head: &RequestHead) -> Result<bool, Problem> {
        let TargetKind::Http(http) = &self.target.kind else { return Ok(false) };
        proof::demands_content(http, head).map_err(|error| Problem {
            status: 501,
            error: "cannot_sign",
            reason: format!("the request cannot be signed for the target {}: {error:#}", self.target.name),
            place: None,
        })
    }

    /// Notes with what status the target answered: it may not know the gateway any more.
    pub(crate) fn answered(&self, status: u16) {
        if let TargetKind::Http(http) = &self.target.kind
            && let Some(credential) = &http.credential
            && (status == 401 || (status == 403 && proof::signs(http)))
        {
            self.proof.refused(&credential.source, self.clock);
        }
    }

    fn ways(&self, origin: &Origin) -> Result<Arc<Ways>, Failure> {
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ways) = origins.get(origin) {
            return Ok(Arc::clone(ways));
        }
        if origins.len() >= ORIGINS_MAX {
            // The ones that rest are closed; those at work end by themselves.
            origins.clear();
        }
        Ok(Arc::clone(origins.entry(origin.clone()).or_default()))
    }
}

impl Ways {
    /// Keeps a connection that served an exchange, where it can serve another one.
    pub(crate) fn give_back(&self, peer: Peer) {
        let Peer::One(connection) = peer else { return };
        if connection.is_reusable() {
            let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
            if resting.len() < RESTING_MAX {
                resting.push(connection);
            }
        }
    }

    fn rested(&self) -> Option<Box<h1::Connection>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    async fn connectors(&self, http: &HttpTarget) -> Result<&Connectors, Failure> {
        let make = || async {
            let two: &[&[u8]] = match http.version {
                HttpChoice::Auto => tls::HTTP,
                HttpChoice::One => tls::HTTP_1,
                HttpChoice::Two => tls::HTTP_2,
            };
            Ok::<_, anyhow::Error>(Connectors {
                either: tls::connector(http.tls, &http.tls_files, two)?,
                one: tls::connector(http.tls, &http.tls_files, tls::HTTP_1)?,
            })
        };
        self.connectors.get_or_try_init(make).await.map_err(Failure::Gateway)
    }
}

fn ask_by_h1(mut connection: Box<h1::Connection>, mut head: RequestHead, used: bool, home: Arc<Ways>) -> Opened {
    let websocket = head.protocol.as_ref().is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"websocket"));
    if websocket && !head.fields.iter().any(|field| field.name.eq_ignore_ascii_case(b"sec-websocket-key")) {
        // The client speaks HTTP/2, where a WebSocket has no handshake of its own (RFC 8441 section 5).
        let mut key = [0; 16];
        if getrandom::fill(&mut key).is_ok() {
            let value = Bytes::from(BASE64.encode(&key));
            head.fields.push(Field { name: Bytes::from_static(b"Sec-WebSocket-Key"), value });
        }
    }
    connection.put(wiretape_http::Part::Request(Box::new(head), Arc::default()));
    Opened { peer: Peer::One(connection), used, home: Some(home) }
}

/// Asks on a connection of HTTP/2; `None` when it takes no more requests.
async fn ask_by_h2(sender: h2::client::SendRequest<Bytes>, head: &RequestHead) -> Result<Option<Peer>, Failure> {
    let Ok(mut sender) = sender.ready().await else { return Ok(None) };
    let upgrade = head.protocol.is_some();
    if upgrade && !lets_upgrade(&sender).await {
        let error = anyhow!("the target does not let a stream become another protocol (RFC 8441): set http = \"1.1\"");
        return Err(Failure::Unreachable(error));
    }
    let request = translation::request(head)
        .map_err(|error| Failure::Unreachable(anyhow!("the request cannot be said in HTTP/2: {error}")))?;
    let ended = head.content == Content::Empty && !upgrade;
    match sender.send_request(request, ended) {
        Ok((response, stream)) => {
            let head_only = head.method.as_ref() == b"HEAD";
            Ok(Some(Peer::Asked(Box::new(AskedStream::new(response, stream, ended, head_only, upgrade)))))
        }
        Err(_) => Ok(None),
    }
}

/// Whether streams may become another protocol: the target says so in its settings, which may not have come yet.
async fn lets_upgrade(sender: &h2::client::SendRequest<Bytes>) -> bool {
    for _ in 0..SETTINGS_LOOKS_MAX {
        if sender.is_extended_connect_protocol_enabled() {
            return true;
        }
        tokio::time::sleep(SETTINGS_LOOK_TIME).await;
    }
    false
}

async fn speak_h2(stream: Box<dyn Stream>) -> Result<h2::client::SendRequest<Bytes>, Failure> {
    let max = u32::try_from(HTTP_HEAD_BYTES_MAX).unwrap_or(u32::MAX);
    let handshake = h2::client::Builder::new()
        .enable_push(false)
        .initial_window_size(WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(max)
        .max_send_buffer_size(SEND_BUFFER_BYTES_MAX)
        .handshake(Metered::new(stream));
    let (sender, connection) = timely(handshake)
        .await?
        .map_err(|error| Failure::Unreachable(anyhow!("the target does not speak HTTP/2: {error}")))?;
    // It ends when nobody asks on it any more.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("a connection to a target broke: {error}");
        }
    });
    Ok(sender)
}

/// Waits as long as a target may take.
async fn timely<T>(step: impl Future<Output = T>) -> Result<T, Failure> {
    tokio::time::timeout(CONNECT_TIME_MAX, step).await.map_err(|_| Failure::Slow)
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, Failure> {
    let socket = timely(TcpStream::connect((host, port)))
        .await?
        .with_context(|| format!("no connection to {host}:{port}"))
        .map_err(Failure::Unreachable)?;
    transport::prepare(&socket);
    Ok(socket)
}

async fn handshake(
    connector: &TlsConnector,
    origin: &Origin,
    socket: TcpStream,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Failure> {
    let name = tls::server_name(&origin.host).map_err(Failure::Gateway)?;
    timely(connector.connect(name, socket)).await?.map_err(|error| {
        let authority = origin.authority();
        Failure::Unreachable(anyhow!(
            "no TLS with {authority}: {error}; tls_ca and tls say what its certificate has to show"
        ))
    })
}
