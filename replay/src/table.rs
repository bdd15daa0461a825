//! Sessions as a table.

use unicode_width::UnicodeWidthStr;
use wiretape_recorder::SessionRow;

use crate::legible::{excerpt, size};
use crate::timecode;
use crate::wallclock;
use std::time::Duration;

/// Letters of a name that a cell shows.
const NAME_LETTERS_MAX: usize = 28;

/// Letters of a reason that a cell shows.
const REASON_LETTERS_MAX: usize = 60;

/// The heads of the columns.
pub const HEADS: [&str; 8] = ["ID", "PERSON", "TARGET", "OPENED (UTC)", "LASTED", "STATE", "SIZE", "REASON"];

/// The cells of one session; `id` is as much of its id as is needed.
#[must_use]
pub fn cells(row: &SessionRow, id: &str) -> [String; 8] {
    let or_dash = |text: &str| match text {
        "" => "–".to_owned(),
        text => excerpt(text, NAME_LETTERS_MAX),
    };
    let target = match (row.target.as_str(), row.login.as_str()) {
        (target, "") => or_dash(target),
        (target, login) => excerpt(&format!("{login}@{target}"), NAME_LETTERS_MAX),
    };
    let lasted = row.closed_unix_nanos.map_or_else(
        || "–".to_owned(),
        |closed| timecode::span(Duration::from_nanos(closed.saturating_sub(row.opened_unix_nanos))),
    );
    [
        id.to_owned(),
        or_dash(&row.person),
        target,
        wallclock::short(row.opened_unix_nanos),
        lasted,
        row.state.name().to_owned(),
        size(row.tape_bytes),
        excerpt(&row.reason, REASON_LETTERS_MAX),
    ]
}

/// Lines of a table: `heads`, then `rows`, in columns that are as wide as they must be.
#[must_use]
pub fn lines<const N: usize>(heads: [&str; N], rows: &[[String; N]]) -> Vec<String> {
    let mut widths = heads.map(UnicodeWidthStr::width);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let line = |cells: [&str; N]| {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width - cell.width() + 2));
        }
        line.trim_end().to_owned()
    };
    let mut lines = vec![line(heads)];
    lines.extend(rows.iter().map(|row| line(row.each_ref().map(String::as_str))));
    lines
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["1".to_owned(), "界".to_owned(), "x".to_owned()], ["22".into(), "a".into(), String::new()]];
        assert_eq!(lines(["N", "B", "C"], &rows), ["N   B   C", "1   界  x", "22  a"]);
    }
}
