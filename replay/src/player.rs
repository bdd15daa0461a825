//! Playing on a terminal, for a person who presses keys.
//!
//! Everything slow (decoding, emulating, composing, encoding) is done before a deadline; between the deadline and
//! write(2) stands nothing.

mod controls;
mod frame;

use std::io;
use std::time::{Duration, Instant};

use wiretape_core::Moment;

use crate::clock;
use crate::console::{Console, Wish};
use crate::needle::Needle;
use crate::pace::Pace;
use crate::painter::Painter;
use crate::script::Cue;
use crate::stage::Stage;
use crate::view::View;
use frame::{Frame, State};

/// How long a message stands in the status line.
const MESSAGE_SPAN: Duration = Duration::from_secs(4);

/// How long the status line covers a picture that leaves no room for it, after a key.
const STATUS_SPAN: Duration = Duration::from_secs(2);

/// A status line is not drawn so shortly before something is due.
const QUIET_BEFORE_DUE: Duration = Duration::from_millis(5);

/// When many cues are overdue, a picture is drawn at least so often.
const PICTURE_INTERVAL: Duration = Duration::from_millis(20);

/// How often keys are looked for while there is no time to wait for them.
const GLANCE_INTERVAL: Duration = Duration::from_millis(10);

/// How often a long search says where it is.
const WORK_INTERVAL: Duration = Duration::from_millis(200);

/// How a session is to be played.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many times as fast as recorded.
    pub speed: f64,
    /// The longest pause.
    pub pause_max: Option<Duration>,
    /// Where to begin.
    pub at: Moment,
    /// Whether what was typed is shown.
    pub input: bool,
    /// Whether the screen is as large as the terminal, not as a recorded one: that of a timeline.
    pub fills_terminal: bool,
    /// The most rows of the terminal that are used.
    pub rows_max: Option<usize>,
    /// Whether to leave at the end.
    pub quit_at_end: bool,
    /// What the status line calls the session.
    pub title: String,
    /// The moment of the last event.
    pub last: Moment,
    /// Places worth finding again.
    pub markers: Vec<(Moment, String)>,
}

/// Why playing was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// The end was reached.
    End,
    /// The person left.
    Left,
    /// The program was asked to end.
    Ended,
}

/// A session being played on a terminal.
pub struct Player {
    stage: Stage,
    console: Console,
    settings: Settings,
    painter: Painter,
    pace: Pace,
    state: State,
    /// What is to be seen of the session now; the stage may be one step ahead.
    picture: View,
    typed: String,
    cues: u64,
    /// Where playing stands while it does not go on.
    position: Moment,
    prepared: Option<Prepared>,
    message: Option<(String, Instant)>,
    prompt: Option<String>,
    needle: Option<Needle>,
    /// While the keys are shown: whether to go on afterwards.
    help: Option<bool>,
    status_until: Instant,
    glanced: Instant,
    /// When the watch for an output begins.
    watch: clock::Watch,
    /// While it plays.
    awake: Option<clock::Wakefulness>,
    farewell: Option<Farewell>,
}

/// The next picture, all but written.
struct Prepared {
    deadline: Instant,
    /// The moments of its first and its last cue.
    first: Moment,
    last: Moment,
    pace: Pace,
    picture: View,
    typed: String,
    note: Option<String>,
    canvas: View,
    bytes: Vec<u8>,
}

impl Player {
    /// Plays `stage` on `console`.
    #[must_use]
    pub fn new(stage: Stage, console: Console, settings: Settings) -> Self {
        let now = clock::now();
        let pace = Pace::new(settings.speed, settings.pause_max, now, Moment::START);
        Self {
            picture: stage.screen().view(),
            stage,
            console,
            settings,
            painter: Painter::default(),
            pace,
            state: State::Playing,
            typed: String::new(),
            cues: 0,
            position: Moment::START,
            prepared: None,
            message: None,
            prompt: None,
            needle: None,
            help: None,
            status_until: now + STATUS_SPAN,
            glanced: now,
            watch: clock::Watch::default(),
            awake: None,
            farewell: None,
        }
    }

    /// Plays until the person leaves, or the end when that was asked for.
    ///
    /// # Errors
    /// When the terminal is gone, or the session cannot be read.
    pub fn run(mut self) -> anyhow::Result<Farewell> {
        clock::be_punctual();
        if self.settings.at > Moment::START {
            self.seek_time(self.settings.at)?;
        }
        self.draw()?;
        self.pace.restart(clock::now(), self.position);
        loop {
            if let Some(farewell) = self.farewell {
                return Ok(farewell);
            }
            if self.state == State::Playing && self.prepared.is_none() && !self.prepare(true) {
                self.reach_end()?;
                continue;
            }
            self.turn()?;
        }
    }

    /// One turn: waits for what comes first, a key, something due, or a change of the status line.
    fn turn(&mut self) -> anyhow::Result<()> {
        if self.state == State::Playing {
            self.awake.get_or_insert_with(clock::Wakefulness::ask);
        } else {
            self.awake = None;
        }
        let now = clock::now();
        let due = self.prepared.as_ref().filter(|_| self.state == State::Playing).map(|prepared| prepared.deadline);
        let watch_from = due.map(|due| self.watch.begins(due));
        let tick = self.tick(now).filter(|tick| due.is_none_or(|due| *tick + QUIET_BEFORE_DUE < due));
        let until = [watch_from, tick].into_iter().flatten().min();
        let wishes = match until {
            Some(until) if until <= now && now.saturating_duration_since(self.glanced) < GLANCE_INTERVAL => Vec::new(),
            until => {
                let wishes = self.console.wait(until)?;
                self.glanced = clock::now();
                if let Some(begins) =
                    watch_from.filter(|from| until == Some(*from) && (now..=self.glanced).contains(from))
                {
                    self.watch.woke(self.glanced - begins);
                }
                wishes
            }
        };
        if !wishes.is_empty() {
            for wish in wishes {
                self.heed(wish)?;
            }
            return Ok(());
        }
        let now = clock::now();
        if watch_from.is_some_and(|from| from <= now) {
            if let Some(due) = due {
                clock::watch_until(due);
            }
            self.show_prepared()?;
        } else if tick.is_some_and(|tick| tick <= now) {
            self.draw()?;
        }
        Ok(())
    }

    /// When the status line has to change by itself.
    fn tick(&self, now: Instant) -> Option<Instant> {
        let message = self.message.as_ref().map(|(_, until)| *until);
        let status = (self.status_until > now).then_some(self.status_until);
        let position = self.position_at(now);
        let into_second = u64::from(position.since_start().subsec_nanos());
        let running = self
            .prepared
            .as_ref()
            .filter(|prepared| self.state == State::Playing && prepared.last > position && prepared.deadline > now);
        let second = running.map(|_| {
            let left = (1_000_000_000 - into_second) as f64 / 1e9 / self.pace.speed();
            now + Duration::from_secs_f64(left.max(0.05))
        });
        [message, status, second].into_iter().flatten().min()
    }

    fn position_at(&self, now: Instant) -> Moment {
        match (&self.state, &self.prepared) {
            (State::Playing, Some(prepared)) => self.pace.position(now, prepared.first),
            _ => self.position,
        }
    }

    /// Makes the next picture ready; several cues at once when they are overdue and `join` allows it. False at the end.
    fn prepare(&mut self, join: bool) -> bool {
        let Some((first, _)) = self.stage.peek() else { return false };
        let deadline = self.pace.deadline(first);
        let begun = clock::now();
        let mut pace = self.pace.clone();
        let mut note = None;
        let mut last = first;
        loop {
            let Self { stage, console, .. } = self;
            let mut leave = None;
            let step = stage.advance(&mut |_| {
                leave = leave.or_else(|| farewell_in(console));
                leave.is_some()
            });
            self.farewell = self.farewell.or(leave);
            let Some((at, cue)) = step else { break };
            pace.reach(at);
            last = at;
            note = said(&cue).or(note);
            let now = clock::now();
            let late = join && now.saturating_duration_since(begun) < PICTURE_INTERVAL;
            if !late || self.stage.peek().is_none_or(|(next, _)| pace.deadline(next) > now) {
                break;
            }
        }
        let picture = self.stage.screen().view();
        let typed = self.stage.typed().signs();
        let canvas = self.frame(last, &typed, note.as_deref()).compose(&picture);
        let bytes = self.painter.paint(&canvas);
        self.prepared = Some(Prepared { deadline, first, last, pace, picture, typed, note, canvas, bytes });
        true
    }

    fn show_prepared(&mut self) -> io::Result<()> {
        let Some(prepared) = self.prepared.take() else { return Ok(()) };
        self.console.write(&prepared.bytes)?;
        self.painter.painted(prepared.canvas);
        self.picture = prepared.picture;
        self.typed = prepared.typed;
        self.pace = prepared.pace;
        self.position = prepared.last;
        self.cues = self.stage.progress().cues;
        if let Some(note) = prepared.note {
            self.message = Some((note, clock::now() + MESSAGE_SPAN));
        }
        Ok(())
    }

    fn reach_end(&mut self) -> anyhow::Result<()> {
        self.state = State::Ended;
        self.position = self.settings.last.max(self.stage.progress().at);
        if let Some(damage) = self.stage.damage() {
            self.say(format!("the tape cannot be read further: {damage}"));
        }
        if self.settings.quit_at_end || !self.console.has_keys() {
            self.farewell = Some(Farewell::End);
        }
        self.draw()?;
        Ok(())
    }

    /// Draws what is to be seen now.
    fn draw(&mut self) -> io::Result<()> {
        let now = clock::now();
        if self.message.as_ref().is_some_and(|(_, until)| *until <= now) {
            self.message = None;
        }
        let canvas = self.frame(self.position_at(now), &self.typed, None).compose(&self.picture);
        self.console.write(&self.painter.paint(&canvas))?;
        self.painter.painted(canvas);
        // What was prepared was the difference from what stood there before.
        if let Some(mut prepared) = self.prepared.take() {
            prepared.bytes = self.painter.paint(&prepared.canvas);
            self.prepared = Some(prepared);
        }
        Ok(())
    }

    /// The columns and rows of the terminal that may be used.
    fn size(&self) -> (usize, usize) {
        let (columns, rows) = self.console.size();
        (columns, self.settings.rows_max.map_or(rows, |most| rows.min(most.max(1))))
    }

    fn frame<'a>(&'a self, position: Moment, typed: &'a str, note: Option<&'a str>) -> Frame<'a> {
        let message = self.message.as_ref().map(|(message, _)| message.as_str());
        Frame {
            size: self.size(),
            state: self.state,
            position,
            last: self.settings.last,
            speed: self.pace.speed(),
            title: &self.settings.title,
            message: note.or(message),
            prompt: self.prompt.as_deref(),
            needle: self.needle.as_ref(),
            typed: self.settings.input.then_some(typed),
            markers: &self.settings.markers,
            help: self.help.is_some(),
            over: self.prompt.is_some() || message.is_some() || self.status_until > clock::now(),
        }
    }

    /// Says something in the status line.
    pub fn say(&mut self, message: impl Into<String>) {
        self.message = Some((message.into(), clock::now() + MESSAGE_SPAN));
    }

    /// Puts what the stage shows now on view, at `position`.
    fn arrive(&mut self, position: Moment) {
        self.prepared = None;
        self.picture = self.stage.screen().view();
        self.typed = self.stage.typed().signs();
        self.cues = self.stage.progress().cues;
        self.position = position;
        self.pace.restart(clock::now(), position);
    }
}

/// What a cue says beside the picture.
fn said(cue: &Cue) -> Option<String> {
    match cue {
        Cue::Note(text) => Some(text.clone()),
        Cue::Marker(label) => Some(format!("marker: {label}")),
        Cue::Show(_) | Cue::Resize(..) | Cue::Typed(_) => None,
    }
}

/// Whether the person or the system wants the program to end, in the middle of work.
fn farewell_in(console: &mut Console) -> Option<Farewell> {
    let wishes = console.glance().unwrap_or_else(|_| vec![Wish::Leave]);
    wishes.into_iter().find_map(controls::farewell)
}
