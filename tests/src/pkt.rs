//! Lines of Git's protocol, made by hand: for clients that say what no git says.

use std::fmt::Write;

/// What ends a part.
pub const FLUSH: &[u8] = b"0000";

/// A line, with its length before it.
#[must_use]
pub fn line(content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let mut line = String::new();
    write!(line, "{:04x}", content.len() + 4).expect("a text can be written to");
    let mut line = line.into_bytes();
    line.extend_from_slice(content);
    line
}

/// The beginning of a push: one update from `old` to `new`, with `capabilities`.
#[must_use]
pub fn update(old: &str, new: &str, name: &str, capabilities: &str) -> Vec<u8> {
    let mut all = line(format!("{old} {new} {name}\0 {capabilities}"));
    all.extend_from_slice(FLUSH);
    all
}

/// The name of nothing.
#[must_use]
pub fn nothing() -> String {
    "0".repeat(40)
}
