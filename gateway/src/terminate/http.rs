//! HTTP clients: the versions that they speak, and their way into a session.

mod client;
mod credentials;
mod entrance;
mod sessions;
mod tunnel;

use std::future::{Future, poll_fn};
use std::mem;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason as Code, RecvStream};
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep};
use tokio_rustls::TlsAcceptor;
use wiretape_core::Reason;
use wiretape_core::limits::{HTTP_EXCHANGES_MAX, HTTP_HEAD_BYTES_MAX};
use wiretape_http::{Part, Problem, RequestHead, ResponseHead, refuse};

use crate::exchange;
use crate::gateway::Gateway;
use crate::peer::h1::{Connection, Next};
use crate::peer::h2::AskingStream;
use crate::peer::{Peer, translation};
use crate::transport::Stream;
use crate::{tls, transport};
use client::{Client, Door, Inside};
use entrance::Entry;
pub(crate) use sessions::Labelled;
use tunnel::{Begun, Tunnel};

/// How long a client may take from its connection to a request that is let in.
const LOGIN_TIME_MAX: Duration = Duration::from_secs(60);

/// How long a head may take from its first byte to its last one.
const HEAD_TIME_MAX: Duration = Duration::from_secs(30);

/// How long a connection may rest between two exchanges; at most twice as long.
const REST_TIME_MAX: Duration = Duration::from_secs(600);

/// How long a client may take to say, inside of a tunnel, what it speaks.
const OPENING_TIME_MAX: Duration = Duration::from_secs(30);

/// How long a client may take to read its last answer.
const FAREWELL_TIME_MAX: Duration = Duration::from_secs(5);

/// What is read and dropped of a client that has its last answer, in bytes: closing at once could take the answer back.
const REST_BYTES_MAX: usize = 256 * 1024;

/// What a client may send of one exchange by HTTP/2 before it must wait.
const WINDOW_BYTES: u32 = 1024 * 1024;

/// And of all exchanges of a connection together.
const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// What waits in the library to be sent, for each exchange.
const SEND_BUFFER_BYTES_MAX: usize = 128 * 1024;

/// Exchanges of a connection by HTTP/2 that run at once. Above what a client may have open are those that it broke off
/// and that have not ended yet: whoever has so many of these asks only to break off (CVE-2023-44487).
const EXCHANGES_RUNNING_MAX: usize = 4 * HTTP_EXCHANGES_MAX;

/// The first byte of a TLS handshake (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// What a connection of HTTP/2 begins with (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Serves a client of the reverse proxy from its connection to its last byte.
pub(crate) async fn serve(gateway: Arc<Gateway>, labelled: Arc<Labelled>, socket: TcpStream, address: SocketAddr) {
    take_in(gateway, labelled, socket, address, Door::Reverse).await;
}

/// Serves a client of the forward proxy from its connection to its last byte.
pub(crate) async fn serve_proxy(
    gateway: Arc<Gateway>,
    labelled: Arc<Labelled>,
    socket: TcpStream,
    address: SocketAddr,
) {
    take_in(gateway, labelled, socket, address, Door::Proxy).await;
}

async fn take_in(gateway: Arc<Gateway>, labelled: Arc<Labelled>, socket: TcpStream, address: SocketAddr, door: Door) {
    transport::prepare(&socket);
    let seats = Arc::clone(&gateway);
    let mut seat = seats.antechamber().enter();
    let let_in = Arc::new(Notify::new());
    let mut work = pin!(begin(gateway, labelled, socket, address, door, Arc::clone(&let_in)));
    tokio::select! {
        () = &mut work => return,
        () = let_in.notified() => {}
        () = seat.lost() => {
            return tracing::info!(%address, "left out: too many connections have not logged in");
        }
        () = sleep(LOGIN_TIME_MAX) => {
            return tracing::debug!(%address, "an HTTP client was not let in within {} s", LOGIN_TIME_MAX.as_secs());
        }
    }
    drop(seat);
    work.await;
}

/// Takes TLS off, where there is any.
async fn begin(
    gateway: Arc<Gateway>,
    labelled: Arc<Labelled>,
    socket: TcpStream,
    address: SocketAddr,
    door: Door,
    let_in: Arc<Notify>,
) {
    let mut first = [0; 1];
    let secure = match socket.peek(&mut first).await {
        Ok(1) => first == [TLS_HANDSHAKE],
        _ => return,
    };
    let mut names = Vec::new();
    let stream: Box<dyn Stream> = if secure {
        match gateway.http_tls().accept(socket).await {
            Ok(stream) => {
                let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
                names = certificate.map(tls::names).unwrap_or_default();
                Box::new(stream)
            }
            Err(error) => return tracing::debug!(%address, "no TLS with a client: {error}"),
        }
    } else {
        Box::new(socket)
    };
    let client = Client {
        gateway,
        labelled,
        address,
        door,
        secure,
        names,
        sessions: Mutex::default(),
        recent: Mutex::default(),
        known: AtomicBool::new(false),
        doubt: tokio::sync::Mutex::default(),
        let_in,
    };
    converse(Arc::new(client), stream).await;
}

/// Speaks with a client until it leaves, and ends its sessions.
async fn converse(client: Arc<Client>, stream: Box<dyn Stream>) {
    let speaking = async {
        let (stream, begin) = opening(stream).await?;
        if begin.starts_with(PREFACE) {
            speak_h2(&client, Box::new(Begun::new(begin, stream))).await;
        } else {
            let scheme = if client.secure { "https" } else { "http" };
            speak_h1(&client, Connection::with_client(stream, begin, scheme)).await;
        }
        Some(())
    };
    {
        let mut speaking = pin!(speaking);
        tokio::select! {
            _ = &mut speaking => {}
            () = client.gateway.stopped() => {
                client.close(&Reason::new("shutdown", "the gateway is being stopped"));
                speaking.await;
            }
        }
    }
    client.leave().await;
}

/// Reads until it shows which version of HTTP is spoken; `None` when the client left before.
async fn opening(mut stream: Box<dyn Stream>) -> Option<(Box<dyn Stream>, BytesMut)> {
    let mut begin = BytesMut::new();
    let reading = async {
        loop {
            match stream.read_buf(&mut begin).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
            let length = begin.len().min(PREFACE.len());
            if begin.get(..length) != PREFACE.get(..length) || length == PREFACE.len() {
                return Some(());
            }
        }
    };
    tokio::time::timeout(OPENING_TIME_MAX, reading).await.ok().flatten()?;
    Some((stream, begin))
}

/// How long a connection has been at rest. A clock that is set for every request would cost more than the request.
struct Rest {
    clock: Pin<Box<Sleep>>,
    stirred: bool,
}

impl Rest {
    fn begin() -> Self {
        Self { clock: Box::pin(sleep(REST_TIME_MAX)), stirred: true }
    }

    /// Something is going on.
    fn stir(&mut self) {
        self.stirred = true;
    }

    /// Ready when nothing went on for so long that the connection is closed.
    fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.clock.as_mut().poll(context).is_ready() {
            if !mem::take(&mut self.stirred) {
                return Poll::Ready(());
            }
            self.clock = Box::pin(sleep(REST_TIME_MAX));
        }
        Poll::Pending
    }
}

async fn speak_h1(client: &Arc<Client>, connection: Connection) {
    let mut connection = Box::new(connection);
    let mut rest = Rest::begin();
    let mut stopped = pin!(client.gateway.stopped());
    loop {
        let head = match next(&mut connection, &mut rest, stopped.as_mut()).await {
            Some(Next::Request(head)) => head,
            Some(Next::Malformed(malformed)) => {
                let problem = Problem {
                    status: malformed.status,
                    error: "malformed_request",
                    reason: malformed.reason,
                    place: None,
                };
                tracing::debug!(address = %client.address, "a request was refused: {}", problem.reason);
                let (head, content) = refuse::response(&problem, None, &[]);
                answer(&mut connection, head, content).await;
                break;
            }
            Some(Next::Gone) | None => return,
        };
        match client.enter(&head).await {
            Entry::Exchange(session, route) => {
                let peer = Peer::One(connection);
                let peer = exchange::run(&session.line, &session.upstreams, peer, head, route).await;
                let Peer::One(after) = peer else { return };
                connection = after;
                if !connection.is_reusable() {
                    break;
                }
            }
            Entry::Answer(head, content) => {
                answer(&mut connection, *head, content).await;
                if !connection.is_reusable() {
                    break;
                }
            }
            Entry::Inside(inside) => {
                connection.put(Part::Response(Box::new(granted())));
                let sent = poll_fn(|context| connection.poll_sent(context));
                if !matches!(tokio::time::timeout(FAREWELL_TIME_MAX, sent).await, Ok(Ok(()))) {
                    return;
                }
                let (stream, begin) = connection.into_stream();
                return dig(client, inside, head, Box::new(Begun::new(begin, stream))).await;
            }
        }
    }
    linger(*connection).await;
}

/// The next request; `None` when there is none to come.
async fn next(
    connection: &mut Connection,
    rest: &mut Rest,
    mut stopped: Pin<&mut impl Future<Output = ()>>,
) -> Option<Next> {
    rest.stir();
    // Mostly it is there: then no clock is set.
    let ready = poll_fn(|context| {
        Poll::Ready(match connection.poll_begun(context) {
            Poll::Ready(begun) => Some((begun, connection.poll_request(context))),
            Poll::Pending => None,
        })
    })
    .await;
    match ready {
        Some((_, Poll::Ready(next))) => return Some(next),
        Some((false, _)) => return None,
        Some((true, Poll::Pending)) => {}
        None => {
            let begun = poll_fn(|context| {
                let begun = connection.poll_begun(context);
                let over = rest.poll_over(context).is_ready() || stopped.as_mut().poll(context).is_ready();
                if begun.is_pending() && over { Poll::Ready(false) } else { begun }
            });
            if !begun.await {
                return None;
            }
        }
    }
    let request = poll_fn(|context| connection.poll_request(context));
    match tokio::time::timeout(HEAD_TIME_MAX, request).await {
        Ok(next) => Some(next),
        Err(_) => {
            let seconds = HEAD_TIME_MAX.as_secs();
            let reason = format!("the head of the request did not come within {seconds} s");
            let problem = Problem { status: 408, error: "request_timeout", reason, place: None };
            let (head, content) = refuse::response(&problem, None, &[]);
            connection.set_last();
            connection.answer_unknown();
            answer(connection, head, content).await;
            None
        }
    }
}

/// Answers in the gateway's own words, and takes what the client still says.
async fn answer(connection: &mut Connection, head: ResponseHead, content: Bytes) {
    connection.put(Part::Response(Box::new(head)));
    if !content.is_empty() {
        connection.put(Part::Body(content));
    }
    connection.put(Part::End);
    let mut left = REST_BYTES_MAX;
    let taking = poll_fn(|context| {
        let sent = connection.poll_sent(context).is_ready();
        while !connection.has_said_end() && left > 0 {
            match connection.poll_part(context) {
                Poll::Ready(Part::Body(bytes)) => left = left.saturating_sub(bytes.len()),
                Poll::Ready(Part::Reset { .. }) => left = 0,
                Poll::Ready(_) => {}
                Poll::Pending => break,
            }
        }
        if sent && (left == 0 || connection.has_said_end()) { Poll::Ready(()) } else { Poll::Pending }
    });
    if tokio::time::timeout(FAREWELL_TIME_MAX, taking).await.is_err() || left == 0 {
        connection.set_last();
    }
}

/// Closes so that the client gets to read its last answer: what it has still sent would else take the answer back.
async fn linger(connection: Connection) {
    let (mut stream, _) = connection.into_stream();
    let lingering = async {
        stream.shutdown().await?;
        let mut rest = [0; 4096];
        let mut left = REST_BYTES_MAX;
        while left > 0 {
            match stream.read(&mut rest).await? {
                0 => break,
                length => left = left.saturating_sub(length),
            }
        }
        Ok::<_, std::io::Error>(())
    };
    // A client that is gone needs nothing.
    let _gone = tokio::time::timeout(FAREWELL_TIME_MAX, lingering).await;
}

async fn speak_h2(client: &Arc<Client>, stream: Box<dyn Stream>) {
    let handshake = h2::server::Builder::new()
        .initial_window_size(WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(u32::try_from(HTTP_EXCHANGES_MAX).unwrap_or(u32::MAX))
        .max_header_list_size(u32::try_from(HTTP_HEAD_BYTES_MAX).unwrap_or(u32::MAX))
        .max_send_buffer_size(SEND_BUFFER_BYTES_MAX)
        .enable_connect_protocol()
        .handshake::<_, Bytes>(stream);
    let mut connection = match tokio::time::timeout(HEAD_TIME_MAX, handshake).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return tracing::debug!(address = %client.address, "no HTTP/2 with a client: {error}"),
        Err(_) => return,
    };
    let mut exchanges = JoinSet::new();
    let mut rest = Rest::begin();
    let mut stopped = pin!(client.gateway.stopped());
    let mut leaving = false;
    loop {
        let idle = exchanges.is_empty();
        if !idle {
            rest.stir();
        }
        tokio::select! {
            accepted = connection.accept() => match accepted {
                Some(Ok((request, respond))) => {
                    if exchanges.len() >= EXCHANGES_RUNNING_MAX && !leaving {
                        tracing::warn!(address = %client.address, "a client opens streams only to break them off");
                        leaving = true;
                        connection.abrupt_shutdown(Code::ENHANCE_YOUR_CALM);
                        continue;
                    }
                    exchanges.spawn(exchange_h2(Arc::clone(client), request, respond));
                }
                Some(Err(error)) => {
                    tracing::debug!(address = %client.address, "the connection of a client broke: {error}");
                    break;
                }
                None => break,
            },
            () = poll_fn(|context| rest.poll_over(context)), if idle && !leaving => {
                leaving = true;
                connection.graceful_shutdown();
            }
            () = &mut stopped, if !leaving => {
                leaving = true;
                connection.graceful_shutdown();
            }
            Some(_ended) = exchanges.join_next() => {}
        }
    }
    // Their streams end with the connection: they notice, and say so on the record.
    drop(connection);
    while exchanges.join_next().await.is_some() {}
}

async fn exchange_h2(client: Arc<Client>, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    let (parts, content) = request.into_parts();
    let scheme = match client.door {
        Door::Proxy => None,
        Door::Reverse | Door::Inside(_) => Some(if client.secure { "https" } else { "http" }),
    };
    let head = match translation::request_head(Request::from_parts(parts, ()), content.is_end_stream(), scheme) {
        Ok(head) => Box::new(head),
        Err(malformed) => {
            tracing::debug!(address = %client.address, "a request was refused: {}", malformed.reason);
            let problem =
                Problem { status: malformed.status, error: "malformed_request", reason: malformed.reason, place: None };
            let (head, content) = refuse::response(&problem, None, &[]);
            return answer_h2(&mut respond, &head, content);
        }
    };
    match client.enter(&head).await {
        Entry::Exchange(session, route) => {
            let peer = Peer::Asking(Box::new(AskingStream::new(content, respond)));
            let _done = exchange::run(&session.line, &session.upstreams, peer, head, route).await;
        }
        Entry::Answer(head, content) => answer_h2(&mut respond, &head, content),
        Entry::Inside(inside) => match AskingStream::new(content, respond).into_tunnel() {
            Ok((content, stream)) => dig(&client, inside, head, Box::new(Tunnel::new(content, stream))).await,
            Err(error) => tracing::debug!("a tunnel was not dug: {error}"),
        },
    }
}

/// Answers in the gateway's own words; what the client still says is not wanted.
fn answer_h2(respond: &mut SendResponse<Bytes>, head: &ResponseHead, content: Bytes) {
    let Some(response) = translation::response(head) else { return respond.send_reset(Code::INTERNAL_ERROR) };
    // A client that has gone hears nothing any more.
    if let Ok(mut stream) = respond.send_response(response, content.is_empty())
        && !content.is_empty()
    {
        let _gone = stream.send_data(content, true);
    }
}

/// The answer to a CONNECT.
fn granted() -> ResponseHead {
    ResponseHead {
        version: wiretape_core::event::HttpVersion::Http11,
        status: 200,
        reason: Bytes::from_static(b"Connection established"),
        fields: Vec::new(),
        content: wiretape_http::Content::Tunnel,
    }
}

/// What comes through a tunnel is for the gateway: it ends TLS in the place of the target, where the client speaks it.
fn dig<'a>(
    client: &'a Arc<Client>,
    inside: Box<Inside>,
    head: Box<RequestHead>,
    mut stream: Box<dyn Stream>,
) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
    // Boxed, for a tunnel is served as a connection is.
    Box::pin(async move {
        let mut first = BytesMut::new();
        let reading = tokio::time::timeout(OPENING_TIME_MAX, stream.read_buf(&mut first));
        if !matches!(reading.await, Ok(Ok(length)) if length > 0) {
            return;
        }
        let encrypted = first.first() == Some(&TLS_HANDSHAKE);
        let stream: Box<dyn Stream> = Box::new(Begun::new(first, stream));
        if !encrypted {
            let mut inside = inside;
            inside.origin.secure = false;
            return converse(client.inside(Arc::from(inside), false), stream).await;
        }
        let config = match client.gateway.authority().server_config(&inside.origin.host) {
            Ok(config) => config,
            Err(error) => return tracing::error!("no certificate for {}: {error:#}", inside.origin.host),
        };
        let accepting = tokio::time::timeout(OPENING_TIME_MAX, TlsAcceptor::from(config).accept(stream));
        match accepting.await {
            Ok(Ok(stream)) => converse(client.inside(Arc::from(inside), true), Box::new(stream)).await,
            // A client that just goes away had prepared a connection that it does not need.
            Ok(Err(error)) if error.kind() != std::io::ErrorKind::InvalidData => {
                tracing::debug!(address = %client.address, "a client left its tunnel before TLS: {error}");
            }
            Ok(Err(error)) => {
                tracing::warn!(
                    address = %client.address,
                    "no TLS with a client in the place of {}: {error}; does it trust what `wiretape ca` prints?",
                    inside.origin.authority()
                );
                entrance::record_distrust(&client.gateway, client, &head, &inside, &error.to_string()).await;
            }
            Err(_) => {}
        }
    })
}
