//! The time of day, in UTC.

/// Seconds of a day.
const DAY_SECONDS: u64 = 24 * 60 * 60;

/// The days, from the one on which 1970 began.
const WEEKDAYS: [&str; 7] = ["thursday", "friday", "saturday", "sunday", "monday", "tuesday", "wednesday"];

/// What policies are told of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time {
    pub(crate) unix: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) weekday: &'static str,
}

impl Time {
    /// The time `unix_nanos` after 1970-01-01 UTC.
    pub(crate) fn at(unix_nanos: u64) -> Self {
        let seconds = unix_nanos / 1_000_000_000;
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let day = usize::try_from(seconds / DAY_SECONDS % 7).unwrap_or(0);
        Self {
            unix: number(seconds),
            hour: number(seconds % DAY_SECONDS / 3600),
            minute: number(seconds % 3600 / 60),
            weekday: WEEKDAYS.get(day).copied().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Time;

    #[test]
    fn days_and_hours_are_those_of_the_calendar() {
        // date -u -d '2026-11-22 15:04:59' +'%s %A'
        let time = Time::at(1_795_359_899_999_999_999);
        assert_eq!(time, Time { unix: 1_795_359_899, hour: 15, minute: 4, weekday: "sunday" });
        assert_eq!(Time::at(0), Time { unix: 0, hour: 0, minute: 0, weekday: "thursday" });
        assert_eq!(Time::at(u64::MAX).weekday, "sunday");
    }
}
