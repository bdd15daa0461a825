//! The words of PostgreSQL's SQL, cut as its own scanner cuts them (src/backend/parser/scan.l).
//!
//! What a literal holds is of no interest here, only where it ends; and where two settings of a server or a client could
//! end it in different places, the text is not understood at all.

use crate::limits::{SQL_BYTES_MAX, SQL_TOKENS_MAX};

/// Bytes of a name that PostgreSQL heeds (`NAMEDATALEN` - 1).
const NAME_BYTES_MAX: usize = 63;

/// One word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A keyword or a name, in lower case.
    Word(String),
    /// A name in quotes.
    Quoted(String),
    /// A literal: a text, a number or a parameter.
    Literal,
    /// An operator.
    Operator(String),
    /// One of `( ) [ ] , ; . :`.
    Mark(char),
}

impl Token {
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own == word)
    }

    pub(super) fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            _ => None,
        }
    }

    /// A name, quoted or not.
    pub(super) fn name(&self) -> Option<String> {
        match self {
            Self::Word(word) => Some(shown(word)),
            Self::Quoted(name) => Some(shown(name)),
            _ => None,
        }
    }
}

/// A name as policies know it: as it is where it needs no quotes, else in quotes.
pub(super) fn shown(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'$';
    let needs_none = name.bytes().all(|byte| is_plain(byte) || !byte.is_ascii())
        && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit() && byte != b'$');
    if needs_none { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// The words of `text`; `None` where it is not certain what PostgreSQL would read.
pub(super) fn tokens(text: &[u8]) -> Option<Vec<Token>> {
    let text = std::str::from_utf8(text).ok()?;
    if text.len() > SQL_BYTES_MAX || is_doubtful(text.as_bytes()) {
        return None;
    }
    let mut scanner = Scanner { text, bytes: text.as_bytes(), at: 0 };
    let mut tokens = Vec::new();
    while scanner.skip_blanks()? {
        tokens.push(scanner.token()?);
        if tokens.len() > SQL_TOKENS_MAX {
            return None;
        }
    }
    Some(tokens)
}

/// Whether a backslash stands behind a byte that is not ASCII: in some encodings of clients the two are one character.
fn is_doubtful(bytes: &[u8]) -> bool {
    bytes.contains(&0) || bytes.windows(2).any(|pair| matches!(pair, [first, b'\\'] if !first.is_ascii()))
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii()
}

fn is_name_part(byte: u8) -> bool {
    is_name_start(byte) || byte.is_ascii_digit() || byte == b'$'
}

fn is_operator(byte: u8) -> bool {
    b"~!@#^&|`?+-*/%<>=".contains(&byte)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

impl Scanner<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn starts(&self, with: &[u8]) -> bool {
        self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(with))
    }

    /// Passes by as long as `wanted` says so.
    fn pass(&mut self, wanted: fn(u8) -> bool) {
        while self.peek(0).is_some_and(wanted) {
            self.at += 1;
        }
    }

    /// Passes blanks and comments; whether something follows. `None` for a comment that does not end.
    fn skip_blanks(&mut self) -> Option<bool> {
        loop {
            self.pass(is_blank);
            if self.starts(b"--") {
                self.pass(|byte| byte != b'\n' && byte != b'\r');
            } else if self.starts(b"/*") {
                self.skip_comment()?;
            } else {
                return Some(self.at < self.bytes.len());
            }
        }
    }

    /// Comments stand in comments.
    fn skip_comment(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            if self.starts(b"/*") {
                depth += 1;
                self.at += 2;
            } else if self.starts(b"*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return Some(());
                }
            } else if self.at < self.bytes.len() {
                self.at += 1;
            } else {
                return None;
            }
        }
    }

    fn token(&mut self) -> Option<Token> {
        let byte = self.peek(0)?;
        let next = self.peek(1);
        match byte {
            b'\'' => self.text(false),
            b'e' | b'E' if next == Some(b'\'') => {
                self.at += 1;
                self.text(true)
            }
            b'b' | b'B' | b'x' | b'X' | b'n' | b'N' if next == Some(b'\'') => {
                self.at += 1;
                self.text(false)
            }
            b'u' | b'U' if next == Some(b'&') && self.peek(2) == Some(b'\'') => {
                self.at += 2;
                self.text(false)
            }
            // What such a name is called stands in escapes.
            b'u' | b'U' if next == Some(b'&') && self.peek(2) == Some(b'"') => None,
            b'"' => self.quoted(),
            b'$' => self.dollar(),
            b'0'..=b'9' => self.number(),
            b'.' if next.is_some_and(|next| next.is_ascii_digit()) => self.number(),
            b':' if next == Some(b':') => {
                self.at += 2;
                Some(Token::Operator("::".to_owned()))
            }
            b'(' | b')' | b'[' | b']' | b',' | b';' | b'.' | b':' => {
                self.at += 1;
                Some(Token::Mark(char::from(byte)))
            }
            byte if is_operator(byte) => self.operator(),
            byte if is_name_start(byte) => {
                let start = self.at;
                self.pass(is_name_part);
                let word = self.text.get(start..self.at)?;
                Some(Token::Word(cut(&word.to_ascii_lowercase()).to_owned()))
            }
            _ => None,
        }
    }

    /// A text in single quotes, where `escapes` says whether a backslash hides what follows. A plain text in which that
    /// would change where it ends is not understood: the setting `standard_conforming_strings` decides that.
    fn text(&mut self, escapes: bool) -> Option<Token> {
        loop {
            self.at += 1;
            let end = self.quote_end(escapes)?;
            if !escapes && self.bytes.get(self.at..end)?.contains(&b'\\') && self.quote_end(true) != Some(end) {
                return None;
            }
            self.at = end + 1;
            // Behind the end of a line the text may go on (SQL-standard continuation).
            let Some(more) = self.continuation() else { return Some(Token::Literal) };
            self.at = more;
        }
    }

    /// Where the quote stands that ends the text that goes on here.
    fn quote_end(&self, escapes: bool) -> Option<usize> {
        let mut at = self.at;
        loop {
            match self.bytes.get(at)? {
                b'\\' if escapes => at += 2,
                b'\'' if self.bytes.get(at + 1) == Some(&b'\'') => at += 2,
                b'\'' => return Some(at),
                _ => at += 1,
            }
        }
    }

    /// The quote that continues a text that ended here, if one does: only blanks with a line's end among them, and
    /// comments of one line, stand between.
    fn continuation(&self) -> Option<usize> {
        let mut at = self.at;
        let mut lines = 0;
        loop {
            match self.bytes.get(at)? {
                b'\n' | b'\r' => {
                    lines += 1;
                    at += 1;
                }
                byte if is_blank(*byte) => at += 1,
                b'-' if self.bytes.get(at + 1) == Some(&b'-') => {
                    at += self.bytes.get(at..)?.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
                }
                b'\'' if lines > 0 => return Some(at),
                _ => return None,
            }
        }
    }

    fn quoted(&mut self) -> Option<Token> {
        self.at += 1;
        let mut name = String::new();
        loop {
            let start = self.at;
            self.pass(|byte| byte != b'"');
            name.push_str(self.text.get(start..self.at)?);
            self.peek(0)?;
            self.at += 1;
            if self.peek(0) != Some(b'"') {
                break;
            }
            name.push('"');
            self.at += 1;
        }
        (!name.is_empty()).then(|| Token::Quoted(cut(&name).to_owned()))
    }

    /// `$1`, or a text between two of `$tag$`.
    fn dollar(&mut self) -> Option<Token> {
        let start = self.at;
        self.at += 1;
        if self.peek(0).is_some_and(|byte| byte.is_ascii_digit()) {
            self.pass(|byte| byte.is_ascii_digit());
            return self.literal();
        }
        self.pass(|byte| is_name_part(byte) && byte != b'$');
        if self.peek(0) != Some(b'$') || self.bytes.get(start + 1).is_some_and(u8::is_ascii_digit) {
            return None;
        }
        self.at += 1;
        let tag = self.text.get(start..self.at)?;
        let length = self.text.get(self.at..)?.find(tag)?;
        self.at += length + tag.len();
        Some(Token::Literal)
    }

    fn number(&mut self) -> Option<Token> {
        if self.peek(0) == Some(b'0') && matches!(self.peek(1), Some(b'x' | b'X' | b'o' | b'O' | b'b' | b'B')) {
            self.at += 2;
            self.pass(|byte| byte.is_ascii_hexdigit() || byte == b'_');
            return self.literal();
        }
        let digits = |byte: u8| byte.is_ascii_digit() || byte == b'_';
        self.pass(digits);
        if self.peek(0) == Some(b'.') && self.peek(1) != Some(b'.') {
            self.at += 1;
            self.pass(digits);
        }
        if matches!(self.peek(0), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(0), Some(b'+' | b'-')) {
                self.at += 1;
            }
            // Without digits it is no exponent: PostgreSQL up to 14 reads a name there, and `--` behind it as a comment.
            if !self.peek(0).is_some_and(|byte| byte.is_ascii_digit()) {
                return None;
            }
            self.pass(digits);
        }
        self.literal()
    }

    /// A number, unless a name stands close behind it: versions of PostgreSQL differ about those.
    fn literal(&self) -> Option<Token> {
        (!self.peek(0).is_some_and(is_name_part)).then_some(Token::Literal)
    }

    fn operator(&mut self) -> Option<Token> {
        let start = self.at;
        while self.peek(0).is_some_and(is_operator) && !(self.at > start && (self.starts(b"--") || self.starts(b"/*")))
        {
            self.at += 1;
        }
        let mut run = self.text.get(start..self.at)?;
        // An operator ends in a sign only when it has something in it that standard operators have not.
        while run.len() > 1
            && run.ends_with(['+', '-'])
            && !run.contains(['~', '!', '@', '#', '^', '&', '|', '`', '?', '%'])
        {
            run = run.get(..run.len() - 1)?;
        }
        self.at = start + run.len();
        Some(Token::Operator(run.to_owned()))
    }
}

/// As much of a name as counts.
fn cut(name: &str) -> &str {
    name.get(..name.floor_char_boundary(NAME_BYTES_MAX)).unwrap_or_default()
}
