//! Wall-clock times as people and programs write them, in UTC (RFC 3339).

use crate::calendar::civil;

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const SECONDS_PER_DAY: u64 = 86_400;

/// `2026-11-22T02:28:05.123456789Z`, from nanoseconds since 1970-01-01 UTC.
#[must_use]
pub fn exact(unix_nanos: u64) -> String {
    let (date, clock) = parts(unix_nanos);
    format!("{date}T{clock}.{:09}Z", unix_nanos % NANOS_PER_SECOND)
}

/// `2026-11-22 02:28:05`, from nanoseconds since 1970-01-01 UTC.
#[must_use]
pub fn short(unix_nanos: u64) -> String {
    let (date, clock) = parts(unix_nanos);
    format!("{date} {clock}")
}

/// Reads a date, an RFC 3339 time in UTC, or a span before `now` such as `2h` or `3d`. Nanoseconds since 1970.
///
/// # Errors
/// What is wrong with it.
pub fn parse_since(text: &str, now_unix_nanos: u64) -> Result<u64, String> {
    let text = text.trim();
    instant(text)
        .or_else(|| crate::timecode::parse(text).ok().map(|span| now_unix_nanos.saturating_sub(span.as_nanos())))
        .ok_or_else(|| {
            format!("`{text}` is no time: write a span such as 2h or 3d, or 2026-11-22, or 2026-11-22T08:30:00Z")
        })
}

fn parts(unix_nanos: u64) -> (String, String) {
    let seconds = unix_nanos / NANOS_PER_SECOND;
    let (year, month, day) = civil(i128::from(seconds / SECONDS_PER_DAY));
    let second = seconds % SECONDS_PER_DAY;
    (
        format!("{year:04}-{month:02}-{day:02}"),
        format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60),
    )
}

fn days_before(year: u64, month: u64, day: u64) -> Option<u64> {
    let shifted = year.checked_sub(u64::from(month <= 2))?;
    let (era, year_of_era) = (shifted / 400, shifted % 400);
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).checked_sub(719_468)
}

fn instant(text: &str) -> Option<u64> {
    let (date, clock) = match text.split_once(['T', 't', ' ']) {
        Some((date, clock)) => (date, clock.trim_end_matches(['Z', 'z'])),
        None => (text, "00:00:00"),
    };
    let mut date = date.splitn(3, '-').map(digits);
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut clock = clock.splitn(3, ':').map(digits);
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next().unwrap_or(Some(0))?);
    let valid = (1970..=2500).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61
        && fraction.len() <= 9;
    if !valid {
        return None;
    }
    let nanos = digits(&format!("{fraction:0<9}"))?;
    let days = days_before(year, month, day)?;
    // A day that the month does not have, such as 31 April, would be read as another one.
    let (civil_year, civil_month, civil_day) = civil(i128::from(days));
    if (civil_year, civil_month as u64, civil_day as u64) != (i128::from(year), month, day) {
        return None;
    }
    let seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
    seconds.checked_mul(NANOS_PER_SECOND)?.checked_add(nanos)
}

fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::proptest;

    use super::{exact, parse_since, short};

    #[test]
    fn known_days_have_their_known_names() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_795_314_485, "2026-11-22 02:28:05"),
            (4_107_542_399, "2100-02-28 23:59:59"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(short(seconds * 1_000_000_000), text);
        }
        assert_eq!(exact(1_795_314_485_000_000_042), "2026-11-22T02:28:05.000000042Z");
    }

    #[test]
    fn since_takes_times_and_spans() {
        let now = 1_795_314_485_000_000_000;
        assert_eq!(parse_since("2h", now), Ok(now - 7_200_000_000_000));
        assert_eq!(parse_since("2026-11-22", now), Ok(1_795_305_600_000_000_000));
        assert_eq!(parse_since("2026-11-22T02:28:05Z", now), Ok(now));
        assert_eq!(parse_since("2026-11-22T02:28:05.5Z", now), Ok(now + 500_000_000));
        for wrong in ["2026-02-30", "2026-13-01", "yesterday", "", "2026-11-22T25:00:00Z", "1969-12-31"] {
            assert!(parse_since(wrong, now).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(unix_nanos in 0_u64..16_000_000_000_000_000_000) {
            assert_eq!(parse_since(&exact(unix_nanos), 0), Ok(unix_nanos));
        }
    }
}
