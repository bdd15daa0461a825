//! What counts as an echo of typed text.

use super::kept::Run;
use super::screen::{Cell, Screen, letter_width};

/// Characters that programs show in place of a secret.
const MASKS: &[char] = &['*', '•', '●', '∙', '·', '▪', '■', '⬤', '○', '✱', '＊'];

/// How many bytes at the start of `text` are shown in place: everything between where the cursor stood and where it
/// stands.
pub(super) fn in_place(screen: &Screen, run: &Run, text: &[u8], echoing: bool) -> Option<usize> {
    let cells = screen.since(run.place?)?;
    let mut shown = cells.iter().filter(|cell| cell.letter != '\0');
    let mut length = 0;
    let mut told = echoing;
    for letter in text_of(text).chars() {
        if letter_width(letter) > 0 {
            let Some(cell) = shown.next() else { break };
            if !is_echo(cell, letter, run) {
                return None;
            }
            told |= !is_mask(letter);
        } else if length == 0 {
            return None;
        }
        length += letter.len_utf8();
    }
    // A lone asterisk may be an echo, or stand for a secret: on a line that was not echoed so far nobody can know.
    (told && length > 0 && shown.next().is_none()).then_some(length)
}

/// The length of `text` when the line up to the cursor ends in all of it.
pub(super) fn at_end(screen: &Screen, run: &Run, text: &[u8], echoing: bool) -> Option<usize> {
    let whole = std::str::from_utf8(text).ok()?;
    let mut shown = screen.before_cursor().iter().rev().filter(|cell| cell.letter != '\0');
    let mut letters = 0;
    for letter in whole.chars().rev().filter(|letter| letter_width(*letter) > 0) {
        if !is_echo(shown.next()?, letter, run) {
            return None;
        }
        letters += 1;
    }
    let word_starts = shown.next().is_none_or(|cell| !cell.letter.is_alphanumeric());
    let told = echoing || !whole.chars().all(is_mask);
    // One character that was not typed ahead has its place, or is chance.
    let enough = letters > 1 || letters == 1 && run.ahead;
    (word_starts && told && enough && !whole.trim().is_empty()).then_some(text.len())
}

/// True when the place of the echo shows nothing but asterisks, and they are not what was typed.
pub(super) fn is_masked(screen: &Screen, run: &Run, text: &[u8]) -> bool {
    let Some(cells) = run.place.and_then(|place| screen.since(place)) else { return false };
    let shown = cells.iter().filter(|cell| cell.letter != '\0');
    let asterisks = shown.clone().all(|cell| is_mask(cell.letter) && cell.written > run.printed);
    let typed = text_of(text);
    let differs = shown.zip(typed.chars()).any(|(cell, letter)| cell.letter != letter);
    asterisks && differs
}

fn is_echo(cell: &Cell, letter: char, run: &Run) -> bool {
    cell.letter == letter && cell.written > run.printed
}

fn is_mask(letter: char) -> bool {
    MASKS.contains(&letter)
}

/// The text up to what is no UTF-8, or not yet.
fn text_of(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default(),
    }
}
