//! What each row shows, and from when to when.

use std::collections::HashMap;
use std::time::Duration;

use crate::view::{Glyph, View};

/// The least that one showing takes in the file.
const SHOWING_BYTES: usize = 20;

/// A row that shows one text for a time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Showing {
    /// Which row.
    pub(super) row: usize,
    /// Which of [`Film::texts`].
    pub(super) text: usize,
    pub(super) from: Duration,
    /// `None`: to the end.
    pub(super) until: Option<Duration>,
}

/// The cursor in one place for a time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) column: usize,
    pub(super) row: usize,
    pub(super) from: Duration,
    pub(super) until: Option<Duration>,
}

/// A session in frames, stored by rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Film {
    pub(super) columns: usize,
    /// Rows that ever show anything, from the top: what is below them is left out.
    pub(super) rows: usize,
    /// The different rows that are ever shown, without what is blank at their ends.
    pub(super) texts: Vec<Vec<Glyph>>,
    pub(super) showings: Vec<Showing>,
    pub(super) places: Vec<Place>,
    numbers: HashMap<Vec<Glyph>, usize>,
    /// The open showing of each row, as its place in `showings`.
    open: Vec<Option<usize>>,
    open_place: Option<usize>,
    end: Duration,
    length: Duration,
    bytes: usize,
}

impl Film {
    /// Takes one more frame, at `now`.
    pub(super) fn take(&mut self, now: Duration, view: &View) {
        self.end = now;
        self.columns = self.columns.max(view.columns);
        self.open.resize(self.open.len().max(view.rows), None);
        for row in 0..self.open.len() {
            let glyphs = view.row(row);
            let blank = glyphs.iter().rev().take_while(|glyph| **glyph == Glyph::default()).count();
            self.show(now, row, glyphs.get(..glyphs.len() - blank).unwrap_or_default());
        }
        self.point(now, view.cursor);
    }

    /// When the last frame was taken.
    pub(super) fn end(&self) -> Duration {
        self.end
    }

    /// How long it lasts, with the rest at its end.
    pub(super) fn length(&self) -> Duration {
        self.length
    }

    /// No more frames come; it begins anew after `length`.
    pub(super) fn wrap(&mut self, length: Duration) {
        self.length = length;
    }

    /// The file will not be smaller than this.
    pub(super) fn bytes_at_least(&self) -> usize {
        self.bytes
    }

    fn show(&mut self, now: Duration, row: usize, glyphs: &[Glyph]) {
        let open = self.open.get(row).copied().flatten();
        let shown = open.and_then(|open| self.showings.get(open)).and_then(|showing| self.texts.get(showing.text));
        if shown.map_or(glyphs.is_empty(), |shown| shown == glyphs) {
            return;
        }
        if let Some(showing) = open.and_then(|open| self.showings.get_mut(open)) {
            showing.until = Some(now);
        }
        let mut number = None;
        if !glyphs.is_empty() {
            let text = self.text(glyphs);
            number = Some(self.showings.len());
            self.rows = self.rows.max(row + 1);
            self.showings.push(Showing { row, text, from: now, until: None });
            self.bytes += SHOWING_BYTES;
        }
        if let Some(open) = self.open.get_mut(row) {
            *open = number;
        }
    }

    fn text(&mut self, glyphs: &[Glyph]) -> usize {
        if let Some(number) = self.numbers.get(glyphs) {
            return *number;
        }
        let number = self.texts.len();
        self.texts.push(glyphs.to_vec());
        self.numbers.insert(glyphs.to_vec(), number);
        self.bytes += glyphs.len();
        number
    }

    fn point(&mut self, now: Duration, cursor: Option<(usize, usize)>) {
        let open = self.open_place.and_then(|open| self.places.get_mut(open));
        if open.as_ref().map(|place| (place.column, place.row)) == cursor {
            return;
        }
        if let Some(place) = open {
            place.until = Some(now);
        }
        self.open_place = cursor.map(|(column, row)| {
            self.rows = self.rows.max(row + 1);
            self.places.push(Place { column, row, from: now, until: None });
            self.bytes += SHOWING_BYTES;
            self.places.len() - 1
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Film;
    use crate::screen::Screen;

    #[test]
    fn a_row_is_shown_for_as_long_as_it_stays_the_same() {
        let second = Duration::from_secs;
        let mut screen = Screen::new(10, 2);
        let mut film = Film::default();
        screen.feed(b"one\x1b[?25l");
        film.take(second(0), &screen.view());
        screen.feed(b"\r\ntwo");
        film.take(second(1), &screen.view());
        screen.feed(b"\r\none");
        film.take(second(2), &screen.view());
        let showings: Vec<_> =
            film.showings.iter().map(|s| (s.row, s.text, s.from.as_secs(), s.until.map(|u| u.as_secs()))).collect();
        assert_eq!(showings, [(0, 0, 0, Some(2)), (1, 1, 1, Some(2)), (0, 1, 2, None), (1, 0, 2, None)]);
        assert_eq!(film.texts.len(), 2, "a text that moves is stored once");
        assert!(film.places.is_empty());
    }
}
