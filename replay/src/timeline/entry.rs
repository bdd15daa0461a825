//! One line of a timeline.

use wiretape_core::event::SessionEvent;
use wiretape_core::{Event, Lane, Moment, Verdict};

use crate::timecode;

/// What kind of line it is; decides how it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The session as a whole.
    Session,
    /// Something that may not be overlooked: a refusal, a gap, a fault.
    Warning,
    /// What people are asked, and that they approved.
    Held,
    /// A place worth finding again.
    Marker,
    /// A lane: what opened, started, ended.
    Lane,
    /// An operation on files.
    File,
    /// A line of standard output, or of what a terminal showed.
    Out,
    /// A line of standard error.
    Error,
    /// A line of standard input.
    In,
    /// A line typed at a terminal.
    Typed,
    /// A line of a query.
    Query,
    /// A notice of the database.
    Notice,
    /// A request of HTTP.
    Asked,
    /// What was answered to one.
    Answered,
    /// What was answered and says that it failed.
    Failed,
    /// What the gateway answered in the target's place.
    AnsweredByGateway,
    /// An event of an event stream.
    Streamed,
    /// A line of a conversation of Git.
    Git,
    /// The first line of a commit or a tag.
    Commit,
    /// A line of a patch about a file.
    PatchFile,
    /// A line of a patch that says where the next lines stand.
    PatchHead,
    /// A line that a patch adds.
    PatchAdded,
    /// A line that a patch removes.
    PatchRemoved,
    /// What the recording does not say.
    Lack,
    /// A message to the target.
    MessageUp,
    /// A message from the target.
    MessageDown,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it began.
    pub at: Moment,
    /// On which lane; lane 0 is the connection.
    pub lane: Lane,
    /// What kind of line it is.
    pub mark: Mark,
    /// The text: legible, without line ends.
    pub text: String,
}

impl Entry {
    pub(super) fn of(event: &Event, mark: Mark, text: String) -> Self {
        Self { at: event.at, lane: event.lane, mark, text }
    }

    /// The line as it is printed: time, lane, text; with colours when `styled`.
    #[must_use]
    pub fn print(&self, styled: bool) -> String {
        let time = timecode::precise(self.at);
        let lane = if self.lane == Lane::CONNECTION { String::new() } else { format!("#{}", self.lane) };
        let gutter = match self.mark {
            Mark::Session | Mark::Warning | Mark::Held | Mark::Marker | Mark::Lane | Mark::File => "",
            Mark::Out | Mark::Notice => "  │ ",
            Mark::Query => "sql│ ",
            Mark::Error => "err│ ",
            Mark::In => "in│ ",
            Mark::Typed => "key│ ",
            Mark::Asked => "→ ",
            Mark::Answered | Mark::Failed | Mark::AnsweredByGateway => "← ",
            Mark::Streamed => "sse│ ",
            Mark::Git
            | Mark::Commit
            | Mark::PatchFile
            | Mark::PatchHead
            | Mark::PatchAdded
            | Mark::PatchRemoved
            | Mark::Lack => "git│ ",
            Mark::MessageUp => "→│ ",
            Mark::MessageDown => "←│ ",
        };
        let text = &self.text;
        if !styled {
            return format!("{time} {lane:>4}  {gutter:>5}{text}").trim_end().to_owned();
        }
        let style = match self.mark {
            Mark::Session => "1",
            Mark::Warning | Mark::AnsweredByGateway => "1;31",
            Mark::Held => "1;33",
            Mark::Marker => "1;35",
            Mark::Lane | Mark::Asked => "1;34",
            Mark::Answered | Mark::PatchAdded => "32",
            Mark::File => "34",
            Mark::Out | Mark::Streamed | Mark::MessageDown | Mark::Git => "0",
            Mark::PatchFile => "1",
            Mark::Error | Mark::Failed | Mark::PatchRemoved => "31",
            Mark::In | Mark::Typed | Mark::Query | Mark::MessageUp | Mark::PatchHead => "36",
            Mark::Notice | Mark::Commit | Mark::Lack => "33",
        };
        format!("\x1b[2m{time} {lane:>4}\x1b[0m  \x1b[{style}m{gutter:>5}{text}\x1b[0m")
    }
}

/// The action by which a connection is let in.
const CONNECT: &str = "connect";

/// How a line of the session itself is drawn; `None` for what is no line of its own: what was let through is told by what
/// was done, and what people let through by their answer.
pub(super) fn session_mark(event: &SessionEvent) -> Option<Mark> {
    match event {
        SessionEvent::Decision { verdict: Verdict::Allow, action, .. } if action != CONNECT => None,
        SessionEvent::Decision { verdict: Verdict::Refuse(_), .. }
        | SessionEvent::Gap { .. }
        | SessionEvent::Fault { .. } => Some(Mark::Warning),
        SessionEvent::Marker { .. } => Some(Mark::Marker),
        SessionEvent::Asked(_) => Some(Mark::Held),
        SessionEvent::Answered(answered) => match answered.verdict {
            Verdict::Allow => Some(Mark::Held),
            Verdict::Refuse(_) => Some(Mark::Warning),
        },
        SessionEvent::Opened(_)
        | SessionEvent::Decision { .. }
        | SessionEvent::Notice { .. }
        | SessionEvent::Labelled { .. }
        | SessionEvent::Closed { .. } => Some(Mark::Session),
    }
}
