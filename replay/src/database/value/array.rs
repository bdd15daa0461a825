//! Values made of values, as PostgreSQL writes them.

use super::{Text, write};

/// Dimensions that an array may have (PostgreSQL's `MAXDIM`).
const DIMENSIONS_MAX: usize = 6;

/// The bounds and the elements of an array.
struct Array<'a> {
    element_id: u32,
    /// The length and the first index of each dimension.
    dimensions: Vec<(usize, i32)>,
    elements: Elements<'a>,
}

/// Values, each after its length; -1 is the length of NULL.
struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    fn next(&mut self) -> Option<Option<&'a [u8]>> {
        let (length, behind) = self.0.split_first_chunk::<4>()?;
        let (value, rest) = match i32::from_be_bytes(*length) {
            -1 => (None, behind),
            length => {
                let (value, rest) = behind.split_at_checked(usize::try_from(length).ok()?)?;
                (Some(value), rest)
            }
        };
        self.0 = rest;
        Some(value)
    }
}

fn read(value: &[u8]) -> Option<Array<'_>> {
    let (head, mut rest) = value.split_first_chunk::<12>()?;
    let (words, _) = head.as_chunks::<4>();
    let [count, _, element_id] = words else { return None };
    let count = usize::try_from(i32::from_be_bytes(*count)).ok().filter(|count| *count <= DIMENSIONS_MAX)?;
    let mut dimensions = Vec::with_capacity(count);
    let mut elements: usize = 1;
    for _ in 0..count {
        let (length, behind) = rest.split_first_chunk::<4>()?;
        let (first, behind) = behind.split_first_chunk::<4>()?;
        let length = usize::try_from(i32::from_be_bytes(*length)).ok()?;
        dimensions.push((length, i32::from_be_bytes(*first)));
        elements = elements.checked_mul(length)?;
        rest = behind;
    }
    // Each element takes four bytes at least: no array claims more than it has.
    if elements > rest.len() / 4 && !dimensions.is_empty() {
        return None;
    }
    Some(Array { element_id: u32::from_be_bytes(*element_id), dimensions, elements: Elements(rest) })
}

/// `{1,2,NULL}`, with its bounds before it when they are not the usual ones.
pub(super) fn array(text: &mut Text, value: &[u8], depth: u8) -> Option<()> {
    let mut array = read(value)?;
    if array.dimensions.iter().any(|(length, _)| *length == 0) || array.dimensions.is_empty() {
        return text.push("{}").filter(|()| array.elements.0.is_empty());
    }
    if array.dimensions.iter().any(|(_, first)| *first != 1) {
        for (length, first) in &array.dimensions {
            let last = i64::from(*first) + i64::try_from(*length).ok()? - 1;
            text.push(&format!("[{first}:{last}]"))?;
        }
        text.push("=")?;
    }
    let lengths: Vec<usize> = array.dimensions.iter().map(|(length, _)| *length).collect();
    braces(text, &lengths, &mut array, depth)?;
    array.elements.0.is_empty().then_some(())
}

fn braces(text: &mut Text, lengths: &[usize], array: &mut Array<'_>, depth: u8) -> Option<()> {
    let (length, inner) = lengths.split_first()?;
    text.push("{")?;
    for place in 0..*length {
        if place > 0 {
            text.push(",")?;
        }
        if inner.is_empty() { element(text, array, depth)? } else { braces(text, inner, array, depth)? }
    }
    text.push("}")
}

fn element(text: &mut Text, array: &mut Array<'_>, depth: u8) -> Option<()> {
    let Some(value) = array.elements.next()? else { return text.push("NULL") };
    let plain = alone(text, array.element_id, value, depth)?;
    let special = |letter: char| matches!(letter, '"' | '\\' | '{' | '}' | ',') || is_space(letter);
    if plain.is_empty() || plain.eq_ignore_ascii_case("null") || plain.contains(special) {
        text.push(&format!("\"{}\"", plain.replace('\\', "\\\\").replace('"', "\\\"")))
    } else {
        text.push(&plain)
    }
}

/// An `int2vector` or an `oidvector`: its elements with spaces between.
pub(super) fn vector(text: &mut Text, value: &[u8], depth: u8) -> Option<()> {
    let mut array = read(value)?;
    let mut first = true;
    while !array.elements.0.is_empty() {
        let value = array.elements.next()??;
        if !first {
            text.push(" ")?;
        }
        first = false;
        write(text, array.element_id, value, depth)?;
    }
    Some(())
}

/// A range: a byte of flags, then its bounds.
pub(super) fn range(text: &mut Text, bound_id: u32, value: &[u8], depth: u8) -> Option<()> {
    const EMPTY: u8 = 1;
    const LOWER_INCLUDED: u8 = 2;
    const UPPER_INCLUDED: u8 = 4;
    const LOWER_INFINITE: u8 = 8;
    const UPPER_INFINITE: u8 = 16;
    let (flags, rest) = value.split_first()?;
    let mut bounds = Elements(rest);
    if flags & EMPTY != 0 {
        return text.push("empty").filter(|()| rest.is_empty());
    }
    text.push(if flags & LOWER_INCLUDED != 0 { "[" } else { "(" })?;
    if flags & LOWER_INFINITE == 0 {
        bound(text, bound_id, bounds.next()??, depth)?;
    }
    text.push(",")?;
    if flags & UPPER_INFINITE == 0 {
        bound(text, bound_id, bounds.next()??, depth)?;
    }
    text.push(if flags & UPPER_INCLUDED != 0 { "]" } else { ")" })?;
    bounds.0.is_empty().then_some(())
}

fn bound(text: &mut Text, bound_id: u32, value: &[u8], depth: u8) -> Option<()> {
    let plain = alone(text, bound_id, value, depth)?;
    let special = |letter: char| matches!(letter, '"' | '\\' | '(' | ')' | '[' | ']' | ',') || is_space(letter);
    if plain.is_empty() || plain.contains(special) {
        text.push(&format!("\"{}\"", plain.replace('\\', "\\\\").replace('"', "\"\"")))
    } else {
        text.push(&plain)
    }
}

/// The text of one value, within what is left of the limit.
fn alone(text: &Text, type_id: u32, value: &[u8], depth: u8) -> Option<String> {
    let mut plain = Text { text: String::new(), bytes_max: text.bytes_max.saturating_sub(text.text.len()) };
    write(&mut plain, type_id, value, depth)?;
    Some(plain.text)
}

fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}
