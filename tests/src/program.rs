//! A program that a test starts: what goes in, what came out, how it ended, and until when it may run.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

/// How long a program may run before the test gives up on it. A guard against hanging, never a measure.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// Where a program's standard input comes from.
enum Input {
    Nothing,
    Bytes(Vec<u8>),
    File(PathBuf),
    Held,
}

/// A program to be started.
pub struct Program {
    command: Command,
    input: Input,
    stdout: Option<PathBuf>,
    patience: Duration,
}

impl Program {
    /// The program `name`, with nothing on its standard input.
    #[must_use]
    pub fn new(name: impl AsRef<OsStr>) -> Self {
        Self { command: Command::new(name), input: Input::Nothing, stdout: None, patience: PATIENCE }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Keeps nothing of this process's environment but the search path.
    #[must_use]
    pub fn env_clear(mut self) -> Self {
        self.command.env_clear();
        self
    }

    /// Runs it in `folder`.
    #[must_use]
    pub fn folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Gives it `bytes` to read.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Input::Bytes(bytes.into());
        self
    }

    /// Gives it the file at `path` to read.
    #[must_use]
    pub fn input_file(mut self, path: &Path) -> Self {
        self.input = Input::File(path.to_path_buf());
        self
    }

    /// Keeps its input open, for [`Running::say`].
    #[must_use]
    pub fn input_held(mut self) -> Self {
        self.input = Input::Held;
        self
    }

    /// Writes what it prints to the file at `path` instead of keeping it.
    #[must_use]
    pub fn output_file(mut self, path: &Path) -> Self {
        self.stdout = Some(path.to_path_buf());
        self
    }

    /// Lets each wait for it last so long.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The bare command, for who wants its pipes.
    #[must_use]
    pub fn into_command(self) -> Command {
        self.command
    }

    /// Starts it.
    #[must_use]
    pub fn start(mut self) -> Running {
        let words = format!("{:?}", self.command);
        match &self.input {
            Input::Nothing => self.command.stdin(Stdio::null()),
            Input::Bytes(_) | Input::Held => self.command.stdin(Stdio::piped()),
            Input::File(path) => self.command.stdin(File::open(path).expect("the input file is there")),
        };
        match &self.stdout {
            None => self.command.stdout(Stdio::piped()),
            Some(path) => self.command.stdout(File::create(path).expect("the output file can be made")),
        };
        self.command.stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap_or_else(|error| {
            panic!("cannot start {words}: {error}; `cargo xtask test` builds and installs what is needed")
        });
        let pid = Pid::from_child(&child);
        let stdin = child.stdin.take();
        let stdout = Captured::new(child.stdout.take());
        let stderr = Captured::new(child.stderr.take());
        let exit = Arc::new((Mutex::new(None), Condvar::new()));
        let told = Arc::clone(&exit);
        std::thread::spawn(move || {
            // Seen before it is reaped: whoever holds the lock can signal it without meeting another process.
            let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
            let mut exit = told.0.lock().expect("no panic under this lock");
            *exit = Some(child.wait().expect("a child can be waited for"));
            told.1.notify_all();
        });
        let mut running = Running { words, pid, exit, stdin: None, stdout, stderr, patience: self.patience };
        match self.input {
            Input::Bytes(bytes) => {
                let mut stdin = stdin.expect("the input is a pipe");
                // The reader may leave early: then the rest is not wanted.
                std::thread::spawn(move || drop(stdin.write_all(&bytes)));
            }
            _ => running.stdin = stdin,
        }
        running
    }

    /// Runs it to its end.
    #[must_use]
    pub fn finish(self) -> Finished {
        self.start().finish()
    }

    /// Runs it to its end, which must be a good one.
    pub fn succeed(self) -> Finished {
        self.finish().good()
    }
}

/// What comes out of a pipe, as it comes.
#[derive(Clone)]
struct Captured(Arc<(Mutex<Capture>, Condvar)>);

#[derive(Default)]
struct Capture {
    bytes: Vec<u8>,
    ended: bool,
}

impl Captured {
    fn new(pipe: Option<impl Read + Send + 'static>) -> Self {
        let captured = Self(Arc::default());
        let Some(mut pipe) = pipe else {
            captured.0.0.lock().expect("no panic under this lock").ended = true;
            return captured;
        };
        let told = captured.clone();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let count = pipe.read(&mut buffer).unwrap_or(0);
                let mut capture = told.0.0.lock().expect("no panic under this lock");
                capture.bytes.extend_from_slice(&buffer[..count]);
                capture.ended = count == 0;
                told.0.1.notify_all();
                if capture.ended {
                    return;
                }
            }
        });
        captured
    }

    /// Waits until `found` finds something in what came out, or it ended, or `until`.
    fn wait<T>(&self, until: Instant, mut found: impl FnMut(&Capture) -> Option<T>) -> Option<T> {
        let mut capture = self.0.0.lock().expect("no panic under this lock");
        loop {
            if let Some(result) = found(&capture) {
                return Some(result);
            }
            let left = until.saturating_duration_since(Instant::now());
            if capture.ended || left.is_zero() {
                return None;
            }
            capture = self.0.1.wait_timeout(capture, left).expect("no panic under this lock").0;
        }
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.0.lock().expect("no panic under this lock").bytes.clone()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

/// A program that was started. When it goes out of scope it is ended.
pub struct Running {
    words: String,
    pid: Pid,
    exit: Arc<(Mutex<Option<ExitStatus>>, Condvar)>,
    stdin: Option<ChildStdin>,
    stdout: Captured,
    stderr: Captured,
    patience: Duration,
}

impl Running {
    /// Its process number.
    #[must_use]
    pub fn number(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Writes to its standard input.
    ///
    /// # Errors
    /// When it no longer reads.
    pub fn say(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let stdin = self.stdin.as_mut().expect("the input was held");
        stdin.write_all(bytes)?;
        stdin.flush()
    }

    /// Ends its standard input.
    pub fn say_no_more(&mut self) {
        self.stdin = None;
    }

    /// What it printed so far.
    #[must_use]
    pub fn printed(&self) -> String {
        self.stdout.text()
    }

    /// What it printed so far on its standard error.
    #[must_use]
    pub fn complained(&self) -> String {
        self.stderr.text()
    }

    /// Waits for a whole line of its output that starts with `start`, and gives the rest of that line.
    #[must_use]
    pub fn line(&self, start: &str) -> String {
        self.line_of(&self.stdout, start)
    }

    /// The same of its standard error.
    #[must_use]
    pub fn error_line(&self, start: &str) -> String {
        self.line_of(&self.stderr, start)
    }

    fn until(&self) -> Instant {
        Instant::now() + self.patience
    }

    /// Waits until its standard error has one of `words` in it, or it ended, and gives all of its standard error.
    #[must_use]
    pub fn complaint(&self, words: &[&str]) -> String {
        let text = |capture: &Capture| String::from_utf8_lossy(&capture.bytes).into_owned();
        let found = self.stderr.wait(self.until(), |capture| {
            let text = text(capture);
            words.iter().any(|word| text.contains(word)).then_some(text)
        });
        found.unwrap_or_else(|| self.complained())
    }

    fn line_of(&self, captured: &Captured, start: &str) -> String {
        captured
            .wait(self.until(), |capture| {
                let whole = capture.bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                let text = String::from_utf8_lossy(&capture.bytes[..whole]);
                text.lines().find_map(|line| line.strip_prefix(start).map(str::to_owned))
            })
            .unwrap_or_else(|| self.give_up(&format!("never printed a line that starts with {start:?}")))
    }

    /// Waits until its output has `word` in it.
    pub fn wait_printed(&self, word: &str) {
        let seen = self.stdout.wait(self.until(), |capture| {
            capture.bytes.windows(word.len()).any(|window| window == word.as_bytes()).then_some(())
        });
        if seen.is_none() {
            self.give_up(&format!("never printed {word:?}"));
        }
    }

    /// Waits until it printed `count` bytes.
    pub fn wait_bytes(&self, count: usize) {
        let seen = self.stdout.wait(self.until(), |capture| (capture.bytes.len() >= count).then_some(()));
        if seen.is_none() {
            self.give_up(&format!("never printed {count} bytes"));
        }
    }

    /// Whether it still runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.exit.0.lock().expect("no panic under this lock").is_none()
    }

    /// Sends it `signal`; one that has ended gets none.
    pub fn signal(&self, signal: Signal) {
        let exit = self.exit.0.lock().expect("no panic under this lock");
        if exit.is_none() {
            let _ = kill_process(self.pid, signal);
        }
    }

    /// Waits until it ended.
    #[must_use]
    pub fn wait(&self) -> ExitStatus {
        let until = self.until();
        let mut exit = self.exit.0.lock().expect("no panic under this lock");
        loop {
            if let Some(status) = *exit {
                return status;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(exit);
                self.give_up("did not end");
            }
            exit = self.exit.1.wait_timeout(exit, left).expect("no panic under this lock").0;
        }
    }

    /// Waits until it ended and all its output is there.
    #[must_use]
    pub fn finish(mut self) -> Finished {
        self.say_no_more();
        let status = self.wait();
        for captured in [&self.stdout, &self.stderr] {
            if captured.wait(self.until(), |capture| capture.ended.then_some(())).is_none() {
                self.give_up("ended, but something it started keeps its output open");
            }
        }
        Finished { words: self.words.clone(), status, stdout: self.stdout.bytes(), stderr: self.stderr.bytes() }
    }

    fn give_up(&self, what: &str) -> ! {
        panic!(
            "{} {what}\n── stdout\n{}\n── stderr\n{}",
            self.words,
            clip(&self.stdout.bytes()),
            clip(&self.stderr.bytes())
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// A program that ended.
pub struct Finished {
    words: String,
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it printed on its standard error.
    pub stderr: Vec<u8>,
}

impl Finished {
    /// Its exit code; -1 when a signal ended it.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }

    /// The number of the signal that ended it.
    #[must_use]
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// What it printed, as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// What it printed on its standard error, as text.
    #[must_use]
    pub fn errors(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Fails the test unless it ended with exit code 0.
    pub fn good(self) -> Self {
        self.coded(0)
    }

    /// Fails the test unless it ended with exit code `code`.
    pub fn coded(self, code: i32) -> Self {
        assert!(
            self.status.code() == Some(code),
            "{} ended with {} instead of {code}\n── stdout\n{}\n── stderr\n{}",
            self.words,
            self.status,
            clip(&self.stdout),
            clip(&self.stderr)
        );
        self
    }
}

/// The end of `bytes`, as text: what a person can read.
fn clip(bytes: &[u8]) -> String {
    const READABLE: usize = 8 * 1024;
    String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(READABLE)..]).into_owned()
}
