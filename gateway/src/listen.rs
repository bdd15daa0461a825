//! The doors: accepts connections until the gateway is told to stop, then lets sessions end.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::gateway::Gateway;
use crate::terminate;

/// Connections that the gateway serves at once.
const CONNECTIONS_MAX: usize = 8192;

/// How long open sessions may go on after the gateway was told to stop.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(10);

/// How often the configuration file is looked at for a change.
const CONFIG_LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// An open door.
pub(crate) struct Doors {
    ssh: TcpListener,
    address: SocketAddr,
}

impl Doors {
    /// Binds what the configuration names.
    pub(crate) async fn open(config: &Config) -> anyhow::Result<Self> {
        let ssh = TcpListener::bind(config.ssh).await.with_context(|| {
            format!("cannot listen on {} for ssh: is another gateway running? listen.ssh names the address", config.ssh)
        })?;
        let address = ssh.local_addr().context("a socket without an address")?;
        Ok(Self { ssh, address })
    }

    /// Where SSH clients come in.
    pub(crate) fn ssh_address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` resolves, then until the open sessions have ended or their time is up.
    pub(crate) async fn serve(self, gateway: Arc<Gateway>, stop: impl Future<Output = ()>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        tokio::pin!(stop);
        loop {
            // At the limit new clients wait in the kernel's queue; nobody who is inside suffers.
            let place = tokio::select! {
                () = &mut stop => break,
                place = Arc::clone(&places).acquire_owned() => place,
            };
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = self.ssh.accept() => accepted,
                Some(_ended) = connections.join_next() => continue,
            };
            match accepted {
                Ok((socket, address)) => {
                    let gateway = Arc::clone(&gateway);
                    connections.spawn(async move {
                        terminate::ssh::serve(gateway, socket, address).await;
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
        gateway.store().close();
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
    let modified = move |path: &PathBuf| std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let mut seen: Option<SystemTime> = modified(&path);
    tokio::spawn(async move {
        loop {
            let asked = tokio::select! {
                _ = hang_up.recv() => true,
                () = tokio::time::sleep(CONFIG_LOOK_INTERVAL) => false,
            };
            let now = modified(&path);
            if !asked && (now.is_none() || now == seen) {
                continue;
            }
            seen = now;
            match Config::read(&path) {
                Ok(mut config) => {
                    if config.ssh != gateway.config().ssh {
                        tracing::warn!("listen.ssh changed: that takes a restart");
                    }
                    config.data_dir.clone_from(&data_dir);
                    gateway.set_config(config);
                    tracing::info!("the configuration was read again; it holds for new sessions");
                }
                Err(error) => tracing::error!("the configuration in force stays, the new one is faulty: {error:#}"),
            }
        }
    });
    Ok(())
}
