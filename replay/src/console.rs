//! The auditor's own terminal: taken over for playing, and always given back clean.

mod signals;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};

use crate::clock;
use crate::keyboard::{Key, Keyboard};
use crate::screen::USUAL_SIZE;
use signals::{Signal, Signals};

/// Takes the alternate screen, so that what stood on the terminal comes back afterwards, and stops wrapping: what is
/// drawn in the last column must not scroll.
const TAKE: &[u8] = b"\x1b[?1049h\x1b[?7l\x1b[0m\x1b[2J\x1b[H\x1b[?25l";

/// Gives the terminal back: mouse reports, focus reports, bracketed paste and keypad modes off, letters ASCII again, colours
/// reset, wrapping and cursor on, the screen that was there before.
const GIVE_BACK: &[u8] =
    b"\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[?1l\x1b>\x0f\x1b(B\x1b[r\
    \x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l\x1b[0m\x1b[?25h";

/// How long an escape may wait for the rest of its sequence.
const ESCAPE_PATIENCE: Duration = Duration::from_millis(30);

/// What the person in front of the terminal wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A key was pressed.
    Key(Key),
    /// The terminal has another size.
    Resized,
    /// The program is asked to end, or the terminal is gone.
    Leave,
}

/// A terminal that was taken over. It is given back when this is dropped, when the program panics, and when a signal
/// ends it.
pub struct Console {
    input: Option<OwnedFd>,
    output: OwnedFd,
    before: Option<Termios>,
    keyboard: Keyboard,
    signals: Option<Signals>,
}

/// What to give back when nobody else can any more.
static TAKEN: Mutex<Option<(OwnedFd, Option<Termios>)>> = Mutex::new(None);
static PANIC_HOOK: Once = Once::new();

impl Console {
    /// Takes over the terminal of this process: standard output, and standard input or `/dev/tty` for keys.
    ///
    /// # Errors
    /// When standard output is no terminal, or the system refuses.
    pub fn take() -> io::Result<Self> {
        let output = rustix::stdio::stdout().try_clone_to_owned()?;
        if !isatty(&output) {
            return Err(io::Error::other("standard output is no terminal"));
        }
        let stdin = rustix::stdio::stdin();
        let input = if isatty(stdin) {
            Some(stdin.try_clone_to_owned()?)
        } else {
            File::options().read(true).open("/dev/tty").ok().map(OwnedFd::from)
        };
        let before = input.as_ref().map(tcgetattr).transpose()?;
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) = Some((output.try_clone()?, before.clone()));
        PANIC_HOOK.call_once(|| {
            let report = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                give_back_taken();
                report(panic);
            }));
        });
        let taken = Signals::new(give_back_taken).and_then(|signals| {
            let mut console = Self::over(input, output)?;
            console.signals = Some(signals);
            Ok(console)
        });
        taken.inspect_err(|_| give_back_taken())
    }

    /// Takes over the terminal of these two ends; without `input` there are no keys.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn over(input: Option<OwnedFd>, output: OwnedFd) -> io::Result<Self> {
        let before = input.as_ref().map(tcgetattr).transpose()?;
        if let (Some(input), Some(before)) = (&input, &before) {
            let mut raw = before.clone();
            raw.make_raw();
            tcsetattr(input, OptionalActions::Drain, &raw)?;
        }
        let mut console = Self { input, output, before, keyboard: Keyboard::default(), signals: None };
        console.write(TAKE)?;
        Ok(console)
    }

    /// Whether anybody can press keys.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        self.input.is_some()
    }

    /// Columns and rows.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        match tcgetwinsize(&self.output) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (usize::from(size.ws_col), usize::from(size.ws_row)),
            _ => USUAL_SIZE,
        }
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        write_all(self.output.as_fd(), bytes)
    }

    /// Waits until `deadline` or until somebody wants something; what they want.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn wait(&mut self, deadline: Option<Instant>) -> io::Result<Vec<Wish>> {
        loop {
            let escape = self.keyboard.is_waiting().then(|| clock::now() + ESCAPE_PATIENCE);
            let until = [deadline, escape].into_iter().flatten().min();
            let left = until.map(|until| until.saturating_duration_since(clock::now()));
            let (typed, signalled) = self.poll(left)?;
            let mut wishes = Vec::new();
            if signalled {
                wishes.extend(self.signals.as_mut().map(Signals::take).unwrap_or_default().into_iter().map(|signal| {
                    match signal {
                        Signal::Resized => Wish::Resized,
                        Signal::Leave => Wish::Leave,
                    }
                }));
            }
            if typed {
                wishes.extend(self.read()?);
            } else if self.keyboard.is_waiting() && escape.is_some_and(|escape| clock::now() >= escape) {
                wishes.extend(self.keyboard.settle().map(Wish::Key));
            }
            let over = deadline.is_some_and(|deadline| clock::now() >= deadline);
            if over || !wishes.is_empty() {
                return Ok(wishes);
            }
        }
    }

    /// What is wanted right now, without waiting.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn glance(&mut self) -> io::Result<Vec<Wish>> {
        self.wait(Some(clock::now()))
    }

    fn poll(&self, left: Option<Duration>) -> io::Result<(bool, bool)> {
        let timeout = left.map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        });
        let input = self.input.as_ref().map(|input| PollFd::new(input, PollFlags::IN));
        let signals = self.signals.as_ref().map(|signals| PollFd::new(signals, PollFlags::IN));
        let has_input = input.is_some();
        let mut waited: Vec<PollFd<'_>> = input.into_iter().chain(signals).collect();
        match poll(&mut waited, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready = |fd: Option<&PollFd<'_>>| fd.is_some_and(|fd| !fd.revents().is_empty());
        let (input, signals) = if has_input { (waited.first(), waited.get(1)) } else { (None, waited.first()) };
        Ok((ready(input), ready(signals)))
    }

    fn read(&mut self) -> io::Result<Vec<Wish>> {
        let Some(input) = &self.input else { return Ok(Vec::new()) };
        let mut buffer = [0; 1024];
        match rustix::io::read(input, &mut buffer) {
            // The other end of the terminal is gone.
            Ok(0) | Err(Errno::IO) => Ok(vec![Wish::Leave]),
            Ok(length) => {
                let bytes = buffer.get(..length).unwrap_or_default();
                Ok(self.keyboard.feed(bytes).into_iter().map(Wish::Key).collect())
            }
            Err(Errno::INTR | Errno::AGAIN) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        if self.signals.is_some() {
            give_back_taken();
        } else {
            give_back(self.output.as_fd(), self.input.as_ref().map(AsFd::as_fd), self.before.as_ref());
        }
    }
}

/// Gives back the terminal that [`Console::take`] took, unless that was done already.
fn give_back_taken() {
    let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((output, before)) = taken {
        let input = rustix::stdio::stdin();
        let input = if isatty(input) { input } else { output.as_fd() };
        give_back(output.as_fd(), Some(input), before.as_ref());
    }
}

fn give_back(output: BorrowedFd<'_>, input: Option<BorrowedFd<'_>>, before: Option<&Termios>) {
    // A terminal that is gone cannot be given back; nothing to do about it. The settings come first: writing may have
    // to wait for somebody who reads.
    if let (Some(input), Some(before)) = (input, before) {
        let _ = tcsetattr(input, OptionalActions::Now, before);
    }
    let _ = write_all(output, GIVE_BACK);
}

/// Writes all of `bytes`, waiting where the other end is slow.
///
/// # Errors
/// What the system says.
pub fn write_all(output: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match rustix::io::write(output, rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(length) => rest = rest.get(length..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                poll(&mut [PollFd::new(&output, PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::fd::OwnedFd;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread;
    use std::time::Duration;

    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::{LocalModes, tcgetattr};

    use super::{Console, GIVE_BACK, TAKE, Wish};
    use crate::clock;
    use crate::keyboard::Key;

    /// Both ends of a pseudo-terminal: the person's, and the program's.
    fn terminal() -> (File, OwnedFd) {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let program = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        (File::from(master), program.into())
    }

    fn is_raw(terminal: &OwnedFd) -> bool {
        !tcgetattr(terminal).unwrap().local_modes.intersects(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
    }

    #[test]
    fn a_panic_gives_the_terminal_back() {
        let (mut person, program) = terminal();
        let console = Console::over(Some(program.try_clone().unwrap()), program.try_clone().unwrap()).unwrap();
        assert!(is_raw(&program));
        let panicked = catch_unwind(AssertUnwindSafe(move || {
            let _console = console;
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
        assert!(!is_raw(&program));
        let mut seen = vec![0; TAKE.len() + GIVE_BACK.len()];
        person.read_exact(&mut seen).unwrap();
        assert_eq!(seen, [TAKE, GIVE_BACK].concat());
    }

    #[test]
    fn keys_and_deadlines_end_the_waiting() {
        let (mut person, program) = terminal();
        let mut console = Console::over(Some(program.try_clone().unwrap()), program).unwrap();
        assert_eq!(console.glance().unwrap(), []);
        person.write_all(b"q\x1b").unwrap();
        assert_eq!(console.wait(None).unwrap(), [Wish::Key(Key::Letter('q'))]);
        assert_eq!(console.wait(None).unwrap(), [Wish::Key(Key::Escape)], "nothing followed the escape");
        let soon = clock::now() + Duration::from_millis(1);
        assert_eq!(console.wait(Some(soon)).unwrap(), []);
        assert!(clock::now() >= soon);
        let waiting = thread::spawn(move || console.wait(None).unwrap());
        drop(person);
        assert_eq!(waiting.join().unwrap(), [Wish::Leave], "the terminal is gone");
    }
}
