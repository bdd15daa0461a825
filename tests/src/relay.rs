//! A slow road: a TCP relay that waits before it connects onward.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A relay to one address. When it goes out of scope it takes no more connections.
pub struct Relay {
    address: SocketAddr,
    closed: Arc<AtomicBool>,
    onward: Arc<Mutex<SocketAddr>>,
}

impl Relay {
    /// Starts a relay to `onward` that waits for `delay` before each connection onward.
    #[must_use]
    pub fn start(onward: SocketAddr, delay: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let closed = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&closed);
        let onward = Arc::new(Mutex::new(onward));
        let way = Arc::clone(&onward);
        std::thread::spawn(move || {
            for near in listener.incoming() {
                if told.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(near) = near else { return };
                let onward = *way.lock().expect("no panic under this lock");
                std::thread::spawn(move || {
                    std::thread::sleep(delay);
                    if let Ok(far) = TcpStream::connect(onward) {
                        join(&near, &far);
                    }
                });
            }
        });
        Self { address, closed, onward }
    }

    /// Leads the connections that come from now on to `onward`.
    pub fn lead_to(&self, onward: SocketAddr) {
        *self.onward.lock().expect("no panic under this lock") = onward;
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        // One last connection wakes the listener, which then sees that it is closed.
        let _ = TcpStream::connect(self.address);
    }
}

/// Carries bytes both ways until both ways have ended.
fn join(near: &TcpStream, far: &TcpStream) {
    std::thread::scope(|scope| {
        scope.spawn(|| carry(near, far));
        carry(far, near);
    });
}

fn carry(mut from: &TcpStream, mut to: &TcpStream) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
