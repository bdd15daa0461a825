//! A terminal without a terminal: what a recorded one showed.

use avt::parser::{Function, State};
use avt::{Line, Observation, Observer, Parser, Terminal};
use unicode_width::UnicodeWidthChar;
use wiretape_core::event::TerminalSize;

use crate::limits::{SCREEN_COLUMNS_MAX, SCREEN_ROWS_MAX};
use crate::needle::Needle;
use crate::utf8::Utf8;
use crate::view::View;

/// The size of a terminal that never said how large it is.
pub const USUAL_SIZE: (usize, usize) = (80, 24);

/// The screen of a terminal, fed with what a target showed.
pub struct Screen {
    terminal: Terminal,
    parser: Parser,
    utf8: Utf8,
}

/// A screen at rest: enough to go on from there.
#[derive(Clone, Debug)]
pub struct Frozen {
    columns: usize,
    rows: usize,
    dump: String,
    utf8: Utf8,
}

/// The columns and rows that are emulated for a terminal of this size.
#[must_use]
pub fn emulated_size(size: &TerminalSize) -> (usize, usize) {
    // Clients without a window send zeros; a terminal of no size shows nothing.
    let fit = |said: u32, usual: usize, most: u32| if said == 0 { usual } else { said.min(most) as usize };
    (fit(size.columns, USUAL_SIZE.0, SCREEN_COLUMNS_MAX), fit(size.rows, USUAL_SIZE.1, SCREEN_ROWS_MAX))
}

impl Screen {
    /// An empty screen.
    #[must_use]
    pub fn new(columns: usize, rows: usize) -> Self {
        Self { terminal: terminal(columns, rows), parser: Parser::new(), utf8: Utf8::default() }
    }

    /// Shows `bytes`.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.feed_and_watch(bytes, |_| {});
    }

    /// Shows `bytes`; `evicted` is told each line that leaves at the top.
    pub fn feed_and_watch(&mut self, bytes: &[u8], evicted: impl FnMut(&Line)) {
        let mut observer = Evictions(evicted);
        for letter in self.utf8.decode(bytes).chars() {
            // A cell holds one letter: marks that combine with the letter before them have no place, and would take
            // one that the recorded terminal did not give them. DEL prints nothing.
            let unplaced = letter == '\x7f' || (letter >= '\u{300}' && letter.width() == Some(0));
            if unplaced && self.parser.state == State::Ground {
                continue;
            }
            match self.parser.feed(letter) {
                // More repetitions than fill a line are a way to be slow, not to show something.
                Some(Function::Rep(count)) => {
                    let columns = u16::try_from(self.terminal.size().0).unwrap_or(u16::MAX);
                    self.terminal.execute_with(Function::Rep(count.min(columns)), &mut observer);
                }
                Some(function) => self.terminal.execute_with(function, &mut observer),
                None => {}
            }
        }
    }

    /// Gives the screen another size.
    pub fn resize(&mut self, columns: usize, rows: usize) {
        self.terminal.resize(columns.max(1), rows.max(1));
    }

    /// Columns and rows.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        self.terminal.size()
    }

    /// What is to be seen now.
    #[must_use]
    pub fn view(&self) -> View {
        let (columns, rows) = self.terminal.size();
        let mut view = View::new(columns, rows);
        for (row, line) in self.terminal.screen().visible_lines().enumerate() {
            view.copy_cells(row, line.cells());
        }
        let cursor = self.terminal.cursor();
        view.cursor = cursor.visible.then_some((cursor.col.min(columns.saturating_sub(1)), cursor.row));
        view
    }

    /// The text on it: soft-wrapped lines joined, spaces at the ends of lines removed.
    #[must_use]
    pub fn text(&self) -> Vec<String> {
        let lines = self.terminal.screen().text();
        lines.into_iter().map(|line| crate::legible::legible(line.trim_end()).into_owned()).collect()
    }

    /// How often `needle` stands on it.
    #[must_use]
    pub fn count(&self, needle: &Needle) -> u64 {
        needle.count(self.terminal.screen().visible_lines())
    }

    /// Remembers the screen. `None` in the middle of a control sequence: there it cannot be left and taken up again.
    #[must_use]
    pub fn freeze(&self) -> Option<Frozen> {
        let (columns, rows) = self.terminal.size();
        (self.parser.state == State::Ground).then(|| Frozen {
            columns,
            rows,
            dump: self.terminal.dump(),
            utf8: self.utf8.clone(),
        })
    }
}

impl Frozen {
    /// The screen as it was.
    #[must_use]
    pub fn thaw(&self) -> Screen {
        let mut terminal = terminal(self.columns, self.rows);
        terminal.feed(self.dump.as_str());
        Screen { terminal, parser: Parser::new(), utf8: self.utf8.clone() }
    }
}

struct Evictions<F>(F);

impl<F: FnMut(&Line)> Observer for Evictions<F> {
    type Output = ();

    fn evicted(&mut self, _context: &mut Observation<'_>, line: &Line) {
        (self.0)(line);
    }

    fn end(&mut self, _context: &mut Observation<'_>) {}
}

fn terminal(columns: usize, rows: usize) -> Terminal {
    #[expect(clippy::expect_used, reason = "only a size of zero is refused")]
    Terminal::new(columns.max(1), rows.max(1)).expect("a size of at least one by one")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};
    use wiretape_core::event::TerminalSize;

    use super::{Screen, emulated_size};

    #[test]
    fn what_was_frozen_goes_on_where_it_stopped() {
        let start = b"\x1b[2J\x1b[1;31mred\x1b[5;10H\x1b[4mline\x1b[?1049h\x1b[2;3Hvim \xc3";
        let rest = b"\xbc on\x1b[?1049l and back\r\n$ ";
        let mut whole = Screen::new(40, 10);
        whole.feed(start);
        let mut thawed = whole.freeze().unwrap().thaw();
        whole.feed(rest);
        thawed.feed(rest);
        assert_eq!(whole.view(), thawed.view());
        assert!(whole.text().iter().any(|line| line.contains("red")), "{:?}", whole.text());
    }

    #[test]
    fn nothing_is_frozen_inside_a_sequence() {
        let mut screen = Screen::new(40, 10);
        screen.feed(b"text\x1b[3");
        assert!(screen.freeze().is_none());
        screen.feed(b"1m");
        assert!(screen.freeze().is_some());
    }

    #[test]
    fn marks_that_combine_do_not_push_the_line_apart() {
        let mut screen = Screen::new(20, 2);
        screen.feed("e\u{301}te\u{301} \u{202e}x\x7f|".as_bytes());
        assert_eq!(screen.text()[0], "ete x|");
    }

    #[test]
    fn a_size_is_always_one_that_can_be_emulated() {
        let size = |columns, rows| emulated_size(&TerminalSize { columns, rows, width_px: 0, height_px: 0 });
        assert_eq!(size(132, 43), (132, 43));
        assert_eq!(size(0, 0), (80, 24));
        assert_eq!(size(u32::MAX, u32::MAX), (500, 250));
    }

    #[test]
    fn lines_that_leave_are_told() {
        let mut screen = Screen::new(10, 2);
        let mut left = Vec::new();
        screen.feed_and_watch(b"one\r\ntwo\r\nthree\r\nfour", |line| left.push(line.text().trim_end().to_owned()));
        assert_eq!(left, ["one", "two"]);
    }

    proptest! {
        #[test]
        fn no_output_makes_it_stumble(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..10),
            sizes in prop::collection::vec((1_usize..20, 1_usize..20), 10),
        ) {
            let mut screen = Screen::new(8, 3);
            for (piece, (columns, rows)) in pieces.iter().zip(sizes) {
                screen.feed(piece);
                screen.feed(b"\x1b[");
                screen.feed(piece);
                screen.resize(columns, rows);
                assert_eq!((screen.view().columns, screen.view().rows), (columns, rows));
            }
        }
    }
}
