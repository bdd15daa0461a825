//! Targets of kind `command`: a program beside the gateway, on a terminal of its own or on pipes.
//!
//! The program runs as the gateway's own user, with a cleared environment. It is the embedded default, for a first
//! look and for jump shells; it is no wall between the person and the gateway's account.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use pty_process::Size;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::process::Child;
use wiretape_core::event::{StreamKind, TerminalSize};
use wiretape_core::{Lane, Side};
use wiretape_ssh::{Message, OpenFailure, Request};

use crate::config::CommandTarget;
use crate::line::{Door, Line};
use crate::outlet::OutletQueue;

/// What is read from a program at once.
const READ_BYTES: usize = 32 * 1024;

/// How long a program's terminal may still show something after the program ended, when others keep it open.
const LAST_WORDS_TIME_MAX: Duration = Duration::from_millis(200);

/// How long a program may take to end after its client left.
const HANG_UP_TIME_MAX: Duration = Duration::from_secs(5);

/// Variables that a client may set, as OpenSSH servers accept them by default.
const CLIENT_VARIABLES: &[&str] = &["LANG", "LANGUAGE", "COLORTERM", "NO_COLOR", "TZ"];

/// Variables of the gateway's own environment that programs need; nothing else of it reaches them.
const GATEWAY_VARIABLES: &[&str] = &["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG"];

/// A program on this host.
#[derive(Clone)]
pub(super) struct CommandUpstream {
    name: String,
    target: CommandTarget,
    person: String,
}

/// What the client asked for before it started a program.
#[derive(Default)]
struct Wishes {
    terminal: Option<(String, TerminalSize)>,
    variables: Vec<(String, Bytes)>,
}

/// A running program.
struct Program {
    group: Group,
    input: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    /// Resizes the terminal, where there is one.
    terminal: Option<std::os::fd::OwnedFd>,
}

impl CommandUpstream {
    pub(super) fn new(name: String, target: CommandTarget, person: String) -> Self {
        Self { name, target, person }
    }

    /// Serves one lane. `opened`: the client was already told that it is open.
    async fn serve(self, line: Line, lane: Lane, mut queue: OutletQueue, opened: bool) {
        let mut wishes = Wishes::default();
        let mut program: Option<Program> = None;
        while let Ok(Some(parcel)) = queue.next().await {
            if line.kept(parcel.event).await.is_err() {
                break;
            }
            match parcel.message {
                Message::Open { kind: StreamKind::Session, .. } if opened => {}
                Message::Open { kind: StreamKind::Session, .. } => line.say(Side::Upstream, Message::Opened { lane }),
                Message::Open { .. } => {
                    let text = format!("the target {} is a program: it forwards nothing", self.name);
                    let reason = OpenFailure::AdministrativelyProhibited;
                    line.say(Side::Upstream, Message::Rejected { lane, reason, text });
                    break;
                }
                Message::Listen { .. } => line.say(Side::Upstream, Message::Listening { accepted: false, port: None }),
                Message::Request { request: Request::Exec { .. }, .. } if self.target.exec.is_none() => {
                    self.takes_no_command(&line, lane);
                }
                Message::Request { request, want_reply, .. } => {
                    let accepted = self.request(&line, lane, request, &mut wishes, &mut program);
                    if want_reply {
                        line.say(Side::Upstream, Message::Answer { lane, accepted });
                    }
                }
                // Of a client's extended data no program reads anything (RFC 4254 section 5.2), and no wire has read it.
                Message::Data { error: true, .. } => {}
                Message::Data { bytes, .. } => {
                    if let Some(input) = program.as_mut().and_then(|program| program.input.as_mut()) {
                        let written = tokio::select! {
                            () = queue.abandoned() => break,
                            written = input.write_all(&bytes) => written,
                        };
                        if written.is_err() {
                            // The program reads no more: what is typed is lost, as at any closed pipe.
                            if let Some(program) = &mut program {
                                program.input = None;
                            }
                        }
                    }
                }
                Message::Eof { .. } => {
                    if let Some(program) = &mut program
                        && program.terminal.is_none()
                    {
                        program.input = None;
                    }
                }
                Message::Close { .. } => break,
                _ => {}
            }
        }
        if let Some(program) = program {
            program.group.hang_up().await;
        }
    }

    /// The target runs its one program and nothing else: the client is told so where it shows it.
    fn takes_no_command(&self, line: &Line, lane: Lane) {
        let text = format!("wiretape: the target {} runs one program and takes no command line\n", self.name);
        line.say(Side::Upstream, Message::Answer { lane, accepted: true });
        line.say(Side::Upstream, Message::Data { lane, error: true, bytes: Bytes::from(text) });
        let request = Request::ExitStatus { status: 255 };
        line.say(Side::Upstream, Message::Request { lane, request, want_reply: false });
        line.say(Side::Upstream, Message::Eof { lane });
        line.say(Side::Upstream, Message::Close { lane });
    }

    /// True when the request is granted.
    fn request(
        &self,
        line: &Line,
        lane: Lane,
        request: Request,
        wishes: &mut Wishes,
        program: &mut Option<Program>,
    ) -> bool {
        match request {
            Request::Pty { term, size, .. } => {
                wishes.terminal = Some((term, size));
                true
            }
            Request::WindowChange { size } => {
                if let Some((_, wished)) = &mut wishes.terminal {
                    *wished = size;
                }
                match program.as_ref().and_then(|program| program.terminal.as_ref()) {
                    Some(terminal) => rustix::termios::tcsetwinsize(terminal, winsize(size)).is_ok(),
                    None => false,
                }
            }
            Request::Env { name, value } => {
                let accepted = CLIENT_VARIABLES.contains(&name.as_str()) || name.starts_with("LC_");
                if accepted {
                    wishes.variables.push((name, value));
                }
                accepted
            }
            Request::Shell => self.start(line, lane, self.target.command.clone(), None, wishes, program),
            Request::Exec { command } => match &self.target.exec {
                Some(words) => self.start(line, lane, words.clone(), Some(command), wishes, program),
                None => false,
            },
            Request::Signal { name } => {
                if let Some(program) = program {
                    program.group.signal(&name);
                }
                true
            }
            Request::Subsystem { .. } | Request::Agent | Request::ExitStatus { .. } | Request::ExitSignal { .. } => {
                false
            }
        }
    }

    fn start(
        &self,
        line: &Line,
        lane: Lane,
        words: Vec<String>,
        command: Option<Bytes>,
        wishes: &Wishes,
        program: &mut Option<Program>,
    ) -> bool {
        if program.is_some() {
            return false;
        }
        match self.spawn(line, lane, &words, command, wishes) {
            Ok(started) => {
                *program = Some(started);
                true
            }
            Err(error) => {
                tracing::warn!(target_name = self.name, "cannot start {:?}: {error}", words.first());
                false
            }
        }
    }

    fn spawn(
        &self,
        line: &Line,
        lane: Lane,
        words: &[String],
        command: Option<Bytes>,
        wishes: &Wishes,
    ) -> anyhow::Result<Program> {
        let Some((program, arguments)) = words.split_first() else { anyhow::bail!("no program is named") };
        let variables = self.variables(wishes);
        let last = command.as_ref().map(|command| OsStr::from_bytes(command));
        let arguments = arguments.iter().map(OsStr::new).chain(last);
        if wishes.terminal.is_some() {
            let size = wishes.terminal.as_ref().map(|(_, size)| *size).unwrap_or_default();
            let (pty, pts) = pty_process::open()?;
            pty.resize(Size::new_with_pixel(
                short(size.rows, 24),
                short(size.columns, 80),
                short(size.width_px, 0),
                short(size.height_px, 0),
            ))?;
            let child = pty_process::Command::new(program)
                .args(arguments)
                .env_clear()
                .envs(variables)
                .kill_on_drop(true)
                .spawn(pts)?;
            let terminal = rustix::io::fcntl_dupfd_cloexec(&pty, 0)?;
            let (output, input) = pty.into_split();
            let group = Group::of(&child);
            let watch = Watch { line: line.clone(), lane, group: group.clone() };
            tokio::spawn(watch.terminal(child, output));
            return Ok(Program { group, input: Some(Box::new(input)), terminal: Some(terminal) });
        }
        let mut child = tokio::process::Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(variables)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let input = child.stdin.take().map(|input| Box::new(input) as Box<dyn AsyncWrite + Send + Unpin>);
        let group = Group::of(&child);
        let watch = Watch { line: line.clone(), lane, group: group.clone() };
        tokio::spawn(watch.pipes(child));
        Ok(Program { group, input, terminal: None })
    }

    /// The environment of a program: little of the gateway's, and what the client may set.
    fn variables(&self, wishes: &Wishes) -> Vec<(OsString, OsString)> {
        let mut variables: Vec<(OsString, OsString)> =
            GATEWAY_VARIABLES.iter().filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?))).collect();
        for (name, value) in &wishes.variables {
            variables.push((OsString::from(name), OsStr::from_bytes(value).to_owned()));
        }
        if let Some((term, _)) = &wishes.terminal {
            variables.push(("TERM".into(), term.into()));
        }
        variables.push(("WIRETAPE_PERSON".into(), self.person.as_str().into()));
        variables.push(("WIRETAPE_TARGET".into(), self.name.as_str().into()));
        variables
    }
}

impl Door for CommandUpstream {
    fn open(&self, line: &Line, lane: Lane, queue: OutletQueue) {
        tokio::spawn(self.clone().serve(line.clone(), lane, queue, false));
    }

    fn take_over(&self, line: &Line, lane: Lane, queue: OutletQueue) {
        tokio::spawn(self.clone().serve(line.clone(), lane, queue, true));
    }
}

/// The process group of a program, for signals; harmless once the program has ended.
#[derive(Clone)]
struct Group {
    id: Option<Pid>,
    ended: Arc<AtomicBool>,
}

impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Self { id, ended: Arc::new(AtomicBool::new(false)) }
    }

    fn send(&self, signal: Signal) {
        if let Some(id) = self.id.filter(|_| !self.ended.load(Ordering::Acquire)) {
            let _ended_meanwhile = kill_process_group(id, signal);
        }
    }

    /// Sends a signal by its name (RFC 4254 section 6.10); names that are not there are ignored.
    fn signal(&self, name: &str) {
        let signal = match name {
            "ABRT" => Signal::ABORT,
            "ALRM" => Signal::ALARM,
            "FPE" => Signal::FPE,
            "HUP" => Signal::HUP,
            "ILL" => Signal::ILL,
            "INT" => Signal::INT,
            "KILL" => Signal::KILL,
            "PIPE" => Signal::PIPE,
            "QUIT" => Signal::QUIT,
            "SEGV" => Signal::SEGV,
            "TERM" => Signal::TERM,
            "USR1" => Signal::USR1,
            "USR2" => Signal::USR2,
            _ => return,
        };
        self.send(signal);
    }

    /// The client is gone: the program is told, and ended when it does not end by itself.
    async fn hang_up(&self) {
        self.send(Signal::HUP);
        self.send(Signal::CONT);
        tokio::time::sleep(HANG_UP_TIME_MAX).await;
        self.send(Signal::KILL);
    }
}

/// Follows a program to its end.
struct Watch {
    line: Line,
    lane: Lane,
    group: Group,
}

impl Watch {
    /// A program on a terminal has ended when it has ended, whoever else still has the terminal open.
    async fn terminal(self, mut child: Child, output: impl AsyncRead + Unpin) {
        let reading = read(&self.line, self.lane, false, output);
        tokio::pin!(reading);
        let status = tokio::select! {
            status = child.wait() => {
                let _others_hold_it = tokio::time::timeout(LAST_WORDS_TIME_MAX, &mut reading).await;
                status
            }
            () = &mut reading => child.wait().await,
        };
        self.end(status.ok());
    }

    /// A program on pipes has ended when it has ended and its pipes are closed.
    async fn pipes(self, mut child: Child) {
        let (output, errors) = (child.stdout.take(), child.stderr.take());
        let output = async {
            if let Some(output) = output {
                read(&self.line, self.lane, false, output).await;
            }
        };
        let errors = async {
            if let Some(errors) = errors {
                read(&self.line, self.lane, true, errors).await;
            }
        };
        tokio::join!(output, errors);
        let status = child.wait().await;
        self.end(status.ok());
    }

    fn end(&self, status: Option<ExitStatus>) {
        self.group.ended.store(true, Ordering::Release);
        let request = match status.map(|status| (status.code(), status.signal(), status.core_dumped())) {
            Some((None, Some(signal), core_dumped)) => {
                Request::ExitSignal { name: signal_name(signal), core_dumped, message: String::new() }
            }
            Some((Some(code), _, _)) => Request::ExitStatus { status: u32::try_from(code).unwrap_or(255) },
            _ => Request::ExitStatus { status: 255 },
        };
        let (line, lane) = (&self.line, self.lane);
        line.say(Side::Upstream, Message::Request { lane, request, want_reply: false });
        line.say(Side::Upstream, Message::Eof { lane });
        line.say(Side::Upstream, Message::Close { lane });
    }
}

/// Tells the line what a program shows, until it shows nothing more.
async fn read(line: &Line, lane: Lane, error: bool, mut output: impl AsyncRead + Unpin) {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(READ_BYTES);
        match output.read_buf(&mut buffer).await {
            // A terminal whose last user left reads as an input/output error.
            Ok(0) | Err(_) => return,
            Ok(_) => {
                line.say(Side::Upstream, Message::Data { lane, error, bytes: buffer.split().freeze() });
                line.room(Side::Upstream, lane).await;
                if line.is_closed() {
                    return;
                }
            }
        }
    }
}

fn winsize(size: TerminalSize) -> rustix::termios::Winsize {
    rustix::termios::Winsize {
        ws_row: short(size.rows, 24),
        ws_col: short(size.columns, 80),
        ws_xpixel: short(size.width_px, 0),
        ws_ypixel: short(size.height_px, 0),
    }
}

/// A size as the kernel takes it; `absent` stands for 0 and for what is no size.
fn short(value: u32, absent: u16) -> u16 {
    match u16::try_from(value) {
        Ok(0) | Err(_) => absent,
        Ok(value) => value,
    }
}

fn signal_name(number: i32) -> String {
    let named = [
        (Signal::ABORT, "ABRT"),
        (Signal::ALARM, "ALRM"),
        (Signal::FPE, "FPE"),
        (Signal::HUP, "HUP"),
        (Signal::ILL, "ILL"),
        (Signal::INT, "INT"),
        (Signal::KILL, "KILL"),
        (Signal::PIPE, "PIPE"),
        (Signal::QUIT, "QUIT"),
        (Signal::SEGV, "SEGV"),
        (Signal::TERM, "TERM"),
        (Signal::USR1, "USR1"),
        (Signal::USR2, "USR2"),
    ];
    named
        .iter()
        .find(|(signal, _)| signal.as_raw() == number)
        .map_or_else(|| format!("{number}@wiretape"), |(_, name)| (*name).to_owned())
}
