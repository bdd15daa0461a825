//! SSH clients: who they are, what they want to reach, and what they say on their channels.

mod admission;
mod handler;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpStream;
use wiretape_core::event::StreamKind;
use wiretape_core::{Input, Lane, Reason, Side};
use wiretape_ssh::{Message, OpenFailure};

use crate::channel::{Channel, Opening, listen};
use crate::clock::SessionClock;
use crate::gateway::Gateway;
use crate::line::{Door, Line};
use crate::outlet::OutletQueue;
use crate::transport::{self, Cutter};
use admission::Attempt;
use handler::ClientHandler;

/// How long a client may take from its first byte to a proof of who it is. A person may have to type.
const LOGIN_TIME_MAX: Duration = Duration::from_secs(120);

/// How long the client may take to read its last bytes after the session ended.
const FAREWELL_TIME_MAX: Duration = Duration::from_secs(10);

/// How long a client that has everything may take to leave by itself.
const LEAVING_TIME_MAX: Duration = Duration::from_secs(2);

/// Serves one client from its connection to its last byte.
pub(crate) async fn serve(gateway: Arc<Gateway>, socket: TcpStream, address: SocketAddr) {
    let clock = SessionClock::start();
    transport::prepare(&socket);
    let cutter = Arc::new(Cutter::new(&socket));
    let attempt = Arc::new(Mutex::new(Attempt::new(clock, address)));
    let handler = ClientHandler::new(Arc::clone(&gateway), Arc::clone(&attempt), Arc::clone(&cutter));
    let mut seat = gateway.antechamber().enter();
    let starting = tokio::time::timeout(LOGIN_TIME_MAX, russh::server::run_stream(gateway.ssh(), socket, handler));
    let started = tokio::select! {
        started = starting => started,
        () = seat.lost() => return,
    };
    let session = match started {
        Ok(Ok(session)) => session,
        Ok(Err(error)) => return tracing::debug!(%address, "no SSH: {error}"),
        Err(_) => return tracing::debug!(%address, "no SSH within {} s", LOGIN_TIME_MAX.as_secs()),
    };
    let handle = session.handle();
    let (ended_put, mut ended) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        if let Err(error) = session.await {
            tracing::debug!(%address, "the connection broke off: {error}");
        }
        ended_put.send_replace(true);
    });
    let admitted = tokio::select! {
        line = admission::admitted(&attempt) => Some(line),
        () = left(&mut ended) => admission::line(&attempt),
        () = tokio::time::sleep(LOGIN_TIME_MAX) => None,
        () = seat.lost() => None,
        () = gateway.stopped() => None,
    };
    drop(seat);
    let Some(line) = admitted else {
        disconnect(&handle, "wiretape: no login").await;
        let _left = tokio::time::timeout(LEAVING_TIME_MAX, left(&mut ended)).await;
        cutter.cut();
        admission::record_refusal(&gateway, &attempt).await;
        return;
    };
    let reason = tokio::select! {
        reason = line.closed() => reason,
        () = left(&mut ended) => {
            line.handle(Input::End { side: Side::Client });
            Reason::new("client", "the client left")
        }
        () = gateway.stopped() => Reason::new("gateway", "the gateway is being stopped"),
        lost = line.recording().lost() => {
            Reason::new("recorder", format!("the session ends here, because it can no longer be recorded: {lost}"))
        }
    };
    line.close(reason);
    let reason = line.closed().await;
    tokio::select! {
        () = line.drained(Side::Client, FAREWELL_TIME_MAX) => {}
        () = left(&mut ended) => {}
    }
    if tokio::time::timeout(LEAVING_TIME_MAX, left(&mut ended)).await.is_err() {
        disconnect(&handle, &format!("wiretape: {}", reason.text)).await;
        let _left = tokio::time::timeout(LEAVING_TIME_MAX, left(&mut ended)).await;
    }
    cutter.cut();
    line.release();
    match line.recording().finish().await {
        Ok(summary) => {
            tracing::info!(session = %line.recording().id(), events = summary.events, "session closed: {}", reason.text);
        }
        Err(lost) => tracing::error!(session = %line.recording().id(), "the tape was not finished: {lost}"),
    }
}

/// Resolves when the connection has ended.
async fn left(ended: &mut tokio::sync::watch::Receiver<bool>) {
    // The sender goes with the connection's task: an error means the same.
    drop(ended.wait_for(|ended| *ended).await);
}

async fn disconnect(handle: &russh::server::Handle, text: &str) {
    let telling = handle.disconnect(russh::Disconnect::ByApplication, text.to_owned(), String::new());
    // A connection that is stuck takes no word any more.
    let _gone = tokio::time::timeout(LEAVING_TIME_MAX, telling).await;
}

/// Lanes that the upstream opened: channels toward the client.
pub(super) struct ClientDoor {
    handle: russh::server::Handle,
}

impl Door for ClientDoor {
    fn open(&self, line: &Line, lane: Lane, queue: OutletQueue) {
        tokio::spawn(open(self.handle.clone(), line.clone(), lane, queue));
    }
}

async fn open(handle: russh::server::Handle, line: Line, lane: Lane, mut queue: OutletQueue) {
    let Ok(Some(first)) = queue.next().await else { return };
    let Message::Open { kind, .. } = first.message else { return };
    if line.kept(first.event).await.is_err() {
        return;
    }
    let outcome = match kind {
        StreamKind::ForwardedTcpip { host, port, originator, originator_port } => {
            handle.channel_open_forwarded_tcpip(host, port, originator, originator_port).await
        }
        StreamKind::ForwardedStreamlocal { path } => handle.channel_open_forwarded_streamlocal(path).await,
        StreamKind::Agent => handle.channel_open_agent().await,
        StreamKind::Session
        | StreamKind::DirectTcpip { .. }
        | StreamKind::DirectStreamlocal { .. }
        | StreamKind::X11 { .. } => {
            Err(russh::Error::ChannelOpenFailure(russh::ChannelOpenFailure::UnknownChannelType))
        }
    };
    match outcome {
        Ok(channel) => {
            let (read, write) = channel.split();
            line.say(Side::Client, Message::Opened { lane });
            tokio::spawn(listen(line.clone(), Side::Client, lane, read));
            let channel = Channel { line, lane, write, exit_signal: None, program: false };
            channel.serve(Opening::Done, queue).await;
        }
        Err(error) => {
            let reason = match &error {
                russh::Error::ChannelOpenFailure(reason) => crate::channel::open_failure_of(reason),
                _ => OpenFailure::ConnectFailed,
            };
            line.say(Side::Client, Message::Rejected { lane, reason, text: error.to_string() });
        }
    }
}
