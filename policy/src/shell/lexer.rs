//! Words and commands of a line, by the rules of POSIX (XCU chapter 2) as far as they are understood here.

use crate::limits::{COMMAND_BYTES_MAX, COMMAND_DEPTH_MAX, COMMAND_WORDS_MAX};

/// A word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    /// What it is; `None` where that depends on variables, files or other commands.
    pub(super) text: Option<String>,
    /// Whether any of it was quoted: then it is no keyword.
    pub(super) quoted: bool,
    /// Whether it may be several words, or none, once it is known what it is.
    pub(super) splits: bool,
}

/// A simple command.
#[derive(Clone, Debug, Default)]
pub(super) struct Command {
    pub(super) words: Vec<Word>,
    /// The files of its redirections.
    pub(super) redirections: Vec<Word>,
    /// The lines of the commands that stand in its words.
    pub(super) substitutions: Vec<Vec<u8>>,
    /// Whether it sets variables that may change which programs it starts.
    pub(super) assigns: bool,
    /// Whether it sets any variable.
    begun: bool,
    /// Whether `&>` stands in it: to some shells it ended there, and what follows is another one.
    parted: bool,
}

/// A word, and the variable that it sets if it stands before a command.
struct Read {
    word: Word,
    sets: Option<String>,
}

impl Command {
    fn is_empty(&self) -> bool {
        self.words.is_empty()
            && self.redirections.is_empty()
            && self.substitutions.is_empty()
            && !self.assigns
            && !self.begun
            && !self.parted
    }
}

/// Keywords behind which a command begins.
pub(super) const BEFORE_COMMANDS: [&str; 9] = ["if", "then", "elif", "else", "while", "until", "do", "!", "{"];

/// Keywords that end a compound command; a redirection may follow.
const AFTER_COMMANDS: [&str; 3] = ["fi", "done", "}"];

/// Keywords of what is not understood.
pub(super) const OTHER_KEYWORDS: [&str; 8] = ["for", "case", "esac", "select", "function", "[[", "coproc", "in"];

/// Variables that change nothing but words and numbers that programs print.
const HARMLESS_VARIABLES: [&str; 9] =
    ["LANG", "LANGUAGE", "TZ", "TERM", "COLUMNS", "LINES", "NO_COLOR", "DEBIAN_FRONTEND", "GIT_PROTOCOL"];

/// Reads a line.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    commands: Vec<Command>,
    command: Command,
    /// Open brackets of subshells.
    open: usize,
    /// Whether something in the word that is read may make several of it.
    splits: bool,
}

impl<'a> Reader<'a> {
    /// The simple commands of `line`, wherever in it they stand; `None` when that is not certain. `count` is increased
    /// by the number of words.
    pub(super) fn commands(line: &'a [u8], depth: usize, count: &mut usize) -> Option<Vec<Command>> {
        if line.len() > COMMAND_BYTES_MAX || depth > COMMAND_DEPTH_MAX || line.contains(&0) {
            return None;
        }
        std::str::from_utf8(line).ok()?;
        let mut reader =
            Self { bytes: line, at: 0, commands: Vec::new(), command: Command::default(), open: 0, splits: false };
        while reader.step(count)? {}
        reader.finish();
        (reader.open == 0).then_some(reader.commands)
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn finish(&mut self) {
        let command = std::mem::take(&mut self.command);
        if !command.is_empty() {
            self.commands.push(command);
        }
    }

    /// One operator or word; whether there was one.
    fn step(&mut self, count: &mut usize) -> Option<bool> {
        while matches!(self.peek(0), Some(b' ' | b'\t')) || self.goes_on() {
            if self.peek(0) == Some(b'\\') {
                // A shell joins what stands before and behind it, were it an operator, before it reads any of it.
                if self.at.checked_sub(1).and_then(|before| self.bytes.get(before)).is_some_and(|byte| !is_blank(*byte))
                {
                    return None;
                }
                self.at += 1;
            }
            self.at += 1;
        }
        let Some(byte) = self.peek(0) else { return Some(false) };
        match byte {
            b'\n' | b';' | b'|' => {
                // `;;` stands in what is not understood; `|&` is a pipe, too.
                if byte == b';' && self.peek(1) == Some(b';') {
                    return None;
                }
                self.at += 1;
                if byte == b'|' && matches!(self.peek(0), Some(b'|' | b'&')) {
                    self.at += 1;
                }
                self.finish();
            }
            b'&' if self.peek(1) == Some(b'>') => {
                // To bash it sends both outputs into a file; to other shells the command ends before it, in the background.
                self.command.parted = true;
                self.redirection(count)?;
            }
            b'&' => {
                self.at += if self.peek(1) == Some(b'&') { 2 } else { 1 };
                self.finish();
            }
            b'(' => {
                // Behind a word it would be a function or a pattern, and twice it is arithmetic.
                if !self.command.is_empty() || self.peek(1) == Some(b'(') {
                    return None;
                }
                self.open += 1;
                self.at += 1;
            }
            b')' => {
                self.open = self.open.checked_sub(1)?;
                self.at += 1;
                self.finish();
            }
            b'#' => {
                while self.peek(0).is_some_and(|byte| byte != b'\n') {
                    self.at += 1;
                }
            }
            b'<' | b'>' => self.redirection(count)?,
            b'0'..=b'9' if self.descriptor_digits() > 0 => {
                // Some shells take two digits for a word.
                if self.descriptor_digits() > 1 {
                    return None;
                }
                self.redirection(count)?;
            }
            b'\r' | 0x0b | 0x0c => return None,
            _ => {
                let read = self.word(count)?;
                self.take(read)?;
            }
        }
        Some(true)
    }

    /// How many digits stand here right before a redirection.
    fn descriptor_digits(&self) -> usize {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if matches!(rest.get(digits), Some(b'<' | b'>')) { digits } else { 0 }
    }

    /// Whether a line goes on here: a backslash, and its end.
    fn goes_on(&self) -> bool {
        self.peek(0) == Some(b'\\') && self.peek(1) == Some(b'\n')
    }

    fn redirection(&mut self, count: &mut usize) -> Option<()> {
        while self.peek(0).is_some_and(|byte| byte.is_ascii_digit() || byte == b'&') {
            self.at += 1;
        }
        let sign = self.peek(0)?;
        let next = self.peek(1);
        // Here-documents and here-strings, and commands in place of files.
        if (sign == b'<' && next == Some(b'<')) || next == Some(b'(') {
            return None;
        }
        self.at += 1;
        let duplicates = next == Some(b'&');
        if matches!(next, Some(b'>' | b'&' | b'|')) {
            self.at += 1;
        }
        while matches!(self.peek(0), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        let Read { word, .. } = self.word(count)?;
        if word.text.as_deref() == Some("") && !word.quoted {
            return None;
        }
        let is_descriptor = |text: &str| {
            text == "-" || text.strip_suffix('-').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit())
        };
        if duplicates {
            // Where it is a file to bash, its name is read a second time: what was quoted runs.
            let text = word.text.as_deref().filter(|text| !text.contains(['$', '`', '\\']))?;
            if is_descriptor(text) {
                return Some(());
            }
        }
        self.command.redirections.push(word);
        Some(())
    }

    /// Adds a word to the command.
    fn take(&mut self, Read { word, sets }: Read) -> Option<()> {
        if self.command.parted {
            return None;
        }
        let at_start = self.command.words.is_empty();
        if let Some(name) = sets.filter(|_| at_start) {
            self.command.assigns |= !is_harmless(&name);
            self.command.begun = true;
            return Some(());
        }
        if at_start && !word.quoted {
            let text = word.text.as_deref().unwrap_or_default();
            if BEFORE_COMMANDS.contains(&text) {
                // Keywords count only where a command begins; variables before them make words of them.
                if !self.command.is_empty() {
                    return None;
                }
                return Some(());
            }
            if AFTER_COMMANDS.contains(&text) {
                return Some(());
            }
            if OTHER_KEYWORDS.contains(&text) {
                return None;
            }
        }
        self.command.words.push(word);
        Some(())
    }

    /// A word, and what stands in it.
    fn word(&mut self, count: &mut usize) -> Option<Read> {
        *count += 1;
        if *count > COMMAND_WORDS_MAX {
            return None;
        }
        let start = self.at;
        let mut text = Vec::new();
        let (mut vague, mut quoted, mut name) = (false, false, None);
        self.splits = false;
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')' => {
                    // A bracket in a word is a pattern of bash's, or an array.
                    if byte == b'(' && self.at > start {
                        return None;
                    }
                    // A name in braces gets the number of what is opened; in it stands what is computed.
                    if matches!(byte, b'<' | b'>') && self.is_in_braces(start) {
                        return None;
                    }
                    break;
                }
                b'\r' | 0x0b | 0x0c => return None,
                b'\\' if self.goes_on() => {
                    // What it joins would have to be read at once.
                    if self.peek(2).is_some_and(|byte| !is_blank(byte)) {
                        return None;
                    }
                    self.at += 2;
                }
                b'\\' => {
                    quoted = true;
                    text.push(self.peek(1)?);
                    self.at += 2;
                }
                b'\'' => {
                    quoted = true;
                    let rest = self.bytes.get(self.at + 1..)?;
                    let end = rest.iter().position(|byte| *byte == b'\'')?;
                    text.extend_from_slice(rest.get(..end)?);
                    self.at += end + 2;
                }
                b'"' => {
                    quoted = true;
                    vague |= self.double_quoted(&mut text)?;
                }
                b'$' if matches!(self.peek(1), Some(b'\'' | b'"')) => return None,
                b'$' | b'`' => {
                    let expands = self.expansion(&mut text)?;
                    self.splits |= expands;
                    vague |= expands;
                }
                b'=' if name.is_none() && !quoted && !vague && is_name(text.strip_suffix(b"+").unwrap_or(&text)) => {
                    name = Some(String::from_utf8(text.clone()).ok()?);
                    text.push(byte);
                    self.at += 1;
                }
                b'*' | b'?' | b'[' | b']' => {
                    // `[` alone is a program.
                    let matches = matches!(byte, b'*' | b'?') || !self.is_alone(start);
                    self.splits |= matches;
                    vague |= matches;
                    text.push(byte);
                    self.at += 1;
                }
                b'{' if self.peek(1) == Some(b'}') => {
                    text.extend_from_slice(b"{}");
                    self.at += 2;
                }
                b'{' | b'}' => {
                    let expands = !self.is_alone(start);
                    self.splits |= expands;
                    vague |= expands;
                    text.push(byte);
                    self.at += 1;
                }
                b'~' if text.is_empty() || text.ends_with(b"=") || text.ends_with(b":") => {
                    vague = true;
                    self.at += 1;
                }
                b'!' if self.at > start => {
                    // Only shells that people type into replace it.
                    text.push(byte);
                    self.at += 1;
                }
                byte => {
                    text.push(byte);
                    self.at += 1;
                }
            }
        }
        let text = if vague { None } else { Some(String::from_utf8(text).ok()?) };
        Some(Read { word: Word { text, quoted, splits: self.splits }, sets: name })
    }

    /// Whether what was read from `start` on begins and ends with a brace, with something between them.
    fn is_in_braces(&self, start: usize) -> bool {
        matches!(self.bytes.get(start..self.at), Some([b'{', _, .., b'}']))
    }

    /// Whether the byte here is a word of its own.
    fn is_alone(&self, start: usize) -> bool {
        let ends = |byte: u8| matches!(byte, b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b')');
        self.at == start && self.peek(1).is_none_or(ends)
    }

    /// What stands in double quotes; whether any of it is not known.
    fn double_quoted(&mut self, text: &mut Vec<u8>) -> Option<bool> {
        self.at += 1;
        let mut vague = false;
        loop {
            match self.peek(0)? {
                b'"' => {
                    self.at += 1;
                    return Some(vague);
                }
                b'\\' => {
                    let next = self.peek(1)?;
                    if !matches!(next, b'$' | b'`' | b'"' | b'\\' | b'\n') {
                        text.push(b'\\');
                    }
                    if next != b'\n' {
                        text.push(next);
                    }
                    self.at += 2;
                }
                b'$' | b'`' => vague |= self.expansion(text)?,
                byte => {
                    text.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    /// What stands behind `$` or between backquotes; whether it is not known.
    fn expansion(&mut self, text: &mut Vec<u8>) -> Option<bool> {
        if self.peek(0) == Some(b'`') {
            let rest = self.bytes.get(self.at + 1..)?;
            let end = rest.iter().position(|byte| *byte == b'`')?;
            let inner = rest.get(..end)?;
            // In them a backslash hides other things than elsewhere.
            if inner.contains(&b'\\') {
                return None;
            }
            self.command.substitutions.push(inner.to_vec());
            self.at += end + 2;
            return Some(true);
        }
        match self.peek(1) {
            // Arithmetic, and what a line that goes on there may make of it.
            Some(b'[') => None,
            Some(b'\\') if self.peek(2) == Some(b'\n') => None,
            Some(b'(') if matches!(self.peek(2), Some(b'(' | b'\\')) => None,
            Some(b'(') => {
                let start = self.at + 2;
                self.at = start;
                self.skip_substitution()?;
                let inner = self.bytes.get(start..self.at)?.to_vec();
                self.at += 1;
                self.command.substitutions.push(inner);
                Some(true)
            }
            Some(b'{') => {
                // Only a name: all else computes, and may run commands.
                let rest = self.bytes.get(self.at + 2..)?;
                let end = rest.iter().position(|byte| *byte == b'}')?;
                if !is_name(rest.get(..end)?) {
                    return None;
                }
                self.at += end + 3;
                Some(true)
            }
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => {
                self.at += 1;
                while self.peek(0).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                    self.at += 1;
                }
                Some(true)
            }
            Some(byte) if byte.is_ascii_digit() || b"@*#?$!-".contains(&byte) => {
                // In quotes, too.
                self.splits |= byte == b'@';
                self.at += 2;
                Some(true)
            }
            _ => {
                text.push(b'$');
                self.at += 1;
                Some(false)
            }
        }
    }

    /// Goes to the bracket that ends a substitution. Where brackets in it may stand for something else, in comments and
    /// patterns, it is not understood.
    fn skip_substitution(&mut self) -> Option<()> {
        let mut depth = 1_usize;
        loop {
            match self.peek(0)? {
                b'(' => depth += 1,
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(());
                    }
                }
                b'\\' => self.at += 1,
                b'\'' => {
                    let rest = self.bytes.get(self.at + 1..)?;
                    self.at += rest.iter().position(|byte| *byte == b'\'')? + 1;
                }
                b'"' => {
                    self.at += 1;
                    while self.peek(0)? != b'"' {
                        match self.peek(0)? {
                            b'\\' => self.at += 1,
                            // Quotes in substitutions in quotes in substitutions: who can tell.
                            b'$' if self.peek(1) == Some(b'(') => return None,
                            b'`' => return None,
                            _ => {}
                        }
                        self.at += 1;
                    }
                }
                b'#' | b'`' => return None,
                _ => {}
            }
            self.at += 1;
        }
    }
}

/// Whether words end there and nothing else begins.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n')
}

/// Whether it can be the name of a variable.
fn is_name(text: &[u8]) -> bool {
    text.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// Whether setting the variable `name` changes no program that is started.
pub(super) fn is_harmless(name: &str) -> bool {
    HARMLESS_VARIABLES.contains(&name) || name.starts_with("LC_")
}
