//! The Gregorian calendar.

/// Days between 1 March of the year 0 and 1970-01-01.
const DAYS_TO_1970: i128 = 719_468;

/// Days of an era: 400 years.
const ERA_DAYS: i128 = 146_097;

/// Year, month and day of a day since 1970-01-01. Years before the year 1 are 0 and less.
///
/// Counts from 1 March of year 0, so that the leap day is the last of its year.
pub(crate) fn civil(days_since_1970: i128) -> (i128, usize, usize) {
    let days = days_since_1970 + DAYS_TO_1970;
    let (era, of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i128::from(month <= 2);
    (year, usize::try_from(month).unwrap_or_default(), usize::try_from(day).unwrap_or_default())
}
