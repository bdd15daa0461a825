//! How the gateway speaks SSH on both sides: algorithms, windows, sockets.

use std::borrow::Cow;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use russh::keys::PrivateKey;
use russh::{MethodKind, MethodSet, Preferred, SshId, cipher, client, server};
use tokio::io::{AsyncRead, AsyncWrite, Interest};
use tokio::net::TcpStream;

/// What a peer may send on one channel before it must wait for more window.
const WINDOW_BYTES: u32 = 2 * 1024 * 1024;

/// The largest packet that a peer may send.
const PACKET_BYTES_MAX: u32 = 64 * 1024 - 1024;

/// Messages of one channel that may lie between the library and us.
const CHANNEL_MESSAGES_MAX: usize = 32;

/// Keys and tokens that a client may try. A person with a full agent offers many keys before the right one.
const AUTHENTICATION_ATTEMPTS_MAX: usize = 24;

/// How long every refused key or token takes.
pub(crate) const REJECTION_TIME: Duration = Duration::from_millis(50);

const PROGRAM: &str = concat!("SSH-2.0-wiretape_", env!("CARGO_PKG_VERSION"));

/// AES-GCM first: with the instructions that every server processor has, it is twice as fast as ChaCha20. As the
/// client's order decides at the front, ChaCha20 is not offered there at all.
const CIPHERS: &[cipher::Name] =
    &[cipher::AES_128_GCM, cipher::AES_256_GCM, cipher::AES_256_CTR, cipher::AES_192_CTR, cipher::AES_128_CTR];

/// Toward the target ours is the order that decides, and what the target offers is taken.
const UPSTREAM_CIPHERS: &[cipher::Name] = &[
    cipher::AES_128_GCM,
    cipher::AES_256_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

/// The configuration of the side that clients connect to.
pub(crate) fn server_config(host_key: PrivateKey) -> Arc<server::Config> {
    let mut methods = MethodSet::empty();
    for method in [MethodKind::PublicKey, MethodKind::KeyboardInteractive, MethodKind::Password] {
        methods.push(method);
    }
    Arc::new(server::Config {
        server_id: SshId::Standard(Cow::Borrowed(PROGRAM)),
        methods,
        auth_rejection_time: REJECTION_TIME,
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![host_key],
        window_size: WINDOW_BYTES,
        maximum_packet_size: PACKET_BYTES_MAX,
        channel_buffer_size: CHANNEL_MESSAGES_MAX,
        preferred: Preferred { cipher: Cow::Borrowed(CIPHERS), ..Preferred::DEFAULT },
        max_auth_attempts: AUTHENTICATION_ATTEMPTS_MAX,
        inactivity_timeout: None,
        nodelay: true,
        ..server::Config::default()
    })
}

/// The configuration of the side that connects to targets.
pub(crate) fn client_config() -> Arc<client::Config> {
    Arc::new(client::Config {
        client_id: SshId::Standard(Cow::Borrowed(PROGRAM)),
        window_size: WINDOW_BYTES,
        maximum_packet_size: PACKET_BYTES_MAX,
        channel_buffer_size: CHANNEL_MESSAGES_MAX,
        preferred: Preferred { cipher: Cow::Borrowed(UPSTREAM_CIPHERS), ..Preferred::DEFAULT },
        inactivity_timeout: None,
        nodelay: true,
        ..client::Config::default()
    })
}

/// Ends a connection from outside the library, whose own loop may be waiting for a peer that reads nothing.
pub(crate) struct Cutter {
    socket: Option<OwnedFd>,
}

impl Cutter {
    /// A second hold on `socket`.
    pub(crate) fn new(socket: &TcpStream) -> Self {
        Self { socket: socket.as_fd().try_clone_to_owned().ok() }
    }

    /// Resolves when nothing more can come from the peer: it left, or the connection was cut. For while the library's
    /// loop waits for something else and does not read.
    pub(crate) async fn parted(&self) {
        let again = |socket: &OwnedFd| TcpStream::from_std(socket.try_clone().ok()?.into()).ok();
        let Some(watched) = self.socket.as_ref().and_then(again) else { return std::future::pending().await };
        while let Ok(ready) = watched.ready(Interest::READABLE).await {
            if ready.is_read_closed() {
                return;
            }
            // What came is for the library: nothing is read here, and more is waited for.
            let _unread = watched.try_io(Interest::READABLE, || Err::<(), _>(std::io::ErrorKind::WouldBlock.into()));
        }
    }

    /// Ends the connection, whatever still waits in it.
    pub(crate) fn cut(&self) {
        if let Some(socket) = &self.socket {
            let _ended_already = rustix::net::shutdown(socket, rustix::net::Shutdown::Both);
        }
    }
}

/// A socket, in clear text or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Small packets leave at once, and a peer whose machine vanished is noticed after some minutes.
pub(crate) fn prepare(socket: &TcpStream) {
    let outcomes = [
        socket.set_nodelay(true),
        rustix::net::sockopt::set_socket_keepalive(socket, true).map_err(Into::into),
        rustix::net::sockopt::set_tcp_keepidle(socket, Duration::from_secs(60)).map_err(Into::into),
        rustix::net::sockopt::set_tcp_keepintvl(socket, Duration::from_secs(30)).map_err(Into::into),
        rustix::net::sockopt::set_tcp_keepcnt(socket, 6).map_err(Into::into),
    ];
    for outcome in outcomes {
        if let Err(error) = outcome {
            // The connection works without.
            tracing::debug!("a socket option was not set: {error}");
        }
    }
}
