//! Result tables, drawn as psql draws them (aligned, with one line between columns, which is its default).
//!
//! What a terminal would act on is shown in psql's own way, `\r` or `\x1B`, and what psql lets through and makes text
//! look other than it is, in the way of [`crate::legible`].

use unicode_width::UnicodeWidthChar;

use crate::legible::is_unfit_for_a_cell;

/// How far apart tab stops are.
const TAB_COLUMNS: usize = 8;

/// One column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its name.
    pub name: String,
    /// Whether its values stand on the right.
    pub right: bool,
}

/// One line of a cell.
struct Line {
    text: String,
    width: usize,
}

/// A cell, laid out.
type Cell = Vec<Line>;

/// The lines of a table: heads, a line, rows. What is told below (`(2 rows)`) is not among them.
#[must_use]
pub fn lines(heads: &[Head], rows: &[Vec<String>]) -> Vec<String> {
    let names: Vec<Cell> = heads.iter().map(|head| cell(&head.name)).collect();
    let rows: Vec<Vec<Cell>> = rows.iter().map(|row| row.iter().map(|text| cell(text)).collect()).collect();
    let widest = |place: usize| {
        let cells = rows.iter().filter_map(|row| row.get(place)).chain(names.get(place));
        cells.flatten().map(|line| line.width).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(widest).collect();
    let mut lines = head_lines(&names, &widths);
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
    lines.push(if rule.is_empty() { "--".to_owned() } else { rule.join("+") });
    for row in &rows {
        row_lines(row, heads, &widths, &mut lines);
    }
    lines
}

/// The names in the middle of their columns; a `+` says that a name goes on below.
fn head_lines(names: &[Cell], widths: &[usize]) -> Vec<String> {
    let height = names.iter().map(Vec::len).max().unwrap_or(0);
    let line = |number: usize| {
        let parts = names.iter().zip(widths).map(|(name, width)| {
            let (text, text_width) = name.get(number).map_or(("", 0), |line| (line.text.as_str(), line.width));
            let space = width.saturating_sub(text_width);
            let goes_on = if number + 1 < name.len() { '+' } else { ' ' };
            format!(" {}{text}{}{goes_on}", " ".repeat(space / 2), " ".repeat(space - space / 2))
        });
        parts.collect::<Vec<_>>().join("|")
    };
    (0..height).map(line).collect()
}

fn row_lines(row: &[Cell], heads: &[Head], widths: &[usize], lines: &mut Vec<String>) {
    let height = row.iter().map(Vec::len).max().unwrap_or(0);
    let last = row.len().saturating_sub(1);
    for number in 0..height {
        let parts = row.iter().zip(heads).zip(widths).enumerate().map(|(place, ((cell, head), width))| {
            let goes_on = number + 1 < cell.len();
            let (text, text_width) = cell.get(number).map_or(("", 0), |line| (line.text.as_str(), line.width));
            let space = " ".repeat(width.saturating_sub(text_width));
            let text = match (cell.get(number), head.right) {
                (Some(_), true) => format!("{space}{text}"),
                // Nothing stands on the right of the last column to be kept in its place.
                _ if place == last && !goes_on => text.to_owned(),
                _ => format!("{text}{space}"),
            };
            let end = match (goes_on, place == last) {
                (true, _) => "+",
                (false, true) => "",
                (false, false) => " ",
            };
            format!(" {text}{end}")
        });
        lines.push(parts.collect::<Vec<_>>().join("|"));
    }
}

/// The lines of a value; control characters are written out.
fn cell(text: &str) -> Cell {
    let mut cell = vec![Line { text: String::new(), width: 0 }];
    for letter in text.chars() {
        let Some(line) = cell.last_mut() else { break };
        let written = match letter {
            '\n' => {
                cell.push(Line { text: String::new(), width: 0 });
                continue;
            }
            '\t' => " ".repeat(TAB_COLUMNS - line.width % TAB_COLUMNS),
            '\r' => "\\r".to_owned(),
            '\0'..='\x1f' | '\x7f' => format!("\\x{:02X}", u32::from(letter)),
            '\u{80}'..='\u{9f}' => format!("\\u{:04X}", u32::from(letter)),
            letter if is_unfit_for_a_cell(letter) => format!("\\u{{{:x}}}", u32::from(letter)),
            letter => {
                line.text.push(letter);
                line.width += width(letter);
                continue;
            }
        };
        line.width += written.len();
        line.text.push_str(&written);
    }
    cell
}

/// Columns of a terminal that a letter takes.
#[must_use]
pub fn width(letter: char) -> usize {
    letter.width().unwrap_or(0)
}

#[cfg(test)]
mod tests;
