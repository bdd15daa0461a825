//! Numbers, as PostgreSQL writes them.

use std::fmt::Write;

/// A `float4` in the fewest digits that mean it.
pub(super) fn float4(value: f32) -> String {
    float(&format!("{value:e}"), 6).unwrap_or_else(|| unusual(value.is_nan(), value > 0.0))
}

/// A `float8` in the fewest digits that mean it.
pub(super) fn float8(value: f64) -> String {
    float(&format!("{value:e}"), 15).unwrap_or_else(|| unusual(value.is_nan(), value > 0.0))
}

fn unusual(nan: bool, positive: bool) -> String {
    match (nan, positive) {
        (true, _) => "NaN",
        (false, true) => "Infinity",
        (false, false) => "-Infinity",
    }
    .to_owned()
}

/// Digits that are written as `1.25e-7`, with an exponent only from `exponent_max` on and below -4. `None` when there
/// are no digits.
fn float(scientific: &str, exponent_max: i32) -> Option<String> {
    let (digits, exponent) = scientific.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    if !(-4..exponent_max).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return Some(format!("{digits}e{sign}{:02}", exponent.unsigned_abs()));
    }
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    let whole = usize::try_from(exponent).map_or(0, |exponent| exponent + 1);
    if whole == 0 {
        let zeros = usize::try_from(-exponent - 1).unwrap_or_default();
        return Some(format!("{sign}0.{}{digits}", "0".repeat(zeros)));
    }
    match digits.split_at_checked(whole) {
        Some((whole, "")) => Some(format!("{sign}{whole}")),
        Some((whole, fraction)) => Some(format!("{sign}{whole}.{fraction}")),
        None => Some(format!("{sign}{digits}{}", "0".repeat(whole - digits.len()))),
    }
}

/// A `numeric`: count of digits in base 10,000, weight of the first, sign, digits behind the point, digits.
pub(super) fn numeric(value: &[u8]) -> Option<String> {
    let (head, digits) = value.split_first_chunk::<8>()?;
    let [count_high, count_low, weight_high, weight_low, sign_high, sign_low, scale_high, scale_low] = *head;
    let count = usize::from(u16::from_be_bytes([count_high, count_low]));
    let weight = i32::from(i16::from_be_bytes([weight_high, weight_low]));
    let scale = usize::from(u16::from_be_bytes([scale_high, scale_low]));
    let word = |word: &str| digits.is_empty().then(|| word.to_owned());
    let sign = match u16::from_be_bytes([sign_high, sign_low]) {
        0 => "",
        0x4000 => "-",
        0xc000 => return word("NaN"),
        0xd000 => return word("Infinity"),
        0xf000 => return word("-Infinity"),
        _ => return None,
    };
    let (digits, behind) = digits.as_chunks::<2>();
    if digits.len() != count || !behind.is_empty() || scale > 16_383 {
        return None;
    }
    let digits: Vec<u16> = digits.iter().map(|digit| u16::from_be_bytes(*digit)).collect();
    if digits.iter().any(|digit| *digit > 9_999) {
        return None;
    }
    // The digit that stands for 10,000 to the power of `power`.
    let digit = |power: i32| usize::try_from(weight - power).ok().and_then(|place| digits.get(place)).unwrap_or(&0);
    let mut text = sign.to_owned();
    for power in (0..=weight.max(0)).rev() {
        // Writing to a string cannot fail.
        let _ =
            if power == weight.max(0) { write!(text, "{}", digit(power)) } else { write!(text, "{:04}", digit(power)) };
    }
    if scale > 0 {
        text.push('.');
        let start = text.len();
        let mut power = -1;
        while text.len() - start < scale {
            let _ = write!(text, "{:04}", digit(power));
            power -= 1;
        }
        text.truncate(start + scale);
    }
    Some(text)
}
