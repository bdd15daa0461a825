//! What counts as an echo of typed text.

use super::kept::Run;
use super::screen::{Cell, Screen, letter_width};

/// Characters that programs show in place of a secret.
const MASKS: &[char] = &['*', '•', '●', '∙', '·', '▪', '■', '⬤', '○', '✱', '＊'];

/// Characters of a text whose echo has begun that are too many for chance.
const BEGINNING_CHARACTERS_MIN: usize = 3;

/// Characters of a text that are tried, longest first, when its echo may have begun.
const BEGINNING_CHARACTERS_MAX: usize = 64;

/// How many bytes at the start of `text` are shown in place: everything between where the cursor stood and where it
/// stands.
pub(super) fn in_place(screen: &Screen, run: &Run, text: &[u8], echoing: bool) -> Option<usize> {
    let cells = screen.since(run.place?)?;
    let mut shown = cells.iter().filter(|cell| cell.letter != '\0').peekable();
    let mut length = 0;
    let mut told = echoing;
    for letter in letters(text_of(text)) {
        let Some(cell) = shown.next() else { break };
        if !is_echo(cell, letter, run) {
            return None;
        }
        told |= !is_mask(letter.base);
        length += letter.length;
    }
    // A lone asterisk may be an echo, or stand for a secret: on a line that was not echoed so far nobody can know.
    (told && length > 0 && shown.peek().is_none()).then_some(length)
}

/// How many bytes at the start of `text` the line up to the cursor ends in: all of it, or else a beginning that is too
/// long for chance.
pub(super) fn at_end(screen: &Screen, run: &Run, text: &[u8], echoing: bool) -> Option<usize> {
    let whole = text_of(text);
    let all = (whole.len() == text.len()).then_some(whole.len());
    let end_of = |character: usize| whole.char_indices().nth(character).map_or(whole.len(), |(length, _)| length);
    let (shortest, longest) = (end_of(BEGINNING_CHARACTERS_MIN), end_of(BEGINNING_CHARACTERS_MAX));
    let beginnings = whole.get(..longest).unwrap_or_default().char_indices().rev();
    let beginnings = beginnings.map(|(length, _)| length).take_while(|length| *length >= shortest);
    let mut lengths = all.into_iter().chain(beginnings);
    lengths.find(|length| whole.get(..*length).is_some_and(|part| ends_in(screen, run, part, echoing)))
}

fn ends_in(screen: &Screen, run: &Run, part: &str, echoing: bool) -> bool {
    let mut shown = screen.before_cursor().iter().rev().filter(|cell| cell.letter != '\0');
    let typed: Vec<Letter> = letters(part).collect();
    let whole = typed.iter().map(|letter| letter.length).sum::<usize>() == part.len();
    let seen = typed.iter().rev().all(|letter| shown.next().is_some_and(|cell| is_echo(cell, *letter, run)));
    let word_starts = shown.next().is_none_or(|cell| !cell.letter.is_alphanumeric());
    let told = echoing || !typed.iter().all(|letter| is_mask(letter.base));
    // One character that was not typed ahead has its place, or is chance.
    let enough = typed.len() > 1 || typed.len() == 1 && run.ahead;
    whole && seen && word_starts && told && enough && !part.trim().is_empty()
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

fn is_echo(cell: &Cell, letter: Letter, run: &Run) -> bool {
    // Some editors do not print a space where none is to be seen: they move the cursor.
    let blank = letter.base == ' ' && cell.written == 0;
    (cell.letter, cell.mark) == (letter.base, letter.mark) && (cell.written > run.printed || blank)
}

/// A typed character that takes a place of its own, with the mark that combines with it.
#[derive(Clone, Copy, Debug)]
struct Letter {
    base: char,
    mark: Option<char>,
    length: usize,
}

/// The letters of `text`, up to what a cell cannot hold: a mark without a letter, or two of them.
fn letters(text: &str) -> impl Iterator<Item = Letter> {
    let mut rest = text.chars().peekable();
    std::iter::from_fn(move || {
        let base = rest.next_if(|letter| letter_width(*letter) > 0)?;
        let mark = rest.next_if(|letter| letter_width(*letter) == 0);
        let length = base.len_utf8() + mark.map_or(0, char::len_utf8);
        Some(Letter { base, mark, length })
    })
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
