//! What may pass: the question that a wire asks and the answers that it can get.

use bytes::{Bytes, BytesMut};

use crate::event::{FileOperation, RefUpdate};
use crate::limits::RESOURCE_BYTES_MAX;
use crate::{Lane, Moment, Unit};

/// What a side wants to do, in the words that a policy is written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The lane on which it was asked.
    pub lane: Lane,
    /// What kind of thing is asked, and of what.
    pub kind: ActionKind,
}

/// The actions that a wire can ask about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionKind {
    /// A terminal or a plain shell.
    Shell,
    /// One command line, as the client sent it.
    Exec {
        /// The command line; not always UTF-8.
        command: Bytes,
    },
    /// A named subsystem, such as `sftp`.
    Subsystem {
        /// Its name.
        name: String,
    },
    /// A connection onward from the target, or a listener on it.
    Forward {
        /// Where to: `host:port` or the path of a socket.
        destination: String,
    },
    /// The client's agent, lent to the target.
    Agent,
    /// An operation on a file, by SFTP.
    File(Box<FileOperation>),
    /// A file or a folder that scp brings or fetches, judged when it is announced.
    Transfer(Box<Transfer>),
    /// SQL: a simple query, or a statement that is prepared.
    Query {
        /// The text, possibly several statements; not always UTF-8.
        text: Bytes,
    },
    /// A function of the database, called by its number and not by SQL.
    Call {
        /// The object identifier of the function.
        function_id: u32,
    },
    /// An HTTP request, judged by its head.
    Request {
        /// The method.
        method: Bytes,
        /// The URL as the client asked for it, with credentials in the query replaced; for a tunnel `host:port`.
        url: Bytes,
    },
    /// A clone, a fetch, a look at the refs or an archive of a repository.
    Fetch {
        /// The repository, as the client asked for it: a path.
        repository: Bytes,
    },
    /// A push, judged when all of it is there and understood.
    Push(Box<Push>),
    /// A line of text: the action of the `line` wire.
    Line {
        /// The line without its end.
        text: Bytes,
    },
}

impl ActionKind {
    /// The name by which policies, events and messages call it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Shell => "ssh.shell",
            Self::Exec { .. } => "ssh.exec",
            Self::Subsystem { .. } => "ssh.subsystem",
            Self::Forward { .. } => "ssh.forward",
            Self::Agent => "ssh.agent",
            Self::File(operation) => operation.action(),
            Self::Transfer(transfer) => transfer.operation.action(),
            Self::Query { .. } => "pg.query",
            Self::Call { .. } => "pg.call",
            Self::Request { .. } => "http.request",
            Self::Fetch { .. } => "git.fetch",
            Self::Push(_) => "git.push",
            Self::Line { .. } => "line.say",
        }
    }

    /// What it is done to, for reading: the beginning of the command or text, the destination, the name.
    #[must_use]
    pub fn resource(&self) -> String {
        self.resource_within(RESOURCE_BYTES_MAX)
    }

    /// As [`ActionKind::resource`], each text in it cut after `bytes_max` bytes.
    #[must_use]
    pub fn resource_within(&self, bytes_max: usize) -> String {
        let text = |bytes: &Bytes| {
            let text = String::from_utf8_lossy(bytes.get(..bytes_max).unwrap_or(bytes)).into_owned();
            if bytes.len() > bytes_max { text + "…" } else { text }
        };
        match self {
            Self::Shell | Self::Agent => String::new(),
            Self::Exec { command } => text(command),
            Self::Subsystem { name } => name.clone(),
            Self::Forward { destination } => destination.clone(),
            Self::File(operation) => text(operation.path()),
            Self::Transfer(transfer) if transfer.paths.is_empty() => {
                format!("{}, in a place that the command does not tell", text(transfer.operation.path()))
            }
            Self::Transfer(transfer) => transfer.paths.iter().map(text).collect::<Vec<_>>().join(" or "),
            Self::Call { function_id } => function_id.to_string(),
            Self::Request { method, url } => format!("{} {}", text(method), text(url)),
            Self::Fetch { repository } => text(repository),
            Self::Push(push) => text(&push.summary()),
            Self::Query { text: bytes } | Self::Line { text: bytes } => text(bytes),
        }
    }
}

/// What scp would do with one file or folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// What is done: something is sent or a folder is made at the target, or a file there is read or a folder listed. Its
    /// path is the one that was announced, from where the transfer began.
    pub operation: FileOperation,
    /// The paths that it may have at the target: one of them it has, and which one only the target knows. Empty where the
    /// command does not tell them.
    pub paths: Vec<Bytes>,
}

/// What a push would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// The repository, as the client asked for it: a path.
    pub repository: Bytes,
    /// Ref by ref.
    pub updates: Vec<RefUpdate>,
    /// Options of the push.
    pub options: Vec<Bytes>,
    /// Every path that a commit of the push changes, in order, each once.
    pub paths: Vec<Bytes>,
    /// Whether `paths` names them all; false where the push could not be read to its end.
    pub complete: bool,
}

impl Push {
    /// The repository and what becomes of its refs: `/org/repo.git refs/heads/main forced`.
    fn summary(&self) -> Bytes {
        let mut summary = BytesMut::from(self.repository.as_ref());
        for update in &self.updates {
            if summary.len() > RESOURCE_BYTES_MAX {
                break;
            }
            for word in [update.name.as_ref(), update.change.name().as_bytes()] {
                summary.extend_from_slice(b" ");
                summary.extend_from_slice(word);
            }
        }
        summary.freeze()
    }
}

/// Why something was refused or ended, and by which rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The rule that decided, by its name in the configuration or policy.
    pub rule: String,
    /// What the client is told, and what the record says.
    pub text: String,
}

impl Reason {
    /// The reason `text`, given by `rule`.
    #[must_use]
    pub fn new(rule: impl Into<String>, text: impl Into<String>) -> Self {
        Self { rule: rule.into(), text: text.into() }
    }
}

/// The answer to a question: never a bare yes or no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may pass.
    Allow,
    /// It may not, for this reason.
    Refuse(Reason),
}

/// How many of whom have to approve.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Approvers {
    /// The name of a group.
    pub group: String,
    /// How many of its members; at least 1.
    pub count: u32,
}

impl Approvers {
    /// Puts these among `others` who have to approve; of one group as many as either says.
    pub fn join(self, others: &mut Vec<Self>) {
        match others.iter_mut().find(|known| known.group == self.group) {
            Some(known) => known.count = known.count.max(self.count),
            None => others.push(self),
        }
    }
}

/// A question that waits for people to answer it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What was asked.
    pub action: Action,
    /// Who may answer: all of these have to approve, one of them can refuse.
    pub approvers: Vec<Approvers>,
    /// The rules that want it asked, by their names, separated by `, `.
    pub rule: String,
    /// Why it is asked, in the rule's words; may be empty.
    pub text: String,
}

/// What a guard says of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Decided at once, by what is no rule: that it may pass is not worth a record of its own.
    Ruled(Verdict),
    /// Decided at once, by rules, which the record names.
    Decided {
        /// The answer.
        verdict: Verdict,
        /// The rules that decided, by their names, separated by `, `.
        rule: String,
        /// How long it took, in nanoseconds.
        nanos: u64,
    },
    /// Held until an answer comes in.
    Ask(Question),
}

/// Who decides what may pass in one session.
///
/// A guard is asked before the action reaches the target. It is pure: it may look at what it was made with and at its
/// arguments, and it never waits.
pub trait Guard: Send {
    /// Judges one action.
    fn judge(&mut self, at: Moment, unit: Unit, action: &Action) -> Judgement;

    /// Whether what is in an action of this name ([`ActionKind::name`]) could change what is said of it: by all that
    /// holds now, `false` promises that every such action is allowed, whatever it is about. Who cannot tell says yes.
    ///
    /// It is asked before the action is understood, and binds nobody: the action is judged all the same.
    fn looks_into(&mut self, at: Moment, action: &'static str) -> bool {
        let _ = (at, action);
        true
    }
}

/// The guard that allows everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

impl Guard for AllowAll {
    fn judge(&mut self, _at: Moment, _unit: Unit, _action: &Action) -> Judgement {
        Judgement::Ruled(Verdict::Allow)
    }

    fn looks_into(&mut self, _at: Moment, _action: &'static str) -> bool {
        false
    }
}
