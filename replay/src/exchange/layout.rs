//! JSON laid out for reading: its own keys in their own order, its own numbers and texts, only the white space is new.
//!
//! What is small stands on one line. It need not be whole, nor be JSON at all: nothing but white space outside of texts
//! is ever left out or added.

/// Letters of a line that a list or an object may fill on one line.
const WIDTH: usize = 100;

/// Levels that are indented.
const LEVELS_MAX: usize = 40;

/// What a body reads as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Its lines, not yet made legible.
    pub lines: Vec<String>,
    /// How many of its bytes they stand for.
    pub read_bytes: usize,
}

/// The lines of `text`, at most `lines_max`.
#[must_use]
pub fn laid_out(text: &str, lines_max: usize) -> Reading {
    let mut sheet = Sheet { reading: Reading::default(), line: String::new(), level: 0, lines_max };
    let mut at = 0;
    let mut value_ended = false;
    while let Some(token) = Token::next(text, at) {
        let start = at;
        at = token.end;
        let sign = token.text.as_bytes().first().copied().unwrap_or_default();
        // Another value begins where the last one was whole: JSON text sequences, JSON lines.
        if sheet.level == 0 && value_ended && !matches!(sign, b',' | b':' | b'}' | b']') {
            sheet.end_line(start);
        }
        match sign {
            b'{' | b'[' => match inline(text, start, WIDTH.saturating_sub(sheet.line.chars().count())) {
                Some((short, end)) => {
                    sheet.line.push_str(&short);
                    at = end;
                }
                None => {
                    sheet.line.push_str(token.text);
                    sheet.level += 1;
                    sheet.end_line(at);
                }
            },
            b'}' | b']' => {
                sheet.end_line(start);
                sheet.level = sheet.level.saturating_sub(1);
                sheet.indent();
                sheet.line.push_str(token.text);
            }
            b',' => {
                sheet.line.push(',');
                sheet.end_line(at);
            }
            b':' => sheet.line.push_str(": "),
            _ => {
                sheet.indent();
                sheet.line.push_str(token.text);
            }
        }
        value_ended = !matches!(sign, b',' | b':');
        if sheet.reading.lines.len() >= lines_max {
            break;
        }
    }
    sheet.end_line(if at >= text.trim_end_matches([' ', '\t', '\r', '\n']).len() { text.len() } else { at });
    sheet.reading
}

struct Sheet {
    reading: Reading,
    line: String,
    level: usize,
    lines_max: usize,
}

impl Sheet {
    /// Ends the line, if anything stands on it; the text up to `read_bytes` is told.
    fn end_line(&mut self, read_bytes: usize) {
        if is_blank(&self.line) {
            self.line.clear();
            // White space behind the last line needs no line of its own.
            if self.reading.lines.len() <= self.lines_max && !self.reading.lines.is_empty() {
                self.reading.read_bytes = self.reading.read_bytes.max(read_bytes);
            }
        } else if self.reading.lines.len() < self.lines_max {
            self.reading.lines.push(std::mem::take(&mut self.line));
            self.reading.read_bytes = read_bytes;
        }
        self.indent();
    }

    fn indent(&mut self) {
        if is_blank(&self.line) {
            self.line = "  ".repeat(self.level.min(LEVELS_MAX));
        }
    }
}

/// The list or object at `start` on one line, and where it ends; `None` when it does not fit into `letters_max`.
fn inline(text: &str, start: usize, letters_max: usize) -> Option<(String, usize)> {
    let mut line = String::new();
    let (mut at, mut depth) = (start, 0_usize);
    loop {
        let token = Token::next(text, at)?;
        at = token.end;
        match token.text {
            "{" | "[" => {
                depth += 1;
                line.push_str(token.text);
            }
            "}" | "]" => {
                depth -= 1;
                line.push_str(token.text);
            }
            "," => line.push_str(", "),
            ":" => line.push_str(": "),
            text if line.len() + text.len() <= letters_max * 4 => line.push_str(text),
            _ => return None,
        }
        if line.chars().count() > letters_max {
            return None;
        }
        if depth == 0 {
            return Some((line, at));
        }
    }
}

/// A sign, a text with its quotes, or anything up to the next of these or white space.
struct Token<'t> {
    text: &'t str,
    end: usize,
}

impl<'t> Token<'t> {
    fn next(text: &'t str, at: usize) -> Option<Self> {
        let bytes = text.as_bytes().get(at..)?;
        let skipped = bytes.iter().position(|byte| !is_space(*byte))?;
        let start = at + skipped;
        let bytes = bytes.get(skipped..)?;
        let length = match bytes.first()? {
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            b'"' => string(bytes),
            _ => bytes
                .iter()
                .position(|byte| is_space(*byte) || b"{}[],:\"".contains(byte))
                .filter(|length| *length > 0)
                .unwrap_or(bytes.len()),
        };
        Some(Self { text: text.get(start..start + length)?, end: start + length })
    }
}

/// The length of a text with its quotes; it may be cut off.
fn string(bytes: &[u8]) -> usize {
    let mut escaped = false;
    for (place, byte) in bytes.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return place + 1,
            _ => {}
        }
    }
    bytes.len()
}

/// Whether nothing but an indent stands on a line.
fn is_blank(line: &str) -> bool {
    line.bytes().all(|byte| byte == b' ')
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::laid_out;

    fn lines(text: &str) -> Vec<String> {
        laid_out(text, 1000).lines
    }

    #[test]
    fn what_is_small_stands_on_one_line() {
        assert_eq!(
            lines(r#"{"b":1,"a":[1,2.50,{}],"c":"x: {y}"}"#),
            [r#"{"b": 1, "a": [1, 2.50, {}], "c": "x: {y}"}"#]
        );
        assert_eq!(lines(" [ ] "), ["[]"]);
        assert_eq!(lines("12"), ["12"]);
        assert_eq!(lines(""), Vec::<String>::new());
    }

    #[test]
    fn what_is_large_is_indented_in_its_order() {
        let long = "x".repeat(80);
        let text =
            format!(r#"{{"z":"{long}","a":{{"list":[{{"id":1}},{{"id":2,"name":"{long}"}}],"e":[]}},"z":null}}"#);
        assert_eq!(
            lines(&text),
            [
                "{",
                &format!("  \"z\": \"{long}\","),
                "  \"a\": {",
                "    \"list\": [",
                "      {\"id\": 1},",
                "      {",
                "        \"id\": 2,",
                &format!("        \"name\": \"{long}\""),
                "      }",
                "    ],",
                "    \"e\": []",
                "  },",
                "  \"z\": null",
                "}"
            ]
        );
    }

    #[test]
    fn several_values_stand_below_one_another() {
        assert_eq!(lines("{\"a\":1}\n{\"a\":2}\n3 \"x\""), ["{\"a\": 1}", "{\"a\": 2}", "3", "\"x\""]);
    }

    #[test]
    fn what_is_cut_off_is_shown_as_far_as_it_goes() {
        assert_eq!(lines(r#"{"a": ["x", "y\"#), ["{", "  \"a\": [", "    \"x\",", "    \"y\\"]);
        let text = format!("[{}]", vec!["\"0123456789\""; 30].join(","));
        let reading = laid_out(&text, 3);
        assert_eq!(reading.lines, ["[", "  \"0123456789\",", "  \"0123456789\","]);
        assert_eq!(reading.read_bytes, 27);
        assert_eq!(laid_out(&text, 32).read_bytes, text.len());
        assert_eq!(laid_out(&text, 31).read_bytes, text.len() - 1);
    }

    proptest! {
        #[test]
        fn nothing_but_white_space_changes(
            parts in prop::collection::vec(prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"a\"", "\"\\\"", "1", " ", "\n", "ü", "\"", "\u{a0}",
            ]), 0..80),
            noise in any::<String>(),
        ) {
            let text = parts.concat() + &noise;
            let solid = |text: &str| text.chars().filter(|letter| !" \t\r\n".contains(*letter)).collect::<String>();
            let reading = laid_out(&text, usize::MAX);
            assert_eq!(solid(&reading.lines.concat()), solid(&text));
            assert!(reading.lines.iter().all(|line| !super::is_blank(line)));
        }
    }
}
