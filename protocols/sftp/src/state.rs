//! Where the conversation stands. Only this file moves it.
//!
//! ```text
//!   Greeting ── SSH_FXP_INIT ──► Greeted ── SSH_FXP_VERSION, 3 or less ──► Talking
//!                (client)                     (upstream)
//! ```
//!
//! While `Talking`, each request waits under its number until its response comes; responses may come in any order. A
//! request that names a path is judged before it takes that place. What is done with a file that was opened is not judged
//! again.

use std::collections::BTreeMap;

use bytes::Bytes;
use wiretape_core::event::{FileOperation, OpenMode};
use wiretape_core::{Fault, Side};

use crate::content::Flow;
use crate::event::Notes;
use crate::files::{Files, Key};
use crate::limits::{HANDLE_BYTES_MAX, NAMES_KEPT_BYTES_MAX, REQUESTS_PENDING_MAX};
use crate::message::{self, Answer, INIT, Request, Response, STATUS_EOF, STATUS_OK, VERSION, packet_name};

/// The version that is decoded here.
const DECODED_VERSION: u32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Greeting,
    Greeted { version: u32 },
    Talking,
}

/// What a request that has no response yet was.
#[derive(Debug)]
enum Pending {
    Open { path: Bytes, mode: OpenMode },
    OpenDirectory { path: Bytes },
    Close { handle: Bytes, key: Option<Key> },
    Read { key: Option<Key>, offset: u64, length: u32 },
    Write { key: Option<Key>, offset: u64, length: u64 },
    ReadDirectory,
    Operation(Answer),
}

impl Pending {
    /// Bytes of the names that are kept for it.
    fn names_bytes(&self) -> usize {
        match self {
            Self::Open { path, .. } | Self::OpenDirectory { path } => path.len(),
            Self::Close { handle, .. } => handle.len(),
            Self::Read { .. } | Self::Write { .. } | Self::ReadDirectory | Self::Operation(_) => 0,
        }
    }

    fn opens(&self) -> bool {
        matches!(self, Self::Open { .. } | Self::OpenDirectory { .. })
    }
}

/// A request that has to be judged.
#[derive(Debug)]
pub(crate) struct Ask {
    /// Its number.
    pub(crate) id: u32,
    /// What it asks for.
    pub(crate) operation: FileOperation,
    /// As what that is judged.
    pub(crate) judged: FileOperation,
    pending: Pending,
}

/// A conversation between a client and a server.
#[derive(Debug)]
pub(crate) struct Conversation {
    phase: Phase,
    pending: BTreeMap<u32, Pending>,
    /// Of the pending ones, those that open something.
    opening: usize,
    names_bytes: usize,
    files: Files,
}

impl Conversation {
    pub(crate) fn new() -> Self {
        Self { phase: Phase::Greeting, pending: BTreeMap::new(), opening: 0, names_bytes: 0, files: Files::default() }
    }

    /// Takes in one packet, without its length, and notes what it says; or says what has to be judged of it first.
    ///
    /// # Errors
    /// A [`Fault`] when `side` may not say it now.
    pub(crate) fn hear(&mut self, side: Side, packet: &[u8], notes: &mut Notes) -> Result<Option<Ask>, Fault> {
        match (self.phase, side) {
            (Phase::Greeting, Side::Client) => {
                let version = message::version(INIT, packet).ok_or_else(|| other(side, "SSH_FXP_INIT", packet))?;
                self.phase = Phase::Greeted { version };
                Ok(None)
            }
            (Phase::Greeted { version }, Side::Upstream) => self.greet(version, packet).map(|()| None),
            (Phase::Greeting, Side::Upstream) => Err(other(side, "silence before SSH_FXP_INIT", packet)),
            (Phase::Greeted { .. }, Side::Client) => Err(other(side, "silence before SSH_FXP_VERSION", packet)),
            (Phase::Talking, Side::Client) => self.request(packet, notes),
            (Phase::Talking, Side::Upstream) => self.response(packet, notes).map(|()| None),
        }
    }

    /// A request that was judged passes: its response is waited for.
    pub(crate) fn admit(&mut self, ask: Ask) {
        self.await_response(ask.id, ask.pending);
    }

    /// Nothing more will be answered: what passed so far is noted.
    pub(crate) fn finish(&mut self, notes: &mut Notes) {
        self.files.finish(notes);
    }

    /// The numbers of the requests without a response, which never get one now.
    pub(crate) fn take_pending(&mut self) -> Vec<u32> {
        (self.opening, self.names_bytes) = (0, 0);
        std::mem::take(&mut self.pending).into_keys().collect()
    }

    fn greet(&mut self, asked: u32, packet: &[u8]) -> Result<(), Fault> {
        let side = Side::Upstream;
        let version = message::version(VERSION, packet).ok_or_else(|| other(side, "SSH_FXP_VERSION", packet))?;
        if version > asked {
            return Err(Fault::new(side, "the client's SFTP version or an older one", format!("version {version}")));
        }
        if version > DECODED_VERSION {
            return Err(Fault::new(side, "SFTP version 3 or an older one", format!("version {version}")));
        }
        self.phase = Phase::Talking;
        Ok(())
    }

    fn request(&mut self, packet: &[u8], notes: &mut Notes) -> Result<Option<Ask>, Fault> {
        let side = Side::Client;
        let (id, request) = message::request(packet).map_err(|message::Short| short(side, packet))?;
        if self.pending.contains_key(&id) {
            return Err(Fault::new(side, "a number that no request waits under", format!("number {id} again")));
        }
        if self.pending.len() >= REQUESTS_PENDING_MAX {
            let got = format!("more than {REQUESTS_PENDING_MAX} requests");
            return Err(Fault::new(side, "to wait for responses", got));
        }
        let (operation, pending) = self.asked(request)?;
        if self.names_bytes + pending.names_bytes() + self.files.names_bytes() > NAMES_KEPT_BYTES_MAX {
            let got = format!("more than {NAMES_KEPT_BYTES_MAX} bytes of them");
            return Err(Fault::new(side, "fewer or shorter paths at a time", got));
        }
        match operation {
            Some((operation, Some(judged))) => return Ok(Some(Ask { id, operation, judged, pending })),
            Some((operation, None)) => notes.asked(id, operation),
            None => {}
        }
        self.await_response(id, pending);
        Ok(None)
    }

    fn await_response(&mut self, id: u32, pending: Pending) {
        self.opening += usize::from(pending.opens());
        self.names_bytes += pending.names_bytes();
        self.pending.insert(id, pending);
    }

    /// What a request asks for, with what is to be judged of it, and what its response will mean.
    #[expect(clippy::type_complexity, reason = "two answers, of which each may be none")]
    fn asked(
        &mut self,
        request: Request<'_>,
    ) -> Result<(Option<(FileOperation, Option<FileOperation>)>, Pending), Fault> {
        self.may_name(&request)?;
        let files = &mut self.files;
        let (operation, pending) = match request {
            Request::Close { handle } => {
                files.begin_close(handle);
                let (key, handle) = (files.key(handle), Bytes::copy_from_slice(handle));
                return Ok((None, Pending::Close { key, handle }));
            }
            Request::ReadDirectory => return Ok((None, Pending::ReadDirectory)),
            Request::Read { handle, offset, length } => {
                let key = files.key(handle);
                in_range(offset, length.into())?;
                key.into_iter().for_each(|key| files.wait(key, Flow::Read));
                return Ok((None, Pending::Read { key, offset, length }));
            }
            Request::Write { handle, offset, data } => {
                let (key, length) = (files.key(handle), data.len() as u64);
                in_range(offset, length)?;
                if let Some(key) = key {
                    files.wait(key, Flow::Written);
                    files.pass(key, Flow::Written, offset, data);
                }
                return Ok((None, Pending::Write { key, offset, length }));
            }
            Request::Open { path, mode } => {
                self.may_open()?;
                (FileOperation::Open { path: path.clone(), mode }, Pending::Open { path, mode })
            }
            Request::OpenDirectory { path } => {
                self.may_open()?;
                (FileOperation::List { path: path.clone() }, Pending::OpenDirectory { path })
            }
            Request::Path { operation, answer } => (operation, Pending::Operation(answer)),
            Request::StatHandle { handle } => {
                let operation = FileOperation::Stat { path: files.path(handle), follow: true };
                return Ok((Some((operation, None)), Pending::Operation(Answer::Attributes)));
            }
            Request::SetHandle { handle, attributes } => {
                (attributes.set(files.path(handle)), Pending::Operation(Answer::Status))
            }
            Request::ExtensionHandle { name, handle } => {
                let operation = FileOperation::Extension { name, path: files.path(handle) };
                return Ok((Some((operation, None)), Pending::Operation(Answer::Any)));
            }
            Request::CopyData { from, to } => {
                if let Some(key) = files.key(to) {
                    files.lose_content(key);
                }
                let operation = FileOperation::Extension { name: "copy-data".to_owned(), path: files.path(from) };
                return Ok((Some((operation, None)), Pending::Operation(Answer::Status)));
            }
        };
        let judged = judged(&operation);
        Ok((Some((operation, judged)), pending))
    }

    /// Handles can be guessed: while the server opens something, one that it has not given may come to stand for that, and
    /// what is done with it would be judged and told as something else.
    fn may_name(&self, request: &Request<'_>) -> Result<(), Fault> {
        let is_open = |handle: &&[u8]| self.files.is_open(handle);
        let named = match request {
            Request::Read { handle, .. }
            | Request::Write { handle, .. }
            | Request::Close { handle }
            | Request::SetHandle { handle, .. } => is_open(handle),
            Request::CopyData { from, to } => is_open(from) && is_open(to),
            Request::Open { .. }
            | Request::OpenDirectory { .. }
            | Request::ReadDirectory
            | Request::Path { .. }
            | Request::StatHandle { .. }
            | Request::ExtensionHandle { .. } => true,
        };
        if self.opening > 0 && !named {
            return Err(Fault::new(Side::Client, "a handle that the server gave", "another while it opens a file"));
        }
        Ok(())
    }

    fn may_open(&self) -> Result<(), Fault> {
        if self.files.is_full(self.opening) {
            return Err(Fault::new(Side::Client, "to close files before it opens more", "one file too many"));
        }
        Ok(())
    }

    fn response(&mut self, packet: &[u8], notes: &mut Notes) -> Result<(), Fault> {
        let side = Side::Upstream;
        let (id, response) = message::response(packet).map_err(|message::Short| short(side, packet))?;
        let Some(pending) = self.pending.remove(&id) else {
            let got = format!("{} to number {id}", packet_name(packet));
            return Err(Fault::new(side, "a response to a request that waits", got));
        };
        self.opening -= usize::from(pending.opens());
        self.names_bytes = self.names_bytes.saturating_sub(pending.names_bytes());
        match pending {
            Pending::Open { path, mode } => {
                if let Some(handle) = self.opened(id, &response, packet, notes)? {
                    self.files.open_file(handle, path, mode);
                }
                Ok(())
            }
            Pending::OpenDirectory { path } => {
                if let Some(handle) = self.opened(id, &response, packet, notes)? {
                    self.files.open_directory(handle, path);
                }
                Ok(())
            }
            Pending::Close { handle, key } => {
                let well = status(&response, packet)? == STATUS_OK;
                if let Some(key) = key {
                    self.files.close(&handle, key, well, notes);
                }
                Ok(())
            }
            Pending::Read { key, offset, length } => self.read(key, offset, length, &response, packet, notes),
            Pending::Write { key, offset, length } => self.written(key, offset, length, &response, packet, notes),
            Pending::ReadDirectory => match response {
                Response::Name { .. } | Response::Status { .. } => Ok(()),
                _ => Err(other(side, "SSH_FXP_NAME or SSH_FXP_STATUS", packet)),
            },
            Pending::Operation(answer) => {
                let (status, message) = outcome(answer, &response, packet)?;
                notes.answered(id, status, message);
                Ok(())
            }
        }
    }

    /// The handle that answers an open; `None` when the server refused.
    fn opened<'a>(
        &mut self,
        id: u32,
        response: &Response<'a>,
        packet: &[u8],
        notes: &mut Notes,
    ) -> Result<Option<&'a [u8]>, Fault> {
        let side = Side::Upstream;
        match response {
            Response::Status { code, message } => {
                notes.answered(id, *code, text(message));
                Ok(None)
            }
            Response::Handle(handle) if handle.len() > HANDLE_BYTES_MAX => {
                let got = format!("one of {} bytes", handle.len());
                Err(Fault::new(side, "a handle of at most 256 bytes", got))
            }
            Response::Handle(handle) => {
                if let Some(key) = self.files.key(handle) {
                    // A server that is slow to answer the close may already use the handle again.
                    let closing = self
                        .pending
                        .values()
                        .any(|pending| matches!(pending, Pending::Close { key: Some(closing), .. } if *closing == key));
                    if !closing {
                        return Err(Fault::new(side, "a handle that is not in use", "one that is"));
                    }
                    self.files.release(handle, key);
                }
                notes.answered(id, STATUS_OK, String::new());
                Ok(Some(handle))
            }
            _ => Err(other(side, "SSH_FXP_HANDLE or SSH_FXP_STATUS", packet)),
        }
    }

    fn read(
        &mut self,
        key: Option<Key>,
        offset: u64,
        asked: u32,
        response: &Response<'_>,
        packet: &[u8],
        notes: &mut Notes,
    ) -> Result<(), Fault> {
        let side = Side::Upstream;
        let data: &[u8] = match response {
            Response::Data(data) if data.len() as u64 > u64::from(asked) => {
                return Err(Fault::new(side, "no more bytes than were asked for", format!("{} bytes", data.len())));
            }
            Response::Data(data) => data,
            Response::Status { code, .. } => {
                if let Some(key) = key.filter(|_| *code == STATUS_EOF) {
                    self.files.ended_at(key, offset);
                }
                &[]
            }
            _ => return Err(other(side, "SSH_FXP_DATA or SSH_FXP_STATUS", packet)),
        };
        if let Some(key) = key {
            self.files.pass(key, Flow::Read, offset, data);
            self.files.answered(key, Flow::Read, offset, data.len() as u64, notes);
        }
        Ok(())
    }

    fn written(
        &mut self,
        key: Option<Key>,
        offset: u64,
        length: u64,
        response: &Response<'_>,
        packet: &[u8],
        notes: &mut Notes,
    ) -> Result<(), Fault> {
        let well = status(response, packet)? == STATUS_OK;
        if let Some(key) = key {
            if !well {
                self.files.lose_content(key);
            }
            self.files.answered(key, Flow::Written, offset, if well { length } else { 0 }, notes);
        }
        Ok(())
    }
}

/// As what an operation is judged; `None` for one that says nothing of any file.
fn judged(operation: &FileOperation) -> Option<FileOperation> {
    let FileOperation::Extension { name, path } = operation else { return Some(operation.clone()) };
    match name.as_str() {
        "limits@openssh.com" | "users-groups-by-id@openssh.com" => None,
        // These look at names and attributes, as the operations of the draft do that policies know.
        "expand-path@openssh.com" | "home-directory" => Some(FileOperation::RealPath { path: path.clone() }),
        "statvfs@openssh.com" => Some(FileOperation::Stat { path: path.clone(), follow: true }),
        _ => Some(operation.clone()),
    }
}

/// The code of a response that can only be a status.
fn status(response: &Response<'_>, packet: &[u8]) -> Result<u32, Fault> {
    match response {
        Response::Status { code, .. } => Ok(*code),
        _ => Err(other(Side::Upstream, "SSH_FXP_STATUS", packet)),
    }
}

/// What is noted as the answer to an operation: its status, and in words what it says.
fn outcome(asked: Answer, response: &Response<'_>, packet: &[u8]) -> Result<(u32, String), Fault> {
    match (asked, response) {
        (_, Response::Status { code, message }) => Ok((*code, text(message))),
        (Answer::Attributes | Answer::Any, Response::Attributes(attributes)) => Ok((STATUS_OK, attributes.to_string())),
        (Answer::Name | Answer::Any, Response::Name { count: 1, first }) => Ok((STATUS_OK, text(first))),
        (Answer::Name | Answer::Any, Response::Name { count, .. }) => Ok((STATUS_OK, format!("{count} names"))),
        (Answer::Any, _) => Ok((STATUS_OK, String::new())),
        (Answer::Status, _) => Err(other(Side::Upstream, "SSH_FXP_STATUS", packet)),
        (Answer::Attributes, _) => Err(other(Side::Upstream, "SSH_FXP_ATTRS or SSH_FXP_STATUS", packet)),
        (Answer::Name, _) => Err(other(Side::Upstream, "SSH_FXP_NAME or SSH_FXP_STATUS", packet)),
    }
}

fn in_range(offset: u64, length: u64) -> Result<(), Fault> {
    match offset.checked_add(length) {
        Some(_) => Ok(()),
        None => Err(Fault::new(Side::Client, "a place in a file", format!("{length} bytes at {offset}"))),
    }
}

fn other(side: Side, expected: &'static str, packet: &[u8]) -> Fault {
    Fault::new(side, expected, packet_name(packet))
}

fn short(side: Side, packet: &[u8]) -> Fault {
    let got = format!("{} bytes of {}", packet.len(), packet_name(packet));
    Fault::new(side, "a whole SFTP packet", got)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
