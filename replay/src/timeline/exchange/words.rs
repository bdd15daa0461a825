//! Words for what exchanges have in common.

use std::time::Duration;

use wiretape_core::event::HeaderField;

use crate::describe::label;
use crate::exchange::head::{self, media_type};
use crate::legible::{excerpt, excerpt_bytes};
use crate::limits::LABEL_LETTERS_MAX;
use crate::timecode;

/// The fields of a section, one a line.
pub(super) fn field_lines(fields: &[HeaderField]) -> Vec<String> {
    let line = |field: &HeaderField| {
        let name = excerpt_bytes(&field.name, LABEL_LETTERS_MAX);
        format!("{name}: {}", excerpt(&head::value(field), LABEL_LETTERS_MAX))
    };
    fields.iter().map(line).collect()
}

/// A span to the millisecond while it is short.
pub(super) fn lasted(span: Duration) -> String {
    let micros = span.as_micros();
    match micros {
        0..9_950 => format!("{:.1} ms", micros as f64 / 1000.0),
        9_950..1_000_000 => format!("{} ms", span.as_millis()),
        _ => timecode::span(span),
    }
}

/// The type of content and how much of it.
pub(super) fn content(fields: &[HeaderField], amount: &str) -> String {
    match (media_type(fields), amount) {
        (media_type, "") => label(&media_type),
        (media_type, amount) if media_type.is_empty() => amount.to_owned(),
        (media_type, amount) => format!("{}, {amount}", label(&media_type)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::lasted;

    #[test]
    fn spans_are_short() {
        for (micros, text) in [
            (0, "0.0 ms"),
            (840, "0.8 ms"),
            (9_949, "9.9 ms"),
            (42_400, "42 ms"),
            (999_999, "999 ms"),
            (1_500_000, "1.5 s"),
        ] {
            assert_eq!(lasted(Duration::from_micros(micros)), text);
        }
    }
}
