//! The doors: accepts connections until the gateway is told to stop, then lets sessions end.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use wiretape_admin::door::Door as Desk;
use wiretape_admin::office::Office;

use crate::config::Config;
use crate::gateway::Gateway;
use crate::patrol;
use crate::runtime::Threads;
use crate::targets;
use crate::terminate;
use crate::terminate::http::Labelled;

/// Connections that the gateway serves at once.
const CONNECTIONS_MAX: usize = 8192;

/// How long open sessions may go on after the gateway was told to stop.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(10);

/// How often the configuration file is looked at for a change.
const CONFIG_LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What is spoken at a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Ssh,
    Postgres,
    Http,
    Proxy,
    Admin,
}

impl Protocol {
    /// The name in the configuration.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ssh => "ssh",
            Self::Postgres => "postgres",
            Self::Http => "http",
            Self::Proxy => "proxy",
            Self::Admin => "admin",
        }
    }
}

/// The open doors.
pub(crate) struct Doors {
    doors: Vec<Door>,
    /// Which door is looked at first; it changes, so that a crowd at one does not keep the others shut.
    first: AtomicUsize,
}

struct Door {
    protocol: Protocol,
    listener: TcpListener,
    address: SocketAddr,
}

impl Doors {
    /// Binds what the configuration names.
    pub(crate) async fn open(config: &Config) -> anyhow::Result<Self> {
        let mut doors = vec![Door::open(Protocol::Ssh, config.ssh).await?];
        let others = [
            (Protocol::Postgres, config.postgres),
            (Protocol::Http, config.http),
            (Protocol::Proxy, config.proxy),
            (Protocol::Admin, config.admin),
        ];
        for (protocol, address) in others {
            if let Some(address) = address {
                doors.push(Door::open(protocol, address).await?);
            }
        }
        Ok(Self { doors, first: AtomicUsize::new(0) })
    }

    /// Where clients of each protocol come in.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = (Protocol, SocketAddr)> {
        self.doors.iter().map(|door| (door.protocol, door.address))
    }

    /// Where SSH clients come in.
    pub(crate) fn ssh_address(&self) -> Option<SocketAddr> {
        self.addresses().find(|(protocol, _)| *protocol == Protocol::Ssh).map(|(_, address)| address)
    }

    /// The next connection at any door.
    async fn accept(&self) -> (Protocol, io::Result<(TcpStream, SocketAddr)>) {
        poll_fn(|context| {
            let ready = |door: &Door| match door.listener.poll_accept(context) {
                Poll::Ready(accepted) => Some((door.protocol, accepted)),
                Poll::Pending => None,
            };
            let first = self.first.fetch_add(1, Ordering::Relaxed);
            let doors =
                self.doors.iter().cycle().skip(first.checked_rem(self.doors.len()).unwrap_or(0)).take(self.doors.len());
            { doors }.find_map(ready).map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Serves until `stop` resolves, then until the open sessions have ended or their time is up.
    pub(crate) async fn serve(
        self,
        gateway: Arc<Gateway>,
        office: Arc<dyn Office>,
        threads: Threads,
        stop: impl Future<Output = ()>,
    ) {
        let desk = Arc::new(Desk::new(office));
        let http = Arc::new(Http { threads, labelled: Arc::default() });
        let walking = tokio::spawn(patrol::walk(Arc::clone(&gateway)));
        let keeping = tokio::spawn(patrol::keep_keys(Arc::clone(&gateway)));
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        tokio::pin!(stop);
        loop {
            // At the limit new clients wait in the kernel's queue; nobody who is inside suffers.
            let place = tokio::select! {
                () = &mut stop => break,
                place = Arc::clone(&places).acquire_owned() => place,
            };
            let (protocol, accepted) = tokio::select! {
                () = &mut stop => break,
                accepted = self.accept() => accepted,
                Some(_ended) = connections.join_next() => continue,
            };
            match accepted {
                Ok((socket, address)) => {
                    let gateway = Arc::clone(&gateway);
                    let (http, desk) = (Arc::clone(&http), Arc::clone(&desk));
                    connections.spawn(async move {
                        match protocol {
                            Protocol::Ssh => terminate::ssh::serve(gateway, socket, address).await,
                            Protocol::Postgres => terminate::postgres::serve(gateway, socket, address).await,
                            Protocol::Http | Protocol::Proxy => http.serve(gateway, socket, protocol).await,
                            Protocol::Admin => terminate::admin::serve(&gateway, desk, socket, address).await,
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    // Out of file descriptors, mostly: it passes when others leave.
                    tracing::warn!("a connection was not accepted: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        gateway.stop();
        let drained = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN_TIME_MAX, drained).await.is_err() {
            tracing::warn!("some sessions did not end in time; their tapes have no trailer");
        }
        walking.abort();
        keeping.abort();
        gateway.store().close();
    }
}

impl Door {
    async fn open(protocol: Protocol, address: SocketAddr) -> anyhow::Result<Self> {
        let name = protocol.name();
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!(
                "cannot listen on {address} for {name}: is another gateway running? listen.{name} names the address"
            )
        })?;
        let address = listener.local_addr().context("a socket without an address")?;
        Ok(Self { protocol, listener, address })
    }
}

/// What clients of HTTP share.
struct Http {
    threads: Threads,
    labelled: Arc<Labelled>,
}

impl Http {
    /// Serves a client on the thread whose turn it is.
    async fn serve(&self, gateway: Arc<Gateway>, socket: TcpStream, protocol: Protocol) {
        let labelled = Arc::clone(&self.labelled);
        let served = async move {
            // A socket belongs to the thread that waits for it.
            let socket = TcpStream::from_std(socket.into_std()?)?;
            let address = socket.peer_addr()?;
            match protocol {
                Protocol::Proxy => terminate::http::serve_proxy(gateway, labelled, socket, address).await,
                _ => terminate::http::serve(gateway, labelled, socket, address).await,
            }
            Ok::<_, io::Error>(())
        };
        match self.threads.spawn(served) {
            Some(serving) => match serving.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!("a client left before it was served: {error}"),
                Err(error) => tracing::error!("a connection ended in a failure of the gateway: {error}"),
            },
            None => tracing::error!("no thread serves HTTP"),
        }
    }
}

/// Resolves on SIGTERM or SIGINT.
pub(crate) async fn told_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Reads the configuration again on SIGHUP and when its file changes. A faulty one changes nothing, and says so.
pub(crate) fn reload(gateway: Arc<Gateway>, path: PathBuf, data_dir: PathBuf) -> anyhow::Result<()> {
    let mut hang_up = signal(SignalKind::hangup()).context("cannot watch for SIGHUP")?;
    let mut read = changed(&path, &gateway.config());
    let mut seen = read.clone();
    tokio::spawn(async move {
        loop {
            let asked = tokio::select! {
                _ = hang_up.recv() => true,
                () = tokio::time::sleep(CONFIG_LOOK_INTERVAL) => false,
            };
            let now = changed(&path, &gateway.config());
            // Files that changed since the look before may be half written: half a file of policies permits something
            // else than all of it.
            let still = now == seen;
            seen.clone_from(&now);
            if !asked && (now.is_empty() || now == read || !still) {
                continue;
            }
            read = now;
            let taken = take(&gateway, &path, &data_dir).await;
            gateway.set_config_faulty(taken.is_err());
            match taken {
                Ok(()) => tracing::info!("the configuration was read again; it holds for new sessions"),
                Err(error) => tracing::error!("the configuration in force stays, the new one is faulty: {error:#}"),
            }
        }
    });
    Ok(())
}

/// Puts in force what the configuration at `path` says now.
///
/// # Errors
/// It is faulty; all stays as it is.
async fn take(gateway: &Gateway, path: &Path, data_dir: &Path) -> anyhow::Result<()> {
    let _one = gateway.changing().await;
    let config = targets::read(path, Some(data_dir))?;
    let before = gateway.config();
    let doors = |config: &Config| (config.ssh, config.postgres, config.http, config.proxy, config.admin);
    for (setting, same) in [
        ("[listen]", doors(&config) == doors(&before)),
        ("[tls]", config.tls == before.tls),
        ("core_dumps", config.core_dumps == before.core_dumps),
    ] {
        if !same {
            tracing::warn!("{setting} changed: that takes a restart");
        }
    }
    gateway.set_config(config).await
}

/// The files that say what is in force, each with the time of its last change; empty while the configuration is not
/// there.
fn changed(path: &Path, config: &Config) -> Vec<(PathBuf, SystemTime)> {
    let modified = |path: &Path| std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let Some(own) = modified(path) else { return Vec::new() };
    let mut files = vec![(path.to_owned(), own)];
    let folder = config.policies.as_ref().and_then(|folder| std::fs::read_dir(folder).ok());
    let policies = folder.into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    files.extend(policies.filter_map(|path| modified(&path).map(|at| (path, at))));
    files.sort_unstable();
    files
}
