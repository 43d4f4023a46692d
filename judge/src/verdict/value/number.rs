//! Numbers of every Python type as one of a few kinds, compared as Python does. Pure.

use serde_json::Value;

use super::tag_of;
use crate::comparator::{self, Comparison};

pub(super) enum Number {
    Whole(i128),
    /// Past 128 bits: larger than any integer JSON is read with here.
    Huge,
    Float(f64),
    /// A decimal that no double holds exactly, by the double nearest to it.
    Near(f64),
}

impl Number {
    pub(super) fn equals(&self, got: &Self, rule: &Comparison) -> bool {
        let (absolute, relative) = comparator::tolerances(rule);
        match (self, got) {
            (Self::Huge | Self::Near(_), _) | (_, Self::Huge) => false,
            (Self::Whole(one), Self::Near(other)) => {
                fits(*one)
                    && absolute > 0.0
                    && comparator::close(*one as f64, *other, absolute, 0.0)
            }
            (Self::Float(one), Self::Near(other)) => {
                (absolute > 0.0 || relative > 0.0)
                    && comparator::close(*one, *other, absolute, relative)
            }
            (Self::Whole(one), Self::Whole(other)) => one == other,
            (Self::Float(one), Self::Float(other)) => {
                comparator::close(*one, *other, absolute, relative)
            }
            (Self::Whole(one), Self::Float(other)) => {
                equals_exactly(*one, *other)
                    || (fits(*one) && comparator::close(*one as f64, *other, absolute, 0.0))
            }
            (Self::Float(one), Self::Whole(other)) => {
                equals_exactly(*other, *one)
                    || (fits(*other) && comparator::close(*one, *other as f64, absolute, relative))
            }
        }
    }
}

/// Python compares an integer with a float without rounding the integer.
fn equals_exactly(whole: i128, float: f64) -> bool {
    float.fract() == 0.0 && float.abs() < 1e38 && float as i128 == whole
}

/// Whether the integer is exact as a double.
fn fits(whole: i128) -> bool {
    whole.unsigned_abs() <= 1 << f64::MANTISSA_DIGITS
}

pub(super) fn expected_number(value: &Value) -> Option<Number> {
    match value {
        Value::Bool(truth) => Some(Number::Whole(i128::from(*truth))),
        Value::Number(number) => number
            .as_i64()
            .map(i128::from)
            .or_else(|| number.as_u64().map(i128::from))
            .map(Number::Whole)
            .or_else(|| number.as_f64().map(Number::Float)),
        _ => None,
    }
}

pub(super) fn got_number(value: &Value) -> Option<Number> {
    if let Value::Bool(truth) = value {
        return Some(Number::Whole(i128::from(*truth)));
    }
    let text = || value.get(1)?.as_str();
    match tag_of(value)? {
        "i" => Some(whole(text()?)),
        "f" => text()?.parse().ok().map(Number::Float),
        // Without an imaginary part it equals its real part.
        "c" => {
            let part = |index: usize| value.get(index)?.as_str()?.parse::<f64>().ok();
            (part(2)? == 0.0).then(|| part(1).map(Number::Float))?
        }
        "D" => decimal(text()?),
        "Q" => match (got_number(value.get(1)?)?, got_number(value.get(2)?)?) {
            (number, Number::Whole(1)) => Some(number),
            (Number::Whole(top), Number::Whole(bottom)) if bottom > 1 => {
                Some(fraction(top, bottom))
            }
            _ => None,
        },
        _ => None,
    }
}

fn whole(digits: &str) -> Number {
    i128::from_str_radix(digits, 16).map_or(Number::Huge, Number::Whole)
}

/// A fraction in lowest terms, with a denominator above 1.
fn fraction(top: i128, bottom: i128) -> Number {
    let near = top as f64 / bottom as f64;
    // A power of two below, and a numerator that a double holds: then the division was exact.
    if bottom & (bottom - 1) == 0 && fits(top) && (near == 0.0 || near.is_normal()) {
        Number::Float(near)
    } else {
        Number::Near(near)
    }
}

/// A number of Python's `decimal` as it prints it.
fn decimal(text: &str) -> Option<Number> {
    let near: f64 = text.parse().ok()?;
    let (mantissa, exponent) = text.split_once(['E', 'e']).unwrap_or((text, "0"));
    let point = mantissa.find('.').map_or(0, |at| mantissa.len() - at - 1);
    let Some(exponent) = (exponent.parse::<i64>().ok()).filter(|_| near.is_finite()) else {
        return Some(Number::Near(near));
    };
    let exponent = exponent - i64::try_from(point).ok()?;
    let digits = mantissa.replace('.', "");
    let Ok(mut digits) = digits.parse::<i128>() else {
        // Every double has a decimal expansion that ends.
        let exact = format!("{near:.1100}");
        let is_double =
            text.contains('.') && exact.trim_end_matches('0') == text.trim_end_matches('0');
        return Some(if is_double {
            Number::Float(near)
        } else {
            Number::Near(near)
        });
    };
    // digits * 10^exponent, brought to an integer or to a fraction in lowest terms.
    let mut bottom = 1_i128;
    for _ in 0..exponent.unsigned_abs().min(80) {
        if digits == 0 {
            break;
        }
        if exponent > 0 {
            let Some(more) = digits.checked_mul(10) else {
                return Some(Number::Huge);
            };
            digits = more;
        } else if digits % 10 == 0 {
            digits /= 10;
        } else {
            let (less, more) = match (digits % 2 == 0, digits % 5 == 0) {
                (true, _) => (digits / 2, bottom.checked_mul(5)),
                (_, true) => (digits / 5, bottom.checked_mul(2)),
                _ => (digits, bottom.checked_mul(10)),
            };
            let Some(more) = more else {
                return Some(Number::Near(near));
            };
            (digits, bottom) = (less, more);
        }
    }
    Some(match (digits, bottom) {
        (0, _) => Number::Whole(0),
        (_, 1) if exponent.unsigned_abs() <= 80 => Number::Whole(digits),
        _ if exponent.unsigned_abs() <= 80 => fraction(digits, bottom),
        _ if exponent > 0 => Number::Huge,
        _ => Number::Near(near),
    })
}
