//! What a verifier found, in words and as an exit status.

use wiretape_recorder::{Report, Verdict};

use crate::legible::{count, hex, size};

/// Bytes of the root that are printed: enough to compare by eye.
const ROOT_BYTES: usize = 8;

/// The verdict in words: `complete`, `complete with N declared gaps`, `unsealed tail`, `tampered (…)`.
#[must_use]
pub fn words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Complete => "complete".to_owned(),
        Verdict::CompleteWithGaps(gaps) => format!("complete with {}", count(*gaps, "declared gap")),
        Verdict::UnsealedTail { cut_bytes: 0, .. } => "unsealed tail".to_owned(),
        Verdict::UnsealedTail { cut_bytes, .. } => {
            format!("unsealed tail (the last {} are half a chunk and count for nothing)", size(*cut_bytes))
        }
        Verdict::Tampered { offset, chunk, what } => {
            let chunk = chunk.map_or_else(|| "the header".to_owned(), |chunk| format!("chunk {chunk}"));
            format!("tampered ({chunk}, at byte {offset}: {what})")
        }
    }
}

/// The whole report on one line.
#[must_use]
pub fn line(report: &Report) -> String {
    let root = hex(report.root.get(..ROOT_BYTES).unwrap_or_default());
    format!(
        "{} · {} · {} · root {root}…",
        words(&report.verdict),
        count(report.events, "event"),
        size(report.tape_bytes)
    )
}

/// How bad it is, as an exit status: 0 complete, 2 unsealed tail, 1 tampered.
#[must_use]
pub fn exit_status(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Complete | Verdict::CompleteWithGaps(_) => 0,
        Verdict::UnsealedTail { .. } => 2,
        Verdict::Tampered { .. } => 1,
    }
}

#[cfg(test)]
mod tests {
    use wiretape_recorder::Verdict;

    use super::{exit_status, words};

    #[test]
    fn the_words_are_the_ones_that_were_promised() {
        let tail = |cut_bytes| Verdict::UnsealedTail { cut_bytes, gaps: 0 };
        let tampered = Verdict::Tampered { offset: 4711, chunk: Some(3), what: "the hash is another".into() };
        assert_eq!(words(&Verdict::Complete), "complete");
        assert_eq!(words(&Verdict::CompleteWithGaps(2)), "complete with 2 declared gaps");
        assert_eq!(words(&Verdict::CompleteWithGaps(1)), "complete with 1 declared gap");
        assert_eq!(words(&tail(0)), "unsealed tail");
        assert!(words(&tail(9)).starts_with("unsealed tail ("));
        assert_eq!(words(&tampered), "tampered (chunk 3, at byte 4711: the hash is another)");
        let statuses = [&Verdict::Complete, &tail(0), &tampered].map(exit_status);
        assert_eq!(statuses, [0, 2, 1]);
    }
}
