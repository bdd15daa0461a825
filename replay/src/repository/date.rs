//! Times of commits, as git prints them.

use crate::calendar::civil;

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `Sun Nov 22 09:00:00 2026 +0100`: a time where it was said, `offset_minutes` east of UTC.
pub(crate) fn date(unix_seconds: i64, offset_minutes: i16) -> String {
    let local = i128::from(unix_seconds) + i128::from(offset_minutes) * 60;
    let (days, second) = (local.div_euclid(86_400), local.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    // 1 January 1970 was a Thursday.
    let weekday = usize::try_from((days + 4).rem_euclid(7)).ok().and_then(|place| WEEKDAYS.get(place));
    let month = month.checked_sub(1).and_then(|place| MONTHS.get(place));
    let (sign, offset) = (if offset_minutes < 0 { '-' } else { '+' }, offset_minutes.unsigned_abs());
    format!(
        "{} {} {day} {:02}:{:02}:{:02} {year} {sign}{:02}{:02}",
        weekday.unwrap_or(&""),
        month.unwrap_or(&""),
        second / 3600,
        second / 60 % 60,
        second % 60,
        offset / 60,
        offset % 60
    )
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn times_read_as_git_prints_them() {
        for (seconds, offset, text) in [
            (0, 0, "Thu Jan 1 00:00:00 1970 +0000"),
            (1_795_305_600, 60, "Sun Nov 22 01:00:00 2026 +0100"),
            (1_795_305_700, -210, "Sat Nov 21 20:31:40 2026 -0330"),
            (951_782_400, 0, "Tue Feb 29 00:00:00 2000 +0000"),
            (-1, 0, "Wed Dec 31 23:59:59 1969 +0000"),
        ] {
            assert_eq!(date(seconds, offset), text);
        }
        for seconds in [i64::MIN, i64::MAX] {
            assert!(!date(seconds, i16::MIN).is_empty());
        }
    }
}
