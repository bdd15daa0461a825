//! `replay`: a session, as it was.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use wiretape_core::{Lane, Moment};
use wiretape_recorder::{Archive, Filter, SessionRow};

use super::args::{BodiesArg, PlayArgs};
use super::{catalogue, sessions};
use crate::chooser;
use crate::console::Console;
use crate::describe::label;
use crate::limits::CHOICES_MAX;
use crate::outline::Outline;
use crate::pipe::{self, Timing};
use crate::player::{Farewell, Player, Settings};
use crate::script::Script;
use crate::source::Source;
use crate::stage::Stage;
use crate::svg;
use crate::timeline::{Bodies, Timeline};
use crate::transcript::transcript;

/// Sessions that are listed when none is named and nobody can choose.
const LISTED_MAX: usize = 20;

/// Lanes that an error names.
const LANES_NAMED_MAX: usize = 20;

/// What a shell reports for a program that `SIGTERM` ended.
const TERMINATED: u8 = 143;

pub(super) fn play(data_dir: &Path, args: &PlayArgs) -> anyhow::Result<ExitCode> {
    let archive = catalogue::open(data_dir)?;
    let row = match &args.session {
        Some(prefix) => catalogue::find(&archive, prefix)?,
        None => match choose(&archive)? {
            Some(row) => row,
            None => return Ok(ExitCode::SUCCESS),
        },
    };
    let tape = catalogue::tape(&row)?;
    let outline = Outline::new(&*tape).with_context(|| format!("the tape of session {} cannot be read", row.id))?;
    let part = part(&outline, args)?;
    if let Some(remark) = &part.remark {
        writeln!(stderr(), "replay: {remark}")?;
    }
    if let Some(file) = &args.svg {
        let Some(lane) = part.terminal else { bail!("this session has no terminal to draw; --timeline shows it") };
        let drawing = svg::draw(&*tape, lane, args.idle_limit.map(|limit| limit.since_start()))?;
        std::fs::write(file, drawing).with_context(|| format!("cannot write {}", file.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    if stdout().is_terminal() && !args.plain {
        on_terminal(&row, tape, &outline, part, args)
    } else {
        into_pipe(&*tape, part, args)
    }
}

/// The part of a session that is played.
struct Part {
    /// The lane, when it is played as a terminal.
    terminal: Option<Lane>,
    /// The lane that a timeline is confined to.
    only: Option<Lane>,
    /// What to call it.
    what: String,
    /// What the person should know about the choice.
    remark: Option<String>,
}

fn part(whole: &Outline, args: &PlayArgs) -> anyhow::Result<Part> {
    let only = args.lane.map(Lane);
    if let Some(lane) = only {
        let Some(outline) = whole.lanes.get(&lane) else {
            let lanes = whole.lanes.iter().take(LANES_NAMED_MAX);
            let lanes: Vec<_> = lanes.map(|(lane, outline)| format!("{lane} ({})", outline.what)).collect();
            bail!("this session has no lane {lane}; it has {}", lanes.join(", "));
        };
        let terminal = (outline.terminal && !args.timeline).then_some(lane);
        return Ok(Part { terminal, only, what: format!("lane {lane}: {}", outline.what), remark: None });
    }
    let mut terminals = whole.terminals();
    match terminals.next().filter(|_| !args.timeline) {
        Some((lane, outline)) => {
            let others: Vec<_> = terminals.map(|(lane, _)| lane.to_string()).collect();
            let remark = (!others.is_empty()).then(|| {
                format!(
                    "this is lane {lane}, the first of {} terminals; --lane {} plays another",
                    others.len() + 1,
                    others.join(" or ")
                )
            });
            let what = match whole.lanes.len() {
                0 | 1 => outline.what.clone(),
                lanes => format!("{} (of {lanes} lanes)", outline.what),
            };
            Ok(Part { terminal: Some(lane), only: None, what, remark })
        }
        None => Ok(Part { terminal: None, only: None, what: "timeline".to_owned(), remark: None }),
    }
}

fn on_terminal(
    row: &SessionRow,
    tape: Arc<dyn Source>,
    outline: &Outline,
    part: Part,
    args: &PlayArgs,
) -> anyhow::Result<ExitCode> {
    let console = Console::take().context("the terminal cannot be used")?;
    let (columns, rows) = console.size();
    let (script, size) = match part.terminal {
        Some(lane) => (Script::Terminal { lane, input: args.input }, None),
        None => {
            let timeline = Box::new(timeline(&part, args));
            let rows = args.height.map_or(rows, |most| rows.min(usize::from(most)));
            let script = Script::Timeline { timeline, styled: true, line_end: "\r\n" };
            (script, Some((columns, rows.saturating_sub(1).max(1))))
        }
    };
    let settings = Settings {
        speed: args.speed,
        pause_max: pause_max(args),
        at: args.at.unwrap_or(Moment::START),
        input: args.input && part.terminal.is_some(),
        fills_terminal: part.terminal.is_none(),
        rows_max: args.height.map(usize::from),
        quit_at_end: args.quit_at_end,
        title: title(row, &part),
        last: outline.last,
        markers: outline.markers.clone(),
    };
    let mut player = Player::new(Stage::new(tape, script, size)?, console, settings);
    if let Some(damage) = &outline.damage {
        player.say(format!("the tape cannot be read to its end: {}", label(damage)));
    } else if let Some(remark) = part.remark {
        player.say(remark);
    }
    match player.run()? {
        Farewell::End | Farewell::Left => Ok(ExitCode::SUCCESS),
        Farewell::Ended => Ok(ExitCode::from(TERMINATED)),
    }
}

fn into_pipe(tape: &dyn Source, part: Part, args: &PlayArgs) -> anyhow::Result<ExitCode> {
    let at = args.at.unwrap_or(Moment::START);
    let script = match part.terminal {
        // What a target sent is not for a person's terminal as it is.
        Some(lane) if stdout().is_terminal() => {
            transcript(tape, lane, at, &mut stdout().lock())?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(lane) => Script::Terminal { lane, input: false },
        None => {
            let timeline = Box::new(timeline(&part, args));
            Script::Timeline {
                timeline,
                styled: stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
                line_end: "\n",
            }
        }
    };
    let timing =
        if args.plain { Timing::AtOnce } else { Timing::Recorded { speed: args.speed, pause_max: pause_max(args) } };
    pipe::play(tape, script, &timing, at, rustix::stdio::stdout())?;
    Ok(ExitCode::SUCCESS)
}

fn timeline(part: &Part, args: &PlayArgs) -> Timeline {
    let bodies = match args.bodies {
        BodiesArg::None => Bodies::None,
        BodiesArg::Start => Bodies::Start,
        BodiesArg::All => Bodies::All,
    };
    let timeline = Timeline::new(part.only).with_exchanges(bodies, args.fields).with_patches(args.patch);
    match args.rows.and_then(|rows| usize::try_from(rows).ok()) {
        Some(rows) => timeline.with_rows_max(rows),
        None => timeline,
    }
}

fn choose(archive: &Archive) -> anyhow::Result<Option<SessionRow>> {
    let interactive = stdout().is_terminal() && std::io::stdin().is_terminal();
    let limit = Some(if interactive { CHOICES_MAX } else { LISTED_MAX });
    let rows = archive.sessions(&Filter { limit, ..Filter::default() })?;
    if rows.is_empty() {
        writeln!(stdout(), "no sessions have been recorded yet")?;
        return Ok(None);
    }
    let lines = sessions::lines(archive, &rows);
    if interactive {
        let chosen = chooser::choose(&lines)?;
        return Ok(chosen.and_then(|chosen| rows.into_iter().nth(chosen)));
    }
    let mut output = stdout().lock();
    for line in lines {
        writeln!(output, "{line}")?;
    }
    writeln!(output, "\nreplay <id> plays one; the first letters of the id are enough")?;
    Ok(None)
}

fn pause_max(args: &PlayArgs) -> Option<Duration> {
    args.idle_limit.map(Moment::since_start)
}

fn title(row: &SessionRow, part: &Part) -> String {
    let person = if row.person.is_empty() { "somebody" } else { &row.person };
    label(&format!("{person} → {} · {}", row.target, part.what))
}
