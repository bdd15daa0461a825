//! The line that the cursor stands on, as far as the search for an echo needs to know it.
//!
//! A terminal in small: it follows the cursor through the control functions that line editors use (ECMA-48, and what
//! xterm adds) and keeps the characters of one logical line, with the time at which each was written. It knows no other
//! line, no colours and no modes.

/// Characters of one line that are kept.
const CELLS_MAX: usize = 8192;

/// A line's width when nobody told it.
const COLUMNS_UNKNOWN: i64 = 1 << 20;

/// Rows are counted from here when the cursor's row is not known.
const ROW_RELATIVE: i64 = 1 << 32;

/// Rows are counted from here when the cursor's column is not known either.
const ROW_ADRIFT: i64 = 1 << 48;

/// A place on the screen. Two places can be compared only within one frame of reference, which the row tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    row: i64,
    column: i64,
}

/// One character of the line. The second half of a wide one holds `\0`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) letter: char,
    /// The newest mark that combines with the letter.
    pub(super) mark: Option<char>,
    /// The count of printed characters when it was written; 0 for a blank that nobody wrote.
    pub(super) written: u64,
}

const BLANK: Cell = Cell { letter: ' ', mark: None, written: 0 };

/// What a byte does to the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// Nothing yet: part of a sequence, or of no interest.
    None,
    /// A character is printed.
    Print(char),
    /// The cursor goes to the next line.
    Newline,
    /// The cursor goes elsewhere.
    Move(Move),
    /// Something of the line is taken away or moved.
    Edit(Edit),
}

/// Where the cursor goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    Return,
    Back,
    Tab,
    Rows(i64),
    Columns(i64),
    Column(i64),
    Row(i64),
    To(i64, i64),
    Save,
    Restore,
}

/// What happens to the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    EraseAfter,
    EraseBefore,
    EraseLine,
    EraseNext(i64),
    Delete(i64),
    Insert(i64),
}

/// Where the reading of an escape sequence is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reading {
    #[default]
    Ground,
    Escape,
    /// One more byte that belongs to the escape (character sets).
    EscapeArgument,
    Control,
    /// A string until `BEL` or `ST`.
    Text,
    TextEscape,
}

/// The cursor and its line.
#[derive(Clone, Debug)]
pub(super) struct Screen {
    columns: i64,
    place: Place,
    saved: Option<Place>,
    /// The row on which the logical line starts.
    base: i64,
    cells: Vec<Cell>,
    printed: u64,
    reading: Reading,
    parameters: [i64; 2],
    parameter: usize,
    private: bool,
    utf8: Utf8,
    last: char,
}

impl Screen {
    /// A screen of `columns` characters a line (0: not known) whose cursor stands at the start of a line, or who
    /// knows where.
    pub(super) fn new(columns: u32, adrift: bool) -> Self {
        let row = if adrift { ROW_ADRIFT } else { ROW_RELATIVE };
        Self {
            columns: width(columns),
            place: Place { row, column: 0 },
            saved: None,
            base: row,
            cells: Vec::new(),
            printed: 0,
            reading: Reading::Ground,
            parameters: [0; 2],
            parameter: 0,
            private: false,
            utf8: Utf8::default(),
            last: ' ',
        }
    }

    pub(super) fn resize(&mut self, columns: u32) {
        self.columns = width(columns);
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// Characters printed so far.
    pub(super) fn printed(&self) -> u64 {
        self.printed
    }

    /// The line up to the cursor.
    pub(super) fn before_cursor(&self) -> &[Cell] {
        let end = self.index(self.place).unwrap_or(0).min(self.cells.len());
        self.cells.get(..end).unwrap_or_default()
    }

    /// The line from `place` to the cursor, when `place` is on it and the cursor behind it.
    pub(super) fn since(&self, place: Place) -> Option<&[Cell]> {
        self.cells.get(self.index(place)?..self.index(self.place)?)
    }

    fn index(&self, place: Place) -> Option<usize> {
        let rows = place.row.checked_sub(self.base).filter(|rows| (0..=CELLS_MAX as i64).contains(rows))?;
        let index = rows.checked_mul(self.columns)?.checked_add(place.column)?;
        usize::try_from(index).ok().filter(|index| *index <= CELLS_MAX)
    }

    /// Reads one byte: what it is going to do. Nothing is done before [`Self::act`].
    pub(super) fn read(&mut self, byte: u8) -> Deed {
        match self.reading {
            Reading::Ground => self.read_ground(byte),
            Reading::Escape => self.read_escape(byte),
            Reading::EscapeArgument => {
                self.reading = Reading::Ground;
                Deed::None
            }
            Reading::Control => self.read_control(byte),
            Reading::Text => {
                match byte {
                    0x07 => self.reading = Reading::Ground,
                    0x1b => self.reading = Reading::TextEscape,
                    // No string goes over lines: a program that never ends one does not blind the search for ever.
                    b'\n' => return self.read_ground(byte),
                    _ => {}
                }
                Deed::None
            }
            Reading::TextEscape => {
                self.reading = Reading::Ground;
                if byte == b'\\' { Deed::None } else { self.read_escape(byte) }
            }
        }
    }

    fn read_ground(&mut self, byte: u8) -> Deed {
        self.reading = Reading::Ground;
        match byte {
            b'\n' | 0x0b | 0x0c => Deed::Newline,
            b'\r' => Deed::Move(Move::Return),
            0x08 => Deed::Move(Move::Back),
            b'\t' => Deed::Move(Move::Tab),
            0x1b => {
                self.reading = Reading::Escape;
                Deed::None
            }
            0..0x20 | 0x7f => Deed::None,
            _ => self.utf8.push(byte).map_or(Deed::None, Deed::Print),
        }
    }

    fn read_escape(&mut self, byte: u8) -> Deed {
        self.reading = Reading::Ground;
        match byte {
            b'[' => {
                (self.parameters, self.parameter, self.private) = ([0; 2], 0, false);
                self.reading = Reading::Control;
                Deed::None
            }
            b']' | b'P' | b'X' | b'^' | b'_' => {
                self.reading = Reading::Text;
                Deed::None
            }
            b' ' | b'#' | b'%' | b'(' | b')' | b'*' | b'+' => {
                self.reading = Reading::EscapeArgument;
                Deed::None
            }
            b'7' => Deed::Move(Move::Save),
            b'8' => Deed::Move(Move::Restore),
            b'D' => Deed::Move(Move::Rows(1)),
            b'M' => Deed::Move(Move::Rows(-1)),
            b'E' => Deed::Newline,
            b'c' => Deed::Move(Move::To(1, 1)),
            0x1b => {
                self.reading = Reading::Escape;
                Deed::None
            }
            _ => Deed::None,
        }
    }

    fn read_control(&mut self, byte: u8) -> Deed {
        match byte {
            b'0'..=b'9' => {
                if let Some(parameter) = self.parameters.get_mut(self.parameter) {
                    *parameter = parameter.saturating_mul(10).saturating_add(i64::from(byte - b'0')).min(9999);
                }
                Deed::None
            }
            b';' | b':' => {
                self.parameter = self.parameter.saturating_add(1);
                Deed::None
            }
            b'<'..=b'?' => {
                self.private = true;
                Deed::None
            }
            0x40..=0x7e => {
                self.reading = Reading::Ground;
                if self.private { Deed::None } else { self.control(byte) }
            }
            0x1b => {
                self.reading = Reading::Escape;
                Deed::None
            }
            // A terminal obeys these in the middle of a sequence (DEC STD 070); ending it is good enough here.
            b'\n' | b'\r' | 0x08 => self.read_ground(byte),
            _ => Deed::None,
        }
    }

    fn control(&self, byte: u8) -> Deed {
        let [first, second] = self.parameters;
        let count = first.max(1);
        match byte {
            b'@' => Deed::Edit(Edit::Insert(count)),
            b'A' => Deed::Move(Move::Rows(-count)),
            b'B' | b'e' => Deed::Move(Move::Rows(count)),
            b'C' | b'a' => Deed::Move(Move::Columns(count)),
            b'D' => Deed::Move(Move::Columns(-count)),
            b'E' => Deed::Newline,
            b'G' | b'`' => Deed::Move(Move::Column(count)),
            b'H' | b'f' => Deed::Move(Move::To(count, second.max(1))),
            b'd' => Deed::Move(Move::Row(count)),
            b'J' if first == 0 => Deed::Edit(Edit::EraseAfter),
            b'J' => Deed::Edit(Edit::EraseLine),
            b'K' if first == 0 => Deed::Edit(Edit::EraseAfter),
            b'K' if first == 1 => Deed::Edit(Edit::EraseBefore),
            b'K' => Deed::Edit(Edit::EraseLine),
            b'P' => Deed::Edit(Edit::Delete(count)),
            b'X' => Deed::Edit(Edit::EraseNext(count)),
            // Repeats the last character; one is as good as many: the line is another one then.
            b'b' => Deed::Print(self.last),
            b'r' => Deed::Move(Move::To(1, 1)),
            b's' => Deed::Move(Move::Save),
            b'u' => Deed::Move(Move::Restore),
            _ => Deed::None,
        }
    }

    /// Does what [`Self::read`] announced.
    pub(super) fn act(&mut self, deed: Deed) {
        match deed {
            Deed::None => {}
            Deed::Print(letter) => self.print(letter),
            Deed::Newline => {
                self.place.row += 1;
                self.base = self.place.row;
                self.cells.clear();
            }
            Deed::Move(to) => self.go(to),
            Deed::Edit(edit) => self.edit(edit),
        }
    }

    fn print(&mut self, letter: char) {
        self.printed += 1;
        self.last = letter;
        let wide = letter_width(letter);
        if wide == 0 {
            let before = self.index(self.place).and_then(|index| self.cells.get_mut(..index));
            let base = before.and_then(|cells| cells.iter_mut().rev().find(|cell| cell.letter != '\0'));
            if let Some(cell) = base {
                cell.mark = Some(letter);
            }
            return;
        }
        if self.place.column + wide > self.columns && !self.is_adrift() {
            self.place.row += 1;
            self.place.column = 0;
        }
        if let Some(index) = self.index(self.place).filter(|index| *index + 2 <= CELLS_MAX) {
            let end = index + wide as usize;
            if self.cells.len() < end {
                self.cells.resize(end, BLANK);
            }
            let written = self.printed;
            for (cell, letter) in self.cells.iter_mut().skip(index).zip([letter, '\0'].into_iter().take(wide as usize))
            {
                *cell = Cell { letter, mark: None, written };
            }
        }
        self.place.column += wide;
    }

    fn go(&mut self, to: Move) {
        let Place { row, column } = self.place;
        match to {
            Move::Return => self.arrive(row, 0),
            Move::Back => self.place.column = (column.min(self.columns) - 1).max(0),
            Move::Tab => self.place.column = (column / 8 + 1).saturating_mul(8).min(self.columns - 1),
            Move::Rows(rows) => self.place.row += rows,
            Move::Columns(columns) => {
                self.place.column = column.min(self.columns - 1).saturating_add(columns).clamp(0, self.columns - 1);
                // Where the cursor passes over what was never written, there is a blank.
                if let Some(index) = self.index(self.place).filter(|index| *index > self.cells.len()) {
                    self.cells.resize(index, BLANK);
                }
            }
            Move::Column(column) => self.arrive(row, column - 1),
            Move::Row(row) => self.jump(row - 1, column),
            Move::To(row, column) => self.jump(row - 1, column - 1),
            Move::Save => self.saved = Some(self.place),
            Move::Restore => {
                if let Some(saved) = self.saved {
                    self.jump(saved.row, saved.column);
                }
            }
        }
    }

    /// To a column that is known from now on.
    fn arrive(&mut self, row: i64, column: i64) {
        if self.is_adrift() {
            self.base = ROW_RELATIVE;
            self.cells.clear();
            self.place = Place { row: ROW_RELATIVE, column };
        } else {
            self.place = Place { row, column };
        }
    }

    fn is_adrift(&self) -> bool {
        self.place.row >= ROW_ADRIFT / 2
    }

    /// To a row that may be another line.
    fn jump(&mut self, row: i64, column: i64) {
        let rows = (self.cells.len() as i64) / self.columns;
        if !(self.base..=self.base + rows).contains(&row) {
            self.base = row;
            self.cells.clear();
        }
        self.place = Place { row, column };
    }

    fn edit(&mut self, edit: Edit) {
        let Some(index) = self.index(self.place) else { return };
        let length = self.cells.len();
        let some = |count: i64| usize::try_from(count).unwrap_or(0).min(length.saturating_sub(index));
        match edit {
            Edit::EraseAfter => self.cells.truncate(index),
            Edit::EraseBefore => self.cells.iter_mut().take(index + 1).for_each(|cell| *cell = BLANK),
            Edit::EraseLine => self.cells.clear(),
            Edit::EraseNext(count) => {
                self.cells.iter_mut().skip(index).take(some(count)).for_each(|cell| *cell = BLANK)
            }
            Edit::Delete(count) => drop(self.cells.drain(index.min(length)..(index + some(count)).min(length))),
            Edit::Insert(count) if index < length => {
                let blanks = usize::try_from(count).unwrap_or(0).min(CELLS_MAX.saturating_sub(length));
                self.cells.splice(index..index, std::iter::repeat_n(BLANK, blanks));
            }
            Edit::Insert(_) => {}
        }
    }
}

fn width(columns: u32) -> i64 {
    if columns == 0 { COLUMNS_UNKNOWN } else { i64::from(columns) }
}

/// Columns that a character takes: a rough cut of Unicode's East Asian Width (UAX 11) and of combining marks.
pub(super) fn letter_width(letter: char) -> i64 {
    match u32::from(letter) {
        0x0300..=0x036f | 0x1ab0..=0x1aff | 0x200b..=0x200f | 0x20d0..=0x20ff | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// Bytes on their way to a character.
#[derive(Clone, Copy, Debug, Default)]
struct Utf8 {
    bytes: [u8; 4],
    length: usize,
}

impl Utf8 {
    /// The next byte; a character when it is whole. What is no UTF-8 prints as U+FFFD.
    fn push(&mut self, byte: u8) -> Option<char> {
        if byte < 0x80 {
            self.length = 0;
            return Some(char::from(byte));
        }
        if byte >= 0xc0 {
            self.length = 0;
        }
        let Some(place) = self.bytes.get_mut(self.length) else {
            self.length = 0;
            return Some(char::REPLACEMENT_CHARACTER);
        };
        *place = byte;
        self.length += 1;
        let bytes = self.bytes.get(..self.length)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                self.length = 0;
                text.chars().next()
            }
            Err(error) if error.error_len().is_none() => None,
            Err(_) => {
                self.length = 0;
                Some(char::REPLACEMENT_CHARACTER)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Screen;

    fn line(columns: u32, shown: &str) -> String {
        let mut screen = Screen::new(columns, false);
        for byte in shown.bytes() {
            let deed = screen.read(byte);
            screen.act(deed);
        }
        let letters = screen.before_cursor().iter().map(|cell| cell.letter);
        letters.filter(|letter| *letter != '\0').collect()
    }

    #[test]
    fn the_line_before_the_cursor_is_what_one_sees() {
        for (shown, seen) in [
            ("$ ls", "$ ls"),
            ("one\r\ntwo", "two"),
            ("$ lx\x08s", "$ ls"),
            ("$ ls\x08\x08", "$ "),
            ("\x1b[1;32m$\x1b[0m ls", "$ ls"),
            ("\x1b]0;title\x07$ ", "$ "),
            ("\x1b]0;title\x1b\\$ ", "$ "),
            ("abc\r\x1b[K$ ", "$ "),
            ("$ ac\x08\x1b[1@b", "$ ab"),
            ("$ abc\x08\x08\x08\x1b[1Pb", "$ b"),
            ("$ ab\r\x1b[3C", "$ a"),
            ("\x1b(B$ \x1b[?2004h", "$ "),
            ("\x1b[5;1Htext\x1b[24;60H12\x1b[5;5H", ""),
            ("a\tb", "a       b"),
            ("日本", "日本"),
            ("日\x08\x08x", "x"),
            ("$ \u{e9}\u{301}", "$ \u{e9}"),
        ] {
            assert_eq!(line(80, shown), seen, "{shown:?}");
        }
    }

    #[test]
    fn a_line_goes_on_over_the_edge() {
        assert_eq!(line(4, "abcdef"), "abcdef");
        assert_eq!(line(4, "abcd \re"), "abcde");
        assert_eq!(line(4, "abcdef\x1b[A\rX"), "X");
    }

    #[test]
    fn no_bytes_make_it_grow_or_fall() {
        let mut screen = Screen::new(80, true);
        for round in 0..200_000_u32 {
            let byte = (round.wrapping_mul(2_654_435_761) >> 13) as u8;
            let deed = screen.read(byte);
            screen.act(deed);
            assert!(screen.cells.len() <= super::CELLS_MAX);
        }
    }
}
