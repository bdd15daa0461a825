//! Programs of a shell itself that change what other words mean, or run what does not look like a program.

use super::lexer::{Word, is_harmless};

/// Those that run what is nowhere in the line, or change what names mean.
const UNTOLD: [&str; 17] = [
    "eval",
    "source",
    ".",
    "alias",
    "trap",
    "hash",
    "enable",
    "fc",
    "jobs",
    "read",
    "mapfile",
    "readarray",
    "getopts",
    "let",
    "compgen",
    "complete",
    "bind",
];

/// Those that keep variables.
const KEEPERS: [&str; 7] = ["export", "declare", "typeset", "readonly", "local", "shopt", "unset"];

/// Options of `set` that change nothing but how a shell ends, what it shows, and which files a pattern finds.
const SETTINGS: [&str; 9] =
    ["allexport", "errexit", "noclobber", "noexec", "noglob", "nounset", "pipefail", "verbose", "xtrace"];

/// Whether what is started behind `name` with these words, or by it, is not known any more; `None` where it is no such
/// program, and may start others.
pub(super) fn vague(name: &str, words: &[Word]) -> Option<bool> {
    match name {
        _ if UNTOLD.contains(&name) => Some(true),
        // Variables that a shell keeps count for whatever follows.
        _ if KEEPERS.contains(&name) => Some(!words.iter().all(is_plain_export)),
        "printf" => Some(prints_into_variables(words)),
        "wait" => Some(words.iter().any(|word| word.text.as_deref().is_none_or(|text| text.starts_with("-p")))),
        "set" => Some(!sets_plainly(words)),
        "test" | "[" => Some(computes(words)),
        _ => None,
    }
}

/// Whether a word of `export` sets no variable that matters.
fn is_plain_export(word: &Word) -> bool {
    word.text.as_deref().is_some_and(|text| {
        let name = text.split('=').next().unwrap_or_default();
        is_harmless(name)
    })
}

/// Whether `printf` sets variables: by its option `-v`, or by `%n`.
fn prints_into_variables(words: &[Word]) -> bool {
    let first = words.iter().map(|word| word.text.as_deref()).find(|text| *text != Some("--"));
    match first {
        None => false,
        Some(None) => true,
        Some(Some(format)) => {
            let stores = |directive: &str| directive.trim_start_matches(is_between_percent_and_letter).starts_with('n');
            format.starts_with("-v") || format.split('%').skip(1).any(stores)
        }
    }
}

/// What may stand between the sign that begins a directive of `printf` and its letter.
fn is_between_percent_and_letter(letter: char) -> bool {
    letter.is_ascii_digit() || "-+ #'.*hlLjzt".contains(letter)
}

/// Whether `set` sets nothing but what [`SETTINGS`] has, and what stands in `$1` and so on.
fn sets_plainly(words: &[Word]) -> bool {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let Some(text) = word.text.as_deref() else { return false };
        let Some(letters) = text.strip_prefix(['-', '+']).filter(|letters| !letters.is_empty() && *letters != "-")
        else {
            return true;
        };
        for letter in letters.bytes() {
            let is_plain = match letter {
                b'o' => words.next().and_then(|name| name.text.as_deref()).is_some_and(|name| SETTINGS.contains(&name)),
                letter => b"aCefnuvx".contains(&letter),
            };
            if !is_plain {
                return false;
            }
        }
    }
    true
}

/// Whether `test` may be asked for an element of an array: bash computes its number, and runs what stands in that.
fn computes(words: &[Word]) -> bool {
    let may_ask = |word: &Word| word.text.as_deref().is_none_or(|text| matches!(text, "-v" | "-R"));
    let may_be_element = |word: &Word| word.text.as_deref().is_none_or(|text| text.contains('['));
    words.iter().any(|word| word.splits)
        || words.windows(2).any(|pair| matches!(pair, [one, other] if may_ask(one) && may_be_element(other)))
}
