//! Times inside a session, as people write and read them.

use std::time::Duration;

use wiretape_core::Moment;

/// The fastest and the slowest that can be asked for.
const SPEED_MAX: f64 = 1000.0;
const SPEED_MIN: f64 = 0.01;

const NANOS_PER_SECOND: f64 = 1e9;

/// Reads `90`, `1.5`, `1:30`, `1:02:03.5`, `1h2m3s`, `2m` or `250ms`.
///
/// # Errors
/// What is wrong with it, for the person who typed it.
pub fn parse(text: &str) -> Result<Moment, String> {
    let wrong = || format!("`{text}` is no time: write 90, 1:30 or 1h2m3s");
    let text_trimmed = text.trim();
    let seconds = if text_trimmed.contains(':') {
        colons(text_trimmed)
    } else if text_trimmed.ends_with(|last: char| last.is_ascii_alphabetic()) {
        units(text_trimmed)
    } else {
        number(text_trimmed)
    };
    seconds.and_then(moment).ok_or_else(wrong)
}

/// Reads a number of seconds, such as `2` or `0.5`.
///
/// # Errors
/// What is wrong with it.
pub fn parse_seconds(text: &str) -> Result<Moment, String> {
    number(text.trim()).and_then(moment).ok_or_else(|| format!("`{text}` is no number of seconds"))
}

/// Reads a factor of speed.
///
/// # Errors
/// What is wrong with it.
pub fn parse_speed(text: &str) -> Result<f64, String> {
    number(text.trim().trim_end_matches('x'))
        .filter(|speed| (SPEED_MIN..=SPEED_MAX).contains(speed))
        .ok_or_else(|| format!("`{text}` is no speed between {SPEED_MIN} and {SPEED_MAX}"))
}

/// Writes a time for a status line: `1:30`, `1:02:03`.
#[must_use]
pub fn clock(at: Moment) -> String {
    let seconds = at.since_start().as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// Writes a time for a timeline, to the millisecond: `0:01:30.250`.
#[must_use]
pub fn precise(at: Moment) -> String {
    let (seconds, millis) = (at.since_start().as_secs(), at.since_start().subsec_millis());
    format!("{}:{:02}:{:02}.{millis:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Writes a span for a table: `0.4 s`, `12.3 s`, `4m 05s`, `3h 12m`, `2d 04h`.
#[must_use]
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{}.{} s", seconds, span.subsec_millis() / 100),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

fn number(text: &str) -> Option<f64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if plain { text.parse().ok() } else { None }
}

fn colons(text: &str) -> Option<f64> {
    let mut seconds = 0.0;
    let mut parts = 0;
    for part in text.split(':') {
        seconds = seconds * 60.0 + number(part)?;
        parts += 1;
    }
    (parts <= 3).then_some(seconds)
}

fn units(text: &str) -> Option<f64> {
    let mut seconds = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (amount, after) = rest.split_at_checked(digits)?;
        let letters = after.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, next) = after.split_at_checked(letters)?;
        let unit_seconds = match unit {
            "d" => 86_400.0,
            "h" => 3600.0,
            "m" | "min" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            _ => return None,
        };
        seconds += number(amount)? * unit_seconds;
        rest = next;
    }
    Some(seconds)
}

fn moment(seconds: f64) -> Option<Moment> {
    let nanos = seconds * NANOS_PER_SECOND;
    // Casting a float saturates; what does not fit is no time of a session.
    (nanos.is_finite() && nanos >= 0.0 && nanos < u64::MAX as f64).then(|| Moment::from_nanos(nanos.round() as u64))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wiretape_core::Moment;

    use super::{clock, parse, parse_seconds, parse_speed, precise, span};

    #[test]
    fn times_are_read_in_every_way_that_people_write_them() {
        for (text, millis) in [
            ("90", 90_000),
            ("1.5", 1_500),
            ("1:30", 90_000),
            ("01:02:03.5", 3_723_500),
            ("1h2m3s", 3_723_000),
            ("2m", 120_000),
            ("250ms", 250),
            ("1d", 86_400_000),
            ("0", 0),
        ] {
            assert_eq!(parse(text), Ok(Moment::from_nanos(millis * 1_000_000)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "-1", "1:2:3:4", "h", "3x", "1h2", "1e9", "inf", "nan", "::", "99999999999999999999h", "é"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse_seconds("1m").is_err());
        assert!(parse_speed("0").is_err());
        assert_eq!(parse_speed("2x"), Ok(2.0));
    }

    #[test]
    fn times_are_written_for_reading() {
        let at = Moment::from_nanos(3_723_456_000_000);
        assert_eq!(clock(at), "1:02:03");
        assert_eq!(clock(Moment::from_nanos(59_900_000_000)), "0:59");
        assert_eq!(precise(at), "1:02:03.456");
        assert_eq!(span(Duration::from_millis(12_345)), "12.3 s");
        assert_eq!(span(Duration::from_secs(245)), "4m 05s");
        assert_eq!(span(Duration::from_secs(11_520)), "3h 12m");
        assert_eq!(span(Duration::from_secs(187_200)), "2d 04h");
    }
}
