//! What is searched for.

use avt::Line;

/// A text that is looked for; without capital letters in it, capital and small letters are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needle {
    letters: Vec<char>,
    exact: bool,
}

impl Needle {
    /// Looks for `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let exact = text.chars().any(char::is_uppercase);
        Self { letters: text.chars().map(|letter| if exact { letter } else { small(letter) }).collect(), exact }
    }

    /// As it was typed, as far as it matters.
    #[must_use]
    pub fn text(&self) -> String {
        self.letters.iter().collect()
    }

    /// How often it stands in `lines`, also where a line was wrapped inside it.
    #[must_use]
    pub fn count<'a>(&self, lines: impl IntoIterator<Item = &'a Line>) -> u64 {
        let mut count = 0;
        let mut row = Vec::new();
        for line in lines {
            row.extend(line.cells().iter().filter(|cell| cell.width() > 0).map(|cell| self.fold(cell.char())));
            if !line.is_wrapped() {
                count += self.places_in(&row).count() as u64;
                row.clear();
            }
        }
        count + self.places_in(&row).count() as u64
    }

    /// Where it stands in `text`: starts and ends in letters, one after the other.
    pub fn places<'a>(&'a self, text: &'a [char]) -> impl Iterator<Item = (usize, usize)> {
        let folded: Vec<char> = text.iter().map(|letter| self.fold(*letter)).collect();
        let starts: Vec<usize> = self.places_in(&folded).collect();
        starts.into_iter().map(|start| (start, start + self.letters.len()))
    }

    /// Whether it stands in `text`.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        let folded: Vec<char> = text.chars().map(|letter| self.fold(letter)).collect();
        self.places_in(&folded).next().is_some()
    }

    fn places_in<'a>(&'a self, folded: &'a [char]) -> impl Iterator<Item = usize> + 'a {
        let mut from = 0;
        std::iter::from_fn(move || {
            let (first, others) = self.letters.split_first()?;
            loop {
                let rest = folded.get(from..)?;
                let start = from + rest.iter().position(|letter| letter == first)?;
                from = start + 1;
                if folded.get(from..).is_some_and(|after| after.starts_with(others)) {
                    from += others.len();
                    return Some(start);
                }
            }
        })
    }

    fn fold(&self, letter: char) -> char {
        if self.exact { letter } else { small(letter) }
    }
}

/// The small form of a letter, where that is one letter.
fn small(letter: char) -> char {
    if letter.is_ascii() {
        return letter.to_ascii_lowercase();
    }
    let mut small = letter.to_lowercase();
    match (small.next(), small.next()) {
        (Some(small), None) => small,
        _ => letter,
    }
}

#[cfg(test)]
mod tests {
    use super::Needle;

    fn places(needle: &str, text: &str) -> Vec<(usize, usize)> {
        Needle::new(needle).places(&text.chars().collect::<Vec<_>>()).collect()
    }

    #[test]
    fn small_letters_find_capital_ones_and_not_the_other_way() {
        assert_eq!(places("error", "Error: ERROR error"), [(0, 5), (7, 12), (13, 18)]);
        assert_eq!(places("Error", "Error: ERROR error"), [(0, 5)]);
        assert_eq!(places("größe", "die GRÖßE İ größe"), [(4, 9), (12, 17)]);
        assert_eq!(places("", "anything"), []);
        assert_eq!(places("aa", "aaaaa aa"), [(0, 2), (2, 4), (6, 8)]);
        assert!(Needle::new("x y").is_in("1X Y2") && !Needle::new("xy").is_in("x"));
    }

    #[test]
    fn what_was_wrapped_is_found() {
        let mut screen = crate::screen::Screen::new(10, 4);
        screen.feed(b"123456 needle 1234\r\nnee\r\ndle");
        assert_eq!(screen.count(&Needle::new("needle")), 1);
        assert_eq!(screen.count(&Needle::new("nee")), 2);
    }
}
