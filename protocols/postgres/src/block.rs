//! Where a client's own transaction begins and ends: a transaction block, as PostgreSQL calls what stands between `BEGIN`
//! and `COMMIT`, beside the transaction that every group of requests is by itself.
//!
//! It is read from the first words of a statement, which is all that these statements have to be known by. What cannot be
//! told by them counts as an end: then a refusal undoes as much as an error would.

/// What running a statement does to the client's own transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Boundary {
    /// From here on there is one.
    Begin,
    /// From here on there may be none.
    End,
    /// None of both.
    Neither,
}

impl Boundary {
    /// That of a statement.
    pub(crate) fn of(text: &[u8]) -> Self {
        let mut words =
            text.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_').filter(|word| !word.is_empty());
        let is = |word: &[u8], names: &[&str]| names.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes()));
        match text.trim_ascii_start().first() {
            None | Some(b'(') => return Self::Neither,
            Some(first) if first.is_ascii_alphabetic() => {}
            // A comment may stand before anything.
            Some(_) => return Self::End,
        }
        let Some(first) = words.next() else { return Self::End };
        if is(first, &["BEGIN", "START"]) {
            return Self::Begin;
        }
        if !is(first, &["COMMIT", "END", "ROLLBACK", "ABORT", "PREPARE"]) {
            return Self::Neither;
        }
        // ROLLBACK [WORK | TRANSACTION] TO a savepoint ends nothing.
        let mut next = words.next().unwrap_or_default();
        if is(next, &["WORK", "TRANSACTION"]) {
            next = words.next().unwrap_or_default();
        }
        if is(first, &["ROLLBACK"]) && is(next, &["TO"]) { Self::Neither } else { Self::End }
    }
}

#[cfg(test)]
mod tests {
    use super::Boundary;

    #[test]
    fn a_block_is_known_by_its_first_words() {
        for (boundary, texts) in [
            (Boundary::Begin, &["BEGIN", "  begin isolation level serializable", "Start Transaction", "BEGIN;"][..]),
            (
                Boundary::End,
                &[
                    "COMMIT",
                    "commit and chain",
                    "END;",
                    "ROLLBACK",
                    "rollback work",
                    "ABORT",
                    "ROLLBACK PREPARED 'to'",
                    "PREPARE TRANSACTION 'x'",
                    "/* to */ COMMIT",
                    "-- so it is\nCOMMIT",
                    ";",
                    "\u{e9}",
                ],
            ),
            (
                Boundary::Neither,
                &[
                    "",
                    "  ",
                    "SELECT 1",
                    "(SELECT 1)",
                    "INSERT INTO begin VALUES (1)",
                    "COMMITTED",
                    "begin_it",
                    "SAVEPOINT a",
                    "RELEASE a",
                    "ROLLBACK TO a",
                    "rollback  work to savepoint a",
                ],
            ),
        ] {
            for text in texts {
                assert_eq!(Boundary::of(text.as_bytes()), boundary, "{text:?}");
            }
        }
    }
}
