//! Ports of loopback that nobody listens on.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use crate::program::Running;
use crate::stage::wait_until;

/// Ports that are tried: another test may take one between its choice and its use.
const TRIES_MAX: usize = 20;

/// An address on loopback that nobody listens on.
pub(crate) fn free_address() -> SocketAddr {
    free_addresses(1).remove(0)
}

/// So many of them, each another one.
pub(crate) fn free_addresses(count: usize) -> Vec<SocketAddr> {
    let listeners: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port")).collect();
    listeners.iter().map(|listener| listener.local_addr().expect("a listener has an address")).collect()
}

/// Starts a server by `start`, which is told `count` addresses, and waits until it listens on all of them; a server
/// that ends at once found a port taken, and is started again on others.
pub(crate) fn serve(count: usize, start: impl Fn(&[SocketAddr]) -> Running) -> (Running, Vec<SocketAddr>) {
    let mut said = String::new();
    for _ in 0..TRIES_MAX {
        let addresses = free_addresses(count);
        let server = start(&addresses);
        wait_until("a server that listens", || {
            !server.runs() || addresses.iter().all(|address| TcpStream::connect(address).is_ok())
        });
        if server.runs() {
            return (server, addresses);
        }
        said = server.complained();
    }
    panic!("a server would not start: {said}");
}
