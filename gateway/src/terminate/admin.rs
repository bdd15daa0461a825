//! Clients of the API: TLS is taken off, the rest is the API's own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
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
    let mut first = [0; 1];
    match tokio::time::timeout(OPENING_TIME_MAX, socket.peek(&mut first)).await {
        Ok(Ok(1)) => {}
        _ => return,
    }
    let stopped = gateway.stopped();
    if first == [TLS_HANDSHAKE] {
        match tokio::time::timeout(OPENING_TIME_MAX, gateway.admin_tls().accept(socket)).await {
            Ok(Ok(stream)) => door.serve(stream, address, stopped).await,
            Ok(Err(error)) => tracing::debug!(%address, "no TLS with a client of the API: {error}"),
            Err(_) => {}
        }
        return;
    }
    let config = gateway.config();
    if config.tls.everywhere || !address.ip().to_canonical().is_loopback() {
        return tracing::info!(%address, "the API takes no clear text from elsewhere: connect with https");
    }
    door.serve(socket, address, stopped).await;
}
