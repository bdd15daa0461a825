//! Signals, as something to wait for beside keys.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH};
use signal_hook::iterator::{Handle, Signals as Incoming};

/// How long a program that was asked to end may take until it is ended.
const PATIENCE: Duration = Duration::from_millis(500);

/// What a shell reports for a program that `SIGTERM` ended: as when it leaves in good order, whichever signal it was.
const TERMINATED: i32 = 143;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Resized,
    Leave,
}

/// Listens for signals until it is dropped.
pub(super) struct Signals {
    heard: UnixStream,
    handle: Handle,
}

impl Signals {
    /// Listens from now on. When the program was asked to end and has not, `last_will` is done and it is ended: its
    /// main thread may hang in a write to a terminal that nobody reads.
    pub(super) fn new(last_will: fn()) -> io::Result<Self> {
        let (heard, mut told) = UnixStream::pair()?;
        heard.set_nonblocking(true)?;
        told.set_nonblocking(true)?;
        let mut incoming = Incoming::new([SIGWINCH, SIGTERM, SIGINT, SIGHUP, SIGQUIT])?;
        let handle = incoming.handle();
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for signal in incoming.forever() {
                let word = if signal == SIGWINCH { b'r' } else { b'l' };
                // Full: there is more to be heard already than anybody listened to.
                let _ = told.write(&[word]);
                if signal != SIGWINCH {
                    thread::sleep(PATIENCE);
                    if !incoming_is_over(&told) {
                        // The last will may hang in the same place.
                        let _ = thread::Builder::new().spawn(last_will);
                        thread::sleep(PATIENCE);
                        std::process::exit(TERMINATED);
                    }
                }
            }
        })?;
        Ok(Self { heard, handle })
    }

    /// What was heard since the last time.
    pub(super) fn take(&mut self) -> Vec<Signal> {
        let mut buffer = [0; 64];
        let length = self.heard.read(&mut buffer).unwrap_or(0);
        let words = buffer.get(..length).unwrap_or_default();
        words.iter().map(|word| if *word == b'r' { Signal::Resized } else { Signal::Leave }).collect()
    }
}

/// Whether the listening end is gone: the terminal was given back in good order.
fn incoming_is_over(told: &UnixStream) -> bool {
    matches!((&*told).write(b"l"), Err(error) if error.kind() == io::ErrorKind::BrokenPipe)
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.heard.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.handle.close();
    }
}
