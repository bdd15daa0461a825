//! A picture made of letters: what a terminal shows at one time.

use avt::{Cell, Color, Pen};
use unicode_width::UnicodeWidthChar;

use crate::legible::is_unfit_for_a_cell;

/// How a letter is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Style {
    /// The colour of the letter; `None` is the terminal's own.
    pub foreground: Option<Shade>,
    /// The colour behind it; `None` is the terminal's own.
    pub background: Option<Shade>,
    /// Bold.
    pub bold: bool,
    /// Faint.
    pub faint: bool,
    /// Italic.
    pub italic: bool,
    /// Underlined.
    pub underline: bool,
    /// Struck through.
    pub strikethrough: bool,
    /// Blinking.
    pub blink: bool,
    /// Letter and background change their colours.
    pub inverse: bool,
}

/// A colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shade {
    /// One of the terminal's 256.
    Indexed(u8),
    /// Red, green, blue.
    Rgb(u8, u8, u8),
}

/// One letter in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Glyph {
    /// The letter.
    pub letter: char,
    /// Cells that it takes: 1 or 2; 0 for the second cell of a wide one.
    pub width: u8,
    /// How it is drawn.
    pub style: Style,
}

/// A picture of `rows` times `columns` glyphs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Its width.
    pub columns: usize,
    /// Its height.
    pub rows: usize,
    /// Where the cursor is (column, row), unless it is hidden.
    pub cursor: Option<(usize, usize)>,
    glyphs: Vec<Glyph>,
}

impl Default for Glyph {
    fn default() -> Self {
        Self { letter: ' ', width: 1, style: Style::default() }
    }
}

impl View {
    /// An empty picture.
    #[must_use]
    pub fn new(columns: usize, rows: usize) -> Self {
        Self { columns, rows, cursor: None, glyphs: vec![Glyph::default(); columns.saturating_mul(rows)] }
    }

    /// The glyphs of a row; none for a row that there is not.
    #[must_use]
    pub fn row(&self, row: usize) -> &[Glyph] {
        let start = row.saturating_mul(self.columns);
        self.glyphs.get(start..start.saturating_add(self.columns)).unwrap_or_default()
    }

    fn row_mut(&mut self, row: usize) -> &mut [Glyph] {
        let start = row.saturating_mul(self.columns);
        self.glyphs.get_mut(start..start.saturating_add(self.columns)).unwrap_or_default()
    }

    pub(crate) fn copy_cells(&mut self, row: usize, cells: &[Cell]) {
        for (glyph, cell) in self.row_mut(row).iter_mut().zip(cells) {
            let unfit = is_unfit_for_a_cell(cell.char());
            *glyph = Glyph {
                letter: if unfit { ' ' } else { cell.char() },
                width: cell.width(),
                style: Style::from(cell.pen()),
            };
        }
    }

    /// Copies the part of `picture` that begins at (`left`, `top`) and fits, to the upper left.
    pub fn place(&mut self, picture: &Self, left: usize, top: usize, rows_max: usize) {
        for row in 0..self.rows.min(rows_max) {
            let source = picture.row(top + row).get(left..).unwrap_or_default();
            let columns = self.columns;
            for (column, (glyph, from)) in self.row_mut(row).iter_mut().zip(source).enumerate() {
                *glyph = *from;
                // Half of a wide letter cannot be drawn.
                if (column + 1 == columns && from.width == 2) || (column == 0 && from.width == 0) {
                    *glyph = Glyph { letter: ' ', width: 1, style: from.style };
                }
            }
        }
        self.cursor = picture.cursor.and_then(|(column, row)| {
            let (column, row) = (column.checked_sub(left)?, row.checked_sub(top)?);
            (column < self.columns && row < self.rows.min(rows_max)).then_some((column, row))
        });
    }

    /// Writes `text` into `row` from `column` on, as far as it fits; returns the column after it.
    pub fn write(&mut self, row: usize, column: usize, text: &str, style: Style) -> usize {
        let mut column = column;
        let columns = self.columns;
        let glyphs = self.row_mut(row);
        for letter in text.chars() {
            let letter = if is_unfit_for_a_cell(letter) { ' ' } else { letter };
            let width = letter.width().unwrap_or(0).min(2);
            if width == 0 {
                continue;
            }
            if column + width > columns {
                break;
            }
            for (offset, glyph) in glyphs.iter_mut().skip(column).take(width).enumerate() {
                *glyph = if offset == 0 {
                    Glyph { letter, width: width as u8, style }
                } else {
                    Glyph { letter: ' ', width: 0, style }
                };
            }
            column += width;
        }
        column
    }

    /// Fills `row` from `column` on with spaces.
    pub fn fill(&mut self, row: usize, column: usize, style: Style) {
        for glyph in self.row_mut(row).iter_mut().skip(column) {
            *glyph = Glyph { letter: ' ', width: 1, style };
        }
    }

    /// The text of a row, without spaces at its end.
    #[must_use]
    pub fn row_text(&self, row: usize) -> String {
        let text: String = self.row(row).iter().filter(|glyph| glyph.width > 0).map(|glyph| glyph.letter).collect();
        text.trim_end().to_owned()
    }

    /// Draws every place where `needle` stands in inverse colours.
    pub fn highlight(&mut self, needle: &crate::needle::Needle) {
        for row in 0..self.rows {
            let (columns, letters): (Vec<usize>, Vec<char>) = self
                .row(row)
                .iter()
                .enumerate()
                .filter(|(_, glyph)| glyph.width > 0)
                .map(|(column, glyph)| (column, glyph.letter))
                .unzip();
            for (start, end) in needle.places(&letters) {
                for column in columns.get(start..end).unwrap_or_default() {
                    if let Some(glyph) = self.row_mut(row).get_mut(*column) {
                        glyph.style.inverse = !glyph.style.inverse;
                    }
                }
            }
        }
    }
}

impl From<&Pen> for Style {
    fn from(pen: &Pen) -> Self {
        let shade = |color| match color {
            Color::Indexed(index) => Shade::Indexed(index),
            Color::RGB(rgb) => Shade::Rgb(rgb.r, rgb.g, rgb.b),
        };
        Self {
            foreground: pen.foreground().map(shade),
            background: pen.background().map(shade),
            bold: pen.is_bold(),
            faint: pen.is_faint(),
            italic: pen.is_italic(),
            underline: pen.is_underline(),
            strikethrough: pen.is_strikethrough(),
            blink: pen.is_blink(),
            inverse: pen.is_inverse(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Style, View};
    use crate::needle::Needle;
    use crate::screen::Screen;

    #[test]
    fn a_smaller_place_shows_a_part_and_no_half_letters() {
        let mut screen = Screen::new(6, 3);
        screen.feed("ab界cd\r\nsecond\r\nthird".as_bytes());
        let mut view = View::new(3, 2);
        view.place(&screen.view(), 0, 0, 2);
        assert_eq!((view.row_text(0).as_str(), view.row_text(1).as_str()), ("ab", "sec"));
        assert_eq!(view.cursor, None, "the cursor is out of sight");
        view.place(&screen.view(), 3, 1, 2);
        assert_eq!((view.row_text(0).as_str(), view.row_text(1).as_str()), ("ond", "rd"));
        assert_eq!(view.cursor, Some((2, 1)));
        view.place(&screen.view(), 3, 0, 1);
        assert_eq!(view.row_text(0), " cd");
    }

    #[test]
    fn text_is_written_as_far_as_it_fits() {
        let mut view = View::new(5, 1);
        assert_eq!(view.write(0, 1, "a界界", Style::default()), 4);
        assert_eq!(view.row_text(0), " a界");
        view.write(0, 0, "\x1b[2J", Style::default());
        assert_eq!(view.row_text(0), " [2J", "a control character is a space");
        view.write(7, 0, "nowhere", Style::default());
    }

    #[test]
    fn found_text_stands_out() {
        let mut view = View::new(12, 1);
        view.write(0, 0, "界 Error err", Style::default());
        view.highlight(&Needle::new("err"));
        let inverse: Vec<usize> =
            view.row(0).iter().enumerate().filter(|(_, glyph)| glyph.style.inverse).map(|(column, _)| column).collect();
        assert_eq!(inverse, [3, 4, 5, 9, 10, 11]);
    }
}
