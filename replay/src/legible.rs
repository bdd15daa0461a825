//! Text that may be shown to a person: nothing in it is acted on by a terminal.

use std::borrow::Cow;
use std::fmt::Write;

use avt::parser::{Function, State};

/// Makes visible whatever a terminal would act on: control characters as their pictures (`␛`), marks that change the
/// direction of writing and other invisible ones as their numbers.
#[must_use]
pub fn legible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match picture(letter) {
            Some(picture) => shown.push(picture),
            None if is_hidden(letter) => {
                // Writing to a string cannot fail.
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(letter));
            }
            None => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

/// Bytes as legible text; what is not UTF-8 becomes `�`.
#[must_use]
pub fn legible_bytes(bytes: &[u8]) -> String {
    legible(&String::from_utf8_lossy(bytes)).into_owned()
}

/// The start of `text`, at most `letters_max` letters and legible; `…` stands for the rest.
#[must_use]
pub fn excerpt(text: &str, letters_max: usize) -> String {
    match text.char_indices().nth(letters_max) {
        None => legible(text).into_owned(),
        Some((end, _)) => format!("{}…", legible(text.get(..end).unwrap_or_default())),
    }
}

/// The start of `bytes` as [`excerpt`] shows it.
#[must_use]
pub fn excerpt_bytes(bytes: &[u8], letters_max: usize) -> String {
    // Four bytes a letter at most: the rest need not be decoded to be left out.
    let start = bytes.get(..letters_max.saturating_mul(4).saturating_add(4)).unwrap_or(bytes);
    excerpt(&String::from_utf8_lossy(start), letters_max)
}

/// What a terminal would have written, without its control sequences; only line feeds and tabs are left.
#[must_use]
pub fn spoken(text: &str) -> String {
    spoken_part(text).0
}

/// As [`spoken`], and how many bytes of `text` end before a sequence that is not whole yet.
#[must_use]
pub fn spoken_part(text: &str) -> (String, usize) {
    let mut parser = avt::Parser::new();
    let mut shown = String::with_capacity(text.len());
    let mut whole = 0;
    for (position, letter) in text.char_indices() {
        match parser.feed(letter) {
            Some(Function::Print(letter)) => shown.push(letter),
            Some(Function::Lf | Function::Nel) => shown.push('\n'),
            Some(Function::Ht) => shown.push('\t'),
            _ => {}
        }
        if parser.state == State::Ground {
            whole = position + letter.len_utf8();
        }
    }
    (shown, whole)
}

/// Whether `bytes` read as text: UTF-8 (a letter may be cut at either end) without control characters that text has
/// no use for.
#[must_use]
pub fn is_text(bytes: &[u8]) -> bool {
    // The cut letter of the run before ends within three bytes.
    let start = bytes.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
    let Some(rest) = bytes.get(start..) else { return true };
    let whole = match std::str::from_utf8(rest) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(rest.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default()
        }
        Err(_) => return false,
    };
    // A few bytes that are all a cut letter say nothing either way.
    whole.chars().all(|letter| !letter.is_control() || matches!(letter, '\n' | '\r' | '\t' | '\x07' | '\x08' | '\x1b'))
}

/// A count of bytes for reading: `812 B`, `1.2 kB`, `64.0 MB` (decimal units).
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] =
        [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    for (unit, unit_bytes) in UNITS {
        if bytes >= unit_bytes {
            let tenths = bytes / (unit_bytes / 10);
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
    }
    format!("{bytes} B")
}

/// What went wrong with its causes, the outermost first. A cause that stands in what was said before is not said again.
#[must_use]
pub fn causes(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if told.contains(&cause) {
            continue;
        }
        if !told.is_empty() {
            told.push_str(": ");
        }
        told.push_str(&cause);
    }
    told
}

/// `1 event`, `2 events`.
#[must_use]
pub fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Bytes in hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The Unicode picture of a control character.
fn picture(letter: char) -> Option<char> {
    match u32::from(letter) {
        code @ 0..=0x1f => char::from_u32(0x2400 + code),
        0x7f => Some('␡'),
        _ => None,
    }
}

/// Control characters, and what makes text look other than it is (Unicode UAX #9 and UTS #39).
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether a screen must not show `letter` as it is, though an emulator stores it in a cell.
#[must_use]
pub(crate) fn is_unfit_for_a_cell(letter: char) -> bool {
    is_hidden(letter)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{excerpt, excerpt_bytes, is_text, legible, size, spoken};

    #[test]
    fn a_cause_that_was_said_is_not_said_again() {
        let refused = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let said = refused.to_string();
        let error = anyhow::Error::new(refused).context(format!("cannot read x: {said}")).context("no list");
        assert_eq!(super::causes(&error), format!("no list: cannot read x: {said}"));
        assert_eq!(super::causes(&anyhow::anyhow!("one").context("two")), "two: one");
    }

    #[test]
    fn what_a_terminal_acts_on_is_made_visible() {
        assert_eq!(legible("plain — text"), "plain — text");
        assert_eq!(legible("\x1b]52;c;aGk=\x07\r\n\x7f"), "␛]52;c;aGk=␇␍␊␡");
        assert_eq!(legible("a\u{202e}b\u{9b}c"), "a\\u{202e}b\\u{9b}c");
    }

    #[test]
    fn an_excerpt_is_cut_between_letters() {
        assert_eq!(excerpt("grüße", 3), "grü…");
        assert_eq!(excerpt("grüße", 5), "grüße");
        assert_eq!(excerpt_bytes(&[b'x'; 100], 2), "xx…");
    }

    #[test]
    fn sequences_leave_no_trace_in_what_was_spoken() {
        assert_eq!(spoken("\x1b[1;31mred\x1b[0m\r\nnext\x1b]0;title\x07!"), "red\nnext!");
    }

    #[test]
    fn text_is_told_from_other_bytes() {
        assert!(is_text(b"a line\r\n\x1b[1mbold"));
        assert!(is_text(&"grüße".as_bytes()[..3]), "cut inside a letter");
        assert!(is_text(&"ü".as_bytes()[1..]), "begins inside a letter");
        assert!(!is_text(b"\x7fELF\x02\x01\x00"));
        assert!(!is_text(&[0xff, 0xfe, b'a']));
    }

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in
            [(0, "0 B"), (999, "999 B"), (1_234, "1.2 kB"), (64_000_000, "64.0 MB"), (u64::MAX, "18446744.0 TB")]
        {
            assert_eq!(size(bytes), text);
        }
    }

    proptest! {
        #[test]
        fn nothing_legible_holds_a_control_character(text in any::<String>()) {
            assert!(!legible(&text).chars().any(char::is_control));
            assert!(!excerpt(&text, 5).chars().any(char::is_control));
        }
    }
}
