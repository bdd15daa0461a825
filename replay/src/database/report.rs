//! Errors and notices, told as psql tells them.

use wiretape_core::event::Field;

use super::aligned::width;

/// Columns that psql shows of a line that an error points into.
const LINE_COLUMNS: usize = 60;

/// Columns that it tries to keep behind the place.
const RIGHT_COLUMNS: usize = 10;

/// An error or a notice that is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An error: where it came from is told too.
    Error,
    /// A notice.
    Notice,
}

/// The lines of an error or a notice: severity and message; the place in `query`, when the fields say one; detail,
/// hint, and the rest that psql tells.
#[must_use]
pub fn lines(kind: Kind, fields: &[Field], query: Option<&str>) -> Vec<String> {
    let field = |letter: u8| {
        let field = fields.iter().find(|field| field.letter == letter)?;
        Some(String::from_utf8_lossy(&field.text))
    };
    let number = |letter: u8| field(letter).and_then(|text| text.parse::<usize>().ok());
    let mut message = field(b'S').map(|severity| format!("{severity}:  ")).unwrap_or_default();
    message.push_str(field(b'M').as_deref().unwrap_or_default());
    let internal = field(b'q');
    let (place, query) = match number(b'P') {
        Some(place) => (Some(place), query),
        None => (number(b'p'), internal.as_deref()),
    };
    let pointer = match (place, query) {
        (Some(place), Some(query)) => pointer(query, place).unwrap_or_default(),
        (Some(place), None) => {
            message.push_str(&format!(" at character {place}"));
            Vec::new()
        }
        (None, _) => Vec::new(),
    };
    let mut lines: Vec<String> = message.split('\n').map(str::to_owned).collect();
    lines.extend(pointer);
    let context = if kind == Kind::Error { field(b'W') } else { None };
    for (name, text) in [("DETAIL", field(b'D')), ("HINT", field(b'H')), ("QUERY", field(b'q')), ("CONTEXT", context)] {
        if let Some(text) = text {
            lines.extend(format!("{name}:  {text}").split('\n').map(str::to_owned));
        }
    }
    lines
}

/// The line of `query` in which the letter number `place` (from 1) stands, cut to what fits, and a caret under it.
fn pointer(query: &str, place: usize) -> Option<Vec<String>> {
    let place = place.checked_sub(1)?;
    let letters: Vec<char> = query.chars().collect();
    if place > letters.len() {
        return None;
    }
    let before = letters.get(..place)?;
    let is_end = |letter: &char| matches!(letter, '\r' | '\n');
    let mut begin = before.iter().rposition(is_end).map_or(0, |end| end + 1);
    let mut end = letters.get(place..)?.iter().position(is_end).map_or(letters.len(), |end| place + end);
    let line_ends = before.iter().enumerate().filter(|(at, letter)| match letter {
        '\r' => true,
        // Behind its carriage return a line feed ends no other line.
        '\n' => at.checked_sub(1).and_then(|at| before.get(at)) != Some(&'\r'),
        _ => false,
    });
    let number = line_ends.count() + 1;
    // Where each letter would stand if the line had no end.
    let mut columns = vec![0];
    for letter in &letters {
        columns.push(columns.last()? + width(*letter).max(1));
    }
    let column = |at: usize| columns.get(at).copied().unwrap_or_default();
    let (mut cut_left, mut cut_right) = (false, false);
    if column(end) - column(begin) > LINE_COLUMNS {
        if column(begin) + LINE_COLUMNS >= column(place) + RIGHT_COLUMNS {
            while column(end) - column(begin) > LINE_COLUMNS {
                end -= 1;
                cut_right = true;
            }
        } else {
            while column(place) + RIGHT_COLUMNS < column(end) {
                end -= 1;
                cut_right = true;
            }
            while column(end) - column(begin) > LINE_COLUMNS {
                begin += 1;
                cut_left = true;
            }
        }
    }
    let dots = |cut: bool| if cut { "..." } else { "" };
    let head = format!("LINE {number}: {}", dots(cut_left));
    let shown: String =
        letters.get(begin..end)?.iter().map(|letter| if *letter == '\t' { ' ' } else { *letter }).collect();
    let caret = head.len() + column(place) - column(begin);
    Some(vec![format!("{head}{shown}{}", dots(cut_right)), format!("{}^", " ".repeat(caret))])
}

#[cfg(test)]
mod tests;
