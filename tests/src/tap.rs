//! A tap on the road: a TCP relay that keeps all that passes, by connection and direction.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// What passed on one connection.
#[derive(Clone, Default)]
pub struct Passed {
    /// From who connected.
    pub client: Vec<u8>,
    /// From who was connected to.
    pub server: Vec<u8>,
}

/// A relay to one address. When it goes out of scope it takes no more connections.
pub struct Tap {
    address: SocketAddr,
    closed: Arc<AtomicBool>,
    connections: Arc<Mutex<Vec<Arc<Mutex<Passed>>>>>,
}

impl Tap {
    /// Starts a relay to `onward`.
    #[must_use]
    pub fn start(onward: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let closed = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&closed);
        let connections: Arc<Mutex<Vec<Arc<Mutex<Passed>>>>> = Arc::default();
        let kept = Arc::clone(&connections);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if told.load(Ordering::SeqCst) {
                    return;
                }
                let passed: Arc<Mutex<Passed>> = Arc::default();
                kept.lock().expect("no panic under this lock").push(Arc::clone(&passed));
                std::thread::spawn(move || {
                    if let Ok(far) = TcpStream::connect(onward) {
                        join(&near, &far, &passed);
                    }
                });
            }
        });
        Self { address, closed, connections }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What passed so far, by connection in the order in which they came.
    #[must_use]
    pub fn passed(&self) -> Vec<Passed> {
        let connections = self.connections.lock().expect("no panic under this lock");
        connections.iter().map(|passed| passed.lock().expect("no panic under this lock").clone()).collect()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        // One last connection wakes the listener, which then sees that it is closed.
        let _ = TcpStream::connect(self.address);
    }
}

/// Carries bytes both ways until both ways have ended.
fn join(near: &TcpStream, far: &TcpStream, passed: &Mutex<Passed>) {
    let _ = near.set_nodelay(true);
    let _ = far.set_nodelay(true);
    std::thread::scope(|scope| {
        scope.spawn(|| carry(near, far, |bytes| lock(passed).client.extend_from_slice(bytes)));
        carry(far, near, |bytes| lock(passed).server.extend_from_slice(bytes));
    });
}

fn lock(passed: &Mutex<Passed>) -> std::sync::MutexGuard<'_, Passed> {
    passed.lock().expect("no panic under this lock")
}

/// Keeps before it sends on: what was heard was kept.
fn carry(mut from: &TcpStream, mut to: &TcpStream, keep: impl Fn(&[u8])) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        keep(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
