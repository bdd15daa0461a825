//! Where a transfer stands. Only this file moves it.
//!
//! The source speaks, and waits for the sink's status after each thing that it said:
//!
//! ```text
//!   Waiting ── well ──► Between ── T, D, E ──► Waiting ── well, failed ──► Between
//!   (Ready)             Between ── error ────► Between
//!                       Between ── C ──► Waiting ──┬─ failed ─► Between
//!                                        (File)    └─ well ──► Content ── size bytes ──► Closing
//!                       Closing ── the source's own status ──► Waiting ── well, failed ──► Between
//!                                                              (Arrived)
//!   each of them ── both ends are gone ──► Over
//! ```
//!
//! A file or a directory that is refused is answered `failed` in the sink's place; where the sink has said `well` before
//! it was asked, the transfer is over.
//!
//! A source that does not wait is made to: what it says early is not read before the status that decides what it
//! means. A status that comes early counts for what the source says next, as it does at the source itself.

use std::collections::VecDeque;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use wiretape_core::event::FileOperation;
use wiretape_core::{Fault, Side};

use crate::command::Direction;
use crate::event::{COMMAND, Notes};
use crate::limits::{DEPTH_MAX, LINE_BYTES_MAX, PATH_BYTES_MAX, RESPONSES_EARLY_MAX};
use crate::message::{self, Control, Status, TooLong};

#[derive(Debug)]
enum State {
    /// The source says a control line, or an error.
    Between,
    /// The source sends the rest of a file.
    Content(File),
    /// The source says how the file went.
    Closing(File),
    /// The sink's turn.
    Waiting(Awaited),
    /// Both ends are gone: nothing more is read.
    Over,
}

/// What a status of the sink decides.
#[derive(Debug)]
enum Awaited {
    /// Whether the sink is there.
    Ready,
    /// Whether the file may come.
    File(File),
    /// Whether the directory is there.
    Directory(Announced),
    /// Nothing but that it heard: the end of a directory.
    Up,
    /// Whether it takes times.
    Times,
    /// Whether the file arrived, of which the source said this.
    Arrived(File, Status),
}

/// A file or directory that the source named.
#[derive(Debug)]
struct Announced {
    request: u32,
    /// The number of the times that were announced for it.
    times: Option<u32>,
    path: Bytes,
}

/// A file on its way.
#[derive(Debug)]
struct File {
    announced: Announced,
    size: u64,
    passed_bytes: u64,
    digest: Sha256,
}

/// One run of scp: any number of files.
#[derive(Debug)]
pub(crate) struct Transfer {
    source: Side,
    state: State,
    early: VecDeque<Status>,
    requests: u32,
    directories: Directories,
    /// Access and modification time of what comes next.
    times: Option<(u64, u64)>,
}

/// Where in the tree the source is.
#[derive(Debug, Default)]
struct Directories {
    /// The names, with a slash behind each.
    path: Vec<u8>,
    /// How long the path was at each level above.
    levels: Vec<usize>,
}

impl Transfer {
    pub(crate) fn new(direction: Direction) -> Self {
        Self {
            source: match direction {
                Direction::Upload => Side::Client,
                Direction::Download => Side::Upstream,
            },
            state: State::Waiting(Awaited::Ready),
            early: VecDeque::new(),
            requests: COMMAND,
            directories: Directories::default(),
            times: None,
        }
    }

    /// The side that the files come from.
    pub(crate) fn source(&self) -> Side {
        self.source
    }

    /// True when the source is not to be read: it is the sink's turn, or nobody's.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting(_) | State::Over)
    }

    /// True when the source is read again once the sink gives a status.
    pub(crate) fn wants_status(&self) -> bool {
        matches!(self.state, State::Waiting(_))
    }

    /// True when an error in place of the source's next message would be read as one.
    pub(crate) fn is_between(&self) -> bool {
        matches!(self.state, State::Between)
    }

    /// Takes in the source's next message, or a part of a file, from the start of `bytes`, and says how long it was:
    /// 0 when it is not whole yet, or not to be read yet.
    ///
    /// # Errors
    /// A [`Fault`] when the source may not say it.
    pub(crate) fn hear_source(&mut self, bytes: &[u8], notes: &mut Notes) -> Result<usize, Fault> {
        match &mut self.state {
            State::Waiting(_) | State::Over => Ok(0),
            State::Content(file) => {
                let length = file.take(bytes);
                if file.missing_bytes() == 0 {
                    self.advance(|state| match state {
                        State::Content(file) => State::Closing(file),
                        other => other,
                    });
                }
                Ok(length)
            }
            State::Between => {
                let expected = "C, D, E, T or an error of scp";
                let Some(message) = whole(self.source, bytes, expected, message::starts_control)? else { return Ok(0) };
                self.control(message, notes)?;
                Ok(message.len())
            }
            State::Closing(_) => {
                let Some((status, length)) = status(self.source, bytes)? else { return Ok(0) };
                self.advance(|state| match state {
                    State::Closing(file) => State::Waiting(Awaited::Arrived(file, status)),
                    other => other,
                });
                self.use_early(notes);
                Ok(length)
            }
        }
    }

    /// Takes in the sink's next status from the start of `bytes`, and says how long it was: 0 when it is not whole.
    ///
    /// # Errors
    /// A [`Fault`] when it is none.
    pub(crate) fn hear_sink(&mut self, bytes: &[u8], notes: &mut Notes) -> Result<usize, Fault> {
        let sink = self.source.other();
        if matches!(self.state, State::Over) {
            return Ok(0);
        }
        let Some((status, length)) = status(sink, bytes)? else { return Ok(0) };
        if self.early.len() >= RESPONSES_EARLY_MAX {
            return Err(Fault::new(
                sink,
                "to wait for the source",
                format!("{RESPONSES_EARLY_MAX} statuses ahead of it"),
            ));
        }
        self.early.push_back(status);
        self.use_early(notes);
        Ok(length)
    }

    /// What was announced last may not be. True when the transfer goes on without it; false when the sink had agreed to it
    /// before it was asked, so that it cannot be taken back: then nothing more is read.
    pub(crate) fn refuse(&mut self, text: &str, notes: &mut Notes) -> bool {
        let (state, announced, goes_on) = match std::mem::replace(&mut self.state, State::Over) {
            State::Waiting(Awaited::File(file)) => (State::Between, Some(file.announced), true),
            State::Waiting(Awaited::Directory(announced)) => (State::Between, Some(announced), true),
            State::Content(file) | State::Closing(file) => (State::Over, Some(file.announced), false),
            State::Between | State::Waiting(_) | State::Over => (State::Over, None, false),
        };
        self.state = state;
        if let Some(announced) = announced {
            announced.denied(text, notes);
        }
        goes_on
    }

    /// Nothing more will be said, or heard: a file on its way is told as far as it came.
    pub(crate) fn finish(&mut self, notes: &mut Notes) {
        let state = std::mem::replace(&mut self.state, State::Over);
        if let State::Content(file) | State::Closing(file) | State::Waiting(Awaited::Arrived(file, _)) = state {
            notes.passed(&file.announced.path, file.passed_bytes);
            notes.closed(self.source, file.announced.path, file.passed_bytes, None);
        }
    }

    /// Bytes that the file on its way still lacks; its status counts as one.
    pub(crate) fn missing_bytes(&self) -> u64 {
        match &self.state {
            State::Content(file) => file.missing_bytes().saturating_add(1),
            State::Closing(_) => 1,
            State::Between | State::Waiting(_) | State::Over => 0,
        }
    }

    fn advance(&mut self, change: impl FnOnce(State) -> State) {
        let state = std::mem::replace(&mut self.state, State::Between);
        self.state = change(state);
    }

    fn control(&mut self, message: &[u8], notes: &mut Notes) -> Result<(), Fault> {
        if let Some(error) = message::status(message) {
            self.times = None;
            notes.answered(self.source, COMMAND, &error);
            return Ok(());
        }
        let Some(control) = message::control(message) else {
            let got = format!("another line of {} bytes", message.len());
            return Err(Fault::new(self.source, "a control line of scp", got));
        };
        let awaited = match control {
            Control::File { permissions, size, name } => {
                let announced = self.announce(&name, notes, |path| FileOperation::Send { path, size, permissions })?;
                Awaited::File(File { announced, size, passed_bytes: 0, digest: Sha256::new() })
            }
            Control::Directory { .. } if self.directories.is_full() => {
                let got = format!("more than {DEPTH_MAX} of them");
                return Err(Fault::new(self.source, "fewer directories in one another", got));
            }
            Control::Directory { name } => {
                Awaited::Directory(self.announce(&name, notes, |path| FileOperation::MakeDirectory { path })?)
            }
            Control::Up if self.directories.leave() => Awaited::Up,
            Control::Up => {
                return Err(Fault::new(self.source, "to stay where the transfer began", "one directory up"));
            }
            Control::Times { accessed, modified } => {
                self.times = Some((accessed, modified));
                Awaited::Times
            }
        };
        self.state = State::Waiting(awaited);
        self.use_early(notes);
        Ok(())
    }

    fn announce(
        &mut self,
        name: &[u8],
        notes: &mut Notes,
        operation: impl FnOnce(Bytes) -> FileOperation,
    ) -> Result<Announced, Fault> {
        let path = self.directories.path_of(name);
        if path.len() > PATH_BYTES_MAX {
            let got = format!("one of {} bytes", path.len());
            return Err(Fault::new(self.source, "a shorter path", got));
        }
        let times = self.times.take().map(|times| {
            let (path, times) = (path.clone(), Some(times));
            let operation = FileOperation::SetAttributes { path, size: None, permissions: None, owner: None, times };
            self.ask(operation, notes)
        });
        let request = self.ask(operation(path.clone()), notes);
        Ok(Announced { request, times, path })
    }

    fn ask(&mut self, operation: FileOperation, notes: &mut Notes) -> u32 {
        self.requests = self.requests.checked_add(1).unwrap_or(COMMAND + 1);
        notes.asked(self.source, self.requests, operation);
        self.requests
    }

    /// Gives the oldest status that the sink said to what waits for one.
    fn use_early(&mut self, notes: &mut Notes) {
        let state = std::mem::replace(&mut self.state, State::Between);
        self.state = match state {
            State::Waiting(awaited) => match self.early.pop_front() {
                Some(status) => self.answer(awaited, status, notes),
                None => State::Waiting(awaited),
            },
            other => other,
        };
    }

    fn answer(&mut self, awaited: Awaited, status: Status, notes: &mut Notes) -> State {
        let sink = self.source.other();
        match awaited {
            Awaited::Ready | Awaited::Up | Awaited::Times => {
                if status != Status::Well {
                    self.times = None;
                    notes.answered(sink, COMMAND, &status);
                }
            }
            Awaited::Directory(announced) => {
                announced.answered(sink, &status, notes);
                if status == Status::Well {
                    self.directories.enter(announced.path);
                }
            }
            Awaited::File(file) if status == Status::Well => {
                return if file.size == 0 { State::Closing(file) } else { State::Content(file) };
            }
            Awaited::File(file) => file.announced.answered(sink, &status, notes),
            Awaited::Arrived(file, sent) => file.arrived(sink, sent, status, notes),
        }
        State::Between
    }
}

impl Announced {
    fn denied(&self, text: &str, notes: &mut Notes) {
        for request in self.times.into_iter().chain([self.request]) {
            notes.denied(request, text);
        }
    }

    fn answered(&self, sink: Side, status: &Status, notes: &mut Notes) {
        for request in self.times.into_iter().chain([self.request]) {
            notes.answered(sink, request, status);
        }
    }
}

impl File {
    /// Takes the next part of the file from the start of `bytes`, and says how long it is.
    fn take(&mut self, bytes: &[u8]) -> usize {
        let length = usize::try_from(self.missing_bytes()).unwrap_or(usize::MAX).min(bytes.len());
        self.digest.update(bytes.get(..length).unwrap_or_default());
        self.passed_bytes = self.passed_bytes.saturating_add(length as u64);
        length
    }

    fn missing_bytes(&self) -> u64 {
        self.size.saturating_sub(self.passed_bytes)
    }

    /// Both ends said how it went. A source that failed to read sent something else in place of the file.
    fn arrived(self, sink: Side, sent: Status, received: Status, notes: &mut Notes) {
        notes.passed(&self.announced.path, self.passed_bytes);
        let well = sent == Status::Well && received == Status::Well;
        let status = if sent == Status::Well { received } else { sent };
        self.announced.answered(sink, &status, notes);
        let content_sha256 = well.then(|| self.digest.finalize().into());
        notes.closed(sink, self.announced.path, self.passed_bytes, content_sha256);
    }
}

impl Directories {
    fn path_of(&self, name: &[u8]) -> Bytes {
        Bytes::from([self.path.as_slice(), name].concat())
    }

    fn enter(&mut self, path: Bytes) {
        self.levels.push(self.path.len());
        self.path = path.into();
        self.path.push(b'/');
    }

    /// False when the source is where it began.
    fn leave(&mut self) -> bool {
        let above = self.levels.pop();
        above.into_iter().for_each(|length| self.path.truncate(length));
        above.is_some()
    }

    fn is_full(&self) -> bool {
        self.levels.len() >= DEPTH_MAX
    }
}

/// The whole message that `bytes` starts with, `None` when there is more to come.
fn whole<'a>(
    side: Side,
    bytes: &'a [u8],
    expected: &'static str,
    starts: fn(u8) -> bool,
) -> Result<Option<&'a [u8]>, Fault> {
    match bytes.first() {
        None => return Ok(None),
        Some(first) if !starts(*first) => return Err(Fault::new(side, expected, format!("a byte {first}"))),
        Some(_) => {}
    }
    match message::message_bytes(bytes) {
        Ok(length) => Ok(length.and_then(|length| bytes.get(..length))),
        Err(TooLong) => {
            Err(Fault::new(side, "the end of a line", format!("a line of more than {LINE_BYTES_MAX} bytes")))
        }
    }
}

fn status(side: Side, bytes: &[u8]) -> Result<Option<(Status, usize)>, Fault> {
    let expected = "a status of scp: 0, 1 or 2";
    let Some(message) = whole(side, bytes, expected, message::starts_status)? else { return Ok(None) };
    match message::status(message) {
        Some(status) => Ok(Some((status, message.len()))),
        None => Err(Fault::new(side, expected, format!("{} other bytes", message.len()))),
    }
}
