//! What the client is told when a line does not pass, in a line of text.

use wiretape_core::Reason;

/// The line that stands in for the answer to a refused one.
pub(crate) fn refused(reason: &Reason) -> String {
    format!("refused: {}\n", one_line(&reason.text))
}

/// The line that tells a client that people are asked.
pub(crate) fn waiting(text: &str) -> String {
    format!("waiting: {}\n", one_line(text))
}

/// The last line of a session that the gateway ends.
pub(crate) fn closed(reason: &Reason) -> String {
    format!("closed: {}\n", one_line(&reason.text))
}

/// A reason is somebody's words: it must not look like a second line.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_stays_one_line() {
        assert_eq!(refused(&Reason::new("r", "no\r\nok: passed")), "refused: no  ok: passed\n");
        assert_eq!(closed(&Reason::new("r", "bye")), "closed: bye\n");
    }
}
