//! Clients of the API: TLS is taken off, the rest is the API's own.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Notify;
use wiretape_admin::door::Door;

use crate::gateway::Gateway;
use crate::transport;

/// The first byte of a TLS handshake (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// How long a client may take to its first byte, and to encryption.
const OPENING_TIME_MAX: Duration = Duration::from_secs(30);

/// Serves one client from its connection to its last byte.
pub(crate) async fn serve(gateway: &Gateway, door: Arc<Door>, socket: TcpStream, address: SocketAddr) {
    transport::prepare(&socket);
    let mut seat = gateway.antechamber().enter();
    let recognised = Arc::new(Notify::new());
    let mut work = pin!(converse(gateway, door, socket, address, Arc::clone(&recognised)));
    tokio::select! {
        () = &mut work => return,
        () = recognised.notified() => {}
        () = seat.lost() => {
            return tracing::info!(%address, "left out: too many connections have not logged in");
        }
    }
    drop(seat);
    work.await;
}

/// Takes TLS off, where there is any, and answers; `recognised` is told when the client is no stranger any more.
async fn converse(gateway: &Gateway, door: Arc<Door>, socket: TcpStream, address: SocketAddr, recognised: Arc<Notify>) {
    let mut first = [0; 1];
    match tokio::time::timeout(OPENING_TIME_MAX, socket.peek(&mut first)).await {
        Ok(Ok(1)) => {}
        _ => return,
    }
    let stopped = gateway.stopped();
    let tell = move || recognised.notify_one();
    if first == [TLS_HANDSHAKE] {
        match tokio::time::timeout(OPENING_TIME_MAX, gateway.admin_tls().accept(socket)).await {
            Ok(Ok(stream)) => door.serve(stream, address, tell, stopped).await,
            Ok(Err(error)) => tracing::debug!(%address, "no TLS with a client of the API: {error}"),
            Err(_) => {}
        }
        return;
    }
    let config = gateway.config();
    if config.tls.everywhere || !address.ip().to_canonical().is_loopback() {
        return tracing::info!(%address, "the API takes no clear text from elsewhere: connect with https");
    }
    door.serve(socket, address, tell, stopped).await;
}
