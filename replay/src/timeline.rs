//! A session as lines of text: when, on which lane, what happened. Lanes are interleaved as time went.
//!
//! Streams of text come out line by line; bytes that are no text are counted; an operation on files and its answer are
//! one line; a forward is told when it opens and summed up when it closes. A database session reads as psql shows one.

mod copied;
mod entry;
mod exchange;
mod git;
mod lane;
mod query;
mod result;
mod run;
mod words;

use std::collections::BTreeMap;

use wiretape_core::event::HttpEvent;
use wiretape_core::{Event, Kind, Lane, Moment};

pub use entry::{Entry, Mark};
pub use exchange::Bodies;
use exchange::{Detail, Told};
use lane::LaneLine;

use crate::describe::describe;
use crate::limits::{DIALOGUES_KEPT_MAX, LANES_KEPT_MAX, RESULT_ROWS_SHOWN};
use crate::repository::library::Library;

/// Turns events into lines, one after the other.
#[derive(Clone)]
pub struct Timeline {
    lanes: BTreeMap<Lane, LaneLine>,
    /// How many of the lanes remember a database session.
    dialogues: usize,
    rows_max: usize,
    detail: Detail,
    /// Packs from which the patches of commits are made, when they are told.
    patches: Option<Library>,
    told: Told,
    /// The exchange that was broken off last, and the words for it: both sides may be told.
    broken_off: Option<(Lane, String)>,
    only: Option<Lane>,
    last: Moment,
}

impl Timeline {
    /// A timeline of all lanes, or of one and what concerns the connection as a whole.
    #[must_use]
    pub fn new(only: Option<Lane>) -> Self {
        Self {
            lanes: BTreeMap::new(),
            dialogues: 0,
            rows_max: RESULT_ROWS_SHOWN,
            detail: Detail::default(),
            patches: None,
            told: Told::default(),
            broken_off: None,
            only,
            last: Moment::START,
        }
    }

    /// The same, with at most `rows_max` rows of each result of a query.
    #[must_use]
    pub fn with_rows_max(mut self, rows_max: usize) -> Self {
        self.rows_max = rows_max;
        self
    }

    /// The same, with so much of the bodies of HTTP, and with the fields of its heads or without.
    #[must_use]
    pub fn with_exchanges(mut self, bodies: Bodies, fields: bool) -> Self {
        self.detail = Detail { bodies, fields };
        self
    }

    /// The same, with the patches of commits that were pushed, or without.
    #[must_use]
    pub fn with_patches(mut self, patches: bool) -> Self {
        self.patches = patches.then(Library::default);
        self
    }

    /// The lines that `event` completes.
    #[must_use]
    pub fn feed(&mut self, event: &Event) -> Vec<Entry> {
        let mut entries = Vec::new();
        self.last = self.last.max(event.at);
        let left_out = self.only.is_some_and(|only| event.lane != only && event.lane != Lane::CONNECTION);
        if left_out {
            return entries;
        }
        for (lane, line) in &mut self.lanes {
            line.settle(*lane, event.at, &mut self.told, &mut entries);
        }
        match &event.kind {
            Kind::Session(said) => {
                if matches!(said, wiretape_core::event::SessionEvent::Closed { .. }) {
                    self.end(&mut entries);
                }
                entries.extend(entry::session_mark(said).map(|mark| Entry::of(event, mark, describe(event))));
            }
            _ if event.lane == Lane::CONNECTION => {
                entries.push(Entry::of(event, Mark::Lane, describe(event)));
            }
            Kind::Http(HttpEvent::Reset { reason, .. }) if self.is_told_again(event.lane, reason) => {}
            // The end of what was broken off already.
            Kind::Http(HttpEvent::End) if !self.lanes.contains_key(&event.lane) => {}
            kind => {
                self.make_room(event.lane, &mut entries);
                self.told.lanes = self.lanes.len();
                if self.lanes.len() < LANES_KEPT_MAX || self.lanes.contains_key(&event.lane) {
                    let line = self.lanes.entry(event.lane).or_insert_with(|| LaneLine::new(event.at));
                    if matches!(kind, Kind::Query(_)) && !line.has_dialogue() && self.dialogues < DIALOGUES_KEPT_MAX {
                        line.begin_dialogue(self.rows_max);
                        self.dialogues += 1;
                    }
                    if matches!(kind, Kind::Http(_)) && !line.has_exchange() {
                        line.begin_exchange(self.detail);
                    }
                    if matches!(kind, Kind::Git(_)) && !line.has_git() {
                        line.begin_git(event.lane, self.patches.as_ref());
                    }
                    if let Kind::Http(HttpEvent::Reset { reason, .. }) = kind {
                        self.broken_off = Some((event.lane, reason.clone()));
                    }
                    line.feed(event, &mut self.told, &mut entries);
                    if line.is_over() {
                        self.dialogues -= usize::from(line.has_dialogue());
                        self.lanes.remove(&event.lane);
                    }
                }
            }
        }
        self.told.lane = entries.last().map(|entry| entry.lane).or(self.told.lane);
        entries
    }

    /// Whether the other side of an exchange is told only what one was told before.
    fn is_told_again(&self, lane: Lane, reason: &str) -> bool {
        let same = self.broken_off.as_ref().is_some_and(|(broken, words)| *broken == lane && words == reason);
        same && !self.lanes.contains_key(&lane)
    }

    /// Sees to it that `lane` can be kept: of many exchanges the oldest is told as it stands.
    fn make_room(&mut self, lane: Lane, entries: &mut Vec<Entry>) {
        if self.lanes.len() < LANES_KEPT_MAX || self.lanes.contains_key(&lane) {
            return;
        }
        let oldest = self.lanes.iter().find(|(_, line)| line.has_exchange()).map(|(lane, _)| *lane);
        if let Some((lane, mut line)) = oldest.and_then(|oldest| self.lanes.remove_entry(&oldest)) {
            line.end(lane, self.last, &mut self.told, entries);
        }
    }

    /// The lines that were still being written when the events ended.
    #[must_use]
    pub fn finish(&mut self) -> Vec<Entry> {
        let mut entries = Vec::new();
        self.end(&mut entries);
        entries
    }

    fn end(&mut self, entries: &mut Vec<Entry>) {
        self.dialogues = 0;
        for (lane, mut line) in std::mem::take(&mut self.lanes) {
            line.end(lane, self.last, &mut self.told, entries);
        }
    }
}
