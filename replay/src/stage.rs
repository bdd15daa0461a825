//! A session on its way across a screen: step by step, and from any place to any other.

use std::collections::VecDeque;
use std::sync::Arc;

use wiretape_core::Moment;
use wiretape_core::event::TerminalEvent;

use crate::keyframe::{Keyframe, Keyframes, Progress};
use crate::limits::FEED_SLICE_BYTES;
use crate::lookahead::Lookahead;
use crate::needle::Needle;
use crate::screen::{Screen, USUAL_SIZE};
use crate::script::{Cue, Script};
use crate::source::Source;
use crate::typed::Typed;

/// Where to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// To where the session was at this moment.
    Time(Moment),
    /// To after so many cues.
    Cues(u64),
}

/// Asked now and then during long work, with the moment that was reached; true stops it.
pub type Watch<'a> = dyn FnMut(Moment) -> bool + 'a;

/// A session on its way across a screen.
pub struct Stage {
    source: Arc<dyn Source>,
    opening: Script,
    opening_size: (usize, usize),
    keyframes: Keyframes,
    script: Script,
    ahead: Option<Lookahead>,
    waiting: VecDeque<Cue>,
    progress: Progress,
    bytes_since_keyframe: u64,
    /// Work was stopped inside a cue: the screen is not what it should be until it is built anew.
    torn: bool,
    damage: Option<String>,
    screen: Screen,
    typed: Typed,
}

impl Stage {
    /// The session of `source` before its first event, played by `script`, on a screen of `size` (columns, rows) until
    /// the session says another.
    ///
    /// # Errors
    /// When the session cannot be read.
    pub fn new(source: Arc<dyn Source>, script: Script, size: Option<(usize, usize)>) -> anyhow::Result<Self> {
        let opening_size = size.unwrap_or(USUAL_SIZE);
        let ahead = Lookahead::new(source.events_from(Moment::START)?)?;
        Ok(Self {
            source,
            opening: script.clone(),
            opening_size,
            keyframes: Keyframes::default(),
            script,
            ahead: Some(ahead),
            waiting: VecDeque::new(),
            progress: Progress::default(),
            bytes_since_keyframe: 0,
            torn: false,
            damage: None,
            screen: Screen::new(opening_size.0, opening_size.1),
            typed: Typed::default(),
        })
    }

    /// The screen as it is now.
    #[must_use]
    pub fn screen(&self) -> &Screen {
        &self.screen
    }

    /// What was typed until now.
    #[must_use]
    pub fn typed(&self) -> &Typed {
        &self.typed
    }

    /// How many cues were applied, and the moment of the last.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// What stopped the reading before the end, if anything did.
    #[must_use]
    pub fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }

    /// When the next cue is due in the session, and what it is; `None` at the end.
    pub fn peek(&mut self) -> Option<(Moment, &Cue)> {
        while self.waiting.is_empty() {
            match self.ahead.as_mut()?.next() {
                Some(Ok(event)) => {
                    if event.at > self.progress.event_at {
                        self.progress.event_at = event.at;
                        self.progress.events_at = 0;
                    }
                    self.progress.events_at += 1;
                    self.waiting.extend(self.script.feed(&event));
                }
                ended => {
                    if let Some(Err(error)) = ended {
                        self.damage = Some(format!("{error:#}"));
                    }
                    self.ahead = None;
                    self.waiting.extend(self.script.finish());
                }
            }
        }
        self.waiting.front().map(|cue| (self.progress.event_at, cue))
    }

    /// Applies the next cue and returns it; `None` at the end.
    pub fn advance(&mut self, watch: &mut Watch<'_>) -> Option<(Moment, Cue)> {
        self.step(watch, &mut |_| {})
    }

    /// Goes to `goal`, forwards or backwards. False when `watch` stopped it on the way.
    ///
    /// # Errors
    /// When the session cannot be read from there.
    pub fn seek(&mut self, goal: Goal, watch: &mut Watch<'_>) -> anyhow::Result<bool> {
        let not_past = |progress: &Progress| match goal {
            Goal::Time(at) => progress.at <= at,
            Goal::Cues(cues) => progress.cues <= cues,
        };
        let here_will_do = !self.torn && not_past(&self.progress);
        let keyframe = self.keyframes.last(not_past).cloned();
        match keyframe {
            Some(keyframe) if !here_will_do || keyframe.progress.cues > self.progress.cues => self.take_up(keyframe)?,
            _ if here_will_do => {}
            _ => self.begin_again()?,
        }
        loop {
            let Some((at, _)) = self.peek() else { return Ok(true) };
            let there = match goal {
                Goal::Time(goal) => at > goal,
                Goal::Cues(goal) => self.progress.cues >= goal,
            };
            if there {
                return Ok(true);
            }
            if watch(at) {
                return Ok(false);
            }
            self.advance(watch);
        }
    }

    /// Goes on until more of `needle` has been shown than before: to the next place where it appears. False when it
    /// does not appear any more, or when `watch` stopped it.
    pub fn find(&mut self, needle: &Needle, watch: &mut Watch<'_>) -> bool {
        let mut shown = self.screen.count(needle);
        loop {
            let Some((at, cue)) = self.peek() else { return false };
            let (shows, resizes) = (matches!(cue, Cue::Show(_)), matches!(cue, Cue::Resize(..)));
            if watch(at) {
                return false;
            }
            // What leaves at the top was shown: it is not new when the like of it comes in below.
            let mut left = 0;
            self.step(watch, &mut |line| left += needle.count([line]));
            let now = if shows || resizes { self.screen.count(needle) } else { shown };
            if shows && now + left > shown {
                return true;
            }
            shown = now;
        }
    }

    /// Begins again, on a screen of another size.
    ///
    /// # Errors
    /// When the session cannot be read.
    pub fn reopen(&mut self, size: (usize, usize)) -> anyhow::Result<()> {
        self.opening_size = size;
        self.keyframes = Keyframes::default();
        self.begin_again()
    }

    fn step(&mut self, watch: &mut Watch<'_>, evicted: &mut dyn FnMut(&avt::Line)) -> Option<(Moment, Cue)> {
        let (at, _) = self.peek()?;
        let cue = self.waiting.pop_front()?;
        match &cue {
            Cue::Show(bytes) => {
                for (number, slice) in bytes.chunks(FEED_SLICE_BYTES).enumerate() {
                    if number > 0 && watch(at) {
                        self.torn = true;
                        break;
                    }
                    self.screen.feed_and_watch(slice, &mut *evicted);
                }
                self.bytes_since_keyframe += bytes.len() as u64;
            }
            Cue::Resize(columns, rows) => self.screen.resize(*columns, *rows),
            Cue::Typed(TerminalEvent::Input { bytes }) => self.typed.input(bytes),
            Cue::Typed(TerminalEvent::Concealed { count }) => self.typed.concealed(*count),
            Cue::Typed(TerminalEvent::Echoed { skipped, bytes }) => self.typed.echoed(*skipped, bytes),
            Cue::Typed(_) | Cue::Note(_) | Cue::Marker(_) => {}
        }
        self.progress.cues += 1;
        self.progress.at = at;
        self.keep_keyframe();
        Some((at, cue))
    }

    fn keep_keyframe(&mut self) {
        let rests = self.waiting.is_empty() && self.ahead.is_some() && !self.torn;
        if !rests || !self.keyframes.is_due(&self.progress, self.bytes_since_keyframe) {
            return;
        }
        if let Some(screen) = self.screen.freeze() {
            self.bytes_since_keyframe = 0;
            self.keyframes.keep(Keyframe {
                progress: self.progress,
                screen,
                script: self.script.clone(),
                typed: self.typed.clone(),
            });
        }
    }

    fn begin_again(&mut self) -> anyhow::Result<()> {
        self.ahead = Some(Lookahead::new(self.source.events_from(Moment::START)?)?);
        self.script = self.opening.clone();
        self.screen = Screen::new(self.opening_size.0, self.opening_size.1);
        self.typed = Typed::default();
        self.set_out(Progress::default());
        Ok(())
    }

    fn take_up(&mut self, keyframe: Keyframe) -> anyhow::Result<()> {
        let progress = keyframe.progress;
        // Seek points may lie earlier; events of the same moment may lie on both sides of the keyframe.
        let mut passed = 0;
        let events = self.source.events_from(progress.event_at)?.skip_while(move |event| match event {
            Ok(event) if event.at == progress.event_at => {
                passed += 1;
                passed <= progress.events_at
            }
            Ok(event) => event.at < progress.event_at,
            Err(_) => false,
        });
        self.ahead = Some(Lookahead::new(Box::new(events))?);
        self.script = keyframe.script;
        self.screen = keyframe.screen.thaw();
        self.typed = keyframe.typed;
        self.set_out(progress);
        Ok(())
    }

    fn set_out(&mut self, progress: Progress) {
        self.waiting.clear();
        self.progress = progress;
        self.bytes_since_keyframe = 0;
        self.torn = false;
        self.damage = None;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use proptest::prelude::{any, prop, proptest};
    use proptest::test_runner::Config;
    use wiretape_core::event::{SessionEvent, TerminalEvent, TerminalSize};
    use wiretape_core::{Event, Kind, Lane, Moment, Side};

    use super::{Goal, Stage};
    use crate::needle::Needle;
    use crate::script::{Cue, Script};

    const SCRIPT: Script = Script::Terminal { lane: Lane(1), input: true };

    fn terminal(at: u64, event: TerminalEvent) -> Event {
        Event { at: Moment::from_nanos(at), side: Side::Upstream, lane: Lane(1), kind: Kind::Terminal(event) }
    }

    fn output(at: u64, text: impl Into<Bytes>) -> Event {
        terminal(at, TerminalEvent::Output { error: false, bytes: text.into() })
    }

    fn size(columns: u32, rows: u32) -> TerminalSize {
        TerminalSize { columns, rows, width_px: 0, height_px: 0 }
    }

    /// A session with several keyframes, events of the same moment, resizes, typing and other lanes.
    fn long_session() -> Vec<Event> {
        let mut events =
            vec![terminal(0, TerminalEvent::Start { term: "xterm".into(), size: size(60, 12), modes: Vec::new() })];
        for number in 0..400_u64 {
            let at = 1_000 + number / 3 * 10;
            let line = format!("\x1b[{}mline {number}\x1b[0m {}\r\n", 31 + number % 6, "=".repeat(4_000));
            events.push(output(at, line));
            if number % 50 == 0 {
                events.push(terminal(at, TerminalEvent::Resize { size: size(40 + number as u32 / 10, 12) }));
                events.push(terminal(at, TerminalEvent::Concealed { count: 2 }));
                events.push(terminal(at, TerminalEvent::Echoed { skipped: 0, bytes: Bytes::from_static(b"a") }));
            }
            if number % 7 == 0 {
                let mut other = output(at, "elsewhere");
                other.lane = Lane(2);
                events.push(other);
            }
        }
        events.push(output(9_000, "the end"));
        events
    }

    fn stage(events: Vec<Event>) -> Stage {
        Stage::new(Arc::new(events), SCRIPT, None).unwrap()
    }

    fn go(stage: &mut Stage, goal: Goal) {
        assert!(stage.seek(goal, &mut |_| false).unwrap());
    }

    #[test]
    fn wherever_it_goes_it_shows_what_straight_playing_shows_there() {
        let mut straight = stage(long_session());
        let mut views = vec![(straight.screen().view(), straight.typed().signs())];
        while straight.advance(&mut |_| false).is_some() {
            views.push((straight.screen().view(), straight.typed().signs()));
        }
        let mut jumping = stage(long_session());
        for cues in [300, 5, 425, 424, 0, 200, 201, 199, 1, 60] {
            go(&mut jumping, Goal::Cues(cues));
            assert_eq!(jumping.progress().cues, cues);
            let (view, signs) = &views[cues as usize];
            assert_eq!(&jumping.screen().view(), view, "after {cues} cues");
            assert_eq!(&jumping.typed().signs(), signs, "after {cues} cues");
        }
    }

    #[test]
    fn a_moment_is_reached_with_all_that_happened_in_it() {
        let mut stage = stage(vec![output(10, "a"), output(20, "b"), output(20, "c"), output(30, "d")]);
        for (at, text) in [(20, "abc"), (19, "a"), (9, ""), (1_000, "abcd"), (29, "abc")] {
            go(&mut stage, Goal::Time(Moment::from_nanos(at)));
            assert_eq!(stage.screen().text().first().map_or("", String::as_str), text, "at {at}");
        }
    }

    #[test]
    fn text_is_found_where_it_appears_and_not_where_it_only_moves() {
        let mut events =
            vec![terminal(0, TerminalEvent::Start { term: "xterm".into(), size: size(40, 3), modes: Vec::new() })];
        for (at, text) in [
            (10, "nothing\r\n"),
            (20, "an er"),
            (30, "ror here\r\n"),
            (40, "next\r\n"),
            (50, "next\r\n"),
            (60, "error as the other leaves\r\n"),
            (70, "\x1b[2J\x1b[H"),
            (80, "\x1b[31mErr\x1b[32mOr\x1b[0m in colours"),
        ] {
            events.push(output(at, text));
        }
        let mut stage = stage(events);
        let needle = Needle::new("error");
        let mut found = Vec::new();
        while stage.find(&needle, &mut |_| false) {
            found.push(stage.progress().at.as_nanos());
        }
        assert_eq!(found, [30, 60, 80]);
    }

    #[test]
    fn what_was_stopped_half_way_is_built_anew() {
        let mut stage = stage(vec![output(10, vec![b'x'; 200_000]), output(20, "\x1b[2J\x1b[Hafter")]);
        let mut asked = 0;
        stage.advance(&mut |_| {
            asked += 1;
            asked == 2
        });
        go(&mut stage, Goal::Cues(2));
        assert_eq!(stage.screen().text()[0], "after");
    }

    #[test]
    fn markers_and_notes_are_cues() {
        let kind = Kind::Session(SessionEvent::Marker { label: "deploy\x1b[2J".into() });
        let marker = Event { at: Moment::START, side: Side::Client, lane: Lane::CONNECTION, kind };
        let mut stage = stage(vec![marker]);
        assert_eq!(stage.advance(&mut |_| false), Some((Moment::START, Cue::Marker("deploy␛[2J".into()))));
        assert_eq!(stage.advance(&mut |_| false), None);
    }

    proptest! {
        #![proptest_config(Config::with_cases(24))]
        #[test]
        fn seeking_to_a_time_is_playing_to_it(
            outputs in prop::collection::vec((0_u64..30, any::<Vec<u8>>()), 1..40),
            goals in prop::collection::vec(0_u64..400, 1..6),
        ) {
            let mut at = 0;
            let events: Vec<Event> = outputs
                .into_iter()
                .map(|(gap, bytes)| {
                    at += gap;
                    output(at, bytes)
                })
                .collect();
            let mut jumping = stage(events.clone());
            for goal in goals {
                let mut straight = stage(events.clone());
                go(&mut straight, Goal::Time(Moment::from_nanos(goal)));
                go(&mut jumping, Goal::Time(Moment::from_nanos(goal)));
                assert_eq!(jumping.screen().view(), straight.screen().view());
                assert_eq!(jumping.progress().cues, straight.progress().cues);
            }
        }
    }
}
