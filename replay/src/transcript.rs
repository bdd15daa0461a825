//! What a terminal showed, as plain text: every line that scrolled by, and what stood on the screen at the end.

use std::io::Write;

use wiretape_core::{Lane, Moment};

use crate::legible::legible;
use crate::screen::{Screen, USUAL_SIZE};
use crate::script::{Cue, Script};
use crate::source::Source;

/// Writes the transcript of the terminal on `lane`, from `at` on, to `output`.
///
/// # Errors
/// When the session cannot be read or the output cannot be written.
pub fn transcript(source: &dyn Source, lane: Lane, at: Moment, output: &mut dyn Write) -> anyhow::Result<()> {
    let mut script = Script::Terminal { lane, input: false };
    let mut screen = Screen::new(USUAL_SIZE.0, USUAL_SIZE.1);
    for event in source.events_from(Moment::START)? {
        let event = event?;
        for cue in script.feed(&event) {
            match cue {
                Cue::Show(bytes) => {
                    let mut left = String::new();
                    screen.feed_and_watch(&bytes, |line| {
                        let text = line.text();
                        // A line that was wrapped goes on in the next one.
                        left.push_str(if line.is_wrapped() { &text } else { text.trim_end() });
                        left.push_str(if line.is_wrapped() { "" } else { "\n" });
                    });
                    if event.at >= at {
                        for line in left.split_inclusive('\n') {
                            let end = if line.ends_with('\n') { "\n" } else { "" };
                            write!(output, "{}{end}", legible(line.trim_end_matches('\n')))?;
                        }
                    }
                }
                Cue::Resize(columns, rows) => screen.resize(columns, rows),
                Cue::Typed(_) | Cue::Note(_) | Cue::Marker(_) => {}
            }
        }
    }
    let text = screen.text();
    let end = text.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    for line in text.iter().take(end) {
        writeln!(output, "{line}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use wiretape_core::event::TerminalEvent;
    use wiretape_core::{Event, Kind, Lane, Moment, Side};

    use super::transcript;

    #[test]
    fn all_that_scrolled_by_is_there_once_and_harmless() {
        let mut text = String::from("\x1b[31mfirst\x1b[0m \x1b]0;title\x07");
        text.push_str(&"wide ".repeat(30));
        for number in 0..100 {
            text.push_str(&format!("\r\nline {number}"));
        }
        let kind = Kind::Terminal(TerminalEvent::Output { error: false, bytes: Bytes::from(text) });
        let events = vec![Event { at: Moment::START, side: Side::Upstream, lane: Lane(1), kind }];
        let mut written = Vec::new();
        transcript(&events, Lane(1), Moment::START, &mut written).unwrap();
        let written = String::from_utf8(written).unwrap();
        assert_eq!(written.lines().next().unwrap(), format!("first {}", "wide ".repeat(30).trim_end()));
        assert_eq!(written.lines().count(), 101);
        assert!(written.ends_with("line 98\nline 99\n"));
        assert!(!written.contains('\x1b'));
    }
}
