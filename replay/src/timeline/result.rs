//! The rows of one result, until they are drawn.

use std::sync::Arc;

use wiretape_core::event::Column;

use crate::database::aligned::{self, Head};
use crate::database::message::values;
use crate::database::types::is_number;
use crate::database::value::{BINARY, decoded};
use crate::legible::{count, hex, size};
use crate::limits::{CELL_LETTERS_MAX, RESULT_BYTES_KEPT_MAX, RESULT_COLUMNS_MAX};

/// The most bytes of text that a binary value is decoded to; it is cut to fewer then.
const DECODED_BYTES_MAX: usize = 64 * 1024;

/// A result that is coming in.
#[derive(Clone)]
pub(super) struct Rows {
    columns: Option<Arc<[Column]>>,
    heads: Vec<Head>,
    kept: Vec<Vec<String>>,
    kept_bytes: usize,
    rows_max: usize,
    count: u64,
    drawn: bool,
}

impl Rows {
    /// A result of `columns`, when they are known, of which at most `rows_max` rows are drawn.
    pub(super) fn new(columns: Option<Arc<[Column]>>, rows_max: usize) -> Self {
        let head = |column: &Column| Head { name: cut(&column.name), right: is_number(column.type_id) };
        let heads = columns.iter().flat_map(|columns| columns.iter()).take(RESULT_COLUMNS_MAX).map(head).collect();
        Self { columns, heads, kept: Vec::new(), kept_bytes: 0, rows_max, count: 0, drawn: false }
    }

    /// Takes in the content of a row of `bytes`, or its start; the lines of the table, when it is full.
    pub(super) fn row(&mut self, content: &[u8], bytes: u64) -> Vec<String> {
        self.count += 1;
        if self.drawn {
            return Vec::new();
        }
        if self.kept.len() >= self.rows_max || self.kept_bytes >= RESULT_BYTES_KEPT_MAX {
            return self.draw();
        }
        let mut values = values(content);
        let mut cells = Vec::new();
        for value in values.by_ref() {
            cells.push(value.map(|value| self.cell(cells.len(), value)).unwrap_or_default());
            if cells.len() == RESULT_COLUMNS_MAX {
                break;
            }
        }
        if let Some(start) = values.cut().filter(|_| cells.len() < RESULT_COLUMNS_MAX) {
            let start = self.cell(cells.len(), start);
            cells.push(format!("{}… (in a row of {})", start.trim_end_matches('…'), size(bytes)));
        }
        while self.heads.len() < cells.len() {
            let name = (self.heads.len() + 1).to_string();
            self.heads.push(Head { name, right: false });
        }
        self.kept_bytes += cells.iter().map(String::len).sum::<usize>() + cells.len();
        self.kept.push(cells);
        Vec::new()
    }

    /// The lines that are left to draw, and what psql says below; `end` says why there will be no more.
    pub(super) fn finish(mut self, end: &str) -> Vec<String> {
        let mut lines = if self.drawn { Vec::new() } else { self.draw() };
        let hidden = self.count - self.kept.len() as u64;
        if hidden > 0 {
            lines.push(format!("… and {}", count(hidden, "more row")));
        }
        lines.push(format!("({}{end})", count(self.count, "row")));
        lines
    }

    fn draw(&mut self) -> Vec<String> {
        self.drawn = true;
        aligned::lines(&self.heads, &self.kept)
    }

    fn cell(&self, place: usize, value: &[u8]) -> String {
        let column = self.columns.as_ref().and_then(|columns| columns.get(place));
        match column {
            Some(column) if column.format == BINARY => shown(column.type_id, value),
            _ => cut(value),
        }
    }
}

/// A binary value as one cell.
pub(super) fn shown(type_id: u32, value: &[u8]) -> String {
    match decoded(type_id, value, DECODED_BYTES_MAX) {
        Some(text) => cut(text.as_bytes()),
        None => cut(format!("\\x{}", hex(value.get(..CELL_LETTERS_MAX).unwrap_or(value))).as_bytes()),
    }
}

/// The start of a text, as long as a cell may be; what is not UTF-8 becomes `�`.
pub(super) fn cut(text: &[u8]) -> String {
    // Four bytes a letter at most: the rest need not be looked at to be left out.
    let start = text.get(..CELL_LETTERS_MAX * 4 + 4).unwrap_or(text);
    let mut shown = String::from_utf8_lossy(start).into_owned();
    if let Some((end, _)) = shown.char_indices().nth(CELL_LETTERS_MAX) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::{Rows, cut};
    use crate::limits::CELL_LETTERS_MAX;

    fn row(values: &[&str]) -> Vec<u8> {
        let mut row = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
        for value in values {
            row.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
            row.extend(value.as_bytes());
        }
        row
    }

    #[test]
    fn rows_behind_the_first_are_counted() {
        let mut rows = Rows::new(None, 2);
        assert!(rows.row(&row(&["a"]), 7).is_empty());
        assert!(rows.row(&row(&["b"]), 7).is_empty());
        assert_eq!(rows.row(&row(&["c"]), 7), [" 1 ", "---", " a", " b"]);
        assert!(rows.row(&row(&["d"]), 7).is_empty());
        assert_eq!(rows.finish(""), ["… and 2 more rows", "(4 rows)"]);
    }

    #[test]
    fn a_row_that_is_cut_shows_what_is_there() {
        let mut rows = Rows::new(None, 2);
        let whole = row(&["one", "two", "three"]);
        rows.row(&whole[..whole.len() - 10], 25);
        let drawn = rows.finish(" so far");
        assert_eq!(drawn[2..], [" one | tw… (in a row of 25 B)", "(1 row so far)"]);
    }

    #[test]
    fn a_cell_is_cut_between_letters() {
        assert_eq!(cut("ü".repeat(CELL_LETTERS_MAX).as_bytes()).chars().count(), CELL_LETTERS_MAX);
        let cut = cut("ü".repeat(CELL_LETTERS_MAX * 9).as_bytes());
        assert_eq!((cut.chars().count(), cut.ends_with("ü…")), (CELL_LETTERS_MAX + 1, true));
    }
}
