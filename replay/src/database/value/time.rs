//! Dates, times and spans, as PostgreSQL writes them with `DateStyle` ISO and `IntervalStyle` postgres.

use std::fmt::Write;

use crate::calendar::civil;

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// Days from 1970-01-01 to 2000-01-01.
const DAYS_1970_TO_2000: i128 = 10_957;

/// A date: days since 2000-01-01.
pub(super) fn date(days: i32) -> String {
    match days {
        i32::MAX => "infinity".to_owned(),
        i32::MIN => "-infinity".to_owned(),
        days => {
            let (day, era) = day(i64::from(days));
            day + era
        }
    }
}

/// A time of day: microseconds since midnight.
pub(super) fn time(micros: i64) -> Option<String> {
    (0..=MICROS_PER_DAY).contains(&micros).then(|| clock(micros.unsigned_abs()))
}

/// A time of day and how far west of UTC its zone is, in seconds.
pub(super) fn time_with_zone(value: &[u8]) -> Option<String> {
    let (micros, zone) = value.split_first_chunk::<8>()?;
    let west = i32::from_be_bytes(zone.try_into().ok()?);
    let mut text = time(i64::from_be_bytes(*micros))?;
    let seconds = west.unsigned_abs();
    // Writing to a string cannot fail.
    let _ = write!(text, "{}{:02}", if west > 0 { '-' } else { '+' }, seconds / 3600);
    if !seconds.is_multiple_of(3600) {
        let _ = write!(text, ":{:02}", seconds / 60 % 60);
    }
    if !seconds.is_multiple_of(60) {
        let _ = write!(text, ":{:02}", seconds % 60);
    }
    Some(text)
}

/// A moment: microseconds since 2000-01-01 00:00; `zone` stands behind the time.
pub(super) fn timestamp(micros: i64, zone: &str) -> String {
    match micros {
        i64::MAX => "infinity".to_owned(),
        i64::MIN => "-infinity".to_owned(),
        micros => {
            let (day, era) = day(micros.div_euclid(MICROS_PER_DAY));
            format!("{day} {}{zone}{era}", clock(micros.rem_euclid(MICROS_PER_DAY).unsigned_abs()))
        }
    }
}

/// A span: microseconds, days, months.
pub(super) fn interval(value: &[u8]) -> Option<String> {
    let (micros, rest) = value.split_first_chunk::<8>()?;
    let (days, months) = rest.split_first_chunk::<4>()?;
    let (micros, days) = (i64::from_be_bytes(*micros), i32::from_be_bytes(*days));
    let months = i32::from_be_bytes(months.try_into().ok()?);
    match (micros, days, months) {
        (i64::MAX, i32::MAX, i32::MAX) => return Some("infinity".to_owned()),
        (i64::MIN, i32::MIN, i32::MIN) => return Some("-infinity".to_owned()),
        _ => {}
    }
    let mut text = String::new();
    // What follows something negative says that it is not.
    let mut negative = false;
    for (number, unit) in [(months / 12, "year"), (months % 12, "mon"), (days, "day")] {
        if number != 0 {
            let space = if text.is_empty() { "" } else { " " };
            let plus = if negative && number > 0 { "+" } else { "" };
            let plural = if number == 1 { "" } else { "s" };
            let _ = write!(text, "{space}{plus}{number} {unit}{plural}");
            negative = number < 0;
        }
    }
    if text.is_empty() || micros != 0 {
        let space = if text.is_empty() { "" } else { " " };
        let sign = match micros {
            ..0 => "-",
            _ if negative => "+",
            _ => "",
        };
        let _ = write!(text, "{space}{sign}{}", clock(micros.unsigned_abs()));
    }
    Some(text)
}

/// `04:05:06.789`: no more digits behind the point than say something.
fn clock(micros: u64) -> String {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction > 0 {
        let _ = write!(text, ".{fraction:06}");
        text.truncate(text.trim_end_matches('0').len());
    }
    text
}

/// The date so many days after 2000-01-01, and ` BC` when it is before the year 1.
fn day(days: i64) -> (String, &'static str) {
    let (year, month, day) = civil(i128::from(days) + DAYS_1970_TO_2000);
    let (year, suffix) = if year > 0 { (year, "") } else { (1 - year, " BC") };
    (format!("{year:04}-{month:02}-{day:02}"), suffix)
}
