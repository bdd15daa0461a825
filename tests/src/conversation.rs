//! Bytes on a TCP connection as a test wants them: said exactly, heard until something stands in them. For servers and
//! for clients that do what no library does.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::program::PATIENCE;

/// One end of a connection.
pub struct Conversation {
    stream: TcpStream,
    heard: Vec<u8>,
}

impl Conversation {
    /// Connects to `address`.
    #[must_use]
    pub fn with(address: SocketAddr) -> Self {
        Self::on(TcpStream::connect(address).expect("somebody listens"))
    }

    fn on(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a TCP socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a TCP socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a TCP socket");
        Self { stream, heard: Vec::new() }
    }

    /// Says `bytes`.
    pub fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the peer listens");
    }

    /// Says `bytes`, to whom it may no longer concern.
    pub fn try_say(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Says that nothing more will be said.
    pub fn say_no_more(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Hears until `end` stands in what was heard, and gives everything up to there.
    ///
    /// # Panics
    /// When the peer ends before that.
    pub fn hear_until(&mut self, end: &str) -> String {
        let heard = self.try_hear_until(end);
        heard.unwrap_or_else(|| panic!("{end:?} never came: {:?}", String::from_utf8_lossy(&self.heard)))
    }

    /// The same; `None` when the peer ends before that.
    pub fn try_hear_until(&mut self, end: &str) -> Option<String> {
        loop {
            if let Some(at) = self.heard.windows(end.len()).position(|window| window == end.as_bytes()) {
                let taken: Vec<u8> = self.heard.drain(..at + end.len()).collect();
                return Some(String::from_utf8_lossy(&taken).into_owned());
            }
            if !self.hear() {
                return None;
            }
        }
    }

    /// Hears `count` bytes more than what was taken so far.
    pub fn hear_bytes(&mut self, count: usize) -> Vec<u8> {
        while self.heard.len() < count {
            assert!(self.hear(), "{count} bytes never came, only {}", self.heard.len());
        }
        self.heard.drain(..count).collect()
    }

    /// The same; `None` when the peer ends before that.
    pub fn try_hear_bytes(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.heard.len() < count {
            if !self.hear() {
                return None;
            }
        }
        Some(self.heard.drain(..count).collect())
    }

    /// Hears all there is until the peer ends, well or not.
    pub fn hear_all(&mut self) -> String {
        while self.hear() {}
        String::from_utf8_lossy(&std::mem::take(&mut self.heard)).into_owned()
    }

    /// Hears a response whose content has a length, and gives its head and its content.
    pub fn hear_response(&mut self) -> (String, String) {
        let head = self.hear_until("\r\n\r\n");
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().expect("a length"))
        });
        let content = self.hear_bytes(length.unwrap_or(0));
        (head, String::from_utf8_lossy(&content).into_owned())
    }

    /// Takes in what comes next; `false` at the end.
    fn hear(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(count @ 1..) => {
                self.heard.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                panic!("the peer neither speaks nor ends: {:?}", String::from_utf8_lossy(&self.heard))
            }
            _ => false,
        }
    }

    /// The connection itself.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

/// A server whose every connection follows a script. When it goes out of scope it takes no more connections.
pub struct Scripted {
    address: SocketAddr,
    closed: Arc<AtomicBool>,
    connections: Arc<AtomicUsize>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    /// Starts one; `script` is told the number of the connection, from 0, and says what to note of it.
    #[must_use]
    pub fn start(script: impl Fn(usize, Conversation) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let scripted = Self { address, closed: Arc::default(), connections: Arc::default(), heard: Arc::default() };
        let script = Arc::new(script);
        let (closed, connections, heard) =
            (Arc::clone(&scripted.closed), Arc::clone(&scripted.connections), Arc::clone(&scripted.heard));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if closed.load(Ordering::SeqCst) {
                    return;
                }
                let number = connections.fetch_add(1, Ordering::SeqCst);
                let (script, heard) = (Arc::clone(&script), Arc::clone(&heard));
                std::thread::spawn(move || {
                    let noted = script(number, Conversation::on(stream));
                    heard.lock().expect("no panic under this lock").push(noted);
                });
            }
        });
        scripted
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections came.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// What was noted of the connections whose scripts are over.
    #[must_use]
    pub fn noted(&self) -> Vec<String> {
        self.heard.lock().expect("no panic under this lock").clone()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        // One last connection wakes the listener, which then sees that it is closed.
        let _ = TcpStream::connect(self.address);
    }
}
