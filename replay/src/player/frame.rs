//! What the player puts on the terminal: the picture, and around it what the person needs to know.

use unicode_width::UnicodeWidthStr;
use wiretape_core::Moment;

use crate::needle::Needle;
use crate::timecode::clock;
use crate::view::{Shade, Style, View};

/// The keys, as the help shows them.
const HELP: [(&str, &str); 13] = [
    ("space", "pause, go on"),
    (".  ,", "one event on, one back"),
    ("← →", "5 seconds back, on (with Shift: 60)"),
    ("home end", "to the beginning, to the end"),
    ("[  ]", "to the marker before, to the next one"),
    ("+  -", "faster, slower"),
    ("/", "search in what was shown"),
    ("n  N", "next place found, place before"),
    ("esc", "stop searching"),
    ("r", "draw the screen again"),
    ("?", "these keys"),
    ("q", "leave (Ctrl-C too)"),
    ("", "--help tells more"),
];

/// The narrowest bar that is worth drawing.
const BAR_COLUMNS_MIN: usize = 8;

/// How playing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Playing,
    Paused,
    Ended,
}

/// All that a frame shows beside the picture.
pub(super) struct Frame<'a> {
    /// Columns and rows of the terminal that may be used.
    pub(super) size: (usize, usize),
    pub(super) state: State,
    pub(super) position: Moment,
    pub(super) last: Moment,
    pub(super) speed: f64,
    pub(super) title: &'a str,
    pub(super) message: Option<&'a str>,
    /// What is being typed after `/`.
    pub(super) prompt: Option<&'a str>,
    pub(super) needle: Option<&'a Needle>,
    /// The signs of what was typed in the session; `None` when that is not shown.
    pub(super) typed: Option<&'a str>,
    pub(super) markers: &'a [(Moment, String)],
    pub(super) help: bool,
    /// Whether the status line may cover the picture now.
    pub(super) over: bool,
}

impl Frame<'_> {
    /// The frame around `picture`.
    pub(super) fn compose(&self, picture: &View) -> View {
        let (columns, rows) = self.size;
        let mut canvas = View::new(columns, rows);
        let lines_below = 1 + usize::from(self.typed.is_some());
        let beside = picture.rows + lines_below <= rows;
        // Where there is no room below, the whole picture is shown and the lines come over it only when called for.
        let area = if beside { rows.saturating_sub(lines_below) } else { rows };
        let top = match picture.cursor {
            Some((_, row)) if row >= area => picture.rows.saturating_sub(area),
            _ => 0,
        };
        canvas.place(picture, 0, top, area);
        if let Some(needle) = self.needle {
            canvas.highlight(needle);
        }
        if beside || self.over || self.state != State::Playing {
            let cropped = picture.columns > columns || picture.rows > area;
            self.status(&mut canvas, cropped.then_some((picture.columns, picture.rows)));
        }
        if let Some(typed) = self.typed.filter(|_| rows >= 2) {
            typed_line(&mut canvas, rows - 2, typed, beside);
        }
        if self.help {
            help(&mut canvas);
        }
        canvas
    }

    fn status(&self, canvas: &mut View, cropped: Option<(usize, usize)>) {
        let (columns, rows) = self.size;
        let Some(row) = rows.checked_sub(1) else { return };
        let style = Style { inverse: true, ..Style::default() };
        canvas.fill(row, 0, style);
        if let Some(prompt) = self.prompt {
            let end = canvas.write(row, 0, &format!(" /{prompt}"), style);
            canvas.cursor = Some((end.min(columns.saturating_sub(1)), row));
            return;
        }
        let word = match self.state {
            State::Playing => "playing",
            State::Paused => "paused",
            State::Ended => "the end",
        };
        let speed = if self.speed == 1.0 { String::new() } else { format!(" ×{}", self.speed) };
        let left = format!(" {word} {} / {}{speed} ", clock(self.position), clock(self.last));
        let mut right = String::from(" ");
        if let Some(message) = self.message {
            right.push_str(message);
        } else {
            right.push_str(self.title);
        }
        if let Some((picture_columns, picture_rows)) = cropped {
            right.push_str(&format!(" · {picture_columns}×{picture_rows} cropped to {columns}×{rows}"));
        }
        right.push_str(" · ? keys ");
        let after = canvas.write(row, 0, &left, style);
        let start = columns.saturating_sub(right.width());
        if start >= after + BAR_COLUMNS_MIN {
            self.bar(canvas, row, after, start);
            canvas.write(row, start, &right, style);
        } else {
            canvas.write(row, after, &right, style);
        }
    }

    fn bar(&self, canvas: &mut View, row: usize, start: usize, end: usize) {
        let style = Style { inverse: true, ..Style::default() };
        let columns = end - start;
        let place = |at: Moment| {
            let part = at.as_nanos() as f64 / self.last.as_nanos().max(1) as f64;
            ((part * columns as f64) as usize).min(columns)
        };
        let filled = place(self.position);
        let bar = "━".repeat(filled) + &"─".repeat(columns - filled);
        canvas.write(row, start, &bar, style);
        for (at, _) in self.markers {
            canvas.write(row, start + place(*at).min(columns - 1), "┃", style);
        }
    }
}

/// The line of keys: the last ones that fit.
fn typed_line(canvas: &mut View, row: usize, typed: &str, beside: bool) {
    let style = Style { foreground: Some(Shade::Indexed(6)), inverse: !beside, ..Style::default() };
    canvas.fill(row, 0, if beside { Style::default() } else { style });
    let label = " typed: ";
    let room = canvas.columns.saturating_sub(label.width() + 1);
    let mut start = typed.len();
    for (position, _) in typed.char_indices().rev() {
        if typed.get(position..).unwrap_or_default().width() > room {
            break;
        }
        start = position;
    }
    let after = canvas.write(row, 0, label, Style { faint: true, ..style });
    canvas.write(row, after, typed.get(start..).unwrap_or_default(), style);
}

fn help(canvas: &mut View) {
    let style = Style { inverse: true, ..Style::default() };
    let width = 2 + 10 + HELP.iter().map(|(_, what)| what.width()).max().unwrap_or(0) + 2;
    let left = canvas.columns.saturating_sub(width) / 2;
    let top = canvas.rows.saturating_sub(HELP.len() + 2) / 2;
    let blank = " ".repeat(width);
    canvas.write(top, left, &blank, style);
    for (number, (keys, what)) in HELP.iter().enumerate() {
        let row = top + 1 + number;
        canvas.write(row, left, &blank, style);
        canvas.write(row, left + 2, keys, Style { bold: true, ..style });
        canvas.write(row, left + 12, what, style);
    }
    canvas.write(top + 1 + HELP.len(), left, &blank, style);
    canvas.cursor = None;
}

#[cfg(test)]
mod tests {
    use wiretape_core::Moment;

    use super::{Frame, State};
    use crate::screen::Screen;

    fn frame(columns: usize, rows: usize) -> Frame<'static> {
        Frame {
            size: (columns, rows),
            state: State::Playing,
            position: Moment::from_nanos(30_000_000_000),
            last: Moment::from_nanos(60_000_000_000),
            speed: 1.0,
            title: "ana to web1",
            message: None,
            prompt: None,
            needle: None,
            typed: None,
            markers: &[],
            help: false,
            over: false,
        }
    }

    fn filled(columns: usize, rows: usize) -> Screen {
        let mut screen = Screen::new(columns, rows);
        for row in 1..=rows {
            screen.feed(format!("\x1b[{row};1Hrow {row}\x1b[{row};{}H|", columns).as_bytes());
        }
        screen
    }

    #[test]
    fn a_larger_terminal_shows_all_and_the_status_below() {
        let canvas = frame(60, 8).compose(&filled(40, 6).view());
        assert_eq!(canvas.row_text(0), format!("row 1{}|", " ".repeat(34)));
        assert_eq!(canvas.row_text(5), format!("row 6{}|", " ".repeat(34)));
        assert_eq!(canvas.row_text(6), "");
        assert!(canvas.row_text(7).contains("playing 0:30 / 1:00"), "{}", canvas.row_text(7));
        assert!(canvas.row_text(7).contains("ana to web1"));
    }

    #[test]
    fn a_smaller_terminal_shows_the_part_with_the_cursor_and_says_so() {
        let picture = filled(132, 43).view();
        let mut small = frame(80, 24);
        small.over = true;
        let canvas = small.compose(&picture);
        assert_eq!(canvas.row_text(0), "row 20", "the cursor is in the last row");
        assert!(canvas.row_text(23).contains("132×43 cropped to 80×24"), "{}", canvas.row_text(23));
        small.over = false;
        assert_eq!(small.compose(&picture).row_text(23), "row 43", "nothing covers the picture while it plays");
        let mut screen = filled(132, 43);
        screen.feed(b"\x1b[3;1H");
        assert_eq!(small.compose(&screen.view()).row_text(0), "row 1");
    }

    #[test]
    fn a_terminal_of_the_same_size_is_covered_only_when_it_must_be() {
        let picture = filled(40, 6).view();
        let mut same = frame(40, 6);
        assert_eq!(same.compose(&picture), picture);
        same.state = State::Paused;
        assert!(same.compose(&picture).row_text(5).contains("paused"));
    }

    #[test]
    fn the_last_keys_are_shown_when_not_all_fit() {
        let mut narrow = frame(30, 10);
        let typed = "x".repeat(50) + "ls⏎";
        narrow.typed = Some(&typed);
        let line = narrow.compose(&filled(20, 5).view()).row_text(8);
        assert!(line.starts_with(" typed: xxx") && line.ends_with("xls⏎"), "{line}");
    }

    #[test]
    fn no_size_is_too_small() {
        for (columns, rows) in [(1, 1), (2, 1), (1, 3), (5, 2)] {
            let mut tiny = frame(columns, rows);
            tiny.help = true;
            tiny.typed = Some("typed");
            tiny.prompt = Some("needle");
            let canvas = tiny.compose(&filled(10, 5).view());
            assert_eq!((canvas.columns, canvas.rows), (columns, rows));
        }
    }
}
