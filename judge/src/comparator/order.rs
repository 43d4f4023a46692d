//! The rules that are more than a walk over words: order-free, white space, decimal numbers by value. Pure.

use super::{
    DECIMAL_ABSOLUTE, DECIMAL_RELATIVE, Unit, close, integer, is_space, number, tokens, trim_end,
};

/// The same lines or words, each as often.
pub(super) fn same_in_any_order(unit: Unit, expected: &[u8], got: &[u8]) -> bool {
    let parts = |text: &[u8]| {
        let mut parts: Vec<Vec<u8>> = match unit {
            Unit::Tokens => tokens(text).map(<[u8]>::to_vec).collect(),
            Unit::Lines => text
                .split(|&byte| byte == b'\n')
                .map(|line| tokens(line).collect::<Vec<_>>().join(&b' '))
                .filter(|line| !line.is_empty())
                .collect(),
        };
        parts.sort_unstable();
        parts
    };
    parts(expected) == parts(got)
}

/// The same white space, word by word: case and numbers are looked at elsewhere.
pub(super) fn same_spaces(expected: &[u8], got: &[u8]) -> bool {
    fn spaces(text: &[u8]) -> impl Iterator<Item = &[u8]> {
        text.split(|&byte| !is_space(byte))
            .filter(|space| !space.is_empty())
    }
    let starts = |text: &[u8]| text.first().map(|&byte| is_space(byte));
    starts(expected) == starts(got) && spaces(expected).eq(spaces(got))
}

/// As many lines, each equal when trimmed, or word by word of the same decimal value, or `near` it.
pub(super) fn same_decimals(expected: &[u8], got: &[u8], near: bool) -> bool {
    fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
        trim(text).split(|&byte| byte == b'\n').map(trim)
    }
    let mut got = lines(got);
    lines(expected).all(|line| {
        got.next().is_some_and(|other| {
            line == other || {
                let mut others = tokens(other);
                let mut same = |word| {
                    others
                        .next()
                        .is_some_and(|other| same_value(word, other) || near && nearly(word, other))
                };
                tokens(line).all(&mut same) && others.next().is_none()
            }
        })
    }) && got.next().is_none()
}

/// Whether two words are plain decimal numbers of exactly the same value.
pub(super) fn same_value(expected: &[u8], got: &[u8]) -> bool {
    matches!((Decimal::read(expected), Decimal::read(got)), (Some(one), Some(two)) if one == two)
}

/// Whether the expected word is a decimal number that is not whole, and the other nearly the same.
fn nearly(expected: &[u8], got: &[u8]) -> bool {
    let plain = |word| Decimal::read(word).filter(|_| integer(word).is_none());
    let is_fraction = plain(expected).is_some_and(|decimal| decimal.exponent < 0);
    if !is_fraction || Decimal::read(got).is_none() {
        return false;
    }
    match (number(expected), number(got)) {
        (Some(one), Some(other)) => close(one, other, DECIMAL_ABSOLUTE, DECIMAL_RELATIVE),
        _ => false,
    }
}

fn trim(text: &[u8]) -> &[u8] {
    let text = trim_end(text);
    let start = text.iter().take_while(|&&byte| is_space(byte)).count();
    &text[start..]
}

/// A decimal number as its digits without zeros at either end, and the power of ten of the last.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    /// `None` where the word is no plain decimal number.
    fn read(word: &[u8]) -> Option<Self> {
        let (negative, word) = match word {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] | rest => (false, rest),
        };
        let (word, mut exponent) = match word.iter().position(|byte| matches!(byte, b'e' | b'E')) {
            None => (word, 0),
            Some(at) => {
                let power = std::str::from_utf8(&word[at + 1..]).ok()?;
                (&word[..at], i64::from(power.parse::<i32>().ok()?))
            }
        };
        let mut digits = Vec::with_capacity(word.len());
        let mut point = false;
        for &byte in word {
            match byte {
                b'.' if !point => point = true,
                b'0'..=b'9' => {
                    digits.push(byte);
                    exponent -= i64::from(point);
                }
                _ => return None,
            }
        }
        if digits.is_empty() {
            return None;
        }
        while digits.last() == Some(&b'0') {
            digits.pop();
            exponent += 1;
        }
        let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
        digits.drain(..zeros);
        if digits.is_empty() {
            return Some(Self {
                negative: false,
                digits,
                exponent: 0,
            });
        }
        Some(Self {
            negative,
            digits,
            exponent,
        })
    }
}
