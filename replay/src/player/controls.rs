//! What the keys do.

use std::time::{Duration, Instant};

use wiretape_core::Moment;

use super::frame::State;
use super::{Farewell, MESSAGE_SPAN, Player, STATUS_SPAN, WORK_INTERVAL};
use crate::clock;
use crate::console::{Console, Wish};
use crate::keyboard::Key;
use crate::needle::Needle;
use crate::stage::Goal;
use crate::timecode;

const SHORT_LEAP: Duration = Duration::from_secs(5);
const LONG_LEAP: Duration = Duration::from_secs(60);

/// A marker this near before the position counts as the place where one is, not as the one before.
const MARKER_GRACE: Duration = Duration::from_secs(1);

/// The fastest and the slowest that keys can make it.
const SPEED_MAX: f64 = 256.0;
const SPEED_MIN: f64 = 1.0 / 16.0;

/// Letters that a search may have.
const PROMPT_LETTERS_MAX: usize = 200;

/// Long work asks for keys once in so many cues.
const CUES_BETWEEN_GLANCES: u32 = 64;

/// Whether `wish` is to leave.
pub(super) fn farewell(wish: Wish) -> Option<Farewell> {
    match wish {
        Wish::Key(Key::Letter('q') | Key::Interrupt) => Some(Farewell::Left),
        Wish::Leave => Some(Farewell::Ended),
        Wish::Key(_) | Wish::Resized => None,
    }
}

impl Player {
    /// Does what was wished for.
    pub(super) fn heed(&mut self, wish: Wish) -> anyhow::Result<()> {
        match wish {
            Wish::Leave => self.farewell = Some(Farewell::Ended),
            Wish::Resized => {
                self.painter.forget();
                self.refill()?;
                self.recompose()?;
            }
            Wish::Key(key) if self.prompt.is_some() => self.prompt_key(key)?,
            Wish::Key(key) => {
                self.status_until = clock::now() + STATUS_SPAN;
                match self.help.take() {
                    Some(goes_on) if !matches!(key, Key::Letter('q') | Key::Interrupt) => {
                        if goes_on {
                            self.resume();
                        }
                    }
                    _ => self.key(key)?,
                }
                self.recompose()?;
            }
        }
        Ok(())
    }

    fn key(&mut self, key: Key) -> anyhow::Result<()> {
        match key {
            Key::Letter('q') | Key::Interrupt => self.farewell = Some(Farewell::Left),
            Key::Letter(' ') => match self.state {
                State::Playing => self.pause(),
                State::Paused => self.resume(),
                State::Ended => self.seek(Goal::Cues(0), Moment::START)?,
            },
            Key::Letter('.') => self.step()?,
            Key::Letter(',') => {
                self.pause();
                self.step_back()?;
            }
            Key::Left => self.leap(SHORT_LEAP, false)?,
            Key::Right => self.leap(SHORT_LEAP, true)?,
            Key::ShiftLeft | Key::PageUp => self.leap(LONG_LEAP, false)?,
            Key::ShiftRight | Key::PageDown => self.leap(LONG_LEAP, true)?,
            Key::Home => self.seek(Goal::Cues(0), Moment::START)?,
            Key::End => self.seek_time(Moment::from_nanos(u64::MAX))?,
            Key::Letter('[') => self.marker(false)?,
            Key::Letter(']') => self.marker(true)?,
            Key::Letter('+' | '=') => self.set_speed(self.pace.speed() * 2.0),
            Key::Letter('-' | '_') => self.set_speed(self.pace.speed() / 2.0),
            Key::Letter('/') => {
                self.pause();
                self.prompt = Some(String::new());
            }
            Key::Letter('n') => self.find_next()?,
            Key::Letter('N') => self.find_before()?,
            Key::Escape => self.needle = None,
            Key::Letter('r') => self.painter.forget(),
            Key::Letter('?' | 'h') => {
                self.help = Some(self.state == State::Playing);
                self.pause();
            }
            _ => {}
        }
        Ok(())
    }

    fn prompt_key(&mut self, key: Key) -> anyhow::Result<()> {
        let Some(mut prompt) = self.prompt.take() else { return Ok(()) };
        match key {
            Key::Enter => {
                if !prompt.is_empty() {
                    self.needle = Some(Needle::new(&prompt));
                }
                self.find_next()?;
            }
            Key::Escape | Key::Interrupt => {}
            Key::Backspace => {
                if prompt.pop().is_some() {
                    self.prompt = Some(prompt);
                }
            }
            Key::Letter(letter) => {
                if prompt.chars().count() < PROMPT_LETTERS_MAX {
                    prompt.push(letter);
                }
                self.prompt = Some(prompt);
            }
            _ => self.prompt = Some(prompt),
        }
        self.recompose()
    }

    /// Draws what is to be seen now, and the next picture anew with what changed around it.
    fn recompose(&mut self) -> anyhow::Result<()> {
        if let Some(prepared) = self.prepared.take() {
            let frame = self.frame(prepared.last, &prepared.typed, prepared.note.as_deref());
            let canvas = frame.compose(&prepared.picture);
            self.prepared = Some(super::Prepared { canvas, ..prepared });
        }
        self.draw()?;
        Ok(())
    }

    /// Makes a screen that fills the terminal as large as that is now.
    fn refill(&mut self) -> anyhow::Result<()> {
        if self.settings.fills_terminal {
            let (cues, position) = (self.cues, self.position_at(clock::now()));
            let (columns, rows) = self.size();
            self.work(|stage, watch| {
                stage.reopen((columns, rows.saturating_sub(1).max(1)))?;
                stage.seek(Goal::Cues(cues), watch)
            })?;
            self.arrive(position);
        }
        Ok(())
    }

    fn pause(&mut self) {
        if self.state == State::Playing {
            self.position = self.position_at(clock::now());
            self.state = State::Paused;
        }
    }

    fn resume(&mut self) {
        if self.state == State::Paused {
            self.state = State::Playing;
            self.set_out();
        }
    }

    /// Goes on from the position, now; what is prepared gets the deadline that follows from that.
    fn set_out(&mut self) {
        self.pace.restart(clock::now(), self.position);
        if let Some(prepared) = &mut self.prepared {
            prepared.deadline = self.pace.deadline(prepared.first);
            prepared.pace = self.pace.clone();
            prepared.pace.reach(prepared.last);
        }
    }

    fn set_speed(&mut self, speed: f64) {
        self.position = self.position_at(clock::now());
        self.pace.set_speed(speed.clamp(SPEED_MIN, SPEED_MAX), clock::now(), self.position);
        self.set_out();
        self.say(format!("speed ×{}", self.pace.speed()));
    }

    fn step(&mut self) -> anyhow::Result<()> {
        self.pause();
        if self.prepared.is_some() || self.prepare(false) {
            self.show_prepared()?;
        } else {
            self.reach_end()?;
        }
        Ok(())
    }

    fn step_back(&mut self) -> anyhow::Result<()> {
        let Some(cues) = self.cues.checked_sub(1) else { return Ok(()) };
        self.state = State::Paused;
        self.work(|stage, watch| stage.seek(Goal::Cues(cues), watch))?;
        self.arrive(self.stage.progress().at);
        Ok(())
    }

    fn leap(&mut self, distance: Duration, on: bool) -> anyhow::Result<()> {
        let position = self.position_at(clock::now());
        if on {
            self.seek_time(position.plus(distance))
        } else {
            let nanos = u64::try_from(distance.as_nanos()).unwrap_or(u64::MAX);
            self.seek_time(Moment::from_nanos(position.as_nanos().saturating_sub(nanos)))
        }
    }

    /// Goes to `at`, or to the end when that comes first.
    pub(super) fn seek_time(&mut self, at: Moment) -> anyhow::Result<()> {
        self.seek(Goal::Time(at), at)
    }

    fn seek(&mut self, goal: Goal, position: Moment) -> anyhow::Result<()> {
        let arrived = self.work(|stage, watch| stage.seek(goal, watch))?;
        let reached = if arrived { position } else { self.stage.progress().at };
        self.arrive(reached);
        if self.stage.peek().is_none() {
            self.arrive(self.settings.last.max(self.stage.progress().at));
            self.reach_end()?;
        } else if self.state == State::Ended {
            self.state = State::Playing;
        }
        Ok(())
    }

    fn marker(&mut self, next: bool) -> anyhow::Result<()> {
        let position = self.position_at(clock::now());
        let found = if next {
            self.settings.markers.iter().find(|(at, _)| *at > position)
        } else {
            self.settings.markers.iter().rev().find(|(at, _)| at.plus(MARKER_GRACE) < position)
        };
        match found.cloned() {
            Some((at, label)) => {
                self.seek_time(at)?;
                self.say(format!("marker: {label}"));
            }
            None if self.settings.markers.is_empty() => self.say("this session has no markers"),
            None => self.say(if next { "no marker after this" } else { "no marker before this" }),
        }
        Ok(())
    }

    fn find_next(&mut self) -> anyhow::Result<()> {
        let Some(needle) = self.needle.clone() else { return Ok(()) };
        let (cues, position) = (self.cues, self.position_at(clock::now()));
        self.state = State::Paused;
        // The stage may be a step ahead of what is shown, and the place looked for may be in that step.
        let found = self.work(|stage, watch| Ok(stage.seek(Goal::Cues(cues), watch)? && stage.find(&needle, watch)))?;
        if found {
            self.arrive(self.stage.progress().at);
            self.say(format!("found “{}” at {}", needle.text(), timecode::clock(self.position)));
        } else {
            self.work(|stage, watch| stage.seek(Goal::Cues(cues), watch))?;
            self.arrive(position);
            self.say(format!("“{}” is not shown after this", needle.text()));
        }
        Ok(())
    }

    fn find_before(&mut self) -> anyhow::Result<()> {
        let Some(needle) = self.needle.clone() else { return Ok(()) };
        let (cues, position) = (self.cues, self.position_at(clock::now()));
        self.state = State::Paused;
        let mut last = None;
        self.work(|stage, watch| {
            let mut going = stage.seek(Goal::Cues(0), watch)?;
            while going {
                going = stage.find(&needle, watch) && stage.progress().cues < cues;
                last = if going { Some(stage.progress().cues) } else { last };
            }
            Ok(true)
        })?;
        let goal = last.unwrap_or(cues);
        self.work(|stage, watch| stage.seek(Goal::Cues(goal), watch))?;
        if last.is_some() {
            self.arrive(self.stage.progress().at);
            self.say(format!("found “{}” at {}", needle.text(), timecode::clock(self.position)));
        } else {
            self.arrive(position);
            self.say(format!("“{}” is not shown before this", needle.text()));
        }
        Ok(())
    }

    /// Lets the stage work, while keys are listened to and the status line says where it is.
    fn work(
        &mut self,
        work: impl FnOnce(&mut crate::stage::Stage, &mut crate::stage::Watch<'_>) -> anyhow::Result<bool>,
    ) -> anyhow::Result<bool> {
        self.prepared = None;
        let begun = clock::now();
        let mut worker = Worker { next_word: begun + WORK_INTERVAL, calls: 0, leave: None, stopped: false };
        // The status line is drawn over what stands there, without what the stage is doing.
        let mut shown = self.painter.shown().cloned();
        let Self { stage, console, painter, .. } = self;
        let done = work(stage, &mut |at| {
            worker.watch(at, console, |at, console| {
                if let Some(canvas) = &mut shown {
                    let row = canvas.rows.saturating_sub(1);
                    let style = crate::view::Style { inverse: true, ..Default::default() };
                    canvas.fill(row, 0, style);
                    canvas.write(row, 0, &format!(" working: {} (esc stops) ", timecode::clock(at)), style);
                    // A terminal that is gone is noticed at the next glance.
                    let _ = console.write(&painter.paint(canvas));
                    painter.painted(canvas.clone());
                }
            })
        })?;
        self.farewell = self.farewell.or(worker.leave);
        if worker.stopped {
            self.message = Some(("stopped".to_owned(), clock::now() + MESSAGE_SPAN));
        }
        Ok(done)
    }
}

struct Worker {
    next_word: Instant,
    calls: u32,
    leave: Option<Farewell>,
    stopped: bool,
}

impl Worker {
    fn watch(&mut self, at: Moment, console: &mut Console, word: impl FnOnce(Moment, &mut Console)) -> bool {
        if self.leave.is_some() || self.stopped {
            return true;
        }
        self.calls = self.calls.wrapping_add(1);
        let now = clock::now();
        if !self.calls.is_multiple_of(CUES_BETWEEN_GLANCES) && now < self.next_word {
            return false;
        }
        for wish in console.glance().unwrap_or_else(|_| vec![Wish::Leave]) {
            self.leave = self.leave.or(farewell(wish));
            self.stopped |= wish == Wish::Key(Key::Escape);
        }
        if now >= self.next_word {
            self.next_word = now + WORK_INTERVAL;
            word(at, console);
        }
        self.leave.is_some() || self.stopped
    }
}
