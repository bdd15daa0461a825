//! What is searched for.

/// A text that is looked for; without capital letters in it, capital and small letters are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needle {
    text: String,
    exact: bool,
}

impl Needle {
    /// Looks for `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let exact = text.chars().any(char::is_uppercase);
        Self { text: if exact { text.to_owned() } else { fold(text) }, exact }
    }

    /// As it was typed, as far as it matters.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How often it stands in `line`.
    #[must_use]
    pub fn count(&self, line: &str) -> u64 {
        self.places(line).len() as u64
    }

    /// Where it stands in `line`: starts and ends in bytes, one after the other.
    #[must_use]
    pub fn places(&self, line: &str) -> Vec<(usize, usize)> {
        if self.text.is_empty() {
            return Vec::new();
        }
        let length = self.text.len();
        if self.exact {
            line.match_indices(&self.text).map(|(start, _)| (start, start + length)).collect()
        } else {
            fold(line).match_indices(&self.text).map(|(start, _)| (start, start + length)).collect()
        }
    }
}

/// Small letters, as long in bytes as before: letters whose small form is longer or shorter stay as they are.
fn fold(text: &str) -> String {
    text.chars()
        .map(|letter| {
            let mut small = letter.to_lowercase();
            match (small.next(), small.next()) {
                (Some(small), None) if small.len_utf8() == letter.len_utf8() => small,
                _ => letter,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Needle;

    #[test]
    fn small_letters_find_capital_ones_and_not_the_other_way() {
        assert_eq!(Needle::new("error").count("Error: ERROR error"), 3);
        assert_eq!(Needle::new("Error").count("Error: ERROR error"), 1);
        assert_eq!(Needle::new("größe").places("die GRÖßE"), [(4, 11)]);
        assert_eq!(Needle::new("").count("anything"), 0);
    }

    #[test]
    fn places_fit_the_line_they_were_found_in() {
        // The small form of the dotted capital I is longer than it.
        let line = "İ x İ x";
        for (start, end) in Needle::new("x").places(line) {
            assert_eq!(&line[start..end], "x");
        }
    }
}
