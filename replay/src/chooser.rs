//! A list on the terminal, to choose from with the arrow keys.

use anyhow::Context;

use crate::console::{Console, Wish};
use crate::keyboard::Key;
use crate::painter::Painter;
use crate::view::{Style, View};

const FOOT: &str = " ↑ ↓ choose · enter plays · / narrows the list · q leaves ";

/// Letters that narrow the list.
const PROMPT_LETTERS_MAX: usize = 100;

/// Lets a person choose one of `lines` after the first, which is the head; its number, or `None`.
///
/// # Errors
/// When the terminal cannot be used.
pub fn choose(lines: &[String]) -> anyhow::Result<Option<usize>> {
    let mut console = Console::take().context("the terminal cannot be used")?;
    Ok(choose_on(&mut console, lines)?)
}

/// As [`choose`], on a terminal that was taken already.
///
/// # Errors
/// When the terminal is gone.
pub fn choose_on(console: &mut Console, lines: &[String]) -> std::io::Result<Option<usize>> {
    let (head, items) = lines.split_first().map_or(("", lines), |(head, items)| (head.as_str(), items));
    let mut painter = Painter::default();
    let mut list = List { items, narrowed: String::new(), narrowing: false, chosen: 0, top: 0 };
    loop {
        let (columns, rows) = console.size();
        let view = list.view(head, columns, rows);
        console.write(&painter.paint(&view))?;
        painter.painted(view);
        for wish in console.wait(None)? {
            match wish {
                Wish::Leave | Wish::Key(Key::Interrupt) => return Ok(None),
                Wish::Resized => painter.forget(),
                Wish::Key(key) => {
                    if let Some(answer) = list.key(key, rows) {
                        return Ok(answer);
                    }
                }
            }
        }
    }
}

struct List<'a> {
    items: &'a [String],
    narrowed: String,
    narrowing: bool,
    /// The chosen one, among those that are shown.
    chosen: usize,
    /// The first one on the screen, among those that are shown.
    top: usize,
}

impl List<'_> {
    fn shown(&self) -> Vec<usize> {
        let needle = crate::needle::Needle::new(&self.narrowed);
        let fits = |line: &str| self.narrowed.is_empty() || needle.is_in(line);
        self.items.iter().enumerate().filter(|(_, line)| fits(line)).map(|(number, _)| number).collect()
    }

    /// Heeds a key; `Some` when the choice is made, or not to be made.
    fn key(&mut self, key: Key, rows: usize) -> Option<Option<usize>> {
        let shown = self.shown();
        let page = rows.saturating_sub(3).max(1);
        match key {
            Key::Enter => return shown.get(self.chosen).map(|number| Some(*number)),
            Key::Up => self.chosen = self.chosen.saturating_sub(1),
            Key::Down => self.chosen += 1,
            Key::PageUp => self.chosen = self.chosen.saturating_sub(page),
            Key::PageDown => self.chosen += page,
            Key::Home => self.chosen = 0,
            Key::End => self.chosen = shown.len(),
            Key::Escape if self.narrowing || !self.narrowed.is_empty() => {
                self.narrowing = false;
                self.narrowed.clear();
            }
            Key::Escape => return Some(None),
            Key::Backspace if self.narrowing => {
                self.narrowing = self.narrowed.pop().is_some();
            }
            Key::Letter(letter) if self.narrowing => {
                if self.narrowed.chars().count() < PROMPT_LETTERS_MAX {
                    self.narrowed.push(letter);
                }
                self.chosen = 0;
            }
            Key::Letter('q') => return Some(None),
            Key::Letter('/') => self.narrowing = true,
            Key::Letter('k') => self.chosen = self.chosen.saturating_sub(1),
            Key::Letter('j') => self.chosen += 1,
            _ => {}
        }
        self.chosen = self.chosen.min(self.shown().len().saturating_sub(1));
        None
    }

    fn view(&mut self, head: &str, columns: usize, rows: usize) -> View {
        let mut view = View::new(columns, rows);
        let faint = Style { faint: true, ..Style::default() };
        let inverse = Style { inverse: true, ..Style::default() };
        view.write(0, 0, &format!("  {head}"), faint);
        let room = rows.saturating_sub(2);
        self.top = self.top.min(self.chosen).max((self.chosen + 1).saturating_sub(room));
        let shown = self.shown();
        let items = shown.iter().filter_map(|number| self.items.get(*number));
        for (offset, line) in items.skip(self.top).take(room).enumerate() {
            let chosen = self.top + offset == self.chosen;
            let (sign, style) = if chosen { ("> ", inverse) } else { ("  ", Style::default()) };
            if chosen {
                view.fill(1 + offset, 0, inverse);
            }
            view.write(1 + offset, 0, &format!("{sign}{line}"), style);
        }
        let Some(foot) = rows.checked_sub(1).filter(|foot| *foot > 0) else { return view };
        if self.narrowing || !self.narrowed.is_empty() {
            let end = view.write(foot, 0, &format!(" /{}", self.narrowed), Style::default());
            view.cursor = self.narrowing.then_some((end.min(columns.saturating_sub(1)), foot));
        } else {
            view.write(foot, 0, FOOT, faint);
        }
        view
    }
}

#[cfg(test)]
mod tests {
    use super::List;
    use crate::keyboard::Key;

    #[test]
    fn keys_move_narrow_and_choose() {
        let items: Vec<String> = (0..30).map(|number| format!("session {number}")).collect();
        let mut list = List { items: &items, narrowed: String::new(), narrowing: false, chosen: 0, top: 0 };
        for key in [Key::Up, Key::Down, Key::Down, Key::PageDown] {
            assert_eq!(list.key(key, 10), None);
        }
        let view = list.view("HEAD", 40, 10);
        assert_eq!(view.row_text(0), "  HEAD");
        assert_eq!(view.row_text(8), "> session 9");
        assert_eq!(list.key(Key::Enter, 10), Some(Some(9)));
        for key in [Key::Letter('/'), Key::Letter('2'), Key::Letter('9')] {
            assert_eq!(list.key(key, 10), None);
        }
        assert_eq!(list.view("HEAD", 40, 10).row_text(1), "> session 29");
        assert_eq!(list.key(Key::Enter, 10), Some(Some(29)));
        assert_eq!(list.key(Key::Letter('x'), 10), None);
        assert_eq!(list.key(Key::Enter, 10), None, "there is nothing to choose");
        assert_eq!(list.key(Key::Escape, 10), None);
        assert_eq!(list.key(Key::End, 10), None);
        assert_eq!(list.key(Key::Enter, 10), Some(Some(29)));
        assert_eq!(list.key(Key::Letter('q'), 10), Some(None));
    }
}
