//! SQL, so that psql takes it for what the server took it for.
//!
//! psql reads a script with a lexer of its own. What would mean something to it and meant nothing to the server is
//! written in another way that means the same to both: a literal with a backslash becomes an `E'…'`, whatever
//! `standard_conforming_strings` says, and a colon before a name (`a[1:b]`) gets a space behind it, so that psql sees no
//! variable. A text in which a backslash stands outside of quotes is not for psql at all: there it begins a command of
//! psql's own. (No server takes one.)
//!
//! The rules are those of `src/backend/parser/scan.l` and `src/fe_utils/psqlscan.l` of PostgreSQL.

use std::ops::Range;

/// Statements of one text that are told apart.
pub(super) const STATEMENTS_MAX: usize = 1024 * 1024;

/// Why a text cannot stand in a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error("a backslash stands outside of quotes, where psql takes commands of its own")]
    Backslash,
    #[error("it ends inside of quotes or a comment")]
    Open,
    #[error("psql would not see its end")]
    Unbalanced,
    #[error("it is a number and a name in one")]
    Junk,
    #[error("a byte 0 stands in it")]
    Nul,
    #[error("it has too many statements")]
    Many,
    #[error("a value is of a type that has no text here")]
    Value,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// Where it stands, without a semicolon, and with the space and the comments before it.
    pub(super) place: Range<usize>,
    /// Where its first word stands.
    pub(super) word: Range<usize>,
    /// It ends in a comment that has no end of line.
    pub(super) in_comment: bool,
}

/// A text, fit for psql.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rewritten {
    pub(super) text: Vec<u8>,
    pub(super) statements: Vec<Statement>,
}

impl Rewritten {
    /// The text of a statement.
    pub(super) fn of(&self, statement: &Statement) -> &[u8] {
        self.text.get(statement.place.clone()).unwrap_or_default()
    }

    /// The first word of a statement.
    pub(super) fn word(&self, statement: &Statement) -> &[u8] {
        self.text.get(statement.word.clone()).unwrap_or_default()
    }
}

/// Rewrites `text`, which the server read with `standard_conforming_strings` as `conforming` says. `parameter` gives what
/// stands for `$1`, `$2`, …: `None` leaves it.
pub(super) fn rewrite(
    text: &[u8],
    conforming: bool,
    parameter: &mut dyn FnMut(u32, bool) -> Result<Option<Vec<u8>>, Unfit>,
) -> Result<Rewritten, Unfit> {
    let mut lexer = Lexer { text, at: 0, conforming, done: Rewritten::default(), open: Open::default() };
    while let Some(byte) = lexer.peek(0) {
        lexer.token(byte, parameter)?;
    }
    if lexer.open.parentheses > 0 || lexer.open.blocks > 0 {
        return Err(Unfit::Unbalanced);
    }
    lexer.end_statement()?;
    Ok(lexer.done)
}

/// The statement that is being read.
#[derive(Default)]
struct Open {
    start: usize,
    word: Range<usize>,
    has_tokens: bool,
    in_comment: bool,
    parentheses: u32,
    /// `BEGIN` and `CASE` in the body of a function: psql counts them, to find the end of the statement.
    blocks: u32,
    /// Its first words, as far as psql looks at them.
    words: Vec<u8>,
}

struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    conforming: bool,
    done: Rewritten,
    open: Open,
}

/// What a backslash means inside of quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Backslash {
    /// Itself.
    Plain,
    /// The next letter means something else.
    Escapes,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    fn copy(&mut self, bytes: usize) {
        let end = (self.at + bytes).min(self.text.len());
        self.done.text.extend_from_slice(self.text.get(self.at..end).unwrap_or_default());
        self.at = end;
    }

    fn token(
        &mut self,
        byte: u8,
        parameter: &mut dyn FnMut(u32, bool) -> Result<Option<Vec<u8>>, Unfit>,
    ) -> Result<(), Unfit> {
        self.open.in_comment = false;
        match (byte, self.peek(1)) {
            (b' ' | b'\t' | b'\n' | b'\r' | b'\x0b' | b'\x0c', _) => {
                self.copy(1);
                return Ok(());
            }
            (b'-', Some(b'-')) => {
                let end = self.text.get(self.at..).unwrap_or_default().iter().position(|byte| is_line_end(*byte));
                self.open.in_comment = end.is_none();
                self.copy(end.unwrap_or(self.text.len() - self.at));
                return Ok(());
            }
            (b'/', Some(b'*')) => return self.block_comment(),
            (b';', _) if self.open.parentheses == 0 && self.open.blocks == 0 => {
                self.at += 1;
                return self.end_statement();
            }
            _ => {}
        }
        self.open.has_tokens = true;
        match (byte, self.peek(1)) {
            (b'\'', _) => self.literal(b"", Backslash::Plain, self.conforming),
            (b'"', _) => self.quoted(0),
            (b'\\', _) => Err(Unfit::Backslash),
            (0, _) => Err(Unfit::Nul),
            (b'$', Some(b'0'..=b'9')) => self.parameter(parameter),
            (b'$', _) => self.dollar(),
            (b'0'..=b'9', _) => self.number(),
            (byte, _) if is_name_start(byte) => self.name(),
            (b':', Some(b':' | b'=')) => {
                self.copy(2);
                Ok(())
            }
            (b':', next) => {
                self.copy(1);
                if next.is_some_and(|next| is_name_start(next) || matches!(next, b'0'..=b'9' | b'\'' | b'"' | b'{')) {
                    self.done.text.push(b' ');
                }
                Ok(())
            }
            (byte, _) => {
                match byte {
                    b'(' => self.open.parentheses += 1,
                    b')' => self.open.parentheses = self.open.parentheses.saturating_sub(1),
                    _ => {}
                }
                self.copy(1);
                Ok(())
            }
        }
    }

    fn end_statement(&mut self) -> Result<(), Unfit> {
        let open = std::mem::take(&mut self.open);
        let end = self.done.text.len();
        self.open.start = end;
        if !open.has_tokens {
            // What says nothing is left out, but its comments belong to the statement behind it.
            self.open.start = open.start;
            return Ok(());
        }
        if self.done.statements.len() == STATEMENTS_MAX {
            return Err(Unfit::Many);
        }
        let statement = Statement { place: open.start..end, word: open.word, in_comment: open.in_comment };
        self.done.statements.push(statement);
        Ok(())
    }

    fn block_comment(&mut self) -> Result<(), Unfit> {
        let mut depth = 0_u32;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b'/'), Some(b'*')) => {
                    depth += 1;
                    self.copy(2);
                }
                (Some(b'*'), Some(b'/')) => {
                    depth -= 1;
                    self.copy(2);
                    if depth == 0 {
                        return Ok(());
                    }
                }
                (Some(0), _) => return Err(Unfit::Nul),
                (Some(_), _) => self.copy(1),
                (None, _) => return Err(Unfit::Open),
            }
        }
    }

    /// A literal whose quote comes now, behind `prefix`, which was read and not written; and what goes on with it on
    /// further lines.
    fn literal(&mut self, prefix: &[u8], backslash: Backslash, conforming: bool) -> Result<(), Unfit> {
        let escapes = backslash == Backslash::Escapes || !conforming;
        let mut parts = Vec::new();
        let mut has_backslash = false;
        let mut place = self.at;
        loop {
            let end = quote_end(self.text, place + 1, b'\'', escapes).ok_or(Unfit::Open)?;
            let part = self.text.get(place + 1..end).ok_or(Unfit::Open)?;
            if part.contains(&0) {
                return Err(Unfit::Nul);
            }
            has_backslash |= part.contains(&b'\\');
            parts.push(place + 1..end);
            match continued(self.text, end + 1) {
                Some(next) => place = next,
                None => break,
            }
        }
        let rewritten = has_backslash && backslash == Backslash::Plain;
        if rewritten && !prefix.is_empty() {
            return Err(Unfit::Backslash);
        }
        if rewritten {
            if self.done.text.last().is_some_and(|last| is_name(*last)) {
                self.done.text.push(b' ');
            }
            self.done.text.push(b'E');
        }
        self.done.text.extend_from_slice(prefix);
        let mut between = self.at;
        for part in parts {
            self.done.text.extend_from_slice(self.text.get(between..part.start).unwrap_or_default());
            for byte in self.text.get(part.clone()).unwrap_or_default() {
                if rewritten && conforming && *byte == b'\\' {
                    self.done.text.push(b'\\');
                }
                self.done.text.push(*byte);
            }
            between = part.end;
        }
        self.done.text.push(b'\'');
        self.at = between + 1;
        Ok(())
    }

    /// What stands in quotes in which a backslash is nothing special; the quote comes after `before` bytes.
    fn quoted(&mut self, before: usize) -> Result<(), Unfit> {
        let quote = self.peek(before).ok_or(Unfit::Open)?;
        let end = quote_end(self.text, self.at + before + 1, quote, false).ok_or(Unfit::Open)?;
        let whole = self.text.get(self.at..=end).ok_or(Unfit::Open)?;
        if whole.contains(&0) {
            return Err(Unfit::Nul);
        }
        self.copy(end + 1 - self.at);
        Ok(())
    }

    fn parameter(
        &mut self,
        parameter: &mut dyn FnMut(u32, bool) -> Result<Option<Vec<u8>>, Unfit>,
    ) -> Result<(), Unfit> {
        let digits = self.text.get(self.at + 1..).unwrap_or_default();
        let digits = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let end = self.at + 1 + digits;
        let number = std::str::from_utf8(self.text.get(self.at + 1..end).unwrap_or_default());
        let number = number.ok().and_then(|digits| digits.parse().ok()).unwrap_or(0);
        if self.text.get(end).is_some_and(|byte| is_name_start(*byte)) {
            return Err(Unfit::Junk);
        }
        let rest = self.text.get(end..).unwrap_or_default().trim_ascii_start();
        // An element or a field of a value is one of the value as a whole.
        let of_whole = matches!(rest.first(), Some(b'[' | b'.'));
        match parameter(number, of_whole)? {
            Some(value) => {
                self.done.text.extend_from_slice(&value);
                self.at = end;
            }
            None => self.copy(end - self.at),
        }
        Ok(())
    }

    /// `$tag$ … $tag$`
    fn dollar(&mut self) -> Result<(), Unfit> {
        let rest = self.text.get(self.at + 1..).unwrap_or_default();
        let tag = rest.iter().take_while(|byte| is_name(**byte) && **byte != b'$').count();
        let is_tag =
            rest.get(tag) == Some(&b'$') && rest.first().is_some_and(|byte| *byte == b'$' || is_name_start(*byte));
        if !is_tag {
            self.copy(1);
            return Ok(());
        }
        let mark = self.text.get(self.at..self.at + tag + 2).ok_or(Unfit::Open)?;
        let inside = self.text.get(self.at + mark.len()..).ok_or(Unfit::Open)?;
        let length = inside.windows(mark.len()).position(|window| window == mark).ok_or(Unfit::Open)?;
        if inside.get(..length).is_some_and(|inside| inside.contains(&0)) {
            return Err(Unfit::Nul);
        }
        self.copy(mark.len() * 2 + length);
        Ok(())
    }

    fn number(&mut self) -> Result<(), Unfit> {
        let digits = |from: usize| {
            let rest = self.text.get(from..).unwrap_or_default();
            from + rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'_').count()
        };
        let mut end = digits(self.at);
        if self.text.get(end) == Some(&b'.') && self.text.get(end + 1) != Some(&b'.') {
            end = digits(end + 1);
        }
        if matches!(self.text.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.text.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + sign);
            end = if exponent > end + 1 + sign { exponent } else { end };
        }
        // Numbers in other bases.
        if self.text.get(self.at) == Some(&b'0') && end == self.at + 1 {
            let is_digit: fn(&u8) -> bool = match self.text.get(end) {
                Some(b'x' | b'X') => |byte| byte.is_ascii_hexdigit() || *byte == b'_',
                Some(b'o' | b'O' | b'b' | b'B') => |byte| byte.is_ascii_digit() || *byte == b'_',
                _ => |_| false,
            };
            let rest = self.text.get(end + 1..).unwrap_or_default();
            let count = rest.iter().take_while(|byte| is_digit(byte)).count();
            end += if count > 0 { count + 1 } else { 0 };
        }
        if self.text.get(end).is_some_and(|byte| is_name_start(*byte)) {
            return Err(Unfit::Junk);
        }
        self.copy(end - self.at);
        Ok(())
    }

    /// A word, or the letter that stands before a quote.
    fn name(&mut self) -> Result<(), Unfit> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| is_name(**byte)).count();
        let name = rest.get(..length).unwrap_or_default();
        match (name, self.peek(length), self.peek(length + 1)) {
            ([b'e' | b'E'], Some(b'\''), _) => {
                let prefix = [*name.first().unwrap_or(&b'E')];
                self.at += 1;
                return self.literal(&prefix, Backslash::Escapes, self.conforming);
            }
            ([b'n' | b'N'], Some(b'\''), _) => {
                let prefix = [*name.first().unwrap_or(&b'N')];
                self.at += 1;
                return self.literal(&prefix, Backslash::Plain, self.conforming);
            }
            ([b'b' | b'B' | b'x' | b'X'], Some(b'\''), _) => return self.quoted(1),
            ([b'u' | b'U'], Some(b'&'), Some(b'\'' | b'"')) => return self.quoted(2),
            _ => {}
        }
        let word = name.to_ascii_lowercase();
        let start = self.done.text.len();
        if self.open.words.is_empty() {
            self.open.word = start..start + length;
        }
        self.count_blocks(&word);
        self.copy(length);
        Ok(())
    }

    /// What psql does to find the end of a function whose body is SQL (`BEGIN ATOMIC … END`).
    fn count_blocks(&mut self, word: &[u8]) {
        const WORDS_MAX: usize = 4;
        if self.open.words.len() < WORDS_MAX {
            self.open.words.push(match word {
                b"create" => b'c',
                b"function" => b'f',
                b"procedure" => b'p',
                b"or" => b'o',
                b"replace" => b'r',
                _ => b' ',
            });
        }
        let makes_function =
            matches!(self.open.words.as_slice(), [b'c', b'f' | b'p', ..] | [b'c', b'o', b'r', b'f' | b'p', ..]);
        if makes_function && self.open.parentheses == 0 {
            match word {
                b"begin" => self.open.blocks += 1,
                b"case" if self.open.blocks > 0 => self.open.blocks += 1,
                b"end" => self.open.blocks = self.open.blocks.saturating_sub(1),
                _ => {}
            }
        }
    }
}

/// Where the quote is that ends what was begun before `from`.
fn quote_end(text: &[u8], from: usize, quote: u8, escapes: bool) -> Option<usize> {
    let mut at = from;
    loop {
        match text.get(at)? {
            b'\\' if escapes => at += 2,
            byte if *byte == quote => {
                if text.get(at + 1) != Some(&quote) {
                    return Some(at);
                }
                at += 2;
            }
            _ => at += 1,
        }
    }
}

/// Where the next part of a literal begins that ended before `from`: on another line, with nothing but space and
/// comments between.
fn continued(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    let mut new_line = false;
    loop {
        match (text.get(at)?, text.get(at + 1)) {
            (byte, _) if is_line_end(*byte) => {
                new_line = true;
                at += 1;
            }
            (b' ' | b'\t' | b'\x0b' | b'\x0c', _) => at += 1,
            (b'-', Some(b'-')) => at += text.get(at..)?.iter().position(|byte| is_line_end(*byte))?,
            (b'\'', _) if new_line => return Some(at),
            _ => return None,
        }
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_name(byte: u8) -> bool {
    is_name_start(byte) || byte.is_ascii_digit() || byte == b'$'
}

#[cfg(test)]
mod tests;
