//! Points in time as people write them.

use time::{Date, Month, PrimitiveDateTime, Time};

/// Nanoseconds of a second.
const SECOND_NANOS: u64 = 1_000_000_000;

/// Seconds since 1970, or a day with or without a time, in UTC: `2026-11-22`, `2026-11-22T15:04`,
/// `2026-11-22T15:04:05Z`. In nanoseconds since 1970.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => Some(seconds),
        Err(_) => moment(text.trim_end_matches('Z')),
    };
    seconds
        .and_then(|seconds| seconds.checked_mul(SECOND_NANOS))
        .ok_or_else(|| format!("{text:?} is no time: write 2026-11-22T15:04, or seconds since 1970"))
}

/// As [`parse`]; or how long before `now`, in nanoseconds since 1970: `90m`, `24h`, `7d`.
pub(super) fn parse_since(text: &str, now: u64) -> Result<u64, String> {
    let units = [('m', 60), ('h', 60 * 60), ('d', 24 * 60 * 60)];
    for (letter, seconds) in units {
        if let Some(count) = text.strip_suffix(letter).and_then(|count| count.parse::<u64>().ok()) {
            return Ok(now.saturating_sub(count.saturating_mul(seconds).saturating_mul(SECOND_NANOS)));
        }
    }
    parse(text)
}

fn moment(text: &str) -> Option<u64> {
    let (date, clock) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let numbers = |text: &str, separator: char| -> Option<Vec<u16>> {
        text.split(separator).map(|part| part.parse().ok()).collect()
    };
    let (date, clock) = (numbers(date, '-')?, numbers(clock, ':')?);
    let [year, month, day] = date.as_slice() else { return None };
    let (hour, minute, second) = match clock.as_slice() {
        [hour, minute] => (*hour, *minute, 0),
        [hour, minute, second] => (*hour, *minute, *second),
        _ => return None,
    };
    let small = |number: u16| u8::try_from(number).ok();
    let month = Month::try_from(small(*month)?).ok()?;
    let date = Date::from_calendar_date(i32::from(*year), month, small(*day)?).ok()?;
    let clock = Time::from_hms(small(hour)?, small(minute)?, small(second)?).ok()?;
    u64::try_from(PrimitiveDateTime::new(date, clock).assume_utc().unix_timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use super::{parse, parse_since};

    #[test]
    fn times_are_read_as_people_write_them() {
        let at = 1_795_359_840_000_000_000;
        for text in ["2026-11-22T15:04", "2026-11-22T15:04:00Z", "2026-11-22 15:04", "1795359840"] {
            assert_eq!(parse(text), Ok(at), "{text}");
        }
        assert_eq!(parse("2026-11-22"), Ok(at - (15 * 60 + 4) * 60 * 1_000_000_000));
        assert_eq!(parse_since("2h", at), Ok(at - 7_200_000_000_000));
        assert_eq!(parse_since("2026-11-22T15:04", 0), Ok(at));
        for text in ["", "yesterday", "2026-13-01", "2026-11-22T25:00", "1960-01-01", "99999999999999999999"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
