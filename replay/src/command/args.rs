//! The arguments of the commands, as both programs take them.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use wiretape_core::Moment;

use crate::limits::RESULT_ROWS_MAX;
use crate::timecode;

/// What stands below the options in the help of `replay`.
const KEYS_AND_SAFETY: &str = "\
Keys: space pauses, . and , go one event on and back, arrows 5 seconds (with Shift 60), Home and End to the ends,
  [ and ] from marker to marker, + and - change the speed, / searches what was shown, n and N find more, ? shows all
  keys, q leaves.

On a terminal, what was recorded is drawn through a terminal emulator of the player's own: only letters, colours and
positions reach your terminal, never an escape sequence of the recorded target (no titles, no clipboard, no device
queries, no printer controls). Into a pipe or a file go the recorded bytes, exactly and with the recorded timing: do
not send those to a terminal when you do not trust the target.";

/// Plays a recorded session with its recorded timing.
#[derive(Args, Clone, Debug, Default)]
#[command(after_help = KEYS_AND_SAFETY)]
pub struct PlayArgs {
    /// The session, or the first letters of its id; left out, a list of recent sessions is shown
    pub session: Option<String>,

    /// How many times as fast as recorded
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = timecode::parse_speed)]
    pub speed: f64,

    /// The longest pause, in seconds; longer ones are cut to it
    #[arg(long, value_name = "SECONDS", value_parser = timecode::parse_seconds)]
    pub idle_limit: Option<Moment>,

    /// Where to begin: 90, 1:30 or 1h2m3s
    #[arg(long, value_name = "TIME", value_parser = timecode::parse)]
    pub at: Option<Moment>,

    /// Show what was typed in a line below; what was typed without echo is shown as dots
    #[arg(long)]
    pub input: bool,

    /// Play this lane only
    #[arg(long, value_name = "NUMBER")]
    pub lane: Option<u32>,

    /// Everything at once: as text on a terminal, as the recorded bytes into a pipe
    #[arg(long, visible_alias = "no-timing")]
    pub plain: bool,

    /// Show the timeline of all lanes, even when there is a terminal to play
    #[arg(long, conflicts_with_all = ["input", "svg"])]
    pub timeline: bool,

    /// Of each result of a query show the first so many rows (20 unless said, 1000 at most)
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(..=RESULT_ROWS_MAX))]
    pub rows: Option<u64>,

    /// Of the bodies of HTTP show nothing, the first lines, or all that can be read
    #[arg(long, value_name = "HOW", value_enum, default_value = "start")]
    pub bodies: BodiesArg,

    /// Show the header fields of HTTP
    #[arg(long)]
    pub fields: bool,

    /// Show the patches of commits that were pushed, as far as the recording holds them
    #[arg(long)]
    pub patch: bool,

    /// Use at most so many lines of your terminal
    #[arg(long, value_name = "NUMBER")]
    pub height: Option<u16>,

    /// Leave when the end is reached, instead of waiting there for a key
    #[arg(long)]
    pub quit_at_end: bool,

    /// Draw the session into this SVG file instead of playing it
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// How much of the bodies of HTTP is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum BodiesArg {
    /// Nothing
    None,
    /// The first lines
    #[default]
    Start,
    /// All that can be read
    All,
}

/// Lists recorded sessions, newest first.
#[derive(Args, Clone, Debug, Default)]
pub struct SessionsArgs {
    /// Only sessions of this person
    #[arg(long, value_name = "NAME")]
    pub person: Option<String>,

    /// Only sessions of people, of AI agents or of services
    #[arg(long, value_name = "KIND")]
    pub kind: Option<KindArg>,

    /// Only sessions that an agent or a service opened for this person
    #[arg(long, value_name = "NAME")]
    pub on_behalf_of: Option<String>,

    /// Only sessions with this target
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,

    /// Only sessions that the client said belong to this work
    #[arg(long, value_name = "LABEL")]
    pub label: Option<String>,

    /// Only sessions in this state: live, closed, cut-off or refused
    #[arg(long, value_name = "STATE")]
    pub state: Option<StateArg>,

    /// Only sessions opened since: a span such as 2h or 3d, or a time such as 2026-11-22 or 2026-11-22T08:30:00Z
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,

    /// At most so many
    #[arg(long, value_name = "COUNT", default_value = "50")]
    pub limit: usize,

    /// One JSON array
    #[arg(long)]
    pub json: bool,
}

/// The kind of a principal, as it is asked for on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum KindArg {
    /// A human being.
    Person,
    /// An AI agent.
    Agent,
    /// A program: a service, a pipeline, a job.
    Service,
}

/// The state of a session, as it is asked for on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum StateArg {
    /// Still running.
    Live,
    /// Closed in good order.
    Closed,
    /// The recorder stopped before the session did.
    CutOff,
    /// Never let in.
    Refused,
}

/// Shows everything that a session's recording holds, in readable form.
#[derive(Args, Clone, Debug, Default)]
pub struct ShowArgs {
    /// The session, or the first letters of its id
    pub session: String,

    /// Only this lane
    #[arg(long, value_name = "NUMBER")]
    pub lane: Option<u32>,

    /// JSON lines, one event a line
    #[arg(long)]
    pub json: bool,
}

/// Writes a session in a form that other programs take.
///
/// As SQL: a script that runs again with psql, with what the session asked for in its order, copies with their data, and
/// when it was. Nothing that the session said becomes a command of psql's own.
///
/// As HAR: HTTP exchanges with their times, heads and bodies (of each the first 16 MiB, unpacked), event streams as
/// they came, and the messages of WebSockets. Credentials are concealed in it as they are on the tape.
///
/// As a bundle: what was pushed and the target accepted, or in a session without pushes what was fetched, for `git clone`,
/// `git fetch` and `git bundle verify`: the packs as they went by, with the refs that they were pushed to.
#[derive(Args, Clone, Debug, Default)]
#[command(group = ArgGroup::new("form").args(["sql", "har", "bundle"]).required(true))]
pub struct ExportArgs {
    /// The session, or the first letters of its id
    pub session: String,

    /// Write a script of SQL
    #[arg(long)]
    pub sql: bool,

    /// Write an HTTP archive (HAR 1.2), which the developer tools of browsers open
    #[arg(long, conflicts_with = "failed")]
    pub har: bool,

    /// Write a git bundle (version 2, or 3 for repositories named by SHA-256)
    #[arg(long, conflicts_with = "failed")]
    pub bundle: bool,

    /// Also what was pushed and refused
    #[arg(long, requires = "bundle")]
    pub refused: bool,

    /// Only what was said on this lane
    #[arg(long, value_name = "NUMBER", requires = "bundle")]
    pub lane: Option<u32>,

    /// What becomes of statements that failed
    #[arg(long, value_name = "HOW", value_enum, default_value = "comment")]
    pub failed: FailedArg,
}

/// What becomes of a statement that failed in the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum FailedArg {
    /// A comment: the script does what the session did
    #[default]
    Comment,
    /// It stands in the script, to fail again
    Keep,
}

/// Verifies that recordings are whole and unchanged.
///
/// Exit status: 0 when all are complete (declared gaps included) or are still being recorded and agree so far, 2 when one
/// has an unsealed tail, 1 when one was tampered with or cannot be read.
#[derive(Args, Clone, Debug, Default)]
#[command(group = ArgGroup::new("which").args(["session", "all"]).required(true))]
pub struct VerifyArgs {
    /// The session, the first letters of its id, or the path of a tape
    pub session: Option<String>,

    /// All sessions
    #[arg(long)]
    pub all: bool,

    /// One JSON object a session
    #[arg(long)]
    pub json: bool,
}
