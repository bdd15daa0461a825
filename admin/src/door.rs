//! The door of the API: one connection after the other, each within its limits.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_io_timeout::TimeoutStream;
use tower_service::Service;

use crate::desk::{Desk, Peer, Recognised};
use crate::limits::{HEAD_BYTES_MAX, HEAD_TIME_MAX, HEADERS_MAX, STALL_TIME_MAX};
use crate::office::Office;
use crate::router;

/// The API, ready to take connections.
pub struct Door {
    router: Router,
}

impl Door {
    /// The API in front of `office`.
    #[must_use]
    pub fn new(office: Arc<dyn Office>) -> Self {
        Self { router: router::router(Arc::new(Desk::new(office))) }
    }

    /// Serves one connection until its client leaves, or until `shutdown` resolves: then what is being answered is
    /// answered to its end, for as long as the caller goes on polling.
    ///
    /// `recognised` is told whenever somebody proved who they are: until then it is a stranger's connection.
    ///
    /// Limited are the size and the time of heads, how long a connection is idle, and how long an answer makes no
    /// progress; the caller limits the number of connections.
    pub async fn serve<S, R, F>(&self, stream: S, peer: SocketAddr, recognised: R, shutdown: F)
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
        R: Fn() + Send + Sync + 'static,
        F: Future<Output = ()> + Send,
    {
        let recognised = Recognised(Arc::new(recognised));
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(STALL_TIME_MAX));
        let router = self.router.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            let mut router = router.clone();
            request.extensions_mut().insert(Peer(peer));
            request.extensions_mut().insert(recognised.clone());
            async move {
                Ok::<_, Infallible>(match router.call(request.map(Body::new)).await {
                    Ok(response) => response,
                })
            }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME_MAX)
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEAD_BYTES_MAX);
        let connection = http.serve_connection(TokioIo::new(Box::pin(stream)), service);
        tokio::pin!(connection, shutdown);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = shutdown => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, "a connection to the API ended early: {error}");
        }
    }
}
