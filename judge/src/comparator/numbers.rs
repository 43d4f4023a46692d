//! Words as numbers: exact, within a tolerance, as C reads them. Pure.

use super::order;

/// Decimal digits up to which every integer is exact in an `f64`.
const EXACT_DIGITS: usize = 15;

/// Whether two floating-point values are equal, both NaN, or finite and within either tolerance.
pub fn close(expected: f64, got: f64, absolute: f64, relative: f64) -> bool {
    if expected == got || (expected.is_nan() && got.is_nan()) {
        return true;
    }
    // An infinity is within any relative tolerance of itself only; without this it would accept everything.
    if !expected.is_finite() || !got.is_finite() {
        return false;
    }
    let difference = (expected - got).abs();
    difference <= absolute || difference <= relative * expected.abs()
}

pub(super) fn number_accepts(expected: &[u8], got: &[u8], absolute: f64, relative: f64) -> bool {
    if let (Some(one), Some(other)) = (integer(expected), integer(got)) {
        return one == other;
    }
    let (Some(one), Some(other)) = (number(expected), number(got)) else {
        return false;
    };
    if order::same_value(expected, got) {
        return true;
    }
    match integer(expected) {
        // Rounded to a double, a long integer would be equal to its neighbours.
        Some((_, digits)) if digits.len() > EXACT_DIGITS => false,
        // Another whole number, however it is written, is another answer; a fraction was worked out with doubles.
        Some(_) if other.fract() == 0.0 => close(one, other, absolute, 0.0),
        _ => close(one, other, absolute, relative),
    }
}

/// Words as Kattis' default validator has them: where there is a tolerance and the judge's word is a number that C reads, so
/// must the other be, and within either tolerance as doubles; else they are the same word.
pub(super) fn kattis_accepts(
    expected: &[u8],
    got: &[u8],
    case_sensitive: bool,
    (absolute, relative): (f64, f64),
) -> bool {
    let tolerant = absolute > 0.0 || relative > 0.0;
    if let Some(one) = c_number(expected).filter(|_| tolerant) {
        return c_number(got).is_some_and(|other| {
            let difference = (one - other).abs();
            difference <= absolute || difference <= relative * one.abs()
        });
    }
    expected == got || (!case_sensitive && expected.eq_ignore_ascii_case(got))
}

/// A finite number as `scanf` of C reads the whole of a word.
fn c_number(word: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(word).ok()?;
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    let hexadecimal = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"));
    let value = match hexadecimal {
        Some(digits) => sign * hexadecimal_number(digits)?,
        None => text.parse().ok()?,
    };
    value.is_finite().then_some(value)
}

/// `1f.8p3` as its value.
fn hexadecimal_number(text: &str) -> Option<f64> {
    let (digits, power) = match text.split_once(['p', 'P']) {
        Some((digits, power)) => (digits, power.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let places = i32::try_from(fraction.len()).ok()?;
    Some(value * 2.0_f64.powi(power.checked_sub(places.checked_mul(4)?)?))
}

/// Sign and digits without leading zeros; zero has no sign.
pub(super) fn integer(token: &[u8]) -> Option<(bool, &[u8])> {
    let (negative, digits) = match token {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    let digits = &digits[zeros..];
    Some((negative && !digits.is_empty(), digits))
}

pub(super) fn number(token: &[u8]) -> Option<f64> {
    std::str::from_utf8(token).ok()?.parse().ok()
}
