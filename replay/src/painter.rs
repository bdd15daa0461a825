//! Drawing views on a terminal.
//!
//! Only what is written here reaches the terminal: letters, positions, colours and whether the cursor is seen. Whatever
//! a recorded target sent that is none of these ends in the emulator.

use std::io::Write;

use crate::view::{Glyph, Shade, Style, View};

/// Unchanged cells that are cheaper to write again than to jump over.
const GAP_MAX: usize = 4;

/// Draws one view after the other, each as its difference from the one before.
#[derive(Debug, Default)]
pub struct Painter {
    shown: Option<View>,
}

impl Painter {
    /// Forgets what the terminal shows: the next view is drawn whole.
    pub fn forget(&mut self) {
        self.shown = None;
    }

    /// Remembers that the terminal shows `view` now.
    pub fn painted(&mut self, view: View) {
        self.shown = Some(view);
    }

    /// What the terminal shows now, when that is known.
    #[must_use]
    pub fn shown(&self) -> Option<&View> {
        self.shown.as_ref()
    }

    /// The bytes that bring the terminal from what it shows to `view`; once they are written, tell [`Self::painted`].
    #[must_use]
    pub fn paint(&self, view: &View) -> Vec<u8> {
        let mut pencil = Pencil { bytes: Vec::with_capacity(1024), style: None, at: None };
        let before = self.shown.as_ref().filter(|shown| (shown.columns, shown.rows) == (view.columns, view.rows));
        if before.is_none() {
            pencil.say("\x1b[0m\x1b[2J\x1b[?25l");
            pencil.style = Some(Style::default());
        }
        let blank = vec![Glyph::default(); view.columns];
        for row in 0..view.rows {
            let old = before.map_or(blank.as_slice(), |shown| shown.row(row));
            pencil.row(row, old, view.row(row));
        }
        let cursor_before = before.and_then(|shown| shown.cursor);
        match view.cursor {
            Some((column, row)) => {
                if pencil.at.is_some() || cursor_before != view.cursor {
                    pencil.go(column, row);
                }
                if cursor_before.is_none() {
                    pencil.say("\x1b[?25h");
                }
            }
            None if cursor_before.is_some() => pencil.say("\x1b[?25l"),
            None => {}
        }
        pencil.bytes
    }
}

struct Pencil {
    bytes: Vec<u8>,
    /// The style that the terminal draws in; `None` when unknown.
    style: Option<Style>,
    /// Where the terminal's cursor is (column, row); `None` while nothing was drawn.
    at: Option<(usize, usize)>,
}

impl Pencil {
    fn say(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn go(&mut self, column: usize, row: usize) {
        if self.at != Some((column, row)) {
            // Writing to a vector cannot fail.
            let _ = write!(self.bytes, "\x1b[{};{}H", row + 1, column + 1);
            self.at = Some((column, row));
        }
    }

    fn row(&mut self, row: usize, old: &[Glyph], new: &[Glyph]) {
        let mut column = 0;
        while let Some(start) = first_difference(old, new, column) {
            let end = end_of_change(old, new, start);
            // From here to the end of the line there is nothing: say so in three bytes.
            let blank_rest = new.get(start..).is_some_and(|rest| rest.iter().all(|glyph| *glyph == Glyph::default()));
            self.go(start, row);
            if blank_rest && new.len() - start > GAP_MAX {
                self.draw_in(Style::default());
                self.say("\x1b[K");
                return;
            }
            self.span(start, row, new.get(start..end).unwrap_or_default());
            column = end;
        }
    }

    fn span(&mut self, start: usize, row: usize, glyphs: &[Glyph]) {
        let mut foreign = false;
        for (offset, glyph) in glyphs.iter().enumerate() {
            if glyph.width == 0 {
                continue;
            }
            // Terminals disagree about how wide some letters are; after them the place is said again.
            if foreign && glyph.letter.is_ascii() {
                self.at = None;
                self.go(start + offset, row);
                foreign = false;
            }
            foreign |= !glyph.letter.is_ascii();
            self.draw_in(glyph.style);
            let mut buffer = [0; 4];
            self.bytes.extend_from_slice(glyph.letter.encode_utf8(&mut buffer).as_bytes());
        }
        let end = start + glyphs.len();
        // In the last column the cursor of most terminals waits on the letter; where it is, is not relied on.
        self.at = if foreign { Some((usize::MAX, row)) } else { Some((end, row)) };
    }

    fn draw_in(&mut self, style: Style) {
        if self.style == Some(style) {
            return;
        }
        self.style = Some(style);
        self.say("\x1b[0");
        let attributes = [
            (style.bold, 1),
            (style.faint, 2),
            (style.italic, 3),
            (style.underline, 4),
            (style.blink, 5),
            (style.inverse, 7),
            (style.strikethrough, 9),
        ];
        for (_, code) in attributes.into_iter().filter(|(set, _)| *set) {
            let _ = write!(self.bytes, ";{code}");
        }
        self.shade(style.foreground, 30);
        self.shade(style.background, 40);
        self.say("m");
    }

    fn shade(&mut self, shade: Option<Shade>, base: u8) {
        let _ = match shade {
            None => Ok(()),
            Some(Shade::Indexed(index @ 0..8)) => write!(self.bytes, ";{}", base + index),
            Some(Shade::Indexed(index @ 8..16)) => write!(self.bytes, ";{}", base + 60 + index - 8),
            Some(Shade::Indexed(index)) => write!(self.bytes, ";{};5;{index}", base + 8),
            Some(Shade::Rgb(red, green, blue)) => write!(self.bytes, ";{};2;{red};{green};{blue}", base + 8),
        };
    }
}

fn first_difference(old: &[Glyph], new: &[Glyph], from: usize) -> Option<usize> {
    let different = |column: &usize| old.get(*column) != new.get(*column);
    let start = (from..new.len()).find(different)?;
    // A wide letter is drawn from its first cell.
    let wide = new.get(start).is_some_and(|glyph| glyph.width == 0);
    Some(if wide { start.saturating_sub(1).max(from) } else { start })
}

fn end_of_change(old: &[Glyph], new: &[Glyph], start: usize) -> usize {
    let mut end = start + 1;
    let mut same = 0;
    for column in start + 1..new.len() {
        let inside_wide = new.get(column).is_some_and(|glyph| glyph.width == 0);
        if old.get(column) != new.get(column) || inside_wide {
            end = column + 1;
            same = 0;
        } else {
            same += 1;
            if same > GAP_MAX {
                break;
            }
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};

    use super::Painter;
    use crate::screen::Screen;
    use crate::view::View;

    /// Output that does things: sequences and text, sensible and not.
    fn output() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            any::<Vec<u8>>(),
            "[a-z界é│ ]{1,12}".prop_map(String::into_bytes),
            Just(b"\r\n".to_vec()),
            "\x1b\\[[0-9]{0,2}(;[0-9]{1,3}){0,3}[A-Zm]".prop_map(String::into_bytes),
            Just(b"\x1b[?1049h".to_vec()),
            Just(b"\x1b[?25l".to_vec()),
            Just(b"\x1b[?25h".to_vec()),
            Just(b"\x1b[48;2;1;2;3m".to_vec()),
            Just(b"\x1b]52;c;ZXZpbA==\x07\x1b]0;title\x07\x1b[6n\x1b[c\x1bP1$r\x1b\\".to_vec()),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    /// True when `bytes` hold nothing but letters and the sequences that a painter may use.
    fn is_harmless(bytes: &[u8]) -> bool {
        let text = std::str::from_utf8(bytes).unwrap();
        let mut rest = text;
        while let Some(start) = rest.find(|letter: char| letter.is_control()) {
            let Some(parameters) = rest[start..].strip_prefix("\x1b[") else { return false };
            let Some(end) = parameters.find(|letter: char| letter.is_ascii_alphabetic()) else { return false };
            let (parameters, after) = parameters.split_at(end);
            let known = match after.as_bytes()[0] {
                b'H' | b'm' => parameters.bytes().all(|byte| byte.is_ascii_digit() || byte == b';'),
                b'J' => parameters == "2",
                b'K' => parameters.is_empty(),
                b'h' | b'l' => parameters == "?25",
                _ => false,
            };
            if !known {
                return false;
            }
            rest = &after[1..];
        }
        true
    }

    proptest! {
        #[test]
        fn a_terminal_that_is_painted_shows_the_view(outputs in prop::collection::vec(output(), 1..5)) {
            let mut recorded = Screen::new(24, 6);
            let mut viewer = Screen::new(24, 6);
            let mut painter = Painter::default();
            for output in outputs {
                recorded.feed(&output);
                let bytes = painter.paint(&recorded.view());
                painter.painted(recorded.view());
                assert!(is_harmless(&bytes), "{:?}", String::from_utf8_lossy(&bytes));
                viewer.feed(&bytes);
                let (seen, meant) = (viewer.view(), recorded.view());
                for row in 0..6 {
                    assert_eq!(seen.row(row), meant.row(row), "row {row}");
                }
                assert_eq!(seen.cursor, meant.cursor);
            }
        }
    }

    #[test]
    fn a_view_of_another_size_is_drawn_whole() {
        let mut painter = Painter::default();
        let mut view = View::new(10, 2);
        view.write(0, 0, "hello", crate::view::Style::default());
        assert!(String::from_utf8(painter.paint(&view)).unwrap().contains("hello"));
        painter.painted(view.clone());
        assert!(painter.paint(&view).is_empty(), "nothing changed, nothing is written");
        let mut larger = View::new(12, 3);
        larger.place(&view, 0, 0, 3);
        assert!(String::from_utf8(painter.paint(&larger)).unwrap().contains("hello"));
        painter.forget();
        assert!(String::from_utf8(painter.paint(&view)).unwrap().contains("hello"));
    }
}
