//! What is played: which events of a session become what on a screen.

use bytes::Bytes;
use wiretape_core::event::{ProcessEvent, SessionEvent, TerminalEvent};
use wiretape_core::{Event, Kind, Lane, Verdict};

use crate::describe::{answered, asked, describe, label};
use crate::screen::emulated_size;
use crate::timeline::{Mark, Timeline};

/// One thing to do while playing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cue {
    /// Show these bytes.
    Show(Bytes),
    /// The screen has this size now: columns and rows.
    Resize(usize, usize),
    /// Something was typed.
    Typed(TerminalEvent),
    /// Say this beside the screen.
    Note(String),
    /// A marker with this label.
    Marker(String),
}

/// Turns events into cues.
#[derive(Clone)]
pub enum Script {
    /// One terminal, as it was.
    Terminal {
        /// Its lane.
        lane: Lane,
        /// Whether what was typed is shown.
        input: bool,
    },
    /// The timeline of some or all lanes, line by line.
    Timeline {
        /// The timeline.
        timeline: Box<Timeline>,
        /// Whether lines are coloured.
        styled: bool,
        /// What ends a line: a terminal in raw mode needs the carriage to return.
        line_end: &'static str,
    },
}

impl Script {
    /// The cues that `event` brings, all at its moment.
    #[must_use]
    pub fn feed(&mut self, event: &Event) -> Vec<Cue> {
        match self {
            Self::Terminal { lane, input } => terminal(*lane, *input, event).into_iter().collect(),
            Self::Timeline { timeline, styled, line_end } => {
                lines(timeline.feed(event).into_iter(), *styled, line_end).collect()
            }
        }
    }

    /// The cues that were still waiting for something when the events ended.
    #[must_use]
    pub fn finish(&mut self) -> Vec<Cue> {
        match self {
            Self::Terminal { .. } => Vec::new(),
            Self::Timeline { timeline, styled, line_end } => {
                lines(timeline.finish().into_iter(), *styled, line_end).collect()
            }
        }
    }
}

fn lines(
    entries: impl Iterator<Item = crate::timeline::Entry>,
    styled: bool,
    line_end: &str,
) -> impl Iterator<Item = Cue> {
    entries.flat_map(move |entry| {
        let show = Cue::Show(Bytes::from(entry.print(styled) + line_end));
        let marker = (entry.mark == Mark::Marker).then(|| Cue::Marker(entry.text));
        [Some(show), marker].into_iter().flatten()
    })
}

fn terminal(lane: Lane, input: bool, event: &Event) -> Option<Cue> {
    match &event.kind {
        Kind::Session(event) => said_of_session(event),
        _ if event.lane != lane => None,
        Kind::Terminal(TerminalEvent::Output { bytes, .. }) => Some(Cue::Show(bytes.clone())),
        Kind::Terminal(TerminalEvent::Start { size, .. } | TerminalEvent::Resize { size }) => {
            let (columns, rows) = emulated_size(size);
            Some(Cue::Resize(columns, rows))
        }
        Kind::Terminal(typed) => input.then(|| Cue::Typed(typed.clone())),
        Kind::Process(ProcessEvent::Exit { .. } | ProcessEvent::Killed { .. } | ProcessEvent::Signal { .. }) => {
            Some(Cue::Note(describe(event)))
        }
        Kind::Process(_) | Kind::Stream(_) | Kind::File(_) | Kind::Query(_) | Kind::Http(_) | Kind::Git(_) => None,
    }
}

fn said_of_session(event: &SessionEvent) -> Option<Cue> {
    match event {
        SessionEvent::Marker { label: text } => Some(Cue::Marker(label(text))),
        SessionEvent::Notice { text } => Some(Cue::Note(format!("the gateway said: {}", label(text.trim())))),
        SessionEvent::Gap { reason, .. } => {
            Some(Cue::Note(format!("GAP: something is missing here: {}", label(reason))))
        }
        SessionEvent::Fault { by, .. } => Some(Cue::Note(format!("FAULT: the {by} broke the protocol"))),
        SessionEvent::Decision { action, resource, verdict: Verdict::Refuse(reason), .. } => {
            Some(Cue::Note(format!("REFUSED: {} {}: {}", label(action), label(resource), label(&reason.text))))
        }
        SessionEvent::Closed { reason } => Some(Cue::Note(format!("session ended: {}", label(reason)))),
        SessionEvent::Asked(question) => Some(Cue::Note(asked(question))),
        SessionEvent::Answered(answer) => Some(Cue::Note(answered(answer))),
        SessionEvent::Opened(_) | SessionEvent::Decision { .. } | SessionEvent::Labelled { .. } => None,
    }
}
