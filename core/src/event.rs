//! What was said, in the vocabulary that all protocols share. `docs/EVENTS.md` says the same in words.

mod file;
mod git;
mod http;
mod process;
mod query;
mod session;
mod stream;
mod terminal;

pub use file::{FileEvent, FileOperation, OpenMode};
pub use git::{
    AdvertisedRef, FileChange, FileStatus, GitEvent, GitService, Ident, ObjectId, ObjectKind, PackedObject, RefChange,
    RefReport, RefUpdate, SignatureKind, TreeFile,
};
pub use http::{ControlKind, HeaderField, HttpEvent, HttpVersion, MessageKind};
pub use process::{ProcessEvent, ProcessKind};
pub use query::{Acknowledged, Column, CopyDirection, Field, Parameter, Prepared, QueryEvent, TransactionStatus};
pub use session::{PrincipalKind, QuestionAnswered, QuestionAsked, Scope, SessionEvent, SessionOpened};
pub use stream::{StreamEvent, StreamKind};
pub use terminal::{TerminalEvent, TerminalSize};

use crate::{Lane, Moment, Side};

/// One thing that was said or done in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When the gateway took it in.
    pub at: Moment,
    /// Who said it. What the gateway says of its own stands on the side of the peer that it is told to.
    pub side: Side,
    /// On which lane; lane 0 is the connection.
    pub lane: Lane,
    /// What it was.
    pub kind: Kind,
}

/// The closed vocabulary, in families.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The session itself: who, whether, and how it ended.
    Session(SessionEvent),
    /// A terminal: its size, what was typed, what was shown.
    Terminal(TerminalEvent),
    /// A program at the target: what was started, and how it ended.
    Process(ProcessEvent),
    /// A stream of bytes: opened, carried, closed.
    Stream(StreamEvent),
    /// An operation on files, decoded from a stream.
    File(FileEvent),
    /// A database session: what was asked, and what was answered.
    Query(QueryEvent),
    /// An HTTP exchange: what was asked for, and what was answered.
    Http(HttpEvent),
    /// A conversation of Git: what was offered, wanted, pushed, and what became of it.
    Git(GitEvent),
}

impl Kind {
    /// The name in `docs/EVENTS.md`, `family.word`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Session(event) => event.name(),
            Self::Terminal(event) => event.name(),
            Self::Process(event) => event.name(),
            Self::Stream(event) => event.name(),
            Self::File(event) => event.name(),
            Self::Query(event) => event.name(),
            Self::Http(event) => event.name(),
            Self::Git(event) => event.name(),
        }
    }

    /// Bytes of payload that the event carries verbatim; zero for most.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        match self {
            Self::Terminal(
                TerminalEvent::Input { bytes }
                | TerminalEvent::Echoed { bytes, .. }
                | TerminalEvent::Output { bytes, .. },
            )
            | Self::Stream(StreamEvent::Data { bytes, .. }) => bytes.len(),
            Self::Query(event) => event.payload_bytes(),
            Self::Http(event) => event.payload_bytes(),
            Self::Git(event) => event.payload_bytes(),
            _ => 0,
        }
    }
}

/// Every name that [`Kind::name`] can give, in the order of `docs/EVENTS.md`.
pub const NAMES: &[&str] = &[
    "session.opened",
    "session.decision",
    "session.notice",
    "session.gap",
    "session.marker",
    "session.fault",
    "session.closed",
    "session.labelled",
    "session.asked",
    "session.answered",
    "terminal.start",
    "terminal.input",
    "terminal.concealed",
    "terminal.echoed",
    "terminal.output",
    "terminal.resize",
    "process.start",
    "process.environment",
    "process.agent",
    "process.answer",
    "process.signal",
    "process.exit",
    "process.killed",
    "stream.open",
    "stream.accepted",
    "stream.rejected",
    "stream.data",
    "stream.eof",
    "stream.close",
    "stream.listen",
    "stream.listening",
    "stream.unlisten",
    "stream.opaque",
    "file.asked",
    "file.answered",
    "file.read",
    "file.written",
    "file.closed",
    "query.startup",
    "query.negotiated",
    "query.setting",
    "query.key",
    "query.cancel",
    "query.simple",
    "query.parse",
    "query.bind",
    "query.describe",
    "query.execute",
    "query.close",
    "query.flush",
    "query.sync",
    "query.call",
    "query.returned",
    "query.types",
    "query.columns",
    "query.rows",
    "query.copy-start",
    "query.copy-data",
    "query.copy-done",
    "query.copy-fail",
    "query.complete",
    "query.acknowledged",
    "query.error",
    "query.notice",
    "query.ready",
    "query.notification",
    "query.terminate",
    "query.long",
    "http.request",
    "http.informational",
    "http.response",
    "http.body",
    "http.trailers",
    "http.end",
    "http.upgrade",
    "http.reset",
    "http.message",
    "http.control",
    "git.service",
    "git.data",
    "git.omitted",
    "git.advertised",
    "git.refs",
    "git.command",
    "git.wanted",
    "git.haves",
    "git.acknowledged",
    "git.update",
    "git.options",
    "git.certificate",
    "git.pack",
    "git.contents",
    "git.objects",
    "git.commit",
    "git.files",
    "git.tag",
    "git.report",
    "git.progress",
    "git.error",
    "git.lfs-batch",
    "git.lfs-object",
];
