//! A server that says what it heard: what forwards lead to.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// Starts a server on loopback that hears each connection to its end and answers `heard: ` and what it heard. It lives
/// as long as the test program.
#[must_use]
pub fn on_tcp() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("a listener has an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(&stream, &stream, |stream| stream.shutdown(Shutdown::Write)));
        }
    });
    address
}

/// The same on a Unix socket at `path`.
pub fn on_unix(path: &Path) {
    let listener = UnixListener::bind(path).expect("a socket can be made");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(&stream, &stream, |stream| stream.shutdown(Shutdown::Write)));
        }
    });
}

fn answer<R: Read, W: Write + Copy>(mut from: R, mut to: W, close: impl FnOnce(W) -> std::io::Result<()>) {
    let mut heard = b"heard: ".to_vec();
    if from.read_to_end(&mut heard).is_ok() && to.write_all(&heard).is_ok() {
        let _ = close(to);
    }
}

/// Says `bytes` to the server at `address` and gives its answer.
#[must_use]
pub fn say_tcp(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let stream = TcpStream::connect(address).expect("the server takes connections");
    converse(&stream, &stream, bytes, |stream| stream.shutdown(Shutdown::Write))
}

/// Says `bytes` to the server at the socket `path` and gives its answer.
#[must_use]
pub fn say_unix(path: &Path, bytes: &[u8]) -> Vec<u8> {
    let stream = UnixStream::connect(path).expect("the server takes connections");
    converse(&stream, &stream, bytes, |stream| stream.shutdown(Shutdown::Write))
}

fn converse<R: Read, W: Write + Copy>(
    mut from: R,
    mut to: W,
    bytes: &[u8],
    close: impl FnOnce(W) -> std::io::Result<()>,
) -> Vec<u8> {
    to.write_all(bytes).expect("the server listens");
    close(to).expect("the server listens");
    let mut answer = Vec::new();
    from.read_to_end(&mut answer).expect("the server answers");
    answer
}
