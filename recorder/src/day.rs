//! The folder of a day.

const NANOS_A_DAY: u64 = 86_400 * 1_000_000_000;

/// The UTC day of a wall clock in nanoseconds since 1970-01-01, as `yyyy-mm-dd`.
///
/// Years are counted from March, so that the leap day is the last of its year; 400 years are 146,097 days.
pub(crate) fn folder(unix_nanos: u64) -> String {
    // Days since 0000-03-01.
    let days = unix_nanos / NANOS_A_DAY + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Months from March on come in runs of 31, 30, 31, 30, 31 days: 153 in five.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", era * 400 + year + next)
}

#[cfg(test)]
mod tests {
    use super::{NANOS_A_DAY, folder};

    #[test]
    fn days_have_their_names() {
        for (day, name) in [
            (0, "1970-01-01"),
            (58, "1970-02-28"),
            (59, "1970-03-01"),
            (789, "1972-02-29"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_088, "2024-12-31"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
        ] {
            assert_eq!(folder(day * NANOS_A_DAY), name);
            assert_eq!(folder(day * NANOS_A_DAY + NANOS_A_DAY - 1), name);
        }
    }

    #[test]
    fn every_day_follows_the_day_before() {
        let lengths = |leap: bool| [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut day = 0;
        for year in 1970u64..2400 {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            for (month, length) in (1..).zip(lengths(leap)) {
                for date in 1..=length {
                    let Some(nanos) = u64::checked_mul(day, NANOS_A_DAY) else { return };
                    assert_eq!(folder(nanos), format!("{year:04}-{month:02}-{date:02}"));
                    day += 1;
                }
            }
        }
    }
}
