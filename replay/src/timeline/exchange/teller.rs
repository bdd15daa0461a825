//! Where an exchange is told to, and how much of it.

use wiretape_core::{Event, Lane, Moment};

use crate::timeline::{Entry, Mark};

/// How much of bodies a timeline shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bodies {
    /// Nothing.
    None,
    /// The first lines.
    #[default]
    Start,
    /// All that can be read.
    All,
}

/// Where lines are told to, and of what moment.
pub(super) struct Teller<'a> {
    pub(super) at: Moment,
    pub(super) lane: Lane,
    pub(super) entries: &'a mut Vec<Entry>,
}

impl Teller<'_> {
    pub(super) fn tell(&mut self, mark: Mark, text: String) {
        self.entries.push(Entry { at: self.at, lane: self.lane, mark, text });
    }

    pub(super) fn of<'e>(event: &Event, entries: &'e mut Vec<Entry>) -> Teller<'e> {
        Teller { at: event.at, lane: event.lane, entries }
    }
}
