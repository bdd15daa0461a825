//! Sessions as a table.

use unicode_width::UnicodeWidthStr;
use wiretape_core::event::PrincipalKind;
use wiretape_recorder::SessionRow;

use crate::describe::principal;
use crate::legible::{excerpt, size};
use crate::timecode;
use crate::wallclock;
use std::time::Duration;

/// Letters of a name that a cell shows.
const NAME_LETTERS_MAX: usize = 28;

/// Letters of a reason that a cell shows.
const REASON_LETTERS_MAX: usize = 60;

/// Letters of what a session was about that a cell shows.
const WHAT_LETTERS_MAX: usize = 48;

/// Sessions as a table, heads first; each with as much of its id as is needed. Of columns that may be empty those are
/// left out that are.
#[must_use]
pub fn sessions(rows: &[(&SessionRow, String)]) -> Vec<String> {
    let labels = rows.iter().any(|(row, _)| !row.label.is_empty());
    let whats = rows.iter().any(|(row, _)| !row.what.is_empty());
    let mut heads = vec!["ID", "PERSON", "TARGET"];
    heads.extend(labels.then_some("LABEL"));
    heads.extend(["OPENED (UTC)", "LASTED", "STATE", "SIZE"]);
    heads.extend(whats.then_some("WHAT"));
    heads.push("REASON");
    let mut table: Vec<Vec<String>> = vec![heads.into_iter().map(str::to_owned).collect()];
    table.extend(rows.iter().map(|(row, id)| cells(row, id, labels, whats)));
    lines(&table)
}

fn cells(row: &SessionRow, id: &str, labels: bool, whats: bool) -> Vec<String> {
    let or_dash = |text: &str| match text {
        "" => "–".to_owned(),
        text => excerpt(text, NAME_LETTERS_MAX),
    };
    let person = match (row.person.as_str(), row.kind, row.on_behalf_of.as_str()) {
        ("", PrincipalKind::Person, "") => or_dash(""),
        (name, kind, on_behalf_of) => excerpt(&principal(name, kind, on_behalf_of), NAME_LETTERS_MAX),
    };
    let target = match (row.target.as_str(), row.login.as_str()) {
        (target, "") => or_dash(target),
        (target, login) => excerpt(&format!("{login}@{target}"), NAME_LETTERS_MAX),
    };
    let lasted = row.closed_unix_nanos.map_or_else(
        || "–".to_owned(),
        |closed| timecode::span(Duration::from_nanos(closed.saturating_sub(row.opened_unix_nanos))),
    );
    let mut cells = vec![id.to_owned(), person, target];
    cells.extend(labels.then(|| excerpt(&row.label, NAME_LETTERS_MAX)));
    cells.extend([wallclock::short(row.opened_unix_nanos), lasted, row.state.name().to_owned(), size(row.tape_bytes)]);
    cells.extend(whats.then(|| what(&row.what)));
    cells.push(excerpt(&row.reason, REASON_LETTERS_MAX));
    cells
}

/// What a session was about; where it is cut, the count behind it stays.
fn what(text: &str) -> String {
    let (asked, count) = match text.rsplit_once(" +") {
        Some((asked, count)) if !count.is_empty() && count.bytes().all(|digit| digit.is_ascii_digit()) => {
            (asked, format!(" +{count}"))
        }
        _ => (text, String::new()),
    };
    excerpt(asked, WHAT_LETTERS_MAX) + &count
}

/// Lines of a table, in columns that are as wide as they must be.
fn lines(rows: &[Vec<String>]) -> Vec<String> {
    let mut widths = vec![0; rows.iter().map(Vec::len).max().unwrap_or(0)];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let line = |row: &Vec<String>| {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width - cell.width() + 2));
        }
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::{lines, what};

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["N", "B", "C"], ["1", "界", "x"], ["22", "a", ""]];
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect();
        assert_eq!(lines(&rows), ["N   B   C", "1   界  x", "22  a"]);
    }

    #[test]
    fn what_a_session_was_about_keeps_its_count() {
        assert_eq!(what("GET /orders +41"), "GET /orders +41");
        assert_eq!(what("GET /a +b"), "GET /a +b");
        let long = format!("GET /{} +7", "x".repeat(100));
        assert_eq!(what(&long), format!("GET /{}… +7", "x".repeat(43)));
        assert_eq!(what(""), "");
    }
}
