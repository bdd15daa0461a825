//! A person's seat: a real pseudo-terminal with the real program on it, and eyes that see what the terminal shows.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize};
use wiretape_replay::screen::Screen;
use wiretape_replay::view::View;

/// After so long a test that waits has failed: the program hangs. Nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the terminal received and shows.
struct Seen {
    screen: Screen,
    bytes: Vec<u8>,
}

pub(crate) struct Seat {
    child: Child,
    keyboard: File,
    /// Kept open, so that the terminal outlives the program and its settings can be looked at.
    terminal: OwnedFd,
    before: Termios,
    seen: Arc<Mutex<Seen>>,
    eyes_open: Arc<Mutex<bool>>,
}

impl Seat {
    /// Starts `replay` with `arguments` on a terminal of `columns` times `rows`.
    pub(crate) fn new(columns: u16, rows: u16, arguments: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let terminal = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let size = Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&terminal, size).unwrap();
        let before = tcgetattr(&terminal).unwrap();
        // A session of its own with this terminal, as a terminal window makes one: signals come with it.
        let child = Command::new("setsid")
            .args(["--ctty", "--wait", env!("CARGO_BIN_EXE_replay")])
            .args(arguments)
            .stdin(Stdio::from(terminal.try_clone().unwrap()))
            .stdout(Stdio::from(terminal.try_clone().unwrap()))
            .stderr(Stdio::from(terminal.try_clone().unwrap()))
            .spawn()
            .unwrap();
        let keyboard = File::from(master);
        let screen = Screen::new(usize::from(columns), usize::from(rows));
        let seen = Arc::new(Mutex::new(Seen { screen, bytes: Vec::new() }));
        let eyes_open = Arc::new(Mutex::new(true));
        let (mut eyes, told, open) = (keyboard.try_clone().unwrap(), Arc::clone(&seen), Arc::clone(&eyes_open));
        thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(length @ 1..) = eyes.read(&mut buffer) {
                while !*open.lock().unwrap() {
                    thread::sleep(Duration::from_millis(5));
                }
                let mut seen = told.lock().unwrap();
                seen.screen.feed(&buffer[..length]);
                seen.bytes.extend_from_slice(&buffer[..length]);
            }
        });
        Self { child, keyboard, terminal: terminal.into(), before, seen, eyes_open }
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Gives the terminal another size, as a window that is dragged.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        self.seen.lock().unwrap().screen.resize(usize::from(columns), usize::from(rows));
        let size = Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.terminal, size).unwrap();
    }

    /// What the terminal shows now.
    pub(crate) fn view(&self) -> View {
        self.seen.lock().unwrap().screen.view()
    }

    /// The rows of the terminal as text.
    pub(crate) fn text(&self) -> String {
        let view = self.view();
        (0..view.rows).map(|row| view.row_text(row) + "\n").collect()
    }

    /// Looks away: what the program writes is not taken in until the eyes open again, and its writes wait.
    pub(crate) fn look_away(&self) -> impl Drop + use<> {
        struct Away(Option<Arc<Mutex<bool>>>);
        impl Drop for Away {
            fn drop(&mut self) {
                if let Some(open) = self.0.take() {
                    *open.lock().unwrap() = true;
                }
            }
        }
        *self.eyes_open.lock().unwrap() = false;
        Away(Some(Arc::clone(&self.eyes_open)))
    }

    /// All bytes that the terminal received.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.seen.lock().unwrap().bytes.clone()
    }

    /// Waits until the terminal shows `text` somewhere.
    pub(crate) fn wait_for(&self, text: &str) {
        self.wait_until(&format!("“{text}” is shown"), |seat| seat.text().contains(text));
    }

    /// Waits until `condition` holds.
    pub(crate) fn wait_until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !condition(self) {
            assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}; the terminal shows:\n{}", self.text());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The process that plays: the one child of the one that made the session.
    pub(crate) fn signal(&self, signal: &str) {
        let children = format!("/proc/{0}/task/{0}/children", self.child.id());
        let target = std::fs::read_to_string(children).unwrap_or_default();
        let target = target.split_whitespace().next().map_or_else(|| self.child.id().to_string(), str::to_owned);
        assert!(Command::new("kill").args([signal, &target]).status().unwrap().success());
    }

    /// Waits for the end of the program.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "the program does not end; the terminal shows:\n{}", self.text());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether the terminal's settings are what they were before.
    pub(crate) fn has_its_settings(&self) -> bool {
        tcgetattr(&self.terminal).unwrap().local_modes == self.before.local_modes
    }

    /// Asserts that the terminal is as it was before: its settings, its screen, its modes.
    pub(crate) fn assert_clean(&self) {
        let after = tcgetattr(&self.terminal).unwrap();
        assert!(after.local_modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG));
        assert_eq!(after.local_modes, self.before.local_modes);
        assert_eq!(after.input_modes, self.before.input_modes);
        assert_eq!(after.output_modes, self.before.output_modes);
        // What the program wrote last may still be on its way.
        self.wait_until("the screen was given back as often as it was taken", |seat| {
            let bytes = seat.bytes();
            let times = |sequence: &[u8]| bytes.windows(sequence.len()).filter(|part| *part == sequence).count();
            let taken = times(b"\x1b[?1049h");
            taken > 0 && times(b"\x1b[?1049l\x1b[0m\x1b[?25h") == taken
        });
        assert!(self.view().cursor.is_some(), "the cursor is seen");
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.signal("-KILL");
            let _ = self.child.wait();
        }
    }
}
