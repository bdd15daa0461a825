//! Ports of loopback that nobody listens on.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::program::Running;
use crate::stage::wait_until;

/// Ports that are tried: another test may take one between its choice and its use.
const TRIES_MAX: usize = 20;

/// The first port that is given out, and how many are: they lie below those that the system gives to whoever does not
/// care which (`ip_local_port_range`), so that nobody gets one between its choice and its use.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// An address that nobody listens on: a port of the system's, which is given to nobody (tcpmux, RFC 1078).
pub const CLOSED: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1));

/// An address on loopback that nobody listens on.
pub(crate) fn free_address() -> SocketAddr {
    free_addresses(1).remove(0)
}

/// So many of them, each another one.
pub(crate) fn free_addresses(count: usize) -> Vec<SocketAddr> {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Another process that tests begins elsewhere.
    let start = std::process::id().wrapping_mul(97);
    let next = |_: u16| {
        let place = start.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % u32::from(COUNT);
        let port = FIRST + u16::try_from(place).expect("it is below the number of ports");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        TcpListener::bind(address).is_ok().then_some(address)
    };
    let found: Vec<SocketAddr> = (0..COUNT).filter_map(next).take(count).collect();
    assert_eq!(found.len(), count, "ports that are free");
    found
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
